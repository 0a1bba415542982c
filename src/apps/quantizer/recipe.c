/* recipe.c: the table of parts, the types, the user's rules. */
#include "apps/quantizer/recipe.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "quant/quantize.h"

const char *const recipe_names[] = {"q2", "q2-q4", "q4", "q8", "mxfp4", NULL};

typedef struct part_row {
    const char *name; /* behind the block's prefix */
    recipe_part part;
} part_row;

static const part_row trunk_rows[] = {
    {"token_embd.weight", PART_FINE},
    {"output.weight", PART_MATRIX},
    {"output_norm.weight", PART_VECTOR},
    {"output_hc_fn.weight", PART_FINE},
    {"output_hc_base.weight", PART_VECTOR},
    {"output_hc_scale.weight", PART_VECTOR},
};

/* Matrices only: a vector is one by its shape. */
static const part_row block_rows[] = {
    {"hc_attn_fn.weight", PART_FINE_DRAFT},
    {"hc_ffn_fn.weight", PART_FINE_DRAFT},
    {"attn_q_a.weight", PART_MATRIX},
    {"attn_q_b.weight", PART_MATRIX},
    {"attn_kv.weight", PART_MATRIX},
    {"attn_output_a.weight", PART_MATRIX},
    {"attn_output_b.weight", PART_MATRIX},
    {"attn_compressor_kv.weight", PART_FINE},
    {"attn_compressor_gate.weight", PART_FINE},
    {"attn_compressor_ape.weight", PART_FINE},
    {"indexer.proj.weight", PART_FINE},
    {"indexer.attn_q_b.weight", PART_FINE},
    {"indexer_compressor_kv.weight", PART_FINE},
    {"indexer_compressor_gate.weight", PART_FINE},
    {"indexer_compressor_ape.weight", PART_FINE},
    {"ffn_gate_inp.weight", PART_FINE_DRAFT},
    {"ffn_gate_tid2eid.weight", PART_IDS},
    {"ffn_gate_exps.weight", PART_GATE_UP},
    {"ffn_up_exps.weight", PART_GATE_UP},
    {"ffn_down_exps.weight", PART_DOWN},
    {"ffn_gate_shexp.weight", PART_MATRIX},
    {"ffn_up_shexp.weight", PART_MATRIX},
    {"ffn_down_shexp.weight", PART_MATRIX},
};

static const part_row draft_rows[] = {
    {"e_proj.weight", PART_MATRIX},
    {"h_proj.weight", PART_MATRIX},
    {"hc_head_fn.weight", PART_FINE_DRAFT},
    {"nextn.eh_proj.weight", PART_MATRIX},
    {"nextn.e_proj.weight", PART_MATRIX},
    {"nextn.h_proj.weight", PART_MATRIX},
    {"nextn.embed_tokens.weight", PART_FINE},
    {"nextn.shared_head_head.weight", PART_MATRIX},
};

#define COUNT(a) (sizeof(a) / sizeof *(a))

static recipe_part look_up(const part_row *rows, size_t n, const char *name) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(rows[i].name, name) == 0) return rows[i].part;
    return PART_OTHER;
}

/* What follows `blk.N.` or `mtp.0.`; NULL for a name without such a prefix. */
static const char *in_block(const char *name, uint32_t n_layers, recipe_place *p) {
    if (strncmp(name, "mtp.0.", 6) == 0) {
        p->draft = true;
        return name + 6;
    }
    if (strncmp(name, "blk.", 4) != 0 || name[4] < '0' || name[4] > '9') return NULL;
    char *end;
    const unsigned long layer = strtoul(name + 4, &end, 10);
    if (*end != '.') return NULL;
    p->draft = layer >= n_layers;
    p->layer = p->draft ? 0 : (uint32_t)layer;
    return end + 1;
}

recipe_place recipe_place_of(const char *name, bool vector, uint32_t n_layers) {
    recipe_place p = {.part = PART_OTHER};
    const char *rest = in_block(name, n_layers, &p);
    if (rest) {
        p.part = look_up(block_rows, COUNT(block_rows), rest);
        if (p.part == PART_OTHER && p.draft) p.part = look_up(draft_rows, COUNT(draft_rows), rest);
    } else {
        p.part = look_up(trunk_rows, COUNT(trunk_rows), name);
    }
    if (vector && p.part != PART_IDS) p.part = PART_VECTOR;
    return p;
}

/* The published mix has six of 43 layers in the larger type: a seventh, and at least one. */
static bool among_last(const recipe_place *p, uint32_t n_layers) {
    const uint32_t n = n_layers / 7 ? n_layers / 7 : 1;
    return p->layer + n >= n_layers;
}

