/* What ds4-convert makes of small checkpoints: every value, every type, every key. */
#include "convert_run.h"
#include "gguf/gguf.h"

/* ------------------------------------------------------------------ comparing */

/* Bits of a float32, so that -0 and 0 differ. */
static bool same(float a, double b) {
    const float f = (float)b;
    return f32_bits(a) == f32_bits(f) && (double)f == b;
}

/* What a value may become in a type, given its block's largest magnitude. */
static bool near_enough(quant_id type, float got, double want, double top) {
    switch (type) {
    case Q_F16:
        return fabs(got - want) <= fmax(fabs(want) * 0x1p-11, 0x1p-25);
    case Q_BF16:
        return fabs(got - want) <= fabs(want) * 0x1p-8;
    case Q_Q8_0:
        return fabs(got - want) <= top / 127 * 0.5 + top * 0x1p-11;
    default:
        return (double)got == want;
    }
}

static float tensor_value(const gguf_tensor *t, const float *row, uint64_t i) {
    if (t->type->id == Q_I32) {
        const uint8_t *p = t->data + 4 * i;
        return (float)(int32_t)le32(p);
    }
    return row[i];
}

/* Counts the values of one entry that are not what they should be. */
static size_t wrong_values(const entry *e, const gguf_tensor *t, bool exact) {
    const uint64_t plane = (uint64_t)e->rows * e->cols, n = t->ne[0] * t->ne[1] * t->ne[2];
    float *all = calloc(n, sizeof *all);
    if (!all) abort();
    if (t->type->dequant) t->type->dequant(t->data, all, (size_t)n);
    size_t wrong = 0;
    for (uint32_t r = 0; r < e->rows; r++) {
        for (uint32_t c = 0; c < e->cols; c++) {
            const double want = entry_value(e, r, c);
            const float got = tensor_value(t, all, plane * e->plane + (uint64_t)r * e->cols + c);
            double top = 0;
            for (uint32_t k = c / 32 * 32; !exact && k < c / 32 * 32 + 32 && k < e->cols; k++)
                top = fmax(top, fabs(entry_value(e, r, k)));
            const bool sign_of_zero = t->type->id == Q_MXFP4 && want == 0; /* MXFP4 reads -0 as 0 */
            wrong += exact && !sign_of_zero ? !same(got, want)
                                            : !near_enough(t->type->id, got, want, top);
        }
    }
    free(all);
    return wrong;
}

/* Every entry is in the file with its shape and values, and but for `others` tensors nothing else
 * is. `type_of` says which type each must have. */
static void check_tensors(const model *m, quant_id (*type_of)(const model *, const entry *),
                          bool exact, uint64_t others) {
    gguf *g;
    err e;
    const status st = gguf_open(&g, out, &e);
    CHECK_SAY(st == OK, "%s", e.text);
    if (st != OK) return;
    uint64_t expected = others;
    for (size_t i = 0; i < m->n; i++) {
        const entry *x = &m->e[i];
        if (x->left_out) continue;
        expected += x->role != EXPERT || x->plane == 0;
        const gguf_tensor *t = gguf_find_tensor(g, x->gguf);
        CHECK_SAY(t, "%s is not there", x->gguf);
        if (!t) continue;
        const uint32_t dims = x->role == VECTOR ? 1 : x->role == EXPERT ? 3 : 2;
        CHECK_SAY(t->n_dims == dims && t->ne[0] == x->cols && t->ne[1] == x->rows &&
                      t->ne[2] == (x->role == EXPERT ? EXPERTS : 1),
                  "%s has another shape", x->gguf);
        CHECK_SAY(t->type->id == type_of(m, x), "%s is %s", x->gguf, t->type->name);
        CHECK_SAY(wrong_values(x, t, exact) == 0, "%s: %zu values are wrong", x->gguf,
                  wrong_values(x, t, exact));
    }
    CHECK(gguf_n_tensors(g) == expected);
    gguf_close(g);
}

static void check_file(const model *m, quant_id (*type_of)(const model *, const entry *),
                       bool exact) {
    check_tensors(m, type_of, exact, 0);
}

