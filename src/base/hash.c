#include "base/hash.h"

#include <xxhash.h>

/* The handle is the library's own state under our name: nothing else to hold. */
uint64_t hash64(const void *p, size_t n) { return XXH3_64bits(p, n); }

static hash128 from_xxh(XXH128_hash_t h) { return (hash128){h.low64, h.high64}; }

hash128 hash128_chain(hash128 seed, const void *p, size_t n) {
    const uint64_t start[2] = {seed.lo, seed.hi};
    const hash128 head = from_xxh(XXH3_128bits(start, sizeof start));
    const hash128 body = from_xxh(XXH3_128bits_withSeed(p, n, head.lo));
    return (hash128){body.lo ^ head.hi, body.hi + head.lo};
}

hasher *hasher_new(void) {
    XXH3_state_t *s = XXH3_createState();
    if (s) XXH3_128bits_reset(s);
    return (hasher *)s;
}

void hasher_add(hasher *h, const void *p, size_t n) { XXH3_128bits_update((XXH3_state_t *)h, p, n); }

hash128 hasher_value(const hasher *h) { return from_xxh(XXH3_128bits_digest((const XXH3_state_t *)h)); }

void hasher_free(hasher *h) { XXH3_freeState((XXH3_state_t *)h); }
