/* The engine over random models of every layer kind: what must not depend on how tokens arrive. */
#include "engine/session.h"

#include <unistd.h>

#include "base/test.h"
#include "engine/page.h"
#include "model/random.h"

/* A model in a temporary file and an engine on it. */
typedef struct rig {
    char path[64];
    model *m;
    engine *en;
    uint32_t vocab;
    err e;
} rig;

static bool rig_open_shape(rig *g, const shape *s, random_recipe recipe, const engine_options *o) {
    const random_spec spec = {.shape = *s, .recipe = recipe, .draft = true, .seed = 7};
    *g = (rig){.path = "/tmp/ds4-engine-XXXXXX"};
    const int fd = mkstemp(g->path);
    if (fd < 0) return false;
    close(fd);
    const bool ok = random_model_write(g->path, &spec, &g->e) == OK && model_open(&g->m, g->path, NULL, &g->e) == OK &&
                    engine_open(&g->en, g->m, o, &g->e) == OK;
    if (!ok) fprintf(stderr, "%s\n", g->e.text);
    if (ok) g->vocab = model_shape(g->m)->n_vocab;
    return ok;
}

static bool rig_open(rig *g, random_recipe recipe, const engine_options *o) {
    shape s = random_small_shape();
    if (TEST_SLOWNESS > 1) s.d_model = 64, s.ff_dim = 64, s.n_heads = 2, s.n_experts = 4; /* rows below 256: F16 */
    return rig_open_shape(g, &s, recipe, o);
}

static void rig_close(rig *g) {
    engine_close(g->en);
    model_close(g->m);
    unlink(g->path);
}

static int32_t token_at(uint32_t session_no, uint32_t i) {
    return (int32_t)((i * 2654435761u + session_no * 40503u + 12345u) >> 7) % 512 & 511;
}

/* Logits after each of n tokens, fed alone in chunks of `chunk`. */
static float *alone(rig *g, uint32_t no, uint32_t n, uint32_t chunk) {
    session *s = NULL;
    float *all = malloc((size_t)n * g->vocab * sizeof *all);
    row *rows = malloc(chunk * sizeof *rows);
    if (session_new(&s, g->en, &g->e) != OK) return NULL;
    for (uint32_t at = 0; at < n;) {
        const uint32_t m = n - at < chunk ? n - at : chunk;
        for (uint32_t i = 0; i < m; i++) rows[i] = (row){s, token_at(no, at + i), true};
        if (engine_step(g->en, rows, m, &g->e) != OK) {
            fprintf(stderr, "%s\n", g->e.text);
            break;
        }
        for (uint32_t i = 0; i < m; i++)
            memcpy(all + (size_t)(at + i) * g->vocab, engine_logits(g->en, i), g->vocab * sizeof *all);
        at += m;
    }
    session_free(s);
    free(rows);
    return all;
}

static bool same(const rig *g, const float *a, const float *b) {
    return a && b && memcmp(a, b, g->vocab * sizeof *a) == 0;
}

static status feed(session *s, uint32_t no, uint32_t from, uint32_t n, err *e) {
    int32_t *t = malloc((n ? n : 1) * sizeof *t);
    for (uint32_t i = 0; i < n; i++) t[i] = token_at(no, from + i);
    const status st = session_feed(s, t, n, NULL, e);
    free(t);
    return st;
}

static void check_chunking(random_recipe recipe, bool exact, bool scalar) {
    enum { N = 300 };
    rig g;
    const engine_options o = {.threads = 2, .batch = N, .context = 1024, .exact = exact, .scalar = scalar};
    const bool ok = rig_open(&g, recipe, &o);
    CHECK(ok);
    if (!ok) return;
    float *whole = alone(&g, 1, N, N);
    static const uint32_t chunks[] = {1, 7, 64, 257};
    for (size_t c = 0; c < sizeof chunks / sizeof *chunks; c++) {
        float *cut = alone(&g, 1, N, chunks[c]);
        CHECK_SAY(memcmp(whole, cut, (size_t)N * g.vocab * sizeof *cut) == 0, "chunks of %u", chunks[c]);
        free(cut);
    }
    free(whole);
    rig_close(&g);
}

