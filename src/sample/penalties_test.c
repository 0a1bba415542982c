/* Hand-computed values first, then random histories against counting and comparing from scratch. */
#include "sample/penalties.h"

#include <float.h>

#include "base/test.h"

static uint64_t random_state = 7;

static uint32_t random_below(uint32_t n) {
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((random_state >> 33) * n >> 31);
}

static penalties *with(const sampler_options *o, uint32_t n_vocab) {
    penalties *p = NULL;
    err e = {0};
    CHECK_SAY(penalties_new(&p, o, n_vocab, &e) == OK, "%s", e.text);
    return p;
}

static void add_all(penalties *p, const int32_t *t, size_t n, bool generated) {
    for (size_t i = 0; i < n; i++) CHECK(penalties_add(p, t[i], generated, NULL) == OK);
}

#define NEAR(a, b) CHECK_SAY(fabs((double)(a) - (b)) < 1e-6, "%.9g %.9g", (double)(a), (double)(b))

TEST(repetition_divides_above_zero_and_multiplies_below) {
    sampler_options o = sampler_defaults();
    o.repetition_penalty = 2;
    penalties *p = with(&o, 6);
    add_all(p, (int32_t[]){0, 1, 1}, 3, false);
    add_all(p, (int32_t[]){2, 3}, 2, true);
    float x[6] = {3, -3, 0, 5, -1, 1};
    penalties_apply(p, x);
    NEAR(x[0], 1.5);
    NEAR(x[1], -6); /* once, however often it came */
    NEAR(x[2], 0);
    NEAR(x[3], 2.5);
    NEAR(x[4], -1);
    NEAR(x[5], 1);
    penalties_free(p);
}

TEST(frequency_and_presence_count_generated_tokens_only) {
    sampler_options o = sampler_defaults();
    o.frequency_penalty = 0.5;
    o.presence_penalty = 0.25;
    penalties *p = with(&o, 4);
    add_all(p, (int32_t[]){0, 0, 0, 1}, 4, false);
    add_all(p, (int32_t[]){1, 2, 2, 2}, 4, true);
    float x[4] = {1, 1, 1, 1};
    penalties_apply(p, x);
    NEAR(x[0], 1);
    NEAR(x[1], 0.25);
    NEAR(x[2], -0.75);
    NEAR(x[3], 1);
    penalties_free(p);
}

TEST(repetition_comes_before_frequency_and_presence) {
    sampler_options o = sampler_defaults();
    o.repetition_penalty = 2;
    o.frequency_penalty = 1;
    o.presence_penalty = -0.5;
    penalties *p = with(&o, 2);
    add_all(p, (int32_t[]){0, 0, 1}, 3, true);
    float x[2] = {8, -8};
    penalties_apply(p, x);
    NEAR(x[0], 8 / 2.0 - 2 + 0.5);
    NEAR(x[1], -8 * 2.0 - 1 + 0.5);
    penalties_free(p);
}

TEST(what_is_off_keeps_nothing) {
    const sampler_options o = sampler_defaults();
    penalties *p = with(&o, 10);
    CHECK(p == NULL);
    CHECK(penalties_add(p, 3, true, NULL) == OK);
    float x[1] = {4};
    penalties_apply(p, x);
    CHECK(x[0] == 4);
    penalties_free(p);
}

