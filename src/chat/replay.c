#include "chat/replay.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/hash.h"
#include "chat/parts.h"

enum { LIMIT_DEFAULT = 64 << 20, BUCKETS = 4096 };

/* A call of a kept turn, in the chain of its bucket. */
typedef struct kept_call {
    struct kept_call *next;
    struct replay_turn *turn;
    chat_call call;
} kept_call;

struct replay_turn {
    struct replay_turn *newer, *older;
    size_t bytes; /* of this one allocation */
    kept_call *calls;
    size_t n_calls;
    chat_str tail, reasoning, content;
    replay_mark *marks;
    size_t n_marks;
    int32_t *tokens;
    size_t n_tokens;
    bool thinking;
};

struct replay {
    size_t limit, bytes;
    replay_turn *newest, *oldest;
    kept_call *buckets[BUCKETS];
};

status call_id_make(char out[CALL_ID_MOST], const char *prefix, err *e) {
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    uint8_t number[16];
    const size_t n = strlen(prefix);
    if (n + 23 > CALL_ID_MOST) return fail(e, E_USAGE, "call id: the prefix is too long");
    if (getentropy(number, sizeof number) != 0)
        return fail(e, E_IO, "call id: the system gives no random bytes");
    memcpy(out, prefix, n);
    for (size_t i = 0; i < 22; i++) { /* the number divided by 62, 22 times: 62^22 > 2^128 */
        unsigned rest = 0;
        for (size_t k = 0; k < sizeof number; k++) {
            const unsigned v = rest << 8 | number[k];
            number[k] = (uint8_t)(v / 62);
            rest = v % 62;
        }
        out[n + i] = digits[rest];
    }
    out[n + 22] = 0;
    return OK;
}

/* Ids in the table are ours and random, so what a client asks for cannot make chains longer. */
static size_t bucket_of(chat_str id) { return (size_t)(hash64(id.p, id.n) % BUCKETS); }

status replay_new(replay **out, size_t limit, err *e) {
    replay *r = calloc(1, sizeof *r);
    if (!r) return fail(e, E_NOMEM, "replay: out of memory");
    r->limit = limit ? limit : LIMIT_DEFAULT;
    *out = r;
    return OK;
}

static void unlink_turn(replay *r, replay_turn *t) {
    *(t->newer ? &t->newer->older : &r->newest) = t->older;
    *(t->older ? &t->older->newer : &r->oldest) = t->newer;
}

static void link_newest(replay *r, replay_turn *t) {
    t->newer = NULL;
    t->older = r->newest;
    *(r->newest ? &r->newest->newer : &r->oldest) = t;
    r->newest = t;
}

static void forget(replay *r, replay_turn *t) {
    unlink_turn(r, t);
    for (size_t i = 0; i < t->n_calls; i++) {
        kept_call **p = &r->buckets[bucket_of(t->calls[i].call.id)];
        while (*p != &t->calls[i]) p = &(*p)->next;
        *p = t->calls[i].next;
    }
    r->bytes -= t->bytes;
    free(t);
}

void replay_free(replay *r) {
    if (!r) return;
    while (r->oldest) forget(r, r->oldest);
    free(r);
}

size_t replay_bytes(const replay *r) { return r->bytes; }

static kept_call *find_call(const replay *r, chat_str id) {
    kept_call *k = id.n ? r->buckets[bucket_of(id)] : NULL;
    while (k && !chat_str_equal(k->call.id, id)) k = k->next;
    return k;
}

static char *copy_str(char *to, chat_str from, chat_str *out) {
    if (from.n) memcpy(to, from.p, from.n);
    *out = (chat_str){to, from.n};
    return to + from.n;
}

/* What one allocation for the turn takes; false if it is beyond `limit`. Arrays come first, widest
 * alignment first, then all text. */
static bool bytes_of(const replay_given *g, size_t limit, size_t *out) {
    const size_t parts[] = {g->tail.n, g->reasoning.n, g->content.n};
    size_t n = sizeof(replay_turn);
    if (g->n_calls > limit / sizeof(kept_call) || g->n_marks > limit / sizeof(replay_mark) ||
        g->n_tokens > limit / sizeof(int32_t))
        return false;
    n += g->n_calls * sizeof(kept_call) + g->n_marks * sizeof(replay_mark) +
         g->n_tokens * sizeof(int32_t);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (parts[i] > limit) return false;
        n += parts[i];
    }
    for (size_t i = 0; i < g->n_calls; i++) {
        const chat_call *c = &g->calls[i];
        if (c->id.n > limit || c->name.n > limit || c->arguments.n > limit || n > limit)
            return false;
        n += c->id.n + c->name.n + c->arguments.n;
    }
    *out = n;
    return n <= limit;
}

