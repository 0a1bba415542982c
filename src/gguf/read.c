/* read: the one validating pass over a GGUF file.
 *
 * Top to bottom through the structure, in the order of the file; the tensors' data are not touched.
 * Every number that the file gives is compared with the bytes that remain before anything is done
 * with it, so the pass takes time and memory in proportion to what the file really holds.
 *
 * I1  r->at <= r->end <= r->size, and nothing at or beyond r->end is read.
 * I2  A record is filled only from checked values; after the pass nobody checks again.
 *
 * A message is `path: key|tensor name: what, where, what was expected`.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/le.h"
#include "gguf/gguf.h"
#include "gguf/names.h"
#include "gguf/value.h"

/* The fewest bytes a file can spend on one: a name of one byte, a value of one, one dimension. */
enum { HEADER_BYTES = 24, MIN_KEY_BYTES = 8 + 1 + 4 + 1, MIN_TENSOR_BYTES = 8 + 1 + 4 + 8 + 4 + 8 };

struct gguf {
    file_map map; /* empty when the bytes are the caller's */
    const uint8_t *data;
    uint64_t size, header_bytes;
    uint32_t version, alignment;
    gguf_key *keys;
    gguf_tensor *tensors;
    uint64_t n_keys, n_tensors;
    name_index key_names, tensor_names;
};

typedef struct reader {
    const char *path;
    const uint8_t *data;
    uint64_t size, at, end;
    const char *what; /* "key", "tensor"; NULL: the file as a whole */
    uint64_t which;   /* its number, from 0...                      */
    gguf_str name;    /* ...until its name is known                 */
    err *e;
} reader;

static status refuse(const reader *r, status code, const char *fmt, ...) PRINTF_LIKE(3, 4);
static status refuse(const reader *r, status code, const char *fmt, ...) {
    char why[260], where[180] = "";
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(why, sizeof why, fmt, ap);
    va_end(ap);
    if (r->name.p)
        snprintf(where, sizeof where, "%s %s: ", r->what, gguf_show(r->name.p, r->name.n).text);
    else if (r->what)
        snprintf(where, sizeof where, "%s %" PRIu64 ": ", r->what, r->which);
    return fail(r->e, code, "%s: %s%s", gguf_show_path(r->path).text, where, why);
}

static status no_memory(const reader *r) {
    return refuse(r, E_NOMEM, "out of memory");
}

static void about(reader *r, const char *what, uint64_t which) {
    r->what = what;
    r->which = which;
    r->name = (gguf_str){0};
}

/* Are there n more bytes? */
static status have(const reader *r, uint64_t n) {
    if (n <= r->end - r->at) return OK;
    if (n <= r->size - r->at)
        return refuse(r, E_LIMIT, "the keys take more than %d MiB, the limit here",
                      GGUF_MAX_KEY_BYTES >> 20);
    return refuse(r, E_FORMAT,
                  "%" PRIu64 " bytes wanted at offset %" PRIu64 ", the file ends at %" PRIu64
                  ": it is cut short or damaged",
                  n, r->at, r->size);
}

static status read_u32(reader *r, uint32_t *out) {
    const status st = have(r, 4);
    if (st != OK) return st;
    *out = le32(r->data + r->at);
    r->at += 4;
    return OK;
}

static status read_u64(reader *r, uint64_t *out) {
    const status st = have(r, 8);
    if (st != OK) return st;
    *out = le64(r->data + r->at);
    r->at += 8;
    return OK;
}

static status read_string(reader *r, gguf_str *out, uint64_t limit) {
    const uint64_t from = r->at;
    uint64_t n;
    status st = read_u64(r, &n);
    if (st == OK) st = have(r, n);
    if (st != OK) return st;
    if (n > limit)
        return refuse(r, E_LIMIT,
                      "a name of %" PRIu64 " bytes at offset %" PRIu64
                      ", the limit here is %" PRIu64,
                      n, from, limit);
    const gguf_str s = {(const char *)r->data + r->at, (size_t)n};
    if (!gguf_text_ok(s.p, s.n))
        return refuse(r, E_FORMAT, "the string of %" PRIu64 " bytes at offset %" PRIu64 " %s", n,
                      from, memchr(s.p, 0, s.n) ? "has a NUL in it" : "is not valid UTF-8");
    r->at += n;
    *out = s;
    return OK;
}

