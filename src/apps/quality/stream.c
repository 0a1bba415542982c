#include "apps/quality/stream.h"

#include <stdlib.h>
#include <string.h>

#include "apps/examine/suite.h"
#include "apps/lib/input.h"
#include "base/file.h"
#include "talk/vocab.h"

enum { SUITE_BYTES = 256 << 20 };

void stream_free(stream *s) {
    tokens_free(&s->ids);
    free(s->windows);
    *s = (stream){0};
}

static status add_window(stream *s, uint64_t first, uint32_t n, err *e) {
    if (s->n_windows == s->cap) {
        const size_t cap = s->cap ? 2 * s->cap : 64;
        window *more = realloc(s->windows, cap * sizeof *more);
        if (!more) return fail(e, E_NOMEM, "out of memory");
        s->windows = more;
        s->cap = cap;
    }
    s->windows[s->n_windows++] = (window){.first = first, .before = s->n_tokens, .n = n};
    s->n_tokens += n;
    return OK;
}

status stream_cut(stream *s, int32_t bos, uint32_t size, uint64_t most, err *e) {
    status st = OK;
    size_t i = 0;
    s->n_windows = 0;
    s->n_tokens = 0;
    s->bos = bos;
    s->size = size;
    while (i < s->ids.n && st == OK && (!most || s->n_tokens < most)) {
        size_t n = 0;
        if (s->ids.id[i] == bos) {
            i++;
            continue;
        }
        while (n < size && i + n < s->ids.n && s->ids.id[i + n] != bos) n++;
        if (most && n > most - s->n_tokens) n = (size_t)(most - s->n_tokens);
        st = add_window(s, i, (uint32_t)n, e);
        i += n;
    }
    if (st == OK && s->n_windows == 0) st = fail(e, E_FORMAT, "the text holds no token");
    if (st == OK) s->ids.n = i;
    return st;
}

void stream_fed(const stream *s, size_t w, int32_t *out) {
    const window *x = &s->windows[w];
    out[0] = s->bos;
    memcpy(out + 1, s->ids.id + x->first, (x->n - 1) * sizeof *out);
}

hash128 stream_hash(const stream *s) {
    const int32_t how[2] = {s->bos, (int32_t)s->size};
    const hash128 h = hash128_chain((hash128){0}, how, sizeof how);
    return hash128_chain(h, s->ids.id, s->ids.n * sizeof *s->ids.id);
}

/* ------------------------------------------------------------------ reading */

status stream_read_text(stream *s, const tokenizer *t, const char *path, bool special, hash128 *hash,
                        uint64_t *bytes, const volatile sig_atomic_t *interrupted, err *e) {
    buf text = {0};
    status st = input_read(&text, path, INPUT_MOST, interrupted, e);
    if (st == OK && text.n == 0) st = fail(e, E_FORMAT, "%s: the text is empty", path);
    if (st == OK) {
        *hash = hash128_chain((hash128){0}, text.data, text.n);
        *bytes = text.n;
        st = tok_encode(t, text.data, text.n, special ? TOK_SPECIAL : TOK_PLAIN, &s->ids, e);
    }
    buf_free(&text);
    return st;
}

/* Only what follows a prompt at once: not where thinking comes first. */
static status add_answer(stream *s, const tokenizer *t, const exam_case *c, err *e) {
    buf text = {0};
    if (c->thinking || (c->expect.kind != EXPECT_EXACT && c->expect.kind != EXPECT_NUMBER)) return OK;
    size_t n = 0;
    const char *p = json_text(c->expect.value, &n);
    if (p)
        buf_add(&text, p, n);
    else
        json_write(&text, c->expect.value);
    status st = text.failed ? fail(e, E_NOMEM, "out of memory") : OK;
    if (st == OK) st = tok_encode(t, text.data ? text.data : "", text.n, TOK_PLAIN, &s->ids, e);
    if (st == OK && tok_eos(t) >= 0 && !tokens_add(&s->ids, tok_eos(t)))
        st = fail(e, E_NOMEM, "out of memory");
    buf_free(&text);
    return st;
}

static status add_case(stream *s, const tokenizer *t, const exam_case *c, err *e) {
    chat_prompt p = {0};
    status st = tokens_add(&s->ids, tok_bos(t)) ? OK : fail(e, E_NOMEM, "out of memory");
    if (st == OK) st = chat_render(c->chat, NULL, &p, e);
    if (st == OK) st = vocab_encode_prompt(t, &p, &s->ids, e);
    if (st == OK) st = add_answer(s, t, c, e);
    chat_prompt_free(&p);
    return st;
}

status stream_read_suite(stream *s, const tokenizer *t, const char *path, hash128 *hash,
                         uint64_t *bytes, err *e) {
    buf text = {0};
    suite cases = {0};
    status st = file_read(&text, path, SUITE_BYTES, e);
    if (st == OK) st = suite_parse(&cases, text.data ? text.data : "", text.n, path, e);
    if (st == OK) {
        *hash = hash128_chain((hash128){0}, text.data, text.n);
        *bytes = text.n;
    }
    for (size_t i = 0; i < cases.n && st == OK; i++) st = add_case(s, t, &cases.at[i], e);
    suite_free(&cases);
    buf_free(&text);
    return st;
}