TEST(windows_agree_with_counting_from_scratch) {
    enum { VOCAB = 20, LEN = 300 };
    static const uint32_t windows[] = {0, 1, 2, 5, 64, 299, 300, 1000};
    for (size_t w = 0; w < sizeof windows / sizeof *windows; w++) {
        sampler_options o = sampler_defaults();
        o.repetition_penalty = 1.3;
        o.frequency_penalty = 0.1;
        o.presence_penalty = 0.7;
        o.penalty_window = windows[w];
        penalties *p = with(&o, VOCAB);
        int32_t history[LEN];
        const uint32_t n_prompt = random_below(LEN);
        for (uint32_t n = 0; n < LEN; n++) {
            history[n] = (int32_t)(random_below(VOCAB) * random_below(VOCAB) / VOCAB);
            CHECK(penalties_add(p, history[n], n >= n_prompt, NULL) == OK);
            float x[VOCAB], y[VOCAB];
            for (uint32_t i = 0; i < VOCAB; i++) x[i] = y[i] = (float)i - 8;
            penalties_apply(p, x);
            for (uint32_t i = 0; i < VOCAB; i++) {
                uint32_t seen = 0, generated = 0;
                for (uint32_t j = 0; j <= n; j++) {
                    if (windows[w] && j + windows[w] <= n) continue;
                    if (history[j] != (int32_t)i) continue;
                    seen++;
                    generated += j >= n_prompt;
                }
                double v = (double)y[i];
                if (seen) v = v > 0 ? v / 1.3 : v * 1.3;
                if (generated) v -= 0.1 * generated + 0.7;
                NEAR(x[i], v);
            }
        }
        penalties_free(p);
    }
}

/* ---- DRY ---- */

TEST(dry_lowers_what_followed_the_same_text) {
    sampler_options o = sampler_defaults();
    o.dry_multiplier = 0.8;
    penalties *p = with(&o, 10);
    add_all(p, (int32_t[]){1, 2, 3, 4, 9, 2, 3, 5, 9}, 9, false);
    add_all(p, (int32_t[]){1, 2, 3}, 3, true);
    float x[10] = {0};
    penalties_apply(p, x);
    for (int i = 0; i < 10; i++) {
        double want = 0;
        if (i == 4) want = -0.8 * 1.75; /* after 1 2 3: length 3 */
        if (i == 5) want = -0.8;        /* after 2 3: length 2   */
        NEAR(x[i], want);
    }
    penalties_free(p);
}

TEST(dry_stops_at_breakers_and_spares_them) {
    sampler_options o = sampler_defaults();
    const int32_t breakers[] = {2, 4};
    o.dry_multiplier = 1;
    o.dry_breakers = breakers;
    o.n_dry_breakers = 2;
    penalties *p = with(&o, 10);
    add_all(p, (int32_t[]){1, 2, 3, 5, 6, 1, 2, 3, 5}, 9, true); /* only 3 5 is behind a breaker */
    float x[10] = {0};
    penalties_apply(p, x);
    NEAR(x[6], -1);
    add_all(p, (int32_t[]){4}, 1, true); /* the text ends in a breaker: nothing matches */
    memset(x, 0, sizeof x);
    penalties_apply(p, x);
    for (int i = 0; i < 10; i++) NEAR(x[i], 0);
    add_all(p, (int32_t[]){7, 8, 4, 7, 8}, 5, true); /* 4 followed 7 8, but is a breaker */
    memset(x, 0, sizeof x);
    penalties_apply(p, x);
    for (int i = 0; i < 10; i++) NEAR(x[i], 0);
    penalties_free(p);
}

/* For every earlier place, compares backwards; the window and the breakers cut what may be read. */
static void dry_from_scratch(const sampler_options *o, const int32_t *t, uint32_t n, double *lower,
                             uint32_t n_vocab) {
    const uint32_t first = o->dry_window && n > o->dry_window ? n - o->dry_window : 0;
    uint32_t longest[64] = {0};
    for (uint32_t next = first + 1; next < n; next++) {
        uint32_t m = 0;
        while (m < next - first && t[next - 1 - m] == t[n - 1 - m]) {
            bool stop = false;
            for (size_t b = 0; b < o->n_dry_breakers; b++)
                stop |= t[n - 1 - m] == o->dry_breakers[b];
            if (stop) break;
            m++;
        }
        if (m > longest[t[next]]) longest[t[next]] = m;
    }
    for (uint32_t i = 0; i < n_vocab; i++) {
        bool breaker = false;
        for (size_t b = 0; b < o->n_dry_breakers; b++)
            breaker |= (int32_t)i == o->dry_breakers[b];
        lower[i] = breaker || longest[i] < o->dry_allowed_length
                       ? 0
                       : o->dry_multiplier * pow(o->dry_base, longest[i] - o->dry_allowed_length);
    }
}

