/* checkpoint: a small model as it would be published, made up for tests.
 *
 * Every kind of layer is there (window only and routed by token id; ratio 4 with indexer; ratio
 * 16), a draft block, and every way to store a matrix. Values are random bytes with the exponents
 * kept in range; what they mean is worked out here in float64, by other code than the converter's.
 *
 *     model *m = model_new(LOW, 7);         entries, with bytes and expected values
 *     entry *t = model_find(m, "layers.0.attn.wq_a.weight");
 *     t->data[3] = 0x7f;                    spoil something
 *     model_write(m, folder);               config.json, index, shards
 */
#ifndef DS4_TESTS_CHECKPOINT_H
#define DS4_TESTS_CHECKPOINT_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hf/build_test.h"

enum {
    N_LAYERS = 3,
    VOCAB = 40,
    D = 64,
    STREAMS = 2,
    HEADS = 4,
    HEAD_DIM = 16,
    Q_RANK = 32,
    GROUPS = 2,
    O_RANK = 16,
    IX_HEADS = 2,
    IX_DIM = 32,
    EXPERTS = 3,
    USED = 2,
    FF = 32,
    TILE_ROWS = 24, /* no power of two, and smaller than the matrices: tiles matter */
    TILE_COLS = 40
};

/* How the large matrices are stored: PLAIN as BF16, LOW as FP8 with FP4 experts, BASE as FP8 with
 * FP8 experts. */
typedef enum storing { PLAIN, LOW, BASE } storing;

typedef enum role { VECTOR, MATRIX, FINE, EXPERT, IDS } role;

typedef struct entry {
    char hf[80], gguf[64];
    const char *dtype;
    role role;
    uint32_t rows, cols; /* a vector has one row */
    uint32_t plane;      /* the expert           */
    uint8_t *data, *scale;
    size_t data_n, scale_n, scale_cols;
    bool left_out; /* not written */
} entry;

typedef struct model {
    entry e[400];
    size_t n;
    storing how;
    uint64_t seed;
    int n_shards; /* 0: one file without index */
    bool no_index;
    const char *config; /* instead of the right one */
} model;

static inline uint32_t model_random(model *m) {
    m->seed = m->seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(m->seed >> 33);
}

/* ------------------------------------------------------------------ what the bytes mean */

static inline double e4m3_value(uint8_t b) {
    const int e = b >> 3 & 15, m = b & 7;
    const double v = e ? ldexp(8 + m, e - 10) : ldexp(m, -9);
    return b & 0x80 ? -v : v;
}

static inline double e2m1_value(int code) {
    static const double v[8] = {0, 0.5, 1, 1.5, 2, 3, 4, 6};
    return code & 8 ? -v[code & 7] : v[code & 7];
}

static inline double half_value(uint16_t h) {
    const int e = h >> 10 & 31, m = h & 1023;
    const double v = e ? ldexp(1024 + m, e - 25) : ldexp(m, -24);
    return h & 0x8000 ? -v : v;
}

static inline double entry_value(const entry *t, uint32_t r, uint32_t c) {
    const size_t i = (size_t)r * t->cols + c;
    if (t->role == IDS) return (double)le64(t->data + 8 * i);
    if (strcmp(t->dtype, "F32") == 0) return bits_f32(le32(t->data + 4 * i));
    if (strcmp(t->dtype, "BF16") == 0) return bits_f32((uint32_t)le16(t->data + 2 * i) << 16);
    if (strcmp(t->dtype, "F16") == 0) return half_value(le16(t->data + 2 * i));
    if (strcmp(t->dtype, "F8_E4M3") == 0) {
        const uint8_t s = t->scale[r / TILE_ROWS * t->scale_cols + c / TILE_COLS];
        return ldexp(e4m3_value(t->data[i]), s - 127);
    }
    const uint8_t s = t->scale[r * t->scale_cols + c / 32], two = t->data[i / 2];
    return ldexp(e2m1_value(c % 2 ? two >> 4 : two & 15), s - 127);
}

/* ------------------------------------------------------------------ the entries */

