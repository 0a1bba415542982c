/* shape_test: every key that a model needs, in every form that writers give it, and the refusal of
 * all others by name. */
#include "model/shape.h"

#include "base/test.h"
#include "model/edit_test.h"

#define P "deepseek4."
#define EACH(i, table) for (size_t i = 0; i < sizeof(table) / sizeof *(table); i++)

/* The keys of a small model and no tensors: shape_read looks at nothing else. */
static const edit *base(void) {
    static edit x;
    if (x.n_keys) return &x;
    const random_spec spec = {.shape = random_small_shape(), .recipe = RANDOM_Q2, .seed = 1};
    edit_random(&x, &spec);
    x.n_tensors = 0;
    edit_free(&x);
    x.file = NULL;
    return &x;
}

static status read_shape(shape *s, const edit *x, err *e) {
    forge f = edit_bytes(x);
    gguf *g = NULL;
    status st = forge_open(&g, &f, e);
    edit_must(st == OK);
    st = shape_read(s, &g, 1, "edited.gguf", e);
    gguf_close(g);
    forge_free(&f);
    return st;
}

/* The shape is read; what `x` changed does not show in it. */
static void check_same(const edit *x, const char *what) {
    shape want, got;
    err e = {0};
    memset(&want, 0, sizeof want);
    memset(&got, 0, sizeof got);
    edit_must(read_shape(&want, base(), NULL) == OK);
    const status st = read_shape(&got, x, &e);
    CHECK_SAY(st == OK, "%s: %s", what, e.text);
    CHECK_SAY(st != OK || memcmp(&want, &got, sizeof want) == 0, "%s: another shape", what);
}

/* Refused with a line that names file and key, and nothing is written. */
static void check_refused(const edit *x, const char *key, const char *what) {
    shape got, before;
    err e = {0};
    memset(&got, 0x5a, sizeof got);
    before = got;
    const status st = read_shape(&got, x, &e);
    CHECK_SAY(st == E_FORMAT && e.code == E_FORMAT, "%s %s: status %d", key, what, (int)st);
    CHECK_SAY(strncmp(e.text, "edited.gguf: ", 13) == 0 && strstr(e.text, key), "%s %s: %s", key,
              what, e.text);
    CHECK(memcmp(&got, &before, sizeof got) == 0);
}

/* ------------------------------------------------------------------ the keys */

typedef enum need { NEEDED, OPTIONAL } need;

/* Whole numbers: the range that is accepted, as far as one key alone decides it. */
static const struct whole_key {
    const char *name;
    need need;
    uint64_t lo, hi; /* hi: the largest that all other keys of the small model allow */
} whole_keys[] = {
    {"block_count", NEEDED, 1, 5},
    {"context_length", NEEDED, 1, 1 << 30},
    {"embedding_length", NEEDED, 1, 1 << 17},
    {"attention.head_count", NEEDED, 2, 4096},
    {"attention.head_count_kv", OPTIONAL, 1, 1},
    {"attention.key_length", NEEDED, 64, 64},
    {"attention.value_length", OPTIONAL, 64, 64},
    {"attention.q_lora_rank", NEEDED, 1, 1 << 17},
    {"attention.output_lora_rank", NEEDED, 1, 1 << 17},
    {"attention.output_group_count", NEEDED, 1, 4},
    {"attention.sliding_window", NEEDED, 1, 8192},
    {"attention.indexer.head_count", NEEDED, 1, 4096},
    {"attention.indexer.key_length", NEEDED, 16, 8192},
    {"attention.indexer.top_k", NEEDED, 1, 1 << 20},
    {"rope.dimension_count", OPTIONAL, 2, 32},
    {"expert_count", NEEDED, 3, 1 << 14},
    {"expert_used_count", NEEDED, 1, 16},
    {"expert_shared_count", NEEDED, 1, 64},
    {"expert_feed_forward_length", NEEDED, 1, 1 << 17},
    {"expert_gating_func", OPTIONAL, 4, 4},
    {"hash_layer_count", OPTIONAL, 0, 512},
    {"hyper_connection.count", NEEDED, 1, SHAPE_MAX_STREAMS},
    {"hyper_connection.sinkhorn_iterations", NEEDED, 1, 1000},
    {"vocab_size", NEEDED, 1, 1 << 24},
    {"nextn_predict_layers", OPTIONAL, 0, 64},
    {"expert_group_count", OPTIONAL, 0, 1},
};

