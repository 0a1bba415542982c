/* ds4-convert as a user meets it: the built program on small checkpoints made here.
 *
 * The program is found beside the test: <B>/test/tests/convert_test -> <B>/bin/ds4-convert. */
#include "checkpoint.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"
#include "gguf/gguf.h"

static char program[600], dir[64], out[100];
static char said[4000], printed[4000]; /* stderr and stdout of the last run */
static uint64_t file_limit;            /* bytes a run may write to a file; 0: any */

static void read_text(const char *name, char *to, size_t cap) {
    char path[200];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "rb");
    const size_t n = f ? fread(to, 1, cap - 1, f) : 0;
    to[n] = 0;
    if (f) fclose(f);
}

static void redirect(const char *name, int to) {
    char path[200];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || dup2(fd, to) < 0) _exit(99);
}

/* Exit status of the program with these arguments (NULL at the end), or -signal. */
static int run(const char *const *args) {
    char *argv[20] = {program};
    for (int i = 0; args[i] && i < 18; i++) argv[i + 1] = (char *)(uintptr_t)args[i];
    fflush(NULL);
    const pid_t pid = fork();
    if (pid == 0) {
        if (file_limit) setrlimit(RLIMIT_FSIZE, &(struct rlimit){file_limit, file_limit});
        redirect("stdout", 1);
        redirect("stderr", 2);
        execv(program, argv);
        _exit(98);
    }
    int how = 0;
    if (pid < 0 || waitpid(pid, &how, 0) != pid) return 97;
    read_text("stderr", said, sizeof said);
    read_text("stdout", printed, sizeof printed);
    return WIFEXITED(how) ? WEXITSTATUS(how) : -WTERMSIG(how);
}

static int convert(const char *type) {
    return run((const char *const[]){dir, "-o", out, type ? "--type" : NULL, type, NULL});
}

static bool enter(void) {
    snprintf(dir, sizeof dir, "/tmp/ds4-convert-XXXXXX");
    if (!mkdtemp(dir)) return false;
    snprintf(out, sizeof out, "%s/out.gguf", dir);
    return true;
}

static void leave(void) {
    char command[100];
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    CHECK(system(command) == 0);
}

/* Nothing of the output is there, under its name or another. */
static bool no_output(void) {
    char command[200];
    snprintf(command, sizeof command, "! ls -A '%s' | grep -q '^out.gguf'", dir);
    return system(command) == 0;
}

/* The program refused in the form all our programs have: one line, no file, status 1. */
static bool refused(int got, int expected, const char *says) {
    const char *end = strchr(said, '\n');
    const bool one_line = end && end[1] == 0, form = strncmp(said, "ds4: ", 5) == 0;
    const bool ok =
        got == expected && one_line && form && strstr(said, says) && !printed[0] && no_output();
    if (!ok) fprintf(stderr, "status %d, wanted '%s', said: %s", got, says, said);
    return ok;
}

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

/* Every entry is in the file with its shape and values, and nothing else is. `type_of` says which
 * type each must have. */
