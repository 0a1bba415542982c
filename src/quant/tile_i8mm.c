/* tile_i8mm: the set "i8mm": the single products of "neon", and tiles by matrix products of bytes.
 *
 * smmla takes two rows of eight bytes in either register and adds the four products of eight:
 *
 *      code[512 p + 16 i]   rows 2p, 2p + 1 of the four, 8i .. 8i+7 of each
 *      q[32 i + 16 r]       rows 2r, 2r + 1 of the four, 8i .. 8i+7 of each
 *      lanes                [a0 w0] [a0 w1] [a1 w0] [a1 w1]
 *
 * twice the products of sdot in one instruction: 16 smmla and 16 loads for a group of 32 of 4 x 4
 * rows. With 8 x 4 rows, which need 12 loads, gcc 12 ran out of registers: 0.151
 * instructions a product of Q8_0 where this takes 0.137.
 */
#include "quant/tile_neon.h"

static void put_codes(const neon_block rows[4], int8_t code[1024]) {
    for (int p = 0; p < 2; p++) {
        for (int i = 0; i < 256; i += 16, code += 32) {
            const int64x2_t low = vreinterpretq_s64_s8(vld1q_s8(rows[2 * p].code + i));
            const int64x2_t high = vreinterpretq_s64_s8(vld1q_s8(rows[2 * p + 1].code + i));
            vst1q_s8(code, vreinterpretq_s8_s64(vzip1q_s64(low, high)));
            vst1q_s8(code + 16, vreinterpretq_s8_s64(vzip2q_s64(low, high)));
        }
    }
}

static void put_rows(const int8_t *const rows[4], int8_t q[1024]) {
    for (int i = 0; i < 256; i += 16, q += 64) {
        for (int r = 0; r < 2; r++) {
            const int64x2_t low = vreinterpretq_s64_s8(vld1q_s8(rows[2 * r] + i));
            const int64x2_t high = vreinterpretq_s64_s8(vld1q_s8(rows[2 * r + 1] + i));
            vst1q_s8(q + 16 * r, vreinterpretq_s8_s64(vzip1q_s64(low, high)));
            vst1q_s8(q + 32 + 16 * r, vreinterpretq_s8_s64(vzip2q_s64(low, high)));
        }
    }
}

/* Pairs of weight rows are o = 0, 1, pairs of activation rows r = 0, 1. */
/* A number of each of two weight rows, for both activation rows of a register: w0 w1 w0 w1. */
INLINE int32x4_t ints_of(const int32_t (*of)[4], int j, int p) {
    return vreinterpretq_s32_s64(vld1q_dup_s64((const int64_t *)(const void *)(of[j] + 2 * p)));
}

INLINE float32x4_t floats_of(const float v4[4], int p) {
    return vreinterpretq_f32_s64(vld1q_dup_s64((const int64_t *)(const void *)(v4 + 2 * p)));
}

/* A number of each activation row, for both weight rows: a0 a0 a1 a1 and a2 a2 a3 a3. */
INLINE void acts_of(const float v4[4], float32x4_t out[2]) {
    const float32x4_t v = vld1q_f32(v4);
    out[0] = vzip1q_f32(v, v);
    out[1] = vzip2q_f32(v, v);
}

/* Adds the products of 16 values from value `at` on. */
INLINE void add_16(const neon_weights *w, const int8_t *q, int at, int32x4_t s[2][2]) {
#pragma GCC unroll 2
    for (int i = 0; i < 2; i++) {
        const int8x16_t a0 = vld1q_s8(q + 4 * at + 32 * i), a1 = vld1q_s8(q + 4 * at + 32 * i + 16);
#pragma GCC unroll 2
        for (int o = 0; o < 2; o++) {
            const int8x16_t c = vld1q_s8(w->code + 512 * o + 2 * at + 16 * i);
            s[o][0] = vmmlaq_s32(s[o][0], a0, c);
            s[o][1] = vmmlaq_s32(s[o][1], a1, c);
        }
    }
}

INLINE void clear(int32x4_t s[2][2]) {
#pragma GCC unroll 2
    for (int o = 0; o < 2; o++) s[o][0] = s[o][1] = vdupq_n_s32(0);
}

/* S_g */
INLINE void group_sums(neon_scales scales, const neon_weights *w, const neon_acts *a, int g,
                       int32x4_t s[2][2]) {
    clear(s);
    add_16(w, a->q, 32 * g, s);
    if (scales == NEON_BY_16) {
        int32x4_t high[2][2];
        clear(high);
        add_16(w, a->q, 32 * g + 16, high);
#pragma GCC unroll 2
        for (int o = 0; o < 2; o++) {
            const int32x4_t k0 = ints_of(w->scale, 2 * g, o);
            const int32x4_t k1 = ints_of(w->scale, 2 * g + 1, o);
#pragma GCC unroll 2
            for (int r = 0; r < 2; r++) s[o][r] = vmlaq_s32(vmulq_s32(s[o][r], k0), high[o][r], k1);
        }
        return;
    }
    add_16(w, a->q, 32 * g + 16, s);
    if (scales != NEON_BY_32) return;
#pragma GCC unroll 2
    for (int o = 0; o < 2; o++) {
        const int32x4_t k = ints_of(w->scale, g, o);
        s[o][0] = vmulq_s32(s[o][0], k);
        s[o][1] = vmulq_s32(s[o][1], k);
    }
}

