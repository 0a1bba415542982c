/* dot_avx2: the set of products for x86 with AVX2, FMA and F16C; here floats and nibbles. The other
 * blocks of 256 are in dot_avx2_k.c and dot_avx2_iq.c.
 *
 * I1  q8 and exact give the bits of the scalar set: division and rounding are those of IEEE 754,
 *     and float64 products of float32 are exact, so fusing them with the sum changes nothing.
 */
#include <math.h>
#include <string.h>

#include "quant/tables.h"
#include "quant/tile_avx2.h"

/* ---- floats ---- */

static float fold32(__m256 s0, __m256 s1, __m256 s2, __m256 s3) {
    return fold8(_mm256_add_ps(_mm256_add_ps(s0, s1), _mm256_add_ps(s2, s3)));
}

/* Rows that are no weights: four registers of sums, the rest of a row at the end. */
static float f32_sum(const float *w, const float *x, size_t n) {
    __m256 s0 = _mm256_setzero_ps(), s1 = s0, s2 = s0, s3 = s0;
    size_t i = 0;
    for (; i + 32 <= n; i += 32) {
        s0 = _mm256_fmadd_ps(_mm256_loadu_ps(w + i), _mm256_loadu_ps(x + i), s0);
        s1 = _mm256_fmadd_ps(_mm256_loadu_ps(w + i + 8), _mm256_loadu_ps(x + i + 8), s1);
        s2 = _mm256_fmadd_ps(_mm256_loadu_ps(w + i + 16), _mm256_loadu_ps(x + i + 16), s2);
        s3 = _mm256_fmadd_ps(_mm256_loadu_ps(w + i + 24), _mm256_loadu_ps(x + i + 24), s3);
    }
    for (; i + 8 <= n; i += 8)
        s0 = _mm256_fmadd_ps(_mm256_loadu_ps(w + i), _mm256_loadu_ps(x + i), s0);
    float sum = fold32(s0, s1, s2, s3);
    for (; i < n; i++) sum += bits_f32(le32((const uint8_t *)w + 4 * i)) * x[i];
    return sum;
}

/* Weights of `bytes` each, eight by eight. The last values of a row are padded with zeros. */
static inline float float_row(const uint8_t *w, size_t bytes, __m256 (*eight)(const uint8_t *),
                              const float *x, size_t n) {
    float sum = 0;
    for (size_t i = 0; i < n;) {
        const size_t end = n - i < 256 ? n : i + 256;
        __m256 part = _mm256_setzero_ps();
        for (; i + 8 <= end; i += 8)
            part = _mm256_fmadd_ps(eight(w + bytes * i), _mm256_loadu_ps(x + i), part);
        if (i < end) {
            uint8_t last[32] = {0};
            memcpy(last, w + bytes * i, bytes * (n - i));
            const __m256 rest = _mm256_maskload_ps(x + i, first_of_8(n - i));
            part = _mm256_fmadd_ps(eight(last), rest, part);
            i = end;
        }
        sum += fold8(part);
    }
    return sum;
}

float f32_dot_avx2(const void *w, const q8_row *a, size_t n) {
    return float_row(w, 4, f32_eight, a->x, n);
}

float f16_dot_avx2(const void *w, const q8_row *a, size_t n) {
    return float_row(w, 2, f16_eight, a->x, n);
}

float bf16_dot_avx2(const void *w, const q8_row *a, size_t n) {
    return float_row(w, 2, bf16_eight, a->x, n);
}

static void f16_load(const void *in, float *out, size_t n) {
    const uint8_t *p = in;
    size_t i = 0;
    for (; i + 8 <= n; i += 8) _mm256_storeu_ps(out + i, f16_eight(p + 2 * i));
    for (; i < n; i++) out[i] = f16_one(p + 2 * i);
}

static void f16_store(const float *in, void *out, size_t n) {
    uint8_t *p = out;
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        _mm_storeu_si128((__m128i *)(void *)(p + 2 * i),
                         _mm256_cvtps_ph(_mm256_loadu_ps(in + i), _MM_FROUND_TO_NEAREST_INT));
    quantize_f16(in + i, p + 2 * i, n - i);
}

