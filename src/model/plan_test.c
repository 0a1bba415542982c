/* plan_test: where things lie in pages and states, how large they are, who may exchange them;
 * rotary frequencies. */
#include "model/plan.h"

#include <inttypes.h>

#include "base/test.h"
#include "model/edit_test.h"

static shape flash_shape(void) {
    shape s = {.n_layers = 43,
               .n_vocab = 129280,
               .d_model = 4096,
               .n_heads = 64,
               .head_dim = 512,
               .rope_dim = 64,
               .q_rank = 1024,
               .o_groups = 8,
               .o_rank = 1024,
               .window = 128,
               .ix_heads = 64,
               .ix_dim = 128,
               .ix_top_k = 512,
               .n_experts = 256,
               .n_used = 6,
               .n_shared = 1,
               .ff_dim = 2048,
               .n_hash_layers = 3,
               .n_streams = 4,
               .sinkhorn_rounds = 20,
               .context = 1048576,
               .route_scale = 1.5f,
               .route_norm = true,
               .norm_eps = 1e-6f,
               .hc_eps = 1e-6f,
               .rope_base = 10000,
               .rope_base_compressed = 160000,
               .yarn_factor = 16,
               .yarn_beta_fast = 32,
               .yarn_beta_slow = 1,
               .yarn_context = 65536};
    for (uint32_t l = 2; l < 43; l++) s.ratio[l] = l % 2 == 0 ? 4 : 128;
    return s;
}

/* ------------------------------------------------------------------ rotary frequencies */

static bool near(float got, double want) {
    return fabs(got - want) <= 1e-6 * fabs(want);
}

/* The table of the model's description, to its seven digits. */
TEST(frequencies_are_those_of_the_real_model) {
    static const struct {
        uint32_t i;
        double plain, compressed;
    } table[] = {{0, 1, 1},
                 {1, 7.498942e-1, 6.876560e-1},
                 {8, 1.0e-1, 5.0e-2},
                 {15, 1.333521e-2, 3.635539e-3},
                 {16, 1.0e-2, 2.265625e-3},
                 {20, 3.162278e-3, 2.969778e-4},
                 {24, 1.0e-3, 1.953125e-5},
                 {25, 7.498942e-4, 5.372313e-6},
                 {31, 1.333521e-4, 5.680529e-7}};
    const shape s = flash_shape();
    float plain[32], compressed[32];
    rope_frequencies(&s, false, plain);
    rope_frequencies(&s, true, compressed);
    for (size_t k = 0; k < sizeof table / sizeof *table; k++) {
        const uint32_t i = table[k].i;
        CHECK_SAY(near(plain[i], table[k].plain), "plain %u: %.9g", i, (double)plain[i]);
        CHECK_SAY(near(compressed[i], table[k].compressed), "compressed %u: %.9g", i,
                  (double)compressed[i]);
    }
    for (uint32_t i = 0; i < 32; i++) {
        const double unscaled = pow(160000, -(double)i / 32);
        CHECK(near(plain[i], pow(10000, -(double)i / 32)));
        if (i <= 15) CHECK(near(compressed[i], unscaled));      /* kept up to lo = 15 */
        if (i >= 25) CHECK(near(compressed[i], unscaled / 16)); /* divided from hi = 25 on */
        const double u = i <= 15 ? 0 : i >= 25 ? 1 : (i - 15) / 10.0;
        CHECK_SAY(near(compressed[i], (1 - u) * unscaled + u * unscaled / 16), "%u", i);
    }
}

TEST(frequencies_stay_sound_where_the_ramp_has_no_width) {
    shape s = flash_shape();
    float f[32];
    s.yarn_factor = 1; /* no scaling: the plain powers, wherever the ramp lies */
    rope_frequencies(&s, true, f);
    for (uint32_t i = 0; i < 32; i++) CHECK(near(f[i], pow(160000, -(double)i / 32)));
    s.yarn_factor = 16;
    s.yarn_context = 5; /* both ends of the ramp fall on 0: everything is divided but the first */
    rope_frequencies(&s, true, f);
    CHECK(f[0] == 1);
    for (uint32_t i = 1; i < 32; i++)
        CHECK_SAY(near(f[i], pow(160000, -(double)i / 32) / 16), "%u: %g", i, (double)f[i]);
    s.yarn_context = 1;
    rope_frequencies(&s, true, f);
    for (uint32_t i = 0; i < 32; i++) CHECK(isfinite(f[i]) && f[i] > 0);
    s.yarn_context = 1e9, s.yarn_beta_fast = 1e-6, s.yarn_beta_slow = 1e-6;
    rope_frequencies(&s, true, f);
    for (uint32_t i = 0; i < 32; i++) CHECK(isfinite(f[i]) && f[i] > 0);
    s.rope_dim = 2; /* a single pair */
    rope_frequencies(&s, true, f);
    CHECK(isfinite(f[0]) && f[0] > 0);
    rope_frequencies(&s, false, f);
    CHECK(f[0] == 1);
}

