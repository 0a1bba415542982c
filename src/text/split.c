#include "text/split.h"

#include <stdbool.h>
#include <stdint.h>

#include "base/utf8.h"
#include "text/unicode.h"

typedef enum class {
    END,     /* of the region */
    OTHER,   /* controls, private use, unassigned: only alternative b takes them, and only one */
    NUMBER,  /* \p{N} */
    LETTER,  /* \p{L} and \p{M}: the alternatives never tell them apart */
    SYMBOL,  /* \p{P} and \p{S} */
    BLANK,   /* U+0020 */
    SPACE,   /* the rest of \s */
    NEWLINE, /* \r \n */
} class;

typedef enum region { NUMBERS, CJK, REST } region;

typedef struct character {
    uint32_t code;
    uint32_t bytes;
    class kind;
    region in;
} character;

/* A mark may also be the first character of alternative b; but then the run of letters and marks
 * that starts with it is the same match, so that one class serves for both. */
static const uint8_t class_of[UNI_CATEGORIES] = {
    [UNI_CN] = OTHER,  [UNI_LU] = LETTER, [UNI_LL] = LETTER, [UNI_LT] = LETTER, [UNI_LM] = LETTER,
    [UNI_LO] = LETTER, [UNI_MN] = LETTER, [UNI_MC] = LETTER, [UNI_ME] = LETTER, [UNI_ND] = NUMBER,
    [UNI_NL] = NUMBER, [UNI_NO] = NUMBER, [UNI_PC] = SYMBOL, [UNI_PD] = SYMBOL, [UNI_PS] = SYMBOL,
    [UNI_PE] = SYMBOL, [UNI_PI] = SYMBOL, [UNI_PF] = SYMBOL, [UNI_PO] = SYMBOL, [UNI_SM] = SYMBOL,
    [UNI_SC] = SYMBOL, [UNI_SK] = SYMBOL, [UNI_SO] = SYMBOL, [UNI_ZS] = SPACE,  [UNI_ZL] = SPACE,
    [UNI_ZP] = SPACE,  [UNI_CC] = OTHER,  [UNI_CF] = OTHER,  [UNI_CS] = OTHER,  [UNI_CO] = OTHER,
};

static class classify(uint32_t code) {
    if (code == ' ') return BLANK;
    if (code == '\n' || code == '\r') return NEWLINE;
    if (unicode_is_space(code)) return SPACE;
    return (class)class_of[unicode_category_of(code)];
}

static character read_first(const char *p, size_t n) {
    if (n == 0) return (character){0, 0, END, REST};
    const utf8_char u = utf8_next(p, n);
    character c = {u.code, u.bytes, classify(u.code), REST};
    if (c.kind == NUMBER) c.in = NUMBERS;
    if ((c.code >= 0x4e00 && c.code <= 0x9fa5) || (c.code >= 0x3040 && c.code <= 0x30ff))
        c.in = CJK;
    return c;
}

/* The same, but the end where the region ends. */
static character read_in(region in, const char *p, size_t n) {
    const character c = read_first(p, n);
    return c.in == in ? c : (character){0, 0, END, in};
}

static bool is_ascii_letter(uint32_t code) {
    return (code | 32) >= 'a' && (code | 32) <= 'z';
}

/* Where the run of `kind` that begins at `at` ends. */
static size_t run_end(region in, const char *p, size_t n, size_t at, class kind) {
    for (;;) {
        const character c = read_in(in, p + at, n - at);
        if (c.kind != kind) return at;
        at += c.bytes;
    }
}

/* Alternatives d, e, f at a white space. */
static size_t white_space(region in, const char *p, size_t n) {
    size_t at = 0, last = 0, line_end = 0;
    character c;
    for (;;) {
        c = read_in(in, p + at, n - at);
        if (c.kind != BLANK && c.kind != SPACE && c.kind != NEWLINE) break;
        last = at;
        at += c.bytes;
        if (c.kind == NEWLINE) line_end = at;
    }
    if (line_end) return line_end;                 /* d */
    return c.kind == END || last == 0 ? at : last; /* e, with f for a single one */
}

static size_t symbols(region in, const char *p, size_t n, size_t at) {
    at = run_end(in, p, n, at, SYMBOL);
    return run_end(in, p, n, at, NEWLINE);
}

/* Length of pass 3's match at p, where c stands; 0: no alternative matches here. */
static size_t match(const char *p, size_t n, character c) {
    const character d = read_in(c.in, p + c.bytes, n - c.bytes);
    switch (c.kind) {
    case LETTER:
        return run_end(c.in, p, n, 0, LETTER);
    case SYMBOL:
        if (c.code < 0x80 && is_ascii_letter(d.code)) {
            size_t at = 1;
            while (at < n && is_ascii_letter((unsigned char)p[at])) at++;
            return at;
        }
        return symbols(c.in, p, n, 0);
    case BLANK:
    case SPACE:
        if (d.kind == LETTER) return run_end(c.in, p, n, c.bytes, LETTER);
        if (d.kind == SYMBOL && c.kind == BLANK) return symbols(c.in, p, n, c.bytes);
        return white_space(c.in, p, n);
    case NEWLINE:
        return white_space(c.in, p, n);
    case OTHER:
        return d.kind == LETTER ? run_end(c.in, p, n, c.bytes, LETTER) : 0;
    default:
        return 0;
    }
}

/* From p, where nothing matches, to the next character where something does. */
static size_t gap(const char *p, size_t n, character c) {
    const region in = c.in;
    size_t at = c.bytes;
    while ((c = read_in(in, p + at, n - at)).kind == OTHER) {
        if (read_in(in, p + at + c.bytes, n - at - c.bytes).kind == LETTER) break;
        at += c.bytes;
    }
    return at;
}

size_t split_next(const char *p, size_t n) {
    if (n == 0) return 0;
    const character c = read_first(p, n);
    if (c.in == NUMBERS) {
        size_t at = c.bytes;
        for (int i = 1; i < 3; i++) at += read_in(NUMBERS, p + at, n - at).bytes;
        return at;
    }
    const size_t matched = match(p, n, c);
    return matched ? matched : gap(p, n, c);
}
