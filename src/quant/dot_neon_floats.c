/* dot_neon_floats: F32, F16 and BF16 weights with float32 activations, and what a set needs beside
 * the formats.
 *
 * A row sums in two registers, which is too few for the processor to be busy with one row: tiles
 * take two rows of weights at a time, and four rows of activations where there are so many.
 *
 * I1  q8, exact and the half floats give the bits of the scalar set: division and conversions
 *     are those of IEEE 754, and float64 products of float32 are exact, so fusing them with the
 *     sum changes nothing.
 */
#include <math.h>

#include "quant/dot_neon.h"

#define INLINE static inline __attribute__((always_inline))

/* ---- reading weights: four, or one ---- */

typedef float32x4_t (*four_fn)(const uint8_t *p);
typedef float (*one_fn)(const uint8_t *p);

INLINE float32x4_t f32_four(const uint8_t *p) {
    return vreinterpretq_f32_u8(vld1q_u8(p));
}
INLINE float32x4_t f16_four(const uint8_t *p) {
    return vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(p)));
}
INLINE float32x4_t bf16_four(const uint8_t *p) {
    return vreinterpretq_f32_u32(vshll_n_u16(vreinterpret_u16_u8(vld1_u8(p)), 16));
}
INLINE float f32_one(const uint8_t *p) {
    return bits_f32(le32(p));
}
INLINE float f16_value(const uint8_t *p) {
    return f16_one(p);
}
INLINE float bf16_one(const uint8_t *p) {
    return bits_f32((uint32_t)le16(p) << 16);
}

/* ---- products ---- */

static inline float fold_two(float32x4_t low, float32x4_t high) {
    return in_order(vaddq_f32(low, high));
}

/* NW rows of weights with NA rows of activations: the one place where floats are summed. */
INLINE void cell(four_fn four, one_fn one, size_t bytes, const uint8_t *w, size_t w_stride, int nw,
                 const float *const *x, int na, size_t n, float *out, size_t out_stride) {
    float32x4_t s[2][4][2];
    for (int o = 0; o < nw; o++)
        for (int i = 0; i < na; i++) s[o][i][0] = s[o][i][1] = vdupq_n_f32(0);
    size_t at = 0;
    for (; at + 8 <= n; at += 8) {
#pragma GCC unroll 2
        for (size_t h = 0; h < 2; h++) {
            float32x4_t v[2];
#pragma GCC unroll 2
            for (int o = 0; o < nw; o++)
                v[o] = four(w + (size_t)o * w_stride + (at + 4 * h) * bytes);
#pragma GCC unroll 4
            for (int i = 0; i < na; i++) {
                const float32x4_t a = vld1q_f32(x[i] + at + 4 * h);
#pragma GCC unroll 2
                for (int o = 0; o < nw; o++) s[o][i][h] = vfmaq_f32(s[o][i][h], v[o], a);
            }
        }
    }
#pragma GCC unroll 2
    for (int o = 0; o < nw; o++) {
#pragma GCC unroll 4
        for (int i = 0; i < na; i++) {
            float sum = fold_two(s[o][i][0], s[o][i][1]);
            for (size_t k = at; k < n; k++)
                sum = fused(one(w + (size_t)o * w_stride + k * bytes), x[i][k], sum);
            out[(size_t)i * out_stride + (size_t)o] = sum;
        }
    }
}

INLINE float row(four_fn four, one_fn one, size_t bytes, const void *w, const float *x, size_t n) {
    float sum;
    cell(four, one, bytes, w, 0, 1, &x, 1, n, &sum, 0);
    return sum;
}

/* NW rows of weights with all rows of activations. */
INLINE void rows_of(four_fn four, one_fn one, size_t bytes, const uint8_t *w, size_t w_stride,
                    int nw, const q8_rows *a, const uint32_t *rows, uint32_t n_a, size_t n,
                    float *out, size_t out_stride) {
    const float *x[4];
    uint32_t i = 0;
    for (; i + 4 <= n_a; i += 4) {
        for (uint32_t k = 0; k < 4; k++) x[k] = a->x + (rows ? rows[i + k] : i + k) * a->stride;
        cell(four, one, bytes, w, w_stride, nw, x, 4, n, out + i * out_stride, out_stride);
    }
    for (; i < n_a; i++) {
        x[0] = a->x + (rows ? rows[i] : i) * a->stride;
        cell(four, one, bytes, w, w_stride, nw, x, 1, n, out + i * out_stride, out_stride);
    }
}

INLINE void tile(four_fn four, one_fn one, size_t bytes, const uint8_t *w, size_t w_stride,
                 uint32_t n_w, const q8_rows *a, const uint32_t *rows, uint32_t n_a, size_t n,
                 float *out, size_t out_stride) {
    uint32_t o = 0;
    for (; o + 2 <= n_w; o += 2)
        rows_of(four, one, bytes, w + o * w_stride, w_stride, 2, a, rows, n_a, n, out + o,
                out_stride);
    if (o < n_w)
        rows_of(four, one, bytes, w + o * w_stride, w_stride, 1, a, rows, n_a, n, out + o,
                out_stride);
}

