/* The whole way from logits to tokens, against exact distributions. */
#include "sample/sampler.h"

#include "base/test.h"

static uint64_t random_state = 11;

static double uniform(void) {
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return ((double)(random_state >> 34) + 0.5) / (double)(1u << 30);
}

static double gaussian(void) {
    return sqrt(-2 * log(uniform())) * cos(6.283185307179586 * uniform());
}

static void fill(float *x, uint32_t n, double spread) {
    for (uint32_t i = 0; i < n; i++) x[i] = (float)(gaussian() * spread);
}

static sampler *with(const sampler_options *o, uint32_t n_vocab) {
    sampler *s = NULL;
    err e = {0};
    CHECK_SAY(sampler_new(&s, o, n_vocab, &e) == OK, "%s", e.text);
    return s;
}

static sampler_result pick_of(sampler *s, const float *x, const uint64_t *allowed) {
    sampler_result r = {.token = -1};
    err e = {0};
    CHECK_SAY(sampler_pick(s, x, allowed, &r, &e) == OK, "%s", e.text);
    return r;
}

static int32_t pick(sampler *s, const float *x) { return pick_of(s, x, NULL).token; }

static int32_t next(sampler *s, const float *x) {
    const int32_t t = pick(s, x);
    CHECK(sampler_accept(s, t, NULL) == OK);
    return t;
}

/* ---- greedy ---- */

TEST(greedy_takes_the_lowest_id_among_equal_maxima) {
    sampler_options o = sampler_defaults();
    o.temperature = 0;
    enum { N = 1000 };
    float x[N];
    sampler *s = with(&o, N);
    for (int round = 0; round < 200; round++) {
        int32_t want = -1;
        for (int32_t i = 0; i < N; i++) {
            x[i] = (float)floor(uniform() * 40) - 50;
            if (want < 0 || x[i] > x[want]) want = i;
        }
        CHECK(next(s, x) == want);
    }
    sampler_free(s);
}

TEST(a_tiny_temperature_is_greedy_and_a_small_one_draws) {
    float x[3] = {1, 1, 0};
    sampler_options o = sampler_defaults();
    o.temperature = 0.9e-5;
    sampler *s = with(&o, 3);
    for (int i = 0; i < 100; i++) CHECK(next(s, x) == 0);
    sampler_free(s);
    o.temperature = 1.1e-5;
    s = with(&o, 3);
    int seen[3] = {0};
    for (int i = 0; i < 100; i++) seen[next(s, x)]++;
    CHECK(seen[0] > 20 && seen[1] > 20 && seen[2] == 0);
    sampler_free(s);
}

/* ---- distributions ---- */

/* Chi-square of `n` draws against the exact probabilities; bins that expect fewer than 5 are
 * joined. Compared with a quantile of about 1e-6 (Wilson and Hilferty); the seed is fixed. */
static void check_draws(const sampler_options *o, const float *x, const double *p, uint32_t vocab,
                        uint32_t n) {
    uint32_t *seen = calloc(vocab, sizeof *seen);
    sampler *s = with(o, vocab);
    REQUIRE(seen && s);
    for (uint32_t i = 0; i < n; i++) seen[next(s, x)]++;
    double chi = 0, rest_p = 0, rest_seen = 0;
    int bins = 0;
    for (uint32_t i = 0; i < vocab; i++) {
        CHECK_SAY(p[i] > 0 || seen[i] == 0, "token %u came %u times", i, seen[i]);
        if (p[i] * n < 5) {
            rest_p += p[i];
            rest_seen += seen[i];
            continue;
        }
        chi += (seen[i] - p[i] * n) * (seen[i] - p[i] * n) / (p[i] * n);
        bins++;
    }
    if (rest_p * n >= 5) {
        chi += (rest_seen - rest_p * n) * (rest_seen - rest_p * n) / (rest_p * n);
        bins++;
    }
    const double k = bins > 1 ? bins - 1 : 1, c = 2 / (9 * k), z = 1 - c + 4.75 * sqrt(c);
    CHECK_SAY(chi <= k * z * z * z, "chi-square %g in %d bins", chi, bins);
    sampler_free(s);
    free(seen);
}

