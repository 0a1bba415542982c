/* vocabulary.c: one slot an id, filled from the vocabulary and the added tokens. */
#include "apps/convert/vocabulary.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "hf/checkpoint.h"

#define TOKENS_LIMIT (1u << 20) /* what the tokeniser takes */

enum { NORMAL = 1, CONTROL = 3, USER = 4, UNUSED = 5 };

typedef struct vocabulary {
    const convert_config *cfg;
    const char *folder;
    const json *vocab, *added, *merges;
    uint32_t n;
    gguf_str *tokens; /* p NULL: no token has this id yet */
    int32_t *types;
    char *unused; /* texts of the unused ids, UNUSED_BYTES each */
    err *e;
} vocabulary;

#define UNUSED_BYTES 24
#define SAY "%s/tokenizer.json: "

static status put_token(vocabulary *v, const char *p, size_t n, const json *number, int32_t type) {
    uint64_t id;
    if (n == 0 || memchr(p, 0, n))
        return fail(v->e, E_FORMAT, SAY "token '%.100s' is empty or holds a NUL", v->folder, p);
    if (!json_u64(number, &id))
        return fail(v->e, E_FORMAT, SAY "token '%.100s' has no id", v->folder, p);
    if (id >= v->n)
        return fail(v->e, E_FORMAT, SAY "token '%.100s' has id %" PRIu64 ", vocab_size is %u",
                    v->folder, p, id, v->n);
    const gguf_str *t = &v->tokens[id];
    if (t->p && (t->n != n || memcmp(t->p, p, n) != 0))
        return fail(v->e, E_FORMAT, SAY "id %" PRIu64 " is both '%.*s' and '%.100s'", v->folder, id,
                    (int)(t->n < 100 ? t->n : 100), t->p, p);
    v->tokens[id] = (gguf_str){p, n};
    v->types[id] = type;
    return OK;
}

static status put_vocab(vocabulary *v) {
    const char *key;
    size_t n;
    const json *id;
    status st = OK;
    for (size_t i = 0; st == OK && json_member(v->vocab, i, &key, &n, &id); i++)
        st = put_token(v, key, n, id, NORMAL);
    return st;
}

static status put_added(vocabulary *v) {
    status st = OK;
    for (size_t i = 0; i < json_count(v->added) && st == OK; i++) {
        const json *entry = json_at(v->added, i);
        size_t n;
        const char *text = json_text(json_get(entry, "content"), &n);
        bool special = false;
        json_bool(json_get(entry, "special"), &special);
        if (!text)
            return fail(v->e, E_FORMAT, SAY "added_tokens: entry %zu has no content", v->folder, i);
        st = put_token(v, text, n, json_get(entry, "id"), special ? CONTROL : USER);
    }
    return st;
}

static status put_unused(vocabulary *v) {
    size_t holes = 0;
    for (uint32_t id = 0; id < v->n; id++) holes += v->tokens[id].p == NULL;
    v->unused = malloc(holes * UNUSED_BYTES + 1);
    if (!v->unused) return fail(v->e, E_NOMEM, "out of memory");
    char *text = v->unused;
    for (uint32_t id = 0; id < v->n; id++) {
        if (v->tokens[id].p) continue;
        const int n = snprintf(text, UNUSED_BYTES, "[UNUSED_%" PRIu32 "]", id);
        v->tokens[id] = (gguf_str){text, (size_t)n};
        v->types[id] = UNUSED;
        text += UNUSED_BYTES;
    }
    return OK;
}

static int by_text(const void *a, const void *b) {
    const gguf_str *x = *(const gguf_str *const *)a, *y = *(const gguf_str *const *)b;
    const int order = memcmp(x->p, y->p, x->n < y->n ? x->n : y->n);
    return order ? order : x->n < y->n ? -1 : x->n > y->n;
}

