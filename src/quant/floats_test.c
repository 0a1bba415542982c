/* The small floats: every code, every boundary between two codes; plain arithmetic is the judge. */
#include "base/test.h"
#include "quant/formats.h"

/* A format of one sign bit, `exp` bits of exponent and `man` of mantissa. */
typedef struct layout {
    int exp, man;
} layout;

static const layout half = {5, 10}, brain = {8, 7}, e4m3 = {4, 3};

/* The value of a finite code, by definition. */
static double value(layout f, uint32_t code) {
    const int bias = (1 << (f.exp - 1)) - 1;
    const int e = (int)(code >> f.man & ((1u << f.exp) - 1));
    const int m = (int)(code & ((1u << f.man) - 1));
    const double v = e ? ldexp(m + (1 << f.man), e - bias - f.man) : ldexp(m, 1 - bias - f.man);
    return code >> (f.exp + f.man) & 1 ? -v : v;
}

static bool same(float f, double d) { return (double)f == d && !signbit(f) == !signbit(d); }

TEST(every_finite_half_has_the_value_of_its_bits) {
    for (uint32_t h = 0; h < 0x10000; h++)
        if ((h & 0x7c00) != 0x7c00)
            CHECK_SAY(same(f16_to_f32((uint16_t)h), value(half, h)), "%04x", h);
}

TEST(every_finite_bfloat_has_the_value_of_its_bits) {
    for (uint32_t h = 0; h < 0x10000; h++)
        if ((h & 0x7f80) != 0x7f80)
            CHECK_SAY(same(bf16_to_f32((uint16_t)h), value(brain, h)), "%04x", h);
}

TEST(every_e4m3_code_has_the_value_of_its_bits) {
    for (uint32_t b = 0; b < 256; b++) {
        const float f = e4m3_to_f32((uint8_t)b);
        if ((b & 0x7f) == 0x7f) CHECK(isnan(f));
        else CHECK_SAY(same(f, value(e4m3, b)), "%02x", b);
    }
    CHECK(e4m3_to_f32(0x7e) == 448 && e4m3_to_f32(0x01) == 0x1p-9f);
}

TEST(every_e8m0_code_is_a_power_of_two_but_the_last) {
    for (int b = 0; b < 255; b++) CHECK(same(e8m0_to_f32((uint8_t)b), ldexp(1, b - 127)));
    CHECK(isnan(e8m0_to_f32(255)));
    CHECK(f32_bits(e8m0_to_f32(0)) == 0x00400000);
}

TEST(e2m1_values_are_those_of_their_bits) {
    const layout e2m1 = {2, 1};
    for (uint32_t c = 0; c < 16; c++) CHECK(same(e2m1_values[c], value(e2m1, c)));
}

TEST(infinities_and_nans_survive_both_ways) {
    CHECK(f16_to_f32(0x7c00) == INFINITY && f16_to_f32(0xfc00) == -INFINITY);
    CHECK(f32_to_f16(INFINITY) == 0x7c00 && f32_to_f16(-INFINITY) == 0xfc00);
    CHECK(bf16_to_f32(0x7f80) == INFINITY && f32_to_bf16(-INFINITY) == 0xff80);
    for (uint32_t h = 0x7c01; h < 0x8000; h++) {
        CHECK(isnan(f16_to_f32((uint16_t)h)) && isnan(f16_to_f32((uint16_t)(h | 0x8000))));
        CHECK(f32_to_f16(f16_to_f32((uint16_t)h)) == (h | 0x200)); /* made quiet */
    }
    for (uint32_t m = 1; m < 0x800000; m += 997) { /* NaNs whose upper bits are clear too */
        const uint16_t h = f32_to_f16(bits_f32(0x7f800000 | m));
        const uint16_t b = f32_to_bf16(bits_f32(0xff800000 | m));
        CHECK((h & 0x7c00) == 0x7c00 && (h & 0x3ff) != 0);
        CHECK((b & 0x7f80) == 0x7f80 && (b & 0x7f) != 0);
        CHECK(f32_to_e4m3(bits_f32(0x7f800000 | m)) == 0x7f);
        CHECK(f32_to_e4m3(bits_f32(0xff800000 | m)) == 0xff);
    }
}

