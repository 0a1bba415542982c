/* roster.c: the table of tensors; binding; choice of types. */
#include "apps/convert/roster.h"

#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps/lib/say.h"

/* ------------------------------------------------------------------ the table
 *
 * Sizes by name, as in the tables of the specification; a matrix is [rows, cols] in the
 * checkpoint, [cols, rows] in GGUF, and the bytes are the same. */

typedef enum dim {
    ONE,      /* 1                                             */
    THREE,    /* 3                                             */
    FOUR,     /* 4                                             */
    D,        /* hidden size                                   */
    DD,       /* twice that                                    */
    MD,       /* streams x hidden size                         */
    M,        /* streams                                       */
    MIX,      /* (2 + streams) x streams                       */
    V,        /* vocabulary                                    */
    H,        /* heads                                         */
    DH,       /* head size                                     */
    HDH,      /* heads x head size                             */
    GROUP_IN, /* heads of a group x head size                  */
    GRO,      /* groups x output rank                          */
    RQ,       /* query rank                                    */
    RATIO,    /* of this layer's compressor                    */
    CW,       /* width of its projections: doubled at ratio 4  */
    HI,       /* indexer heads                                 */
    DI,       /* indexer head size                             */
    HIDI,     /* their product                                 */
    IW,       /* width of the indexer's compressor             */
    E,        /* experts                                       */
    K,        /* experts used                                  */
    I,        /* inner size of an expert                       */
    SI        /* inner size of the shared experts              */
} dim;

typedef enum when { ALWAYS, COMPRESSED, INDEXED, HASHED, SCORED } when;

typedef struct row {
    const char *hf, *gguf; /* behind the block's prefixes; %u: the expert, ?: e, then h */
    roster_role role;
    when when;
    dim cols, rows;
} row;

static const row layer_rows[] = {
    {"hc_attn_fn", "hc_attn_fn.weight", ROSTER_FINE, ALWAYS, MD, MIX},
    {"hc_attn_base", "hc_attn_base.weight", ROSTER_VECTOR, ALWAYS, MIX, ONE},
    {"hc_attn_scale", "hc_attn_scale.weight", ROSTER_VECTOR, ALWAYS, THREE, ONE},
    {"hc_ffn_fn", "hc_ffn_fn.weight", ROSTER_FINE, ALWAYS, MD, MIX},
    {"hc_ffn_base", "hc_ffn_base.weight", ROSTER_VECTOR, ALWAYS, MIX, ONE},
    {"hc_ffn_scale", "hc_ffn_scale.weight", ROSTER_VECTOR, ALWAYS, THREE, ONE},
    {"attn_norm.weight", "attn_norm.weight", ROSTER_VECTOR, ALWAYS, D, ONE},
    {"attn.attn_sink", "attn_sinks.weight", ROSTER_VECTOR, ALWAYS, H, ONE},
    {"attn.wq_a.weight", "attn_q_a.weight", ROSTER_MATRIX, ALWAYS, D, RQ},
    {"attn.q_norm.weight", "attn_q_a_norm.weight", ROSTER_VECTOR, ALWAYS, RQ, ONE},
    {"attn.wq_b.weight", "attn_q_b.weight", ROSTER_MATRIX, ALWAYS, RQ, HDH},
    {"attn.wkv.weight", "attn_kv.weight", ROSTER_MATRIX, ALWAYS, D, DH},
    {"attn.kv_norm.weight", "attn_kv_a_norm.weight", ROSTER_VECTOR, ALWAYS, DH, ONE},
    {"attn.wo_a.weight", "attn_output_a.weight", ROSTER_MATRIX, ALWAYS, GROUP_IN, GRO},
    {"attn.wo_b.weight", "attn_output_b.weight", ROSTER_MATRIX, ALWAYS, GRO, D},
    {"attn.compressor.wkv.weight", "attn_compressor_kv.weight", ROSTER_MATRIX, COMPRESSED, D, CW},
    {"attn.compressor.wgate.weight", "attn_compressor_gate.weight", ROSTER_MATRIX, COMPRESSED, D,
     CW},
    {"attn.compressor.ape", "attn_compressor_ape.weight", ROSTER_FINE, COMPRESSED, CW, RATIO},
    {"attn.compressor.norm.weight", "attn_compressor_norm.weight", ROSTER_VECTOR, COMPRESSED, DH,
     ONE},
    {"attn.indexer.weights_proj.weight", "indexer.proj.weight", ROSTER_FINE, INDEXED, D, HI},
    {"attn.indexer.wq_b.weight", "indexer.attn_q_b.weight", ROSTER_MATRIX, INDEXED, RQ, HIDI},
    {"attn.indexer.compressor.wkv.weight", "indexer_compressor_kv.weight", ROSTER_MATRIX, INDEXED,
     D, IW},
    {"attn.indexer.compressor.wgate.weight", "indexer_compressor_gate.weight", ROSTER_MATRIX,
     INDEXED, D, IW},
    {"attn.indexer.compressor.ape", "indexer_compressor_ape.weight", ROSTER_FINE, INDEXED, IW,
     FOUR},
    {"attn.indexer.compressor.norm.weight", "indexer_compressor_norm.weight", ROSTER_VECTOR,
     INDEXED, DI, ONE},
    {"ffn_norm.weight", "ffn_norm.weight", ROSTER_VECTOR, ALWAYS, D, ONE},
    {"ffn.gate.weight", "ffn_gate_inp.weight", ROSTER_FINE, ALWAYS, D, E},
    {"ffn.gate.bias", "exp_probs_b.bias", ROSTER_VECTOR, SCORED, E, ONE},
    {"ffn.gate.tid2eid", "ffn_gate_tid2eid.weight", ROSTER_IDS, HASHED, K, V},
    {"ffn.experts.%u.w1.weight", "ffn_gate_exps.weight", ROSTER_STACK, ALWAYS, D, I},
    {"ffn.experts.%u.w3.weight", "ffn_up_exps.weight", ROSTER_STACK, ALWAYS, D, I},
    {"ffn.experts.%u.w2.weight", "ffn_down_exps.weight", ROSTER_STACK, ALWAYS, I, D},
    {"ffn.shared_experts.w1.weight", "ffn_gate_shexp.weight", ROSTER_MATRIX, ALWAYS, D, SI},
    {"ffn.shared_experts.w3.weight", "ffn_up_shexp.weight", ROSTER_MATRIX, ALWAYS, D, SI},
    {"ffn.shared_experts.w2.weight", "ffn_down_shexp.weight", ROSTER_MATRIX, ALWAYS, SI, D},
};

