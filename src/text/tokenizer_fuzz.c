/* Any vocabulary, any text, any segments: nothing breaks, and the invariants of tokenizer.h hold.
 *
 *      byte 0        bit 0: lines first, then the text; without it the small vocabulary as it is
 *                    bit 1: the lines' vocabulary has no types
 *      lines         'm' merge        a merge more ("left right")
 *                    '0'..'9' text    a token more, of that type
 *                    empty            the text begins
 *      text          byte k, byte t, then k bytes, and so on: segments, trusted if t is odd
 */
#include "base/utf8.h"
#include "text/small_vocab.h"
#include "text/utf8_stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void insist(bool ok) {
    if (!ok) abort();
}

enum { MAX_SEGMENTS = 64 };

typedef struct pieces {
    tok_segment s[MAX_SEGMENTS];
    size_t n;
    buf text;
    bool *trusted; /* by byte of text */
} pieces;

static pieces cut(const char *p, size_t n) {
    pieces c = {.n = 0};
    c.trusted = calloc(n + 1, sizeof *c.trusted);
    insist(c.trusted != NULL);
    while (n >= 2 && c.n < MAX_SEGMENTS) {
        const size_t want = (unsigned char)p[0], len = want < n - 2 ? want : n - 2;
        const bool trusted = p[1] & 1;
        c.s[c.n++] = (tok_segment){p + 2, len, trusted};
        for (size_t i = 0; i < len; i++) c.trusted[c.text.n + i] = trusted;
        buf_add(&c.text, p + 2, len);
        p += 2 + len, n -= 2 + len;
    }
    return c;
}

static void check_decodes(const tokenizer *t, const tokens *ids, const buf *text) {
    buf back = {0};
    insist(tok_decode(t, ids->id, ids->n, &back, NULL) == OK);
    insist(back.n == text->n && (back.n == 0 || memcmp(back.data, text->data, back.n) == 0));
    buf_free(&back);
}

/* What comes out token by token is what comes out at once, and it is valid UTF-8. */
static void check_stream(const tokenizer *t, const tokens *ids, const buf *text) {
    buf parts = {0}, whole = {0};
    utf8_stream s = {{0}, 0};
    for (size_t i = 0; i < ids->n; i++) {
        const tok_str b = tok_bytes(t, ids->id[i]);
        utf8_stream_feed(&s, b.p, b.n, &parts);
    }
    utf8_stream_end(&s, &parts);
    utf8_stream_feed(&s, text->data, text->n, &whole);
    utf8_stream_end(&s, &whole);
    insist(parts.n == whole.n && (parts.n == 0 || memcmp(parts.data, whole.data, parts.n) == 0));
    insist(utf8_valid(whole.data, whole.n));
    buf_free(&parts);
    buf_free(&whole);
}

static void check_text(const tokenizer *t, const char *p, size_t n) {
    pieces c = cut(p, n);
    tokens plain = {0}, special = {0}, mixed = {0};
    insist(tok_encode(t, c.text.data, c.text.n, TOK_PLAIN, &plain, NULL) == OK);
    insist(tok_encode(t, c.text.data, c.text.n, TOK_SPECIAL, &special, NULL) == OK);
    insist(tok_encode_segments(t, c.s, c.n, &mixed, NULL) == OK);
    check_decodes(t, &plain, &c.text);
    check_decodes(t, &special, &c.text);
    check_decodes(t, &mixed, &c.text);
    check_stream(t, &mixed, &c.text);
    for (size_t i = 0; i < plain.n; i++) insist(!tok_is_added(t, plain.id[i]));
    size_t at = 0;
    for (size_t i = 0; i < mixed.n; i++) {
        const size_t len = tok_bytes(t, mixed.id[i]).n;
        for (size_t k = 0; k < len && tok_is_added(t, mixed.id[i]); k++) insist(c.trusted[at + k]);
        at += len;
    }
    tokens_free(&plain);
    tokens_free(&special);
    tokens_free(&mixed);
    buf_free(&c.text);
    free(c.trusted);
}

/* Adds the lines to the vocabulary and returns where the text begins. */
static size_t read_lines(small *s, const char *p, size_t n) {
    size_t at = 0;
    while (at < n) {
        const char *end = memchr(p + at, '\n', n - at);
        const size_t len = end ? (size_t)(end - p) - at : n - at;
        const char *line = p + at;
        at += len + (end != NULL);
        if (len == 0) break;
        if (s->v.n_merges == SMALL_MAX || s->v.n_tokens == SMALL_MAX) break;
        if (*line == 'm')
            s->merge[s->v.n_merges++] = (tok_str){line + 1, len - 1};
        else
            s->type[s->v.n_tokens] = *line - '0',
            s->token[s->v.n_tokens++] = (tok_str){line + 1, len - 1};
    }
    return at;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static small base; /* made once: tokens point into it */
    static tokenizer *common;
    const char *p = (const char *)data;
    if (!common) {
        small_init(&base);
        insist(tok_new(&common, &base.v, NULL) == OK);
    }
    if (n == 0) return 0;
    if (!(p[0] & 1)) {
        check_text(common, p + 1, n - 1);
        return 0;
    }
    small s = base;
    s.v.tokens = s.token, s.v.merges = s.merge, s.v.types = p[0] & 2 ? NULL : s.type;
    const size_t at = 1 + read_lines(&s, p + 1, n - 1);
    err e = {0};
    tokenizer *t = NULL;
    const status st = tok_new(&t, &s.v, &e);
    insist(st == OK || (t == NULL && e.text[0] && utf8_valid(e.text, strlen(e.text))));
    if (st != OK) return 0;
    check_text(t, p + at, n - at);
    tok_free(t);
    return 0;
}
