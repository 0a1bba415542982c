/* config.c: tables of keys, then the rules that tie several of them together. */
#include "apps/convert/config.h"

#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hf/checkpoint.h"

#define F(field) offsetof(convert_config, field)
#define REQUIRED UINT32_MAX

static const struct whole {
    const char *key;
    size_t at;
    uint32_t lo, hi, missing; /* what stands for an absent key, or REQUIRED */
} wholes[] = {
    {"num_hidden_layers", F(n_layers), 1, SHAPE_MAX_LAYERS, REQUIRED},
    {"vocab_size", F(n_vocab), 1, 1u << 24, REQUIRED},
    {"max_position_embeddings", F(context), 1, 1u << 30, REQUIRED},
    {"hidden_size", F(d_model), 1, 1u << 17, REQUIRED},
    {"num_attention_heads", F(n_heads), 1, 4096, REQUIRED},
    {"num_key_value_heads", F(n_kv_heads), 1, 1, 1},
    {"head_dim", F(head_dim), 2, 8192, REQUIRED},
    {"qk_rope_head_dim", F(rope_dim), 2, 8192, REQUIRED},
    {"q_lora_rank", F(q_rank), 1, 1u << 17, REQUIRED},
    {"o_groups", F(o_groups), 1, 4096, REQUIRED},
    {"o_lora_rank", F(o_rank), 1, 1u << 17, REQUIRED},
    {"sliding_window", F(window), 1, 8192, REQUIRED},
    {"index_n_heads", F(ix_heads), 1, 4096, REQUIRED},
    {"index_head_dim", F(ix_dim), 2, 8192, REQUIRED},
    {"index_topk", F(ix_top_k), 1, 1u << 20, REQUIRED},
    {"n_routed_experts", F(n_experts), 1, 1u << 14, REQUIRED},
    {"num_experts_per_tok", F(n_used), 1, 256, REQUIRED},
    {"n_shared_experts", F(n_shared), 1, 64, REQUIRED},
    {"moe_intermediate_size", F(ff_dim), 1, 1u << 17, REQUIRED},
    {"num_hash_layers", F(n_hash_layers), 0, SHAPE_MAX_LAYERS, REQUIRED},
    {"hc_mult", F(n_streams), 1, SHAPE_MAX_STREAMS, REQUIRED},
    {"hc_sinkhorn_iters", F(sinkhorn_rounds), 1, 1000, REQUIRED},
};

static const struct number {
    const char *key;
    size_t at;
    double lo, hi;
} numbers[] = {
    {"routed_scaling_factor", F(route_scale), 1e-6, 1e6},
    {"swiglu_limit", F(clamp), 1e-6, 1e30},
    {"rms_norm_eps", F(norm_eps), 1e-30, 0.1},
    {"hc_eps", F(hc_eps), 1e-30, 0.1},
    {"rope_theta", F(rope_base), 1.0001, 1e12},
    {"compress_rope_theta", F(rope_base_compressed), 1.0001, 1e12},
};

/* What this architecture has no other form of: absent is fine, another value is another model. */
static const struct fixed {
    const char *key, *word; /* NULL: a boolean that must be false */
} fixeds[] = {
    {"model_type", "deepseek_v4"}, {"scoring_func", "sqrtsoftplus"}, {"topk_method", "noaux_tc"},
    {"hidden_act", "silu"},        {"attention_bias", NULL},         {"mlp_bias", NULL},
    {"tie_word_embeddings", NULL},
};
#undef F

/* The file being read; the first error sticks, so that reading is a list. */
typedef struct reader {
    convert_config *c;
    const json *root;
    status st;
    err *e;
} reader;

static void refuse(reader *r, status code, const char *key, const char *why) {
    if (r->st == OK) r->st = fail(r->e, code, "%s: %s: %s", r->c->path, key, why);
}

/* NULL for an absent key and for null. */
static const json *get(const json *object, const char *key) {
    const json *v = json_get(object, key);
    return v && json_type(v) != JSON_NULL ? v : NULL;
}

/* `key` is told as `shown`, which may have a path in front. */
static uint32_t read_whole(reader *r, const json *v, const char *shown, uint32_t lo, uint32_t hi,
                           uint32_t missing) {
    int64_t n;
    char why[160];
    if (r->st != OK || (!v && missing != REQUIRED)) return missing;
    if (!v) {
        refuse(r, E_FORMAT, shown, "missing");
    } else if (json_type(v) != JSON_INT && !json_i64(v, &n)) {
        snprintf(why, sizeof why, "expected a whole number, found %s",
                 json_kind_name(json_type(v)));
        refuse(r, E_FORMAT, shown, why);
    } else if (!json_i64(v, &n) || n < lo || n > hi) {
        snprintf(why, sizeof why, "expected %" PRIu32 " to %" PRIu32, lo, hi);
        refuse(r, E_FORMAT, shown, why);
    } else {
        return (uint32_t)n;
    }
    return lo;
}

