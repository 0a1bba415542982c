/* split_oracle: the pre-tokeniser's three regular expressions carried out to the letter, for tests.
 *
 * A backtracking matcher over code points, pass by pass and piece by piece. It shares nothing with
 * split.c but the categories: no regions, no classes, no look at the neighbour.
 */
#ifndef DS4_TEXT_SPLIT_ORACLE_H
#define DS4_TEXT_SPLIT_ORACLE_H

#include <string.h>

#include "base/utf8.h"
#include "text/unicode.h"

#define MAX_CHARS 512

typedef struct oracle_text {
    uint32_t code[MAX_CHARS];
    size_t at[MAX_CHARS + 1]; /* byte offsets */
    size_t n;
} oracle_text;

static inline oracle_text oracle_decode(const char *p, size_t n) {
    oracle_text t;
    size_t at = 0;
    for (t.n = 0; at < n && t.n < MAX_CHARS; t.n++) {
        const utf8_char c = utf8_next(p + at, n - at);
        t.code[t.n] = c.code;
        t.at[t.n] = at;
        at += c.bytes;
    }
    t.at[t.n] = at;
    return t;
}

static bool in(uint32_t c, unicode_category lo, unicode_category hi) {
    const unicode_category k = unicode_category_of(c);
    return k >= lo && k <= hi;
}
static bool is_l(uint32_t c) {
    return in(c, UNI_LU, UNI_LO);
}
static bool is_lm(uint32_t c) {
    return is_l(c) || in(c, UNI_MN, UNI_ME);
}
static bool is_n(uint32_t c) {
    return in(c, UNI_ND, UNI_NO);
}
static bool is_ps(uint32_t c) {
    return in(c, UNI_PC, UNI_PO) || in(c, UNI_SM, UNI_SO);
}
static bool is_nl(uint32_t c) {
    return c == '\r' || c == '\n';
}
static bool is_s(uint32_t c) {
    return unicode_is_space(c);
}
static bool is_cjk(uint32_t c) {
    return (c >= 0x4e00 && c <= 0x9fa5) || (c >= 0x3040 && c <= 0x309f) ||
           (c >= 0x30a0 && c <= 0x30ff);
}
static bool is_lead(uint32_t c) {
    return !is_nl(c) && !is_l(c) && !is_ps(c);
}
static bool is_punct(uint32_t c) {
    return c && c < 0x80 && strchr("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", (int)c) != NULL;
}
static bool is_az(uint32_t c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* The longest run of what `is` accepts in [i, end). */
static size_t run(const oracle_text *t, size_t i, size_t end, bool (*is)(uint32_t)) {
    size_t k = i;
    while (k < end && is(t->code[k])) k++;
    return k - i;
}

/* One function a pattern: length of its match at i, 0 for none; [i, end) is all it may see. */
static size_t numbers(const oracle_text *t, size_t i, size_t end) {
    const size_t k = run(t, i, end, is_n);
    return k < 3 ? k : 3;
}
static size_t cjk(const oracle_text *t, size_t i, size_t end) {
    return run(t, i, end, is_cjk);
}

static size_t words(const oracle_text *t, size_t i, size_t end) {
    size_t k;
    if (i < end && is_punct(t->code[i]) && (k = run(t, i + 1, end, is_az))) return 1 + k;
    for (int lead = 1; lead >= 0; lead--) {
        if (lead && !(i < end && is_lead(t->code[i]))) continue;
        if ((k = run(t, i + (size_t)lead, end, is_lm))) return (size_t)lead + k;
    }
    for (int blank = 1; blank >= 0; blank--) {
        if (blank && !(i < end && t->code[i] == ' ')) continue;
        if ((k = run(t, i + (size_t)blank, end, is_ps)))
            return (size_t)blank + k + run(t, i + (size_t)blank + k, end, is_nl);
    }
    const size_t white = run(t, i, end, is_s);
    for (size_t s = white + 1; s-- > 0;) /* \s* gives back until [\r\n]+ finds something */
        if ((k = run(t, i + s, end, is_nl))) return s + k;
    for (size_t s = white; s > 0; s--) /* (?!\S): the end, or a white space */
        if (i + s == end || is_s(t->code[i + s])) return s;
    return white;
}

typedef struct oracle_cuts {
    size_t n;
    size_t end[MAX_CHARS]; /* of each piece, in characters */
} oracle_cuts;

static oracle_cuts pass(const oracle_text *t, const oracle_cuts *before,
                        size_t (*match)(const oracle_text *, size_t, size_t)) {
    oracle_cuts c = {0};
    size_t from = 0;
    for (size_t p = 0; p < before->n; p++) {
        const size_t end = before->end[p];
        size_t done = from;
        for (size_t i = from; i < end;) {
            const size_t k = match(t, i, end);
            if (k == 0) {
                i++;
                continue;
            }
            if (i > done) c.end[c.n++] = i;
            c.end[c.n++] = i + k;
            done = i += k;
        }
        if (end > done) c.end[c.n++] = end;
        from = end;
    }
    return c;
}

static inline oracle_cuts oracle_split(const oracle_text *t) {
    oracle_cuts c = {0};
    if (t->n) c.end[c.n++] = t->n;
    c = pass(t, &c, numbers);
    c = pass(t, &c, cjk);
    return pass(t, &c, words);
}

#endif
