/* ffn_in: the feed-forward's input, and which experts get it.
 *
 *     s_e = sqrt(softplus(gate x)_e)
 *     chosen: the token's own list on hash layers, else the K largest of s_e + bias_e (equal: the lower id)
 *     g_e = route_scale s_e / sum of the chosen s             without the bias
 */
#include <math.h>

#include "backend/cpu/cpu.h"

typedef struct route_job {
    backend *b;
    const layer *l;
} route_job;

static double softplus(double v) { return v > 20 ? v : log1p(exp(v)); }

/* The K largest of s + bias, by repeated search: K is 6. Taken entries are marked with the choice itself. */
static void choose(const float *score, const float *bias, uint32_t n, uint32_t k, uint32_t *out) {
    for (uint32_t i = 0; i < k; i++) {
        uint32_t best = UINT32_MAX;
        float most = 0;
        for (uint32_t e = 0; e < n; e++) {
            const float v = score[e] + bias[e];
            bool taken = false;
            for (uint32_t j = 0; j < i; j++) taken |= out[j] == e;
            if (taken || (best != UINT32_MAX && !(v > most))) continue;
            best = e;
            most = v;
        }
        out[i] = best;
    }
}

static void sort_rising(uint32_t *v, uint32_t n) {
    for (uint32_t i = 1; i < n; i++)
        for (uint32_t j = i; j > 0 && v[j] < v[j - 1]; j--) {
            const uint32_t t = v[j];
            v[j] = v[j - 1];
            v[j - 1] = t;
        }
}

static void route_rows(void *ctx, size_t begin, size_t end, uint32_t thread) {
    (void)thread;
    const route_job *j = ctx;
    backend *b = j->b;
    const shape *s = b->s;
    for (size_t r = begin; r < end; r++) {
        float *score = b->route + r * s->n_experts, *weight = b->expert_weight + r * s->n_used;
        uint32_t *chosen = b->expert + r * s->n_used;
        for (uint32_t e = 0; e < s->n_experts; e++) score[e] = (float)sqrt(softplus(score[e]));
        if (j->l->w->route_ids) {
            const int32_t *ids = j->l->w->route_ids + (size_t)b->x->token[r] * s->n_used;
            for (uint32_t k = 0; k < s->n_used; k++) chosen[k] = (uint32_t)ids[k];
        } else {
            choose(score, j->l->w->route_bias, s->n_experts, s->n_used, chosen);
        }
        sort_rising(chosen, s->n_used); /* the order in which their outputs are summed */
        double sum = 0;
        for (uint32_t k = 0; k < s->n_used; k++) sum += score[chosen[k]];
        if (!s->route_norm || sum == 0) sum = 1;
        for (uint32_t k = 0; k < s->n_used; k++)
            weight[k] = (float)(s->route_scale * (double)score[chosen[k]] / sum);
    }
}

void cpu_ffn_in(backend *b, const layer *l) {
    hc_collapse(b, &l->w->hc_ffn, l->w->ffn_norm);
    cpu_matmul(b, &l->w->router, 0, b->s->n_experts, &b->a_input, b->route, b->s->n_experts);
    route_job j = {b, l};
    pool_for(b->threads, b->x->n_rows, 4, route_rows, &j);
}