/* NaN as `missing`: required. */
static double read_number(reader *r, const json *v, const char *shown, double lo, double hi,
                          double missing) {
    double x;
    char why[160];
    if (r->st != OK || (!v && !isnan(missing))) return missing;
    if (!v) {
        refuse(r, E_FORMAT, shown, "missing");
    } else if (!json_f64(v, &x)) {
        snprintf(why, sizeof why, "expected a number, found %s", json_kind_name(json_type(v)));
        refuse(r, E_FORMAT, shown, why);
    } else if (!(x >= lo && x <= hi)) {
        snprintf(why, sizeof why, "%g is not between %g and %g", x, lo, hi);
        refuse(r, E_FORMAT, shown, why);
    } else {
        return x;
    }
    return lo;
}

static bool is_word(const json *v, const char *word) {
    size_t n;
    const char *s = json_text(v, &n);
    return s && strcmp(s, word) == 0;
}

static void check_fixed(reader *r) {
    char why[100];
    for (size_t i = 0; i < sizeof fixeds / sizeof *fixeds; i++) {
        const struct fixed *f = &fixeds[i];
        const json *v = get(r->root, f->key);
        bool on = true;
        if (!v) continue;
        if (f->word ? is_word(v, f->word) : json_bool(v, &on) && !on) continue;
        snprintf(why, sizeof why, "expected %s: this is not a DeepSeek V4 Flash checkpoint",
                 f->word ? f->word : "false");
        refuse(r, E_UNSUPPORTED, f->key, why);
    }
    static const char *const groups[] = {"n_group", "topk_group"};
    for (size_t i = 0; i < 2; i++) read_whole(r, get(r->root, groups[i]), groups[i], 0, 1, 1);
}

static void read_ratios(reader *r) {
    static const char *const key = "compress_ratios";
    convert_config *c = r->c;
    const json *v = get(r->root, key);
    const size_t most = sizeof c->ratio / sizeof *c->ratio, n = json_count(v);
    char why[120];
    if (r->st != OK) return;
    if (!v || json_type(v) != JSON_ARRAY) {
        refuse(r, E_FORMAT, key, v ? "expected an array" : "missing");
    } else if (n < c->n_layers || n > most) {
        snprintf(why, sizeof why, "%zu entries for %u layers", n, c->n_layers);
        refuse(r, E_FORMAT, key, why);
    }
    for (size_t i = 0; i < n && r->st == OK; i++) {
        int64_t x = -1;
        if (!json_i64(json_at(v, i), &x) ||
            !(x == 0 || x == 4 || (x >= 8 && x <= PAGE_TOKENS && (x & (x - 1)) == 0))) {
            snprintf(why, sizeof why, "entry %zu: expected 0, 4, or a power of two from 8 to %d", i,
                     PAGE_TOKENS);
            refuse(r, E_FORMAT, key, why);
            return;
        }
        c->ratio[i] = (int32_t)x;
    }
    c->n_ratios = (uint32_t)n;
}

/* "rope_scaling", in newer files "rope_parameters". null says: none. */
static void read_scaling(reader *r) {
    convert_config *c = r->c;
    const char *key = json_get(r->root, "rope_scaling") ? "rope_scaling" : "rope_parameters";
    const json *v = json_get(r->root, key), *type = json_get(v, "type");
    if (!type) type = json_get(v, "rope_type");
    c->yarn_factor = 1, c->yarn_beta_fast = 32, c->yarn_beta_slow = 1;
    c->yarn_context = c->context;
    if (!v) {
        refuse(r, E_FORMAT, "rope_scaling", "missing");
    } else if (json_type(v) != JSON_NULL && json_type(v) != JSON_OBJECT) {
        refuse(r, E_FORMAT, key, "expected an object");
    } else if (type && !is_word(type, "yarn")) {
        refuse(r, E_UNSUPPORTED, key, "its type is not yarn");
    }
    if (r->st != OK || json_type(v) == JSON_NULL) return;
    c->yarn = true;
    char name[4][80];
    static const char *const parts[] = {"factor", "original_max_position_embeddings", "beta_fast",
                                        "beta_slow"};
    for (size_t i = 0; i < 4; i++) snprintf(name[i], sizeof name[i], "%s.%s", key, parts[i]);
    c->yarn_factor = read_number(r, get(v, parts[0]), name[0], 1, 1e6, NAN);
    c->yarn_context = read_whole(r, get(v, parts[1]), name[1], 1, 1000000000, REQUIRED);
    c->yarn_beta_fast = read_number(r, get(v, parts[2]), name[2], 1e-6, 1e9, 32);
    c->yarn_beta_slow = read_number(r, get(v, parts[3]), name[3], 1e-6, 1e9, 1);
}

