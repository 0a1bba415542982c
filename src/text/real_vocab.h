/* real_vocab: the vocabulary of DeepSeek V4 Flash as a model file has it, for tests and benches.
 *
 * Reads tests/data/tokenizer as the build unpacks it to B/data/tokenizer:
 *
 *      vocab.bin            for id = 0..127999: u16 length, the token's bytes (0..2: literal text)
 *      merges.bin           3 x u32 a merge: left id, right id, result id; in order of rank
 *      added_tokens.jsonl   a line each: {"id", "content", "special"}
 *
 * and writes tokens and merges in the byte alphabet, with an encoder of its own.
 */
#ifndef DS4_TEXT_REAL_VOCAB_H
#define DS4_TEXT_REAL_VOCAB_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/json.h"
#include "base/utf8.h"
#include "text/tokenizer.h"

typedef struct real_vocab {
    tok_vocab v;
    tok_str *tokens, *merges;
    int32_t *types;
    buf text; /* of all tokens, then all merges */
} real_vocab;

/* The byte as a character of GPT-2's alphabet. */
static inline size_t real_alphabet(unsigned char byte, char out[4]) {
    static const unsigned char shown[3][2] = {{'!', '~'}, {0xa1, 0xac}, {0xae, 0xff}};
    uint32_t others = 0;
    for (unsigned b = 0;; b++) {
        int plain = 0;
        for (int i = 0; i < 3; i++) plain |= b >= shown[i][0] && b <= shown[i][1];
        if (b == byte) return utf8_put(out, plain ? b : 256 + others);
        others += !plain;
    }
}

/* B/data/tokenizer of a program at B/<depth folders>/program, into a buffer of 1024. */
static inline const char *real_vocab_folder(char out[1024], const char *program, int depth) {
    const char *slash = strrchr(program, '/');
    int n = slash ? (int)(slash - program) : 1;
    n = snprintf(out, 900, "%.*s", n, slash ? program : ".");
    for (int i = 0; i < depth && n < 900; i++) n += snprintf(out + n, 1024 - (size_t)n, "/..");
    snprintf(out + n, 1024 - (size_t)n, "/data/tokenizer");
    return out;
}

static inline uint32_t real_u32(const char *p) {
    const unsigned char *b = (const unsigned char *)p;
    return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static inline status real_read(buf *out, const char *folder, const char *name, err *e) {
    char path[1200];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return file_read(out, path, 1u << 24, e);
}

static inline void real_vocab_free(real_vocab *r) {
    free(r->tokens);
    free(r->merges);
    free(r->types);
    buf_free(&r->text);
    *r = (real_vocab){0};
}

/* Puts the added tokens behind each other into r->text; lengths into tokens[]. */
static inline status real_added(real_vocab *r, const buf *lines, err *e) {
    const char *p = lines->data;
    while (p && *p) {
        const char *end = strchr(p, '\n');
        if (!end) return fail(e, E_FORMAT, "added_tokens.jsonl: a line without an end");
        json_doc *d;
        const status st = json_parse(&d, p, (size_t)(end - p), 0, "added_tokens.jsonl", e);
        if (st != OK) return st;
        const json *o = json_root(d);
        int64_t id = -1;
        bool special = false;
        size_t n = 0;
        const char *text = json_text(json_get(o, "content"), &n);
        json_i64(json_get(o, "id"), &id);
        json_bool(json_get(o, "special"), &special);
        if (text && id >= 128000 && (size_t)id < r->v.n_tokens) {
            buf_add(&r->text, text, n);
            r->tokens[id].n = n;
        }
        if (id >= 0 && (size_t)id < r->v.n_tokens) r->types[id] = special ? TOK_CONTROL : TOK_USER;
        json_free(d);
        p = end + 1;
    }
    return OK;
}

static inline status real_fill(real_vocab *r, const buf *vocab, const buf *merges, const buf *added,
                               err *e) {
    const size_t n_model = 128000;
    char c[4];
    r->v.n_tokens = 129280;
    r->v.n_merges = merges->n / 12;
    r->tokens = calloc(r->v.n_tokens, sizeof *r->tokens);
    r->merges = calloc(r->v.n_merges, sizeof *r->merges);
    r->types = calloc(r->v.n_tokens, sizeof *r->types);
    if (!r->tokens || !r->merges || !r->types) return fail(e, E_NOMEM, "out of memory");
    size_t at = 0;
    for (size_t id = 0; id < n_model; id++) {
        if (vocab->n - at < 2) return fail(e, E_FORMAT, "vocab.bin ends early");
        const unsigned char *p = (const unsigned char *)vocab->data + at;
        const size_t n = p[0] | (size_t)p[1] << 8, before = r->text.n;
        if (vocab->n - at - 2 < n) return fail(e, E_FORMAT, "vocab.bin ends early");
        for (size_t i = 0; i < n; i++) {
            if (id < 3)
                buf_char(&r->text, (char)p[2 + i]);
            else
                buf_add(&r->text, c, real_alphabet(p[2 + i], c));
        }
        r->tokens[id].n = r->text.n - before;
        r->types[id] = TOK_NORMAL;
        at += 2 + n;
    }
    const status st = real_added(r, added, e);
    if (st != OK) return st;
    /* The text may still move: pointers last. The added tokens' lines are in order of id. */
    const size_t all_tokens = r->text.n;
    if (!buf_reserve(&r->text, 8 * all_tokens)) return fail(e, E_NOMEM, "out of memory");
    at = 0;
    for (size_t id = 0; id < r->v.n_tokens; id++) {
        r->tokens[id].p = r->text.data + at;
        at += r->tokens[id].n;
    }
    for (size_t m = 0; m < r->v.n_merges; m++) {
        const uint32_t left = real_u32(merges->data + 12 * m),
                       right = real_u32(merges->data + 12 * m + 4);
        if (left >= n_model || right >= n_model)
            return fail(e, E_FORMAT, "merges.bin: id out of range");
        const size_t before = r->text.n;
        buf_add(&r->text, r->tokens[left].p, r->tokens[left].n);
        buf_char(&r->text, ' ');
        buf_add(&r->text, r->tokens[right].p, r->tokens[right].n);
        r->merges[m] = (tok_str){r->text.data + before, r->text.n - before};
    }
    r->v.tokens = r->tokens;
    r->v.types = r->types;
    r->v.merges = r->merges;
    r->v.bos = 0, r->v.eos = 1, r->v.pad = 2;
    return OK;
}

static inline status real_vocab_load(real_vocab *r, const char *folder, err *e) {
    buf vocab = {0}, merges = {0}, added = {0};
    *r = (real_vocab){0};
    status st = real_read(&vocab, folder, "vocab.bin", e);
    if (st == OK) st = real_read(&merges, folder, "merges.bin", e);
    if (st == OK) st = real_read(&added, folder, "added_tokens.jsonl", e);
    if (st == OK) st = real_fill(r, &vocab, &merges, &added, e);
    buf_free(&vocab);
    buf_free(&merges);
    buf_free(&added);
    if (st != OK) real_vocab_free(r);
    return st;
}

#endif
