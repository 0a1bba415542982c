/* hash_test: keys and checksums that files carry: the same on every machine, whatever way the
 * bytes came. */
#include "base/hash.h"

#include "base/test.h"

enum { N = 5000 };

static const uint8_t *bytes(void) {
    static uint8_t b[N];
    uint64_t x = 1;
    for (size_t i = 0; i < N; i++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        b[i] = (uint8_t)(x >> 56);
    }
    return b;
}

/* Published values of XXH3 for no bytes: stored keys would change with the algorithm. */
TEST(the_algorithm_is_the_one_that_files_were_written_with) {
    hasher *h = hasher_new();
    REQUIRE(h);
    const hash128 none = hasher_value(h);
    CHECK(hash64("", 0) == UINT64_C(0x2d06800538d394c2));
    CHECK(none.hi == UINT64_C(0x99aa06d3014798d8) && none.lo == UINT64_C(0x6001c324468d497f));
    hasher_free(h);
    hasher_free(NULL);
}

TEST(pieces_give_what_the_whole_gives) {
    const uint8_t *b = bytes();
    static const size_t lengths[] = {0, 1, 16, 17, 128, 129, 240, 241, 256, 257, 1024, 1025, N};
    for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++) {
        const size_t n = lengths[l];
        hasher *one = hasher_new();
        REQUIRE(one);
        hasher_add(one, b, n);
        const hash128 want = hasher_value(one);
        for (size_t piece = 1; piece <= n; piece = piece * 2 + 1) {
            hasher *h = hasher_new();
            REQUIRE(h);
            for (size_t at = 0; at < n; at += piece) {
                hasher_add(h, b + at, n - at < piece ? n - at : piece);
                hasher_value(h); /* looking changes nothing */
                hasher_add(h, b, 0);
            }
            CHECK_SAY(hash128_equal(hasher_value(h), want), "%zu bytes in pieces of %zu", n, piece);
            hasher_free(h);
        }
        hasher_free(one);
    }
}

TEST(every_bit_and_every_length_counts) {
    uint8_t b[300];
    memcpy(b, bytes(), sizeof b);
    const hash128 zero = {0, 0};
    static const size_t lengths[] = {1, 4, 9, 17, 130, 250, 300};
    for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++) {
        const size_t n = lengths[l];
        const uint64_t h = hash64(b, n);
        const hash128 c = hash128_chain(zero, b, n);
        for (size_t bit = 0; bit < n * 8; bit++) {
            b[bit / 8] ^= (uint8_t)(1 << bit % 8);
            if (hash64(b, n) == h || hash128_equal(hash128_chain(zero, b, n), c))
                CHECK_SAY(0, "bit %zu of %zu bytes", bit, n);
            b[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        CHECK(hash64(b, n) == h && hash64(b, n - 1) != h);
        CHECK(!hash128_equal(hash128_chain(zero, b, n - 1), c));
    }
}

/* A page's key is chained to the page before it: equal keys mean equal histories. */
TEST(a_chain_depends_on_every_link_and_their_order) {
    const uint8_t *b = bytes();
    const hash128 zero = {0, 0};
    const hash128 first = hash128_chain(zero, b, 100), second = hash128_chain(first, b + 100, 100);
    CHECK(hash128_equal(second, hash128_chain(hash128_chain(zero, b, 100), b + 100, 100)));
    CHECK(!hash128_equal(second, hash128_chain(zero, b, 200)));       /* where it was cut    */
    CHECK(!hash128_equal(second, hash128_chain(zero, b + 100, 100))); /* what came before    */
    CHECK(!hash128_equal(
        second, hash128_chain(hash128_chain(zero, b + 100, 100), b, 100))); /* in which order */
    CHECK(!hash128_equal(first, zero) && !hash128_equal(hash128_chain(zero, b, 0), zero));
    CHECK(!hash128_equal(hash128_chain(first, b, 0), first));
    for (int bit = 0; bit < 128; bit++) {
        hash128 seed = first;
        if (bit < 64)
            seed.lo ^= UINT64_C(1) << bit;
        else
            seed.hi ^= UINT64_C(1) << (bit - 64);
        const hash128 h = hash128_chain(seed, b + 100, 100);
        if (hash128_equal(h, second) || h.lo == second.lo || h.hi == second.hi)
            CHECK_SAY(0, "bit %d of the seed", bit);
    }
    /* The history goes into the bytes' own hash, it is not laid over it: differences do not carry
     * over. */
    const hash128 a0 = hash128_chain(zero, b, 50), b0 = hash128_chain(zero, b + 50, 50);
    const hash128 a1 = hash128_chain(first, b, 50), b1 = hash128_chain(first, b + 50, 50);
    CHECK((a0.lo ^ b0.lo) != (a1.lo ^ b1.lo) && a0.hi - b0.hi != a1.hi - b1.hi);
    const hash128 turned = {first.hi, first.lo};
    CHECK(!hash128_equal(hash128_chain(turned, b + 100, 100), second));
}

TESTS_MAIN
