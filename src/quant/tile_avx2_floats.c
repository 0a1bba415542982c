/* tile_avx2_floats: F32, F16 and BF16 weights against float32 activations.
 *
 * Four rows of weights meet three of activations, 8 values a step, in twelve registers of sums. If
 * there are more activation rows than that, 16 rows of 256 weights are converted once.
 *
 * The order of the sums is that of dot_avx2.h, and so are the zeros that pad the last values.
 */
#include "quant/tile_avx2.h"

enum { PIECE = 256, ROWS = 16 };

typedef __m256 (*eight_fn)(const uint8_t *);

/* fold8 of four registers. */
ALWAYS __m128 fold8x4(const __m256 v[4]) {
    __m128 s[4];
#pragma GCC unroll 4
    for (int k = 0; k < 4; k++)
        s[k] = _mm_add_ps(_mm256_castps256_ps128(v[k]), _mm256_extractf128_ps(v[k], 1));
    const __m128 a = _mm_add_ps(_mm_unpacklo_ps(s[0], s[1]), _mm_unpackhi_ps(s[0], s[1]));
    const __m128 b = _mm_add_ps(_mm_unpacklo_ps(s[2], s[3]), _mm_unpackhi_ps(s[2], s[3]));
    return _mm_add_ps(_mm_movelh_ps(a, b), _mm_movehl_ps(b, a));
}

/* One to three activation rows and four of weights over n <= PIECE values. */
ALWAYS void four_rows(const uint8_t *w, size_t stride, size_t bytes, eight_fn eight,
                      const float *const x[3], int n_a, size_t n, float *const out[3], bool first) {
    __m256 sum[3][4];
#pragma GCC unroll 3
    for (int i = 0; i < n_a; i++)
#pragma GCC unroll 4
        for (int r = 0; r < 4; r++) sum[i][r] = _mm256_setzero_ps();
    size_t k = 0;
    for (; k + 8 <= n; k += 8) {
        __m256 v[3];
#pragma GCC unroll 3
        for (int i = 0; i < n_a; i++) v[i] = _mm256_loadu_ps(x[i] + k);
#pragma GCC unroll 4
        for (int r = 0; r < 4; r++) {
            const __m256 c = eight(w + (size_t)r * stride + bytes * k);
#pragma GCC unroll 3
            for (int i = 0; i < n_a; i++) sum[i][r] = _mm256_fmadd_ps(c, v[i], sum[i][r]);
        }
    }
    if (k < n) {
        const __m256i mask = first_of_8(n - k);
        for (int r = 0; r < 4; r++) {
            uint8_t last[32] = {0};
            memcpy(last, w + (size_t)r * stride + bytes * k, bytes * (n - k));
            const __m256 c = eight(last);
#pragma GCC unroll 3
            for (int i = 0; i < n_a; i++)
                sum[i][r] = _mm256_fmadd_ps(c, _mm256_maskload_ps(x[i] + k, mask), sum[i][r]);
        }
    }
#pragma GCC unroll 3
    for (int i = 0; i < n_a; i++) {
        const __m128 so_far = first ? _mm_setzero_ps() : _mm_loadu_ps(out[i]);
        _mm_storeu_ps(out[i], _mm_add_ps(so_far, fold8x4(sum[i])));
    }
}

ALWAYS const float *row_at(const q8_rows *a, const uint32_t *rows, uint32_t i, size_t from) {
    return a->x + (rows ? rows[i] : i) * a->stride + from;
}

/* A multiple of four rows over n <= PIECE values. */
ALWAYS void piece(const uint8_t *w, size_t stride, uint32_t n_w, size_t bytes, eight_fn eight,
                  const q8_rows *a, const uint32_t *rows, uint32_t n_a, size_t from, size_t n,
                  float *out, size_t out_stride) {
    uint32_t i = 0;
    for (; i + 3 <= n_a; i += 3) {
        const float *const x[3] = {row_at(a, rows, i, from), row_at(a, rows, i + 1, from),
                                   row_at(a, rows, i + 2, from)};
        for (uint32_t o = 0; o < n_w; o += 4) {
            float *const to[3] = {out + i * out_stride + o, out + (i + 1) * out_stride + o,
                                  out + (i + 2) * out_stride + o};
            four_rows(w + o * stride, stride, bytes, eight, x, 3, n, to, from == 0);
        }
    }
    for (; i < n_a; i++) {
        const float *const x[3] = {row_at(a, rows, i, from)};
        for (uint32_t o = 0; o < n_w; o += 4) {
            float *const to[3] = {out + i * out_stride + o};
            four_rows(w + o * stride, stride, bytes, eight, x, 1, n, to, from == 0);
        }
    }
}

/* A row of n <= PIECE weights as floats. */
ALWAYS void convert(const uint8_t *w, size_t bytes, eight_fn eight, float *to, size_t n) {
    size_t k = 0;
    for (; k + 8 <= n; k += 8) _mm256_store_ps(to + k, eight(w + bytes * k));
    if (k == n) return;
    uint8_t last[32] = {0};
    memcpy(last, w + bytes * k, bytes * (n - k));
    _mm256_store_ps(to + k, eight(last));
}

ALWAYS void float_tile(size_t bytes, eight_fn eight, dot_fn dot, const void *weights, size_t stride,
                       uint32_t n_w, const q8_rows *a, const uint32_t *rows, uint32_t n_a, size_t n,
                       float *out, size_t out_stride) {
    _Alignas(32) float values[ROWS][PIECE];
    const uint8_t *w = weights;
    uint32_t o = 0;
    for (uint32_t count; (count = (n_w - o) / 4 * 4) > 0; o += count) {
        if (count > ROWS) count = ROWS;
        for (size_t from = 0; from < n || from == 0; from += PIECE) {
            const size_t m = n - from < PIECE ? n - from : PIECE;
            const uint8_t *p = w + o * stride + bytes * from;
            if (n_a < 6 || bytes == 4) {
                piece(p, stride, count, bytes, eight, a, rows, n_a, from, m, out + o, out_stride);
                continue;
            }
            for (uint32_t r = 0; r < count; r++)
                convert(p + r * stride, bytes, eight, values[r], m);
            piece((const uint8_t *)values, sizeof *values, count, 4, f32_eight, a, rows, n_a, from,
                  m, out + o, out_stride);
        }
    }
    for (; o < n_w; o++) {
        for (uint32_t i = 0; i < n_a; i++) {
            const q8_row x = q8_rows_at(a, rows ? rows[i] : i);
            out[i * out_stride + o] = dot(w + o * stride, &x, n);
        }
    }
}

#define FLOAT_TILE(name, bytes, eight, dot)                                                     \
    TILE(name) {                                                                                \
        float_tile(bytes, eight, dot, w, w_stride, n_w, a, rows, n_a, n, out, out_stride);      \
    }

FLOAT_TILE(f32_tile_avx2, 4, f32_eight, f32_dot_avx2)
FLOAT_TILE(f16_tile_avx2, 2, f16_eight, f16_dot_avx2)
FLOAT_TILE(bf16_tile_avx2, 2, bf16_eight, bf16_dot_avx2)
