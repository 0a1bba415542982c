/* attend: every head looks at the window's rows and the compressed rows it may see.
 *
 *     z_j = q_h . R_j / sqrt(dh)        p_j = e^z_j / (e^sink_h + sum e^z)        o_h = rope^-1(sum p_j R_j, t)
 *
 * One row is key and value, shared by all heads. Rows come in tiles: first compressed rows (all, or those picked), then the window, in
 * rising order; sums run along with a running maximum that starts at the sink. The order is fixed by the token alone.
 * The result replaces the query. Afterwards the batch's rows go into the ring.
 */
#include <math.h>
#include <string.h>

#include "backend/cpu/cpu.h"

/* What one row of the batch attends to: n_comp compressed rows, then positions first..t. */
typedef struct view {
    const backend *b;
    const layer *l;
    const batch_seq *q;
    const uint32_t *picked; /* NULL: the first n_comp rows */
    uint32_t n_comp, first, n;
} view;

static view look(const backend *b, const layer *l, uint32_t r) {
    const uint32_t t = b->x->pos[r], w = b->s->window;
    view v = {.b = b, .l = l, .q = &b->x->seqs[b->x->seq[r]], .first = t + 1 > w ? t + 1 - w : 0};
    if (l->ratio) v.n_comp = (t + 1) / l->ratio;
    if (l->ratio == 4 && b->n_picked[r] != ALL_ROWS) {
        v.picked = b->picked + (size_t)r * b->pick_cap;
        v.n_comp = b->n_picked[r];
    }
    v.n = v.n_comp + (t + 1 - v.first);
    return v;
}

/* Row i of the view as float32. */
static void view_row(const view *v, uint32_t i, float *to) {
    const backend *b = v->b;
    const uint32_t dh = b->s->head_dim;
    const size_t row_bytes = (size_t)dh * b->p->row_value_bytes;
    if (i < v->n_comp) {
        const uint32_t w = v->picked ? v->picked[i] : i;
        row_load(b, page_row(v->q, v->l, v->l->rows_at, w, row_bytes), dh, to);
        return;
    }
    const uint32_t pos = v->first + (i - v->n_comp);
    if (pos >= v->q->pos) {
        memcpy(to, b->kv + (size_t)(v->q->first_row + pos - v->q->pos) * dh, dh * sizeof *to);
        return;
    }
    const uint8_t *ring = (const uint8_t *)v->q->state + v->l->ring_at;
    row_load(b, ring + (pos % b->p->ring_rows) * row_bytes, dh, to);
}

typedef struct head_sums {
    float most, sum;
} head_sums;

/* Scores of a tile of rows for a group of heads: z[h][i], CPU_TILE numbers a head. */
static void score_tile(const backend *b, const float *q, uint32_t n_heads, const float *rows, uint32_t n, float *z) {
    const uint32_t dh = b->s->head_dim;
    const float scale = (float)(1 / sqrt((double)dh));
    cpu_dots(b, q, n_heads, rows, n, dh, z, CPU_TILE);
    for (uint32_t h = 0; h < n_heads; h++)
        for (uint32_t i = 0; i < n; i++) z[h * CPU_TILE + i] *= scale;
}

/* Scores to weights: e^(z - most) with the largest score so far, which may change what was summed before. */
static void weights_of_head(const backend *b, float *z, uint32_t n, head_sums *hs, float *acc) {
    float most = hs->most;
    for (uint32_t i = 0; i < n; i++) most = z[i] > most ? z[i] : most;
    if (most > hs->most) {
        const float shrink = expf(hs->most - most);
        hs->sum *= shrink;
        b->loops->scale(acc, shrink, NULL, b->s->head_dim);
        hs->most = most;
    }
    b->loops->exp_minus(z, most, n);
    for (uint32_t i = 0; i < n; i++) hs->sum += z[i];
}

typedef struct attend_job {
    backend *b;
    const layer *l;
    uint32_t groups; /* of CPU_HEADS heads */
} attend_job;

static void attend_heads(const attend_job *j, uint32_t r, uint32_t group, cpu_scratch *mine) {
    const backend *b = j->b;
    const shape *s = b->s;
    const uint32_t dh = s->head_dim, h0 = group * CPU_HEADS;
    const uint32_t n_heads = s->n_heads - h0 < CPU_HEADS ? s->n_heads - h0 : CPU_HEADS;
    const view v = look(b, j->l, r);
    float *q = b->q + ((size_t)r * s->n_heads + h0) * dh;
    head_sums hs[CPU_HEADS];
    for (uint32_t h = 0; h < n_heads; h++) hs[h] = (head_sums){j->l->w->sinks[h0 + h], 1};
    memset(mine->sums, 0, (size_t)n_heads * dh * sizeof *mine->sums);
    for (uint32_t at = 0; at < v.n; at += CPU_TILE) {
        const uint32_t n = v.n - at < CPU_TILE ? v.n - at : CPU_TILE;
        float z[CPU_HEADS * CPU_TILE];
        for (uint32_t i = 0; i < n; i++) view_row(&v, at + i, mine->tile + (size_t)i * dh);
        score_tile(b, q, n_heads, mine->tile, n, z);
        for (uint32_t h = 0; h < n_heads; h++)
            weights_of_head(b, z + h * CPU_TILE, n, &hs[h], mine->sums + (size_t)h * dh);
        b->loops->weigh(mine->sums, z, CPU_TILE, n_heads, mine->tile, n, dh);
    }
    const float *angles = cpu_angles(b, j->l, r);
    for (uint32_t h = 0; h < n_heads; h++) {
        float *o = q + (size_t)h * dh;
        const float *acc = mine->sums + (size_t)h * dh;
        for (uint32_t c = 0; c < dh; c++) o[c] = acc[c] / hs[h].sum;
        rope_rotate_back(o + dh - s->rope_dim, angles, s->rope_dim / 2);
    }
}

static void attend_pieces(void *ctx, size_t begin, size_t end, uint32_t thread) {
    const attend_job *j = ctx;
    for (size_t i = begin; i < end; i++)
        attend_heads(j, (uint32_t)(i / j->groups), (uint32_t)(i % j->groups), &j->b->scratch[thread]);
}

static void keep_window(void *ctx, size_t begin, size_t end, uint32_t thread) {
    (void)thread;
    const attend_job *j = ctx;
    const backend *b = j->b;
    const uint32_t dh = b->s->head_dim, cap = b->p->ring_rows;
    const size_t row_bytes = (size_t)dh * b->p->row_value_bytes;
    for (size_t i = begin; i < end; i++) {
        const batch_seq *q = &b->x->seqs[i];
        uint8_t *ring = (uint8_t *)q->state + j->l->ring_at;
        for (uint32_t k = q->n_rows > cap ? q->n_rows - cap : 0; k < q->n_rows; k++)
            row_store(b, ring + ((q->pos + k) % cap) * row_bytes, b->kv + (size_t)(q->first_row + k) * dh, dh);
    }
}

void cpu_attend(backend *b, const layer *l) {
    attend_job j = {b, l, (b->s->n_heads + CPU_HEADS - 1) / CPU_HEADS};
    pool_for(b->threads, (size_t)b->x->n_rows * j.groups, 1, attend_pieces, &j);
    pool_for(b->threads, b->x->n_seqs, 1, keep_window, &j);
}
