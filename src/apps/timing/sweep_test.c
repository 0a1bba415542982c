#include "apps/timing/sweep.h"

#include "apps/timing/bandwidth.h"
#include "apps/timing/machine.h"
#include "apps/timing/synthetic.h"
#include "base/test.h"

static size_t contexts(uint32_t out[SWEEP_CONTEXTS], uint32_t start, uint32_t max, uint32_t incr,
                       double mul) {
    return sweep_contexts(out, start, max, incr, mul);
}

TEST(contexts_rise_by_steps_and_end_at_the_last) {
    static uint32_t c[SWEEP_CONTEXTS];
    CHECK(contexts(c, 100, 300, 100, 2) == 3 && c[0] == 100 && c[1] == 200 && c[2] == 300);
    CHECK(contexts(c, 100, 350, 100, 2) == 4 && c[3] == 350);
    CHECK(contexts(c, 512, 2048, 0, 2) == 3 && c[1] == 1024 && c[2] == 2048);
    CHECK(contexts(c, 512, 2000, 0, 2) == 3 && c[2] == 2000);
    CHECK(contexts(c, 10, 30, 0, 1.5) == 4 && c[1] == 15 && c[2] == 23 && c[3] == 30);
    CHECK(contexts(c, 7, 7, 5, 2) == 1 && c[0] == 7);
    CHECK(contexts(c, 1, 4, 0, 1.001) == 4 && c[1] == 2 && c[2] == 3);
}

TEST(too_many_contexts_are_none) {
    static uint32_t c[SWEEP_CONTEXTS];
    CHECK(contexts(c, 1, SWEEP_CONTEXTS, 1, 2) == SWEEP_CONTEXTS);
    CHECK(contexts(c, 1, SWEEP_CONTEXTS + 1, 1, 2) == 0);
    CHECK(contexts(c, 1, 1u << 30, 1, 2) == 0);
}

/* What a sweep told. */
typedef struct heard {
    sweep_row rows[8];
    uint32_t n, stop_after; /* asked so often; 0: never */
    uint64_t done, total, asked;
} heard;

static status take_row(void *self, const sweep_row *r, err *e) {
    heard *h = self;
    if (h->n == 8) return fail(e, E_LIMIT, "too many rows");
    h->rows[h->n++] = *r;
    return OK;
}

static void take_progress(void *self, uint64_t done, uint64_t total) {
    heard *h = self;
    CHECK(done >= h->done || h->done <= 16); /* the warm-up is forgotten */
    h->done = done;
    h->total = total;
}

static bool stop(void *self) {
    heard *h = self;
    return ++h->asked > h->stop_after && h->stop_after;
}

static status sweep(heard *h, sweep_spec *s, const char *text) {
    synthetic_spec spec;
    synthetic *made = NULL;
    engine *en = NULL;
    err e = {0};
    profile_port port = {0};
    status st = synthetic_parse(&spec, text, &e);
    if (st == OK) st = synthetic_new(&made, &spec, 1, NULL, &e);
    const engine_options o = {.context = 400,
                              .batch = 32,
                              .threads = 1,
                              .watch = profile_observer(&port),
                              .stages = profile_stages(&port)};
    if (st == OK) st = engine_open(&en, synthetic_model(made), &o, &e);
    if (st == OK) {
        s->port = &port;
        s->prefill = profile_new(engine_plan(en));
        s->decode = profile_new(engine_plan(en));
        const sweep_listener l = {take_row, take_progress, stop, h};
        st = sweep_run(en, s, &l, &e);
        CHECK_SAY(st == OK || st == E_CANCELLED, "%s", e.text);
        if (st == OK)
            CHECK(ledger_total(engine_ledger(en)) == engine_ledger(en)->used[LEDGER_SCRATCH]);
    }
    engine_close(en);
    synthetic_free(made);
    return st;
}

static void forget(sweep_spec *s) {
    profile_free(s->prefill);
    profile_free(s->decode);
}

