/* formats: what the files of this room share, and what each of them offers to the tables.
 *
 * Most formats of 256 values are one idea: integer codes, an integer scale for each 16 of them, a
 * float d over all. Their files unpack a block to that form; the values and the products follow
 * from it. Integer sums are exact: 32 products of a code, an activation code and a scale, each
 * at most 2^7, stay below 2^31.
 */
#ifndef DS4_QUANT_FORMATS_H
#define DS4_QUANT_FORMATS_H

#include "base/le.h"
#include "quant/blocks.h"
#include "quant/quant.h"

#define FORMAT(name)                                                                            \
    void name##_dequant(const void *blocks, float *out, size_t n);                              \
    float name##_dot(const void *w, const q8_row *a, size_t n)

FORMAT(f32);
FORMAT(f16);
FORMAT(bf16);
FORMAT(q8_0);
FORMAT(q4_0);
FORMAT(q4_1);
FORMAT(q5_0);
FORMAT(q5_1);
FORMAT(iq4_nl);
FORMAT(mxfp4);
FORMAT(q2_k);
FORMAT(q3_k);
FORMAT(q4_k);
FORMAT(q5_k);
FORMAT(q6_k);
FORMAT(iq2_xxs);
FORMAT(iq2_xs);
FORMAT(iq2_s);
FORMAT(iq3_xxs);
FORMAT(iq3_s);
FORMAT(iq1_s);
FORMAT(iq1_m);
FORMAT(iq4_xs);
#undef FORMAT

/* The products that all sets share: these formats fill in for others in few, short rows. */
#define SHARED_PRODUCTS [Q_Q4_1] = q4_1_dot, [Q_Q5_0] = q5_0_dot, [Q_Q5_1] = q5_1_dot

/* The parts of dot_scalar() that belong to no block format. */
float dot_f32(const float *w, const float *x, size_t n);
float dot_exact(const float *w, const float *x, size_t n);
void q8_round(const float *x, size_t n, int8_t *q, float *d, int16_t *sum16);

/* The set for x86 with AVX2, FMA and F16C; only where dot_avx2.c is compiled. */
const dot_set *dot_avx2(void);
/* With AVX-512 F, BW, DQ, VL and VNNI; and with AMX-INT8 besides. Only where they are compiled. */
const dot_set *dot_avx512(void);
const dot_set *dot_amx(void);

/* For aarch64 with dot products of bytes; and with matrix products of bytes besides. */
const dot_set *dot_neon(void);
const dot_set *dot_i8mm(void);

const struct float_loops *loops_avx2(void); /* where dot_avx2() is */

/* Formats that need no search, finite for finite input. */
void f32_write(const float *x, const float *weight, void *out, size_t n);
void f16_write(const float *x, const float *weight, void *out, size_t n);
void bf16_write(const float *x, const float *weight, void *out, size_t n);
void q8_0_write(const float *x, const float *weight, void *out, size_t n);

/* Nearest integer, ties to even, for |x| < 2^22: the sum has no bits left for a fraction. */
static inline int32_t round_even(float x) {
    return (int32_t)((x + 0x1.8p23f) - 0x1.8p23f);
}

/* 2^(e-128), the scale of MXFP4; the lowest two are subnormal. */
static inline float mxfp4_scale(uint8_t e) {
    return bits_f32(e < 2 ? 0x00200000u << e : (uint32_t)(e - 1) << 23);
}

static inline float f16_at(const uint8_t p[2]) { return f16_to_f32(le16(p)); }

/* out = (d * scale) * code, in this order. */
static inline void put_values(float out[256], float d, const int8_t scale[16],
                              const int8_t code[256]) {
    for (int j = 0; j < 16; j++) {
        const float ds = d * (float)scale[j];
        for (int k = 16 * j; k < 16 * j + 16; k++) out[k] = ds * (float)code[k];
    }
}

/* Sum of the products of 16 codes. */
static inline int32_t dot16(const int8_t *c, const int8_t *q) {
    int32_t sum = 0;
    for (int i = 0; i < 16; i++) sum += c[i] * q[i];
    return sum;
}

/* Block `at` of 256 against the activations: sum of scale * code * activation. */
static inline double dot_scaled(const int8_t c[256], const int8_t scale[16], const q8_row *a,
                                size_t at) {
    const int8_t *q = a->q + 256 * at;
    const float *d = a->d + 8 * at;
    double sum = 0;
    for (int k = 0; k < 8; k++, c += 32, q += 32) {
        const int32_t s = scale[2 * k] * dot16(c, q) + scale[2 * k + 1] * dot16(c + 16, q + 16);
        sum += (double)d[k] * s;
    }
    return sum;
}

/* The same for a constant: sum of min * activation. */
static inline double dot_mins(const int8_t min[16], const q8_row *a, size_t at) {
    const int16_t *sum16 = a->sum16 + 16 * at;
    const float *d = a->d + 8 * at;
    double sum = 0;
    for (int k = 0; k < 8; k++)
        sum += (double)d[k] * (min[2 * k] * sum16[2 * k] + min[2 * k + 1] * sum16[2 * k + 1]);
    return sum;
}

/* A row of 8 codes from a codebook; byte 0 is element 0. Bit j of `signs` turns element j. */
static inline void put_row(int8_t c[8], uint64_t row, uint32_t signs) {
    for (int j = 0; j < 8; j++) {
        const int8_t v = (int8_t)(row >> 8 * j & 255);
        c[j] = (int8_t)(signs >> j & 1 ? -v : v);
    }
}

/* Seven stored sign bits; the eighth makes the number of minus signs even. */
static inline uint32_t even_signs(uint32_t bits) {
    uint32_t odd = bits ^ bits >> 4;
    odd ^= odd >> 2;
    odd ^= odd >> 1;
    return bits | (odd & 1) << 7;
}

#endif
