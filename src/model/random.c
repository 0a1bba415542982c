#include "model/random.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gguf/gguf.h"
#include "model/weights.h"

#define PREFIX "deepseek4."

shape random_small_shape(void) {
    shape s = {
        .n_layers = 5, .n_vocab = 512, .d_model = 256, .n_heads = 4, .head_dim = 64, .rope_dim = 16,
        .q_rank = 64, .o_groups = 2, .o_rank = 32, .window = 32, .ix_heads = 16, .ix_dim = 32, .ix_top_k = 16,
        .n_experts = 16, .n_used = 3, .n_shared = 1, .ff_dim = 256, .n_hash_layers = 1,
        .n_streams = 4, .sinkhorn_rounds = 20, .context = 1048576, .route_scale = 1.5f, .route_norm = true,
        .norm_eps = 1e-6f, .hc_eps = 1e-6f, .rope_base = 10000, .rope_base_compressed = 160000,
        .yarn_factor = 16, .yarn_beta_fast = 32, .yarn_beta_slow = 1, .yarn_context = 65536,
    };
    static const uint32_t ratios[] = {0, 4, 128, 4, 16};
    memcpy(s.ratio, ratios, sizeof ratios);
    for (uint32_t l = 0; l <= s.n_layers; l++) s.clamp_routed[l] = s.clamp_shared[l] = 10;
    return s;
}