/* Exact probabilities by the naive way: order by repeated search, double precision. */
static void exact(const sampler_options *o, const float *x, double *p, uint32_t n) {
    double max = -INFINITY, total = 0;
    for (uint32_t i = 0; i < n; i++) max = fmax(max, (double)x[i]);
    for (uint32_t i = 0; i < n; i++) p[i] = exp(((double)x[i] - max) / o->temperature);
    bool *kept = calloc(n, 1);
    const uint32_t k = o->top_k > 0 && o->top_k < n ? (uint32_t)o->top_k : n;
    double of_k = 0, sum = 0;
    for (int round = 0; round < 2; round++) {
        memset(kept, 0, n);
        for (uint32_t r = 0; r < k; r++) {
            if (round == 1 && r > 0 && o->top_p < 1 && sum >= o->top_p * of_k) break;
            uint32_t best = n;
            for (uint32_t i = 0; i < n; i++)
                if (!kept[i] && (best == n || x[i] > x[best])) best = i;
            if (round == 1 && p[best] < o->min_p) break;
            kept[best] = true;
            *(round == 0 ? &of_k : &sum) += p[best];
        }
    }
    for (uint32_t i = 0; i < n; i++) total += p[i] = kept[i] ? p[i] : 0;
    for (uint32_t i = 0; i < n; i++) p[i] /= total;
    free(kept);
}

TEST(draws_follow_the_exact_distribution_of_every_mix_of_filters) {
    enum { N = 400 };
    float x[N];
    double p[N];
    fill(x, N, 2);
    static const struct {
        double t, top_p, min_p;
        int64_t top_k;
    } cases[] = {{1, 1, 0, 0},      {0.5, 1, 0, 0},     {2, 1, 0, -1},    {1, 0.9, 0, 0},
                 {1, 0.3, 0, 0},    {1, 0, 0, 0},       {1, 1, 0.1, 0},   {1, 1, 1, 0},
                 {1, 1, 0, 1},      {1, 1, 0, 7},       {1.3, 1, 0, 100}, {1, 1, 0, 5000},
                 {0.8, 0.8, 0, 20}, {1, 0.95, 0.05, 0}, {0.7, 0.9, 0.02, 40}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        sampler_options o = sampler_defaults();
        o.temperature = cases[c].t;
        o.top_p = cases[c].top_p;
        o.min_p = cases[c].min_p;
        o.top_k = cases[c].top_k;
        o.seed = 1000 + c;
        exact(&o, x, p, N);
        check_draws(&o, x, p, N, 20000);
    }
}

TEST(first_tokens_of_neighbouring_seeds_follow_the_distribution_too) {
    enum { N = 16, SEEDS = 40000 };
    float x[N];
    double p[N], chi = 0;
    uint32_t seen[N] = {0};
    fill(x, N, 1);
    sampler_options o = sampler_defaults();
    exact(&o, x, p, N);
    for (uint32_t i = 0; i < SEEDS; i++) {
        o.seed = i;
        sampler *s = with(&o, N);
        seen[pick(s, x)]++;
        sampler_free(s);
    }
    for (int i = 0; i < N; i++) chi += pow(seen[i] - p[i] * SEEDS, 2) / (p[i] * SEEDS);
    CHECK_SAY(chi < 55, "chi-square %g in 16 bins", chi);
}

TEST(draws_of_successive_positions_are_independent) {
    enum { N = 40000 };
    sampler_options o = sampler_defaults();
    o.seed = 3;
    const float x[4] = {0, 0, 0, 0};
    sampler *s = with(&o, 4);
    uint32_t pairs[3][16] = {{0}};
    int32_t past[4] = {0};
    for (int i = 0; i < N; i++) {
        const int32_t t = next(s, x);
        for (int lag = 1; lag <= 3; lag++) pairs[lag - 1][past[lag - 1] * 4 + t]++;
        memmove(past + 1, past, 3 * sizeof *past);
        past[0] = t;
    }
    for (int lag = 0; lag < 3; lag++) {
        double chi = 0;
        for (int i = 0; i < 16; i++) chi += pow(pairs[lag][i] - N / 16.0, 2) / (N / 16.0);
        CHECK_SAY(chi < 55, "lag %d: chi-square %g", lag + 1, chi);
    }
    sampler_free(s);
}

