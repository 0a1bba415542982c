#include "talk/turn.h"

#include <stdlib.h>
#include <string.h>

#include "sample/budget.h"
#include "sample/loop_guard.h"
#include "text/tokens.h"
#include "text/utf8_stream.h"

enum { TAIL = 16 /* bytes that budget_sentence_end wants */ };

typedef struct queued {
    reply_event ev;
    size_t at; /* of its text in `text` */
} queued;

struct turn {
    const tokenizer *vocab;
    turn_options o;
    sampler *pick;
    budget think;
    int32_t forced; /* by the budget: the next token, or BUDGET_FREE */
    loop_guard guard;
    bool guarded;
    reply *parts; /* NULL when raw */
    utf8_stream raw;
    stop *stops; /* NULL: none */
    int32_t stop_found;
    turn_end end;
    tokens made;
    char tail[TAIL]; /* of the text so far */
    size_t n_tail;

    queued *events;
    size_t n_events, events_cap, taken;
    buf text;   /* of the events */
    buf pieces; /* scratch       */
    bool failed;
};

turn_options turn_defaults(void) { return (turn_options){.sampling = sampler_defaults()}; }

static status start_stops(turn *t, err *e) {
    if (t->o.n_stops == 0) return OK;
    return stop_new(&t->stops, t->o.stops, t->o.n_stops, e);
}

static void start_budget(turn *t) {
    static const char closing[] = "</think>";
    const uint64_t left = t->o.max_tokens && t->o.max_tokens < t->o.room ? t->o.max_tokens : t->o.room;
    const budget_options b = {.close_token = tok_find_added(t->vocab, closing, sizeof closing - 1),
                              .soft = t->o.think_soft, .hard = t->o.think_hard, .left = left,
                              .reserve = t->o.reserve};
    t->forced = BUDGET_FREE;
    if (t->o.thinking && !t->o.raw && b.close_token >= 0) t->forced = budget_start(&t->think, &b);
}

static status start_guard(turn *t, err *e) {
    const bool greedy = t->o.sampling.temperature < 1e-5;
    t->guarded = t->o.guard == TURN_GUARD_ON || (t->o.guard == TURN_GUARD_DEFAULT && !greedy);
    const loop_guard_options g = loop_guard_defaults(false);
    return loop_guard_init(&t->guard, &g, e);
}

status turn_new(turn **out, const tokenizer *vocab, uint32_t n_vocab, const turn_options *o, const int32_t *prompt,
                size_t n_prompt, err *e) {
    turn *t = calloc(1, sizeof *t);
    if (!t) return fail(e, E_NOMEM, "turn: out of memory");
    t->vocab = vocab;
    t->o = *o;
    t->stop_found = STOP_NONE;
    status st = sampler_new(&t->pick, &o->sampling, n_vocab, e);
    if (st == OK) st = sampler_prompt(t->pick, prompt, n_prompt, e);
    if (st == OK) st = start_stops(t, e);
    if (st == OK) st = start_guard(t, e);
    if (st == OK && !o->raw) {
        const reply_options r = {.thinking = o->thinking, .tokens = true, .no_calls = o->no_calls, .stream_calls = o->stream_calls,
                                 .id_prefix = o->id_prefix, .chat = o->chat};
        st = reply_new(&t->parts, &r, e);
    }
    if (st != OK) {
        turn_free(t);
        return st;
    }
    start_budget(t);
    *out = t;
    return OK;
}

void turn_free(turn *t) {
    if (!t) return;
    sampler_free(t->pick);
    reply_free(t->parts);
    stop_free(t->stops);
    tokens_free(&t->made);
    free(t->events);
    buf_free(&t->text);
    buf_free(&t->pieces);
    free(t);
}

/* ------------------------------------------------------------------ events */

static void queue(turn *t, const reply_event *ev, const char *p, size_t n) {
    if (t->n_events == t->events_cap) {
        const size_t cap = t->events_cap ? t->events_cap * 2 : 32;
        queued *q = realloc(t->events, cap * sizeof *q);
        if (!q) {
            t->failed = true;
            return;
        }
        t->events = q;
        t->events_cap = cap;
    }
    t->events[t->n_events] = (queued){.ev = *ev, .at = t->text.n};
    t->events[t->n_events++].ev.n = n;
    buf_add(&t->text, p, n);
    t->failed |= t->text.failed;
}

/* Visible text goes past the stop strings. What follows a found one is not told. */
static void queue_visible(turn *t, const reply_event *ev, const char *p, size_t n) {
    if (t->stop_found != STOP_NONE) return;
    if (!t->stops) {
        queue(t, ev, p, n);
        return;
    }
    stop_text s;
    if (stop_feed(t->stops, p, n, &s, NULL) != OK) {
        t->failed = true;
        return;
    }
    if (s.n) queue(t, ev, s.text, s.n);
    t->stop_found = s.found;
}

/* No more visible text comes before what follows: what the stop strings held back is due. */
static void release_visible(turn *t) {
    if (!t->stops || t->stop_found != STOP_NONE) return;
    stop_text s;
    const reply_event ev = {.kind = REPLY_TEXT};
    stop_end(t->stops, &s);
    if (s.n) queue(t, &ev, s.text, s.n);
    t->stop_found = s.found;
}

static void pump(turn *t) {
    reply_event ev;
    while (t->parts && reply_next(t->parts, &ev)) {
        if (ev.kind == REPLY_TEXT) {
            queue_visible(t, &ev, ev.text, ev.n);
        } else if (ev.kind == REPLY_END) {
            release_visible(t);
            queue(t, &ev, NULL, 0);
        } else if (t->stop_found == STOP_NONE) {
            queue(t, &ev, ev.text, ev.n);
        }
    }
}

