/* json.c: two passes over the text, one block of memory.
 *
 * The first pass (scan_*) checks the grammar and counts: members of every container in the order
 * the containers open, reals, and the words the tree will need. The second (build_*) trusts the
 * text and fills the block:
 *
 *     json_doc | words                                      | a copy of the text, strings
 *              | root | children of a | children of b | ... | decoded in place
 *
 * A value is one word. What it refers to lies behind it, so a distance from the word itself is
 * all it needs:
 *
 *     bits 0..2   kind
 *          3..31  length: bytes of a string or integer, members; 1 = true
 *         32..63  distance in bytes to the text, the children, or the double
 *
 * An object's children are key, value, key, value... One of more than INDEX_MIN members has the
 * numbers of its members, sorted by key, behind them: finding a key is a binary search, and no
 * choice of keys can make it slow.
 *
 * json-c (0.16) was tried underneath and left out. It cuts keys at NUL and saturates integers
 * beyond 64 bits, so both would have to be smuggled past it, and the pass that must stand before
 * it (NaN, raw control characters and 1e999 get through) is the whole grammar already.
 */
#include "base/json.h"

#include <errno.h>
#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __APPLE__
#include <xlocale.h>
#endif

#include "base/utf8.h"

enum {
    DEPTH_DEFAULT = 64,
    DEPTH_MOST = 1000,     /* the scan recurses: under 200 bytes of stack a level */
    TEXT_MOST = 256 << 20, /* keeps lengths in 29 bits and distances in 32        */
    INDEX_MIN = 8,         /* up to here comparing every key is as fast            */
};

struct json {
    uint64_t bits;
};

struct json_doc {
    size_t n_words;
    json words[];
};

/* ---- the first pass ---- */

typedef struct scan {
    const char *text, *what;
    size_t n, at;
    uint32_t depth, max_depth;
    uint32_t *counts; /* members of container k, in the order of their opening brackets */
    size_t n_counts, counts_cap;
    size_t n_words;        /* besides the root       */
    uint32_t most_members; /* of any single object   */
    err *e;
} scan;

static status bad(scan *s, size_t at, const char *why) {
    return fail(s->e, E_FORMAT, "%s: byte %zu: not valid JSON: %s", s->what, at, why);
}

