#include "talk/vocab.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "tokenizer.ggml."

/* The pre-tokenisers that split as this model's does; both names stand for the same rules. */
static bool splits_as_we_do(gguf_str pre) {
    static const char *const names[] = {"joyai-llm", "deepseek-v3"};
    for (size_t i = 0; i < 2; i++)
        if (pre.n == strlen(names[i]) && memcmp(pre.p, names[i], pre.n) == 0) return true;
    return false;
}

static status check_kind(const gguf *g, const char *name, err *e) {
    gguf_str v;
    if (!gguf_find_key(g, PREFIX "tokens"))
        return fail(e, E_UNSUPPORTED, "%s: the file has no tokeniser (key " PREFIX "tokens is missing)", name);
    if (gguf_string(gguf_find_key(g, PREFIX "model"), &v) && (v.n != 4 || memcmp(v.p, "gpt2", 4) != 0))
        return fail(e, E_UNSUPPORTED, "%s: key " PREFIX "model is '%.*s', expected 'gpt2' (byte-level BPE)", name,
                    (int)(v.n < 40 ? v.n : 40), v.p);
    if (gguf_string(gguf_find_key(g, PREFIX "pre"), &v) && !splits_as_we_do(v))
        return fail(e, E_UNSUPPORTED, "%s: key " PREFIX "pre is '%.*s', expected 'joyai-llm' or 'deepseek-v3'", name,
                    (int)(v.n < 40 ? v.n : 40), v.p);
    return OK;
}

/* An array of strings, borrowed from the file. */
static status read_strings(const gguf *g, const char *key, const char *name, tok_str **out, size_t *n, err *e) {
    const gguf_key *k = gguf_find_key(g, key);
    const uint64_t count = gguf_array_n(k);
    if (k && gguf_array_kind(k) != GGUF_STRING)
        return fail(e, E_FORMAT, "%s: key %s: expected an array of strings", name, key);
    tok_str *v = malloc((size_t)(count ? count : 1) * sizeof *v);
    if (!v) return fail(e, E_NOMEM, "%s: out of memory", name);
    gguf_walk w = {0};
    gguf_str s;
    size_t i = 0;
    while (i < count && gguf_next_string(k, &w, &s)) v[i++] = (tok_str){s.p, s.n};
    *out = v;
    *n = i;
    return OK;
}

static status read_types(const gguf *g, const char *name, size_t n, int32_t **out, err *e) {
    const gguf_key *k = gguf_find_key(g, PREFIX "token_type");
    if (!k) return OK;
    if (gguf_array_n(k) != n)
        return fail(e, E_FORMAT, "%s: key " PREFIX "token_type has another length than the tokens", name);
    int32_t *v = malloc((n ? n : 1) * sizeof *v);
    if (!v) return fail(e, E_NOMEM, "%s: out of memory", name);
    for (size_t i = 0; i < n; i++) {
        int64_t type = 0;
        if (!gguf_array_i64(k, i, &type) || type < 0 || type > 6) {
            free(v);
            return fail(e, E_FORMAT, "%s: key " PREFIX "token_type: entry %zu is no token type", name, i);
        }
        v[i] = (int32_t)type;
    }
    *out = v;
    return OK;
}

static int64_t read_id(const gguf *g, const char *key) {
    int64_t id = -1;
    gguf_i64(gguf_find_key(g, key), &id);
    return id;
}

status vocab_open(tokenizer **out, const gguf *g, const char *name, err *e) {
    tok_str *texts = NULL, *merges = NULL;
    int32_t *types = NULL;
    tok_vocab v = {.bos = read_id(g, PREFIX "bos_token_id"), .eos = read_id(g, PREFIX "eos_token_id"),
                   .pad = read_id(g, PREFIX "padding_token_id")};
    status st = check_kind(g, name, e);
    if (st == OK) st = read_strings(g, PREFIX "tokens", name, &texts, &v.n_tokens, e);
    if (st == OK) st = read_strings(g, PREFIX "merges", name, &merges, &v.n_merges, e);
    if (st == OK) st = read_types(g, name, v.n_tokens, &types, e);
    if (st == OK) {
        v.tokens = texts, v.merges = merges, v.types = types;
        st = tok_new(out, &v, e);
        if (st != OK) err_prefix(e, "%s: tokeniser: ", name);
    }
    free(texts);
    free(merges);
    free(types);
    return st;
}

/* A vocabulary without the token cannot express the prompt: to spell it as text would change what it means. */
static status check_control(const tokenizer *t, const char *p, size_t n, err *e) {
    if (tok_find_added(t, p, n) >= 0) return OK;
    return fail(e, E_UNSUPPORTED, "the model's vocabulary has no token '%.*s'", (int)(n < 80 ? n : 80), p);
}

status vocab_encode_prompt(const tokenizer *t, const chat_prompt *p, tokens *out, err *e) {
    tok_segment *s = malloc((p->n_segments + 1) * sizeof *s);
    if (!s) return fail(e, E_NOMEM, "prompt: out of memory");
    status st = OK;
    size_t n = 0;
    for (size_t i = 0; i < p->n_segments && st == OK; i++) {
        const prompt_segment *x = &p->segments[i];
        const char *text = p->text.data + x->at;
        if (x->n_ids) { /* sampled once: its own ids, and what came before ends here */
            st = tok_encode_segments(t, s, n, out, e);
            n = 0;
            for (size_t k = 0; k < x->n_ids && st == OK; k++)
                if (!tokens_add(out, p->ids[x->first_id + k])) st = fail(e, E_NOMEM, "prompt: out of memory");
            continue;
        }
        if (x->control) st = check_control(t, text, x->n, e);
        s[n++] = (tok_segment){text, x->n, x->control};
    }
    if (st == OK) st = tok_encode_segments(t, s, n, out, e);
    free(s);
    return st;
}
