#include "text/tokenizer.h"

#include <stdlib.h>
#include <string.h>

#include "text/split.h"
#include "text/vocab.h"

#define MAX_TEXT ((size_t)1 << 30) /* I1 of bpe.h counts places in 32 bits */

struct tokenizer {
    vocab v;
};

status tok_new(tokenizer **out, const tok_vocab *from, err *e) {
    tokenizer *t = calloc(1, sizeof *t);
    if (!t) return fail(e, E_NOMEM, "tokenizer: out of memory");
    const status st = vocab_load(&t->v, from, e);
    if (st != OK) {
        free(t);
        return st;
    }
    *out = t;
    return OK;
}

void tok_free(tokenizer *t) {
    if (!t) return;
    vocab_clear(&t->v);
    free(t);
}

static status no_memory(err *e) {
    return fail(e, E_NOMEM, "tokenizer: out of memory for the text's tokens");
}

/* An encoding under way. */
typedef struct encoder {
    const tokenizer *t;
    bpe_work work;
    tokens *out;
} encoder;

static status encode_plain(encoder *c, const char *p, size_t n, err *e) {
    while (n) {
        const size_t len = split_next(p, n);
        if (!tokens_reserve(c->out, len)) return no_memory(e);
        size_t count;
        const status st =
            bpe_piece(c->t->v.merges, &c->work, p, len, c->out->id + c->out->n, &count, e);
        if (st != OK) return st;
        c->out->n += count;
        p += len, n -= len;
    }
    return OK;
}

/* Where trusted text stands in a text, in order; neighbours do not touch. */
typedef struct span {
    size_t from, to;
} span;

static status encode_spans(encoder *c, const char *p, size_t n, const span *trusted,
                           size_t n_trusted, err *e) {
    const added *known = &c->t->v.added;
    size_t done = 0; /* what stands before is encoded */
    for (size_t i = 0; i < n_trusted; i++) {
        for (size_t at = trusted[i].from; at < trusted[i].to;) {
            const added_token *a = added_match(known, p + at, trusted[i].to - at);
            if (!a) {
                at++;
                continue;
            }
            const status st = encode_plain(c, p + done, at - done, e);
            if (st != OK) return st;
            if (!tokens_add(c->out, a->id)) return no_memory(e);
            at += a->n;
            done = at;
        }
    }
    return encode_plain(c, p + done, n - done, e);
}

static status encode(const tokenizer *t, const char *p, size_t n, const span *trusted,
                     size_t n_trusted, tokens *out, err *e) {
    encoder c = {.t = t, .out = out};
    const size_t before = out->n;
    const status st = encode_spans(&c, p, n, trusted, n_trusted, e);
    bpe_work_free(&c.work);
    if (st != OK) out->n = before;
    return st;
}

static status too_long(err *e) {
    return fail(e, E_LIMIT, "tokenizer: a text has more than %zu bytes; encode it in parts",
                MAX_TEXT);
}

status tok_encode(const tokenizer *t, const char *p, size_t n, specials sp, tokens *out, err *e) {
    if (n > MAX_TEXT) return too_long(e);
    if (n == 0) return OK; /* and p may be NULL */
    const span all = {0, n};
    return encode(t, p, n, &all, sp == TOK_SPECIAL, out, e);
}

status tok_encode_segments(const tokenizer *t, const tok_segment *s, size_t n, tokens *out,
                           err *e) {
    size_t total = 0, spans = 0;
    for (size_t i = 0; i < n; i++) {
        if (s[i].n > MAX_TEXT - total) return too_long(e);
        total += s[i].n;
        spans += s[i].trusted;
    }
    char *text = malloc(total ? total : 1);
    span *trusted = malloc((spans ? spans : 1) * sizeof *trusted);
    if (!text || !trusted) {
        free(text);
        free(trusted);
        return no_memory(e);
    }
    size_t at = 0, k = 0;
    for (size_t i = 0; i < n; i++) {
        if (s[i].n == 0) continue;
        memcpy(text + at, s[i].p, s[i].n);
        if (s[i].trusted && k && trusted[k - 1].to == at)
            trusted[k - 1].to += s[i].n;
        else if (s[i].trusted)
            trusted[k++] = (span){at, at + s[i].n};
        at += s[i].n;
    }
    const status st = encode(t, text, total, trusted, k, out, e);
    free(text);
    free(trusted);
    return st;
}

static bool in_range(const tokenizer *t, int32_t id) {
    return id >= 0 && (size_t)id < t->v.n;
}

size_t tok_count(const tokenizer *t) {
    return t->v.n;
}

tok_str tok_bytes(const tokenizer *t, int32_t id) {
    return in_range(t, id) ? vocab_bytes(&t->v, id) : (tok_str){NULL, 0};
}

tok_kind tok_kind_of(const tokenizer *t, int32_t id) {
    return in_range(t, id) ? (tok_kind)t->v.kind[id] : TOK_UNUSED;
}

bool tok_is_added(const tokenizer *t, int32_t id) {
    const tok_kind kind = tok_kind_of(t, id);
    return kind == TOK_CONTROL || kind == TOK_USER;
}

int32_t tok_find_added(const tokenizer *t, const char *p, size_t n) {
    const added_token *a = added_find(&t->v.added, p, n);
    return a ? a->id : -1;
}

int32_t tok_bos(const tokenizer *t) {
    return t->v.bos;
}
int32_t tok_eos(const tokenizer *t) {
    return t->v.eos;
}
int32_t tok_pad(const tokenizer *t) {
    return t->v.pad;
}

status tok_decode(const tokenizer *t, const int32_t *id, size_t n, buf *out, err *e) {
    for (size_t i = 0; i < n; i++)
        if (!in_range(t, id[i]))
            return fail(e, E_USAGE,
                        "tokenizer: id %d at place %zu; the vocabulary has ids 0 to %zu",
                        (int)id[i], i, t->v.n - 1);
    const size_t before = out->n;
    for (size_t i = 0; i < n; i++) {
        const tok_str s = vocab_bytes(&t->v, id[i]);
        buf_add(out, s.p, s.n);
    }
    if (!out->failed) return OK;
    out->n = before;
    if (out->data) out->data[before] = 0;
    return fail(e, E_NOMEM, "tokenizer: out of memory for the bytes of %zu tokens", n);
}

hash128 tok_identity(const tokenizer *t) {
    return t->v.identity;
}
