#include "apps/examine/grade.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

enum { NUMBER_MOST = 400, SHOWN = 80 };

void answer_free(answer *a) {
    reply_message_free(&a->m);
    buf_free(&a->raw);
    *a = (answer){0};
}

const char *answer_end_name(turn_end end) {
    static const char *const names[] = {[TURN_GOES_ON] = "no room",
                                        [TURN_STOP] = "stop",
                                        [TURN_CALLS] = "calls",
                                        [TURN_LENGTH] = "length",
                                        [TURN_STOP_STRING] = "stop string",
                                        [TURN_LOOP] = "loop",
                                        [TURN_CANCELLED] = "cancelled"};
    return names[end];
}

/* ------------------------------------------------------------------ texts */

static bool is_blank(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}
static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
static bool is_letter(char c) {
    return (c | 32) >= 'a' && (c | 32) <= 'z';
}
static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c | 32) : c;
}

static chat_str trimmed(const buf *b) {
    chat_str s = {b->data, b->n};
    while (s.n && is_blank(s.p[0])) s.p++, s.n--;
    while (s.n && is_blank(s.p[s.n - 1])) s.n--;
    return s;
}

static bool holds(chat_str s, chat_str what) {
    for (size_t i = 0; i + what.n <= s.n; i++) {
        size_t k = 0;
        while (k < what.n && lower(s.p[i + k]) == lower(what.p[k])) k++;
        if (k == what.n) return true;
    }
    return false;
}

const char *leaked(const char *p, size_t n) {
    static const char *const marks[] = {"<think",      "</think",     "<|",         "\xef\xbd\x9c",
                                        "<invoke",     "</invoke",    "<parameter", "</parameter",
                                        "tool_calls>", "\xef\xbf\xbd"};
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (holds((chat_str){p, n}, chat_cstr(marks[i])))
            return marks[i][0] != '\xef'   ? marks[i]
                   : marks[i][1] == '\xbf' ? "a broken character"
                                           : "a control token's bar";
    for (size_t i = 0; i < n; i++)
        if (((unsigned char)p[i] < 32 && !strchr("\t\n\r", p[i])) || p[i] == 0 || p[i] == 127)
            return "a control character";
    return NULL;
}

/* ------------------------------------------------------------------ numbers */

/* Digits with commas between thousands, or without any; moves *at behind them. */
static size_t read_whole(const char *p, size_t n, size_t *at, char *out, size_t cap) {
    size_t i = *at, used = 0;
    const size_t start = i;
    while (i < n && is_digit(p[i])) {
        if (used < cap) out[used] = p[i];
        used++, i++;
    }
    if (used <= 3 && p[start] != '0') {
        while (n - i >= 4 && p[i] == ',' && is_digit(p[i + 1]) && is_digit(p[i + 2]) &&
               is_digit(p[i + 3]) && (n - i == 4 || !is_digit(p[i + 4]))) {
            for (size_t k = 1; k <= 3; k++, used++)
                if (used < cap) out[used] = p[i + k];
            i += 4;
        }
    }
    *at = i;
    return used;
}

/* A number that begins at *at, behind its sign; moves *at behind it. */
static bool read_number(const char *p, size_t n, size_t *at, bool minus, char *out, size_t cap) {
    char whole[NUMBER_MOST];
    size_t i = *at;
    size_t n_whole = is_digit(p[i]) ? read_whole(p, n, &i, whole, sizeof whole) : 0;
    size_t decimals = i, n_decimals = 0;
    if (i + 1 < n && p[i] == '.' && is_digit(p[i + 1])) {
        decimals = ++i;
        while (i < n && is_digit(p[i])) i++;
        n_decimals = i - decimals;
    }
    *at = i;
    if (n_whole > sizeof whole) return false;
    size_t zeros = 0;
    while (zeros < n_whole && whole[zeros] == '0') zeros++;
    while (n_decimals && p[decimals + n_decimals - 1] == '0') n_decimals--;
    const bool zero = zeros == n_whole && n_decimals == 0;
    const int len =
        snprintf(out, cap, "%s%s%.*s%s%.*s", minus && !zero ? "-" : "", zeros == n_whole ? "0" : "",
                 (int)(n_whole - zeros), whole + zeros, n_decimals ? "." : "",
                 n_decimals < NUMBER_MOST ? (int)n_decimals : 0, p + decimals);
    return len > 0 && (size_t)len < cap && n_decimals < NUMBER_MOST;
}