static const struct real_key {
    const char *name;
    need need;
    double good, low, high; /* a value, and one on each side that is refused */
} real_keys[] = {
    {"attention.layer_norm_rms_epsilon", NEEDED, 1e-5, -1e-9, 0.2},
    {"attention.compress_rope_freq_base", NEEDED, 10000, 1, 1e13},
    {"rope.freq_base", OPTIONAL, 500000, 0, 1e13},
    {"rope.scaling.factor", OPTIONAL, 4, 0.5, 1e7},
    {"rope.scaling.original_context_length", OPTIONAL, 4096, 0, 1e10},
    {"rope.scaling.yarn_beta_fast", OPTIONAL, 16, -1, 1e10},
    {"rope.scaling.yarn_beta_slow", OPTIONAL, 2, 0, 1e10},
    {"expert_weights_scale", NEEDED, 2.5, 0, 1e7},
    {"hyper_connection.epsilon", NEEDED, 1e-5, -1, 1},
};

static const char *full(const char *name) {
    static char key[4][96];
    static int turn;
    char *p = key[turn = (turn + 1) % 4];
    snprintf(p, sizeof key[0], P "%s", name);
    return p;
}

static uint64_t value_of(const edit *x, const char *key) {
    edit copy = *x;
    const edit_key *k = edit_key_of(&copy, key);
    return k ? le32(k->value) : 0;
}

TEST(the_shape_is_what_was_written) {
    const shape want = random_small_shape();
    shape s;
    REQUIRE(read_shape(&s, base(), NULL) == OK);
#define SAME(field) CHECK(s.field == want.field)
    SAME(n_layers);
    SAME(n_vocab);
    SAME(d_model);
    SAME(n_heads);
    SAME(head_dim);
    SAME(rope_dim);
    SAME(q_rank);
    SAME(o_groups);
    SAME(o_rank);
    SAME(window);
    SAME(ix_heads);
    SAME(ix_dim);
    SAME(ix_top_k);
    SAME(n_experts);
    SAME(n_used);
    SAME(n_shared);
    SAME(ff_dim);
    SAME(n_hash_layers);
    SAME(n_streams);
    SAME(sinkhorn_rounds);
    SAME(context);
    SAME(route_scale);
    SAME(route_norm);
    SAME(norm_eps);
    SAME(hc_eps);
    SAME(rope_base);
    SAME(rope_base_compressed);
    SAME(yarn_factor);
    SAME(yarn_beta_fast);
    SAME(yarn_beta_slow);
    SAME(yarn_context);
#undef SAME
    for (uint32_t l = 0; l < s.n_layers; l++)
        CHECK(s.ratio[l] == want.ratio[l] && s.clamp_routed[l] == 10 && s.clamp_shared[l] == 10);
    CHECK(s.ratio[s.n_layers] == 0 && s.clamp_routed[s.n_layers] == 10); /* of the draft block */
}

TEST(a_key_that_is_missing_is_named_unless_it_has_a_default) {
    EACH(i, whole_keys) {
        const char *key = full(whole_keys[i].name);
        edit x = *base();
        if (edit_key_of(&x, key)) edit_drop_key(&x, key);
        if (strstr(key, "rope.dim"))
            edit_u32(&x, P "attention.indexer.key_length", 64); /* the head then turns whole */
        shape s;
        if (whole_keys[i].need == NEEDED)
            check_refused(&x, key, "missing");
        else
            CHECK_SAY(read_shape(&s, &x, NULL) == OK, "%s", key);
    }
    EACH(i, real_keys) {
        edit x = *base();
        edit_drop_key(&x, full(real_keys[i].name));
        shape s;
        if (real_keys[i].need == NEEDED)
            check_refused(&x, full(real_keys[i].name), "missing");
        else
            CHECK_SAY(read_shape(&s, &x, NULL) == OK, "%s", real_keys[i].name);
    }
    static const char *const others[] = {"attention.compress_ratios", "swiglu_clamp_exp"};
    EACH(i, others) {
        edit x = *base();
        edit_drop_key(&x, full(others[i]));
        check_refused(&x, full(others[i]), "missing");
    }
}

