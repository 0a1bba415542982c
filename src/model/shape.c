#include "model/shape.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define PREFIX "deepseek4."

/* One model being read; the first error sticks, so that the list of keys below reads as a table. */
typedef struct reader {
    const gguf *g; /* the file with the keys */
    const char *name;
    status st;
    err *e;
} reader;

static const gguf_key *find(const reader *r, const char *key) {
    char full[128];
    snprintf(full, sizeof full, PREFIX "%s", key);
    return gguf_find_key(r->g, full);
}

static void refuse(reader *r, const char *key, const char *what) {
    if (r->st == OK) r->st = fail(r->e, E_FORMAT, "%s: key " PREFIX "%s: %s", r->name, key, what);
}

static void range_text(char *out, size_t cap, uint64_t v, uint64_t lo, uint64_t hi) {
    snprintf(out, cap, "%" PRIu64 " is not between %" PRIu64 " and %" PRIu64, v, lo, hi);
}

/* The number itself, or what a list of equal numbers says: some writers give a value once for each layer. */
static bool one_whole(const gguf_key *k, uint64_t *out) {
    const uint64_t n = gguf_array_n(k);
    int64_t first = -1, v = -1;
    if (k->kind != GGUF_ARRAY) return gguf_u64(k, out);
    if (n == 0 || !gguf_array_i64(k, 0, &first) || first < 0) return false;
    for (uint64_t i = 1; i < n; i++)
        if (!gguf_array_i64(k, i, &v) || v != first) return false;
    *out = (uint64_t)first;
    return true;
}

static bool one_number(const gguf_key *k, double *out) {
    const uint64_t n = gguf_array_n(k);
    double first = 0, v = 0;
    if (k->kind != GGUF_ARRAY) return gguf_f64(k, out);
    if (n == 0 || !gguf_array_f64(k, 0, &first)) return false;
    for (uint64_t i = 1; i < n; i++)
        if (!gguf_array_f64(k, i, &v) || v != first) return false;
    *out = first;
    return true;
}

/* A required whole number. */
static uint32_t whole(reader *r, const char *key, uint32_t lo, uint32_t hi) {
    uint64_t v = 0;
    const gguf_key *k = find(r, key);
    if (!k) {
        refuse(r, key, "missing (is this a DeepSeek V4 Flash file?)");
    } else if (!one_whole(k, &v)) {
        refuse(r, key, "expected a whole number");
    } else if (v < lo || v > hi) {
        char why[96];
        range_text(why, sizeof why, v, lo, hi);
        refuse(r, key, why);
    }
    return r->st == OK ? (uint32_t)v : lo;
}

static uint32_t whole_or(reader *r, const char *key, uint32_t lo, uint32_t hi, uint32_t missing) {
    return find(r, key) ? whole(r, key, lo, hi) : missing;
}

static double number_or(reader *r, const char *key, double lo, double hi, double missing) {
    double v = missing;
    const gguf_key *k = find(r, key);
    if (k && !one_number(k, &v)) refuse(r, key, "expected a number");
    if (k && r->st == OK && !(v >= lo && v <= hi)) {
        char why[96];
        snprintf(why, sizeof why, "%g is not between %g and %g", v, lo, hi);
        refuse(r, key, why);
    }
    return r->st == OK ? v : missing;
}

static double number(reader *r, const char *key, double lo, double hi) {
    if (!find(r, key)) refuse(r, key, "missing (is this a DeepSeek V4 Flash file?)");
    return number_or(r, key, lo, hi, lo);
}

/* Per-layer numbers: an array with an entry for every trunk layer (more are welcome: the next one belongs to
 * the draft block), or one number for all. */
static void clamps(reader *r, const char *key, uint32_t n_layers, float *out) {
    const gguf_key *k = find(r, key);
    const uint64_t n = gguf_array_n(k);
    if (n != 1 && n < n_layers) {
        refuse(r, key, "has fewer entries than there are layers");
        return;
    }
    double v = 0;
    for (uint32_t l = 0; l <= n_layers && r->st == OK; l++) {
        const uint64_t i = n == 1 ? 0 : l < n ? l : n - 1;
        if (!gguf_array_f64(k, i, &v) || !(v > 0 && v <= 1e30)) {
            refuse(r, key, "an entry is not a positive number");
            return;
        }
        out[l] = (float)v;
    }
}

