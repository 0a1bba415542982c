/* The loops against float64, and every instruction set against the portable one. */
#include "base/test.h"
#include "quant/dot_rows_test.h"
#include "quant/loops.h"

enum { MAX = 1100 };

static void draw(float *x, size_t n, double size) {
    for (size_t i = 0; i < n; i++) x[i] = (float)(noise() * size);
}

static bool same(const float *a, const float *b, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (f32_bits(a[i]) != f32_bits(b[i]) && !(isnan(a[i]) && isnan(b[i]))) return false;
    return true;
}

TEST(squares_are_summed_in_float64) {
    static float x[MAX];
    for (size_t n = 0; n < 70; n++) {
        draw(x, n, 3);
        double want = 0;
        for (size_t i = 0; i < n; i++) want += (double)x[i] * (double)x[i];
        CHECK(fabs(loops_portable.squares(x, n) - want) <= 1e-14 * want);
        CHECK(loops_portable.squares(x, n) == loops_best()->squares(x, n));
    }
}

TEST(a_combination_and_a_scaled_row_are_what_plain_loops_give) {
    static float v[5][MAX], a[MAX], b[MAX], want[MAX];
    for (size_t n = 0; n < 70; n++) {
        for (int t = 0; t < 5; t++) draw(v[t], n, 2);
        const float *rows[5] = {v[0], v[1], v[2], v[3], v[4]};
        const float factor[5] = {0.3f, -1.5f, 2.25f, 0, 1e-3f};
        for (uint32_t terms = 1; terms <= 5; terms++) {
            for (size_t i = 0; i < n; i++) {
                want[i] = factor[0] * v[0][i];
                for (uint32_t t = 1; t < terms; t++) want[i] += factor[t] * v[t][i];
            }
            loops_portable.combine(a, factor, rows, terms, n);
            loops_best()->combine(b, factor, rows, terms, n);
            CHECK(same(a, want, n) && same(b, want, n));
        }
        for (int with = 0; with < 2; with++) {
            for (size_t i = 0; i < n; i++) {
                a[i] = b[i] = v[0][i];
                want[i] = with ? v[0][i] * 0.7f * v[1][i] : v[0][i] * 0.7f;
            }
            loops_portable.scale(a, 0.7f, with ? v[1] : NULL, n);
            loops_best()->scale(b, 0.7f, with ? v[1] : NULL, n);
            CHECK(same(a, want, n) && same(b, want, n));
        }
    }
}

TEST(rows_are_weighed_for_every_head_in_order) {
    static float rows[33 * 100], p[9 * 40], sum[9 * 100], a[9 * 100], b[9 * 100];
    for (int round = 0; round < 200; round++) {
        const uint32_t heads = 1 + random_bits() % 9, n_rows = random_bits() % 34;
        const size_t n = 1 + random_bits() % 100, stride = 40;
        draw(rows, n_rows * n, 1);
        draw(p, heads * stride, 1);
        draw(sum, heads * n, 1);
        memcpy(a, sum, sizeof a);
        memcpy(b, sum, sizeof b);
        loops_portable.weigh(a, p, stride, heads, rows, n_rows, n);
        loops_best()->weigh(b, p, stride, heads, rows, n_rows, n);
        for (uint32_t h = 0; h < heads; h++)
            for (size_t i = 0; i < n; i++)
                for (uint32_t r = 0; r < n_rows; r++)
                    sum[h * n + i] += p[h * stride + r] * rows[r * n + i];
        CHECK(same(a, sum, heads * n) && same(b, sum, heads * n));
    }
}

TEST(e_to_the_x_is_within_two_units_of_the_last_place) {
    static float x[MAX], a[MAX], b[MAX];
    double worst = 0;
    for (int round = 0; round < 400; round++) {
        draw(x, MAX, round % 2 ? 1 : 88.7);
        memcpy(a, x, sizeof a);
        memcpy(b, x, sizeof b);
        const size_t n = round % 2 ? MAX : MAX - (size_t)round % 8;
        loops_portable.exp_minus(a, 0, n);
        loops_best()->exp_minus(b, 0, n);
        CHECK(same(a, b, n));
        for (size_t i = 0; i < n; i++) {
            const double want = exp((double)x[i]);
            if (want < 0x1p-126)
                CHECK(a[i] == 0 || fabs(a[i] - want) <= 0x1p-126 * 1e-6);
            else
                worst = fmax(worst, fabs(a[i] - want) / ldexp(1, ilogb(want) - 23));
        }
    }
    CHECK_SAY(worst <= 2, "%g units", worst);
    float odd[8] = {NAN, INFINITY, -INFINITY, 0, 88.8f, -1000, 1e30f, -0.0f};
    loops_best()->exp_minus(odd, 0, 8);
    CHECK(isnan(odd[0]) && isinf(odd[1]) && odd[2] == 0 && odd[3] == 1);
    CHECK(isinf(odd[4]) && odd[5] == 0 && isinf(odd[6]) && odd[7] == 1);
    float shifted[3] = {5, 4, -200};
    loops_best()->exp_minus(shifted, 5, 3);
    CHECK(shifted[0] == 1 && fabs(shifted[1] - exp(-1)) < 1e-7 && shifted[2] == 0);
}

TEST(a_gate_opens_as_the_formula_says_and_is_clamped) {
    static float gate[MAX], up[MAX], a[MAX], b[MAX];
    for (int round = 0; round < 100; round++) {
        const float clamp = round % 3 ? 10 : INFINITY, factor = 0.37f;
        draw(gate, MAX, round % 2 ? 3 : 120);
        draw(up, MAX, round % 2 ? 3 : 120);
        const size_t n = MAX - (size_t)round % 9;
        loops_portable.gated(a, gate, up, factor, clamp, n);
        loops_best()->gated(b, gate, up, factor, clamp, n);
        CHECK(same(a, b, n));
        for (size_t i = 0; i < n; i++) {
            const double g = fmin(gate[i], clamp), u = fmax(fmin(up[i], clamp), -clamp);
            const double want = (double)factor * (g / (1 + exp(-g)) * u);
            CHECK_SAY(fabs(a[i] - want) <= 1e-6 * fabs(want) + 1e-30, "%g %g: %g, not %g", g, u,
                      (double)a[i], want);
        }
    }
    const float bad[2] = {NAN, 1}, good[2] = {1, NAN};
    loops_best()->gated(a, bad, good, 1, 10, 2);
    CHECK(isnan(a[0]) && isnan(a[1]));
}

TESTS_MAIN