#define FLOATS(name, four, one, bytes)                                                             \
    FAST(name) {                                                                                   \
        return row(four, one, bytes, w, a->x, n);                                                  \
    }                                                                                              \
    TILE(name##_tile_neon) {                                                                       \
        tile(four, one, bytes, w, w_stride, n_w, a, rows, n_a, n, out, out_stride);                \
    }

FLOATS(f32, f32_four, f32_one, 4)
FLOATS(f16, f16_four, f16_value, 2)
FLOATS(bf16, bf16_four, bf16_one, 2)

float dot_f32_neon(const float *w, const float *x, size_t n) {
    return row(f32_four, f32_one, 4, w, x, n);
}

/* The 16 lanes of the scalar form, two to a register, folded in the same order. */
float dot_exact_neon(const float *w, const float *x, size_t n) {
    float64x2_t v[8];
    double s[16];
    size_t i = 0;
    for (int k = 0; k < 8; k++) v[k] = vdupq_n_f64(0);
    for (; i + 16 <= n; i += 16) {
#pragma GCC unroll 4
        for (int k = 0; k < 4; k++) {
            const float32x4_t a = vld1q_f32(w + i + 4 * k), b = vld1q_f32(x + i + 4 * k);
            v[2 * k] =
                vfmaq_f64(v[2 * k], vcvt_f64_f32(vget_low_f32(a)), vcvt_f64_f32(vget_low_f32(b)));
            v[2 * k + 1] = vfmaq_f64(v[2 * k + 1], vcvt_high_f64_f32(a), vcvt_high_f64_f32(b));
        }
    }
    for (int k = 0; k < 8; k++) vst1q_f64(s + 2 * k, v[k]);
    for (size_t k = 0; i + k < n; k++) s[k] += (double)w[i + k] * (double)x[i + k];
    for (int h = 8; h > 0; h /= 2)
        for (int k = 0; k < h; k++) s[k] += s[k + h];
    return (float)s[0];
}

/* ---- half floats of cached rows ---- */

void f16_load_neon(const void *in, float *out, size_t n) {
    const uint8_t *p = in;
    size_t i = 0;
    for (; i + 4 <= n; i += 4) vst1q_f32(out + i, f16_four(p + 2 * i));
    for (; i < n; i++) out[i] = f16_one(p + 2 * i);
}

void f16_store_neon(const float *in, void *out, size_t n) {
    uint8_t *p = out;
    size_t i = 0;
    for (; i + 4 <= n; i += 4)
        vst1_u8(p + 2 * i, vreinterpret_u8_f16(vcvt_f16_f32(vld1q_f32(in + i))));
    quantize_f16(in + i, p + 2 * i, n - i);
}

/* ---- activations to 8 bits ---- */

/* The largest of 32 magnitudes, as bits: their order is that of the floats. */
static uint32_t top_bits(const float32x4_t x[8]) {
    uint32x4_t top = vdupq_n_u32(0);
    for (int k = 0; k < 8; k++) top = vmaxq_u32(top, vreinterpretq_u32_f32(vabsq_f32(x[k])));
    return vmaxvq_u32(top);
}

/* x / d to the nearest integers, ties to even, within ±127; narrowing bounds them by -128, 127. */
static int8x16_t to_codes(const float32x4_t x[4], float32x4_t d) {
    int32x4_t v[4];
    for (int k = 0; k < 4; k++) v[k] = vcvtnq_s32_f32(vdivq_f32(x[k], d));
    const int16x8_t low = vcombine_s16(vqmovn_s32(v[0]), vqmovn_s32(v[1]));
    const int16x8_t high = vcombine_s16(vqmovn_s32(v[2]), vqmovn_s32(v[3]));
    return vmaxq_s8(vcombine_s8(vqmovn_s16(low), vqmovn_s16(high)), vdupq_n_s8(-127));
}

void q8_round_neon(const float *x, size_t n, int8_t *q, float *d, int16_t *sum16) {
    for (size_t i = 0; i < n / 32; i++, x += 32, q += 32, sum16 += 2) {
        float32x4_t v[8];
        for (int k = 0; k < 8; k++) v[k] = vld1q_f32(x + 4 * k);
        const uint32_t top = top_bits(v);
        const float scale = bits_f32(top) / 127.0f;
        int8x16_t low = vdupq_n_s8(0), high = low;
        if (top < 0x7f800000u && scale > 0) {
            low = to_codes(v, vdupq_n_f32(scale));
            high = to_codes(v + 4, vdupq_n_f32(scale));
        }
        d[i] = top < 0x7f800000u ? scale : NAN;
        vst1q_s8(q, low);
        vst1q_s8(q + 16, high);
        sum16[0] = vaddlvq_s8(low);
        sum16[1] = vaddlvq_s8(high);
    }
}