static void ratios(reader *r, uint32_t n_layers, uint32_t *out) {
    static const char *const key = "attention.compress_ratios";
    const gguf_key *k = find(r, key);
    const bool one = k && k->kind != GGUF_ARRAY; /* for all layers */
    if (!k || (!one && gguf_array_n(k) < n_layers)) {
        refuse(r, key, k ? "has fewer entries than there are layers" : "missing");
        return;
    }
    for (uint32_t l = 0; l < n_layers; l++) {
        int64_t v = -1;
        const bool ok = gguf_array_i64(k, one ? 0 : l, &v) &&
                        (v == 0 || v == 4 || (v >= 8 && v <= PAGE_TOKENS && (v & (v - 1)) == 0));
        if (!ok) {
            char why[128];
            snprintf(why, sizeof why,
                     "layer %u has ratio %" PRId64 ": expected 0, 4, or a power of two from 8 to 256", l, v);
            refuse(r, key, why);
            return;
        }
        out[l] = (uint32_t)v;
    }
    out[n_layers] = 0;
}

/* How many trailing blocks of block_count are draft blocks. Published files promise one that is not there (a separate file holds
 * it), so the tensors decide: a block with any of these is no layer of the trunk, whatever else it lacks. */
static uint32_t draft_blocks(gguf *const *files, uint32_t n_files, uint32_t blocks, uint32_t promised) {
    static const char *const marks[] = {"eh_proj", "e_proj", "h_proj", "enorm", "hnorm"};
    const uint32_t n = promised ? promised : 1;
    if (n >= blocks) return 0;
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        char name[64];
        snprintf(name, sizeof name, "blk.%u.nextn.%s.weight", blocks - n, marks[i]);
        for (uint32_t f = 0; f < n_files; f++)
            if (gguf_find_tensor(files[f], name)) return n;
    }
    return 0;
}

static void architecture(reader *r) {
    gguf_str arch;
    const gguf_key *k = gguf_find_key(r->g, "general.architecture");
    if (!gguf_string(k, &arch)) {
        if (find(r, "block_count")) return; /* one published writer leaves it out */
        r->st = fail(r->e, E_FORMAT, "%s: key general.architecture is missing: not a model file", r->name);
    } else if (arch.n != 9 || memcmp(arch.p, "deepseek4", 9) != 0) {
        r->st = fail(r->e, E_UNSUPPORTED,
                     "%s: architecture is '%.*s': this engine runs 'deepseek4' (DeepSeek V4 Flash) only", r->name,
                     (int)(arch.n < 64 ? arch.n : 64), arch.p);
    }
}

static void vocabulary(reader *r, shape *s) {
    const uint32_t most = 1u << 24;
    const uint64_t tokens = gguf_array_n(gguf_find_key(r->g, "tokenizer.ggml.tokens"));
    if (find(r, "vocab_size")) s->n_vocab = whole(r, "vocab_size", 1, most);
    else if (tokens >= 1 && tokens <= most) s->n_vocab = (uint32_t)tokens;
    else refuse(r, "vocab_size", "missing, and the file has no tokeniser to tell");
}

static void attention(reader *r, shape *s) {
    s->n_heads = whole(r, "attention.head_count", 1, 4096);
    s->head_dim = whole(r, "attention.key_length", 2, 8192);
    if (whole_or(r, "attention.head_count_kv", 1, 1u << 20, 1) != 1)
        refuse(r, "attention.head_count_kv", "expected 1: all heads share one row");
    if (whole_or(r, "attention.value_length", 1, 1u << 20, s->head_dim) != s->head_dim)
        refuse(r, "attention.value_length", "differs from attention.key_length: one row is key and value");
    s->rope_dim = whole_or(r, "rope.dimension_count", 2, 8192, s->head_dim);
    if (r->st == OK && (s->rope_dim % 2 != 0 || s->rope_dim > s->head_dim))
        refuse(r, "rope.dimension_count", "expected an even number, at most attention.key_length");
    s->q_rank = whole(r, "attention.q_lora_rank", 1, 1u << 17);
    s->o_rank = whole(r, "attention.output_lora_rank", 1, 1u << 17);
    s->o_groups = whole(r, "attention.output_group_count", 1, 4096);
    if (r->st == OK && s->n_heads % s->o_groups != 0)
        refuse(r, "attention.output_group_count", "does not divide attention.head_count");
    s->window = whole(r, "attention.sliding_window", 1, 8192);
    s->norm_eps = (float)number(r, "attention.layer_norm_rms_epsilon", 0, 0.1);
    ratios(r, s->n_layers, s->ratio);

    /* Without ratio-4 layers there is no indexer, and a file may leave its sizes out. */
    bool indexed = false;
    for (uint32_t l = 0; l < s->n_layers; l++) indexed |= s->ratio[l] == 4;
    if (indexed) {
        s->ix_heads = whole(r, "attention.indexer.head_count", 1, 4096);
        s->ix_dim = whole(r, "attention.indexer.key_length", 2, 8192);
        s->ix_top_k = whole(r, "attention.indexer.top_k", 1, 1u << 20);
        if (r->st == OK && s->rope_dim > s->ix_dim)
            refuse(r, "attention.indexer.key_length", "smaller than rope.dimension_count");
    }
}