/* ------------------------------------------------------------------ layout */

typedef struct span {
    uint64_t at, n;
} span;

/* Spans are multiples of 64, lie below `end` and share no byte. */
static void check_spans(const span *s, uint32_t n, uint64_t end) {
    for (uint32_t i = 0; i < n; i++) {
        CHECK_SAY(s[i].at % 64 == 0 && s[i].n > 0 && s[i].at + s[i].n <= end, "span %u", i);
        for (uint32_t k = 0; k < i; k++)
            CHECK_SAY(s[i].at + s[i].n <= s[k].at || s[k].at + s[k].n <= s[i].at, "spans %u and %u",
                      i, k);
    }
    CHECK(end % 64 == 0);
}

static void check_layout(const plan *p) {
    const shape *s = p->shape;
    const uint32_t bytes = p->options.exact ? 4 : 2;
    const uint64_t row = (uint64_t)s->head_dim * bytes, ix_row = (uint64_t)s->ix_dim * bytes;
    span state[4 * (SHAPE_MAX_LAYERS + 1)], page[2 * SHAPE_MAX_LAYERS];
    uint32_t n_state = 0, n_page = 0;
    uint64_t page_sum = 0, state_sum = 0;
    CHECK(p->row_value_bytes == bytes && p->format == (p->options.exact ? ROW_F32 : ROW_F16));
    CHECK(p->ring_rows == s->window + RING_SPARE);
    for (uint32_t i = 0; i < s->n_layers + (p->options.draft ? 1u : 0); i++) {
        const layer *l = &p->layers[i];
        const uint32_t r = s->ratio[i];
        CHECK(l->index == i && l->ratio == r && l->rope == (r ? p->rope_yarn : p->rope_plain));
        CHECK(l->clamp_routed == s->clamp_routed[i] && l->clamp_shared == s->clamp_shared[i]);
        CHECK(l->w == (i < s->n_layers ? &p->weights->layers[i] : &p->weights->draft.block));
        state[n_state++] = (span){l->ring_at, p->ring_rows * row};
        state_sum += p->ring_rows * row;
        CHECK(l->rows_per_page == (r ? PAGE_TOKENS / r : 0));
        if (r == 0) continue;
        /* ratio 4: 8 runs of d and 8 of 2d; others: three numbers a channel */
        const uint64_t window = 4 * (r == 4 ? (4 + 4 + 8 + 8) * s->head_dim : 3 * s->head_dim);
        state[n_state++] = (span){l->comp_at, window};
        page[n_page++] = (span){l->rows_at, PAGE_TOKENS / r * row};
        page_sum += PAGE_TOKENS / r * row, state_sum += window;
        if (r != 4) continue;
        state[n_state++] = (span){l->ix_comp_at, 4 * 24 * s->ix_dim};
        page[n_page++] = (span){l->ix_rows_at, PAGE_TOKENS / 4 * ix_row};
        page_sum += PAGE_TOKENS / 4 * ix_row, state_sum += 4 * 24 * s->ix_dim;
    }
    if (p->options.draft) {
        CHECK(p->draft == &p->layers[s->n_layers]);
        state[n_state++] = (span){p->draft_streams_at, 4 * (uint64_t)s->n_streams * s->d_model};
        state_sum += 4 * (uint64_t)s->n_streams * s->d_model;
    } else {
        CHECK(!p->draft);
    }
    check_spans(state, n_state, p->state_bytes);
    check_spans(page, n_page, p->page_bytes);
    CHECK(p->page_bytes >= page_sum && p->page_bytes < page_sum + 64 * (n_page + 1));
    CHECK(p->state_bytes >= state_sum && p->state_bytes < state_sum + 64 * (n_state + 1));
}

static model *open_random(edit *x, const shape *s, bool draft, uint64_t seed) {
    const random_spec spec = {.shape = *s, .recipe = RANDOM_F32, .draft = draft, .seed = seed};
    model *m = NULL;
    err e = {0};
    edit_random(x, &spec);
    CHECK_SAY(edit_open(&m, x, &e) == OK, "%s", e.text);
    return m;
}

