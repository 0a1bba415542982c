/* tile_avx2: tiles of Q8_0, Q2_K and IQ2_XXS. */
#include "quant/tile_avx2_few.h"
#include "quant/tables.h"

/* ---- q8_0 ---- */

ALWAYS void decode_q8_0(const uint8_t *w, size_t stride, int groups, strip *s) {
    for (int g = 0; g < groups; g++, w += sizeof(block_q8_0)) {
        columns(w + 2, stride, s->code + 8 * g);
        columns(w + 18, stride, s->code + 8 * g + 4);
        s->top[g] = halves8(w, stride);
    }
}

STRIPS_OF(q8_0_tile_avx2, .depth = 1, .is_signed = true, .by32 = true,
          .bytes = 8 * sizeof(block_q8_0), .decode = decode_q8_0)

ALWAYS __m256i codes_q8_0(const uint8_t *b) { return load32(b + 2); }

static const form32 few_q8_0 = {.bytes = sizeof(block_q8_0), .is_signed = true,
                                .codes = codes_q8_0, .scales = halves8};
FEW_OR_STRIPS(q8_0_tile_avx2, few32, few_q8_0, 32)

/* ---- q2_k ---- */

ALWAYS void decode_q2_k(const uint8_t *w, size_t stride, int groups, strip *s) {
    (void)groups;
    const __m256i three = _mm256_set1_epi8(3), low4 = _mm256_set1_epi8(15);
#pragma GCC unroll 4
    for (int k = 0; k < 4; k++) {
        __m256i v[4];
        columns(w + 16 + 16 * k, stride, v);
        __m256i *to = s->code + 32 * (k / 2) + 4 * (k % 2);
#pragma GCC unroll 4
        for (int c = 0; c < 4; c++) {
            to[c] = _mm256_and_si256(v[c], three);
            to[c + 8] = _mm256_and_si256(_mm256_srli_epi16(v[c], 2), three);
            to[c + 16] = _mm256_and_si256(_mm256_srli_epi16(v[c], 4), three);
            to[c + 24] = _mm256_and_si256(_mm256_srli_epi16(v[c], 6), three);
        }
    }
    __m256i sc[4];
    columns(w, stride, sc);
#pragma GCC unroll 4
    for (int c = 0; c < 4; c++) {
        const __m256i scales = _mm256_and_si256(sc[c], low4);
        const __m256i mins = _mm256_and_si256(_mm256_srli_epi16(sc[c], 4), low4);
#pragma GCC unroll 4
        for (int j = 0; j < 4; j++) s->scale[4 * c + j] = pair_of_byte(scales, j);
        s->low[2 * c] = _mm256_shuffle_epi8(mins, _mm256_broadcastsi128_si256(_mm_setr_epi8(
            0, -1, 1, -1, 4, -1, 5, -1, 8, -1, 9, -1, 12, -1, 13, -1)));
        s->low[2 * c + 1] = _mm256_shuffle_epi8(mins, _mm256_broadcastsi128_si256(_mm_setr_epi8(
            2, -1, 3, -1, 6, -1, 7, -1, 10, -1, 11, -1, 14, -1, 15, -1)));
    }
    s->top[0] = halves8(w + 80, stride);
    s->bottom = _mm256_xor_ps(halves8(w + 82, stride), _mm256_set1_ps(-0.0f));
}

STRIPS_OF(q2_k_tile_avx2, .depth = 2, .fine = true, .minima = true, .bytes = sizeof(block_q2_k),
          .decode = decode_q2_k)

/* Sums of four groups of 16-bit products fit 16 bits: 8 * 3 * 127 at most. */
UNROLLED void note_q2_k(const uint8_t *w, int row, notes *to) {
    const __m128i low4 = _mm_set1_epi8(15), sc = load16(w);
    to->a[row] = _mm256_broadcastsi128_si256(_mm_and_si128(sc, low4));
    to->b[row] = _mm256_cvtepu8_epi16(_mm_and_si128(_mm_srli_epi16(sc, 4), low4));
}

