/* The bar: its words, and that only a terminal sees it. */
#include "base/progress.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/test.h"

static const char *text_at(const progress *p, double now) {
    static char out[300];
    progress_text(out, sizeof out, p, now);
    return out;
}

TEST(the_bar_tells_share_amount_rate_and_time_left) {
    progress p = {.label = "load", .total = 4ull << 30, .done = 1ull << 30, .started = 100};
    CHECK_SAY(strcmp(text_at(&p, 110), "load [=====>              ]  25%  1.0 of 4.0 GiB"
                                       "  102.4 MiB/s  0:30 left") == 0,
              "%s", text_at(&p, 110));
    p = (progress){.label = "prefill", .total = 900, .done = 300, .unit = PROGRESS_TOKENS};
    CHECK_SAY(strcmp(text_at(&p, 3600), "prefill [======>             ]  33%  300 of 900 tokens"
                                        "  0.1 tok/s  2:00:00 left") == 0,
              "%s", text_at(&p, 3600));
}

TEST(what_was_there_before_counts_for_no_rate) {
    progress p = {.label = "get", .total = 3 << 20, .done = 2 << 20, .base = 2 << 20};
    CHECK_SAY(!strstr(text_at(&p, 10), "/s"), "%s", text_at(&p, 10));
    p.done = (2 << 20) + (512 << 10);
    CHECK_SAY(strstr(text_at(&p, 10), "51.2 KiB/s  0:10 left"), "%s", text_at(&p, 10));
}

TEST(an_unknown_total_and_a_passed_one_are_survived) {
    progress p = {.label = "x", .done = 512};
    CHECK_SAY(strcmp(text_at(&p, 0), "x 512 B") == 0, "%s", text_at(&p, 0));
    p = (progress){.label = "x", .total = 10, .done = 20, .unit = PROGRESS_STEPS};
    CHECK_SAY(strstr(text_at(&p, 1), "[====================] 100%"), "%s", text_at(&p, 1));
    p = (progress){.label = "x", .total = UINT64_MAX, .done = 1};
    CHECK_SAY(strstr(text_at(&p, 1000), "days left"), "%s", text_at(&p, 1000));
    char small[8];
    CHECK(progress_text(small, sizeof small, &p, 1) == 7 && small[7] == 0);
}

TEST(a_stream_that_is_no_terminal_gets_not_a_byte) {
    FILE *f = tmpfile();
    REQUIRE(f);
    progress p;
    progress_start(&p, f, "work", 100, PROGRESS_STEPS);
    for (uint64_t i = 0; i <= 100; i++) progress_to(&p, i);
    progress_hide(&p);
    progress_end(&p);
    CHECK(ftell(f) == 0);
    fclose(f);
}

TEST(a_terminal_gets_few_lines_and_one_line_end) {
    const int master = posix_openpt(O_RDWR | O_NOCTTY);
    if (master < 0) SKIP("no pseudo-terminal here");
    REQUIRE(grantpt(master) == 0 && unlockpt(master) == 0);
    FILE *f = fopen(ptsname(master), "w");
    REQUIRE(f);
    progress p;
    progress_start(&p, f, "work", 100000, PROGRESS_STEPS);
    for (uint64_t i = 0; i <= 100000; i++) progress_to(&p, i);
    progress_end(&p);
    progress_end(&p);
    char seen[8001] = {0};
    size_t n = 0;
    int returns = 0, ends = 0;
    while (ends == 0 && n < sizeof seen - 1) { /* what was written may arrive in pieces */
        const ssize_t more = read(master, seen + n, sizeof seen - 1 - n);
        REQUIRE(more > 0);
        for (size_t i = n; i < n + (size_t)more; i++) {
            ends += seen[i] == '\n';
            returns += seen[i] == '\r' && seen[i + 1] != '\n';
        }
        n += (size_t)more;
    }
    CHECK_SAY(ends == 1 && returns >= 2 && returns < 30, "%d ends, %d returns", ends, returns);
    CHECK(memmem(seen, n, "100%", 4));
    fclose(f);
    close(master);
}

TEST(the_clock_does_not_run_backwards) {
    double last = clock_seconds();
    for (int i = 0; i < 100000; i++) {
        const double now = clock_seconds();
        CHECK(now >= last);
        last = now;
    }
}

TESTS_MAIN