static __m256d four(const float *p) { return _mm256_cvtps_pd(_mm_loadu_ps(p)); }

/* The 16 lanes of the scalar form, four to a register, folded in the same order. */
static float exact_sum(const float *w, const float *x, size_t n) {
    __m256d s0 = _mm256_setzero_pd(), s1 = s0, s2 = s0, s3 = s0;
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        s0 = _mm256_fmadd_pd(four(w + i), four(x + i), s0);
        s1 = _mm256_fmadd_pd(four(w + i + 4), four(x + i + 4), s1);
        s2 = _mm256_fmadd_pd(four(w + i + 8), four(x + i + 8), s2);
        s3 = _mm256_fmadd_pd(four(w + i + 12), four(x + i + 12), s3);
    }
    double s[16];
    _mm256_storeu_pd(s, s0);
    _mm256_storeu_pd(s + 4, s1);
    _mm256_storeu_pd(s + 8, s2);
    _mm256_storeu_pd(s + 12, s3);
    for (size_t k = 0; i + k < n; k++) s[k] += (double)w[i + k] * (double)x[i + k];
    for (int h = 8; h > 0; h /= 2)
        for (int k = 0; k < h; k++) s[k] += s[k + h];
    return (float)s[0];
}

/* ---- blocks of 32 ---- */

static inline __m256i sum_up(__m256i products) { return scaled(products, _mm256_set1_epi16(1)); }

/* sum + the first `count` of eight blocks: d[k] * activation scale * sum of the products */
static inline float add_blocks32(float sum, const __m256i v[8], const float d[8], const float *da,
                                 size_t count) {
    float s[8];
    _mm256_storeu_ps(s, _mm256_cvtepi32_ps(fold_each(v)));
    for (size_t k = 0; k < count; k++) sum = add_product(s[k], d[k] * da[k], sum);
    return sum;
}

static inline size_t at_most_8(size_t n) { return n < 8 ? n : 8; }

static float q8_0_fast(const void *w, const q8_row *a, size_t n) {
    const block_q8_0 *b = w;
    float sum = 0, d[8];
    for (size_t i = 0; i < n / 32; i += 8, b += 8) {
        const size_t count = at_most_8(n / 32 - i);
        __m256i v[8] = {0};
        for (size_t k = 0; k < count; k++) {
            v[k] = sum_up(mul_signed(load32(b[k].q), load32(a->q + 32 * (i + k))));
            d[k] = f16_one(b[k].d);
        }
        sum = add_blocks32(sum, v, d, a->d + i, count);
    }
    return sum;
}

static __m256i table16(const int8_t values[16]) { return twice16(values); }

/* 16 bytes to 32 codes: low nibbles first. */
static __m256i look_up(__m256i table, const uint8_t q[16]) {
    const __m128i v = load16(q);
    const __m256i nibbles = _mm256_inserti128_si256(_mm256_castsi128_si256(v),
                                                    _mm_srli_epi16(v, 4), 1);
    return _mm256_shuffle_epi8(table, _mm256_and_si256(nibbles, _mm256_set1_epi8(15)));
}

static inline float half_scale(const uint8_t *block) { return f16_one(block); }
static inline float power_scale(const uint8_t *block) { return mxfp4_scale(*block); }

/* Rows of blocks of a scale and 16 bytes of nibbles, which end the block. */
static inline float nibble_row(const uint8_t *b, size_t bytes, float (*scale)(const uint8_t *),
                               __m256i table, const q8_row *a, size_t n) {
    float sum = 0, d[8];
    for (size_t i = 0; i < n / 32; i += 8) {
        const size_t count = at_most_8(n / 32 - i);
        __m256i v[8] = {0};
        for (size_t k = 0; k < count; k++, b += bytes) {
            const __m256i codes = look_up(table, b + bytes - 16);
            v[k] = sum_up(mul_signed(codes, load32(a->q + 32 * (i + k))));
            d[k] = scale(b);
        }
        sum = add_blocks32(sum, v, d, a->d + i, count);
    }
    return sum;
}