static void close_random(edit *x, model *m) {
    edit_close(x, m);
    edit_free(x);
}

/* Small, and with sizes whose rows are no multiples of 64 bytes. */
static shape odd_shape(uint32_t head_dim, uint32_t ix_dim) {
    shape s = random_small_shape();
    s.n_layers = 9, s.n_vocab = 7, s.d_model = 20, s.n_heads = 2, s.head_dim = head_dim,
    s.rope_dim = 4, s.q_rank = 6;
    s.o_groups = 1, s.o_rank = 4, s.window = 5, s.ix_heads = 2, s.ix_dim = ix_dim, s.ix_top_k = 3;
    s.n_experts = 3, s.n_used = 2, s.ff_dim = 8;
    static const uint32_t ratios[] = {4, 0, 8, 16, 32, 64, 128, 256, 4, 0};
    memcpy(s.ratio, ratios, sizeof ratios);
    for (uint32_t l = 0; l < 10; l++)
        s.clamp_routed[l] = (float)(l + 1), s.clamp_shared[l] = (float)(l + 20);
    return s;
}

TEST(nothing_overlaps_and_everything_is_aligned) {
    static const uint32_t dims[][2] = {{16, 8}, {12, 16}, {10, 4}, {64, 32}};
    for (size_t k = 0; k < sizeof dims / sizeof *dims; k++) {
        const shape s = odd_shape(dims[k][0], dims[k][1]);
        edit x;
        model *m = open_random(&x, &s, true, 1);
        REQUIRE(m);
        for (int way = 0; way < 8; way++) {
            const plan_options o = {.exact = way & 1, .rounding = way & 2, .draft = way & 4};
            plan p;
            err e = {0};
            CHECK_SAY(plan_make(&p, m, &o, &e) == OK, "%s", e.text);
            CHECK(p.options.exact == o.exact && p.options.rounding == o.rounding &&
                  p.options.draft == o.draft);
            check_layout(&p);
            plan_free(&p);
            CHECK(!p.layers && !p.rope_plain && p.page_bytes == 0);
        }
        close_random(&x, m);
    }
}

/* The real model: what its description says of its growth, 6,880 bytes a token with 16-bit rows. */
TEST(pages_of_the_real_shape_have_the_size_in_its_description) {
    const shape s = flash_shape();
    uint64_t page = 0;
    for (uint32_t l = 0; l < s.n_layers; l++) {
        page += (uint64_t)ratio_rows_per_page(s.ratio[l]) * s.head_dim * 2;
        if (s.ratio[l] == 4) page += (uint64_t)ratio_rows_per_page(4) * s.ix_dim * 2;
    }
    CHECK_SAY(page == 6880u * PAGE_TOKENS, "%" PRIu64, page);
    CHECK(shape_hc_mix(&s) == 24 && ratio_halves(4) == 2 && ratio_halves(128) == 1 &&
          ratio_rows_per_page(0) == 0);
    CHECK(plan_window_floats(0, 512) == 0 && plan_window_floats(4, 512) == 24 * 512 &&
          plan_window_floats(128, 512) == 1536);
}

