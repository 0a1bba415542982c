/* search_linear: Q4_0, IQ4_NL, IQ4_XS, Q3_K, Q6_K and MXFP4: the least sum of
 * w * (x - scale * level)^2, where a code is one of some fixed levels.
 *
 *      levels        -4 .. 3 (Q3_K), -8 .. 7 (Q4_0), -32 .. 31 (Q6_K), 16 spaced like a bell (IQ4)
 *      scale         d, a half float of either sign            Q4_0, IQ4_NL: 32 values
 *                    d * sc, sc = -limit .. limit - 1          Q3_K, Q6_K: 16 values, IQ4_XS: 32
 *                    a power of two                            MXFP4: 32 values
 *
 * 1  Each part alone: the largest value at either end of the levels, within or beyond, 64 ways, then
 *    least squares, and three times codes and least squares again around the best.
 * 2  d so that the largest scale is one of the outer integers, at either end (four are tried).
 * 3  For each part the integer that errs least, of the 8 around the real scale.
 * 4  d by least squares for these codes; again from 3. The round that errs least is kept. Where
 *    there are only 64 integers, all of them are tried with its d.
 *
 * The error is always that of what is stored, with the float32 operations of who reads it.
 * Included by the files that compile it for an instruction set.
 */
#include "quant/piece.h"
#include "quant/tables.h"

enum { LINEAR_ROUNDS = 2, BELL = 16 };

typedef struct linear {
    int part_values, limit; /* 16 or 32 values; see above            */
    float low, high;        /* the outermost levels                  */
    float fine;             /* a small step of the scale, relative   */
    bool bell;              /* levels are iq4nl_values, else integers */
    float middle[BELL - 1], step[BELL - 1]; /* between two levels    */
} linear;

typedef struct linear_fit {
    float d, error;
    int sc[16];
} linear_fit;

LANES linear linear_bell(int part_values, int limit) {
    linear k = {part_values, limit, -127, 113, 0.02f, true, {0}, {0}};
    for (int i = 0; i < BELL - 1; i++) {
        k.middle[i] = 0.5f * (float)(iq4nl_values[i] + iq4nl_values[i + 1]);
        k.step[i] = (float)(iq4nl_values[i + 1] - iq4nl_values[i]);
    }
    return k;
}

LANES f8 level_of(const linear *k, f8 v) {
    if (!k->bell) return f8_round(f8_min(f8_max(v, f8_all(k->low)), f8_all(k->high)));
    f8 level = f8_all(k->low);
    for (int i = 0; i < BELL - 1; i++)
        level += f8_pick(v > f8_all(k->middle[i]), f8_all(k->step[i]), f8_all(0));
    return level;
}

/* The code, not the level: 0 is the lowest. */
LANES int linear_code(const linear *k, float x, float scale) {
    const float v = fabsf(scale) < 0x1p-100f ? 0 : x / scale;
    if (!k->bell) return (int)(round_even(fminf(fmaxf(v, k->low), k->high)) - (int)k->low);
    int code = 0;
    for (int i = 0; i < BELL - 1; i++) code += v > k->middle[i];
    return code;
}

/* Codes at eight inverse scales; the scale that least squares gives for the best replaces *scale. */
LANES void linear_try(const linear *k, const float *x, const float *w, f8 inverse, float *scale,
                      float *gain) {
    f8 xl = f8_all(0), ll = f8_all(0);
    for (int i = 0; i < k->part_values; i++) {
        const f8 v = f8_all(x[i]), l = level_of(k, v * inverse), wl = f8_all(w[i]) * l;
        xl += wl * v;
        ll += wl * l;
    }
    const f8 least = f8_all(0x1p-60f), sound = f8_max(ll, least);
    const f8 gains = f8_pick(ll > least, xl * xl / sound, f8_all(0));
    const int at = f8_least(-gains);
    if (!(gains[at] > *gain)) return;
    *gain = gains[at];
    *scale = xl[at] / sound[at];
}

LANES float linear_alone(const linear *k, const float *x, const float *w) {
    float extreme = 0, scale = 0, gain = 0;
    for (int i = 0; i < k->part_values; i++)
        if (fabsf(x[i]) > fabsf(extreme)) extreme = x[i];
    if (fabsf(extreme) < 0x1p-60f) return 0;
    const f8 ramp = {0, 1, 2, 3, 4, 5, 6, 7};
    const f8 close = f8_all(1) + (ramp - f8_all(3.5f)) * f8_all(k->fine);
    const float ends[2] = {k->low / extreme, k->high / extreme};
    for (int i = 0; i < 2; i++) {
        linear_try(k, x, w, f8_all(ends[i]) * close, &scale, &gain);
        for (int wide = 0; wide < 3; wide++) {
            const f8 part = f8_all(0.5f + 0.5f * (float)wide) + ramp * f8_all(0.0625f);
            linear_try(k, x, w, f8_all(ends[i]) * part, &scale, &gain);
        }
    }
    for (int i = 0; i < 3 && scale != 0; i++)
        linear_try(k, x, w, f8_all(1 / scale) * close, &scale, &gain);
    return scale;
}

