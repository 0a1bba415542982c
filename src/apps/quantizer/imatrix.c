/* imatrix.c: two forms in, two forms out, and what is done with them between. */
#include "apps/quantizer/imatrix.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/file.h"
#include "base/le.h"
#include "base/utf8.h"
#include "gguf/gguf.h"

enum { MOST_ENTRIES = 1 << 16, MOST_NAME = 1000 };

static const char sums_tail[] = ".in_sum2", counts_tail[] = ".counts";

/* ------------------------------------------------------------------ entries */

static void entry_free(imatrix_entry *x) {
    free(x->name);
    free(x->sums);
    free(x->counts);
    *x = (imatrix_entry){0};
}

void imatrix_free(imatrix *m) {
    for (size_t i = 0; i < m->n; i++) entry_free(&m->entries[i]);
    free(m->entries);
    buf_free(&m->datasets);
    *m = (imatrix){0};
}

/* Where the name stands, or would stand. */
static size_t place(const imatrix *m, const char *name, bool *there) {
    size_t lo = 0, hi = m->n;
    *there = false;
    while (lo < hi) {
        const size_t mid = lo + (hi - lo) / 2;
        const int c = strcmp(name, m->entries[mid].name);
        if (c == 0) {
            *there = true;
            return mid;
        }
        if (c < 0)
            hi = mid;
        else
            lo = mid + 1;
    }
    return lo;
}

imatrix_entry *imatrix_find(const imatrix *m, const char *name) {
    bool there;
    const size_t i = place(m, name, &there);
    return there ? &m->entries[i] : NULL;
}

static status grow(imatrix *m, err *e) {
    if (m->n == MOST_ENTRIES)
        return fail(e, E_LIMIT, "importance matrix: more than %d entries", MOST_ENTRIES);
    if (m->n < m->cap) return OK;
    const size_t cap = m->cap ? 2 * m->cap : 64;
    imatrix_entry *more = realloc(m->entries, cap * sizeof *more);
    if (!more) return fail(e, E_NOMEM, "out of memory");
    m->entries = more;
    m->cap = cap;
    return OK;
}

/* An entry of zeros. The caller has seen that n_cols * n_mats is a size that can be. */
static status entry_new(imatrix_entry *x, const char *name, size_t n_name, uint64_t n_cols,
                        uint64_t n_mats, err *e) {
    *x = (imatrix_entry){.name = strndup(name, n_name), .n_cols = n_cols, .n_mats = n_mats};
    x->sums = calloc((size_t)(n_cols * n_mats), sizeof *x->sums);
    x->counts = calloc((size_t)n_mats, sizeof *x->counts);
    if (x->name && x->sums && x->counts) return OK;
    entry_free(x);
    return fail(e, E_NOMEM, "out of memory");
}

status imatrix_add(imatrix *m, const char *name, uint64_t n_cols, uint64_t n_mats,
                   imatrix_entry **out, err *e) {
    bool there;
    const size_t at = place(m, name, &there);
    if (there) {
        imatrix_entry *x = &m->entries[at];
        if (x->n_cols != n_cols || x->n_mats != n_mats)
            return fail(e, E_USAGE,
                        "importance of %s: %" PRIu64 " x %" PRIu64 " columns, expected %" PRIu64
                        " x %" PRIu64,
                        name, n_mats, n_cols, x->n_mats, x->n_cols);
        *out = x;
        return OK;
    }
    const size_t n_name = strlen(name);
    uint64_t n;
    if (n_name == 0 || n_name > MOST_NAME || !utf8_valid(name, n_name))
        return fail(e, E_USAGE, "importance matrix: a name is not valid UTF-8 of 1 to %d bytes",
                    MOST_NAME);
    if (n_cols == 0 || n_mats == 0 || !mul_u64(n_cols, n_mats, &n) || n > SIZE_MAX / 8)
        return fail(e, E_USAGE, "importance of %s: an impossible shape", name);
    imatrix_entry x;
    status st = grow(m, e);
    if (st == OK) st = entry_new(&x, name, n_name, n_cols, n_mats, e);
    if (st != OK) return st;
    memmove(m->entries + at + 1, m->entries + at, (m->n - at) * sizeof x);
    m->entries[at] = x;
    m->n++;
    *out = &m->entries[at];
    return OK;
}

