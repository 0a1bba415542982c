#include "text/added.h"

#include "base/test.h"

static uint64_t random_next(uint64_t *s) {
    *s ^= *s << 13;
    *s ^= *s >> 7;
    *s ^= *s << 17;
    return *s * 0x2545f4914f6cdd1du >> 16;
}

static added_token token(const char *p, int32_t id) {
    return (added_token){p, (uint32_t)strlen(p), id};
}

TEST(the_longest_token_at_the_front_is_found) {
    added_token list[] = {token("<think>", 1), token("</think>", 2), token("<", 3),
                          token("<thin", 4),   token("<t", 5),       token("\xef\xbd\x9c", 6),
                          token("<think>x", 7)};
    const size_t n = sizeof list / sizeof *list;
    added a;
    CHECK(added_init(&a, list, n) == n);
    static const struct {
        const char *in;
        int id;
    } cases[] = {{"<think>", 1},   {"<think>y", 1},      {"<think>x", 7}, {"<thin", 4}, {"<thi", 5},
                 {"</think>", 2},  {"</thin", 3},        {"<", 3},        {"x<", -1},   {"", -1},
                 {"\xef\xbd", -1}, {"\xef\xbd\x9c<", 6}, {"=", -1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const added_token *t = added_match(&a, cases[i].in, strlen(cases[i].in));
        CHECK_SAY((t ? t->id : -1) == cases[i].id, "\"%s\": %d", cases[i].in, t ? t->id : -1);
    }
    CHECK(added_find(&a, "<think>", 7)->id == 1);
    CHECK(added_find(&a, "<thi", 4) == NULL);
    CHECK(added_find(&a, "", 0) == NULL);
}

TEST(an_empty_list_matches_nothing) {
    added a;
    CHECK(added_init(&a, NULL, 0) == 0);
    CHECK(added_match(&a, "<think>", 7) == NULL && added_find(&a, "<think>", 7) == NULL);
}

TEST(a_repeated_token_is_reported) {
    added_token list[] = {token("b", 1), token("a", 2), token("c", 3), token("a", 4)};
    added a;
    CHECK(added_init(&a, list, 4) == 1);
}

/* Against a look at every token, over few letters so that tokens often begin with each other. */
TEST(random_lists_match_as_a_look_at_every_token_does) {
    uint64_t seed = 8;
    for (int round = 0; round < 2000; round++) {
        static char text[40][9];
        added_token list[40];
        size_t n = 0;
        for (size_t want = random_next(&seed) % 40; want; want--) {
            char *p = text[n];
            const size_t len = 1 + random_next(&seed) % 8;
            for (size_t i = 0; i < len; i++) p[i] = (char)(random_next(&seed) % 3 * 127 + 1);
            p[len] = 0;
            size_t known = 0;
            while (known < n && strcmp(text[known], p) != 0) known++;
            if (known == n) list[n] = token(p, (int32_t)n), n++;
        }
        added a;
        CHECK(added_init(&a, list, n) == n);
        for (int k = 0; k < 50; k++) {
            char in[12];
            const size_t len = random_next(&seed) % sizeof in;
            for (size_t i = 0; i < len; i++) in[i] = (char)(random_next(&seed) % 3 * 127 + 1);
            int best = -1;
            for (size_t i = 0; i < n; i++)
                if (list[i].n <= len && memcmp(list[i].p, in, list[i].n) == 0 &&
                    (best < 0 || list[i].n > list[best].n))
                    best = (int)i;
            const added_token *t = added_match(&a, in, len);
            CHECK((t ? (int)(t - list) : -1) == best);
        }
    }
}

TESTS_MAIN