static status read_name(reader *r, gguf_str *out) {
    status st = read_string(r, out, GGUF_MAX_NAME);
    if (st == OK && out->n == 0)
        st = refuse(r, E_FORMAT, "an empty name at offset %" PRIu64, r->at - 8);
    if (st == OK) r->name = *out;
    return st;
}

/* ------------------------------------------------------------------ keys */

static status read_kind(reader *r, gguf_kind *out) {
    uint32_t kind;
    const status st = read_u32(r, &kind);
    if (st != OK) return st;
    if (kind >= GGUF_KINDS)
        return refuse(r, E_FORMAT, "value type %" PRIu32 " at offset %" PRIu64 ", expected 0 to %d",
                      kind, r->at - 4, GGUF_KINDS - 1);
    *out = (gguf_kind)kind;
    return OK;
}

/* A model file has no use for a NaN, and every user of a number is spared the question. */
static bool finite(const uint8_t *p, gguf_kind kind) {
    if (kind == GGUF_F32) return (le32(p) & 0x7f800000u) != 0x7f800000u;
    return (le64(p) & 0x7ff0000000000000u) != 0x7ff0000000000000u;
}

/* n values of a fixed kind. */
static status check_fixed(reader *r, gguf_kind kind, uint64_t n) {
    const uint32_t bytes = gguf_kind_bytes(kind);
    const uint8_t *p = r->data + r->at;
    if (kind == GGUF_BOOL)
        for (uint64_t i = 0; i < n; i++)
            if (p[i] > 1)
                return refuse(r, E_FORMAT, "a bool of %u at offset %" PRIu64 ", expected 0 or 1",
                              p[i], r->at + i);
    if (kind == GGUF_F32 || kind == GGUF_F64)
        for (uint64_t i = 0; i < n; i++)
            if (!finite(p + i * bytes, kind))
                return refuse(r, E_FORMAT, "a number that is not finite at offset %" PRIu64,
                              r->at + i * bytes);
    r->at += n * bytes;
    return OK;
}

/* `depth` arrays are open around this value. */
static status check_value(reader *r, gguf_kind kind, uint32_t depth) {
    status st = have(r, gguf_kind_bytes(kind));
    if (st != OK) return st;
    if (gguf_kind_fixed(kind)) return check_fixed(r, kind, 1);
    if (kind == GGUF_STRING) {
        gguf_str s;
        return read_string(r, &s, UINT64_MAX);
    }
    if (depth == GGUF_MAX_DEPTH)
        return refuse(r, E_LIMIT, "arrays nested more than %d deep at offset %" PRIu64,
                      GGUF_MAX_DEPTH, r->at);
    gguf_kind of;
    uint64_t n;
    st = read_kind(r, &of);
    if (st == OK) st = read_u64(r, &n);
    if (st != OK) return st;
    const uint64_t left = r->size - r->at;
    if (n > left / gguf_kind_bytes(of))
        return refuse(r, E_FORMAT,
                      "an array of %" PRIu64 " %s at offset %" PRIu64 ", but only %" PRIu64
                      " bytes follow: it is cut short or damaged",
                      n, gguf_kind_name(of), r->at - 12, left);
    st = have(r, n * gguf_kind_bytes(of));
    if (st == OK && gguf_kind_fixed(of)) return check_fixed(r, of, n);
    for (uint64_t i = 0; i < n && st == OK; i++) st = check_value(r, of, depth + 1);
    return st;
}

static status read_key(reader *r, gguf_key *k) {
    status st = read_name(r, &k->name);
    if (st == OK) st = read_kind(r, &k->kind);
    k->value = r->data + r->at;
    if (st == OK) st = check_value(r, k->kind, 0);
    return st;
}

/* The index of the names just read; refuses one that comes twice. */
static status index_names(reader *r, name_index *x, const char *what, const void *first,
                          size_t stride, uint64_t n) {
    about(r, NULL, 0);
    if (!names_build(x, first, stride, n)) return no_memory(r);
    const gguf_str *twice = names_repeated(x);
    if (!twice) return OK;
    about(r, what, 0);
    r->name = *twice;
    return refuse(r, E_FORMAT, "comes twice");
}

