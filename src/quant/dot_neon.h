/* dot_neon: what the files for aarch64 share: the order of sums, and a block unpacked.
 *
 * Two sets: "neon" for ARMv8.2 with dot products of bytes (sdot), "i8mm" with the same single
 * products and tiles that use matrix products of bytes (smmla). Both keep one order of sums, so a
 * model gives the same bits with either:
 *
 *      S_g  the sum of the 32 products of group g, times the integer scales of the block   exact
 *      x_g  (float)S_g, times the group's own scale where blocks have 32 values
 *      t_k  x_k d_k, then x_(k+4) d_(k+4) fused onto it; k < 4, d the activations' scale
 *      t    ((t_0 + t_1) + t_2) + t_3
 *      sum  t fused onto it with the block's d (1 where blocks have 32 values)
 *
 * over 8 groups, 256 values, at a time; what a row lacks at its end counts as zeros. Blocks with
 * minima then subtract dmin * m, where m is to min_j and a_j what t is to x_g and d_g: a_j is the
 * sum of the activations that min_j belongs to, a float32, and j goes up in steps of four.
 *
 * I1  Integers are below 2^31: 32 products of 2^7, 2^7 and a scale of at most 2^7 are 2^26.
 * I2  A format is unpacked by one function, which both the single product and the tile use.
 * I3  Floats (F32, F16, BF16) sum in eight lanes of fused products, lane i % 8, folded as fold_two
 *     has it; then the values beyond the last whole eight one by one.
 */
#ifndef DS4_QUANT_DOT_NEON_H
#define DS4_QUANT_DOT_NEON_H

#include <arm_neon.h>

#include "quant/formats.h"

/* How the sum of 32 products becomes x_g. */
typedef enum neon_scales {
    NEON_NONE,   /* it is                                            */
    NEON_BY_16,  /* an integer scale for each 16 of its products     */
    NEON_BY_32,  /* an integer scale                                 */
    NEON_FACTOR, /* a float factor                                   */
    NEON_SCALES
} neon_scales;

/* 256 values of a row of weights. Parts that the format has no use for are not written. */
typedef struct neon_block {
    int8_t code[256];
    int32_t scale[16]; /* by 16 or by 32               */
    float factor[8];
    float min[16]; /* n_mins of them: 0, 8 or 16   */
    float d, dmin;
} neon_block;

/* A block format as tiles see it. `unpack` takes up to 8 blocks of 32, or one of 256; codes and
 * factors of groups that are not there become zeros. */
typedef struct neon_format {
    uint32_t block_values, block_bytes, n_mins;
    neon_scales scales;
    dot_fn fast;
    void (*unpack)(const uint8_t *w, uint32_t groups, neon_block *out);
} neon_format;

extern const neon_format neon_formats[QUANT_IDS]; /* fast NULL: no block format */

/* 4 rows of weights and 256 values of them, as the kernels want them; [j][row] */
typedef struct neon_weights {
    int8_t code[1024]; /* in the kernel's own order */
    int32_t scale[16][4];
    float factor[8][4], min[16][4], d[4], dmin[4];
} neon_weights;

typedef struct neon_acts {
    int8_t q[1024]; /* in the kernel's own order */
    float d[8][4], sum[16][4];
} neon_acts;

/* What the instruction sets do differently. `meet` adds the products of 4 activation rows with each
 * of `n` fours of weight rows to sums[n]; place says where the sum of [activation][weight] is. */
typedef struct neon_kernel {
    void (*put_codes)(const neon_block rows[4], int8_t code[1024]);
    void (*put_acts)(const int8_t *const rows[4], int8_t q[1024]);
    void (*meet[NEON_SCALES])(const neon_weights *w, const neon_acts *a, uint32_t n_mins,
                              uint32_t n, float (*sums)[16]);
    uint8_t place[4][4];
} neon_kernel;

/* A tile of any block format; 28 KiB of stack. */
void neon_tile(const neon_kernel *k, const neon_format *f, const void *w, size_t w_stride,
               uint32_t n_w, const q8_rows *a, const uint32_t *rows, uint32_t n_a, size_t n,
               float *out, size_t out_stride);

