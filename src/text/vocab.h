/* vocab: a vocabulary as the tokeniser works with it, made from one as files hold it (tok_vocab).
 *
 * Loading is one pass of checks, after which nothing about the tokens can surprise:
 *
 * I1  Each byte has exactly one normal token of its own; merges lead from normal tokens to normal
 *     tokens. So encoding bytes yields normal tokens only (I1 of text/tokenizer.h).
 * I2  Normal tokens differ from each other in their bytes, and so do added tokens.
 * I3  Memory is bounded by the size of what was given: nothing is allocated from a claim.
 * I4  The hash tables are seeded with a hash of the whole vocabulary, so that a file cannot
 *     choose strings that meet in one place without knowing what they will make of the seed.
 */
#ifndef DS4_TEXT_VOCAB_H
#define DS4_TEXT_VOCAB_H

#include "text/added.h"
#include "text/bpe.h"
#include "text/tokenizer.h"

typedef struct vocab {
    size_t n;
    char *bytes;        /* of all tokens, each where its text of the file would stand */
    uint32_t *at, *len; /* by id                                                      */
    uint8_t *kind;      /* by id, a tok_kind                                          */
    bpe *merges;
    added added;
    int32_t bos, eos, pad; /* -1: none */
    hash128 identity;
} vocab;

/* *v is {0} before, and again after a failure. */
status vocab_load(vocab *v, const tok_vocab *from, err *e);
void vocab_clear(vocab *v);

static inline tok_str vocab_bytes(const vocab *v, int32_t id) {
    return (tok_str){v->bytes + v->at[id], v->len[id]};
}

#endif
