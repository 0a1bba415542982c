/* tile_avx2: how eight rows of weights meet rows of activations, for every block format.
 *
 * Eight rows are decoded together, a strip of 256 values at a time, into a form where each of the
 * eight 32-bit elements of a register belongs to one row:
 *
 *      code[j]    values 4j .. 4j+3 of row 0 | of row 1 | ... | of row 7           32 bytes
 *      scale[k]   the scale of values 16k .. of row 0, twice | of row 1, twice | ...
 *
 * An activation row offers its values 4j .. 4j+3 to all eight by a broadcast, so sums of integers
 * and floats are complete in their element: nothing is folded, and a register of results is eight
 * neighbours in the output. A strip stays in the first cache while all activation rows meet it.
 *
 * How deep sums may grow in 16 bits depends on the format's largest code: sums of products of
 * bytes are `depth` multiplications deep before they meet their scale.
 *
 * I1  The order of the float sums is that of dot_avx2.h.
 * I2  Codes are unsigned, with what makes them signed again in `low` (joined); or signed, and then
 *     |code| meets the activation with the code's sign (depth 1).
 */
#ifndef DS4_QUANT_TILE_AVX2_H
#define DS4_QUANT_TILE_AVX2_H

#include <string.h>

#include "quant/dot_avx2.h"

#define ALWAYS static inline __attribute__((always_inline))

/* Loops that are unrolled into some hundred instructions. With a check of every index of theirs a
 * compiler took minutes; none of these indices comes from outside. */
#define UNROLLED ALWAYS __attribute__((no_sanitize("undefined")))

/* Says that v is used here, in a register. Without it gcc 12 computed many products before it added
 * the first and kept sums in memory: 15% slower. */
#define KEPT(v) __asm__("" : "+x"(v))

typedef struct strip {
    __m256i code[64];
    __m256i scale[16]; /* pairs of i16: [k] for 16 values (fine) or [g] for 32      */
    __m256i low[8];    /* pairs of i16: factors of sum16[2g] and of sum16[2g+1]     */
    __m256 top[8];     /* blocks of 32: d of each; blocks of 256: d in top[0]       */
    __m256 bottom;     /* -dmin                                                     */
} strip;

/* What is known of a format when its tile is compiled. */
typedef struct form {
    int depth;      /* 1, 2 or 4: |code| <= 128, 64, 32                             */
    bool is_signed; /* depth 1 only                                                 */
    bool fine;      /* a scale for each 16 values, not for 32                       */
    bool joined;    /* low[] belongs to the sums of the codes                       */
    bool minima;    /* low[] are minima with a float of their own                   */
    bool by32;      /* blocks of 32: no integer scales                              */
    size_t bytes;   /* of 256 values                                                */
    void (*decode)(const uint8_t *w, size_t stride, int groups, strip *s);
} form;

/* Where results are between two strips of a row: 8 n_w floats of each activation row. */
typedef struct results {
    float *at;
    size_t stride;
    bool first; /* nothing there yet */
} results;

/* Strips of `groups` times 32 values with all activation rows, which join them at value `from`. */
typedef void (*meet_fn)(const strip *s, const q8_rows *a, const uint32_t *rows, uint32_t n_a,
                        size_t from, int groups, const results *to);

/* Four activation codes, or two of their sums, for all eight rows. */
ALWAYS __m256i all8(const void *p) {
    int32_t v;
    memcpy(&v, p, 4);
    return _mm256_set1_epi32(v);
}

UNROLLED __m256i products(const form f, __m256i code, __m256i q) {
    return f.is_signed ? mul_signed(code, q) : mul_unsigned(code, q);
}

/* Sums of group g of n_w strips and n_a activation rows, in integers. */
UNROLLED void group_sums(const form f, const strip *s, int n_w, const q8_row *a, int n_a, int g,
                       __m256i sum[2][4]) {
#pragma GCC unroll 2
    for (int w = 0; w < n_w; w++)
#pragma GCC unroll 4
        for (int i = 0; i < n_a; i++)
            sum[w][i] = f.joined ? _mm256_madd_epi16(s[w].low[g], all8(a[i].sum16 + 2 * g))
                                 : _mm256_setzero_si256();
    for (int j = 0; j < 8; j += f.depth) {
        const int at = 8 * g + j;
#pragma GCC unroll 4
        for (int i = 0; i < n_a; i++) {
#pragma GCC unroll 2
            for (int w = 0; w < n_w; w++) {
                __m256i t = products(f, s[w].code[at], all8(a[i].q + 4 * at));
#pragma GCC unroll 4
                for (int k = 1; k < f.depth; k++)
                    t = _mm256_add_epi16(
                        t, products(f, s[w].code[at + k], all8(a[i].q + 4 * (at + k))));
                const __m256i scale = f.by32 ? _mm256_set1_epi16(1)
                                             : s[w].scale[f.fine ? 2 * g + j / 4 : g];
                sum[w][i] = _mm256_add_epi32(sum[w][i], _mm256_madd_epi16(t, scale));
                KEPT(sum[w][i]);
            }
        }
    }
}