static quant_id native_type(const model *m, const entry *x) {
    (void)m;
    if (x->role == IDS) return Q_I32;
    if (x->role == VECTOR || strcmp(x->dtype, "F32") == 0) return Q_F32;
    if (strcmp(x->dtype, "F16") == 0) return Q_F16;
    return strcmp(x->dtype, "I8") == 0 ? Q_MXFP4 : Q_BF16;
}

/* ------------------------------------------------------------------ values */

TEST(native_keeps_every_value) {
    static const storing how[] = {LOW, BASE, PLAIN};
    for (uint64_t i = 0; i < 3; i++) {
        REQUIRE(enter());
        model *m = model_new(how[i], 11 + i);
        m->n_shards = (int)i; /* one file, one of one, two */
        model_restore(m, "layers.1.attn.wkv.weight", "F16");
        model_restore(m, "layers.1.attn.attn_sink", "BF16");
        model_restore(m, "layers.2.attn.compressor.ape", "F16");
        model_write(m, dir);
        CHECK_SAY(convert(NULL) == 0, "%s", said);
        CHECK_SAY(!said[0] && !printed[0], "%s", said);
        check_file(m, native_type, true);
        model_free(m);
        leave();
    }
}

TEST(parts_without_an_index_are_found) {
    REQUIRE(enter());
    model *m = model_new(LOW, 3);
    m->no_index = true;
    model_write(m, dir);
    CHECK_SAY(convert("native") == 0, "%s", said);
    check_file(m, native_type, true);
    model_free(m);
    leave();
}

/* Scales at both ends of their range: what BF16 cannot hold becomes F32, nothing is lost. */
static quant_id extreme_type(const model *m, const entry *x) {
    if (strcmp(x->hf, "layers.0.attn.wq_a.weight") == 0) return Q_F32;
    if (strcmp(x->gguf, "blk.2.ffn_up_exps.weight") == 0) return Q_F32;
    return native_type(m, x);
}

TEST(what_bf16_cannot_hold_becomes_f32) {
    REQUIRE(enter());
    model *m = model_new(BASE, 5);
    entry *x = model_find(m, "layers.0.attn.wq_a.weight");
    x->scale[0] = 0; /* codes of the first tile count in steps of 2^-136 */
    x = model_find(m, "layers.0.attn.wq_b.weight");
    x->scale[1] = 3; /* 2^-133: still BF16 */
    x->scale[2] = 246;
    x = model_find(m, "layers.1.attn.wq_b.weight");
    x->scale[0] = 0; /* and here only codes without low bits */
    for (uint32_t r = 0; r < TILE_ROWS; r++)
        for (uint32_t c = 0; c < x->cols; c++) x->data[r * x->cols + c] &= 0xf8;
    x = model_find(m, "layers.2.ffn.experts.1.w3.weight"); /* one expert decides for all */
    x->scale[1] = 1;
    model_write(m, dir);
    CHECK_SAY(convert(NULL) == 0, "%s", said);
    check_file(m, extreme_type, true);
    model_free(m);
    leave();
}

static quant_id mixed_type(const model *m, const entry *x) {
    if (strcmp(x->gguf, "blk.0.ffn_gate_exps.weight") == 0) return Q_BF16;
    if (strcmp(x->gguf, "blk.1.ffn_gate_exps.weight") == 0) return Q_F32;
    if (strcmp(x->gguf, "blk.2.ffn_gate_exps.weight") == 0) return Q_F32;
    return native_type(m, x);
}

TEST(experts_stored_in_different_ways_share_a_type_that_holds_all) {
    REQUIRE(enter());
    model *m = model_new(LOW, 6);
    model_restore(m, "layers.0.ffn.experts.1.w1.weight", "F8_E4M3");
    model_restore(m, "layers.0.ffn.experts.2.w1.weight", "BF16");
    model_restore(m, "layers.1.ffn.experts.0.w1.weight", "F16");
    model_restore(m, "layers.2.ffn.experts.0.w1.weight", "F32");
    model_write(m, dir);
    CHECK_SAY(convert(NULL) == 0, "%s", said);
    check_file(m, mixed_type, true);
    model_free(m);
    leave();
}

