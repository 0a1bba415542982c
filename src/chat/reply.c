#include "chat/reply.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "chat/dsml.h"
#include "chat/templates.h"

enum {
    BLOCK_LIMIT = 8 << 20,
    HELD_MOST = 4096, /* symbols that wait for what follows: white space and half a tag */
    SPELLED_MOST = 32 /* bytes of the longest control token */
};

/* ---- a list of symbols ---- */

typedef struct symbols {
    uint16_t *v;
    size_t n, cap;
} symbols;

static bool symbols_add(symbols *s, unsigned symbol) {
    if (s->n == s->cap) {
        const size_t cap = s->cap ? s->cap * 2 : 64;
        uint16_t *v = realloc(s->v, cap * sizeof *v);
        if (!v) return false;
        s->v = v;
        s->cap = cap;
    }
    s->v[s->n++] = (uint16_t)symbol;
    return true;
}

/* ---- the reply ---- */

typedef struct queued {
    reply_kind kind;
    size_t at, n, call;
    bool whole;
} queued;

typedef enum place { THINK_START, THINKING, TEXT_START, TEXT, BLOCK, STOPPED } place;

struct reply {
    reply_options o;
    place place;
    bool failed, ended;

    char spelled[SPELLED_MOST]; /* what may become a control token, without `tokens` */
    size_t n_spelled;

    symbols held;  /* text: white space, then from `tag` on what may become an opening tag */
    size_t tag;    /* == held.n: no tag                                                    */
    symbols again; /* of a broken block: its last tag, read once more as text              */
    size_t again_at;

    symbols block; /* all of it, the white space and the tag in front included */
    dsml_reader *reader;
    size_t calls_before, whole_before; /* to go back to */
    bool call_open;

    /* events: those before `visible` can be taken, `taken` have been */
    queued *events;
    size_t n_events, events_cap, visible, taken;
    buf text;
    char half[4]; /* of a character, of kind half_kind */
    size_t n_half;
    reply_kind half_kind;
    size_t n_calls, n_whole;
    char (*ids)[CALL_ID_MOST];
    size_t ids_cap;
    reply_finish finish;

    symbols tail;     /* of the answer: blocks of calls and the white space around them */
    bool tail_broken; /* something else came behind or between them                     */
    bool after_block; /* nothing but white space came since                             */
    buf tail_text;
    replay_mark *marks;
    size_t n_marks;
};

const char *reply_finish_name(reply_finish f) {
    static const char *const names[] = {"stop", "length", "tool_calls"};
    return names[f];
}

status reply_new(reply **out, const reply_options *o, err *e) {
    reply *r = calloc(1, sizeof *r);
    if (!r) return fail(e, E_NOMEM, "reply: out of memory");
    r->o = *o;
    if (r->o.block_limit == 0) r->o.block_limit = BLOCK_LIMIT;
    if (!r->o.id_prefix) r->o.id_prefix = "call_";
    r->place = o->thinking ? THINK_START : TEXT_START;
    *out = r;
    return OK;
}

void reply_free(reply *r) {
    if (!r) return;
    dsml_reader_free(r->reader);
    free(r->held.v);
    free(r->block.v);
    free(r->again.v);
    free(r->tail.v);
    free(r->events);
    free(r->ids);
    free(r->marks);
    buf_free(&r->text);
    buf_free(&r->tail_text);
    free(r);
}

bool reply_stopped(const reply *r) { return r->place == STOPPED; }

bool reply_in_markup(const reply *r) {
    if (r->place == BLOCK) return r->reader && !dsml_in_value(r->reader);
    for (size_t i = r->tag; r->place == TEXT && i < r->held.n; i++)
        if (r->held.v[i] == SYMBOL_DSML) return true;
    return false;
}

/* ---- events ---- */