static float q4_0_fast(const void *w, const q8_row *a, size_t n) {
    const __m256i table = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(-8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7));
    return nibble_row(w, sizeof(block_q4_0), half_scale, table, a, n);
}

static float iq4_nl_fast(const void *w, const q8_row *a, size_t n) {
    return nibble_row(w, sizeof(block_iq4_nl), half_scale, table16(iq4nl_values), a, n);
}

static float mxfp4_fast(const void *w, const q8_row *a, size_t n) {
    return nibble_row(w, sizeof(block_mxfp4), power_scale, table16(mxfp4_values), a, n);
}

/* The 8 scales, six bits less 32, four to a half for `pick`: both halves alike. */
static __m256i scales_iq4_xs(const block_iq4_xs *b) {
    const __m256i four = _mm256_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28);
    const __m256i two = _mm256_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14);
    const __m256i low = _mm256_srlv_epi32(_mm256_set1_epi32((int)le32(b->sl)), four);
    const __m256i high = _mm256_srlv_epi32(_mm256_set1_epi32(le16(b->sh)), two);
    const __m256i six =
        _mm256_or_si256(_mm256_and_si256(low, _mm256_set1_epi32(15)),
                        _mm256_slli_epi32(_mm256_and_si256(high, _mm256_set1_epi32(3)), 4));
    const __m256i scales = _mm256_sub_epi32(six, _mm256_set1_epi32(32));
    return _mm256_permute4x64_epi64(_mm256_packs_epi32(scales, scales), 0x88); /* 0 2 0 2 */
}

/* A block of 256, but its codes are nibbles. */
static float iq4_xs_fast(const void *w, const q8_row *a, size_t n) {
    const __m256i table = table16(iq4nl_values);
    const block_iq4_xs *b = w;
    float sum = 0;
    for (size_t i = 0; i < n / 256; i++, b++) {
        const int8_t *q = a->q + 256 * i;
        const __m256i scales = scales_iq4_xs(b);
        __m256i v[8];
#pragma GCC unroll 8
        for (int g = 0; g < 8; g++, q += 32) {
            const __m256i codes = look_up(table, b->q + 16 * g);
            v[g] = scaled(mul_signed(codes, load32(q)), pick(scales, g));
        }
        sum = add_block256(sum, v, a->d + 8 * i, f16_one(b->d));
    }
    return sum;
}

/* ---- activations to 8 bits ---- */

/* The largest of 32 magnitudes, as bits: their order is that of the floats. */
static uint32_t top_bits(const __m256 x[4]) {
    const __m256i mask = _mm256_set1_epi32(0x7fffffff);
    __m256i top = _mm256_setzero_si256();
    for (int k = 0; k < 4; k++)
        top = _mm256_max_epu32(top, _mm256_and_si256(_mm256_castps_si256(x[k]), mask));
    __m128i t = _mm_max_epu32(_mm256_castsi256_si128(top), _mm256_extracti128_si256(top, 1));
    t = _mm_max_epu32(t, _mm_shuffle_epi32(t, 0x4e));
    t = _mm_max_epu32(t, _mm_shuffle_epi32(t, 0xb1));
    return (uint32_t)_mm_cvtsi128_si32(t);
}

/* x / d to the nearest integers, ties to even, within ±127; packing bounds them by -128 and 127. */
static __m256i to_codes(const __m256 x[4], float d) {
    const __m256 scale = _mm256_set1_ps(d);
    __m256i v[4];
    for (int k = 0; k < 4; k++) v[k] = _mm256_cvtps_epi32(_mm256_div_ps(x[k], scale));
    const __m256i bytes =
        _mm256_packs_epi16(_mm256_packs_epi32(v[0], v[1]), _mm256_packs_epi32(v[2], v[3]));
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7); /* packing goes by halves */
    return _mm256_max_epi8(_mm256_permutevar8x32_epi32(bytes, order), _mm256_set1_epi8(-127));
}