/* A text that stands for two ids could not be encoded. */
static status check_texts(const vocabulary *v) {
    const gguf_str **order = malloc(v->n * sizeof *order);
    if (!order) return fail(v->e, E_NOMEM, "out of memory");
    for (uint32_t id = 0; id < v->n; id++) order[id] = &v->tokens[id];
    qsort(order, v->n, sizeof *order, by_text);
    status st = OK;
    for (uint32_t i = 1; i < v->n && st == OK; i++)
        if (by_text(&order[i - 1], &order[i]) == 0)
            st = fail(v->e, E_FORMAT, SAY "token '%.*s' has two ids: %td and %td", v->folder,
                      (int)(order[i]->n < 100 ? order[i]->n : 100), order[i]->p,
                      order[i - 1] - v->tokens, order[i] - v->tokens);
    free(order);
    return st;
}

/* ------------------------------------------------------------------ merges */

/* The two parts of merge i; false if it has not exactly two. */
static bool merge_parts(const json *merge, gguf_str part[2]) {
    size_t n;
    const char *p = json_text(merge, &n);
    if (p) {
        const char *space = memchr(p, ' ', n);
        if (!space) return false;
        part[0] = (gguf_str){p, (size_t)(space - p)};
        part[1] = (gguf_str){space + 1, n - part[0].n - 1};
    } else {
        if (json_count(merge) != 2) return false;
        for (size_t k = 0; k < 2; k++) {
            part[k].p = json_text(json_at(merge, k), &part[k].n);
            if (!part[k].p) return false;
        }
    }
    return part[0].n && part[1].n && !memchr(part[0].p, ' ', part[0].n) &&
           !memchr(part[1].p, ' ', part[1].n);
}

/* All merges as "left right" in one run of text; at[i] is where merge i begins. */
static status join_merges(const vocabulary *v, buf *text, size_t *at) {
    const size_t n = json_count(v->merges);
    for (size_t i = 0; i < n; i++) {
        gguf_str part[2];
        if (!merge_parts(json_at(v->merges, i), part))
            return fail(v->e, E_FORMAT, SAY "merge %zu is not two tokens", v->folder, i);
        at[i] = text->n;
        buf_add(text, part[0].p, part[0].n);
        buf_add(text, part[1].p, part[1].n);
        if (text->failed) return fail(v->e, E_NOMEM, "out of memory");
        const char *whole = text->data + at[i];
        if (!json_find(v->vocab, part[0].p, part[0].n) ||
            !json_find(v->vocab, part[1].p, part[1].n) ||
            !json_find(v->vocab, whole, text->n - at[i]))
            return fail(v->e, E_FORMAT,
                        SAY
                        "merge %zu: a part of it or its result '%.100s' is not in the vocabulary",
                        v->folder, i, whole);
        text->n = at[i]; /* now with the space */
        buf_add(text, part[0].p, part[0].n);
        buf_char(text, ' ');
        buf_add(text, part[1].p, part[1].n);
    }
    at[n] = text->n;
    return text->failed ? fail(v->e, E_NOMEM, "out of memory") : OK;
}

static status put_merges(const vocabulary *v, gguf_writer *w) {
    const size_t n = json_count(v->merges);
    buf text = {0};
    size_t *at = malloc((n + 1) * sizeof *at);
    gguf_str *merges = malloc((n + 1) * sizeof *merges);
    status st = at && merges ? join_merges(v, &text, at) : fail(v->e, E_NOMEM, "out of memory");
    for (size_t i = 0; i < n && st == OK; i++)
        merges[i] = (gguf_str){text.data + at[i], at[i + 1] - at[i]};
    if (st == OK) gguf_put_strings(w, "tokenizer.ggml.merges", merges, n);
    free(at);
    free(merges);
    buf_free(&text);
    return st;
}

/* ------------------------------------------------------------------ special ids */

/* A token of tokenizer_config.json, a string or an object with "content"; -1 if it names none. */
static int64_t named_id(const vocabulary *v, const json *config, const char *key) {
    const json *name = json_get(config, key);
    if (name && json_type(name) == JSON_OBJECT) name = json_get(name, "content");
    size_t n;
    const char *text = json_text(name, &n);
    for (uint32_t id = 0; text && id < v->n; id++)
        if (v->types[id] != UNUSED && v->tokens[id].n == n && memcmp(v->tokens[id].p, text, n) == 0)
            return id;
    return -1;
}

