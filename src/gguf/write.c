/* write: a GGUF file from front to back, never in memory as a whole.
 *
 *     create -> keys, declarations: collected -> begin: header, keys, directory -> data -> finish
 *
 * What this writes the reader accepts: the same limits, the same rules for names, text and numbers.
 *
 * I1  The first failure sticks in w->e; whatever comes after does nothing and reports it again.
 * I2  After begin the file ends where byte `done` of tensor `at` belongs; gaps are zeros.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/checked.h"
#include "base/le.h"
#include "gguf/gguf.h"
#include "gguf/names.h"
#include "gguf/value.h"

static const char alignment_key[] = "general.alignment";

typedef struct out_key {
    gguf_str name; /* owned; first, as names_build wants it */
} out_key;

typedef struct out_tensor {
    gguf_str name; /* owned; first */
    const quant_type *type;
    uint32_t n_dims;
    uint64_t ne[4], bytes;
} out_tensor;

struct gguf_writer {
    out_file *file;
    char *path;
    err e;      /* the first failure: I1 */
    buf values; /* the keys as they will be in the file */
    out_key *keys;
    out_tensor *tensors;
    size_t n_keys, keys_cap, n_tensors, tensors_cap;
    uint32_t alignment;
    uint64_t total;
    bool begun;
    size_t at;     /* the tensor whose data come next */
    uint64_t done; /* bytes of it                     */
};

/* Remembers a failure if it is the first. */
static void stick(gguf_writer *w, status code, const char *fmt, ...) PRINTF_LIKE(3, 4);
static void stick(gguf_writer *w, status code, const char *fmt, ...) {
    if (w->e.code != OK) return;
    char why[420];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(why, sizeof why, fmt, ap);
    va_end(ap);
    fail(&w->e, code, "%s: %s", gguf_show_path(w->path).text, why);
}

static void no_memory(gguf_writer *w) {
    stick(w, E_NOMEM, "out of memory");
}

static status report(const gguf_writer *w, err *e) {
    if (w->e.code != OK && e) *e = w->e;
    return w->e.code;
}

/* An array with room for one more element after its n: the old one or a larger one that replaces
 * it; NULL if there is no memory, then the old one stays. */
static void *grown(void *p, size_t *cap, size_t n, size_t size) {
    if (n < *cap) return p;
    const size_t want = *cap ? *cap * 2 : 64;
    void *more = realloc(p, want * size);
    if (more) *cap = want;
    return more;
}

status gguf_create_head(gguf_writer **out, const char *path, err *e) {
    gguf_writer *w = calloc(1, sizeof *w);
    if (w) w->path = strdup(path);
    if (!w || !w->path) {
        free(w);
        return fail(e, E_NOMEM, "%s: out of memory", path);
    }
    w->alignment = GGUF_ALIGNMENT;
    *out = w;
    return OK;
}

status gguf_create(gguf_writer **out, const char *path, err *e) {
    gguf_writer *w;
    status st = gguf_create_head(&w, path, e);
    if (st != OK) return st;
    st = out_open(&w->file, path, 0644, e);
    if (st != OK) {
        gguf_abort(w);
        return st;
    }
    *out = w;
    return OK;
}

/* A copy of a name that the reader will accept; false, with the failure kept, if it will not. */
static bool take_name(gguf_writer *w, gguf_str *out, const char *what, const char *p, size_t n) {
    const gguf_shown shown = gguf_show(p, n);
    if (w->begun)
        stick(w, E_USAGE, "%s %s comes after gguf_begin", what, shown.text);
    else if (n == 0)
        stick(w, E_USAGE, "a %s without a name", what);
    else if (n > GGUF_MAX_NAME)
        stick(w, E_LIMIT, "%s %s: a name of %zu bytes, the limit is %d", what, shown.text, n,
              GGUF_MAX_NAME);
    else if (!gguf_text_ok(p, n))
        stick(w, E_USAGE, "%s %s: the name is not valid UTF-8 without NUL", what, shown.text);
    if (w->e.code != OK) return false;
    char *copy = malloc(n);
    if (!copy) {
        no_memory(w);
        return false;
    }
    memcpy(copy, p, n);
    *out = (gguf_str){copy, n};
    return true;
}

/* ------------------------------------------------------------------ keys */

