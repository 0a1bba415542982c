/* iq3: IQ3_XXS and IQ3_S: four magnitudes at a time from a codebook, signs apart.
 *
 *      IQ3_XXS  | d | 64 index bytes | 8 x u32: 4 x 7 signs, 4 bits of scale |                 98
 *      IQ3_S    | d | 64 index bytes | qh: 64 bits | 32 sign bytes | sc: 8 nibbles |          110
 *
 *      y = d * (0.5 + nibble) * 0.5 * (± magnitude)    IQ3_XXS: 4 12 20 28 36 44 52 62
 *      y = d * (1 + 2 * nibble) * (± magnitude)        IQ3_S: 1 3 .. 15
 *
 * Both have a scale for each 32 values; it is unpacked as the odd integer 2 * nibble + 1.
 */
#include "quant/formats.h"
#include "quant/tables.h"

/* Two rows of four as one row of eight. */
static uint64_t pair(uint32_t low, uint32_t high) { return low | (uint64_t)high << 32; }

static void unpack_xxs(const block_iq3_xxs *b, int8_t code[256], int8_t scale[16]) {
    for (int g = 0; g < 8; g++) {
        const uint32_t w = le32(b->sas + 4 * g);
        scale[2 * g] = scale[2 * g + 1] = (int8_t)(2 * (w >> 28) + 1);
        for (int l = 0; l < 4; l++) {
            const uint8_t *p = b->qs + 8 * g + 2 * l;
            put_row(code + 32 * g + 8 * l, pair(iq3xxs_grid[p[0]], iq3xxs_grid[p[1]]),
                    even_signs(w >> 7 * l & 127));
        }
    }
}

static void unpack_s(const block_iq3_s *b, int8_t code[256], int8_t scale[16]) {
    for (int i = 0; i < 32; i++) {
        const uint8_t *p = b->qs + 2 * i;
        const int high = b->qh[i / 4] >> 2 * (i % 4);
        put_row(code + 8 * i,
                pair(iq3s_grid[p[0] | (high & 1) << 8], iq3s_grid[p[1] | (high >> 1 & 1) << 8]),
                b->signs[i]);
    }
    for (int g = 0; g < 8; g++) {
        const int nibble = b->sc[g / 2] >> 4 * (g % 2) & 15;
        scale[2 * g] = scale[2 * g + 1] = (int8_t)(2 * nibble + 1);
    }
}

void iq3_xxs_dequant(const void *blocks, float *out, size_t n) {
    const block_iq3_xxs *b = blocks;
    int8_t code[256], scale[16];
    for (size_t i = 0; i < n / 256; i++, b++, out += 256) {
        const float d = f16_at(b->d);
        unpack_xxs(b, code, scale);
        for (int j = 0; j < 16; j++) {
            const float ds = d * (0.5f * (float)scale[j]) * 0.5f;
            for (int k = 16 * j; k < 16 * j + 16; k++) out[k] = ds * (float)code[k];
        }
    }
}

float iq3_xxs_dot(const void *w, const q8_row *a, size_t n) {
    const block_iq3_xxs *b = w;
    int8_t code[256], scale[16];
    double sum = 0;
    for (size_t i = 0; i < n / 256; i++, b++) {
        unpack_xxs(b, code, scale);
        sum += (double)f16_at(b->d) * 0.25 * dot_scaled(code, scale, a, i);
    }
    return (float)sum;
}

void iq3_s_dequant(const void *blocks, float *out, size_t n) {
    const block_iq3_s *b = blocks;
    int8_t code[256], scale[16];
    for (size_t i = 0; i < n / 256; i++, b++, out += 256) {
        const float d = f16_at(b->d);
        unpack_s(b, code, scale);
        put_values(out, d, scale, code);
    }
}

float iq3_s_dot(const void *w, const q8_row *a, size_t n) {
    const block_iq3_s *b = w;
    int8_t code[256], scale[16];
    double sum = 0;
    for (size_t i = 0; i < n / 256; i++, b++) {
        unpack_s(b, code, scale);
        sum += (double)f16_at(b->d) * dot_scaled(code, scale, a, i);
    }
    return (float)sum;
}