TEST(dry_agrees_with_comparing_from_scratch) {
    for (uint32_t round = 0; round < 60; round++) {
        const uint32_t vocab = 2 + random_below(12);
        const int32_t breakers[] = {0, (int32_t)random_below(vocab)};
        sampler_options o = sampler_defaults();
        o.dry_multiplier = 0.5;
        o.dry_base = 1.1;
        o.dry_allowed_length = 1 + random_below(4);
        o.dry_window = random_below(3) ? 1 + random_below(150) : 0;
        o.dry_breakers = breakers;
        o.n_dry_breakers = random_below(3);
        penalties *p = with(&o, vocab);
        int32_t t[200];
        for (uint32_t n = 0; n < 200; n++) {
            t[n] = (int32_t)random_below(vocab);
            if (n > 20 && random_below(4)) t[n] = t[n - 1 - random_below(3) * 7]; /* echoes */
            CHECK(penalties_add(p, t[n], n > 50, NULL) == OK);
            float x[16] = {0};
            double lower[16];
            dry_from_scratch(&o, t, n + 1, lower, vocab);
            for (int again = 0; again < 2; again++) { /* applying leaves no traces */
                memset(x, 0, sizeof x);
                penalties_apply(p, x);
                for (uint32_t i = 0; i < vocab; i++)
                    CHECK_SAY(fabs((double)x[i] + lower[i]) <= 1e-5 * lower[i],
                              "round %u n %u token %u: %g %g", round, n, i, (double)x[i], lower[i]);
            }
        }
        penalties_free(p);
    }
}

TEST(an_endless_repeat_stays_finite_and_cheap) {
    sampler_options o = sampler_defaults();
    o.dry_multiplier = 1;
    o.dry_window = 0;
    penalties *p = with(&o, 4);
    for (int i = 0; i < 200000; i++) CHECK(penalties_add(p, 1, true, NULL) == OK);
    float x[4] = {1, 1, -INFINITY, 1};
    penalties_apply(p, x); /* comparing from scratch would take 2e10 steps */
    CHECK(x[0] == 1 && x[1] == -FLT_MAX && x[2] == -INFINITY);
    penalties_free(p);
}

TEST(values_at_the_end_of_floats_stay_finite) {
    sampler_options o = sampler_defaults();
    o.repetition_penalty = 100;
    o.frequency_penalty = -1e6;
    penalties *p = with(&o, 3);
    add_all(p, (int32_t[]){0, 1, 2}, 3, true);
    float x[3] = {-FLT_MAX, FLT_MAX, -INFINITY};
    penalties_apply(p, x);
    CHECK(x[0] == -FLT_MAX && x[1] < FLT_MAX && x[1] > 0 && x[2] == -INFINITY);
    penalties_free(p);
}

TEST(options_out_of_range_are_refused_by_name) {
    const int32_t outside[] = {5};
    const struct {
        sampler_options o;
        const char *word;
    } cases[] = {
        {{.presence_penalty = NAN}, "presence"},
        {{.frequency_penalty = INFINITY}, "frequency"},
        {{.repetition_penalty = 0}, "repetition"},
        {{.repetition_penalty = -1}, "repetition"},
        {{.repetition_penalty = NAN}, "repetition"},
        {{.repetition_penalty = 1, .dry_multiplier = -1}, "multiplier"},
        {{.repetition_penalty = 1, .dry_multiplier = 1, .dry_base = 0.5}, "base"},
        {{.repetition_penalty = 1, .dry_multiplier = 1, .dry_base = 2}, "length"},
        {{.repetition_penalty = 1, .dry_multiplier = 1, .dry_base = 2, .dry_allowed_length = 1,
          .dry_breakers = outside, .n_dry_breakers = 1}, "breaker 5"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        penalties *p = NULL;
        err e = {0};
        CHECK(penalties_new(&p, &cases[i].o, 5, &e) == E_USAGE);
        CHECK_SAY(p == NULL && strstr(e.text, cases[i].word), "%s", e.text);
    }
}

TESTS_MAIN
