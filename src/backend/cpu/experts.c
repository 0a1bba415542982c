/* experts: the chosen experts and the shared one, and the result joins the streams.
 *
 *     ffn_e(x) = w2 (g_e silu(min(w1 x, clamp)) * clamp(w3 x, -clamp, clamp))       g of the shared expert is 1
 *     y = sum over the chosen, by rising id, of ffn_e(x), then the shared one
 *
 * Rows are grouped by expert, so that an expert's weights are read once however many rows chose it. A slot is one
 * (row, choice) pair. Cutting the second product by outputs lets one thread sum all experts of an output in order.
 */
#include <string.h>

#include "backend/cpu/cpu.h"
#include "base/file.h"

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

typedef struct expert_job {
    backend *b;
    const layer *l;
} expert_job;

/* Inner values o..o+n_out-1 of one expert, for all its rows. */
static void inner_of_expert(const expert_job *j, uint32_t e, uint32_t o, uint32_t n_out, uint32_t thread) {
    const backend *b = j->b;
    const shape *s = b->s;
    const uint32_t at = b->group_at[e], n = b->group_at[e + 1] - at;
    const uint32_t *slots = b->group_slot + at;
    float *gate = b->scratch[thread].results, *up = gate + (size_t)b->max_rows * s->n_used * CPU_OUTPUTS;
    uint32_t *rows = b->scratch[thread].rows;
    for (uint32_t i = 0; i < n; i++) rows[i] = slots[i] / s->n_used;
    cpu_tile(b, &j->l->w->routed.gate, e, o, n_out, &b->a_input, rows, n, gate, CPU_OUTPUTS, thread);
    cpu_tile(b, &j->l->w->routed.up, e, o, n_out, &b->a_input, rows, n, up, CPU_OUTPUTS, thread);
    for (uint32_t i = 0; i < n; i++) {
        float *to = b->inner + (size_t)slots[i] * s->ff_dim + o;
        b->loops->gated(to, gate + (size_t)i * CPU_OUTPUTS, up + (size_t)i * CPU_OUTPUTS,
                        b->expert_weight[slots[i]], j->l->clamp_routed, n_out);
    }
}

static void inner_of_shared(const expert_job *j, uint32_t o, uint32_t n_out, uint32_t thread) {
    const backend *b = j->b;
    const uint32_t n = b->x->n_rows, width = b->s->n_shared * b->s->ff_dim;
    float *gate = b->scratch[thread].results, *up = gate + (size_t)n * CPU_OUTPUTS;
    cpu_tile(b, &j->l->w->shared.gate, 0, o, n_out, &b->a_input, NULL, n, gate, CPU_OUTPUTS, thread);
    cpu_tile(b, &j->l->w->shared.up, 0, o, n_out, &b->a_input, NULL, n, up, CPU_OUTPUTS, thread);
    for (uint32_t r = 0; r < n; r++)
        b->loops->gated(b->shared_inner + (size_t)r * width + o, gate + (size_t)r * CPU_OUTPUTS,
                        up + (size_t)r * CPU_OUTPUTS, 1, j->l->clamp_shared, n_out);
}

/* The disk begins with all chosen experts, in the order in which they will be used, while the first are computed. */
static void ask_early(const backend *b, const layer *l) {
    const matrix *parts[] = {&l->w->routed.gate, &l->w->routed.up, &l->w->routed.down};
    for (int part = 0; part < 3; part++)
        for (uint32_t i = 0; i < b->n_active; i++)
            map_soon(parts[part]->data + b->active[i] * parts[part]->plane_bytes, parts[part]->plane_bytes);
}

static uint32_t tiles_of(uint32_t n) { return (n + CPU_OUTPUTS - 1) / CPU_OUTPUTS; }
static uint32_t tile_size(uint32_t n, uint32_t tile) {
    const uint32_t left = n - tile * CPU_OUTPUTS;
    return left < CPU_OUTPUTS ? left : CPU_OUTPUTS;
}

/* Pieces: the tiles of inner values of all active experts, then those of the shared one. */
static void inner_pieces(void *ctx, size_t begin, size_t end, uint32_t thread) {
    const expert_job *j = ctx;
    const backend *b = j->b;
    const uint32_t ff = b->s->ff_dim, per = tiles_of(ff);
    for (size_t i = begin; i < end; i++) {
        const uint32_t e = (uint32_t)(i / per);
        if (e < b->n_active) {
            const uint32_t t = (uint32_t)(i % per);
            inner_of_expert(j, b->active[e], t * CPU_OUTPUTS, tile_size(ff, t), thread);
        } else {
            const uint32_t t = (uint32_t)(i - (size_t)b->n_active * per);
            inner_of_shared(j, t * CPU_OUTPUTS, tile_size(b->s->n_shared * ff, t), thread);
        }
    }
}

static void output_tile(const expert_job *j, uint32_t o, uint32_t n_out, uint32_t thread) {
    const backend *b = j->b;
    const shape *s = b->s;
    const uint32_t n = b->x->n_rows;
    float *part = b->scratch[thread].results;
    for (uint32_t r = 0; r < n; r++) memset(b->output + (size_t)r * s->d_model + o, 0, n_out * sizeof(float));
    for (uint32_t i = 0; i <= b->n_active; i++) {
        const bool shared = i == b->n_active;
        const uint32_t e = shared ? 0 : b->active[i], at = shared ? 0 : b->group_at[e];
        const uint32_t m = shared ? n : b->group_at[e + 1] - at;
        const uint32_t *slots = b->group_slot + at;
        if (shared) cpu_tile(b, &j->l->w->shared.down, 0, o, n_out, &b->a_shared, NULL, m, part, CPU_OUTPUTS, thread);
        else cpu_tile(b, &j->l->w->routed.down, e, o, n_out, &b->a_inner, slots, m, part, CPU_OUTPUTS, thread);
        for (uint32_t k = 0; k < m; k++) {
            float *to = b->output + (size_t)(shared ? k : slots[k] / s->n_used) * s->d_model + o;
            for (uint32_t d = 0; d < n_out; d++) to[d] += part[(size_t)k * CPU_OUTPUTS + d];
        }
    }
}

static void output_pieces(void *ctx, size_t begin, size_t end, uint32_t thread) {
    const expert_job *j = ctx;
    for (size_t i = begin; i < end; i++)
        output_tile(j, (uint32_t)i * CPU_OUTPUTS, tile_size(j->b->s->d_model, (uint32_t)i), thread);
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
    if (b->read_ahead) ask_early(b, l);
    acts_ready(b, &b->a_input, &l->w->routed.gate);
    acts_ready(b, &b->a_input, &l->w->routed.up);
    acts_ready(b, &b->a_input, &l->w->shared.gate);
    acts_ready(b, &b->a_input, &l->w->shared.up);
    if (b->watch.see) show_inputs(b, l);
    pool_for(b->threads, (size_t)b->n_active * tiles_of(s->ff_dim) + tiles_of(shared), 1, inner_pieces, &j);
    acts_set(&b->a_inner, b->inner, n * s->n_used, s->ff_dim);
    acts_ready(b, &b->a_inner, &l->w->routed.down);
    acts_set(&b->a_shared, b->shared_inner, n, shared);
    acts_ready(b, &b->a_shared, &l->w->shared.down);
    if (b->watch.see) show_inner(b, l);
    pool_for(b->threads, tiles_of(s->d_model), 1, output_pieces, &j);
    hc_expand(b);
}
