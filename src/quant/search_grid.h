/* search_grid: IQ2_XXS, IQ2_XS, IQ2_S, IQ3_XXS and IQ3_S: the least sum of
 * w * (x - scale * (± magnitude))^2, where magnitudes come by rows from a codebook.
 *
 *      d             half float, one for 256 values
 *      nibble        one for each group of 32 (IQ2_XXS, IQ3_*) or 16 values
 *      scale         d * (2 * nibble + 1) * step
 *      row           of 8 values, or two of 4: a cell
 *      signs         8 free ones, or 7 and the eighth makes the minus signs even
 *
 * For one cell, with the signs of the values, row r errs by
 *
 *      const - (2 * scale * A(r) - scale^2 * B(r))      A = sum w |x| g,  B = sum w g^2
 *
 * A and B of all rows are computed once; each scale then finds its best row among all of them, not
 * only among rows near the values. If the minus signs are odd, the cheapest value must take the
 * wrong sign: that is A(r) - 2 * min(w |x| g), exactly, row by row.
 *
 * 1  For each cell the best row at each of 8 scales (IQ3_*: 12) around the spread of the group. What
 *    is left of the codebook are these lines (A, B). IQ2_XXS: with 16 of them, or with all rows, the
 *    error is 0.05% less.
 * 2  For each group the best scale by least squares over the lines; the largest gives d.
 * 3  For several d near it, the best nibbles over the lines, and least squares for d; the best d.
 * 4  For the scale that each group has got, the best line, and its signs.
 *
 * Included by the files that compile it for an instruction set.
 */
#include "quant/piece.h"
#include "quant/tables.h"

enum { MAX_ROWS = 1024, LINES = 12, CELLS = 32 };

typedef struct grid {
    int n_rows, dims;       /* dims values a row: 8 or 4                       */
    int group_cells;        /* cells of 8 values that share a nibble: 4 or 2   */
    bool even;              /* the minus signs of a cell are even in number    */
    float step;             /* scale = d * (2 * nibble + 1) * step             */
    float top;              /* the largest magnitude                           */
    int n_lines;            /* a multiple of 4, at most LINES                  */
    float ratio;            /* 5.5 / 1.2 = ratio^(n_lines - 1)                 */
} grid;

/* The codebook with rows in lanes: g[j][v] holds value j of rows 8v .. 8v + 7, gg its square. */
typedef struct codebook {
    f8 g[8][MAX_ROWS / N_LANES], gg[8][MAX_ROWS / N_LANES];
} codebook;

/* The A and B of all rows for one row's worth of values. */
typedef struct row_sums {
    f8 a[MAX_ROWS / N_LANES], b[MAX_ROWS / N_LANES];
    f8 flipped[MAX_ROWS / N_LANES];      /* A with the cheapest sign wrong */
} row_sums;

/* What a scale makes of a cell. */
typedef struct choice {
    float a, b;
    int row[2];             /* of the first and the second quad; rows of 8: row[0] */
    int flip;               /* the quad with a wrong sign, or -1                   */
} choice;

/* Sum of w[j] * g[j] over the values of a row, for eight rows; in *least the least product. */
LANES f8 sum_products(const f8 *w, const f8 (*g)[MAX_ROWS / N_LANES], int v, int dims, f8 *least) {
    const f8 t0 = w[0] * g[0][v], t1 = w[1] * g[1][v], t2 = w[2] * g[2][v], t3 = w[3] * g[3][v];
    const f8 low = (t0 + t1) + (t2 + t3);
    if (least) *least = f8_min(f8_min(t0, t1), f8_min(t2, t3));
    if (dims == 4) return low;
    const f8 t4 = w[4] * g[4][v], t5 = w[5] * g[5][v], t6 = w[6] * g[6][v], t7 = w[7] * g[7][v];
    if (least) *least = f8_min(*least, f8_min(f8_min(t4, t5), f8_min(t6, t7)));
    return low + ((t4 + t5) + (t6 + t7));
}

