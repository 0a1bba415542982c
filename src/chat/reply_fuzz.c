/* reply_fuzz: an answer in random pieces is the answer in one, and nothing of it is lost.
 *
 * The first byte chooses the options, the second seeds the cuts; the rest is what the model wrote.
 */
#include "chat/reply.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "chat/templates.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(bool ok) {
    if (!ok) abort();
}

static reply_message read_in_pieces(const char *p, size_t n, const reply_options *o,
                                    uint32_t seed) {
    reply *r = NULL;
    reply_message m = {0};
    must(reply_new(&r, o, NULL) == OK);
    while (n) {
        seed = seed * 1664525u + 1013904223u;
        size_t len = seed == 0 ? n : 1 + (seed >> 24) % 37;
        if (len > n) len = n;
        char *copy = malloc(len);
        memcpy(copy, p, len);
        /* With tokens, every control token is one that was sampled. */
        const char *token = NULL;
        const bool may = o->tokens && (*p == '<' || *p == '\xef');
        for (const char *const *t = template_tokens; may && *t; t++)
            if (n >= strlen(*t) && memcmp(p, *t, strlen(*t)) == 0) token = *t;
        for (size_t i = 1; o->tokens && !token && i < len; i++)
            if (p[i] == '<' || p[i] == '\xef') len = i;
        if (token) len = strlen(token);
        if (token) reply_control(r, token, len);
        else reply_feed(r, copy, len);
        free(copy);
        reply_collect(r, &m);
        p += len, n -= len;
    }
    must(reply_end(r, seed & 256, NULL) == OK);
    reply_collect(r, &m);
    chat_str tail;
    const replay_mark *marks;
    size_t n_marks;
    if (reply_tail(r, &tail, &marks, &n_marks))
        must(m.n_calls > 0 && tail.n > 0 && n_marks <= tail.n);
    reply_event ev;
    must(!reply_next(r, &ev) && !m.failed);
    reply_free(r);
    return m;
}

static bool same(const buf *a, const buf *b) {
    return a->n == b->n && (a->n == 0 || memcmp(a->data, b->data, a->n) == 0);
}

static void check_same(const reply_message *a, const reply_message *b) {
    must(same(&a->content, &b->content) && same(&a->reasoning, &b->reasoning) &&
         a->n_calls == b->n_calls);
    for (size_t i = 0; i < a->n_calls; i++)
        must(same(&a->calls[i].name, &b->calls[i].name) &&
             same(&a->calls[i].arguments, &b->calls[i].arguments) &&
             a->calls[i].whole == b->calls[i].whole && !same(&a->calls[i].id, &b->calls[i].id));
}

static void check_sound(const reply_message *m) {
    must(utf8_valid(m->content.data ? m->content.data : "", m->content.n));
    must(utf8_valid(m->reasoning.data ? m->reasoning.data : "", m->reasoning.n));
    for (size_t i = 0; i < m->n_calls; i++) {
        json_doc *d = NULL;
        const buf *a = &m->calls[i].arguments;
        must(utf8_valid(a->data ? a->data : "", a->n));
        if (!m->calls[i].whole) continue;
        must(json_parse(&d, a->data, a->n, 1000, "arguments", NULL) == OK &&
             json_type(json_root(d)) == JSON_OBJECT);
        json_free(d);
    }
}

/* Without tags and thinking all of the text is content, up to an end token. */
static void check_nothing_lost(const char *p, size_t n, const reply_message *m) {
    static const char *const ends[] = {TOKEN_EOS, TOKEN_BOS, TOKEN_USER};
    buf want = {0};
    for (size_t at = 0; at < n;) {
        size_t skip = 0;
        bool end = false;
        for (size_t i = 0; i < 3 && p[at] == '<'; i++)
            end |= n - at >= strlen(ends[i]) && !memcmp(p + at, ends[i], strlen(ends[i]));
        if (end) break;
        if (p[at] == '<' && n - at >= 7 && !memcmp(p + at, TOKEN_THINK, 7)) skip = 7;
        if (p[at] == '<' && n - at >= 8 && !memcmp(p + at, TOKEN_END_THINK, 8)) skip = 8;
        if (!skip) buf_char(&want, p[at]);
        at += skip ? skip : 1;
    }
    if (utf8_valid(want.data ? want.data : "", want.n)) must(same(&want, &m->content));
    buf_free(&want);
}

static bool has(const char *p, size_t n, const char *what) {
    const size_t w = strlen(what);
    for (size_t i = 0; i + w <= n; i++)
        if (p[i] == what[0] && memcmp(p + i, what, w) == 0) return true;
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    if (n < 2) return 0;
    const char *p = (const char *)data + 2;
    n -= 2;
    const uint8_t bits = data[0];
    const reply_options o = {.thinking = bits & 1,
                             .tokens = bits & 2,
                             .stream_calls = bits & 4,
                             .no_calls = bits & 8,
                             .block_limit = bits & 16 ? 64 : 0};
    reply_message whole = read_in_pieces(p, n, &o, 0),
                  pieces = read_in_pieces(p, n, &o, data[1] * 2654435761u + 1);
    check_same(&whole, &pieces);
    check_sound(&whole);
    /* Text in which no block ends is content as it is. A leading <think> would begin thinking. */
    if (!o.thinking && !o.tokens && !o.stream_calls && !has(p, n, TOKEN_THINK) &&
        !has(p, n, "tool_calls"))
        check_nothing_lost(p, n, &whole);
    if (!o.thinking && !o.tokens && !o.stream_calls && !has(p, n, TOKEN_THINK) &&
        whole.n_calls == 0 && !has(p, n, "/tool_calls") && !has(p, n, "/｜DSML｜tool_calls") &&
        !has(p, n, "/DSML｜tool_calls") && !has(p, n, "</think"))
        check_nothing_lost(p, n, &whole);
    reply_message strict = {0};
    if (!o.tokens && reply_parse_strict(&strict, p, n, o.thinking, NULL) == OK &&
        strict.n_calls == 0 && whole.n_calls == 0 && !has(p, n, "tool_calls") &&
        !has(p, n, TOKEN_USER) && !has(p, n, TOKEN_BOS) && utf8_valid(p, n))
        must(same(&strict.content, &whole.content) && same(&strict.reasoning, &whole.reasoning));
    reply_message_free(&strict);
    reply_message_free(&whole);
    reply_message_free(&pieces);
    return 0;
}
