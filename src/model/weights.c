#include "model/weights.h"

#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/checked.h"
#include "base/le.h"

/* Sizes a tensor's dimensions are made of, by name, so that the tables below read like the format. */
typedef enum dim {
    ONE, THREE, D, MD, MIX, M, V, K, E, H, DH, RQ, HDH, GROUP_IN, GRO, CW, IW, RATIO, FOUR, DI, HI, HIDI, I, SI, D2
} dim;


/* When a layer has the tensor. */
typedef enum when { ALWAYS, COMPRESSED, INDEXED, HASHED, SCORED } when;

typedef struct tensor_row {
    const char *name; /* behind the block's prefix */
    tensor_role role;
    when when;
    size_t at; /* offset of the field in its struct */
    dim in, out, planes;
} tensor_row;

#define L(field) offsetof(layer_weights, field)
static const tensor_row layer_rows[] = {
    {"hc_attn_fn.weight", TENSOR_MATRIX, ALWAYS, L(hc_attn.fn), MD, MIX, ONE},
    {"hc_attn_base.weight", TENSOR_VECTOR, ALWAYS, L(hc_attn.base), MIX, ONE, ONE},
    {"hc_attn_scale.weight", TENSOR_VECTOR, ALWAYS, L(hc_attn.scale), THREE, ONE, ONE},
    {"hc_ffn_fn.weight", TENSOR_MATRIX, ALWAYS, L(hc_ffn.fn), MD, MIX, ONE},
    {"hc_ffn_base.weight", TENSOR_VECTOR, ALWAYS, L(hc_ffn.base), MIX, ONE, ONE},
    {"hc_ffn_scale.weight", TENSOR_VECTOR, ALWAYS, L(hc_ffn.scale), THREE, ONE, ONE},
    {"attn_norm.weight", TENSOR_VECTOR, ALWAYS, L(attn_norm), D, ONE, ONE},
    {"attn_sinks.weight", TENSOR_VECTOR, ALWAYS, L(sinks), H, ONE, ONE},
    {"attn_q_a.weight", TENSOR_MATRIX, ALWAYS, L(q_a), D, RQ, ONE},
    {"attn_q_a_norm.weight", TENSOR_VECTOR, ALWAYS, L(q_norm), RQ, ONE, ONE},
    {"attn_q_b.weight", TENSOR_MATRIX, ALWAYS, L(q_b), RQ, HDH, ONE},
    {"attn_kv.weight", TENSOR_MATRIX, ALWAYS, L(kv), D, DH, ONE},
    {"attn_kv_a_norm.weight", TENSOR_VECTOR, ALWAYS, L(kv_norm), DH, ONE, ONE},
    {"attn_output_a.weight", TENSOR_MATRIX, ALWAYS, L(out_a), GROUP_IN, GRO, ONE},
    {"attn_output_b.weight", TENSOR_MATRIX, ALWAYS, L(out_b), GRO, D, ONE},
    {"attn_compressor_kv.weight", TENSOR_MATRIX, COMPRESSED, L(comp.kv), D, CW, ONE},
    {"attn_compressor_gate.weight", TENSOR_MATRIX, COMPRESSED, L(comp.gate), D, CW, ONE},
    {"attn_compressor_ape.weight", TENSOR_VECTOR, COMPRESSED, L(comp.ape), CW, RATIO, ONE},
    {"attn_compressor_norm.weight", TENSOR_VECTOR, COMPRESSED, L(comp.norm), DH, ONE, ONE},
    {"indexer.proj.weight", TENSOR_MATRIX, INDEXED, L(ix_weights), D, HI, ONE},
    {"indexer.attn_q_b.weight", TENSOR_MATRIX, INDEXED, L(ix_q), RQ, HIDI, ONE},
    {"indexer_compressor_kv.weight", TENSOR_MATRIX, INDEXED, L(ix_comp.kv), D, IW, ONE},
    {"indexer_compressor_gate.weight", TENSOR_MATRIX, INDEXED, L(ix_comp.gate), D, IW, ONE},
    {"indexer_compressor_ape.weight", TENSOR_VECTOR, INDEXED, L(ix_comp.ape), IW, FOUR, ONE},
    {"indexer_compressor_norm.weight", TENSOR_VECTOR, INDEXED, L(ix_comp.norm), DI, ONE, ONE},
    {"ffn_norm.weight", TENSOR_VECTOR, ALWAYS, L(ffn_norm), D, ONE, ONE},
    {"ffn_gate_inp.weight", TENSOR_MATRIX, ALWAYS, L(router), D, E, ONE},
    {"exp_probs_b.bias", TENSOR_VECTOR, SCORED, L(route_bias), E, ONE, ONE},
    {"ffn_gate_tid2eid.weight", TENSOR_IDS, HASHED, L(route_ids), K, V, ONE},
    {"ffn_gate_exps.weight", TENSOR_MATRIX, ALWAYS, L(routed.gate), D, I, E},
    {"ffn_up_exps.weight", TENSOR_MATRIX, ALWAYS, L(routed.up), D, I, E},
    {"ffn_down_exps.weight", TENSOR_MATRIX, ALWAYS, L(routed.down), I, D, E},
    {"ffn_gate_shexp.weight", TENSOR_MATRIX, ALWAYS, L(shared.gate), D, SI, ONE},
    {"ffn_up_shexp.weight", TENSOR_MATRIX, ALWAYS, L(shared.up), D, SI, ONE},
    {"ffn_down_shexp.weight", TENSOR_MATRIX, ALWAYS, L(shared.down), SI, D, ONE},
};
#undef L