bool last_number(const char *p, size_t n, char *out, size_t cap) {
    static const char wide_minus[] = "\xe2\x88\x92";
    bool found = false;
    for (size_t i = 0; i < n;) {
        const char before = i ? p[i - 1] : ' ';
        const bool dot = p[i] == '.' && i + 1 < n && is_digit(p[i + 1]) && !is_digit(before);
        if ((!is_digit(p[i]) && !dot) || is_letter(before) || before == '_' || is_digit(before)) {
            i++;
            continue;
        }
        size_t sign = i; /* where the sign begins, if there is one */
        if (before == '-')
            sign = i - 1;
        else if (i >= 3 && memcmp(p + i - 3, wide_minus, 3) == 0)
            sign = i - 3;
        const char front = sign ? p[sign - 1] : ' ';
        const bool minus = sign < i && !is_digit(front) && !is_letter(front) && front != ')';
        found = read_number(p, n, &i, minus, out, cap);
    }
    return found;
}

/* A JSON number in the same plain form; false for one that has none there (an exponent). */
static bool plain_number(const json *v, char *out, size_t cap) {
    buf b = {0};
    json_write(&b, v);
    const bool plain = !b.failed && b.n && !memchr(b.data, 'e', b.n) && !memchr(b.data, 'E', b.n) &&
                       last_number(b.data, b.n, out, cap);
    buf_free(&b);
    return plain;
}

/* ------------------------------------------------------------------ what is expected */