static void check_file(const model *m, quant_id (*type_of)(const model *, const entry *),
                       bool exact) {
    gguf *g;
    err e;
    const status st = gguf_open(&g, out, &e);
    CHECK_SAY(st == OK, "%s", e.text);
    if (st != OK) return;
    uint64_t expected = 0;
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

/* The configuration with one piece of text replaced. */
static char *config_with(const char *was, const char *is) {
    static char text[4000];
    const char *at = strstr(model_config, was);
    if (!at) abort();
    snprintf(text, sizeof text, "%.*s%s%s", (int)(at - model_config), model_config, is,
             at + strlen(was));
    return text;
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

TEST(a_bad_configuration_is_refused_with_the_key) {
    static const char *const bad[][3] = {
        {"\"hidden_size\":64", "\"hidden_size\":0", "hidden_size"},
        {"\"hidden_size\":64", "\"hidden_size\":-64", "hidden_size"},
        {"\"hidden_size\":64", "\"hidden_size\":\"64\"",
         "hidden_size: expected a whole number, found string"},
        {"\"hidden_size\":64", "\"hidden_size\":64.5", "hidden_size"},
        {"\"hidden_size\":64", "\"hidden_size\":1e300", "hidden_size"},
        {"\"hidden_size\":64", "\"hidden_size\":99999999999999999999", "hidden_size"},
        {"\"hidden_size\":64", "\"hidden_size\":null", "hidden_size: missing"},
        {"\"hidden_size\":64,", "", "hidden_size: missing"},
        {"\"rms_norm_eps\":1e-06", "\"rms_norm_eps\":-1", "rms_norm_eps"},
        {"\"rms_norm_eps\":1e-06", "\"rms_norm_eps\":NaN", "config.json"},
        {"\"rms_norm_eps\":1e-06", "\"rms_norm_eps\":true", "rms_norm_eps: expected a number"},
        {"\"rms_norm_eps\":1e-06,", "", "rms_norm_eps: missing"},
        {"\"vocab_size\":40", "\"vocab_size\":4000000000", "vocab_size"},
        {"\"vocab_size\":40", "\"vocab_size\":41",
         "embed.weight: shape [40, 64], config.json asks for [41, 64]"},
        {"\"n_routed_experts\":3", "\"n_routed_experts\":4", "gate.weight: shape [3, 64]"},
        {"\"n_routed_experts\":3", "\"n_routed_experts\":16385", "n_routed_experts"},
        {"\"num_experts_per_tok\":2", "\"num_experts_per_tok\":4", "num_experts_per_tok"},
        {"\"num_hidden_layers\":3", "\"num_hidden_layers\":5", "compress_ratios"},
        {"\"num_hash_layers\":1", "\"num_hash_layers\":4", "num_hash_layers"},
        {"\"num_hash_layers\":1", "\"num_hash_layers\":2", "layers.1.ffn.gate.tid2eid is missing"},
        {"\"o_groups\":2", "\"o_groups\":3", "o_groups"},
        {"\"qk_rope_head_dim\":8", "\"qk_rope_head_dim\":7", "qk_rope_head_dim"},
        {"\"qk_rope_head_dim\":8", "\"qk_rope_head_dim\":18", "qk_rope_head_dim"},
        {"\"num_key_value_heads\":1", "\"num_key_value_heads\":2", "num_key_value_heads"},
        {"\"hc_mult\":2", "\"hc_mult\":9", "hc_mult"},
        {"\"norm_topk_prob\":true", "\"norm_topk_prob\":1", "norm_topk_prob"},
        {"\"swiglu_limit\":10.0", "\"swiglu_limit\":0", "swiglu_limit"},
        {"\"bos_token_id\":0", "\"bos_token_id\":40", "bos_token_id"},
        {"[0,4,16,0]", "[0,4,16,4]", "compress_ratios"},
        {"[0,4,16,0]", "[0,4]", "compress_ratios"},
        {"[0,4,16,0]", "[0,4,\"16\",0]", "compress_ratios: entry 2"},
        {"[0,4,16,0]", "[0,4,5,0]", "compress_ratios: entry 2"},
        {"[0,4,16,0]", "16", "compress_ratios"},
        {"\"factor\":16.0", "\"factor\":0.5", "rope_scaling.factor"},
        {"\"factor\":16.0,", "", "rope_scaling.factor: missing"},
        {"\"type\":\"yarn\"", "\"type\":\"linear\"", "rope_scaling"},
        {"\"rope_scaling\"", "\"rope_something\"", "rope_scaling: missing"},
        {"\"model_type\":\"deepseek_v4\"", "\"model_type\":\"llama\"", "model_type"},
        {"\"scoring_func\":\"sqrtsoftplus\"", "\"scoring_func\":\"sigmoid\"", "scoring_func"},
        {"\"tie_word_embeddings\":false", "\"tie_word_embeddings\":true", "tie_word_embeddings"},
        {"\"fmt\":\"e4m3\"", "\"fmt\":\"e5m2\"", "quantization_config"},
        {"[24,40]", "[24]", "weight_block_size"},
        {"[24,40]", "[24,0]", "weight_block_size"},
        {"[24,40]", "[128,128]", "scale"},
        {"{\"architectures\"", "[{\"architectures\"", "config.json"},
    };
    REQUIRE(enter());
    model *m = model_new(LOW, 12);
    model_write(m, dir);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        put_text(dir, "config.json", config_with(bad[i][0], bad[i][1]));
        CHECK_SAY(refused(convert(NULL), 1, bad[i][2]) && strstr(said, dir), "%s", bad[i][1]);
    }
    put_text(dir, "config.json", "[]");
    CHECK(refused(convert(NULL), 1, "config.json: expected an object"));
    model_free(m);
    leave();
}
/* ------------------------------------------------------------------ tokeniser */

/* Ids 0, 1: control; 2..7 text; 8: a hole; 9: user-defined; then nothing up to 39. */
static const char tokenizer[] =
    "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"<s>\":0,\"a\":2,\"b\":3,\"\xc4\xa0\":4,\"ab\":5,"
    "\"\xc4\xa0"
    "ab\":6,\"\\\"\":7},\"merges\":[\"a b\",\"\xc4\xa0 ab\"]},"
    "\"added_tokens\":[{\"id\":0,\"content\":\"<s>\",\"special\":true},"
    "{\"id\":1,\"content\":\"<\xef\xbd\x9c"
    "end\xef\xbd\x9c>\",\"special\":true},"
    "{\"id\":9,\"content\":\"<think>\",\"special\":false}]}";

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
    put_text(dir, "tokenizer.json", tokenizer);
    put_text(dir, "tokenizer_config.json",
             "{\"bos_token\":\"b\",\"pad_token\":{\"content\":\"<think>\"}}");
    REQUIRE(convert(NULL) == 0);
    check_tokens();

    /* merges as pairs, BOS named only in tokenizer_config.json */
    char text[2000];
    const char *at = strstr(tokenizer, "[\"a b\"");
    snprintf(text, sizeof text, "%.*s[[\"a\",\"b\"],[\"\xc4\xa0\",\"ab\"]]%s",
             (int)(at - tokenizer), tokenizer, strchr(at, '}'));
    put_text(dir, "tokenizer.json", text);
    put_text(dir, "config.json", config_with("\"bos_token_id\":0,", ""));
    put_text(dir, "tokenizer_config.json", "{\"bos_token\":\"<s>\",\"pad_token\":\"<think>\"}");
    CHECK_SAY(convert(NULL) == 0, "%s", said);
    check_tokens();
    model_free(m);
    leave();
}

