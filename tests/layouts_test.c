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
#include <sys/stat.h>

#include "base/test.h"
#include "model/edit_test.h"

#include "engine/session.h"

enum { TOKENS = 45, BATCH = 16 }; /* more than a window, several windows of each compressor */

static char dir[64];

static const char *at(const char *name) {
    static char path[4][200];
    static int turn;
    char *p = path[turn = (turn + 1) % 4];
    snprintf(p, sizeof path[0], "%s/%s", dir, name);
    return p;
}

static bool enter(void) {
    snprintf(dir, sizeof dir, "/tmp/ds4-layouts-XXXXXX");
    return mkdtemp(dir) != NULL;
}

static void leave(void) {
    char command[100];
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    CHECK(system(command) == 0);
}

/* ------------------------------------------------------------------ what a model computes */

typedef struct result {
    float *logits, *draft; /* [TOKENS][vocab]; row 0 of draft is not there */
    uint32_t vocab;
} result;

static void result_free(result *r) {
    free(r->logits);
    free(r->draft);
    *r = (result){0};
}

static status step(result *r, engine *en, session *s, uint32_t first, uint32_t n, err *e) {
    row rows[BATCH];
    for (uint32_t i = 0; i < n; i++)
        rows[i] = (row){s, (int32_t)((first + i) * 37 % r->vocab), true};
    const status st = engine_step(en, rows, n, e);
    for (uint32_t i = 0; i < n && st == OK; i++) {
        const size_t to = (size_t)(first + i) * r->vocab, bytes = r->vocab * sizeof(float);
        const float *draft = engine_draft_logits(en, i);
        memcpy(r->logits + to, engine_logits(en, i), bytes);
        if (draft) memcpy(r->draft + to, draft, bytes);
        edit_must(!r->draft || (draft != NULL) == (first + i > 0));
    }
    return st;
}

/* With the draft block if `draft`. False, said on stderr, if anything fails. */
static bool run(result *r, const char *path, const char *side, bool exact, bool draft) {
    model *m = NULL;
    engine *en = NULL;
    session *s = NULL;
    err e = {0};
    const engine_options o = {
        .threads = 2, .batch = BATCH, .context = 256, .exact = exact, .draft = draft};
    status st = model_open(&m, path, side, &e);
    if (st == OK) st = engine_open(&en, m, &o, &e);
    if (st == OK) st = session_new(&s, en, &e);
    if (st == OK) {
        r->vocab = model_shape(m)->n_vocab;
        r->logits = calloc((size_t)TOKENS * r->vocab, sizeof(float));
        r->draft = draft ? calloc((size_t)TOKENS * r->vocab, sizeof(float)) : NULL;
    }
    for (uint32_t i = 0; i < TOKENS && st == OK; i += BATCH)
        st = step(r, en, s, i, TOKENS - i < BATCH ? TOKENS - i : BATCH, &e);
    if (st != OK) fprintf(stderr, "%s\n", e.text);
    session_free(s);
    engine_close(en);
    model_close(m);
    return st == OK;
}

static bool same(const float *a, const float *b, uint32_t vocab) {
    return a && b && memcmp(a, b, (size_t)TOKENS * vocab * sizeof *a) == 0;
}

/* The file gives the logits of `want`, and the draft's where want has them. */
static void check_run(const result *want, const char *what, const char *path, const char *side,
                      bool exact) {
    result r = {0};
    const bool ran = run(&r, path, side, exact, want->draft != NULL);
    CHECK_SAY(ran, "%s", what);
    if (ran) CHECK_SAY(same(r.logits, want->logits, r.vocab), "%s: other logits", what);
    if (ran && want->draft)
        CHECK_SAY(same(r.draft, want->draft, r.vocab), "%s: other draft logits", what);
    result_free(&r);
}

/* ------------------------------------------------------------------ the layouts */

static void take_from(edit *x, const char *name, const char *from) {
    edit_tensor *t = edit_tensor_of(x, name);
    const edit_tensor *f = edit_tensor_of(x, from);
    edit_must(t && f && t->bytes == f->bytes && t->type == f->type);
    t->data = f->data;
}

