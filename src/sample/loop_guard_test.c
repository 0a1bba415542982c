#include "sample/loop_guard.h"

#include <stdarg.h>

#include "base/test.h"

static uint64_t random_state = 3;

static uint32_t random_below(uint32_t n) {
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((random_state >> 33) * n >> 31);
}

static loop_guard guard(loop_guard_options o) {
    static loop_guard g;
    err e = {0};
    CHECK_SAY(loop_guard_init(&g, &o, &e) == OK, "%s", e.text);
    return g;
}

/* ---- against a look at the whole text ---- */

static loop_verdict from_scratch(const loop_guard_options *o, const int32_t *t, uint32_t n) {
    for (uint32_t p = 1; p <= o->max_period && p < n; p++) {
        uint32_t length = p;
        while (length < n && t[n - 1 - length] == t[n - 1 - length + p]) length++;
        if (length > p && length >= o->min_tokens && length >= o->min_repeats * p)
            return (loop_verdict){true, p, length / p};
    }
    return (loop_verdict){false, 0, 0};
}

TEST(verdicts_agree_with_a_look_at_the_whole_text) {
    enum { LEN = 3000 };
    static int32_t t[LEN];
    uint32_t loops = 0;
    for (int round = 0; round < 60; round++) {
        const loop_guard_options o = {random_below(20), 2 + random_below(4), random_below(40)};
        loop_guard g = guard(o);
        uint32_t period = 1;
        for (uint32_t n = 0; n < LEN; n++) {
            if (random_below(40) == 0) period = 1 + random_below(22);
            t[n] = n < period || random_below(30) == 0 ? (int32_t)random_below(3) : t[n - period];
            const loop_verdict v = loop_guard_add(&g, t[n]), w = from_scratch(&o, t, n + 1);
            loops += v.looping;
            CHECK_SAY(v.looping == w.looping && v.period == w.period && v.repeats == w.repeats,
                      "round %d n %u: %d %u %u, not %d %u %u", round, n, v.looping, v.period,
                      v.repeats, w.looping, w.period, w.repeats);
        }
    }
    CHECK(loops > 10000 && loops < 60 * LEN);
}

TEST(every_period_is_found_at_its_threshold_and_not_a_token_before) {
    const loop_guard_options o = loop_guard_defaults(false);
    for (uint32_t p = 1; p <= LOOP_PERIOD_MAX; p += p < 40 ? 1 : 59) {
        loop_guard g = guard(o);
        for (uint32_t i = 0; i < 1500; i++) /* something sensible first */
            CHECK(!loop_guard_add(&g, (int32_t)(100000 + i)).looping);
        const uint32_t least = o.min_repeats * p > o.min_tokens ? o.min_repeats * p : o.min_tokens;
        for (uint32_t i = 1; i <= least + 2 * p; i++) {
            const loop_verdict v = loop_guard_add(&g, (int32_t)(i % p));
            CHECK_SAY(v.looping == (i >= least), "period %u: %u tokens", p, i);
            if (v.looping) CHECK(v.period == p && v.repeats == i / p);
        }
        CHECK(!loop_guard_add(&g, 99).looping); /* out of it again */
    }
}

TEST(a_period_beyond_the_longest_is_no_loop) {
    loop_guard g = guard(loop_guard_defaults(false));
    for (uint32_t i = 0; i < 40000; i++)
        CHECK(!loop_guard_add(&g, (int32_t)(i % (LOOP_PERIOD_MAX + 1))).looping);
}

TEST(greedy_decoding_is_not_watched_by_default) {
    loop_guard g = guard(loop_guard_defaults(true));
    for (uint32_t i = 0; i < 20000; i++) CHECK(!loop_guard_add(&g, 1).looping);
}

TEST(options_out_of_range_are_refused) {
    static loop_guard g;
    err e = {0};
    loop_guard_options o = loop_guard_defaults(false);
    o.max_period = LOOP_PERIOD_MAX + 1;
    CHECK(loop_guard_init(&g, &o, &e) == E_USAGE && strstr(e.text, "period 513"));
    o = loop_guard_defaults(false);
    o.min_repeats = 1;
    CHECK(loop_guard_init(&g, &o, &e) == E_USAGE && strstr(e.text, "1 repeats"));
}

/* ---- what people ask for ---- */

/* Text as tokens: a word or three digits at most are one, every other byte is one. Real tokens are
 * longer, so real texts have fewer of them. */
typedef struct reader {
    loop_guard g;
    uint64_t n;
    loop_verdict first; /* that was looping */
} reader;

static int kind(char c) {
    return c >= '0' && c <= '9' ? 1 : ((c | 32) >= 'a' && (c | 32) <= 'z') || (c & 128) ? 2 : 0;
}

