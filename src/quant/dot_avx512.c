/* dot_avx512: the set of products for x86 with AVX-512 (F, BW, DQ, VL, VNNI); here floats.
 *
 * Floats: lane l sums the products of values l, l + 16, ..., one after the other, and the lanes are
 * folded by halves at the end. What is left of a row comes as zeros behind its values. A tile keeps
 * the sums of 4 x 4 pairs of rows in registers.
 *
 * I1  q8 and exact give the bits of the scalar set: division and rounding are those of IEEE 754,
 *     and float64 products of float32 are exact, so fusing them with the sum changes nothing.
 */
#include <math.h>

#include "quant/dot_avx512.h"

/* ---- floats ---- */

static inline float fold16(__m512 v) {
    __m256 h = _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

/* 16 values from value i on; of the last ones those in the mask. */
typedef __m512 (*load_fn)(const uint8_t *p, size_t i, __mmask16 m);

static inline __m512 f32_sixteen(const uint8_t *p, size_t i, __mmask16 m) {
    return _mm512_maskz_loadu_ps(m, p + 4 * i);
}
static inline __m512 f16_sixteen(const uint8_t *p, size_t i, __mmask16 m) {
    return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(m, p + 2 * i));
}
static inline __m512 bf16_sixteen(const uint8_t *p, size_t i, __mmask16 m) {
    const __m512i v = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(m, p + 2 * i));
    return _mm512_castsi512_ps(_mm512_slli_epi32(v, 16));
}

/* n_w x n_r sums at once; both are constants where it is inlined. */
static inline __attribute__((always_inline)) void float_sums(load_fn load, const uint8_t *w,
                                                             size_t w_stride, unsigned n_w,
                                                             const float *const *x, unsigned n_r,
                                                             size_t n, float out[8][4]) {
    __m512 s[8][4];
#pragma GCC unroll 8
    for (unsigned o = 0; o < n_w; o++)
#pragma GCC unroll 4
        for (unsigned r = 0; r < n_r; r++) s[o][r] = _mm512_setzero_ps();
    for (size_t i = 0; i < n; i += 16) {
        const __mmask16 m = (__mmask16)(n - i >= 16 ? 0xffff : (1u << (n - i)) - 1);
        __m512 v[4];
#pragma GCC unroll 4
        for (unsigned r = 0; r < n_r; r++) v[r] = _mm512_maskz_loadu_ps(m, x[r] + i);
#pragma GCC unroll 8
        for (unsigned o = 0; o < n_w; o++) {
            const __m512 c = load(w + o * w_stride, i, m);
#pragma GCC unroll 4
            for (unsigned r = 0; r < n_r; r++) s[o][r] = _mm512_fmadd_ps(c, v[r], s[o][r]);
        }
    }
#pragma GCC unroll 8
    for (unsigned o = 0; o < n_w; o++)
#pragma GCC unroll 4
        for (unsigned r = 0; r < n_r; r++) out[o][r] = fold16(s[o][r]);
}

static inline __attribute__((always_inline)) void float_piece(load_fn load, const tile512 *t,
                                                              uint32_t o, unsigned n_w, uint32_t i,
                                                              unsigned n_r) {
    const float *x[4];
    float sums[8][4];
    for (unsigned r = 0; r < n_r; r++)
        x[r] = t->a->x + (t->rows ? t->rows[i + r] : i + r) * t->a->stride;
    float_sums(load, t->w + o * t->w_stride, t->w_stride, n_w, x, n_r, t->n, sums);
    for (unsigned r = 0; r < n_r; r++)
        for (unsigned k = 0; k < n_w; k++)
            t->out[(i + r) * t->out_stride + o + k] = sums[k][r];
}

static inline __attribute__((always_inline)) void float_tile(load_fn load, const tile512 *t) {
    uint32_t o = 0;
    for (; o + 8 <= t->n_w; o += 8) {
        uint32_t i = 0;
        for (; i + 4 <= t->n_a; i += 4) {
            float_piece(load, t, o, 4, i, 4);
            float_piece(load, t, o + 4, 4, i, 4);
        }
        for (; i < t->n_a; i++) float_piece(load, t, o, 8, i, 1);
    }
    for (; o < t->n_w; o++)
        for (uint32_t i = 0; i < t->n_a; i++) float_piece(load, t, o, 1, i, 1);
}

static inline __attribute__((always_inline)) float float_dot(load_fn load, const void *w,
                                                             const float *x, size_t n) {
    float sums[8][4];
    float_sums(load, w, 0, 1, &x, 1, n, sums);
    return sums[0][0];
}

