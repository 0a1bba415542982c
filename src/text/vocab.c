#include "text/vocab.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/utf8.h"

#define MAX_TEXT (1u << 30) /* bytes of all tokens, and of all merges */
#define EMPTY UINT64_MAX
#define NONE (-1)

/* What only loading needs. */
typedef struct loader {
    vocab *v;
    const tok_vocab *from;
    uint64_t seed;
    uint64_t *slot; /* normal tokens by their bytes: upper half of the hash | id */
    size_t mask;
    uint8_t *named; /* by id: a merge names it */
    int32_t byte_id[256];
    bpe_merge *merge;
    char *scratch; /* one merge, decoded */
} loader;

/* The head of a string for a message. */
#define SHOWN(n) ((int)((n) < 60 ? (n) : 60))

/* The byte that a code point of the alphabet stands for, or -1. */
static int alphabet_byte(uint32_t code) {
    if ((code >= 33 && code <= 126) || (code >= 161 && code <= 172) || (code >= 174 && code <= 255))
        return (int)code;
    if (code < 256 || code > 256 + 67) return -1;
    const int k = (int)code - 256; /* the others in order: 0..32, 127..160, 173 */
    if (k <= 32) return k;
    return k < 67 ? 127 + (k - 33) : 173;
}

/* Writes at most n bytes. False: not all of it is in the alphabet. */
static bool alphabet_decode(const char *p, size_t n, char *out, size_t *len) {
    size_t k = 0;
    while (n) {
        const utf8_char c = utf8_next(p, n);
        const int byte = c.valid ? alphabet_byte(c.code) : -1;
        if (byte < 0) return false;
        out[k++] = (char)byte;
        p += c.bytes, n -= c.bytes;
    }
    *len = k;
    return true;
}

static bool is_normal(const vocab *v, size_t id) {
    return v->kind[id] == TOK_NORMAL || v->kind[id] == TOK_BYTE;
}

static uint64_t hash_bytes(uint64_t seed, const char *p, size_t n) {
    uint64_t h = seed ^ n * 0x9e3779b97f4a7c15u, word;
    for (; n > 8; p += 8, n -= 8) {
        memcpy(&word, p, 8);
        h = (h ^ word) * 0xd6e8feb86659fd93u;
        h ^= h >> 32;
    }
    word = 0;
    memcpy(&word, p, n);
    h = (h ^ word) * 0xd6e8feb86659fd93u;
    h = (h ^ h >> 32) * 0x9e3779b97f4a7c15u;
    return h ^ h >> 29;
}

/* The slot of the normal token with these bytes, or the empty one where it would go. */
static size_t slot_of(const loader *l, const char *p, size_t n) {
    const uint64_t h = hash_bytes(l->seed, p, n);
    for (size_t i = (size_t)h & l->mask;; i = (i + 1) & l->mask) {
        if (l->slot[i] == EMPTY) return i;
        if (l->slot[i] >> 32 != h >> 32) continue;
        const tok_str t = vocab_bytes(l->v, (int32_t)(l->slot[i] & 0x7fffffff));
        if (t.n == n && memcmp(t.p, p, n) == 0) return i;
    }
}

static int32_t find_normal(const loader *l, const char *p, size_t n) {
    const size_t i = slot_of(l, p, n);
    return l->slot[i] == EMPTY ? NONE : (int32_t)(l->slot[i] & 0x7fffffff);
}

static status check_sizes(const tok_vocab *from, err *e) {
    if (from->n_tokens == 0) return fail(e, E_FORMAT, "tokenizer: the vocabulary has no tokens");
    if (from->n_tokens > BPE_MAX_TOKENS)
        return fail(e, E_LIMIT, "tokenizer: %zu tokens; at most %u are supported", from->n_tokens,
                    BPE_MAX_TOKENS);
    if (from->n_merges > BPE_MAX_MERGES)
        return fail(e, E_LIMIT, "tokenizer: %zu merges; at most %u are supported", from->n_merges,
                    BPE_MAX_MERGES);
    uint64_t token_bytes = 0, merge_bytes = 0;
    for (size_t i = 0; i < from->n_tokens; i++)
        if (!add_u64(token_bytes, from->tokens[i].n, &token_bytes) || token_bytes > MAX_TEXT)
            return fail(e, E_LIMIT, "tokenizer: the tokens have more than %u bytes", MAX_TEXT);
    for (size_t i = 0; i < from->n_merges; i++)
        if (!add_u64(merge_bytes, from->merges[i].n, &merge_bytes) || merge_bytes > MAX_TEXT)
            return fail(e, E_LIMIT, "tokenizer: the merges have more than %u bytes", MAX_TEXT);
    const struct {
        const char *name;
        int64_t id;
    } named[] = {{"BOS", from->bos}, {"EOS", from->eos}, {"padding", from->pad}};
    for (size_t i = 0; i < 3; i++)
        if (named[i].id >= (int64_t)from->n_tokens)
            return fail(e, E_FORMAT,
                        "tokenizer: the %s id is %" PRId64 ", but there are %zu tokens",
                        named[i].name, named[i].id, from->n_tokens);
    return OK;
}

