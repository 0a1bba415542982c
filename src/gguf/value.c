/* value: reading the values of keys that the reader has checked.
 *
 * Nothing is converted when a file is opened: a getter decodes the bytes where they lie, so 129280
 * token strings cost nothing until somebody walks them. Reading element i of an array of fixed
 * values is O(1); strings are walked (gguf_next_string), and arrays of arrays are only carried.
 */
#include "gguf/value.h"

#include <string.h>

#include "base/le.h"
#include "base/utf8.h"

static const struct {
    const char *name;
    uint32_t bytes;
} kinds[GGUF_KINDS] = {
    [GGUF_U8] = {"u8", 1},        [GGUF_I8] = {"i8", 1},     [GGUF_U16] = {"u16", 2},
    [GGUF_I16] = {"i16", 2},      [GGUF_U32] = {"u32", 4},   [GGUF_I32] = {"i32", 4},
    [GGUF_F32] = {"f32", 4},      [GGUF_BOOL] = {"bool", 1}, [GGUF_STRING] = {"string", 8},
    [GGUF_ARRAY] = {"array", 12}, [GGUF_U64] = {"u64", 8},   [GGUF_I64] = {"i64", 8},
    [GGUF_F64] = {"f64", 8},
};

const char *gguf_kind_name(gguf_kind k) {
    return (unsigned)k < GGUF_KINDS ? kinds[k].name : "unknown";
}

uint32_t gguf_kind_bytes(gguf_kind k) {
    return kinds[k].bytes;
}

bool gguf_text_ok(const char *p, size_t n) {
    if (n && memchr(p, 0, n)) return false;
    while (n >= 8) { /* eight letters of ASCII at a time: most of a vocabulary */
        uint64_t w;
        memcpy(&w, p, 8);
        size_t step = 8;
        if (w & 0x8080808080808080u) {
            const utf8_char c = utf8_next(p, n);
            if (!c.valid) return false;
            step = c.bytes;
        }
        p += step, n -= step;
    }
    return utf8_valid(p, n);
}

gguf_shown gguf_show(const char *p, size_t n) {
    gguf_shown s;
    utf8_printable(s.text, sizeof s.text, p, n);
    return s;
}

gguf_shown gguf_show_path(const char *path) {
    gguf_shown s;
    const size_t n = strlen(path);
    if (n < sizeof s.text) return gguf_show(path, n);
    const char *tail = path + n - (sizeof s.text - 4);
    while (((unsigned char)*tail & 0xc0) == 0x80) tail++;
    memcpy(s.text, "...", 3);
    utf8_printable(s.text + 3, sizeof s.text - 3, tail, strlen(tail));
    return s;
}

/* The end of a checked value that begins at p. The depth is bounded by the check. */
static const uint8_t *value_end(const uint8_t *p, gguf_kind kind) {
    if (gguf_kind_fixed(kind)) return p + kinds[kind].bytes;
    if (kind == GGUF_STRING) return p + 8 + le64(p);
    const gguf_kind of = (gguf_kind)le32(p);
    const uint64_t n = le64(p + 4);
    p += 12;
    if (gguf_kind_fixed(of)) return p + n * kinds[of].bytes;
    for (uint64_t i = 0; i < n; i++) p = value_end(p, of);
    return p;
}

size_t gguf_value_bytes(const gguf_key *k) {
    return (size_t)(value_end(k->value, k->kind) - k->value);
}

/* A value of an integer kind (or a bool) is its 64 bits and whether they are negative. */
typedef struct integer {
    uint64_t bits;
    bool negative;
} integer;

static integer of_signed(int64_t v) {
    return (integer){(uint64_t)v, v < 0};
}

static bool read_integer(integer *out, const uint8_t *p, gguf_kind kind) {
    switch (kind) {
    case GGUF_BOOL:
    case GGUF_U8:
        *out = (integer){p[0], false};
        return true;
    case GGUF_U16:
        *out = (integer){le16(p), false};
        return true;
    case GGUF_U32:
        *out = (integer){le32(p), false};
        return true;
    case GGUF_U64:
        *out = (integer){le64(p), false};
        return true;
    case GGUF_I8:
        *out = of_signed((int8_t)p[0]);
        return true;
    case GGUF_I16:
        *out = of_signed((int16_t)le16(p));
        return true;
    case GGUF_I32:
        *out = of_signed((int32_t)le32(p));
        return true;
    case GGUF_I64:
        *out = of_signed((int64_t)le64(p));
        return true;
    case GGUF_F32:
    case GGUF_F64:
    case GGUF_STRING:
    case GGUF_ARRAY:
        break;
    }
    return false;
}

