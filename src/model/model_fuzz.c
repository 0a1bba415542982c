/* Any bytes as a model: refused in one clean line, or bound so that nothing behind it has to check
 * again.
 *
 * Small models are accepted here, so that the fuzzer reaches shapes, bindings, plans and
 * identities.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "model/plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(bool ok, const char *what) {
    if (ok) return;
    fprintf(stderr, "not so: %s\n", what);
    abort();
}

static void check_refusal(status st, const err *e) {
    must(e->code == st && st != E_NOMEM, "the code, and no memory out of proportion");
    must(strncmp(e->text, "fuzz.gguf: ", 11) == 0, "the file is named");
    must(utf8_valid(e->text, strlen(e->text)), "the line is UTF-8");
    for (const char *p = e->text; *p; p++)
        must((unsigned char)*p >= 0x20 && *p != 0x7f, "it is one line");
}

/* Reads the first and the last row of the last plane: a sanitizer sees what lies outside. */
static void walk_matrix(const matrix *m, uint32_t cols, uint32_t rows, uint32_t planes) {
    must(m->type && m->type->dequant && m->data, "a matrix is there");
    must(m->cols == cols && m->rows == rows && m->planes == planes, "a matrix has its shape");
    must(m->cols > 0 && m->cols % m->type->block_values == 0, "a row is whole blocks");
    must(m->plane_bytes == m->row_bytes * rows, "planes are rows");
    float *row = malloc(cols * sizeof *row);
    must(row != NULL, "memory for a row");
    m->type->dequant(matrix_row(m, planes - 1, 0), row, cols);
    m->type->dequant(matrix_row(m, planes - 1, rows - 1), row, cols);
    free(row);
}

static void walk_vector(const float *v, uint64_t n) {
    must(v != NULL, "a vector is there");
    for (uint64_t i = 0; i < n; i++) must(isfinite(v[i]) != 0, "a vector is finite");
}

static void walk_hc(const hc_weights *h, const shape *s, uint32_t rows, uint32_t scales) {
    walk_matrix(&h->fn, s->n_streams * s->d_model, rows, 1);
    walk_vector(h->base, rows);
    walk_vector(h->scale, scales);
}

static void walk_compressor(const compressor_weights *c, const shape *s, uint32_t ratio,
                            uint32_t width) {
    const uint32_t cols = ratio_halves(ratio) * width;
    walk_matrix(&c->kv, s->d_model, cols, 1);
    walk_matrix(&c->gate, s->d_model, cols, 1);
    walk_vector(c->ape, (uint64_t)ratio * cols);
    walk_vector(c->norm, width);
}

static void walk_experts(const expert_weights *x, const shape *s, uint32_t inner, uint32_t planes) {
    walk_matrix(&x->gate, s->d_model, inner, planes);
    walk_matrix(&x->up, s->d_model, inner, planes);
    walk_matrix(&x->down, inner, s->d_model, planes);
}

static void walk_layer(const layer_weights *l, const shape *s, uint32_t index) {
    const uint32_t ratio = s->ratio[index];
    walk_hc(&l->hc_attn, s, shape_hc_mix(s), 3);
    walk_hc(&l->hc_ffn, s, shape_hc_mix(s), 3);
    walk_vector(l->attn_norm, s->d_model);
    walk_vector(l->ffn_norm, s->d_model);
    walk_vector(l->sinks, s->n_heads);
    walk_vector(l->q_norm, s->q_rank);
    walk_vector(l->kv_norm, s->head_dim);
    walk_matrix(&l->q_a, s->d_model, s->q_rank, 1);
    walk_matrix(&l->q_b, s->q_rank, s->n_heads * s->head_dim, 1);
    walk_matrix(&l->kv, s->d_model, s->head_dim, 1);
    walk_matrix(&l->out_a, s->n_heads / s->o_groups * s->head_dim, s->o_groups * s->o_rank, 1);
    walk_matrix(&l->out_b, s->o_groups * s->o_rank, s->d_model, 1);
    if (ratio) walk_compressor(&l->comp, s, ratio, s->head_dim);
    if (ratio == 4) {
        walk_compressor(&l->ix_comp, s, 4, s->ix_dim);
        walk_matrix(&l->ix_q, s->q_rank, s->ix_heads * s->ix_dim, 1);
        walk_matrix(&l->ix_weights, s->d_model, s->ix_heads, 1);
    }
    walk_matrix(&l->router, s->d_model, s->n_experts, 1);
    must((l->route_ids != NULL) != (l->route_bias != NULL), "a layer routes in one way");
    if (l->route_bias) walk_vector(l->route_bias, s->n_experts);
    for (uint64_t i = 0; l->route_ids && i < (uint64_t)s->n_vocab * s->n_used; i++)
        must(l->route_ids[i] >= 0 && (uint32_t)l->route_ids[i] < s->n_experts,
             "experts of a token are there");
    walk_experts(&l->routed, s, s->ff_dim, s->n_experts);
    walk_experts(&l->shared, s, s->n_shared * s->ff_dim, 1);
}