static const row trunk_rows[] = {
    {"embed.weight", "token_embd.weight", ROSTER_MATRIX, ALWAYS, D, V},
    {"norm.weight", "output_norm.weight", ROSTER_VECTOR, ALWAYS, D, ONE},
    {"head.weight", "output.weight", ROSTER_MATRIX, ALWAYS, D, V},
    {"hc_head_fn", "output_hc_fn.weight", ROSTER_FINE, ALWAYS, MD, M},
    {"hc_head_base", "output_hc_base.weight", ROSTER_VECTOR, ALWAYS, M, ONE},
    {"hc_head_scale", "output_hc_scale.weight", ROSTER_VECTOR, ALWAYS, ONE, ONE},
};

static const row draft_rows[] = {
    {"e_proj.weight", "e_proj.weight", ROSTER_MATRIX, ALWAYS, D, D},
    {"h_proj.weight", "h_proj.weight", ROSTER_MATRIX, ALWAYS, D, D},
    {"enorm.weight", "enorm.weight", ROSTER_VECTOR, ALWAYS, D, ONE},
    {"hnorm.weight", "hnorm.weight", ROSTER_VECTOR, ALWAYS, D, ONE},
    {"norm.weight", "norm.weight", ROSTER_VECTOR, ALWAYS, D, ONE},
    {"hc_head_fn", "hc_head_fn.weight", ROSTER_FINE, ALWAYS, MD, M},
    {"hc_head_base", "hc_head_base.weight", ROSTER_VECTOR, ALWAYS, M, ONE},
    {"hc_head_scale", "hc_head_scale.weight", ROSTER_VECTOR, ALWAYS, ONE, ONE},
};