static void q8_fast(const float *x, size_t n, int8_t *q, float *d, int16_t *sum16) {
    for (size_t i = 0; i < n / 32; i++, x += 32, q += 32, sum16 += 2) {
        const __m256 v[4] = {_mm256_loadu_ps(x), _mm256_loadu_ps(x + 8), _mm256_loadu_ps(x + 16),
                             _mm256_loadu_ps(x + 24)};
        const uint32_t top = top_bits(v);
        const float scale = bits_f32(top) / 127.0f;
        __m256i codes = _mm256_setzero_si256();
        if (top < 0x7f800000u && scale > 0) codes = to_codes(v, scale);
        d[i] = top < 0x7f800000u ? scale : NAN;
        _mm256_storeu_si256((__m256i *)(void *)q, codes);
        /* Bytes are summed by eights as unsigned, 128 too high each. */
        const __m256i high = _mm256_xor_si256(codes, _mm256_set1_epi8(-128));
        const __m256i sums = _mm256_sad_epu8(high, _mm256_setzero_si256());
        const __m256i both = _mm256_add_epi64(sums, _mm256_unpackhi_epi64(sums, sums));
        sum16[0] = (int16_t)(_mm256_extract_epi16(both, 0) - 16 * 128);
        sum16[1] = (int16_t)(_mm256_extract_epi16(both, 8) - 16 * 128);
    }
}

static const dot_set avx2 = {
    .isa = "avx2",
    .fast = {
        [Q_F32] = f32_dot_avx2,
        [Q_F16] = f16_dot_avx2,
        [Q_BF16] = bf16_dot_avx2,
        [Q_Q8_0] = q8_0_fast,
        [Q_Q4_0] = q4_0_fast,
        [Q_IQ4_NL] = iq4_nl_fast,
        [Q_MXFP4] = mxfp4_fast,
        [Q_IQ4_XS] = iq4_xs_fast,
        [Q_Q2_K] = q2_k_dot_avx2,
        [Q_Q3_K] = q3_k_dot_avx2,
        [Q_Q4_K] = q4_k_dot_avx2,
        [Q_Q5_K] = q5_k_dot_avx2,
        [Q_Q6_K] = q6_k_dot_avx2,
        [Q_IQ2_XXS] = iq2_xxs_dot_avx2,
        [Q_IQ2_XS] = iq2_xs_dot_avx2,
        [Q_IQ2_S] = iq2_s_dot_avx2,
        [Q_IQ3_XXS] = iq3_xxs_dot_avx2,
        [Q_IQ3_S] = iq3_s_dot_avx2,
        [Q_IQ1_S] = iq1_s_dot_avx2,
        [Q_IQ1_M] = iq1_m_dot_avx2,
        SHARED_PRODUCTS,
    },
    .tile = {
        [Q_F32] = f32_tile_avx2,
        [Q_F16] = f16_tile_avx2,
        [Q_BF16] = bf16_tile_avx2,
        [Q_Q8_0] = q8_0_tile_avx2,
        [Q_Q2_K] = q2_k_tile_avx2,
        [Q_IQ2_XXS] = iq2_xxs_tile_avx2,
        [Q_Q3_K] = q3_k_tile_avx2,
        [Q_Q4_K] = q4_k_tile_avx2,
        [Q_Q5_K] = q5_k_tile_avx2,
        [Q_Q6_K] = q6_k_tile_avx2,
        [Q_MXFP4] = mxfp4_tile_avx2,
        [Q_Q4_0] = q4_0_tile_avx2,
        [Q_IQ4_NL] = iq4_nl_tile_avx2,
        [Q_IQ4_XS] = iq4_xs_tile_avx2,
    },
    .f32 = f32_sum,
    .exact = exact_sum,
    .q8 = q8_fast,
    .f16_load = f16_load,
    .f16_store = f16_store,
};

const dot_set *dot_avx2(void) { return &avx2; }