static void skip_space(scan *s) {
    while (s->at < s->n) {
        const char c = s->text[s->at];
        if (c != ' ' && c != '\n' && c != '\r' && c != '\t') return;
        s->at++;
    }
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static int hex_digit(char c) {
    if (is_digit(c)) return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

static status scan_escape(scan *s) {
    const size_t at = s->at++;
    const char c = s->at < s->n ? s->text[s->at++] : 0;
    if (c && strchr("\"\\/bfnrt", c)) return OK;
    if (c != 'u') return bad(s, at, "a backslash is followed by one of \"\\/bfnrtu");
    for (int i = 0; i < 4; i++, s->at++)
        if (s->at >= s->n || hex_digit(s->text[s->at]) < 0)
            return bad(s, at, "\\u takes four hexadecimal digits");
    return OK;
}

static status scan_string(scan *s) {
    const size_t start = s->at++;
    while (s->at < s->n) {
        const unsigned char c = (unsigned char)s->text[s->at];
        if (c == '"') {
            s->at++;
            return OK;
        }
        if (c == '\\') {
            const status st = scan_escape(s);
            if (st != OK) return st;
        } else if (c < 0x20) {
            return bad(s, s->at, "a control character in a string must be escaped");
        } else if (c < 0x80) {
            s->at++;
        } else {
            const utf8_char u = utf8_next(s->text + s->at, s->n - s->at);
            if (!u.valid) return bad(s, s->at, "the text is not UTF-8");
            s->at += u.bytes;
        }
    }
    return bad(s, start, "this string has no closing quote");
}

static size_t scan_digits(scan *s) {
    const size_t start = s->at;
    while (s->at < s->n && is_digit(s->text[s->at])) s->at++;
    return s->at - start;
}

/* The caller's text may end right behind the number, so strtod gets a copy, unless the digits alone
 * show that it fits. */
static status check_range(scan *s, size_t start) {
    const char *p = s->text + start;
    const size_t n = s->at - start;
    if (n < 300 && !memchr(p, 'e', n) && !memchr(p, 'E', n)) return OK;
    char small[512], *copy = n < sizeof small ? small : malloc(n + 1);
    if (!copy) return fail(s->e, E_NOMEM, "%s: out of memory", s->what);
    memcpy(copy, p, n);
    copy[n] = 0;
    const bool fits = isfinite(strtod(copy, NULL));
    if (copy != small) free(copy);
    if (fits) return OK;
    return fail(s->e, E_LIMIT, "%s: byte %zu: this number is beyond the range of a double", s->what,
                start);
}

static status scan_number(scan *s) {
    const size_t start = s->at;
    bool real = false;
    if (s->text[s->at] == '-') s->at++;
    if (s->at < s->n && s->text[s->at] == '0') s->at++;
    else if (!scan_digits(s)) return bad(s, start, "a value was expected");
    if (s->at < s->n && s->text[s->at] == '.') {
        s->at++;
        real = true;
        if (!scan_digits(s)) return bad(s, start, "a digit must follow the dot of a number");
    }
    if (s->at < s->n && (s->text[s->at] | 32) == 'e') {
        s->at++;
        real = true;
        if (s->at < s->n && (s->text[s->at] == '+' || s->text[s->at] == '-')) s->at++;
        if (!scan_digits(s))
            return bad(s, start, "a digit must follow the exponent mark of a number");
    }
    if (s->at < s->n && is_digit(s->text[s->at]))
        return bad(s, start, "a number has no leading zeros");
    if (real) s->n_words++;
    return check_range(s, start);
}

static status scan_value(scan *s);

/* Opens container k and reserves its count. */
static status scan_open(scan *s, size_t *k) {
    if (++s->depth > s->max_depth)
        return fail(s->e, E_LIMIT, "%s: byte %zu: nested deeper than %" PRIu32 " levels", s->what,
                    s->at, s->max_depth);
    if (s->n_counts == s->counts_cap) {
        const size_t cap = s->counts_cap ? s->counts_cap * 2 : 64;
        uint32_t *p = realloc(s->counts, cap * sizeof *p);
        if (!p) return fail(s->e, E_NOMEM, "%s: out of memory", s->what);
        s->counts = p;
        s->counts_cap = cap;
    }
    *k = s->n_counts++;
    s->at++;
    skip_space(s);
    return OK;
}

/* After a member: a comma goes on, the bracket ends. */
static status scan_more(scan *s, char close, bool *more) {
    skip_space(s);
    const char c = s->at < s->n ? s->text[s->at] : 0;
    if (c == ',') {
        s->at++;
        skip_space(s);
        *more = true;
        return OK;
    }
    if (c != close)
        return bad(s, s->at, close == ']' ? "`,` or `]` was expected" : "`,` or `}` was expected");
    s->at++;
    *more = false;
    return OK;
}

static void scan_close(scan *s, size_t k, uint32_t count, bool object) {
    s->counts[k] = count;
    s->depth--;
    s->n_words += count;
    if (!object) return;
    s->n_words += count + (count > INDEX_MIN ? (count + 1) / 2 : 0);
    if (count > s->most_members) s->most_members = count;
}

static status scan_array(scan *s) {
    size_t k = 0;
    uint32_t count = 0;
    status st = scan_open(s, &k);
    if (st != OK) return st;
    bool more = !(s->at < s->n && s->text[s->at] == ']');
    if (!more) s->at++;
    while (more) {
        st = scan_value(s);
        if (st == OK) st = scan_more(s, ']', &more);
        if (st != OK) return st;
        count++;
    }
    scan_close(s, k, count, false);
    return OK;
}

static status scan_object(scan *s) {
    size_t k = 0;
    uint32_t count = 0;
    status st = scan_open(s, &k);
    if (st != OK) return st;
    bool more = !(s->at < s->n && s->text[s->at] == '}');
    if (!more) s->at++;
    while (more) {
        if (s->at >= s->n || s->text[s->at] != '"')
            return bad(s, s->at, "a key in quotes was expected");
        st = scan_string(s);
        if (st != OK) return st;
        skip_space(s);
        if (s->at >= s->n || s->text[s->at] != ':')
            return bad(s, s->at, "`:` was expected after the key");
        s->at++;
        skip_space(s);
        st = scan_value(s);
        if (st == OK) st = scan_more(s, '}', &more);
        if (st != OK) return st;
        count++;
    }
    scan_close(s, k, count, true);
    return OK;
}

static status scan_value(scan *s) {
    if (s->at >= s->n) return bad(s, s->at, "the text ends where a value was expected");
    const char c = s->text[s->at];
    if (c == '"') return scan_string(s);
    if (c == '{') return scan_object(s);
    if (c == '[') return scan_array(s);
    if (c == '-' || is_digit(c)) return scan_number(s);
    static const char *const words[] = {"true", "false", "null"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        const size_t len = strlen(words[i]);
        if (s->n - s->at >= len && memcmp(s->text + s->at, words[i], len) == 0) {
            s->at += len;
            return OK;
        }
    }
    return bad(s, s->at, "a value was expected");
}

static status scan_text(scan *s) {
    skip_space(s);
    status st = scan_value(s);
    if (st != OK) return st;
    skip_space(s);
    return s->at == s->n ? OK : bad(s, s->at, "there is more after the value");
}

/* ---- the second pass: the text is sound ---- */

typedef struct build {
    char *p;                /* in the copy of the text */
    json *free;             /* the next unused word    */
    const uint32_t *counts; /* of the next container   */
    uint32_t *spare;        /* room for the members of the largest object */
} build;

static json word(json_kind kind, size_t len, const json *self, const void *target) {
    const uint64_t distance = target ? (uint64_t)((const char *)target - (const char *)self) : 0;
    return (json){(uint64_t)kind | (uint64_t)len << 3 | distance << 32};
}

static size_t length(const json *v) { return (size_t)(v->bits >> 3 & 0x1fffffff); }
static const char *target(const json *v) { return (const char *)v + (v->bits >> 32); }
static const json *children(const json *v) { return (const json *)(const void *)target(v); }
static const uint32_t *sorted_index(const json *o) {
    return (const uint32_t *)(const void *)(children(o) + 2 * length(o));
}

static void build_space(build *b) {
    while (*b->p == ' ' || *b->p == '\n' || *b->p == '\r' || *b->p == '\t') b->p++;
}

static uint32_t four_hex(const char *p) {
    uint32_t v = 0;
    for (int i = 0; i < 4; i++) v = v << 4 | (uint32_t)hex_digit(p[i]);
    return v;
}

/* At the `u` of an escape: writes the character (U+FFFD for a lone surrogate), goes behind the
 * escape. Three bytes at most for six read, four for twelve: decoding in place never overtakes
 * itself. */
static char *build_unicode(build *b, char *to) {
    uint32_t c = four_hex(b->p + 1);
    b->p += 5;
    if (c >= 0xd800 && c < 0xdc00 && b->p[0] == '\\' && b->p[1] == 'u') {
        const uint32_t low = four_hex(b->p + 2);
        if (low >= 0xdc00 && low < 0xe000) {
            c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
            b->p += 6;
        }
    }
    return to + utf8_put(to, c);
}

static void build_string(build *b, json *slot) {
    char *const start = ++b->p, *to = start;
    while (*b->p != '"') {
        if (*b->p != '\\') {
            *to++ = *b->p++;
            continue;
        }
        const char c = *++b->p;
        if (c == 'u') {
            to = build_unicode(b, to);
            continue;
        }
        b->p++;
        switch (c) {
        case 'b': *to++ = '\b'; break;
        case 'f': *to++ = '\f'; break;
        case 'n': *to++ = '\n'; break;
        case 'r': *to++ = '\r'; break;
        case 't': *to++ = '\t'; break;
        default: *to++ = c;
        }
    }
    b->p++;
    *to = 0; /* at the closing quote or before it */
    *slot = word(JSON_STRING, (size_t)(to - start), slot, start);
}

static void build_number(build *b, json *slot) {
    char *const start = b->p;
    bool real = false;
    for (; is_digit(*b->p) || *b->p == '-' || *b->p == '+' || *b->p == '.' || (*b->p | 32) == 'e';
         b->p++)
        real |= !is_digit(*b->p) && b->p != start;
    if (!real) {
        const bool minus_zero = b->p - start == 2 && start[0] == '-' && start[1] == '0';
        *slot = word(JSON_INT, (size_t)(b->p - start) - minus_zero, slot, start + minus_zero);
        return;
    }
    json *const cell = b->free++;
    const double v = strtod(start, NULL);
    memcpy(cell, &v, sizeof v);
    *slot = word(JSON_REAL, 0, slot, cell);
}

static void build_value(build *b, json *slot);

static void build_array(build *b, json *slot) {
    const uint32_t count = *b->counts++;
    json *const kids = b->free;
    b->free += count;
    *slot = word(JSON_ARRAY, count, slot, count ? kids : NULL);
    b->p++;
    for (uint32_t i = 0; i < count; i++) {
        build_value(b, &kids[i]);
        build_space(b);
        if (i + 1 < count) b->p++;
    }
    build_space(b);
    b->p++;
}

static int compare_text(const char *a, size_t an, const char *b, size_t bn) {
    const int c = memcmp(a, b, an < bn ? an : bn);
    return c ? c : an < bn ? -1 : an > bn;
}

static int compare_keys(const json *kids, uint32_t i, uint32_t j) {
    const json *a = &kids[2 * i], *b = &kids[2 * j];
    return compare_text(target(a), length(a), target(b), length(b));
}

/* Stable merge sort of member numbers by key, so N log N bytes compared at worst. `spare` has room
 * for n as well; the result is in `index`. */
static void sort_members(const json *kids, uint32_t *index, uint32_t *spare, uint32_t n) {
    for (uint32_t width = 1; width < n; width *= 2) {
        for (uint32_t lo = 0; lo < n; lo += 2 * width) {
            const uint32_t mid = n - lo < width ? n : lo + width;
            const uint32_t hi = n - mid < width ? n : mid + width;
            uint32_t i = lo, j = mid;
            for (uint32_t k = lo; k < hi; k++)
                spare[k] = j == hi || (i < mid && compare_keys(kids, index[i], index[j]) <= 0)
                               ? index[i++]
                               : index[j++];
        }
        memcpy(index, spare, n * sizeof *index);
    }
}

/* Moves the word of a value; what it refers to stays. */
static void move_word(json *to, const json *from) {
    const json_kind kind = json_type(from);
    *to = word(kind, length(from), to, from->bits >> 32 ? target(from) : NULL);
}

/* Repeated keys go: the first place, the last value (I2). Returns the number of members kept. */
static uint32_t unique_few(json *kids, uint32_t n) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t j = 0;
        while (j < kept && compare_keys(kids, j, i) != 0) j++;
        if (j == kept && kept++ != i) move_word(&kids[2 * j], &kids[2 * i]);
        if (j != i) move_word(&kids[2 * j + 1], &kids[2 * i + 1]);
    }
    return kept;
}