static quant_id expert_type(recipe_id r, const recipe_place *p, uint32_t n_layers) {
    switch (r) {
    case RECIPE_Q8:
        return Q_Q8_0;
    case RECIPE_MXFP4:
        return Q_MXFP4;
    case RECIPE_Q4:
        return Q_Q4_K;
    default:
        if (p->draft || (r == RECIPE_Q2_Q4 && among_last(p, n_layers))) return Q_Q4_K;
        return p->part == PART_DOWN ? Q_Q2_K : Q_IQ2_XXS;
    }
}

quant_id recipe_type(recipe_id r, const recipe_place *p, uint32_t n_layers, quant_id kept) {
    if (p->part == PART_VECTOR) return Q_F32;
    if (p->part == PART_IDS) return Q_I32;
    if (r == RECIPE_NONE) return kept;
    switch (p->part) {
    case PART_FINE:
        return Q_F16;
    case PART_FINE_DRAFT:
        return p->draft ? Q_F32 : Q_F16;
    case PART_MATRIX:
        return Q_Q8_0;
    case PART_GATE_UP:
    case PART_DOWN:
        return expert_type(r, p, n_layers);
    default:
        return kept;
    }
}

bool recipe_can_write(quant_id type) {
    return type == Q_F32 || quantize_for(type) != NULL;
}

/* "F32, F16, Q4_0, ..." */
static void list_types(char *out, size_t cap) {
    size_t used = 0;
    out[0] = 0;
    for (uint32_t id = 0; id < QUANT_IDS && used < cap; id++)
        if (quant_find(id) && recipe_can_write((quant_id)id))
            used += (size_t)snprintf(out + used, cap - used, "%s%s", used ? ", " : "",
                                     quant_find(id)->name);
}

status recipe_rule_read(recipe_rule *out, const char *text, err *e) {
    const char *eq = strrchr(text, '=');
    const size_t n = eq ? (size_t)(eq - text) : 0;
    if (n == 0 || !eq[1])
        return fail(e, E_USAGE,
                    "--tensor %s: expected PATTERN=TYPE, as in 'blk.*.ffn_down_exps.*=Q4_K'", text);
    if (n >= sizeof out->pattern)
        return fail(e, E_USAGE, "--tensor %s: the pattern is longer than %zu bytes", text,
                    sizeof out->pattern - 1);
    const quant_type *type = quant_by_name(eq + 1);
    if (!type || !recipe_can_write(type->id)) {
        char types[300];
        list_types(types, sizeof types);
        return fail(e, E_USAGE, "--tensor %s: type %s %s; there are %s", text, eq + 1,
                    type ? "cannot be written" : "is unknown", types);
    }
    *out = (recipe_rule){.text = text, .type = type->id};
    memcpy(out->pattern, text, n);
    return OK;
}

bool recipe_rule_matches(const recipe_rule *r, const char *name) {
    return fnmatch(r->pattern, name, 0) == 0;
}

quant_id recipe_fit(quant_id wanted, uint64_t n_cols) {
    const quant_type *q = quant_find(wanted);
    if (n_cols % q->block_values == 0) return wanted;
    if (q->block_values > 32 && n_cols % 32 == 0) {
        const bool fine = wanted == Q_Q5_K || wanted == Q_Q6_K;
        const quant_id next = fine || !recipe_can_write(Q_IQ4_NL) ? Q_Q8_0 : Q_IQ4_NL;
        return next;
    }
    return Q_F16;
}

uint32_t recipe_file_type(quant_id most) {
    static const uint32_t numbers[QUANT_IDS] = {
        [Q_F32] = 0,      [Q_F16] = 1,    [Q_Q4_0] = 2,    [Q_Q8_0] = 7,   [Q_Q2_K] = 10,
        [Q_Q3_K] = 12,    [Q_Q4_K] = 15,  [Q_Q5_K] = 17,   [Q_Q6_K] = 18,  [Q_IQ2_XXS] = 19,
        [Q_IQ2_XS] = 20,  [Q_IQ1_S] = 24, [Q_IQ4_NL] = 25, [Q_IQ3_S] = 26, [Q_IQ2_S] = 28,
        [Q_IQ3_XXS] = 23, [Q_IQ1_M] = 31, [Q_IQ4_XS] = 30, [Q_BF16] = 32,  [Q_MXFP4] = 38,
        [Q_Q4_1] = 3,     [Q_Q5_0] = 8,   [Q_Q5_1] = 9,
    };
    return numbers[most];
}