/* out[w][i] += n_w strips . n_a activation rows, which begin where the strips do. */
UNROLLED void meet(const form f, const strip *s, int n_w, const q8_row *a, int n_a, int groups,
                 __m256 out[2][4]) {
    __m256 part[2][4], mins[2][4];
#pragma GCC unroll 2
    for (int w = 0; w < n_w; w++)
#pragma GCC unroll 4
        for (int i = 0; i < n_a; i++) part[w][i] = mins[w][i] = _mm256_setzero_ps();
    for (int g = 0; g < groups; g++) {
        __m256i sum[2][4];
        group_sums(f, s, n_w, a, n_a, g, sum);
#pragma GCC unroll 4
        for (int i = 0; i < n_a; i++) {
            const __m256 d = _mm256_broadcast_ss(a[i].d + g);
#pragma GCC unroll 2
            for (int w = 0; w < n_w; w++) {
                const __m256 x = _mm256_cvtepi32_ps(sum[w][i]);
                if (f.by32) {
                    out[w][i] = _mm256_fmadd_ps(x, _mm256_mul_ps(s[w].top[g], d), out[w][i]);
                    continue;
                }
                part[w][i] = _mm256_fmadd_ps(x, d, part[w][i]);
                if (!f.minima) continue;
                const __m256i m = _mm256_madd_epi16(s[w].low[g], all8(a[i].sum16 + 2 * g));
                mins[w][i] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(m), d, mins[w][i]);
            }
        }
    }
    if (f.by32) return;
#pragma GCC unroll 2
    for (int w = 0; w < n_w; w++)
#pragma GCC unroll 4
        for (int i = 0; i < n_a; i++) {
            out[w][i] = _mm256_fmadd_ps(part[w][i], s[w].top[0], out[w][i]);
            if (f.minima) out[w][i] = _mm256_fmadd_ps(mins[w][i], s[w].bottom, out[w][i]);
        }
}

UNROLLED void meet_rows(const form f, const strip *s, int n_w, const q8_row *a, int n_a, int groups,
                      const results *to, uint32_t i0) {
    const ptrdiff_t stride = (ptrdiff_t)to->stride;
    float *at = to->at + i0 * to->stride;
    __m256 out[2][4];
#pragma GCC unroll 4
    for (int i = 0; i < n_a; i++)
#pragma GCC unroll 2
        for (int w = 0; w < n_w; w++)
            out[w][i] = to->first ? _mm256_setzero_ps() : _mm256_loadu_ps(at + i * stride + 8 * w);
    meet(f, s, n_w, a, n_a, groups, out);
#pragma GCC unroll 4
    for (int i = 0; i < n_a; i++)
#pragma GCC unroll 2
        for (int w = 0; w < n_w; w++)
            _mm256_storeu_ps(at + i * stride + 8 * w, out[w][i]);
}

/* The parts of an activation row from value `from` on. */
ALWAYS q8_row row_from(const q8_rows *a, const uint32_t *rows, uint32_t i, size_t from) {
    const q8_row r = q8_rows_at(a, rows ? rows[i] : i);
    return (q8_row){NULL, r.q + from, r.d + from / 32, r.sum16 + from / 16};
}

ALWAYS void meet_all(const form f, const strip *s, int n_w, const q8_rows *a, const uint32_t *rows,
                     uint32_t n_a, size_t from, int groups, const results *to) {
    uint32_t i = 0;
    for (; i + 4 <= n_a; i += 4) {
        const q8_row x[4] = {row_from(a, rows, i, from), row_from(a, rows, i + 1, from),
                             row_from(a, rows, i + 2, from), row_from(a, rows, i + 3, from)};
        meet_rows(f, s, n_w, x, 4, groups, to, i);
    }
    for (; i < n_a; i++) {
        const q8_row x[1] = {row_from(a, rows, i, from)};
        meet_rows(f, s, n_w, x, 1, groups, to, i);
    }
}

/* Asks for the lines of eight rows that begin at w. */
ALWAYS void fetch(const uint8_t *w, size_t stride, size_t bytes) {
    for (int r = 0; r < 8; r++)
        for (size_t at = 0; at < bytes; at += 64)
            _mm_prefetch((const char *)(w + (size_t)r * stride + at), _MM_HINT_T0);
}

