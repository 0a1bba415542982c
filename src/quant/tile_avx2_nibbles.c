/* tile_avx2_nibbles: tiles of MXFP4, Q4_0, IQ4_NL and IQ4_XS: nibbles through tables of 16 codes.
 *
 * Q4_0 and MXFP4 have small codes, made positive by 8 and 12. Those of IQ4_NL reach 127 either way
 * and stay signed.
 */
#include "quant/tables.h"
#include "quant/tile_avx2_few.h"

/* 16 bytes of nibbles of each row to 32 codes. */
ALWAYS void look_up(const uint8_t *p, size_t stride, __m256i table, __m256i to[8]) {
    const __m256i mask = _mm256_set1_epi8(15);
    __m256i v[4];
    columns(p, stride, v);
#pragma GCC unroll 4
    for (int c = 0; c < 4; c++) {
        const __m256i low = _mm256_and_si256(v[c], mask);
        const __m256i high = _mm256_and_si256(_mm256_srli_epi16(v[c], 4), mask);
        to[c] = _mm256_shuffle_epi8(table, low);
        to[c + 4] = _mm256_shuffle_epi8(table, high);
    }
}

static inline __m256i plus(const int8_t values[16], char more) {
    return _mm256_add_epi8(twice16(values), _mm256_set1_epi8(more));
}

/* mxfp4_scale of the byte that each of eight rows begins with. */
ALWAYS __m256 powers8(const uint8_t *p, size_t stride) {
    const __m256i e = _mm256_setr_epi32(p[0], p[stride], p[2 * stride], p[3 * stride],
                                        p[4 * stride], p[5 * stride], p[6 * stride], p[7 * stride]);
    const __m256i normal = _mm256_slli_epi32(_mm256_sub_epi32(e, _mm256_set1_epi32(1)), 23);
    const __m256i small = _mm256_sllv_epi32(_mm256_set1_epi32(0x00200000), e);
    const __m256i is_normal = _mm256_cmpgt_epi32(e, _mm256_set1_epi32(1));
    return _mm256_castsi256_ps(_mm256_blendv_epi8(small, normal, is_normal));
}

ALWAYS void decode_mxfp4(const uint8_t *w, size_t stride, int groups, strip *s) {
    const __m256i table = plus(mxfp4_values, 12);
    for (int g = 0; g < groups; g++, w += sizeof(block_mxfp4)) {
        look_up(w + 1, stride, table, s->code + 8 * g);
        s->top[g] = powers8(w, stride);
        s->low[g] = _mm256_set1_epi16(-12);
    }
}

STRIPS_OF(mxfp4_tile_avx2, .depth = 4, .by32 = true, .joined = true,
          .bytes = 8 * sizeof(block_mxfp4), .decode = decode_mxfp4)

ALWAYS __m256i codes_mxfp4(const uint8_t *b) {
    const __m256i shift = _mm256_setr_epi32(0, 0, 0, 0, 4, 4, 4, 4);
    const __m256i v = _mm256_srlv_epi32(twice16(b + 1), shift);
    return _mm256_shuffle_epi8(plus(mxfp4_values, 12),
                               _mm256_and_si256(v, _mm256_set1_epi8(15)));
}

static const form32 few_mxfp4 = {.bytes = sizeof(block_mxfp4), .more = 12, .codes = codes_mxfp4,
                                 .scales = powers8};
FEW_OR_STRIPS(mxfp4_tile_avx2, few32, few_mxfp4, 32)

ALWAYS void decode_q4_0(const uint8_t *w, size_t stride, int groups, strip *s) {
    const __m256i table = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
    for (int g = 0; g < groups; g++, w += sizeof(block_q4_0)) {
        look_up(w + 2, stride, table, s->code + 8 * g);
        s->top[g] = halves8(w, stride);
        s->low[g] = _mm256_set1_epi16(-8);
    }
}

TILE_OF(q4_0_tile_avx2, .depth = 4, .by32 = true, .joined = true, .bytes = 8 * sizeof(block_q4_0),
        .decode = decode_q4_0)

ALWAYS void decode_iq4_nl(const uint8_t *w, size_t stride, int groups, strip *s) {
    const __m256i table = twice16(iq4nl_values);
    for (int g = 0; g < groups; g++, w += sizeof(block_iq4_nl)) {
        look_up(w + 2, stride, table, s->code + 8 * g);
        s->top[g] = halves8(w, stride);
    }
}

TILE_OF(iq4_nl_tile_avx2, .depth = 1, .is_signed = true, .by32 = true,
        .bytes = 8 * sizeof(block_iq4_nl), .decode = decode_iq4_nl)

ALWAYS void decode_iq4_xs(const uint8_t *w, size_t stride, int groups, strip *s) {
    (void)groups;
    const __m256i table = twice16(iq4nl_values);
    __m256i v[4];
    columns(w, stride, v); /* d and the high pairs, the low nibbles, codes, codes */
    __m256i low = v[1], high = _mm256_srli_epi32(v[0], 16);
    for (int g = 0; g < 8; g++) {
        const __m256i nibble = _mm256_and_si256(low, _mm256_set1_epi32(15));
        const __m256i pair = _mm256_and_si256(high, _mm256_set1_epi32(3));
        const __m256i six = _mm256_or_si256(nibble, _mm256_slli_epi32(pair, 4));
        s->scale[g] = _mm256_sub_epi16(pair_of_byte(six, 0), _mm256_set1_epi16(32));
        low = _mm256_srli_epi32(low, 4);
        high = _mm256_srli_epi32(high, 2);
        look_up(w + 8 + 16 * g, stride, table, s->code + 8 * g);
    }
    s->top[0] = halves8(w, stride);
}

TILE_OF(iq4_xs_tile_avx2, .depth = 1, .is_signed = true, .bytes = sizeof(block_iq4_xs),
        .decode = decode_iq4_xs)