#define W(field) offsetof(weights, field)
static const tensor_row trunk_rows[] = {
    {"token_embd.weight", TENSOR_MATRIX, ALWAYS, W(embed), D, V, ONE},
    {"output_norm.weight", TENSOR_VECTOR, ALWAYS, W(head.norm), D, ONE, ONE},
    {"output.weight", TENSOR_MATRIX, ALWAYS, W(head.out), D, V, ONE},
    {"output_hc_fn.weight", TENSOR_MATRIX, ALWAYS, W(head.hc.fn), MD, M, ONE},
    {"output_hc_base.weight", TENSOR_VECTOR, ALWAYS, W(head.hc.base), M, ONE, ONE},
    {"output_hc_scale.weight", TENSOR_VECTOR, ALWAYS, W(head.hc.scale), ONE, ONE, ONE},
};
#undef W

#define P(field) offsetof(draft_weights, field)
static const tensor_row draft_rows[] = {
    /* behind mtp.0. */
    {"e_proj.weight", TENSOR_MATRIX, ALWAYS, P(e_proj), D, D, ONE},
    {"h_proj.weight", TENSOR_MATRIX, ALWAYS, P(h_proj), D, D, ONE},
    {"enorm.weight", TENSOR_VECTOR, ALWAYS, P(e_norm), D, ONE, ONE},
    {"hnorm.weight", TENSOR_VECTOR, ALWAYS, P(h_norm), D, ONE, ONE},
    {"norm.weight", TENSOR_VECTOR, ALWAYS, P(head.norm), D, ONE, ONE},
    {"hc_head_fn.weight", TENSOR_MATRIX, ALWAYS, P(head.hc.fn), MD, M, ONE},
    {"hc_head_base.weight", TENSOR_VECTOR, ALWAYS, P(head.hc.base), M, ONE, ONE},
    {"hc_head_scale.weight", TENSOR_VECTOR, ALWAYS, P(head.hc.scale), ONE, ONE, ONE},
};
/* The block behind the trunk: pair of projections in one tensor or in two, head parts shared unless given. */
static const tensor_row nextn_norms[] = {
    {"nextn.enorm.weight", TENSOR_VECTOR, ALWAYS, P(e_norm), D, ONE, ONE},
    {"nextn.hnorm.weight", TENSOR_VECTOR, ALWAYS, P(h_norm), D, ONE, ONE},
};
static const tensor_row nextn_projections[] = {
    {"nextn.e_proj.weight", TENSOR_MATRIX, ALWAYS, P(e_proj), D, D, ONE},
    {"nextn.h_proj.weight", TENSOR_MATRIX, ALWAYS, P(h_proj), D, D, ONE},
};
static const tensor_row nextn_joined = {"nextn.eh_proj.weight", TENSOR_MATRIX, ALWAYS, P(e_proj), D2, D, ONE};
static const tensor_row nextn_options[] = {
    {"nextn.shared_head_norm.weight", TENSOR_VECTOR, ALWAYS, P(head.norm), D, ONE, ONE},
    {"nextn.embed_tokens.weight", TENSOR_MATRIX, ALWAYS, P(embed), D, V, ONE},
    {"nextn.shared_head_head.weight", TENSOR_MATRIX, ALWAYS, P(head.out), D, V, ONE},
};
#undef P

