/* dot_avx2_iq: products with the codebook formats.
 *
 * Rows of a codebook are loaded one by one: gathers took 157 ns for 1000 weights of IQ3_XXS where
 * this takes 112 (AMD EPYC, gcc 12). Magnitudes are positive, so signs go to the activations.
 * Sign bits become bytes of ±1 without a table: a byte of eight signs is copied to eight bytes, and
 * where bit j of copy j is set, there is a minus.
 *
 * Formats with seven stored signs get the eighth from the parity of the seven, found for two
 * groups of 32 values at once by a shuffle through the 16 parities of a nibble.
 *
 * Group g = 0..7 of a block has 32 values. In a register that serves both groups of a pair, the
 * low half holds what belongs to values 0..15 of either, the high half what belongs to 16..31.
 */
#include "quant/dot_avx2.h"
#include "quant/tables.h"

/* Four rows of eight values. */
static inline __m256i rows8(uint64_t r0, uint64_t r1, uint64_t r2, uint64_t r3) {
    return _mm256_set_epi64x((long long)r3, (long long)r2, (long long)r1, (long long)r0);
}

/* Eight bytes a and eight b in the low half, eight c and eight d in the high half: as a shuffle,
 * it copies each of four bytes to eight places. */
static inline __m256i spread(uint8_t a, uint8_t b, uint8_t c, uint8_t d) {
    const uint64_t ones = 0x0101010101010101;
    return _mm256_setr_epi64x((long long)(ones * a), (long long)(ones * b), (long long)(ones * c),
                              (long long)(ones * d));
}

/* q, negated where a sign bit is set. `places` is a spread() of the four bytes of `signs` that
 * belong to these 32 values. */
static inline __m256i with_signs(__m256i q, __m256i signs, __m256i places) {
    const __m256i bit = _mm256_set1_epi64x((long long)0x8040201008040201ull);
    const __m256i mine = _mm256_and_si256(_mm256_shuffle_epi8(signs, places), bit);
    const __m256i minus = _mm256_cmpeq_epi8(mine, bit);
    return _mm256_sign_epi8(q, _mm256_or_si256(minus, _mm256_set1_epi8(1)));
}

/* Adds the eighth sign bit to seven; bytes above 127 must not occur. */
static inline __m256i eighth_sign(__m256i seven) {
    const char e = 0, o = (char)0x80;
    const __m256i parity = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(e, o, o, e, o, e, e, o, o, e, e, o, e, o, o, e));
    const __m256i folded = _mm256_xor_si256(seven, _mm256_srli_epi16(seven, 4));
    const __m256i nibble = _mm256_and_si256(folded, _mm256_set1_epi8(15));
    return _mm256_or_si256(seven, _mm256_shuffle_epi8(parity, nibble));
}

/* From the u32 words of a pair of groups, four fields of seven signs each: the first word in
 * elements 0, 1 and the second in 2, 3 of both halves. Signs go to the low byte of each. */
static inline __m256i signs_of_pair(__m256i words) {
    const __m256i shift = _mm256_setr_epi32(0, 7, 0, 7, 14, 21, 14, 21);
    const __m256i field = _mm256_srlv_epi32(words, shift);
    return eighth_sign(_mm256_and_si256(field, _mm256_set1_epi32(127)));
}

/* The top nibbles of the same words as i16 factors 2 * nibble + 1, for group k of the pair. */
static inline __m256i scale_of_pair(__m256i words, int k) {
    const __m256i odd = _mm256_or_si256(_mm256_srli_epi32(words, 27), _mm256_set1_epi32(1));
    return _mm256_shuffle_epi8(odd, _mm256_set1_epi16((short)(0x0100 + 0x0808 * k)));
}

/* Where signs_of_pair has those of group k. */
static inline __m256i places_in_pair(int k) {
    const uint8_t at = (uint8_t)(8 * k), next = (uint8_t)(8 * k + 4);
    return spread(at, next, at, next);
}

/* Four bytes in a row. */
static inline __m256i places_from(int at) {
    return spread((uint8_t)at, (uint8_t)(at + 1), (uint8_t)(at + 2), (uint8_t)(at + 3));
}