/* The errors of eight scales. */
LANES f8 linear_errors(const linear *k, const float *x, const float *w, f8 scale) {
    const f8 least = f8_all(0x1p-100f);
    const i8 none = (scale < least) & (scale > -least);
    const f8 inverse = f8_pick(none, f8_all(0), f8_all(1) / f8_pick(none, f8_all(1), scale));
    f8 sum = f8_all(0);
    for (int i = 0; i < k->part_values; i++) {
        const f8 v = f8_all(x[i]), e = v - scale * level_of(k, v * inverse);
        sum += f8_all(w[i]) * (e * e);
    }
    return sum;
}

/* Step 3 for all parts: the eight integers around the real scale, or all there are. */
LANES void linear_integers(const linear *k, const piece *p, const float *real, linear_fit *fit) {
    const float low = (float)-k->limit, high = (float)(k->limit - 1);
    fit->error = 0;
    for (int j = 0; j < 256 / k->part_values; j++) {
        float from = low, to = high, best = INFINITY;
        if (real) {
            const float t = fit->d != 0 ? floorf(fminf(fmaxf(real[j] / fit->d, low), high)) : 0;
            from = to = t - 3;
        }
        for (; from <= to; from += N_LANES) {
            const f8 ramp = {0, 1, 2, 3, 4, 5, 6, 7};
            const f8 sc = f8_min(f8_max(f8_all(from) + ramp, f8_all(low)), f8_all(high));
            const int values = j * k->part_values;
            const f8 errors =
                linear_errors(k, p->x + values, p->w + values, f8_all(fit->d) * sc);
            const int at = f8_least(errors);
            if (!(errors[at] < best)) continue;
            best = errors[at];
            fit->sc[j] = (int)sc[at];
        }
        fit->error += best;
    }
}

/* Step 4. */
LANES bool linear_refit(const linear *k, const piece *p, linear_fit *fit) {
    float ax = 0, aa = 0;
    for (int j = 0; j < 256 / k->part_values; j++) {
        const float sc = (float)fit->sc[j], scale = fit->d * sc;
        for (int i = j * k->part_values; i < (j + 1) * k->part_values; i++) {
            const int code = linear_code(k, p->x[i], scale);
            const float a = sc * (k->bell ? (float)iq4nl_values[code] : (float)code + k->low);
            ax += p->w[i] * a * p->x[i];
            aa += p->w[i] * a * a;
        }
    }
    if (!(aa > 0) || ax == 0) return false;
    fit->d = scale_stored(p, ax / aa);
    return true;
}

/* What a block of zeros leaves. */
LANES float linear_nothing(const piece *p, int n) {
    float sum = 0;
    for (int i = 0; i < n; i++) sum += p->w[i] * (p->x[i] * p->x[i]);
    return sum;
}

/* One value 256 times: the two integers whose product with a half float comes nearest. */
LANES linear_fit linear_constant(const linear *k, const piece *p) {
    linear_fit best = {.error = fabsf(p->x[0])};
    for (int sc = -k->limit; sc < k->limit; sc++) {
        if (sc > -k->limit / 2 && sc < k->limit / 2) continue;
        for (int code = 0; code <= (k->bell ? BELL - 1 : (int)(k->high - k->low)); code++) {
            const float level = k->bell ? (float)iq4nl_values[code] : (float)code + k->low;
            if (level == 0) continue;
            const float d = scale_stored(p, p->x[0] / ((float)sc * level));
            const float e = fabsf(p->x[0] - d * (float)sc * level);
            if (!(e < best.error)) continue;
            best.error = e;
            best.d = d;
            for (int j = 0; j < 16; j++) best.sc[j] = sc;
        }
    }
    return best;
}

