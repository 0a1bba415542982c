/* dot_avx2: what the AVX2 files share, and the order of their sums.
 *
 * 32 weights meet 32 activations in integers: codes times activation codes times the integer scales
 * of the weights, summed up exactly. No step can overflow: two products of bytes stay below 2^15
 * (|code| <= 128, |activation| <= 127), a sum S of 32 with its scales below 2^24, so that as a
 * float32 it is still exact. How the integers are found is therefore free; the floats are not:
 *
 * I1  The order of sums. Each line is one fused multiply-add, from zero, groups and blocks rising:
 *
 *       blocks of 256    part = d[g] * S[g] + part     g = 0..7, d: the activations' scales
 *                        sum  = part * d(block) + sum
 *                        and where the format has minima, of M[g] = sum of min * activation,
 *                        part likewise, then sum = part * -dmin(block) + sum
 *       blocks of 32     sum  = S * (d(block) * d[block]) + sum
 *       floats           eight lanes over 256 values, folded (fold8); these sums added up
 *
 *     It has the form that suits tiles (tile_avx2.h), where a register holds eight rows' sums.
 *     The products of single rows in dot_avx2*.c are written apart and give the same bits.
 *
 * Within a row 32 codes take one register:
 *
 *      32 products of bytes, neighbours added     16 x i16     mul_unsigned, mul_signed
 *      times a scale, neighbours added             8 x i32     scaled
 *
 * Blocks of 256 keep their 16 scales as i16 with the even ones in the low half of a register, the
 * odd ones in the high half: group g of 32 values then finds its two by one shuffle within halves.
 */
#ifndef DS4_QUANT_DOT_AVX2_H
#define DS4_QUANT_DOT_AVX2_H

#include <immintrin.h>

#include "quant/formats.h"

#define DOT(name) float name(const void *w, const q8_row *a, size_t n)

DOT(f32_dot_avx2);
DOT(f16_dot_avx2);
DOT(bf16_dot_avx2);
DOT(q2_k_dot_avx2);
DOT(q3_k_dot_avx2);
DOT(q4_k_dot_avx2);
DOT(q5_k_dot_avx2);
DOT(q6_k_dot_avx2);
DOT(iq2_xxs_dot_avx2);
DOT(iq2_xs_dot_avx2);
DOT(iq2_s_dot_avx2);
DOT(iq3_xxs_dot_avx2);
DOT(iq3_s_dot_avx2);
DOT(iq1_s_dot_avx2);
DOT(iq1_m_dot_avx2);
#undef DOT

static inline __m256i load32(const void *p) { return _mm256_loadu_si256(p); }
static inline __m128i load16(const void *p) { return _mm_loadu_si128(p); }
static inline __m256i twice16(const void *p) { return _mm256_broadcastsi128_si256(load16(p)); }

static inline float f16_one(const uint8_t p[2]) { return _cvtsh_ss(le16(p)); }

static inline float fold8(__m256 v) {
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

/* Eight weights of the float formats. */
static inline __m256 f32_eight(const uint8_t *p) {
    return _mm256_castsi256_ps(load32(p));
}
static inline __m256 f16_eight(const uint8_t *p) { return _mm256_cvtph_ps(load16(p)); }
static inline __m256 bf16_eight(const uint8_t *p) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(load16(p)), 16));
}

/* A mask for the first n elements, n < 8. */
static inline __m256i first_of_8(size_t n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

static inline __m256i mul_unsigned(__m256i code, __m256i q) {
    return _mm256_maddubs_epi16(code, q);
}

static inline __m256i mul_signed(__m256i code, __m256i q) {
    return _mm256_maddubs_epi16(_mm256_abs_epi8(code), _mm256_sign_epi8(q, code));
}

static inline __m256i scaled(__m256i products, __m256i scale) {
    return _mm256_madd_epi16(products, scale);
}

/* Element g: the sum of the eight elements of v[g]. */
static inline __m256i fold_each(const __m256i v[8]) {
    const __m256i a = _mm256_hadd_epi32(_mm256_hadd_epi32(v[0], v[1]),
                                        _mm256_hadd_epi32(v[2], v[3]));
    const __m256i b = _mm256_hadd_epi32(_mm256_hadd_epi32(v[4], v[5]),
                                        _mm256_hadd_epi32(v[6], v[7]));
    return _mm256_add_epi32(_mm256_permute2x128_si256(a, b, 0x20),
                            _mm256_permute2x128_si256(a, b, 0x31));
}

/* One fused multiply-add of numbers: only their first elements count. */
static inline float add_product(float a, float b, float sum) {
    return _mm_cvtss_f32(_mm_fmadd_ss(_mm_set_ss(a), _mm_set_ss(b), _mm_set_ss(sum)));
}

/* The sums of eight groups, times the activations' scales. */
static inline float chain(__m256i sums, const float d[8]) {
    float s[8], part = 0;
    _mm256_storeu_ps(s, _mm256_cvtepi32_ps(sums));
    for (int g = 0; g < 8; g++) part = add_product(s[g], d[g], part);
    return part;
}

/* sum + top * the block whose groups have these sums, still over eight lanes each */
static inline float add_block256(float sum, const __m256i v[8], const float *d, float top) {
    return add_product(chain(fold_each(v), d), top, sum);
}

/* The scales of group g of 32 values, 8 times the even one and 8 times the odd one. */
static inline __m256i pick(__m256i scales, int g) {
    return _mm256_shuffle_epi8(scales, _mm256_set1_epi16((short)(0x0100 + 0x0202 * g)));
}

/* 16 bytes of scales as `pick` wants them. */
static inline __m128i even_odd(__m128i sc) {
    const __m128i order = _mm_setr_epi8(0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15);
    return _mm_shuffle_epi8(sc, order);
}

/* sum + k * the minima: `min` has one for each 16 activations. */
static inline float add_mins(float sum, float k, __m256i min, const int16_t *sum16,
                             const float *d) {
    return add_product(chain(_mm256_madd_epi16(min, load32(sum16)), d), k, sum);
}

/* What a constant for each 16 values adds to the sums of the groups: element g is group g's. */
static inline __m256i constants(__m256i factor, const int16_t *sum16) {
    return _mm256_madd_epi16(factor, load32(sum16));
}

/* The 8 scales and 8 mins of Q4_K and Q5_K, one a byte. */
static inline void scales_q4_k(const uint8_t s[12], uint64_t *scales, uint64_t *mins) {
    const uint32_t a = le32(s), b = le32(s + 4), c = le32(s + 8);
    const uint32_t low6 = 0x3f3f3f3f, low4 = 0x0f0f0f0f, low2 = 0x03030303;
    *scales = (a & low6) | (uint64_t)((c & low4) | (a >> 6 & low2) << 4) << 32;
    *mins = (b & low6) | (uint64_t)((c >> 4 & low4) | (b >> 6 & low2) << 4) << 32;
}

/* A minimum for each 16 of 256 values, from one for each 32. */
static inline __m256i mins_of_32(uint64_t bytes) {
    const __m128i v = _mm_cvtsi64_si128((long long)bytes);
    return _mm256_cvtepu8_epi16(_mm_unpacklo_epi8(v, v));
}

#endif
