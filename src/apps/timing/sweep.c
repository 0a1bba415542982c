#include "apps/timing/sweep.h"

#include <math.h>
#include <stdlib.h>

#include "apps/timing/machine.h"
#include "base/clock.h"

size_t sweep_contexts(uint32_t out[SWEEP_CONTEXTS], uint32_t start, uint32_t max, uint32_t incr,
                      double mul) {
    size_t n = 0;
    for (double at = start; n < SWEEP_CONTEXTS; n++) {
        out[n] = at < max ? (uint32_t)at : max;
        if (out[n] == max) return n + 1;
        const double next = incr ? at + incr : ceil(at * mul);
        at = next > at ? next : at + 1;
    }
    return 0;
}

typedef struct sweep {
    engine *en;
    const sweep_spec *s;
    const sweep_listener *l;
    session **sessions;
    int32_t *ids;
    uint32_t n_ids;
    row *rows;     /* of a decode step           */
    int32_t *next; /* the token of each session  */
    double *rates; /* [repeats]                  */
    uint64_t done, total;
} sweep;

/* ------------------------------------------------------------------ what is fed */

static uint64_t next_u64(uint64_t *state) { /* splitmix64 */
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static void make_ids(sweep *w) {
    const uint32_t n_vocab = engine_plan(w->en)->shape->n_vocab;
    uint64_t rng = w->s->seed;
    for (uint32_t i = 0; i < w->n_ids; i++)
        w->ids[i] = w->s->text ? w->s->text[i % w->s->n_text] : (int32_t)(next_u64(&rng) % n_vocab);
}

/* Sessions read the same ids from different places on, so that their experts differ. */
static int32_t id_at(const sweep *w, uint32_t which, uint32_t pos) {
    return w->ids[(pos + (uint64_t)which * 997) % w->n_ids];
}

static bool is_stopped(void *self) {
    const sweep *w = self;
    return w->l->stop && w->l->stop(w->l->self);
}

static void tell(const sweep *w, uint64_t more) {
    if (w->l->progress) w->l->progress(w->l->self, w->done + more, w->total);
}

static void tell_feed(void *self, uint32_t done, uint32_t total) {
    (void)total;
    tell(self, done);
}

static void count_with(const sweep *w, profile *f) {
    if (w->s->port) w->s->port->to = f;
}

/* ------------------------------------------------------------------ the parts that are timed */

static status feed(sweep *w, uint32_t which, uint32_t to, double *seconds, err *e) {
    session *s = w->sessions[which];
    const control c = {.stop = is_stopped, .progress = tell_feed, .self = w};
    const uint32_t from = session_pos(s), n = to - from;
    int32_t *ids = malloc(n * sizeof *ids + 1);
    if (!ids) return fail(e, E_NOMEM, "out of memory");
    for (uint32_t i = 0; i < n; i++) ids[i] = id_at(w, which, from + i);
    const double start = clock_seconds();
    const status st = session_feed(s, ids, n, &c, e);
    *seconds += clock_seconds() - start;
    free(ids);
    if (st == OK) w->done += n;
    return st;
}

static void go_back(sweep *w, uint32_t to) {
    for (uint32_t i = 0; i < w->s->sessions; i++) session_rewind(w->sessions[i], to);
}

static status prefill(sweep *w, uint32_t from, uint32_t to, summary *out, err *e) {
    status st = OK;
    for (uint32_t r = 0; r < w->s->repeats && st == OK; r++) {
        double seconds = 0;
        if (r) go_back(w, from);
        count_with(w, w->s->prefill);
        for (uint32_t i = 0; i < w->s->sessions && st == OK; i++) st = feed(w, i, to, &seconds, e);
        count_with(w, NULL);
        w->rates[r] = seconds > 0 ? (double)(to - from) * w->s->sessions / seconds : 0;
    }
    if (st == OK) *out = summarize(w->rates, w->s->repeats);
    return st;
}

static int32_t best_of(const float *logits, uint32_t n) {
    uint32_t best = 0;
    for (uint32_t i = 1; i < n; i++)
        if (logits[i] > logits[best]) best = i;
    return (int32_t)best;
}

static status decode_once(sweep *w, uint32_t from, double *seconds, err *e) {
    const uint32_t n = w->s->sessions, n_vocab = engine_plan(w->en)->shape->n_vocab;
    for (uint32_t k = 0; k < n; k++) w->next[k] = id_at(w, k, from);
    const double start = clock_seconds();
    for (uint32_t t = 0; t < w->s->gen; t++) {
        if (is_stopped(w)) return fail(e, E_CANCELLED, "stopped");
        for (uint32_t k = 0; k < n; k++) w->rows[k] = (row){w->sessions[k], w->next[k], true};
        const status st = engine_step(w->en, w->rows, n, e);
        if (st != OK) return st;
        for (uint32_t k = 0; k < n; k++)
            w->next[k] =
                w->s->text ? best_of(engine_logits(w->en, k), n_vocab) : id_at(w, k, from + t + 1);
        w->done += n;
        tell(w, 0);
    }
    *seconds = clock_seconds() - start;
    return OK;
}

static status decode(sweep *w, uint32_t from, summary *out, err *e) {
    status st = OK;
    for (uint32_t r = 0; r < w->s->repeats && st == OK; r++) {
        double seconds = 0;
        count_with(w, w->s->decode);
        st = decode_once(w, from, &seconds, e);
        count_with(w, NULL);
        go_back(w, from);
        w->rates[r] = seconds > 0 ? (double)w->s->gen * w->s->sessions / seconds : 0;
    }
    if (st == OK) *out = summarize(w->rates, w->s->repeats);
    return st;
}

/* ------------------------------------------------------------------ the whole */

/* Touches the weights, wakes the threads, and shows how even the routing is. */
static status warm_up(sweep *w, err *e) {
    double seconds = 0;
    status st = OK;
    if (w->s->warmup == 0) return OK;
    const uint32_t last = w->s->contexts[w->s->n_contexts - 1];
    count_with(w, w->s->warming);
    st = feed(w, 0, w->s->warmup < last ? w->s->warmup : last, &seconds, e);
    count_with(w, NULL);
    go_back(w, 0);
    w->done = 0;
    return st;
}

static status keep_all(sweep *w, uint32_t instead_of, err *e) {
    status st = OK;
    for (uint32_t i = 0; i < w->s->sessions && st == OK; i++) {
        st = session_keep(w->sessions[i], e);
        if (instead_of) session_unkeep(w->sessions[i], instead_of);
    }
    return st;
}

static status run_context(sweep *w, uint32_t before, uint32_t context, err *e) {
    sweep_row r = {.context = context, .prefilled = context - before, .generated = w->s->gen};
    status st = prefill(w, before, context, &r.prefill, e);
    if (st == OK) st = keep_all(w, before, e);
    if (st == OK && w->s->gen) st = decode(w, context, &r.gen, e);
    if (st != OK) return st;
    r.kv_bytes = plan_context_bytes(engine_plan(w->en), context) * w->s->sessions;
    r.peak_bytes = machine_peak_bytes();
    return w->l->row(w->l->self, &r, e);
}

static status make(sweep *w, err *e) {
    const sweep_spec *s = w->s;
    w->n_ids = s->contexts[s->n_contexts - 1] + s->gen + 1;
    w->total = (uint64_t)(s->contexts[s->n_contexts - 1] + s->n_contexts * s->gen) * s->sessions;
    w->total *= s->repeats;
    w->sessions = calloc(s->sessions, sizeof *w->sessions);
    w->rows = calloc(s->sessions, sizeof *w->rows);
    w->next = calloc(s->sessions, sizeof *w->next);
    w->rates = calloc(s->repeats, sizeof *w->rates);
    w->ids = malloc((size_t)w->n_ids * sizeof *w->ids);
    if (!w->sessions || !w->rows || !w->next || !w->rates || !w->ids)
        return fail(e, E_NOMEM, "out of memory");
    make_ids(w);
    status st = OK;
    for (uint32_t i = 0; i < s->sessions && st == OK; i++)
        st = session_new(&w->sessions[i], w->en, e);
    return st;
}

status sweep_run(engine *en, const sweep_spec *s, const sweep_listener *l, err *e) {
    sweep w = {.en = en, .s = s, .l = l};
    status st = make(&w, e);
    if (st == OK) st = warm_up(&w, e);
    for (size_t i = 0; i < s->n_contexts && st == OK; i++)
        st = run_context(&w, i ? s->contexts[i - 1] : 0, s->contexts[i], e);
    for (uint32_t i = 0; w.sessions && i < s->sessions; i++) session_free(w.sessions[i]);
    free(w.sessions);
    free(w.rows);
    free(w.next);
    free(w.rates);
    free(w.ids);
    return st;
}
