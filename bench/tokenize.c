/* tokenize: how fast text becomes tokens, with the vocabulary of the real model.
 *
 *     build/bench/tokenize [FOLDER]        FOLDER: vocab.bin, merges.bin, added_tokens.jsonl
 *
 * Each text is made here from a fixed seed and has at least 24,000 tokens. The figure is the best of
 * several runs in processor time: what the code takes, not what else the machine did.
 */
#include <time.h>

#include "text/real_vocab.h"

#define WANTED 24000
#define RUNS 9

static double now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static uint64_t random_next(uint64_t *s) {
    *s ^= *s << 13;
    *s ^= *s >> 7;
    *s ^= *s << 17;
    return *s * 0x2545f4914f6cdd1du >> 16;
}

typedef bool (*wanted)(const char *p, size_t n);

static bool is_han(const char *p, size_t n) {
    for (size_t at = 0; at < n;) {
        const utf8_char c = utf8_next(p + at, n - at);
        if (!c.valid || c.code < 0x4e00 || c.code > 0x9fa5) return false;
        at += c.bytes;
    }
    return n >= 3;
}
static bool is_word(const char *p, size_t n) {
    if (n < 3 || p[0] != ' ') return false;
    for (size_t i = 1; i < n; i++)
        if (p[i] < 'a' || p[i] > 'z') return false;
    return true;
}

/* A token of the wanted form; the lower ids, which are the more frequent ones, more often. */
static tok_str pick(const tokenizer *t, uint64_t *seed, wanted is) {
    for (;;) {
        const double r = (double)(random_next(seed) % 1000000) / 1e6;
        const tok_str s = tok_bytes(t, 3 + (int32_t)(r * r * 127996));
        if (is(s.p, s.n)) return s;
    }
}

static void add(buf *b, const tokenizer *t, uint64_t *seed, wanted is) {
    const tok_str s = pick(t, seed, is);
    buf_add(b, s.p, s.n);
}

static void han(buf *b, const tokenizer *t) {
    uint64_t seed = 1;
    for (int i = 0; i < WANTED; i++) add(b, t, &seed, is_han);
}
static void han_sentences(buf *b, const tokenizer *t) {
    uint64_t seed = 1;
    for (int i = 0; i < WANTED; i++) {
        add(b, t, &seed, is_han);
        if (random_next(&seed) % 9 == 0) buf_str(b, "\xef\xbc\x8c");
        if (random_next(&seed) % 20 == 0) buf_str(b, "\xe3\x80\x82\n");
    }
}
static void english(buf *b, const tokenizer *t) {
    uint64_t seed = 2;
    for (int i = 0; i < WANTED; i++) {
        add(b, t, &seed, is_word);
        if (random_next(&seed) % 12 == 0) buf_str(b, random_next(&seed) % 3 ? "," : ".\n\nThe");
    }
}
static void minified_json(buf *b, const tokenizer *t) {
    uint64_t seed = 3;
    for (int i = 0; i < WANTED / 5; i++) {
        const tok_str k = pick(t, &seed, is_word), v = pick(t, &seed, is_word);
        buf_printf(b, "%c\"%.*s_%d\":", i % 8 ? ',' : '{', (int)k.n - 1, k.p + 1, i);
        if (i % 3)
            buf_printf(b, "\"%.*s\"", (int)v.n - 1, v.p + 1);
        else
            buf_printf(b, "[%u,true,null]", (unsigned)(random_next(&seed) % 100000));
        if (i % 8 == 7) buf_char(b, '}');
    }
}
static void letters_without_end(buf *b, const tokenizer *t) {
    (void)t;
    uint64_t seed = 4;
    for (int i = 0; i < 3 * WANTED; i++) buf_char(b, (char)('a' + random_next(&seed) % 26));
}
static void one_letter(buf *b, const tokenizer *t) {
    (void)t;
    for (int i = 0; i < 16 * WANTED; i++) buf_char(b, 'a');
}
static void symbols(buf *b, const tokenizer *t) {
    (void)t;
    uint64_t seed = 5;
    for (int i = 0; i < 2 * WANTED; i++)
        buf_char(b, "{}[]():;,.<>=+-*/!?&|\""[random_next(&seed) % 22]);
}
static void blanks(buf *b, const tokenizer *t) {
    (void)t;
    for (int i = 0; i < 60 * WANTED; i++) buf_char(b, i % 5000 ? ' ' : '\n');
}
static void any_bytes(buf *b, const tokenizer *t) {
    (void)t;
    uint64_t seed = 6;
    for (int i = 0; i < WANTED; i++) buf_char(b, (char)random_next(&seed));
}
static void angle_brackets(buf *b, const tokenizer *t) {
    (void)t;
    for (int i = 0; i < WANTED; i++) buf_str(b, i % 3 ? "<\xef\xbd\x9c" : "<thin\n");
}

static const struct {
    const char *name;
    void (*make)(buf *, const tokenizer *);
    specials sp;
} texts[] = {
    {"Han, one piece", han, TOK_PLAIN},
    {"Han, sentences", han_sentences, TOK_PLAIN},
    {"minified JSON", minified_json, TOK_PLAIN},
    {"English words", english, TOK_PLAIN},
    {"letters, one piece", letters_without_end, TOK_PLAIN},
    {"one letter, one piece", one_letter, TOK_PLAIN},
    {"symbols, one piece", symbols, TOK_PLAIN},
    {"blanks", blanks, TOK_PLAIN},
    {"any bytes", any_bytes, TOK_PLAIN},
    {"almost added tokens", angle_brackets, TOK_SPECIAL},
};

static status measure(const tokenizer *t, size_t i, err *e) {
    buf b = {0};
    tokens out = {0};
    double best = 1e9;
    texts[i].make(&b, t);
    status st = OK;
    for (int run = 0; run < RUNS && st == OK; run++) {
        out.n = 0;
        const double start = now_ms();
        st = tok_encode(t, b.data, b.n, texts[i].sp, &out, e);
        const double took = now_ms() - start;
        if (took < best) best = took;
    }
    if (st == OK)
        printf("%-24s %9zu %8zu %9.2f %8.2f %8.1f\n", texts[i].name, b.n, out.n, best,
               (double)out.n / best / 1e3, (double)b.n / best / 1e3);
    buf_free(&b);
    tokens_free(&out);
    return st;
}

int main(int argc, char **argv) {
    char folder[1024];
    real_vocab r;
    tokenizer *t = NULL;
    err e = {0};
    status st = real_vocab_load(&r, argc > 1 ? argv[1] : real_vocab_folder(folder, argv[0], 1), &e);
    double best = 1e9;
    for (int run = 0; run < RUNS && st == OK; run++) {
        tok_free(t);
        t = NULL;
        const double start = now_ms();
        st = tok_new(&t, &r.v, &e);
        const double took = now_ms() - start;
        if (took < best) best = took;
    }
    if (st == OK) {
        printf("vocabulary of %zu tokens and %zu merges: %.1f ms\n", r.v.n_tokens, r.v.n_merges,
               best);
        printf("%-24s %9s %8s %9s %8s %8s\n", "text", "bytes", "tokens", "ms", "Mtok/s", "MB/s");
    }
    for (size_t i = 0; i < sizeof texts / sizeof *texts && st == OK; i++) st = measure(t, i, &e);
    if (st != OK) fprintf(stderr, "tokenize: %s\n", e.text);
    tok_free(t);
    real_vocab_free(&r);
    return st != OK;
}