LANES linear_fit linear_search(const linear *k, const piece *p) {
    if (piece_constant(p, 256)) return linear_constant(k, p);
    float real[16], top = 0;
    linear_fit best = {.error = linear_nothing(p, 256)}, fit = {.error = 0};
    for (int j = 0; j < 256 / k->part_values; j++) {
        const int at = j * k->part_values;
        real[j] = linear_alone(k, p->x + at, p->w + at);
        if (fabsf(real[j]) > fabsf(top)) top = real[j];
    }
    const float inward = (float)k->limit / 16;
    for (int start = 0; start < 4; start++) {
        const float at = (float)(k->limit - 1) - inward * (float)(start / 2);
        fit.d = scale_stored(p, top / (start % 2 ? at : -at - 1));
        for (int round = 0; round < LINEAR_ROUNDS; round++) {
            linear_integers(k, p, real, &fit);
            if (fit.error < best.error) best = fit;
            if (!linear_refit(k, p, &fit)) break;
        }
    }
    for (int round = 0; round < 2 && k->limit == 32; round++) {
        fit = best;
        if (round && !linear_refit(k, p, &fit)) break;
        linear_integers(k, p, NULL, &fit);
        if (fit.error < best.error) best = fit;
    }
    return best;
}

LANES void linear_codes(const linear *k, const piece *p, const linear_fit *fit,
                        uint8_t code[256]) {
    for (int i = 0; i < 256; i++)
        code[i] = (uint8_t)linear_code(k, p->x[i], fit->d * (float)fit->sc[i / k->part_values]);
}

/* 32 nibbles as Q4_0 has them. */
static void put_halves(uint8_t q[16], const uint8_t code[32]) {
    for (int j = 0; j < 16; j++) q[j] = (uint8_t)(code[j] | code[j + 16] << 4);
}

/* Blocks of 32 with nothing but d; false: zeros. */
LANES bool linear_32(const linear *k, const float *x, const float *weight, uint8_t d[2],
                     uint8_t q[16]) {
    piece p;
    uint8_t code[32];
    if (!piece_load(&p, x, weight, 32, LEAST_HALF)) return false;
    float real = linear_alone(k, p.x, p.w);
    if (piece_constant(&p, 32)) {
        float least = INFINITY;
        for (int c = 0; c < 16; c++) {
            const float level = k->bell ? (float)iq4nl_values[c] : (float)c + k->low;
            if (level == 0) continue;
            const float e = fabsf(p.x[0] - scale_stored(&p, p.x[0] / level) * level);
            if (e < least) least = e, real = p.x[0] / level;
        }
    }
    const float scale = scale_stored(&p, real);
    if (linear_errors(k, p.x, p.w, f8_all(scale))[0] > linear_nothing(&p, 32)) return false;
    for (int i = 0; i < 32; i++) code[i] = (uint8_t)linear_code(k, p.x[i], scale);
    put16(d, scale_bits(&p, real));
    put_halves(q, code);
    return true;
}

static void q4_0_write(const float *x, const float *weight, void *out, size_t n) {
    const linear k = {32, 0, -8, 7, 0.025f, false, {0}, {0}};
    block_q4_0 *b = out;
    for (size_t i = 0; i < n; i += 32, b++) {
        memset(b, 0, sizeof *b);
        if (!linear_32(&k, x + i, weight ? weight + i : NULL, b->d, b->q)) memset(b->q, 0x88, 16);
    }
}

static void iq4_nl_write(const float *x, const float *weight, void *out, size_t n) {
    const linear k = linear_bell(32, 0);
    block_iq4_nl *b = out;
    for (size_t i = 0; i < n; i += 32, b++) {
        memset(b, 0, sizeof *b);
        linear_32(&k, x + i, weight ? weight + i : NULL, b->d, b->q);
    }
}

static void iq4_xs_write(const float *x, const float *weight, void *out, size_t n) {
    const linear k = linear_bell(32, 32);
    block_iq4_xs *b = out;
    for (size_t i = 0; i < n; i += 256, b++) {
        piece p;
        uint8_t code[256];
        memset(b, 0, sizeof *b);
        if (!piece_load(&p, x + i, weight ? weight + i : NULL, 256, LEAST_HALF)) continue;
        const linear_fit fit = linear_search(&k, &p);
        linear_codes(&k, &p, &fit, code);
        put16(b->d, scale_bits(&p, fit.d));
        uint32_t high = 0;
        for (int g = 0; g < 8; g++) {
            const int sc = fit.sc[g] + 32;
            b->sl[g / 2] = (uint8_t)(b->sl[g / 2] | (sc & 15) << 4 * (g % 2));
            high |= (uint32_t)(sc >> 4) << 2 * g;
            put_halves(b->q + 16 * g, code + 32 * g);
        }
        put16(b->sh, (uint16_t)high);
    }
}

