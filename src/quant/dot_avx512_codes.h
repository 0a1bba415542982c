/* dot_avx512_codes: how codes of one row are unpacked in registers, and how rows are turned. */
#ifndef DS4_QUANT_DOT_AVX512_CODES_H
#define DS4_QUANT_DOT_AVX512_CODES_H

#include "quant/dot_avx512.h"

/* 32 bytes in both halves, shifted right by `low` and `high` bits. */
static inline __m512i shifted(__m256i v, int low, int high) {
    const __m512i by = _mm512_inserti64x4(_mm512_set1_epi16((short)low),
                                          _mm256_set1_epi16((short)high), 1);
    return _mm512_srlv_epi16(_mm512_broadcast_i64x4(v), by);
}

static inline __m512i masked(__m512i v, char bits) {
    return _mm512_and_si512(v, _mm512_set1_epi8(bits));
}

/* 16 bytes to 32 codes: low nibbles first. */
static inline __m256i look_up(__m256i table, const uint8_t q[16]) {
    const __m128i v = load16(q);
    const __m256i nibbles = _mm256_inserti128_si256(_mm256_castsi128_si256(v),
                                                    _mm_srli_epi16(v, 4), 1);
    return _mm256_shuffle_epi8(table, _mm256_and_si256(nibbles, _mm256_set1_epi8(15)));
}

static inline __m256i table_of(const int8_t values[16]) {
    return _mm256_broadcastsi128_si256(load16(values));
}

/* Scale j in all words of quarter j % 4 of register j / 4. */
static inline __m512i scale_words(__m128i scales, int i) {
    const __m512i quarter = _mm512_inserti64x4(
        _mm512_castsi256_si512(_mm256_inserti128_si256(
            _mm256_setzero_si256(), _mm_set1_epi16(1), 1)),
        _mm256_inserti128_si256(_mm256_set1_epi16(2), _mm_set1_epi16(3), 1), 1);
    const __m512i at = _mm512_add_epi16(quarter, _mm512_set1_epi16((short)(0x8000 + 4 * i)));
    return _mm512_shuffle_epi8(_mm512_broadcast_i32x4(scales), at);
}

static inline __m512i eight_rows(uint64_t r0, uint64_t r1, uint64_t r2, uint64_t r3, uint64_t r4,
                                 uint64_t r5, uint64_t r6, uint64_t r7) {
    __m512i v = _mm512_set1_epi64((long long)r0);
    v = _mm512_mask_set1_epi64(v, 0x02, (long long)r1);
    v = _mm512_mask_set1_epi64(v, 0x04, (long long)r2);
    v = _mm512_mask_set1_epi64(v, 0x08, (long long)r3);
    v = _mm512_mask_set1_epi64(v, 0x10, (long long)r4);
    v = _mm512_mask_set1_epi64(v, 0x20, (long long)r5);
    v = _mm512_mask_set1_epi64(v, 0x40, (long long)r6);
    return _mm512_mask_set1_epi64(v, 0x80, (long long)r7);
}

static inline __m512i with_signs(__m512i v, uint64_t minus) {
    return _mm512_mask_sub_epi8(v, minus, _mm512_setzero_si512(), v);
}

/* Each u32: four fields of seven bits to four bytes with an even number of bits. */
static inline __m256i signs_of(__m256i w) {
    const __m256i f0 = _mm256_and_si256(w, _mm256_set1_epi32(0x7f));
    const __m256i f1 = _mm256_and_si256(_mm256_slli_epi32(w, 1), _mm256_set1_epi32(0x7f00));
    const __m256i f2 = _mm256_and_si256(_mm256_slli_epi32(w, 2), _mm256_set1_epi32(0x7f0000));
    const __m256i f3 = _mm256_and_si256(_mm256_slli_epi32(w, 3), _mm256_set1_epi32(0x7f000000));
    const __m256i f = _mm256_or_si256(_mm256_or_si256(f0, f1), _mm256_or_si256(f2, f3));
    const __m256i nibble = _mm256_set1_epi8(15);
    const __m256i odd = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(0, -128, -128, 0, -128, 0, 0, -128, -128, 0, 0, -128, 0, -128, -128, 0));
    const __m256i low = _mm256_shuffle_epi8(odd, _mm256_and_si256(f, nibble));
    const __m256i high =
        _mm256_shuffle_epi8(odd, _mm256_and_si256(_mm256_srli_epi16(f, 4), nibble));
    return _mm256_or_si256(f, _mm256_xor_si256(low, high));
}

/* Words c .. c + 3 of rows r, r + 4, r + 8, r + 12: four to a quarter. */
static inline __m512i quarters(const uint8_t *p, size_t stride) {
    __m512i v = _mm512_broadcast_i32x4(load16(p));
    v = _mm512_mask_broadcast_i32x4(v, 0x00f0, load16(p + 4 * stride));
    v = _mm512_mask_broadcast_i32x4(v, 0x0f00, load16(p + 8 * stride));
    return _mm512_mask_broadcast_i32x4(v, 0xf000, load16(p + 12 * stride));
}

/* 16 rows of four words, `stride` bytes apart, to four columns of 16 words. */
static inline void turn(const uint8_t *p, size_t stride, __m512i flip, void *to) {
    uint8_t *out = to;
    const __m512i a = quarters(p, stride), b = quarters(p + stride, stride);
    const __m512i c = quarters(p + 2 * stride, stride), d = quarters(p + 3 * stride, stride);
    const __m512i ab0 = _mm512_unpacklo_epi32(a, b), ab1 = _mm512_unpackhi_epi32(a, b);
    const __m512i cd0 = _mm512_unpacklo_epi32(c, d), cd1 = _mm512_unpackhi_epi32(c, d);
    store64(out, _mm512_xor_si512(_mm512_unpacklo_epi64(ab0, cd0), flip));
    store64(out + 64, _mm512_xor_si512(_mm512_unpackhi_epi64(ab0, cd0), flip));
    store64(out + 128, _mm512_xor_si512(_mm512_unpacklo_epi64(ab1, cd1), flip));
    store64(out + 192, _mm512_xor_si512(_mm512_unpackhi_epi64(ab1, cd1), flip));
}

#endif
