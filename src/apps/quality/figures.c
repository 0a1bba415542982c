#include "apps/quality/figures.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const figures_at_names[5] = {"median", "p90", "p99", "p99.9", "max"};

void figures_free(figures *f) {
    free(f->batch_n);
    *f = (figures){0};
}

/* ------------------------------------------------------------------ batches */

static status sum_batches(figures *f, const stream *s, const token_figures *t, err *e) {
    const size_t each = (s->n_windows + FIGURES_BATCHES - 1) / FIGURES_BATCHES;
    const size_t n = (s->n_windows + each - 1) / each;
    double *sums = calloc(6 * n, sizeof *sums), *common = sums ? sums + 5 * n : NULL;
    if (!sums) return fail(e, E_NOMEM, "out of memory");
    f->n_batches = n;
    f->batch_n = sums;
    f->batch_kl = sums + n;
    f->batch_same = sums + 2 * n;
    f->batch_nll_ref = sums + 3 * n;
    f->batch_nll = sums + 4 * n;
    for (size_t w = 0; w < s->n_windows; w++) {
        const size_t b = w / each;
        for (uint32_t i = 0; i < s->windows[w].n; i++) {
            const token_figures *x = &t[s->windows[w].before + i];
            f->batch_n[b] += 1;
            f->batch_kl[b] += x->kl;
            f->batch_same[b] += x->best == x->best_ref;
            f->batch_nll_ref[b] += x->nll_ref;
            f->batch_nll[b] += x->nll;
            common[b] += (double)x->common / DIVERGENCE_TOP;
        }
    }
    f->common = interval_mean(common, f->batch_n, n);
    return OK;
}

static void estimate_all(figures *f) {
    const size_t n = f->n_batches;
    f->kl = interval_mean(f->batch_kl, f->batch_n, n);
    if (f->kl.low < 0) f->kl.low = 0; /* it cannot be */
    f->same = interval_share(f->batch_same, f->batch_n, n);
    f->nll_ref = interval_mean(f->batch_nll_ref, f->batch_n, n);
    f->nll = interval_mean(f->batch_nll, f->batch_n, n);
}

static status estimate_ratio(figures *f, err *e) {
    double *d = malloc(f->n_batches * sizeof *d);
    if (!d) return fail(e, E_NOMEM, "out of memory");
    for (size_t b = 0; b < f->n_batches; b++) d[b] = f->batch_nll[b] - f->batch_nll_ref[b];
    f->ratio = interval_mean(d, f->batch_n, f->n_batches);
    free(d);
    return OK;
}

/* ------------------------------------------------------------------ parts */

static void add_to(part_sum *p, const token_figures *x) {
    p->n += 1;
    p->kl += x->kl;
    p->same += x->best == x->best_ref;
    p->p_best += (double)x->p_best;
}

static size_t clamp(double at, size_t n) {
    return at < 0 ? 0 : at >= (double)n ? n - 1 : (size_t)at;
}

static double bin_edge(size_t i) {
    return pow(10, -9 + (double)i / 4);
}

/* Stretches double from 1 on; where the doubled one would be the last, it is cut. */
static void set_places(figures *f, uint32_t longest) {
    uint64_t from = 0, size = 1;
    while (from < longest && f->n_places < FIGURES_PLACES) {
        const uint64_t to = from + size < longest ? from + size : longest;
        f->places[f->n_places++] = (part_sum){.from = (double)from, .to = (double)to};
        size = from ? size * 2 : 1;
        from = to;
    }
}

static size_t place_of(const figures *f, uint32_t position) {
    size_t i = 0;
    while (i + 1 < f->n_places && (double)position >= f->places[i].to) i++;
    return i;
}

static void sort_into_parts(figures *f, const stream *s, const token_figures *t) {
    uint32_t longest = 0;
    for (size_t i = 0; i < FIGURES_BINS; i++) {
        f->histogram[i].from = i ? bin_edge(i) : 0;
        f->histogram[i].to = bin_edge(i + 1);
    }
    for (size_t i = 0; i < FIGURES_SURE; i++) {
        f->sure[i].from = (double)i / FIGURES_SURE;
        f->sure[i].to = (double)(i + 1) / FIGURES_SURE;
    }
    for (size_t w = 0; w < s->n_windows; w++)
        if (s->windows[w].n > longest) longest = s->windows[w].n;
    set_places(f, longest);
    for (size_t w = 0; w < s->n_windows; w++)
        for (uint32_t i = 0; i < s->windows[w].n; i++) {
            const token_figures *x = &t[s->windows[w].before + i];
            const double decades = x->kl > 0 ? log10(x->kl) + 9 : 0;
            add_to(&f->histogram[clamp(decades * 4, FIGURES_BINS)], x);
            add_to(&f->places[place_of(f, i)], x);
            add_to(&f->sure[clamp((double)x->p_best * FIGURES_SURE, FIGURES_SURE)], x);
        }
}

/* ------------------------------------------------------------------ ranks */

typedef struct ranked {
    double kl;
    uint64_t token;
} ranked;

static int by_kl(const void *a, const void *b) {
    const ranked *x = a, *y = b;
    if (x->kl != y->kl) return x->kl < y->kl ? -1 : 1;
    return x->token > y->token ? -1 : x->token < y->token;
}

/* The least value that is not below so great a part of all. */
static double quantile(const ranked *r, uint64_t n, double part) {
    const double at = ceil(part * (double)n) - 1;
    return r[at < 0 ? 0 : at >= (double)n ? n - 1 : (uint64_t)at].kl;
}

static status rank_all(figures *f, const stream *s, const token_figures *t, err *e) {
    static const double parts[5] = {0.5, 0.9, 0.99, 0.999, 1};
    const uint64_t n = s->n_tokens;
    ranked *r = malloc(n * sizeof *r);
    if (!r) return fail(e, E_NOMEM, "out of memory");
    for (uint64_t i = 0; i < n; i++) r[i] = (ranked){t[i].kl, i};
    qsort(r, n, sizeof *r, by_kl);
    for (size_t i = 0; i < 5; i++) f->kl_at[i] = quantile(r, n, parts[i]);
    for (uint64_t i = n; i > 0 && f->n_worst < FIGURES_WORST && r[i - 1].kl > 0; i--)
        f->worst[f->n_worst++] = r[i - 1].token;
    free(r);
    return OK;
}

status figures_make(figures *f, const stream *s, const token_figures *t, err *e) {
    *f = (figures){.n = (double)s->n_tokens};
    status st = sum_batches(f, s, t, e);
    if (st == OK) estimate_all(f);
    if (st == OK) st = estimate_ratio(f, e);
    if (st == OK) st = rank_all(f, s, t, e);
    if (st == OK)
        sort_into_parts(f, s, t);
    else
        figures_free(f);
    return st;
}