static bool add_dataset(imatrix *m, const char *name, size_t n) {
    for (size_t at = 0; at < m->datasets.n; at += strlen(m->datasets.data + at) + 1)
        if (strlen(m->datasets.data + at) == n && memcmp(m->datasets.data + at, name, n) == 0)
            return true;
    buf_add(&m->datasets, name, n);
    buf_char(&m->datasets, 0);
    return !m->datasets.failed;
}

bool imatrix_dataset(imatrix *m, const char *name) {
    return add_dataset(m, name, strlen(name));
}

status imatrix_merge(imatrix *into, const imatrix *from, err *e) {
    for (size_t i = 0; i < from->n; i++) { /* all of it is looked at before anything is changed */
        const imatrix_entry *a = &from->entries[i], *b = imatrix_find(into, a->name);
        if (b && (a->n_cols != b->n_cols || a->n_mats != b->n_mats))
            return fail(e, E_FORMAT,
                        "importance of %s: %" PRIu64 " x %" PRIu64 " columns in one file, %" PRIu64
                        " x %" PRIu64 " in another: they are not of one model and one form",
                        a->name, b->n_mats, b->n_cols, a->n_mats, a->n_cols);
    }
    for (size_t i = 0; i < from->n; i++) {
        const imatrix_entry *a = &from->entries[i];
        imatrix_entry *b;
        const status st = imatrix_add(into, a->name, a->n_cols, a->n_mats, &b, e);
        if (st != OK) return st;
        for (uint64_t k = 0; k < a->n_cols * a->n_mats; k++) b->sums[k] += a->sums[k];
        for (uint64_t k = 0; k < a->n_mats; k++) b->counts[k] += a->counts[k];
    }
    for (size_t at = 0; at < from->datasets.n; at += strlen(from->datasets.data + at) + 1)
        if (!imatrix_dataset(into, from->datasets.data + at))
            return fail(e, E_NOMEM, "out of memory");
    const uint64_t chunks = (uint64_t)into->chunks + from->chunks;
    into->chunks = chunks > UINT32_MAX ? UINT32_MAX : (uint32_t)chunks;
    if (into->chunk_size == 0) into->chunk_size = from->chunk_size;
    return OK;
}

bool imatrix_fits(const imatrix_entry *x, uint64_t n_cols, uint64_t n_mats) {
    uint64_t n;
    if (x->n_mats == n_mats && x->n_cols == n_cols) return true;
    if (x->n_mats != 1) return false;
    return x->n_cols == n_cols || (mul_u64(n_cols, n_mats, &n) && x->n_cols == n);
}

bool imatrix_weights(const imatrix_entry *x, uint64_t n_cols, uint64_t mat, float *out) {
    const bool one_row = x->n_mats == 1 && x->n_cols == n_cols;
    const float *sums = x->sums + (one_row ? 0 : mat * n_cols);
    const float count = x->counts[x->n_mats == 1 ? 0 : mat];
    for (uint64_t c = 0; c < n_cols; c++) out[c] = count > 0 ? sums[c] / count : 1;
    return count > 0;
}

/* ------------------------------------------------------------------ reading */

/* A sum that a division by its count, which may be small, takes beyond float32 is no sum. */
static status check_entry(const imatrix_entry *x, const char *path, err *e) {
    for (uint64_t k = 0; k < x->n_mats; k++)
        if (!isfinite(x->counts[k]) || x->counts[k] < 0)
            return fail(e, E_FORMAT, "%s: entry %s: count %" PRIu64 " is negative or not finite",
                        path, x->name, k);
    for (uint64_t k = 0; k < x->n_cols * x->n_mats; k++) {
        const float count = x->counts[k / x->n_cols], v = x->sums[k];
        if (!isfinite(v) || v < 0 || (count > 0 && !isfinite(v / count)))
            return fail(e, E_FORMAT, "%s: entry %s: value %" PRIu64 " is negative or not finite",
                        path, x->name, k);
    }
    return OK;
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const imatrix_entry *)a)->name, ((const imatrix_entry *)b)->name);
}

