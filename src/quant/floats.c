/* floats: F32, F16 and BF16, the formats without blocks.
 *
 *      F32   s eeeeeeee mmmmmmmmmmmmmmmmmmmmmmm
 *      F16   s eeeee mmmmmmmmmm         bias 15, subnormal step 2^-24, largest 65504
 *      BF16  s eeeeeeee mmmmmmm         the upper half of a float32
 *
 * Conversions are those of IEEE 754 to the bit: ties to even, infinity kept, NaN made quiet
 * (but bf16_to_f32 moves bits and nothing else).
 *
 * These weights meet float32 activations. A product is one rounding, a sum another (the build has
 * contraction off); the forms for an instruction set may fuse the two.
 */
#include "quant/formats.h"

/* ---- conversions ---- */

float f16_to_f32(uint16_t h) {
    const uint32_t sign = (uint32_t)(h & 0x8000u) << 16;
    const uint32_t exp = h >> 10 & 31u, man = h & 0x3ffu;
    if (exp == 31) return bits_f32(sign | 0x7f800000u | (man ? 0x400000u : 0) | man << 13);
    if (exp == 0) return bits_f32(sign | f32_bits((float)man * 0x1p-24f));
    return bits_f32(sign | (exp + 112) << 23 | man << 13);
}

uint16_t f32_to_f16(float f) {
    const uint32_t sign = f32_bits(f) >> 16 & 0x8000u;
    uint32_t a = f32_bits(f) & 0x7fffffffu;
    if (a > 0x7f800000u) return (uint16_t)(sign | 0x7e00u | (a >> 13 & 0x3ffu));
    if (a >= 0x477ff000u) return (uint16_t)(sign | 0x7c00u); /* from 65520 on */
    if (a < 0x38800000u)  /* below 2^-14. In 0.5 .. 1 a float counts in steps of 2^-24 too. */
        return (uint16_t)(sign | (f32_bits(bits_f32(a) + 0.5f) - f32_bits(0.5f)));
    a += 0xfffu + (a >> 13 & 1);
    return (uint16_t)(sign | (a - (112u << 23)) >> 13);
}

float bf16_to_f32(uint16_t h) { return bits_f32((uint32_t)h << 16); }

uint16_t f32_to_bf16(float f) {
    const uint32_t v = f32_bits(f);
    if ((v & 0x7fffffffu) > 0x7f800000u) return (uint16_t)(v >> 16 | 0x40u);
    return (uint16_t)((v + 0x7fffu + (v >> 16 & 1)) >> 16);
}

/* ---- rows ---- */

void f32_dequant(const void *blocks, float *out, size_t n) {
    const uint8_t *p = blocks;
    for (size_t i = 0; i < n; i++) out[i] = bits_f32(le32(p + 4 * i));
}

void f16_dequant(const void *blocks, float *out, size_t n) {
    const uint8_t *p = blocks;
    for (size_t i = 0; i < n; i++) out[i] = f16_to_f32(le16(p + 2 * i));
}

void bf16_dequant(const void *blocks, float *out, size_t n) {
    const uint8_t *p = blocks;
    for (size_t i = 0; i < n; i++) out[i] = bf16_to_f32(le16(p + 2 * i));
}

/* ---- products ---- */

/* Lane k sums the products k, k + 16, ...; the lanes then fold in halves. The error grows with
 * n / 16 instead of n, and a compiler may use vectors without changing a bit. */
enum { LANES = 16 };

static float fold(float s[LANES]) {
    for (int h = LANES / 2; h > 0; h /= 2)
        for (int k = 0; k < h; k++) s[k] += s[k + h];
    return s[0];
}

float dot_f32(const float *w, const float *x, size_t n) {
    float s[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (size_t k = 0; k < LANES; k++) s[k] += w[i + k] * x[i + k];
    for (size_t k = 0; i + k < n; k++) s[k] += w[i + k] * x[i + k];
    return fold(s);
}

/* A product of two float32 fits a float64, so only sums round: every instruction set that keeps
 * these lanes and this order gives the same bits. */
float dot_exact(const float *w, const float *x, size_t n) {
    double s[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (size_t k = 0; k < LANES; k++) s[k] += (double)w[i + k] * (double)x[i + k];
    for (size_t k = 0; i + k < n; k++) s[k] += (double)w[i + k] * (double)x[i + k];
    for (int h = LANES / 2; h > 0; h /= 2)
        for (int k = 0; k < h; k++) s[k] += s[k + h];
    return (float)s[0];
}

float f32_dot(const void *w, const q8_row *a, size_t n) {
    const uint8_t *p = w;
    float s[LANES] = {0};
    for (size_t i = 0; i < n; i++) s[i % LANES] += bits_f32(le32(p + 4 * i)) * a->x[i];
    return fold(s);
}

float f16_dot(const void *w, const q8_row *a, size_t n) {
    const uint8_t *p = w;
    float s[LANES] = {0};
    for (size_t i = 0; i < n; i++) s[i % LANES] += f16_to_f32(le16(p + 2 * i)) * a->x[i];
    return fold(s);
}

float bf16_dot(const void *w, const q8_row *a, size_t n) {
    const uint8_t *p = w;
    float s[LANES] = {0};
    for (size_t i = 0; i < n; i++) s[i % LANES] += bf16_to_f32(le16(p + 2 * i)) * a->x[i];
    return fold(s);
}
