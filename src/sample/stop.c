#include "sample/stop.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

/* fall[k] is the length of the longest proper end of the first k + 1 bytes that is also their
 * beginning: where to go on when the byte behind them is another one. */
typedef struct pattern {
    char *bytes; /* one block with fall */
    uint16_t *fall;
    uint32_t n;
    uint32_t matched; /* longest end of the text that is a beginning of bytes, not all of them */
    int32_t index;
} pattern;

/* Positions count the bytes of the text. text.data holds those from `kept` on: a sent part, which
 * goes with the next call, and from `sent` on the held one. */
struct stop {
    pattern pattern[STOP_STRINGS_MAX];
    uint32_t n_patterns;
    buf text;
    uint64_t kept, sent, read;
    bool seen; /* an occurrence, begun at `begin`; final when no earlier one can come any more */
    bool final;
    uint64_t begin;
    int32_t found;
};

/* ---- patterns ---- */

static status add_pattern(stop *s, const char *p, size_t n, int32_t index, err *e) {
    pattern *t = &s->pattern[s->n_patterns];
    *t = (pattern){.n = (uint32_t)n, .index = index};
    t->fall = malloc(n * (sizeof *t->fall + 1));
    if (!t->fall) return fail(e, E_NOMEM, "stop strings: out of memory");
    t->bytes = (char *)(t->fall + n);
    memcpy(t->bytes, p, n);
    s->n_patterns++;

    t->fall[0] = 0;
    uint16_t k = 0;
    for (size_t i = 1; i < n; i++) {
        while (k > 0 && p[i] != p[k]) k = t->fall[k - 1];
        if (p[i] == p[k]) k++;
        t->fall[i] = k;
    }
    return OK;
}

status stop_new(stop **out, const stop_string *strings, size_t n, err *e) {
    if (n > STOP_STRINGS_MAX)
        return fail(e, E_LIMIT, "stop strings: %zu given, at most %d are allowed", n,
                    STOP_STRINGS_MAX);
    for (size_t i = 0; i < n; i++)
        if (strings[i].n > STOP_BYTES_MAX)
            return fail(e, E_LIMIT, "stop strings: number %zu has %zu bytes, at most %d are "
                        "allowed", i + 1, strings[i].n, STOP_BYTES_MAX);
    stop *s = calloc(1, sizeof *s);
    if (!s) return fail(e, E_NOMEM, "stop strings: out of memory");
    s->found = STOP_NONE;
    for (size_t i = 0; i < n; i++) {
        if (strings[i].n == 0) continue;
        const status st = add_pattern(s, strings[i].p, strings[i].n, (int32_t)i, e);
        if (st != OK) {
            stop_free(s);
            return st;
        }
    }
    *out = s;
    return OK;
}

void stop_free(stop *s) {
    if (!s) return;
    for (uint32_t k = 0; k < s->n_patterns; k++) free(s->pattern[k].fall);
    buf_free(&s->text);
    free(s);
}

/* ---- text ---- */

/* True if all of t ends with this byte. */
static bool advance(pattern *t, char c) {
    uint32_t k = t->matched;
    while (k > 0 && t->bytes[k] != c) k = t->fall[k - 1];
    if (t->bytes[k] == c) k++;
    const bool whole = k == t->n;
    t->matched = whole ? t->fall[k - 1] : k;
    return whole;
}

/* Where the earliest occurrence could begin that is not complete yet. */
static uint64_t earliest_open(const stop *s) {
    uint32_t longest = 0;
    for (uint32_t k = 0; k < s->n_patterns; k++)
        if (s->pattern[k].matched > longest) longest = s->pattern[k].matched;
    return s->read - longest;
}

static void read_byte(stop *s, char c) {
    s->read++;
    for (uint32_t k = 0; k < s->n_patterns; k++) {
        pattern *t = &s->pattern[k];
        if (!advance(t, c)) continue;
        const uint64_t begin = s->read - t->n;
        if (s->seen && begin >= s->begin) continue;
        s->seen = true;
        s->begin = begin;
        s->found = t->index;
    }
    if (s->seen) s->final = earliest_open(s) >= s->begin;
}

/* Sends up to a position. */
static void send_to(stop *s, uint64_t end, stop_text *out) {
    *out = (stop_text){.found = s->final ? s->found : STOP_NONE};
    if (end > s->sent) {
        out->text = s->text.data + (s->sent - s->kept);
        out->n = (size_t)(end - s->sent);
        s->sent = end;
    }
}

/* Forgets what was sent. */
static void drop_sent(stop *s) {
    const size_t gone = (size_t)(s->sent - s->kept), left = s->text.n - gone;
    if (gone > 0) memmove(s->text.data, s->text.data + gone, left + 1); /* with its NUL */
    s->text.n = left;
    s->kept = s->sent;
}

status stop_feed(stop *s, const char *p, size_t n, stop_text *out, err *e) {
    if (s->n_patterns == 0) {
        *out = (stop_text){p, n, STOP_NONE};
        return OK;
    }
    drop_sent(s);
    if (!s->final) {
        if (!buf_reserve(&s->text, n)) {
            s->text.failed = false; /* nothing was lost: the piece may be fed again */
            return fail(e, E_NOMEM, "stop strings: no memory for %zu bytes of text", n);
        }
        buf_add(&s->text, p, n);
        for (size_t i = 0; i < n && !s->final; i++) read_byte(s, p[i]);
    }
    const uint64_t open = earliest_open(s);
    send_to(s, s->seen && s->begin < open ? s->begin : open, out);
    return OK;
}

void stop_end(stop *s, stop_text *out) {
    if (s->n_patterns == 0) {
        *out = (stop_text){NULL, 0, STOP_NONE};
        return;
    }
    drop_sent(s);
    s->final = s->seen;
    send_to(s, s->seen ? s->begin : s->read, out);
}
