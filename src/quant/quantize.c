/* quantize: rows of float32 to the formats that need no search, and the choice of who searches.
 *
 * Q8_0 follows the reference to the byte: d = max|x| / 127 in float32, codes are x * (1 / d)
 * with that d rounded half away from zero, and only then d is stored as a half float.
 *
 * The forms with a weight (nothing to weigh here: all errors are least already) differ where that
 * would be infinite or lose what the format can hold: 16-bit floats end at their largest number,
 * and where a block of Q8_0 is so large or so small that d is no normal half float, codes are made
 * for the d that is stored.
 *
 * I1  A block of Q8_0 with a value that is not finite gets d = NaN and codes 0: it is not hidden.
 */
#include "quant/quantize.h"

#include <math.h>
#include <string.h>

#include "quant/formats.h"

static void put_le16(uint8_t *p, uint16_t v) {
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}

void quantize_f16(const float *x, void *out, size_t n) {
    uint8_t *p = out;
    for (size_t i = 0; i < n; i++) put_le16(p + 2 * i, f32_to_f16(x[i]));
}

void quantize_bf16(const float *x, void *out, size_t n) {
    uint8_t *p = out;
    for (size_t i = 0; i < n; i++) put_le16(p + 2 * i, f32_to_bf16(x[i]));
}

/* Half away from zero, clamped to ±127. Splitting the magnitude in whole and rest is exact. */
static int8_t round_away(float x) {
    const float a = fabsf(x);
    if (!(a < 127.0f)) return (int8_t)(a != a ? 0 : x < 0 ? -127 : 127);
    int v = (int)a;
    v += a - (float)v >= 0.5f;
    return (int8_t)(x < 0 ? -v : v);
}

void quantize_q8_0(const float *x, void *out, size_t n) {
    block_q8_0 *b = out;
    for (size_t i = 0; i < n / 32; i++, b++, x += 32) {
        float top = 0;
        for (int j = 0; j < 32; j++) {
            if (!isfinite(x[j])) top = NAN;
            if (fabsf(x[j]) > top) top = fabsf(x[j]);
        }
        const float d = top / 127.0f;
        const float inverse = d > 0 ? 1.0f / d : 0;
        put_le16(b->d, f32_to_f16(d));
        for (int j = 0; j < 32; j++) b->q[j] = d > 0 ? round_away(x[j] * inverse) : 0;
    }
}

void f32_write(const float *x, const float *weight, void *out, size_t n) {
    (void)weight;
    uint8_t *p = out;
    for (size_t i = 0; i < n; i++, p += 4) {
        const uint32_t u = f32_bits(x[i]);
        put_le16(p, (uint16_t)u);
        put_le16(p + 2, (uint16_t)(u >> 16));
    }
}

void f16_write(const float *x, const float *weight, void *out, size_t n) {
    (void)weight;
    uint8_t *p = out;
    for (size_t i = 0; i < n; i++) {
        const float v = isfinite(x[i]) ? fminf(fmaxf(x[i], -65504.0f), 65504.0f) : x[i];
        put_le16(p + 2 * i, f32_to_f16(v));
    }
}

void bf16_write(const float *x, const float *weight, void *out, size_t n) {
    (void)weight;
    const float top = 0x1.fep127f;
    uint8_t *p = out;
    for (size_t i = 0; i < n; i++) {
        const float v = isfinite(x[i]) ? fminf(fmaxf(x[i], -top), top) : x[i];
        put_le16(p + 2 * i, f32_to_bf16(v));
    }
}

void q8_0_write(const float *x, const float *weight, void *out, size_t n) {
    (void)weight;
    block_q8_0 *b = out;
    quantize_q8_0(x, out, n);
    for (size_t i = 0; i < n / 32; i++, b++, x += 32) {
        float top = 0;
        bool finite = true;
        for (int j = 0; j < 32; j++) {
            finite = finite && isfinite(x[j]);
            top = fmaxf(top, fabsf(x[j]));
        }
        if (!finite || (top >= 127 * 0x1p-14f && top <= 127 * 65504.0f)) continue;
        if (!(top > 0x1p-25f)) {
            memset(b, 0, sizeof *b);
            continue;
        }
        uint16_t h = f32_to_f16(fminf(top / 127.0f, 65504.0f));
        if (h == 0) h = 1;
        const float d = f16_to_f32(h);
        put_le16(b->d, h);
        for (int j = 0; j < 32; j++) b->q[j] = round_away(x[j] / d);
    }
}

double quantize_error(quant_id id, const float *x, const float *weight, const void *blocks,
                      size_t n) {
    enum { PIECE = 256 };
    const quant_type *t = quant_find((uint32_t)id);
    const uint8_t *p = blocks;
    double sum = 0;
    for (size_t i = 0; i < n; i += PIECE) {
        float y[PIECE];
        const size_t m = n - i < PIECE ? n - i : PIECE;
        t->dequant(p + i / t->block_values * t->block_bytes, y, m);
        for (size_t j = 0; j < m; j++) {
            const double e = (double)x[i + j] - (double)y[j];
            sum += (weight ? (double)weight[i + j] : 1.0) * e * e;
        }
    }
    return sum;
}

#if defined(__x86_64__)

extern const quantize_set quantize_avx2;

const quantize_set *quantize_best(void) {
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    return avx2 ? &quantize_avx2 : &quantize_portable;
}

#else

const quantize_set *quantize_best(void) { return &quantize_portable; }

#endif

quantize_fn quantize_for(quant_id id) {
    return (uint32_t)id < QUANT_IDS ? quantize_best()->write[id] : NULL;
}
