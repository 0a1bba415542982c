#include "apps/quality/stored.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/file.h"
#include "base/le.h"

enum {
    HEAD = 88,
    END = 24,
    CODES = 65535,
    VOCAB_MOST = 1 << 24,
    ABOUT_MOST = 16 << 20,
    ABOUT_DEPTH = 30
};
static const char magic[] = "DS4LOGIT", last_word[] = "DS4LEND1";
static const float range_most = 64;

uint64_t stored_head_bytes(uint64_t n_ids) {
    return HEAD + (n_ids * 4 + 7) / 8 * 8;
}

uint64_t stored_row_bytes(uint32_t n_vocab) {
    return (12 + (uint64_t)n_vocab * 2 + 7) / 8 * 8;
}

/* ------------------------------------------------------------------ writing */

static void put32(buf *out, uint32_t v) {
    uint8_t b[4];
    put_le32(b, v);
    buf_add(out, b, sizeof b);
}

static void put64(buf *out, uint64_t v) {
    uint8_t b[8];
    put_le64(b, v);
    buf_add(out, b, sizeof b);
}

static void pad8(buf *out) {
    while (out->n % 8 && !out->failed) buf_char(out, 0);
}

void stored_put_head(buf *out, const stored_head *h, const stream *s) {
    buf b = {0};
    const hash128 ids = stream_hash(s);
    buf_add(&b, magic, 8);
    put32(&b, 1);
    put32(&b, h->n_vocab);
    put64(&b, s->ids.n);
    put64(&b, s->n_tokens);
    put32(&b, s->size);
    put32(&b, (uint32_t)s->bos);
    put64(&b, h->how);
    put64(&b, h->model.lo);
    put64(&b, h->model.hi);
    put64(&b, ids.lo);
    put64(&b, ids.hi);
    put64(&b, b.failed ? 0 : hash64(b.data, b.n));
    for (size_t i = 0; i < s->ids.n; i++) put32(&b, (uint32_t)s->ids.id[i]);
    pad8(&b);
    if (b.failed)
        out->failed = true;
    else
        buf_add(out, b.data, b.n);
    buf_free(&b);
}

void stored_put_row(buf *out, const float *logits, uint32_t n_vocab) {
    const size_t size = (size_t)stored_row_bytes(n_vocab);
    float best = logits[0], least = logits[0];
    if (!buf_reserve(out, size)) return;
    for (uint32_t i = 1; i < n_vocab; i++) {
        best = logits[i] > best ? logits[i] : best;
        least = logits[i] < least ? logits[i] : least;
    }
    const float range = best - least < range_most ? best - least : range_most;
    const float step = range / CODES;
    uint8_t *row = (uint8_t *)out->data + out->n;
    memset(row, 0, size);
    put_le32(row + 8, f32_bits(step));
    for (uint32_t i = 0; i < n_vocab; i++) {
        const double c = step > 0 ? ((double)best - (double)logits[i]) / (double)step : 0;
        const uint32_t near = c < CODES ? (uint32_t)(c + 0.5) : CODES;
        const uint32_t code = near == 0 && logits[i] < best ? 1 : near; /* the best stays the best */
        row[12 + 2 * i] = (uint8_t)code;
        row[13 + 2 * i] = (uint8_t)(code >> 8);
    }
    put_le64(row, hash64(row + 8, size - 8));
    out->n += size;
    out->data[out->n] = 0;
}

void stored_put_end(buf *out, const char *about, size_t n) {
    buf_add(out, about, n);
    put64(out, n);
    put64(out, hash64(about, n));
    buf_add(out, last_word, 8);
}

/* ------------------------------------------------------------------ reading */

struct stored {
    file_map map; /* empty over bytes of the caller */
    const uint8_t *rows;
    char *name;
    stored_head head;
    stream text;
    json_doc *about;
    uint64_t row_bytes, size;
};

void stored_close(stored *s) {
    if (!s) return;
    json_free(s->about);
    stream_free(&s->text);
    map_close(&s->map);
    free(s->name);
    free(s);
}

bool stored_is(const char *path) {
    file_map m;
    if (map_open(&m, path, NULL) != OK) return false;
    const bool is = m.size >= 8 && memcmp(m.data, magic, 8) == 0;
    map_close(&m);
    return is;
}

static status read_about(stored *s, const uint8_t *p, uint64_t n, err *e) {
    if (n > ABOUT_MOST)
        return fail(e, E_LIMIT, "%s: what it says of its model takes %" PRIu64 " bytes, the limit is %d",
                    s->name, n, ABOUT_MOST);
    if (memcmp(p + n + 16, last_word, 8) != 0 || hash64(p, (size_t)n) != le64(p + n + 8))
        return fail(e, E_FORMAT, "%s: damaged: what it says of its model has another checksum; store the "
                    "logits again", s->name);
    const status st = json_parse(&s->about, (const char *)p, (size_t)n, ABOUT_DEPTH, s->name, e);
    if (st == OK && json_type(json_root(s->about)) != JSON_OBJECT)
        return fail(e, E_FORMAT, "%s: what it says of its model is no object", s->name);
    return st;
}