TEST(logits_do_not_depend_on_how_a_prompt_is_cut) {
    check_chunking(RANDOM_Q2, false, false);
    if (TEST_SLOWNESS > 1) return;
    check_chunking(RANDOM_F32, true, false);
    check_chunking(RANDOM_Q8, false, true);
}

TEST(logits_do_not_depend_on_threads) {
    enum { N = 300 };
    float *by_threads[3] = {0};
    uint32_t vocab = 0;
    for (uint32_t t = 1; t <= 3; t++) {
        rig g;
        const engine_options o = {.threads = t, .batch = 64, .context = 512};
        REQUIRE(rig_open(&g, RANDOM_Q2, &o));
        by_threads[t - 1] = alone(&g, 3, N, 64);
        vocab = g.vocab;
        rig_close(&g);
    }
    CHECK(memcmp(by_threads[0], by_threads[1], (size_t)N * vocab * sizeof(float)) == 0);
    CHECK(memcmp(by_threads[0], by_threads[2], (size_t)N * vocab * sizeof(float)) == 0);
    for (int i = 0; i < 3; i++) free(by_threads[i]);
}

/* Five sessions at different depths decode while a sixth prefills: all in one step. */
static void check_mix(bool exact) {
    static const uint32_t depth[6] = {3, 40, 129, 255, 300, 0};
    enum { STEPS = 5, PREFILL = 31 };
    rig g;
    const engine_options o = {.threads = 2, .batch = 64, .context = 1024, .exact = exact};
    REQUIRE(rig_open(&g, RANDOM_Q2, &o));
    float *want[6];
    session *s[6];
    for (uint32_t i = 0; i < 6; i++) {
        want[i] = alone(&g, i, depth[i] + STEPS * PREFILL, 64);
        REQUIRE(session_new(&s[i], g.en, &g.e) == OK);
        REQUIRE(feed(s[i], i, 0, depth[i], &g.e) == OK);
    }
    for (uint32_t step = 0; step < STEPS; step++) {
        row rows[5 + PREFILL];
        uint32_t n = 0;
        for (uint32_t i = 0; i < 5; i++) rows[n++] = (row){s[i], token_at(i, depth[i] + step), true};
        /* The prefilling session's rows stand between the others'. */
        row mixed[5 + PREFILL];
        uint32_t k = 0;
        for (uint32_t i = 0; i < PREFILL; i++) {
            if (i % 7 == 3 && k < 5) mixed[i + k] = rows[k], k++;
            mixed[i + k] = (row){s[5], token_at(5, step * PREFILL + i), true};
        }
        while (k < 5) mixed[PREFILL + k] = rows[k], k++;
        REQUIRE(engine_step(g.en, mixed, 5 + PREFILL, &g.e) == OK);
        uint32_t seen = 0;
        for (uint32_t i = 0; i < 5 + PREFILL; i++) {
            uint32_t who = 0;
            while (s[who] != mixed[i].s) who++;
            const uint32_t at = who < 5 ? depth[who] + step : step * PREFILL + seen++;
            CHECK_SAY(same(&g, engine_logits(g.en, i), want[who] + (size_t)at * g.vocab), "step %u row %u", step, i);
        }
    }
    for (uint32_t i = 0; i < 6; i++) {
        free(want[i]);
        session_free(s[i]);
    }
    rig_close(&g);
}

TEST(a_mixed_batch_gives_each_session_what_it_gets_alone) {
    check_mix(false);
    if (TEST_SLOWNESS == 1) check_mix(true);
}

