/* safetensors.c: the header becomes an array of tensors sorted by name.
 *
 * Sorted arrays instead of hash tables: 70,000 tensors sort in milliseconds, a lookup takes 17
 * comparisons, and no choice of names makes it slower. */
#include "hf/safetensors.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/file.h"
#include "base/json.h"
#include "base/le.h"
#include "base/utf8.h"

#define HEADER_LIMIT 100000000u /* what the format's own reader allows */
#define NAME_LIMIT 1024u
#define METADATA "__metadata__"

struct hf_file {
    file_map map; /* data NULL when the bytes are the caller's */
    char *name;
    hf_tensor *tensors;
    size_t n;
    char *names; /* of all tensors, one after the other */
};

static const struct {
    const char *name;
    uint32_t bytes;
} dtypes[HF_DTYPES] = {
    [HF_F64] = {"F64", 8},         [HF_F32] = {"F32", 4},         [HF_F16] = {"F16", 2},
    [HF_BF16] = {"BF16", 2},       [HF_I64] = {"I64", 8},         [HF_I32] = {"I32", 4},
    [HF_I16] = {"I16", 2},         [HF_I8] = {"I8", 1},           [HF_U64] = {"U64", 8},
    [HF_U32] = {"U32", 4},         [HF_U16] = {"U16", 2},         [HF_U8] = {"U8", 1},
    [HF_BOOL] = {"BOOL", 1},       [HF_F8_E4M3] = {"F8_E4M3", 1}, [HF_F8_E5M2] = {"F8_E5M2", 1},
    [HF_F8_E8M0] = {"F8_E8M0", 1},
};

const char *hf_dtype_name(hf_dtype d) {
    return (unsigned)d < HF_DTYPES ? dtypes[d].name : "?";
}

uint32_t hf_dtype_bytes(hf_dtype d) {
    return (unsigned)d < HF_DTYPES ? dtypes[d].bytes : 0;
}

/* ------------------------------------------------------------------ nothing twice
 *
 * Our JSON keeps the last of two equal keys, other readers keep the first: a file could mean two
 * things. Keys are counted in the text, where each has its own colon, and in the tree. */

static size_t count_keys(const char *p, size_t n) {
    size_t colons = 0;
    for (const char *end = p + n; p < end; p++) {
        if (*p == ':') colons++;
        if (*p != '"') continue;
        for (p++; p < end && *p != '"'; p++) p += *p == '\\';
    }
    return colons;
}

static size_t count_members(const json *v) {
    size_t n = 0;
    if (json_type(v) == JSON_OBJECT) {
        const char *key;
        size_t key_n;
        const json *member;
        for (size_t i = 0; json_member(v, i, &key, &key_n, &member); i++)
            n += 1 + count_members(member);
    } else if (json_type(v) == JSON_ARRAY) {
        for (size_t i = 0; i < json_count(v); i++) n += count_members(json_at(v, i));
    }
    return n;
}

/* ------------------------------------------------------------------ one tensor */

/* What a message calls a tensor: file and name. */
#define AT "%s: tensor %.200s: "

static status read_dtype(hf_tensor *t, const json *entry, err *e) {
    size_t n;
    const char *s = json_text(json_get(entry, "dtype"), &n);
    if (!s) return fail(e, E_FORMAT, AT "has no dtype", t->file->name, t->name);
    for (unsigned d = 0; d < HF_DTYPES; d++) {
        if (strlen(dtypes[d].name) != n || memcmp(dtypes[d].name, s, n) != 0) continue;
        t->dtype = (hf_dtype)d;
        return OK;
    }
    return fail(e, E_UNSUPPORTED, AT "dtype %.*s is not known here", t->file->name, t->name,
                (int)(n < 40 ? n : 40), s);
}

static status read_shape(hf_tensor *t, const json *entry, uint64_t *bytes, err *e) {
    const json *shape = json_get(entry, "shape");
    const size_t rank = json_count(shape);
    if (!shape || json_type(shape) != JSON_ARRAY)
        return fail(e, E_FORMAT, AT "has no shape", t->file->name, t->name);
    if (rank > HF_MAX_RANK)
        return fail(e, E_LIMIT, AT "%zu dimensions, the limit is %d", t->file->name, t->name, rank,
                    HF_MAX_RANK);
    uint64_t n = dtypes[t->dtype].bytes;
    bool empty = false, fits = true;
    for (size_t i = 0; i < HF_MAX_RANK; i++) {
        uint64_t d = 1;
        if (i < rank && !json_u64(json_at(shape, i), &d))
            return fail(e, E_FORMAT, AT "dimension %zu is not a whole number", t->file->name,
                        t->name, i);
        t->shape[i] = d;
        empty |= d == 0;
        fits = fits && mul_u64(n, d, &n);
    }
    if (!fits && !empty)
        return fail(e, E_FORMAT, AT "its shape overflows 64 bits", t->file->name, t->name);
    t->rank = (uint32_t)rank;
    *bytes = empty ? 0 : n;
    return OK;
}

