/* q6_k: six-bit codes -32..31, 16 sub-blocks of 16 with a signed byte of scale.
 *
 *      0                      128                 192      208  210
 *      | ql: low nibbles      | qh: high pairs    | sc: 16 | d  |
 *
 *      y = (d * sc) * (code - 32)
 *
 * Per half (128 values): 64 bytes of ql, 32 of qh. Quarter g of the half has its nibbles in bytes
 * 32 * (g % 2) + l of ql, low for g < 2 and high for the rest, and its pairs in bits 2g of qh[l].
 */
#include "quant/formats.h"

static void unpack(const block_q6_k *b, int8_t code[256]) {
    for (int i = 0; i < 8; i++) {
        const int half = i / 4, g = i % 4;
        const uint8_t *ql = b->ql + 64 * half + 32 * (g % 2), *qh = b->qh + 32 * half;
        for (int l = 0; l < 32; l++) {
            const int low = ql[l] >> 4 * (g / 2) & 15, high = qh[l] >> 2 * g & 3;
            code[32 * i + l] = (int8_t)((low | high << 4) - 32);
        }
    }
}

void q6_k_dequant(const void *blocks, float *out, size_t n) {
    const block_q6_k *b = blocks;
    int8_t code[256];
    for (size_t i = 0; i < n / 256; i++, b++, out += 256) {
        const float d = f16_at(b->d);
        unpack(b, code);
        put_values(out, d, b->sc, code);
    }
}

float q6_k_dot(const void *w, const q8_row *a, size_t n) {
    const block_q6_k *b = w;
    int8_t code[256];
    double sum = 0;
    for (size_t i = 0; i < n / 256; i++, b++) {
        unpack(b, code);
        sum += (double)f16_at(b->d) * dot_scaled(code, b->sc, a, i);
    }
    return (float)sum;
}
