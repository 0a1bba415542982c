/* tile_avx2_few: one to three rows of activations: what decoding a token is.
 *
 * Turning weights into columns (tile_avx2.h) costs more than one row of activations is worth. Here
 * the codes of a row of weights meet the activations as they lie, and only the sums are turned, so
 * that eight rows of weights have an element each. From there on the floats are those of the
 * strips, in the same order, and so are the bits.
 *
 *      blocks of 32     for each group of 32 values the products of eight rows:
 *                       8 registers are added up into one, an element for each row
 *      blocks of 256    for each row the products of its eight groups: 8 registers are added up
 *                       into one, an element for each group; eight of those are turned
 *
 * Adding up takes three steps. Two registers are joined to one with both their sums,
 *
 *      a a a a | a a a a   and   b b b b | b b b b   ->   a a b b | a a b b       join
 *      a a b b | a a b b   and   c c d d | c c d d   ->   a b c d | a b c d       join_pairs
 *      a b c d | a b c d   and   e f g h | e f g h   ->   a b c d | e f g h       join_halves
 *
 * where an element may still be two of 16 bits: as long as sums fit, two or four products of bytes
 * are added before they are widened.
 */
#ifndef DS4_QUANT_TILE_AVX2_FEW_H
#define DS4_QUANT_TILE_AVX2_FEW_H

#include "quant/tile_avx2.h"

enum {
    FEW = 3,    /* rows of activations */
    AHEAD = 800 /* bytes of a row that are called for before they are met: 2200 were 15% slower */
};

/* ---- adding up ---- */

typedef enum width { WORDS, DWORDS } width;

ALWAYS __m256i sum_of(width e, __m256i a, __m256i b) {
    return e == WORDS ? _mm256_add_epi16(a, b) : _mm256_add_epi32(a, b);
}

ALWAYS __m256i pick4(__m256i a, __m256i b, const int which) {
    const __m256 x = _mm256_castsi256_ps(a), y = _mm256_castsi256_ps(b);
    return _mm256_castps_si256(which == 0x4e   ? _mm256_shuffle_ps(x, y, 0x4e)
                               : which == 0x88 ? _mm256_shuffle_ps(x, y, 0x88)
                                               : _mm256_shuffle_ps(x, y, 0xdd));
}

ALWAYS __m256i join(width e, __m256i a, __m256i b) {
    return sum_of(e, _mm256_blend_epi32(a, b, 0xcc), pick4(a, b, 0x4e));
}

ALWAYS __m256i join_pairs(width e, __m256i a, __m256i b) {
    return sum_of(e, pick4(a, b, 0x88), pick4(a, b, 0xdd));
}

ALWAYS __m256i join_halves(__m256i a, __m256i b) {
    return _mm256_add_epi32(_mm256_blend_epi32(a, b, 0xf0), _mm256_permute2x128_si256(a, b, 0x21));
}

ALWAYS __m256i widened(__m256i words) { return _mm256_madd_epi16(words, _mm256_set1_epi16(1)); }

/* Element r of register c becomes element c of register r. */
UNROLLED void turn8(__m256i v[8]) {
    __m256i t[8], u[8];
#pragma GCC unroll 4
    for (int k = 0; k < 8; k += 2) {
        t[k] = _mm256_unpacklo_epi32(v[k], v[k + 1]);
        t[k + 1] = _mm256_unpackhi_epi32(v[k], v[k + 1]);
    }
#pragma GCC unroll 2
    for (int k = 0; k < 8; k += 4) {
        u[k] = _mm256_unpacklo_epi64(t[k], t[k + 2]);
        u[k + 1] = _mm256_unpackhi_epi64(t[k], t[k + 2]);
        u[k + 2] = _mm256_unpacklo_epi64(t[k + 1], t[k + 3]);
        u[k + 3] = _mm256_unpackhi_epi64(t[k + 1], t[k + 3]);
    }
#pragma GCC unroll 4
    for (int k = 0; k < 4; k++) {
        v[k] = _mm256_permute2x128_si256(u[k], u[k + 4], 0x20);
        v[k + 4] = _mm256_permute2x128_si256(u[k], u[k + 4], 0x31);
    }
}

/* ---- eight rows of weights ---- */

/* Rows of a tile that are met together lie far apart, and those that follow one of them in memory
 * follow it here: memory sees eight long streams. */
typedef struct eight {
    const uint8_t *w;
    size_t stride, length; /* from row to row, and of a row, in bytes */
    size_t gap;            /* from the end of a row to where its stream goes on */
} eight;

/* A row is called for some blocks before it is met: at the same place of each block, so that the
 * rows that follow are called for from their first byte on. */
ALWAYS size_t ahead(size_t block_bytes) { return AHEAD / block_bytes * block_bytes; }

ALWAYS size_t to_next(const eight *r, size_t at, size_t block_bytes) {
    const size_t more = ahead(block_bytes);
    return at + more < r->length ? more : more + r->gap;
}

ALWAYS void call_for(const uint8_t *p) { _mm_prefetch((const char *)p, _MM_HINT_T0); }