static void say(verdict *v, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void say(verdict *v, const char *fmt, ...) {
    if (v->why[0]) return; /* the first counts */
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(v->why, sizeof v->why, fmt, ap);
    va_end(ap);
}

/* A text, or the front of it, for one line. */
static const char *shown(char out[SHOWN + 4], chat_str s) {
    utf8_printable(out, SHOWN, s.p ? s.p : "", s.n < SHOWN ? s.n : SHOWN);
    if (s.n >= SHOWN) strcat(out, "...");
    return out;
}

static bool is_number(const json *value, chat_str text, verdict *v) {
    char found[NUMBER_MOST] = "", wanted[NUMBER_MOST];
    double w = 0;
    if (!last_number(text.p, text.n, found, sizeof found)) {
        say(v, "a number was expected, there is none");
        return false;
    }
    const bool plain = plain_number(value, wanted, sizeof wanted);
    if (plain && strcmp(found, wanted) == 0) return true;
    json_f64(value, &w);
    /* Between reals the last bits of a binary form are nobody's mistake. */
    const double x = strtod(found, NULL), gap = x > w ? x - w : w - x, size = w < 0 ? -w : w;
    if (json_type(value) == JSON_REAL && gap <= 1e-9 * size) return true;
    if (plain)
        say(v, "expected the number %s, found %s", wanted, found);
    else
        say(v, "expected the number %g, found %s", w, found);
    return false;
}

static bool is_text(const expectation *x, chat_str text, verdict *v) {
    char a[SHOWN + 4], b[SHOWN + 4];
    chat_str wanted = {0};
    wanted.p = json_text(x->value, &wanted.n);
    const buf all = {.data = (char *)(uintptr_t)wanted.p, .n = wanted.n};
    if (x->kind == EXPECT_EXACT && chat_str_equal(text, trimmed(&all))) return true;
    if (x->kind == EXPECT_CONTAINS && holds(text, wanted)) return true;
    say(v, "expected %s'%s', found '%s'", x->kind == EXPECT_CONTAINS ? "something with " : "",
        shown(a, wanted), shown(b, text));
    return false;
}

static status is_matched(bool *out, const expectation *x, chat_str text, verdict *v, err *e) {
    char a[SHOWN + 4], b[SHOWN + 4];
    char *copy = malloc(text.n + 1); /* ends where the text ends, blanks aside */
    if (!copy) return fail(e, E_NOMEM, "out of memory");
    if (text.n) memcpy(copy, text.p, text.n);
    copy[text.n] = 0;
    const int code = regexec(&x->regex, copy, 0, NULL, 0);
    free(copy);
    chat_str wanted = {0};
    wanted.p = json_text(x->value, &wanted.n);
    *out = code == 0;
    if (code != 0) say(v, "nothing matches '%s' in '%s'", shown(a, wanted), shown(b, text));
    return OK;
}

static status same_arguments(bool *same, const reply_call *c, const json *wanted, err *e) {
    json_doc *doc = NULL;
    const char *text = c->arguments.data ? c->arguments.data : "";
    const status st = json_parse(&doc, text, c->arguments.n, 0, "arguments", e);
    *same = st == OK && json_equal(json_root(doc), wanted);
    json_free(doc);
    return st == E_NOMEM ? st : OK;
}

static status are_calls(bool *out, const json *wanted, const reply_message *m, verdict *v, err *e) {
    char a[SHOWN + 4], b[SHOWN + 4];
    *out = false;
    if (m->n_calls != json_count(wanted)) {
        say(v, "expected %zu call%s, found %zu", json_count(wanted),
            json_count(wanted) == 1 ? "" : "s", m->n_calls);
        return OK;
    }
    for (size_t i = 0; i < m->n_calls; i++) {
        const reply_call *c = &m->calls[i];
        const json *arguments = json_get(json_at(wanted, i), "arguments");
        chat_str name = {0};
        bool same = false;
        name.p = json_text(json_get(json_at(wanted, i), "name"), &name.n);
        if (!chat_str_equal(name, (chat_str){c->name.data, c->name.n})) {
            say(v, "call %zu: expected %s, found %s", i + 1, shown(a, name),
                shown(b, (chat_str){c->name.data, c->name.n}));
            return OK;
        }
        const status st = same_arguments(&same, c, arguments, e);
        if (st != OK) return st;
        if (same) continue;
        buf text = {0};
        json_write(&text, arguments);
        say(v, "call %zu: expected %s, found %s", i + 1, shown(a, (chat_str){text.data, text.n}),
            shown(b, (chat_str){c->arguments.data, c->arguments.n}));
        buf_free(&text);
        return OK;
    }
    *out = true;
    return OK;
}

static status judge(bool *out, const exam_case *c, const answer *a, verdict *v, err *e) {
    const chat_str text = trimmed(&a->m.content);
    const expectation *x = &c->expect;
    switch (x->kind) {
    case EXPECT_NUMBER:
        *out = is_number(x->value, text, v);
        return OK;
    case EXPECT_EXACT:
    case EXPECT_CONTAINS:
        *out = is_text(x, text, v);
        return OK;
    case EXPECT_REGEX:
        return is_matched(out, x, text, v, e);
    case EXPECT_CALLS:
        return are_calls(out, x->value, &a->m, v, e);
    case EXPECT_NONE:
        break;
    }
    *out = true;
    return OK;
}

/* ------------------------------------------------------------------ form */

static bool is_offered(const chat *c, const buf *name) {
    for (size_t i = 0; i < chat_tools(c); i++)
        if (chat_str_equal(chat_tool_name(c, i), (chat_str){name->data, name->n})) return true;
    return false;
}

static status calls_are_sound(bool *out, const exam_case *c, const reply_message *strict,
                              verdict *v, err *e) {
    char name[SHOWN + 4];
    *out = false;
    for (size_t i = 0; i < strict->n_calls; i++) {
        const reply_call *k = &strict->calls[i];
        json_doc *doc = NULL;
        err why;
        shown(name, (chat_str){k->name.data, k->name.n});
        if (!is_offered(c->chat, &k->name)) {
            say(v, "a call of %s, which was not offered", name);
            return OK;
        }
        const char *text = k->arguments.data ? k->arguments.data : "";
        const status st = json_parse(&doc, text, k->arguments.n, 0, "arguments", &why);
        json_free(doc);
        if (st == E_NOMEM) return fail(e, st, "%s", why.text);
        if (st != OK) {
            say(v, "a call of %s with a value that is no JSON", name);
            return OK;
        }
    }
    *out = true;
    return OK;
}

/* What can be seen without the official parser. */
static bool is_tidy(const exam_case *c, const answer *a, verdict *v) {
    const bool thought = trimmed(&a->m.reasoning).n > 0;
    const char *leak = leaked(a->m.content.data, a->m.content.n);
    if (a->end != TURN_STOP && a->end != TURN_CALLS) {
        if (a->end == TURN_GOES_ON)
            say(v, "a prompt of %u tokens leaves no room in the context", a->prompt);
        else
            say(v, "not ended by itself: %s after %u tokens", answer_end_name(a->end), a->made);
    } else if (thought != c->thinking) {
        say(v, thought ? "reasoning where none was asked for" : "no reasoning");
    } else if (leak) {
        say(v, "the text has %s in it", leak);
    } else if (a->m.n_calls && c->expect.kind != EXPECT_CALLS) {
        say(v, "a call where none was expected");
    } else {
        return true;
    }
    return false;
}

static status judge_form(bool *out, const exam_case *c, const answer *a, verdict *v, err *e) {
    reply_message strict = {0};
    err why;
    *out = false;
    if (!is_tidy(c, a, v)) return OK;
    status st =
        reply_parse_strict(&strict, a->raw.data ? a->raw.data : "", a->raw.n, c->thinking, &why);
    if (st == E_NOMEM) return fail(e, st, "%s", why.text);
    if (st != OK) {
        say(v, "%s", why.text);
        return OK;
    }
    const char *leak = leaked(strict.content.data, strict.content.n);
    if (leak)
        say(v, "the text has %s in it", leak);
    else if (strict.n_calls != a->m.n_calls)
        say(v, "calls in a form that only guessing reads");
    else
        st = calls_are_sound(out, c, &strict, v, e);
    reply_message_free(&strict);
    return st;
}

status grade(verdict *out, const exam_case *c, const answer *a, err *e) {
    verdict v = {0};
    bool form = false, expected = false;
    status st = judge_form(&form, c, a, &v, e);
    if (st == OK) st = judge(&expected, c, a, &v, e);
    if (st != OK) return st;
    v.form = form;
    v.expected = expected;
    *out = v;
    return OK;
}
