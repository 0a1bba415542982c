/* matmul: activation rows times matrices in whatever format they are stored.
 *
 *     out[r][o] = W[o] . a[r]
 *
 * Work is cut by outputs: a thread reads each of its weight rows once and meets all activation rows with them. Under
 * `exact` the weight row is dequantised and multiplied with float64 sums; otherwise block formats meet the 8-bit form of
 * the activations. A product depends on its two rows only, which is what makes batches of any mix bit-identical.
 */
#include "backend/cpu/cpu.h"

void acts_set(acts *a, const float *x, uint32_t n, uint32_t cols) {
    a->x = x;
    a->n = n;
    a->cols = cols;
    a->stride = a->q_stride = cols;
    a->rounded = false;
}

acts acts_columns(const acts *a, uint32_t first, uint32_t cols) {
    acts v = *a;
    v.x += first;
    v.cols = cols;
    if (v.rounded) {
        v.q += first;
        v.d += first / 32;
        v.sum16 += first / 16;
    }
    return v;
}

typedef struct round_job {
    const backend *b;
    acts *a;
} round_job;

static void round_rows(void *ctx, size_t begin, size_t end, uint32_t thread) {
    (void)thread;
    const round_job *j = ctx;
    const acts *a = j->a;
    for (size_t r = begin; r < end; r++)
        j->b->dots->q8(a->x + r * a->stride, a->cols, a->q + r * a->q_stride, a->d + r * (a->q_stride / 32),
                       a->sum16 + r * (a->q_stride / 16));
}

static bool wants_q8(const backend *b, const matrix *w) {
    return !b->p->options.exact && w->type->block_values > 1;
}

void acts_ready(backend *b, acts *a, const matrix *w) {
    if (a->rounded || !wants_q8(b, w)) return;
    round_job j = {b, a};
    pool_for(b->threads, a->n, 4, round_rows, &j);
    a->rounded = true;
}

void cpu_show(const backend *b, const matrix *w, uint32_t plane, const acts *a, const uint32_t *rows, uint32_t n) {
    if (b->watch.see) b->watch.see(b->watch.self, w, plane, a->x, a->stride, rows, n);
}

/* Under `exact`: one row of weights at a time, as float32 values. */
static void exact_tile(const backend *b, const matrix *w, uint32_t plane, uint32_t o, uint32_t n_out, const acts *a,
                       const uint32_t *rows, uint32_t n, float *out, size_t out_stride, uint32_t thread) {
    float *values = b->scratch[thread].weights;
    for (uint32_t k = 0; k < n_out; k++) {
        w->type->dequant(matrix_row(w, plane, o + k), values, a->cols);
        for (uint32_t i = 0; i < n; i++)
            out[i * out_stride + k] = b->dots->exact(values, a->x + (rows ? rows[i] : i) * a->stride, a->cols);
    }
}

void cpu_tile(const backend *b, const matrix *w, uint32_t plane, uint32_t o, uint32_t n_out, const acts *a,
              const uint32_t *rows, uint32_t n, float *out, size_t out_stride, uint32_t thread) {
    if (b->p->options.exact) {
        exact_tile(b, w, plane, o, n_out, a, rows, n, out, out_stride, thread);
        return;
    }
    const q8_rows x = {a->x, a->q, a->d, a->sum16, a->stride, a->q_stride};
    dot_tile(b->dots, w->type, matrix_row(w, plane, o), w->row_bytes, n_out, &x, rows, n, a->cols, out, out_stride);
}

void cpu_dots(const backend *b, const float *x, uint32_t n_x, const float *rows, uint32_t n_rows, uint32_t n, float *out,
              size_t out_stride) {
    if (!b->p->options.exact) {
        const q8_rows a = {.x = x, .stride = n};
        dot_tile(b->dots, quant_find(Q_F32), rows, n * sizeof *rows, n_rows, &a, NULL, n_x, n, out, out_stride);
        return;
    }
    for (uint32_t i = 0; i < n_x; i++)
        for (uint32_t o = 0; o < n_rows; o++)
            out[i * out_stride + o] = b->dots->exact(rows + (size_t)o * n, x + (size_t)i * n, n);
}

typedef struct matmul_job {
    const backend *b;
    const matrix *w;
    const acts *a;
    uint32_t first_out;
    float *out;
    size_t out_stride;
} matmul_job;

static void matmul_outputs(void *ctx, size_t begin, size_t end, uint32_t thread) {
    const matmul_job *j = ctx;
    cpu_tile(j->b, j->w, 0, j->first_out + (uint32_t)begin, (uint32_t)(end - begin), j->a, NULL, j->a->n,
             j->out + begin, j->out_stride, thread);
}

/* Pieces are whole tiles, several for each thread. */
static uint32_t piece_of(const backend *b, uint32_t n_out) {
    const uint32_t tiles = n_out / (pool_threads(b->threads) * 4 * CPU_OUTPUTS);
    return (tiles ? tiles : 1) * CPU_OUTPUTS;
}

void cpu_matmul(backend *b, const matrix *w, uint32_t first_out, uint32_t n_out, acts *a, float *out,
                size_t out_stride) {
    acts_ready(b, a, w);
    cpu_show(b, w, 0, a, NULL, a->n);
    matmul_job j = {b, w, a, first_out, out, out_stride};
    pool_for(b->threads, n_out, piece_of(b, n_out), matmul_outputs, &j);
}
