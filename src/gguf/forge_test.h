/* forge: GGUF files made by hand for the tests, true ones and lying ones; a walk over opened ones.
 *
 *     forge f = {0};
 *     forge_head(&f, 3, 1, 1);
 *     forge_key(&f, "answer", GGUF_U32);  forge_u32(&f, 42);
 *     forge_tensor(&f, "t", Q_F32, 1, (uint64_t[]){8}, 0);
 *     forge_pad(&f, 32);  forge_fill(&f, 32);
 *     gguf *g;  forge_open(&g, &f, &e);
 *
 * Nothing here knows write.c: a mistake made twice would not show.
 */
#ifndef DS4_GGUF_FORGE_TEST_H
#define DS4_GGUF_FORGE_TEST_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/le.h"
#include "base/utf8.h"
#include "gguf/gguf.h"
#include "gguf/value.h"

typedef struct forge {
    buf b;
    uint8_t *exact; /* what was opened: exactly as large as the file, for the sanitizers' sake */
} forge;

static inline void forge_bytes(forge *f, const void *p, size_t n) {
    buf_add(&f->b, p, n);
}
static inline void forge_u8(forge *f, uint32_t v) {
    buf_char(&f->b, (char)v);
}
static inline void forge_u32(forge *f, uint32_t v) {
    uint8_t p[4];
    put_le32(p, v);
    forge_bytes(f, p, sizeof p);
}
static inline void forge_u64(forge *f, uint64_t v) {
    uint8_t p[8];
    put_le64(p, v);
    forge_bytes(f, p, sizeof p);
}
static inline void forge_f64(forge *f, double v) {
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    forge_u64(f, bits);
}
static inline void forge_str(forge *f, const char *s) {
    forge_u64(f, strlen(s));
    forge_bytes(f, s, strlen(s));
}

static inline void forge_head(forge *f, uint32_t version, uint64_t n_tensors, uint64_t n_keys) {
    forge_bytes(f, "GGUF", 4);
    forge_u32(f, version);
    forge_u64(f, n_tensors);
    forge_u64(f, n_keys);
}
static inline void forge_key(forge *f, const char *name, uint32_t kind) {
    forge_str(f, name);
    forge_u32(f, kind);
}
static inline void forge_array(forge *f, const char *name, uint32_t of, uint64_t n) {
    forge_key(f, name, GGUF_ARRAY);
    forge_u32(f, of);
    forge_u64(f, n);
}
static inline void forge_tensor(forge *f, const char *name, uint32_t type, uint32_t n_dims,
                                const uint64_t *ne, uint64_t offset) {
    forge_str(f, name);
    forge_u32(f, n_dims);
    for (uint32_t i = 0; i < n_dims; i++) forge_u64(f, ne[i]);
    forge_u32(f, type);
    forge_u64(f, offset);
}
static inline void forge_fill(forge *f, size_t n) {
    for (size_t i = 0; i < n; i++) forge_u8(f, (uint32_t)(i * 37 + 11));
}
static inline void forge_pad(forge *f, size_t step) {
    while (f->b.n % step) forge_u8(f, 0);
}

/* Opens the first n bytes. */
static inline status forge_open_part(gguf **g, forge *f, size_t n, err *e) {
    free(f->exact);
    f->exact = malloc(n ? n : 1);
    if (!f->exact) abort();
    if (n) memcpy(f->exact, f->b.data, n);
    return gguf_open_bytes(g, f->exact, n, "forged.gguf", e);
}
static inline status forge_open(gguf **g, forge *f, err *e) {
    return forge_open_part(g, f, f->b.n, e);
}
static inline void forge_free(forge *f) {
    buf_free(&f->b);
    free(f->exact);
    f->exact = NULL;
}