float iq2_xxs_dot_avx2(const void *w, const q8_row *a, size_t n) {
    const block_iq2_xxs *b = w;
    const uint64_t *grid = iq2xxs_grid;
    const int8_t *q = a->q;
    const float *d = a->d;
    float sum = 0;
    for (size_t i = 0; i < n / 256; i++, b++, d += 8) {
        __m256i v[8];
#pragma GCC unroll 4
        for (int pair = 0; pair < 4; pair++, q += 64) {
            const uint8_t *p = b->qs + 16 * pair;
            const __m256i words = _mm256_shuffle_epi32(twice16(p), 0xf5); /* 1 1 3 3 */
            const __m256i signs = signs_of_pair(words);
#pragma GCC unroll 2
            for (int k = 0; k < 2; k++) {
                const uint8_t *at = p + 8 * k;
                const __m256i rows = rows8(grid[at[0]], grid[at[1]], grid[at[2]], grid[at[3]]);
                const __m256i s = with_signs(load32(q + 32 * k), signs, places_in_pair(k));
                v[2 * pair + k] = scaled(mul_unsigned(rows, s), scale_of_pair(words, k));
            }
        }
        sum = add_block256(sum, v, d, 0.125f * f16_one(b->d));
    }
    return sum;
}

/* Scale nibbles of IQ2_XS and IQ2_S, low for the first 16 of 32 values: factors for `pick`. */
static inline __m256i scales_of_nibbles(const uint8_t sc[8]) {
    const __m128i v = _mm_loadl_epi64((const __m128i *)(const void *)sc);
    const __m128i nib = _mm_and_si128(_mm_unpacklo_epi64(v, _mm_srli_epi16(v, 4)),
                                      _mm_set1_epi8(15));
    const __m128i odd = _mm_or_si128(_mm_add_epi8(nib, nib), _mm_set1_epi8(1));
    return _mm256_cvtepu8_epi16(odd);
}

float iq2_xs_dot_avx2(const void *w, const q8_row *a, size_t n) {
    const block_iq2_xs *b = w;
    const uint64_t *grid = iq2xs_grid;
    const int8_t *q = a->q;
    const float *d = a->d;
    float sum = 0;
    for (size_t i = 0; i < n / 256; i++, b++, d += 8) {
        const __m256i scales = scales_of_nibbles(b->sc);
        __m256i v[8];
#pragma GCC unroll 4
        for (int pair = 0; pair < 4; pair++, q += 64) {
            const uint8_t *p = b->qs + 16 * pair;
            const __m256i signs = eighth_sign(_mm256_srli_epi16(twice16(p), 9));
#pragma GCC unroll 2
            for (int k = 0; k < 2; k++) {
                const uint64_t at = le64(p + 8 * k);
                const __m256i rows = rows8(grid[at & 511], grid[at >> 16 & 511],
                                           grid[at >> 32 & 511], grid[at >> 48 & 511]);
                const int g = 2 * pair + k;
                const uint8_t o = (uint8_t)(8 * k);
                const __m256i places =
                    spread(o, (uint8_t)(o + 2), (uint8_t)(o + 4), (uint8_t)(o + 6));
                const __m256i s = with_signs(load32(q + 32 * k), signs, places);
                v[g] = scaled(mul_unsigned(rows, s), pick(scales, g));
            }
        }
        sum = add_block256(sum, v, d, 0.125f * f16_one(b->d));
    }
    return sum;
}

float iq2_s_dot_avx2(const void *w, const q8_row *a, size_t n) {
    const block_iq2_s *b = w;
    const uint64_t *grid = iq2s_grid;
    const int8_t *q = a->q;
    const float *d = a->d;
    float sum = 0;
    for (size_t i = 0; i < n / 256; i++, b++, d += 8) {
        const __m256i scales = scales_of_nibbles(b->sc);
        __m256i v[8];
        for (int half = 0; half < 2; half++) {
            const __m256i signs = twice16(b->signs + 16 * half);
#pragma GCC unroll 4
            for (int k = 0; k < 4; k++, q += 32) {
                const int g = 4 * half + k;
                const uint8_t *at = b->qs + 4 * g;
                const unsigned h = b->qh[g];
                const __m256i rows = rows8(grid[at[0] | (h << 8 & 0x300)],
                                           grid[at[1] | (h << 6 & 0x300)],
                                           grid[at[2] | (h << 4 & 0x300)],
                                           grid[at[3] | (h << 2 & 0x300)]);
                const __m256i s = with_signs(load32(q), signs, places_from(4 * k));
                v[g] = scaled(mul_unsigned(rows, s), pick(scales, g));
            }
        }
        sum = add_block256(sum, v, d, 0.125f * f16_one(b->d));
    }
    return sum;
}