/* The same for many, by sorting, which also leaves the index behind the members that are kept. */
static uint32_t unique_many(build *b, json *kids, uint32_t n) {
    uint32_t *index = (uint32_t *)(void *)(kids + 2 * (size_t)n), *place = b->spare;
    uint32_t kept = 0, k = 0;
    for (uint32_t i = 0; i < n; i++) index[i] = i;
    sort_members(kids, index, b->spare, n);

    /* Equal keys stand together, in the order of the text. */
    memset(place, 0, n * sizeof *place);
    for (uint32_t i = 0; i < n; i = k) {
        for (k = i + 1; k < n && compare_keys(kids, index[i], index[k]) == 0; k++)
            place[index[k]] = UINT32_MAX;
        if (k - i > 1)
            move_word(&kids[2 * (size_t)index[i] + 1], &kids[2 * (size_t)index[k - 1] + 1]);
        index[kept++] = index[i];
    }
    if (kept == n) return n;
    uint32_t to = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (place[i] == UINT32_MAX) continue;
        move_word(&kids[2 * (size_t)to], &kids[2 * (size_t)i]);
        move_word(&kids[2 * (size_t)to + 1], &kids[2 * (size_t)i + 1]);
        place[i] = to++;
    }
    for (uint32_t i = 0; i < kept; i++) index[i] = place[index[i]];
    memmove(kids + 2 * (size_t)kept, index, kept * sizeof *index);
    return kept;
}