/* A file with every kind of key, arrays of every kind, nested ones, and a few tensors. */
static inline void forge_everything(forge *f) {
    static const char *const words[] = {"", "a", "\xc4\xa0the", "\xf0\x9f\x8d\x80", "left right"};
    forge_head(f, 3, 4, 28);
    forge_key(f, "general.architecture", GGUF_STRING), forge_str(f, "deepseek4");
    forge_key(f, "general.alignment", GGUF_U32), forge_u32(f, 64);
    forge_key(f, "u8", GGUF_U8), forge_u8(f, 200);
    forge_key(f, "i8", GGUF_I8), forge_u8(f, 0x80);
    forge_key(f, "u16", GGUF_U16), forge_bytes(f, "\xff\xff", 2);
    forge_key(f, "i16", GGUF_I16), forge_bytes(f, "\x00\x80", 2);
    forge_key(f, "u32", GGUF_U32), forge_u32(f, 0xffffffff);
    forge_key(f, "i32", GGUF_I32), forge_u32(f, 0x80000000);
    forge_key(f, "f32", GGUF_F32), forge_u32(f, f32_bits(-1.5f));
    forge_key(f, "true", GGUF_BOOL), forge_u8(f, 1);
    forge_key(f, "false", GGUF_BOOL), forge_u8(f, 0);
    forge_key(f, "empty", GGUF_STRING), forge_str(f, "");
    forge_key(f, "u64", GGUF_U64), forge_u64(f, UINT64_MAX);
    forge_key(f, "i64", GGUF_I64), forge_u64(f, (uint64_t)INT64_MIN);
    forge_key(f, "f64", GGUF_F64), forge_f64(f, 0.1);
    for (uint32_t kind = GGUF_U8; kind <= GGUF_F64; kind++) { /* 11 arrays of 3 */
        if (kind == GGUF_STRING || kind == GGUF_ARRAY) continue;
        static const uint8_t size[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
        char name[] = "array.?";
        name[6] = (char)('a' + kind);
        forge_array(f, name, kind, 3);
        for (uint32_t i = 0; i < 3; i++) {
            forge_u8(f, i & 1);
            for (uint32_t b = 1; b < size[kind]; b++) forge_u8(f, 0);
        }
    }
    forge_array(f, "words", GGUF_STRING, 5);
    for (int i = 0; i < 5; i++) forge_str(f, words[i]);
    forge_array(f, "nested", GGUF_ARRAY, 2); /* [[[["x"]]], []] */
    forge_u32(f, GGUF_ARRAY), forge_u64(f, 1);
    forge_u32(f, GGUF_ARRAY), forge_u64(f, 1);
    forge_u32(f, GGUF_STRING), forge_u64(f, 1), forge_str(f, "x");
    forge_u32(f, GGUF_I32), forge_u64(f, 0);

    forge_tensor(f, "token_embd.weight", Q_F16, 2, (uint64_t[]){3, 5}, 0);               /* 30   */
    forge_tensor(f, "blk.0.ffn_up_exps.weight", Q_Q8_0, 3, (uint64_t[]){32, 2, 2}, 256); /* 136 */
    forge_tensor(f, "blk.0.attn_norm.weight", Q_F32, 1, (uint64_t[]){7}, 64);            /* 28   */
    forge_tensor(f, "four.dims", Q_I32, 4, (uint64_t[]){1, 2, 1, 2}, 128);               /* 16   */
    forge_pad(f, 64);
    forge_fill(f, 256 + 136);
}

/* ----------------------------------------------------------------- walk */

#define WALK_SAYS(cond)                                                                            \
    do {                                                                                           \
        if (!(cond)) return #cond;                                                                 \
    } while (0)

static inline bool walk_inside(const gguf *g, const void *p, uint64_t n) {
    const uintptr_t from = (uintptr_t)gguf_bytes(g), at = (uintptr_t)p;
    return at >= from && at - from <= gguf_size(g) && n <= gguf_size(g) - (at - from);
}

static inline bool walk_text(const gguf *g, gguf_str s) {
    return walk_inside(g, s.p, s.n) && utf8_valid(s.p, s.n) && !(s.n && memchr(s.p, 0, s.n));
}

static inline const char *walk_key(const gguf *g, const gguf_key *k) {
    WALK_SAYS(walk_text(g, k->name) && k->name.n > 0 && k->name.n <= 1024);
    WALK_SAYS(strcmp(gguf_kind_name(k->kind), "unknown") != 0);
    char name[1025];
    memcpy(name, k->name.p, k->name.n);
    name[k->name.n] = 0;
    WALK_SAYS(gguf_find_key(g, name) == k);

    uint64_t u = 0;
    int64_t i = 0;
    double d = 0;
    bool b;
    gguf_str s;
    const bool is_u = gguf_u64(k, &u), is_i = gguf_i64(k, &i), is_d = gguf_f64(k, &d);
    WALK_SAYS(!(is_u && is_i) || u == (uint64_t)i);
    WALK_SAYS(!is_d || isfinite(d));
    WALK_SAYS(!gguf_bool(k, &b) || (is_u && u == b));
    WALK_SAYS(gguf_string(k, &s) == (k->kind == GGUF_STRING));
    WALK_SAYS(k->kind != GGUF_STRING || walk_text(g, s));

    const uint64_t n = gguf_array_n(k);
    const gguf_kind of = gguf_array_kind(k);
    WALK_SAYS(k->kind == GGUF_ARRAY || (n == 1 && of == k->kind));
    if (of == GGUF_STRING) {
        gguf_walk w = {0};
        uint64_t seen = 0;
        for (; gguf_next_string(k, &w, &s); seen++) WALK_SAYS(walk_text(g, s));
        WALK_SAYS(seen == n);
    } else if (of != GGUF_ARRAY) {
        const bool floats = of == GGUF_F32 || of == GGUF_F64;
        for (uint64_t at = 0; at < n; at++) {
            const bool has_i = gguf_array_i64(k, at, &i), has_d = gguf_array_f64(k, at, &d);
            WALK_SAYS(has_i ? !floats : floats || of == GGUF_U64);
            WALK_SAYS(has_d == (of != GGUF_BOOL));
            WALK_SAYS(!has_d || isfinite(d));
        }
    }
    WALK_SAYS(!gguf_array_i64(k, n, &i) && !gguf_array_f64(k, n, &d));
    return NULL;
}

static inline const char *walk_tensor(const gguf *g, const gguf_tensor *t) {
    WALK_SAYS(walk_text(g, t->name) && t->name.n > 0 && t->name.n <= 1024);
    char name[1025];
    memcpy(name, t->name.p, t->name.n);
    name[t->name.n] = 0;
    WALK_SAYS(gguf_find_tensor(g, name) == t);
    WALK_SAYS(t->n_dims >= 1 && t->n_dims <= 4);
    for (uint32_t i = 0; i < 4; i++) WALK_SAYS(i < t->n_dims ? t->ne[i] >= 1 : t->ne[i] == 1);
    uint64_t row;
    WALK_SAYS(t->type && quant_bytes(t->type, t->ne[0], &row));
    WALK_SAYS(t->bytes / t->ne[3] / t->ne[2] / t->ne[1] == row && t->bytes % row == 0);
    WALK_SAYS(t->offset >= gguf_header_bytes(g));
    WALK_SAYS(t->data == gguf_bytes(g) + t->offset && walk_inside(g, t->data, t->bytes));
    volatile uint8_t touched = t->data[0];
    touched = t->data[t->bytes - 1];
    (void)touched;
    return NULL;
}

/* Visits everything an open file holds. NULL if all is as gguf.h promises, else what is not. */
static inline const char *walk_all(const gguf *g) {
    WALK_SAYS(gguf_version(g) == 2 || gguf_version(g) == 3);
    const uint32_t alignment = gguf_alignment(g);
    WALK_SAYS(alignment != 0 && (alignment & (alignment - 1)) == 0 && alignment <= 1 << 20);
    WALK_SAYS(gguf_header_bytes(g) >= 24 && gguf_header_bytes(g) <= gguf_size(g));
    const char *wrong = NULL;
    for (uint64_t i = 0; i < gguf_n_keys(g) && !wrong; i++) {
        const gguf_key *k = gguf_key_at(g, i);
        wrong = walk_key(g, k);
        if (wrong || i + 1 == gguf_n_keys(g)) continue;
        const char *next = gguf_key_at(g, i + 1)->name.p; /* the keys stand without gaps */
        WALK_SAYS(k->value + gguf_value_bytes(k) + 8 == (const uint8_t *)next);
    }
    for (uint64_t i = 0; i < gguf_n_tensors(g) && !wrong; i++) {
        const gguf_tensor *t = gguf_tensor_at(g, i);
        wrong = walk_tensor(g, t);
        for (uint64_t j = 0; j < i && j < 64 && !wrong; j++) {
            const gguf_tensor *o = gguf_tensor_at(g, j);
            WALK_SAYS(o->offset + o->bytes <= t->offset || t->offset + t->bytes <= o->offset);
        }
    }
    return wrong;
}

#endif