static void read_storage(reader *r) {
    static const char *const key = "quantization_config";
    const json *q = get(r->root, key), *size = get(q, "weight_block_size");
    const json *method = get(q, "quant_method"), *fmt = get(q, "fmt");
    r->c->tile_rows = r->c->tile_cols = 128;
    if (q && json_type(q) != JSON_OBJECT) refuse(r, E_FORMAT, key, "expected an object");
    if ((method && !is_word(method, "fp8")) || (fmt && !is_word(fmt, "e4m3")))
        refuse(r, E_UNSUPPORTED, key, "expected quant_method fp8 and fmt e4m3");
    if (!size) return;
    if (json_count(size) != 2)
        refuse(r, E_FORMAT, "quantization_config.weight_block_size", "expected two numbers");
    r->c->tile_rows = read_whole(r, json_at(size, 0), "quantization_config.weight_block_size", 1,
                                 1u << 20, REQUIRED);
    r->c->tile_cols = read_whole(r, json_at(size, 1), "quantization_config.weight_block_size", 1,
                                 1u << 20, REQUIRED);
}

/* One id, or the first of several. */
static int64_t read_id(reader *r, const char *key) {
    const json *v = get(r->root, key);
    if (v && json_type(v) == JSON_ARRAY) v = json_at(v, 0);
    if (!v) return -1;
    return read_whole(r, v, key, 0, r->c->n_vocab - 1, REQUIRED);
}

static void check_together(reader *r) {
    const convert_config *c = r->c;
    if (c->rope_dim % 2 != 0 || c->rope_dim > c->head_dim)
        refuse(r, E_FORMAT, "qk_rope_head_dim", "expected an even number, at most head_dim");
    if (c->n_heads % c->o_groups != 0)
        refuse(r, E_FORMAT, "o_groups", "does not divide num_attention_heads");
    if (c->n_used > c->n_experts)
        refuse(r, E_FORMAT, "num_experts_per_tok", "more than n_routed_experts");
    if (c->n_hash_layers > c->n_layers)
        refuse(r, E_FORMAT, "num_hash_layers", "more than num_hidden_layers");
    bool indexed = false;
    for (uint32_t l = 0; l < c->n_layers; l++) indexed |= c->ratio[l] == 4;
    if (indexed && c->rope_dim > c->ix_dim)
        refuse(r, E_FORMAT, "index_head_dim", "smaller than qk_rope_head_dim");
}

static void read_all(reader *r) {
    convert_config *c = r->c;
    if (json_type(r->root) != JSON_OBJECT) {
        r->st = fail(r->e, E_FORMAT, "%s: expected an object", c->path);
        return;
    }
    check_fixed(r);
    for (size_t i = 0; i < sizeof wholes / sizeof *wholes; i++) {
        const struct whole *w = &wholes[i];
        *(uint32_t *)(void *)((char *)c + w->at) =
            read_whole(r, get(r->root, w->key), w->key, w->lo, w->hi, w->missing);
    }
    const json *modern = json_get(r->root, "rope_parameters"); /* has rope_theta inside */
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        const struct number *n = &numbers[i];
        const json *v = get(r->root, n->key);
        if (!v) v = get(modern, n->key);
        *(double *)(void *)((char *)c + n->at) = read_number(r, v, n->key, n->lo, n->hi, NAN);
    }
    const json *norm = get(r->root, "norm_topk_prob");
    if (!json_bool(norm, &c->route_norm))
        refuse(r, E_FORMAT, "norm_topk_prob", norm ? "expected true or false" : "missing");
    read_ratios(r);
    read_scaling(r);
    read_storage(r);
    if (r->st != OK) return;
    c->bos = read_id(r, "bos_token_id");
    c->eos = read_id(r, "eos_token_id");
    c->pad = read_id(r, "pad_token_id");
    check_together(r);
}

status convert_config_read(convert_config *c, const char *folder, err *e) {
    *c = (convert_config){0};
    json_doc *doc;
    snprintf(c->path, sizeof c->path, "%s/config.json", folder);
    const status st = hf_read_json(&doc, folder, "config.json", false, e);
    if (st != OK) return st;
    reader r = {.c = c, .root = json_root(doc), .e = e};
    read_all(&r);
    json_free(doc);
    return r.st;
}