static void add_le32(buf *b, uint32_t v) {
    uint8_t p[4];
    put_le32(p, v);
    buf_add(b, p, sizeof p);
}

static void add_le64(buf *b, uint64_t v) {
    uint8_t p[8];
    put_le64(p, v);
    buf_add(b, p, sizeof p);
}

/* Name and kind; the value is the caller's to add. False: this key is not to be written. */
static bool begin_key(gguf_writer *w, const char *p, size_t n, gguf_kind kind) {
    if (w->e.code != OK) return false;
    if (w->n_keys == GGUF_MAX_KEYS) {
        stick(w, E_LIMIT, "more than %d keys", GGUF_MAX_KEYS);
        return false;
    }
    out_key *keys = grown(w->keys, &w->keys_cap, w->n_keys, sizeof *keys);
    if (!keys) {
        no_memory(w);
        return false;
    }
    w->keys = keys;
    if (!take_name(w, &w->keys[w->n_keys].name, "key", p, n)) return false;
    w->n_keys++;
    add_le64(&w->values, n);
    buf_add(&w->values, p, n);
    add_le32(&w->values, kind);
    return true;
}

/* The one key that the writer itself must obey. `v` is NULL where the value is no integer. */
static void obey(gguf_writer *w, const char *p, size_t n, const uint64_t *v) {
    if (n != sizeof alignment_key - 1 || memcmp(p, alignment_key, n) != 0) return;
    if (v && is_pow2(*v) && *v <= GGUF_MAX_ALIGNMENT)
        w->alignment = (uint32_t)*v;
    else
        stick(w, E_USAGE, "key %s: expected a power of two up to %d", alignment_key,
              GGUF_MAX_ALIGNMENT);
}

static void put_fixed(gguf_writer *w, const char *key, gguf_kind kind, uint64_t bits) {
    if (!begin_key(w, key, strlen(key), kind)) return;
    uint8_t p[8];
    put_le64(p, bits);
    buf_add(&w->values, p, gguf_kind_bytes(kind));
    obey(w, key, strlen(key),
         kind == GGUF_U32 || kind == GGUF_U64 || kind == GGUF_I32 ? &bits : NULL);
}

void gguf_put_u32(gguf_writer *w, const char *key, uint32_t v) {
    put_fixed(w, key, GGUF_U32, v);
}

void gguf_put_u64(gguf_writer *w, const char *key, uint64_t v) {
    put_fixed(w, key, GGUF_U64, v);
}

void gguf_put_i32(gguf_writer *w, const char *key, int32_t v) {
    put_fixed(w, key, GGUF_I32, (uint64_t)(int64_t)v);
}

void gguf_put_bool(gguf_writer *w, const char *key, bool v) {
    put_fixed(w, key, GGUF_BOOL, v);
}

void gguf_put_f32(gguf_writer *w, const char *key, float v) {
    if (!isfinite(v)) stick(w, E_USAGE, "key %s: the number is not finite", key);
    put_fixed(w, key, GGUF_F32, f32_bits(v));
}

static void add_text(gguf_writer *w, const char *key, const char *p, size_t n) {
    if (!gguf_text_ok(p, n))
        stick(w, E_USAGE, "key %s: a string is not valid UTF-8 without NUL", key);
    add_le64(&w->values, n);
    if (n) buf_add(&w->values, p, n);
}

void gguf_put_string(gguf_writer *w, const char *key, const char *p, size_t n) {
    if (!begin_key(w, key, strlen(key), GGUF_STRING)) return;
    add_text(w, key, p, n);
    obey(w, key, strlen(key), NULL);
}

static bool begin_array(gguf_writer *w, const char *key, gguf_kind of, uint64_t n) {
    if (n > GGUF_MAX_KEY_BYTES) stick(w, E_LIMIT, "key %s: an array of %" PRIu64, key, n);
    if (!begin_key(w, key, strlen(key), GGUF_ARRAY)) return false;
    add_le32(&w->values, of);
    add_le64(&w->values, n);
    obey(w, key, strlen(key), NULL);
    return true;
}

void gguf_put_i32s(gguf_writer *w, const char *key, const int32_t *v, uint64_t n) {
    if (!begin_array(w, key, GGUF_I32, n)) return;
    for (uint64_t i = 0; i < n; i++) add_le32(&w->values, (uint32_t)v[i]);
}

