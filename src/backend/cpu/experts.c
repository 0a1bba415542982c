/* experts: the chosen experts and the shared one, and the result joins the streams.
 *
 *     ffn_e(x) = w2 (g_e silu(min(w1 x, clamp)) * clamp(w3 x, -clamp, clamp))       g of the shared expert is 1
 *     y = sum over the chosen, by rising id, of ffn_e(x), then the shared one
 *
 * Rows are grouped by expert, so that an expert's weights are read once however many rows chose it. A slot is one
 * (row, choice) pair. Cutting the second product by outputs lets one thread sum all experts of an output in order.
 */
#include <math.h>
#include <string.h>

#include "backend/cpu/cpu.h"

/* Slots in order of expert, and within one in order of row. */
static void group_slots(backend *b) {
    const shape *s = b->s;
    const uint32_t n = b->x->n_rows * s->n_used;
    memset(b->group_at, 0, (s->n_experts + 1) * sizeof *b->group_at);
    for (uint32_t i = 0; i < n; i++) b->group_at[b->expert[i] + 1]++;
    b->n_active = 0;
    for (uint32_t e = 0; e < s->n_experts; e++) {
        if (b->group_at[e + 1]) b->active[b->n_active++] = e;
        b->group_at[e + 1] += b->group_at[e];
    }
    for (uint32_t i = 0; i < n; i++) b->group_slot[b->group_at[b->expert[i]]++] = i;
    for (uint32_t e = s->n_experts; e > 0; e--) b->group_at[e] = b->group_at[e - 1];
    b->group_at[0] = 0;
}

static float swiglu(float gate, float up, float clamp) {
    const float g = fminf(gate, clamp), u = fmaxf(fminf(up, clamp), -clamp);
    return g / (1 + expf(-g)) * u;
}

typedef struct expert_job {
    backend *b;
    const layer *l;
} expert_job;

/* One inner value of one expert, for all its rows. */
static void inner_of_expert(const expert_job *j, uint32_t e, uint32_t o, cpu_scratch *mine, uint32_t thread) {
    const backend *b = j->b;
    const shape *s = b->s;
    const uint32_t at = b->group_at[e], n = b->group_at[e + 1] - at;
    const uint32_t *slots = b->group_slot + at;
    float *gate = mine->results, *up = mine->results + (size_t)b->max_rows * s->n_used;
    uint32_t *rows = mine->rows;
    for (uint32_t i = 0; i < n; i++) rows[i] = slots[i] / s->n_used;
    cpu_dot_rows(b, &j->l->w->routed.gate, e, o, &b->a_input, rows, n, gate, 1, thread);
    cpu_dot_rows(b, &j->l->w->routed.up, e, o, &b->a_input, rows, n, up, 1, thread);
    for (uint32_t i = 0; i < n; i++)
        b->inner[(size_t)slots[i] * s->ff_dim + o] =
            b->expert_weight[slots[i]] * swiglu(gate[i], up[i], j->l->clamp_routed);
}

static void inner_of_shared(const expert_job *j, uint32_t o, cpu_scratch *mine, uint32_t thread) {
    const backend *b = j->b;
    const uint32_t n = b->x->n_rows, width = b->s->n_shared * b->s->ff_dim;
    float *gate = mine->results, *up = mine->results + n;
    cpu_dot_rows(b, &j->l->w->shared.gate, 0, o, &b->a_input, NULL, n, gate, 1, thread);
    cpu_dot_rows(b, &j->l->w->shared.up, 0, o, &b->a_input, NULL, n, up, 1, thread);
    for (uint32_t r = 0; r < n; r++)
        b->shared_inner[(size_t)r * width + o] = swiglu(gate[r], up[r], j->l->clamp_shared);
}

