/* edit: model files with one thing changed, for tests: a tensor gone, a shape turned, a key
 * replaced.
 *
 *     edit base;
 *     edit_random(&base, &spec);                        the bytes of a random model
 *     edit x = base;                                    a copy is cheap: data are borrowed
 *     edit_drop_tensor(&x, "output_norm.weight");
 *     edit_u32(&x, "deepseek4.block_count", 7);
 *     status st = edit_open(&m, &x, &e);                the model made of it, or the refusal
 *     edit_close(&x, m);
 *
 * Data that a tensor is given must live until the bytes are made. Whatever does not fit here is a
 * mistake of the test: it aborts.
 */
#ifndef DS4_MODEL_EDIT_TEST_H
#define DS4_MODEL_EDIT_TEST_H

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gguf/forge_test.h"
#include "model/model.h"
#include "model/random.h"

enum { EDIT_KEYS = 64, EDIT_TENSORS = 400, EDIT_VALUE = 400, EDIT_NAME = 72 };

typedef struct edit_key {
    char name[EDIT_NAME];
    uint32_t kind;
    uint32_t n;
    uint8_t value[EDIT_VALUE];
} edit_key;

typedef struct edit_tensor {
    char name[EDIT_NAME];
    uint32_t type, n_dims;
    uint64_t ne[4], bytes;
    const void *data;
} edit_tensor;

typedef struct edit {
    uint8_t *file; /* what data are borrowed from; shared by copies, freed once by edit_free */
    uint8_t *made; /* the bytes a model was opened from                                      */
    uint32_t n_keys, n_tensors;
    edit_key keys[EDIT_KEYS];
    edit_tensor tensors[EDIT_TENSORS];
} edit;

static inline void edit_must(bool ok) {
    if (!ok) abort();
}

/* ----------------------------------------------------------------- keys */

/* The key, NULL if there is none. */
static inline edit_key *edit_key_of(edit *x, const char *name) {
    for (uint32_t i = 0; i < x->n_keys; i++)
        if (strcmp(x->keys[i].name, name) == 0) return &x->keys[i];
    return NULL;
}

static inline void edit_drop_key(edit *x, const char *name) {
    edit_key *k = edit_key_of(x, name);
    edit_must(k);
    *k = x->keys[--x->n_keys];
}

/* Adds the key, or replaces it by one of any kind. */
static inline void edit_put(edit *x, const char *name, uint32_t kind, const void *value, size_t n) {
    edit_key *k = edit_key_of(x, name);
    if (!k) {
        edit_must(x->n_keys < EDIT_KEYS && strlen(name) < EDIT_NAME);
        k = &x->keys[x->n_keys++];
        strcpy(k->name, name);
    }
    edit_must(n <= EDIT_VALUE);
    k->kind = kind;
    k->n = (uint32_t)n;
    memcpy(k->value, value, n);
}

/* A whole number of any kind; what does not fit is cut off. */
static inline void edit_whole(edit *x, const char *name, gguf_kind kind, uint64_t v) {
    uint8_t p[8];
    put_le64(p, v);
    edit_put(x, name, kind, p, gguf_kind_bytes(kind));
}

static inline void edit_u32(edit *x, const char *name, uint32_t v) {
    edit_whole(x, name, GGUF_U32, v);
}

static inline void edit_f64(edit *x, const char *name, double v) {
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    edit_whole(x, name, GGUF_F64, bits);
}

static inline void edit_f32(edit *x, const char *name, float v) {
    edit_whole(x, name, GGUF_F32, f32_bits(v));
}

static inline void edit_string(edit *x, const char *name, const char *text) {
    uint8_t p[EDIT_VALUE];
    const size_t n = strlen(text);
    edit_must(n + 8 <= sizeof p);
    put_le64(p, n);
    memcpy(p + 8, text, n);
    edit_put(x, name, GGUF_STRING, p, n + 8);
}

/* n numbers in an array of any kind. */
static inline void edit_array(edit *x, const char *name, gguf_kind of, const double *v,
                              uint32_t n) {
    uint8_t p[EDIT_VALUE + 8];
    const uint32_t step = gguf_kind_bytes(of);
    edit_must(12 + n * step <= EDIT_VALUE);
    put_le32(p, of);
    put_le64(p + 4, n);
    for (uint32_t i = 0; i < n; i++) {
        uint64_t bits = 0;
        if (of == GGUF_F32)
            bits = f32_bits((float)v[i]);
        else if (of == GGUF_F64)
            memcpy(&bits, &v[i], sizeof bits);
        else
            bits = (uint64_t)(int64_t)v[i];
        put_le64(p + 12 + i * step, bits);
    }
    edit_put(x, name, GGUF_ARRAY, p, 12 + n * step);
}

/* -------------------------------------------------------------- tensors */

static inline edit_tensor *edit_tensor_of(edit *x, const char *name) {
    for (uint32_t i = 0; i < x->n_tensors; i++)
        if (strcmp(x->tensors[i].name, name) == 0) return &x->tensors[i];
    return NULL;
}

static inline void edit_drop_tensor(edit *x, const char *name) {
    edit_tensor *t = edit_tensor_of(x, name);
    edit_must(t);
    memmove(t, t + 1, (size_t)(x->tensors + x->n_tensors - (t + 1)) * sizeof *t);
    x->n_tensors--;
}

