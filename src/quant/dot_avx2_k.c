/* dot_avx2_k: products with K-quants: codes in bit fields, scales each 16 or 32 values.
 *
 * Codes stay unsigned. What has to be subtracted from all codes of a sub-block (a minimum, or the
 * middle of the range) is multiplied with the sums of the activations, one operation a block:
 *
 *      sum of scale * (code - c) * q  =  sum of scale * code * q  -  c * (sum of scale * sum16)
 */
#include "quant/dot_avx2.h"

/* Field k of two bits in each byte. */
static inline __m256i two_bits(__m256i v, int k) {
    return _mm256_and_si256(_mm256_srli_epi16(v, 2 * k), _mm256_set1_epi8(3));
}

/* Bit k of each byte, moved to bit `to`. */
static inline __m256i one_bit(__m256i v, int k, int to) {
    const __m256i bit = _mm256_and_si256(_mm256_srli_epi16(v, k), _mm256_set1_epi8(1));
    return _mm256_slli_epi16(bit, to);
}

static inline __m256i nibbles(__m256i v, int high) {
    return _mm256_and_si256(high ? _mm256_srli_epi16(v, 4) : v, _mm256_set1_epi8(15));
}

float q2_k_dot_avx2(const void *w, const q8_row *a, size_t n) {
    const block_q2_k *b = w;
    const int8_t *q = a->q;
    const float *d = a->d;
    float sum = 0;
    for (size_t i = 0; i < n / 256; i++, b++, d += 8) {
        const __m128i sc = load16(b->sc), mask = _mm_set1_epi8(15);
        const __m256i scales = _mm256_cvtepu8_epi16(even_odd(_mm_and_si128(sc, mask)));
        const __m256i mins = _mm256_cvtepu8_epi16(_mm_and_si128(_mm_srli_epi16(sc, 4), mask));
        __m256i v[8];
        for (int half = 0; half < 2; half++) {
            const __m256i bits = load32(b->q + 32 * half);
#pragma GCC unroll 4
            for (int k = 0; k < 4; k++, q += 32) {
                const int g = 4 * half + k;
                v[g] = scaled(mul_unsigned(two_bits(bits, k), load32(q)), pick(scales, g));
            }
        }
        sum = add_block256(sum, v, d, f16_one(b->d));
        sum = add_mins(sum, -f16_one(b->dmin), mins, a->sum16 + 16 * i, d);
    }
    return sum;
}

/* 16 scales of six bits, less 32, in their order. */
static __m128i scales_q3_k(const uint8_t s[12]) {
    const __m128i nib = _mm_loadl_epi64((const __m128i *)(const void *)s);
    const __m128i low = _mm_and_si128(_mm_unpacklo_epi64(nib, _mm_srli_epi16(nib, 4)),
                                      _mm_set1_epi8(15));
    const __m128i pairs = _mm_srlv_epi32(_mm_set1_epi32((int)le32(s + 8)),
                                         _mm_setr_epi32(0, 2, 4, 6));
    const __m128i high = _mm_slli_epi16(_mm_and_si128(pairs, _mm_set1_epi8(3)), 4);
    return _mm_sub_epi8(_mm_or_si128(low, high), _mm_set1_epi8(32));
}

float q3_k_dot_avx2(const void *w, const q8_row *a, size_t n) {
    const block_q3_k *b = w;
    const int8_t *q = a->q;
    const float *d = a->d;
    float sum = 0;
    for (size_t i = 0; i < n / 256; i++, b++, d += 8) {
        const __m128i sc = scales_q3_k(b->s);
        const __m256i scales = _mm256_cvtepi8_epi16(even_odd(sc));
        const __m256i hm = load32(b->hm);
        __m256i v[8];
        for (int half = 0; half < 2; half++) {
            const __m256i bits = load32(b->q + 32 * half);
            const __m256i high = _mm256_srli_epi16(hm, 4 * half);
#pragma GCC unroll 4
            for (int k = 0; k < 4; k++, q += 32) {
                const int g = 4 * half + k;
                const __m256i code = _mm256_or_si256(two_bits(bits, k), one_bit(high, k, 2));
                v[g] = scaled(mul_unsigned(code, load32(q)), pick(scales, g));
            }
        }
        const __m256i all = constants(_mm256_cvtepi8_epi16(sc), a->sum16 + 16 * i);
        const __m256i less = _mm256_sub_epi32(fold_each(v), _mm256_slli_epi32(all, 2));
        sum = add_product(chain(less, d), f16_one(b->d), sum);
    }
    return sum;
}

