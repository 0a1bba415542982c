/* search_affine: Q2_K, Q4_K and Q5_K: the least sum of w * (x - (scale * code - min))^2.
 *
 *      d, dmin       half floats, one pair for 256 values
 *      sc, mn        integers, one pair for each part of 16 (Q2_K) or 32 values
 *      scale = d * sc, min = dmin * mn >= 0, code 0 .. top
 *
 * 1  Each part alone: 48 ways to cut its range into codes, then least squares for scale and min,
 *    and twice codes and least squares again from the best.
 * 2  d and dmin so that the largest scale and min are the largest integers, or not quite.
 * 3  For each part the pair of integers that errs least, of the 16 pairs around the real ones.
 * 4  d and dmin by least squares for these codes; again from 3. The round that errs least is kept.
 *    Where there are only 256 pairs (Q2_K), all of them are tried with its d and dmin.
 *
 * The error is always that of what is stored, with the float32 operations of who reads it.
 * Included by the files that compile it for an instruction set.
 */
#include "quant/piece.h"

enum { MAX_PARTS = 16, STARTS = 2, ROUNDS = 3 };

typedef struct affine {
    int part_values, top;   /* 16 or 32 values, codes 0 .. top */
    int limit;              /* sc and mn are 0 .. limit        */
} affine;

typedef struct affine_fit {
    float d, dmin, error;
    int sc[MAX_PARTS], mn[MAX_PARTS];
} affine_fit;

/* Sums over a part, for eight choices of codes L. */
typedef struct affine_sums {
    f8 l, ll, xl;
} affine_sums;

typedef struct affine_part {
    float scale, min, error;
} affine_part;

/* 1 / x; 0 for what is too small to divide by. */
LANES f8 f8_inverse(f8 x) {
    const i8 small = (x < f8_all(0x1p-100f)) & (x > f8_all(-0x1p-100f));
    return f8_pick(small, f8_all(0), f8_all(1) / f8_pick(small, f8_all(1), x));
}

LANES f8 code_of(f8 x, float top) {
    return f8_round(f8_min(f8_max(x, f8_all(0)), f8_all(top)));
}

LANES affine_sums affine_sum(const float *x, const float *w, int n, f8 inverse, f8 min, int top) {
    affine_sums s = {f8_all(0), f8_all(0), f8_all(0)};
    for (int i = 0; i < n; i++) {
        const f8 l = code_of((f8_all(x[i]) + min) * inverse, (float)top), wl = f8_all(w[i]) * l;
        s.l += wl;
        s.ll += wl * l;
        s.xl += wl * f8_all(x[i]);
    }
    return s;
}

/* Least squares for scale and min of eight choices of codes; the best of them replaces *best. */
LANES void affine_solve(const affine_sums *s, float w, float wx, float wxx, affine_part *best) {
    const f8 sw = f8_all(w), sx = f8_all(wx), zero = f8_all(0);
    const f8 det = sw * s->ll - s->l * s->l;
    f8 scale = (sw * s->xl - sx * s->l) * f8_inverse(det);
    f8 min = (scale * s->l - sx) * f8_inverse(sw);
    /* Codes that are all alike tell nothing about the scale: what is left of det is rounding. */
    const i8 alike = det < f8_all(1e-5f) * sw * s->ll;
    const i8 through_zero = (min < zero) | (scale <= zero) | alike;
    scale = f8_pick(through_zero, s->xl * f8_inverse(s->ll), scale);
    min = f8_pick(through_zero, zero, min);
    /* What both leave: sum of w x^2 less what the fit explains. */
    const f8 error = f8_all(wxx) - scale * s->xl + min * sx;
    const int at = f8_least(error);
    float e[N_LANES], a[N_LANES], b[N_LANES];
    f8_store(e, error), f8_store(a, scale), f8_store(b, min);
    if (e[at] < best->error && a[at] >= 0) *best = (affine_part){a[at], b[at], e[at]};
}

