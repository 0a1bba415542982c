/* bpe: byte-level byte pair encoding of one piece.
 *
 * A piece starts as one token a byte. As long as some adjacent pair is in the list of merges, the
 * pair with the lowest rank (its place in the list), the leftmost of several, becomes one token.
 *
 * Pieces are words mostly, but Chinese without punctuation or minified JSON makes pieces of
 * hundreds of kilobytes, so the lowest rank must not be searched over the whole piece:
 *
 *      level 0   the rank of the pair that begins at each byte       n
 *      level 1   the lowest of each 16 of level 0                    n / 16
 *      ...                                                           until one block is left
 *
 * I1  A pair's rank stands where its left token begins; dead places and the last token hold
 *     NO_RANK.
 * I2  Each entry of a level is the minimum of its block below, so that the first block and the
 *     first place with the minimum lead to the leftmost pair.
 * I3  A merge changes three places: at most 3 * 16 comparisons a level. O(n log n) whatever the
 *     piece.
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

/* merges[r] has rank r; all of it is copied. `seed` should not be known to who wrote the merges:
 * it keeps chosen pairs from meeting in the hash table. E_FORMAT names the second of two equal
 * pairs. */
status bpe_new(bpe **out, const int32_t byte_id[256], const bpe_merge *merges, size_t n,
               uint64_t seed, err *e);
void bpe_free(bpe *b);

/* Scratch memory for pieces; starts as {0}. */
typedef struct bpe_work {
    uint32_t *place;
    size_t cap;
} bpe_work;

/* Writes the ids of the piece, at most n of them, and how many to *count. The array must have
 * room for n ids: it serves as the working list. n <= BPE_MAX_PIECE. Fails with E_NOMEM only. */
status bpe_piece(const bpe *b, bpe_work *w, const char *p, size_t n, int32_t *ids, size_t *count,
                 err *e);
void bpe_work_free(bpe_work *w);

#endif