/* Two rows of four values as one of eight. */
static inline uint64_t row4x2(uint32_t low, uint32_t high) { return low | (uint64_t)high << 32; }

float iq3_xxs_dot_avx2(const void *w, const q8_row *a, size_t n) {
    const block_iq3_xxs *b = w;
    const uint32_t *grid = iq3xxs_grid;
    const int8_t *q = a->q;
    const float *d = a->d;
    float sum = 0;
    for (size_t i = 0; i < n / 256; i++, b++, d += 8) {
        __m256i v[8];
#pragma GCC unroll 4
        for (int pair = 0; pair < 4; pair++, q += 64) {
            const __m256i both = _mm256_set1_epi64x((long long)le64(b->sas + 8 * pair));
            const __m256i words = _mm256_shuffle_epi32(both, 0x50); /* 0 0 1 1 */
            const __m256i signs = signs_of_pair(words);
#pragma GCC unroll 2
            for (int k = 0; k < 2; k++) {
                const uint8_t *at = b->qs + 16 * pair + 8 * k;
                const __m256i rows = rows8(row4x2(grid[at[0]], grid[at[1]]),
                                           row4x2(grid[at[2]], grid[at[3]]),
                                           row4x2(grid[at[4]], grid[at[5]]),
                                           row4x2(grid[at[6]], grid[at[7]]));
                const __m256i s = with_signs(load32(q + 32 * k), signs, places_in_pair(k));
                v[2 * pair + k] = scaled(mul_unsigned(rows, s), scale_of_pair(words, k));
            }
        }
        sum = add_block256(sum, v, d, 0.25f * f16_one(b->d));
    }
    return sum;
}

/* Row l of a group of IQ3_S: bit l of h is bit 8 of the index. */
static inline uint32_t row_iq3_s(const uint8_t *at, unsigned h, int l) {
    return iq3s_grid[at[l] | (h << (8 - l) & 0x100)];
}

float iq3_s_dot_avx2(const void *w, const q8_row *a, size_t n) {
    const block_iq3_s *b = w;
    const int8_t *q = a->q;
    const float *d = a->d;
    float sum = 0;
    for (size_t i = 0; i < n / 256; i++, b++, d += 8) {
        __m256i v[8];
        for (int half = 0; half < 2; half++) {
            const __m256i signs = twice16(b->signs + 16 * half);
#pragma GCC unroll 4
            for (int k = 0; k < 4; k++, q += 32) {
                const int g = 4 * half + k;
                const uint8_t *p = b->qs + 8 * g;
                const unsigned h = b->qh[g];
                const int nibble = b->sc[g / 2] >> 4 * (g % 2) & 15;
                const __m256i rows = rows8(row4x2(row_iq3_s(p, h, 0), row_iq3_s(p, h, 1)),
                                           row4x2(row_iq3_s(p, h, 2), row_iq3_s(p, h, 3)),
                                           row4x2(row_iq3_s(p, h, 4), row_iq3_s(p, h, 5)),
                                           row4x2(row_iq3_s(p, h, 6), row_iq3_s(p, h, 7)));
                const __m256i s = with_signs(load32(q), signs, places_from(4 * k));
                v[g] = scaled(mul_unsigned(rows, s), _mm256_set1_epi16((short)(2 * nibble + 1)));
            }
        }
        sum = add_block256(sum, v, d, f16_one(b->d));
    }
    return sum;
}

/* Activations times -1, 0 or 1, neighbours added. */
static inline __m256i mul_by_sign(__m256i signs, __m256i q) {
    return _mm256_maddubs_epi16(_mm256_set1_epi8(1), _mm256_sign_epi8(q, signs));
}

