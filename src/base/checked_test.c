/* checked_test: arithmetic that says when it does not fit, against arithmetic of twice the width.
 */
#include "base/checked.h"

#include "base/le.h"
#include "base/test.h"

__extension__ typedef unsigned __int128 wide;

static uint64_t next(uint64_t *x) {
    *x ^= *x << 13, *x ^= *x >> 7, *x ^= *x << 17;
    return *x;
}

/* Numbers of every magnitude, most of them near a power of two. */
static uint64_t number(uint64_t i, uint64_t *x) {
    if (i < 64 * 5) return (UINT64_C(1) << i / 5) + i % 5 - 2;
    return next(x) >> next(x) % 64;
}

enum { NUMBERS = 400, KEPT = 12345 };

TEST(sums_and_products_fit_or_say_so) {
    uint64_t x = 42, wrong = 0;
    for (uint64_t i = 0; i < NUMBERS; i++) {
        for (uint64_t j = 0; j < NUMBERS; j++) {
            const uint64_t a = number(i, &x), b = number(j, &x);
            const wide sum = (wide)a + b, product = (wide)a * b;
            uint64_t s = KEPT, p = KEPT;
            const bool s_fits = add_u64(a, b, &s), p_fits = mul_u64(a, b, &p);
            wrong += s_fits != (sum <= UINT64_MAX) || s != (s_fits ? (uint64_t)sum : KEPT);
            wrong += p_fits != (product <= UINT64_MAX) || p != (p_fits ? (uint64_t)product : KEPT);
        }
    }
    CHECK_SAY(wrong == 0, "%llu", (unsigned long long)wrong);
    uint64_t out = KEPT;
    CHECK(add_u64(UINT64_MAX, 0, &out) && out == UINT64_MAX);
    CHECK(!add_u64(UINT64_MAX, 1, &out) && out == UINT64_MAX);
    CHECK(mul_u64(0, UINT64_MAX, &out) && out == 0);
    CHECK(mul_u64(UINT64_MAX, 0, &out) && out == 0);
    CHECK(mul_u64(UINT64_MAX, 1, &out) && out == UINT64_MAX);
    CHECK(mul_u64(UINT32_MAX, UINT32_MAX, &out) && out == UINT64_C(0xfffffffe00000001));
    CHECK(!mul_u64(UINT64_C(1) << 32, UINT64_C(1) << 32, &out));
}

TEST(rounding_up_gives_the_next_multiple_or_says_that_there_is_none) {
    uint64_t x = 7, wrong = 0;
    for (uint64_t i = 0; i < NUMBERS; i++) {
        for (uint32_t log = 0; log < 64; log++) {
            const uint64_t a = i < 8 ? UINT64_MAX - i : number(i, &x), step = UINT64_C(1) << log;
            const wide up = ((wide)a + step - 1) / step * step;
            uint64_t out = KEPT;
            const bool fits = round_up_u64(a, step, &out);
            /* A sum that wraps on the way is refused also where its result, by luck, would be
             * right: there is none. */
            wrong += fits != (up <= UINT64_MAX) || out != (fits ? (uint64_t)up : KEPT);
        }
    }
    CHECK_SAY(wrong == 0, "%llu", (unsigned long long)wrong);
}

TEST(powers_of_two_are_the_numbers_with_one_bit) {
    uint64_t x = 99, wrong = 0;
    CHECK(!is_pow2(0));
    for (uint64_t i = 0; i < 5000; i++) {
        const uint64_t a = i < 320 ? number(i, &x) : i < 3000 ? i - 320 : next(&x);
        int bits = 0;
        for (uint64_t v = a; v; v /= 2) bits += v % 2 != 0;
        wrong += is_pow2(a) != (bits == 1);
    }
    CHECK_SAY(wrong == 0, "%llu", (unsigned long long)wrong);
}

TEST(little_endian_numbers_are_read_and_written_at_any_address) {
    for (size_t at = 0; at < 9; at++) {
        uint8_t b[24];
        memset(b, 0xee, sizeof b);
        put_le64(b + at, UINT64_C(0x8877665544332211));
        for (size_t i = 0; i < 8; i++) CHECK(b[at + i] == 0x11 * (i + 1));
        CHECK(le16(b + at) == 0x2211 && le32(b + at) == 0x44332211 &&
              le64(b + at) == UINT64_C(0x8877665544332211));
        CHECK(le32(b + at + 4) == 0x88776655); /* the high bit is no sign */
        put_le32(b + at, 0xfedcba98);
        CHECK(le32(b + at) == 0xfedcba98 && le16(b + at + 2) == 0xfedc && b[at + 4] == 0x55);
        CHECK((at == 0 || b[at - 1] == 0xee) && b[at + 8] == 0xee);
    }
    CHECK(f32_bits(1.0f) == 0x3f800000 && bits_f32(0xc0000000) == -2.0f &&
          isnan(bits_f32(0x7fc00001)));
    CHECK(f32_bits(bits_f32(0x80000000)) == 0x80000000);
}

TESTS_MAIN