/* ---- determinism ---- */

TEST(the_random_numbers_are_those_of_splitmix64) {
    /* The first three numbers of that generator for seed 0, as fractions: the k-th token of n equal
     * ones is drawn where k <= n * fraction < k + 1. */
    static const uint64_t known[] = {0xe220a8397b1dcdafu, 0x6e789e6aa1b965f4u, 0x06c45d188009454fu};
    enum { N = 4096 };
    float x[N] = {0};
    sampler_options o = sampler_defaults();
    sampler *s = with(&o, N);
    for (int i = 0; i < 3; i++) CHECK(next(s, x) == (int32_t)(known[i] >> 52));
    sampler_free(s);
}

TEST(a_position_gives_its_token_however_often_and_beside_whatever_it_is_picked) {
    enum { N = 3000, LEN = 60 };
    static float x[LEN][N];
    for (int i = 0; i < LEN; i++) fill(x[i], N, 1.5);
    sampler_options o = sampler_defaults(), other = o;
    o.temperature = 0.8;
    o.top_p = 0.95;
    o.seed = 99;
    other.seed = 5;
    int32_t alone[LEN];
    sampler *s = with(&o, N);
    for (int i = 0; i < LEN; i++) alone[i] = next(s, x[i]);
    sampler_free(s);

    o.n_logprobs = 3;
    s = with(&o, N);
    sampler *t = with(&other, N);
    for (int i = 0; i < LEN; i++) {
        CHECK(sampler_position(s) == (uint64_t)i);
        for (int again = 0; again <= i % 3; again++) {
            pick(s, x[(i * 7 + 1) % LEN]);
            next(t, x[(i * 5 + 2) % LEN]);
        }
        CHECK(pick(s, x[i]) == alone[i]);
        CHECK(pick(s, x[i]) == alone[i]);
        /* another token than the picked one may have been forced: the next draws are the same */
        CHECK(sampler_accept(s, i % 4 ? alone[i] : 0, NULL) == OK);
    }
    sampler_free(s);
    sampler_free(t);
}

TEST(seeds_make_different_texts_and_fresh_ones_differ) {
    enum { N = 50, LEN = 40 };
    float x[N] = {0};
    int32_t text[4][LEN];
    uint64_t fresh[2] = {0, 0};
    CHECK(sampler_fresh_seed(&fresh[0], NULL) == OK && sampler_fresh_seed(&fresh[1], NULL) == OK);
    CHECK(fresh[0] != fresh[1]);
    const uint64_t seeds[4] = {0, 1, UINT64_MAX, fresh[0]};
    for (int k = 0; k < 4; k++) {
        sampler_options o = sampler_defaults();
        o.seed = seeds[k];
        sampler *s = with(&o, N);
        for (int i = 0; i < LEN; i++) text[k][i] = next(s, x);
        sampler_free(s);
        for (int j = 0; j < k; j++) { /* nor is one the other from some position on */
            CHECK(memcmp(text[j] + 1, text[k], sizeof text[k] - sizeof text[k][0]) != 0);
            CHECK(memcmp(text[j], text[k] + 1, sizeof text[k] - sizeof text[k][0]) != 0);
            CHECK(memcmp(text[j], text[k], sizeof text[k]) != 0);
        }
    }
}

/* ---- bias, masks, penalties in the pick ---- */

TEST(bias_lifts_lowers_adds_up_and_excludes) {
    float x[4] = {0, 1, 2, 3};
    const sampler_bias bias[] = {{0, 2}, {0, 2}, {3, -INFINITY}, {2, -1.5}};
    sampler_options o = sampler_defaults();
    o.bias = bias;
    o.n_bias = 4;
    const double total = exp(4) + exp(1) + exp(0.5);
    const double p[4] = {exp(4) / total, exp(1) / total, exp(0.5) / total, 0};
    check_draws(&o, x, p, 4, 20000);
    o.temperature = 0;
    sampler *s = with(&o, 4);
    CHECK(next(s, x) == 0);
    CHECK(x[0] == 0 && x[3] == 3); /* the caller's logits are not written to */
    sampler_free(s);
}