static status read_ids(stored *s, const uint8_t *p, uint64_t n, uint32_t size, int32_t bos, err *e) {
    if (!tokens_reserve(&s->text.ids, (size_t)n)) return fail(e, E_NOMEM, "out of memory");
    for (uint64_t i = 0; i < n; i++) {
        const uint32_t id = le32(p + 4 * i);
        if (id >= s->head.n_vocab)
            return fail(e, E_FORMAT, "%s: id %" PRIu64 " is %u, the vocabulary has %u", s->name, i, id,
                        s->head.n_vocab);
        s->text.ids.id[i] = (int32_t)id;
    }
    if (n % 2 && le32(p + 4 * n) != 0)
        return fail(e, E_FORMAT, "%s: damaged: what pads its tokens is not zero", s->name);
    s->text.ids.n = (size_t)n;
    const status st = stream_cut(&s->text, bos, size, 0, e);
    if (st != OK) err_prefix(e, "%s: ", s->name);
    return st;
}

static status truncated(const stored *s, uint64_t n, err *e) {
    return fail(e, E_FORMAT, "%s: %" PRIu64 " bytes, which is not what its header says: it was cut or is "
                "damaged; store the logits again", s->name, n);
}

static status read_all(stored *s, const uint8_t *p, uint64_t n, err *e) {
    if (n < HEAD + END || memcmp(p, magic, 8) != 0)
        return fail(e, E_FORMAT, "%s: no file of stored logits, as --save-logits writes them", s->name);
    if (le32(p + 8) != 1)
        return fail(e, E_UNSUPPORTED, "%s: version %u, this program reads version 1", s->name, le32(p + 8));
    if (hash64(p, HEAD - 8) != le64(p + HEAD - 8))
        return fail(e, E_FORMAT, "%s: damaged: its header has another checksum; store the logits again", s->name);
    s->head = (stored_head){.n_vocab = le32(p + 12), .how = le64(p + 40), .model = {le64(p + 48), le64(p + 56)}};
    const uint64_t n_ids = le64(p + 16), n_rows = le64(p + 24), about = le64(p + n - END);
    const uint32_t size = le32(p + 32), bos = le32(p + 36);
    if (s->head.n_vocab < 1 || s->head.n_vocab > VOCAB_MOST || bos >= s->head.n_vocab || size < 1 ||
        size > INT32_MAX || s->head.how > 3)
        return fail(e, E_FORMAT, "%s: a vocabulary of %u, BOS %u, windows of %u: no such thing can be", s->name,
                    s->head.n_vocab, bos, size);
    uint64_t want, rows;
    s->row_bytes = stored_row_bytes(s->head.n_vocab);
    if (n_ids > n / 4 || !mul_u64(n_rows, s->row_bytes, &rows) ||
        !add_u64(stored_head_bytes(n_ids) + END, rows, &want) || !add_u64(want, about, &want) || want != n)
        return truncated(s, n, e);
    status st = read_ids(s, p + HEAD, n_ids, size, (int32_t)bos, e);
    if (st != OK) return st;
    const hash128 ids = stream_hash(&s->text);
    if (s->text.n_tokens != n_rows || !hash128_equal(ids, (hash128){le64(p + 64), le64(p + 72)}))
        return fail(e, E_FORMAT, "%s: damaged: its tokens have another checksum; store the logits again", s->name);
    s->rows = p + stored_head_bytes(n_ids);
    s->size = n;
    return read_about(s, s->rows + rows, about, e);
}

static status open_over(stored **out, file_map map, bool own, const char *name, err *e) {
    stored *s = calloc(1, sizeof *s);
    if (s) s->name = strdup(name);
    if (!s || !s->name) {
        if (own) map_close(&map);
        free(s);
        return fail(e, E_NOMEM, "out of memory");
    }
    if (own) s->map = map;
    const status st = read_all(s, map.data, map.size, e);
    if (st == OK)
        *out = s;
    else
        stored_close(s);
    return st;
}

status stored_open(stored **out, const char *path, err *e) {
    file_map map;
    const status st = map_open(&map, path, e);
    return st == OK ? open_over(out, map, true, path, e) : st;
}

status stored_open_bytes(stored **out, const uint8_t *data, uint64_t n, const char *name, err *e) {
    return open_over(out, (file_map){data, n}, false, name, e);
}

const stored_head *stored_header(const stored *s) {
    return &s->head;
}

const stream *stored_stream(const stored *s) {
    return &s->text;
}

const json *stored_about(const stored *s) {
    return json_root(s->about);
}

uint64_t stored_bytes(const stored *s) {
    return s->size;
}

status stored_row(const stored *s, uint64_t i, float *out, err *e) {
    const uint8_t *row = s->rows + i * s->row_bytes;
    const float step = bits_f32(le32(row + 8));
    if (hash64(row + 8, (size_t)s->row_bytes - 8) != le64(row) || !isfinite(step) || step < 0 || step > 1)
        return fail(e, E_FORMAT, "%s: damaged: row %" PRIu64 " of %" PRIu64 " has another checksum; store the "
                    "logits again", s->name, i, s->text.n_tokens);
    for (uint32_t k = 0; k < s->head.n_vocab; k++) out[k] = -step * (float)le16(row + 12 + 2 * k);
    if (s->map.data) map_drop(&s->map, (uint64_t)(row - s->map.data), s->row_bytes);
    return OK;
}
