#include "apps/quality/interval.h"

#include <stdbool.h>
#include <stdint.h>

#include "base/test.h"

static bool near(double a, double b, double d) {
    return fabs(a - b) <= d;
}

TEST(students_points_are_those_of_the_tables) {
    CHECK(near(interval_student(1), 12.7062, 1e-4) && near(interval_student(2), 4.30265, 1e-4));
    CHECK(near(interval_student(10), 2.22814, 1e-4) && near(interval_student(20), 2.08596, 1e-4));
    CHECK(near(interval_student(21), 2.07961, 2e-5) && near(interval_student(30), 2.04227, 1e-5));
    CHECK(near(interval_student(100), 1.98397, 1e-5) && near(interval_student(1e9), 1.959964, 1e-6));
    for (double df = 1; df < 60; df++) CHECK(interval_student(df) > interval_student(df + 1));
}

/* Three batches of two tokens with sums 2, 4, 6: means 1, 2, 3; their standard error is 1 / sqrt 3. */
TEST(a_mean_of_equal_batches_is_the_textbooks) {
    const double sums[3] = {2, 4, 6}, counts[3] = {2, 2, 2};
    const estimate x = interval_mean(sums, counts, 3);
    CHECK(x.value == 2);
    CHECK(near(x.high - 2, 4.30265 / sqrt(3), 1e-9) && near(2 - x.low, x.high - 2, 1e-12));
}

/* R = 9 / 6; residuals 1 - 1.5, 8 - 6, 0 - 1.5; var = 3/2 * 6.5 / 36. */
TEST(batches_count_by_their_tokens) {
    const double sums[3] = {1, 8, 0}, counts[3] = {1, 4, 1};
    const estimate x = interval_mean(sums, counts, 3);
    CHECK(near(x.value, 1.5, 1e-12));
    CHECK(near(x.high - x.value, 4.30265 * sqrt(1.5 * 6.5 / 36), 1e-9));
}

TEST(one_batch_tells_nothing_about_scatter) {
    const double sums[1] = {3}, counts[1] = {4};
    const estimate x = interval_mean(sums, counts, 1), y = interval_share(sums, counts, 1);
    CHECK(x.value == 0.75 && !interval_known(&x));
    CHECK(y.value == 0.75 && !interval_known(&y));
}

TEST(batches_that_agree_leave_no_doubt_about_a_mean) {
    const double sums[4] = {0, 0, 0, 0}, counts[4] = {5, 5, 5, 2};
    const estimate x = interval_mean(sums, counts, 4);
    CHECK(x.value == 0 && x.low == 0 && x.high == 0);
}

/* Wilson's interval of 1000 of 1000: t^2 / (n + t^2) below 1. */
TEST(a_share_of_all_is_not_certain) {
    double hits[100], counts[100];
    for (int i = 0; i < 100; i++) hits[i] = counts[i] = 10;
    const estimate x = interval_share(hits, counts, 100);
    const double tt = interval_student(99) * interval_student(99);
    CHECK(x.value == 1 && x.high == 1 && near(x.low, 1 - tt / (1000 + tt), 1e-9));
    for (int i = 0; i < 100; i++) hits[i] = 0;
    const estimate y = interval_share(hits, counts, 100);
    CHECK(y.value == 0 && y.low == 0 && near(y.high, 1 - x.low, 1e-12));
}

TEST(a_share_stays_between_nothing_and_all) {
    for (int k = 0; k <= 40; k++) {
        double hits[4], counts[4];
        for (int i = 0; i < 4; i++) counts[i] = 10, hits[i] = k / 4 + (i < k % 4);
        const estimate x = interval_share(hits, counts, 4);
        CHECK(x.low >= 0 && x.high <= 1 && x.low <= x.value && x.value <= x.high);
    }
}

/* ------------------------------------------------------------------ coverage */

static uint64_t state = 88172645463325252u;

static double uniform(void) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return ((double)(state >> 11) + 0.5) / 9007199254740992.0;
}

static double bell(void) {
    return sqrt(-2 * log(uniform())) * cos(6.283185307179586 * uniform());
}

enum { RUNS = 2000, BATCHES = 40, LENGTH = 50 };

/* Tokens within a batch are correlated (each half of the last one's), batches are not. `heavy`: the
 * exponential of it, as divergences are spread. Returns how often the truth lies in the interval. */
static double coverage(bool heavy, bool share) {
    /* E exp(X / 2), and P(X > 0), of a bell curve X */
    const double truth = share ? 0.5 : heavy ? exp(0.125) : 0;
    int inside = 0;
    for (int r = 0; r < RUNS; r++) {
        double sums[BATCHES] = {0}, counts[BATCHES];
        for (int b = 0; b < BATCHES; b++) {
            const int n = b % 3 == 0 ? LENGTH / 2 : LENGTH;
            double x = bell();
            counts[b] = n;
            for (int i = 0; i < n; i++) {
                x = x / 2 + sqrt(0.75) * bell();
                sums[b] += share ? x > 0 : heavy ? exp(x / 2) : x;
            }
        }
        const estimate e = share ? interval_share(sums, counts, BATCHES) : interval_mean(sums, counts, BATCHES);
        inside += e.low <= truth && truth <= e.high;
    }
    return (double)inside / RUNS;
}

/* 2000 runs: a coverage of 0.95 is seen as 0.95 +- 0.0049. */
TEST(the_truth_lies_in_ninety_five_intervals_of_a_hundred) {
    const double plain = coverage(false, false), heavy = coverage(true, false), share = coverage(false, true);
    CHECK_SAY(plain > 0.935 && plain < 0.965, "%.4f", plain);
    CHECK_SAY(heavy > 0.93 && heavy < 0.965, "%.4f", heavy);
    CHECK_SAY(share > 0.935 && share < 0.97, "%.4f", share);
}

/* What this room is for: as if tokens were independent, it would be far too narrow. */
TEST(intervals_know_that_tokens_are_correlated) {
    double sums[BATCHES] = {0}, counts[BATCHES], squares = 0, n = 0;
    for (int b = 0; b < BATCHES; b++) {
        const double level = bell();
        counts[b] = LENGTH;
        for (int i = 0; i < LENGTH; i++) {
            const double x = level + bell();
            sums[b] += x;
            squares += x * x;
            n++;
        }
    }
    const estimate e = interval_mean(sums, counts, BATCHES);
    CHECK((e.high - e.low) / 2 > 3 * 1.96 * sqrt(squares / n / n));
}

TESTS_MAIN