static status read_range(hf_tensor *t, const json *entry, const uint8_t *data, uint64_t data_bytes,
                         uint64_t expected, err *e) {
    const json *range = json_get(entry, "data_offsets");
    uint64_t begin, end;
    if (json_count(range) != 2 || !json_u64(json_at(range, 0), &begin) ||
        !json_u64(json_at(range, 1), &end))
        return fail(e, E_FORMAT, AT "data_offsets is not [begin, end]", t->file->name, t->name);
    if (begin > end)
        return fail(e, E_FORMAT, AT "data_offsets %" PRIu64 " to %" PRIu64 " run backwards",
                    t->file->name, t->name, begin, end);
    if (end - begin != expected)
        return fail(e, E_FORMAT,
                    AT "%" PRIu64 " bytes of data, its shape and dtype ask for %" PRIu64,
                    t->file->name, t->name, end - begin, expected);
    if (end > data_bytes)
        return fail(e, E_FORMAT,
                    AT "its data end at %" PRIu64 " of %" PRIu64
                       " bytes: the file is cut short (download it again)",
                    t->file->name, t->name, end, data_bytes);
    t->data = data + begin;
    t->bytes = expected;
    return OK;
}

static status read_tensor(hf_tensor *t, const json *entry, const uint8_t *data, uint64_t data_bytes,
                          err *e) {
    if (json_type(entry) != JSON_OBJECT)
        return fail(e, E_FORMAT, AT "its entry in the header is not an object", t->file->name,
                    t->name);
    uint64_t expected = 0;
    status st = read_dtype(t, entry, e);
    if (st == OK) st = read_shape(t, entry, &expected, e);
    if (st == OK) st = read_range(t, entry, data, data_bytes, expected, e);
    return st;
}

static status check_name(const hf_file *f, const char *p, size_t n, err *e) {
    if (n == 0) return fail(e, E_FORMAT, "%s: a tensor has an empty name", f->name);
    if (n > NAME_LIMIT)
        return fail(e, E_LIMIT, "%s: a tensor's name has %zu bytes, the limit is %u", f->name, n,
                    NAME_LIMIT);
    if (memchr(p, 0, n))
        return fail(e, E_FORMAT, "%s: the name of tensor %s... holds a NUL", f->name, p);
    if (!utf8_valid(p, n)) return fail(e, E_FORMAT, "%s: a tensor's name is not UTF-8", f->name);
    return OK;
}

/* ------------------------------------------------------------------ the header */

static bool is_metadata(const char *key, size_t n) {
    return n == sizeof METADATA - 1 && memcmp(key, METADATA, n) == 0;
}

static status check_metadata(const hf_file *f, const json *v, err *e) {
    const char *key;
    size_t n;
    const json *text;
    if (json_type(v) != JSON_OBJECT)
        return fail(e, E_FORMAT, "%s: " METADATA " is not an object", f->name);
    for (size_t i = 0; json_member(v, i, &key, &n, &text); i++)
        if (json_type(text) != JSON_STRING)
            return fail(e, E_FORMAT, "%s: " METADATA ": %.80s is not a string", f->name, key);
    return OK;
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const hf_tensor *)a)->name, ((const hf_tensor *)b)->name);
}

static int by_place(const void *a, const void *b) {
    const hf_tensor *x = *(const hf_tensor *const *)a, *y = *(const hf_tensor *const *)b;
    if (x->data != y->data) return x->data < y->data ? -1 : 1;
    return x->bytes < y->bytes ? -1 : x->bytes > y->bytes;
}

/* I2 */
static status check_layout(const hf_file *f, const uint8_t *data, uint64_t data_bytes, err *e) {
    const hf_tensor **order = malloc((f->n + 1) * sizeof *order);
    if (!order) return fail(e, E_NOMEM, "%s: out of memory", f->name);
    for (size_t i = 0; i < f->n; i++) order[i] = &f->tensors[i];
    qsort(order, f->n, sizeof *order, by_place);

    status st = OK;
    const uint8_t *at = data;
    for (size_t i = 0; i < f->n && st == OK; i++) {
        const hf_tensor *t = order[i];
        if (t->data < at)
            st = fail(e, E_FORMAT, AT "its data overlap those of %s", f->name, t->name,
                      order[i - 1]->name);
        else if (t->data > at)
            st = fail(e, E_FORMAT, AT "%" PRIu64 " bytes before its data belong to no tensor",
                      f->name, t->name, (uint64_t)(t->data - at));
        at = t->data + t->bytes;
    }
    if (st == OK && at < data + data_bytes)
        st = fail(e, E_FORMAT, "%s: %" PRIu64 " bytes at its end belong to no tensor", f->name,
                  (uint64_t)(data + data_bytes - at));
    free(order);
    return st;
}