static status read_keys(gguf *g, reader *r, uint64_t n) {
    if (n > (r->size - r->at) / MIN_KEY_BYTES)
        return refuse(r, E_FORMAT,
                      "the header promises %" PRIu64 " keys, more than a file of %" PRIu64
                      " bytes can hold: it is cut short or damaged",
                      n, r->size);
    if (n > GGUF_MAX_KEYS)
        return refuse(r, E_LIMIT, "%" PRIu64 " keys, the limit here is %d", n, GGUF_MAX_KEYS);
    g->keys = calloc((size_t)n + 1, sizeof *g->keys);
    if (!g->keys) return no_memory(r);
    g->n_keys = n;
    if (r->end - r->at > GGUF_MAX_KEY_BYTES) r->end = r->at + GGUF_MAX_KEY_BYTES;
    for (uint64_t i = 0; i < n; i++) {
        about(r, "key", i);
        const status st = read_key(r, &g->keys[i]);
        if (st != OK) return st;
    }
    r->end = r->size;
    return index_names(r, &g->key_names, "key", g->keys, sizeof *g->keys, n);
}

static status read_alignment(gguf *g, reader *r) {
    static const char name[] = "general.alignment";
    g->alignment = GGUF_ALIGNMENT;
    const gguf_key *k = gguf_find_key(g, name);
    if (!k) return OK;
    about(r, "key", 0);
    r->name = k->name;
    uint64_t v;
    if (k->kind == GGUF_BOOL || !gguf_u64(k, &v))
        return refuse(r, E_FORMAT, "a %s, expected a positive integer", gguf_kind_name(k->kind));
    if (!is_pow2(v)) return refuse(r, E_FORMAT, "%" PRIu64 " is not a power of two", v);
    if (v > GGUF_MAX_ALIGNMENT)
        return refuse(r, E_LIMIT, "%" PRIu64 " bytes, the limit here is %d", v, GGUF_MAX_ALIGNMENT);
    g->alignment = (uint32_t)v;
    return OK;
}

/* --------------------------------------------------------------- tensors */

static status read_shape(reader *r, gguf_tensor *t) {
    status st = read_u32(r, &t->n_dims);
    if (st != OK) return st;
    if (t->n_dims < 1 || t->n_dims > 4)
        return refuse(r, E_FORMAT, "%" PRIu32 " dimensions, expected 1 to 4", t->n_dims);
    for (uint32_t i = 0; i < 4; i++) {
        t->ne[i] = 1;
        if (i < t->n_dims) st = read_u64(r, &t->ne[i]);
        if (st != OK) return st;
        if (t->ne[i] == 0) return refuse(r, E_FORMAT, "dimension %" PRIu32 " is 0", i);
    }
    return OK;
}

/* The type and, from it and the shape, the size. A wrapped product would pass the bounds check that
 * follows, so none may wrap. */
static status read_type(reader *r, gguf_tensor *t) {
    uint32_t id;
    const status st = read_u32(r, &id);
    if (st != OK) return st;
    t->type = quant_find(id);
    if (!t->type)
        return refuse(r, E_UNSUPPORTED,
                      "tensor type %" PRIu32 " at offset %" PRIu64
                      " is none that this program knows",
                      id, r->at - 4);
    if (t->ne[0] % t->type->block_values != 0)
        return refuse(r, E_FORMAT,
                      "rows of %" PRIu64 " values are not whole blocks of %s (%" PRIu32 " values)",
                      t->ne[0], t->type->name, t->type->block_values);
    uint64_t n = 1;
    bool fits = true;
    for (int i = 0; i < 4; i++) fits = fits && mul_u64(n, t->ne[i], &n);
    if (!fits || !quant_bytes(t->type, n, &t->bytes))
        return refuse(r, E_FORMAT,
                      "shape [%" PRIu64 ", %" PRIu64 ", %" PRIu64 ", %" PRIu64
                      "] overflows 64 bits",
                      t->ne[0], t->ne[1], t->ne[2], t->ne[3]);
    return OK;
}