static void build_object(build *b, json *slot) {
    const uint32_t count = *b->counts++;
    json *const kids = b->free;
    b->free += 2 * (size_t)count + (count > INDEX_MIN ? (count + 1) / 2 : 0);
    b->p++;
    for (uint32_t i = 0; i < count; i++) {
        build_space(b);
        build_string(b, &kids[2 * (size_t)i]);
        build_space(b);
        b->p++;
        build_value(b, &kids[2 * (size_t)i + 1]);
        build_space(b);
        if (i + 1 < count) b->p++;
    }
    build_space(b);
    b->p++;
    const uint32_t kept = count > INDEX_MIN ? unique_many(b, kids, count) : unique_few(kids, count);
    *slot = word(JSON_OBJECT, kept, slot, count ? kids : NULL);
}

static void build_value(build *b, json *slot) {
    build_space(b);
    const char c = *b->p;
    if (c == '"') {
        build_string(b, slot);
    } else if (c == '{') {
        build_object(b, slot);
    } else if (c == '[') {
        build_array(b, slot);
    } else if (c == 't' || c == 'f') {
        *slot = word(JSON_BOOL, c == 't', slot, NULL);
        b->p += c == 't' ? 4 : 5;
    } else if (c == 'n') {
        *slot = word(JSON_NULL, 0, slot, NULL);
        b->p += 4;
    } else {
        build_number(b, slot);
    }
}