static status sort_entries(imatrix *m, const char *path, err *e) {
    if (m->n == 0) return fail(e, E_FORMAT, "%s: an importance matrix without an entry", path);
    qsort(m->entries, m->n, sizeof *m->entries, by_name);
    for (size_t i = 1; i < m->n; i++)
        if (strcmp(m->entries[i - 1].name, m->entries[i].name) == 0)
            return fail(e, E_FORMAT, "%s: entry %s comes twice", path, m->entries[i].name);
    return OK;
}

/* The bytes of the legacy form, from front to back. */
typedef struct reader {
    const uint8_t *at;
    uint64_t left, size;
    const char *path;
    err *e;
} reader;

static status early(const reader *r, const char *what) {
    return fail(r->e, E_FORMAT,
                "%s: %s at offset %" PRIu64 " is cut off or damaged: no importance matrix", r->path,
                what, r->size - r->left);
}

/* A count from 0 to what the rest of the file can hold at `bytes` each. */
static status take_count(reader *r, const char *what, uint64_t bytes, uint32_t *out) {
    if (r->left < 4) return early(r, what);
    const uint32_t v = le32(r->at);
    if (v > INT32_MAX || v > (r->left - 4) / bytes) return early(r, what);
    r->at += 4;
    r->left -= 4;
    *out = v;
    return OK;
}

static status take_legacy_entry(reader *r, imatrix *m) {
    uint32_t n_name, calls, n;
    status st = take_count(r, "the length of a name", 1, &n_name);
    if (st != OK) return st;
    const char *name = (const char *)r->at;
    if (n_name == 0 || memchr(name, 0, n_name) || !utf8_valid(name, n_name))
        return early(r, "a name");
    if (n_name > MOST_NAME)
        return fail(r->e, E_LIMIT, "%s: a name of %u bytes, the limit is %d", r->path, n_name,
                    MOST_NAME);
    r->at += n_name;
    r->left -= n_name;
    if (r->left < 4) return early(r, "a number of calls");
    calls = le32(r->at);
    if (calls > INT32_MAX) return early(r, "a number of calls");
    r->at += 4;
    r->left -= 4;
    st = take_count(r, "a number of values", 4, &n);
    if (st == OK && n == 0) st = early(r, "a number of values");
    if (st == OK) st = grow(m, r->e);
    if (st == OK) st = entry_new(&m->entries[m->n], name, n_name, n, 1, r->e);
    if (st != OK) return st;
    imatrix_entry *x = &m->entries[m->n++];
    for (uint32_t i = 0; i < n; i++) x->sums[i] = bits_f32(le32(r->at + 4 * (uint64_t)i));
    x->counts[0] = calls > 0 ? (float)calls : 1;
    r->at += 4 * (uint64_t)n;
    r->left -= 4 * (uint64_t)n;
    return check_entry(x, r->path, r->e);
}

static status read_legacy(imatrix *m, const uint8_t *data, uint64_t n, const char *path, err *e) {
    reader r = {data, n, n, path, e};
    uint32_t count, n_name;
    status st = take_count(&r, "the number of entries", 17, &count); /* a name of one, one value */
    for (uint32_t i = 0; i < count && st == OK; i++) st = take_legacy_entry(&r, m);
    if (st != OK || r.left == 0) return st;
    if (r.left < 8 || le32(r.at) > INT32_MAX) return early(&r, "the last part");
    m->chunks = le32(r.at);
    r.at += 4;
    r.left -= 4;
    st = take_count(&r, "the length of the dataset's name", 1, &n_name);
    if (st != OK) return st;
    const char *name = (const char *)r.at;
    if (n_name != r.left || memchr(name, 0, n_name) || !utf8_valid(name, n_name))
        return early(&r, "the dataset's name");
    if (n_name && !add_dataset(m, name, n_name)) return fail(e, E_NOMEM, "out of memory");
    return OK;
}

static bool ends_with(gguf_str s, const char *tail, size_t *rest) {
    const size_t n = strlen(tail);
    if (s.n <= n || memcmp(s.p + s.n - n, tail, n) != 0) return false;
    *rest = s.n - n;
    return true;
}

