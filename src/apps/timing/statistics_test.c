#include "apps/timing/statistics.h"

#include "base/test.h"

TEST(the_median_of_an_odd_number_is_the_middle_one) {
    const double v[] = {9, 1, 4};
    const summary s = summarize(v, 3);
    CHECK(s.n == 3 && s.least == 1 && s.median == 4 && s.most == 9 && s.spread == 2);
    CHECK(v[0] == 9 && v[1] == 1 && v[2] == 4);
}

TEST(the_median_of_an_even_number_lies_between_the_middle_two) {
    const double v[] = {8, 1, 2, 5};
    const summary s = summarize(v, 4);
    CHECK(s.median == 3.5 && s.least == 1 && s.most == 8 && s.spread == 2);
}

TEST(one_value_has_no_spread) {
    const double v = 7;
    const summary s = summarize(&v, 1);
    CHECK(s.least == 7 && s.median == 7 && s.most == 7 && s.spread == 0);
}

TEST(one_wild_value_moves_the_spread_and_not_the_median) {
    const double v[] = {10, 10, 1000, 10, 11};
    const summary s = summarize(v, 5);
    CHECK(s.median == 10 && s.spread == 99);
}

TEST(no_values_and_values_of_zero_are_no_division) {
    const double zeros[4] = {0};
    CHECK(summarize(NULL, 0).median == 0 && summarize(NULL, 0).n == 0);
    CHECK(summarize(zeros, 4).spread == 0);
}

TEST(as_many_as_are_allowed_are_taken) {
    static double v[STATISTICS_MOST];
    for (size_t i = 0; i < STATISTICS_MOST; i++) v[i] = (double)((i * 7919) % STATISTICS_MOST);
    const summary s = summarize(v, STATISTICS_MOST);
    CHECK(s.least == 0 && s.most == STATISTICS_MOST - 1 && s.median == (STATISTICS_MOST - 1) / 2.0);
}

TESTS_MAIN