/* A and B apart: the eight factors of one sum stay in registers. */
LANES void sum_rows(const grid *k, const codebook *c, const float *x, const float *w, row_sums *s,
                    bool flips) {
    f8 wx[8], ww[8], least;
    for (int j = 0; j < k->dims; j++) {
        wx[j] = f8_all(w[j] * fabsf(x[j]));
        ww[j] = f8_all(w[j]);
    }
    for (int v = 0; v < k->n_rows / N_LANES; v++) {
        const f8 a = sum_products(wx, c->g, v, k->dims, flips ? &least : NULL);
        s->a[v] = a;
        if (flips) s->flipped[v] = a - (least + least);
    }
    for (int v = 0; v < k->n_rows / N_LANES; v++)
        s->b[v] = sum_products(ww, c->gg, v, k->dims, NULL);
}

/* The best rows at four scales: most of 2 * scale * a - scale^2 * b, scaled by 1 / scale. */
LANES void best_rows(int n_rows, const f8 *a, const f8 *b, const float scale[4], int row[4]) {
    const f8 s0 = f8_all(scale[0]), s1 = f8_all(scale[1]);
    const f8 s2 = f8_all(scale[2]), s3 = f8_all(scale[3]);
    f8 m0 = f8_all(-INFINITY), m1 = m0, m2 = m0, m3 = m0;
    i8 r0 = i8_all(0), r1 = r0, r2 = r0, r3 = r0;
    for (int v = 0; v < n_rows / N_LANES; v++) {
        const f8 twice = a[v] + a[v], q = b[v];
        const i8 at = i8_all(v);
        f8 e;
        i8 up;
        e = twice - s0 * q, up = e > m0, m0 = f8_pick(up, e, m0), r0 = i8_pick(up, at, r0);
        e = twice - s1 * q, up = e > m1, m1 = f8_pick(up, e, m1), r1 = i8_pick(up, at, r1);
        e = twice - s2 * q, up = e > m2, m2 = f8_pick(up, e, m2), r2 = i8_pick(up, at, r2);
        e = twice - s3 * q, up = e > m3, m3 = f8_pick(up, e, m3), r3 = i8_pick(up, at, r3);
    }
    const f8 most[4] = {m0, m1, m2, m3};
    const i8 at[4] = {r0, r1, r2, r3};
    for (int i = 0; i < 4; i++) {
        const int lane = f8_least(-most[i]);
        row[i] = N_LANES * at[i][lane] + lane;
    }
}

LANES float in_lanes(const f8 *v, int i) {
    float x;
    memcpy(&x, (const char *)v + (size_t)i * sizeof x, sizeof x);
    return x;
}

LANES bool odd_signs(const float *x) {
    int odd = 0;
    for (int j = 0; j < 8; j++) odd ^= x[j] < 0;
    return odd;
}

/* The best choices for a cell at four scales. */
LANES void cell_choose(const grid *k, const codebook *c, const float *x, const float *w,
                       const float *scales, int n, choice *out) {
    const bool odd = k->even && odd_signs(x);
    row_sums s[2];
    for (int q = 0; q < 8 / k->dims; q++) {
        if (odd) sum_rows(k, c, x + 4 * q, w + 4 * q, &s[q], true);
        else sum_rows(k, c, x + 4 * q, w + 4 * q, &s[q], false);
    }
    for (int i = 0; i < n; i += 4) {
        int row[2][4], wrong[2][4];
        for (int q = 0; q < 8 / k->dims; q++) {
            if (!odd || k->dims == 4) best_rows(k->n_rows, s[q].a, s[q].b, scales + i, row[q]);
            if (odd) best_rows(k->n_rows, s[q].flipped, s[q].b, scales + i, wrong[q]);
        }
        for (int m = 0; m < 4; m++, out++) {
            if (k->dims == 8) {
                const int r = odd ? wrong[0][m] : row[0][m];
                *out = (choice){in_lanes(odd ? s[0].flipped : s[0].a, r), in_lanes(s[0].b, r),
                                {r, 0}, odd ? 0 : -1};
                continue;
            }
            *out = (choice){0, 0, {row[0][m], row[1][m]}, -1};
            if (odd) {
                float gain[2];
                for (int q = 0; q < 2; q++) {
                    const int r = row[q][m], f = wrong[q][m];
                    const float f_scale = scales[i + m];
                    gain[q] = 2 * in_lanes(s[q].flipped, f) - f_scale * in_lanes(s[q].b, f) -
                              (2 * in_lanes(s[q].a, r) - f_scale * in_lanes(s[q].b, r));
                }
                out->flip = gain[1] > gain[0];
                out->row[out->flip] = wrong[out->flip][m];
            }
            for (int q = 0; q < 2; q++) {
                out->a += in_lanes(out->flip == q ? s[q].flipped : s[q].a, out->row[q]);
                out->b += in_lanes(s[q].b, out->row[q]);
            }
        }
    }
}