static quant_id f32_type(const model *m, const entry *x) {
    (void)m;
    return x->role == IDS ? Q_I32 : Q_F32;
}

static quant_id f16_type(const model *m, const entry *x) {
    (void)m;
    return x->role == VECTOR ? Q_F32 : x->role == IDS ? Q_I32 : Q_F16;
}

static quant_id bf16_type(const model *m, const entry *x) {
    const quant_id t = f16_type(m, x);
    return t == Q_F16 ? Q_BF16 : t;
}

/* Attention, experts, embeddings, head and compressors; the sensitive small ones and rows that are
 * no whole blocks stay F32. */
static quant_id q8_type(const model *m, const entry *x) {
    const quant_id t = f16_type(m, x);
    return t != Q_F16 ? t : x->role == FINE || x->cols % 32 != 0 ? Q_F32 : Q_Q8_0;
}

TEST(every_type_gives_what_it_says) {
    static const struct {
        const char *name;
        quant_id (*type)(const model *, const entry *);
        uint32_t file_type;
    } all[] = {
        {"f32", f32_type, 0}, {"f16", f16_type, 1}, {"bf16", bf16_type, 32}, {"q8_0", q8_type, 7}};
    static const storing how[] = {LOW, PLAIN};
    for (uint64_t h = 0; h < 2; h++) {
        REQUIRE(enter());
        model *m = model_new(how[h], 20 + h);
        model_write(m, dir);
        for (size_t i = 0; i < 4; i++) {
            CHECK_SAY(convert(all[i].name) == 0, "%s", said);
            check_file(m, all[i].type, i == 0);
            gguf *g;
            uint64_t v = 99;
            REQUIRE(gguf_open(&g, out, NULL) == OK);
            CHECK(gguf_u64(gguf_find_key(g, "general.file_type"), &v) && v == all[i].file_type);
            gguf_close(g);
        }
        model_free(m);
        leave();
    }
}

/* Sets value 5 of a plain matrix. */
static void set_value(model *m, const char *hf, float v) {
    entry *x = model_find(m, hf);
    if (strcmp(x->dtype, "F32") == 0)
        put_le32(x->data + 20, f32_bits(v));
    else
        x->data[10] = (uint8_t)(f32_bits(v) >> 16), x->data[11] = (uint8_t)(f32_bits(v) >> 24);
}

static quant_id beyond_f16_type(const model *m, const entry *x) {
    if (strcmp(x->hf, "embed.weight") == 0) return Q_BF16;
    if (strcmp(x->hf, "layers.0.hc_ffn_fn") == 0) return Q_F32;
    if (strcmp(x->gguf, "blk.1.ffn_down_exps.weight") == 0) return Q_BF16;
    return f16_type(m, x);
}

TEST(values_beyond_f16_keep_their_tensor_wide) {
    REQUIRE(enter());
    model *m = model_new(LOW, 8);
    set_value(m, "embed.weight", 131072);
    set_value(m, "head.weight", 65280); /* just below */
    set_value(m, "layers.0.hc_ffn_fn", -65504.004f);
    entry *x = model_find(m, "layers.1.ffn.experts.2.w2.weight");
    x->scale[7] = 127 + 14; /* 6 * 2^14 is too much, 3 * 2^14 is not */
    x->data[7 * 16] = 0x77;
    x = model_find(m, "layers.1.ffn.experts.2.w1.weight");
    memset(x->data, 0x55, x->data_n);
    x->scale[0] = 127 + 14;
    model_write(m, dir);
    CHECK_SAY(convert("f16") == 0, "%s", said);
    check_file(m, beyond_f16_type, false);
    CHECK_SAY(strstr(said, "ds4: note: token_embd.weight has values beyond the range of F16"), "%s",
              said);
    CHECK(strstr(said, "blk.0.hc_ffn_fn.weight") && strstr(said, "blk.1.ffn_down_exps.weight"));
    CHECK(!strstr(said, "output.weight") && !strstr(said, "ffn_gate_exps"));
    model_free(m);
    leave();
}