static queued *queue(reply *r, reply_kind kind) {
    if (r->n_events == r->events_cap) {
        const size_t cap = r->events_cap ? r->events_cap * 2 : 16;
        queued *q = realloc(r->events, cap * sizeof *q);
        if (!q) {
            r->failed = true;
            return NULL;
        }
        r->events = q;
        r->events_cap = cap;
    }
    queued *q = &r->events[r->n_events++];
    *q = (queued){.kind = kind, .at = r->text.n};
    return q;
}

/* Bytes for the latest event if it is of this kind, else for a new one. */
static void queue_text(reply *r, reply_kind kind, const char *p, size_t n) {
    if (n == 0) return;
    queued *q = r->n_events > r->taken ? &r->events[r->n_events - 1] : NULL;
    if (!q || q->kind != kind) q = queue(r, kind);
    if (!q) return;
    buf_add(&r->text, p, n);
    q->n += n;
}

static void tell_half(reply *r) {
    if (r->n_half == 0) return;
    r->n_half = 0;
    queue_text(r, r->half_kind, "\xef\xbf\xbd", 3);
}

/* One byte of text: told when its character is whole. */
static void tell_byte(reply *r, reply_kind kind, char byte) {
    if (r->n_half && r->half_kind != kind) tell_half(r);
    if (r->n_half == 0 && (unsigned char)byte < 0x80) {
        queue_text(r, kind, &byte, 1);
        return;
    }
    r->half[r->n_half++] = byte;
    r->half_kind = kind;
    while (r->n_half) {
        const utf8_char u = utf8_next(r->half, r->n_half);
        if (u.partial) return;
        if (u.valid) queue_text(r, kind, r->half, u.bytes);
        else queue_text(r, kind, "\xef\xbf\xbd", 3);
        r->n_half -= u.bytes;
        memmove(r->half, r->half + u.bytes, r->n_half);
    }
}

static void tell_symbol(reply *r, reply_kind kind, unsigned symbol) {
    if (symbol < 256) {
        tell_byte(r, kind, (char)symbol);
        return;
    }
    if (symbol == SYMBOL_THINK || symbol == SYMBOL_END_THINK) return; /* never shown */
    for (const char *p = symbol_text(symbol); *p; p++) tell_byte(r, kind, *p);
}

/* Everything queued so far can be taken. */
static void show(reply *r) { r->visible = r->n_events; }

bool reply_next(reply *r, reply_event *ev) {
    if (r->taken == r->visible) return false;
    const queued *q = &r->events[r->taken++];
    *ev = (reply_event){.kind = q->kind,
                        .text = r->text.data ? r->text.data + q->at : "",
                        .n = q->n,
                        .call = q->call};
    ev->whole = q->whole;
    ev->finish = r->finish;
    if (q->kind == REPLY_CALL) ev->id = r->ids[q->call];
    return true;
}

/* Before new input: events that were taken make room. */
static void forget_taken(reply *r) {
    if (r->taken == 0) return;
    const size_t at = r->taken < r->n_events ? r->events[r->taken].at : r->text.n;
    memmove(r->events, r->events + r->taken, (r->n_events - r->taken) * sizeof *r->events);
    r->n_events -= r->taken;
    r->visible -= r->taken;
    r->taken = 0;
    if (at == 0) return;
    memmove(r->text.data, r->text.data + at, r->text.n - at);
    r->text.n -= at;
    for (size_t i = 0; i < r->n_events; i++) r->events[i].at -= at;
}

/* ---- calls ---- */

static void on_call(void *self, const char *name, size_t n) {
    reply *r = self;
    if (r->n_calls == r->ids_cap) {
        const size_t cap = r->ids_cap ? r->ids_cap * 2 : 4;
        char(*ids)[CALL_ID_MOST] = realloc(r->ids, cap * sizeof *ids);
        if (!ids) {
            r->failed = true;
            return;
        }
        r->ids = ids;
        r->ids_cap = cap;
    }
    if (call_id_make(r->ids[r->n_calls], r->o.id_prefix, NULL) != OK) r->failed = true;
    queued *q = queue(r, REPLY_CALL);
    if (!q) return;
    q->call = r->n_calls++;
    r->call_open = true;
    q->n = n;
    buf_add(&r->text, name, n);
}