static inline void entry_fill(model *m, entry *t) {
    const size_t values = (size_t)t->rows * t->cols;
    const bool fp8 = strcmp(t->dtype, "F8_E4M3") == 0, fp4 = strcmp(t->dtype, "I8") == 0;
    const size_t size = t->role == IDS ? 8 : strcmp(t->dtype, "F32") == 0 ? 4 : fp8 || fp4 ? 1 : 2;
    t->data_n = fp4 ? values / 2 : values * size;
    t->data = calloc(1, t->data_n);
    if (!t->data) abort();
    for (size_t i = 0; i < t->data_n; i++) t->data[i] = (uint8_t)model_random(m);
    for (size_t i = 0; i < values && !fp8 && !fp4; i++) {
        uint8_t *p = t->data + size * i;
        if (t->role == IDS)
            put_le64(p, model_random(m) % EXPERTS);
        else if (size == 4)
            p[3] = (uint8_t)((p[3] & 0x80) | 0x3d), p[2] &= 0x7f;
        else if (strcmp(t->dtype, "BF16") == 0)
            p[1] = (uint8_t)((p[1] & 0x80) | 0x3d);
        else
            p[1] = (uint8_t)((p[1] & 0x83) | 0x2c); /* F16 */
    }
    for (size_t i = 0; i < t->data_n && fp8; i++)
        if ((t->data[i] & 0x7f) == 0x7f) t->data[i] = 0x7e;
    if (fp8) t->scale_cols = (t->cols + TILE_COLS - 1) / TILE_COLS;
    if (fp4) t->scale_cols = t->cols / 32;
    if (fp8) t->scale_n = t->scale_cols * ((t->rows + TILE_ROWS - 1) / TILE_ROWS);
    if (fp4) t->scale_n = t->scale_cols * t->rows;
    if (t->scale_n) t->scale = calloc(1, t->scale_n);
    if (t->scale_n && !t->scale) abort();
    for (size_t i = 0; i < t->scale_n; i++) t->scale[i] = (uint8_t)(118 + model_random(m) % 10);
}

static inline void model_add(model *m, const char *block, const char *hf, const char *gguf_block,
                             const char *gguf, role kind, uint32_t rows, uint32_t cols) {
    entry *t = &m->e[m->n++];
    snprintf(t->hf, sizeof t->hf, "%s%s", block, hf);
    snprintf(t->gguf, sizeof t->gguf, "%s%s", gguf_block, gguf);
    t->role = kind;
    t->rows = rows;
    t->cols = cols;
    const bool weight = strlen(hf) > 7 && strcmp(hf + strlen(hf) - 7, ".weight") == 0;
    switch (kind) {
    case IDS:
        t->dtype = "I64";
        break;
    case VECTOR:
        t->dtype = weight ? "BF16" : "F32";
        break;
    case FINE:
        t->dtype = weight ? "BF16" : "F32";
        break;
    case MATRIX:
        t->dtype = m->how == PLAIN ? "BF16" : "F8_E4M3";
        break;
    case EXPERT:
        t->dtype = m->how == PLAIN ? "BF16" : m->how == LOW ? "I8" : "F8_E4M3";
        break;
    }
    entry_fill(m, t);
}

