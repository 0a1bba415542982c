#include "apps/ds4/saved.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/json.h"
#include "base/le.h"

enum { HEAD = 16, SUM = 16 };
static const char magic[8] = "DS4CHAT1";

message *history_add(history *h, chat_role role, const char *p, size_t n) {
    if (h->n == h->cap) {
        const size_t cap = h->cap ? h->cap * 2 : 16;
        message *at = realloc(h->at, cap * sizeof *at);
        if (!at) return NULL;
        h->at = at;
        h->cap = cap;
    }
    message m = {.role = role};
    buf_add(&m.content, p, n);
    if (m.content.failed) return NULL;
    h->at[h->n] = m;
    return &h->at[h->n++];
}

void history_cut(history *h, size_t n) {
    while (h->n > n) {
        message *m = &h->at[--h->n];
        buf_free(&m->content);
        buf_free(&m->reasoning);
    }
}

void history_free(history *h) {
    history_cut(h, 0);
    free(h->at);
    *h = (history){0};
}

static void write_text(buf *b, const char *key, const buf *text) {
    buf_printf(b, "\"%s\": ", key);
    json_write_string(b, text->data ? text->data : "", text->n);
}

static void write_messages(buf *b, const char *system, const history *h) {
    buf_str(b, "{\"system\": ");
    json_write_string(b, system, strlen(system));
    buf_str(b, ", \"messages\": [");
    for (size_t i = 0; i < h->n; i++) {
        const message *m = &h->at[i];
        buf_printf(b, "%s{\"role\": \"%s\", ", i ? ", " : "", m->role == CHAT_USER ? "user" : "assistant");
        write_text(b, "content", &m->content);
        buf_str(b, ", ");
        write_text(b, "reasoning", &m->reasoning);
        buf_char(b, '}');
    }
    buf_str(b, "]}");
}

static void put_sum(uint8_t out[SUM], const void *p, size_t n) {
    const hash128 h = hash128_chain((hash128){0}, p, n);
    put_le64(out, h.lo);
    put_le64(out + 8, h.hi);
}

status saved_write(const char *path, const char *system, const history *h, const session *s, err *e) {
    buf b = {0};
    uint8_t head[HEAD], sum[SUM];
    memcpy(head, magic, sizeof magic);
    buf_add(&b, head, sizeof head);
    write_messages(&b, system, h);
    if (b.failed) {
        buf_free(&b);
        return fail(e, E_NOMEM, "%s: out of memory", path);
    }
    put_le64(b.data + 8, b.n - HEAD);
    put_sum(sum, b.data, b.n);
    out_file *f;
    status st = out_open(&f, path, 0600, e);
    if (st == OK) {
        const sink to = sink_file(f);
        st = out_write(f, b.data, b.n, e);
        if (st == OK) st = out_write(f, sum, sizeof sum, e);
        if (st == OK) st = session_save(s, &to, e);
        if (st == OK) st = out_finish(f, e);
        else out_abort(f);
    }
    buf_free(&b);
    return st;
}

static status damaged(const char *path, err *e) {
    return fail(e, E_FORMAT, "%s: not a saved conversation, or damaged", path);
}

static bool read_field(const json *m, const char *key, buf *out) {
    size_t n;
    const char *p = json_text(json_get(m, key), &n);
    if (p) buf_add(out, p, n);
    return p && !out->failed;
}

static status read_messages(const char *path, const char *text, size_t n, buf *system, history *h, err *e) {
    json_doc *d;
    status st = json_parse(&d, text, n, 0, path, e);
    if (st != OK) return st;
    const json *list = json_get(json_root(d), "messages");
    if (!read_field(json_root(d), "system", system)) st = damaged(path, e);
    for (size_t i = 0; i < json_count(list) && st == OK; i++) {
        const json *m = json_at(list, i);
        size_t role_n;
        const char *role = json_text(json_get(m, "role"), &role_n);
        message *to = history_add(h, role && strcmp(role, "user") == 0 ? CHAT_USER : CHAT_ASSISTANT, "", 0);
        if (!to) st = fail(e, E_NOMEM, "%s: out of memory", path);
        else if (!role || !read_field(m, "content", &to->content) || !read_field(m, "reasoning", &to->reasoning))
            st = damaged(path, e);
    }
    json_free(d);
    return st;
}

status saved_read(const char *path, buf *system, history *h, session *s, bool *computed, err *e) {
    file_map map;
    status st = map_open(&map, path, e);
    if (st != OK) return st;
    uint8_t sum[SUM];
    const uint64_t rest = map.size > HEAD + SUM ? map.size - HEAD - SUM : 0;
    const uint64_t n = rest && memcmp(map.data, magic, sizeof magic) == 0 ? le64(map.data + 8) : UINT64_MAX;
    if (n > rest) {
        st = damaged(path, e);
    } else {
        put_sum(sum, map.data, (size_t)(HEAD + n));
        if (memcmp(sum, map.data + HEAD + n, SUM) != 0) st = damaged(path, e);
    }
    if (st == OK) st = read_messages(path, (const char *)map.data + HEAD, (size_t)n, system, h, e);
    if (st == OK) {
        mem_reader r = {.data = map.data, .n = (size_t)map.size, .at = (size_t)(HEAD + n + SUM)};
        const source from = source_mem(&r);
        *computed = session_load(s, &from, NULL) == OK;
    }
    map_close(&map);
    return st;
}