void gguf_put_f32s(gguf_writer *w, const char *key, const float *v, uint64_t n) {
    if (!begin_array(w, key, GGUF_F32, n)) return;
    for (uint64_t i = 0; i < n; i++) {
        if (!isfinite(v[i])) stick(w, E_USAGE, "key %s: number %" PRIu64 " is not finite", key, i);
        add_le32(&w->values, f32_bits(v[i]));
    }
}

void gguf_put_strings(gguf_writer *w, const char *key, const gguf_str *v, uint64_t n) {
    if (!begin_array(w, key, GGUF_STRING, n)) return;
    for (uint64_t i = 0; i < n; i++) add_text(w, key, v[i].p, v[i].n);
}

void gguf_put_copy(gguf_writer *w, const gguf_key *k) {
    if (!begin_key(w, k->name.p, k->name.n, k->kind)) return;
    buf_add(&w->values, k->value, gguf_value_bytes(k));
    uint64_t v;
    const bool integer = k->kind != GGUF_BOOL && gguf_u64(k, &v);
    obey(w, k->name.p, k->name.n, integer ? &v : NULL);
}

/* --------------------------------------------------------------- tensors */

/* Says what is wrong with a declaration; NULL if nothing is. */
static const char *check_shape(const quant_type *type, uint32_t n_dims, const uint64_t *ne,
                               uint64_t *bytes) {
    if (!type) return "the type is unknown";
    if (n_dims < 1 || n_dims > 4) return "expected 1 to 4 dimensions";
    uint64_t n = 1;
    for (uint32_t i = 0; i < n_dims; i++) {
        if (ne[i] == 0) return "a dimension is 0";
        if (!mul_u64(n, ne[i], &n)) return "the shape overflows 64 bits";
    }
    if (ne[0] % type->block_values != 0) return "a row is not a whole number of blocks of its type";
    return quant_bytes(type, n, bytes) ? NULL : "the size overflows 64 bits";
}

void gguf_declare(gguf_writer *w, const char *name, quant_id type, uint32_t n_dims,
                  const uint64_t *ne) {
    if (w->e.code != OK) return;
    out_tensor t = {.type = quant_find((uint32_t)type), .n_dims = n_dims};
    const char *wrong = check_shape(t.type, n_dims, ne, &t.bytes);
    if (!wrong && !add_u64(w->total, t.bytes, &w->total))
        wrong = "all tensors together overflow 64 bits";
    if (wrong)
        stick(w, E_USAGE, "tensor %s: %s", gguf_show(name, strlen(name)).text, wrong);
    else if (w->n_tensors == GGUF_MAX_TENSORS)
        stick(w, E_LIMIT, "more than %d tensors", GGUF_MAX_TENSORS);
    if (w->e.code != OK) return;

    memcpy(t.ne, ne, n_dims * sizeof *ne);
    out_tensor *tensors = grown(w->tensors, &w->tensors_cap, w->n_tensors, sizeof t);
    if (!tensors) {
        no_memory(w);
        return;
    }
    w->tensors = tensors;
    if (take_name(w, &t.name, "tensor", name, strlen(name))) w->tensors[w->n_tensors++] = t;
}

uint64_t gguf_data_total(const gguf_writer *w) {
    return w->total;
}

/* ------------------------------------------------------------ the file */

static void check_names(gguf_writer *w, const char *what, const void *first, size_t stride,
                        size_t n) {
    name_index x;
    if (!names_build(&x, first, stride, n)) {
        no_memory(w);
        return;
    }
    const gguf_str *twice = names_repeated(&x);
    if (twice) stick(w, E_USAGE, "%s %s comes twice", what, gguf_show(twice->p, twice->n).text);
    names_free(&x);
}

/* The directory; offsets count from the start of the data. */
static void add_directory(gguf_writer *w, buf *b) {
    uint64_t offset = 0;
    for (size_t i = 0; i < w->n_tensors; i++) {
        const out_tensor *t = &w->tensors[i];
        add_le64(b, t->name.n);
        buf_add(b, t->name.p, t->name.n);
        add_le32(b, t->n_dims);
        for (uint32_t d = 0; d < t->n_dims; d++) add_le64(b, t->ne[d]);
        add_le32(b, (uint32_t)t->type->id);
        add_le64(b, offset);
        if (!add_u64(offset, t->bytes, &offset) || !round_up_u64(offset, w->alignment, &offset))
            stick(w, E_USAGE, "tensor %s ends beyond 64 bits",
                  gguf_show(t->name.p, t->name.n).text);
    }
}