static void on_argument(void *self, const char *json_piece, size_t n) {
    reply *r = self;
    queue_text(r, REPLY_ARGUMENT, json_piece, n);
    if (r->n_events && r->n_calls) r->events[r->n_events - 1].call = r->n_calls - 1;
}

static void end_call(reply *r, bool whole) {
    queued *q = queue(r, REPLY_CALL_END);
    if (!q) return;
    q->call = r->n_calls - 1;
    q->whole = whole;
    r->n_whole += whole;
    r->call_open = false;
}

static void on_call_end(void *self) { end_call(self, true); }

/* ---- text ---- */

static bool is_blank(unsigned s) { return s == ' ' || s == '\n' || s == '\r' || s == '\t'; }

static bool is_stop(unsigned s) { return s == SYMBOL_EOS || s == SYMBOL_BOS || s == SYMBOL_USER; }

static void text_was_told(reply *r) {
    r->after_block = false;
    r->tail_broken |= r->n_calls > 0;
}

static void tell_text(reply *r, unsigned symbol) {
    tell_symbol(r, REPLY_TEXT, symbol);
    text_was_told(r);
}

static void hold(reply *r, unsigned symbol) {
    if (!symbols_add(&r->held, symbol)) r->failed = true;
}

static void tell_held(reply *r, reply_kind kind) {
    for (size_t i = 0; i < r->held.n; i++) {
        if (kind == REPLY_TEXT) tell_text(r, r->held.v[i]);
        else tell_symbol(r, kind, r->held.v[i]);
    }
    r->held.n = r->tag = 0;
}

static void begin_block(reply *r) {
    const dsml_events on = {r, on_call, on_argument, on_call_end};
    tell_half(r);
    show(r);
    r->reader = dsml_reader_new(r->o.chat, &on);
    if (!r->reader) r->failed = true;
    const symbols spare = r->block;
    r->block = r->held;
    r->held = spare;
    r->held.n = r->tag = 0;
    r->calls_before = r->n_calls;
    r->whole_before = r->n_whole;
    r->place = BLOCK;
}

static void text_symbol(reply *r, unsigned symbol) {
    const bool in_tag = r->tag < r->held.n;
    if (!in_tag && is_blank(symbol)) {
        if (r->held.n == HELD_MOST) tell_held(r, REPLY_TEXT);
        hold(r, symbol);
        r->tag = r->held.n;
        return;
    }
    if (!in_tag && (symbol != '<' || r->o.no_calls)) {
        tell_held(r, REPLY_TEXT);
        tell_text(r, symbol);
        return;
    }
    hold(r, symbol);
    if (r->failed) return;
    dsml_marker marker;
    const tag_match m =
        dsml_match_tag(r->held.v + r->tag, r->held.n - r->tag, false, "tool_calls", &marker);
    if (m == TAG_YES) begin_block(r);
    if (m != TAG_NO) return;
    r->held.n--; /* what does not fit may begin anew; it is not alone, `<` always fits */
    tell_held(r, REPLY_TEXT);
    text_symbol(r, symbol);
}

/* ---- blocks ---- */

static void keep_tail(reply *r, const symbols *s) {
    for (size_t i = 0; i < s->n && !r->tail_broken; i++) {
        if (!symbols_add(&r->tail, s->v[i])) r->failed = true;
        r->tail_broken |= r->failed || r->tail.n > 2 * r->o.block_limit;
    }
}

static void end_block(reply *r) {
    dsml_reader_free(r->reader);
    r->reader = NULL;
    r->tail_broken |= r->n_calls == r->calls_before; /* an empty block cannot be told from none */
    keep_tail(r, &r->block);
    r->block.n = 0;
    r->place = TEXT;
    r->after_block = true;
    show(r);
}

/* The block is none. What has not been told comes back as text, up to symbol `resume`; the rest is
 * read again. */