static hash128 hash_strings(hash128 h, const tok_str *s, size_t n) {
    const uint64_t count = n;
    h = hash128_chain(h, &count, sizeof count);
    for (size_t i = 0; i < n; i++) h = hash128_chain(h, s[i].p, s[i].n);
    return h;
}

static void set_literal(loader *l, size_t id, tok_kind kind) {
    const tok_str s = l->from->tokens[id];
    if (s.n) memcpy(l->v->bytes + l->v->at[id], s.p, s.n);
    l->v->len[id] = (uint32_t)s.n;
    l->v->kind[id] = (uint8_t)kind;
}

/* Texts and kinds as the file gives them. */
static status copy_tokens(loader *l, err *e) {
    vocab *v = l->v;
    const tok_vocab *from = l->from;
    size_t total = 0;
    for (size_t i = 0; i < from->n_tokens; i++) total += from->tokens[i].n;
    v->n = from->n_tokens;
    v->bytes = malloc(total ? total : 1);
    v->at = malloc(v->n * sizeof *v->at);
    v->len = malloc(v->n * sizeof *v->len);
    v->kind = malloc(v->n);
    if (!v->bytes || !v->at || !v->len || !v->kind)
        return fail(e, E_NOMEM, "tokenizer: out of memory for %zu tokens", v->n);
    size_t at = 0;
    for (size_t i = 0; i < v->n; i++) {
        const tok_str s = from->tokens[i];
        const int32_t type = from->types ? from->types[i] : TOK_NORMAL;
        if (type < 0 || type > TOK_BYTE)
            return fail(e, E_FORMAT, "tokenizer: token %zu has type %" PRId32 ", expected 1 to 6",
                        i, type);
        const tok_kind kind = type == 0 ? TOK_NORMAL : (tok_kind)type;
        if (s.n == 0 && kind != TOK_UNUSED && kind != TOK_UNKNOWN)
            return fail(e, E_FORMAT, "tokenizer: token %zu is empty", i);
        v->at[i] = (uint32_t)at;
        v->kind[i] = (uint8_t)kind;
        size_t len = 0;
        if (!is_normal(v, i))
            set_literal(l, i, kind);
        else if (alphabet_decode(s.p, s.n, v->bytes + at, &len))
            v->len[i] = (uint32_t)len;
        else
            set_literal(l, i, TOK_USER);
        at += s.n;
    }
    return OK;
}

/* Finds normal tokens by their bytes from here on. */
static status index_tokens(loader *l, err *e) {
    const vocab *v = l->v;
    size_t slots = 16;
    while (slots < 2 * v->n) slots *= 2;
    l->mask = slots - 1;
    l->slot = malloc(slots * sizeof *l->slot);
    if (!l->slot) return fail(e, E_NOMEM, "tokenizer: out of memory for %zu tokens", v->n);
    memset(l->slot, 0xff, slots * sizeof *l->slot);
    for (int b = 0; b < 256; b++) l->byte_id[b] = NONE;
    for (size_t id = 0; id < v->n; id++) {
        if (!is_normal(v, id)) continue;
        const tok_str t = vocab_bytes(v, (int32_t)id);
        const size_t i = slot_of(l, t.p, t.n);
        if (l->slot[i] != EMPTY)
            return fail(e, E_FORMAT, "tokenizer: token %zu repeats token %u: %.*s", id,
                        (unsigned)(l->slot[i] & 0x7fffffff), SHOWN(t.n), t.p);
        l->slot[i] = hash_bytes(l->seed, t.p, t.n) >> 32 << 32 | id;
        if (t.n == 1) l->byte_id[(unsigned char)t.p[0]] = (int32_t)id;
    }
    for (int b = 0; b < 256; b++)
        if (l->byte_id[b] == NONE)
            return fail(e, E_FORMAT,
                        "tokenizer: no token for the byte 0x%02x; a byte-level vocabulary has "
                        "all 256 of them",
                        (unsigned)b);
    return OK;
}

static status read_merge(loader *l, size_t r, err *e) {
    const tok_str s = l->from->merges[r];
    const char *blank = s.n ? memchr(s.p, ' ', s.n) : NULL;
    const size_t cut = blank ? (size_t)(blank - s.p) : 0;
    size_t left, right;
    if (!blank || !alphabet_decode(s.p, cut, l->scratch, &left) ||
        !alphabet_decode(blank + 1, s.n - cut - 1, l->scratch + left, &right) || left == 0 ||
        right == 0)
        return fail(e, E_FORMAT,
                    "tokenizer: merge %zu is not two tokens with one space between them: %.*s", r,
                    SHOWN(s.n), s.p ? s.p : "");
    const bpe_merge m = {find_normal(l, l->scratch, left), find_normal(l, l->scratch + left, right),
                         find_normal(l, l->scratch, left + right)};
    if (m.left == NONE || m.right == NONE || m.result == NONE)
        return fail(e, E_FORMAT,
                    "tokenizer: merge %zu: its %s is not a normal token of the vocabulary: %.*s", r,
                    m.left == NONE    ? "left part"
                    : m.right == NONE ? "right part"
                                      : "result",
                    SHOWN(s.n), s.p);
    l->named[m.left] = l->named[m.right] = l->named[m.result] = 1;
    l->merge[r] = m;
    return OK;
}