/* The same in the block behind the trunk. */
static const row nextn_rows[] = {
    {"?_proj.weight", "nextn.eh_proj.weight", ROSTER_PAIR, ALWAYS, DD, D},
    {"enorm.weight", "nextn.enorm.weight", ROSTER_VECTOR, ALWAYS, D, ONE},
    {"hnorm.weight", "nextn.hnorm.weight", ROSTER_VECTOR, ALWAYS, D, ONE},
    {"norm.weight", "nextn.shared_head_norm.weight", ROSTER_VECTOR, ALWAYS, D, ONE},
};

#define COUNT(a) ((uint32_t)(sizeof(a) / sizeof *(a)))

static uint64_t size_of(const convert_config *c, dim d, uint32_t ratio) {
    const uint64_t one = 1;
    switch (d) {
    case ONE:
        return 1;
    case THREE:
        return 3;
    case FOUR:
        return 4;
    case D:
        return c->d_model;
    case DD:
        return one * 2 * c->d_model;
    case MD:
        return one * c->n_streams * c->d_model;
    case M:
        return c->n_streams;
    case MIX:
        return one * (2 + c->n_streams) * c->n_streams;
    case V:
        return c->n_vocab;
    case H:
        return c->n_heads;
    case DH:
        return c->head_dim;
    case HDH:
        return one * c->n_heads * c->head_dim;
    case GROUP_IN:
        return one * c->n_heads / c->o_groups * c->head_dim;
    case GRO:
        return one * c->o_groups * c->o_rank;
    case RQ:
        return c->q_rank;
    case RATIO:
        return ratio;
    case CW:
        return one * c->head_dim * ratio_halves(ratio);
    case HI:
        return c->ix_heads;
    case DI:
        return c->ix_dim;
    case HIDI:
        return one * c->ix_heads * c->ix_dim;
    case IW:
        return one * 2 * c->ix_dim;
    case E:
        return c->n_experts;
    case K:
        return c->n_used;
    case I:
        return c->ff_dim;
    case SI:
        return one * c->n_shared * c->ff_dim;
    }
    return 0;
}

/* ------------------------------------------------------------------ remarks */