static void break_block(reply *r, size_t resume) {
    const bool told = r->o.stream_calls && r->n_calls > r->calls_before;
    if (told) dsml_abandon(r->reader);
    if (dsml_failed(r->reader)) r->failed = true;
    dsml_reader_free(r->reader);
    r->reader = NULL;
    r->place = TEXT;
    if (told) {
        if (r->call_open) end_call(r, false);
        r->tail_broken = true;
        r->after_block = false;
    } else {
        if (r->n_events > r->visible) r->text.n = r->events[r->visible].at;
        r->n_events = r->visible;
        r->n_calls = r->calls_before;
        r->n_whole = r->whole_before;
        r->call_open = false;
        for (size_t i = 0; i < resume && r->place == TEXT; i++) {
            if (is_stop(r->block.v[i])) r->place = STOPPED;
            else tell_text(r, r->block.v[i]);
        }
    }
    const size_t left = r->block.n - resume;
    if (r->again.n) { /* the block began in what is being read again */
        r->again_at -= left;
    } else {
        for (size_t i = resume; i < r->block.n; i++)
            if (!symbols_add(&r->again, r->block.v[i])) r->failed = true;
    }
    r->block.n = 0;
}

static void block_symbol(reply *r, unsigned symbol) {
    if (!symbols_add(&r->block, symbol)) r->failed = true;
    if (r->failed) return;
    /* Where only spelling counts, an end token may be part of a value; otherwise it is the end. */
    const bool ends = is_stop(symbol) && (r->o.tokens || !dsml_in_value(r->reader));
    const bool large = r->block.n > r->o.block_limit;
    const dsml_state st = ends || large ? DSML_BROKEN : dsml_read(r->reader, symbol);
    if (dsml_failed(r->reader)) r->failed = true;
    if (st == DSML_DONE) end_block(r);
    if (st != DSML_BROKEN) return;
    size_t again = dsml_in_tag(r->reader);
    if (ends || large) again++; /* the reader has not seen the last one */
    break_block(r, r->block.n - (again ? again : 1));
}

/* ---- symbols ---- */

static void stop(reply *r) {
    if (r->place == THINK_START) tell_held(r, REPLY_THINKING);
    if (r->place == TEXT_START) tell_held(r, REPLY_TEXT);
    if (r->place == TEXT && r->after_block && r->tag == r->held.n) keep_tail(r, &r->held);
    else if (r->place == TEXT) tell_held(r, REPLY_TEXT);
    r->held.n = r->tag = 0;
    tell_half(r);
    r->place = STOPPED;
}

static void step(reply *r, unsigned symbol) {
    if (r->place == BLOCK) {
        block_symbol(r, symbol);
        return;
    }
    if (r->place == STOPPED) return;
    if (is_stop(symbol)) {
        stop(r);
        return;
    }
    if (r->place == THINK_START || r->place == TEXT_START) {
        if (is_blank(symbol) && r->held.n < HELD_MOST) {
            hold(r, symbol);
            r->tag = r->held.n;
            return;
        }
        if (symbol == SYMBOL_THINK) {
            r->held.n = r->tag = 0;
            r->place = THINKING;
            return;
        }
        if (r->place == THINK_START) tell_held(r, REPLY_THINKING);
        r->place = r->place == THINK_START ? THINKING : TEXT;
    }
    if (r->place == THINKING) {
        if (symbol == SYMBOL_END_THINK) r->place = TEXT;
        else tell_symbol(r, REPLY_THINKING, symbol);
        return;
    }
    if (symbol == SYMBOL_THINK || symbol == SYMBOL_END_THINK) {
        if (r->tag < r->held.n) tell_held(r, REPLY_TEXT); /* half a tag is none */
        r->tail_broken |= r->n_calls > 0;
        return;
    }
    text_symbol(r, symbol);
}

static void take(reply *r, unsigned symbol) {
    step(r, symbol);
    while (r->again_at < r->again.n && !r->failed) step(r, r->again.v[r->again_at++]);
    r->again.n = r->again_at = 0;
}