#define COUNT(a) (sizeof(a) / sizeof *(a))

typedef struct binder {
    weights *w;
    const shape *s;
    gguf *const *files;
    uint32_t n_files;
    const char *name;
    buf missing; /* names of absent tensors with what was expected */
    uint32_t n_missing;
    err *e;
} binder;

static uint64_t size_of(const shape *s, dim d, uint32_t layer) {
    const uint64_t one = 1;
    switch (d) {
    case ONE: return 1;
    case THREE: return 3;
    case FOUR: return 4;
    case D: return s->d_model;
    case D2: return one * 2 * s->d_model;
    case MD: return one * s->n_streams * s->d_model;
    case MIX: return shape_hc_mix(s);
    case M: return s->n_streams;
    case V: return s->n_vocab;
    case K: return s->n_used;
    case E: return s->n_experts;
    case H: return s->n_heads;
    case DH: return s->head_dim;
    case RQ: return s->q_rank;
    case HDH: return one * s->n_heads * s->head_dim;
    case GROUP_IN: return one * s->n_heads / s->o_groups * s->head_dim;
    case GRO: return one * s->o_groups * s->o_rank;
    case CW: return one * ratio_halves(s->ratio[layer]) * s->head_dim;
    case IW: return one * 2 * s->ix_dim;
    case RATIO: return s->ratio[layer];
    case DI: return s->ix_dim;
    case HI: return s->ix_heads;
    case HIDI: return one * s->ix_heads * s->ix_dim;
    case I: return s->ff_dim;
    case SI: return one * s->n_shared * s->ff_dim;
    }
    return 0;
}

static const gguf_tensor *find(const binder *b, const char *name) {
    for (uint32_t i = 0; i < b->n_files; i++) {
        const gguf_tensor *t = gguf_find_tensor(b->files[i], name);
        if (t) return t;
    }
    return NULL;
}

static void print_shape(char *out, size_t cap, const uint64_t ne[3]) {
    if (ne[2] > 1) snprintf(out, cap, "[%" PRIu64 ", %" PRIu64 ", %" PRIu64 "]", ne[0], ne[1], ne[2]);
    else if (ne[1] > 1) snprintf(out, cap, "[%" PRIu64 ", %" PRIu64 "]", ne[0], ne[1]);
    else snprintf(out, cap, "[%" PRIu64 "]", ne[0]);
}

static void *own(binder *b, size_t bytes) {
    weights *w = b->w;
    if (w->n_owned == w->owned_cap) {
        const uint32_t cap = w->owned_cap ? w->owned_cap * 2 : 256;
        void **p = realloc(w->owned, cap * sizeof *p);
        if (!p) return NULL;
        w->owned = p;
        w->owned_cap = cap;
    }
    void *p = malloc(bytes ? bytes : 1);
    if (p) w->owned[w->n_owned++] = p;
    return p;
}

static status bind_vector(binder *b, const float **field, const gguf_tensor *t, const char *name) {
    const size_t n = (size_t)(t->ne[0] * t->ne[1]);
    if (!t->type->dequant)
        return fail(b->e, E_FORMAT, "%s: tensor %s: type %s cannot hold weights", b->name, name, t->type->name);
    float *v = own(b, n * sizeof *v);
    if (!v) return fail(b->e, E_NOMEM, "%s: out of memory", b->name);
    t->type->dequant(t->data, v, n);
    for (size_t i = 0; i < n; i++)
        if (!isfinite(v[i]))
            return fail(b->e, E_FORMAT, "%s: tensor %s: value %zu is not finite: the file is damaged", b->name,
                        name, i);
    *field = v;
    return OK;
}

