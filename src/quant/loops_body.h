/* loops_body: the loops of loops.h, for the instruction set that the including file is compiled for. */
#ifndef DS4_QUANT_LOOPS_BODY_H
#define DS4_QUANT_LOOPS_BODY_H

#include <math.h>

#include "base/le.h"
#include "quant/loops.h"

typedef double d8 __attribute__((vector_size(64)));

static double loop_squares(const float *x, size_t n) {
    d8 sum = {0};
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        const d8 v = __builtin_convertvector(f8_load(x + i), d8);
        sum += v * v;
    }
    for (size_t k = 0; i + k < n; k++) sum[k] += (double)x[i + k] * (double)x[i + k];
    return ((sum[0] + sum[4]) + (sum[2] + sum[6])) + ((sum[1] + sum[5]) + (sum[3] + sum[7]));
}

static void loop_scale(float *x, float factor, const float *w, size_t n) {
    const f8 f = f8_all(factor);
    size_t i = 0;
    if (!w) {
        for (; i + 8 <= n; i += 8) f8_store(x + i, f8_load(x + i) * f);
        for (; i < n; i++) x[i] *= factor;
        return;
    }
    for (; i + 8 <= n; i += 8) f8_store(x + i, f8_load(x + i) * f * f8_load(w + i));
    for (; i < n; i++) x[i] = x[i] * factor * w[i];
}

static void loop_combine(float *out, const float *factor, const float *const *v, uint32_t terms,
                         size_t n) {
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        f8 a = f8_all(factor[0]) * f8_load(v[0] + i), b = f8_all(factor[0]) * f8_load(v[0] + i + 8);
        for (uint32_t t = 1; t < terms; t++) {
            const f8 f = f8_all(factor[t]);
            a += f * f8_load(v[t] + i);
            b += f * f8_load(v[t] + i + 8);
        }
        f8_store(out + i, a);
        f8_store(out + i + 8, b);
    }
    for (; i < n; i++) {
        float sum = factor[0] * v[0][i];
        for (uint32_t t = 1; t < terms; t++) sum += factor[t] * v[t][i];
        out[i] = sum;
    }
}

/* Columns i..i+15 of up to four heads: their sums stay in registers over all rows. */
LANES void weigh_columns(float *sum, const float *p, size_t stride, uint32_t heads,
                         const float *rows, uint32_t n_rows, size_t n) {
    f8 a[4], b[4];
#pragma GCC unroll 4
    for (uint32_t h = 0; h < heads; h++)
        a[h] = f8_load(sum + h * n), b[h] = f8_load(sum + h * n + 8);
    for (uint32_t r = 0; r < n_rows; r++) {
        const f8 x = f8_load(rows + r * n), y = f8_load(rows + r * n + 8);
#pragma GCC unroll 4
        for (uint32_t h = 0; h < heads; h++) {
            const f8 f = f8_all(p[h * stride + r]);
            a[h] += f * x;
            b[h] += f * y;
        }
    }
#pragma GCC unroll 4
    for (uint32_t h = 0; h < heads; h++)
        f8_store(sum + h * n, a[h]), f8_store(sum + h * n + 8, b[h]);
}

static void loop_weigh(float *sum, const float *p, size_t stride, uint32_t heads, const float *rows,
                       uint32_t n_rows, size_t n) {
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        uint32_t h = 0;
        for (; h + 4 <= heads; h += 4)
            weigh_columns(sum + h * n + i, p + h * stride, stride, 4, rows + i, n_rows, n);
        for (; h < heads; h++)
            weigh_columns(sum + h * n + i, p + h * stride, stride, 1, rows + i, n_rows, n);
    }
    for (uint32_t h = 0; h < heads; h++)
        for (uint32_t r = 0; r < n_rows; r++)
            for (size_t k = i; k < n; k++) sum[h * n + k] += p[h * stride + r] * rows[r * n + k];
}

/* e^x = 2^k e^r, k the nearest integer to x / ln 2, |r| <= ln 2 / 2; ln 2 in two parts, the first
 * with so few bits that k times it is exact. */
LANES f8 f8_exp(f8 x) {
    const f8 within =
        f8_max(f8_min(x, f8_all(88.72f)), f8_all(-87.34f)); /* NaN: the bound, put right below */
    const f8 k = f8_round(within * f8_all(0x1.715476p0f));
    const f8 r = (within - k * f8_all(0x1.62e4p-1f)) - k * f8_all(0x1.7f7d1cp-20f);
    f8 s = f8_all(0x1.a01a02p-13f); /* 1/5040, and down to 1/2 */
    s = s * r + f8_all(0x1.6c16c2p-10f);
    s = s * r + f8_all(0x1.111112p-7f);
    s = s * r + f8_all(0x1.555556p-5f);
    s = s * r + f8_all(0x1.555556p-3f);
    s = s * r + f8_all(0.5f);
    const f8 e = f8_all(1) + (r + r * r * s);
    /* 2^k in two steps: k = 128 has no power of its own. */
    const i8 whole = __builtin_convertvector(k, i8), half = whole >> 1;
    const f8 low = (f8)((half + i8_all(127)) << 23),
             high = (f8)((whole - half + i8_all(127)) << 23);
    const f8 some = f8_pick(x < f8_all(-87.34f), f8_all(0), e * low * high);
    return f8_pick(x == x, f8_pick(x > f8_all(88.72f), f8_all(INFINITY), some), x);
}

static void loop_exp_minus(float *x, float shift, size_t n) {
    const f8 s = f8_all(shift);
    size_t i = 0;
    for (; i + 8 <= n; i += 8) f8_store(x + i, f8_exp(f8_load(x + i) - s));
    if (i < n) {
        float rest[8] = {0};
        for (size_t k = 0; i + k < n; k++) rest[k] = x[i + k];
        f8_store(rest, f8_exp(f8_load(rest) - s));
        for (size_t k = 0; i + k < n; k++) x[i + k] = rest[k];
    }
}

/* NaN is passed on as min and max of C do not: a damaged gate must show. */
LANES f8 gated_eight(f8 gate, f8 up, f8 factor, f8 clamp) {
    const f8 g = f8_pick(gate > clamp, clamp, gate);
    const f8 u = f8_pick(up > clamp, clamp, f8_pick(up < -clamp, -clamp, up));
    return factor * (g / (f8_all(1) + f8_exp(-g)) * u);
}

static void loop_gated(float *out, const float *gate, const float *up, float factor, float clamp,
                       size_t n) {
    const f8 f = f8_all(factor), c = f8_all(clamp);
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        f8_store(out + i, gated_eight(f8_load(gate + i), f8_load(up + i), f, c));
    if (i < n) {
        float g[8] = {0}, u[8] = {0};
        for (size_t k = 0; i + k < n; k++) g[k] = gate[i + k], u[k] = up[i + k];
        f8_store(g, gated_eight(f8_load(g), f8_load(u), f, c));
        for (size_t k = 0; i + k < n; k++) out[i + k] = g[k];
    }
}

#define LOOPS(name)                                                                                \
    {                                                                                              \
        .isa = name, .squares = loop_squares, .scale = loop_scale, .combine = loop_combine,        \
        .weigh = loop_weigh, .exp_minus = loop_exp_minus, .gated = loop_gated                      \
    }

#endif