TEST(missing_keys_have_the_defaults_of_the_format) {
    edit x = *base();
    static const char *const gone[] = {
        "rope.freq_base",      "rope.scaling.yarn_beta_fast", "rope.scaling.yarn_beta_slow",
        "swiglu_clamp_shexp",  "expert_gating_func",          "rope.scaling.type",
        "expert_weights_norm", "attention.head_count_kv",     "attention.value_length",
        "nextn_predict_layers"};
    EACH(i, gone) edit_drop_key(&x, full(gone[i]));
    check_same(&x, "all that have a default");
    edit_drop_key(&x, P "rope.dimension_count"); /* the head then turns whole */
    edit_u32(&x, P "attention.indexer.key_length", 64);
    shape s;
    CHECK(read_shape(&s, &x, NULL) == OK && s.rope_dim == s.head_dim);
    edit_drop_key(&x, P "rope.scaling.factor");
    edit_drop_key(&x, P "hash_layer_count");
    CHECK(read_shape(&s, &x, NULL) == OK && s.yarn_factor == 1 && s.n_hash_layers == 0);
}

/* The shared expert's clamp is honoured when it differs, and equals the routed one's when it is
 * absent. */
TEST(clamps_are_read_for_each_layer) {
    static const double exp[] = {1, 2, 3, 4, 5, 6}, sh[] = {11, 12, 13, 14, 15};
    edit x = *base();
    edit_array(&x, P "swiglu_clamp_exp", GGUF_F32, exp, 6); /* one entry more: the draft block's */
    edit_array(&x, P "swiglu_clamp_shexp", GGUF_F64, sh, 5);
    shape s;
    REQUIRE(read_shape(&s, &x, NULL) == OK);
    for (uint32_t l = 0; l < 5; l++)
        CHECK(s.clamp_routed[l] == (float)exp[l] && s.clamp_shared[l] == (float)sh[l]);
    CHECK(s.clamp_routed[5] == 6 && s.clamp_shared[5] == 15);
    edit_drop_key(&x, P "swiglu_clamp_shexp");
    REQUIRE(read_shape(&s, &x, NULL) == OK);
    CHECK(memcmp(s.clamp_shared, s.clamp_routed, 6 * sizeof(float)) == 0);
    edit_array(&x, P "swiglu_clamp_exp", GGUF_F32, exp, 4);
    check_refused(&x, P "swiglu_clamp_exp", "with too few entries");
    static const double wrong[] = {0, -1, 1e31};
    EACH(i, wrong) {
        double v[5] = {1, 1, wrong[i], 1, 1};
        edit_array(&x, P "swiglu_clamp_exp", GGUF_F64, v, 5);
        check_refused(&x, P "swiglu_clamp_exp", "with an impossible entry");
    }
    x = *base();
    edit_string(&x, P "swiglu_clamp_shexp", "ten");
    check_refused(&x, P "swiglu_clamp_shexp", "as a string");
    x = *base();
    edit_array(&x, P "swiglu_clamp_exp", GGUF_F32, exp, 0);
    check_refused(&x, P "swiglu_clamp_exp", "empty");
}

