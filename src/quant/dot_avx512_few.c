/* dot_avx512_few: one to three rows of activations: what decoding a token is.
 *
 * Turning rows of codes to panels costs more than it brings here. Instead the codes of a row meet
 * the activations as they lie, and only the sums are turned: 16 rows of 16 sums of four products
 * are added in pairs while they are transposed,
 *
 *      s: 4 rows x 64 products      -> y: for each of 4 halves, rows 0 .. 3
 *      y of 16 rows                 -> S of group 2i and of group 2i + 1, a lane for each row
 *
 * From there on the floats are those of dot_avx512.h, so the bits are those of a tile.
 *
 * What is needed of a row's scales is noted by plain moves of a few bytes before its codes are met,
 * and read as registers afterwards: the stores have left for the cache by then.
 */
#include "quant/dot_avx512_codes.h"
#include "quant/tables.h"

#define ALWAYS static inline __attribute__((always_inline))

/* How far ahead of its use a row is called for. */
enum { AHEAD = 1024 };

/* Of 16 rows: their half floats, or bytes, for each group; of blocks of 256 the two half floats and
 * up to 32 bytes. */
typedef struct notes {
    alignas(64) uint16_t group[8][16];
    alignas(64) uint16_t d[16];
    alignas(64) uint16_t dmin[16];
    alignas(64) uint8_t raw[16][32];
} notes;

/* The factors of 16 rows, and with FORM_MINS their minima, two i16 a lane. */
typedef struct factors {
    __m512 f[8], fm;
    __m512i m[8];
} factors;

/* A format: codes as unsigned bytes, `offset` above their value. */
typedef struct few_form {
    void (*note)(notes *to, const uint8_t *w, unsigned groups, unsigned r);
    void (*codes)(const uint8_t *w, unsigned groups, __m512i code[4]);
    void (*weigh)(const notes *n, factors *to);
    uint32_t bytes;
    int32_t offset;
    bool small, mins;
} few_form;

ALWAYS __m512 halves_of(const uint16_t h[16]) { return _mm512_cvtph_ps(load32(h)); }

/* ---- blocks of 32 ---- */

ALWAYS void note_halves(notes *to, const uint8_t *w, size_t bytes, unsigned groups, unsigned r) {
#pragma GCC unroll 8
    for (unsigned g = 0; g < groups; g++) memcpy(&to->group[g][r], w + bytes * g, 2);
}
ALWAYS void q8_0_note(notes *to, const uint8_t *w, unsigned groups, unsigned r) {
    note_halves(to, w, 34, groups, r);
}
ALWAYS void nibbles_note(notes *to, const uint8_t *w, unsigned groups, unsigned r) {
    note_halves(to, w, 18, groups, r);
}
ALWAYS void mxfp4_note(notes *to, const uint8_t *w, unsigned groups, unsigned r) {
#pragma GCC unroll 8
    for (unsigned g = 0; g < groups; g++) to->group[g][r] = w[17 * g];
}

ALWAYS void halves_weigh(const notes *n, factors *to) {
#pragma GCC unroll 8
    for (int g = 0; g < 8; g++) to->f[g] = halves_of(n->group[g]);
}

/* mxfp4_scale() of 16 bytes: 2^21 and 2^22 for 0 and 1, else the exponent. */
ALWAYS void mxfp4_weigh(const notes *n, factors *to) {
    const __m512i one = _mm512_set1_epi32(1);
#pragma GCC unroll 8
    for (int g = 0; g < 8; g++) {
        const __m512i e = _mm512_cvtepu16_epi32(load32(n->group[g]));
        const __m512i low = _mm512_add_epi32(one, _mm512_min_epi32(e, one));
        const __m512i high = _mm512_sub_epi32(_mm512_max_epi32(e, one), one);
        to->f[g] = _mm512_castsi512_ps(
            _mm512_max_epu32(_mm512_slli_epi32(low, 21), _mm512_slli_epi32(high, 23)));
    }
}

ALWAYS __m512i two(__m256i low, __m256i high) {
    return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
}