/* A scanned text becomes a tree. */
static status build_doc(json_doc **out, const scan *s) {
    json_doc *d = malloc(sizeof *d + (s->n_words + 1) * sizeof(json) + s->n + 1);
    uint32_t *spare = malloc(((size_t)s->most_members + 1) * sizeof *spare);
    if (!d || !spare) {
        free(d);
        free(spare);
        return fail(s->e, E_NOMEM, "%s: out of memory", s->what);
    }
    d->n_words = s->n_words + 1;
    char *text = (char *)(d->words + d->n_words);
    memcpy(text, s->text, s->n);
    text[s->n] = 0;
    build b = {text, d->words + 1, s->counts, spare};
    build_value(&b, d->words);
    free(spare);
    *out = d;
    return OK;
}

status json_parse(json_doc **out, const char *text, size_t n, uint32_t max_depth, const char *what,
                  err *e) {
    if (n > TEXT_MOST)
        return fail(e, E_LIMIT, "%s: %zu bytes of JSON, at most %d are taken", what, n, TEXT_MOST);
    if (max_depth == 0) max_depth = DEPTH_DEFAULT;
    scan s = {.text = text, .what = what, .n = n, .e = e};
    s.max_depth = max_depth < DEPTH_MOST ? max_depth : DEPTH_MOST;

    /* strtod follows the locale of the program, JSON does not. */
    const locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (!c) return fail(e, E_NOMEM, "%s: out of memory", what);
    const locale_t was = uselocale(c);
    status st = scan_text(&s);
    if (st == OK) st = build_doc(out, &s);
    uselocale(was);
    freelocale(c);
    free(s.counts);
    return st;
}

const json *json_root(const json_doc *d) { return d->words; }
void json_free(json_doc *d) { free(d); }

/* ---- reading ---- */

json_kind json_type(const json *v) { return (json_kind)(v->bits & 7); }

const char *json_kind_name(json_kind k) {
    static const char *const names[] = {"null",   "boolean", "integer", "number",
                                        "string", "array",   "object"};
    return (unsigned)k < sizeof names / sizeof *names ? names[k] : "unknown";
}

static bool is(const json *v, json_kind k) { return v && json_type(v) == k; }

size_t json_count(const json *v) { return is(v, JSON_ARRAY) || is(v, JSON_OBJECT) ? length(v) : 0; }

const json *json_at(const json *array, size_t i) {
    return is(array, JSON_ARRAY) && i < length(array) ? children(array) + i : NULL;
}

bool json_member(const json *object, size_t i, const char **key, size_t *key_n,
                 const json **value) {
    if (!is(object, JSON_OBJECT) || i >= length(object)) return false;
    const json *k = children(object) + 2 * i;
    if (key) *key = target(k);
    if (key_n) *key_n = length(k);
    if (value) *value = k + 1;
    return true;
}

