/* small_vocab: a vocabulary of 274 tokens for tests: three control tokens, 256 bytes, a few merges,
 * added tokens that begin with each other, unused ones. A test changes what it wants to see refused.
 */
#ifndef DS4_TEXT_SMALL_VOCAB_H
#define DS4_TEXT_SMALL_VOCAB_H

#include <string.h>

#include "text/real_vocab.h"
#include "text/tokenizer.h"

static inline tok_str str(const char *s) {
    return (tok_str){s, strlen(s)};
}

enum { SMALL_MAX = 400 };

typedef struct small {
    tok_vocab v;
    tok_str token[SMALL_MAX], merge[SMALL_MAX];
    int32_t type[SMALL_MAX];
    char byte[256][5];
} small;

static inline int32_t small_token(small *s, const char *text, int32_t type) {
    s->token[s->v.n_tokens] = str(text);
    s->type[s->v.n_tokens] = type;
    return (int32_t)s->v.n_tokens++;
}

static inline void small_merge(small *s, const char *text) {
    s->merge[s->v.n_merges++] = str(text);
}

enum { BYTE0 = 3, AB = 259, ABC, THI, THINK, NORMAL_END };

static inline void small_init(small *s) {
    memset(s, 0, sizeof *s);
    s->v =
        (tok_vocab){.tokens = s->token, .types = s->type, .merges = s->merge, .eos = 1, .pad = 2};
    small_token(s, "<bos>", TOK_CONTROL);
    small_token(s, "<eos>", TOK_CONTROL);
    small_token(s, "<pad>", TOK_CONTROL);
    for (int b = 0; b < 256; b++) {
        s->byte[b][real_alphabet((unsigned char)b, s->byte[b])] = 0;
        small_token(s, s->byte[b], b % 2 ? TOK_NORMAL : TOK_BYTE);
    }
    small_token(s, "ab", 0);
    small_token(s, "abc", TOK_NORMAL);
    small_token(s, "\xc4\xa0th", TOK_NORMAL); /* the blank's letter */
    small_token(s, "\xc4\xa0think", TOK_NORMAL);
    small_merge(s, "a b");
    small_merge(s, "ab c");
    small_token(s, "th", TOK_NORMAL);
    small_token(s, "in", TOK_NORMAL);
    small_token(s, "ink", TOK_NORMAL);
    small_merge(s, "t h");
    small_merge(s, "\xc4\xa0 th");
    small_merge(s, "i n");
    small_merge(s, "in k");
    small_merge(s, "\xc4\xa0th ink");
    small_token(s, "<think>", TOK_USER);
    small_token(s, "</think>", TOK_USER);
    small_token(s, "｜DSML｜", TOK_USER);
    small_token(s, "<thin", TOK_CONTROL);
    small_token(s, "\xc3\xa9\xc4\xa0", TOK_USER); /* literal text, though in the alphabet */
    small_token(s, "[unused]", TOK_UNUSED);
    small_token(s, "", TOK_UNUSED);
    small_token(s, "<unk>", TOK_UNKNOWN);
}

#endif