static inline void model_add_block(model *m, const char *hf, const char *gguf, uint32_t ratio,
                                   bool hashed) {
#define ADD(name, to, kind, rows, cols) model_add(m, hf, name, gguf, to, kind, rows, cols)
    const uint32_t mix = (2 + STREAMS) * STREAMS, wide = HEAD_DIM * (ratio == 4 ? 2u : 1u);
    ADD("hc_attn_fn", "hc_attn_fn.weight", FINE, mix, STREAMS * D);
    ADD("hc_attn_base", "hc_attn_base.weight", VECTOR, 1, mix);
    ADD("hc_attn_scale", "hc_attn_scale.weight", VECTOR, 1, 3);
    ADD("hc_ffn_fn", "hc_ffn_fn.weight", FINE, mix, STREAMS * D);
    ADD("hc_ffn_base", "hc_ffn_base.weight", VECTOR, 1, mix);
    ADD("hc_ffn_scale", "hc_ffn_scale.weight", VECTOR, 1, 3);
    ADD("attn_norm.weight", "attn_norm.weight", VECTOR, 1, D);
    ADD("attn.attn_sink", "attn_sinks.weight", VECTOR, 1, HEADS);
    ADD("attn.wq_a.weight", "attn_q_a.weight", MATRIX, Q_RANK, D);
    ADD("attn.q_norm.weight", "attn_q_a_norm.weight", VECTOR, 1, Q_RANK);
    ADD("attn.wq_b.weight", "attn_q_b.weight", MATRIX, HEADS * HEAD_DIM, Q_RANK);
    ADD("attn.wkv.weight", "attn_kv.weight", MATRIX, HEAD_DIM, D);
    ADD("attn.kv_norm.weight", "attn_kv_a_norm.weight", VECTOR, 1, HEAD_DIM);
    ADD("attn.wo_a.weight", "attn_output_a.weight", MATRIX, GROUPS * O_RANK,
        HEADS * HEAD_DIM / GROUPS);
    ADD("attn.wo_b.weight", "attn_output_b.weight", MATRIX, D, GROUPS * O_RANK);
    if (ratio) {
        ADD("attn.compressor.wkv.weight", "attn_compressor_kv.weight", MATRIX, wide, D);
        ADD("attn.compressor.wgate.weight", "attn_compressor_gate.weight", MATRIX, wide, D);
        ADD("attn.compressor.ape", "attn_compressor_ape.weight", FINE, ratio, wide);
        ADD("attn.compressor.norm.weight", "attn_compressor_norm.weight", VECTOR, 1, HEAD_DIM);
    }
    if (ratio == 4) {
        const char *const to = "attn.indexer.compressor.";
        char n[4][60];
        static const char *const part[] = {"wkv.weight", "wgate.weight", "ape", "norm.weight"};
        for (int i = 0; i < 4; i++) snprintf(n[i], sizeof n[i], "%s%s", to, part[i]);
        ADD("attn.indexer.weights_proj.weight", "indexer.proj.weight", FINE, IX_HEADS, D);
        ADD("attn.indexer.wq_b.weight", "indexer.attn_q_b.weight", MATRIX, IX_HEADS * IX_DIM,
            Q_RANK);
        ADD(n[0], "indexer_compressor_kv.weight", MATRIX, 2 * IX_DIM, D);
        ADD(n[1], "indexer_compressor_gate.weight", MATRIX, 2 * IX_DIM, D);
        ADD(n[2], "indexer_compressor_ape.weight", FINE, 4, 2 * IX_DIM);
        ADD(n[3], "indexer_compressor_norm.weight", VECTOR, 1, IX_DIM);
    }
    ADD("ffn_norm.weight", "ffn_norm.weight", VECTOR, 1, D);
    ADD("ffn.gate.weight", "ffn_gate_inp.weight", FINE, EXPERTS, D);
    if (hashed)
        ADD("ffn.gate.tid2eid", "ffn_gate_tid2eid.weight", IDS, VOCAB, USED);
    else
        ADD("ffn.gate.bias", "exp_probs_b.bias", VECTOR, 1, EXPERTS);
    for (uint32_t x = 0; x < EXPERTS; x++) {
        static const char *const w[] = {"w1", "w3", "w2"};
        static const char *const to[] = {"ffn_gate_exps.weight", "ffn_up_exps.weight",
                                         "ffn_down_exps.weight"};
        for (int i = 0; i < 3; i++) {
            char name[60];
            snprintf(name, sizeof name, "ffn.experts.%u.%s.weight", x, w[i]);
            ADD(name, to[i], EXPERT, i == 2 ? D : FF, i == 2 ? FF : D);
            m->e[m->n - 1].plane = x;
        }
    }
    ADD("ffn.shared_experts.w1.weight", "ffn_gate_shexp.weight", MATRIX, FF, D);
    ADD("ffn.shared_experts.w3.weight", "ffn_up_shexp.weight", MATRIX, FF, D);
    ADD("ffn.shared_experts.w2.weight", "ffn_down_shexp.weight", MATRIX, D, FF);
#undef ADD
}

