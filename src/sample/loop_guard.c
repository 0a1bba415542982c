#include "sample/loop_guard.h"

#include <stddef.h>
#include <string.h>

loop_guard_options loop_guard_defaults(bool greedy) {
    return (loop_guard_options){
        .max_period = greedy ? 0 : LOOP_PERIOD_MAX,
        .min_repeats = 12,
        .min_tokens = 4096,
    };
}

status loop_guard_init(loop_guard *g, const loop_guard_options *o, err *e) {
    if (o->max_period > LOOP_PERIOD_MAX)
        return fail(e, E_USAGE, "loop guard: period %u: give 0 (off) to %d", o->max_period,
                    LOOP_PERIOD_MAX);
    if (o->min_repeats < 2)
        return fail(e, E_USAGE, "loop guard: %u repeats: give 2 or more", o->min_repeats);
    *g = (loop_guard){.o = *o};
    return OK;
}

/* The tokens lie in a row, so that the one p before has one address; when the row is full, its
 * second half becomes the first. */
static void keep(loop_guard *g, int32_t token) {
    if (g->n == 2 * LOOP_PERIOD_MAX) {
        memcpy(g->last, g->last + LOOP_PERIOD_MAX, LOOP_PERIOD_MAX * sizeof *g->last);
        g->n = LOOP_PERIOD_MAX;
    }
    g->last[g->n++] = token;
}

loop_verdict loop_guard_add(loop_guard *g, int32_t token) {
    const uint32_t periods = g->o.max_period < g->n ? g->o.max_period : g->n;
    const int32_t *const end = g->last + g->n;
    uint32_t period = 0;
    for (uint32_t p = periods; p > 0; p--) {
        g->same[p] = end[-(ptrdiff_t)p] == token ? g->same[p] + 1 : 0;
        const uint64_t length = (uint64_t)g->same[p] + p; /* with the first round */
        if (length >= g->o.min_tokens && length >= (uint64_t)g->o.min_repeats * p) period = p;
    }
    keep(g, token);
    if (period == 0) return (loop_verdict){false, 0, 0};
    return (loop_verdict){true, period, (g->same[period] + period) / period};
}