static edit beside(random_recipe recipe) {
    random_spec spec = {.shape = random_small_shape(), .recipe = recipe, .draft = true, .seed = 11};
    shape *s = &spec.shape;
    s->n_vocab = 60, s->d_model = 64, s->ff_dim = 64, s->n_experts = 6, s->head_dim = 32,
    s->window = 16, s->ix_top_k = 4;
    static const uint32_t ratios[] = {0, 4, 8, 4, 16, 0};
    memcpy(s->ratio, ratios, sizeof ratios);
    edit x;
    edit_random(&x, &spec);
    take_from(&x, "mtp.0.hc_head_fn.weight", "output_hc_fn.weight");
    take_from(&x, "mtp.0.hc_head_base.weight", "output_hc_base.weight");
    take_from(&x, "mtp.0.hc_head_scale.weight", "output_hc_scale.weight");
    return x;
}

/* `block_count` as one of the two families of files has it: with a list for each layer, longer by
 * the draft block's. */
static edit behind(const edit *from) {
    static const char *const own[] = {"e_proj.weight", "h_proj.weight", "enorm.weight",
                                      "hnorm.weight"};
    edit x = *from;
    edit_u32(&x, "deepseek4.block_count", 6);
    edit_array(&x, "deepseek4.attention.compress_ratios", GGUF_I32,
               (const double[]){0, 4, 8, 4, 16, 0}, 6);
    edit_drop_tensor(&x, "mtp.0.hc_head_fn.weight");
    edit_drop_tensor(&x, "mtp.0.hc_head_base.weight");
    edit_drop_tensor(&x, "mtp.0.hc_head_scale.weight");
    edit_rename(&x, "mtp.0.norm.weight", "blk.5.nextn.shared_head_norm.weight");
    for (uint32_t i = 0; i < x.n_tensors; i++) {
        char *name = x.tensors[i].name, changed[EDIT_NAME * 2];
        bool is_own = false;
        if (strncmp(name, "mtp.0.", 6) != 0) continue;
        for (size_t k = 0; k < 4; k++) is_own |= strcmp(name + 6, own[k]) == 0;
        snprintf(changed, sizeof changed, "blk.5.%s%s", is_own ? "nextn." : "", name + 6);
        edit_must(strlen(changed) < EDIT_NAME);
        strcpy(name, changed);
    }
    return x;
}

/* Rows of e_proj, each followed by that of h_proj. `room` holds them. */
static edit joined(const edit *from, uint8_t *room, size_t cap) {
    edit x = behind(from);
    const edit_tensor e = *edit_tensor_of(&x, "blk.5.nextn.e_proj.weight"),
                      h = *edit_tensor_of(&x, "blk.5.nextn.h_proj.weight");
    const size_t n = (size_t)(e.bytes / e.ne[1]);
    edit_must(e.type == h.type && 2 * e.bytes <= cap);
    for (size_t r = 0; r < e.ne[1]; r++) {
        memcpy(room + 2 * r * n, (const uint8_t *)e.data + r * n, n);
        memcpy(room + (2 * r + 1) * n, (const uint8_t *)h.data + r * n, n);
    }
    edit_drop_tensor(&x, "blk.5.nextn.e_proj.weight");
    edit_drop_tensor(&x, "blk.5.nextn.h_proj.weight");
    edit_add_tensor(&x, "blk.5.nextn.eh_proj.weight", (quant_id)e.type, 2,
                    (const uint64_t[]){2 * e.ne[0], e.ne[1]}, room);
    return x;
}

static const char *shard_path(uint32_t i) {
    char name[40];
    snprintf(name, sizeof name, "part-%05u-of-00003.gguf", i + 1);
    return at(name);
}

static void write_shards(const edit *whole) {
    for (uint32_t i = 0; i < 3; i++) {
        edit x = *whole;
        const uint32_t from = whole->n_tensors * i / 3, to = whole->n_tensors * (i + 1) / 3;
        memmove(x.tensors, x.tensors + from, (to - from) * sizeof *x.tensors);
        x.n_tensors = to - from;
        if (i > 0) x.n_keys = 0;
        edit_whole(&x, "split.no", GGUF_U16, i);
        edit_whole(&x, "split.count", GGUF_U16, 3);
        edit_whole(&x, "split.tensors.count", GGUF_I32, whole->n_tensors);
        edit_write(&x, shard_path(i));
    }
}

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
