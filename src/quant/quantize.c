/* quantize: rows of float32 to the formats that converters write.
 *
 * Q8_0 follows the reference to the byte: d = max|x| / 127 in float32, codes are x * (1 / d)
 * with that d rounded half away from zero, and only then d is stored as a half float.
 *
 * I1  A block with a value that is not finite gets d = NaN and codes 0: it is not hidden.
 */
#include <math.h>

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