/* ------------------------------------------------------------------ keys */

static uint64_t key_u64(const gguf *g, const char *name) {
    uint64_t v = UINT64_MAX;
    CHECK_SAY(gguf_u64(gguf_find_key(g, name), &v), "%s", name);
    return v;
}

static float key_f32(const gguf *g, const char *name) {
    const gguf_key *k = gguf_find_key(g, name);
    double v = NAN;
    CHECK_SAY(k && k->kind == GGUF_F32 && gguf_f64(k, &v), "%s", name);
    return (float)v;
}

static bool key_is(const gguf *g, const char *name, const char *want) {
    gguf_str s = {0};
    return gguf_string(gguf_find_key(g, name), &s) && s.n == strlen(want) &&
           memcmp(s.p, want, s.n) == 0;
}

TEST(the_configuration_becomes_keys) {
    static const struct {
        const char *name;
        uint64_t value;
    } whole[] = {{"block_count", 3},
                 {"context_length", 4096},
                 {"embedding_length", 64},
                 {"vocab_size", 40},
                 {"attention.head_count", 4},
                 {"attention.head_count_kv", 1},
                 {"attention.key_length", 16},
                 {"attention.value_length", 16},
                 {"attention.q_lora_rank", 32},
                 {"attention.output_lora_rank", 16},
                 {"attention.output_group_count", 2},
                 {"attention.sliding_window", 16},
                 {"attention.indexer.head_count", 2},
                 {"attention.indexer.key_length", 32},
                 {"attention.indexer.top_k", 8},
                 {"rope.dimension_count", 8},
                 {"rope.scaling.original_context_length", 256},
                 {"expert_count", 3},
                 {"expert_used_count", 2},
                 {"expert_shared_count", 1},
                 {"expert_feed_forward_length", 32},
                 {"expert_gating_func", 4},
                 {"hash_layer_count", 1},
                 {"hyper_connection.count", 2},
                 {"hyper_connection.sinkhorn_iterations", 20},
                 {"nextn_predict_layers", 1}};
    REQUIRE(enter());
    model *m = model_new(LOW, 9);
    model_write(m, dir);
    REQUIRE(convert(NULL) == 0);
    gguf *g;
    REQUIRE(gguf_open(&g, out, NULL) == OK);
    char name[100];
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++) {
        snprintf(name, sizeof name, "deepseek4.%s", whole[i].name);
        CHECK_SAY(key_u64(g, name) == whole[i].value, "%s", name);
        const gguf_key *k = gguf_find_key(g, name);
        CHECK_SAY(k && k->kind == GGUF_U32, "%s", name);
    }
#define P "deepseek4."
    CHECK(key_is(g, "general.architecture", "deepseek4"));
    CHECK(key_is(g, "general.name", strrchr(dir, '/') + 1));
    CHECK(key_u64(g, "general.file_type") == 38 && key_u64(g, "general.quantization_version") == 2);
    CHECK(key_is(g, P "rope.scaling.type", "yarn"));
    CHECK(key_f32(g, P "rope.scaling.factor") == 16);
    CHECK(key_f32(g, P "rope.scaling.yarn_beta_fast") == 32);
    CHECK(key_f32(g, P "rope.scaling.yarn_beta_slow") == 1);
    CHECK(key_f32(g, P "rope.freq_base") == 10000);
    CHECK(key_f32(g, P "attention.compress_rope_freq_base") == 160000);
    CHECK(key_f32(g, P "attention.layer_norm_rms_epsilon") == 1e-6f);
    CHECK(key_f32(g, P "hyper_connection.epsilon") == 1e-6f);
    CHECK(key_f32(g, P "expert_weights_scale") == 1.5f);
    bool norm = false;
    const gguf_key *k = gguf_find_key(g, P "expert_weights_norm");
    CHECK(k && k->kind == GGUF_BOOL && gguf_bool(k, &norm) && norm);
    k = gguf_find_key(g, P "attention.compress_ratios");
    CHECK(k && k->kind == GGUF_ARRAY && gguf_array_kind(k) == GGUF_I32 && gguf_array_n(k) == 4);
    static const int64_t ratios[] = {0, 4, 16, 0};
    for (uint64_t i = 0; i < 4; i++) {
        int64_t v = -1;
        CHECK(gguf_array_i64(k, i, &v) && v == ratios[i]);
    }
    k = gguf_find_key(g, P "swiglu_clamp_exp");
    CHECK(k && k->kind == GGUF_ARRAY && gguf_array_kind(k) == GGUF_F32 && gguf_array_n(k) == 3);
    for (uint64_t i = 0; i < 3; i++) {
        double v = 0;
        CHECK(gguf_array_f64(k, i, &v) && v == 10);
    }
    CHECK(!gguf_find_key(g, "tokenizer.ggml.tokens"));
