/* What is said of a file that is larger than the memory. */
#include "apps/lib/fits.h"

#include "base/test.h"

#define GIB(x) ((uint64_t)((x) * 1024.0 * 1024 * 1024))

TEST(a_file_that_fits_is_not_spoken_of) {
    char words[512] = "untouched";
    CHECK(!fits_words(words, sizeof words, GIB(80), GIB(96), GIB(9), 1e9));
    CHECK(!fits_words(words, sizeof words, GIB(80), 0, GIB(9), 1e9)); /* nobody knows the memory */
    CHECK(!strcmp(words, "untouched"));
}

TEST(a_file_that_does_not_fit_is_told_with_its_numbers_and_the_speed_to_expect) {
    char words[512];
    /* 27 of 36 GiB can be in memory, a quarter of 8 GiB comes from a disk of 1 GiB/s: two seconds a token. */
    CHECK(fits_words(words, sizeof words, GIB(36), GIB(30), GIB(8), 1024.0 * 1024 * 1024));
    CHECK_SAY(strstr(words, "36.0 GiB") && strstr(words, "30.0 GiB of memory"), "%s", words);
    CHECK_SAY(strstr(words, "at most about 0.5 tokens/s (8.00 GiB a token, 25% of it"), "%s", words);
    CHECK(fits_words(words, sizeof words, GIB(36), GIB(30), GIB(8), 0));
    CHECK_SAY(!strstr(words, "tokens/s"), "%s", words);
    CHECK(fits_words(words, 20, GIB(36), GIB(30), GIB(8), 1e9) && strlen(words) == 19);
}

TESTS_MAIN