TEST(rewinding_equals_never_having_gone_further) {
    enum { N = 700 };
    rig g;
    const engine_options o = {.threads = 2, .batch = 128, .context = 2048};
    REQUIRE(rig_open(&g, RANDOM_Q2, &o));
    float *want = alone(&g, 1, N, 128);
    session *s;
    REQUIRE(session_new(&s, g.en, &g.e) == OK);
    REQUIRE(feed(s, 1, 0, 391, &g.e) == OK);
    CHECK(session_keep(s, &g.e) == OK); /* in the middle of a page, of a ratio-4 and of a ratio-128 window */
    REQUIRE(feed(s, 2, 0, 500, &g.e) == OK); /* somewhere else altogether */
    const uint32_t asks[] = {800, 767, 600, 391, 390, 255, 0};
    const uint32_t reach[] = {768, 512, 512, 391, 256, 0, 0};
    for (size_t i = 0; i < sizeof asks / sizeof *asks; i++) {
        CHECK(session_frontier_before(s, asks[i]) == reach[i]);
        CHECK(session_rewind(s, asks[i]) == reach[i]);
        CHECK(session_pos(s) == reach[i]);
        CHECK(session_logits(s) == NULL);
        if (reach[i] > 391) continue; /* that past was another one */
        session *t; /* goes on from there while s stays */
        REQUIRE(session_fork(&t, s, &g.e) == OK);
        REQUIRE(feed(t, 1, reach[i], N - reach[i], &g.e) == OK);
        CHECK_SAY(same(&g, session_logits(t), want + (size_t)(N - 1) * g.vocab), "from %u", reach[i]);
        session_free(t);
    }
    REQUIRE(feed(s, 1, 0, N, &g.e) == OK);
    CHECK(same(&g, session_logits(s), want + (size_t)(N - 1) * g.vocab));
    CHECK(ledger_total(engine_ledger(g.en)) > 0);
    session_free(s);
    free(want);
    rig_close(&g);
}

TEST(becoming_other_tokens_keeps_the_common_past) {
    enum { N = 600 };
    rig g;
    const engine_options o = {.threads = 2, .batch = 128, .context = 2048};
    REQUIRE(rig_open(&g, RANDOM_Q2, &o));
    session *s, *lone;
    REQUIRE(session_new(&s, g.en, &g.e) == OK);
    int32_t t[N];
    for (uint32_t i = 0; i < N; i++) t[i] = token_at(1, i);
    uint32_t reused = 7;
    CHECK(session_become(s, t, 300, NULL, &reused, &g.e) == OK && reused == 0 && session_pos(s) == 300);
    CHECK(session_keep(s, &g.e) == OK);
    CHECK(session_become(s, t, 300, NULL, &reused, &g.e) == OK && reused == 300);
    CHECK(session_become(s, t, N, NULL, &reused, &g.e) == OK && reused == 300 && session_pos(s) == N);
    CHECK(session_become(s, t, 400, NULL, &reused, &g.e) == OK && reused == 300 && session_pos(s) == 400);
    t[350] ^= 1; /* another branch */
    CHECK(session_become(s, t, N, NULL, &reused, &g.e) == OK && reused == 300);
    REQUIRE(session_new(&lone, g.en, &g.e) == OK);
    float *mine = malloc(g.vocab * sizeof *mine);
    memcpy(mine, session_logits(s), g.vocab * sizeof *mine);
    CHECK(session_feed(lone, t, N, NULL, &g.e) == OK);
    CHECK(same(&g, session_logits(lone), mine));
    session_unkeep(s, 300);
    t[0] ^= 1;
    CHECK(session_become(s, t, 5, NULL, &reused, &g.e) == OK && reused == 0 && session_pos(s) == 5);
    CHECK(session_become(s, t, 0, NULL, &reused, &g.e) == E_USAGE);
    free(mine);
    session_free(s);
    session_free(lone);
    rig_close(&g);
}