/* t = x_g d_g, or fused onto t */
INLINE void add_group(neon_scales scales, const neon_weights *w, const neon_acts *a, int g,
                      bool first, float32x4_t t[2][2]) {
    int32x4_t s[2][2];
    float32x4_t d[2];
    group_sums(scales, w, a, g, s);
    acts_of(a->d[g], d);
#pragma GCC unroll 2
    for (int o = 0; o < 2; o++) {
#pragma GCC unroll 2
        for (int r = 0; r < 2; r++) {
            float32x4_t x = vcvtq_f32_s32(s[o][r]);
            if (scales == NEON_FACTOR) x = vmulq_f32(x, floats_of(w->factor[g], o));
            t[o][r] = first ? vmulq_f32(x, d[r]) : vfmaq_f32(t[o][r], x, d[r]);
        }
    }
}

INLINE void add_to(float32x4_t to[2][2], float32x4_t t[2][2]) {
#pragma GCC unroll 2
    for (int o = 0; o < 2; o++) {
        to[o][0] = vaddq_f32(to[o][0], t[o][0]);
        to[o][1] = vaddq_f32(to[o][1], t[o][1]);
    }
}

/* Subtracts what the minima make of the sums: lanes of weight rows become those of pairs. */
INLINE void less_mins(const neon_weights *w, const neon_acts *a, uint32_t n_mins,
                      float32x4_t s[2][2]) {
    const floats4 m = min_sums(w, a, n_mins);
    const float64x2_t m0 = vreinterpretq_f64_f32(m.f0), m1 = vreinterpretq_f64_f32(m.f1);
    const float64x2_t m2 = vreinterpretq_f64_f32(m.f2), m3 = vreinterpretq_f64_f32(m.f3);
    const float32x4_t d0 = floats_of(w->dmin, 0), d1 = floats_of(w->dmin, 1);
    s[0][0] = vfmsq_f32(s[0][0], vreinterpretq_f32_f64(vzip1q_f64(m0, m1)), d0);
    s[0][1] = vfmsq_f32(s[0][1], vreinterpretq_f32_f64(vzip1q_f64(m2, m3)), d0);
    s[1][0] = vfmsq_f32(s[1][0], vreinterpretq_f32_f64(vzip2q_f64(m0, m1)), d1);
    s[1][1] = vfmsq_f32(s[1][1], vreinterpretq_f32_f64(vzip2q_f64(m2, m3)), d1);
}

/* The sums of pair o with pair r of the activations are at 8 o + 4 r. */
INLINE void meet_pairs(neon_scales scales, const neon_weights *w, const neon_acts *a,
                       uint32_t n_mins, float sums[16]) {
    float32x4_t u[2][2], t[2][2];
    add_group(scales, w, a, 0, true, u);
    add_group(scales, w, a, 4, false, u);
    for (int k = 1; k < 4; k++) {
        add_group(scales, w, a, k, true, t);
        add_group(scales, w, a, k + 4, false, t);
        add_to(u, t);
    }
#pragma GCC unroll 2
    for (int o = 0; o < 2; o++)
        for (int r = 0; r < 2; r++)
            u[o][r] = vfmaq_f32(vld1q_f32(sums + 8 * o + 4 * r), u[o][r], floats_of(w->d, o));
    if (n_mins) less_mins(w, a, n_mins, u);
#pragma GCC unroll 2
    for (int o = 0; o < 2; o++)
        for (int r = 0; r < 2; r++) vst1q_f32(sums + 8 * o + 4 * r, u[o][r]);
}

/* Where a format has minima it has `mins` of them. */
#define MEET(name, scales, mins)                                                                   \
    static void name(const neon_weights *w, const neon_acts *a, uint32_t n_mins, uint32_t n,       \
                     float(*sums)[16]) {                                                           \
        if (n_mins)                                                                                \
            for (uint32_t u = 0; u < n; u++) meet_pairs(scales, w + u, a, mins, sums[u]);          \
        else                                                                                       \
            for (uint32_t u = 0; u < n; u++) meet_pairs(scales, w + u, a, 0, sums[u]);             \
    }

MEET(meet_plain, NEON_NONE, 16)
MEET(meet_by_16, NEON_BY_16, 16)
MEET(meet_by_32, NEON_BY_32, 8)
MEET(meet_factor, NEON_FACTOR, 0)

static const neon_kernel smmla = {
    .put_codes = put_codes,
    .put_acts = put_rows,
    .meet = {[NEON_NONE] = meet_plain,
             [NEON_BY_16] = meet_by_16,
             [NEON_BY_32] = meet_by_32,
             [NEON_FACTOR] = meet_factor},
    .place = {{0, 1, 8, 9}, {2, 3, 10, 11}, {4, 5, 12, 13}, {6, 7, 14, 15}},
};

#define SMMLA_TILE(name, id)                                                                       \
    static TILE(name##_tile) {                                                                     \
        neon_tile(&smmla, neon_formats + id, w, w_stride, n_w, a, rows, n_a, n, out, out_stride);  \
    }
NEON_BLOCK_FORMATS(SMMLA_TILE)

#define TILE_OF(name, id) [id] = name##_tile,

static const dot_set i8mm = {
    .isa = "i8mm",
    NEON_COMMON,
    .tile = {[Q_F32] = f32_tile_neon,
             [Q_F16] = f16_tile_neon,
             [Q_BF16] = bf16_tile_neon,
             NEON_BLOCK_FORMATS(TILE_OF)},
};

const dot_set *dot_i8mm(void) {
    return &i8mm;
}
