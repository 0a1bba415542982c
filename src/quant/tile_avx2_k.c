/* tile_avx2_k: tiles of Q3_K, Q4_K, Q5_K and Q6_K. */
#include "quant/tile_avx2_few.h"

static inline __m256i all(int byte) { return _mm256_set1_epi8((char)byte); }

static inline __m256i low_nibble(__m256i v) { return _mm256_and_si256(v, all(15)); }
static inline __m256i high_nibble(__m256i v) { return low_nibble(_mm256_srli_epi16(v, 4)); }

/* Two bits of each byte from bit `at` on, moved to bit `to`. */
ALWAYS __m256i bits_to(__m256i v, int at, int to, int mask) {
    const __m256i bits = _mm256_and_si256(_mm256_srli_epi16(v, at), all(mask));
    return to ? _mm256_slli_epi16(bits, to) : bits;
}

/* Byte `at` of each word with its sign, as a pair of i16; and bytes `at` and `at + 1`. */
ALWAYS __m256i signed_bytes(__m256i v, int at, int next) {
    const int c = 0x00800080 + 0x100 * at + 0x1000000 * next;
    const __m256i high = _mm256_shuffle_epi8(v, _mm256_broadcastsi128_si256(_mm_setr_epi32(
        c, c + 0x04000400, c + 0x08000800, c + 0x0c000c00)));
    return _mm256_srai_epi16(high, 8);
}

/* Sixteen signed scales from four words; what they take from the codes is `less`. */
ALWAYS void signed_scales(const __m256i sc[4], int less, strip *s) {
#pragma GCC unroll 4
    for (int c = 0; c < 4; c++) {
#pragma GCC unroll 4
        for (int j = 0; j < 4; j++) s->scale[4 * c + j] = signed_bytes(sc[c], j, j);
#pragma GCC unroll 2
        for (int j = 0; j < 2; j++)
            s->low[2 * c + j] = _mm256_mullo_epi16(signed_bytes(sc[c], 2 * j, 2 * j + 1),
                                                   _mm256_set1_epi16((short)-less));
    }
}

/* ---- q4_k and q5_k ---- */

/* The first 16 bytes of either: d, dmin, and six-bit scales and mins. */
ALWAYS void scales_of_k(const uint8_t *w, size_t stride, strip *s) {
    __m256i v[4];
    columns(w, stride, v);
    const __m256i halves = _mm256_packus_epi32(
        _mm256_and_si256(v[0], _mm256_set1_epi32(0xffff)), _mm256_srli_epi32(v[0], 16));
    const __m256i d = _mm256_permute4x64_epi64(halves, 0xd8); /* 0 2 1 3 */
    s->top[0] = _mm256_cvtph_ps(_mm256_castsi256_si128(d));
    const __m256 dmin = _mm256_cvtph_ps(_mm256_extracti128_si256(d, 1));
    s->bottom = _mm256_xor_ps(dmin, _mm256_set1_ps(-0.0f));
    const __m256i scales[2] = {
        _mm256_and_si256(v[1], all(63)),
        _mm256_or_si256(low_nibble(v[3]), bits_to(v[1], 6, 4, 3))};
    const __m256i mins[2] = {
        _mm256_and_si256(v[2], all(63)),
        _mm256_or_si256(high_nibble(v[3]), bits_to(v[2], 6, 4, 3))};
#pragma GCC unroll 8
    for (int g = 0; g < 8; g++) {
        s->scale[g] = pair_of_byte(scales[g / 4], g % 4);
        s->low[g] = pair_of_byte(mins[g / 4], g % 4);
    }
}

ALWAYS void decode_q4_k(const uint8_t *w, size_t stride, int groups, strip *s) {
    (void)groups;
    scales_of_k(w, stride, s);
    for (int k = 0; k < 8; k++) {
        __m256i v[4], *to = s->code + 16 * (k / 2) + 4 * (k % 2);
        columns(w + 16 + 16 * k, stride, v);
#pragma GCC unroll 4
        for (int c = 0; c < 4; c++) {
            to[c] = low_nibble(v[c]);
            to[c + 8] = high_nibble(v[c]);
        }
    }
}

STRIPS_OF(q4_k_tile_avx2, .depth = 4, .minima = true, .bytes = sizeof(block_q4_k),
          .decode = decode_q4_k)

UNROLLED void note_q4_k(const uint8_t *w, int row, notes *to) {
    uint64_t scales, mins;
    scales_q4_k(w + 4, &scales, &mins);
    to->a[row] = _mm256_cvtepu8_epi32(_mm_cvtsi64_si128((long long)scales));
    to->b[row] = mins_of_32(mins);
}

/* Sums of four products fit 16 bits: 8 * 15 * 127. */
UNROLLED void row_q4_k(const uint8_t *w, const notes *note, const q8_row *a, int n_a, int row,
                     __m256i sums[FEW][8]) {
    __m256i part[FEW][2];
#pragma GCC unroll 2
    for (int h = 0; h < 2; h++) {
        const __m256i v0 = load32(w + 16 + 64 * h), v1 = load32(w + 48 + 64 * h);
        const __m256i c[4] = {low_nibble(v0), high_nibble(v0), low_nibble(v1), high_nibble(v1)};
#pragma GCC unroll 3
        for (int e = 0; e < n_a; e++) {
            const int8_t *q = a[e].q + 128 * h;
            const __m256i x = join(WORDS, mul_unsigned(c[0], load32(q)),
                                   mul_unsigned(c[1], load32(q + 32)));
            const __m256i y = join(WORDS, mul_unsigned(c[2], load32(q + 64)),
                                   mul_unsigned(c[3], load32(q + 96)));
            part[e][h] = widened(join_pairs(WORDS, x, y));
        }
    }
#pragma GCC unroll 3
    for (int e = 0; e < n_a; e++)
        sums[e][row] = _mm256_mullo_epi32(join_halves(part[e][0], part[e][1]), note->a[row]);
}