typedef uint32_t (*narrow_fn)(float f);
static uint32_t to_f16(float f) { return f32_to_f16(f); }
static uint32_t to_bf16(float f) { return f32_to_bf16(f); }
static uint32_t to_e4m3(float f) { return f32_to_e4m3(f); }

/* All codes from 0 to `last`: a code gives itself, the middle to the next one gives the even of
 * the two, and the floats beside the middle go to their sides. */
static void check_boundaries(layout f, narrow_fn narrow, uint32_t last) {
    const uint32_t minus = 1u << (f.exp + f.man);
    for (uint32_t c = 0; c <= last; c++) {
        const float v = (float)value(f, c);
        CHECK_SAY(narrow(v) == c && narrow(-v) == (c | minus), "code %x", c);
        if (c == last) break;
        const double middle = (value(f, c) + value(f, c + 1)) / 2;
        const float m = (float)middle;
        if ((double)m != middle) continue; /* between two subnormals of float32 */
        const uint32_t even = c & 1 ? c + 1 : c;
        CHECK_SAY(narrow(m) == even && narrow(-m) == (even | minus), "above code %x", c);
        CHECK_SAY(narrow(nextafterf(m, 0)) == c, "above code %x", c);
        CHECK_SAY(narrow(nextafterf(m, INFINITY)) == c + 1, "above code %x", c);
    }
}

TEST(halves_round_to_the_nearest_with_ties_to_even) {
    check_boundaries(half, to_f16, 0x7bff);
    CHECK(f32_to_f16(65519.996f) == 0x7bff && f32_to_f16(65520) == 0x7c00);
    CHECK(f32_to_f16(3e38f) == 0x7c00 && f32_to_f16(-1e-30f) == 0x8000);
}

TEST(bfloats_round_to_the_nearest_with_ties_to_even) {
    check_boundaries(brain, to_bf16, 0x7f7f);
    CHECK(f32_to_bf16(3.4e38f) == 0x7f80);
    CHECK(f32_to_bf16(bits_f32(1)) == 0 && f32_to_bf16(bits_f32(0x8001)) == 1);
    CHECK(f32_to_bf16(bits_f32(0x8000)) == 0 && f32_to_bf16(bits_f32(0x18000)) == 2);
}

TEST(e4m3_rounds_to_the_nearest_with_ties_to_even_and_stops_at_448) {
    check_boundaries(e4m3, to_e4m3, 0x7e);
    CHECK(f32_to_e4m3(449) == 0x7e && f32_to_e4m3(-1e30f) == 0xfe);
    CHECK(f32_to_e4m3(INFINITY) == 0x7e && f32_to_e4m3(-INFINITY) == 0xfe);
    CHECK(f32_to_e4m3(0x1p-10f) == 0 && f32_to_e4m3(-0x1p-140f) == 0x80);
}

/* Rounding by division and nearbyint, in float64. */
static double slow_half(double x) {
    const double a = fabs(x);
    const int e = a >= 0x1p-14 ? ilogb(a) : -14;
    const double step = ldexp(1, e - 10), r = nearbyint(a / step) * step;
    return copysign(r >= 65536 ? INFINITY : r, x);
}

TEST(random_floats_become_the_half_that_float64_finds) {
    uint64_t s = 3;
    for (int i = 0; i < 1000000; i++) {
        s = s * 6364136223846793005u + 1442695040888963407u;
        const float f = bits_f32((uint32_t)(s >> 32));
        if (!isfinite(f)) continue;
        CHECK_SAY(same(f16_to_f32(f32_to_f16(f)), slow_half((double)f)), "%a", (double)f);
    }
}

TESTS_MAIN