static void note(roster *all, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void note(roster *all, const char *fmt, ...) {
    char text[900];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    buf_add(&all->notes, text, strlen(text) + 1);
}

void roster_tell(const roster *all) {
    for (size_t at = 0; at < all->notes.n; at += strlen(all->notes.data + at) + 1)
        say_note("note: %s", all->notes.data + at);
}

/* ------------------------------------------------------------------ binding */

typedef struct builder {
    roster *all;
    const hf_checkpoint *c;
    const convert_config *cfg;
    roster_layout layout;
    uint32_t cap;
    bool *used; /* by place in the checkpoint */
    err *e;
} builder;

/* One block: where its names begin, and which of its tensors it has. */
typedef struct block {
    char hf[32], gguf[32];
    uint32_t ratio;
    bool hashed;
} block;

static bool applies(when w, const block *b) {
    switch (w) {
    case ALWAYS:
        return true;
    case COMPRESSED:
        return b->ratio != 0;
    case INDEXED:
        return b->ratio == 4;
    case HASHED:
        return b->hashed;
    case SCORED:
        return !b->hashed;
    }
    return false;
}

static void mark_used(builder *b, const hf_tensor *t) {
    if (t) b->used[hf_place(b->c, hf_plain_name(t))] = true;
}

/* A name of the checkpoint: the block's prefix, and the table's pattern for part x. */
static void part_name(char *out, size_t cap, const char *prefix, const char *pattern, uint32_t x) {
    const char *expert = strstr(pattern, "%u");
    if (expert)
        snprintf(out, cap, "%s%.*s%u%s", prefix, (int)(expert - pattern), pattern, x, expert + 2);
    else if (pattern[0] == '?')
        snprintf(out, cap, "%s%c%s", prefix, "eh"[x], pattern + 1);
    else
        snprintf(out, cap, "%s%s", prefix, pattern);
}

static status bind_parts(builder *b, roster_tensor *t, const char *prefix, const char *pattern) {
    const uint32_t tile[2] = {b->cfg->tile_rows, b->cfg->tile_cols};
    const bool stack = t->role == ROSTER_STACK, pair = t->role == ROSTER_PAIR;
    const uint32_t n = stack ? b->cfg->n_experts : pair ? 2 : 1;
    char name[128];
    part_name(name, sizeof name, prefix, pattern, n - 1);
    if (!hf_find(b->c, name)) /* before anything is allocated for n experts */
        return fail(b->e, E_FORMAT, "%s: tensor %s is missing", hf_folder(b->c), name);
    t->parts = calloc(n, sizeof *t->parts);
    if (!t->parts) return fail(b->e, E_NOMEM, "out of memory");
    t->n_parts = n;
    for (uint32_t x = 0; x < n; x++) {
        part_name(name, sizeof name, prefix, pattern, x);
        const status st = stored_bind(&t->parts[x], b->c, name, t->role == ROSTER_VECTOR ? 1 : 2,
                                      t->ne[1], pair ? t->ne[0] / 2 : t->ne[0], tile, b->e);
        if (st != OK) return st;
        mark_used(b, t->parts[x].values);
        mark_used(b, t->parts[x].scales);
    }
    return OK;
}

static status bind_ids(builder *b, roster_tensor *t, const char *prefix, const char *suffix) {
    char name[128];
    part_name(name, sizeof name, prefix, suffix, 0);
    const hf_tensor *h = hf_find(b->c, name);
    if (!h) return fail(b->e, E_FORMAT, "%s: tensor %s is missing", hf_folder(b->c), name);
    if (h->dtype != HF_I64 && h->dtype != HF_I32)
        return fail(b->e, E_UNSUPPORTED, "%s: tensor %s: dtype %s, expected I64",
                    hf_file_name(h->file), name, hf_dtype_name(h->dtype));
    if (h->rank != 2 || h->shape[0] != t->ne[1] || h->shape[1] != t->ne[0])
        return fail(
            b->e, E_FORMAT,
            "%s: tensor %s: its shape is not [vocab_size, num_experts_per_tok] of config.json",
            hf_file_name(h->file), name);
    t->ids = h;
    mark_used(b, h);
    return OK;
}

static status bind_row(builder *b, const row *r, const block *k) {
    roster *all = b->all;
    if (all->n == b->cap) {
        const uint32_t cap = b->cap ? 2 * b->cap : 256;
        roster_tensor *more = realloc(all->tensors, cap * sizeof *more);
        if (!more) return fail(b->e, E_NOMEM, "out of memory");
        all->tensors = more;
        b->cap = cap;
    }
    roster_tensor *t = &all->tensors[all->n++];
    *t = (roster_tensor){.role = r->role, .type = Q_F32};
    snprintf(t->name, sizeof t->name, "%s%s", k->gguf, r->gguf);
    t->ne[0] = size_of(b->cfg, r->cols, k->ratio);
    t->ne[1] = size_of(b->cfg, r->rows, k->ratio);
    t->ne[2] = r->role == ROSTER_STACK ? b->cfg->n_experts : 1;
    t->n_dims = r->role == ROSTER_VECTOR ? 1 : r->role == ROSTER_STACK ? 3 : 2;
    return r->role == ROSTER_IDS ? bind_ids(b, t, k->hf, r->hf) : bind_parts(b, t, k->hf, r->hf);
}

static status bind_rows(builder *b, const row *rows, uint32_t n, const block *k) {
    status st = OK;
    for (uint32_t i = 0; i < n && st == OK; i++)
        if (applies(rows[i].when, k)) st = bind_row(b, &rows[i], k);
    return st;
}

/* ------------------------------------------------------------------ the draft block */

static bool starts_with(const char *s, const char *prefix) {
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

static bool has_prefix(const hf_checkpoint *c, const char *prefix) {
    const size_t i = hf_place(c, prefix);
    return i < hf_count(c) && starts_with(hf_plain_name(hf_at(c, i)), prefix);
}

/* A tensor of a draft block other than the first, or NULL. */
static const char *other_draft(const hf_checkpoint *c) {
    for (size_t i = hf_place(c, "mtp."); i < hf_count(c); i++) {
        const char *name = hf_plain_name(hf_at(c, i));
        if (!starts_with(name, "mtp.")) return NULL;
        if (!starts_with(name, "mtp.0.")) return name;
    }
    return NULL;
}

static void drop_from(roster *all, uint32_t n) {
    while (all->n > n) free(all->tensors[--all->n].parts);
}

static status bind_draft_rows(builder *b) {
    const bool inside = b->layout == ROSTER_LLAMACPP;
    block k = {.hf = "mtp.0.", .gguf = "mtp.0."};
    if (inside) snprintf(k.gguf, sizeof k.gguf, "blk.%u.", b->cfg->n_layers);
    const row *own = inside ? nextn_rows : draft_rows;
    status st = bind_rows(b, own, inside ? COUNT(nextn_rows) : COUNT(draft_rows), &k);
    if (st == OK) st = bind_rows(b, layer_rows, COUNT(layer_rows), &k);
    return st;
}

static status bind_draft(builder *b) {
    const convert_config *cfg = b->cfg;
    const char *other = other_draft(b->c);
    if (!has_prefix(b->c, "mtp.0.")) {
        if (other) note(b->all, "%s and its like are left out: there is no block mtp.0", other);
        return OK;
    }
    if (cfg->n_ratios > cfg->n_layers && cfg->ratio[cfg->n_layers] != 0)
        return fail(b->e, E_UNSUPPORTED,
                    "%s: compress_ratios: the draft block has ratio %d, expected 0", cfg->path,
                    cfg->ratio[cfg->n_layers]);
    const uint32_t before = b->all->n;
    const status st = bind_draft_rows(b);
    b->all->draft = st == OK;
    if (st == E_FORMAT && other) { /* several blocks: another way of drafting */
        drop_from(b->all, before);
        note(b->all,
             "the draft blocks mtp.* are left out: they are not of the kind this engine "
             "runs (%s)",
             b->e->text);
        return OK;
    }
    if (st == OK && other)
        note(b->all, "%s and its like are left out: only the draft block mtp.0 is used", other);
    if (st == OK && b->layout == ROSTER_LLAMACPP && has_prefix(b->c, "mtp.0.hc_head_"))
        note(b->all, "mtp.0.hc_head_* are left out: this layout has no place for them");
    return st;
}

/* Something that no row of the table asked for may mean that the table does not fit the model. */
static void tell_unused(const builder *b) {
    size_t n = 0;
    const char *first = NULL;
    for (size_t i = 0; i < hf_count(b->c); i++) {
        const char *name = hf_plain_name(hf_at(b->c, i));
        if (b->used[i] || starts_with(name, "mtp.")) continue;
        if (n++ == 0) first = name;
    }
    if (n)
        note(b->all, "left out, since no part of this model: %zu tensors, the first is %s", n,
             first);
}

status roster_build(roster *all, const hf_checkpoint *c, const convert_config *cfg,
                    roster_layout layout, err *e) {
    *all = (roster){.n_experts = cfg->n_experts};
    err own;
    builder b = {.all = all, .c = c, .cfg = cfg, .layout = layout, .e = e ? e : &own};
    b.used = calloc(hf_count(c) + 1, sizeof *b.used);
    if (!b.used) return fail(e, E_NOMEM, "out of memory");
    const block trunk = {.hf = ""};
    status st = bind_rows(&b, trunk_rows, COUNT(trunk_rows), &trunk);
    for (uint32_t l = 0; l < cfg->n_layers && st == OK; l++) {
        block k = {.ratio = (uint32_t)cfg->ratio[l], .hashed = l < cfg->n_hash_layers};
        snprintf(k.hf, sizeof k.hf, "layers.%u.", l);
        snprintf(k.gguf, sizeof k.gguf, "blk.%u.", l);
        st = bind_rows(&b, layer_rows, COUNT(layer_rows), &k);
    }
    if (st == OK) st = bind_draft(&b);
    if (st == OK) tell_unused(&b);
    free(b.used);
    if (st != OK) roster_free(all);
    return st;
}

void roster_free(roster *all) {
    drop_from(all, 0);
    free(all->tensors);
    buf_free(&all->notes);
    *all = (roster){0};
}

/* ------------------------------------------------------------------ types */

/* Whether part values can be above the largest number of a type at all, before looking. */
static bool may_exceed(storage from, quant_id to) {
    if (from == STORE_F16) return false;
    return to != Q_BF16 || from == STORE_F32;
}

static double largest(quant_id type) {
    switch (type) {
    case Q_F16:
        return 65504;
    case Q_BF16:
        return 0x1.fep127;
    case Q_Q8_0:
        return 127.0 * 65504; /* its scale is an F16 */
    default:
        return FLT_MAX;
    }
}

static status survey(const roster_tensor *t, double limit, stored_facts *all, err *e) {
    *all = (stored_facts){true, true};
    for (uint32_t x = 0; x < t->n_parts; x++) {
        stored_facts one;
        const status st = stored_survey(&t->parts[x], limit, &one, e);
        if (st != OK) return st;
        all->within &= one.within;
        all->fits_bf16 &= one.fits_bf16;
    }
    return OK;
}

static bool all_fp4(const roster_tensor *t) {
    for (uint32_t x = 0; x < t->n_parts; x++)
        if (t->parts[x].kind != STORE_FP4) return false;
    return t->n_parts > 0;
}

/* The smallest type that holds every value of every part. */
static status choose_native(roster_tensor *t, err *e) {
    bool has[STORE_FP4 + 1] = {false};
    for (uint32_t x = 0; x < t->n_parts; x++) has[t->parts[x].kind] = true;
    const int kinds =
        has[STORE_F32] + has[STORE_F16] + has[STORE_BF16] + has[STORE_FP8] + has[STORE_FP4];
    stored_facts facts;
    t->type = Q_F32;
    if (kinds == 1 && has[STORE_FP4])
        t->type = Q_MXFP4;
    else if (kinds == 1 && has[STORE_BF16])
        t->type = Q_BF16;
    else if (kinds == 1 && has[STORE_F16])
        t->type = Q_F16;
    else if (!has[STORE_F32] && !has[STORE_F16]) {
        const status st = survey(t, FLT_MAX, &facts, e);
        if (st != OK) return st;
        if (facts.fits_bf16) t->type = Q_BF16;
    }
    return OK;
}

/* *wanted is what the mode asks for this tensor; the values may need another. */
static status choose_rounded(roster_tensor *t, quant_id mode, quant_id *wanted, err *e) {
    const bool blocks = t->role != ROSTER_FINE && t->parts[0].cols % 32 == 0;
    t->type = *wanted = mode == Q_Q8_0 && !blocks ? Q_F32 : mode;
    bool look = false;
    for (uint32_t x = 0; x < t->n_parts; x++) look |= may_exceed(t->parts[x].kind, t->type);
    if (!look || t->type == Q_F32) return OK;
    stored_facts facts;
    const status st = survey(t, largest(t->type), &facts, e);
    if (st == OK && !facts.within) t->type = facts.fits_bf16 ? Q_BF16 : Q_F32;
    return st;
}

static status choose_type(roster_tensor *t, roster_mode mode, quant_id *wanted, err *e) {
    static const quant_id types[] = {
        [ROSTER_F32] = Q_F32,   [ROSTER_F16] = Q_F16,    [ROSTER_BF16] = Q_BF16,
        [ROSTER_Q8_0] = Q_Q8_0, [ROSTER_MIXED] = Q_Q8_0,
    };
    status st = OK;
    if (mode == ROSTER_MIXED && all_fp4(t)) {
        t->type = *wanted = Q_MXFP4;
        return OK;
    }
    if (mode == ROSTER_MIXED && t->role == ROSTER_FINE) mode = ROSTER_F16;
    if (t->role != ROSTER_IDS && t->role != ROSTER_VECTOR && mode != ROSTER_F32 &&
        mode != ROSTER_NATIVE)
        return choose_rounded(t, types[mode], wanted, e);
    t->type = t->role == ROSTER_IDS ? Q_I32 : Q_F32;
    if (mode == ROSTER_NATIVE && t->parts && t->role != ROSTER_VECTOR) st = choose_native(t, e);
    *wanted = t->type;
    return st;
}

status roster_choose(roster *all, roster_mode mode, const volatile sig_atomic_t *stop, err *e) {
    progress bar;
    progress_start(&bar, stderr, "looking", all->n, PROGRESS_STEPS);
    status st = OK;
    for (uint32_t i = 0; i < all->n && st == OK; i++) {
        roster_tensor *t = &all->tensors[i];
        quant_id wanted = t->type;
        st = *stop ? fail(e, E_CANCELLED, "stopped") : choose_type(t, mode, &wanted, e);
        if (st == OK && t->type != wanted) {
            note(all, "%s has values beyond the range of %s: it is written as %s", t->name,
                 quant_find(wanted)->name, quant_find(t->type)->name);
        }
        progress_to(&bar, i + 1);
    }
    progress_hide(&bar);
    return st;
}