enum { STRIPS = 4 }; /* decoded together: they and four activation rows take half the first cache */

/* Up to STRIPS whole strips of rows; n_a activation rows. */
ALWAYS void whole_strips(const form f, meet_fn meet1, meet_fn meet2, const uint8_t *w,
                         size_t stride, uint32_t strips, const q8_rows *a, const uint32_t *rows,
                         uint32_t n_a, size_t n, float *out, size_t out_stride) {
    strip s[STRIPS];
    for (size_t from = 0; from < n; from += 256) {
        const int groups = n - from < 256 ? (int)((n - from) / 32) : 8;
        const uint8_t *at = w + from / 256 * f.bytes;
        uint32_t k = 0;
        for (; k < strips; k++) {
            f.decode(at + 8 * k * stride, stride, groups, s + k);
            if (n_a <= 2) fetch(at + 8 * (k + strips) * stride, stride, f.bytes);
        }
        for (k = 0; k + 2 <= strips; k += 2) {
            const results to = {out + 8 * k, out_stride, from == 0};
            meet2(s + k, a, rows, n_a, from, groups, &to);
        }
        if (k < strips) {
            const results to = {out + 8 * k, out_stride, from == 0};
            meet1(s + k, a, rows, n_a, from, groups, &to);
        }
    }
}

/* The last rows, less than eight: 256 values of each are copied to where eight rows may be read. */
ALWAYS void few_rows(const form f, meet_fn meet1, const uint8_t *w, size_t stride, uint32_t n_w,
                     const q8_rows *a, const uint32_t *rows, uint32_t n_a, size_t n, float *out,
                     size_t out_stride) {
    enum { MOST = 8 * 34, AT_ONCE = 16 };
    uint8_t copy[8 * MOST];
    memset(copy, 0, sizeof copy);
    for (uint32_t i = 0; i < n_a; i += AT_ONCE) {
        const uint32_t count = n_a - i < AT_ONCE ? n_a - i : AT_ONCE;
        float part[8 * AT_ONCE];
        q8_rows view = *a;
        if (!rows) {
            view.q += i * a->q_stride;
            view.d += i * (a->q_stride / 32);
            view.sum16 += i * (a->q_stride / 16);
        }
        for (size_t from = 0; from < n; from += 256) {
            const int groups = n - from < 256 ? (int)((n - from) / 32) : 8;
            const size_t bytes = f.bytes / 8 * (size_t)groups + (groups == 8 ? f.bytes % 8 : 0);
            strip s;
            for (uint32_t r = 0; r < n_w; r++)
                memcpy(copy + r * MOST, w + r * stride + from / 256 * f.bytes, bytes);
            f.decode(copy, MOST, groups, &s);
            const results to = {part, 8, from == 0};
            meet1(&s, &view, rows ? rows + i : NULL, count, from, groups, &to);
        }
        for (uint32_t k = 0; k < count; k++)
            memcpy(out + (i + k) * out_stride, part + 8 * k, n_w * sizeof *out);
    }
}

/* A tile_fn but for the form. */
ALWAYS void block_tile(const form f, meet_fn meet1, meet_fn meet2, const void *w, size_t w_stride,
                       uint32_t n_w, const q8_rows *a, const uint32_t *rows, uint32_t n_a, size_t n,
                       float *out, size_t out_stride) {
    const uint8_t *p = w;
    /* One token's weights are waited for: fewer rows at a time are read in longer pieces. */
    const uint32_t most = n_a <= 2 ? 1 : STRIPS;
    if (n == 0)
        for (uint32_t i = 0; i < n_a; i++) memset(out + i * out_stride, 0, n_w * sizeof *out);
    uint32_t o = 0;
    while (n && o + 8 <= n_w) {
        const uint32_t left = (n_w - o) / 8, strips = left < most ? left : most;
        whole_strips(f, meet1, meet2, p + o * w_stride, w_stride, strips, a, rows, n_a, n, out + o,
                     out_stride);
        o += 8 * strips;
    }
    if (n && o < n_w)
        few_rows(f, meet1, p + o * w_stride, w_stride, n_w - o, a, rows, n_a, n, out + o,
                 out_stride);
}

#define TILE(name)                                                                              \
    void name(const void *w, size_t w_stride, uint32_t n_w, const q8_rows *a,                   \
              const uint32_t *rows, uint32_t n_a, size_t n, float *out, size_t out_stride)
#define MEET(name)                                                                              \
    static __attribute__((noinline)) void name(const strip *s, const q8_rows *a,                \
                                               const uint32_t *rows, uint32_t n_a, size_t from, \
                                               int groups, const results *to)
