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
    const uint32_t *rows; /* NULL: the first n_rows  */
    uint32_t first_out, n_out, n_rows;
    uint32_t outs, span;  /* of a piece: outputs, rows */
    float *out;
    size_t out_stride;
} matmul_job;

static uint32_t parts(uint32_t n, uint32_t size) { return (n + size - 1) / size; }
static uint32_t part_size(uint32_t n, uint32_t size, uint32_t i) { return n - i * size < size ? n - i * size : size; }

static acts rows_from(const acts *a, uint32_t first) {
    acts v = *a;
    v.x += first * a->stride;
    if (v.q) v.q += first * a->q_stride, v.d += first * (a->q_stride / 32), v.sum16 += first * (a->q_stride / 16);
    return v;
}

/* Pieces lie rows first: those that share weights follow each other. */
static void matmul_pieces(void *ctx, size_t begin, size_t end, uint32_t thread) {
    const matmul_job *j = ctx;
    const uint32_t spans = parts(j->n_rows, j->span);
    for (size_t i = begin; i < end; i++) {
        const uint32_t o = (uint32_t)(i / spans), r = (uint32_t)(i % spans), row = r * j->span;
        const acts a = j->rows ? *j->a : rows_from(j->a, row);
        cpu_tile(j->b, j->w, 0, j->first_out + o * j->outs, part_size(j->n_out, j->outs, o), &a,
                 j->rows ? j->rows + row : NULL, part_size(j->n_rows, j->span, r),
                 j->out + row * j->out_stride + o * j->outs, j->out_stride, thread);
    }
}

/* Whole tiles of outputs, several pieces for each thread; where there are too few outputs for that, the rows are cut too. */
static void cut(matmul_job *j) {
    enum { PIECES = 8, LEAST_ROWS = 16 };
    const uint32_t wanted = pool_threads(j->b->threads) * PIECES, tiles = parts(j->n_out, CPU_OUTPUTS);
    j->outs = CPU_OUTPUTS * (tiles > wanted ? tiles / wanted : 1);
    j->span = j->n_rows;
    if (tiles < wanted) j->span = parts(j->n_rows, parts(wanted, tiles));
    if (j->span < LEAST_ROWS) j->span = j->n_rows < LEAST_ROWS ? j->n_rows : LEAST_ROWS;
}

void cpu_matmul_rows(backend *b, const matrix *w, uint32_t first_out, uint32_t n_out, acts *a, const uint32_t *rows,
                     uint32_t n_rows, float *out, size_t out_stride) {
    if (n_rows == 0) return;
    acts_ready(b, a, w);
    cpu_show(b, w, 0, a, rows, n_rows);
    matmul_job j = {.b = b, .w = w, .a = a, .rows = rows, .first_out = first_out, .n_out = n_out, .n_rows = n_rows,
                    .out = out, .out_stride = out_stride};
    cut(&j);
    pool_for(b->threads, (size_t)parts(n_out, j.outs) * parts(n_rows, j.span), 1, matmul_pieces, &j);
}

void cpu_matmul(backend *b, const matrix *w, uint32_t first_out, uint32_t n_out, acts *a, float *out,
                size_t out_stride) {
    cpu_matmul_rows(b, w, first_out, n_out, a, NULL, a->n, out, out_stride);
}
