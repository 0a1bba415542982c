/* hyper: hyper-connections, the M residual streams around every sublayer.
 *
 *     m    = fn x / rms(x),  x the M D numbers of all streams              (2+M)M numbers
 *     pre  = sigmoid(scale0 m[0..M) + base) + eps          how the streams fold into one input
 *     post = 2 sigmoid(scale1 m[M..2M) + base)             how the output spreads over them
 *     C    = Sinkhorn(softmax of rows of scale2 m[2M..) + base)            how they mix: [from][to]
 *     u    = sum_j pre_j X_j            X'_k = post_k y + sum_j C[j][k] X_j
 *
 * The small numbers are float64 here: they steer everything and cost nothing.
 */
#include <math.h>
#include <string.h>

#include "backend/cpu/cpu.h"

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }

typedef struct site_job {
    backend *b;
    const hc_weights *w;
    const float *norm;
    const uint32_t *rows; /* head only */
    float *out;
} site_job;

/* Of all streams of a row. */
static double inverse_rms(const backend *b, const float *x) {
    const size_t n = (size_t)b->s->n_streams * b->s->d_model;
    return 1 / sqrt(b->loops->squares(x, n) / (double)n + b->s->norm_eps);
}

/* The streams of a row, folded by their factors. */
static void fold(const backend *b, float *out, const float *streams, const double *pre) {
    const uint32_t m = b->s->n_streams, dm = b->s->d_model;
    float factor[SHAPE_MAX_STREAMS];
    const float *stream[SHAPE_MAX_STREAMS];
    for (uint32_t j = 0; j < m; j++) factor[j] = (float)pre[j], stream[j] = streams + (size_t)j * dm;
    b->loops->combine(out, factor, stream, m, dm);
}

/* Rows and columns in turn towards sums of one, columns first, as many rounds as the model says. */
static void sinkhorn(double *c, uint32_t m, uint32_t rounds, double eps) {
    for (uint32_t j = 0; j < m; j++) {
        double most = c[j * m], sum = 0;
        for (uint32_t k = 1; k < m; k++) most = fmax(most, c[j * m + k]);
        for (uint32_t k = 0; k < m; k++) sum += c[j * m + k] = exp(c[j * m + k] - most);
        for (uint32_t k = 0; k < m; k++) c[j * m + k] = c[j * m + k] / sum + eps;
    }
    for (uint32_t round = 0; round < rounds; round++) {
        if (round > 0)
            for (uint32_t j = 0; j < m; j++) {
                double sum = eps;
                for (uint32_t k = 0; k < m; k++) sum += c[j * m + k];
                for (uint32_t k = 0; k < m; k++) c[j * m + k] /= sum;
            }
        for (uint32_t k = 0; k < m; k++) {
            double sum = eps;
            for (uint32_t j = 0; j < m; j++) sum += c[j * m + k];
            for (uint32_t j = 0; j < m; j++) c[j * m + k] /= sum;
        }
    }
}

static void collapse_rows(void *ctx, size_t begin, size_t end, uint32_t thread) {
    (void)thread;
    const site_job *j = ctx;
    const backend *b = j->b;
    const shape *s = b->s;
    const uint32_t m = s->n_streams, n_mix = shape_hc_mix(s);
    for (size_t r = begin; r < end; r++) {
        const float *x = b->streams + r * m * s->d_model, *v = b->mixes + r * n_mix;
        const double scale = inverse_rms(b, x);
        double pre[SHAPE_MAX_STREAMS], c[SHAPE_MAX_STREAMS * SHAPE_MAX_STREAMS];
        for (uint32_t i = 0; i < m; i++) {
            pre[i] = sigmoid(j->w->scale[0] * (v[i] * scale) + j->w->base[i]) + s->hc_eps;
            b->post[r * m + i] = (float)(2 * sigmoid(j->w->scale[1] * (v[m + i] * scale) + j->w->base[m + i]));
        }
        for (uint32_t i = 0; i < m * m; i++)
            c[i] = j->w->scale[2] * (v[2 * m + i] * scale) + j->w->base[2 * m + i];
        sinkhorn(c, m, s->sinkhorn_rounds, s->hc_eps);
        for (uint32_t i = 0; i < m * m; i++) b->mix[r * m * m + i] = (float)c[i];
        fold(b, b->input + r * s->d_model, x, pre);
        rms_norm(b, b->input + r * s->d_model, j->norm, s->d_model);
    }
}

void hc_collapse(backend *b, const hc_weights *w, const float *norm) {
    const shape *s = b->s;
    const uint32_t n_mix = shape_hc_mix(s);
    acts_set(&b->a_streams, b->streams, b->x->n_rows, s->n_streams * s->d_model);
    cpu_matmul(b, &w->fn, 0, n_mix, &b->a_streams, b->mixes, n_mix);
    site_job j = {.b = b, .w = w, .norm = norm};
    pool_for(b->threads, b->x->n_rows, 1, collapse_rows, &j);
    acts_set(&b->a_input, b->input, b->x->n_rows, s->d_model);
}

/* Pieces are (row, stream) pairs. */
static void expand_streams(void *ctx, size_t begin, size_t end, uint32_t thread) {
    (void)thread;
    backend *b = ctx;
    const uint32_t m = b->s->n_streams, dm = b->s->d_model;
    for (size_t i = begin; i < end; i++) {
        const size_t r = i / m, k = i % m;
        float factor[1 + SHAPE_MAX_STREAMS] = {b->post[r * m + k]};
        const float *from[1 + SHAPE_MAX_STREAMS] = {b->output + r * dm};
        for (uint32_t j = 0; j < m; j++) {
            factor[1 + j] = b->mix[(r * m + j) * m + k];
            from[1 + j] = b->streams + (r * m + j) * dm;
        }
        b->loops->combine(b->next_streams + i * dm, factor, from, 1 + m, dm);
    }
}

void hc_expand(backend *b) {
    pool_for(b->threads, (size_t)b->x->n_rows * b->s->n_streams, 1, expand_streams, b);
    float *t = b->streams;
    b->streams = b->next_streams;
    b->next_streams = t;
}

static void head_rows(void *ctx, size_t begin, size_t end, uint32_t thread) {
    (void)thread;
    const site_job *j = ctx;
    const backend *b = j->b;
    const uint32_t m = b->s->n_streams, dm = b->s->d_model;
    for (size_t i = begin; i < end; i++) {
        const size_t r = j->rows[i];
        const float *x = b->streams + r * m * dm, *v = b->mixes + i * m;
        const double scale = inverse_rms(b, x);
        double pre[SHAPE_MAX_STREAMS];
        for (uint32_t k = 0; k < m; k++)
            pre[k] = sigmoid(j->w->scale[0] * (v[k] * scale) + j->w->base[k]) + b->s->hc_eps;
        fold(b, j->out + i * dm, x, pre);
    }
}

void hc_head(backend *b, const hc_weights *w, const uint32_t *rows, uint32_t n, float *out) {
    const uint32_t m = b->s->n_streams;
    acts_set(&b->a_streams, b->streams, b->x->n_rows, m * b->s->d_model);
    cpu_matmul_rows(b, &w->fn, 0, m, &b->a_streams, rows, n, b->mixes, m);
    site_job j = {.b = b, .w = w, .rows = rows, .out = out};
    pool_for(b->threads, n, 1, head_rows, &j);
}