static status bind_ids(binder *b, const int32_t **field, const gguf_tensor *t, const char *name) {
    const size_t n = (size_t)(t->ne[0] * t->ne[1]);
    if (t->type->id != Q_I32 && t->type->id != Q_I64)
        return fail(b->e, E_FORMAT, "%s: tensor %s: type %s, expected I32", b->name, name, t->type->name);
    int32_t *v = own(b, n * sizeof *v);
    if (!v) return fail(b->e, E_NOMEM, "%s: out of memory", b->name);
    for (size_t i = 0; i < n; i++) {
        const uint64_t id = t->type->id == Q_I32 ? le32(t->data + 4 * i) : le64(t->data + 8 * i);
        if (id >= b->s->n_experts)
            return fail(b->e, E_FORMAT, "%s: tensor %s: entry %zu is expert %" PRId64 " of %u", b->name, name, i,
                        (int64_t)(t->type->id == Q_I32 ? (int64_t)(int32_t)id : (int64_t)id), b->s->n_experts);
        v[i] = (int32_t)id;
    }
    *field = v;
    return OK;
}

static status bind_matrix(binder *b, matrix *m, const gguf_tensor *t, const char *name) {
    uint64_t row_bytes;
    if (!t->type->dequant || !quant_bytes(t->type, t->ne[0], &row_bytes))
        return fail(b->e, E_FORMAT, "%s: tensor %s: type %s cannot hold weights", b->name, name, t->type->name);
    *m = (matrix){.type = t->type, .data = t->data, .rows = (uint32_t)t->ne[1], .cols = (uint32_t)t->ne[0],
                  .planes = (uint32_t)t->ne[2], .row_bytes = row_bytes, .plane_bytes = row_bytes * t->ne[1]};
    return OK;
}

/* Finds prefix+row.name, holds it to its shape and fills base+row.at. Absent ones are noted, not refused: the
 * caller reports all of them together. */
static status bind_row(binder *b, const tensor_row *row, const char *prefix, uint32_t layer, void *base) {
    char name[128];
    snprintf(name, sizeof name, "%s%s", prefix, row->name);
    const uint64_t want[4] = {size_of(b->s, row->in, layer), size_of(b->s, row->out, layer),
                              size_of(b->s, row->planes, layer), 1};
    char expected[80];
    print_shape(expected, sizeof expected, want);
    const gguf_tensor *t = find(b, name);
    if (!t) {
        if (b->n_missing++ < 4) buf_printf(&b->missing, "%s%s %s", b->missing.n ? ", " : "", name, expected);
        return OK;
    }
    if (memcmp(t->ne, want, sizeof want) != 0) {
        char found[80];
        print_shape(found, sizeof found, t->ne);
        return fail(b->e, E_FORMAT, "%s: tensor %s: shape %s%s, expected %s", b->name, name, found,
                    t->ne[3] > 1 ? " in four dimensions" : "", expected);
    }
    void *field = (char *)base + row->at;
    switch (row->role) {
    case TENSOR_MATRIX: return bind_matrix(b, field, t, name);
    case TENSOR_VECTOR: return bind_vector(b, field, t, name);
    case TENSOR_IDS: return bind_ids(b, field, t, name);
    }
    return OK;
}

static status bind_rows(binder *b, const tensor_row *rows, size_t n, const char *prefix, uint32_t layer,
                        void *base) {
    status st = OK;
    for (size_t i = 0; i < n && st == OK; i++) st = bind_row(b, &rows[i], prefix, layer, base);
    return st;
}

static bool layer_has(const shape *s, uint32_t layer, when w) {
    const bool hashed = layer < s->n_hash_layers && layer < s->n_layers;
    switch (w) {
    case ALWAYS: return true;
    case COMPRESSED: return s->ratio[layer] != 0;
    case INDEXED: return s->ratio[layer] == 4;
    case HASHED: return hashed;
    case SCORED: return !hashed;
    }
    return false;
}

