/* The same weights under every layout of files that is known: one function, to the bit.
 *
 *     beside      mtp.0.* beside the trunk, in its file
 *     side        mtp.0.* in a file of its own
 *     behind      the draft block as the block behind the trunk, e_proj and h_proj apart
 *     joined      the same with both in one tensor
 *     shards      any of these cut into three files
 *
 * A block behind the trunk has no collapse of streams of its own: so that all can be compared, the
 * other layouts are given the trunk's.
 */
#include "layouts.h"

static void check_one(const result *want, const char *what, const edit *x, bool exact) {
    edit_write(x, at("model.gguf"));
    check_run(want, what, at("model.gguf"), NULL, exact);
}

static void check_layouts(random_recipe recipe, bool exact) {
    static uint8_t room[64 * 64 * 2 * 4];
    REQUIRE(enter());
    const edit base = beside(recipe);
    result want = {0};
    edit_write(&base, at("base.gguf"));
    REQUIRE(run(&want, at("base.gguf"), NULL, exact, true));
    CHECK(memcmp(want.logits, want.logits + want.vocab, want.vocab * sizeof(float)) != 0);
    CHECK(memcmp(want.draft + want.vocab, want.draft + 2 * want.vocab,
                 want.vocab * sizeof(float)) != 0);

    edit trunk = base, side = base;
    edit_keep_tensors(&trunk, "mtp.", false);
    edit_keep_tensors(&side, "mtp.", true);
    side.n_keys = 0;
    edit_write(&trunk, at("trunk.gguf"));
    edit_write(&side, at("side.gguf"));
    check_run(&want, "side", at("trunk.gguf"), at("side.gguf"), exact);

    edit x = behind(&base);
    check_one(&want, "behind", &x, exact);
    edit_drop_key(&x, "deepseek4.nextn_predict_layers"); /* the tensors tell */
    check_one(&want, "behind, not promised", &x, exact);
    x = joined(&base, room, sizeof room);
    check_one(&want, "joined", &x, exact);
    const edit_tensor embed = *edit_tensor_of(&x, "token_embd.weight"),
                      head = *edit_tensor_of(&x, "output.weight");
    edit_add_tensor(&x, "blk.5.nextn.embed_tokens.weight", (quant_id)embed.type, 2, embed.ne,
                    embed.data);
    edit_add_tensor(&x, "blk.5.nextn.shared_head_head.weight", (quant_id)head.type, 2, head.ne,
                    head.data);
    check_one(&want, "joined, with copies of embedding and head", &x, exact);

    const edit forms[] = {base, joined(&base, room, sizeof room)};
    for (int f = 0; f < 2; f++) {
        write_shards(&forms[f]);
        for (uint32_t i = 0; i < 3; i++)
            check_run(&want, f ? "shards, joined" : "shards, beside", shard_path(i), NULL, exact);
    }
    write_shards(&trunk);
    check_run(&want, "shards and a side file", shard_path(1), at("side.gguf"), exact);

    free(want.draft); /* the trunk alone: a promised block that is nowhere does not matter */
    want.draft = NULL;
    CHECK(edit_key_of(&trunk, "deepseek4.nextn_predict_layers")->value[0] == 1);
    check_run(&want, "promised and not there", at("trunk.gguf"), NULL, exact);
    check_run(&want, "there and not asked for", at("base.gguf"), NULL, exact);
    check_run(&want, "beside the trunk and not asked for", at("trunk.gguf"), at("side.gguf"),
              exact);
    result_free(&want);
    edit b = base;
    edit_free(&b);
    leave();
}

TEST(every_layout_gives_the_same_logits_in_reference_arithmetic) {
    check_layouts(RANDOM_F32, true);
}

TEST(every_layout_gives_the_same_logits_with_8_bit_weights) {
    check_layouts(RANDOM_Q8, false);
}

/* Without a norm of its own a block behind the trunk uses the trunk's. */
TEST(a_block_behind_the_trunk_shares_the_norm_of_the_head) {
    REQUIRE(enter());
    edit base = beside(RANDOM_F32);
    take_from(&base, "mtp.0.norm.weight", "output_norm.weight");
    edit x = behind(&base);
    edit_drop_tensor(&x, "blk.5.nextn.shared_head_norm.weight");
    result want = {0};
    edit_write(&base, at("base.gguf"));
    REQUIRE(run(&want, at("base.gguf"), NULL, false, true));
    check_one(&want, "shared norm", &x, false);
    result_free(&want);
    edit_free(&base);
    leave();
}

/* The differences that must show: otherwise the tests above would compare nothing. */
TEST(another_draft_block_gives_other_draft_logits_and_the_same_logits) {
    REQUIRE(enter());
    edit base = beside(RANDOM_F32), x = base;
    take_from(&x, "mtp.0.e_proj.weight", "mtp.0.h_proj.weight");
    result a = {0}, b = {0};
    edit_write(&base, at("a.gguf"));
    edit_write(&x, at("b.gguf"));
    REQUIRE(run(&a, at("a.gguf"), NULL, false, true) && run(&b, at("b.gguf"), NULL, false, true));
    CHECK(same(a.logits, b.logits, a.vocab) && !same(a.draft, b.draft, a.vocab));
    result_free(&a);
    result_free(&b);
    edit_free(&base);
    leave();
}

TESTS_MAIN
