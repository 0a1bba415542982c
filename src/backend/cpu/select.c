/* select: the indexer of ratio-4 layers chooses which compressed rows a token attends to.
 *
 *     qi_h = rope(wq_b c)_h, rounded like the index rows        g = weights_proj x / sqrt(di Hi)
 *     score_w = sum_h g_h max(0, qi_h . B_w)                    for the floor((t+1)/4) rows there are
 *
 * The top_k largest scores win; equal scores go to the earlier row. When there are no more rows than that, all are taken and no
 * score is computed. Many rows are cut over the threads by token, a few by index row; the numbers are the same.
 */
#include <math.h>

#include "backend/cpu/cpu.h"

typedef struct select_job {
    backend *b;
    const layer *l;
    uint32_t row; /* of the batch, when threads share one */
} select_job;

static void finish_queries(void *ctx, size_t begin, size_t end, uint32_t thread) {
    (void)thread;
    const select_job *j = ctx;
    const backend *b = j->b;
    const shape *s = b->s;
    const float scale = (float)(1 / sqrt((double)s->ix_dim * s->ix_heads));
    for (size_t r = begin; r < end; r++) {
        const float *angles = cpu_angles(b, j->l, (uint32_t)r);
        for (uint32_t h = 0; h < s->ix_heads; h++) {
            float *q = b->ix_q + (r * s->ix_heads + h) * s->ix_dim;
            rope_rotate(q + s->ix_dim - s->rope_dim, angles, s->rope_dim / 2);
            if (b->p->options.rounding) {
                hadamard(q, s->ix_dim);
                round_index(q, s->ix_dim);
            }
            b->ix_gate[r * s->ix_heads + h] *= scale;
        }
    }
}

static float positive(float z) { return z > 0 ? z : 0; }

/* Scores of index rows begin..end for one row of the batch. Rows of a page lie together and are brought to float32 a
 * tile at a time. */
static void score_rows(const backend *b, const layer *l, uint32_t r, uint32_t begin, uint32_t end, float *tile,
                       float *scores) {
    const shape *s = b->s;
    const batch_seq *q = &b->x->seqs[b->x->seq[r]];
    const size_t row_bytes = (size_t)s->ix_dim * b->p->row_value_bytes;
    const float *queries = b->ix_q + (size_t)r * s->ix_heads * s->ix_dim;
    const float *gates = b->ix_gate + (size_t)r * s->ix_heads;
    float z[CPU_HEADS * CPU_TILE];
    double sums[CPU_TILE];
    for (uint32_t w = begin; w < end;) {
        const uint32_t in_page = l->rows_per_page - w % l->rows_per_page;
        const uint32_t most = in_page < CPU_TILE ? in_page : CPU_TILE, n = end - w < most ? end - w : most;
        row_load(b, page_row(q, l, l->ix_rows_at, w, row_bytes), n * s->ix_dim, tile);
        for (uint32_t i = 0; i < n; i++) sums[i] = 0;
        for (uint32_t h = 0; h < s->ix_heads; h += CPU_HEADS) {
            const uint32_t heads = s->ix_heads - h < CPU_HEADS ? s->ix_heads - h : CPU_HEADS;
            cpu_dots(b, queries + (size_t)h * s->ix_dim, heads, tile, n, s->ix_dim, z, CPU_TILE);
            for (uint32_t k = 0; k < heads; k++)
                for (uint32_t i = 0; i < n; i++) sums[i] += (double)gates[h + k] * positive(z[k * CPU_TILE + i]);
        }
        for (uint32_t i = 0; i < n; i++) scores[w++] = (float)sums[i];
    }
}

static void swap(float *a, float *b) {
    const float t = *a;
    *a = *b;
    *b = t;
}

/* The k-th largest of n values (k from 1), which get reordered: quickselect, median of three. NaN counts as
 * smallest, so that a damaged score neither wins nor hangs the loop. */