const json *json_find(const json *object, const char *key, size_t n) {
    if (!is(object, JSON_OBJECT)) return NULL;
    const json *kids = children(object);
    const size_t count = length(object);
    if (count <= INDEX_MIN) {
        for (size_t i = 0; i < count; i++)
            if (length(&kids[2 * i]) == n && memcmp(target(&kids[2 * i]), key, n) == 0)
                return &kids[2 * i + 1];
        return NULL;
    }
    const uint32_t *index = sorted_index(object);
    size_t lo = 0, hi = count;
    while (lo < hi) {
        const size_t mid = lo + (hi - lo) / 2;
        const json *k = &kids[2 * (size_t)index[mid]];
        const int c = compare_text(target(k), length(k), key, n);
        if (c == 0) return k + 1;
        if (c < 0) lo = mid + 1;
        else hi = mid;
    }
    return NULL;
}

const json *json_get(const json *object, const char *key) {
    return json_find(object, key, strlen(key));
}

bool json_bool(const json *v, bool *out) {
    if (!is(v, JSON_BOOL)) return false;
    *out = length(v) != 0;
    return true;
}

static double real_of(const json *v) {
    double d;
    memcpy(&d, target(v), sizeof d);
    return d;
}

/* The magnitude and sign of an integer, also one written as a real; false if it has a fraction or
 * needs over 64 bits. */
static bool integer_of(const json *v, bool *negative, uint64_t *magnitude) {
    if (is(v, JSON_REAL)) {
        const double d = real_of(v), m = fabs(d);
        if (m >= 18446744073709551616.0 || m != floor(m)) return false;
        *negative = d < 0;
        *magnitude = (uint64_t)m;
        return true;
    }
    if (!is(v, JSON_INT)) return false;
    const char *p = target(v), *const end = p + length(v);
    *negative = *p == '-';
    uint64_t m = 0;
    for (p += *negative; p < end; p++) {
        const uint64_t digit = (uint64_t)(*p - '0');
        if (m > (UINT64_MAX - digit) / 10) return false;
        m = m * 10 + digit;
    }
    *magnitude = m;
    return true;
}

bool json_i64(const json *v, int64_t *out) {
    bool negative;
    uint64_t m;
    if (!integer_of(v, &negative, &m) || m > (uint64_t)INT64_MAX + negative) return false;
    *out = negative ? -(int64_t)(m - (m > INT64_MAX)) - (m > INT64_MAX) : (int64_t)m;
    return true;
}

bool json_u64(const json *v, uint64_t *out) {
    bool negative;
    uint64_t m;
    if (!integer_of(v, &negative, &m) || (negative && m != 0)) return false;
    *out = m;
    return true;
}

bool json_f64(const json *v, double *out) {
    if (is(v, JSON_REAL)) *out = real_of(v);
    else if (is(v, JSON_INT)) *out = strtod(target(v), NULL); /* no dot, so no locale */
    else return false;
    return true;
}

const char *json_text(const json *v, size_t *n) {
    if (!is(v, JSON_STRING)) return NULL;
    if (n) *n = length(v);
    return target(v);
}

static bool integers_equal(const json *a, const json *b) {
    return length(a) == length(b) && memcmp(target(a), target(b), length(a)) == 0;
}

bool json_equal(const json *a, const json *b) {
    double x, y;
    if (is(a, JSON_INT) && is(b, JSON_INT)) return integers_equal(a, b);
    if (json_f64(a, &x) && json_f64(b, &y)) return x == y;
    if (json_type(a) != json_type(b)) return false;
    if (is(a, JSON_STRING)) return compare_text(target(a), length(a), target(b), length(b)) == 0;
    if (length(a) != length(b)) return false;
    if (is(a, JSON_ARRAY)) {
        for (size_t i = 0; i < length(a); i++)
            if (!json_equal(children(a) + i, children(b) + i)) return false;
    }
    if (is(a, JSON_OBJECT)) {
        for (size_t i = 0; i < length(a); i++) {
            const json *k = children(a) + 2 * i, *other = json_find(b, target(k), length(k));
            if (!other || !json_equal(k + 1, other)) return false;
        }
    }
    return true;
}

/* ---- writing ---- */