TEST(whole_numbers_are_read_in_every_width_and_from_lists_of_equal_ones) {
    static const struct {
        gguf_kind kind;
        uint64_t most;
    } kinds[] = {{GGUF_U8, UINT8_MAX},   {GGUF_I8, INT8_MAX},    {GGUF_U16, UINT16_MAX},
                 {GGUF_I16, INT16_MAX},  {GGUF_U32, UINT32_MAX}, {GGUF_I32, INT32_MAX},
                 {GGUF_U64, UINT64_MAX}, {GGUF_I64, INT64_MAX}};
    EACH(i, whole_keys) {
        const char *key = full(whole_keys[i].name);
        if (strcmp(whole_keys[i].name, "expert_group_count") == 0) continue; /* not in the file */
        const uint64_t v = value_of(base(), key);
        EACH(k, kinds) {
            if (v > kinds[k].most) continue;
            edit x = *base();
            edit_whole(&x, key, kinds[k].kind, v);
            check_same(&x, key);
            const double each[5] = {(double)v, (double)v, (double)v, (double)v, (double)v};
            edit_array(&x, key, kinds[k].kind, each, 5);
            check_same(&x, key);
            edit_array(&x, key, kinds[k].kind, each, 1);
            check_same(&x, key);
        }
        double unequal[3] = {(double)v, (double)v, (double)v + 1};
        edit x = *base();
        edit_array(&x, key, GGUF_I32, unequal, 3);
        check_refused(&x, key, "as a list of different numbers");
        edit_array(&x, key, GGUF_I32, unequal, 0);
        check_refused(&x, key, "as an empty list");
    }
}

TEST(whole_numbers_of_another_nature_or_size_are_refused) {
    EACH(i, whole_keys) {
        const struct whole_key *w = &whole_keys[i];
        const char *key = full(w->name);
        edit x = *base();
        edit_string(&x, key, "7");
        check_refused(&x, key, "as a string");
        edit_f32(&x, key, 7.0f);
        check_refused(&x, key, "as a real");
        edit_whole(&x, key, GGUF_I32, (uint64_t)-3);
        check_refused(&x, key, "negative");
        edit_whole(&x, key, GGUF_I64, (uint64_t)INT64_MIN);
        check_refused(&x, key, "most negative");
        edit_whole(&x, key, GGUF_U64, UINT64_MAX);
        check_refused(&x, key, "as 2^64 - 1");
        edit_whole(&x, key, GGUF_U64,
                   (UINT64_C(1) << 32) + value_of(base(), key)); /* no wrapping into range */
        check_refused(&x, key, "as 2^32 and more");
    }
}

/* Which key is to blame can be another one: a shape is a whole. So these are accepted, or the line
 * names a key. */
TEST(ranges_end_where_they_should) {
    EACH(i, whole_keys) {
        const struct whole_key *w = &whole_keys[i];
        const char *key = full(w->name);
        shape s;
        err e = {0};
        edit x = *base();
        edit_u32(&x, key, (uint32_t)w->lo);
        CHECK_SAY(read_shape(&s, &x, &e) == OK, "%s %u: %s", key, (uint32_t)w->lo, e.text);
        edit_u32(&x, key, (uint32_t)w->hi);
        CHECK_SAY(read_shape(&s, &x, &e) == OK, "%s %u: %s", key, (uint32_t)w->hi, e.text);
        if (w->lo > 0) {
            edit_u32(&x, key, (uint32_t)w->lo - 1);
            CHECK_SAY(read_shape(&s, &x, &e) == E_FORMAT && strstr(e.text, "key " P), "%s: %s", key,
                      e.text);
        }
        edit_u32(&x, key, (uint32_t)w->hi + 1);
        CHECK_SAY(read_shape(&s, &x, &e) == E_FORMAT && strstr(e.text, "key " P), "%s: %s", key,
                  e.text);
        edit_u32(&x, key, UINT32_MAX);
        check_refused(&x, key, "as 2^32 - 1");
    }
}

