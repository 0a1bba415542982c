/* q8_0: 32 bytes and a half float: y = d * q.
 *
 *      0    2                    34
 *      | d  | q0 q1 ...      q31 |
 *
 * Also the rounding of activation rows to 8 bits, which is the same idea with a float32 scale.
 */
#include <math.h>

#include "quant/formats.h"

void q8_0_dequant(const void *blocks, float *out, size_t n) {
    const block_q8_0 *b = blocks;
    for (size_t i = 0; i < n / 32; i++, b++, out += 32) {
        const float d = f16_at(b->d);
        for (int j = 0; j < 32; j++) out[j] = d * (float)b->q[j];
    }
}

float q8_0_dot(const void *w, const q8_row *a, size_t n) {
    const block_q8_0 *b = w;
    double sum = 0;
    for (size_t i = 0; i < n / 32; i++, b++) {
        const int8_t *q = a->q + 32 * i;
        const int32_t s = dot16(b->q, q) + dot16(b->q + 16, q + 16);
        sum += (double)f16_at(b->d) * (double)a->d[i] * s;
    }
    return (float)sum;
}

/* Magnitudes are compared as integers: their order is that of the floats, and whatever is
 * not finite stands above all of them. */
void q8_round(const float *x, size_t n, int8_t *q, float *d, int16_t *sum16) {
    for (size_t i = 0; i < n / 32; i++, x += 32, q += 32, sum16 += 2) {
        uint32_t top = 0;
        for (int j = 0; j < 32; j++) {
            const uint32_t v = f32_bits(x[j]) & 0x7fffffffu;
            top = v > top ? v : top;
        }
        const float scale = bits_f32(top) / 127.0f;
        const bool zero = top >= 0x7f800000u || scale == 0;
        d[i] = top >= 0x7f800000u ? NAN : scale;
        if (zero) {
            memset(q, 0, 32);
            sum16[0] = sum16[1] = 0;
            continue;
        }
        for (int j = 0; j < 32; j++) {
            /* A subnormal scale is coarse: only then can a quotient pass 127. */
            const int32_t v = round_even(x[j] / scale);
            q[j] = (int8_t)(v > 127 ? 127 : v < -127 ? -127 : v);
        }
        int32_t low = 0, high = 0;
        for (int j = 0; j < 16; j++) {
            low += q[j];
            high += q[16 + j];
        }
        sum16[0] = (int16_t)low;
        sum16[1] = (int16_t)high;
    }
}
