/* q2_k: two-bit codes, 16 sub-blocks of 16 with a scale and a minimum of four bits each.
 *
 *      0           16                         80  82    84
 *      | 16 sc     | q: 64 bytes, 4 codes each | d | dmin |
 *
 *      y = (d * (sc & 15)) * code - dmin * (sc >> 4)
 *
 * Byte l of a half (32 bytes, 128 values) holds the codes of elements l, l + 32, l + 64, l + 96.
 */
#include "quant/formats.h"

static void unpack(const block_q2_k *b, int8_t code[256], int8_t scale[16], int8_t min[16]) {
    for (int g = 0; g < 8; g++) {
        const uint8_t *q = b->q + 32 * (g / 4);
        for (int l = 0; l < 32; l++) code[32 * g + l] = (int8_t)(q[l] >> 2 * (g % 4) & 3);
    }
    for (int j = 0; j < 16; j++) {
        scale[j] = (int8_t)(b->sc[j] & 15);
        min[j] = (int8_t)(b->sc[j] >> 4);
    }
}

void q2_k_dequant(const void *blocks, float *out, size_t n) {
    const block_q2_k *b = blocks;
    int8_t code[256], scale[16], min[16];
    for (size_t i = 0; i < n / 256; i++, b++, out += 256) {
        const float d = f16_at(b->d), dmin = f16_at(b->dmin);
        unpack(b, code, scale, min);
        for (int j = 0; j < 16; j++) {
            const float ds = d * (float)scale[j], m = dmin * (float)min[j];
            for (int k = 16 * j; k < 16 * j + 16; k++) out[k] = ds * (float)code[k] - m;
        }
    }
}

float q2_k_dot(const void *w, const q8_row *a, size_t n) {
    const block_q2_k *b = w;
    int8_t code[256], scale[16], min[16];
    double sum = 0;
    for (size_t i = 0; i < n / 256; i++, b++) {
        unpack(b, code, scale, min);
        sum += (double)f16_at(b->d) * dot_scaled(code, scale, a, i);
        sum -= (double)f16_at(b->dmin) * dot_mins(min, a, i);
    }
    return (float)sum;
}