UNROLLED void row_q2_k(const uint8_t *w, const notes *note, const q8_row *a, int n_a, int row,
                     __m256i sums[FEW][8]) {
    const __m256i three = _mm256_set1_epi8(3);
    __m256i part[FEW][2];
#pragma GCC unroll 2
    for (int h = 0; h < 2; h++) {
        const __m256i v = load32(w + 16 + 32 * h);
        const __m256i c[4] = {_mm256_and_si256(v, three),
                              _mm256_and_si256(_mm256_srli_epi16(v, 2), three),
                              _mm256_and_si256(_mm256_srli_epi16(v, 4), three),
                              _mm256_and_si256(_mm256_srli_epi16(v, 6), three)};
        const char s = (char)(8 * h), t = (char)(8 * h + 1);
        const __m256i pairs = _mm256_shuffle_epi8(note->a[row], _mm256_setr_epi8(
            s, -1, s, -1, s + 2, -1, s + 2, -1, s + 4, -1, s + 4, -1, s + 6, -1, s + 6, -1,
            t, -1, t, -1, t + 2, -1, t + 2, -1, t + 4, -1, t + 4, -1, t + 6, -1, t + 6, -1));
#pragma GCC unroll 3
        for (int e = 0; e < n_a; e++) {
            const int8_t *q = a[e].q + 128 * h;
            const __m256i x = join(WORDS, mul_unsigned(c[0], load32(q)),
                                   mul_unsigned(c[1], load32(q + 32)));
            const __m256i y = join(WORDS, mul_unsigned(c[2], load32(q + 64)),
                                   mul_unsigned(c[3], load32(q + 96)));
            part[e][h] = scaled(join_pairs(WORDS, x, y), pairs);
        }
    }
#pragma GCC unroll 3
    for (int e = 0; e < n_a; e++) sums[e][row] = join_halves(part[e][0], part[e][1]);
}

ALWAYS __m256 top_q2_k(const uint8_t *w, size_t stride) { return halves8(w + 80, stride); }
ALWAYS __m256 bottom_q2_k(const uint8_t *w, size_t stride) {
    return _mm256_xor_ps(halves8(w + 82, stride), _mm256_set1_ps(-0.0f));
}

static const form256 few_q2_k = {.bytes = sizeof(block_q2_k), .minima = true,
                                 .order = {0, 1, 2, 3, 4, 5, 6, 7}, .note = note_q2_k,
                                 .row = row_q2_k, .top = top_q2_k, .bottom = bottom_q2_k};
FEW_OR_STRIPS(q2_k_tile_avx2, few256, few_q2_k, 256)

/* ---- iq2_xxs ---- */

/* Four fields of seven bits to four bytes: two to each 16 bits, then apart. */
ALWAYS __m256i spread_sevens(__m256i v) {
    const __m256i two = _mm256_blend_epi16(v, _mm256_slli_epi32(v, 2), 0xaa);
    const __m256i apart =
        _mm256_add_epi16(two, _mm256_and_si256(two, _mm256_set1_epi16((short)0xff80)));
    return _mm256_and_si256(apart, _mm256_set1_epi8(0x7f));
}

/* The eighth bit of a byte makes the number of bits even. */
ALWAYS __m256i make_even(__m256i seven) {
    const char e = 0, o = (char)0x80;
    const __m256i parity = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(e, o, o, e, o, e, e, o, o, e, e, o, e, o, o, e));
    const __m256i folded = _mm256_xor_si256(seven, _mm256_srli_epi16(seven, 4));
    const __m256i nibble = _mm256_and_si256(folded, _mm256_set1_epi8(15));
    return _mm256_or_si256(seven, _mm256_shuffle_epi8(parity, nibble));
}

/* Rows of the codebook that rows a, a + 1, a + 4 and a + 5 ask for. */
ALWAYS __m256i grid4(const uint64_t *grid, const uint8_t *p, size_t stride) {
    __m128d x = _mm_setzero_pd(), y = x;
    x = _mm_loadl_pd(x, (const double *)(const void *)(grid + p[0]));
    x = _mm_loadh_pd(x, (const double *)(const void *)(grid + p[stride]));
    y = _mm_loadl_pd(y, (const double *)(const void *)(grid + p[4 * stride]));
    y = _mm_loadh_pd(y, (const double *)(const void *)(grid + p[5 * stride]));
    return _mm256_castpd_si256(_mm256_insertf128_pd(_mm256_castpd128_pd256(x), y, 1));
}