static status bind_layer(binder *b, layer_weights *lw, const char *prefix, uint32_t layer) {
    status st = OK;
    for (size_t i = 0; i < COUNT(layer_rows) && st == OK; i++)
        if (layer_has(b->s, layer, layer_rows[i].when)) st = bind_row(b, &layer_rows[i], prefix, layer, lw);
    return st;
}

static status visit_rows(const shape *s, const tensor_row *rows, size_t n, const char *prefix, uint32_t layer,
                         tensor_visit visit, void *ctx) {
    status st = OK;
    for (size_t i = 0; i < n && st == OK; i++) {
        if (!layer_has(s, layer, rows[i].when)) continue;
        char name[128];
        snprintf(name, sizeof name, "%s%s", prefix, rows[i].name);
        const uint64_t ne[3] = {size_of(s, rows[i].in, layer), size_of(s, rows[i].out, layer),
                                size_of(s, rows[i].planes, layer)};
        st = visit(ctx, name, rows[i].role, ne);
    }
    return st;
}

status weights_each(const shape *s, bool draft, tensor_visit visit, void *ctx) {
    status st = visit_rows(s, trunk_rows, COUNT(trunk_rows), "", 0, visit, ctx);
    for (uint32_t l = 0; l < s->n_layers && st == OK; l++) {
        char prefix[32];
        snprintf(prefix, sizeof prefix, "blk.%u.", l);
        st = visit_rows(s, layer_rows, COUNT(layer_rows), prefix, l, visit, ctx);
    }
    if (st == OK && draft) st = visit_rows(s, draft_rows, COUNT(draft_rows), "mtp.0.", s->n_layers, visit, ctx);
    if (st == OK && draft) st = visit_rows(s, layer_rows, COUNT(layer_rows), "mtp.0.", s->n_layers, visit, ctx);
    return st;
}

static status report_missing(binder *b) {
    if (b->n_missing == 0) return OK;
    if (b->missing.failed) return fail(b->e, E_NOMEM, "%s: out of memory", b->name);
    if (b->n_missing == 1) return fail(b->e, E_FORMAT, "%s: tensor %s is missing", b->name, b->missing.data);
    return fail(b->e, E_FORMAT, "%s: %u tensors are missing: %s%s", b->name, b->n_missing, b->missing.data,
                b->n_missing > 4 ? ", ..." : "");
}

/* Takes the left or right half of a [2D, D] matrix. Blocks that straddle the middle cannot be pointed at: then
 * the half is dequantised. */
static status half_matrix(binder *b, matrix *out, const matrix *joined, uint32_t half) {
    const uint32_t cols = joined->cols / 2;
    uint64_t skip;
    if (quant_bytes(joined->type, cols, &skip)) {
        *out = *joined;
        out->cols = cols;
        out->data = joined->data + half * skip;
        return OK;
    }
    const size_t row = joined->cols;
    float *all = malloc(row * sizeof *all), *kept = own(b, (size_t)joined->rows * cols * sizeof *kept);
    if (!all || !kept) {
        free(all);
        return fail(b->e, E_NOMEM, "%s: out of memory", b->name);
    }
    for (uint32_t r = 0; r < joined->rows; r++) {
        joined->type->dequant(matrix_row(joined, 0, r), all, row);
        memcpy(kept + (size_t)r * cols, all + (size_t)half * cols, cols * sizeof *kept);
    }
    free(all);
    *out = (matrix){.type = quant_find(Q_F32), .data = (const uint8_t *)kept, .rows = joined->rows, .cols = cols,
                    .planes = 1, .row_bytes = cols * sizeof *kept,
                    .plane_bytes = (uint64_t)joined->rows * cols * sizeof *kept};
    return OK;
}

/* Whether one of the rows is there: then the others must be. */
static bool has_any(const binder *b, const tensor_row *rows, size_t n, const char *prefix) {
    for (size_t i = 0; i < n; i++) {
        char name[128];
        snprintf(name, sizeof name, "%s%s", prefix, rows[i].name);
        if (find(b, name)) return true;
    }
    return false;
}

