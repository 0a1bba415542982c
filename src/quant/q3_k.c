/* q3_k: three-bit codes -4..3, 16 sub-blocks of 16 with a signed scale of six bits.
 *
 *      0            32                         96          108   110
 *      | hm: 1 bit  | q: 64 bytes, 2 bits each | s: 12     | d   |
 *
 *      y = (d * scale) * code
 *
 * Low bits lie as in Q2_K; bit i / 32 of hm[i % 32] is the high bit of code + 4. Scale j: nibble
 * in s[j % 8] (high half for j >= 8), high pair in bits 2 * (j / 4) of s[8 + j % 4]; less 32.
 */
#include "quant/formats.h"

static void unpack(const block_q3_k *b, int8_t code[256], int8_t scale[16]) {
    for (int g = 0; g < 8; g++) {
        const uint8_t *q = b->q + 32 * (g / 4);
        for (int l = 0; l < 32; l++) {
            const int low = q[l] >> 2 * (g % 4) & 3, high = b->hm[l] >> g & 1;
            code[32 * g + l] = (int8_t)((low | high << 2) - 4);
        }
    }
    for (int j = 0; j < 16; j++) {
        const int low = j < 8 ? b->s[j] & 15 : b->s[j - 8] >> 4;
        const int high = b->s[8 + j % 4] >> 2 * (j / 4) & 3;
        scale[j] = (int8_t)((low | high << 4) - 32);
    }
}

void q3_k_dequant(const void *blocks, float *out, size_t n) {
    const block_q3_k *b = blocks;
    int8_t code[256], scale[16];
    for (size_t i = 0; i < n / 256; i++, b++, out += 256) {
        const float d = f16_at(b->d);
        unpack(b, code, scale);
        put_values(out, d, scale, code);
    }
}

float q3_k_dot(const void *w, const q8_row *a, size_t n) {
    const block_q3_k *b = w;
    int8_t code[256], scale[16];
    double sum = 0;
    for (size_t i = 0; i < n / 256; i++, b++) {
        unpack(b, code, scale);
        sum += (double)f16_at(b->d) * dot_scaled(code, scale, a, i);
    }
    return (float)sum;
}
