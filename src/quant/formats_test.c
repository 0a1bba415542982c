/* Values of every block format against blocks decoded by the reference library.
 *
 * tests/data/quants/dequant.bin, little-endian, a group for each type:
 *
 *      u32 type id, u32 blocks, u32 bytes a block, u32 values a block
 *      blocks x bytes, then blocks x values float32
 */
#include "base/buf.h"
#include "base/file.h"
#include "base/test.h"
#include "quant/formats.h"

TEST(every_block_format_decodes_the_reference_blocks_to_the_bit) {
    buf file = {0};
    err e;
    const status st = file_read(&file, "tests/data/quants/dequant.bin", 1 << 20, &e);
    CHECK_SAY(st == OK, "%s", st == OK ? "" : e.text);
    size_t at = 0;
    int groups = 0;
    while (at < file.n) {
        REQUIRE(file.n - at >= 16);
        const uint8_t *p = (const uint8_t *)file.data + at;
        const uint32_t id = le32(p), n = le32(p + 4), bytes = le32(p + 8), values = le32(p + 12);
        const quant_type *q = quant_find(id);
        REQUIRE(q && q->block_bytes == bytes && q->block_values == values && values <= 256);
        REQUIRE(file.n - at - 16 >= (size_t)n * (bytes + 4 * values));
        const uint8_t *block = p + 16, *want = block + (size_t)n * bytes;
        for (uint32_t i = 0; i < n; i++, block += bytes) {
            float out[256];
            q->dequant(block, out, values);
            for (uint32_t j = 0; j < values; j++, want += 4)
                CHECK_SAY(f32_bits(out[j]) == le32(want), "%s block %u value %u: %a, not %a",
                          q->name, i, j, (double)out[j], (double)bits_f32(le32(want)));
        }
        at = (size_t)(want - (const uint8_t *)file.data);
        groups++;
    }
    CHECK(groups == 20);
    buf_free(&file);
}

TEST(several_blocks_decode_as_one_after_the_other_from_any_address) {
    uint8_t bytes[1 + 3 * 256];
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)(i * 37 ^ i >> 3);
    for (uint32_t id = 0; id < QUANT_IDS; id++) {
        const quant_type *q = quant_find(id);
        if (!q || !q->dequant) continue;
        float all[3 * 256], one[256];
        q->dequant(bytes + 1, all, 3 * q->block_values);
        for (uint32_t b = 0; b < 3; b++) {
            q->dequant(bytes + 1 + b * q->block_bytes, one, q->block_values);
            CHECK_SAY(!memcmp(one, all + b * q->block_values, q->block_values * sizeof *one), "%s",
                      q->name);
        }
    }
}

TEST(mxfp4_scales_reach_down_to_the_subnormals) {
    uint8_t block[17] = {0};
    float out[32];
    memset(block + 1, 0x21, 16); /* codes 1 and 2: values 1 and 2 */
    for (int e = 0; e < 256; e++) {
        block[0] = (uint8_t)e;
        quant_find(Q_MXFP4)->dequant(block, out, 32);
        CHECK_SAY(out[0] == (float)ldexp(1, e - 128), "e = %d", e);
        CHECK_SAY(out[16] == (float)ldexp(2, e - 128), "e = %d", e);
    }
}

TEST(an_iq1_m_block_has_its_scale_in_four_nibbles) {
    uint8_t block[56] = {0};
    float out[256];
    block[49] = 0x10, block[51] = 0x20, block[53] = 0x40, block[55] = 0x30; /* 0x3421 */
    quant_find(Q_IQ1_M)->dequant(block, out, 256);
    CHECK(out[0] == f16_to_f32(0x3421) * (-1 + 0.125f)); /* row 0 of the codebook is all -1 */
}

TESTS_MAIN