TEST(forks_that_diverge_equal_separate_sessions) {
    enum { COMMON = 333, MORE = 200 };
    rig g;
    const engine_options o = {.threads = 2, .batch = 100, .context = 2048};
    REQUIRE(rig_open(&g, RANDOM_Q2, &o));
    session *a, *b, *lone;
    REQUIRE(session_new(&a, g.en, &g.e) == OK && feed(a, 1, 0, COMMON, &g.e) == OK);
    REQUIRE(session_fork(&b, a, &g.e) == OK);
    /* Interleaved, so that each would see the other's writes if anything were shared that should not be. */
    for (uint32_t i = 0; i < MORE; i += 50) {
        REQUIRE(feed(a, 2, i, 50, &g.e) == OK);
        REQUIRE(feed(b, 3, i, 50, &g.e) == OK);
    }
    for (uint32_t who = 2; who <= 3; who++) {
        session *s = who == 2 ? a : b;
        REQUIRE(session_new(&lone, g.en, &g.e) == OK && feed(lone, 1, 0, COMMON, &g.e) == OK);
        REQUIRE(feed(lone, who, 0, MORE, &g.e) == OK);
        float *want = malloc(g.vocab * sizeof *want);
        REQUIRE(feed(lone, 9, 0, 1, &g.e) == OK);
        memcpy(want, session_logits(lone), g.vocab * sizeof *want);
        REQUIRE(feed(s, 9, 0, 1, &g.e) == OK);
        CHECK(same(&g, session_logits(s), want));
        free(want);
        session_free(lone);
    }
    session_free(a);
    session_free(b);
    rig_close(&g);
}

TEST(pages_that_forks_share_are_counted_once_and_freed_with_the_last) {
    rig g;
    const engine_options o = {.threads = 1, .batch = 256, .context = 4096};
    REQUIRE(rig_open(&g, RANDOM_Q2, &o));
    const ledger *l = engine_ledger(g.en);
    const uint64_t each = engine_plan(g.en)->page_bytes, state = engine_plan(g.en)->state_bytes;
    session *s, *f[4];
    REQUIRE(session_new(&s, g.en, &g.e) == OK && feed(s, 1, 0, 5 * 256 + 10, &g.e) == OK);
    CHECK(l->used[LEDGER_PAGES] == 6 * each);
    CHECK(l->used[LEDGER_STATES] == state);
    for (int i = 0; i < 4; i++) REQUIRE(session_fork(&f[i], s, &g.e) == OK);
    CHECK(l->used[LEDGER_PAGES] == (6 + 4) * each); /* five shared, each its own open one */
    CHECK(l->used[LEDGER_STATES] == 5 * state);
    session_free(s);
    CHECK(l->used[LEDGER_PAGES] == (5 + 4) * each);
    CHECK(session_rewind(f[0], 700) == 512);
    CHECK(l->used[LEDGER_PAGES] == (5 + 3) * each);
    for (int i = 0; i < 4; i++) session_free(f[i]);
    CHECK(l->used[LEDGER_PAGES] == 0 && l->used[LEDGER_STATES] == 0 && l->used[LEDGER_FRONTIERS] == 0);
    rig_close(&g);
}

TEST(kept_frontiers_are_few_and_the_near_past_is_dense) {
    rig g;
    const engine_options o = {.threads = 2, .batch = 256, .context = 40000};
    shape tiny = random_small_shape();
    tiny.n_layers = 1, tiny.d_model = 32, tiny.ff_dim = 32, tiny.n_heads = 2, tiny.n_experts = 4;
    REQUIRE(rig_open_shape(&g, &tiny, RANDOM_F32, &o));
    session *s;
    enum { PAGES = 64 };
    REQUIRE(session_new(&s, g.en, &g.e) == OK && feed(s, 1, 0, PAGES * 256, &g.e) == OK);
    const uint64_t kept = engine_ledger(g.en)->used[LEDGER_FRONTIERS] / engine_plan(g.en)->state_bytes;
    CHECK_SAY(kept <= 16, "%u kept", (unsigned)kept);
    for (uint32_t back = 1; back < PAGES; back++) {
        const uint32_t pos = (PAGES - back) * 256, at = session_frontier_before(s, pos);
        CHECK_SAY(pos - at <= back * 256, "%u pages back: %u tokens lost", back, pos - at);
    }
    session_free(s);
    rig_close(&g);
}