static inline void model_free(model *m) {
    for (size_t i = 0; i < m->n; i++) {
        free(m->e[i].data);
        free(m->e[i].scale);
    }
    free(m);
}

static inline entry *model_find(model *m, const char *hf) {
    for (size_t i = 0; i < m->n; i++)
        if (strcmp(m->e[i].hf, hf) == 0) return &m->e[i];
    abort();
}

/* Stores an entry in another way, with new random values. */
static inline entry *model_restore(model *m, const char *hf, const char *dtype) {
    entry *t = model_find(m, hf);
    free(t->data);
    free(t->scale);
    t->scale = NULL;
    t->scale_n = 0;
    t->dtype = dtype;
    entry_fill(m, t);
    return t;
}

static inline model *model_new(storing how, uint64_t seed) {
    model *m = calloc(1, sizeof *m);
    if (!m) abort();
    m->how = how;
    m->seed = seed;
    m->n_shards = 3;
    model_add(m, "", "embed.weight", "", "token_embd.weight", MATRIX, VOCAB, D);
    model_add(m, "", "norm.weight", "", "output_norm.weight", VECTOR, 1, D);
    model_add(m, "", "head.weight", "", "output.weight", MATRIX, VOCAB, D);
    model_add(m, "", "hc_head_fn", "", "output_hc_fn.weight", FINE, STREAMS, STREAMS * D);
    model_add(m, "", "hc_head_base", "", "output_hc_base.weight", VECTOR, 1, STREAMS);
    model_add(m, "", "hc_head_scale", "", "output_hc_scale.weight", VECTOR, 1, 1);
    model_restore(m, "embed.weight", "BF16");
    model_restore(m, "head.weight", "BF16");
    model_add_block(m, "layers.0.", "blk.0.", 0, true);
    model_add_block(m, "layers.1.", "blk.1.", 4, false);
    model_add_block(m, "layers.2.", "blk.2.", 16, false);
    const char *const d = "mtp.0.";
    model_add(m, d, "e_proj.weight", d, "e_proj.weight", MATRIX, D, D);
    model_add(m, d, "h_proj.weight", d, "h_proj.weight", MATRIX, D, D);
    model_add(m, d, "enorm.weight", d, "enorm.weight", VECTOR, 1, D);
    model_add(m, d, "hnorm.weight", d, "hnorm.weight", VECTOR, 1, D);
    model_add(m, d, "norm.weight", d, "norm.weight", VECTOR, 1, D);
    model_add(m, d, "hc_head_fn", d, "hc_head_fn.weight", FINE, STREAMS, STREAMS * D);
    model_add(m, d, "hc_head_base", d, "hc_head_base.weight", VECTOR, 1, STREAMS);
    model_add(m, d, "hc_head_scale", d, "hc_head_scale.weight", VECTOR, 1, 1);
    model_add_block(m, d, d, 0, false);
    return m;
}

/* ------------------------------------------------------------------ the folder */

static const char model_config[] =
    "{\"architectures\":[\"DeepseekV4ForCausalLM\"],\"model_type\":\"deepseek_v4\","
    "\"attention_bias\":false,\"bos_token_id\":0,\"eos_token_id\":1,\"hc_eps\":1e-06,"
    "\"hc_mult\":2,\"hc_sinkhorn_iters\":20,\"head_dim\":16,\"hidden_act\":\"silu\","
    "\"hidden_size\":64,\"index_head_dim\":32,\"index_n_heads\":2,\"index_topk\":8,"
    "\"max_position_embeddings\":4096,\"moe_intermediate_size\":32,\"n_routed_experts\":3,"
    "\"n_shared_experts\":1,\"norm_topk_prob\":true,\"num_attention_heads\":4,"
    "\"num_experts_per_tok\":2,\"num_hidden_layers\":3,\"num_hash_layers\":1,"
    "\"num_key_value_heads\":1,\"num_nextn_predict_layers\":1,\"o_groups\":2,\"o_lora_rank\":16,"
    "\"q_lora_rank\":32,\"qk_rope_head_dim\":8,\"rms_norm_eps\":1e-06,"
    "\"rope_scaling\":{\"beta_fast\":32,\"beta_slow\":1,\"factor\":16.0,"
    "\"original_max_position_embeddings\":256,\"type\":\"yarn\"},\"rope_theta\":10000,"
    "\"routed_scaling_factor\":1.5,\"scoring_func\":\"sqrtsoftplus\",\"sliding_window\":16,"
    "\"swiglu_limit\":10.0,\"tie_word_embeddings\":false,\"topk_method\":\"noaux_tc\","
    "\"vocab_size\":40,\"compress_rope_theta\":160000,\"compress_ratios\":[0,4,16,0],"
    "\"quantization_config\":{\"quant_method\":\"fp8\",\"fmt\":\"e4m3\","
    "\"weight_block_size\":[24,40]}}";