#undef P
    gguf_close(g);
    model_free(m);
    leave();
}

TEST(other_spellings_of_the_configuration_are_understood) {
    static const char *const same_thing[][2] = {
        {"\"type\":\"yarn\"", "\"rope_type\":\"yarn\""},
        {"\"rope_scaling\":", "\"rope_parameters\":"},
        {"\"num_key_value_heads\":1,", ""},
        {"\"hidden_size\":64", "\"hidden_size\":64.0"},
        {"\"eos_token_id\":1", "\"eos_token_id\":[1,2]"},
        {"\"num_nextn_predict_layers\":1,", ""},
        {"\"attention_bias\":false,", "\"n_group\":null,\"new_key\":{\"a\":[]},"},
    };
    REQUIRE(enter());
    model *m = model_new(LOW, 10);
    for (size_t i = 0; i < sizeof same_thing / sizeof *same_thing; i++) {
        m->config = config_with(same_thing[i][0], same_thing[i][1]);
        model_write(m, dir);
        CHECK_SAY(convert(NULL) == 0, "%s: %s", same_thing[i][1], said);
        unlink(out);
    }
    m->config = config_with("\"rope_scaling\":{\"beta_fast\":32,\"beta_slow\":1,\"factor\":16.0,"
                            "\"original_max_position_embeddings\":256,\"type\":\"yarn\"}",
                            "\"rope_scaling\":null");
    model_write(m, dir);
    CHECK_SAY(convert(NULL) == 0, "%s", said);
    gguf *g;
    REQUIRE(gguf_open(&g, out, NULL) == OK);
    CHECK(key_is(g, "deepseek4.rope.scaling.type", "none"));
    CHECK(key_f32(g, "deepseek4.rope.scaling.factor") == 1);
    gguf_close(g);
    model_free(m);
    leave();
}

/* ------------------------------------------------------------------ tokeniser */