ALWAYS __m256 bottom_q4_k(const uint8_t *w, size_t stride) {
    return _mm256_xor_ps(halves8(w + 2, stride), _mm256_set1_ps(-0.0f));
}

static const form256 few_q4_k = {.bytes = sizeof(block_q4_k), .minima = true,
                                 .order = {0, 1, 2, 3, 4, 5, 6, 7}, .note = note_q4_k,
                                 .row = row_q4_k, .top = halves8, .bottom = bottom_q4_k};
FEW_OR_STRIPS(q4_k_tile_avx2, few256, few_q4_k, 256)

ALWAYS void decode_q5_k(const uint8_t *w, size_t stride, int groups, strip *s) {
    (void)groups;
    scales_of_k(w, stride, s);
    __m256i high[8];
    columns(w + 16, stride, high);
    columns(w + 32, stride, high + 4);
#pragma GCC unroll 4
    for (int k = 0; k < 4; k++) {
        __m256i v[8], *to = s->code + 16 * k;
        columns(w + 48 + 32 * k, stride, v);
        columns(w + 64 + 32 * k, stride, v + 4);
        for (int c = 0; c < 8; c++) {
            to[c] = _mm256_or_si256(low_nibble(v[c]), bits_to(high[c], 2 * k, 4, 1));
            to[c + 8] = _mm256_or_si256(high_nibble(v[c]), bits_to(high[c], 2 * k + 1, 4, 1));
        }
    }
}

TILE_OF(q5_k_tile_avx2, .depth = 4, .minima = true, .bytes = sizeof(block_q5_k),
        .decode = decode_q5_k)

/* ---- q6_k ---- */

ALWAYS void decode_q6_k(const uint8_t *w, size_t stride, int groups, strip *s) {
    (void)groups;
    for (int k = 0; k < 4; k++) { /* 16 bytes of high pairs belong to 4 x 16 values */
        __m256i high[4], even[4], odd[4];
        const uint8_t *low = w + 64 * (k / 2) + 16 * (k % 2);
        columns(w + 128 + 16 * k, stride, high);
        columns(low, stride, even);
        columns(low + 32, stride, odd);
        __m256i *to = s->code + 32 * (k / 2) + 4 * (k % 2);
#pragma GCC unroll 4
        for (int c = 0; c < 4; c++) {
            to[c] = _mm256_or_si256(low_nibble(even[c]), bits_to(high[c], 0, 4, 3));
            to[c + 8] = _mm256_or_si256(low_nibble(odd[c]), bits_to(high[c], 2, 4, 3));
            to[c + 16] = _mm256_or_si256(high_nibble(even[c]), bits_to(high[c], 4, 4, 3));
            to[c + 24] = _mm256_or_si256(high_nibble(odd[c]), bits_to(high[c], 6, 4, 3));
        }
    }
    __m256i sc[4];
    columns(w + 192, stride, sc);
    signed_scales(sc, 32, s);
    s->top[0] = halves8(w + 208, stride);
}

TILE_OF(q6_k_tile_avx2, .depth = 2, .fine = true, .joined = true, .bytes = sizeof(block_q6_k),
        .decode = decode_q6_k)

/* ---- q3_k ---- */

/* Scales of six bits, less 32: bytes 4c .. 4c+3 of all rows in sc[c]. */
ALWAYS void scales_q3_k(const uint8_t *w, size_t stride, __m256i sc[4]) {
    const __m256i a = words8(w + 96, stride), b = words8(w + 100, stride);
    const __m256i pairs = words8(w + 104, stride);
    sc[0] = _mm256_or_si256(low_nibble(a), bits_to(pairs, 0, 4, 3));
    sc[1] = _mm256_or_si256(low_nibble(b), bits_to(pairs, 2, 4, 3));
    sc[2] = _mm256_or_si256(high_nibble(a), bits_to(pairs, 4, 4, 3));
    sc[3] = _mm256_or_si256(high_nibble(b), bits_to(pairs, 6, 4, 3));
#pragma GCC unroll 4
    for (int c = 0; c < 4; c++) sc[c] = _mm256_sub_epi8(sc[c], all(32));
}

ALWAYS void decode_q3_k(const uint8_t *w, size_t stride, int groups, strip *s) {
    (void)groups;
    __m256i high[8];
    columns(w, stride, high);
    columns(w + 16, stride, high + 4);
#pragma GCC unroll 4
    for (int k = 0; k < 4; k++) {
        __m256i v[4];
        columns(w + 32 + 16 * k, stride, v);
        __m256i *to = s->code + 32 * (k / 2) + 4 * (k % 2);
#pragma GCC unroll 4
        for (int c = 0; c < 4; c++) {
#pragma GCC unroll 4
            for (int j = 0; j < 4; j++)
                to[c + 8 * j] = _mm256_or_si256(
                    bits_to(v[c], 2 * j, 0, 3),
                    bits_to(high[4 * (k % 2) + c], 4 * (k / 2) + j, 2, 1));
        }
    }
    __m256i sc[4];
    scales_q3_k(w, stride, sc);
    signed_scales(sc, 4, s);
    s->top[0] = halves8(w + 108, stride);
}

TILE_OF(q3_k_tile_avx2, .depth = 4, .fine = true, .joined = true, .bytes = sizeof(block_q3_k),
        .decode = decode_q3_k)
