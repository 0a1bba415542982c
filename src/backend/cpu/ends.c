/* ends: where tokens become streams and streams become logits.
 *
 *     embed      X_j = embed[token] for every stream j
 *     draft_in   X_j = e_proj rms(embed[next token]) + h_proj rms(trunk's X_j)
 *     head       logits = out rms(HChead(X))
 */
#include <stdlib.h>
#include <string.h>

#include "backend/cpu/cpu.h"

static void embed_rows(void *ctx, size_t begin, size_t end, uint32_t thread) {
    (void)thread;
    const backend *b = ctx;
    const shape *s = b->s;
    const matrix *w = &b->p->weights->embed;
    for (size_t r = begin; r < end; r++) {
        float *x = b->streams + r * s->n_streams * s->d_model;
        w->type->dequant(matrix_row(w, 0, (uint32_t)b->x->token[r]), x, s->d_model);
        for (uint32_t j = 1; j < s->n_streams; j++)
            memcpy(x + (size_t)j * s->d_model, x, s->d_model * sizeof *x);
    }
}

void cpu_embed(backend *b) { pool_for(b->threads, b->x->n_rows, 4, embed_rows, b); }

/* Norms of both parts: the token's embedding into `input`, the trunk's streams into `next_streams`. */
static void draft_rows(void *ctx, size_t begin, size_t end, uint32_t thread) {
    (void)thread;
    const backend *b = ctx;
    const shape *s = b->s;
    const draft_weights *w = &b->p->weights->draft;
    const size_t all = (size_t)s->n_streams * s->d_model;
    for (size_t r = begin; r < end; r++) {
        const batch_seq *q = &b->x->seqs[b->x->seq[r]];
        const void *from = b->x->from[r] == NO_ROW ? (const void *)((const uint8_t *)q->state + b->p->draft_streams_at)
                                                   : (const void *)(b->streams + b->x->from[r] * all);
        float *x = b->next_streams + r * all, *a = b->input + r * s->d_model;
        memcpy(x, from, all * sizeof *x);
        for (uint32_t j = 0; j < s->n_streams; j++)
            rms_norm(b, x + (size_t)j * s->d_model, w->h_norm, s->d_model);
        w->embed.type->dequant(matrix_row(&w->embed, 0, (uint32_t)b->x->token[r]), a, s->d_model);
        rms_norm(b, a, w->e_norm, s->d_model);
    }
}

static void add_token(void *ctx, size_t begin, size_t end, uint32_t thread) {
    (void)thread;
    const backend *b = ctx;
    const shape *s = b->s;
    for (size_t r = begin; r < end; r++)
        for (uint32_t j = 0; j < s->n_streams; j++) {
            float *x = b->streams + (r * s->n_streams + j) * s->d_model;
            const float *a = b->output + r * s->d_model;
            for (uint32_t d = 0; d < s->d_model; d++) x[d] += a[d];
        }
}

void cpu_draft_in(backend *b) {
    const shape *s = b->s;
    const draft_weights *w = &b->p->weights->draft;
    const batch *x = b->x;
    const size_t all = (size_t)s->n_streams * s->d_model;
    pool_for(b->threads, x->n_rows, 1, draft_rows, b);
    /* Only now may the states' streams be replaced: the first row of a session has read the old ones. */
    for (uint32_t i = 0; i < x->n_seqs; i++)
        memcpy((uint8_t *)x->seqs[i].state + b->p->draft_streams_at, b->streams + x->keep[i] * all,
               all * sizeof *b->streams);
    acts_set(&b->a_input, b->input, x->n_rows, s->d_model);
    cpu_matmul(b, &w->e_proj, 0, s->d_model, &b->a_input, b->output, s->d_model);
    acts_set(&b->a_streams, b->next_streams, x->n_rows * s->n_streams, s->d_model);
    cpu_matmul(b, &w->h_proj, 0, s->d_model, &b->a_streams, b->streams, s->d_model);
    pool_for(b->threads, x->n_rows, 1, add_token, b);
}

static bool logits_room(backend *b) {
    const uint64_t want = (uint64_t)b->x->n_out * b->s->n_vocab;
    if (want <= b->logits_cap) return true;
    float *p = realloc(b->logits, want * sizeof *p);
    if (!p) {
        cpu_fail(b, E_NOMEM, "no memory for the logits of this batch: use a smaller --batch");
        return false;
    }
    b->logits = p;
    b->logits_cap = want;
    return true;
}

static void norm_rows(void *ctx, size_t begin, size_t end, uint32_t thread) {
    (void)thread;
    const backend *b = ctx;
    for (size_t i = begin; i < end; i++)
        rms_norm(b, b->final + i * b->s->d_model, b->head_norm, b->s->d_model);
}

void cpu_head(backend *b, const head_weights *h) {
    const batch *x = b->x;
    if (x->n_out == 0 || !logits_room(b)) return;
    hc_head(b, &h->hc, x->out, x->n_out, b->final);
    b->head_norm = h->norm;
    pool_for(b->threads, x->n_out, 4, norm_rows, b);
    acts_set(&b->a_final, b->final, x->n_out, b->s->d_model);
    cpu_matmul(b, &h->out, 0, b->s->n_vocab, &b->a_final, b->logits, b->s->n_vocab);
}