TEST(a_saved_session_goes_on_as_if_nothing_had_happened) {
    enum { N = 420 };
    rig g;
    const engine_options o = {.threads = 2, .batch = 64, .context = 1024};
    REQUIRE(rig_open(&g, RANDOM_Q2, &o));
    float *want = alone(&g, 1, N, 64);
    static const uint32_t at[] = {0, 1, 3, 127, 128, 256, 300};
    for (size_t k = 0; k < sizeof at / sizeof *at; k++) {
        session *s;
        buf saved = {0};
        const sink to = sink_buf(&saved);
        REQUIRE(session_new(&s, g.en, &g.e) == OK && feed(s, 1, 0, at[k], &g.e) == OK);
        REQUIRE(session_save(s, &to, &g.e) == OK);
        session_free(s);
        REQUIRE(session_new(&s, g.en, &g.e) == OK && feed(s, 5, 0, 50, &g.e) == OK);
        mem_reader r = {.data = (const uint8_t *)saved.data, .n = saved.n};
        const source from = source_mem(&r);
        REQUIRE(session_load(s, &from, &g.e) == OK);
        CHECK(session_pos(s) == at[k] && r.at == r.n);
        REQUIRE(feed(s, 1, at[k], N - at[k], &g.e) == OK);
        CHECK_SAY(same(&g, session_logits(s), want + (size_t)(N - 1) * g.vocab), "saved at %u", at[k]);
        session_free(s);
        buf_free(&saved);
    }
    free(want);
    rig_close(&g);
}

TEST(frontiers_that_were_asked_for_are_saved_too) {
    rig g;
    const engine_options o = {.threads = 2, .batch = 64, .context = 1024};
    REQUIRE(rig_open(&g, RANDOM_Q2, &o));
    float *want = alone(&g, 1, 400, 64);
    session *s;
    buf saved = {0};
    const sink to = sink_buf(&saved);
    REQUIRE(session_new(&s, g.en, &g.e) == OK && feed(s, 1, 0, 100, &g.e) == OK && session_keep(s, &g.e) == OK);
    REQUIRE(feed(s, 1, 100, 187, &g.e) == OK && session_keep(s, &g.e) == OK);
    REQUIRE(feed(s, 7, 0, 60, &g.e) == OK && session_save(s, &to, &g.e) == OK);
    session_free(s);
    mem_reader r = {.data = (const uint8_t *)saved.data, .n = saved.n};
    const source from = source_mem(&r);
    REQUIRE(session_new(&s, g.en, &g.e) == OK && session_load(s, &from, &g.e) == OK);
    CHECK(session_pos(s) == 347 && session_rewind(s, 340) == 287);
    REQUIRE(feed(s, 1, 287, 113, &g.e) == OK);
    CHECK(same(&g, session_logits(s), want + (size_t)399 * g.vocab));
    CHECK(session_rewind(s, 286) == 256 || session_pos(s) == 100);
    session_free(s);
    buf_free(&saved);
    free(want);
    rig_close(&g);
}