void json_write_string(buf *out, const char *p, size_t n) {
    buf_char(out, '"');
    size_t done = 0; /* everything before it has been written */
    for (size_t i = 0; i < n;) {
        const unsigned char c = (unsigned char)p[i];
        if (c >= 0x80) {
            const utf8_char u = utf8_next(p + i, n - i);
            if (!u.valid) {
                buf_add(out, p + done, i - done);
                buf_str(out, "\xef\xbf\xbd");
                done = i + u.bytes;
            }
            i += u.bytes;
            continue;
        }
        i++;
        if (c >= 0x20 && c != '"' && c != '\\') continue;
        buf_add(out, p + done, i - 1 - done);
        done = i;
        static const char from[] = "\"\\\n\r\t\b\f", to[] = "\"\\nrtbf";
        const char *known = c ? strchr(from, c) : NULL;
        if (known) buf_printf(out, "\\%c", to[known - from]);
        else buf_printf(out, "\\u%04x", c);
    }
    buf_add(out, p + done, n - done);
    buf_char(out, '"');
}

/* Digits and exponent of the shortest decimal that reads back as v > 0: v = 0.DIGITS * 10^point.
 * The nearest decimal of n digits is tried for n = 1, 2, ... At a power of two the doubles above
 * are twice as far away as those below, so there the next decimal up may read back when the nearest
 * does not. Numbers are printed and read without a decimal point: it belongs to the locale. */
static int shortest(double v, char digits[24], int *point) {
    int unused;
    const bool power_of_two = frexp(v, &unused) == 0.5;
    for (int n = 1;; n++) {
        char form[48], again[48];
        snprintf(form, sizeof form, "%.*e", n - 1, v);
        const char *e = strchr(form, 'e');
        uint64_t m = 0;
        for (const char *p = form; p < e; p++)
            if (is_digit(*p)) m = m * 10 + (uint64_t)(*p - '0');
        const int exponent = (int)strtol(e + 1, NULL, 10) - (n - 1);

        for (uint64_t up = 0; up <= power_of_two; up++) {
            snprintf(again, sizeof again, "%" PRIu64 "e%d", m + up, exponent);
            if (n < 17 && strtod(again, NULL) != v) continue;
            int len = snprintf(digits, 24, "%" PRIu64, m + up);
            *point = len + exponent;
            while (len > 1 && digits[len - 1] == '0') len--;
            return len;
        }
    }
}

void json_write_f64(buf *out, double v) {
    if (!isfinite(v)) {
        buf_str(out, "null"); /* cannot come from JSON */
        return;
    }
    if (signbit(v)) buf_char(out, '-');
    if (v == 0) {
        buf_str(out, "0.0");
        return;
    }
    char digits[24];
    int point = 0;
    const int n = shortest(fabs(v), digits, &point);

    if (point > 16 || point < -3) { /* d.ddde-XX */
        buf_add(out, digits, 1);
        if (n > 1) buf_char(out, '.');
        buf_add(out, digits + 1, (size_t)n - 1);
        buf_printf(out, "e%c%02d", point > 0 ? '+' : '-', abs(point - 1));
        return;
    }
    if (point <= 0) buf_str(out, "0.");
    for (int i = point; i < 0; i++) buf_char(out, '0');
    for (int i = 0; i < n || i < point; i++) {
        if (i == point && i > 0) buf_char(out, '.');
        buf_char(out, i < n ? digits[i] : '0');
    }
    if (point >= n) buf_str(out, ".0");
}

void json_write(buf *out, const json *v) {
    switch (json_type(v)) {
    case JSON_NULL: buf_str(out, "null"); return;
    case JSON_BOOL: buf_str(out, length(v) ? "true" : "false"); return;
    case JSON_INT: buf_add(out, target(v), length(v)); return;
    case JSON_REAL: json_write_f64(out, real_of(v)); return;
    case JSON_STRING: json_write_string(out, target(v), length(v)); return;
    case JSON_ARRAY:
        buf_char(out, '[');
        for (size_t i = 0; i < length(v); i++) {
            if (i) buf_str(out, ", ");
            json_write(out, children(v) + i);
        }
        buf_char(out, ']');
        return;
    case JSON_OBJECT:
        buf_char(out, '{');
        for (size_t i = 0; i < length(v); i++) {
            const json *k = children(v) + 2 * i;
            if (i) buf_str(out, ", ");
            json_write_string(out, target(k), length(k));
            buf_str(out, ": ");
            json_write(out, k + 1);
        }
        buf_char(out, '}');
        return;
    }
}