static status put_ids(const vocabulary *v, gguf_writer *w) {
    const struct {
        const char *gguf, *config;
        int64_t id;
    } ids[] = {{"tokenizer.ggml.bos_token_id", "bos_token", v->cfg->bos},
               {"tokenizer.ggml.eos_token_id", "eos_token", v->cfg->eos},
               {"tokenizer.ggml.padding_token_id", "pad_token", v->cfg->pad}};
    json_doc *doc;
    const status st = hf_read_json(&doc, v->folder, "tokenizer_config.json", true, v->e);
    if (st != OK) return st;
    const json *config = doc ? json_root(doc) : NULL;
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        const int64_t id = ids[i].id >= 0 ? ids[i].id : named_id(v, config, ids[i].config);
        if (id >= 0) gguf_put_u32(w, ids[i].gguf, (uint32_t)id);
    }
    json_free(doc);
    return OK;
}

/* ------------------------------------------------------------------ the file */

static status find_parts(vocabulary *v, const json *root) {
    const json *model = json_get(root, "model"), *type = json_get(model, "type");
    size_t n;
    if (type && (!json_text(type, &n) || strcmp(json_text(type, &n), "BPE") != 0))
        return fail(v->e, E_UNSUPPORTED, SAY "model.type: expected BPE", v->folder);
    v->vocab = json_get(model, "vocab");
    v->merges = json_get(model, "merges");
    v->added = json_get(root, "added_tokens");
    if (!v->vocab || json_type(v->vocab) != JSON_OBJECT)
        return fail(v->e, E_FORMAT, SAY "model.vocab is missing", v->folder);
    if (!v->merges || json_type(v->merges) != JSON_ARRAY)
        return fail(v->e, E_FORMAT, SAY "model.merges is missing", v->folder);
    if (v->added && json_type(v->added) != JSON_ARRAY)
        return fail(v->e, E_FORMAT, SAY "added_tokens is not an array", v->folder);
    if (v->n > TOKENS_LIMIT)
        return fail(v->e, E_LIMIT, SAY "a vocabulary of %u, the limit is %u", v->folder, v->n,
                    TOKENS_LIMIT);
    v->tokens = calloc(v->n, sizeof *v->tokens);
    v->types = calloc(v->n, sizeof *v->types);
    return v->tokens && v->types ? OK : fail(v->e, E_NOMEM, "out of memory");
}

status convert_vocabulary(const convert_config *c, const char *folder, gguf_writer *w, err *e) {
    vocabulary v = {.cfg = c, .folder = folder, .n = c->n_vocab, .e = e};
    json_doc *doc;
    status st = hf_read_json(&doc, folder, "tokenizer.json", true, e);
    if (st != OK || !doc) return st;
    st = find_parts(&v, json_root(doc));
    if (st == OK) st = put_vocab(&v);
    if (st == OK) st = put_added(&v);
    if (st == OK) st = put_unused(&v);
    if (st == OK) st = check_texts(&v);
    if (st == OK) {
        gguf_put_string(w, "tokenizer.ggml.model", "gpt2", 4);
        gguf_put_string(w, "tokenizer.ggml.pre", "joyai-llm", 9);
        gguf_put_strings(w, "tokenizer.ggml.tokens", v.tokens, v.n);
        gguf_put_i32s(w, "tokenizer.ggml.token_type", v.types, v.n);
        st = put_merges(&v, w);
    }
    if (st == OK) st = put_ids(&v, w);
    if (st == OK) gguf_put_bool(w, "tokenizer.ggml.add_bos_token", false);
    if (st == OK) gguf_put_bool(w, "tokenizer.ggml.add_eos_token", false);
    free(v.tokens);
    free(v.types);
    free(v.unused);
    json_free(doc);
    return st;
}