/* Rows 0 .. n_w-1, a multiple of eight, . a known number of activation rows. */
typedef void (*few_fn)(const uint8_t *w, size_t stride, size_t length, uint32_t n_w,
                       const q8_row *a, size_t n, float *out, size_t out_stride);

#define FEW_FN(name)                                                                            \
    static __attribute__((noinline)) void name(const uint8_t *w, size_t stride, size_t length,  \
                                               uint32_t n_w, const q8_row *a, size_t n,         \
                                               float *out, size_t out_stride)

/* A tile: whole eights of rows by f if there are few activation rows, all else by strips. */
ALWAYS void few_tile(const few_fn f[FEW], tile_fn strips, size_t row_bytes, const uint8_t *w,
                     size_t w_stride, uint32_t n_w, const q8_rows *a, const uint32_t *rows,
                     uint32_t n_a, size_t n, float *out, size_t out_stride) {
    uint32_t whole = 0;
    if (n_a >= 1 && n_a <= FEW) {
        q8_row x[FEW];
        for (uint32_t i = 0; i < n_a; i++) x[i] = q8_rows_at(a, rows ? rows[i] : i);
        whole = n_w / 8 * 8;
        f[n_a - 1](w, w_stride, row_bytes, whole, x, n, out, out_stride);
    }
    if (whole < n_w)
        strips(w + whole * w_stride, w_stride, n_w - whole, a, rows, n_a, n, out + whole,
               out_stride);
}

#define FEW_FN_OF(name, few, form, n_a)                                                         \
    FEW_FN(name) { few(form, w, stride, length, n_w, a, n_a, n, out, out_stride); }