LANES affine_part affine_alone(const float *x, const float *w, const affine *f) {
    float low = 0, high = x[0], sw = 0, sx = 0, sxx = 0;
    for (int i = 0; i < f->part_values; i++) {
        low = fminf(low, x[i]);
        high = fmaxf(high, x[i]);
        sw += w[i];
        sx += w[i] * x[i];
        sxx += w[i] * x[i] * x[i];
    }
    affine_part best = {0, fmaxf(-sx / sw, 0), sxx - fmaxf(-sx, 0) * fmaxf(-sx / sw, 0)};
    if (!(high - low > 0x1p-60f)) return best;
    const f8 ramp = {0, 1, 2, 3, 4, 5, 6, 7};
    for (int k = 0; k < 2; k++) {
        const f8 codes = f8_all((float)f->top - 0.9f + 0.8f * (float)k) + ramp * f8_all(0.1f);
        const f8 inverse = codes * f8_all(1 / (high - low));
        for (int cut = 0; cut < 3; cut++) {
            const f8 min = f8_all(-low * (1 - 0.15f * (float)cut));
            const affine_sums s = affine_sum(x, w, f->part_values, inverse, min, f->top);
            affine_solve(&s, sw, sx, sxx, &best);
        }
    }
    const f8 near = f8_all(1) + (ramp - f8_all(3)) * f8_all(0.4f / (float)f->top);
    for (int k = 0; k < 2; k++) {
        const f8 inverse = f8_inverse(f8_all(best.scale)) * near;
        const affine_sums s =
            affine_sum(x, w, f->part_values, inverse, f8_all(best.min), f->top);
        affine_solve(&s, sw, sx, sxx, &best);
    }
    return best;
}

/* The errors of eight scales and mins. */
LANES f8 affine_errors(const float *x, const float *w, int n, f8 scale, f8 min, int top) {
    const f8 inverse = f8_inverse(scale);
    f8 sum = f8_all(0);
    for (int i = 0; i < n; i++) {
        const f8 v = f8_all(x[i]), l = code_of((v + min) * inverse, (float)top);
        const f8 e = v - (scale * l - min);
        sum += f8_all(w[i]) * (e * e);
    }
    return sum;
}

LANES float within(float x, float low, float high) { return fminf(fmaxf(x, low), high); }

/* Of two scales and four mins from (s, m) on, the pair that errs least if that is below *best. */
LANES void affine_pairs(const float *x, const float *w, const affine *f, float s, float m,
                        affine_fit *fit, int part, float *best) {
    const f8 ds = {0, 0, 0, 0, 1, 1, 1, 1}, dm = {0, 1, 2, 3, 0, 1, 2, 3};
    const f8 zero = f8_all(0), end = f8_all((float)f->limit);
    const f8 sc = f8_min(f8_max(f8_all(s) + ds, zero), end);
    const f8 mn = f8_min(f8_max(f8_all(m) + dm, zero), end);
    const f8 errors = affine_errors(x, w, f->part_values, f8_all(fit->d) * sc,
                                    f8_all(fit->dmin) * mn, f->top);
    const int at = f8_least(errors);
    if (!(errors[at] < *best)) return;
    *best = errors[at];
    fit->sc[part] = (int)sc[at];
    fit->mn[part] = (int)mn[at];
}

/* Step 3 for all parts: the 16 pairs around the real ones, or all there are. */
LANES void affine_integers(const piece *p, const affine *f, const affine_part *real,
                           affine_fit *fit) {
    const float limit = (float)f->limit;
    fit->error = 0;
    for (int j = 0; j < 256 / f->part_values; j++) {
        const float *x = p->x + j * f->part_values, *w = p->w + j * f->part_values;
        float best = INFINITY;
        if (real) {
            const float s = fit->d > 0 ? floorf(within(real[j].scale / fit->d, 0, limit)) : 0;
            const float m = fit->dmin > 0 ? floorf(within(real[j].min / fit->dmin, 0, limit)) : 0;
            affine_pairs(x, w, f, s - 1, m - 1, fit, j, &best);
            affine_pairs(x, w, f, s + 1, m - 1, fit, j, &best);
        } else {
            for (float s = 0; s <= limit; s += 2)
                for (float m = 0; m <= limit; m += 4) affine_pairs(x, w, f, s, m, fit, j, &best);
        }
        fit->error += best;
    }
}

