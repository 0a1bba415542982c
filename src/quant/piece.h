/* piece: what one block is made from, and the trials that its quantiser makes with it.
 *
 * Values and weights are multiplied with powers of two until their largest are about one: that
 * changes no choice and no rounding, and nothing overflows on the way. Scales stay in that measure
 * until they are stored; `back` turns them into those of the file.
 *
 * I1  Every scale that a trial works with is one that the file can hold: a half float, never
 *     infinite, and zero only if it was asked for.
 * I2  No weight is zero: a column that was never seen still gets the nearest codes, but counts 2^-20
 *     of the heaviest one.
 */
#ifndef DS4_QUANT_PIECE_H
#define DS4_QUANT_PIECE_H

#include <math.h>
#include <stdbool.h>

#include "quant/formats.h"

typedef struct piece {
    float x[256], w[256];
    float back;             /* value in the file = x * back */
} piece;

static inline float largest(const float *x, int n) {
    float top = 0;
    for (int i = 0; i < n; i++) top = fabsf(x[i]) > top ? fabsf(x[i]) : top;
    return top;
}

static inline float power_above(float x) {
    int e;
    frexpf(x, &e);
    return ldexpf(1, e > 126 ? 126 : e < -126 ? -126 : e);
}

/* Half of half the smallest half float: nothing but zero can be nearer. */
#define LEAST_HALF 0x1p-26f

/* False: all values are zero, or below `least`, where no scale can be stored for them. */
static inline bool piece_load(piece *p, const float *x, const float *weight, int n, float least) {
    const float top = largest(x, n);
    if (!(top > least)) return false;
    p->back = power_above(top);
    for (int i = 0; i < n; i++) p->x[i] = x[i] * (1 / p->back);
    const float heaviest = weight ? largest(weight, n) : 0;
    const float unit = heaviest > 0x1p-126f ? power_above(heaviest) : 0;
    for (int i = 0; i < n; i++)
        p->w[i] = unit > 0 ? fmaxf(weight[i] * (1 / unit), 0x1p-20f) : 1.0f;
    return true;
}

static inline bool piece_constant(const piece *p, int n) {
    for (int i = 1; i < n; i++)
        if (p->x[i] != p->x[0]) return false;
    return true;
}

static inline void put16(uint8_t p[2], uint16_t v) {
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}

/* The half float nearest to a scale, as it goes to the file. */
static inline uint16_t scale_bits(const piece *p, float scale) {
    const float s = fminf(fmaxf(scale * p->back, -65504.0f), 65504.0f);
    const uint16_t h = f32_to_f16(s);
    return (uint16_t)(scale != 0 && (h & 0x7fff) == 0 ? h | 1 : h);
}

/* That half float in the measure of the piece. */
static inline float scale_stored(const piece *p, float scale) {
    return f16_to_f32(scale_bits(p, scale)) * (1 / p->back);
}

#endif