#define STRIPS_OF(name, ...)                                                                    \
    MEET(name##_1) { meet_all((form){__VA_ARGS__}, s, 1, a, rows, n_a, from, groups, to); }     \
    MEET(name##_2) { meet_all((form){__VA_ARGS__}, s, 2, a, rows, n_a, from, groups, to); }     \
    static TILE(name##_strips) {                                                                \
        block_tile((form){__VA_ARGS__}, name##_1, name##_2, w, w_stride, n_w, a, rows, n_a, n,  \
                   out, out_stride);                                                            \
    }
#define TILE_OF(name, ...)                                                                      \
    STRIPS_OF(name, __VA_ARGS__)                                                                \
    TILE(name) { name##_strips(w, w_stride, n_w, a, rows, n_a, n, out, out_stride); }

/* ---- decoding eight rows ---- */

/* Four words from each of eight rows: v[c] has word c of all. */
ALWAYS void columns(const uint8_t *p, size_t stride, __m256i v[4]) {
    __m256i r[4];
#pragma GCC unroll 4
    for (int k = 0; k < 4; k++)
        r[k] = _mm256_inserti128_si256(_mm256_castsi128_si256(load16(p + (size_t)k * stride)),
                                       load16(p + (size_t)(k + 4) * stride), 1);
    const __m256i a = _mm256_unpacklo_epi32(r[0], r[1]), b = _mm256_unpacklo_epi32(r[2], r[3]);
    const __m256i c = _mm256_unpackhi_epi32(r[0], r[1]), d = _mm256_unpackhi_epi32(r[2], r[3]);
    v[0] = _mm256_unpacklo_epi64(a, b);
    v[1] = _mm256_unpackhi_epi64(a, b);
    v[2] = _mm256_unpacklo_epi64(c, d);
    v[3] = _mm256_unpackhi_epi64(c, d);
}

/* A half float of each of eight rows. */
ALWAYS __m256 halves8(const uint8_t *p, size_t stride) {
    __m128i v = _mm_setzero_si128();
    v = _mm_insert_epi16(v, le16(p), 0);
    v = _mm_insert_epi16(v, le16(p + stride), 1);
    v = _mm_insert_epi16(v, le16(p + 2 * stride), 2);
    v = _mm_insert_epi16(v, le16(p + 3 * stride), 3);
    v = _mm_insert_epi16(v, le16(p + 4 * stride), 4);
    v = _mm_insert_epi16(v, le16(p + 5 * stride), 5);
    v = _mm_insert_epi16(v, le16(p + 6 * stride), 6);
    v = _mm_insert_epi16(v, le16(p + 7 * stride), 7);
    return _mm256_cvtph_ps(v);
}

/* A word of each of eight rows. */
ALWAYS __m256i words8(const uint8_t *p, size_t stride) {
    return _mm256_setr_epi32((int)le32(p), (int)le32(p + stride), (int)le32(p + 2 * stride),
                             (int)le32(p + 3 * stride), (int)le32(p + 4 * stride),
                             (int)le32(p + 5 * stride), (int)le32(p + 6 * stride),
                             (int)le32(p + 7 * stride));
}

/* Byte `at` of each word as a pair of i16. */
ALWAYS __m256i pair_of_byte(__m256i v, int at) {
    const int c = (int)0x80008000u + 0x00010001 * at;
    return _mm256_shuffle_epi8(v, _mm256_broadcastsi128_si256(_mm_setr_epi32(
        c, c + 0x00040004, c + 0x00080008, c + 0x000c000c)));
}

/* Byte `at` of each word, four times. */
ALWAYS __m256i copies_of_byte(__m256i v, int at) {
    const int c = 0x01010101 * at;
    return _mm256_shuffle_epi8(v, _mm256_broadcastsi128_si256(_mm_setr_epi32(
        c, c + 0x04040404, c + 0x08080808, c + 0x0c0c0c0c)));
}

TILE(q8_0_tile_avx2);
TILE(q2_k_tile_avx2);
TILE(iq2_xxs_tile_avx2);
TILE(q3_k_tile_avx2);
TILE(q4_k_tile_avx2);
TILE(q5_k_tile_avx2);
TILE(q6_k_tile_avx2);
TILE(mxfp4_tile_avx2);
TILE(q4_0_tile_avx2);
TILE(iq4_nl_tile_avx2);
TILE(iq4_xs_tile_avx2);
TILE(f32_tile_avx2);
TILE(f16_tile_avx2);
TILE(bf16_tile_avx2);

#endif