static float kth_largest(float *v, uint32_t n, uint32_t k) {
    uint32_t lo = 0, hi = n - 1, want = k - 1;
    while (lo < hi) {
        const uint32_t mid = lo + (hi - lo) / 2;
        if (v[mid] > v[lo]) swap(&v[mid], &v[lo]);
        if (v[hi] > v[lo]) swap(&v[hi], &v[lo]);
        if (v[hi] > v[mid]) swap(&v[hi], &v[mid]);
        const float pivot = v[mid];
        uint32_t i = lo, j = hi;
        while (i <= j) {
            while (v[i] > pivot) i++;
            while (pivot > v[j]) j--;
            if (i <= j) {
                swap(&v[i], &v[j]);
                i++;
                if (j == 0) break;
                j--;
            }
        }
        if (want <= j && j < hi) hi = j;
        else if (want >= i) lo = i;
        else break;
    }
    return v[want];
}

/* The k best of n scores, as rising row numbers. */
static void pick(const float *scores, uint32_t n, uint32_t k, float *room, uint32_t *out) {
    for (uint32_t i = 0; i < n; i++) room[i] = isnan(scores[i]) ? -INFINITY : scores[i];
    const float least = kth_largest(room, n, k);
    uint32_t above = 0;
    for (uint32_t i = 0; i < n; i++) above += scores[i] > least;
    uint32_t ties = k - above, got = 0;
    for (uint32_t i = 0; i < n && got < k; i++) {
        const float v = isnan(scores[i]) ? -INFINITY : scores[i];
        if (v > least) {
            out[got++] = i;
        } else if (v == least && ties > 0) {
            ties--;
            out[got++] = i;
        }
    }
}

static uint32_t visible_rows(const backend *b, uint32_t r) { return (b->x->pos[r] + 1) / 4; }

static void pick_for(backend *b, uint32_t r, const float *scores, float *room) {
    const uint32_t n = visible_rows(b, r);
    pick(scores, n, b->s->ix_top_k, room, b->picked + (size_t)r * b->pick_cap);
    b->n_picked[r] = b->s->ix_top_k;
}

static void select_rows(void *ctx, size_t begin, size_t end, uint32_t thread) {
    const select_job *j = ctx;
    backend *b = j->b;
    cpu_scratch *mine = &b->scratch[thread];
    for (size_t r = begin; r < end; r++) {
        const uint32_t n = visible_rows(b, (uint32_t)r);
        if (n <= b->s->ix_top_k) continue;
        score_rows(b, j->l, (uint32_t)r, 0, n, mine->tile, mine->scores);
        pick_for(b, (uint32_t)r, mine->scores, mine->scores + n);
    }
}

static void score_piece(void *ctx, size_t begin, size_t end, uint32_t thread) {
    const select_job *j = ctx;
    score_rows(j->b, j->l, j->row, (uint32_t)begin, (uint32_t)end, j->b->scratch[thread].tile, j->b->ix_scores);
}

void cpu_select(backend *b, const layer *l) {
    const shape *s = b->s;
    const uint32_t n = b->x->n_rows;
    uint32_t choices = 0;
    for (uint32_t r = 0; r < n; r++) {
        b->n_picked[r] = ALL_ROWS;
        choices += visible_rows(b, r) > s->ix_top_k;
    }
    if (choices == 0) return;
    cpu_matmul(b, &l->w->ix_q, 0, s->ix_heads * s->ix_dim, &b->a_latent, b->ix_q,
               (size_t)s->ix_heads * s->ix_dim);
    cpu_matmul(b, &l->w->ix_weights, 0, s->ix_heads, &b->a_input, b->ix_gate, s->ix_heads);
    select_job j = {.b = b, .l = l};
    pool_for(b->threads, n, 1, finish_queries, &j);
    if (choices >= pool_threads(b->threads) * 2) {
        pool_for(b->threads, n, 1, select_rows, &j);
        return;
    }
    for (uint32_t r = 0; r < n; r++) {
        j.row = r;
        if (visible_rows(b, r) <= s->ix_top_k) continue;
        pool_for(b->threads, visible_rows(b, r), 256, score_piece, &j);
        pick_for(b, r, b->ix_scores, b->scratch[0].scores);
    }
}