TEST(a_wrong_tokeniser_is_refused) {
    static const char *const bad[][3] = {
        {"\"BPE\"", "\"Unigram\"", "model.type"},
        {"\"vocab\":{", "\"vocabulary\":{", "model.vocab"},
        {"\"merges\":[", "\"mergers\":[", "model.merges"},
        {"\"a\":2", "\"a\":40", "token 'a' has id 40"},
        {"\"a\":2", "\"a\":-1", "token 'a'"},
        {"\"a\":2", "\"a\":\"2\"", "token 'a'"},
        {"\"a\":2", "\"a\":3", "id 3 is both"},
        {"\"a\":2", "\"\":2,\"a\":8", "empty"},
        {"\"a\":2", "\"a\\u0000\":8,\"a\":2", "NUL"},
        {"\"a b\"", "\"ab\"", "merge 0"},
        {"\"a b\"", "\"a  b\"", "merge 0"},
        {"\"a b\"", "\"b a\"", "merge 0"},
        {"\"a b\"", "\"a b\",\"a x\"", "merge 1"},
        {"\"a b\"", "[\"a\"]", "merge 0"},
        {"\"a b\"", "7", "merge 0"},
        {"\"id\":9", "\"id\":2", "id 2 is both 'a' and '<think>'"},
        {"\"id\":9", "\"id\":400", "'<think>' has id 400"},
        {"\"content\":\"<think>\"", "\"content\":\"a\"", "'a' has two ids"},
        {"\"content\":\"<think>\"", "\"text\":\"a\"", "added_tokens: entry 2"},
        {"{\"model\"", "{\"mode\"", "model.vocab"},
        {"}]}", "}]", "tokenizer.json"},
    };
    REQUIRE(enter());
    model *m = model_new(LOW, 14);
    model_write(m, dir);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[2000];
        const char *at = strstr(tokenizer, bad[i][0]);
        REQUIRE(at);
        snprintf(text, sizeof text, "%.*s%s%s", (int)(at - tokenizer), tokenizer, bad[i][1],
                 at + strlen(bad[i][0]));
        put_text(dir, "tokenizer.json", text);
        CHECK_SAY(refused(convert(NULL), 1, bad[i][2]) && strstr(said, "tokenizer.json"), "%s",
                  bad[i][1]);
    }
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

/* ------------------------------------------------------------------ damage */