TEST(a_damaged_saved_session_is_refused_and_changes_nothing) {
    rig g;
    const engine_options o = {.threads = 1, .batch = 64, .context = 1024};
    REQUIRE(rig_open(&g, RANDOM_Q8, &o));
    session *s, *t;
    buf saved = {0};
    const sink to = sink_buf(&saved);
    REQUIRE(session_new(&s, g.en, &g.e) == OK && feed(s, 1, 0, 300, &g.e) == OK);
    REQUIRE(session_save(s, &to, &g.e) == OK);
    REQUIRE(session_new(&t, g.en, &g.e) == OK && feed(t, 2, 0, 5, &g.e) == OK);
    const uint64_t before = ledger_total(engine_ledger(g.en));
    for (size_t i = 0; i < 300; i++) {
        const size_t at = i < 64 ? i : i < 150 ? saved.n - 1 - (i - 64) : i * (saved.n / 300);
        saved.data[at] = (char)(saved.data[at] ^ (1 << i % 8));
        mem_reader r = {.data = (const uint8_t *)saved.data, .n = saved.n};
        const source from = source_mem(&r);
        CHECK_SAY(session_load(t, &from, &g.e) != OK, "byte %zu", at);
        saved.data[at] = (char)(saved.data[at] ^ (1 << i % 8));
    }
    for (size_t i = 0; i < 200; i++) {
        mem_reader r = {.data = (const uint8_t *)saved.data, .n = i < 60 ? i : i * (saved.n / 200)};
        const source from = source_mem(&r);
        CHECK(session_load(t, &from, &g.e) != OK);
    }
    CHECK(session_pos(t) == 5 && ledger_total(engine_ledger(g.en)) == before);
    CHECK(feed(t, 2, 5, 5, &g.e) == OK);
    session_free(s);
    session_free(t);
    buf_free(&saved);
    rig_close(&g);
}

TEST(sessions_are_exchanged_between_equal_plans_only) {
    rig g, other;
    const engine_options o = {.threads = 1, .batch = 64, .context = 1024};
    const engine_options exact = {.threads = 1, .batch = 64, .context = 1024, .exact = true};
    REQUIRE(rig_open(&g, RANDOM_Q8, &o) && rig_open(&other, RANDOM_Q8, &exact));
    session *s, *t;
    buf saved = {0};
    const sink to = sink_buf(&saved);
    REQUIRE(session_new(&s, g.en, &g.e) == OK && feed(s, 1, 0, 30, &g.e) == OK);
    REQUIRE(session_save(s, &to, &g.e) == OK);
    REQUIRE(session_new(&t, other.en, &g.e) == OK);
    mem_reader r = {.data = (const uint8_t *)saved.data, .n = saved.n};
    const source from = source_mem(&r);
    CHECK(session_load(t, &from, &g.e) == E_FORMAT);
    CHECK(strstr(g.e.text, "another model or other options") != NULL);
    session_free(s);
    session_free(t);
    buf_free(&saved);
    rig_close(&g);
    rig_close(&other);
}

TEST(the_draft_block_sees_the_same_whatever_the_chunks) {
    enum { N = 200 };
    rig g;
    const engine_options o = {.threads = 2, .batch = N, .context = 512, .draft = true};
    REQUIRE(rig_open(&g, RANDOM_F32, &o));
    float *want = malloc((size_t)N * g.vocab * sizeof *want);
    static const uint32_t chunks[] = {N, 1, 13, 64};
    for (size_t c = 0; c < 4; c++) {
        session *s;
        REQUIRE(session_new(&s, g.en, &g.e) == OK);
        for (uint32_t at = 0; at < N;) {
            row rows[N];
            const uint32_t n = N - at < chunks[c] ? N - at : chunks[c];
            for (uint32_t i = 0; i < n; i++) rows[i] = (row){s, token_at(1, at + i), true};
            REQUIRE(engine_step(g.en, rows, n, &g.e) == OK);
            for (uint32_t i = 0; i < n; i++) {
                const float *d = engine_draft_logits(g.en, i);
                CHECK((d == NULL) == (at + i == 0));
                if (!d) continue;
                if (c == 0) memcpy(want + (size_t)(at + i) * g.vocab, d, g.vocab * sizeof *d);
                else CHECK_SAY(same(&g, d, want + (size_t)(at + i) * g.vocab), "chunk %u at %u", chunks[c], at + i);
            }
            at += n;
        }
        session_free(s);
    }
    free(want);
    rig_close(&g);
}

