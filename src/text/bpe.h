/* bpe: byte-level byte pair encoding of one piece.
 *
 * A piece starts as one token a byte. As long as some adjacent pair is in the list of merges, the
 * pair with the lowest rank (its place in the list), the leftmost of several, becomes one token.
 *
 * Pieces are words mostly, but Chinese without punctuation or minified JSON makes pieces of
 * hundreds of kilobytes, so the lowest rank must not be searched over the whole piece:
 *
 *      level 0   the rank of the pair that begins at each byte                       n
 *      level 1   the lowest of each 16 of level 0, and which of the 16 that is     n / 16
 *      ...
 *      top       the lowest of all                                                 1
 *
 * I1  A pair's rank stands where its left token begins; all other places hold "no rank".
 * I2  Each entry of a level is the minimum of its block below and points to the first place that
 *     has it there: from the top down they lead to the leftmost pair of the lowest rank.
 * I3  A merge changes three places, which are one to three blocks on each level: O(n log n) for any
 *     piece, and the same few vector instructions for a word as for a block of a long piece.
 * I4  A token's length stands at its first and at its last byte, so that both neighbours are found.
 *
 * A bpe never changes once made: any thread. A bpe_work belongs to one thread at a time.
 */
#ifndef DS4_TEXT_BPE_H
#define DS4_TEXT_BPE_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

#define BPE_MAX_TOKENS (1u << 20)
#define BPE_MAX_MERGES ((1u << 24) - 1)
#define BPE_MAX_PIECE (1u << 30) /* bytes */

typedef struct bpe_merge {
    int32_t left, right, result; /* ids, 0 .. BPE_MAX_TOKENS - 1 */
} bpe_merge;

typedef struct bpe bpe;

/* The byte ids differ from each other. merges[r] has rank r; all of it is copied. `seed` should not
 * be known to who wrote the merges: it keeps chosen pairs from meeting in the hash table. E_FORMAT
 * names the second of two equal pairs. */
status bpe_new(bpe **out, const int32_t byte_id[256], const bpe_merge *merges, size_t n,
               uint64_t seed, err *e);
void bpe_free(bpe *b);

/* Scratch memory for pieces; starts as {0}. */
typedef struct bpe_work {
    int32_t *place;
    size_t cap;
} bpe_work;

/* Writes the ids of the piece, at most n of them, and how many to *count. The array must have
 * room for n ids: it serves as the working list. n <= BPE_MAX_PIECE. Fails with E_NOMEM only. */
status bpe_piece(const bpe *b, bpe_work *w, const char *p, size_t n, int32_t *ids, size_t *count,
                 err *e);
void bpe_work_free(bpe_work *w);

#endif