LANES int affine_code(const affine *f, float x, float scale, float min) {
    const float inverse = fabsf(scale) < 0x1p-100f ? 0 : 1 / scale;
    return (int)round_even(within((x + min) * inverse, 0, (float)f->top));
}

/* Step 4: d and dmin that fit the codes best. False: the system has no sound solution. */
LANES bool affine_refit(const piece *p, const affine *f, affine_fit *fit) {
    float aa = 0, ab = 0, bb = 0, ax = 0, bx = 0;
    for (int i = 0; i < 256; i++) {
        const int j = i / f->part_values;
        const float sc = (float)fit->sc[j], mn = (float)fit->mn[j];
        const float a = sc * (float)affine_code(f, p->x[i], fit->d * sc, fit->dmin * mn);
        aa += p->w[i] * a * a;
        ab += p->w[i] * a * mn;
        bb += p->w[i] * mn * mn;
        ax += p->w[i] * a * p->x[i];
        bx += p->w[i] * mn * p->x[i];
    }
    const float det = aa * bb - ab * ab;
    float d = aa > 0 ? ax / aa : 0, dmin = 0;
    if (det > 1e-5f * aa * bb) {
        d = (ax * bb - ab * bx) / det;
        dmin = (ax * ab - aa * bx) / det;
    }
    if (!(d > 0) || !(dmin >= 0)) return false;
    fit->d = scale_stored(p, d);
    fit->dmin = scale_stored(p, dmin);
    return true;
}

LANES void mirror(piece *p) {
    for (int i = 0; i < 256; i++) p->x[i] = -p->x[i];
    p->back = -p->back;
}

/* One positive value 256 times: the two integers whose product with a half float comes nearest. */
LANES affine_fit affine_constant(const piece *p, const affine *f) {
    affine_fit best = {.error = INFINITY};
    for (int sc = 1; sc <= f->limit; sc++)
        for (int code = 1; code <= f->top; code++) {
            const float d = scale_stored(p, p->x[0] / (float)(sc * code));
            const float e = fabsf(p->x[0] - d * (float)sc * (float)code);
            if (!(e < best.error)) continue;
            best.error = e;
            best.d = d;
            for (int j = 0; j < MAX_PARTS; j++) best.sc[j] = sc;
        }
    return best;
}

LANES affine_fit affine_one_way(const piece *p, const affine *f) {
    affine_part real[MAX_PARTS];
    affine_fit fit = {.error = 0}, best = {.error = INFINITY};
    const int n = 256 / f->part_values;
    for (int j = 0; j < n; j++) {
        real[j] = affine_alone(p->x + j * f->part_values, p->w + j * f->part_values, f);
        fit.d = fmaxf(fit.d, real[j].scale);
        fit.dmin = fmaxf(fit.dmin, real[j].min);
    }
    const affine_fit top = fit;
    for (int round = 0; round < STARTS * ROUNDS; round++) {
        const int start = round / ROUNDS;
        if (round % ROUNDS == 0) {
            const float limit = (float)f->limit, less = 0.96f * limit;
            fit.d = scale_stored(p, top.d / (start ? less : limit));
            fit.dmin = scale_stored(p, top.dmin / (start ? less : limit));
        }
        affine_integers(p, f, real, &fit);
        if (fit.error < best.error) best = fit;
        if (!affine_refit(p, f, &fit)) round = start * ROUNDS + ROUNDS - 1;
    }
    return best;
}

/* The better of the block and its mirror image, which then stays in *p: d and dmin of the file may
 * both be negative. Values that are all positive can only be met so. */
LANES affine_fit affine_search(piece *p, const affine *f) {
    if (piece_constant(p, 256)) {
        if (p->x[0] < 0) mirror(p);
        return affine_constant(p, f);
    }
    const affine_fit plain = affine_one_way(p, f);
    mirror(p);
    const affine_fit turned = affine_one_way(p, f);
    affine_fit best = turned;
    if (!(turned.error < plain.error)) {
        mirror(p);
        best = plain;
    }
    affine_fit all = best;
    if (f->limit == 15) affine_integers(p, f, NULL, &all);
    return all.error < best.error ? all : best;
}

