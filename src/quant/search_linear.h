/* search_linear: MXFP4: the least sum of w * (x - scale * level)^2.
 *
 * Included by the files that compile it for an instruction set.
 */
#include "quant/piece.h"

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