TEST(only_allowed_tokens_come_with_their_relative_probabilities) {
    enum { N = 201 };
    float x[N];
    double p[N];
    uint64_t allowed[(N + 63) / 64] = {0};
    fill(x, N, 1);
    double total = 0;
    for (uint32_t i = 0; i < N; i++) {
        p[i] = i % 3 == 1 || i == 200 ? exp((double)x[i]) : 0;
        if (p[i] > 0) allowed[i / 64] |= 1ull << (i % 64);
        total += p[i];
    }
    allowed[N / 64] |= 1ull << 63; /* beyond the vocabulary */
    sampler_options o = sampler_defaults();
    sampler *s = with(&o, N);
    double chi = 0;
    uint32_t seen[N] = {0};
    for (int i = 0; i < 40000; i++) {
        const int32_t t = pick_of(s, x, allowed).token;
        CHECK(sampler_accept(s, t, NULL) == OK);
        seen[t]++;
    }
    for (uint32_t i = 0; i < N; i++) {
        CHECK(p[i] > 0 || seen[i] == 0);
        const double want = p[i] / total * 40000;
        if (p[i] > 0) chi += (seen[i] - want) * (seen[i] - want) / want;
    }
    CHECK_SAY(chi < 140, "chi-square %g in 68 bins", chi);
    for (uint32_t only = 0; only < N; only++) { /* a single token, for all modes */
        memset(allowed, 0, sizeof allowed);
        allowed[only / 64] = 1ull << (only % 64);
        sampler_set_greedy(s, only % 2);
        CHECK(pick_of(s, x, allowed).token == (int32_t)only);
    }
    sampler_free(s);
}

TEST(nothing_allowed_is_an_error_and_leaves_the_result_alone) {
    float x[70] = {0};
    const uint64_t none[2] = {0, ~63ull}; /* bits 70 on are no tokens */
    const sampler_bias never[] = {{0, -INFINITY}, {1, -INFINITY}};
    sampler_options o = sampler_defaults();
    sampler *s = with(&o, 70);
    sampler_result r = {.token = 77};
    err e = {0};
    CHECK(sampler_pick(s, x, none, &r, &e) == E_USAGE && r.token == 77);
    CHECK_SAY(strstr(e.text, "no token is left"), "%s", e.text);
    CHECK(pick(s, x) >= 0); /* and the sampler goes on */
    sampler_free(s);
    o.bias = never;
    o.n_bias = 2;
    s = with(&o, 2);
    CHECK(sampler_pick(s, x, NULL, &r, &e) == E_USAGE && r.token == 77);
    sampler_free(s);
}

TEST(penalties_act_between_bias_and_draw) {
    const sampler_bias bias[] = {{1, 5}};
    float x[3] = {3, -1, 2}; /* biased: 3 4 2 */
    sampler_options o = sampler_defaults();
    o.temperature = 0;
    o.bias = bias;
    o.n_bias = 1;
    o.repetition_penalty = 2;
    sampler *s = with(&o, 3);
    CHECK(pick(s, x) == 1);
    CHECK(sampler_prompt(s, (int32_t[]){1}, 1, NULL) == OK); /* 3 2 2: the bias is divided too */
    CHECK(next(s, x) == 0);                                  /* 1.5 2 2 */
    CHECK(next(s, x) == 1);
    CHECK(next(s, x) == 1); /* once for good */
    CHECK(sampler_accept(s, 2, NULL) == OK);
    CHECK(next(s, x) == 1); /* 1.5 2 1 */
    sampler_free(s);
}