static void say(reader *r, const char *fmt, ...) {
    char text[2000];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    for (const char *p = text; *p;) {
        const int k = kind(*p);
        size_t len = 1;
        while (k != 0 && kind(p[len]) == k && len < (k == 1 ? 3 : 12)) len++;
        uint32_t id = 2166136261u;
        for (size_t i = 0; i < len; i++) id = (id ^ (uint8_t)p[i]) * 16777619u;
        p += len;
        r->n++;
        const loop_verdict v = loop_guard_add(&r->g, (int32_t)(id >> 4));
        if (v.looping && !r->first.looping) r->first = v;
    }
}

static reader *reading(void) {
    static reader r;
    r = (reader){.g = guard(loop_guard_defaults(false))};
    return &r;
}

#define QUIET(r, name)                                                                             \
    CHECK_SAY(!(r)->first.looping, "%s: period %u, %u times", name, (r)->first.period,             \
              (r)->first.repeats)

TEST(repetitive_texts_that_are_meant_pass) {
    reader *r = reading();
    say(r, "| id | name | state | note |\n|----|----|----|----|\n");
    for (int i = 1; i <= 800; i++) say(r, "| %d | node | ok | - |\n", i);
    QUIET(r, "table with numbered rows");

    r = reading();
    say(r, "[");
    for (int i = 0; i < 200; i++) say(r, "{\"x\": 0, \"y\": 0},\n");
    say(r, "]");
    QUIET(r, "array of 200 equal objects");

    r = reading();
    for (int i = 0; i < 1000; i++) say(r, "0, ");
    QUIET(r, "a thousand zeros");

    r = reading();
    for (int row = 0; row < 32; row++) {
        say(r, "    {");
        for (int column = 0; column < 32; column++) say(r, "0, ");
        say(r, "},\n");
    }
    QUIET(r, "empty matrix");

    r = reading();
    for (int i = 0; i < 2000; i++) say(r, "%08x: 0000 0000 0000 0000  ........\n", i * 16);
    QUIET(r, "hex dump of zeros");

    r = reading();
    for (int i = 0; i < 600; i++) say(r, "    assert(f(%d) == f(%d));\n", i, i + 1);
    QUIET(r, "unrolled code");

    r = reading();
    for (int i = 0; i < 30; i++) {
        for (int k = 0; k < 120; k++) say(r, "-");
        say(r, "\nsection %d\n", i);
    }
    for (int k = 0; k < 1000; k++) say(r, "=");
    for (int k = 0; k < 1000; k++) say(r, " ");
    QUIET(r, "rulers");

    r = reading();
    for (int verse = 0; verse < 40; verse++) {
        for (int line = 0; line < 4; line++) say(r, "And in verse %d came line %d\n", verse, line);
        for (int line = 0; line < 8; line++) say(r, "la la la, sing it again, oh\n");
    }
    QUIET(r, "song with refrain");

    r = reading();
    for (int i = 0; i < 3000; i++)
        say(r, "2026-01-01 00:%02d:%02d INFO request done\n", i / 60 % 60, i % 60);
    QUIET(r, "log");

    r = reading();
    for (int i = 0; i < 99; i++)
        say(r, "%d bottles of beer on the wall, %d bottles of beer. Take one down and pass it "
               "around, %d bottles of beer on the wall.\n", 99 - i, 99 - i, 98 - i);
    QUIET(r, "song that counts");
}

TEST(models_that_are_stuck_are_noticed) {
    reader *r = reading();
    say(r, "Let me think about this step by step. First, the input is read. ");
    while (r->n < 20000 && !r->first.looping) say(r, "Wait, let me check that again. ");
    CHECK_SAY(r->first.looping && r->n < 4200, "%u", (unsigned)r->n);

    r = reading();
    while (r->n < 20000 && !r->first.looping) say(r, "\xe7\x9a\x84");
    CHECK(r->first.looping && r->first.period == 1);

    r = reading();
    while (r->n < 20000 && !r->first.looping) {
        for (int i = 0; i < 40; i++) say(r, "Step %d: we then consider case %d.\n", i, i * i);
        say(r, "Therefore the argument is complete, but let me start over.\n\n");
    }
    CHECK_SAY(!r->first.looping, "a round of more than 512 tokens is not seen");

    r = reading();
    while (r->n < 20000 && !r->first.looping) {
        for (int i = 0; i < 20; i++) say(r, "Step %d: we then consider case %d.\n", i, i * i);
        say(r, "Therefore the argument is complete, but let me start over.\n\n");
    }
    CHECK_SAY(r->first.looping && r->n < 7000, "%u", (unsigned)r->n);
}

TESTS_MAIN
