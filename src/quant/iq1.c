/* iq1: IQ1_S and IQ1_M: rows of eight -1, 0, 1 from a codebook of 2048, all shifted by ±1/8.
 *
 *      IQ1_S   | d | 32 index bytes | 8 x u16: 4 x 3 high index bits, scale, shift |     50
 *      IQ1_M   | 32 index bytes | 32 nibbles: 3 high index bits, shift | 4 x u16 |       56
 *              each u16: 4 scales, then a nibble of the half float d (low nibble first)
 *
 *      y = d * (2 * scale + 1) * (code ± 1/8)
 *
 * IQ1_S has a scale and a shift for each 32 values, IQ1_M a scale for each 16 and a shift for
 * each 8. A scale has 3 bits; a set shift bit means minus. Codes are unpacked in eighths,
 * 8 * code ± 1, which both a byte and a float32 hold exactly.
 */
#include "quant/formats.h"
#include "quant/tables.h"

static void put_eighths(int8_t c[8], uint64_t row, int shift) {
    for (int j = 0; j < 8; j++) c[j] = (int8_t)(8 * (int8_t)(row >> 8 * j & 255) + shift);
}

static void unpack_s(const block_iq1_s *b, int8_t code[256], int8_t scale[16]) {
    for (int g = 0; g < 8; g++) {
        const int h = le16(b->qh + 2 * g);
        scale[2 * g] = scale[2 * g + 1] = (int8_t)(2 * (h >> 12 & 7) + 1);
        for (int l = 0; l < 4; l++)
            put_eighths(code + 32 * g + 8 * l, iq1s_grid[b->qs[4 * g + l] | (h >> 3 * l & 7) << 8],
                        h & 0x8000 ? -1 : 1);
    }
}

static void unpack_m(const block_iq1_m *b, int8_t code[256], int8_t scale[16]) {
    for (int i = 0; i < 32; i++) {
        const int h = b->qh[i / 2] >> 4 * (i % 2);
        put_eighths(code + 8 * i, iq1s_grid[b->qs[i] | (h & 7) << 8], h & 8 ? -1 : 1);
    }
    for (int j = 0; j < 16; j++)
        scale[j] = (int8_t)(2 * (le16(b->s + 2 * (j / 4)) >> 3 * (j % 4) & 7) + 1);
}

static float scale_m(const block_iq1_m *b) {
    uint32_t h = 0;
    for (int i = 0; i < 4; i++) h |= (uint32_t)(le16(b->s + 2 * i) >> 12) << 4 * i;
    return f16_to_f32((uint16_t)h);
}

static void values(float d, const int8_t code[256], const int8_t scale[16], float out[256]) {
    for (int j = 0; j < 16; j++) {
        const float ds = d * (float)scale[j];
        for (int k = 16 * j; k < 16 * j + 16; k++) out[k] = ds * (0.125f * (float)code[k]);
    }
}

void iq1_s_dequant(const void *blocks, float *out, size_t n) {
    const block_iq1_s *b = blocks;
    int8_t code[256], scale[16];
    for (size_t i = 0; i < n / 256; i++, b++) {
        unpack_s(b, code, scale);
        values(f16_at(b->d), code, scale, out + 256 * i);
    }
}

float iq1_s_dot(const void *w, const q8_row *a, size_t n) {
    const block_iq1_s *b = w;
    int8_t code[256], scale[16];
    double sum = 0;
    for (size_t i = 0; i < n / 256; i++, b++) {
        unpack_s(b, code, scale);
        sum += (double)f16_at(b->d) * 0.125 * dot_scaled(code, scale, a, i);
    }
    return (float)sum;
}

void iq1_m_dequant(const void *blocks, float *out, size_t n) {
    const block_iq1_m *b = blocks;
    int8_t code[256], scale[16];
    for (size_t i = 0; i < n / 256; i++, b++) {
        unpack_m(b, code, scale);
        values(scale_m(b), code, scale, out + 256 * i);
    }
}

float iq1_m_dot(const void *w, const q8_row *a, size_t n) {
    const block_iq1_m *b = w;
    int8_t code[256], scale[16];
    double sum = 0;
    for (size_t i = 0; i < n / 256; i++, b++) {
        unpack_m(b, code, scale);
        sum += (double)scale_m(b) * 0.125 * dot_scaled(code, scale, a, i);
    }
    return (float)sum;
}