TEST(a_context_costs_its_pages_and_one_state) {
    const shape s = odd_shape(16, 8);
    edit x;
    model *m = open_random(&x, &s, true, 1);
    REQUIRE(m);
    plan p;
    REQUIRE(plan_make(&p, m, &(plan_options){.rounding = true}, NULL) == OK);
    static const struct {
        uint64_t tokens, pages;
    } cases[] = {{0, 0},   {1, 1},   {255, 1},        {256, 1},
                 {257, 2}, {512, 2}, {1048576, 4096}, {1048577, 4097}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        CHECK(plan_context_bytes(&p, cases[i].tokens) ==
              p.state_bytes + cases[i].pages * p.page_bytes);
    plan_free(&p);
    close_random(&x, m);
}

/* ------------------------------------------------------------------ what is refused */

TEST(a_draft_plan_needs_a_draft_block) {
    const shape s = odd_shape(16, 8);
    edit x;
    model *m = open_random(&x, &s, false, 1);
    REQUIRE(m);
    plan p = {.ring_rows = 77};
    err e = {0};
    CHECK(plan_make(&p, m, &(plan_options){.draft = true}, &e) == E_USAGE && p.ring_rows == 77);
    CHECK_SAY(strstr(e.text, "draft") && strstr(e.text, "--mtp"), "%s", e.text);
    close_random(&x, m);
}

TEST(the_official_rounding_needs_an_index_width_that_is_a_power_of_two) {
    for (uint32_t dim = 4; dim <= 64; dim++) {
        const shape s = odd_shape(16, dim);
        const bool pow2 = dim == 4 || dim == 8 || dim == 16 || dim == 32 || dim == 64;
        edit x;
        if (!pow2 && dim % 5) continue; /* some of them */
        model *m = open_random(&x, &s, false, 1);
        REQUIRE(m);
        plan p;
        err e = {0};
        const status st = plan_make(&p, m, &(plan_options){.rounding = true}, &e);
        CHECK(st == (pow2 ? OK : E_UNSUPPORTED));
        if (st == OK)
            plan_free(&p);
        else
            CHECK_SAY(strstr(e.text, "attention.indexer.key_length") && strstr(e.text, "--no-sim"),
                      "%s", e.text);
        CHECK(plan_make(&p, m, &(plan_options){.rounding = false}, NULL) == OK);
        plan_free(&p);
        close_random(&x, m);
    }
}

/* ------------------------------------------------------------------ who may exchange pages and
 * states */

static hash128 key_of(const model *m, plan_options o) {
    plan p;
    edit_must(plan_make(&p, m, &o, NULL) == OK);
    const hash128 key = p.key;
    plan_free(&p);
    return key;
}

TEST(keys_are_equal_for_equal_models_and_options_only) {
    const shape s = odd_shape(16, 8);
    edit x[3];
    model *m[3] = {open_random(&x[0], &s, true, 1), open_random(&x[1], &s, true, 1),
                   open_random(&x[2], &s, true, 2)};
    REQUIRE(m[0] && m[1] && m[2]);
    hash128 seen[8];
    for (int way = 0; way < 8; way++) {
        const plan_options o = {.exact = way & 1, .rounding = way & 2, .draft = way & 4};
        seen[way] = key_of(m[0], o);
        CHECK(hash128_equal(seen[way], key_of(m[1], o)));
        CHECK(!hash128_equal(seen[way], key_of(m[2], o)));
        for (int k = 0; k < way; k++)
            CHECK_SAY(!hash128_equal(seen[way], seen[k]), "%d %d", way, k);
    }
    for (int i = 0; i < 3; i++) close_random(&x[i], m[i]);
}

/* A state holds what a draft block has seen: of another draft block it is worthless. Without the
 * block it does not matter. */
TEST(keys_know_the_side_file_when_its_block_is_used) {
    const shape s = odd_shape(16, 8);
    const random_spec spec = {.shape = s, .recipe = RANDOM_F32, .draft = true, .seed = 1},
                      other = {s, RANDOM_F32, true, 9};
    char trunk[] = "/tmp/ds4-plan-XXXXXX",
         side[2][24] = {"/tmp/ds4-plan-XXXXXX", "/tmp/ds4-plan-XXXXXX"};
    edit x;
    char *const paths[] = {trunk, side[0], side[1]};
    for (int i = 0; i < 3; i++) {
        const int fd = mkstemp(paths[i]);
        REQUIRE(fd >= 0 && close(fd) == 0);
    }
    edit_must(random_model_write(trunk, &spec, NULL) == OK);
    for (int i = 0; i < 2; i++) {
        edit_random(&x, i ? &other : &spec);
        edit_keep_tensors(&x, "mtp.", true);
        edit_write(&x, side[i]);
        edit_free(&x);
    }
    model *m[3] = {0};
    CHECK(model_open(&m[0], trunk, side[0], NULL) == OK &&
          model_open(&m[1], trunk, side[1], NULL) == OK);
    CHECK(model_open(&m[2], trunk, NULL, NULL) == OK);
    const plan_options with = {.draft = true}, without = {0};
    CHECK(!hash128_equal(key_of(m[0], with), key_of(m[1], with)));
    CHECK(!hash128_equal(key_of(m[0], with), key_of(m[2], with)));
    CHECK(hash128_equal(key_of(m[0], without), key_of(m[1], without)));
    CHECK(hash128_equal(key_of(m[0], without), key_of(m[2], without)));
    for (int i = 0; i < 3; i++) model_close(m[i]);
    for (int i = 0; i < 3; i++) unlink(paths[i]);
}

TESTS_MAIN