ALWAYS void q8_0_codes(const uint8_t *w, unsigned groups, __m512i code[4]) {
    const __m256i none = _mm256_setzero_si256();
#pragma GCC unroll 4
    for (unsigned i = 0; i < 4; i++) {
        const __m256i low = 2 * i < groups ? load32(w + 68 * i + 2) : none;
        const __m256i high = 2 * i + 1 < groups ? load32(w + 68 * i + 36) : none;
        code[i] = _mm512_xor_si512(two(low, high), _mm512_set1_epi8(-128));
    }
}

/* Nibbles behind `skip` bytes of each block of 16 + skip bytes. */
ALWAYS void nibbles_codes(const uint8_t *w, __m128i table, size_t skip, unsigned groups,
                          __m512i code[4]) {
    const __m512i t = _mm512_broadcast_i32x4(_mm_xor_si128(table, _mm_set1_epi8(-128)));
    const __m128i none = _mm_setzero_si128();
#pragma GCC unroll 4
    for (unsigned i = 0; i < 4; i++) {
        const uint8_t *p = w + (16 + skip) * 2 * i + skip;
        const __m128i a = 2 * i < groups ? load16(p) : none;
        const __m128i b = 2 * i + 1 < groups ? load16(p + 16 + skip) : none;
        const __m512i v = two(_mm256_inserti128_si256(_mm256_castsi128_si256(a),
                                                      _mm_srli_epi16(a, 4), 1),
                              _mm256_inserti128_si256(_mm256_castsi128_si256(b),
                                                      _mm_srli_epi16(b, 4), 1));
        code[i] = _mm512_shuffle_epi8(t, masked(v, 15));
    }
}
ALWAYS void q4_0_codes(const uint8_t *w, unsigned groups, __m512i code[4]) {
    const __m128i t = _mm_setr_epi8(-8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7);
    nibbles_codes(w, t, 2, groups, code);
}
ALWAYS void iq4_nl_codes(const uint8_t *w, unsigned groups, __m512i code[4]) {
    nibbles_codes(w, load16(iq4nl_values), 2, groups, code);
}
ALWAYS void mxfp4_codes(const uint8_t *w, unsigned groups, __m512i code[4]) {
    nibbles_codes(w, load16(mxfp4_values), 1, groups, code);
}

/* ---- blocks of 256 ---- */

ALWAYS void q2_k_note(notes *to, const uint8_t *w, unsigned groups, unsigned r) {
    (void)groups;
    const block_q2_k *b = (const block_q2_k *)(const void *)w;
    memcpy(&to->d[r], b->d, 2);
    memcpy(&to->dmin[r], b->dmin, 2);
    memcpy(to->raw[r], b->sc, 16);
}

ALWAYS void q2_k_codes(const uint8_t *w, unsigned groups, __m512i code[4]) {
    (void)groups;
    const block_q2_k *b = (const block_q2_k *)(const void *)w;
    const __m128i scales = _mm_and_si128(load16(b->sc), _mm_set1_epi8(15));
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        const int k = 2 * (i % 2);
        const __m512i c = masked(shifted(load32(b->q + 32 * (i / 2)), 2 * k, 2 * k + 2), 3);
        code[i] = _mm512_mullo_epi16(c, scale_words(scales, i));
    }
}

ALWAYS void q2_k_weigh(const notes *n, factors *to) {
    __m512i v[4];
    turn(n->raw[0], 32, _mm512_setzero_si512(), v);
    const __m512 d = halves_of(n->d);
    to->fm = halves_of(n->dmin);
#pragma GCC unroll 8
    for (int g = 0; g < 8; g++) {
        const __m512i two_mins = _mm512_srli_epi32(v[g / 2], g % 2 ? 20 : 4);
        const __m512i low = _mm512_and_si512(two_mins, _mm512_set1_epi32(15));
        const __m512i high = _mm512_and_si512(_mm512_slli_epi32(two_mins, 8),
                                              _mm512_set1_epi32(0xf0000));
        to->m[g] = _mm512_or_si512(low, high);
        to->f[g] = d;
    }
}