/* The offset is still counted from the start of the data, which is not known yet. */
static status read_tensor(reader *r, gguf_tensor *t) {
    status st = read_name(r, &t->name);
    if (st == OK) st = read_shape(r, t);
    if (st == OK) st = read_type(r, t);
    if (st == OK) st = read_u64(r, &t->offset);
    return st;
}

static status read_directory(gguf *g, reader *r, uint64_t n) {
    if (n > (r->size - r->at) / MIN_TENSOR_BYTES)
        return refuse(r, E_FORMAT,
                      "the header promises %" PRIu64 " tensors, more than a file of %" PRIu64
                      " bytes can hold: it is cut short or damaged",
                      n, r->size);
    if (n > GGUF_MAX_TENSORS)
        return refuse(r, E_LIMIT, "%" PRIu64 " tensors, the limit here is %d", n, GGUF_MAX_TENSORS);
    g->tensors = calloc((size_t)n + 1, sizeof *g->tensors);
    if (!g->tensors) return no_memory(r);
    g->n_tensors = n;
    for (uint64_t i = 0; i < n; i++) {
        about(r, "tensor", i);
        const status st = read_tensor(r, &g->tensors[i]);
        if (st != OK) return st;
    }
    g->header_bytes = r->at;
    return index_names(r, &g->tensor_names, "tensor", g->tensors, sizeof *g->tensors, n);
}

/* Turns the offsets into places in the file. */
static status place_tensors(gguf *g, reader *r) {
    uint64_t start;
    const bool room = round_up_u64(g->header_bytes, g->alignment, &start);
    for (uint64_t i = 0; i < g->n_tensors; i++) {
        gguf_tensor *t = &g->tensors[i];
        about(r, "tensor", i);
        r->name = t->name;
        if (t->offset & (g->alignment - 1))
            return refuse(r, E_FORMAT,
                          "offset %" PRIu64 " is not a multiple of the alignment, %" PRIu32,
                          t->offset, g->alignment);
        const uint64_t from_start = t->offset;
        uint64_t last;
        if (!room || !add_u64(start, from_start, &t->offset) ||
            !add_u64(t->offset, t->bytes, &last))
            return refuse(r, E_FORMAT,
                          "%" PRIu64 " bytes at %" PRIu64 " behind the header overflow 64 bits",
                          t->bytes, from_start);
        if (last > r->size)
            return refuse(r, E_FORMAT,
                          "%" PRIu64 " bytes at offset %" PRIu64 " end after the file (%" PRIu64
                          " bytes): the file is cut short",
                          t->bytes, t->offset, r->size);
        t->data = r->data + t->offset;
    }
    return OK;
}

static int by_offset(const void *a, const void *b) {
    const gguf_tensor *x = *(const gguf_tensor *const *)a, *y = *(const gguf_tensor *const *)b;
    return x->offset < y->offset ? -1 : x->offset > y->offset;
}

static status check_overlap(const gguf *g, reader *r) {
    if (g->n_tensors < 2) return OK;
    about(r, NULL, 0);
    const gguf_tensor **order = malloc((size_t)g->n_tensors * sizeof *order);
    if (!order) return no_memory(r);
    for (uint64_t i = 0; i < g->n_tensors; i++) order[i] = &g->tensors[i];
    qsort(order, (size_t)g->n_tensors, sizeof *order, by_offset);
    status st = OK;
    for (uint64_t i = 1; i < g->n_tensors && st == OK; i++) {
        const gguf_tensor *a = order[i - 1], *b = order[i];
        if (a->offset + a->bytes <= b->offset) continue;
        r->what = "tensor";
        r->name = b->name;
        st = refuse(r, E_FORMAT, "begins at offset %" PRIu64 ", inside tensor %s (to %" PRIu64 ")",
                    b->offset, gguf_show(a->name.p, a->name.n).text, a->offset + a->bytes);
    }
    free(order);
    return st;
}

/* ------------------------------------------------------------------ all */

