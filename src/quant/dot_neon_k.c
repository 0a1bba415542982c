/* dot_neon_k: blocks of 32 values, and the K-quants: codes in bit fields.
 *
 * Codes become signed bytes as they are meant (less 4, less 32, through a table of 16), so
 * nothing is left to be subtracted but minima, which are floats.
 *
 * Blocks of 32 are taken eight at a time. The end of a row is copied into room for eight, with
 * zeros behind it: neither weights nor activations are read beyond the row.
 */
#include "quant/block_neon.h"
#include "quant/tables.h"

/* ---- blocks of 32 ---- */

typedef void (*codes_fn)(const uint8_t *block, int8x16_t c[2]);
typedef float (*scale_fn)(const uint8_t *block);

INLINE void q8_0_codes(const uint8_t *p, int8x16_t c[2]) {
    c[0] = vreinterpretq_s8_u8(vld1q_u8(p + 2));
    c[1] = vreinterpretq_s8_u8(vld1q_u8(p + 18));
}

INLINE void look_up(const uint8_t q[16], int8x16_t table, int8x16_t c[2]) {
    const uint8x16_t v = vld1q_u8(q);
    c[0] = vqtbl1q_s8(table, vandq_u8(v, vdupq_n_u8(15)));
    c[1] = vqtbl1q_s8(table, vshrq_n_u8(v, 4));
}

INLINE void q4_0_codes(const uint8_t *p, int8x16_t c[2]) {
    const uint8x16_t v = vld1q_u8(p + 2);
    const int8x16_t middle = vdupq_n_s8(8);
    c[0] = vsubq_s8(vreinterpretq_s8_u8(vandq_u8(v, vdupq_n_u8(15))), middle);
    c[1] = vsubq_s8(vreinterpretq_s8_u8(vshrq_n_u8(v, 4)), middle);
}

INLINE void iq4_nl_codes(const uint8_t *p, int8x16_t c[2]) {
    look_up(p + 2, vld1q_s8(iq4nl_values), c);
}

INLINE void mxfp4_codes(const uint8_t *p, int8x16_t c[2]) {
    look_up(p + 1, vld1q_s8(mxfp4_values), c);
}

INLINE float power_scale(const uint8_t *p) {
    return mxfp4_scale(*p);
}

/* The scales of 8 blocks: half floats are converted four at a time. */
INLINE void half_factors(const uint8_t *p, size_t bytes, float32x4_t factor[2]) {
#pragma GCC unroll 2
    for (size_t i = 0; i < 2; i++, p += 4 * bytes) {
        const uint64_t h = (uint64_t)le16(p) | (uint64_t)le16(p + bytes) << 16 |
                           (uint64_t)le16(p + 2 * bytes) << 32 |
                           (uint64_t)le16(p + 3 * bytes) << 48;
        factor[i] = vcvt_f32_f16(vreinterpret_f16_u64(vcreate_u64(h)));
    }
}

INLINE void power_factors(const uint8_t *p, size_t bytes, float32x4_t factor[2]) {
    float f[8];
    for (size_t i = 0; i < 8; i++) f[i] = power_scale(p + i * bytes);
    factor[0] = vld1q_f32(f);
    factor[1] = vld1q_f32(f + 4);
}

INLINE void unpack_32(codes_fn codes, scale_fn scale, size_t bytes, const uint8_t *p,
                      uint32_t groups, neon_block *out) {
    for (uint32_t g = 0; g < groups; g++, p += bytes) {
        int8x16_t c[2];
        codes(p, c);
        vst1q_s8(out->code + 32 * g, c[0]);
        vst1q_s8(out->code + 32 * g + 16, c[1]);
        out->factor[g] = scale(p);
    }
    memset(out->code + 32 * groups, 0, 32 * (8 - groups));
    for (uint32_t g = groups; g < 8; g++) out->factor[g] = 0;
    out->d = 1;
    out->dmin = 0;
}

