/* dot_avx2: what the AVX2 files share.
 *
 * 32 codes meet 32 activations in three steps:
 *
 *      32 products of bytes, neighbours added     16 x i16     mul_unsigned, mul_signed
 *      times a scale, neighbours added             8 x i32     add_scaled, whose
 *      times the activations' scale, summed up     8 x f32     lanes are folded once a row
 *
 * No step can overflow: |code| <= 128 and |activation| <= 127, so two products stay below 2^15;
 * a scale is at most 128.
 *
 * Blocks of 256 keep their 16 scales as i16 with the even ones in the low half of a register, the
 * odd ones in the high half: group g of 32 values then finds its two by one shuffle within halves.
 *
 * The order of the sums differs from the scalar files; integers are the same, so results differ by
 * the rounding of some dozens of float32 additions.
 */
#ifndef DS4_QUANT_DOT_AVX2_H
#define DS4_QUANT_DOT_AVX2_H

#include <immintrin.h>

#include "quant/formats.h"

#define DOT(name) float name(const void *w, const q8_row *a, size_t n)

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

static inline __m256i mul_unsigned(__m256i code, __m256i q) {
    return _mm256_maddubs_epi16(code, q);
}

static inline __m256i mul_signed(__m256i code, __m256i q) {
    return _mm256_maddubs_epi16(_mm256_abs_epi8(code), _mm256_sign_epi8(q, code));
}

static inline __m256 add_scaled(__m256 acc, __m256i products, __m256i scale, const float *d) {
    const __m256i sums = _mm256_madd_epi16(products, scale);
    return _mm256_fmadd_ps(_mm256_cvtepi32_ps(sums), _mm256_broadcast_ss(d), acc);
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

/* Sums over the 256 activations with a factor each 16: acc += k * sum of factor * activation. */
static inline __m256 add_mins(__m256 acc, float k, __m256i factor, const int16_t *sum16,
                              const float *d) {
    const __m256 sums = _mm256_cvtepi32_ps(_mm256_madd_epi16(factor, load32(sum16)));
    return _mm256_fmadd_ps(_mm256_mul_ps(sums, _mm256_loadu_ps(d)), _mm256_set1_ps(k), acc);
}

#endif
