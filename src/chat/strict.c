/* strict: the official parser's reading of a whole answer, its refusals included.
 *
 *     [reasoning </think>] content ( EOS | \n\n<｜DSML｜tool_calls block [EOS] )
 *
 * The block is read as the official parser does, by cutting at the next of two marks and looking at
 * what lies between; where this accepts something odd it is kept, because "official" is what this
 * reading is for.
 */
#include <stdlib.h>
#include <string.h>

#include "chat/reply.h"
#include "chat/templates.h"

typedef struct reading {
    const char *p;
    size_t n, at;
    reply_message *out;
    err *e;
} reading;

static status refuse(const reading *r, size_t at, const char *why) {
    return fail(r->e, E_FORMAT, "model output: byte %zu: %s", at, why);
}

static const char *find(const char *p, size_t n, const char *what) {
    const size_t w = strlen(what);
    while (n >= w) {
        const char *q = memchr(p, what[0], n - w + 1);
        if (!q) return NULL;
        if (memcmp(q, what, w) == 0) return q;
        n -= (size_t)(q + 1 - p);
        p = q + 1;
    }
    return NULL;
}

/* The text up to the earlier of two marks (the second may be NULL), and which it was: 0 or 1, or 2
 * for neither and all of the rest. Goes behind the mark. */
static int read_until(reading *r, const char *a, const char *b, chat_str *text) {
    const char *const marks[] = {a, b};
    const char *p = r->p + r->at;
    const size_t n = r->n - r->at;
    for (size_t i = 0; i < n; i++) {
        for (int k = 0; k < (b ? 2 : 1); k++) {
            const size_t len = strlen(marks[k]);
            if (p[i] != marks[k][0] || n - i < len || memcmp(p + i, marks[k], len) != 0) continue;
            *text = (chat_str){p, i};
            r->at += i + len;
            return k;
        }
    }
    *text = (chat_str){p, n};
    r->at = r->n;
    return 2;
}

static bool is(chat_str s, const char *what) { return chat_str_equal(s, chat_cstr(what)); }

static bool skip(chat_str *s, const char *what) {
    const size_t n = strlen(what);
    if (s->n < n || memcmp(s->p, what, n) != 0) return false;
    s->p += n, s->n -= n;
    return true;
}

static bool drop_end(chat_str *s, const char *what) {
    const size_t n = strlen(what);
    if (s->n < n || memcmp(s->p + s->n - n, what, n) != 0) return false;
    s->n -= n;
    return true;
}

/* The same, or in front of one newline at the end: what `$` means to the official parser. */
static bool drop_end_line(chat_str *s, const char *what) {
    if (drop_end(s, what)) return true;
    chat_str shorter = *s;
    if (!drop_end(&shorter, "\n") || !drop_end(&shorter, what)) return false;
    *s = shorter;
    return true;
}

/* White space as the official parser's regular expressions know it. */
static size_t space_at(chat_str s) {
    static const char *const wide[] = {
        "\xc2\x85",     "\xc2\xa0",     "\xe1\x9a\x80", "\xe2\x80\x80", "\xe2\x80\x81",
        "\xe2\x80\x82", "\xe2\x80\x83", "\xe2\x80\x84", "\xe2\x80\x85", "\xe2\x80\x86",
        "\xe2\x80\x87", "\xe2\x80\x88", "\xe2\x80\x89", "\xe2\x80\x8a", "\xe2\x80\xa8",
        "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80"};
    if (s.n == 0) return 0;
    if (strchr("\t\n\v\f\r\x1c\x1d\x1e\x1f ", s.p[0]) && s.p[0]) return 1;
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++)
        if (skip(&(chat_str){s.p, s.n}, wide[i])) return strlen(wide[i]);
    return 0;
}

/* ` name="NAME" string="true|false">VALUE<`, NAME as short as possible. */
static bool read_parameter(chat_str s, chat_str *name, bool *string, chat_str *value) {
    static const char yes[] = "\" string=\"true\">", no[] = "\" string=\"false\">";
    if (!skip(&s, " name=\"")) return false;
    const char *t = find(s.p, s.n, yes), *f = find(s.p, t ? (size_t)(t - s.p) : s.n, no);
    const char *hit = f ? f : t;
    if (!hit) return false;
    *string = !f;
    *name = (chat_str){s.p, (size_t)(hit - s.p)};
    const size_t head = name->n + strlen(f ? no : yes);
    *value = (chat_str){s.p + head, s.n - head};
    return drop_end_line(value, "<");
}

static int by_text(const void *x, const void *y) {
    const chat_str *a = x, *b = y;
    const size_t n = a->n < b->n ? a->n : b->n;
    const int c = n ? memcmp(a->p, b->p, n) : 0;
    return c ? c : a->n < b->n ? -1 : a->n > b->n;
}

/* `names`: chat_strs, one behind the other. */
static bool any_twice(const buf *names) {
    chat_str *v = (chat_str *)(void *)names->data;
    const size_t n = names->n / sizeof *v;
    if (n < 2) return false;
    qsort(v, n, sizeof *v, by_text);
    for (size_t i = 1; i < n; i++)
        if (chat_str_equal(v[i - 1], v[i])) return true;
    return false;
}