static void positions(reader *r, shape *s) {
    s->rope_base = number_or(r, "rope.freq_base", 1.0001, 1e12, 10000);
    s->rope_base_compressed = number(r, "attention.compress_rope_freq_base", 1.0001, 1e12);
    s->yarn_factor = number_or(r, "rope.scaling.factor", 1, 1e6, 1);
    s->yarn_context = number_or(r, "rope.scaling.original_context_length", 1, 1e9, 65536);
    s->yarn_beta_fast = number_or(r, "rope.scaling.yarn_beta_fast", 1e-6, 1e9, 32);
    s->yarn_beta_slow = number_or(r, "rope.scaling.yarn_beta_slow", 1e-6, 1e9, 1);
    gguf_str type = {"yarn", 4};
    const gguf_key *k = find(r, "rope.scaling.type");
    if (k && !gguf_string(k, &type)) type.n = 0;
    if (type.n == 4 && memcmp(type.p, "none", 4) == 0) s->yarn_factor = 1;
    else if (type.n != 4 || memcmp(type.p, "yarn", 4) != 0) refuse(r, "rope.scaling.type", "expected yarn");
}

static void experts(reader *r, shape *s) {
    s->n_experts = whole(r, "expert_count", 1, 1u << 14);
    s->n_used = whole(r, "expert_used_count", 1, 256);
    if (r->st == OK && s->n_used > s->n_experts) refuse(r, "expert_used_count", "more than expert_count");
    s->n_shared = whole(r, "expert_shared_count", 1, 64);
    s->ff_dim = whole(r, "expert_feed_forward_length", 1, 1u << 17);
    s->n_hash_layers = whole_or(r, "hash_layer_count", 0, SHAPE_MAX_LAYERS, 0);
    s->route_scale = (float)number(r, "expert_weights_scale", 1e-6, 1e6);
    s->route_norm = true;
    const gguf_key *k = find(r, "expert_weights_norm");
    if (k && !gguf_bool(k, &s->route_norm)) refuse(r, "expert_weights_norm", "not a boolean");
    if (whole_or(r, "expert_gating_func", 0, 255, 4) != 4)
        refuse(r, "expert_gating_func", "expected 4, sqrt(softplus(x)): no other router is known for this model");
    if (whole_or(r, "expert_group_count", 0, 1u << 20, 0) > 1)
        refuse(r, "expert_group_count", "expected 0: this model routes without groups");
    if (!find(r, "swiglu_clamp_exp")) refuse(r, "swiglu_clamp_exp", "missing");
    clamps(r, "swiglu_clamp_exp", s->n_layers, s->clamp_routed);
    clamps(r, find(r, "swiglu_clamp_shexp") ? "swiglu_clamp_shexp" : "swiglu_clamp_exp", s->n_layers,
           s->clamp_shared);
}

status shape_read(shape *out, gguf *const *files, uint32_t n_files, const char *name, err *e) {
    reader r = {.g = files[0], .name = name, .st = OK, .e = e};
    shape s = {0};
    architecture(&r);
    if (r.st != OK) return r.st;

    const uint32_t blocks = whole(&r, "block_count", 1, SHAPE_MAX_LAYERS);
    s.n_layers = blocks - draft_blocks(files, n_files, blocks, whole_or(&r, "nextn_predict_layers", 0, 64, 0));
    vocabulary(&r, &s);
    s.context = whole(&r, "context_length", 1, 1u << 30);
    s.d_model = whole(&r, "embedding_length", 1, 1u << 17);
    s.n_streams = whole(&r, "hyper_connection.count", 1, SHAPE_MAX_STREAMS);
    s.sinkhorn_rounds = whole(&r, "hyper_connection.sinkhorn_iterations", 1, 1000);
    s.hc_eps = (float)number(&r, "hyper_connection.epsilon", 0, 0.1);
    attention(&r, &s);
    positions(&r, &s);
    experts(&r, &s);
    if (r.st == OK) *out = s;
    return r.st;
}