static bool read_u64(uint64_t *out, const uint8_t *p, gguf_kind kind) {
    integer v;
    if (!read_integer(&v, p, kind) || v.negative) return false;
    *out = v.bits;
    return true;
}

static bool read_i64(int64_t *out, const uint8_t *p, gguf_kind kind) {
    integer v;
    if (!read_integer(&v, p, kind) || (!v.negative && v.bits > INT64_MAX)) return false;
    *out = (int64_t)v.bits;
    return true;
}

static bool read_f64(double *out, const uint8_t *p, gguf_kind kind) {
    integer v;
    if (kind == GGUF_F32) {
        *out = (double)bits_f32(le32(p));
    } else if (kind == GGUF_F64) {
        const uint64_t bits = le64(p);
        memcpy(out, &bits, sizeof *out);
    } else if (kind != GGUF_BOOL && read_integer(&v, p, kind)) {
        *out = v.negative ? (double)(int64_t)v.bits : (double)v.bits;
    } else {
        return false;
    }
    return true;
}

bool gguf_u64(const gguf_key *k, uint64_t *out) {
    return k && read_u64(out, k->value, k->kind);
}
bool gguf_i64(const gguf_key *k, int64_t *out) {
    return k && read_i64(out, k->value, k->kind);
}
bool gguf_f64(const gguf_key *k, double *out) {
    return k && read_f64(out, k->value, k->kind);
}

bool gguf_bool(const gguf_key *k, bool *out) {
    uint64_t v;
    if (!gguf_u64(k, &v) || v > 1) return false;
    *out = v == 1;
    return true;
}

static gguf_str read_string(const uint8_t *p) {
    return (gguf_str){(const char *)p + 8, (size_t)le64(p)};
}

bool gguf_string(const gguf_key *k, gguf_str *out) {
    if (!k || k->kind != GGUF_STRING) return false;
    *out = read_string(k->value);
    return true;
}

/* What a key is when taken as an array. */
typedef struct run {
    gguf_kind kind;
    uint64_t n;
    const uint8_t *first;
} run;

static run run_of(const gguf_key *k) {
    if (k->kind != GGUF_ARRAY) return (run){k->kind, 1, k->value};
    return (run){(gguf_kind)le32(k->value), le64(k->value + 4), k->value + 12};
}

uint64_t gguf_array_n(const gguf_key *k) {
    return k ? run_of(k).n : 0;
}

gguf_kind gguf_array_kind(const gguf_key *k) {
    return k ? run_of(k).kind : GGUF_U8;
}

/* Where element i of an array of fixed values lies; NULL if there is none. */
static const uint8_t *element(const gguf_key *k, uint64_t i, gguf_kind *kind) {
    if (!k) return NULL;
    const run r = run_of(k);
    if (i >= r.n || !gguf_kind_fixed(r.kind)) return NULL;
    *kind = r.kind;
    return r.first + i * kinds[r.kind].bytes;
}

bool gguf_array_i64(const gguf_key *k, uint64_t i, int64_t *out) {
    gguf_kind kind;
    const uint8_t *p = element(k, i, &kind);
    return p && read_i64(out, p, kind);
}

bool gguf_array_f64(const gguf_key *k, uint64_t i, double *out) {
    gguf_kind kind;
    const uint8_t *p = element(k, i, &kind);
    return p && read_f64(out, p, kind);
}

bool gguf_next_string(const gguf_key *k, gguf_walk *w, gguf_str *out) {
    if (!k) return false;
    const run r = run_of(k);
    if (r.kind != GGUF_STRING || w->i >= r.n) return false;
    if (!w->at) w->at = r.first;
    *out = read_string(w->at);
    w->at += 8 + out->n;
    w->i++;
    return true;
}