/* splitmix64: the n-th number of a seed, in order. */
static uint64_t next_u64(uint64_t *state) {
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* Nearly normal, mean 0, deviation 1: the sum of four 16-bit uniforms. */
static float next_normal(uint64_t *state) {
    const uint64_t v = next_u64(state);
    double sum = 0;
    for (int i = 0; i < 4; i++) sum += (double)(v >> 16 * i & 0xffff) / 65535.0 - 0.5;
    return (float)(sum * 1.7320508);
}

/* Block types are filled with random codes; their scales are set so that values have a deviation of 1 at `unit`. */
typedef struct block_fill {
    quant_id id;
    float unit;          /* scale that gives deviation 1 with random codes       */
    uint8_t d, dmin;     /* offsets of the float16 scale and minimum; 255: none  */
    float min_of_d;      /* dmin as a multiple of d, so that values centre on 0  */
} block_fill;

static const block_fill fills[] = {
    {Q_Q8_0, 1 / 73.9f, 0, 255, 0},
    {Q_IQ2_XXS, 1 / 52.0f, 0, 255, 0},
    {Q_Q2_K, 1 / 16.0f, 80, 82, 1.5f},
    {Q_Q4_K, 1 / 260.0f, 0, 2, 7.5f},
};

static void fill_block_row(const block_fill *f, const quant_type *q, uint8_t *row, uint64_t bytes, float gain,
                           uint64_t *rng) {
    for (uint64_t i = 0; i < bytes; i += 8) {
        const uint64_t v = next_u64(rng);
        memcpy(row + i, &v, bytes - i < 8 ? bytes - i : 8);
    }
    const uint16_t d = f32_to_f16(f->unit * gain), m = f32_to_f16(f->unit * gain * f->min_of_d);
    for (uint64_t at = 0; at < bytes; at += q->block_bytes) {
        memcpy(row + at + f->d, &d, 2);
        if (f->dmin != 255) memcpy(row + at + f->dmin, &m, 2);
    }
}

typedef struct maker {
    const random_spec *spec;
    gguf_writer *w;
    uint64_t rng;
    float *values; /* one row */
    uint8_t *row;
    uint64_t row_cap;
    err *e;
} maker;

static bool has(const char *name, const char *part) { return strstr(name, part) != NULL; }

/* The published recipes, by name. */
static quant_id type_for(const random_spec *spec, const char *name, tensor_role role, uint64_t cols) {
    if (role == TENSOR_IDS) return Q_I32;
    if (spec->recipe == RANDOM_F32 || (role == TENSOR_VECTOR && !has(name, "_ape"))) return Q_F32;
    const bool routed = has(name, "_exps"), down = has(name, "down");
    quant_id q = Q_F16;
    if (routed) q = spec->recipe == RANDOM_Q8 ? Q_Q8_0 : spec->recipe == RANDOM_Q4 ? Q_Q4_K : down ? Q_Q2_K : Q_IQ2_XXS;
    else if (has(name, "attn_q_") || has(name, "attn_kv") || has(name, "attn_output") || has(name, "_shexp") ||
             strcmp(name, "output.weight") == 0 || has(name, "e_proj") || has(name, "h_proj"))
        q = has(name, "indexer") ? Q_F16 : Q_Q8_0;
    return cols % quant_find(q)->block_values == 0 ? q : Q_F16;
}

/* How large a tensor's values are: what keeps signals near 1, with some matrices stronger so that choices are clear. */
static void scale_for(const char *name, tensor_role role, uint64_t cols, float *mean, float *deviation) {
    *mean = 0;
    *deviation = (float)(1 / sqrt((double)cols));
    if (has(name, "token_embd")) *deviation = 1;
    if (has(name, "ffn_gate_inp")) *deviation *= 4;
    if (has(name, "output") || has(name, "_exps") || has(name, "_shexp")) *deviation *= 1.5f;
    if (role != TENSOR_VECTOR) return;
    *deviation = 0.2f;
    if (has(name, "norm")) *mean = 1;
    if (has(name, "scale")) *mean = 0.8f;
    if (has(name, "hc_") && has(name, "base")) *deviation = 0.7f;
    if (has(name, "ape") || has(name, "sinks")) *deviation = 0.8f;
    if (has(name, "exp_probs_b")) *deviation = 0.5f;
}

static status declare(void *ctx, const char *name, tensor_role role, const uint64_t ne[3]) {
    maker *k = ctx;
    const uint32_t dims = ne[2] > 1 || has(name, "_exps") ? 3 : role == TENSOR_VECTOR && ne[1] == 1 ? 1 : 2;
    gguf_declare(k->w, name, type_for(k->spec, name, role, ne[0]), dims, ne);
    if (ne[0] > k->row_cap) k->row_cap = ne[0];
    return OK;
}

static status write_ids(maker *k, const uint64_t ne[3]) {
    int32_t *ids = (int32_t *)(void *)k->values;
    status st = OK;
    for (uint64_t t = 0; t < ne[1] && st == OK; t++) {
        const uint32_t n = k->spec->shape.n_experts;
        const uint64_t first = next_u64(&k->rng) % n, step = 1 + next_u64(&k->rng) % (n > 1 ? n - 1 : 1);
        for (uint64_t i = 0; i < ne[0]; i++) {
            bool again = false;
            ids[i] = (int32_t)((first + i * step) % n);
            for (uint64_t j = 0; j < i; j++) again |= ids[j] == ids[i];
            for (uint32_t e = 0; again && e < n; e++) { /* a step that divides n comes round: take the first free */
                bool taken = false;
                for (uint64_t j = 0; j < i; j++) taken |= ids[j] == (int32_t)e;
                if (!taken) ids[i] = (int32_t)e, again = false;
            }
        }
        st = gguf_data(k->w, ids, (size_t)ne[0] * sizeof *ids, k->e);
    }
    return st;
}

static status write_tensor(void *ctx, const char *name, tensor_role role, const uint64_t ne[3]) {
    maker *k = ctx;
    if (role == TENSOR_IDS) return write_ids(k, ne);
    const quant_type *q = quant_find(type_for(k->spec, name, role, ne[0]));
    uint64_t bytes = 0;
    float mean, deviation;
    quant_bytes(q, ne[0], &bytes);
    scale_for(name, role, ne[0], &mean, &deviation);
    status st = OK;
    for (uint64_t r = 0; r < ne[1] * ne[2] && st == OK; r++) {
        const block_fill *f = NULL;
        for (size_t i = 0; i < sizeof fills / sizeof *fills; i++)
            if (fills[i].id == q->id) f = &fills[i];
        if (f) {
            fill_block_row(f, q, k->row, bytes, deviation, &k->rng);
        } else {
            for (uint64_t i = 0; i < ne[0]; i++) k->values[i] = mean + deviation * next_normal(&k->rng);
            if (q->id == Q_F16) quantize_f16(k->values, k->row, (size_t)ne[0]);
            else memcpy(k->row, k->values, (size_t)bytes);
        }
        st = gguf_data(k->w, k->row, (size_t)bytes, k->e);
    }
    return st;
}

void random_keys(gguf_writer *w, const shape *s, bool draft) {
    const struct {
        const char *key;
        uint32_t v;
    } whole[] = {
        {"block_count", s->n_layers}, {"context_length", s->context}, {"embedding_length", s->d_model},
        {"vocab_size", s->n_vocab}, {"attention.head_count", s->n_heads}, {"attention.head_count_kv", 1},
        {"attention.key_length", s->head_dim}, {"attention.value_length", s->head_dim},
        {"attention.q_lora_rank", s->q_rank}, {"attention.output_lora_rank", s->o_rank},
        {"attention.output_group_count", s->o_groups}, {"attention.sliding_window", s->window},
        {"attention.indexer.head_count", s->ix_heads}, {"attention.indexer.key_length", s->ix_dim},
        {"attention.indexer.top_k", s->ix_top_k}, {"rope.dimension_count", s->rope_dim},
        {"rope.scaling.original_context_length", (uint32_t)s->yarn_context}, {"expert_count", s->n_experts},
        {"expert_used_count", s->n_used}, {"expert_shared_count", s->n_shared},
        {"expert_feed_forward_length", s->ff_dim}, {"expert_gating_func", 4},
        {"hash_layer_count", s->n_hash_layers}, {"hyper_connection.count", s->n_streams},
        {"hyper_connection.sinkhorn_iterations", s->sinkhorn_rounds}, {"nextn_predict_layers", draft ? 1 : 0},
    };
    const struct {
        const char *key;
        double v;
    } real[] = {
        {"attention.layer_norm_rms_epsilon", s->norm_eps},
        {"attention.compress_rope_freq_base", s->rope_base_compressed}, {"rope.freq_base", s->rope_base},
        {"rope.scaling.factor", s->yarn_factor}, {"rope.scaling.yarn_beta_fast", s->yarn_beta_fast},
        {"rope.scaling.yarn_beta_slow", s->yarn_beta_slow}, {"expert_weights_scale", s->route_scale},
        {"hyper_connection.epsilon", s->hc_eps},
    };
    char key[96];
    gguf_put_string(w, "general.architecture", "deepseek4", 9);
    gguf_put_string(w, "general.name", "random", 6);
    gguf_put_string(w, "tokenizer.ggml.model", "none", 4); /* llama.cpp wants to be told */
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++) {
        snprintf(key, sizeof key, PREFIX "%s", whole[i].key);
        gguf_put_u32(w, key, whole[i].v);
    }
    for (size_t i = 0; i < sizeof real / sizeof *real; i++) {
        snprintf(key, sizeof key, PREFIX "%s", real[i].key);
        gguf_put_f32(w, key, (float)real[i].v);
    }
    gguf_put_string(w, PREFIX "rope.scaling.type", "yarn", 4);
    gguf_put_bool(w, PREFIX "expert_weights_norm", s->route_norm);
    int32_t ratios[SHAPE_MAX_LAYERS];
    for (uint32_t l = 0; l < s->n_layers; l++) ratios[l] = (int32_t)s->ratio[l];
    gguf_put_i32s(w, PREFIX "attention.compress_ratios", ratios, s->n_layers);
    gguf_put_f32s(w, PREFIX "swiglu_clamp_exp", s->clamp_routed, s->n_layers);
    gguf_put_f32s(w, PREFIX "swiglu_clamp_shexp", s->clamp_shared, s->n_layers);
}

status random_model_write(const char *path, const random_spec *spec, err *e) {
    maker k = {.spec = spec, .rng = spec->seed * 0x2545f4914f6cdd1du + 1, .e = e};
    status st = gguf_create(&k.w, path, e);
    if (st != OK) return st;
    random_keys(k.w, &spec->shape, spec->draft);
    weights_each(&spec->shape, spec->draft, declare, &k);
    k.values = malloc(k.row_cap * sizeof *k.values);
    k.row = malloc(k.row_cap * sizeof(float));
    st = k.values && k.row ? gguf_begin(k.w, e) : fail(e, E_NOMEM, "%s: out of memory", path);
    if (st == OK) st = weights_each(&spec->shape, spec->draft, write_tensor, &k);
    free(k.values);
    free(k.row);
    if (st == OK) return gguf_finish(k.w, e);
    gguf_abort(k.w);
    return st;
}
