/* compress: fold windows of `ratio` tokens into one cached row each.
 *
 *     K_t = wkv x_t        S_t = wgate x_t + ape[t mod r]
 *     row = sum over the window of softmax_t(S_t) K_t, channel by channel; then norm, rope at the window's first
 *     position, official rounding.
 *
 * Ratio 4 overlaps: its softmax runs over the previous window's first halves and this window's second halves. The
 * layouts of the open windows are in model/plan.h. Tokens are taken in order, one at a time, so the state does not
 * depend on how a prompt was cut.
 */
#include <math.h>
#include <string.h>

#include "backend/cpu/cpu.h"

/* One compressor of a layer: the attention's or the indexer's. */
typedef struct compressor {
    backend *b;
    const layer *l;
    const compressor_weights *w;
    const float *kv, *gate; /* projections, [rows][halves width] */
    uint32_t width;
    bool index;
} compressor;

/* Pooled over 8 entries a channel, 4 when there is no window before. */
static void pool_overlapped(const float *window, uint32_t d, bool first, float *row) {
    const float *prev_kv = window, *prev_gate = window + 4 * d;
    const float *open_kv = window + 8 * d, *open_gate = window + 16 * d;
    for (uint32_t c = 0; c < d; c++) {
        float k[8], s[8], most = -INFINITY;
        for (uint32_t i = first ? 4 : 0; i < 8; i++) {
            const uint32_t at = i < 4 ? i * d + c : (i - 4) * 2 * d + d + c;
            k[i] = i < 4 ? prev_kv[at] : open_kv[at];
            s[i] = i < 4 ? prev_gate[at] : open_gate[at];
            most = fmaxf(most, s[i]);
        }
        double sum = 0, weighted = 0;
        for (uint32_t i = first ? 4 : 0; i < 8; i++) {
            const double w = exp((double)s[i] - most);
            sum += w;
            weighted += w * k[i];
        }
        row[c] = (float)(weighted / sum);
    }
}

/* The open window's first halves become the previous window's. */
static void shift_overlapped(float *window, uint32_t d) {
    for (uint32_t i = 0; i < 4; i++) {
        memcpy(window + i * d, window + 8 * d + i * 2 * d, d * sizeof *window);
        memcpy(window + 4 * d + i * d, window + 16 * d + i * 2 * d, d * sizeof *window);
    }
}

static void add_overlapped(float *window, uint32_t d, uint32_t slot, const float *kv, const float *gate,
                           const float *ape) {
    float *to_kv = window + 8 * d + slot * 2 * d, *to_gate = window + 16 * d + slot * 2 * d;
    memcpy(to_kv, kv, 2 * d * sizeof *kv);
    for (uint32_t c = 0; c < 2 * d; c++) to_gate[c] = gate[c] + ape[slot * 2 * d + c];
}

/* Running softmax: most, sum of e^(S - most), and the same weighted with K. */
static void add_running(float *window, uint32_t d, uint32_t slot, const float *kv, const float *gate,
                        const float *ape) {
    float *most = window, *sum = window + d, *weighted = window + 2 * d;
    for (uint32_t c = 0; c < d; c++) {
        const float s = gate[c] + ape[slot * d + c];
        if (slot == 0) {
            most[c] = s, sum[c] = 1, weighted[c] = kv[c];
        } else if (s <= most[c]) {
            const float w = expf(s - most[c]);
            sum[c] += w, weighted[c] += w * kv[c];
        } else {
            const float w = expf(most[c] - s);
            most[c] = s, sum[c] = sum[c] * w + 1, weighted[c] = weighted[c] * w + kv[c];
        }
    }
}

/* Row w is whole: norm, rotate, round, append to its page. */
static void emit(const compressor *z, const batch_seq *q, uint32_t w, float *row) {
    const plan *p = z->b->p;
    const shape *s = z->b->s;
    const uint32_t plain = z->width - s->rope_dim;
    float angles[2 * 4096];
    rms_norm(z->b, row, z->w->norm, z->width);
    rope_angles(angles, z->l->rope, s->rope_dim / 2, w * z->l->ratio);
    rope_rotate(row + plain, angles, s->rope_dim / 2);
    if (p->options.rounding && z->index) {
        hadamard(row, z->width);
        round_index(row, z->width);
    } else if (p->options.rounding) {
        round_kv(row, plain, 64);
    }
    uint8_t *to = page_row(q, z->l, z->index ? z->l->ix_rows_at : z->l->rows_at, w,
                           (size_t)z->width * p->row_value_bytes);
    row_store(z->b, to, row, z->width);
}

static void compress_seq(const compressor *z, const batch_seq *q, float *row) {
    const uint32_t ratio = z->l->ratio, d = z->width, cols = ratio_halves(ratio) * d;
    float *window = (float *)(void *)((uint8_t *)q->state + (z->index ? z->l->ix_comp_at : z->l->comp_at));
    for (uint32_t i = 0; i < q->n_rows; i++) {
        const uint32_t t = q->pos + i, slot = t % ratio, w = t / ratio;
        const float *kv = z->kv + (size_t)(q->first_row + i) * cols;
        const float *gate = z->gate + (size_t)(q->first_row + i) * cols;
        if (ratio == 4) add_overlapped(window, d, slot, kv, gate, z->w->ape);
        else add_running(window, d, slot, kv, gate, z->w->ape);
        if (slot + 1 < ratio) continue;
        if (ratio == 4) {
            pool_overlapped(window, d, w == 0, row);
            shift_overlapped(window, d);
        } else {
            for (uint32_t c = 0; c < d; c++) row[c] = window[2 * d + c] / window[d + c];
        }
        emit(z, q, w, row);
    }
}

/* Pieces are (compressor, session) pairs: two sessions never share a window or an open page. */
static void compress_pieces(void *ctx, size_t begin, size_t end, uint32_t thread) {
    const compressor *both = ctx;
    const batch *x = both->b->x;
    for (size_t i = begin; i < end; i++)
        compress_seq(&both[i / x->n_seqs], &x->seqs[i % x->n_seqs], both->b->scratch[thread].tile);
}

void cpu_compress(backend *b, const layer *l) {
    const shape *s = b->s;
    const uint32_t cols = ratio_halves(l->ratio) * s->head_dim, ix_cols = 2 * s->ix_dim;
    const bool indexed = l->ratio == 4;
    cpu_matmul(b, &l->w->comp.kv, 0, cols, &b->a_input, b->comp_kv, cols);
    cpu_matmul(b, &l->w->comp.gate, 0, cols, &b->a_input, b->comp_gate, cols);
    if (indexed) {
        cpu_matmul(b, &l->w->ix_comp.kv, 0, ix_cols, &b->a_input, b->ix_kv, ix_cols);
        cpu_matmul(b, &l->w->ix_comp.gate, 0, ix_cols, &b->a_input, b->ix_comp_gate, ix_cols);
    }
    const compressor both[2] = {
        {b, l, &l->w->comp, b->comp_kv, b->comp_gate, s->head_dim, false},
        {b, l, &l->w->ix_comp, b->ix_kv, b->ix_comp_gate, s->ix_dim, true},
    };
    pool_for(b->threads, (size_t)b->x->n_seqs * (indexed ? 2 : 1), 1, compress_pieces, (void *)(uintptr_t)both);
}