/* The codes of the whole block. */
LANES void affine_codes(const piece *p, const affine *f, const affine_fit *fit,
                        uint8_t code[256]) {
    for (int i = 0; i < 256; i++) {
        const int j = i / f->part_values;
        code[i] = (uint8_t)affine_code(f, p->x[i], fit->d * (float)fit->sc[j],
                                       fit->dmin * (float)fit->mn[j]);
    }
}

static void put_two_bits(uint8_t q[64], const uint8_t code[256]) {
    for (int i = 0; i < 256; i++) {
        uint8_t *p = q + 32 * (i / 128) + i % 32;
        *p = (uint8_t)(*p | (code[i] & 3) << 2 * (i % 128 / 32));
    }
}

static void q2_k_write(const float *x, const float *weight, void *out, size_t n) {
    const affine f = {16, 3, 15};
    block_q2_k *b = out;
    for (size_t i = 0; i < n; i += 256, b++) {
        piece p;
        uint8_t code[256];
        memset(b, 0, sizeof *b);
        if (!piece_load(&p, x + i, weight ? weight + i : NULL, 256, LEAST_HALF)) continue;
        const affine_fit fit = affine_search(&p, &f);
        affine_codes(&p, &f, &fit, code);
        put16(b->d, scale_bits(&p, fit.d));
        put16(b->dmin, scale_bits(&p, fit.dmin));
        for (int j = 0; j < 16; j++) b->sc[j] = (uint8_t)(fit.sc[j] | fit.mn[j] << 4);
        put_two_bits(b->q, code);
    }
}

/* Six-bit scales and mins as q4_k.c draws them. */
static void put_scales(uint8_t s[12], const int sc[8], const int mn[8]) {
    for (int j = 0; j < 4; j++) {
        s[j] = (uint8_t)(sc[j] | sc[j + 4] >> 4 << 6);
        s[j + 4] = (uint8_t)(mn[j] | mn[j + 4] >> 4 << 6);
        s[j + 8] = (uint8_t)((sc[j + 4] & 15) | (mn[j + 4] & 15) << 4);
    }
}

static void put_nibbles(uint8_t q[128], const uint8_t code[256]) {
    for (int g = 0; g < 4; g++, q += 32, code += 64)
        for (int l = 0; l < 32; l++) q[l] = (uint8_t)((code[l] & 15) | (code[l + 32] & 15) << 4);
}

static void q4_k_write(const float *x, const float *weight, void *out, size_t n) {
    const affine f = {32, 15, 63};
    block_q4_k *b = out;
    for (size_t i = 0; i < n; i += 256, b++) {
        piece p;
        uint8_t code[256];
        memset(b, 0, sizeof *b);
        if (!piece_load(&p, x + i, weight ? weight + i : NULL, 256, LEAST_HALF)) continue;
        const affine_fit fit = affine_search(&p, &f);
        affine_codes(&p, &f, &fit, code);
        put16(b->d, scale_bits(&p, fit.d));
        put16(b->dmin, scale_bits(&p, fit.dmin));
        put_scales(b->s, fit.sc, fit.mn);
        put_nibbles(b->q, code);
    }
}

static void q5_k_write(const float *x, const float *weight, void *out, size_t n) {
    const affine f = {32, 31, 63};
    block_q5_k *b = out;
    for (size_t i = 0; i < n; i += 256, b++) {
        piece p;
        uint8_t code[256];
        memset(b, 0, sizeof *b);
        if (!piece_load(&p, x + i, weight ? weight + i : NULL, 256, LEAST_HALF)) continue;
        const affine_fit fit = affine_search(&p, &f);
        affine_codes(&p, &f, &fit, code);
        put16(b->d, scale_bits(&p, fit.d));
        put16(b->dmin, scale_bits(&p, fit.dmin));
        put_scales(b->s, fit.sc, fit.mn);
        put_nibbles(b->q, code);
        for (int k = 0; k < 256; k++)
            b->qh[k % 32] = (uint8_t)(b->qh[k % 32] | code[k] >> 4 << k / 32);
    }
}