static void check_tokens(void) {
    static const struct {
        const char *text;
        int64_t type;
    } want[] = {{"<s>", 3},
                {"<\xef\xbd\x9c"
                 "end\xef\xbd\x9c>",
                 3},
                {"a", 1},
                {"b", 1},
                {"\xc4\xa0", 1},
                {"ab", 1},
                {"\xc4\xa0"
                 "ab",
                 1},
                {"\"", 1},
                {"[UNUSED_8]", 5},
                {"<think>", 4},
                {"[UNUSED_10]", 5}};
    static const char *const merges[] = {"a b", "\xc4\xa0 ab"};
    gguf *g;
    err e;
    CHECK_SAY(gguf_open(&g, out, &e) == OK, "%s", e.text);
    const gguf_key *types = gguf_find_key(g, "tokenizer.ggml.token_type");
    const gguf_key *tokens = gguf_find_key(g, "tokenizer.ggml.tokens");
    CHECK(gguf_array_n(tokens) == VOCAB && gguf_array_n(types) == VOCAB);
    CHECK(types && gguf_array_kind(types) == GGUF_I32);
    gguf_walk w = {0};
    gguf_str s;
    for (uint64_t i = 0; i < sizeof want / sizeof *want; i++) {
        int64_t type = 0;
        CHECK(gguf_next_string(tokens, &w, &s) && gguf_array_i64(types, i, &type));
        CHECK_SAY(s.n == strlen(want[i].text) && memcmp(s.p, want[i].text, s.n) == 0, "token %d",
                  (int)i);
        CHECK_SAY(type == want[i].type, "token %d", (int)i);
    }
    const gguf_key *all = gguf_find_key(g, "tokenizer.ggml.merges");
    CHECK(gguf_array_n(all) == 2);
    w = (gguf_walk){0};
    for (size_t i = 0; i < 2; i++)
        CHECK(gguf_next_string(all, &w, &s) && s.n == strlen(merges[i]) &&
              memcmp(s.p, merges[i], s.n) == 0);
    CHECK(key_is(g, "tokenizer.ggml.model", "gpt2") &&
          key_is(g, "tokenizer.ggml.pre", "joyai-llm"));
    CHECK(key_u64(g, "tokenizer.ggml.bos_token_id") == 0);
    CHECK(key_u64(g, "tokenizer.ggml.eos_token_id") == 1);
    CHECK(key_u64(g, "tokenizer.ggml.padding_token_id") == 9);
    bool on = true;
    CHECK(gguf_bool(gguf_find_key(g, "tokenizer.ggml.add_bos_token"), &on) && !on);
    gguf_close(g);
}

TEST(the_tokeniser_becomes_keys) {
    REQUIRE(enter());
    model *m = model_new(LOW, 13);
    model_write(m, dir);
    put_text(dir, "tokenizer.json", model_tokenizer);
    put_text(dir, "tokenizer_config.json",
             "{\"bos_token\":\"b\",\"pad_token\":{\"content\":\"<think>\"}}");
    REQUIRE(convert(NULL) == 0);
    check_tokens();

    /* merges as pairs, BOS named only in tokenizer_config.json */
    char text[2000];
    const char *at = strstr(model_tokenizer, "[\"a b\"");
    snprintf(text, sizeof text, "%.*s[[\"a\",\"b\"],[\"\xc4\xa0\",\"ab\"]]%s",
             (int)(at - model_tokenizer), model_tokenizer, strchr(at, '}'));
    put_text(dir, "tokenizer.json", text);
    put_text(dir, "config.json", config_with("\"bos_token_id\":0,", ""));
    put_text(dir, "tokenizer_config.json", "{\"bos_token\":\"<s>\",\"pad_token\":\"<think>\"}");
    CHECK_SAY(convert(NULL) == 0, "%s", said);
    check_tokens();
    model_free(m);
    leave();
}

/* ------------------------------------------------------------------ the draft block */

TEST(without_a_draft_block_none_is_promised) {
    REQUIRE(enter());
    model *m = model_new(LOW, 15);
    for (size_t i = 0; i < m->n; i++) m->e[i].left_out = strncmp(m->e[i].hf, "mtp.", 4) == 0;
    model_write(m, dir);
    CHECK_SAY(convert(NULL) == 0 && !said[0], "%s", said);
    check_file(m, native_type, true);
    gguf *g;
    REQUIRE(gguf_open(&g, out, NULL) == OK);
    CHECK(key_u64(g, "deepseek4.nextn_predict_layers") == 0);
    gguf_close(g);
    model_free(m);
    leave();
}

