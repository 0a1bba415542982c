/* block_neon: the single product and the stored form of a block, from one function a format.
 *
 * A format says how 256 of its values become codes and scales in registers (`load`). Products
 * with one row take them from there; `unpack` stores them for tiles.
 *
 *      codes . activations   sdot      4 lanes, each 4 products of bytes
 *      lanes folded          addp      four groups to the four lanes of one register
 *
 * Everything here is inlined with constants, so that registers are all that a `loaded` occupies.
 */
#ifndef DS4_QUANT_BLOCK_NEON_H
#define DS4_QUANT_BLOCK_NEON_H

#include "quant/dot_neon.h"

#define INLINE static inline __attribute__((always_inline))

typedef struct loaded {
    int8x16_t c[16];
    int8x16_t by_16;
    int32x4_t by_32[2];
    float32x4_t factor[2], min[4];
    float d, dmin;
} loaded;

typedef void (*load_fn)(const uint8_t *block, loaded *b);

INLINE int32x4_t fold4(int32x4_t r0, int32x4_t r1, int32x4_t r2, int32x4_t r3) {
    return vpaddq_s32(vpaddq_s32(r0, r1), vpaddq_s32(r2, r3));
}

INLINE int32x4_t dot_16(int8x16_t c, const int8_t *q) {
    return vdotq_s32(vdupq_n_s32(0), c, vld1q_s8(q));
}

INLINE int32x4_t dot_32(const int8x16_t *c, const int8_t *q) {
    return vdotq_s32(dot_16(c[0], q), c[1], vld1q_s8(q + 16));
}

/* The sums of four times 16 products, or of four times 32. */
INLINE int32x4_t sums_by_16(const int8x16_t *c, const int8_t *q) {
    return fold4(dot_16(c[0], q), dot_16(c[1], q + 16), dot_16(c[2], q + 32), dot_16(c[3], q + 48));
}

INLINE int32x4_t sums_by_32(const int8x16_t *c, const int8_t *q) {
    return fold4(dot_32(c, q), dot_32(c + 2, q + 32), dot_32(c + 4, q + 64), dot_32(c + 6, q + 96));
}

INLINE void widen(int8x16_t v, int32x4_t out[4]) {
    const int16x8_t low = vmovl_s8(vget_low_s8(v)), high = vmovl_high_s8(v);
    out[0] = vmovl_s16(vget_low_s16(low));
    out[1] = vmovl_high_s16(low);
    out[2] = vmovl_s16(vget_low_s16(high));
    out[3] = vmovl_high_s16(high);
}

/* S_g of the 8 groups. */
INLINE void integer_sums(neon_scales scales, const loaded *b, const int8_t *q, int32x4_t s[2]) {
    if (scales == NEON_BY_16) {
        int32x4_t k[4], u[4];
        widen(b->by_16, k);
#pragma GCC unroll 4
        for (int i = 0; i < 4; i++) u[i] = vmulq_s32(sums_by_16(b->c + 4 * i, q + 64 * i), k[i]);
        s[0] = vpaddq_s32(u[0], u[1]);
        s[1] = vpaddq_s32(u[2], u[3]);
        return;
    }
#pragma GCC unroll 2
    for (int i = 0; i < 2; i++) {
        s[i] = sums_by_32(b->c + 8 * i, q + 128 * i);
        if (scales == NEON_BY_32) s[i] = vmulq_s32(s[i], b->by_32[i]);
    }
}

