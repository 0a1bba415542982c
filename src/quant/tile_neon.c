/* tile_neon: many rows of weights with many rows of activations, and the set "neon".
 *
 * For each 256 values of 32 rows of weights: unpack them once, in fours of rows, as a kernel wants
 * them; then 64 rows of activations meet all of it, four after four. Some 9 KiB of weights, 8 KiB
 * of sums and 1 KiB of activations stay in the first cache.
 *
 * The kernel here keeps weight rows in lanes. Codes of four rows lie in turn, four of each:
 *
 *      code[16 i]     row 0: 4i .. 4i+3 | row 1 | row 2 | row 3
 *      q[64 i + 16 r] row r: 16i .. 16i+15
 *
 * so that sdot with one 32-bit element of an activation register adds to four products, and
 * no lanes are ever folded: 32 sdot and 16 loads for a group of 32 of 4 x 4 rows.
 *
 * Rows that are missing at the edge of a tile are copies of its last one; their sums are dropped.
 */
#include "quant/tile_neon.h"

enum { W_FOURS = 8, A_ROWS = 64 };

/* ---- any kernel ---- */

#define FORMAT_OF(name, id, scales, n_mins)                                                        \
    [id] = {scales == NEON_FACTOR ? 32 : 256,                                                      \
            sizeof(block_##name),                                                                  \
            n_mins,                                                                                \
            scales,                                                                                \
            name##_dot_neon,                                                                       \
            name##_unpack_neon}

const neon_format neon_formats[QUANT_IDS] = {
    FORMAT_OF(q8_0, Q_Q8_0, NEON_FACTOR, 0),
    FORMAT_OF(q4_0, Q_Q4_0, NEON_FACTOR, 0),
    FORMAT_OF(iq4_nl, Q_IQ4_NL, NEON_FACTOR, 0),
    FORMAT_OF(mxfp4, Q_MXFP4, NEON_FACTOR, 0),
    FORMAT_OF(q2_k, Q_Q2_K, NEON_NONE, 16),
    FORMAT_OF(q3_k, Q_Q3_K, NEON_BY_16, 0),
    FORMAT_OF(q4_k, Q_Q4_K, NEON_BY_32, 8),
    FORMAT_OF(q5_k, Q_Q5_K, NEON_BY_32, 8),
    FORMAT_OF(q6_k, Q_Q6_K, NEON_BY_16, 0),
    FORMAT_OF(iq2_xxs, Q_IQ2_XXS, NEON_BY_32, 0),
    FORMAT_OF(iq2_xs, Q_IQ2_XS, NEON_BY_16, 0),
    FORMAT_OF(iq2_s, Q_IQ2_S, NEON_BY_16, 0),
    FORMAT_OF(iq3_xxs, Q_IQ3_XXS, NEON_BY_32, 0),
    FORMAT_OF(iq3_s, Q_IQ3_S, NEON_BY_32, 0),
    FORMAT_OF(iq1_s, Q_IQ1_S, NEON_BY_32, 0),
    FORMAT_OF(iq1_m, Q_IQ1_M, NEON_BY_16, 0),
    FORMAT_OF(iq4_xs, Q_IQ4_XS, NEON_BY_32, 0),
};

static uint32_t least(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

/* Storing four registers takes their elements in turn: out[j][row] = rows[row][j]. */
INLINE void turn_ints(const int32_t *const rows[4], uint32_t n, int32_t (*out)[4]) {
    for (uint32_t j = 0; j < n; j += 4) {
        const int32x4x4_t v = {{vld1q_s32(rows[0] + j), vld1q_s32(rows[1] + j),
                                vld1q_s32(rows[2] + j), vld1q_s32(rows[3] + j)}};
        vst4q_s32(out[j], v);
    }
}

INLINE void turn_floats(const float *const rows[4], uint32_t n, float (*out)[4]) {
    for (uint32_t j = 0; j < n; j += 4) {
        const float32x4x4_t v = {{vld1q_f32(rows[0] + j), vld1q_f32(rows[1] + j),
                                  vld1q_f32(rows[2] + j), vld1q_f32(rows[3] + j)}};
        vst4q_f32(out[j], v);
    }
}

static void put_weights(const neon_kernel *k, const neon_format *f, const uint8_t *w,
                        size_t w_stride, uint32_t first, uint32_t n_w, uint32_t groups,
                        neon_weights *out) {
    neon_block rows[4];
    const int32_t *scale[4];
    const float *factor[4], *min[4];
    for (uint32_t r = 0; r < 4; r++) {
        if (first + r < n_w) f->unpack(w + (first + r) * w_stride, groups, rows + r);
        else rows[r] = rows[r - 1];
        scale[r] = rows[r].scale;
        factor[r] = rows[r].factor;
        min[r] = rows[r].min;
        out->d[r] = rows[r].d;
        out->dmin[r] = rows[r].dmin;
    }
    if (f->scales == NEON_BY_16) turn_ints(scale, 16, out->scale);
    if (f->scales == NEON_BY_32) turn_ints(scale, 8, out->scale);
    if (f->scales == NEON_FACTOR) turn_floats(factor, 8, out->factor);
    turn_floats(min, f->n_mins, out->min);
    k->put_codes(rows, out->code);
}

/* a_j of dot_neon.h, for 16 minima or for 8. */
INLINE void sums_of(uint32_t n_mins, const int16_t *sum16, const float *d, float *out) {
    for (uint32_t j = 0; j < n_mins; j += 4) {
        float32x4_t sum, by;
        if (n_mins == 16) {
            const float32x2_t two = vld1_f32(d + j / 2);
            sum = vcvtq_f32_s32(vmovl_s16(vld1_s16(sum16 + j)));
            by = vcombine_f32(vzip1_f32(two, two), vzip2_f32(two, two));
        } else {
            sum = vcvtq_f32_s32(vpaddlq_s16(vld1q_s16(sum16 + 2 * j)));
            by = vld1q_f32(d + j);
        }
        vst1q_f32(out + j, vmulq_f32(sum, by));
    }
}

/* 4 rows of activations; groups that are not there become zeros. */
static void put_acts(const neon_kernel *k, uint32_t n_mins, const q8_rows *a, const uint32_t *rows,
                     uint32_t first, uint32_t n_a, size_t chunk, uint32_t groups, neon_acts *out) {
    int8_t q0[4][256];
    float d0[4][8], sums[4][16];
    const int8_t *q[4];
    const float *d[4], *sum[4];
    for (uint32_t r = 0; r < 4; r++) {
        const uint32_t at = least(first + r, n_a - 1);
        const q8_row x = q8_rows_at(a, rows ? rows[at] : at);
        q[r] = x.q + 256 * chunk;
        d[r] = x.d + 8 * chunk;
        sum[r] = sums[r];
        if (n_mins) sums_of(n_mins, x.sum16 + 16 * chunk, d[r], sums[r]);
        if (groups == 8) continue;
        memset(q0[r], 0, sizeof q0[r]);
        memset(d0[r], 0, sizeof d0[r]);
        q[r] = memcpy(q0[r], q[r], 32 * groups);
        d[r] = memcpy(d0[r], d[r], groups * sizeof **d);
    }
    turn_floats(d, 8, out->d);
    turn_floats(sum, n_mins, out->sum);
    k->put_acts(q, out->q);
}

/* At most 4 * W_FOURS rows of weights, at most A_ROWS of activations. */
static void panel(const neon_kernel *k, const neon_format *f, const uint8_t *w, size_t w_stride,
                  uint32_t n_w, const q8_rows *a, const uint32_t *rows, uint32_t first,
                  uint32_t n_a, size_t n, float *out, size_t out_stride) {
    neon_weights fours[W_FOURS];
    neon_acts acts;
    float sums[A_ROWS / 4][W_FOURS][16];
    const uint32_t n_fours = (n_w + 3) / 4, per = 256 / f->block_values;
    memset(sums, 0, sizeof sums);
    for (size_t c = 0; c < (n + 255) / 256; c++, w += per * f->block_bytes) {
        const uint32_t groups = n - 256 * c < 256 ? (uint32_t)(n - 256 * c) / 32 : 8;
        for (uint32_t u = 0; u < n_fours; u++)
            put_weights(k, f, w, w_stride, 4 * u, n_w, groups, fours + u);
        for (uint32_t i = 0; i < n_a; i += 4) {
            put_acts(k, f->n_mins, a, rows, first + i, first + n_a, c, groups, &acts);
            k->meet[f->scales](fours, &acts, f->n_mins, n_fours, sums[i / 4]);
        }
    }
    for (uint32_t i = 0; i < n_a; i++)
        for (uint32_t o = 0; o < n_w; o++)
            out[(first + i) * out_stride + o] = sums[i / 4][o / 4][k->place[i % 4][o % 4]];
}

/* A single product does without unpacking to memory: with few rows it is the shorter way. */
static void one_by_one(dot_fn dot, const uint8_t *w, size_t w_stride, uint32_t n_w,
                       const q8_rows *a, const uint32_t *rows, uint32_t n_a, size_t n, float *out,
                       size_t out_stride) {
    for (uint32_t o = 0; o < n_w; o++) {
        for (uint32_t i = 0; i < n_a; i++) {
            const q8_row x = q8_rows_at(a, rows ? rows[i] : i);
            out[i * out_stride + o] = dot(w + o * w_stride, &x, n);
        }
    }
}

void neon_tile(const neon_kernel *k, const neon_format *f, const void *w, size_t w_stride,
               uint32_t n_w, const q8_rows *a, const uint32_t *rows, uint32_t n_a, size_t n,
               float *out, size_t out_stride) {
    /* In instructions: blocks of 32 are so quickly unpacked that it pays for the third row only. */
    if (n_a < (f->scales == NEON_FACTOR ? 3 : 2)) {
        one_by_one(f->fast, w, w_stride, n_w, a, rows, n_a, n, out, out_stride);
        return;
    }
    for (uint32_t o = 0; o < n_w; o += 4 * W_FOURS)
        for (uint32_t i = 0; i < n_a; i += A_ROWS)
            panel(k, f, (const uint8_t *)w + o * w_stride, w_stride, least(n_w - o, 4 * W_FOURS), a,
                  rows, i, least(n_a - i, A_ROWS), n, out + o, out_stride);
}

/* ---- the kernel for sdot ---- */

static void put_codes(const neon_block rows[4], int8_t code[1024]) {
    const int8_t *r0 = rows[0].code, *r1 = rows[1].code, *r2 = rows[2].code, *r3 = rows[3].code;
    for (int i = 0; i < 256; i += 16, code += 64) {
        const int32x4x4_t v = {
            {vreinterpretq_s32_s8(vld1q_s8(r0 + i)), vreinterpretq_s32_s8(vld1q_s8(r1 + i)),
             vreinterpretq_s32_s8(vld1q_s8(r2 + i)), vreinterpretq_s32_s8(vld1q_s8(r3 + i))}};
        vst4q_s32((int32_t *)(void *)code, v);
    }
}

static void put_rows(const int8_t *const rows[4], int8_t q[1024]) {
    const int8_t *r0 = rows[0], *r1 = rows[1], *r2 = rows[2], *r3 = rows[3];
    for (int i = 0; i < 256; i += 16, q += 64) {
        vst1q_s8(q, vld1q_s8(r0 + i));
        vst1q_s8(q + 16, vld1q_s8(r1 + i));
        vst1q_s8(q + 32, vld1q_s8(r2 + i));
        vst1q_s8(q + 48, vld1q_s8(r3 + i));
    }
}

typedef struct sums4 {
    int32x4_t s0, s1, s2, s3; /* by activation row; lanes are weight rows */
} sums4;

/* 4 values of each row: element l of the activations. */
#define STEP(l)                                                                                    \
    do {                                                                                           \
        const int8x16_t c = vld1q_s8(code + 16 * (l));                                             \
        s.s0 = vdotq_laneq_s32(s.s0, c, a0, l);                                                    \
        s.s1 = vdotq_laneq_s32(s.s1, c, a1, l);                                                    \
        s.s2 = vdotq_laneq_s32(s.s2, c, a2, l);                                                    \
        s.s3 = vdotq_laneq_s32(s.s3, c, a3, l);                                                    \
    } while (0)

INLINE sums4 add_16(sums4 s, const int8_t *code, const int8_t *q) {
    const int8x16_t a0 = vld1q_s8(q), a1 = vld1q_s8(q + 16);
    const int8x16_t a2 = vld1q_s8(q + 32), a3 = vld1q_s8(q + 48);
    STEP(0);
    STEP(1);
    STEP(2);
    STEP(3);
    return s;
}

INLINE sums4 no_sums(void) {
    const int32x4_t zero = vdupq_n_s32(0);
    return (sums4){zero, zero, zero, zero};
}

INLINE sums4 times(sums4 s, int32x4_t k) {
    return (sums4){vmulq_s32(s.s0, k), vmulq_s32(s.s1, k), vmulq_s32(s.s2, k), vmulq_s32(s.s3, k)};
}

INLINE sums4 add_times(sums4 to, sums4 s, int32x4_t k) {
    return (sums4){vmlaq_s32(to.s0, s.s0, k), vmlaq_s32(to.s1, s.s1, k), vmlaq_s32(to.s2, s.s2, k),
                   vmlaq_s32(to.s3, s.s3, k)};
}

/* S_g of 4 x 4 rows. */
INLINE sums4 group_sums(neon_scales scales, const neon_weights *w, const neon_acts *a, int g) {
    const int8_t *code = w->code + 128 * g, *q = a->q + 128 * g;
    const sums4 low = add_16(no_sums(), code, q);
    if (scales == NEON_BY_16) {
        const sums4 high = add_16(no_sums(), code + 64, q + 64);
        return add_times(times(low, vld1q_s32(w->scale[2 * g])), high,
                         vld1q_s32(w->scale[2 * g + 1]));
    }
    const sums4 s = add_16(low, code + 64, q + 64);
    return scales == NEON_BY_32 ? times(s, vld1q_s32(w->scale[g])) : s;
}

INLINE floats4 values_of(neon_scales scales, sums4 s, const float factor[4]) {
    floats4 x = {vcvtq_f32_s32(s.s0), vcvtq_f32_s32(s.s1), vcvtq_f32_s32(s.s2),
                 vcvtq_f32_s32(s.s3)};
    if (scales == NEON_FACTOR) {
        const float32x4_t f = vld1q_f32(factor);
        x.f0 = vmulq_f32(x.f0, f);
        x.f1 = vmulq_f32(x.f1, f);
        x.f2 = vmulq_f32(x.f2, f);
        x.f3 = vmulq_f32(x.f3, f);
    }
    return x;
}

/* t_k of dot_neon.h */
INLINE floats4 two_groups(neon_scales scales, const neon_weights *w, const neon_acts *a, int k) {
    const floats4 x0 = values_of(scales, group_sums(scales, w, a, k), w->factor[k]);
    const floats4 t = scaled(x0, vld1q_f32(a->d[k]));
    const floats4 x1 = values_of(scales, group_sums(scales, w, a, k + 4), w->factor[k + 4]);
    return add_scaled(t, x1, vld1q_f32(a->d[k + 4]));
}

INLINE void meet_four(neon_scales scales, const neon_weights *w, const neon_acts *a,
                      uint32_t n_mins, float sums[16]) {
    floats4 t = two_groups(scales, w, a, 0);
    for (int k = 1; k < 4; k++) t = plus(t, two_groups(scales, w, a, k));
    const float32x4_t d = vld1q_f32(w->d);
    floats4 s = {vfmaq_f32(vld1q_f32(sums), t.f0, d), vfmaq_f32(vld1q_f32(sums + 4), t.f1, d),
                 vfmaq_f32(vld1q_f32(sums + 8), t.f2, d), vfmaq_f32(vld1q_f32(sums + 12), t.f3, d)};
    if (n_mins) {
        const floats4 m = min_sums(w, a, n_mins);
        const float32x4_t dmin = vld1q_f32(w->dmin);
        s = (floats4){vfmsq_f32(s.f0, m.f0, dmin), vfmsq_f32(s.f1, m.f1, dmin),
                      vfmsq_f32(s.f2, m.f2, dmin), vfmsq_f32(s.f3, m.f3, dmin)};
    }
    vst1q_f32(sums, s.f0);
    vst1q_f32(sums + 4, s.f1);
    vst1q_f32(sums + 8, s.f2);
    vst1q_f32(sums + 12, s.f3);
}

/* Where a format has minima it has `mins` of them. */
#define MEET(name, scales, mins)                                                                   \
    static void name(const neon_weights *w, const neon_acts *a, uint32_t n_mins, uint32_t n,       \
                     float(*sums)[16]) {                                                           \
        if (n_mins)                                                                                \
            for (uint32_t u = 0; u < n; u++) meet_four(scales, w + u, a, mins, sums[u]);           \
        else                                                                                       \
            for (uint32_t u = 0; u < n; u++) meet_four(scales, w + u, a, 0, sums[u]);              \
    }

MEET(meet_plain, NEON_NONE, 16)
MEET(meet_by_16, NEON_BY_16, 16)
MEET(meet_by_32, NEON_BY_32, 8)
MEET(meet_factor, NEON_FACTOR, 0)

static const neon_kernel sdot = {
    .put_codes = put_codes,
    .put_acts = put_rows,
    .meet = {[NEON_NONE] = meet_plain,
             [NEON_BY_16] = meet_by_16,
             [NEON_BY_32] = meet_by_32,
             [NEON_FACTOR] = meet_factor},
    .place = {{0, 1, 2, 3}, {4, 5, 6, 7}, {8, 9, 10, 11}, {12, 13, 14, 15}},
};

/* ---- the set ---- */

#define SDOT_TILE(name, id)                                                                        \
    static TILE(name##_tile) {                                                                     \
        neon_tile(&sdot, neon_formats + id, w, w_stride, n_w, a, rows, n_a, n, out, out_stride);   \
    }
NEON_BLOCK_FORMATS(SDOT_TILE)

#define TILE_OF(name, id) [id] = name##_tile,

static const dot_set neon = {
    .isa = "neon",
    NEON_COMMON,
    .tile = {[Q_F32] = f32_tile_neon,
             [Q_F16] = f16_tile_neon,
             [Q_BF16] = bf16_tile_neon,
             NEON_BLOCK_FORMATS(TILE_OF)},
};

const dot_set *dot_neon(void) {
    return &neon;
}