/* The block behind the trunk. What it does not bring of its own it shares with the trunk. */
static status bind_nextn(binder *b, draft_weights *d) {
    char prefix[32], name[64];
    snprintf(prefix, sizeof prefix, "blk.%u.", b->s->n_layers);
    d->head = b->w->head;
    status st = bind_rows(b, nextn_norms, COUNT(nextn_norms), prefix, b->s->n_layers, d);
    if (st == OK && has_any(b, nextn_projections, COUNT(nextn_projections), prefix)) {
        st = bind_rows(b, nextn_projections, COUNT(nextn_projections), prefix, b->s->n_layers, d);
    } else if (st == OK) {
        draft_weights both = {0};
        st = bind_row(b, &nextn_joined, prefix, b->s->n_layers, &both);
        const matrix joined = both.e_proj; /* empty where it is missing, which is told later */
        if (st == OK && joined.type) st = half_matrix(b, &d->e_proj, &joined, 0);
        if (st == OK && joined.type) st = half_matrix(b, &d->h_proj, &joined, 1);
    }
    for (size_t i = 0; i < COUNT(nextn_options) && st == OK; i++) {
        snprintf(name, sizeof name, "%s%s", prefix, nextn_options[i].name);
        if (find(b, name)) st = bind_row(b, &nextn_options[i], prefix, b->s->n_layers, d);
    }
    if (st == OK) st = bind_layer(b, &d->block, prefix, b->s->n_layers);
    return st;
}

static status bind_mtp(binder *b, draft_weights *d) {
    d->head.out = b->w->head.out;
    status st = bind_rows(b, draft_rows, COUNT(draft_rows), "mtp.0.", b->s->n_layers, d);
    if (st == OK) st = bind_layer(b, &d->block, "mtp.0.", b->s->n_layers);
    return st;
}

static status bind_draft(binder *b, const weight_files *files) {
    draft_weights *d = &b->w->draft;
    char behind[32];
    snprintf(behind, sizeof behind, "blk.%u.", b->s->n_layers);
    d->embed = b->w->embed;
    status st = OK;
    if (files->side) { /* asked for by name: it wins */
        b->files = &files->side;
        b->n_files = 1;
        b->name = files->side_name;
        st = bind_mtp(b, d);
    } else if (has_any(b, draft_rows, 2, "mtp.0.")) { /* a projection: other blocks of this name are not ours */
        st = bind_mtp(b, d);
    } else if (has_any(b, &nextn_joined, 1, behind) || has_any(b, nextn_projections, COUNT(nextn_projections), behind) ||
               has_any(b, nextn_norms, COUNT(nextn_norms), behind)) {
        st = bind_nextn(b, d);
    } else {
        return OK;
    }
    if (st == OK) st = report_missing(b);
    d->present = st == OK;
    return st;
}

status weights_bind(weights *out, const shape *s, const weight_files *files, err *e) {
    weights w = {.layers = calloc(s->n_layers, sizeof *w.layers)};
    if (!w.layers) return fail(e, E_NOMEM, "%s: out of memory", files->name);
    binder b = {.w = &w, .s = s, .files = files->shards, .n_files = files->n_shards, .name = files->name, .e = e};
    status st = bind_rows(&b, trunk_rows, COUNT(trunk_rows), "", 0, &w);
    for (uint32_t l = 0; l < s->n_layers && st == OK; l++) {
        char prefix[32];
        snprintf(prefix, sizeof prefix, "blk.%u.", l);
        st = bind_layer(&b, &w.layers[l], prefix, l);
    }
    if (st == OK) st = report_missing(&b);
    if (st == OK) st = bind_draft(&b, files);
    buf_free(&b.missing);
    if (st != OK) {
        weights_free(&w);
        return st;
    }
    *out = w;
    return OK;
}

void weights_free(weights *w) {
    for (uint32_t i = 0; i < w->n_owned; i++) free(w->owned[i]);
    free(w->owned);
    free(w->layers);
    *w = (weights){0};
}