static void put_out(gguf_writer *w, const void *p, size_t n) {
    if (w->e.code == OK) out_write(w->file, p, n, &w->e);
}

static void pad(gguf_writer *w) {
    static const uint8_t zeros[4096];
    uint64_t n = (0 - out_size(w->file)) & (w->alignment - 1);
    while (n && w->e.code == OK) {
        const size_t step = n < sizeof zeros ? (size_t)n : sizeof zeros;
        put_out(w, zeros, step);
        n -= step;
    }
}

/* All that stands before the data, padding included, behind what `head` holds. */
static void add_head(gguf_writer *w, buf *head) {
    if (w->values.failed) no_memory(w);
    if (w->values.n > GGUF_MAX_KEY_BYTES)
        stick(w, E_LIMIT, "%zu bytes of keys, the limit is %d", w->values.n, GGUF_MAX_KEY_BYTES);
    if (w->e.code == OK) check_names(w, "key", w->keys, sizeof *w->keys, w->n_keys);
    if (w->e.code == OK) check_names(w, "tensor", w->tensors, sizeof *w->tensors, w->n_tensors);
    if (w->e.code != OK) return;

    buf_str(head, "GGUF");
    add_le32(head, 3);
    add_le64(head, w->n_tensors);
    add_le64(head, w->n_keys);
    buf_add(head, w->values.data, w->values.n);
    add_directory(w, head);
    while (!head->failed && (head->n & (w->alignment - 1))) buf_char(head, 0);
    if (head->failed) no_memory(w);
}

status gguf_head(gguf_writer *w, buf *out, err *e) {
    buf_clear(out);
    add_head(w, out);
    return report(w, e);
}

status gguf_begin(gguf_writer *w, err *e) {
    buf head = {0};
    if (w->begun) stick(w, E_USAGE, "gguf_begin comes twice");
    if (!w->file) stick(w, E_USAGE, "gguf_begin has no file to write");
    if (w->e.code == OK) add_head(w, &head);
    put_out(w, head.data, head.n);
    buf_free(&head);
    buf_free(&w->values);
    w->begun = true;
    return report(w, e);
}

status gguf_data(gguf_writer *w, const void *p, size_t n, err *e) {
    if (!w->begun) stick(w, E_USAGE, "gguf_data comes before gguf_begin");
    const uint8_t *b = p;
    while (n && w->e.code == OK) {
        if (w->at == w->n_tensors) {
            const gguf_str last = w->n_tensors ? w->tensors[w->n_tensors - 1].name : (gguf_str){0};
            stick(w, E_USAGE, "%zu bytes of data more than the tensors take (the last is %s)", n,
                  last.n ? gguf_show(last.p, last.n).text : "missing: none was declared");
            break;
        }
        const uint64_t room = w->tensors[w->at].bytes - w->done;
        const size_t step = n < room ? n : (size_t)room;
        put_out(w, b, step);
        b += step, n -= step;
        w->done += step;
        if (step == room) {
            w->at++;
            w->done = 0;
            pad(w);
        }
    }
    return report(w, e);
}

status gguf_finish(gguf_writer *w, err *e) {
    if (!w->begun)
        stick(w, E_USAGE, "gguf_finish comes before gguf_begin");
    else if (w->at < w->n_tensors) {
        const out_tensor *t = &w->tensors[w->at];
        stick(w, E_USAGE, "tensor %s: %" PRIu64 " bytes of data of %" PRIu64,
              gguf_show(t->name.p, t->name.n).text, w->done, t->bytes);
    }
    if (w->e.code == OK) {
        out_finish(w->file, &w->e);
        w->file = NULL;
    }
    const status st = report(w, e);
    gguf_abort(w);
    return st;
}

void gguf_abort(gguf_writer *w) {
    if (!w) return;
    out_abort(w->file);
    for (size_t i = 0; i < w->n_keys; i++) free((void *)(uintptr_t)w->keys[i].name.p);
    for (size_t i = 0; i < w->n_tensors; i++) free((void *)(uintptr_t)w->tensors[i].name.p);
    free(w->keys);
    free(w->tensors);
    buf_free(&w->values);
    free(w->path);
    free(w);
}