static status take_pair(imatrix *m, const gguf *g, const gguf_tensor *t, size_t n_name,
                        const char *path, err *e) {
    char name[MOST_NAME + sizeof counts_tail];
    if (n_name > MOST_NAME)
        return fail(e, E_LIMIT, "%s: a name of %zu bytes, the limit is %d", path, n_name,
                    MOST_NAME);
    snprintf(name, sizeof name, "%.*s%s", (int)n_name, t->name.p, counts_tail);
    const gguf_tensor *c = gguf_find_tensor(g, name);
    if (!c) return fail(e, E_FORMAT, "%s: tensor %s is missing", path, name);
    if (t->type->id != Q_F32 || c->type->id != Q_F32 || t->ne[2] != 1 || t->ne[3] != 1 ||
        c->ne[0] != 1 || c->ne[1] != t->ne[1] || c->ne[2] != 1 || c->ne[3] != 1)
        return fail(e, E_FORMAT, "%s: tensor %s: not F32 [1, %" PRIu64 "] beside F32 [%" PRIu64
                    ", %" PRIu64 "]", path, name, t->ne[1], t->ne[0], t->ne[1]);
    status st = grow(m, e);
    if (st == OK)
        st = entry_new(&m->entries[m->n], t->name.p, n_name, t->ne[0], t->ne[1], e);
    if (st != OK) return st;
    imatrix_entry *x = &m->entries[m->n++];
    t->type->dequant(t->data, x->sums, (size_t)(t->ne[0] * t->ne[1]));
    c->type->dequant(c->data, x->counts, (size_t)t->ne[1]);
    return check_entry(x, path, e);
}

static uint32_t small_key(const gguf *g, const char *key) {
    uint64_t v = 0;
    gguf_u64(gguf_find_key(g, key), &v);
    return v > UINT32_MAX ? UINT32_MAX : (uint32_t)v;
}

static status take_gguf(imatrix *m, const gguf *g, const char *path, err *e) {
    gguf_str type = {0}, name;
    if (!gguf_string(gguf_find_key(g, "general.type"), &type) || type.n != 7 ||
        memcmp(type.p, "imatrix", 7) != 0)
        return fail(e, E_FORMAT,
                    "%s: key general.type is not \"imatrix\": this is no importance matrix", path);
    m->chunks = small_key(g, "imatrix.chunk_count");
    m->chunk_size = small_key(g, "imatrix.chunk_size");
    const gguf_key *sets = gguf_find_key(g, "imatrix.datasets");
    for (gguf_walk w = {0}; gguf_next_string(sets, &w, &name);)
        if (!add_dataset(m, name.p, name.n)) return fail(e, E_NOMEM, "out of memory");
    status st = OK;
    for (uint64_t i = 0; i < gguf_n_tensors(g) && st == OK; i++) {
        const gguf_tensor *t = gguf_tensor_at(g, i);
        size_t n_name;
        if (ends_with(t->name, sums_tail, &n_name)) st = take_pair(m, g, t, n_name, path, e);
    }
    return st;
}

static status read_gguf(imatrix *m, const uint8_t *data, uint64_t n, const char *path, err *e) {
    gguf *g;
    status st = gguf_open_bytes(&g, data, n, path, e);
    if (st != OK) return st;
    st = take_gguf(m, g, path, e);
    gguf_close(g);
    return st;
}

status imatrix_read_bytes(imatrix *m, const uint8_t *data, uint64_t n, const char *name, err *e) {
    const bool container = n >= 4 && memcmp(data, "GGUF", 4) == 0;
    imatrix_free(m);
    status st = container ? read_gguf(m, data, n, name, e) : read_legacy(m, data, n, name, e);
    if (st == OK) st = sort_entries(m, name, e);
    if (st != OK) imatrix_free(m);
    return st;
}

status imatrix_read(imatrix *m, const char *path, err *e) {
    file_map map;
    status st = map_open(&map, path, e);
    if (st != OK) return st;
    st = imatrix_read_bytes(m, map.data, map.size, path, e);
    map_close(&map);
    return st;
}

/* ------------------------------------------------------------------ writing */

static status put_datasets(const imatrix *m, gguf_writer *w, err *e) {
    size_t n = 0;
    for (size_t at = 0; at < m->datasets.n; at += strlen(m->datasets.data + at) + 1) n++;
    gguf_str *names = calloc(n + 1, sizeof *names);
    if (!names) return fail(e, E_NOMEM, "out of memory");
    n = 0;
    for (size_t at = 0; at < m->datasets.n; at += strlen(m->datasets.data + at) + 1)
        names[n++] = (gguf_str){m->datasets.data + at, strlen(m->datasets.data + at)};
    gguf_put_strings(w, "imatrix.datasets", names, n);
    free(names);
    return OK;
}