static void forget_taken(turn *t) {
    if (t->taken < t->n_events) return;
    t->taken = t->n_events = 0;
    buf_clear(&t->text);
}

bool turn_event(turn *t, reply_event *ev) {
    if (t->taken == t->n_events) return false;
    const queued *q = &t->events[t->taken++];
    *ev = q->ev;
    ev->text = t->text.data ? t->text.data + q->at : "";
    return true;
}

/* ------------------------------------------------------------------ tokens */

static void remember_tail(turn *t, tok_str s) {
    if (s.n == 0) return;
    const size_t n = s.n < TAIL ? s.n : TAIL, keep = t->n_tail + n > TAIL ? TAIL - n : t->n_tail;
    memmove(t->tail, t->tail + t->n_tail - keep, keep);
    memcpy(t->tail + keep, s.p + s.n - n, n);
    t->n_tail = keep + n;
}

static void feed_raw(turn *t, int32_t id, tok_str s) {
    const reply_event ev = {.kind = REPLY_TEXT};
    buf_clear(&t->pieces);
    if (id != tok_eos(t->vocab)) utf8_stream_feed(&t->raw, s.p, s.n, &t->pieces);
    if (t->pieces.n) queue_visible(t, &ev, t->pieces.data, t->pieces.n);
    t->failed |= t->pieces.failed;
}

static bool model_ended(const turn *t, int32_t id) {
    return id == tok_eos(t->vocab) || (t->parts && reply_stopped(t->parts));
}

static turn_end end_after(turn *t, int32_t id) {
    const uint64_t n = t->made.n;
    if (t->stop_found != STOP_NONE) return TURN_STOP_STRING;
    if (model_ended(t, id)) return TURN_STOP;
    if (t->guarded && loop_guard_add(&t->guard, id).looping) return TURN_LOOP;
    /* The last token must still be computed for a next one to come. */
    if ((t->o.max_tokens && n >= t->o.max_tokens) || n >= t->o.room) return TURN_LENGTH;
    return TURN_GOES_ON;
}

static status finish(turn *t, turn_end why, err *e) {
    const reply_event last = {.kind = REPLY_END, .finish = why == TURN_LENGTH ? REPLY_LENGTH : REPLY_STOP};
    t->end = why;
    if (t->parts) {
        const status st = reply_end(t->parts, why != TURN_STOP, e);
        if (st != OK) return st;
        pump(t);
        if (why == TURN_STOP && t->n_events && t->events[t->n_events - 1].ev.finish == REPLY_CALLS) t->end = TURN_CALLS;
    } else {
        buf_clear(&t->pieces);
        utf8_stream_end(&t->raw, &t->pieces);
        const reply_event ev = {.kind = REPLY_TEXT};
        if (t->pieces.n) queue_visible(t, &ev, t->pieces.data, t->pieces.n);
        release_visible(t);
        queue(t, &last, NULL, 0);
    }
    if (t->stop_found != STOP_NONE && (t->end == TURN_STOP || t->end == TURN_LENGTH)) t->end = TURN_STOP_STRING;
    return t->failed ? fail(e, E_NOMEM, "turn: out of memory") : OK;
}

static status take(turn *t, int32_t id, err *e) {
    const tok_str s = tok_bytes(t->vocab, id);
    forget_taken(t);
    if (!tokens_add(&t->made, id)) return fail(e, E_NOMEM, "turn: out of memory");
    status st = sampler_accept(t->pick, id, e);
    if (st != OK) return st;
    remember_tail(t, s);
    if (t->forced != BUDGET_FREE || t->think.thinking)
        t->forced = budget_step(&t->think, id, budget_sentence_end(t->tail, t->n_tail));
    if (t->o.raw) feed_raw(t, id, s);
    else if (tok_is_added(t->vocab, id)) reply_control(t->parts, s.p, s.n);
    else reply_feed(t->parts, s.p, s.n);
    pump(t);
    if (t->parts) sampler_set_greedy(t->pick, reply_in_markup(t->parts));
    const turn_end why = end_after(t, id);
    if (why != TURN_GOES_ON) return finish(t, why, e);
    return t->failed ? fail(e, E_NOMEM, "turn: out of memory") : OK;
}

status turn_next(turn *t, const float *logits, turn_token *out, err *e) {
    if (!turn_running(t)) return fail(e, E_USAGE, "turn: it has ended");
    turn_token k = {.id = t->forced, .forced = t->forced != BUDGET_FREE};
    if (!k.forced || t->o.sampling.n_logprobs >= 0) {
        const status st = sampler_pick(t->pick, logits, NULL, &k.picked, e);
        if (st != OK) return st;
        if (!k.forced) k.id = k.picked.token;
    }
    const status st = take(t, k.id, e);
    if (st == OK) *out = k;
    return st;
}

status turn_cancel(turn *t, err *e) {
    if (!turn_running(t)) return OK;
    return finish(t, TURN_CANCELLED, e);
}

bool turn_running(const turn *t) { return t->end == TURN_GOES_ON; }
turn_end turn_why(const turn *t) { return t->end; }
int32_t turn_stop_found(const turn *t) { return t->stop_found; }

const int32_t *turn_tokens(const turn *t, size_t *n) {
    *n = t->made.n;
    return t->made.id;
}

uint64_t turn_thinking_tokens(const turn *t) { return t->think.n_thinking; }
const reply *turn_reply(const turn *t) { return t->parts; }