/* The 8 scales as bytes, then the 8 minima. */
ALWAYS void note_scales_q4_k(notes *to, const uint8_t s[12], unsigned r) {
    const uint32_t a = le32(s), b = le32(s + 4), c = le32(s + 8);
    const uint32_t low6 = 0x3f3f3f3f, low4 = 0x0f0f0f0f, low2 = 0x03030303;
    const uint32_t v[4] = {a & low6, (c & low4) | (a >> 6 & low2) << 4, b & low6,
                           (c >> 4 & low4) | (b >> 6 & low2) << 4};
    memcpy(to->raw[r], v, sizeof v);
}

ALWAYS void q4_k_note(notes *to, const uint8_t *w, unsigned groups, unsigned r) {
    (void)groups;
    const block_q4_k *b = (const block_q4_k *)(const void *)w;
    memcpy(&to->d[r], b->d, 2);
    memcpy(&to->dmin[r], b->dmin, 2);
    note_scales_q4_k(to, b->s, r);
}

ALWAYS void q5_k_note(notes *to, const uint8_t *w, unsigned groups, unsigned r) {
    (void)groups;
    const block_q5_k *b = (const block_q5_k *)(const void *)w;
    memcpy(&to->d[r], b->d, 2);
    memcpy(&to->dmin[r], b->dmin, 2);
    note_scales_q4_k(to, b->s, r);
}

ALWAYS void q4_k_codes(const uint8_t *w, unsigned groups, __m512i code[4]) {
    (void)groups;
    const block_q4_k *b = (const block_q4_k *)(const void *)w;
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) code[i] = masked(shifted(load32(b->q + 32 * i), 0, 4), 15);
}

ALWAYS void q5_k_codes(const uint8_t *w, unsigned groups, __m512i code[4]) {
    (void)groups;
    const block_q5_k *b = (const block_q5_k *)(const void *)w;
    const __m256i qh = load32(b->qh);
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        const __m512i low = masked(shifted(load32(b->q + 32 * i), 0, 4), 15);
        const __m512i bit = _mm512_slli_epi16(masked(shifted(qh, 2 * i, 2 * i + 1), 1), 4);
        code[i] = _mm512_or_si512(low, bit);
    }
}

ALWAYS void q4_k_weigh(const notes *n, factors *to) {
    __m512i v[4];
    turn(n->raw[0], 32, _mm512_setzero_si512(), v);
    const __m512 d = halves_of(n->d);
    const __m512i byte = _mm512_set1_epi32(255);
    to->fm = halves_of(n->dmin);
#pragma GCC unroll 8
    for (int g = 0; g < 8; g++) {
        const unsigned by = 8 * ((unsigned)g % 4);
        const __m512i s = _mm512_and_si512(_mm512_srli_epi32(v[g / 4], by), byte);
        const __m512i m = _mm512_and_si512(_mm512_srli_epi32(v[2 + g / 4], by), byte);
        to->f[g] = _mm512_mul_ps(_mm512_cvtepi32_ps(s), d);
        to->m[g] = _mm512_or_si512(m, _mm512_slli_epi32(m, 16));
    }
}

ALWAYS void iq2_xxs_note(notes *to, const uint8_t *w, unsigned groups, unsigned r) {
    (void)groups;
    const block_iq2_xxs *b = (const block_iq2_xxs *)(const void *)w;
    memcpy(&to->d[r], b->d, 2);
    store32(to->raw[r], _mm512_cvtepi64_epi32(_mm512_srli_epi64(load64(b->qs), 32)));
}

ALWAYS void iq2_xxs_codes(const uint8_t *w, unsigned groups, __m512i code[4]) {
    (void)groups;
    const block_iq2_xxs *b = (const block_iq2_xxs *)(const void *)w;
    const uint64_t *grid = iq2xxs_grid;
    const __m512i zero = _mm512_set1_epi8(-128);
    uint64_t minus[4];
    store32(minus, signs_of(_mm512_cvtepi64_epi32(_mm512_srli_epi64(load64(b->qs), 32))));
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        const uint32_t p = le32(b->qs + 16 * i), q = le32(b->qs + 16 * i + 8);
        const __m512i v = eight_rows(grid[p & 255], grid[p >> 8 & 255], grid[p >> 16 & 255],
                                     grid[p >> 24], grid[q & 255], grid[q >> 8 & 255],
                                     grid[q >> 16 & 255], grid[q >> 24]);
        code[i] = _mm512_mask_sub_epi8(_mm512_add_epi8(zero, v), minus[i], zero, v);
    }
}

