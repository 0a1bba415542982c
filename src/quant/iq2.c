/* iq2: IQ2_XXS, IQ2_XS and IQ2_S: eight magnitudes at a time from a codebook, signs apart.
 *
 *      IQ2_XXS  | d | 8 x { 4 index bytes, u32: 4 x 7 signs, 4 bits of scale }    |        66
 *      IQ2_XS   | d | 32 x u16: 9 bits of index, 7 signs          | sc: 8         |        74
 *      IQ2_S    | d | 32 index bytes | 32 sign bytes | qh: 8 x 4 pairs | sc: 8    |        82
 *
 *      y = d * (0.5 + nibble) * 0.25 * (± magnitude)
 *
 * Magnitudes are 8, 25 and 43. IQ2_XXS has a scale for each 32 values, the others for each 16
 * (sc: low nibble first). Where signs are seven bits, the eighth makes the number of minus
 * signs even.
 *
 * Scales are unpacked as odd integers 2 * nibble + 1, an eighth of which is (0.5 + nibble) * 0.25.
 */
#include "quant/formats.h"
#include "quant/tables.h"

static void unpack_xxs(const block_iq2_xxs *b, int8_t code[256], int8_t scale[16]) {
    for (int g = 0; g < 8; g++) {
        const uint8_t *p = b->qs + 8 * g;
        const uint32_t w = le32(p + 4);
        scale[2 * g] = scale[2 * g + 1] = (int8_t)(2 * (w >> 28) + 1);
        for (int l = 0; l < 4; l++)
            put_row(code + 32 * g + 8 * l, iq2xxs_grid[p[l]], even_signs(w >> 7 * l & 127));
    }
}

static void unpack_nibbles(const uint8_t sc[8], int8_t scale[16]) {
    for (int g = 0; g < 8; g++) {
        scale[2 * g] = (int8_t)(2 * (sc[g] & 15) + 1);
        scale[2 * g + 1] = (int8_t)(2 * (sc[g] >> 4) + 1);
    }
}

static void unpack_xs(const block_iq2_xs *b, int8_t code[256], int8_t scale[16]) {
    for (int i = 0; i < 32; i++) {
        const uint32_t q = le16(b->qs + 2 * i);
        put_row(code + 8 * i, iq2xs_grid[q & 511], even_signs(q >> 9));
    }
    unpack_nibbles(b->sc, scale);
}

static void unpack_s(const block_iq2_s *b, int8_t code[256], int8_t scale[16]) {
    for (int i = 0; i < 32; i++) {
        const int high = b->qh[i / 4] >> 2 * (i % 4) & 3;
        put_row(code + 8 * i, iq2s_grid[b->qs[i] | high << 8], b->signs[i]);
    }
    unpack_nibbles(b->sc, scale);
}

static void values(const uint8_t d16[2], const int8_t code[256], const int8_t scale[16],
                   float out[256]) {
    const float d = f16_at(d16);
    for (int j = 0; j < 16; j++) {
        const float ds = d * (0.5f * (float)scale[j]) * 0.25f;
        for (int k = 16 * j; k < 16 * j + 16; k++) out[k] = ds * (float)code[k];
    }
}

static double product(const uint8_t d16[2], const int8_t code[256], const int8_t scale[16],
                      const q8_row *a, size_t at) {
    return (double)f16_at(d16) * 0.125 * dot_scaled(code, scale, a, at);
}

void iq2_xxs_dequant(const void *blocks, float *out, size_t n) {
    const block_iq2_xxs *b = blocks;
    int8_t code[256], scale[16];
    for (size_t i = 0; i < n / 256; i++, b++) {
        unpack_xxs(b, code, scale);
        values(b->d, code, scale, out + 256 * i);
    }
}

float iq2_xxs_dot(const void *w, const q8_row *a, size_t n) {
    const block_iq2_xxs *b = w;
    int8_t code[256], scale[16];
    double sum = 0;
    for (size_t i = 0; i < n / 256; i++, b++) {
        unpack_xxs(b, code, scale);
        sum += product(b->d, code, scale, a, i);
    }
    return (float)sum;
}

void iq2_xs_dequant(const void *blocks, float *out, size_t n) {
    const block_iq2_xs *b = blocks;
    int8_t code[256], scale[16];
    for (size_t i = 0; i < n / 256; i++, b++) {
        unpack_xs(b, code, scale);
        values(b->d, code, scale, out + 256 * i);
    }
}

float iq2_xs_dot(const void *w, const q8_row *a, size_t n) {
    const block_iq2_xs *b = w;
    int8_t code[256], scale[16];
    double sum = 0;
    for (size_t i = 0; i < n / 256; i++, b++) {
        unpack_xs(b, code, scale);
        sum += product(b->d, code, scale, a, i);
    }
    return (float)sum;
}

void iq2_s_dequant(const void *blocks, float *out, size_t n) {
    const block_iq2_s *b = blocks;
    int8_t code[256], scale[16];
    for (size_t i = 0; i < n / 256; i++, b++) {
        unpack_s(b, code, scale);
        values(b->d, code, scale, out + 256 * i);
    }
}

float iq2_s_dot(const void *w, const q8_row *a, size_t n) {
    const block_iq2_s *b = w;
    int8_t code[256], scale[16];
    double sum = 0;
    for (size_t i = 0; i < n / 256; i++, b++) {
        unpack_s(b, code, scale);
        sum += product(b->d, code, scale, a, i);
    }
    return (float)sum;
}