static void leave_out(model *m) {
    model_find(m, "layers.2.attn.wo_a.weight")->left_out = true;
}
static void leave_out_expert(model *m) {
    model_find(m, "layers.2.ffn.experts.1.w2.weight")->left_out = true;
}
static void leave_out_bias(model *m) {
    model_find(m, "layers.2.ffn.gate.bias")->left_out = true;
}
static void turn(model *m) {
    entry *x = model_find(m, "layers.1.attn.wq_b.weight");
    x->rows = Q_RANK, x->cols = HEADS * HEAD_DIM;
}
static void nan_code(model *m) {
    model_find(m, "layers.1.attn.wq_b.weight")->data[33] = 0xff;
}
static void nan_scale(model *m) {
    model_find(m, "layers.1.attn.wq_b.weight")->scale[1] = 255;
}
static void nan_fp4(model *m) {
    model_find(m, "layers.1.ffn.experts.2.w2.weight")->scale[5] = 255;
}
static void huge_fp4(model *m) {
    entry *x = model_find(m, "layers.1.ffn.experts.2.w2.weight");
    x->scale[5] = 254;
    memset(x->data + 5 * 16, 0x77, 16);
}
static void huge_fp8(model *m) {
    entry *x = model_find(m, "layers.1.attn.wq_b.weight");
    x->scale[1] = 254;
    x->data[TILE_ROWS * x->cols] = 0x7e;
}
static void nan_bf16(model *m) {
    model_find(m, "embed.weight")->data[2 * 65 + 1] = 0xff;
}
static void infinite_f32(model *m) {
    put_le32(model_find(m, "layers.2.attn.attn_sink")->data + 4, 0x7f800000);
}
static void expert_number(model *m) {
    put_le64(model_find(m, "layers.0.ffn.gate.tid2eid")->data + 8 * 5, EXPERTS);
}
static void negative_number(model *m) {
    put_le64(model_find(m, "layers.0.ffn.gate.tid2eid")->data, UINT64_MAX);
}
static void no_scale(model *m) {
    entry *x = model_find(m, "layers.2.attn.wkv.weight");
    free(x->scale);
    x->scale = NULL;
}
static void integer_weight(model *m) {
    model_find(m, "head.weight")->dtype = "I16";
}
static void unknown_dtype(model *m) {
    model_find(m, "head.weight")->dtype = "Q9";
}
static void fp8_vector(model *m) {
    entry *x = model_find(m, "layers.0.attn_norm.weight");
    x->dtype = "F8_E4M3";
    x->data_n /= 2;
}

TEST(a_damaged_checkpoint_is_refused_with_the_tensor) {
    static const struct {
        void (*spoil)(model *);
        const char *says;
    } all[] = {
        {leave_out, "tensor layers.2.attn.wo_a.weight is missing"},
        {leave_out_expert, "tensor layers.2.ffn.experts.1.w2.weight is missing"},
        {leave_out_bias, "tensor layers.2.ffn.gate.bias is missing"},
        {turn, "layers.1.attn.wq_b.weight"},
        {nan_code, "layers.1.attn.wq_b.weight: row 1, column 1 is not a finite number"},
        {nan_scale, "layers.1.attn.wq_b.weight: row 24, column 0 is not a finite number"},
        {nan_fp4, "layers.1.ffn.experts.2.w2.weight: row 5, column 0 is not"},
        {huge_fp4, "layers.1.ffn.experts.2.w2.weight: row 5, column 0 is not"},
        {huge_fp8, "layers.1.attn.wq_b.weight: row 24, column 0 is not"},
        {nan_bf16, "embed.weight: row 1, column 1 is not"},
        {infinite_f32, "layers.2.attn.attn_sink: row 0, column 1 is not"},
        {expert_number, "layers.0.ffn.gate.tid2eid: token 2: expert 3 is not below 3"},
        {negative_number, "layers.0.ffn.gate.tid2eid: token 0: expert -1"},
        {no_scale, "layers.2.attn.wkv.scale are missing"},
        {integer_weight, "head.weight: dtype I16"},
        {unknown_dtype, "head.weight: dtype Q9"},
        {fp8_vector, "layers.0.attn_norm.weight"},
    };
    static const char *const modes[] = {"native", "f32", "f16", "q8_0"};
    REQUIRE(enter());
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        model *m = model_new(LOW, 30 + i);
        all[i].spoil(m);
        model_write(m, dir);
        for (size_t k = 0; k < 4; k++)
            CHECK_SAY(refused(convert(modes[k]), 1, all[i].says), "%s %s", modes[k], all[i].says);
        model_free(m);
    }
    leave();
}