TEST(each_context_has_its_row_and_every_token_is_counted) {
    const uint32_t c[] = {20, 50, 300};
    sweep_spec s = {.contexts = c,
                    .n_contexts = 3,
                    .gen = 4,
                    .sessions = 2,
                    .repeats = 3,
                    .warmup = 16,
                    .seed = 1};
    heard h = {0};
    CHECK(sweep(&h, &s, "small") == OK && h.n == 3);
    for (uint32_t i = 0; i < h.n; i++) {
        const sweep_row *r = &h.rows[i];
        CHECK(r->context == c[i] && r->prefilled == c[i] - (i ? c[i - 1] : 0) && r->generated == 4);
        CHECK(r->prefill.n == 3 && r->prefill.least > 0 && r->gen.n == 3 && r->gen.median > 0);
        CHECK(r->gen.least <= r->gen.median && r->gen.median <= r->gen.most);
        CHECK(r->kv_bytes > 0 && r->peak_bytes > 1 << 20);
    }
    CHECK(h.rows[2].kv_bytes > h.rows[1].kv_bytes && h.rows[0].kv_bytes == h.rows[1].kv_bytes);
    CHECK(h.done == h.total && h.total == (300 + 3 * 4) * 2 * 3);
    const profile_sums p = profile_total(s.prefill), d = profile_total(s.decode);
    CHECK(p.rows == 300 * 2 * 3 && d.steps == 3 * 3 * 4 && d.rows == d.steps * 2);
    forget(&s);
}

TEST(a_text_is_fed_over_and_over_and_decoded_greedily) {
    const uint32_t c[] = {40};
    const int32_t text[] = {5, 9, 511};
    sweep_spec s = {.contexts = c,
                    .n_contexts = 1,
                    .gen = 5,
                    .sessions = 1,
                    .repeats = 1,
                    .text = text,
                    .n_text = 3};
    heard h = {0};
    CHECK(sweep(&h, &s, "small") == OK && h.n == 1 && h.rows[0].prefilled == 40);
    forget(&s);
}

TEST(without_tokens_to_decode_there_is_only_prefill) {
    const uint32_t c[] = {40};
    sweep_spec s = {.contexts = c, .n_contexts = 1, .gen = 0, .sessions = 1, .repeats = 1};
    heard h = {0};
    CHECK(sweep(&h, &s, "small") == OK && h.n == 1);
    CHECK(h.rows[0].gen.median == 0 && h.rows[0].prefill.median > 0 &&
          profile_total(s.decode).steps == 0);
    forget(&s);
}

TEST(a_sweep_can_be_stopped_anywhere) {
    const uint32_t c[] = {20, 50};
    heard whole = {0};
    sweep_spec s = {
        .contexts = c, .n_contexts = 2, .gen = 3, .sessions = 2, .repeats = 1, .warmup = 8};
    REQUIRE(sweep(&whole, &s, "small:layers=2") == OK && whole.asked > 4);
    forget(&s);
    for (uint32_t after = 1; after < whole.asked; after++) {
        heard h = {.stop_after = after};
        CHECK(sweep(&h, &s, "small:layers=2") == E_CANCELLED && h.asked == after + 1);
        forget(&s);
    }
}

static bool stop_at_once(void *self) {
    (void)self;
    return true;
}

TEST(the_read_bandwidth_is_measured_within_the_memory_that_is_given) {
    bandwidth b = {0};
    err e = {0};
    REQUIRE(bandwidth_measure(&b, 2, 8 << 20, NULL, NULL, &e) == OK);
    CHECK(b.threads == 2 && b.buffer_bytes == 8 << 20 && b.rate.n >= 5);
    CHECK(b.rate.least > 1e7 && b.rate.most >= b.rate.median && b.rate.most < 1e13);
    b.threads = 77;
    CHECK(bandwidth_measure(&b, 1, 1, stop_at_once, NULL, &e) == E_CANCELLED && b.threads == 77);
    CHECK(bandwidth_measure(&b, 3, 1, NULL, NULL, &e) == OK && b.buffer_bytes == 3 << 20);
}

TEST(the_machine_is_named_and_has_memory) {
    char name[64] = "";
    machine_processor(name, sizeof name);
    CHECK(name[0] != 0 && !strchr(name, '\n'));
    CHECK(machine_memory_bytes() > 1 << 26 && machine_free_bytes() <= machine_memory_bytes());
    CHECK(machine_peak_bytes() > 1 << 20);
    const double waited = machine_waited_seconds();
    CHECK(waited >= 0 && machine_waited_seconds() >= waited);
}

TESTS_MAIN