static status put_floats(gguf_writer *w, const float *v, uint64_t n, err *e) {
    uint8_t block[4096];
    status st = OK;
    for (uint64_t i = 0; i < n && st == OK;) {
        size_t k = 0;
        for (; k < sizeof block && i < n; k += 4) put_le32(block + k, f32_bits(v[i++]));
        st = gguf_data(w, block, k, e);
    }
    return st;
}

static status write_gguf(const imatrix *m, const char *path, err *e) {
    gguf_writer *w;
    char name[MOST_NAME + sizeof sums_tail];
    status st = gguf_create(&w, path, e);
    if (st != OK) return st;
    gguf_put_string(w, "general.type", "imatrix", 7);
    st = put_datasets(m, w, e);
    gguf_put_u32(w, "imatrix.chunk_count", m->chunks);
    gguf_put_u32(w, "imatrix.chunk_size", m->chunk_size);
    for (size_t i = 0; i < m->n; i++) {
        const imatrix_entry *x = &m->entries[i];
        snprintf(name, sizeof name, "%s%s", x->name, sums_tail);
        gguf_declare(w, name, Q_F32, 2, (uint64_t[]){x->n_cols, x->n_mats});
        snprintf(name, sizeof name, "%s%s", x->name, counts_tail);
        gguf_declare(w, name, Q_F32, 2, (uint64_t[]){1, x->n_mats});
    }
    if (st == OK) st = gguf_begin(w, e);
    for (size_t i = 0; i < m->n && st == OK; i++) {
        const imatrix_entry *x = &m->entries[i];
        st = put_floats(w, x->sums, x->n_cols * x->n_mats, e);
        if (st == OK) st = put_floats(w, x->counts, x->n_mats, e);
    }
    if (st == OK) return gguf_finish(w, e);
    gguf_abort(w);
    return st;
}

static status put_u32(out_file *f, uint64_t v, err *e) {
    uint8_t p[4];
    if (v > INT32_MAX)
        return fail(e, E_LIMIT, "the legacy form has no room for the number %" PRIu64, v);
    put_le32(p, (uint32_t)v);
    return out_write(f, p, sizeof p, e);
}

static status put_legacy_entry(out_file *f, const imatrix_entry *x, err *e) {
    const size_t n_name = strlen(x->name);
    status st = put_u32(f, n_name, e);
    if (st == OK) st = out_write(f, x->name, n_name, e);
    if (st == OK) st = put_u32(f, 1, e);
    if (st == OK) st = put_u32(f, x->n_cols * x->n_mats, e);
    for (uint64_t k = 0; k < x->n_cols * x->n_mats && st == OK; k++) {
        const float count = x->counts[k / x->n_cols];
        uint8_t p[4];
        put_le32(p, f32_bits(count > 0 ? x->sums[k] / count : 1));
        st = out_write(f, p, sizeof p, e);
    }
    return st;
}

static status write_legacy(const imatrix *m, const char *path, err *e) {
    out_file *f;
    const char *set = m->datasets.n ? m->datasets.data : "";
    status st = out_open(&f, path, 0644, e);
    if (st != OK) return st;
    st = put_u32(f, m->n, e);
    for (size_t i = 0; i < m->n && st == OK; i++) st = put_legacy_entry(f, &m->entries[i], e);
    if (st == OK) st = put_u32(f, m->chunks > INT32_MAX ? INT32_MAX : m->chunks, e);
    if (st == OK) st = put_u32(f, strlen(set), e);
    if (st == OK) st = out_write(f, set, strlen(set), e);
    if (st == OK) return out_finish(f, e);
    out_abort(f);
    return st;
}

status imatrix_write(const imatrix *m, const char *path, imatrix_form form, err *e) {
    if (m->n == 0) return fail(e, E_USAGE, "%s: an importance matrix without an entry", path);
    return form == IMATRIX_GGUF ? write_gguf(m, path, e) : write_legacy(m, path, e);
}
