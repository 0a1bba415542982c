/* sweep: an engine timed at growing depths of context.
 *
 *     0 ---- prefill ----> c1 ---- prefill ----> c2 ...        each interval timed
 *                          |                     |
 *                          +-> decode, back      +-> decode, back
 *
 * At each context the newest interval is prefilled, then so many tokens are decoded one by one and
 * the sessions go back to where they were. With repeats each part is done several times from the
 * same place. Several sessions are prefilled one after the other and decoded together.
 *
 * What is fed is the text, over and over, and then decoding is greedy; without a text random ids,
 * while prefilling and decoding: random weights say the same word again and again, and its experts
 * would stay in the caches.
 */
#ifndef DS4_APPS_TIMING_SWEEP_H
#define DS4_APPS_TIMING_SWEEP_H

#include <stddef.h>
#include <stdbool.h>
#include <stdint.h>

#include "apps/timing/profile.h"
#include "apps/timing/statistics.h"
#include "engine/session.h"

enum { SWEEP_CONTEXTS = 4096 };

/* start, then steps of `incr` tokens, or `mul` times as many where incr is 0 (mul > 1, at least one
 * token more), and `max` last. Returns how many, 0 if there are more than SWEEP_CONTEXTS. */
size_t sweep_contexts(uint32_t out[SWEEP_CONTEXTS], uint32_t start, uint32_t max, uint32_t incr,
                      double mul);

typedef struct sweep_spec {
    const uint32_t *contexts; /* rising */
    size_t n_contexts;
    uint32_t gen, sessions, repeats; /* repeats <= STATISTICS_MOST */
    uint32_t warmup;                 /* tokens that are run before anything is timed */
    const int32_t *text;             /* NULL: random ids */
    size_t n_text;
    uint64_t seed;
    profile_port *port;                  /* NULL: no profile */
    profile *warming, *prefill, *decode; /* who counts; each may be NULL */
} sweep_spec;

typedef struct sweep_row {
    uint32_t context, prefilled, generated; /* tokens of each session */
    summary prefill, gen;                   /* tokens a second, of all sessions together */
    uint64_t kv_bytes, peak_bytes; /* pages and states of all sessions; the most the process held */
} sweep_row;

/* What the caller hears; `row` may fail, which ends the sweep. */
typedef struct sweep_listener {
    status (*row)(void *self, const sweep_row *r, err *e);
    void (*progress)(void *self, uint64_t done, uint64_t total); /* tokens of all sessions */
    bool (*stop)(void *self);
    void *self;
} sweep_listener;

status sweep_run(engine *en, const sweep_spec *s, const sweep_listener *l, err *e);

#endif