/* A block as it will be written. */
typedef struct grid_fit {
    float d, gain;          /* in the measure of the piece; what of sum w x^2 is explained */
    int nibble[16];         /* by group */
    int row[64];            /* by quad; rows of 8 have theirs at even places */
    uint8_t signs[CELLS];
} grid_fit;

/* Step 1 and 2 for one group. Gives its best scale. */
LANES float group_lines(const grid *k, const codebook *c, const float *x, const float *w,
                        choice lines[][LINES]) {
    float wx = 0, sw = 0, scales[LINES];
    for (int i = 0; i < 8 * k->group_cells; i++) wx += w[i] * x[i] * x[i], sw += w[i];
    /* From 1.2 to 5.5 times the spread as the largest magnitude, in equal ratios. */
    float s = fmaxf(sqrtf(wx / sw), 0x1p-30f) * 1.2f / k->top;
    for (int i = 0; i < k->n_lines; i++, s *= k->ratio) scales[i] = s;
    for (int cell = 0; cell < k->group_cells; cell++)
        cell_choose(k, c, x + 8 * cell, w + 8 * cell, scales, k->n_lines, lines[cell]);
    float best = 0, most = 0;
    for (int i = 0; i < k->n_lines; i++) {
        float a = 0, b = 0;
        for (int cell = 0; cell < k->group_cells; cell++) {
            a += lines[cell][i].a;
            b += lines[cell][i].b;
        }
        if (a > 0 && a * a > most * b) best = a / b, most = a * a / b;
    }
    return best;
}

/* Step 3 for one d: the best nibbles; gives the gain. */
LANES float grid_nibbles(const grid *k, choice lines[][LINES], float d, int nibble[16]) {
    const f8 ramp = {1, 3, 5, 7, 9, 11, 13, 15};
    const f8 low = f8_all(d * k->step) * ramp, high = f8_all(d * k->step) * (ramp + f8_all(16));
    float gain = 0;
    for (int g = 0; g < CELLS / k->group_cells; g++) {
        f8 sum0 = f8_all(0), sum1 = f8_all(0);
        for (int cell = g * k->group_cells; cell < (g + 1) * k->group_cells; cell++) {
            f8 m0 = f8_all(-INFINITY), m1 = m0;
            for (int i = 0; i < k->n_lines; i++) {
                const f8 a = f8_all(2 * lines[cell][i].a), b = f8_all(lines[cell][i].b);
                m0 = f8_max(a - low * b, m0);
                m1 = f8_max(a - high * b, m1);
            }
            sum0 += m0;
            sum1 += m1;
        }
        const f8 g0 = sum0 * low, g1 = sum1 * high;
        const int at0 = f8_least(-g0), at1 = f8_least(-g1);
        const bool upper = g1[at1] > g0[at0];
        nibble[g] = upper ? 8 + at1 : at0;
        gain += upper ? g1[at1] : g0[at0];
    }
    return gain;
}

/* Least squares for d with the nibbles given. */
LANES float grid_refit(const grid *k, choice lines[][LINES], float d, const int nibble[16]) {
    float sa = 0, sb = 0;
    for (int cell = 0; cell < CELLS; cell++) {
        const float unit = k->step * (float)(2 * nibble[cell / k->group_cells] + 1);
        float most = -INFINITY, a = 0, b = 0;
        for (int i = 0; i < k->n_lines; i++) {
            const float e = 2 * lines[cell][i].a - d * unit * lines[cell][i].b;
            if (e > most) most = e, a = lines[cell][i].a, b = lines[cell][i].b;
        }
        sa += unit * a;
        sb += unit * unit * b;
    }
    return sb > 0 ? sa / sb : 0;
}