TEST(reals_are_read_in_every_form) {
    EACH(i, real_keys) {
        const char *key = full(real_keys[i].name);
        const double v = real_keys[i].good, v5[5] = {v, v, v, v, v};
        edit x = *base();
        edit_f32(&x, key, (float)v);
        shape want, got;
        memset(&want, 0, sizeof want), memset(&got, 0, sizeof got);
        CHECK(read_shape(&want, &x, NULL) == OK);
        edit_f64(&x, key, (double)(float)v);
        CHECK_SAY(read_shape(&got, &x, NULL) == OK && memcmp(&got, &want, sizeof want) == 0, "%s",
                  key);
        edit_array(&x, key, GGUF_F32, v5, 5);
        CHECK_SAY(read_shape(&got, &x, NULL) == OK && memcmp(&got, &want, sizeof want) == 0, "%s",
                  key);
        if (v != floor(v)) continue;
        edit_whole(&x, key, GGUF_U64, (uint64_t)v);
        CHECK_SAY(read_shape(&got, &x, NULL) == OK && memcmp(&got, &want, sizeof want) == 0, "%s",
                  key);
        edit_whole(&x, key, GGUF_I32, (uint64_t)v);
        CHECK_SAY(read_shape(&got, &x, NULL) == OK && memcmp(&got, &want, sizeof want) == 0, "%s",
                  key);
    }
}

TEST(reals_of_another_nature_or_size_are_refused) {
    EACH(i, real_keys) {
        const char *key = full(real_keys[i].name);
        const double unequal[] = {real_keys[i].good, real_keys[i].good * 2};
        edit x = *base();
        edit_string(&x, key, "1e-6");
        check_refused(&x, key, "as a string");
        edit_array(&x, key, GGUF_F32, unequal, 2);
        check_refused(&x, key, "as a list of different numbers");
        edit_f64(&x, key, real_keys[i].low);
        check_refused(&x, key, "too small");
        edit_f64(&x, key, real_keys[i].high);
        check_refused(&x, key, "too large");
        edit_f64(&x, key, -1e300);
        check_refused(&x, key, "hugely negative");
        edit_f64(&x, key, 1e300);
        check_refused(&x, key, "huge");
    }
}

/* ------------------------------------------------------------------ keys with meanings */

TEST(ratios_are_0_4_or_powers_of_two_from_8_to_256) {
    for (int ratio = -5; ratio <= 600; ratio++) {
        bool legal = ratio == 0 || ratio == 4;
        for (int p = 8; p <= 256; p *= 2) legal |= ratio == p;
        const double v[5] = {0, 4, 128, ratio, 16};
        edit x = *base();
        edit_array(&x, P "attention.compress_ratios", GGUF_I32, v, 5);
        shape s;
        if (legal)
            CHECK_SAY(read_shape(&s, &x, NULL) == OK && s.ratio[3] == (uint32_t)ratio, "%d", ratio);
        else
            check_refused(&x, P "attention.compress_ratios", "of another number");
    }
    static const double far[] = {4294967296.0 + 4, -4294967296.0, 4294967296.0 * 128};
    EACH(i, far) {
        const double v[5] = {0, 4, 128, far[i], 16};
        edit x = *base();
        edit_array(&x, P "attention.compress_ratios", GGUF_I64, v, 5);
        check_refused(&x, P "attention.compress_ratios", "beyond 32 bits");
    }
}

TEST(ratios_come_in_every_width_and_may_be_more_than_the_layers) {
    static const double v[] = {0, 4, 128, 4, 16, 0, 4, 3};
    static const gguf_kind kinds[] = {GGUF_I32, GGUF_U32, GGUF_I64, GGUF_U64,
                                      GGUF_U16, GGUF_I16, GGUF_U8};
    EACH(k, kinds)
    for (uint32_t n = 5; n <= 8; n++) {
        edit x = *base();
        edit_array(&x, P "attention.compress_ratios", kinds[k], v,
                   n); /* what lies behind the trunk is not its business */
        check_same(&x, "ratios");
    }
    edit x = *base();
    edit_array(&x, P "attention.compress_ratios", GGUF_I32, v, 4);
    check_refused(&x, P "attention.compress_ratios", "for too few layers");
    edit_array(&x, P "attention.compress_ratios", GGUF_F32, v, 5);
    check_refused(&x, P "attention.compress_ratios", "as reals");
    edit_string(&x, P "attention.compress_ratios", "0 4 128");
    check_refused(&x, P "attention.compress_ratios", "as a string");
    edit_u32(&x, P "attention.compress_ratios", 3);
    check_refused(&x, P "attention.compress_ratios", "as one wrong number");
    edit_u32(&x, P "attention.compress_ratios", 128); /* one number for all layers */
    shape s;
    CHECK(read_shape(&s, &x, NULL) == OK && s.ratio[0] == 128 && s.ratio[4] == 128 &&
          s.ratio[5] == 0);
}

