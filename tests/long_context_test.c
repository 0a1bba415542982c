/* A context of 100,000 tokens: memory grows by the compressed rows only, page by page, as the model's description
 * computes it. The model is tiny, so that this takes seconds; every kind of layer is in it. */
#include <unistd.h>

#include "base/test.h"
#include "engine/page.h"
#include "engine/session.h"
#include "model/random.h"

enum { PIECE = (TEST_SLOWNESS > 1 ? 2000 : 20000), TOKENS = 5 * PIECE };

static shape tiny_shape(void) {
    shape s = random_small_shape();
    s.n_layers = 3;
    s.ratio[0] = 0, s.ratio[1] = 4, s.ratio[2] = 128, s.ratio[3] = 0;
    s.d_model = 16, s.n_streams = 2, s.n_heads = 2, s.head_dim = 16, s.rope_dim = 8, s.q_rank = 16;
    s.o_groups = 1, s.o_rank = 16, s.window = 16, s.ix_heads = 1, s.ix_dim = 8, s.ix_top_k = 32;
    s.n_experts = 2, s.n_used = 1, s.ff_dim = 16, s.n_vocab = 64;
    return s;
}

/* Bytes a token adds: for each ratio-4 layer (dh + di) / 4 values, for each other (dh) / ratio. */
static double bytes_a_token(const shape *s, uint32_t value_bytes) {
    double sum = 0;
    for (uint32_t l = 0; l < s->n_layers; l++)
        if (s->ratio[l]) sum += (double)(s->head_dim + (s->ratio[l] == 4 ? s->ix_dim : 0)) / s->ratio[l];
    return sum * value_bytes;
}

/* With a sanitizer a tenth of them. */
TEST(a_hundred_thousand_tokens_take_the_memory_that_the_rows_need) {
    const random_spec spec = {.shape = tiny_shape(), .recipe = RANDOM_F32, .seed = 3};
    char path[] = "/tmp/ds4-long-XXXXXX";
    const int fd = mkstemp(path);
    REQUIRE(fd >= 0);
    close(fd);
    err e = {0};
    model *m = NULL;
    engine *en = NULL;
    session *s = NULL;
    const engine_options o = {.batch = 1024, .context = TOKENS};
    REQUIRE(random_model_write(path, &spec, &e) == OK && model_open(&m, path, NULL, &e) == OK);
    REQUIRE(engine_open(&en, m, &o, &e) == OK && session_new(&s, en, &e) == OK);
    const ledger *l = engine_ledger(en);
    const plan *p = engine_plan(en);
    const double each = bytes_a_token(&spec.shape, p->row_value_bytes);
    /* Page sizes are rounded up to 64 bytes a layer part. */
    CHECK(fabs((double)p->page_bytes - each * PAGE_TOKENS) <= 64 * 4);
    static int32_t tokens[PIECE];
    for (uint32_t fed = 0; fed < TOKENS; fed += PIECE) {
        for (uint32_t i = 0; i < PIECE; i++) tokens[i] = (int32_t)((fed + i) * 7919u % spec.shape.n_vocab);
        CHECK(session_feed(s, tokens, PIECE, NULL, &e) == OK);
        const uint64_t pages = (fed + PIECE + PAGE_TOKENS - 1) / PAGE_TOKENS;
        CHECK_SAY(l->used[LEDGER_PAGES] == pages * p->page_bytes, "at %u tokens", fed + PIECE);
        CHECK(l->used[LEDGER_STATES] == p->state_bytes);
        CHECK_SAY(l->used[LEDGER_FRONTIERS] <= 24 * p->state_bytes, "at %u tokens", fed + PIECE);
    }
    CHECK(session_pos(s) == TOKENS && session_logits(s) != NULL);
    CHECK(session_feed(s, tokens, 1, NULL, &e) == E_LIMIT);

    /* Deep in the context, going back and on again still gives the same. */
    float *want = malloc(spec.shape.n_vocab * sizeof *want);
    memcpy(want, session_logits(s), spec.shape.n_vocab * sizeof *want);
    const uint32_t at = session_rewind(s, TOKENS - 100);
    CHECK(at > 0 && at <= TOKENS - 100 && at % PAGE_TOKENS == 0);
    CHECK(session_feed(s, tokens + PIECE - (TOKENS - at), TOKENS - at, NULL, &e) == OK);
    CHECK(memcmp(want, session_logits(s), spec.shape.n_vocab * sizeof *want) == 0);
    free(want);
    session_free(s);
    engine_close(en);
    model_close(m);
    unlink(path);
}

TESTS_MAIN