/* Magnitudes 8, 25, 43 and sign bits to codes from 0 to 86: 43 is zero. The low nibbles 8, 9 and 11
 * of the magnitudes select; a minus sets another bit of the selector. `bits` holds in each byte 16
 * or more for a minus. */
ALWAYS __m256i signed_code(__m256i magnitude, __m256i bits) {
    const __m256i table = _mm256_broadcastsi128_si256(_mm_setr_epi8(
        0, 0, 0, 0, 0, 0, 0, 0, 43 + 8, 43 + 25, 0, 43 + 43, 43 - 8, 43 - 25, 0, 43 - 43));
    const __m256i minus = _mm256_min_epu8(bits, _mm256_set1_epi8(4));
    return _mm256_shuffle_epi8(table, _mm256_or_si256(magnitude, minus));
}

ALWAYS void decode_iq2_xxs(const uint8_t *w, size_t stride, int groups, strip *s) {
    (void)groups;
    const uint64_t *grid = iq2xxs_grid;
    const __m256i bit = _mm256_set1_epi32((int)0x80402010);
    for (int pair = 0; pair < 4; pair++) {
        __m256i v[4];
        columns(w + 2 + 16 * pair, stride, v);
#pragma GCC unroll 2
        for (int k = 0; k < 2; k++) {
            const int g = 2 * pair + k;
            const __m256i words = v[2 * k + 1];
            const __m256i high = make_even(spread_sevens(words)), low = _mm256_slli_epi16(high, 4);
            const __m256i odd = _mm256_or_si256(_mm256_srli_epi32(words, 27), _mm256_set1_epi32(1));
            s->scale[g] = pair_of_byte(odd, 0);
            s->low[g] = _mm256_mullo_epi16(s->scale[g], _mm256_set1_epi16(-43));
            const uint8_t *p = w + 2 + 8 * g;
#pragma GCC unroll 4
            for (int l = 0; l < 4; l++) {
                const __m256 a = _mm256_castsi256_ps(grid4(grid, p + l, stride));
                const __m256 b = _mm256_castsi256_ps(grid4(grid, p + l + 2 * stride, stride));
                const __m256i m0 = _mm256_castps_si256(_mm256_shuffle_ps(a, b, 0x88));
                const __m256i m1 = _mm256_castps_si256(_mm256_shuffle_ps(a, b, 0xdd));
                const __m256i s0 = _mm256_and_si256(copies_of_byte(low, l), bit);
                const __m256i s1 = _mm256_and_si256(copies_of_byte(high, l), bit);
                s->code[8 * g + 2 * l] = signed_code(m0, s0);
                s->code[8 * g + 2 * l + 1] = signed_code(m1, s1);
            }
        }
    }
    s->top[0] = _mm256_mul_ps(halves8(w, stride), _mm256_set1_ps(0.125f));
}

STRIPS_OF(iq2_xxs_tile_avx2, .depth = 1, .joined = true, .bytes = sizeof(block_iq2_xxs),
          .decode = decode_iq2_xxs)

/* 32 values of the codebook. */
ALWAYS __m256i rows_iq2_xxs(const uint64_t *grid, const uint8_t *p) {
    const uint32_t at = le32(p);
    __m128d x = _mm_setzero_pd(), y = x;
    x = _mm_loadl_pd(x, (const double *)(const void *)(grid + (at & 255)));
    x = _mm_loadh_pd(x, (const double *)(const void *)(grid + (at >> 8 & 255)));
    y = _mm_loadl_pd(y, (const double *)(const void *)(grid + (at >> 16 & 255)));
    y = _mm_loadh_pd(y, (const double *)(const void *)(grid + (at >> 24)));
    return _mm256_castpd_si256(_mm256_insertf128_pd(_mm256_castpd128_pd256(x), y, 1));
}