/* The shift of 1/8 counts for 32 values: its part comes from the sums of the activations. */
float iq1_s_dot_avx2(const void *w, const q8_row *a, size_t n) {
    const block_iq1_s *b = w;
    const uint64_t *grid = iq1s_grid;
    const int8_t *q = a->q;
    const float *d = a->d;
    float sum = 0;
    for (size_t i = 0; i < n / 256; i++, b++, d += 8) {
        const __m128i h8 = load16(b->qh);
        const __m128i three = _mm_and_si128(_mm_srli_epi16(h8, 11), _mm_set1_epi16(14));
        const __m128i sc = _mm_or_si128(three, _mm_set1_epi16(1));
        const __m256i scales = _mm256_broadcastsi128_si256(sc);
        /* The sign of the u16 is that of the shift. Each 16 of 32 values get a copy. */
        const __m128i shift = _mm_sign_epi16(sc, _mm_or_si128(h8, _mm_set1_epi16(1)));
        const __m256i shifts = _mm256_setr_m128i(_mm_unpacklo_epi16(shift, shift),
                                                 _mm_unpackhi_epi16(shift, shift));
        __m256i v[8];
#pragma GCC unroll 8
        for (int g = 0; g < 8; g++, q += 32) {
            const uint8_t *at = b->qs + 4 * g;
            const unsigned h = le16(b->qh + 2 * g);
            const __m256i rows =
                rows8(grid[at[0] | (h << 8 & 0x700)], grid[at[1] | (h << 5 & 0x700)],
                      grid[at[2] | (h << 2 & 0x700)], grid[at[3] | (h >> 1 & 0x700)]);
            v[g] = scaled(mul_by_sign(rows, load32(q)), pick(scales, g));
        }
        const __m256i eighths = _mm256_add_epi32(_mm256_slli_epi32(fold_each(v), 3),
                                                 constants(shifts, a->sum16 + 16 * i));
        sum = add_product(chain(eighths, d), 0.125f * f16_one(b->d), sum);
    }
    return sum;
}

/* 16 scales of three bits, four to a u16, as 2 * scale + 1 in the order of `pick`. There is no
 * shift of 16-bit elements by amounts of their own: a product moves the field to the top. */
static inline __m256i scales_iq1_m(const uint8_t s[8]) {
    const __m256i words = _mm256_set1_epi64x((long long)le64(s));
    const __m256i copies = _mm256_shuffle_epi8(
        words, _mm256_broadcastsi128_si256(
                   _mm_setr_epi8(0, 1, 0, 1, 2, 3, 2, 3, 4, 5, 4, 5, 6, 7, 6, 7)));
    const __m256i up = _mm256_setr_epi16(0x2000, 0x80, 0x2000, 0x80, 0x2000, 0x80, 0x2000, 0x80,
                                         0x400, 0x10, 0x400, 0x10, 0x400, 0x10, 0x400, 0x10);
    const __m256i three = _mm256_srli_epi16(_mm256_mullo_epi16(copies, up), 13);
    return _mm256_or_si256(_mm256_add_epi16(three, three), _mm256_set1_epi16(1));
}

float iq1_m_dot_avx2(const void *w, const q8_row *a, size_t n) {
    const block_iq1_m *b = w;
    const uint64_t *grid = iq1s_grid;
    const int8_t *q = a->q;
    const float *d = a->d;
    /* Bit 3 of each nibble of qh is the sign of a shift: byte 2g has those of 16 values. */
    const __m256i bit = spread(0x08, 0x80, 0x08, 0x80);
    float sum = 0;
    for (size_t i = 0; i < n / 256; i++, b++, d += 8) {
        const __m256i scales = scales_iq1_m(b->s), qh = twice16(b->qh);
        const uint16_t top = (uint16_t)(b->s[1] >> 4 | (b->s[3] & 0xf0) | (b->s[5] & 0xf0) << 4 |
                                        (b->s[7] & 0xf0) << 8);
        __m256i v[8];
#pragma GCC unroll 8
        for (int g = 0; g < 8; g++, q += 32) {
            const uint8_t *at = b->qs + 4 * g;
            const unsigned h = le16(b->qh + 2 * g);
            const __m256i rows =
                rows8(grid[at[0] | (h << 8 & 0x700)], grid[at[1] | (h << 4 & 0x700)],
                      grid[at[2] | (h & 0x700)], grid[at[3] | (h >> 4 & 0x700)]);
            const uint8_t o = (uint8_t)(2 * g), next = (uint8_t)(2 * g + 1);
            const __m256i mine =
                _mm256_and_si256(_mm256_shuffle_epi8(qh, spread(o, o, next, next)), bit);
            const __m256i shift = _mm256_or_si256(_mm256_cmpeq_epi8(mine, bit),
                                                  _mm256_set1_epi8(1));
            const __m256i x = load32(q);
            const __m256i eighths = _mm256_add_epi16(
                _mm256_slli_epi16(mul_by_sign(rows, x), 3), mul_by_sign(shift, x));
            v[g] = scaled(eighths, pick(scales, g));
        }
        sum = add_block256(sum, v, d, 0.125f * _cvtsh_ss(top));
    }
    return sum;
}