/* Pieces: the inner values of all active experts, then those of the shared one. */
static void inner_pieces(void *ctx, size_t begin, size_t end, uint32_t thread) {
    const expert_job *j = ctx;
    const backend *b = j->b;
    const size_t ff = b->s->ff_dim, routed = b->n_active * ff;
    for (size_t i = begin; i < end; i++) {
        if (i < routed) inner_of_expert(j, b->active[i / ff], (uint32_t)(i % ff), &b->scratch[thread], thread);
        else inner_of_shared(j, (uint32_t)(i - routed), &b->scratch[thread], thread);
    }
}

static void output_pieces(void *ctx, size_t begin, size_t end, uint32_t thread) {
    const expert_job *j = ctx;
    const backend *b = j->b;
    const shape *s = b->s;
    const uint32_t n = b->x->n_rows;
    float *part = b->scratch[thread].results, *sum = part + (size_t)b->max_rows * s->n_used;
    for (size_t d = begin; d < end; d++) {
        memset(sum, 0, n * sizeof *sum);
        for (uint32_t i = 0; i < b->n_active; i++) {
            const uint32_t e = b->active[i], at = b->group_at[e], m = b->group_at[e + 1] - at;
            const uint32_t *slots = b->group_slot + at;
            cpu_dot_rows(b, &j->l->w->routed.down, e, (uint32_t)d, &b->a_inner, slots, m, part, 1, thread);
            for (uint32_t k = 0; k < m; k++) sum[slots[k] / s->n_used] += part[k];
        }
        cpu_dot_rows(b, &j->l->w->shared.down, 0, (uint32_t)d, &b->a_shared, NULL, n, part, 1, thread);
        for (uint32_t r = 0; r < n; r++) b->output[(size_t)r * s->d_model + d] = sum[r] + part[r];
    }
}

/* The rows that each expert's matrices meet, and the shared expert's. */
static void show_inputs(backend *b, const layer *l) {
    const uint32_t k = b->s->n_used;
    uint32_t *rows = b->scratch[0].rows;
    for (uint32_t i = 0; i < b->n_active; i++) {
        const uint32_t e = b->active[i], at = b->group_at[e], n = b->group_at[e + 1] - at;
        for (uint32_t s = 0; s < n; s++) rows[s] = b->group_slot[at + s] / k;
        cpu_show(b, &l->w->routed.gate, e, &b->a_input, rows, n);
        cpu_show(b, &l->w->routed.up, e, &b->a_input, rows, n);
    }
    cpu_show(b, &l->w->shared.gate, 0, &b->a_input, NULL, b->x->n_rows);
    cpu_show(b, &l->w->shared.up, 0, &b->a_input, NULL, b->x->n_rows);
}

static void show_inner(backend *b, const layer *l) {
    for (uint32_t i = 0; i < b->n_active; i++) {
        const uint32_t e = b->active[i], at = b->group_at[e];
        cpu_show(b, &l->w->routed.down, e, &b->a_inner, b->group_slot + at, b->group_at[e + 1] - at);
    }
    cpu_show(b, &l->w->shared.down, 0, &b->a_shared, NULL, b->x->n_rows);
}

void cpu_experts(backend *b, const layer *l) {
    const shape *s = b->s;
    const uint32_t n = b->x->n_rows, shared = s->n_shared * s->ff_dim;
    expert_job j = {b, l};
    group_slots(b);
    acts_ready(b, &b->a_input, &l->w->routed.gate);
    acts_ready(b, &b->a_input, &l->w->routed.up);
    acts_ready(b, &b->a_input, &l->w->shared.gate);
    acts_ready(b, &b->a_input, &l->w->shared.up);
    if (b->watch.see) show_inputs(b, l);
    pool_for(b->threads, (size_t)b->n_active * s->ff_dim + shared, 32, inner_pieces, &j);
    acts_set(&b->a_inner, b->inner, n * s->n_used, s->ff_dim);
    acts_ready(b, &b->a_inner, &l->w->routed.down);
    acts_set(&b->a_shared, b->shared_inner, n, shared);
    acts_ready(b, &b->a_shared, &l->w->shared.down);
    if (b->watch.see) show_inner(b, l);
    pool_for(b->threads, s->d_model, 16, output_pieces, &j);
    hc_expand(b);
}