TEST(further_draft_blocks_and_strange_tensors_are_left_out_with_a_note) {
    REQUIRE(enter());
    model *m = model_new(LOW, 16);
    const size_t n = m->n;
    model_add(m, "mtp.1.", "norm.weight", "", "x", VECTOR, 1, D);
    model_add(m, "", "layers.1.attn.rotary.inv_freq", "", "y", VECTOR, 1, 4);
    model_write(m, dir);
    m->n = n;
    CHECK_SAY(convert(NULL) == 0, "%s", said);
    CHECK_SAY(strstr(said, "ds4: note: mtp.1.norm.weight and its like are left out"), "%s", said);
    CHECK_SAY(strstr(said, "1 tensors, the first is layers.1.attn.rotary.inv_freq"), "%s", said);
    check_file(m, native_type, true);

    /* a draft block that misses parts is an error, unless the whole scheme is another one */
    model_find(m, "mtp.0.hc_head_base")->left_out = true;
    model_write(m, dir);
    unlink(out);
    CHECK(refused(convert(NULL), 1, "mtp.0.hc_head_base is missing"));
    m->n = n + 1;
    model_write(m, dir);
    CHECK_SAY(convert(NULL) == 0, "%s", said);
    CHECK_SAY(strstr(said, "the draft blocks mtp.* are left out"), "%s", said);
    for (size_t i = 0; i <= n; i++) m->e[i].left_out = strncmp(m->e[i].hf, "mtp.", 4) == 0;
    check_file(m, native_type, true);
    m->n = n + 2;
    model_free(m);
    leave();
}

/* What the other layout calls the parts of the draft block; those it has no place for are left out,
 * and so are the two that become one. */
static void rename_draft(model *m) {
    for (size_t i = 0; i < m->n; i++) {
        entry *x = &m->e[i];
        char name[64];
        if (strncmp(x->gguf, "mtp.0.", 6) != 0) continue;
        const char *part = x->gguf + 6;
        if (strstr(part, "hc_head_") || strstr(part, "_proj.weight")) x->left_out = true;
        if (strcmp(part, "norm.weight") == 0) part = "nextn.shared_head_norm.weight";
        if (strcmp(part, "enorm.weight") == 0) part = "nextn.enorm.weight";
        if (strcmp(part, "hnorm.weight") == 0) part = "nextn.hnorm.weight";
        snprintf(name, sizeof name, "blk.3.%s", part);
        memcpy(x->gguf, name, sizeof name);
    }
}

TEST(the_other_layout_has_the_draft_block_behind_the_trunk) {
    REQUIRE(enter());
    model *m = model_new(LOW, 17);
    model_write(m, dir);
    put_text(dir, "config.json", config_with("[0,4,16,0]", "[0,4,16]"));
    const char *const args[] = {dir, "-o", out, "--layout", "llamacpp", NULL};
    CHECK_SAY(run(args) == 0 && strstr(said, "mtp.0.hc_head_* are left out"), "%s", said);
    const entry *half[] = {model_find(m, "mtp.0.e_proj.weight"),
                           model_find(m, "mtp.0.h_proj.weight")};
    rename_draft(m);
    check_tensors(m, native_type, true, 1);

    gguf *g;
    REQUIRE(gguf_open(&g, out, NULL) == OK);
    CHECK(key_u64(g, "deepseek4.block_count") == 4);
    CHECK(key_u64(g, "deepseek4.nextn_predict_layers") == 1);
    CHECK(gguf_array_n(gguf_find_key(g, "deepseek4.swiglu_clamp_exp")) == 4);
    const gguf_key *ratios = gguf_find_key(g, "deepseek4.attention.compress_ratios");
    int64_t last = -1;
    CHECK(gguf_array_n(ratios) == 4 && gguf_array_i64(ratios, 3, &last) && last == 0);
    const gguf_tensor *t = gguf_find_tensor(g, "blk.3.nextn.eh_proj.weight");
    REQUIRE(t);
    CHECK(t->type->id == Q_BF16 && t->n_dims == 2 && t->ne[0] == 2 * D && t->ne[1] == D);
    size_t wrong = 0;
    for (uint32_t r = 0; r < D; r++)
        for (uint32_t c = 0; c < 2 * D; c++) {
            const uint8_t *p = t->data + 2 * (r * 2 * D + c);
            wrong += !same(bits_f32((uint32_t)le16(p) << 16), entry_value(half[c / D], r, c % D));
        }
    CHECK_SAY(wrong == 0, "%zu", wrong);
    gguf_close(g);
    model_free(m);
    leave();
}

int main(int argc, char **argv) {
    return find_program(argv[0]) ? tests_run(argc, argv) : 1;
}