/* ---- input ---- */

/* The symbol whose text begins with, or is, these bytes. */
static unsigned spelled_symbol(const char *p, size_t n, bool *whole) {
    for (unsigned s = SYMBOL_DSML; s < SYMBOL_END; s++) {
        const char *text = symbol_text(s);
        const size_t len = strlen(text);
        if (len < n || memcmp(text, p, n) != 0) continue;
        *whole = len == n;
        return s;
    }
    return 0;
}

/* A byte of a text in which spelling counts. */
static void take_spelled(reply *r, char byte) {
    r->spelled[r->n_spelled++] = byte;
    while (r->n_spelled) {
        bool whole = false;
        /* Every control token begins with `<` or with the first byte of a fullwidth bar. */
        const bool may = r->spelled[0] == '<' || r->spelled[0] == '\xef';
        const unsigned symbol = may ? spelled_symbol(r->spelled, r->n_spelled, &whole) : 0;
        if (whole) {
            r->n_spelled = 0;
            take(r, symbol);
        }
        if (symbol) return;
        take(r, (unsigned char)r->spelled[0]);
        memmove(r->spelled, r->spelled + 1, --r->n_spelled);
    }
}

/* After input: what has become certain can be taken. */
static void settle(reply *r) {
    if (r->text.failed) r->failed = true;
    if (r->failed) return;
    if (r->place == BLOCK && r->o.stream_calls) dsml_flush(r->reader);
    if (r->place != BLOCK || r->o.stream_calls) show(r);
}

/* Tells the bytes at the front that can only be text, at once: printable ASCII up to a `<`, and
 * blanks that such a byte follows. Everything else goes byte by byte. Returns how many they
 * were. */
static size_t take_run(reply *r, const char *p, size_t n) {
    if (r->place != TEXT && r->place != THINKING) return 0;
    if (r->n_spelled || r->n_half || r->held.n) return 0;
    size_t run = 0;
    for (size_t i = 0; i < n; i++) {
        const unsigned char c = (unsigned char)p[i];
        if (c > 0x20 && c < 0x7f && c != '<') run = i + 1;
        else if (!is_blank(c)) break;
    }
    if (run == 0) return 0;
    queue_text(r, r->place == TEXT ? REPLY_TEXT : REPLY_THINKING, p, run);
    if (r->place == TEXT) text_was_told(r);
    return run;
}

void reply_feed(reply *r, const char *p, size_t n) {
    forget_taken(r);
    while (n && !r->failed && r->place != STOPPED) {
        size_t done = take_run(r, p, n);
        if (done == 0) {
            if (r->o.tokens) take(r, (unsigned char)*p);
            else take_spelled(r, *p);
            done = 1;
        }
        p += done, n -= done;
    }
    settle(r);
}

void reply_control(reply *r, const char *token, size_t n) {
    bool whole = false;
    const unsigned symbol = spelled_symbol(token, n, &whole);
    if (!whole) {
        reply_feed(r, token, n);
        return;
    }
    forget_taken(r);
    if (!r->failed) take(r, symbol);
    settle(r);
}

static void make_tail(reply *r) {
    size_t n_marks = 0;
    for (size_t i = 0; i < r->tail.n; i++) n_marks += r->tail.v[i] >= 256;
    r->marks = malloc((n_marks + 1) * sizeof *r->marks);
    if (!r->marks) {
        r->failed = true;
        return;
    }
    for (size_t i = 0; i < r->tail.n; i++) {
        const unsigned s = r->tail.v[i];
        const char *text = symbol_text(s);
        if (s >= 256) r->marks[r->n_marks++] = (replay_mark){r->tail_text.n, strlen(text)};
        if (s < 256) buf_char(&r->tail_text, (char)s);
        else buf_str(&r->tail_text, text);
    }
    if (r->tail_text.failed) r->failed = true;
}