TEST(without_ratio_4_no_indexer_is_asked_for) {
    static const double v[] = {0, 8, 128, 256, 16};
    edit x = *base();
    edit_array(&x, P "attention.compress_ratios", GGUF_I32, v, 5);
    edit_drop_key(&x, P "attention.indexer.head_count");
    edit_drop_key(&x, P "attention.indexer.key_length");
    edit_drop_key(&x, P "attention.indexer.top_k");
    shape s;
    CHECK(read_shape(&s, &x, NULL) == OK && s.ix_heads == 0 && s.ix_dim == 0);
}

TEST(sizes_that_do_not_fit_together_are_refused) {
    static const struct {
        const char *key;
        uint32_t v;
    } bad[] = {{"rope.dimension_count", 15},        {"rope.dimension_count", 66},
               {"attention.output_group_count", 3}, {"attention.value_length", 32},
               {"attention.head_count_kv", 2},      {"attention.head_count_kv", 4},
               {"expert_used_count", 17},           {"attention.indexer.key_length", 15},
               {"expert_gating_func", 0},           {"expert_gating_func", 1},
               {"expert_gating_func", 2},           {"expert_gating_func", 3},
               {"expert_gating_func", 5},           {"expert_group_count", 8}};
    EACH(i, bad) {
        edit x = *base();
        edit_u32(&x, full(bad[i].key), bad[i].v);
        check_refused(&x, full(bad[i].key), "that does not fit");
    }
}

TEST(the_architecture_decides_first) {
    edit x = *base();
    shape s;
    err e = {0};
    static const char *const others[] = {"llama",    "deepseek2", "deepseek4x",
                                         "deepseek", "",          "DEEPSEEK4"};
    EACH(i, others) {
        edit_string(&x, "general.architecture", others[i]);
        CHECK(read_shape(&s, &x, &e) == E_UNSUPPORTED);
        CHECK_SAY(strstr(e.text, "architecture") && strstr(e.text, others[i]), "%s", e.text);
    }
    edit_string(&x, "general.architecture", "\x1b[31mllama");
    CHECK(read_shape(&s, &x, &e) == E_UNSUPPORTED && strstr(e.text, "\\x1b[31mllama"));
    edit_drop_key(&x, "general.architecture"); /* one writer forgets it: the other keys tell */
    check_same(&x, "without architecture");
    edit_drop_key(&x, P "block_count");
    check_refused(&x, "general.architecture", "missing with everything else");
    x = *base();
    edit_u32(&x, "general.architecture", 4);
    check_same(&x, "architecture as a number");
    x.n_keys = 0;
    check_refused(&x, "general.architecture", "in an empty file");
}

TEST(the_kind_of_scaling_is_yarn_or_none) {
    edit x = *base();
    shape s;
    edit_string(&x, P "rope.scaling.type", "none");
    CHECK(read_shape(&s, &x, NULL) == OK && s.yarn_factor == 1);
    static const char *const others[] = {"linear", "longrope", "", "yarn2", "YARN"};
    EACH(i, others) {
        edit_string(&x, P "rope.scaling.type", others[i]);
        check_refused(&x, P "rope.scaling.type", "of another name");
    }
    edit_u32(&x, P "rope.scaling.type", 2);
    check_refused(&x, P "rope.scaling.type", "as a number");
}

TEST(the_norm_of_routes_is_a_boolean_in_any_dress) {
    shape s;
    for (uint32_t on = 0; on < 2; on++) {
        static const gguf_kind kinds[] = {GGUF_BOOL, GGUF_U8, GGUF_I32, GGUF_U64};
        EACH(k, kinds) {
            edit x = *base();
            edit_whole(&x, P "expert_weights_norm", kinds[k], on);
            CHECK(read_shape(&s, &x, NULL) == OK && s.route_norm == (on == 1));
        }
    }
    edit x = *base();
    edit_u32(&x, P "expert_weights_norm", 2);
    check_refused(&x, P "expert_weights_norm", "as 2");
    edit_string(&x, P "expert_weights_norm", "true");
    check_refused(&x, P "expert_weights_norm", "as a string");
}

