/* round: the roundings that the model was trained with, on rows that go into the cache.
 *
 *      KV rows      blocks of 64    a = max(max|x|, 1e-4)         x' = e4m3(x / s) * s
 *      index rows   blocks of 32    a = max(max|x|, 6 * 2^-126)   x' = e2m1(x / s) * s
 *      with s = 2^ceil(log2(a / largest)), largest = 448 or 6
 *
 * The reference multiplies a by the rounded reciprocal of `largest` and takes ceil(log2) from the
 * bits of that float32 product; a logarithm would put some a at a power of two on the wrong side.
 *
 * I1  A NaN stays NaN and does not disturb its block; an infinity makes its block NaN.
 */
#include <math.h>

#include "quant/formats.h"

/* The smallest power of two that is not below x; x positive and normal. */
static float pow2_above(float x) {
    const uint32_t v = f32_bits(x);
    return bits_f32(((v >> 23) + ((v & 0x7fffffu) != 0)) << 23);
}

/* The largest magnitude, at least `least`. NaN compares false and is passed over. */
static float max_abs(const float *x, size_t n, float least) {
    for (size_t i = 0; i < n; i++) least = fabsf(x[i]) > least ? fabsf(x[i]) : least;
    return least;
}

void round_kv(float *x, size_t n, size_t block) {
    for (size_t at = 0; at < n; at += block) {
        const size_t end = n - at < block ? n : at + block;
        const float s = pow2_above(max_abs(x + at, end - at, 1e-4f) * (1.0f / 448.0f));
        for (size_t i = at; i < end; i++) x[i] = e4m3_to_f32(f32_to_e4m3(x[i] / s)) * s;
    }
}

/* Nearest e2m1 value, ties to the code that is even, clamped to ±6. */
static float to_e2m1(float x) {
    static const float upto[7] = {0.25f, 0.75f, 1.25f, 1.75f, 2.5f, 3.5f, 5.0f};
    const float a = fabsf(x);
    int code = 0;
    if (a != a) return x;
    while (code < 7 && (code % 2 ? a >= upto[code] : a > upto[code])) code++;
    return copysignf(e2m1_values[code], x);
}

void round_index(float *x, size_t n) {
    for (size_t at = 0; at < n; at += 32) {
        const size_t end = n - at < 32 ? n : at + 32;
        const float s = pow2_above(max_abs(x + at, end - at, 0x6p-126f) * (1.0f / 6.0f));
        for (size_t i = at; i < end; i++) x[i] = to_e2m1(x[i] / s) * s;
    }
}

void hadamard(float *x, size_t n) {
    for (size_t h = 1; h < n; h *= 2)
        for (size_t i = 0; i < n; i += 2 * h)
            for (size_t j = i; j < i + h; j++) {
                const float a = x[j], b = x[j + h];
                x[j] = a + b;
                x[j + h] = a - b;
            }
    const float scale = (float)(1.0 / sqrt((double)n));
    for (size_t i = 0; i < n; i++) x[i] *= scale;
}
