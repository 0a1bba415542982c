/* The automaton of split.c against the regular expressions that it stands for. */
#include "text/split.h"

#include "base/buf.h"
#include "base/test.h"
#include "base/utf8.h"
#include "text/split_oracle.h"

static void show(buf *b, const char *p, size_t n) {
    char s[4096];
    buf_add(b, s, utf8_printable(s, sizeof s, p, n));
}

/* split_next sees only the rest at each border, the oracle the whole text: I1 is checked too. */
static int check_same(const char *p, size_t n) {
    const oracle_text t = oracle_decode(p, n);
    const oracle_cuts c = oracle_split(&t);
    size_t at = 0, k = 0;
    while (at < n) {
        const size_t len = split_next(p + at, n - at);
        const size_t want = k < c.n ? t.at[c.end[k]] - at : 0;
        if (len != want) {
            buf b = {0};
            show(&b, p, n);
            CHECK_SAY(false, "piece %zu at byte %zu: %zu bytes, expected %zu: %s", k, at, len, want,
                      b.data);
            buf_free(&b);
            return 1;
        }
        at += len;
        k++;
    }
    CHECK(k == c.n);
    return 0;
}

static void check_pieces(const char *in_text, const char *want) {
    buf b = {0};
    for (size_t at = 0, n = strlen(in_text), len; at < n; at += len) {
        len = split_next(in_text + at, n - at);
        if (at) buf_char(&b, '|');
        buf_add(&b, in_text + at, len);
    }
    CHECK_SAY(strcmp(b.data ? b.data : "", want) == 0, "\"%s\" became \"%s\", expected \"%s\"",
              in_text, b.data ? b.data : "", want);
    buf_free(&b);
}

static uint64_t random_next(uint64_t *s) {
    *s ^= *s << 13;
    *s ^= *s >> 7;
    *s ^= *s << 17;
    return *s * 0x2545f4914f6cdd1du >> 16;
}

TEST(the_rules_give_these_pieces) {
    check_pieces("Hello world", "Hello| world");
    check_pieces("12345", "123|45");
    check_pieces("c 12", "c| |12");
    check_pieces("  b", " | b");
    check_pieces("a\n\n b", "a|\n\n| b");
    check_pieces("a \n b", "a| \n| b");
    check_pieces("a   ", "a|   ");
    check_pieces("x\t\ty", "x|\t|\ty");
    check_pieces("\t(", "\t|(");
    check_pieces(" (a", " (|a");
    check_pieces("(abc)", "(abc|)");
    check_pieces("((abc", "((|abc");
    check_pieces("don't", "don|'t");
    check_pieces("'\xc3\xa9t\xc3\xa9", "'|\xc3\xa9t\xc3\xa9");
    check_pieces("'a\xc3\xa9", "'a|\xc3\xa9");
    check_pieces("}\r\n\r\nx", "}\r\n\r\n|x");
    check_pieces("e\xcc\x81 \xcc\x81", "e\xcc\x81| \xcc\x81");
    check_pieces("\x01\x02\x02z", "\x01\x02|\x02z");
    check_pieces("a\xe4\xb8\xad\xe6\x96\x87"
                 "b",
                 "a|\xe4\xb8\xad\xe6\x96\x87|b");
    check_pieces("\xe3\x82\xab\xe3\x83\xbb\xe3\x82\xab", "\xe3\x82\xab|\xe3\x83\xbb|\xe3\x82\xab");
    check_pieces("\xe2\x85\xa3\xc2\xbd\xd9\xa1\xd9\xa2", "\xe2\x85\xa3\xc2\xbd\xd9\xa1|\xd9\xa2");
    check_pieces("", "");
}

TEST(an_empty_text_has_no_piece) {
    CHECK(split_next("", 0) == 0);
}