TEST(forced_greedy_steps_ignore_penalties_and_pass_a_position) {
    enum { N = 500, LEN = 30 };
    static float x[LEN][N];
    sampler_options o = sampler_defaults();
    int32_t plain[LEN];
    for (int i = 0; i < LEN; i++) fill(x[i], N, 1);
    sampler *s = with(&o, N);
    for (int i = 0; i < LEN; i++) plain[i] = next(s, x[i]);
    sampler_free(s);
    s = with(&o, N);
    for (int i = 0; i < LEN; i++) {
        sampler_set_greedy(s, i % 3 == 1);
        const int32_t t = next(s, x[i]);
        int32_t best = 0;
        for (int32_t j = 1; j < N; j++) best = x[i][j] > x[i][best] ? j : best;
        CHECK(t == (i % 3 == 1 ? best : plain[i]));
    }
    sampler_free(s);

    const float y[2] = {1, 0.9f};
    o.frequency_penalty = 2;
    o.temperature = 0;
    s = with(&o, 2);
    CHECK(next(s, y) == 0 && pick(s, y) == 1);
    sampler_set_greedy(s, true);
    CHECK(pick(s, y) == 0);
    sampler_set_greedy(s, false);
    CHECK(pick(s, y) == 1);
    sampler_free(s);
}

/* ---- log probabilities ---- */

TEST(logprobs_are_the_models_own_whatever_is_done_to_the_logits) {
    enum { N = 2000 };
    float x[N];
    const sampler_bias bias[] = {{7, 30}};
    uint64_t allowed[(N + 63) / 64];
    memset(allowed, 0xff, sizeof allowed);
    for (int mode = 0; mode < 6; mode++) {
        sampler_options o = sampler_defaults();
        o.n_logprobs = 20;
        o.seed = (uint64_t)mode;
        if (mode == 1) o.temperature = 0;
        if (mode == 2) o.temperature = 1.7;
        if (mode == 3) o.top_p = 0.5;
        if (mode == 4) o.repetition_penalty = 1.5;
        if (mode == 5) o.bias = bias, o.n_bias = 1;
        sampler *s = with(&o, N);
        for (int step = 0; step < 20; step++) {
            fill(x, N, step % 2 ? 1 : 6);
            if (step % 5 == 4)
                for (int i = 0; i < N; i++) x[i] = floorf(x[i]);
            double total = 0, max = -INFINITY;
            for (int i = 0; i < N; i++) max = fmax(max, (double)x[i]);
            for (int i = 0; i < N; i++) total += exp((double)x[i] - max);
            const sampler_result r = pick_of(s, x, step % 3 ? NULL : allowed);
            CHECK(r.logprob <= 0);
            CHECK(fabs(r.logprob - ((double)x[r.token] - max - log(total))) < 1e-6);
            REQUIRE(r.n_top == 20);
            bool used[N] = {0};
            for (int k = 0; k < 20; k++) {
                int best = -1;
                for (int i = 0; i < N; i++)
                    if (!used[i] && (best < 0 || x[i] > x[best])) best = i;
                used[best] = true;
                CHECK(r.top[k].token == best && r.top[k].logprob <= 0);
                CHECK(fabs(r.top[k].logprob - ((double)x[best] - max - log(total))) < 1e-6);
            }
            if (mode == 1) CHECK(r.top[0].token == r.token && r.top[0].logprob == r.logprob);
            CHECK(sampler_accept(s, r.token, NULL) == OK);
        }
        sampler_free(s);
    }
}

TEST(logprobs_come_in_the_wanted_number) {
    float x[3] = {0, 2, 1};
    sampler_options o = sampler_defaults();
    o.temperature = 0;
    sampler *s = with(&o, 3);
    sampler_result r = pick_of(s, x, NULL);
    CHECK(r.n_top == 0 && r.logprob == 0);
    sampler_free(s);
    o.n_logprobs = 0;
    s = with(&o, 3);
    r = pick_of(s, x, NULL);
    CHECK(r.n_top == 0 && fabs(r.logprob - (2 - log(1 + exp(1) + exp(2)))) < 1e-7);
    sampler_free(s);
    o.n_logprobs = 3;
    s = with(&o, 3);
    r = pick_of(s, x, NULL);
    CHECK(r.n_top == 3 && r.top[2].token == 0);
    sampler_free(s);
    sampler *none = NULL;
    o.n_logprobs = 4;
    CHECK(sampler_new(&none, &o, 3, NULL) == E_USAGE && !none);
}