/* Step 4 for one cell. */
LANES void cell_write(const grid *k, const codebook *c, const float *x, const float *w,
                      const choice *lines, float scale, int row[2], uint8_t *signs) {
    const choice *ch = lines;
    for (int i = 1; i < k->n_lines; i++)
        if (2 * lines[i].a - scale * lines[i].b > 2 * ch->a - scale * ch->b) ch = &lines[i];
    uint8_t bits = 0;
    for (int j = 0; j < 8; j++) bits = (uint8_t)(bits | (x[j] < 0) << j);
    row[0] = ch->row[0], row[1] = ch->row[1];
    if (ch->flip >= 0) {
        float least = INFINITY;
        int at = 0;
        for (int j = 0; j < k->dims; j++) {
            const int i = k->dims * ch->flip + j;
            const float g = in_lanes(c->g[j], row[ch->flip]), cost = w[i] * fabsf(x[i]) * g;
            if (cost < least) least = cost, at = i;
        }
        bits = (uint8_t)(bits ^ 1 << at);
    }
    *signs = bits;
}

/* False: zeros err less than anything else. */
LANES bool grid_search(const grid *k, const codebook *c, const piece *p, grid_fit *fit) {
    choice lines[CELLS][LINES];
    const int n_groups = CELLS / k->group_cells;
    float top = 0;
    for (int g = 0; g < n_groups; g++) {
        const int at = 8 * k->group_cells * g;
        top = fmaxf(top, group_lines(k, c, p->x + at, p->w + at, lines + k->group_cells * g));
    }
    memset(fit, 0, sizeof *fit);
    float d = 0;
    int nibble[16];
    /* The largest scale at nibble 15 and a half down to 11; then least squares. */
    for (int i = 0; i < 8; i++) {
        d = scale_stored(p, i < 6 ? top / (k->step * (32.0f - 1.5f * (float)i))
                                  : grid_refit(k, lines, fit->d, fit->nibble));
        const float gain = grid_nibbles(k, lines, d, nibble);
        if (!(gain > fit->gain)) continue;
        fit->gain = gain;
        fit->d = d;
        memcpy(fit->nibble, nibble, sizeof nibble);
    }
    if (!(fit->gain > 0)) return false;
    for (int cell = 0; cell < CELLS; cell++) {
        const int n = fit->nibble[cell / k->group_cells];
        const float s = fit->d * k->step * (float)(2 * n + 1);
        const float *x = p->x + 8 * cell, *w = p->w + 8 * cell;
        cell_write(k, c, x, w, lines[cell], s, fit->row + 2 * cell, &fit->signs[cell]);
    }
    return true;
}

static void codebook_put(codebook *c, int r, int j, uint64_t row) {
    const float g = (float)(row >> 8 * j & 255);
    c->g[j][r / N_LANES][r % N_LANES] = g;
    c->gg[j][r / N_LANES][r % N_LANES] = g * g;
}

static void codebook_eight(codebook *c, const uint64_t *rows, int n) {
    for (int r = 0; r < n; r++)
        for (int j = 0; j < 8; j++) codebook_put(c, r, j, rows[r]);
}

static void codebook_four(codebook *c, const uint32_t *rows, int n) {
    for (int r = 0; r < n; r++)
        for (int j = 0; j < 4; j++) codebook_put(c, r, j, rows[r]);
}

static void put32(uint8_t p[4], uint32_t v) {
    put16(p, (uint16_t)v);
    put16(p + 2, (uint16_t)(v >> 16));
}

/* Four times seven signs and a nibble on top. */
static uint32_t signs_and_scale(const grid_fit *fit, int group) {
    uint32_t w = (uint32_t)fit->nibble[group] << 28;
    for (int l = 0; l < 4; l++) w |= (uint32_t)(fit->signs[4 * group + l] & 127) << 7 * l;
    return w;
}

static void iq2_xxs_write(const float *x, const float *weight, void *out, size_t n) {
    const grid k = {256, 8, 4, true, 0.125f, 43, 8, 1.243f};
    block_iq2_xxs *b = out;
    codebook c;
    codebook_eight(&c, iq2xxs_grid, k.n_rows);
    for (size_t i = 0; i < n; i += 256, b++) {
        piece p;
        grid_fit fit;
        memset(b, 0, sizeof *b);
        if (!piece_load(&p, x + i, weight ? weight + i : NULL, 256, LEAST_HALF)) continue;
        if (!grid_search(&k, &c, &p, &fit)) continue;
        put16(b->d, scale_bits(&p, fit.d));
        for (int g = 0; g < 8; g++) {
            for (int l = 0; l < 4; l++) b->qs[8 * g + l] = (uint8_t)fit.row[8 * g + 2 * l];
            put32(b->qs + 8 * g + 4, signs_and_scale(&fit, g));
        }
    }
}