/* Parts that meet in every order; the classes' borders are among them. */
static const char *const part[] = {" ",
                                   "  ",
                                   "\n",
                                   "\r\n",
                                   "\r",
                                   "\t",
                                   "\x0b",
                                   "\xc2\x85",
                                   "\xc2\xa0",
                                   "\xe3\x80\x80",
                                   "\xe2\x80\xa8",
                                   "a",
                                   "Zz",
                                   "q",
                                   "1",
                                   "23",
                                   "4567",
                                   "\xd9\xa3",
                                   "\xe0\xb9\x92",
                                   "\xe2\x85\xa6",
                                   "\xc2\xb2",
                                   "\xe4\xb8\x80",
                                   "\xe9\xbe\xa5",
                                   "\xe9\xbe\xa6",
                                   "\xe3\x81\x80",
                                   "\xe3\x82\x99",
                                   "\xe3\x82\x9b",
                                   "\xe3\x82\xa0",
                                   "\xe3\x83\xbb",
                                   "\xe3\x83\xbf",
                                   "\xe3\x84\x80",
                                   "\xe3\x80\xbf",
                                   "\xf0\xa0\x80\x80",
                                   "\xcc\x81",
                                   "\xe0\xa4\x83",
                                   "\xe2\x83\x9d",
                                   "\xc3\xa9",
                                   "\xd0\xb6",
                                   "!",
                                   "'",
                                   "_",
                                   "{",
                                   "~",
                                   "<",
                                   "+",
                                   "\xc2\xa7",
                                   "\xe2\x82\xac",
                                   "\xe3\x80\x82",
                                   "\xf0\x9f\x98\x80",
                                   "\xef\xbf\xbd",
                                   "\x01",
                                   "\x1c",
                                   "\x7f",
                                   "\xe2\x80\x8b",
                                   "\xe2\x80\x8d",
                                   "\xee\x80\x80",
                                   "\xcd\xb8",
                                   "\xef\xbb\xbf",
                                   "\xff",
                                   "\xc3",
                                   "\xe2\x82",
                                   "\xf0\x9f\x98",
                                   "\x80",
                                   "\xed\xa0\x80",
                                   "\xc0\xaf"};
#define PARTS (sizeof part / sizeof *part)

TEST(all_triples_of_parts_split_as_the_regular_expressions_do) {
    int bad = 0;
    for (size_t i = 0; i < PARTS && bad < 5; i++)
        for (size_t j = 0; j < PARTS && bad < 5; j++)
            for (size_t k = 0; k < PARTS && bad < 5; k++) {
                char s[64];
                const int n = snprintf(s, sizeof s, "%s%s%s", part[i], part[j], part[k]);
                bad += check_same(s, (size_t)n);
            }
}

TEST(random_runs_of_parts_split_as_the_regular_expressions_do) {
    uint64_t seed = 0x51ed;
    int bad = 0;
    for (int i = 0; i < 60000 && bad < 5; i++) {
        char s[400];
        size_t n = 0;
        for (uint64_t k = 1 + random_next(&seed) % 40; k; k--) {
            const char *w = part[random_next(&seed) % PARTS];
            for (uint64_t again = 1 + random_next(&seed) % 2; again && n + 8 < sizeof s; again--) {
                memcpy(s + n, w, strlen(w));
                n += strlen(w);
            }
        }
        bad += check_same(s, n);
    }
}

TEST(random_code_points_split_as_the_regular_expressions_do) {
    uint64_t seed = 77;
    int bad = 0;
    for (int i = 0; i < 30000 && bad < 5; i++) {
        char s[128];
        size_t n = 0;
        while (n < 100) {
            const uint64_t r = random_next(&seed);
            const uint32_t limit = r & 1 ? 0x3400 : r & 2 ? 0x110000 : 0x80;
            n += utf8_put(s + n, (uint32_t)(random_next(&seed) % limit));
        }
        bad += check_same(s, n);
    }
}

TEST(random_bytes_split_as_the_regular_expressions_do) {
    uint64_t seed = 5;
    int bad = 0;
    for (int i = 0; i < 30000 && bad < 5; i++) {
        char s[64];
        const size_t n = 1 + random_next(&seed) % sizeof s;
        for (size_t k = 0; k < n; k++) s[k] = (char)random_next(&seed);
        bad += check_same(s, n);
    }
}

TESTS_MAIN