ALWAYS void iq2_xxs_weigh(const notes *n, factors *to) {
    __m512i v[8];
    turn(n->raw[0], 32, _mm512_setzero_si512(), v);
    turn(n->raw[0] + 16, 32, _mm512_setzero_si512(), v + 4);
    const __m512 d = _mm512_mul_ps(_mm512_set1_ps(0.125f), halves_of(n->d));
#pragma GCC unroll 8
    for (int g = 0; g < 8; g++) {
        const __m512i four = _mm512_slli_epi32(_mm512_srli_epi32(v[g], 28), 1);
        const __m512i odd = _mm512_or_si512(four, _mm512_set1_epi32(1));
        to->f[g] = _mm512_mul_ps(_mm512_cvtepi32_ps(odd), d);
    }
}

/* ---- sums ---- */

/* Quarter h of the result: sums of quarter h of s[0] .. s[3]. */
ALWAYS __m512i four_rows(const __m512i s[4]) {
    const __m512i a = _mm512_add_epi32(_mm512_unpacklo_epi32(s[0], s[1]),
                                       _mm512_unpackhi_epi32(s[0], s[1]));
    const __m512i b = _mm512_add_epi32(_mm512_unpacklo_epi32(s[2], s[3]),
                                       _mm512_unpackhi_epi32(s[2], s[3]));
    return _mm512_add_epi32(_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b));
}

/* Quarters 0 + 1 and 2 + 3 of four registers. */
ALWAYS void sixteen_rows(const __m512i y[4], __m512i s[2]) {
    const __m512i a = _mm512_add_epi32(_mm512_shuffle_i32x4(y[0], y[1], 0x88),
                                       _mm512_shuffle_i32x4(y[0], y[1], 0xdd));
    const __m512i b = _mm512_add_epi32(_mm512_shuffle_i32x4(y[2], y[3], 0x88),
                                       _mm512_shuffle_i32x4(y[2], y[3], 0xdd));
    s[0] = _mm512_shuffle_i32x4(a, b, 0x88);
    s[1] = _mm512_shuffle_i32x4(a, b, 0xdd);
}

/* One group of 16 outputs joins their result. */
ALWAYS __m512 join(__m512 acc, __m512i s, const factors *k, unsigned g, const q8_row *a, size_t at,
                   const few_form *f) {
    const int16_t *sum16 = a->sum16 + at / 16 + 2 * g;
    if (f->offset)
        s = _mm512_sub_epi32(s, _mm512_set1_epi32(f->offset * (sum16[0] + sum16[1])));
    __m512 u = _mm512_mul_ps(k->f[g], _mm512_cvtepi32_ps(s));
    if (f->mins) {
        const __m512i m = _mm512_dpwssd_epi32(_mm512_setzero_si512(), k->m[g], spread4(sum16));
        u = _mm512_fnmadd_ps(k->fm, _mm512_cvtepi32_ps(m), u);
    }
    return _mm512_fmadd_ps(u, _mm512_set1_ps(a->d[at / 32 + g]), acc);
}

