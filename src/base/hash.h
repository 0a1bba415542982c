/* hash: 128-bit and 64-bit hashes (xxHash), for keys and checksums; not against an adversary. */
#ifndef DS4_BASE_HASH_H
#define DS4_BASE_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct hash128 {
    uint64_t lo, hi;
} hash128;

uint64_t hash64(const void *p, size_t n);

/* Hashes p, chained to `seed`: equal results mean equal bytes after equal histories. */
hash128 hash128_chain(hash128 seed, const void *p, size_t n);

static inline bool hash128_equal(hash128 a, hash128 b) { return a.lo == b.lo && a.hi == b.hi; }

/* Piece by piece: the same value however the bytes were cut. */
typedef struct hasher hasher;
hasher *hasher_new(void); /* NULL: out of memory */
void hasher_add(hasher *h, const void *p, size_t n);
hash128 hasher_value(const hasher *h);
void hasher_free(hasher *h);

#endif