static status read_header(gguf *g, reader *r, uint64_t *n_keys, uint64_t *n_tensors) {
    const uint8_t *p = r->data;
    if (r->size == 0) return refuse(r, E_FORMAT, "the file is empty, expected a GGUF file");
    if (r->size < 4 || memcmp(p, "GGUF", 4) != 0)
        return refuse(r, E_FORMAT, "not a GGUF file: it does not begin with \"GGUF\"");
    if (r->size < HEADER_BYTES)
        return refuse(r, E_FORMAT,
                      "%" PRIu64 " bytes, a GGUF header takes %d: the file is cut short", r->size,
                      HEADER_BYTES);
    g->version = le32(p + 4);
    if (g->version == 1)
        return refuse(
            r, E_UNSUPPORTED,
            "GGUF version 1, expected 2 or 3: convert the model anew with a current converter");
    if ((g->version & 0xffff) == 0 && g->version != 0)
        return refuse(
            r, E_UNSUPPORTED,
            "a big-endian GGUF file, expected a little-endian one: convert the model anew for "
            "this machine");
    if (g->version != 2 && g->version != 3)
        return refuse(r, E_UNSUPPORTED, "GGUF version %" PRIu32 ", expected 2 or 3", g->version);
    *n_tensors = le64(p + 8);
    *n_keys = le64(p + 16);
    r->at = HEADER_BYTES;
    return OK;
}

static status read_all(gguf *g, const char *path, err *e) {
    reader r = {.path = path, .data = g->data, .size = g->size, .end = g->size, .e = e};
    uint64_t n_keys = 0, n_tensors = 0;
    status st = read_header(g, &r, &n_keys, &n_tensors);
    if (st == OK) st = read_keys(g, &r, n_keys);
    if (st == OK) st = read_alignment(g, &r);
    about(&r, NULL, 0);
    if (st == OK) st = read_directory(g, &r, n_tensors);
    if (st == OK) st = place_tensors(g, &r);
    if (st == OK) st = check_overlap(g, &r);
    return st;
}

status gguf_open(gguf **out, const char *path, err *e) {
    gguf *g = calloc(1, sizeof *g);
    if (!g) return fail(e, E_NOMEM, "%s: out of memory", path);
    status st = map_open(&g->map, path, e);
    g->data = g->map.data;
    g->size = g->map.size;
    if (st == OK) st = read_all(g, path, e);
    if (st != OK) {
        gguf_close(g);
        return st;
    }
    *out = g;
    return OK;
}

status gguf_open_bytes(gguf **out, const uint8_t *data, uint64_t n, const char *name, err *e) {
    gguf *g = calloc(1, sizeof *g);
    if (!g) return fail(e, E_NOMEM, "%s: out of memory", name);
    g->data = data;
    g->size = n;
    const status st = read_all(g, name, e);
    if (st != OK) {
        gguf_close(g);
        return st;
    }
    *out = g;
    return OK;
}

void gguf_close(gguf *g) {
    if (!g) return;
    names_free(&g->key_names);
    names_free(&g->tensor_names);
    free(g->keys);
    free(g->tensors);
    map_close(&g->map);
    free(g);
}

uint32_t gguf_version(const gguf *g) {
    return g->version;
}
uint32_t gguf_alignment(const gguf *g) {
    return g->alignment;
}
uint64_t gguf_size(const gguf *g) {
    return g->size;
}
const uint8_t *gguf_bytes(const gguf *g) {
    return g->data;
}
uint64_t gguf_header_bytes(const gguf *g) {
    return g->header_bytes;
}

uint64_t gguf_n_keys(const gguf *g) {
    return g->n_keys;
}
const gguf_key *gguf_key_at(const gguf *g, uint64_t i) {
    return &g->keys[i];
}

const gguf_key *gguf_find_key(const gguf *g, const char *name) {
    return names_find(&g->key_names, name, strlen(name));
}

uint64_t gguf_n_tensors(const gguf *g) {
    return g->n_tensors;
}
const gguf_tensor *gguf_tensor_at(const gguf *g, uint64_t i) {
    return &g->tensors[i];
}

const gguf_tensor *gguf_find_tensor(const gguf *g, const char *name) {
    return names_find(&g->tensor_names, name, strlen(name));
}
