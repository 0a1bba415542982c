#include "apps/timing/statistics.h"

#include <stdlib.h>
#include <string.h>

static int by_size(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

summary summarize(const double *values, size_t n) {
    double v[STATISTICS_MOST];
    summary s = {.n = n};
    if (n == 0 || n > STATISTICS_MOST) return (summary){0};
    memcpy(v, values, n * sizeof *v);
    qsort(v, n, sizeof *v, by_size);
    s.least = v[0];
    s.most = v[n - 1];
    s.median = n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
    s.spread = s.median != 0 ? (s.most - s.least) / s.median : 0;
    return s;
}
