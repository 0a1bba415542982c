#include "apps/timing/products.h"

#include <math.h>
#include <stdint.h>

const char *const stage_names[N_STAGES] = {"embed",  "draft_in", "attn_in", "compress", "select",
                                           "attend", "attn_out", "ffn_in",  "experts",  "head"};

const product_kind product_kinds[N_PRODUCTS] = {
    [PRODUCT_HC_ATTN] = {"hc_fn", STAGE_ATTN_IN},
    [PRODUCT_Q_A] = {"q_a", STAGE_ATTN_IN},
    [PRODUCT_Q_B] = {"q_b", STAGE_ATTN_IN},
    [PRODUCT_KV] = {"kv", STAGE_ATTN_IN},
    [PRODUCT_COMP] = {"kv, gate", STAGE_COMPRESS},
    [PRODUCT_IX_COMP] = {"index kv, gate", STAGE_COMPRESS},
    [PRODUCT_IX_Q] = {"index q_b", STAGE_SELECT},
    [PRODUCT_IX_WEIGHTS] = {"index weights", STAGE_SELECT},
    [PRODUCT_OUT_A] = {"out_a", STAGE_ATTN_OUT},
    [PRODUCT_OUT_B] = {"out_b", STAGE_ATTN_OUT},
    [PRODUCT_HC_FFN] = {"hc_fn", STAGE_FFN_IN},
    [PRODUCT_ROUTER] = {"router", STAGE_FFN_IN},
    [PRODUCT_GATE_UP] = {"gate, up", STAGE_EXPERTS},
    [PRODUCT_DOWN] = {"down", STAGE_EXPERTS},
    [PRODUCT_HC_HEAD] = {"hc_fn", STAGE_HEAD},
    [PRODUCT_VOCABULARY] = {"output", STAGE_HEAD},
    [PRODUCT_DRAFT_IN] = {"e_proj, h_proj", STAGE_DRAFT_IN},
};

#define L(field) offsetof(layer_weights, field)
const layer_matrix layer_matrices[N_LAYER_MATRICES] = {
    {L(hc_attn.fn), PRODUCT_HC_ATTN, 0},
    {L(q_a), PRODUCT_Q_A, 0},
    {L(q_b), PRODUCT_Q_B, 0},
    {L(kv), PRODUCT_KV, 0},
    {L(comp.kv), PRODUCT_COMP, 0},
    {L(comp.gate), PRODUCT_COMP, 0},
    {L(ix_comp.kv), PRODUCT_IX_COMP, 0},
    {L(ix_comp.gate), PRODUCT_IX_COMP, 0},
    {L(ix_q), PRODUCT_IX_Q, 0},
    {L(ix_weights), PRODUCT_IX_WEIGHTS, 0},
    {L(out_a), PRODUCT_OUT_A, 0},
    {L(out_b), PRODUCT_OUT_B, 0},
    {L(hc_ffn.fn), PRODUCT_HC_FFN, 0},
    {L(router), PRODUCT_ROUTER, 0},
    {L(routed.gate), PRODUCT_GATE_UP, 1},
    {L(routed.up), PRODUCT_GATE_UP, 1},
    {L(shared.gate), PRODUCT_GATE_UP, 0},
    {L(shared.up), PRODUCT_GATE_UP, 0},
    {L(routed.down), PRODUCT_DOWN, 1},
    {L(shared.down), PRODUCT_DOWN, 0},
};
#undef L

static const matrix *matrix_at(const layer_weights *w, const layer_matrix *m) {
    return (const matrix *)(const void *)((const char *)w + m->at);
}

int product_find(const plan *p, const layer *l, const matrix *w) {
    const weights *all = p->weights;
    for (int i = 0; l && i < N_LAYER_MATRICES; i++)
        if (w == matrix_at(l->w, &layer_matrices[i])) return (int)layer_matrices[i].kind;
    if (w == &all->head.out || w == &all->draft.head.out) return PRODUCT_VOCABULARY;
    if (w == &all->head.hc.fn || w == &all->draft.head.hc.fn) return PRODUCT_HC_HEAD;
    if (w == &all->draft.e_proj || w == &all->draft.h_proj) return PRODUCT_DRAFT_IN;
    return -1;
}

static uint64_t least(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

cache_reads cache_rows(const plan *p, const layer *l, uint32_t pos, uint32_t n) {
    const shape *s = p->shape;
    cache_reads r = {.window = least(pos, s->window - 1)};
    if (!l->ratio) return r;
    r.compressed = ((uint64_t)pos + n) / l->ratio;
    if (l->ratio != 4 || r.compressed <= s->ix_top_k) return r;
    r.index = r.compressed;
    r.compressed = least(r.compressed, (uint64_t)n * s->ix_top_k);
    return r;
}

/* How many of E experts are met when B tokens choose K each and all are equally likely. */
static double distinct(double experts, double used, double tokens) {
    return experts * (1 - pow(1 - used / experts, tokens));
}

static double layer_bytes(const plan *p, const layer *l, uint32_t sessions, bool choosing) {
    double sum = 0;
    for (int i = 0; i < N_LAYER_MATRICES; i++) {
        const layer_matrix *m = &layer_matrices[i];
        const matrix *w = matrix_at(l->w, m);
        if (!w->type) continue;
        if (product_kinds[m->kind].stage == STAGE_SELECT && !choosing) continue;
        const double planes =
            m->routed ? distinct(w->planes, p->shape->n_used, sessions) : w->planes;
        sum += planes * (double)w->plane_bytes;
    }
    return sum;
}

double step_weight_bytes(const plan *p, uint32_t sessions, uint32_t pos) {
    const weights *w = p->weights;
    const bool choosing = ((uint64_t)pos + 1) / 4 > p->shape->ix_top_k;
    double sum = (double)w->embed.row_bytes * sessions;
    for (uint32_t i = 0; i < p->shape->n_layers; i++)
        sum += layer_bytes(p, &p->layers[i], sessions, choosing);
    return sum + (double)w->head.hc.fn.plane_bytes + (double)w->head.out.plane_bytes;
}

double step_cache_bytes(const plan *p, uint32_t sessions, uint32_t pos) {
    const shape *s = p->shape;
    double sum = 0;
    for (uint32_t i = 0; i < s->n_layers; i++) {
        const cache_reads r = cache_rows(p, &p->layers[i], pos, 1);
        sum += (double)((r.window + r.compressed) * s->head_dim + r.index * s->ix_dim);
    }
    return sum * p->row_value_bytes * sessions;
}