static void iq2_xs_write(const float *x, const float *weight, void *out, size_t n) {
    const grid k = {512, 8, 2, true, 0.125f, 43, 8, 1.243f};
    block_iq2_xs *b = out;
    codebook c;
    codebook_eight(&c, iq2xs_grid, k.n_rows);
    for (size_t i = 0; i < n; i += 256, b++) {
        piece p;
        grid_fit fit;
        memset(b, 0, sizeof *b);
        if (!piece_load(&p, x + i, weight ? weight + i : NULL, 256, LEAST_HALF)) continue;
        if (!grid_search(&k, &c, &p, &fit)) continue;
        put16(b->d, scale_bits(&p, fit.d));
        for (int l = 0; l < CELLS; l++)
            put16(b->qs + 2 * l, (uint16_t)(fit.row[2 * l] | (fit.signs[l] & 127) << 9));
        for (int g = 0; g < 8; g++)
            b->sc[g] = (uint8_t)(fit.nibble[2 * g] | fit.nibble[2 * g + 1] << 4);
    }
}

static void iq2_s_write(const float *x, const float *weight, void *out, size_t n) {
    const grid k = {1024, 8, 2, false, 0.125f, 43, 8, 1.243f};
    block_iq2_s *b = out;
    codebook c;
    codebook_eight(&c, iq2s_grid, k.n_rows);
    for (size_t i = 0; i < n; i += 256, b++) {
        piece p;
        grid_fit fit;
        memset(b, 0, sizeof *b);
        if (!piece_load(&p, x + i, weight ? weight + i : NULL, 256, LEAST_HALF)) continue;
        if (!grid_search(&k, &c, &p, &fit)) continue;
        put16(b->d, scale_bits(&p, fit.d));
        for (int l = 0; l < CELLS; l++) {
            b->qs[l] = (uint8_t)(fit.row[2 * l] & 255);
            b->qh[l / 4] = (uint8_t)(b->qh[l / 4] | fit.row[2 * l] >> 8 << 2 * (l % 4));
            b->signs[l] = fit.signs[l];
        }
        for (int g = 0; g < 8; g++)
            b->sc[g] = (uint8_t)(fit.nibble[2 * g] | fit.nibble[2 * g + 1] << 4);
    }
}

static void iq3_xxs_write(const float *x, const float *weight, void *out, size_t n) {
    const grid k = {256, 4, 4, true, 0.25f, 62, 12, 1.1485f};
    block_iq3_xxs *b = out;
    codebook c;
    codebook_four(&c, iq3xxs_grid, k.n_rows);
    for (size_t i = 0; i < n; i += 256, b++) {
        piece p;
        grid_fit fit;
        memset(b, 0, sizeof *b);
        if (!piece_load(&p, x + i, weight ? weight + i : NULL, 256, LEAST_HALF)) continue;
        if (!grid_search(&k, &c, &p, &fit)) continue;
        put16(b->d, scale_bits(&p, fit.d));
        for (int q = 0; q < 64; q++) b->qs[q] = (uint8_t)fit.row[q];
        for (int g = 0; g < 8; g++) put32(b->sas + 4 * g, signs_and_scale(&fit, g));
    }
}

static void iq3_s_write(const float *x, const float *weight, void *out, size_t n) {
    const grid k = {512, 4, 4, false, 1, 15, 12, 1.1485f};
    block_iq3_s *b = out;
    codebook c;
    codebook_four(&c, iq3s_grid, k.n_rows);
    for (size_t i = 0; i < n; i += 256, b++) {
        piece p;
        grid_fit fit;
        memset(b, 0, sizeof *b);
        if (!piece_load(&p, x + i, weight ? weight + i : NULL, 256, LEAST_HALF)) continue;
        if (!grid_search(&k, &c, &p, &fit)) continue;
        put16(b->d, scale_bits(&p, fit.d));
        for (int q = 0; q < 64; q++) {
            b->qs[q] = (uint8_t)(fit.row[q] & 255);
            b->qh[q / 8] = (uint8_t)(b->qh[q / 8] | fit.row[q] >> 8 << q % 8);
        }
        memcpy(b->signs, fit.signs, sizeof b->signs);
        for (int g = 0; g < 8; g++)
            b->sc[g / 2] = (uint8_t)(b->sc[g / 2] | fit.nibble[g] << 4 * (g % 2));
    }
}