/* Negative where value i of 32 has a minus, otherwise positive: 127 and any bit are below zero.
 * `signs` has four bytes for each of four groups, in both halves alike; k is one of the groups. */
ALWAYS __m256i sign_iq2_xxs(__m256i signs, int k) {
    const long long copies = 0x0101010101010101;
    const __m256i bit = _mm256_set1_epi64x((long long)0x8040201008040201ull);
    const __m256i places = _mm256_setr_epi64x(copies * (4 * k), copies * (4 * k + 1),
                                              copies * (4 * k + 2), copies * (4 * k + 3));
    const __m256i mine = _mm256_and_si256(_mm256_shuffle_epi8(signs, places), bit);
    return _mm256_add_epi8(mine, _mm256_set1_epi8(127));
}

ALWAYS __m256i products_iq2_xxs(__m256i magnitudes, __m256i sign, const int8_t *q) {
    return mul_unsigned(magnitudes, _mm256_sign_epi8(load32(q), sign));
}

/* The words with the signs and scales of eight groups, as they are found by one shuffle, belong to
 * groups 0 1 4 5 | 2 3 6 7: sums are put in the same order. */
UNROLLED void note_iq2_xxs(const uint8_t *w, int row, notes *to) {
    const __m256 x = _mm256_castsi256_ps(load32(w + 2)), y = _mm256_castsi256_ps(load32(w + 34));
    const __m256i words = _mm256_castps_si256(_mm256_shuffle_ps(x, y, 0xdd));
    to->a[row] = make_even(spread_sevens(words));
    to->b[row] = _mm256_or_si256(_mm256_srli_epi32(words, 27), _mm256_set1_epi32(1));
}

/* Two of the 16-bit products fit 16 bits: 4 * 43 * 127. */
UNROLLED void row_iq2_xxs(const uint8_t *w, const notes *note, const q8_row *a, int n_a, int row,
                        __m256i sums[FEW][8]) {
    const uint64_t *grid = iq2xxs_grid;
    __m256i part[FEW][2];
#pragma GCC unroll 2
    for (int h = 0; h < 2; h++) {
        const __m256i mine = twice16((const char *)(note->a + row) + 16 * h);
        __m256i pair[FEW][2];
#pragma GCC unroll 2
        for (int k = 0; k < 2; k++) {
            const int g = 2 * h + 4 * k;
            const __m256i v0 = rows_iq2_xxs(grid, w + 2 + 8 * g);
            const __m256i v1 = rows_iq2_xxs(grid, w + 10 + 8 * g);
            const __m256i s0 = sign_iq2_xxs(mine, 2 * k), s1 = sign_iq2_xxs(mine, 2 * k + 1);
#pragma GCC unroll 3
            for (int e = 0; e < n_a; e++) {
                const int8_t *q = a[e].q + 32 * g;
                pair[e][k] = widened(join(WORDS, products_iq2_xxs(v0, s0, q),
                                          products_iq2_xxs(v1, s1, q + 32)));
            }
        }
#pragma GCC unroll 3
        for (int e = 0; e < n_a; e++) part[e][h] = join_pairs(DWORDS, pair[e][0], pair[e][1]);
    }
#pragma GCC unroll 3
    for (int e = 0; e < n_a; e++)
        sums[e][row] = _mm256_mullo_epi32(join_halves(part[e][0], part[e][1]), note->b[row]);
}

ALWAYS __m256 top_iq2_xxs(const uint8_t *w, size_t stride) {
    return _mm256_mul_ps(halves8(w, stride), _mm256_set1_ps(0.125f));
}

static const form256 few_iq2_xxs = {.bytes = sizeof(block_iq2_xxs),
                                    .order = {0, 1, 4, 5, 2, 3, 6, 7}, .note = note_iq2_xxs,
                                    .row = row_iq2_xxs, .top = top_iq2_xxs};
FEW_OR_STRIPS(iq2_xxs_tile_avx2, few256, few_iq2_xxs, 256)