TEST(files_that_are_missing_or_cut_are_named) {
    char path[200];
    REQUIRE(enter());
    model *m = model_new(LOW, 50);
    model_write(m, dir);
    static const char shard[] = "model-00002-of-00003.safetensors";
    snprintf(path, sizeof path, "%s/%s", dir, shard);
    struct stat st;
    REQUIRE(stat(path, &st) == 0);
    CHECK(truncate(path, st.st_size - 1) == 0);
    CHECK(refused(convert(NULL), 1, "cut short") && strstr(said, shard));
    CHECK(truncate(path, 100) == 0);
    CHECK(refused(convert(NULL), 1, "cut short") && strstr(said, shard));
    unlink(path);
    CHECK(refused(convert(NULL), 1, shard));
    snprintf(path, sizeof path, "%s/model.safetensors.index.json", dir);
    unlink(path);
    CHECK(refused(convert(NULL), 1, "part 2 of 3 is missing"));
    snprintf(path, sizeof path, "%s/config.json", dir);
    unlink(path);
    CHECK(refused(convert(NULL), 1, "config.json"));
    model_free(m);
    leave();
}

/* ------------------------------------------------------------------ the output */

TEST(where_it_cannot_write_it_says_so_and_leaves_nothing) {
    REQUIRE(enter());
    model *m = model_new(LOW, 51);
    model_write(m, dir);
    char other[200];
    snprintf(other, sizeof other, "%s/none/x.gguf", dir);
    CHECK(refused(run((const char *const[]){dir, "-o", other, NULL}), 1, "none/x.gguf"));
    snprintf(other, sizeof other, "%s/config.json/x.gguf", dir);
    CHECK(refused(run((const char *const[]){dir, "-o", other, NULL}), 1, "config.json/x.gguf"));
    CHECK(refused(run((const char *const[]){dir, "-o", dir, NULL}), 1, "a folder"));
    snprintf(other, sizeof other, "%s/model.safetensors", dir);
    CHECK(refused(run((const char *const[]){dir, "-o", other, NULL}), 2, "-o"));

    file_limit = 20000; /* the disk that fills up on the way */
    CHECK(refused(convert(NULL), 1, "out.gguf"));
    file_limit = 0;

    if (geteuid() != 0) { /* root may write anywhere */
        snprintf(other, sizeof other, "%s/closed", dir);
        REQUIRE(mkdir(other, 0500) == 0);
        snprintf(other, sizeof other, "%s/closed/x.gguf", dir);
        CHECK(refused(run((const char *const[]){dir, "-o", other, NULL}), 1, "closed/x.gguf"));
    }
    model_free(m);
    leave();
}

TEST(an_old_output_stays_until_the_new_one_is_whole) {
    REQUIRE(enter());
    model *m = model_new(LOW, 52);
    model_find(m, "mtp.0.norm.weight")->data[1] = 0xff;
    model_find(m, "mtp.0.norm.weight")->data[0] = 0xff;
    model_write(m, dir);
    put_text(dir, "out.gguf", "old");
    CHECK(convert(NULL) == 1);
    char text[10];
    read_text("out.gguf", text, sizeof text);
    CHECK(strcmp(text, "old") == 0);
    model_free(m);
    m = model_new(LOW, 53);
    model_write(m, dir);
    CHECK(convert(NULL) == 0);
    check_file(m, native_type, true);
    model_free(m);
    leave();
}

TEST(the_command_line_is_checked) {
    REQUIRE(enter());
    CHECK(run((const char *const[]){"--help", NULL}) == 0 && !said[0]);
    CHECK(strstr(printed, "usage: ds4-convert") && strstr(printed, "--type"));
    CHECK(run((const char *const[]){"-h", NULL}) == 0 && strstr(printed, "usage:"));
    CHECK(run((const char *const[]){"--version", NULL}) == 0 && strstr(printed, "ds4-convert "));
    CHECK(refused(run((const char *const[]){NULL}), 2, "HF_DIR"));
    CHECK(refused(run((const char *const[]){dir, NULL}), 2, "-o"));
    CHECK(refused(run((const char *const[]){dir, "-o", NULL}), 2, "--out"));
    CHECK(refused(run((const char *const[]){dir, dir, "-o", out, NULL}), 2, dir));
    CHECK(refused(convert("q4"), 2, "--type q4"));
    CHECK(refused(run((const char *const[]){dir, "-o", out, "--typ", NULL}), 2, "--typ"));
    CHECK(refused(convert(NULL), 1, "config.json"));
    CHECK(refused(run((const char *const[]){"/nowhere", "-o", out, NULL}), 1, "/nowhere"));
    leave();
}

int main(int argc, char **argv) {
    const char *slash = strrchr(argv[0], '/');
    snprintf(program, sizeof program, "%.*s/../../bin/ds4-convert",
             slash ? (int)(slash - argv[0]) : 1, slash ? argv[0] : ".");
    if (access(program, X_OK) != 0) {
        fprintf(stderr, "%s: build the programs first (make)\n", program);
        return 1;
    }
    return tests_run(argc, argv);
}