status reply_end(reply *r, bool cut, err *e) {
    if (r->ended) return OK;
    r->ended = true;
    forget_taken(r);
    const bool stopped = r->place == STOPPED;
    for (size_t i = 0; i < r->n_spelled && !r->failed; i++) take(r, (unsigned char)r->spelled[i]);
    const bool in_block = r->place == BLOCK;
    if (in_block && !r->failed) break_block(r, r->block.n);
    if (!r->failed) stop(r);
    r->finish = REPLY_STOP;
    if (cut && !stopped && (in_block || r->n_whole == 0)) r->finish = REPLY_LENGTH;
    else if (r->n_whole) r->finish = REPLY_CALLS;
    if (!r->failed && r->o.tokens && r->n_whole && !r->tail_broken) make_tail(r);
    queue(r, REPLY_END);
    if (r->text.failed || r->failed) return fail(e, E_NOMEM, "reply: out of memory");
    show(r);
    return OK;
}

bool reply_tail(const reply *r, chat_str *tail, const replay_mark **marks, size_t *n_marks) {
    if (!r->marks) return false;
    *tail = (chat_str){r->tail_text.data, r->tail_text.n};
    *marks = r->marks;
    *n_marks = r->n_marks;
    return true;
}

/* ---- a whole message ---- */

reply_call *reply_message_add(reply_message *m) {
    if (m->n_calls == m->calls_cap) {
        const size_t cap = m->calls_cap ? m->calls_cap * 2 : 4;
        reply_call *calls = realloc(m->calls, cap * sizeof *calls);
        if (!calls) {
            m->failed = true;
            return NULL;
        }
        m->calls = calls;
        m->calls_cap = cap;
    }
    reply_call *c = &m->calls[m->n_calls++];
    *c = (reply_call){0};
    return c;
}

void reply_collect(reply *r, reply_message *m) {
    reply_event ev;
    while (!m->failed && reply_next(r, &ev)) {
        reply_call *c = NULL;
        switch (ev.kind) {
        case REPLY_THINKING: buf_add(&m->reasoning, ev.text, ev.n); break;
        case REPLY_TEXT: buf_add(&m->content, ev.text, ev.n); break;
        case REPLY_CALL:
            c = reply_message_add(m);
            if (!c) return;
            buf_add(&c->name, ev.text, ev.n);
            buf_str(&c->id, ev.id);
            break;
        case REPLY_ARGUMENT: buf_add(&m->calls[ev.call].arguments, ev.text, ev.n); break;
        case REPLY_CALL_END: m->calls[ev.call].whole = ev.whole; break;
        case REPLY_END: m->finish = ev.finish; break;
        }
    }
    m->failed |= m->reasoning.failed || m->content.failed;
    for (size_t i = 0; i < m->n_calls; i++)
        m->failed |=
            m->calls[i].name.failed || m->calls[i].arguments.failed || m->calls[i].id.failed;
}

void reply_message_free(reply_message *m) {
    for (size_t i = 0; i < m->n_calls; i++) {
        buf_free(&m->calls[i].id);
        buf_free(&m->calls[i].name);
        buf_free(&m->calls[i].arguments);
    }
    free(m->calls);
    buf_free(&m->reasoning);
    buf_free(&m->content);
    *m = (reply_message){0};
}

static void write_field(buf *out, const char *key, const buf *value) {
    buf_str(out, key);
    json_write_string(out, value->data ? value->data : "", value->n);
}

void reply_message_write(buf *out, const reply_message *m) {
    write_field(out, "{\"role\": \"assistant\", \"content\": ", &m->content);
    write_field(out, ", \"reasoning_content\": ", &m->reasoning);
    buf_str(out, ", \"tool_calls\": [");
    for (size_t i = 0; i < m->n_calls; i++) {
        if (i) buf_str(out, ", ");
        write_field(out, "{\"type\": \"function\", \"function\": {\"name\": ", &m->calls[i].name);
        write_field(out, ", \"arguments\": ", &m->calls[i].arguments);
        buf_str(out, "}}");
    }
    buf_str(out, "]}");
}