/* sum + the product of less than eight blocks. */
INLINE float add_rest(float sum, codes_fn codes, scale_fn scale, size_t bytes, const uint8_t *p,
                      uint32_t groups, const int8_t *q, const float *d) {
    neon_block w;
    int8_t q8[256] = {0};
    float d8[8] = {0};
    loaded b;
    unpack_32(codes, scale, bytes, p, groups, &w);
    memcpy(q8, q, 32 * groups);
    memcpy(d8, d, groups * sizeof *d);
    for (int i = 0; i < 16; i++) b.c[i] = vld1q_s8(w.code + 16 * i);
    b.factor[0] = vld1q_f32(w.factor);
    b.factor[1] = vld1q_f32(w.factor + 4);
    return add_256(sum, NEON_FACTOR, 0, &b, q8, d8, NULL);
}

INLINE float row_of_32(codes_fn codes, scale_fn scale,
                       void (*factors)(const uint8_t *p, size_t bytes, float32x4_t factor[2]),
                       size_t bytes, const void *w, const q8_row *a, size_t n) {
    const uint8_t *p = w;
    const size_t blocks = n / 32;
    float sum = 0;
    size_t i = 0;
    for (; i + 8 <= blocks; i += 8, p += 8 * bytes) {
        loaded b;
        factors(p, bytes, b.factor);
#pragma GCC unroll 8
        for (size_t g = 0; g < 8; g++) codes(p + g * bytes, b.c + 2 * g);
        sum = add_256(sum, NEON_FACTOR, 0, &b, a->q + 32 * i, a->d + i, NULL);
    }
    if (i == blocks) return sum;
    return add_rest(sum, codes, scale, bytes, p, (uint32_t)(blocks - i), a->q + 32 * i, a->d + i);
}

