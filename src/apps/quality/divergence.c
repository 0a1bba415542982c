#include "apps/quality/divergence.h"

#include <math.h>
#include <string.h>

static const double unlikely = -60;

/* A row on its way: its best tokens, and the logarithm of the sum of e^(logit - best logit). The two are kept
 * apart: differences of float32 logits are exact in float64, whatever all of them are shifted by. */
typedef struct row_sum {
    int32_t best[DIVERGENCE_TOP];
    float at[DIVERGENCE_TOP]; /* their logits, falling */
    uint32_t n;
    double log_sum;
} row_sum;

static void rank(row_sum *r, int32_t id, float v) {
    uint32_t i = r->n < DIVERGENCE_TOP ? r->n++ : DIVERGENCE_TOP - 1;
    for (; i > 0 && r->at[i - 1] < v; i--) {
        r->at[i] = r->at[i - 1];
        r->best[i] = r->best[i - 1];
    }
    r->at[i] = v;
    r->best[i] = id;
}

static void look(row_sum *r, const float *x, uint32_t n) {
    *r = (row_sum){0};
    for (uint32_t i = 0; i < n; i++)
        if (r->n < DIVERGENCE_TOP || x[i] > r->at[DIVERGENCE_TOP - 1]) rank(r, (int32_t)i, x[i]);
    double sum = 0;
    for (uint32_t i = 0; i < n; i++) sum += exp((double)x[i] - (double)r->at[0]);
    r->log_sum = log(sum);
}

/* ln of its probability. */
static double log_p(const row_sum *r, float logit) {
    return (double)logit - (double)r->at[0] - r->log_sum;
}

static uint32_t in_common(const row_sum *a, const row_sum *b) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < a->n; i++)
        for (uint32_t k = 0; k < b->n; k++) n += a->best[i] == b->best[k];
    return n;
}

/* p ln(p/q) + q - p, of logarithms. Where they are close the three terms would leave rounding. */
static double term(double lp, double lq) {
    const double d = lp - lq, p = exp(lp);
    const double t = fabs(d) < 0.5 ? p * (expm1(-d) + d) : exp(lq) - p + p * d;
    return t > 0 ? t : 0;
}

void divergence(token_figures *out, const float *reference, const float *got, uint32_t n_vocab,
                int32_t next) {
    row_sum a, b;
    double kl = 0;
    look(&a, reference, n_vocab);
    look(&b, got, n_vocab);
    for (uint32_t i = 0; i < n_vocab; i++) {
        const double lp = log_p(&a, reference[i]), lq = log_p(&b, got[i]);
        if (lp > unlikely || lq > unlikely) kl += term(lp, lq);
    }
    *out = (token_figures){.kl = kl,
                           .nll_ref = -log_p(&a, reference[next]),
                           .nll = -log_p(&b, got[next]),
                           .p_best = (float)exp(-a.log_sum),
                           .q_best = (float)exp(-b.log_sum),
                           .best_ref = a.best[0],
                           .best = b.best[0],
                           .common = in_common(&a, &b)};
}