/* Both halves alike: a scale counts for 32 values. */
static __m256i scales_of_32(uint64_t bytes) {
    return _mm256_broadcastsi128_si256(_mm_cvtepu8_epi16(_mm_cvtsi64_si128((long long)bytes)));
}

float q4_k_dot_avx2(const void *w, const q8_row *a, size_t n) {
    const block_q4_k *b = w;
    const int8_t *q = a->q;
    const float *d = a->d;
    float sum = 0;
    for (size_t i = 0; i < n / 256; i++, b++, d += 8) {
        uint64_t sc, m;
        scales_q4_k(b->s, &sc, &m);
        const __m256i scales = scales_of_32(sc);
        __m256i v[8];
#pragma GCC unroll 4
        for (int k = 0; k < 4; k++, q += 64) {
            const __m256i bits = load32(b->q + 32 * k);
            const __m256i c0 = nibbles(bits, 0), c1 = nibbles(bits, 1);
            v[2 * k] = scaled(mul_unsigned(c0, load32(q)), pick(scales, 2 * k));
            v[2 * k + 1] = scaled(mul_unsigned(c1, load32(q + 32)), pick(scales, 2 * k + 1));
        }
        sum = add_block256(sum, v, d, f16_one(b->d));
        sum = add_mins(sum, -f16_one(b->dmin), mins_of_32(m), a->sum16 + 16 * i, d);
    }
    return sum;
}

float q5_k_dot_avx2(const void *w, const q8_row *a, size_t n) {
    const block_q5_k *b = w;
    const int8_t *q = a->q;
    const float *d = a->d;
    float sum = 0;
    for (size_t i = 0; i < n / 256; i++, b++, d += 8) {
        uint64_t sc, m;
        scales_q4_k(b->s, &sc, &m);
        const __m256i scales = scales_of_32(sc), qh = load32(b->qh);
        __m256i v[8];
#pragma GCC unroll 4
        for (int k = 0; k < 4; k++, q += 64) {
            const __m256i bits = load32(b->q + 32 * k);
            const __m256i c0 = _mm256_or_si256(nibbles(bits, 0), one_bit(qh, 2 * k, 4));
            const __m256i c1 = _mm256_or_si256(nibbles(bits, 1), one_bit(qh, 2 * k + 1, 4));
            v[2 * k] = scaled(mul_unsigned(c0, load32(q)), pick(scales, 2 * k));
            v[2 * k + 1] = scaled(mul_unsigned(c1, load32(q + 32)), pick(scales, 2 * k + 1));
        }
        sum = add_block256(sum, v, d, f16_one(b->d));
        sum = add_mins(sum, -f16_one(b->dmin), mins_of_32(m), a->sum16 + 16 * i, d);
    }
    return sum;
}

float q6_k_dot_avx2(const void *w, const q8_row *a, size_t n) {
    const block_q6_k *b = w;
    const int8_t *q = a->q;
    const float *d = a->d;
    float sum = 0;
    for (size_t i = 0; i < n / 256; i++, b++, d += 8) {
        const __m128i sc = load16(b->sc);
        const __m256i scales = _mm256_cvtepi8_epi16(even_odd(sc));
        __m256i v[8];
        for (int half = 0; half < 2; half++) {
            const __m256i low[2] = {load32(b->ql + 64 * half), load32(b->ql + 64 * half + 32)};
            const __m256i high = load32(b->qh + 32 * half);
#pragma GCC unroll 4
            for (int k = 0; k < 4; k++, q += 32) {
                const int g = 4 * half + k;
                const __m256i pairs = _mm256_slli_epi16(two_bits(high, k), 4);
                const __m256i code = _mm256_or_si256(nibbles(low[k % 2], k / 2), pairs);
                v[g] = scaled(mul_unsigned(code, load32(q)), pick(scales, g));
            }
        }
        const __m256i all = constants(_mm256_cvtepi8_epi16(sc), a->sum16 + 16 * i);
        const __m256i less = _mm256_sub_epi32(fold_each(v), _mm256_slli_epi32(all, 5));
        sum = add_product(chain(less, d), f16_one(b->d), sum);
    }
    return sum;
}
