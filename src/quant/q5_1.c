/* q5_1: Q4_1, Q5_0 and Q5_1: codes of four or five bits, 32 to a scale, with a minimum or without.
 *
 *      Q4_1   | d | m | q: 16 |              20     y = d * code + m
 *      Q5_0   | d | qh: 4 | q: 16 |          22     y = d * (code - 16)
 *      Q5_1   | d | m | qh: 4 | q: 16 |      24     y = d * code + m
 *
 * Byte j of q holds element j low and element j + 16 high; bit i of the u32 qh is the fifth bit of
 * element i. Other programs write these where a row is no whole number of blocks of 256. They are
 * read here, not written, and every instruction set has the products of this file.
 */
#include "quant/formats.h"

static void unpack_nibbles(const uint8_t q[16], int8_t code[32]) {
    for (int j = 0; j < 16; j++) {
        code[j] = (int8_t)(q[j] & 15);
        code[j + 16] = (int8_t)(q[j] >> 4);
    }
}

static void unpack_five(const uint8_t q[16], const uint8_t qh[4], int least, int8_t code[32]) {
    const uint32_t fifth = le32(qh);
    unpack_nibbles(q, code);
    for (int j = 0; j < 32; j++) code[j] = (int8_t)((code[j] | (int)(fifth >> j & 1) << 4) + least);
}

static void values(float d, float m, const int8_t code[32], float out[32]) {
    for (int j = 0; j < 32; j++) out[j] = d * (float)code[j] + m;
}

static double product(float d, const int8_t code[32], const q8_row *a, size_t at) {
    const int8_t *x = a->q + 32 * at;
    return (double)d * (double)a->d[at] * (dot16(code, x) + dot16(code + 16, x + 16));
}

/* What the minimum of block `at` adds. */
static double constant(float m, const q8_row *a, size_t at) {
    const int16_t *sum16 = a->sum16 + 2 * at;
    return (double)m * (double)a->d[at] * (sum16[0] + sum16[1]);
}

void q4_1_dequant(const void *blocks, float *out, size_t n) {
    const block_q4_1 *b = blocks;
    int8_t code[32];
    for (size_t i = 0; i < n / 32; i++, b++) {
        unpack_nibbles(b->q, code);
        values(f16_at(b->d), f16_at(b->m), code, out + 32 * i);
    }
}

float q4_1_dot(const void *w, const q8_row *a, size_t n) {
    const block_q4_1 *b = w;
    int8_t code[32];
    double sum = 0;
    for (size_t i = 0; i < n / 32; i++, b++) {
        unpack_nibbles(b->q, code);
        sum += product(f16_at(b->d), code, a, i);
        sum += constant(f16_at(b->m), a, i);
    }
    return (float)sum;
}

/* Not by way of a minimum of zero: that would make 0 of the -0 that a negative d gives. */
void q5_0_dequant(const void *blocks, float *out, size_t n) {
    const block_q5_0 *b = blocks;
    int8_t code[32];
    for (size_t i = 0; i < n / 32; i++, b++, out += 32) {
        const float d = f16_at(b->d);
        unpack_five(b->q, b->qh, -16, code);
        for (int j = 0; j < 32; j++) out[j] = d * (float)code[j];
    }
}

float q5_0_dot(const void *w, const q8_row *a, size_t n) {
    const block_q5_0 *b = w;
    int8_t code[32];
    double sum = 0;
    for (size_t i = 0; i < n / 32; i++, b++) {
        unpack_five(b->q, b->qh, -16, code);
        sum += product(f16_at(b->d), code, a, i);
    }
    return (float)sum;
}

void q5_1_dequant(const void *blocks, float *out, size_t n) {
    const block_q5_1 *b = blocks;
    int8_t code[32];
    for (size_t i = 0; i < n / 32; i++, b++) {
        unpack_five(b->q, b->qh, 0, code);
        values(f16_at(b->d), f16_at(b->m), code, out + 32 * i);
    }
}

float q5_1_dot(const void *w, const q8_row *a, size_t n) {
    const block_q5_1 *b = w;
    int8_t code[32];
    double sum = 0;
    for (size_t i = 0; i < n / 32; i++, b++) {
        unpack_five(b->q, b->qh, 0, code);
        sum += product(f16_at(b->d), code, a, i);
        sum += constant(f16_at(b->m), a, i);
    }
    return (float)sum;
}