static void q3_k_write(const float *x, const float *weight, void *out, size_t n) {
    const linear k = {16, 32, -4, 3, 0.05f, false, {0}, {0}};
    block_q3_k *b = out;
    for (size_t i = 0; i < n; i += 256, b++) {
        piece p;
        uint8_t code[256];
        memset(b, 0, sizeof *b);
        if (!piece_load(&p, x + i, weight ? weight + i : NULL, 256, LEAST_HALF)) continue;
        const linear_fit fit = linear_search(&k, &p);
        linear_codes(&k, &p, &fit, code);
        put16(b->d, scale_bits(&p, fit.d));
        for (int j = 0; j < 16; j++) {
            const int sc = fit.sc[j] + 32;
            b->s[j % 8] = (uint8_t)(b->s[j % 8] | (sc & 15) << 4 * (j / 8));
            b->s[8 + j % 4] = (uint8_t)(b->s[8 + j % 4] | sc >> 4 << 2 * (j / 4));
        }
        for (int e = 0; e < 256; e++) {
            uint8_t *q = b->q + 32 * (e / 128) + e % 32;
            *q = (uint8_t)(*q | (code[e] & 3) << 2 * (e % 128 / 32));
            b->hm[e % 32] = (uint8_t)(b->hm[e % 32] | code[e] >> 2 << e / 32);
        }
    }
}

static void q6_k_write(const float *x, const float *weight, void *out, size_t n) {
    const linear k = {16, 128, -32, 31, 0.006f, false, {0}, {0}};
    block_q6_k *b = out;
    for (size_t i = 0; i < n; i += 256, b++) {
        piece p;
        uint8_t code[256];
        memset(b, 0, sizeof *b);
        if (!piece_load(&p, x + i, weight ? weight + i : NULL, 256, LEAST_HALF)) continue;
        const linear_fit fit = linear_search(&k, &p);
        linear_codes(&k, &p, &fit, code);
        put16(b->d, scale_bits(&p, fit.d));
        for (int j = 0; j < 16; j++) b->sc[j] = (int8_t)fit.sc[j];
        for (int e = 0; e < 256; e++) {
            const int half = e / 128, g = e % 128 / 32, l = e % 32;
            uint8_t *ql = b->ql + 64 * half + 32 * (g & 1) + l, *qh = b->qh + 32 * half + l;
            *ql = (uint8_t)(*ql | (code[e] & 15) << 4 * (g / 2));
            *qh = (uint8_t)(*qh | code[e] >> 4 << 2 * g);
        }
    }
}

/* Magnitudes 0 1 2 3 4 6 8 12, the nearest to each of eight. */
LANES f8 e2m1_level(f8 v) {
    static const float bound[7] = {0.5f, 1.5f, 2.5f, 3.5f, 5, 7, 10};
    static const float step[7] = {1, 1, 1, 1, 2, 2, 4};
    f8 level = f8_all(0);
    for (int k = 0; k < 7; k++)
        level += f8_pick(v > f8_all(bound[k]), f8_all(step[k]), f8_all(0));
    return level;
}

static uint8_t e2m1_code(float v) {
    static const float bound[7] = {0.5f, 1.5f, 2.5f, 3.5f, 5, 7, 10};
    int code = 0;
    for (int k = 0; k < 7; k++) code += fabsf(v) > bound[k];
    return (uint8_t)(code && v < 0 ? code | 8 : code);
}

/* Eight powers of two as scales: with the first, 12 steps are at least 6 times the largest value;
 * with the last, the largest value is cut to at most a fifth. */
static void mxfp4_write(const float *x, const float *weight, void *out, size_t n) {
    block_mxfp4 *b = out;
    for (size_t i = 0; i < n; i += 32, b++) {
        piece p;
        memset(b, 0, sizeof *b);
        if (!piece_load(&p, x + i, weight ? weight + i : NULL, 32, 0x1p-130f)) continue;
        const int e = ilogbf(p.back) + 128; /* of scale 1 */
        f8 scale, error = f8_all(0);
        for (int k = 0; k < N_LANES; k++) scale[k] = ldexpf(1, -1 - k);
        for (int j = 0; j < 32; j++) {
            const f8 v = f8_all(fabsf(p.x[j])), r = v - scale * e2m1_level(v / scale);
            error += f8_all(p.w[j]) * (r * r);
        }
        /* Beyond 252 the largest level is infinite. */
        for (int k = 0; k < N_LANES; k++)
            if (e - 1 - k < 0 || e - 1 - k > 252) error[k] = INFINITY;
        const int at = f8_least(error);
        b->e = (uint8_t)(e - 1 - at);
        for (int j = 0; j < 16; j++) {
            const float f = ldexpf(1, 1 + at);
            b->q[j] = (uint8_t)(e2m1_code(p.x[j] * f) | e2m1_code(p.x[j + 16] * f) << 4);
        }
    }
}
