#include "apps/quality/interval.h"

#include <math.h>

/* The series of Student's quantile in 1/df around the normal one is good to five digits from 20
 * degrees of freedom on; below, as tables have it. */
double interval_student(double df) {
    static const double few[] = {12.70620, 4.30265, 3.18245, 2.77645, 2.57058, 2.44691, 2.36462,
                                 2.30600,  2.26216, 2.22814, 2.20099, 2.17881, 2.16037, 2.14479,
                                 2.13145,  2.11991, 2.10982, 2.10092, 2.09302, 2.08596};
    static const double z = 1.959963984540054;
    if (df < 1) return INFINITY;
    if (df <= 20) return few[(int)df - 1];
    const double z3 = z * z * z, z5 = z3 * z * z, z7 = z5 * z * z;
    return z + (z3 + z) / (4 * df) + (5 * z5 + 16 * z3 + 3 * z) / (96 * df * df) +
           (3 * z7 + 19 * z5 + 17 * z3 - 15 * z) / (384 * df * df * df);
}

bool interval_known(const estimate *x) {
    return !isnan(x->low);
}

/* Mean and variance of the mean; NaN where there is one batch only. */
static double scatter(const double *sums, const double *counts, size_t b, double *mean,
                      double *total) {
    double s = 0, n = 0, squares = 0;
    for (size_t i = 0; i < b; i++) s += sums[i], n += counts[i];
    *mean = n > 0 ? s / n : 0;
    *total = n;
    for (size_t i = 0; i < b; i++) {
        const double d = sums[i] - *mean * counts[i];
        squares += d * d;
    }
    return b > 1 ? (double)b / (double)(b - 1) * squares / (n * n) : NAN;
}

estimate interval_mean(const double *sums, const double *counts, size_t b) {
    double mean, n;
    const double var = scatter(sums, counts, b, &mean, &n);
    const double reach = b > 1 ? interval_student((double)(b - 1)) * sqrt(var) : NAN;
    return (estimate){mean, mean - reach, mean + reach};
}

estimate interval_share(const double *hits, const double *counts, size_t b) {
    double p, n;
    const double var = scatter(hits, counts, b, &p, &n);
    if (b < 2) return (estimate){p, NAN, NAN};
    const double t = interval_student((double)(b - 1)), tt = t * t;
    const double alike = var > 0 ? p * (1 - p) / var : n, worth = alike < n ? alike : n;
    const double middle = (p + tt / (2 * worth)) / (1 + tt / worth);
    const double reach =
        t / (1 + tt / worth) * sqrt(p * (1 - p) / worth + tt / (4 * worth * worth));
    const double low = middle - reach, high = middle + reach;
    return (estimate){p, low > 0 && p > 0 ? low : 0, high < 1 && p < 1 ? high : 1};
}