void convert_config_name(const char *folder, char *out, size_t cap) {
    char *real = realpath(folder, NULL);
    const char *slash = real ? strrchr(real, '/') : NULL;
    snprintf(out, cap, "%s", slash && slash[1] ? slash + 1 : "DeepSeek V4 Flash");
    free(real);
}

void convert_config_put(const convert_config *c, const char *name, uint32_t file_type,
                        uint32_t n_draft, bool draft_inside, gguf_writer *w) {
    const uint32_t n_blocks = c->n_layers + (draft_inside ? n_draft : 0);
    const uint32_t n_ratios =
        c->n_ratios < n_blocks ? n_blocks : c->n_ratios; /* 0 behind the end */
    float clamps[SHAPE_MAX_LAYERS + 1];
    for (uint32_t l = 0; l < n_blocks; l++) clamps[l] = (float)c->clamp;
#define P(key) "deepseek4." key
    gguf_put_string(w, "general.architecture", "deepseek4", 9);
    gguf_put_string(w, "general.name", name, strlen(name));
    gguf_put_u32(w, "general.file_type", file_type);
    gguf_put_u32(w, "general.quantization_version", 2);
    gguf_put_u32(w, P("block_count"), n_blocks);
    gguf_put_u32(w, P("context_length"), c->context);
    gguf_put_u32(w, P("embedding_length"), c->d_model);
    gguf_put_u32(w, P("vocab_size"), c->n_vocab);
    gguf_put_u32(w, P("attention.head_count"), c->n_heads);
    gguf_put_u32(w, P("attention.head_count_kv"), 1);
    gguf_put_u32(w, P("attention.key_length"), c->head_dim);
    gguf_put_u32(w, P("attention.value_length"), c->head_dim);
    gguf_put_f32(w, P("attention.layer_norm_rms_epsilon"), (float)c->norm_eps);
    gguf_put_u32(w, P("attention.q_lora_rank"), c->q_rank);
    gguf_put_u32(w, P("attention.output_lora_rank"), c->o_rank);
    gguf_put_u32(w, P("attention.output_group_count"), c->o_groups);
    gguf_put_u32(w, P("attention.sliding_window"), c->window);
    gguf_put_i32s(w, P("attention.compress_ratios"), c->ratio, n_ratios);
    gguf_put_f32(w, P("attention.compress_rope_freq_base"), (float)c->rope_base_compressed);
    gguf_put_u32(w, P("attention.indexer.head_count"), c->ix_heads);
    gguf_put_u32(w, P("attention.indexer.key_length"), c->ix_dim);
    gguf_put_u32(w, P("attention.indexer.top_k"), c->ix_top_k);
    gguf_put_u32(w, P("rope.dimension_count"), c->rope_dim);
    gguf_put_f32(w, P("rope.freq_base"), (float)c->rope_base);
    gguf_put_string(w, P("rope.scaling.type"), c->yarn ? "yarn" : "none", 4);
    gguf_put_f32(w, P("rope.scaling.factor"), (float)c->yarn_factor);
    gguf_put_u32(w, P("rope.scaling.original_context_length"), c->yarn_context);
    gguf_put_f32(w, P("rope.scaling.yarn_beta_fast"), (float)c->yarn_beta_fast);
    gguf_put_f32(w, P("rope.scaling.yarn_beta_slow"), (float)c->yarn_beta_slow);
    gguf_put_u32(w, P("expert_count"), c->n_experts);
    gguf_put_u32(w, P("expert_used_count"), c->n_used);
    gguf_put_u32(w, P("expert_shared_count"), c->n_shared);
    gguf_put_u32(w, P("expert_feed_forward_length"), c->ff_dim);
    gguf_put_f32(w, P("expert_weights_scale"), (float)c->route_scale);
    gguf_put_bool(w, P("expert_weights_norm"), c->route_norm);
    gguf_put_u32(w, P("expert_gating_func"), 4); /* sqrt(softplus(x)) */
    gguf_put_u32(w, P("hash_layer_count"), c->n_hash_layers);
    gguf_put_f32s(w, P("swiglu_clamp_exp"), clamps, n_blocks);
    gguf_put_u32(w, P("hyper_connection.count"), c->n_streams);
    gguf_put_u32(w, P("hyper_connection.sinkhorn_iterations"), c->sinkhorn_rounds);
    gguf_put_f32(w, P("hyper_connection.epsilon"), (float)c->hc_eps);
    gguf_put_u32(w, P("nextn_predict_layers"), n_draft);
#undef P
}