#define FLOATS(name)                                                                            \
    float name##_dot_avx512(const void *w, const q8_row *a, size_t n) {                         \
        return float_dot(name##_sixteen, w, a->x, n);                                           \
    }                                                                                           \
    void name##_tile_avx512(const void *w, size_t w_stride, uint32_t n_w, const q8_rows *a,     \
                            const uint32_t *rows, uint32_t n_a, size_t n, float *out,           \
                            size_t out_stride) {                                                \
        const tile512 t = {w, w_stride, n_w, a, rows, n_a, n, out, out_stride};                 \
        float_tile(name##_sixteen, &t);                                                         \
    }
FLOATS(f32)
FLOATS(f16)
FLOATS(bf16)

float f32_sum_avx512(const float *w, const float *x, size_t n) {
    return float_dot(f32_sixteen, w, x, n);
}

void f16_load_avx512(const void *in, float *out, size_t n) {
    for (size_t i = 0; i < n; i += 16) {
        const __mmask16 m = (__mmask16)(n - i >= 16 ? 0xffff : (1u << (n - i)) - 1);
        _mm512_mask_storeu_ps(out + i, m, f16_sixteen(in, i, m));
    }
}

void f16_store_avx512(const float *in, void *out, size_t n) {
    uint8_t *p = out;
    for (size_t i = 0; i < n; i += 16) {
        const __mmask16 m = (__mmask16)(n - i >= 16 ? 0xffff : (1u << (n - i)) - 1);
        const __m256i h = _mm512_cvtps_ph(_mm512_maskz_loadu_ps(m, in + i),
                                          _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
        _mm256_mask_storeu_epi16(p + 2 * i, m, h);
    }
}

/* The 16 lanes of the scalar form, folded in the same order. */
float exact_avx512(const float *w, const float *x, size_t n) {
    __m512d s0 = _mm512_setzero_pd(), s1 = s0;
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        s0 = _mm512_fmadd_pd(_mm512_cvtps_pd(_mm256_loadu_ps(w + i)),
                             _mm512_cvtps_pd(_mm256_loadu_ps(x + i)), s0);
        s1 = _mm512_fmadd_pd(_mm512_cvtps_pd(_mm256_loadu_ps(w + i + 8)),
                             _mm512_cvtps_pd(_mm256_loadu_ps(x + i + 8)), s1);
    }
    double s[16];
    _mm512_storeu_pd(s, s0);
    _mm512_storeu_pd(s + 8, s1);
    for (size_t k = 0; i + k < n; k++) s[k] += (double)w[i + k] * (double)x[i + k];
    for (int h = 8; h > 0; h /= 2)
        for (int k = 0; k < h; k++) s[k] += s[k + h];
    return (float)s[0];
}

/* ---- activations to 8 bits ---- */

/* Magnitudes are compared as integers: whatever is not finite stands above all of them. */
void q8_avx512(const float *x, size_t n, int8_t *q, float *d, int16_t *sum16) {
    const __m512i magnitude = _mm512_set1_epi32(0x7fffffff);
    for (size_t i = 0; i < n / 32; i++, x += 32, q += 32, sum16 += 2) {
        const __m512 a = _mm512_loadu_ps(x), b = _mm512_loadu_ps(x + 16);
        const uint32_t top = _mm512_reduce_max_epu32(
            _mm512_max_epu32(_mm512_and_si512(_mm512_castps_si512(a), magnitude),
                             _mm512_and_si512(_mm512_castps_si512(b), magnitude)));
        const float scale = bits_f32(top) / 127.0f;
        const bool finite = top < 0x7f800000u;
        __m512i low = _mm512_setzero_si512(), high = low;
        if (finite && scale > 0) {
            const __m512 by = _mm512_set1_ps(scale);
            const __m512i most = _mm512_set1_epi32(127), least = _mm512_set1_epi32(-127);
            low = _mm512_cvtps_epi32(_mm512_div_ps(a, by));
            high = _mm512_cvtps_epi32(_mm512_div_ps(b, by));
            low = _mm512_max_epi32(_mm512_min_epi32(low, most), least);
            high = _mm512_max_epi32(_mm512_min_epi32(high, most), least);
        }
        d[i] = finite ? scale : NAN;
        _mm_storeu_si128((__m128i *)(void *)q, _mm512_cvtepi32_epi8(low));
        _mm_storeu_si128((__m128i *)(void *)(q + 16), _mm512_cvtepi32_epi8(high));
        sum16[0] = (int16_t)_mm512_reduce_add_epi32(low);
        sum16[1] = (int16_t)_mm512_reduce_add_epi32(high);
    }
}

/* ---- the set ---- */

#define TILE(id, name)                                                                          \
    static void name##_tile(const void *w, size_t w_stride, uint32_t n_w, const q8_rows *a,     \
                            const uint32_t *rows, uint32_t n_a, size_t n, float *out,           \
                            size_t out_stride) {                                                \
        const tile512 t = {w, w_stride, n_w, a, rows, n_a, n, out, out_stride};                 \
        form512_tile(&name##_form512, &t);                                                      \
    }
FORMS512(TILE)

#define FAST_ENTRY(id, name) [id] = name##_dot_avx512,
#define TILE_ENTRY(id, name) [id] = name##_tile,

static const dot_set avx512 = {
    .isa = "avx512",
    .fast = {FORMS512(FAST_ENTRY) FLOATS512(FAST_ENTRY) SHARED_PRODUCTS},
    .tile = {FORMS512(TILE_ENTRY) FLOATS512(FLOAT_TILE_ENTRY512)},
    .f32 = f32_sum_avx512,
    .exact = exact_avx512,
    .q8 = q8_avx512,
    .f16_load = f16_load_avx512,
    .f16_store = f16_store_avx512,
};

const dot_set *dot_avx512(void) { return &avx512; }
