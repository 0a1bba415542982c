/* Numbers in here were computed from the same float32 logits with 60 decimal digits. */
#include "apps/quality/divergence.h"

#include "base/test.h"

static bool near(double a, double b, double part) {
    return fabs(a - b) <= part * fabs(b);
}

TEST(equal_rows_have_no_divergence_at_all) {
    float x[1000];
    token_figures t;
    for (int i = 0; i < 1000; i++) x[i] = (float)sin(i * 1.7) * 30;
    divergence(&t, x, x, 1000, 17);
    CHECK(t.kl == 0);
    CHECK(t.nll == t.nll_ref && t.best == t.best_ref && t.common == DIVERGENCE_TOP);
}

TEST(a_shift_of_all_logits_changes_nothing) {
    float x[64], y[64];
    token_figures t;
    for (int i = 0; i < 64; i++) x[i] = (float)(i % 7), y[i] = x[i] + 512;
    divergence(&t, x, y, 64, 3);
    CHECK(t.kl == 0);
    CHECK(fabs(t.nll - t.nll_ref) < 1e-12);
}

/* p = (1/2, 1/4, 1/8, 1/8), q = (1/4, 1/4, 1/4, 1/4): KL = 1/2 ln 2 + 2 * 1/8 ln 1/2 = ln 2 / 4. */
TEST(known_distributions_have_their_divergence) {
    const float p[4] = {0, -0.6931471805599453f, -1.3862943611198906f, -1.3862943611198906f};
    const float q[4] = {0, 0, 0, 0};
    token_figures t;
    divergence(&t, p, q, 4, 0);
    CHECK(near(t.kl, 0.17328679513998632, 1e-6));
    CHECK(near(t.nll_ref, 0.6931471805599453, 1e-6) && near(t.nll, 1.3862943611198906, 1e-12));
    CHECK(near((double)t.p_best, 0.5, 1e-6) && t.best_ref == 0 && t.best == 0 && t.common == 4);
    divergence(&t, q, p, 4, 3); /* the other way round: ln 2 / 4 as well, and no mistake: 1/4 (-ln 2 + 2 ln 2) */
    CHECK(near(t.kl, 0.17328679513998632, 1e-6));
    CHECK(near(t.nll, 2.0794415416798357, 1e-6));
}

/* logits sin(i) * 4 against these and cos(3 i) / 100, and against cos(i) * 4; 500 of them. */
TEST(it_agrees_with_another_program) {
    float x[500], y[500], z[500];
    token_figures t;
    for (int i = 0; i < 500; i++) {
        x[i] = (float)(sin(i) * 4);
        y[i] = (float)((double)x[i] + cos(3.0 * i) / 100);
        z[i] = (float)(cos(i) * 4);
    }
    divergence(&t, x, y, 500, 100);
    CHECK_SAY(near(t.kl, 2.4641186304273603e-05, 1e-9), "%.17g", t.kl);
    CHECK_SAY(near(t.nll, 10.670594317802886, 1e-12), "%.17g", t.nll);
    divergence(&t, x, z, 500, 100);
    CHECK_SAY(near(t.kl, 3.4545193133574794, 1e-12), "%.17g", t.kl);
}

/* A divergence of d^2 / 2 p (1 - p), far below what is left of differences of logarithms. */
TEST(small_divergences_keep_their_digits) {
    float p[2] = {0, 0}, q[2] = {0, 1.0e-6f};
    token_figures t;
    divergence(&t, p, q, 2, 0);
    CHECK_SAY(near(t.kl, 1.25e-13, 1e-6), "%.17g", t.kl);
}

TEST(rows_that_exclude_each_other_stay_finite) {
    float p[3] = {0, -1e4f, -1e4f}, q[3] = {-1e4f, 0, 3e4f};
    token_figures t;
    divergence(&t, p, q, 3, 0);
    CHECK(isfinite(t.kl) && near(t.kl, 40000, 1e-9));
    CHECK(t.best_ref == 0 && t.best == 2 && near(t.nll, 40000, 1e-9));
}

TEST(it_is_never_negative) {
    unsigned s = 1;
    for (int k = 0; k < 300; k++) {
        float x[50], y[50];
        token_figures t;
        const float scale = powf(10, (float)(k % 12) - 8);
        for (int i = 0; i < 50; i++) {
            s = s * 1664525 + 1013904223;
            x[i] = (float)(s >> 8) / 1e6f;
            s = s * 1664525 + 1013904223;
            y[i] = x[i] + scale * ((float)(s >> 8) / 1e7f - 0.8f);
        }
        divergence(&t, x, y, 50, 0);
        CHECK(t.kl >= 0 && isfinite(t.kl));
    }
}

TEST(of_equal_logits_the_first_is_best) {
    const float x[5] = {1, 3, 3, 0, 3}, y[5] = {3, 3, 3, 3, 3};
    token_figures t;
    divergence(&t, x, y, 5, 0);
    CHECK(t.best_ref == 1 && t.best == 0);
}

TEST(the_best_ten_are_compared_as_sets) {
    float x[40], y[40];
    token_figures t;
    for (int i = 0; i < 40; i++) x[i] = (float)i, y[i] = (float)i;
    y[39] = 30.5f; /* still among the best ten */
    y[35] = -5;    /* no longer; 29 is, instead */
    divergence(&t, x, y, 40, 0);
    CHECK(t.common == 9);
}

TESTS_MAIN