#define FEW_OR_STRIPS(name, few, form, block_values)                                            \
    FEW_FN_OF(name##_few1, few, form, 1)                                                        \
    FEW_FN_OF(name##_few2, few, form, 2)                                                        \
    FEW_FN_OF(name##_few3, few, form, 3)                                                        \
    TILE(name) {                                                                                \
        static const few_fn f[FEW] = {name##_few1, name##_few2, name##_few3};                   \
        few_tile(f, name##_strips, n / (block_values) * (form).bytes, w, w_stride, n_w, a,      \
                 rows, n_a, n, out, out_stride);                                                \
    }

/* Step i of n_w / 8: rows i, i + n_w/8, .. . Behind its last row a stream goes on in the tile that
 * is likely to come next. */
ALWAYS eight eight_rows(const uint8_t *w, size_t stride, size_t length, uint32_t n_w, uint32_t i) {
    const size_t steps = n_w / 8;
    return (eight){w + i * stride, steps * stride, length,
                   stride - length + (i + 1 < steps ? 0 : 7 * steps * stride)};
}

/* The results of a step. */
ALWAYS void scatter(__m256 v, float *out, size_t steps) {
    float x[8];
    _mm256_storeu_ps(x, v);
#pragma GCC unroll 8
    for (size_t k = 0; k < 8; k++) out[k * steps] = x[k];
}

/* ---- blocks of 32 ---- */

/* How a format is read: 32 codes of a row, and what eight rows multiply them with. */
typedef struct form32 {
    size_t bytes;   /* of a block                                                         */
    bool is_signed; /* codes up to 128; otherwise unsigned up to 24, `more` than they are */
    int more;
    __m256i (*codes)(const uint8_t *block);
    __m256 (*scales)(const uint8_t *block, size_t stride);
} form32;

/* The products of eight rows, added up. */
UNROLLED __m256i sums32(const form32 f, const __m256i pair[4]) {
    const width e = f.is_signed ? DWORDS : WORDS;
    const __m256i low = join_pairs(e, pair[0], pair[1]), high = join_pairs(e, pair[2], pair[3]);
    return f.is_signed ? join_halves(low, high) : join_halves(widened(low), widened(high));
}

ALWAYS __m256i products32(const form32 f, __m256i codes, __m256i q) {
    return f.is_signed ? widened(mul_signed(codes, q)) : mul_unsigned(codes, q);
}

UNROLLED void eight32(const form32 f, const eight *r, const q8_row *a, int n_a, size_t n,
                    __m256 sum[FEW]) {
    const size_t s = r->stride;
#pragma GCC unroll 3
    for (int e = 0; e < n_a; e++) sum[e] = _mm256_setzero_ps();
    for (size_t g = 0; g < n / 32; g++) {
        const uint8_t *p = r->w + g * f.bytes;
        const size_t next = to_next(r, g * f.bytes, f.bytes);
        __m256i pair[FEW][4];
#pragma GCC unroll 4
        for (int k = 0; k < 4; k++) {
            const uint8_t *w0 = p + 2 * (size_t)k * s, *w1 = w0 + s;
            const __m256i c0 = f.codes(w0), c1 = f.codes(w1);
            call_for(w0 + next);
            call_for(w1 + next);
#pragma GCC unroll 3
            for (int e = 0; e < n_a; e++) {
                const __m256i q = load32(a[e].q + 32 * g);
                pair[e][k] = join(f.is_signed ? DWORDS : WORDS, products32(f, c0, q),
                                  products32(f, c1, q));
            }
        }
        const __m256 d = f.scales(p, s);
#pragma GCC unroll 3
        for (int e = 0; e < n_a; e++) {
            __m256i v = sums32(f, pair[e]);
            const int16_t *sum16 = a[e].sum16 + 2 * g;
            if (f.more)
                v = _mm256_sub_epi32(v, _mm256_set1_epi32(f.more * (sum16[0] + sum16[1])));
            const __m256 top = _mm256_mul_ps(d, _mm256_broadcast_ss(a[e].d + g));
            sum[e] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(v), top, sum[e]);
        }
    }
}

ALWAYS void few32(const form32 f, const uint8_t *w, size_t stride, size_t length, uint32_t n_w,
                  const q8_row *a, int n_a, size_t n, float *out, size_t out_stride) {
    const uint32_t steps = n_w / 8;
    for (uint32_t i = 0; i < steps; i++) {
        const eight r = eight_rows(w, stride, length, n_w, i);
        __m256 sum[FEW];
        eight32(f, &r, a, n_a, n, sum);
#pragma GCC unroll 3
        for (int e = 0; e < n_a; e++) scatter(sum[e], out + (size_t)e * out_stride + i, steps);
    }
}

/* ---- blocks of 256 ---- */

/* What is read of eight rows before their codes are met, each in its own form; with minima, b has
 * one for each 16 activations. */
typedef struct notes {
    __m256i a[8], b[8];
} notes;

typedef struct form256 {
    size_t bytes; /* of a block */
    bool minima;
    uint8_t order[8]; /* the place of each group among the sums of a row */
    void (*note)(const uint8_t *block, int row, notes *to);
    /* sums[e][row]: those of each group with activations a[e] */
    void (*row)(const uint8_t *block, const notes *note, const q8_row *a, int n_a, int row,
                __m256i sums[FEW][8]);
    __m256 (*top)(const uint8_t *block, size_t stride);
    __m256 (*bottom)(const uint8_t *block, size_t stride);
} form256;

/* The sums of eight groups, rows in elements, times the activations' scales. */
UNROLLED __m256 chain8(const __m256i v[8], const uint8_t order[8], const float *d) {
    __m256 part = _mm256_setzero_ps();
#pragma GCC unroll 8
    for (int g = 0; g < 8; g++)
        part = _mm256_fmadd_ps(_mm256_cvtepi32_ps(v[order[g]]), _mm256_broadcast_ss(d + g), part);
    return part;
}

UNROLLED void eight256(const form256 f, const eight *r, const q8_row *a, int n_a, size_t n,
                     __m256 sum[FEW]) {
    static const uint8_t rising[8] = {0, 1, 2, 3, 4, 5, 6, 7};
    q8_row x[FEW];
#pragma GCC unroll 3
    for (int e = 0; e < n_a; e++) {
        sum[e] = _mm256_setzero_ps();
        x[e] = a[e];
    }
    for (size_t i = 0; i < n / 256; i++) {
        const size_t at = i * f.bytes;
        const uint8_t *p = r->w + at;
        const size_t next = to_next(r, at, f.bytes);
        __m256i sums[FEW][8], least[8];
        notes note;
#pragma GCC unroll 8
        for (int k = 0; k < 8; k++) f.note(p + (size_t)k * r->stride, k, &note);
        for (int k = 0; k < 8; k++) {
            const uint8_t *w = p + (size_t)k * r->stride;
            f.row(w, &note, x, n_a, k, sums);
            for (size_t line = 0; line < f.bytes; line += 64) call_for(w + next + line);
        }
        const __m256 top = f.top(p, r->stride);
        const __m256 bottom = f.minima ? f.bottom(p, r->stride) : top;
#pragma GCC unroll 3
        for (int e = 0; e < n_a; e++) {
            turn8(sums[e]);
            sum[e] = _mm256_fmadd_ps(chain8(sums[e], f.order, x[e].d), top, sum[e]);
            if (f.minima) {
#pragma GCC unroll 8
                for (int k = 0; k < 8; k++) least[k] = constants(note.b[k], x[e].sum16);
                turn8(least);
                sum[e] = _mm256_fmadd_ps(chain8(least, rising, x[e].d), bottom, sum[e]);
            }
            x[e].q += 256;
            x[e].d += 8;
            x[e].sum16 += 16;
        }
    }
}

ALWAYS void few256(const form256 f, const uint8_t *w, size_t stride, size_t length, uint32_t n_w,
                   const q8_row *a, int n_a, size_t n, float *out, size_t out_stride) {
    const uint32_t steps = n_w / 8;
    for (uint32_t i = 0; i < steps; i++) {
        const eight r = eight_rows(w, stride, length, n_w, i);
        __m256 sum[FEW];
        eight256(f, &r, a, n_a, n, sum);
#pragma GCC unroll 3
        for (int e = 0; e < n_a; e++) scatter(sum[e], out + (size_t)e * out_stride + i, steps);
    }
}

#endif
