/* What ds4-convert refuses: in one line that names the culprit, without leaving a file behind. */
#include "convert_run.h"

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
        const char *at = strstr(model_tokenizer, bad[i][0]);
        REQUIRE(at);
        snprintf(text, sizeof text, "%.*s%s%s", (int)(at - model_tokenizer), model_tokenizer,
                 bad[i][1], at + strlen(bad[i][0]));
        put_text(dir, "tokenizer.json", text);
        CHECK_SAY(refused(convert(NULL), 1, bad[i][2]) && strstr(said, "tokenizer.json"), "%s",
                  bad[i][1]);
    }
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
    read_text("out.gguf", text, 5);
    CHECK(strcmp(text, "GGUF") == 0);
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
    return find_program(argv[0]) ? tests_run(argc, argv) : 1;
}
