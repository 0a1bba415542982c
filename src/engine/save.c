/* save: a session as a stream of bytes, and back.
 *
 *     0    "DS4SESS1"                                 8
 *     8    plan key: model, options, layout           16
 *     24   u64 page bytes, u64 state bytes            16
 *     40   u32 position, pages, frontiers, 0          16
 *     56   tokens, u32 each                           4 position
 *          pages, whole                               page bytes each
 *          frontiers, rising: u64 position, state     8 + state bytes each
 *          state                                      state bytes
 *          hash of all bytes before                   16
 *
 * All numbers little-endian. Of the frontiers only those are saved that were asked for: they are where a conversation
 * is likely to branch.
 *
 * I1  Nothing is believed before the hash was right: a session that fails to load is as it was.
 * I2  Lengths are checked against the plan before memory is taken for them.
 */
#include <stdlib.h>
#include <string.h>

#include "base/le.h"
#include "engine/inside.h"

enum { HEADER = 56, PIECE = 1 << 16, MAX_FRONTIERS = 64 };
static const char magic[8] = "DS4SESS1";

/* Bytes on their way, hashed as they pass. */
typedef struct stream {
    const sink *to;
    const source *from;
    hasher *hash;
    uint8_t *piece; /* PIECE bytes */
    err *e;
} stream;

static status put(stream *x, const void *p, size_t n) {
    hasher_add(x->hash, p, n);
    return x->to->write(x->to->self, p, n, x->e);
}

static status get(stream *x, void *p, size_t n) {
    const status st = x->from->read(x->from->self, p, n, x->e);
    if (st == OK) hasher_add(x->hash, p, n);
    return st;
}

static status stream_open(stream *x, err *e) {
    x->e = e;
    x->hash = hasher_new();
    x->piece = malloc(PIECE);
    return x->hash && x->piece ? OK : fail(e, E_NOMEM, "session: out of memory");
}

static void stream_close(stream *x) {
    if (x->hash) hasher_free(x->hash);
    free(x->piece);
}

static void put_hash(uint8_t *to, hash128 h) {
    put_le64(to, h.lo);
    put_le64(to + 8, h.hi);
}

static status put_mem(stream *x, const engine *en, const void *mem, uint64_t bytes) {
    status st = OK;
    for (uint64_t at = 0; at < bytes && st == OK; at += PIECE) {
        const size_t n = bytes - at < PIECE ? (size_t)(bytes - at) : PIECE;
        en->op->mem_read(en->dev, x->piece, mem, at, n);
        st = put(x, x->piece, n);
    }
    return st;
}

static status get_mem(stream *x, const engine *en, void *mem, uint64_t bytes) {
    status st = OK;
    for (uint64_t at = 0; at < bytes && st == OK; at += PIECE) {
        const size_t n = bytes - at < PIECE ? (size_t)(bytes - at) : PIECE;
        st = get(x, x->piece, n);
        if (st == OK) en->op->mem_write(en->dev, mem, at, x->piece, n);
    }
    return st;
}

static status put_tokens(stream *x, const session *s) {
    status st = OK;
    for (uint32_t at = 0; at < s->pos && st == OK;) {
        const uint32_t n = s->pos - at < PIECE / 4 ? s->pos - at : PIECE / 4;
        for (uint32_t i = 0; i < n; i++) put_le32(x->piece + 4 * i, (uint32_t)s->tokens[at + i]);
        st = put(x, x->piece, 4 * n);
        at += n;
    }
    return st;
}

static status put_frontiers(stream *x, const session *s) {
    status st = OK;
    for (uint32_t i = 0; i < s->frontiers.n && st == OK; i++) {
        const frontier *f = s->frontiers.at[i].f;
        uint8_t pos[8];
        if (!s->frontiers.at[i].pinned) continue;
        put_le64(pos, f->pos);
        st = put(x, pos, sizeof pos);
        if (st == OK) st = put_mem(x, s->en, f->state, f->bytes);
    }
    return st;
}

status session_save(const session *s, const sink *to, err *e) {
    const engine *en = s->en;
    stream x = {.to = to};
    status st = session_usable(s, e);
    if (st == OK) st = stream_open(&x, e);
    uint8_t head[HEADER];
    memcpy(head, magic, sizeof magic);
    put_hash(head + 8, en->p.key);
    put_le64(head + 24, en->p.page_bytes);
    put_le64(head + 32, en->p.state_bytes);
    put_le32(head + 40, s->pos);
    put_le32(head + 44, s->n_pages);
    put_le32(head + 48, frontier_pinned(&s->frontiers));
    put_le32(head + 52, 0);
    if (st == OK) st = put(&x, head, sizeof head);
    if (st == OK) st = put_tokens(&x, s);
    for (uint32_t i = 0; i < s->n_pages && st == OK; i++) st = put_mem(&x, en, s->pages[i]->mem, en->p.page_bytes);
    if (st == OK) st = put_frontiers(&x, s);
    if (st == OK) st = put_mem(&x, en, s->state, en->p.state_bytes);
    if (st == OK) {
        uint8_t sum[16];
        put_hash(sum, hasher_value(x.hash));
        st = to->write(to->self, sum, sizeof sum, e);
    }
    stream_close(&x);
    return st;
}