static status read_merges(loader *l, err *e) {
    const size_t n = l->from->n_merges;
    size_t longest = 1;
    for (size_t r = 0; r < n; r++)
        if (l->from->merges[r].n > longest) longest = l->from->merges[r].n;
    l->named = calloc(l->v->n, 1);
    l->merge = malloc((n ? n : 1) * sizeof *l->merge);
    l->scratch = malloc(longest);
    if (!l->named || !l->merge || !l->scratch)
        return fail(e, E_NOMEM, "tokenizer: out of memory for %zu merges", n);
    for (size_t r = 0; r < n; r++) {
        const status st = read_merge(l, r, e);
        if (st != OK) return st;
    }
    return bpe_new(&l->v->merges, l->byte_id, l->merge, n, l->v->identity.hi, e);
}

/* Tokens that must be added ones though their type does not say so: see tok_vocab. */
static void settle_kinds(loader *l) {
    vocab *v = l->v;
    for (size_t id = 0; id < v->n; id++) {
        const bool special =
            (int32_t)id == v->bos || (int32_t)id == v->eos || (int32_t)id == v->pad;
        const bool reached = is_normal(v, id) && (l->named[id] || v->len[id] == 1);
        if (reached || l->from->tokens[id].n == 0) continue;
        if (special)
            set_literal(l, id, TOK_CONTROL);
        else if (!l->from->types && is_normal(v, id))
            set_literal(l, id, TOK_USER);
    }
}

static status collect_added(loader *l, err *e) {
    vocab *v = l->v;
    size_t n = 0;
    for (size_t id = 0; id < v->n; id++) n += v->kind[id] == TOK_CONTROL || v->kind[id] == TOK_USER;
    added_token *list = malloc((n ? n : 1) * sizeof *list);
    if (!list) return fail(e, E_NOMEM, "tokenizer: out of memory for %zu added tokens", n);
    v->added.list = list;
    size_t k = 0;
    for (size_t id = 0; id < v->n; id++) {
        if (v->kind[id] != TOK_CONTROL && v->kind[id] != TOK_USER) continue;
        const tok_str t = vocab_bytes(v, (int32_t)id);
        if (t.n > ADDED_MAX_BYTES)
            return fail(e, E_LIMIT,
                        "tokenizer: added token %zu has %zu bytes; at most %u are supported", id,
                        t.n, ADDED_MAX_BYTES);
        list[k++] = (added_token){t.p, (uint32_t)t.n, (int32_t)id};
    }
    const size_t again = added_init(&v->added, list, n);
    if (again < n)
        return fail(e, E_FORMAT, "tokenizer: token %d repeats token %d: %.*s", (int)list[again].id,
                    (int)list[again - 1].id, SHOWN(list[again].n), list[again].p);
    return OK;
}

status vocab_load(vocab *v, const tok_vocab *from, err *e) {
    status st = check_sizes(from, e);
    if (st != OK) return st;
    v->bos = from->bos < 0 ? NONE : (int32_t)from->bos;
    v->eos = from->eos < 0 ? NONE : (int32_t)from->eos;
    v->pad = from->pad < 0 ? NONE : (int32_t)from->pad;
    v->identity = hash_strings((hash128){0, 0}, from->tokens, from->n_tokens);
    v->identity = hash_strings(v->identity, from->merges, from->n_merges);
    loader l = {.v = v, .from = from, .seed = v->identity.lo};
    st = copy_tokens(&l, e);
    if (st == OK) st = index_tokens(&l, e);
    if (st == OK) st = read_merges(&l, e);
    if (st == OK) {
        settle_kinds(&l);
        st = collect_added(&l, e);
    }
    free(l.slot);
    free(l.named);
    free(l.merge);
    free(l.scratch);
    if (st != OK) {
        vocab_clear(v);
        return st;
    }
    const int32_t special[3] = {v->bos, v->eos, v->pad};
    v->identity = hash128_chain(v->identity, v->kind, v->n);
    v->identity = hash128_chain(v->identity, special, sizeof special);
    return OK;
}

void vocab_clear(vocab *v) {
    free(v->bytes);
    free(v->at);
    free(v->len);
    free(v->kind);
    bpe_free(v->merges);
    free(v->added.list);
    *v = (vocab){0};
}