/* The parameters of a call, from behind the first `<｜DSML｜parameter` to behind `</｜DSML｜invoke`. */
static status read_parameters(reading *r, buf *arguments, buf *names) {
    int mark = 0;
    while (mark == 0) {
        chat_str text, name, value;
        bool string;
        const size_t start = r->at;
        read_until(r, "/｜DSML｜parameter", NULL, &text);
        if (!read_parameter(text, &name, &string, &value))
            return refuse(
                r, start,
                "a parameter is not of the form ` name=\"...\" string=\"true|false\">...<`");
        buf_add(names, &name, sizeof name);

        if (arguments->n > 1) buf_str(arguments, ", ");
        json_write_string(arguments, name.p, name.n);
        buf_str(arguments, ": ");
        if (string) json_write_string(arguments, value.p, value.n);
        else buf_add(arguments, value.p, value.n);

        const size_t behind = r->at;
        mark = read_until(r, "<｜DSML｜parameter", "</｜DSML｜invoke", &text);
        if (!is(text, ">\n"))
            return refuse(r, behind, "`>` and a newline were expected behind a parameter");
    }
    return OK;
}

static status read_call(reading *r) {
    chat_str text;
    const size_t start = r->at;
    const int mark = read_until(r, "<｜DSML｜parameter", "</｜DSML｜invoke", &text);
    for (size_t n = space_at(text); n; n = space_at(text)) text.p += n, text.n -= n;
    if (!skip(&text, "name=\"") || !drop_end_line(&text, "\">\n"))
        return refuse(r, start, "an invoke is not of the form ` name=\"...\">` and a newline");
    reply_call *c = reply_message_add(r->out);
    if (!c) return fail(r->e, E_NOMEM, "model output: out of memory");
    c->whole = true;
    buf_add(&c->name, text.p, text.n);
    buf_char(&c->arguments, '{');
    buf names = {0};
    status st = mark == 0 ? read_parameters(r, &c->arguments, &names) : OK;
    buf_char(&c->arguments, '}');
    if (names.failed || c->name.failed || c->arguments.failed)
        st = fail(r->e, E_NOMEM, "model output: out of memory");
    if (st == OK && any_twice(&names))
        st = refuse(r, start, "two parameters of this call have one name");
    buf_free(&names);
    return st;
}

static status read_calls(reading *r) {
    while (r->at < r->n) {
        chat_str text;
        const size_t start = r->at;
        const int mark = read_until(r, "<｜DSML｜invoke", "</｜DSML｜tool_calls>", &text);
        if (!is(text, ">\n"))
            return refuse(r, start, "`>` and a newline were expected between tags");
        if (mark == 1) break;
        if (mark == 2) return refuse(r, start, "the block of calls does not end");
        const status st = read_call(r);
        if (st != OK) return st;
    }
    chat_str rest;
    const size_t start = r->at;
    read_until(r, TOKEN_EOS, NULL, &rest);
    return rest.n ? refuse(r, start, "there is text behind the calls") : OK;
}

static status check_plain(const reading *r, chat_str s) {
    static const char *const tokens[] = {TOKEN_BOS, TOKEN_EOS, TOKEN_THINK, TOKEN_END_THINK,
                                         TOKEN_DSML};
    for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++) {
        const char *hit = find(s.p, s.n, tokens[i]);
        if (hit) return refuse(r, (size_t)(hit - r->p), "a control token stands in the text");
    }
    return OK;
}

static status read_answer(reading *r, bool thinking) {
    static const char block[] = "\n\n<｜DSML｜tool_calls";
    chat_str reasoning = {r->p, 0}, content;
    if (thinking && read_until(r, TOKEN_END_THINK, block, &reasoning) != 0)
        return refuse(r, reasoning.n, "</think> was expected");
    const int mark = read_until(r, TOKEN_EOS, block, &content);
    if (mark == 2) return refuse(r, r->n, "the end token is missing");
    status st = mark == 1 ? read_calls(r) : OK;
    if (st == OK && r->at < r->n) st = refuse(r, r->at, "there is text behind the end token");
    if (st == OK) st = check_plain(r, reasoning);
    if (st == OK) st = check_plain(r, content);
    if (st != OK) return st;
    buf_add(&r->out->reasoning, reasoning.p, reasoning.n);
    buf_add(&r->out->content, content.p, content.n);
    if (r->out->reasoning.failed || r->out->content.failed)
        return fail(r->e, E_NOMEM, "model output: out of memory");
    return OK;
}

status reply_parse_strict(reply_message *out, const char *text, size_t n, bool thinking, err *e) {
    reply_message m = {0};
    reading r = {.p = text, .n = n, .out = &m, .e = e};
    const status st = read_answer(&r, thinking);
    if (st != OK) {
        reply_message_free(&m);
        return st;
    }
    m.finish = m.n_calls ? REPLY_CALLS : REPLY_STOP;
    *out = m;
    return OK;
}
