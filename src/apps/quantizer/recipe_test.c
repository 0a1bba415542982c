#include "apps/quantizer/recipe.h"
#include "base/test.h"
#include "model/weights.h"

enum { LAYERS = 43 };

static quant_id type_in(recipe_id r, const char *name) {
    const recipe_place p = recipe_place_of(name, false, LAYERS);
    return recipe_type(r, &p, LAYERS, Q_BF16);
}

/* The shape of the published model, as far as the sizes of its tensors go. */
static shape flash(void) {
    shape s = {.n_layers = LAYERS, .n_vocab = 129280, .d_model = 4096, .n_heads = 64,
               .head_dim = 512, .rope_dim = 64, .q_rank = 1024, .o_groups = 8, .o_rank = 1024,
               .window = 128, .ix_heads = 64, .ix_dim = 128, .ix_top_k = 512, .n_experts = 256,
               .n_used = 6, .n_shared = 1, .ff_dim = 2048, .n_hash_layers = 3, .n_streams = 4};
    for (uint32_t l = 2; l < LAYERS; l++) s.ratio[l] = l % 2 == 0 ? 4 : 128;
    return s;
}

typedef struct census {
    recipe_id recipe;
    uint64_t bytes, of[QUANT_IDS];
    uint32_t others;
} census;

static status count(void *ctx, const char *name, tensor_role role, const uint64_t ne[3]) {
    census *c = ctx;
    const recipe_place p = recipe_place_of(name, ne[1] * ne[2] == 1, LAYERS);
    const quant_id q = recipe_type(c->recipe, &p, LAYERS, Q_BF16);
    uint64_t bytes;
    CHECK(quant_bytes(quant_find(q), ne[0] * ne[1] * ne[2], &bytes));
    CHECK((role == TENSOR_IDS) == (p.part == PART_IDS));
    c->bytes += (bytes + 31) / 32 * 32; /* as in the file */
    c->of[q]++;
    c->others += p.part == PART_OTHER;
    return OK;
}

static census published(recipe_id r) {
    const shape s = flash();
    census c = {.recipe = r};
    CHECK(weights_each(&s, false, count, &c) == OK);
    CHECK(c.others == 0);
    return c;
}

TEST(recipes_give_the_published_files_tensor_for_tensor) {
    const census q2 = published(RECIPE_Q2);
    CHECK(q2.of[Q_F16] == 359 && q2.of[Q_F32] == 492 && q2.of[Q_I32] == 3);
    CHECK(q2.of[Q_Q8_0] == 345 && q2.of[Q_IQ2_XXS] == 86 && q2.of[Q_Q2_K] == 43);
    CHECK_SAY(q2.bytes == 86714777664, "%llu", (unsigned long long)q2.bytes);
    const census mix = published(RECIPE_Q2_Q4);
    CHECK_SAY(mix.bytes == 97586413632, "%llu", (unsigned long long)mix.bytes);
    CHECK(mix.of[Q_Q4_K] == 18 && mix.of[Q_Q2_K] == 37);
    const census q4 = published(RECIPE_Q4);
    CHECK_SAY(q4.bytes == 164628168768, "%llu", (unsigned long long)q4.bytes);
    CHECK(published(RECIPE_MXFP4).of[Q_MXFP4] == 129 && published(RECIPE_Q8).of[Q_Q8_0] == 474);
}

TEST(a_seventh_of_the_layers_and_at_least_one_is_the_mix_s_better_part) {
    static const uint32_t depth[] = {1, 3, 7, 13, 14, 43}, first[] = {0, 2, 6, 12, 12, 37};
    for (size_t i = 0; i < 6; i++)
        for (uint32_t l = 0; l < depth[i]; l++) {
            const recipe_place p = {.part = PART_DOWN, .layer = l};
            const quant_id q = recipe_type(RECIPE_Q2_Q4, &p, depth[i], Q_F32);
            CHECK_SAY(q == (l < first[i] ? Q_Q2_K : Q_Q4_K), "layer %u of %u", l, depth[i]);
        }
}

TEST(the_draft_block_is_the_same_under_both_its_names) {
    static const char *const both[][2] = {
        {"mtp.0.ffn_up_exps.weight", "blk.43.ffn_up_exps.weight"},
        {"mtp.0.attn_q_a.weight", "blk.43.attn_q_a.weight"},
        {"mtp.0.hc_attn_fn.weight", "blk.43.hc_attn_fn.weight"},
        {"mtp.0.e_proj.weight", "blk.43.nextn.eh_proj.weight"},
    };
    static const quant_id expected[] = {Q_Q4_K, Q_Q8_0, Q_F32, Q_Q8_0};
    for (size_t i = 0; i < 4; i++)
        for (size_t k = 0; k < 2; k++) CHECK(type_in(RECIPE_Q2, both[i][k]) == expected[i]);
    CHECK(type_in(RECIPE_Q2, "blk.42.ffn_up_exps.weight") == Q_IQ2_XXS);
    CHECK(type_in(RECIPE_Q2, "blk.42.hc_attn_fn.weight") == Q_F16);
}

TEST(what_no_recipe_knows_keeps_its_type) {
    static const char *const names[] = {"blk.x.attn_kv.weight", "blk.1", "mtp.1.e_proj.weight",
                                        "vision.weight", "blk.3.e_proj.weight", "output.weights"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        CHECK_SAY(type_in(RECIPE_Q2, names[i]) == Q_BF16, "%s", names[i]);
    CHECK(type_in(RECIPE_NONE, "output.weight") == Q_BF16);
    CHECK(type_in(RECIPE_NONE, "blk.0.ffn_gate_tid2eid.weight") == Q_I32);
}

TEST(rules_are_read_and_match_as_globs) {
    recipe_rule r;
    err e;
    REQUIRE(recipe_rule_read(&r, "blk.[01].ffn_*_exps.weight=q8_0", &e) == OK);
    CHECK(r.type == Q_Q8_0);
    CHECK(recipe_rule_matches(&r, "blk.1.ffn_up_exps.weight"));
    CHECK(!recipe_rule_matches(&r, "blk.2.ffn_up_exps.weight"));
    CHECK(!recipe_rule_matches(&r, "blk.1.ffn_up_exps.weight2"));
    static const char *const bad[] = {"", "=", "x", "x=", "=Q8_0", "x=Q9", "x=I32", "x=IQ1_S"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK_SAY(recipe_rule_read(&r, bad[i], &e) == E_USAGE, "%s", bad[i]);
        CHECK(strstr(e.text, "--tensor"));
    }
}

TEST(rows_that_do_not_fill_blocks_get_a_type_whose_blocks_they_fill) {
    CHECK(recipe_fit(Q_IQ2_XXS, 512) == Q_IQ2_XXS && recipe_fit(Q_Q8_0, 96) == Q_Q8_0);
    CHECK(recipe_fit(Q_Q8_0, 40) == Q_F16 && recipe_fit(Q_Q2_K, 40) == Q_F16);
    CHECK(recipe_fit(Q_Q6_K, 96) == Q_Q8_0 && recipe_fit(Q_F16, 1) == Q_F16);
    const quant_id q = recipe_fit(Q_Q4_K, 96);
    CHECK(quant_find(q)->block_values == 32 && recipe_can_write(q));
}

TESTS_MAIN