TEST(a_vocabulary_of_one_and_certain_tokens_have_logprob_zero) {
    sampler_options o = sampler_defaults();
    o.n_logprobs = 1;
    o.top_p = 0.5;
    o.min_p = 0.1;
    const float one[1] = {-3};
    sampler *s = with(&o, 1);
    const sampler_result r = pick_of(s, one, NULL);
    CHECK(r.token == 0 && r.logprob == 0 && r.top[0].logprob == 0);
    sampler_free(s);
    const float sure[3] = {-1000, 1000, -3e38f};
    s = with(&o, 3);
    const sampler_result q = pick_of(s, sure, NULL);
    CHECK(q.token == 1 && q.logprob == 0);
    sampler_free(s);
}

/* ---- errors ---- */

TEST(logits_that_are_not_finite_are_named_and_never_drawn) {
    enum { N = 600 };
    float x[N];
    const float bad[] = {NAN, INFINITY, -INFINITY};
    for (int temperature = 0; temperature < 2; temperature++) {
        sampler_options o = sampler_defaults();
        o.temperature = temperature;
        sampler *s = with(&o, N);
        for (int i = 0; i < N; i += 13) {
            for (int k = 0; k < 3; k++) {
                fill(x, N, 1);
                x[i] = bad[k];
                sampler_result r = {.token = 77};
                err e = {0};
                char want[40];
                snprintf(want, sizeof want, "token %d is ", i);
                CHECK(sampler_pick(s, x, NULL, &r, &e) == E_DEVICE && r.token == 77);
                CHECK_SAY(strstr(e.text, want), "%s", e.text);
            }
        }
        sampler_free(s);
    }
}

TEST(options_out_of_range_are_refused_by_name) {
    const sampler_bias outside[] = {{10, 1}}, below[] = {{-1, 1}}, nan_bias[] = {{1, NAN}},
                       huge[] = {{1, INFINITY}};
    const struct {
        sampler_options o;
        const char *word;
    } cases[] = {
        {{.temperature = -0.1}, "temperature -0.1"},
        {{.temperature = NAN}, "temperature"},
        {{.temperature = INFINITY}, "temperature"},
        {{.top_p = 1.1}, "top_p 1.1"},
        {{.top_p = -1}, "top_p"},
        {{.top_p = NAN}, "top_p"},
        {{.min_p = 2}, "min_p"},
        {{.n_logprobs = -2}, "log probabilities"},
        {{.n_logprobs = 11}, "log probabilities"},
        {{.bias = outside, .n_bias = 1}, "token 10"},
        {{.bias = below, .n_bias = 1}, "token -1"},
        {{.bias = nan_bias, .n_bias = 1}, "bias"},
        {{.bias = huge, .n_bias = 1}, "bias"},
        {{.repetition_penalty = 0}, "repetition"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sampler *s = NULL;
        err e = {0};
        CHECK(sampler_new(&s, &cases[i].o, 10, &e) == E_USAGE && s == NULL);
        CHECK_SAY(strstr(e.text, cases[i].word), "%zu: %s", i, e.text);
    }
    const sampler_options o = sampler_defaults();
    sampler *s = NULL;
    CHECK(sampler_new(&s, &o, 0, NULL) == E_USAGE && s == NULL);
}

TEST(tokens_outside_the_vocabulary_and_late_prompts_are_refused) {
    sampler_options o = sampler_defaults();
    o.presence_penalty = 1;
    sampler *s = with(&o, 10);
    err e = {0};
    CHECK(sampler_accept(s, 10, &e) == E_USAGE && strstr(e.text, "token 10"));
    CHECK(sampler_accept(s, -1, &e) == E_USAGE && sampler_position(s) == 0);
    CHECK(sampler_prompt(s, (int32_t[]){1, 99}, 2, &e) == E_USAGE);
    CHECK(sampler_accept(s, 9, &e) == OK && sampler_position(s) == 1);
    CHECK(sampler_prompt(s, (int32_t[]){1}, 1, &e) == E_USAGE);
    sampler_free(s);
    sampler_free(NULL);
}

TESTS_MAIN