/* ---- what both sets have in common ---- */

#define FAST(name) float name##_dot_neon(const void *w, const q8_row *a, size_t n)
#define TILE(name)                                                                                 \
    void name(const void *w, size_t w_stride, uint32_t n_w, const q8_rows *a,                      \
              const uint32_t *rows, uint32_t n_a, size_t n, float *out, size_t out_stride)

FAST(f32);
FAST(f16);
FAST(bf16);
FAST(q8_0);
FAST(q4_0);
FAST(iq4_nl);
FAST(mxfp4);
FAST(q2_k);
FAST(q3_k);
FAST(q4_k);
FAST(q5_k);
FAST(q6_k);
FAST(iq2_xxs);
FAST(iq2_xs);
FAST(iq2_s);
FAST(iq3_xxs);
FAST(iq3_s);
FAST(iq1_s);
FAST(iq1_m);
FAST(iq4_xs);

TILE(f32_tile_neon);
TILE(f16_tile_neon);
TILE(bf16_tile_neon);

/* The block formats, for tables and tiles: X(format, its id). */
#define NEON_BLOCK_FORMATS(X)                                                                      \
    X(q8_0, Q_Q8_0) X(q4_0, Q_Q4_0) X(iq4_nl, Q_IQ4_NL) X(mxfp4, Q_MXFP4)                          \
    X(q2_k, Q_Q2_K) X(q3_k, Q_Q3_K) X(q4_k, Q_Q4_K) X(q5_k, Q_Q5_K) X(q6_k, Q_Q6_K)                \
    X(iq2_xxs, Q_IQ2_XXS) X(iq2_xs, Q_IQ2_XS) X(iq2_s, Q_IQ2_S) X(iq3_xxs, Q_IQ3_XXS)              \
    X(iq3_s, Q_IQ3_S) X(iq1_s, Q_IQ1_S) X(iq1_m, Q_IQ1_M) X(iq4_xs, Q_IQ4_XS)

float dot_f32_neon(const float *w, const float *x, size_t n);
float dot_exact_neon(const float *w, const float *x, size_t n);
void q8_round_neon(const float *x, size_t n, int8_t *q, float *d, int16_t *sum16);
void f16_load_neon(const void *in, float *out, size_t n);
void f16_store_neon(const float *in, void *out, size_t n);

/* The members of a dot_set in which the two do not differ. */
#define NEON_FAST_OF(name, id) [id] = name##_dot_neon,
#define NEON_COMMON                                                                                \
    .fast = {[Q_F32] = f32_dot_neon,                                                               \
             [Q_F16] = f16_dot_neon,                                                               \
             [Q_BF16] = bf16_dot_neon,                                                             \
             NEON_BLOCK_FORMATS(NEON_FAST_OF) SHARED_PRODUCTS},                                    \
    .f32 = dot_f32_neon, .exact = dot_exact_neon, .q8 = q8_round_neon, .f16_load = f16_load_neon,  \
    .f16_store = f16_store_neon

/* ---- inner parts ---- */

/* A half float's bits are read by value; the conversion is one instruction. */
static inline float f16_one(const uint8_t p[2]) {
    __fp16 h;
    memcpy(&h, p, sizeof h);
    return (float)h;
}

/* t_0 + t_1 + t_2 + t_3, in this order. */
static inline float in_order(float32x4_t t) {
    return ((vgetq_lane_f32(t, 0) + vgetq_lane_f32(t, 1)) + vgetq_lane_f32(t, 2)) +
           vgetq_lane_f32(t, 3);
}

/* x_g d_g of 8 groups. */
static inline float over_groups(float32x4_t x0, float32x4_t x1, const float d[8]) {
    return in_order(vfmaq_f32(vmulq_f32(x0, vld1q_f32(d)), x1, vld1q_f32(d + 4)));
}

static inline float fused(float a, float b, float c) {
    return __builtin_fmaf(a, b, c);
}

#endif
