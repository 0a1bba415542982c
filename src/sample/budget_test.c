#include "sample/budget.h"

#include "base/test.h"

enum { CLOSE = 77, WORD = 5 };

/* Thinks words until the close token is forced; a sentence ends with every `every`-th one. The
 * number of words, or `most`. */
static uint64_t words_until_forced(const budget_options *o, uint64_t every, uint64_t most) {
    budget b;
    int32_t next = budget_start(&b, o);
    uint64_t n = 0;
    while (n < most && next == BUDGET_FREE) {
        n++;
        next = budget_step(&b, WORD, every && n % every == 0);
    }
    CHECK(b.n_thinking == n && b.thinking);
    if (next == BUDGET_FREE) return most;
    CHECK(next == CLOSE);
    CHECK(budget_step(&b, CLOSE, true) == BUDGET_FREE && !b.thinking && b.n_thinking == n);
    for (int i = 0; i < 1000; i++) CHECK(budget_step(&b, i % 100, true) == BUDGET_FREE);
    CHECK(b.n_thinking == n);
    return n;
}

TEST(without_limits_nothing_is_ever_forced) {
    const budget_options o = {.close_token = CLOSE};
    CHECK(words_until_forced(&o, 3, 100000) == 100000);
    const budget_options known = {.close_token = CLOSE, .left = 10}; /* and no reserve */
    CHECK(words_until_forced(&known, 3, 100) == 100);
}

TEST(the_hard_limit_closes_at_once) {
    for (uint32_t hard = 1; hard < 50; hard++) {
        const budget_options o = {.close_token = CLOSE, .hard = hard};
        CHECK(words_until_forced(&o, 0, 1000) == hard);
        CHECK(words_until_forced(&o, 1, 1000) == hard);
    }
}

TEST(the_soft_limit_waits_for_a_sentence_end_until_the_hard_one) {
    for (uint32_t soft = 1; soft < 40; soft++)
        for (uint32_t every = 1; every < 30; every++) {
            const budget_options o = {.close_token = CLOSE, .soft = soft, .hard = 45};
            const uint64_t end = (soft + every - 1) / every * every; /* the next one from soft on */
            CHECK(words_until_forced(&o, every, 1000) == (end < 45 ? end : 45));
        }
    const budget_options alone = {.close_token = CLOSE, .soft = 10};
    CHECK(words_until_forced(&alone, 0, 1000) == 1000);
}

TEST(room_is_kept_for_the_answer_whatever_the_lengths) {
    for (uint64_t left = 1; left < 60; left++)
        for (uint64_t reserve = 1; reserve < 70; reserve++) {
            const budget_options o = {.close_token = CLOSE, .left = left, .reserve = reserve};
            const uint64_t n = words_until_forced(&o, 0, 1000);
            const uint64_t kept = reserve < left / 2 ? reserve : left / 2;
            if (kept == 0)
                CHECK(n == 1000); /* one token is no room for two parts */
            else
                CHECK_SAY(n + 1 + kept == left, "left %d reserve %d: %d", (int)left, (int)reserve,
                          (int)n);
        }
    const budget_options huge = {
        .close_token = CLOSE, .left = UINT64_MAX, .reserve = UINT64_MAX, .hard = 9};
    CHECK(words_until_forced(&huge, 0, 1000) == 9);
}

TEST(the_model_may_close_by_itself) {
    const budget_options o = {.close_token = CLOSE, .soft = 5, .hard = 10};
    budget b;
    CHECK(budget_start(&b, &o) == BUDGET_FREE);
    CHECK(budget_step(&b, WORD, false) == BUDGET_FREE);
    CHECK(budget_step(&b, CLOSE, false) == BUDGET_FREE);
    CHECK(!b.thinking && b.n_thinking == 1);
    for (int i = 0; i < 100; i++) CHECK(budget_step(&b, WORD, true) == BUDGET_FREE);
}

TEST(a_forced_token_is_asked_for_until_it_comes) {
    const budget_options o = {.close_token = CLOSE, .soft = 2};
    budget b;
    CHECK(budget_start(&b, &o) == BUDGET_FREE);
    CHECK(budget_step(&b, WORD, true) == BUDGET_FREE);
    CHECK(budget_step(&b, WORD, true) == CLOSE);
    CHECK(budget_step(&b, WORD, false) == CLOSE); /* no sentence end, but it was due before */
    CHECK(budget_step(&b, WORD, false) == CLOSE);
    CHECK(budget_step(&b, CLOSE, false) == BUDGET_FREE);
}

TEST(sentence_ends_are_told_from_points_inside) {
    static const char *const yes[] = {
        "\n", "word.\n", "done.", "done. ", "really?", "no!", "(as above.)", "he said \"stop.\"",
        "**bold.**", "\xe5\xa5\xbd\xe3\x80\x82", "\xef\xbc\x9f\xe3\x80\x8d", "so \xe2\x80\xa6",
        "...", ".", "quoted.\xe2\x80\x9d", "line\r\n", "line\n  ", "f(x)."};
    static const char *const no[] = {
        "", " ", "word", "word,", "3.", "list: 1. ", "pi is 3.14", "a:",
        "x = y;", "\"", ")", "\xe5\xa5\xbd", "\x82", "end of.it"};
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
        CHECK_SAY(budget_sentence_end(yes[i], strlen(yes[i])), "%s", yes[i]);
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        CHECK_SAY(!budget_sentence_end(no[i], strlen(no[i])), "%s", no[i]);
}

TESTS_MAIN