#define BLOCKS_OF_32(name, scale, factors)                                                         \
    FAST(name) {                                                                                   \
        return row_of_32(name##_codes, scale, factors, sizeof(block_##name), w, a, n);             \
    }                                                                                              \
    void name##_unpack_neon(const uint8_t *w, uint32_t groups, neon_block *out) {                  \
        unpack_32(name##_codes, scale, sizeof(block_##name), w, groups, out);                      \
    }

BLOCKS_OF_32(q8_0, f16_one, half_factors)
BLOCKS_OF_32(q4_0, f16_one, half_factors)
BLOCKS_OF_32(iq4_nl, f16_one, half_factors)
BLOCKS_OF_32(mxfp4, power_scale, power_factors)

/* The 8 scales, six bits less 32. A block of 256, but its codes are nibbles. */
INLINE void iq4_xs_load(const uint8_t *p, loaded *b) {
    const block_iq4_xs *in = (const void *)p;
    static const int32_t by_four[8] = {0, -4, -8, -12, -16, -20, -24, -28};
    static const int32_t by_two[8] = {0, -2, -4, -6, -8, -10, -12, -14};
    const uint32x4_t low = vdupq_n_u32(le32(in->sl)), high = vdupq_n_u32(le16(in->sh));
#pragma GCC unroll 2
    for (int i = 0; i < 2; i++) {
        const uint32x4_t l = vshlq_u32(low, vld1q_s32(by_four + 4 * i));
        const uint32x4_t h = vshlq_u32(high, vld1q_s32(by_two + 4 * i));
        const uint32x4_t six =
            vorrq_u32(vandq_u32(l, vdupq_n_u32(15)), vshlq_n_u32(vandq_u32(h, vdupq_n_u32(3)), 4));
        b->by_32[i] = vsubq_s32(vreinterpretq_s32_u32(six), vdupq_n_s32(32));
    }
#pragma GCC unroll 8
    for (int g = 0; g < 8; g++) look_up(in->q + 16 * g, vld1q_s8(iq4nl_values), b->c + 2 * g);
    b->d = f16_one(in->d);
}

/* ---- K-quants ---- */

/* Eight or sixteen bytes as floats. */
INLINE void floats8(uint8x8_t v, float32x4_t out[2]) {
    const uint16x8_t w = vmovl_u8(v);
    out[0] = vcvtq_f32_u32(vmovl_u16(vget_low_u16(w)));
    out[1] = vcvtq_f32_u32(vmovl_high_u16(w));
}

INLINE void floats16(uint8x16_t v, float32x4_t out[4]) {
    floats8(vget_low_u8(v), out);
    floats8(vget_high_u8(v), out + 2);
}

/* Field k of two bits in each byte. */
INLINE uint8x16_t two_bits(uint8x16_t v, int k) {
    return vandq_u8(vshlq_u8(v, vdupq_n_s8((int8_t)(-2 * k))), vdupq_n_u8(3));
}

/* Bit k of each byte, moved to bit `to`. */
INLINE uint8x16_t one_bit(uint8x16_t v, int k, int to) {
    return vandq_u8(vshlq_u8(v, vdupq_n_s8((int8_t)(to - k))), vdupq_n_u8((uint8_t)(1 << to)));
}

INLINE int8x16_t less(uint8x16_t code, int8_t middle) {
    return vsubq_s8(vreinterpretq_s8_u8(code), vdupq_n_s8(middle));
}

INLINE void q2_k_load(const uint8_t *p, loaded *b) {
    const block_q2_k *in = (const void *)p;
    const uint8x16_t sc = vld1q_u8(in->sc);
    b->by_16 = vreinterpretq_s8_u8(vandq_u8(sc, vdupq_n_u8(15)));
    floats16(vshrq_n_u8(sc, 4), b->min);
#pragma GCC unroll 16
    for (int j = 0; j < 16; j++) { /* 16 values: quarter j / 2 % 4 of half j / 8 */
        const uint8x16_t bits = vld1q_u8(in->q + 32 * (j / 8) + 16 * (j % 2));
        b->c[j] = vreinterpretq_s8_u8(two_bits(bits, j / 2 % 4));
    }
    b->d = f16_one(in->d);
    b->dmin = f16_one(in->dmin);
}

/* 16 scales of six bits, less 32, in their order. */
INLINE int8x16_t scales_q3_k(const uint8_t s[12]) {
    static const int32_t right[4] = {0, -2, -4, -6};
    const uint8x8_t nib = vld1_u8(s);
    const uint8x16_t low = vcombine_u8(vand_u8(nib, vdup_n_u8(15)), vshr_n_u8(nib, 4));
    const uint32x4_t pairs = vshlq_u32(vdupq_n_u32(le32(s + 8)), vld1q_s32(right));
    const uint8x16_t high = vandq_u8(vreinterpretq_u8_u32(pairs), vdupq_n_u8(3));
    return less(vorrq_u8(low, vshlq_n_u8(high, 4)), 32);
}

INLINE void q3_k_load(const uint8_t *p, loaded *b) {
    const block_q3_k *in = (const void *)p;
    b->by_16 = scales_q3_k(in->s);
#pragma GCC unroll 16
    for (int j = 0; j < 16; j++) {
        const uint8x16_t bits = vld1q_u8(in->q + 32 * (j / 8) + 16 * (j % 2));
        const uint8x16_t high = one_bit(vld1q_u8(in->hm + 16 * (j % 2)), j / 2, 2);
        b->c[j] = less(vorrq_u8(two_bits(bits, j / 2 % 4), high), 4);
    }
    b->d = f16_one(in->d);
}

/* The 8 scales and 8 mins of Q4_K and Q5_K, one a byte. */
INLINE void scales_q4_k(const uint8_t s[12], loaded *b) {
    const uint32_t u = le32(s), v = le32(s + 4), w = le32(s + 8);
    const uint32_t low6 = 0x3f3f3f3f, low4 = 0x0f0f0f0f, low2 = 0x03030303;
    const uint64_t scales = (u & low6) | (uint64_t)((w & low4) | (u >> 6 & low2) << 4) << 32;
    const uint64_t mins = (v & low6) | (uint64_t)((w >> 4 & low4) | (v >> 6 & low2) << 4) << 32;
    const uint16x8_t wide = vmovl_u8(vcreate_u8(scales));
    b->by_32[0] = vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(wide)));
    b->by_32[1] = vreinterpretq_s32_u32(vmovl_high_u16(wide));
    floats8(vcreate_u8(mins), b->min);
}

