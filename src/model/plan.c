#include "model/plan.h"

#include <math.h>
#include <stdlib.h>

#include "base/checked.h"

static const double TAU = 6.283185307179586476925;

/* The dimension whose wavelength fits `beta` times into the original context. */
static double yarn_dim(const shape *s, double beta) {
    return s->rope_dim * log(s->yarn_context / (beta * TAU)) / (2 * log(s->rope_base_compressed));
}

void rope_frequencies(const shape *s, bool compressed, float *out) {
    const double theta = compressed ? s->rope_base_compressed : s->rope_base;
    double lo = fmax(floor(yarn_dim(s, s->yarn_beta_fast)), 0);
    double hi = fmin(ceil(yarn_dim(s, s->yarn_beta_slow)), s->rope_dim - 1);
    if (lo == hi) hi += 0.001;
    for (uint32_t i = 0; i < s->rope_dim / 2; i++) {
        const double f = pow(theta, -2.0 * i / s->rope_dim);
        const double u = compressed ? fmin(fmax((i - lo) / (hi - lo), 0), 1) : 0;
        out[i] = (float)((1 - u) * f + u * f / s->yarn_factor);
    }
}

uint64_t plan_window_floats(uint32_t ratio, uint32_t width) {
    if (ratio == 0) return 0;
    return (ratio == 4 ? (uint64_t)24 : 3) * width;
}

/* Takes `bytes` at the next multiple of 64. The shape's limits keep every sum far below 2^64. */
static uint64_t place(uint64_t *end, uint64_t bytes) {
    const uint64_t at = (*end + 63) & ~(uint64_t)63;
    *end = at + bytes;
    return at;
}

static void lay_out_layer(plan *p, layer *l) {
    const shape *s = p->shape;
    const uint64_t row = (uint64_t)s->head_dim * p->row_value_bytes;
    l->ring_at = place(&p->state_bytes, p->ring_rows * row);
    if (l->ratio == 0) return;
    l->rows_per_page = ratio_rows_per_page(l->ratio);
    l->comp_at = place(&p->state_bytes, sizeof(float) * plan_window_floats(l->ratio, s->head_dim));
    l->rows_at = place(&p->page_bytes, l->rows_per_page * row);
    if (l->ratio != 4) return;
    l->ix_comp_at = place(&p->state_bytes, sizeof(float) * plan_window_floats(4, s->ix_dim));
    l->ix_rows_at = place(&p->page_bytes, (uint64_t)l->rows_per_page * s->ix_dim * p->row_value_bytes);
}

static hash128 take_key(const plan *p, const model *m) {
    const hash128 identity = model_identity(m), side = p->options.draft ? model_side_identity(m) : (hash128){0, 0};
    const uint64_t layout[] = {2 /* version of this layout */, PAGE_TOKENS, RING_SPARE, p->format,
                               p->options.exact, p->options.rounding, p->options.draft, p->page_bytes,
                               p->state_bytes, side.lo, side.hi};
    return hash128_chain(identity, layout, sizeof layout);
}

status plan_make(plan *out, const model *m, const plan_options *o, err *e) {
    const shape *s = model_shape(m);
    const weights *w = model_weights(m);
    if (o->draft && !w->draft.present)
        return fail(e, E_USAGE, "the model has no draft (MTP) block: name a file that holds one with --mtp");
    bool indexed = false;
    for (uint32_t l = 0; l < s->n_layers; l++) indexed |= s->ratio[l] == 4;
    if (indexed && o->rounding && !is_pow2(s->ix_dim))
        return fail(e, E_UNSUPPORTED,
                    "deepseek4.attention.indexer.key_length is %u: the official rounding needs a power of two "
                    "(--no-sim runs without it)",
                    s->ix_dim);

    plan p = {.shape = s, .weights = w, .options = *o, .format = o->exact ? ROW_F32 : ROW_F16,
              .row_value_bytes = o->exact ? 4 : 2, .ring_rows = s->window + RING_SPARE};
    const uint32_t n = s->n_layers + (o->draft ? 1 : 0);
    p.layers = calloc(n, sizeof *p.layers);
    p.rope_plain = calloc(s->rope_dim, sizeof *p.rope_plain);
    p.rope_yarn = calloc(s->rope_dim, sizeof *p.rope_yarn);
    if (!p.layers || !p.rope_plain || !p.rope_yarn) {
        plan_free(&p);
        return fail(e, E_NOMEM, "plan: out of memory");
    }
    rope_frequencies(s, false, p.rope_plain);
    rope_frequencies(s, true, p.rope_yarn);
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t ratio = s->ratio[i];
        p.layers[i] = (layer){.index = i, .ratio = ratio, .w = i < s->n_layers ? &w->layers[i] : &w->draft.block,
                              .rope = ratio ? p.rope_yarn : p.rope_plain, .clamp_routed = s->clamp_routed[i],
                              .clamp_shared = s->clamp_shared[i]};
        lay_out_layer(&p, &p.layers[i]);
    }
    if (o->draft) {
        p.draft = &p.layers[s->n_layers];
        p.draft_streams_at = place(&p.state_bytes, sizeof(float) * (uint64_t)s->n_streams * s->d_model);
    }
    p.page_bytes = (p.page_bytes + 63) & ~(uint64_t)63;
    p.state_bytes = (p.state_bytes + 63) & ~(uint64_t)63;
    p.key = take_key(&p, m);
    *out = p;
    return OK;
}

void plan_free(plan *p) {
    free(p->layers);
    free(p->rope_plain);
    free(p->rope_yarn);
    *p = (plan){0};
}

uint64_t plan_context_bytes(const plan *p, uint64_t n_tokens) {
    return p->state_bytes + (n_tokens + PAGE_TOKENS - 1) / PAGE_TOKENS * p->page_bytes;
}