TEST(impossible_steps_are_refused_and_leave_sessions_alone) {
    rig g;
    const engine_options o = {.threads = 1, .batch = 8, .context = 20};
    REQUIRE(rig_open(&g, RANDOM_Q8, &o));
    session *s;
    row rows[9];
    REQUIRE(session_new(&s, g.en, &g.e) == OK);
    for (int i = 0; i < 9; i++) rows[i] = (row){s, i, true};
    CHECK(engine_step(g.en, rows, 0, &g.e) == E_USAGE);
    CHECK(engine_step(g.en, rows, 9, &g.e) == E_USAGE);
    rows[3].token = -1;
    CHECK(engine_step(g.en, rows, 8, &g.e) == E_USAGE && strstr(g.e.text, "token -1 of row 3"));
    rows[3].token = 512;
    CHECK(engine_step(g.en, rows, 8, &g.e) == E_USAGE);
    CHECK(feed(s, 1, 0, 21, &g.e) == E_LIMIT && strstr(g.e.text, "--ctx"));
    CHECK(session_pos(s) == 0);
    CHECK(feed(s, 1, 0, 20, &g.e) == OK);
    CHECK(feed(s, 1, 20, 1, &g.e) == E_LIMIT);
    CHECK(session_pos(s) == 20 && session_logits(s) != NULL);
    session_free(s);
    rig_close(&g);
}

TEST(memory_beyond_the_limit_is_refused_in_words) {
    rig g;
    const engine_options probe = {.threads = 1, .batch = 8, .context = 100000};
    REQUIRE(rig_open(&g, RANDOM_Q8, &probe));
    const plan *p = engine_plan(g.en);
    engine_options o = probe;
    o.memory = ledger_total(engine_ledger(g.en)) + p->state_bytes + 3 * p->page_bytes + p->page_bytes / 2;
    engine *en;
    session *s;
    REQUIRE(engine_open(&en, g.m, &o, &g.e) == OK && session_new(&s, en, &g.e) == OK);
    CHECK(feed(s, 1, 0, 3 * 256, &g.e) == OK); /* frontiers give way, pages do not */
    CHECK(feed(s, 1, 768, 256, &g.e) == E_NOMEM && strstr(g.e.text, "context pages need"));
    CHECK(session_pos(s) == 768 && session_logits(s) != NULL); /* nothing happened */
    session_free(s);
    engine_close(en);
    o.memory = 1000;
    CHECK(engine_open(&en, g.m, &o, &g.e) == E_NOMEM && strstr(g.e.text, "work buffers need"));
    rig_close(&g);
}

static bool stop_after_two(void *self) { return ++*(int *)self > 2; }

TEST(a_cancelled_prefill_keeps_what_was_done) {
    rig g;
    const engine_options o = {.threads = 1, .batch = 10, .context = 500};
    REQUIRE(rig_open(&g, RANDOM_Q8, &o));
    session *s;
    int looks = 0;
    const control c = {.stop = stop_after_two, .self = &looks};
    int32_t t[100];
    for (uint32_t i = 0; i < 100; i++) t[i] = token_at(1, i);
    REQUIRE(session_new(&s, g.en, &g.e) == OK);
    CHECK(session_feed(s, t, 100, &c, &g.e) == E_CANCELLED);
    CHECK(session_pos(s) == 20);
    CHECK(session_feed(s, t + 20, 80, NULL, &g.e) == OK);
    float *want = alone(&g, 1, 100, 10);
    REQUIRE(feed(s, 2, 0, 1, &g.e) == OK);
    CHECK(session_pos(s) == 101 && session_tokens(s)[99] == t[99]);
    free(want);
    session_free(s);
    rig_close(&g);
}

TESTS_MAIN