/* 16 values: low nibbles for the even sub-blocks of 32, high for the odd. */
INLINE uint8x16_t nibbles(const uint8_t q[128], int j) {
    const uint8x16_t v = vld1q_u8(q + 32 * (j / 4) + 16 * (j % 2));
    return j / 2 % 2 ? vshrq_n_u8(v, 4) : vandq_u8(v, vdupq_n_u8(15));
}

INLINE void q4_k_load(const uint8_t *p, loaded *b) {
    const block_q4_k *in = (const void *)p;
    scales_q4_k(in->s, b);
#pragma GCC unroll 16
    for (int j = 0; j < 16; j++) b->c[j] = vreinterpretq_s8_u8(nibbles(in->q, j));
    b->d = f16_one(in->d);
    b->dmin = f16_one(in->dmin);
}

INLINE void q5_k_load(const uint8_t *p, loaded *b) {
    const block_q5_k *in = (const void *)p;
    scales_q4_k(in->s, b);
#pragma GCC unroll 16
    for (int j = 0; j < 16; j++) {
        const uint8x16_t fifth = one_bit(vld1q_u8(in->qh + 16 * (j % 2)), j / 2, 4);
        b->c[j] = vreinterpretq_s8_u8(vorrq_u8(nibbles(in->q, j), fifth));
    }
    b->d = f16_one(in->d);
    b->dmin = f16_one(in->dmin);
}

INLINE void q6_k_load(const uint8_t *p, loaded *b) {
    const block_q6_k *in = (const void *)p;
    b->by_16 = vld1q_s8(in->sc);
#pragma GCC unroll 16
    for (int j = 0; j < 16; j++) {
        const int half = j / 8, g = j / 2 % 4;
        const uint8x16_t low = vld1q_u8(in->ql + 64 * half + 32 * (g % 2) + 16 * (j % 2));
        const uint8x16_t nib = g / 2 ? vshrq_n_u8(low, 4) : vandq_u8(low, vdupq_n_u8(15));
        const uint8x16_t high = two_bits(vld1q_u8(in->qh + 32 * half + 16 * (j % 2)), g);
        b->c[j] = less(vorrq_u8(nib, vshlq_n_u8(high, 4)), 32);
    }
    b->d = f16_one(in->d);
}

FAST(q2_k) {
    return row_of_256(q2_k_load, sizeof(block_q2_k), NEON_BY_16, 16, w, a, n);
}

/* For tiles codes are multiplied with their scale, 3 * 15 at most: that saves the kernels a step
 * for each 16 of them. A product with one row is shorter with the scales behind the sums. */
void q2_k_unpack_neon(const uint8_t *w, uint32_t groups, neon_block *out) {
    (void)groups;
    loaded b;
    q2_k_load(w, &b);
#pragma GCC unroll 16
    for (int j = 0; j < 16; j++)
        b.c[j] = vmulq_s8(b.c[j], vqtbl1q_s8(b.by_16, vdupq_n_u8((uint8_t)j)));
    store_256(NEON_NONE, 16, &b, out);
}

BLOCKS_OF_256(iq4_xs, NEON_BY_32, 0)
BLOCKS_OF_256(q3_k, NEON_BY_16, 0)
BLOCKS_OF_256(q4_k, NEON_BY_32, 8)
BLOCKS_OF_256(q5_k, NEON_BY_32, 8)
BLOCKS_OF_256(q6_k, NEON_BY_16, 0)
