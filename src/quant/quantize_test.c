/* What converters write, against bytes of the reference quantiser and in the corners.
 *
 * tests/data/quants/q8_0.bin, little-endian: rows of 512 float32, each followed by its 16 blocks.
 */
#include "base/buf.h"
#include "base/file.h"
#include "base/test.h"
#include "quant/formats.h"

enum { VALUES = 512, BYTES = VALUES / 32 * 34 };

TEST(q8_0_blocks_are_those_of_the_reference_to_the_byte) {
    buf file = {0};
    err e;
    const status st = file_read(&file, "tests/data/quants/q8_0.bin", 1 << 20, &e);
    CHECK_SAY(st == OK, "%s", st == OK ? "" : e.text);
    REQUIRE(file.n == 8 * (4 * VALUES + BYTES));
    const uint8_t *p = (const uint8_t *)file.data;
    for (int row = 0; row < 8; row++, p += 4 * VALUES + BYTES) {
        float x[VALUES];
        uint8_t out[BYTES];
        f32_dequant(p, x, VALUES);
        quantize_q8_0(x, out, VALUES);
        CHECK_SAY(!memcmp(out, p + 4 * VALUES, BYTES), "row %d", row);
    }
    buf_free(&file);
}

TEST(q8_0_rounds_half_away_from_zero) {
    float x[32] = {127, 2.5f, -2.5f, 0.5f, -0.5f, 0.49999997f, 1.5f, -126.5f};
    uint8_t b[34];
    quantize_q8_0(x, b, 32);
    const int8_t want[8] = {127, 3, -3, 1, -1, 0, 2, -127};
    CHECK(le16(b) == 0x3c00 && !memcmp(b + 2, want, 8));
}

/* 13.5 is half of 27, but times the rounded reciprocal of 27 / 127 it falls short of 63.5. */
TEST(q8_0_multiplies_with_the_reciprocal_as_the_reference_does) {
    float x[32] = {27, 13.5f, 0}, y[32] = {74.125f, 37.0625f, 0};
    uint8_t b[34];
    quantize_q8_0(x, b, 32);
    CHECK(b[2] == 127 && b[3] == 63);
    quantize_q8_0(y, b, 32);
    CHECK(b[2] == 127 && b[3] == 64);
}

TEST(q8_0_errs_by_half_a_step_at_most) {
    uint64_t s = 5;
    for (int round = 0; round < 2000; round++) {
        float x[32], y[32], top = 0;
        uint8_t b[34];
        for (int i = 0; i < 32; i++) {
            s = s * 6364136223846793005u + 1442695040888963407u;
            x[i] = (float)((double)(s >> 33) / 0x1p30 - 1) * (float)ldexp(1, round % 20 - 10);
            top = fmaxf(top, fabsf(x[i]));
        }
        quantize_q8_0(x, b, 32);
        q8_0_dequant(b, y, 32);
        /* Half a step, and the rounding of d to a half float, counted 127 times. */
        for (int i = 0; i < 32; i++)
            CHECK(fabsf(x[i] - y[i]) <= top / 127 * 0.5001f + top * 0x1p-11f + 127 * 0x1p-25f);
    }
}

TEST(zeros_and_the_smallest_floats_become_blocks_of_zero) {
    float x[64] = {0}, y[64];
    uint8_t b[68];
    x[40] = bits_f32(100), x[41] = -bits_f32(1);
    quantize_q8_0(x, b, 64);
    q8_0_dequant(b, y, 64);
    for (int i = 0; i < 64; i++) CHECK(y[i] == 0);
    for (int i = 0; i < 34; i++) CHECK(b[i] == 0);
}

TEST(a_value_that_is_not_finite_makes_its_block_nan_and_no_other) {
    const float bad[3] = {NAN, INFINITY, -INFINITY};
    for (int k = 0; k < 3; k++)
        for (int at = 0; at < 32; at += 31) {
            float x[64], y[64];
            uint8_t b[68];
            for (int i = 0; i < 64; i++) x[i] = 1;
            x[at] = bad[k];
            quantize_q8_0(x, b, 64);
            q8_0_dequant(b, y, 64);
            for (int i = 0; i < 32; i++) CHECK(isnan(y[i]) && b[2 + i] == 0);
            for (int i = 32; i < 64; i++) CHECK(fabsf(y[i] - 1) < 1e-3f);
        }
}

TEST(rows_of_16_bit_floats_are_their_values_one_by_one) {
    float x[100], y[100];
    uint8_t b[201];
    for (int i = 0; i < 100; i++) x[i] = (float)(i * i - 500) / 7;
    quantize_f16(x, b + 1, 100);
    f16_dequant(b + 1, y, 100);
    for (int i = 0; i < 100; i++) CHECK(y[i] == f16_to_f32(f32_to_f16(x[i])));
    for (int i = 0; i < 100; i++) CHECK(fabsf(y[i] - x[i]) <= fabsf(x[i]) * 0x1p-11f);
    quantize_bf16(x, b + 1, 100);
    bf16_dequant(b + 1, y, 100);
    for (int i = 0; i < 100; i++) CHECK(y[i] == bf16_to_f32(f32_to_bf16(x[i])));
    for (int i = 0; i < 100; i++) CHECK(fabsf(y[i] - x[i]) <= fabsf(x[i]) * 0x1p-8f);
}

TESTS_MAIN