static void walk_head(const head_weights *h, const shape *s) {
    walk_hc(&h->hc, s, s->n_streams, 1);
    walk_vector(h->norm, s->d_model);
    walk_matrix(&h->out, s->d_model, s->n_vocab, 1);
}

static void walk_weights(const weights *w, const shape *s) {
    walk_matrix(&w->embed, s->d_model, s->n_vocab, 1);
    for (uint32_t l = 0; l < s->n_layers; l++) walk_layer(&w->layers[l], s, l);
    walk_head(&w->head, s);
    if (!w->draft.present) return;
    walk_layer(&w->draft.block, s, s->n_layers);
    walk_matrix(&w->draft.e_proj, s->d_model, s->d_model, 1);
    walk_matrix(&w->draft.h_proj, s->d_model, s->d_model, 1);
    walk_vector(w->draft.e_norm, s->d_model);
    walk_vector(w->draft.h_norm, s->d_model);
    walk_matrix(&w->draft.embed, s->d_model, s->n_vocab, 1);
    walk_head(&w->draft.head, s);
}

static void walk_plan(const model *m, plan_options o) {
    plan p;
    err e = {0};
    const status st = plan_make(&p, m, &o, &e);
    if (st != OK) {
        must(st == E_UNSUPPORTED || (st == E_USAGE && o.draft),
             "a plan fails for its two reasons only");
        return;
    }
    uint64_t state = 0, page = 0; /* layers lie in order, so ends only rise */
    for (uint32_t i = 0; i < p.shape->n_layers + (o.draft ? 1u : 0); i++) {
        const layer *l = &p.layers[i];
        must(l->ring_at >= state && l->ring_at % 64 == 0, "rings lie behind what was before");
        state = l->ring_at + (uint64_t)p.ring_rows * p.shape->head_dim * p.row_value_bytes;
        if (!l->ratio) continue;
        must(l->comp_at >= state && l->rows_at >= page, "compressors and rows as well");
        state = l->comp_at + 4 * plan_window_floats(l->ratio, p.shape->head_dim);
        page = l->rows_at + (uint64_t)l->rows_per_page * p.shape->head_dim * p.row_value_bytes;
        if (l->ratio != 4) continue;
        must(l->ix_comp_at >= state && l->ix_rows_at >= page, "and those of the indexer");
        state = l->ix_comp_at + 4 * plan_window_floats(4, p.shape->ix_dim);
        page = l->ix_rows_at + (uint64_t)l->rows_per_page * p.shape->ix_dim * p.row_value_bytes;
    }
    must(state <= p.state_bytes && page <= p.page_bytes, "nothing lies beyond the end");
    for (uint32_t i = 0; i < p.shape->rope_dim / 2; i++)
        must(isfinite(p.rope_plain[i]) && isfinite(p.rope_yarn[i]), "frequencies are finite");
    plan_free(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    model *m = NULL, *again = NULL;
    err e = {0};
    const status st = model_open_bytes(&m, data, n, "fuzz.gguf", &e);
    if (st != OK) {
        must(!m, "a refused model is none");
        check_refusal(st, &e);
        return 0;
    }
    walk_weights(model_weights(m), model_shape(m));
    for (int way = 0; way < 8; way++)
        walk_plan(m, (plan_options){.exact = way & 1, .rounding = way & 2, .draft = way & 4});
    must(model_open_bytes(&again, data, n, "again", &e) == OK, "what opens once opens again");
    must(hash128_equal(model_identity(m), model_identity(again)), "as the same model");
    model_close(again);
    model_close(m);
    return 0;
}
