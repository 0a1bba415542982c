/* attn_in: from the streams to queries and the new key/value row.
 *
 *     c  = rms(wq_a x)          q_h = rope(rms(wq_b c)_h, t)       kv = rope(rms(wkv x), t), rounded as it will be kept
 *
 * The row is brought into the cache's format at once: a token sees its own row and its neighbours' exactly as every
 * later token will, whether they came in the same batch or long before.
 */
#include "backend/cpu/cpu.h"

typedef struct heads_job {
    backend *b;
    const layer *l;
} heads_job;

static void norm_latent(void *ctx, size_t begin, size_t end, uint32_t thread) {
    (void)thread;
    const heads_job *j = ctx;
    const shape *s = j->b->s;
    for (size_t r = begin; r < end; r++)
        rms_norm(j->b, j->b->latent + r * s->q_rank, j->l->w->q_norm, s->q_rank);
}

static void finish_rows(void *ctx, size_t begin, size_t end, uint32_t thread) {
    const heads_job *j = ctx;
    const backend *b = j->b;
    const shape *s = b->s;
    const uint32_t dh = s->head_dim, plain = dh - s->rope_dim;
    for (size_t r = begin; r < end; r++) {
        const float *angles = cpu_angles(b, j->l, (uint32_t)r);
        for (uint32_t h = 0; h < s->n_heads; h++) {
            float *q = b->q + (r * s->n_heads + h) * dh;
            rms_norm(b, q, NULL, dh);
            rope_rotate(q + plain, angles, s->rope_dim / 2);
        }
        float *kv = b->kv + r * dh;
        rms_norm(b, kv, j->l->w->kv_norm, dh);
        rope_rotate(kv + plain, angles, s->rope_dim / 2);
        if (b->p->options.rounding) round_kv(kv, plain, 64);
        if (b->p->format != ROW_F32) {
            uint8_t *kept = (uint8_t *)b->scratch[thread].tile;
            row_store(b, kept, kv, dh);
            row_load(b, kept, dh, kv);
        }
    }
}

void cpu_attn_in(backend *b, const layer *l) {
    const shape *s = b->s;
    const uint32_t n = b->x->n_rows, heads = s->n_heads * s->head_dim;
    heads_job j = {b, l};
    hc_collapse(b, &l->w->hc_attn, l->w->attn_norm);
    cpu_matmul(b, &l->w->q_a, 0, s->q_rank, &b->a_input, b->latent, s->q_rank);
    pool_for(b->threads, n, 4, norm_latent, &j);
    acts_set(&b->a_latent, b->latent, n, s->q_rank);
    cpu_matmul(b, &l->w->q_b, 0, heads, &b->a_latent, b->q, heads);
    cpu_matmul(b, &l->w->kv, 0, s->head_dim, &b->a_input, b->kv, s->head_dim);
    pool_for(b->threads, n, 1, finish_rows, &j);
}
