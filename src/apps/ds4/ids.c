#include "apps/ds4/ids.h"

#include <string.h>

#include "apps/lib/input.h"

typedef struct scan {
    const char *p;
    size_t at, n;
    const char *path;
    err *e;
} scan;

static void skip_blanks(scan *s) {
    while (s->at < s->n && s->p[s->at] && strchr(" \t\n\v\f\r", s->p[s->at])) s->at++;
}

static bool take(scan *s, char c) {
    skip_blanks(s);
    if (s->at == s->n || s->p[s->at] != c) return false;
    s->at++;
    return true;
}

static status read_id(scan *s, tokens *out) {
    skip_blanks(s);
    const size_t start = s->at;
    int64_t id = 0;
    while (s->at < s->n && s->p[s->at] >= '0' && s->p[s->at] <= '9' && id <= INT32_MAX)
        id = id * 10 + (s->p[s->at++] - '0');
    if (s->at == start || id > INT32_MAX)
        return fail(s->e, E_FORMAT, "%s: byte %zu: expected a token id", s->path, start);
    if (!tokens_add(out, (int32_t)id)) return fail(s->e, E_NOMEM, "%s: out of memory", s->path);
    return OK;
}

static bool at_border(const scan *s) {
    return s->at == s->n || (s->p[s->at] && strchr(" \t\n\v\f\r", s->p[s->at]));
}

static status read_plain(scan *s, tokens *out) {
    for (skip_blanks(s); s->at < s->n; skip_blanks(s)) {
        const status st = read_id(s, out);
        if (st != OK) return st;
        if (!at_border(s))
            return fail(s->e, E_FORMAT,
                        "%s: byte %zu: expected a token id, white space between ids", s->path,
                        s->at);
    }
    return OK;
}

static status read_array(scan *s, tokens *out) {
    if (!take(s, ']')) {
        do {
            const status st = read_id(s, out);
            if (st != OK) return st;
        } while (take(s, ','));
        if (!take(s, ']'))
            return fail(s->e, E_FORMAT, "%s: byte %zu: expected ',' or ']' behind a token id",
                        s->path, s->at);
    }
    skip_blanks(s);
    if (s->at < s->n)
        return fail(s->e, E_FORMAT, "%s: byte %zu: nothing is expected behind the array", s->path,
                    s->at);
    return OK;
}

status ids_read(tokens *out, const char *path, const ds4_cli *o, err *e) {
    buf text = {0};
    const size_t before = out->n;
    status st = input_read(&text, path, INPUT_MOST, o->interrupted, e);
    if (st == OK) {
        scan s = {.p = text.data, .n = text.n, .path = path, .e = e};
        st = take(&s, '[') ? read_array(&s, out) : read_plain(&s, out);
    }
    buf_free(&text);
    if (st != OK) out->n = before;
    return st;
}

/* Millions of them are written, so without printf. */
static void write_id(buf *out, int32_t id) {
    char digits[10];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + id % 10);
        id /= 10;
    } while (id > 0);
    buf_add(out, digits + at, sizeof digits - at);
}

void ids_write(buf *out, const tokens *t) {
    buf_char(out, '[');
    for (size_t i = 0; i < t->n; i++) {
        if (i) buf_add(out, ", ", 2);
        write_id(out, t->id[i]);
    }
    buf_char(out, ']');
}