static status get_header(stream *x, const engine *en, uint32_t *pos, uint32_t *n_pages, uint32_t *n_frontiers) {
    uint8_t head[HEADER], key[16];
    status st = get(x, head, sizeof head);
    if (st != OK) return st;
    put_hash(key, en->p.key);
    if (memcmp(head, magic, sizeof magic) != 0) return fail(x->e, E_FORMAT, "session: not a saved session");
    if (memcmp(head + 8, key, sizeof key) != 0 || le64(head + 24) != en->p.page_bytes ||
        le64(head + 32) != en->p.state_bytes)
        return fail(x->e, E_FORMAT, "session: was saved with another model or other options");
    *pos = le32(head + 40);
    *n_pages = le32(head + 44);
    *n_frontiers = le32(head + 48);
    if (*pos > en->context)
        return fail(x->e, E_LIMIT, "session: holds %u tokens, the context is %u: use a larger --ctx", *pos,
                    en->context);
    if (*n_pages != ((uint64_t)*pos + PAGE_TOKENS - 1) / PAGE_TOKENS)
        return fail(x->e, E_FORMAT, "session: %u pages do not hold %u tokens", *n_pages, *pos);
    if (*n_frontiers > MAX_FRONTIERS || le32(head + 52) != 0)
        return fail(x->e, E_FORMAT, "session: %u frontiers, at most %d are possible", *n_frontiers, MAX_FRONTIERS);
    return OK;
}

/* By way of the session's own state, which is read last. */
static status get_frontiers(session *t, stream *x, uint32_t n, uint32_t session_pos) {
    status st = OK;
    uint64_t before = 0;
    for (uint32_t i = 0; i < n && st == OK; i++) {
        uint8_t raw[8];
        st = get(x, raw, sizeof raw);
        const uint64_t pos = st == OK ? le64(raw) : 0;
        if (st == OK && (pos <= before || pos > session_pos))
            st = fail(x->e, E_FORMAT, "session: a frontier at %llu does not fit in", (unsigned long long)pos);
        before = pos;
        if (st == OK) st = get_mem(x, t->en, t->state, t->en->p.state_bytes);
        if (st == OK)
            st = frontier_add(&t->frontiers, &t->en->mem, t->state, t->en->p.state_bytes, (uint32_t)pos, true, x->e);
    }
    return st;
}

static status get_tokens(stream *x, const engine *en, int32_t *tokens, uint32_t n) {
    status st = OK;
    for (uint32_t at = 0; at < n && st == OK;) {
        const uint32_t m = n - at < PIECE / 4 ? n - at : PIECE / 4;
        st = get(x, x->piece, 4 * m);
        for (uint32_t i = 0; i < m && st == OK; i++) {
            const uint32_t id = le32(x->piece + 4 * i);
            if (id >= en->p.shape->n_vocab) st = fail(x->e, E_FORMAT, "session: token %u is not in the vocabulary", id);
            tokens[at + i] = (int32_t)id;
        }
        at += m;
    }
    return st;
}

/* Fills a new session. Page by page, so that a lying header cannot make us take memory that the stream does not fill. */
static status read_into(session *t, stream *x) {
    engine *en = t->en;
    uint32_t pos = 0, n_pages = 0, n_frontiers = 0;
    status st = get_header(x, en, &pos, &n_pages, &n_frontiers);
    int32_t *tokens = NULL;
    if (st == OK && pos) {
        tokens = malloc(pos * sizeof *tokens);
        st = tokens ? get_tokens(x, en, tokens, pos) : fail(x->e, E_NOMEM, "session: out of memory");
    }
    for (uint32_t i = 0; i < n_pages && st == OK; i++) {
        const uint32_t full = (i + 1) * PAGE_TOKENS;
        st = session_reserve(t, full < pos ? full : pos, x->e);
        if (st == OK) st = get_mem(x, en, t->mems[i], en->p.page_bytes);
    }
    if (st == OK) st = get_frontiers(t, x, n_frontiers, pos);
    if (st == OK) st = get_mem(x, en, t->state, en->p.state_bytes);
    if (st == OK) {
        uint8_t want[16], found[16];
        put_hash(want, hasher_value(x->hash));
        st = x->from->read(x->from->self, found, sizeof found, x->e);
        if (st == OK && memcmp(want, found, sizeof want) != 0)
            st = fail(x->e, E_FORMAT, "session: checksum is wrong: the saved bytes are damaged");
    }
    if (st == OK && pos) {
        memcpy(t->tokens, tokens, pos * sizeof *tokens);
        t->pos = pos;
        session_seal(t, 0);
    }
    free(tokens);
    return st;
}

status session_load(session *s, const source *from, err *e) {
    session *t = NULL;
    stream x = {.from = from};
    status st = session_new(&t, s->en, e);
    if (st == OK) st = stream_open(&x, e);
    if (st == OK) st = read_into(t, &x);
    stream_close(&x);
    if (st == OK) { /* they change places, and the old one goes */
        const session old = *s;
        *s = *t;
        *t = old;
        /* A frontier here: after a mistake the conversation goes back to where it was loaded. */
        frontier_add(&s->frontiers, &s->en->mem, s->state, s->en->p.state_bytes, s->pos, true, NULL);
    }
    session_free(t);
    return st;
}

status session_save_file(const session *s, const char *path, err *e) {
    out_file *f;
    status st = out_open(&f, path, 0600, e);
    if (st != OK) return st;
    const sink to = sink_file(f);
    st = session_save(s, &to, e);
    if (st == OK) return out_finish(f, e);
    out_abort(f);
    return st;
}

status session_load_file(session *s, const char *path, err *e) {
    file_map map;
    status st = map_open(&map, path, e);
    if (st != OK) return st;
    mem_reader r = {.data = map.data, .n = (size_t)map.size};
    const source from = source_mem(&r);
    st = session_load(s, &from, e);
    if (st == OK && r.at != r.n) st = fail(e, E_FORMAT, "session: %zu bytes follow its end", r.n - r.at);
    if (st != OK) err_prefix(e, "%s: ", path);
    map_close(&map);
    return st;
}
