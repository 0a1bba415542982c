/* q4_k: Q4_K and Q5_K: codes of four or five bits, 8 sub-blocks of 32 with a scale and a
 * minimum of six bits each.
 *
 *      0   2      4       16                         144
 *      | d | dmin | s: 12 | q: 128 bytes             |            Q4_K
 *      | d | dmin | s: 12 | qh: 32  | q: 128 bytes   |            Q5_K (176)
 *
 *      y = (d * scale) * code - dmin * min
 *
 * 64 values share 32 bytes of q: the even sub-block has the low nibbles. Bit j of qh[l] is the
 * fifth bit of element l of sub-block j.
 *
 *      s[0..3]    low 6 bits: scale 0..3    high 2 bits: top of scale 4..7
 *      s[4..7]    low 6 bits: min   0..3    high 2 bits: top of min   4..7
 *      s[8..11]   low nibbles of scale 4..7 | low nibbles of min 4..7
 */
#include "quant/formats.h"

/* Each scale and min twice: once for each 16 of its 32 values. */
static void unpack_scales(const uint8_t s[12], int8_t scale[16], int8_t min[16]) {
    for (int j = 0; j < 8; j++) {
        const int k = j - 4;
        const int sc = j < 4 ? s[j] & 63 : (s[8 + k] & 15) | s[k] >> 6 << 4;
        const int m = j < 4 ? s[4 + j] & 63 : s[8 + k] >> 4 | s[4 + k] >> 6 << 4;
        scale[2 * j] = scale[2 * j + 1] = (int8_t)sc;
        min[2 * j] = min[2 * j + 1] = (int8_t)m;
    }
}

static void unpack_nibbles(const uint8_t q[128], int8_t code[256]) {
    for (int g = 0; g < 4; g++, q += 32, code += 64)
        for (int l = 0; l < 32; l++) {
            code[l] = (int8_t)(q[l] & 15);
            code[32 + l] = (int8_t)(q[l] >> 4);
        }
}

static void unpack_fifth_bits(const uint8_t qh[32], int8_t code[256]) {
    for (int g = 0; g < 8; g++, code += 32)
        for (int l = 0; l < 32; l++) code[l] = (int8_t)(code[l] | (qh[l] >> g & 1) << 4);
}

static void values(const uint8_t d16[2], const uint8_t dmin16[2], const int8_t code[256],
                   const int8_t scale[16], const int8_t min[16], float out[256]) {
    const float d = f16_at(d16), dmin = f16_at(dmin16);
    for (int j = 0; j < 16; j++) {
        const float ds = d * (float)scale[j], m = dmin * (float)min[j];
        for (int k = 16 * j; k < 16 * j + 16; k++) out[k] = ds * (float)code[k] - m;
    }
}

void q4_k_dequant(const void *blocks, float *out, size_t n) {
    const block_q4_k *b = blocks;
    int8_t code[256], scale[16], min[16];
    for (size_t i = 0; i < n / 256; i++, b++) {
        unpack_scales(b->s, scale, min);
        unpack_nibbles(b->q, code);
        values(b->d, b->dmin, code, scale, min, out + 256 * i);
    }
}

float q4_k_dot(const void *w, const q8_row *a, size_t n) {
    const block_q4_k *b = w;
    int8_t code[256], scale[16], min[16];
    double sum = 0;
    for (size_t i = 0; i < n / 256; i++, b++) {
        unpack_scales(b->s, scale, min);
        unpack_nibbles(b->q, code);
        sum += (double)f16_at(b->d) * dot_scaled(code, scale, a, i);
        sum -= (double)f16_at(b->dmin) * dot_mins(min, a, i);
    }
    return (float)sum;
}

void q5_k_dequant(const void *blocks, float *out, size_t n) {
    const block_q5_k *b = blocks;
    int8_t code[256], scale[16], min[16];
    for (size_t i = 0; i < n / 256; i++, b++) {
        unpack_scales(b->s, scale, min);
        unpack_nibbles(b->q, code);
        unpack_fifth_bits(b->qh, code);
        values(b->d, b->dmin, code, scale, min, out + 256 * i);
    }
}

float q5_k_dot(const void *w, const q8_row *a, size_t n) {
    const block_q5_k *b = w;
    int8_t code[256], scale[16], min[16];
    double sum = 0;
    for (size_t i = 0; i < n / 256; i++, b++) {
        unpack_scales(b->s, scale, min);
        unpack_nibbles(b->q, code);
        unpack_fifth_bits(b->qh, code);
        sum += (double)f16_at(b->d) * dot_scaled(code, scale, a, i);
        sum -= (double)f16_at(b->dmin) * dot_mins(min, a, i);
    }
    return (float)sum;
}