status replay_keep(replay *r, const replay_given *g, err *e) {
    size_t n = 0;
    if (g->n_calls == 0 || !bytes_of(g, r->limit, &n)) return OK;
    for (size_t i = 0; i < g->n_calls; i++) {
        if (g->calls[i].id.n == 0)
            return fail(e, E_USAGE, "replay: a call without an id cannot be kept");
        kept_call *twin = find_call(r, g->calls[i].id);
        if (twin) forget(r, twin->turn);
    }
    while (r->oldest && r->bytes > r->limit - n) forget(r, r->oldest);
    replay_turn *t = calloc(1, n);
    if (!t) return fail(e, E_NOMEM, "replay: out of memory");
    t->bytes = n;
    t->thinking = g->thinking;
    t->calls = (kept_call *)(t + 1);
    t->n_calls = g->n_calls;
    t->marks = (replay_mark *)(t->calls + g->n_calls);
    t->n_marks = g->n_marks;
    t->tokens = (int32_t *)(t->marks + g->n_marks);
    t->n_tokens = g->n_tokens;
    if (g->n_marks) memcpy(t->marks, g->marks, g->n_marks * sizeof *g->marks);
    if (g->n_tokens) memcpy(t->tokens, g->tokens, g->n_tokens * sizeof *g->tokens);
    char *text = (char *)(t->tokens + g->n_tokens);
    text = copy_str(text, g->tail, &t->tail);
    text = copy_str(text, g->reasoning, &t->reasoning);
    text = copy_str(text, g->content, &t->content);
    for (size_t i = 0; i < g->n_calls; i++) {
        kept_call *k = &t->calls[i];
        text = copy_str(text, g->calls[i].id, &k->call.id);
        text = copy_str(text, g->calls[i].name, &k->call.name);
        text = copy_str(text, g->calls[i].arguments, &k->call.arguments);
        kept_call **bucket = &r->buckets[bucket_of(k->call.id)];
        k->turn = t;
        k->next = *bucket;
        *bucket = k;
    }
    link_newest(r, t);
    r->bytes += n;
    return OK;
}

/* The same bytes, or the same JSON value. */
static bool same_arguments(chat_str a, chat_str b) {
    if (chat_str_equal(a, b)) return true;
    json_doc *x = NULL, *y = NULL;
    bool same = false;
    if (json_parse(&x, a.p ? a.p : "", a.n, JSON_DEPTH_MOST, "arguments", NULL) == OK &&
        json_parse(&y, b.p ? b.p : "", b.n, JSON_DEPTH_MOST, "arguments", NULL) == OK)
        same = json_equal(json_root(x), json_root(y));
    json_free(x);
    json_free(y);
    return same;
}

const replay_turn *replay_find(replay *r, const chat_call *calls, size_t n) {
    if (!r || n == 0) return NULL;
    kept_call *first = find_call(r, calls[0].id);
    if (!first || first->turn->n_calls != n) return NULL;
    replay_turn *t = first->turn;
    for (size_t i = 0; i < n; i++) {
        const chat_call *k = &t->calls[i].call;
        if (!chat_str_equal(k->id, calls[i].id) || !chat_str_equal(k->name, calls[i].name) ||
            !same_arguments(k->arguments, calls[i].arguments))
            return NULL;
    }
    unlink_turn(r, t);
    link_newest(r, t);
    return t;
}

/* Bytes with marked control tokens. A control token's text is one of ours only if the templates
 * know it; any other was sampled in a place where it is text. */
static void put_marked(chat_prompt *out, chat_str s, const replay_mark *marks, size_t n) {
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        char token[64];
        if (marks[i].at < at || marks[i].at > s.n || marks[i].n > s.n - marks[i].at ||
            marks[i].n >= sizeof token)
            continue;
        memcpy(token, s.p + marks[i].at, marks[i].n);
        token[marks[i].n] = 0;
        prompt_text(out, s.p + at, marks[i].at - at);
        prompt_control(out, token);
        at = marks[i].at + marks[i].n;
    }
    prompt_text(out, s.p + at, s.n - at);
}

void replay_put_calls(const replay_turn *t, chat_prompt *out) {
    put_marked(out, t->tail, t->marks, t->n_marks);
}

bool replay_has_tokens(const replay_turn *t, bool thinking, chat_str reasoning, chat_str content) {
    return t->n_tokens && t->thinking == thinking && chat_str_equal(t->reasoning, reasoning) &&
           chat_str_equal(t->content, content);
}

void replay_put_tokens(const replay_turn *t, chat_prompt *out) {
    buf text = {0};
    buf_add(&text, t->reasoning.p, t->reasoning.n);
    if (t->thinking) buf_str(&text, "</think>");
    buf_add(&text, t->content.p, t->content.n);
    buf_add(&text, t->tail.p, t->tail.n);
    if (text.failed) out->failed = true;
    else prompt_sampled(out, text.data, text.n, t->tokens, t->n_tokens);
    buf_free(&text);
}