/* The values from `at` on, of 16 rows; n_r and f are constants where it is inlined. */
ALWAYS void few_block(const few_form *f, const uint8_t *const row[16], size_t offset,
                      ptrdiff_t ahead, const q8_row *a, unsigned n_r, size_t at, unsigned groups,
                      __m512 acc[FEW_ROWS]) {
    notes n;
    factors k;
    __m512i y[FEW_ROWS][4][4];
    for (unsigned r = 0; r < 16; r++) f->note(&n, row[r] + offset, groups, r);
    for (unsigned j = 0; j < 4; j++) {
        __m512i code[4][4];
#pragma GCC unroll 4
        for (unsigned r = 0; r < 4; r++) {
            const uint8_t *w = row[4 * j + r] + offset;
            f->codes(w, groups, code[r]);
            for (unsigned b = 0; b < (f->small ? 8 * f->bytes : f->bytes); b += 64)
                _mm_prefetch((const char *)(w + ahead + b), _MM_HINT_T0);
        }
#pragma GCC unroll 4
        for (unsigned i = 0; i < 4; i++)
#pragma GCC unroll 3
            for (unsigned e = 0; e < n_r; e++) {
                const __mmask64 m = 2 * i + 2 <= groups ? ~(__mmask64)0 :
                                    2 * i + 1 <= groups ? 0xffffffffu : 0;
                const __m512i x = groups == 8 ? load64(a[e].q + at + 64 * i)
                                              : _mm512_maskz_loadu_epi8(m, a[e].q + at + 64 * i);
                __m512i s[4];
#pragma GCC unroll 4
                for (unsigned r = 0; r < 4; r++)
                    s[r] = _mm512_dpbusd_epi32(_mm512_setzero_si512(), code[r][i], x);
                y[e][i][j] = four_rows(s);
            }
    }
    f->weigh(&n, &k);
#pragma GCC unroll 4
    for (unsigned i = 0; i < 4; i++)
#pragma GCC unroll 3
        for (unsigned e = 0; e < n_r; e++) {
            __m512i s[2];
            sixteen_rows(y[e][i], s);
            if (2 * i < groups) acc[e] = join(acc[e], s[0], &k, 2 * i, a + e, at, f);
            if (2 * i + 1 < groups) acc[e] = join(acc[e], s[1], &k, 2 * i + 1, a + e, at, f);
        }
}

ALWAYS void few_rows(const few_form *f, const tile512 *t, const q8_row *a, unsigned n_r) {
    const size_t step = f->small ? (size_t)8 * f->bytes : f->bytes;
    const size_t length = t->n / (f->small ? 32 : 256) * f->bytes;
    for (uint32_t o = 0; o < t->n_w; o += 16) {
        const uint32_t count = t->n_w - o < 16 ? t->n_w - o : 16;
        const __mmask16 mask = (__mmask16)((1u << count) - 1);
        const uint8_t *row[16];
        for (uint32_t r = 0; r < 16; r++)
            row[r] = t->w + (o + (r < count ? r : count - 1)) * t->w_stride;
        __m512 acc[FEW_ROWS] = {_mm512_setzero_ps(), _mm512_setzero_ps(), _mm512_setzero_ps()};
        size_t at = 0, offset = 0;
        for (; at + 256 <= t->n; at += 256, offset += step) {
            const bool here = offset + AHEAD < length;
            const ptrdiff_t ahead =
                (ptrdiff_t)(here ? AHEAD : 16 * t->w_stride + AHEAD - length);
            few_block(f, row, offset, ahead, a, n_r, at, 8, acc);
        }
        if (f->small && at < t->n)
            few_block(f, row, offset, 0, a, n_r, at, (unsigned)((t->n - at) / 32), acc);
        for (unsigned e = 0; e < n_r; e++)
            _mm512_mask_storeu_ps(t->out + e * t->out_stride + o, mask, acc[e]);
    }
}

#define FEW(name, note, weigh, offset, small, mins)                                             \
    void name##_few512(const tile512 *t) {                                                      \
        static const few_form f = {note,   name##_codes, weigh, sizeof(block_##name),           \
                                   offset, small,        mins};                                 \
        q8_row a[FEW_ROWS];                                                                     \
        for (uint32_t i = 0; i < t->n_a; i++)                                                   \
            a[i] = q8_rows_at(t->a, t->rows ? t->rows[i] : i);                                  \
        if (t->n_a == 1) few_rows(&f, t, a, 1);                                                 \
        if (t->n_a == 2) few_rows(&f, t, a, 2);                                                 \
        if (t->n_a == 3) few_rows(&f, t, a, 3);                                                 \
    }
FEW(q8_0, q8_0_note, halves_weigh, 128, true, false)
FEW(q4_0, nibbles_note, halves_weigh, 128, true, false)
FEW(iq4_nl, nibbles_note, halves_weigh, 128, true, false)
FEW(mxfp4, mxfp4_note, mxfp4_weigh, 128, true, false)
FEW(q2_k, q2_k_note, q2_k_weigh, 0, false, true)
FEW(q4_k, q4_k_note, q4_k_weigh, 0, false, true)
FEW(q5_k, q5_k_note, q4_k_weigh, 0, false, true)
FEW(iq2_xxs, iq2_xxs_note, iq2_xxs_weigh, 128, false, false)