static status read_members(hf_file *f, const json *root, const uint8_t *data, uint64_t data_bytes,
                           err *e) {
    const char *key;
    size_t n, names_n = 0;
    const json *entry;
    for (size_t i = 0; json_member(root, i, &key, &n, &entry); i++) names_n += n + 1;
    f->names = malloc(names_n + 1);
    f->tensors = calloc(json_count(root) + 1, sizeof *f->tensors);
    if (!f->names || !f->tensors) return fail(e, E_NOMEM, "%s: out of memory", f->name);

    char *name = f->names;
    for (size_t i = 0; json_member(root, i, &key, &n, &entry); i++) {
        status st;
        if (is_metadata(key, n)) {
            st = check_metadata(f, entry, e);
        } else {
            hf_tensor *t = &f->tensors[f->n++];
            memcpy(name, key, n);
            name[n] = 0;
            *t = (hf_tensor){.name = name, .file = f};
            name += n + 1;
            st = check_name(f, t->name, n, e);
            if (st == OK) st = read_tensor(t, entry, data, data_bytes, e);
        }
        if (st != OK) return st;
    }
    qsort(f->tensors, f->n, sizeof *f->tensors, by_name);
    return OK;
}

static status read_header(hf_file *f, const uint8_t *p, uint64_t size, err *e) {
    if (size < 8)
        return fail(e, E_FORMAT, "%s: %" PRIu64 " bytes are too few for a safetensors file",
                    f->name, size);
    const uint64_t n = le64(p);
    if (n > HEADER_LIMIT)
        return fail(e, E_LIMIT,
                    "%s: a header of %" PRIu64 " bytes, the limit is %u: not a safetensors file?",
                    f->name, n, HEADER_LIMIT);
    if (n > size - 8)
        return fail(e, E_FORMAT,
                    "%s: a header of %" PRIu64 " bytes in a file of %" PRIu64
                    ": the file is cut short",
                    f->name, n, size);
    const char *text = (const char *)p + 8;
    if (n == 0 || text[0] != '{')
        return fail(e, E_FORMAT, "%s: the header does not begin with '{': not a safetensors file",
                    f->name);
    json_doc *doc;
    status st = json_parse(&doc, text, (size_t)n, 0, f->name, e);
    if (st != OK) return st;
    const json *root = json_root(doc);
    st = read_members(f, root, p + 8 + n, size - 8 - n, e);
    if (st == OK && count_keys(text, (size_t)n) != count_members(root))
        st = fail(e, E_FORMAT, "%s: the header gives a name twice", f->name);
    json_free(doc);
    if (st == OK) st = check_layout(f, p + 8 + n, size - 8 - n, e);
    return st;
}

static status open_map(hf_file **out, file_map map, const uint8_t *p, uint64_t n, const char *name,
                       err *e) {
    hf_file *f = calloc(1, sizeof *f);
    if (f) f->name = strdup(name);
    status st = OK;
    if (!f || !f->name) {
        map_close(&map);
        st = fail(e, E_NOMEM, "%s: out of memory", name);
    } else {
        f->map = map;
        st = read_header(f, p, n, e);
    }
    if (st != OK) {
        hf_file_close(f);
        return st;
    }
    *out = f;
    return OK;
}

status hf_file_open(hf_file **out, const char *path, err *e) {
    file_map m;
    const status st = map_open(&m, path, e);
    return st == OK ? open_map(out, m, m.data, m.size, path, e) : st;
}

status hf_file_open_bytes(hf_file **out, const uint8_t *data, uint64_t n, const char *name,
                          err *e) {
    return open_map(out, (file_map){0}, data, n, name, e);
}

void hf_file_close(hf_file *f) {
    if (!f) return;
    map_close(&f->map);
    free(f->name);
    free(f->tensors);
    free(f->names);
    free(f);
}

const char *hf_file_name(const hf_file *f) {
    return f->name;
}
size_t hf_file_count(const hf_file *f) {
    return f->n;
}
const hf_tensor *hf_file_at(const hf_file *f, size_t i) {
    return &f->tensors[i];
}

const hf_tensor *hf_file_find(const hf_file *f, const char *name) {
    const hf_tensor key = {.name = name};
    return f->n ? bsearch(&key, f->tensors, f->n, sizeof key, by_name) : NULL;
}

void hf_drop(const hf_tensor *t, uint64_t at, uint64_t n) {
    const file_map *m = &t->file->map;
    if (m->data) map_drop(m, (uint64_t)(t->data - m->data) + at, n);
}