TEST(the_vocabulary_can_be_told_by_its_tokens) {
    edit x = *base();
    uint8_t tokens[EDIT_VALUE];
    put_le32(tokens, GGUF_STRING);
    put_le64(tokens + 4, 9);
    for (int i = 0; i < 9; i++) {
        put_le64(tokens + 12 + i * 9, 1);
        tokens[12 + i * 9 + 8] = (uint8_t)('a' + i);
    }
    edit_put(&x, "tokenizer.ggml.tokens", GGUF_ARRAY, tokens, 12 + 9 * 9);
    check_same(&x, "both"); /* the key wins */
    edit_drop_key(&x, P "vocab_size");
    shape s;
    CHECK(read_shape(&s, &x, NULL) == OK && s.n_vocab == 9);
    put_le64(tokens + 4, 0);
    edit_put(&x, "tokenizer.ggml.tokens", GGUF_ARRAY, tokens, 12);
    check_refused(&x, P "vocab_size", "and no tokens");
}

/* ------------------------------------------------------------------ the draft block behind the
 * trunk */

/* A shape from keys of six blocks, five of them with ratios, and one tensor of this name in one of
 * two files. */
static status with_tensor(shape *s, const char *name, uint32_t promised, int file) {
    static const float values[8];
    edit x[2] = {*base(), *base()};
    x[1].n_keys = 0;
    static const double ratios[] = {0, 4, 128, 4, 16, 0};
    edit_u32(&x[0], P "block_count", 6);
    edit_u32(&x[0], P "nextn_predict_layers", promised);
    edit_array(&x[0], P "attention.compress_ratios", GGUF_I32, ratios, 6);
    edit_array(&x[0], P "swiglu_clamp_exp", GGUF_F32, (const double[]){10, 10, 10, 10, 10, 10}, 6);
    edit_drop_key(&x[0], P "swiglu_clamp_shexp");
    edit_add_tensor(&x[file], name, Q_F32, 1, (const uint64_t[]){8}, values);
    forge f[2] = {edit_bytes(&x[0]), edit_bytes(&x[1])};
    gguf *g[2] = {0};
    for (int i = 0; i < 2; i++) edit_must(forge_open(&g[i], &f[i], NULL) == OK);
    const status st = shape_read(s, g, 2, "edited.gguf", NULL);
    for (int i = 0; i < 2; i++) gguf_close(g[i]), forge_free(&f[i]);
    return st;
}

TEST(a_block_with_draft_tensors_is_no_layer_whichever_shard_holds_them) {
    static const char *const marks[] = {"eh_proj", "e_proj", "h_proj", "enorm", "hnorm"};
    shape s;
    for (int file = 0; file < 2; file++) EACH(i, marks) {
            char name[64];
            snprintf(name, sizeof name, "blk.5.nextn.%s.weight", marks[i]);
            CHECK_SAY(with_tensor(&s, name, 1, file) == OK && s.n_layers == 5, "%s", name);
            CHECK_SAY(with_tensor(&s, name, 0, file) == OK && s.n_layers == 5, "%s, not promised",
                      name);
            name[4] = '4'; /* not the last block: not where one was promised */
            CHECK_SAY(with_tensor(&s, name, 1, file) == OK && s.n_layers == 6, "%s", name);
            CHECK_SAY(with_tensor(&s, name, 2, file) == OK && s.n_layers == 4, "%s, of two", name);
        }
    CHECK(with_tensor(&s, "blk.5.attn_norm.weight", 1, 0) == OK &&
          s.n_layers == 6); /* promised and not there */
    CHECK(with_tensor(&s, "blk.0.nextn.enorm.weight", 6, 0) == OK && s.n_layers == 6);
}

TESTS_MAIN
