/* sampler: what picking a token costs, with the real vocabulary of 129280 tokens.
 *
 *     make bench && build/bench/sampler
 *
 * Rows of two kinds, fixed seed: `sure`, probabilities falling as rank^-1.6, where a nucleus of
 * 0.95 holds some ninety tokens, more than a language model mostly gives; and `open`, normal logits
 * of spread 1, where it holds some ninety thousand. One thread, the best of several passes over
 * eight rows.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "sample/loop_guard.h"
#include "sample/sampler.h"
#include "sample/stop.h"

enum { VOCAB = 129280, ROWS = 8, PASSES = 25, HISTORY = 4096 };

static double uniform(void) { return (rand() + 0.5) / (RAND_MAX + 1.0); }

static float *rows(void) {
    float *x = malloc((size_t)ROWS * VOCAB * sizeof *x);
    if (!x) exit(1);
    return x;
}

static float *open_rows(void) {
    float *x = rows();
    for (size_t i = 0; i < (size_t)ROWS * VOCAB; i++)
        x[i] = (float)(sqrt(-2 * log(uniform())) * cos(6.283185307179586 * uniform()));
    return x;
}

static float *sure_rows(void) {
    float *x = rows();
    for (size_t r = 0; r < ROWS; r++) {
        float *row = x + r * VOCAB;
        for (size_t i = 0; i < VOCAB; i++) { /* ranks in random order */
            const size_t j = (size_t)rand() % (i + 1);
            row[i] = row[j];
            row[j] = (float)(-1.6 * log((double)i + 1));
        }
    }
    return x;
}

/* Milliseconds a pick. */
static double measure(const sampler_options *o, const float *x, const uint64_t *allowed) {
    sampler *s;
    err e;
    sampler_result r = {0};
    if (sampler_new(&s, o, VOCAB, &e) != OK) {
        fprintf(stderr, "%s\n", e.text);
        exit(1);
    }
    for (int i = 0; i < HISTORY; i++) sampler_accept(s, (int32_t)(rand() % 3000), NULL);
    double best = 1e9;
    for (int pass = 0; pass < PASSES; pass++) {
        const double start = clock_seconds();
        for (size_t row = 0; row < ROWS; row++) {
            if (sampler_pick(s, x + row * VOCAB, allowed, &r, NULL) != OK) exit(1);
            sampler_accept(s, r.token, NULL);
        }
        const double took = (clock_seconds() - start) / ROWS * 1e3;
        if (took < best) best = took;
    }
    sampler_free(s);
    return best;
}

static void both(const char *name, const sampler_options *o, float *const x[2], const uint64_t *m) {
    printf("%-44s %6.3f ms  %6.3f ms\n", name, measure(o, x[0], m), measure(o, x[1], m));
}

/* The other watchers of a stream, for a token of four bytes. */
static void small_things(void) {
    static const stop_string strings[] = {{"\n\nHuman:", 8}, {"Observation:", 12}, {"</answer>", 9},
                                          {"```", 3}};
    static loop_guard g;
    const loop_guard_options lo = loop_guard_defaults(false);
    stop *s;
    stop_text t;
    enum { N = 200000 };
    uint32_t looping = 0;
    if (stop_new(&s, strings, 4, NULL) != OK || loop_guard_init(&g, &lo, NULL) != OK) exit(1);
    const double start = clock_seconds();
    for (int i = 0; i < N; i++) stop_feed(s, "text", 4, &t, NULL);
    const double middle = clock_seconds();
    for (int i = 0; i < N; i++) looping += loop_guard_add(&g, rand() % 1000).looping;
    const double end = clock_seconds();
    printf("%-44s %6.3f us\n", "4 stop strings, a token", (middle - start) / N * 1e6);
    printf("%-44s %6.3f us%s\n", "loop guard, a token", (end - middle) / N * 1e6,
           looping ? " (looping)" : "");
    stop_free(s);
}

int main(void) {
    float *const x[2] = {sure_rows(), open_rows()};
    uint64_t *allowed = malloc((VOCAB / 64 + 1) * sizeof *allowed);
    if (!allowed) return 1;
    for (size_t i = 0; i <= VOCAB / 64; i++) allowed[i] = i % 7 ? 0 : 0xffff00ff00000000u;
    printf("%-44s %9s  %9s\n", "", "sure", "open");

    sampler_options o = sampler_defaults();
    o.temperature = 0;
    both("greedy", &o, x, NULL);
    o.n_logprobs = 20;
    both("greedy, 20 log probabilities", &o, x, NULL);

    o = sampler_defaults();
    both("temperature", &o, x, NULL);
    o.top_p = 0.95;
    both("temperature, top_p 0.95", &o, x, NULL);
    o.n_logprobs = 20;
    both("temperature, top_p 0.95, 20 log prob.", &o, x, NULL);
    o = sampler_defaults();
    o.top_k = 40;
    both("temperature, top_k 40", &o, x, NULL);
    o.top_p = 0.95;
    o.min_p = 0.05;
    both("temperature, top_k 40, top_p, min_p", &o, x, NULL);
    o = sampler_defaults();
    o.top_k = 2000;
    both("temperature, top_k 2000", &o, x, NULL);
    o = sampler_defaults();
    o.min_p = 0.05;
    both("temperature, min_p 0.05", &o, x, NULL);

    o = sampler_defaults();
    o.top_p = 0.95;
    both("top_p 0.95, a mask", &o, x, allowed);
    o.repetition_penalty = 1.1;
    both("top_p 0.95, repetition of 4096 tokens", &o, x, NULL);
    o = sampler_defaults();
    o.top_p = 0.95;
    o.dry_multiplier = 0.8;
    both("top_p 0.95, DRY over 4096 tokens", &o, x, NULL);
    small_things();
    free(x[0]);
    free(x[1]);
    free(allowed);
    return 0;
}