/* Only those whose name begins so, or all others. */
static inline void edit_keep_tensors(edit *x, const char *prefix, bool those) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < x->n_tensors; i++)
        if ((strncmp(x->tensors[i].name, prefix, strlen(prefix)) == 0) == those)
            x->tensors[n++] = x->tensors[i];
    x->n_tensors = n;
}

static inline void edit_rename(edit *x, const char *from, const char *to) {
    edit_tensor *t = edit_tensor_of(x, from);
    edit_must(t && strlen(to) < EDIT_NAME);
    strcpy(t->name, to);
}

/* Adds a tensor at the end. */
static inline void edit_add_tensor(edit *x, const char *name, quant_id type, uint32_t n_dims,
                                   const uint64_t *ne, const void *data) {
    edit_must(x->n_tensors < EDIT_TENSORS && strlen(name) < EDIT_NAME);
    edit_tensor t = {.type = type, .n_dims = n_dims, .ne = {1, 1, 1, 1}, .data = data};
    strcpy(t.name, name);
    memcpy(t.ne, ne, n_dims * sizeof *ne);
    edit_must(quant_bytes(quant_find(type), t.ne[0], &t.bytes));
    t.bytes *= t.ne[1] * t.ne[2] * t.ne[3];
    x->tensors[x->n_tensors++] = t;
}

/* -------------------------------------------------------- in and out */

/* Takes apart a file's bytes, which x owns then. */
static inline void edit_take(edit *x, uint8_t *bytes, size_t n) {
    gguf *g = NULL;
    edit_must(gguf_open_bytes(&g, bytes, n, "edited", NULL) == OK);
    memset(x, 0, sizeof *x);
    x->file = bytes;
    for (uint64_t i = 0; i < gguf_n_keys(g); i++) {
        const gguf_key *k = gguf_key_at(g, i);
        char name[EDIT_NAME];
        edit_must(k->name.n < EDIT_NAME);
        memcpy(name, k->name.p, k->name.n);
        name[k->name.n] = 0;
        edit_put(x, name, k->kind, k->value, gguf_value_bytes(k));
    }
    for (uint64_t i = 0; i < gguf_n_tensors(g); i++) {
        const gguf_tensor *t = gguf_tensor_at(g, i);
        char name[EDIT_NAME];
        edit_must(t->name.n < EDIT_NAME);
        memcpy(name, t->name.p, t->name.n);
        name[t->name.n] = 0;
        edit_add_tensor(x, name, t->type->id, t->n_dims, t->ne, t->data);
    }
    gguf_close(g);
}

static inline void edit_random(edit *x, const random_spec *spec) {
    char path[] = "/tmp/ds4-edit-XXXXXX";
    buf b = {0};
    const int fd = mkstemp(path);
    edit_must(fd >= 0 && close(fd) == 0);
    edit_must(random_model_write(path, spec, NULL) == OK &&
              file_read(&b, path, 1 << 30, NULL) == OK);
    unlink(path);
    edit_take(x, (uint8_t *)b.data, b.n);
}

/* The file. Its owner frees it with forge_free. */
static inline forge edit_bytes(const edit *x) {
    forge f = {0};
    uint64_t at = 0;
    forge_head(&f, 3, x->n_tensors, x->n_keys);
    for (uint32_t i = 0; i < x->n_keys; i++) {
        forge_key(&f, x->keys[i].name, x->keys[i].kind);
        forge_bytes(&f, x->keys[i].value, x->keys[i].n);
    }
    for (uint32_t i = 0; i < x->n_tensors; i++) {
        const edit_tensor *t = &x->tensors[i];
        forge_tensor(&f, t->name, t->type, t->n_dims, t->ne, at);
        at += (t->bytes + 31) / 32 * 32;
    }
    for (uint32_t i = 0; i < x->n_tensors; i++) {
        forge_pad(&f, 32);
        forge_bytes(&f, x->tensors[i].data, (size_t)x->tensors[i].bytes);
    }
    if (x->n_tensors == 0) forge_pad(&f, 32);
    edit_must(!f.b.failed);
    return f;
}

static inline void edit_write(const edit *x, const char *path) {
    forge f = edit_bytes(x);
    out_file *o = NULL;
    edit_must(out_open(&o, path, 0600, NULL) == OK && out_write(o, f.b.data, f.b.n, NULL) == OK);
    edit_must(out_finish(o, NULL) == OK);
    forge_free(&f);
}

/* Opens the model it makes, as "edited.gguf". Close it with edit_close, also when it was refused.
 */
static inline status edit_open(model **m, edit *x, err *e) {
    forge f = edit_bytes(x);
    const size_t n = f.b.n;
    x->made = malloc(n); /* exactly as large as the file, for the sanitizers' sake */
    edit_must(x->made);
    memcpy(x->made, f.b.data, n);
    forge_free(&f);
    return model_open_bytes(m, x->made, n, "edited.gguf", e);
}

static inline void edit_close(edit *x, model *m) {
    model_close(m);
    free(x->made);
    x->made = NULL;
}

static inline void edit_free(edit *x) {
    free(x->file);
}

#endif
