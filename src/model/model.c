#include "model/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_SHARDS = 1000 };

struct model {
    gguf **shards;
    uint32_t n_shards;
    gguf *side;
    shape shape;
    weights weights;
    hash128 identity, side_identity;
};

/* NAME-00002-of-00003.gguf: where its two numbers stand, and what they are. */
typedef struct shard_name {
    const char *no; /* the first digit of 00002 */
    uint32_t index, count;
} shard_name;

static bool digits5(const char *p, uint32_t *out) {
    uint32_t v = 0;
    for (int i = 0; i < 5; i++) {
        if (p[i] < '0' || p[i] > '9') return false;
        v = v * 10 + (uint32_t)(p[i] - '0');
    }
    *out = v;
    return true;
}

static bool parse_shard_name(const char *path, shard_name *out) {
    static const char tail[] = "-00001-of-00001.gguf";
    const size_t n = strlen(path), t = sizeof tail - 1;
    if (n < t) return false;
    const char *p = path + n - t;
    if (p[0] != '-' || memcmp(p + 6, "-of-", 4) != 0 || strcmp(p + 15, ".gguf") != 0) return false;
    out->no = p + 1;
    return digits5(p + 1, &out->index) && digits5(p + 10, &out->count);
}

static status check_shard(const gguf *g, uint32_t i, uint32_t n, const char *path, err *e) {
    uint64_t no = 0, count = 0;
    gguf_u64(gguf_find_key(g, "split.no"), &no);
    gguf_u64(gguf_find_key(g, "split.count"), &count);
    if (no == i && count == n) return OK;
    return fail(e, E_FORMAT, "%s: says it is part %llu of %llu, expected part %u of %u", path,
                (unsigned long long)no + 1, (unsigned long long)count, i + 1, n);
}

/* Parts of different files may each look right; together they hold too many tensors, or too few. */
static status check_total(const model *m, const char *path, err *e) {
    uint64_t promised = 0, sum = 0;
    if (!gguf_u64(gguf_find_key(m->shards[0], "split.tensors.count"), &promised)) return OK;
    for (uint32_t i = 0; i < m->n_shards; i++) sum += gguf_n_tensors(m->shards[i]);
    if (sum == promised) return OK;
    return fail(e, E_FORMAT, "%s: key split.tensors.count says %llu tensors, its %u parts hold %llu: are they parts of one model?",
                path, (unsigned long long)promised, m->n_shards, (unsigned long long)sum);
}

static status open_shards(model *m, const char *path, err *e) {
    shard_name sn;
    const bool split = parse_shard_name(path, &sn) && sn.count > 1;
    const uint32_t n = split ? sn.count : 1;
    if (n > MAX_SHARDS || (split && (sn.index < 1 || sn.index > n)))
        return fail(e, E_FORMAT, "%s: part %u of %u makes no sense (at most %d parts)", path, sn.index, n,
                    MAX_SHARDS);
    m->shards = calloc(n, sizeof *m->shards);
    const size_t room = strlen(path) + 1;
    char *name = malloc(room);
    status st = m->shards && name ? OK : fail(e, E_NOMEM, "%s: out of memory", path);
    for (uint32_t i = 0; i < n && st == OK; i++) {
        memcpy(name, path, room);
        if (split) {
            char no[16];
            snprintf(no, sizeof no, "%05u", i + 1);
            memcpy(name + (sn.no - path), no, 5);
        }
        st = gguf_open(&m->shards[i], name, e);
        if (st == OK) m->n_shards++;
        if (st == OK && split) st = check_shard(m->shards[i], i, n, name, e);
    }
    free(name);
    if (st == OK && split) st = check_total(m, path, e);
    if (st == OK && !split) {
        uint64_t count = 0;
        if (gguf_u64(gguf_find_key(m->shards[0], "split.count"), &count) && count > 1)
            st = fail(e, E_FORMAT,
                      "%s: is one of %llu parts, but its name does not end in -00001-of-%05llu.gguf: "
                      "give the parts their original names",
                      path, (unsigned long long)count, (unsigned long long)count);
    }
    return st;
}

/* 64 bytes at the front, the middle and the end of every tensor: enough to tell a re-quantised or edited file
 * from its model, cheap enough for a file of 150 GB. */
static status take_identity(hash128 *out, gguf *const *files, uint32_t n, err *e) {
    enum { SAMPLE = 64 };
    hasher *h = hasher_new();
    if (!h) return fail(e, E_NOMEM, "out of memory");
    for (uint32_t f = 0; f < n; f++) {
        const gguf *g = files[f];
        hasher_add(h, gguf_bytes(g), (size_t)gguf_header_bytes(g));
        for (uint64_t i = 0; i < gguf_n_tensors(g); i++) {
            const gguf_tensor *t = gguf_tensor_at(g, i);
            const size_t k = t->bytes < SAMPLE ? (size_t)t->bytes : SAMPLE;
            hasher_add(h, t->data, k);
            hasher_add(h, t->data + (t->bytes - k) / 2, k);
            hasher_add(h, t->data + (t->bytes - k), k);
        }
    }
    *out = hasher_value(h);
    hasher_free(h);
    return OK;
}

static status bind(model *m, const char *name, const char *side_name, err *e) {
    status st = shape_read(&m->shape, m->shards, m->n_shards, name, e);
    const weight_files files = {m->shards, m->n_shards, m->side, name, side_name};
    if (st == OK) st = weights_bind(&m->weights, &m->shape, &files, e);
    if (st == OK) st = take_identity(&m->identity, m->shards, m->n_shards, e);
    if (st == OK && m->side) st = take_identity(&m->side_identity, &m->side, 1, e);
    return st;
}

static model *model_new(err *e) {
    model *m = calloc(1, sizeof *m);
    if (!m) fail(e, E_NOMEM, "model: out of memory");
    return m;
}

status model_open(model **out, const char *path, const char *side_path, err *e) {
    model *m = model_new(e);
    if (!m) return E_NOMEM;
    status st = open_shards(m, path, e);
    if (st == OK && side_path) st = gguf_open(&m->side, side_path, e);
    if (st == OK) st = bind(m, path, side_path, e);
    if (st != OK) {
        model_close(m);
        return st;
    }
    *out = m;
    return OK;
}

status model_open_bytes(model **out, const uint8_t *data, uint64_t n, const char *name, err *e) {
    model *m = model_new(e);
    if (!m) return E_NOMEM;
    m->shards = calloc(1, sizeof *m->shards);
    status st = m->shards ? gguf_open_bytes(&m->shards[0], data, n, name, e) : fail(e, E_NOMEM, "out of memory");
    if (st == OK) m->n_shards = 1;
    if (st == OK) st = bind(m, name, NULL, e);
    if (st != OK) {
        model_close(m);
        return st;
    }
    *out = m;
    return OK;
}

void model_close(model *m) {
    if (!m) return;
    weights_free(&m->weights);
    for (uint32_t i = 0; i < m->n_shards; i++) gguf_close(m->shards[i]);
    gguf_close(m->side);
    free(m->shards);
    free(m);
}

const shape *model_shape(const model *m) { return &m->shape; }
const weights *model_weights(const model *m) { return &m->weights; }
uint32_t model_n_files(const model *m) { return m->n_shards; }
const gguf *model_file(const model *m, uint32_t i) { return m->shards[i]; }
hash128 model_identity(const model *m) { return m->identity; }
hash128 model_side_identity(const model *m) { return m->side_identity; }