/* The configuration with one piece of text replaced. */
static inline const char *config_with(const char *was, const char *is) {
    static char text[4000];
    const char *at = strstr(model_config, was);
    if (!at) abort();
    snprintf(text, sizeof text, "%.*s%s%s", (int)(at - model_config), model_config, is,
             at + strlen(was));
    return text;
}

/* Ids 0, 1: control; 2..7 text; 8: a hole; 9: user-defined; then nothing up to 39. */
static const char model_tokenizer[] =
    "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"<s>\":0,\"a\":2,\"b\":3,\"\xc4\xa0\":4,\"ab\":5,"
    "\"\xc4\xa0"
    "ab\":6,\"\\\"\":7},\"merges\":[\"a b\",\"\xc4\xa0 ab\"]},"
    "\"added_tokens\":[{\"id\":0,\"content\":\"<s>\",\"special\":true},"
    "{\"id\":1,\"content\":\"<\xef\xbd\x9c"
    "end\xef\xbd\x9c>\",\"special\":true},"
    "{\"id\":9,\"content\":\"<think>\",\"special\":false}]}";

static inline void put_file(const char *folder, const char *name, const void *p, size_t n) {
    char path[400];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(p, 1, n, f) != n || fclose(f) != 0) abort();
}

static inline void put_text(const char *folder, const char *name, const char *text) {
    put_file(folder, name, text, strlen(text));
}

/* Tensor i goes to shard i % n_shards; every second name carries "model." in front. */
static inline void model_write(const model *m, const char *folder) {
    buf map = {0};
    const int shards = m->n_shards ? m->n_shards : 1;
    for (int s = 0; s < shards; s++) {
        st_build b = {0};
        char file[60], name[100];
        if (m->n_shards)
            snprintf(file, sizeof file, "model-%05d-of-%05d.safetensors", s + 1, shards);
        else
            snprintf(file, sizeof file, "model.safetensors");
        for (size_t i = 0; i < m->n; i++) {
            const entry *t = &m->e[i];
            if ((int)(i % (size_t)shards) != s || t->left_out) continue;
            const uint64_t packed = strcmp(t->dtype, "I8") == 0 ? 2 : 1;
            const uint64_t shape[] = {t->rows, t->cols / packed};
            snprintf(name, sizeof name, "%s%s", i % 2 ? "model." : "", t->hf);
            st_add(&b, name, t->dtype, t->role == VECTOR ? 1 : 2,
                   t->role == VECTOR ? shape + 1 : shape, t->data, t->data_n);
            buf_printf(&map, "%s\"%s\":\"%s\"", map.n ? "," : "", name, file);
            if (!t->scale) continue;
            snprintf(name + strlen(name) - 6, 7, "scale");
            const uint64_t scales[] = {t->scale_n / t->scale_cols, t->scale_cols};
            st_add(&b, name, "F8_E8M0", 2, scales, t->scale, t->scale_n);
            buf_printf(&map, ",\"%s\":\"%s\"", name, file);
        }
        buf all = st_bytes(&b);
        put_file(folder, file, all.data, all.n);
        buf_free(&all);
    }
    if (m->n_shards && !m->no_index) {
        buf index = {0};
        buf_printf(&index, "{\"metadata\":{},\"weight_map\":{%s}}", map.data);
        put_file(folder, "model.safetensors.index.json", index.data, index.n);
        buf_free(&index);
    }
    buf_free(&map);
    put_text(folder, "config.json", m->config ? m->config : model_config);
}

#endif