/* m of a block: 16 minima, or 8. */
INLINE float min_sum(int n_mins, const loaded *b, const int16_t *sum16, const float *d) {
    const int16x8_t s0 = vld1q_s16(sum16), s1 = vld1q_s16(sum16 + 8);
    const float32x4_t d0 = vld1q_f32(d), d1 = vld1q_f32(d + 4);
    float32x4_t m;
    if (n_mins == 8) {
        const float32x4_t a0 = vcvtq_f32_s32(vpaddlq_s16(s0)), a1 = vcvtq_f32_s32(vpaddlq_s16(s1));
        m = vmulq_f32(b->min[0], vmulq_f32(a0, d0));
        return in_order(vfmaq_f32(m, b->min[1], vmulq_f32(a1, d1)));
    }
    m = vmulq_f32(b->min[0],
                  vmulq_f32(vcvtq_f32_s32(vmovl_s16(vget_low_s16(s0))), vzip1q_f32(d0, d0)));
    m = vfmaq_f32(m, b->min[1], vmulq_f32(vcvtq_f32_s32(vmovl_high_s16(s0)), vzip2q_f32(d0, d0)));
    m = vfmaq_f32(m, b->min[2],
                  vmulq_f32(vcvtq_f32_s32(vmovl_s16(vget_low_s16(s1))), vzip1q_f32(d1, d1)));
    m = vfmaq_f32(m, b->min[3], vmulq_f32(vcvtq_f32_s32(vmovl_high_s16(s1)), vzip2q_f32(d1, d1)));
    return in_order(m);
}

/* sum + the product of 256 values. */
INLINE float add_256(float sum, neon_scales scales, int n_mins, const loaded *b, const int8_t *q,
                     const float *d, const int16_t *sum16) {
    int32x4_t s[2];
    integer_sums(scales, b, q, s);
    float32x4_t x0 = vcvtq_f32_s32(s[0]), x1 = vcvtq_f32_s32(s[1]);
    if (scales == NEON_FACTOR) {
        x0 = vmulq_f32(x0, b->factor[0]);
        x1 = vmulq_f32(x1, b->factor[1]);
        return sum + over_groups(x0, x1, d);
    }
    sum = fused(over_groups(x0, x1, d), b->d, sum);
    return n_mins ? fused(-min_sum(n_mins, b, sum16, d), b->dmin, sum) : sum;
}

/* A row of blocks of 256. */
INLINE float row_of_256(load_fn load, size_t bytes, neon_scales scales, int n_mins, const void *w,
                        const q8_row *a, size_t n) {
    const uint8_t *p = w;
    float sum = 0;
    for (size_t i = 0; i < n / 256; i++, p += bytes) {
        loaded b;
        load(p, &b);
        sum = add_256(sum, scales, n_mins, &b, a->q + 256 * i, a->d + 8 * i, a->sum16 + 16 * i);
    }
    return sum;
}

INLINE void store_codes(const loaded *b, neon_block *out) {
#pragma GCC unroll 16
    for (int i = 0; i < 16; i++) vst1q_s8(out->code + 16 * i, b->c[i]);
}

INLINE void store_256(neon_scales scales, int n_mins, const loaded *b, neon_block *out) {
    store_codes(b, out);
    if (scales == NEON_BY_16) {
        int32x4_t k[4];
        widen(b->by_16, k);
#pragma GCC unroll 4
        for (int i = 0; i < 4; i++) vst1q_s32(out->scale + 4 * i, k[i]);
    } else if (scales == NEON_BY_32) {
        vst1q_s32(out->scale, b->by_32[0]);
        vst1q_s32(out->scale + 4, b->by_32[1]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < n_mins / 4; i++) vst1q_f32(out->min + 4 * i, b->min[i]);
    out->d = b->d;
    out->dmin = n_mins ? b->dmin : 0;
}

/* The single product and `unpack` of a format with blocks of 256. */
#define BLOCKS_OF_256(name, scales, n_mins)                                                        \
    FAST(name) {                                                                                   \
        return row_of_256(name##_load, sizeof(block_##name), scales, n_mins, w, a, n);             \
    }                                                                                              \
    void name##_unpack_neon(const uint8_t *w, uint32_t groups, neon_block *out) {                  \
        (void)groups;                                                                              \
        loaded b;                                                                                  \
        name##_load(w, &b);                                                                        \
        store_256(scales, n_mins, &b, out);                                                        \
    }

#define UNPACK(name, id)                                                                           \
    void name##_unpack_neon(const uint8_t *w, uint32_t groups, neon_block *out);
NEON_BLOCK_FORMATS(UNPACK)
#undef UNPACK

#endif
