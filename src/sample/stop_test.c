#include "sample/stop.h"

#include <stdbool.h>

#include "base/test.h"

static uint64_t random_state = 5;

static uint32_t random_below(uint32_t n) {
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((random_state >> 33) * n >> 31);
}

/* ---- from scratch ---- */

static size_t find(const char *text, size_t n, stop_string s) {
    for (size_t i = 0; i + s.n <= n; i++)
        if (memcmp(text + i, s.p, s.n) == 0) return i;
    return n;
}

/* Where the whole text ends, and by which string. */
static size_t end_of(const char *text, size_t n, const stop_string *s, size_t k, int32_t *found) {
    size_t end = n, shortest = 0;
    *found = STOP_NONE;
    for (size_t i = 0; i < k; i++) {
        const size_t at = s[i].n ? find(text, n, s[i]) : n;
        if (at == n || at > end || (at == end && *found >= 0 && s[i].n >= shortest)) continue;
        end = at;
        shortest = s[i].n;
        *found = (int32_t)i;
    }
    return end;
}

/* How much of the first n bytes can be sent when more may come. */
static size_t sure_of(const char *text, size_t n, const stop_string *s, size_t k) {
    int32_t found;
    size_t sure = end_of(text, n, s, k, &found);
    for (size_t i = 0; i < k; i++)
        for (size_t m = 1; m < s[i].n && m <= n; m++)
            if (memcmp(text + n - m, s[i].p, m) == 0 && n - m < sure) sure = n - m;
    return sure;
}

/* ---- */

static stop *with(const stop_string *strings, size_t n) {
    stop *s = NULL;
    err e = {0};
    CHECK_SAY(stop_new(&s, strings, n, &e) == OK, "%s", e.text);
    return s;
}

/* Feeds text in pieces that end where cut(position) says so, and compares with the above. */
static void check_cuts(const char *text, size_t n, const stop_string *strings, size_t k,
                       size_t first, size_t second, size_t each) {
    int32_t want_found;
    const size_t want = end_of(text, n, strings, k, &want_found);
    char sent[256];
    size_t n_sent = 0, from = 0;
    int32_t found = STOP_NONE;
    stop *s = with(strings, k);
    stop_text t;
    for (size_t i = 1; i <= n; i++) {
        if (i != first && i != second && i != n && (each == 0 || i % each != 0)) continue;
        char piece[256]; /* gone when its text was sent */
        memcpy(piece, text + from, i - from);
        CHECK(stop_feed(s, piece, i - from, &t, NULL) == OK);
        REQUIRE(n_sent + t.n <= n);
        if (t.n) memcpy(sent + n_sent, t.text, t.n);
        memset(piece, '#', sizeof piece);
        n_sent += t.n;
        from = i;
        found = t.found;
        CHECK_SAY(n_sent == sure_of(text, i, strings, k), "%.*s after %zu: sent %zu", (int)n, text,
                  i, n_sent);
        if (found >= 0) break;
    }
    stop_end(s, &t);
    REQUIRE(n_sent + t.n <= n);
    if (t.n) memcpy(sent + n_sent, t.text, t.n);
    n_sent += t.n;
    CHECK_SAY(n_sent == want && memcmp(sent, text, want) == 0, "%.*s: sent %zu, not %zu", (int)n,
              text, n_sent, want);
    CHECK_SAY(t.found == want_found, "%.*s: found %d, not %d", (int)n, text, t.found, want_found);
    if (found >= 0) CHECK(found == want_found);
    stop_free(s);
}

#define S(x) {x, sizeof(x) - 1}

TEST(however_the_text_is_cut_the_same_is_sent_and_found) {
    static const stop_string sets[][3] = {
        {S("\n\n"), S("END"), S("")},      {S("abc"), S("b"), S("")},
        {S("aab"), S("aaab"), S("aaaa")},  {S("Observation:"), S("obs"), S("ation")},
        {S("\xe2\x82\xac"), S("\xe2\x82"), S("zz")}, {S("x"), S("x"), S("xy")},
    };
    static const char *const texts[] = {
        "", "a", "xab", "xabc", "xabd", "aaaaaaab", "aab aaab", "line\nline\n\nmore", "EENDEND",
        "Observatio Observation: ob obs", "5 \xe2\x82\xac and \xe2\x82\xad", "xxy",
        "no stop at all", "EN", "line\n",
    };
    for (size_t k = 0; k < sizeof sets / sizeof *sets; k++)
        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
            const char *const text = texts[i];
            const size_t n = strlen(text);
            for (size_t a = 0; a <= n; a++)
                for (size_t b = a; b <= n; b++) check_cuts(text, n, sets[k], 3, a, b, 0);
            for (size_t each = 1; each < 5; each++) check_cuts(text, n, sets[k], 3, 0, 0, each);
        }
}

TEST(random_strings_over_two_letters_agree_with_a_search_of_the_whole_text) {
    for (int round = 0; round < 20000; round++) {
        char bytes[STOP_STRINGS_MAX][8], text[64];
        stop_string s[STOP_STRINGS_MAX];
        const size_t k = random_below(round % 2 ? 4 : STOP_STRINGS_MAX + 1);
        for (size_t i = 0; i < k; i++) {
            s[i] = (stop_string){bytes[i], random_below(8)};
            for (size_t j = 0; j < s[i].n; j++) bytes[i][j] = "ab"[random_below(2)];
            if (s[i].n > 1 && random_below(2)) bytes[i][s[i].n - 1] = 'c'; /* matches stay rare */
        }
        const size_t n = random_below(sizeof text);
        for (size_t j = 0; j < n; j++) text[j] = "ababababc"[random_below(9)];
        check_cuts(text, n, s, k, random_below(64), random_below(64), random_below(4));
    }
}

TEST(zeros_and_all_bytes_are_bytes_like_others) {
    const stop_string s[] = {S("\0\0\xff"), S("\x80")};
    const char text[] = "a\0\0\0\xff\x80z";
    for (size_t a = 0; a < sizeof text; a++) check_cuts(text, sizeof text - 1, s, 2, a, 0, 0);
}

TEST(without_strings_everything_passes_at_once) {
    const stop_string empty[] = {S(""), S("")};
    for (size_t k = 0; k <= 2; k += 2) {
        stop *s = with(empty, k);
        stop_text t;
        CHECK(stop_feed(s, "hello", 5, &t, NULL) == OK);
        CHECK(t.n == 5 && memcmp(t.text, "hello", 5) == 0 && t.found == STOP_NONE);
        stop_end(s, &t);
        CHECK(t.n == 0 && t.found == STOP_NONE);
        stop_free(s);
    }
}

TEST(after_the_find_nothing_is_sent_any_more) {
    const stop_string s[] = {S(""), S("stop")};
    stop *st = with(s, 2);
    stop_text t;
    CHECK(stop_feed(st, "don't stop me", 13, &t, NULL) == OK);
    CHECK(t.n == 6 && memcmp(t.text, "don't ", 6) == 0 && t.found == 1);
    for (int i = 0; i < 3; i++) {
        CHECK(stop_feed(st, "now stop", 8, &t, NULL) == OK);
        CHECK(t.n == 0 && t.found == 1);
    }
    stop_end(st, &t);
    CHECK(t.n == 0 && t.found == 1);
    stop_free(st);
}

TEST(the_longest_string_is_found_and_a_long_text_costs_little_memory) {
    static char longest[STOP_BYTES_MAX], piece[5000];
    memset(longest, 'a', sizeof longest);
    longest[sizeof longest - 1] = 'b';
    memset(piece, 'a', sizeof piece);
    const stop_string s[] = {{longest, sizeof longest}};
    stop *st = with(s, 1);
    stop_text t;
    size_t sent = 0;
    for (int i = 0; i < 200; i++) {
        CHECK(stop_feed(st, piece, sizeof piece, &t, NULL) == OK);
        for (size_t j = 0; j < t.n; j++) CHECK(t.text[j] == 'a');
        sent += t.n;
        CHECK(sent == (size_t)(i + 1) * sizeof piece - (sizeof longest - 1));
    }
    CHECK(stop_feed(st, "b", 1, &t, NULL) == OK);
    CHECK(t.n == 0 && t.found == 0);
    stop_free(st);
}

TEST(too_many_and_too_long_strings_are_refused) {
    static char bytes[STOP_BYTES_MAX + 1];
    stop_string s[STOP_STRINGS_MAX + 1];
    for (size_t i = 0; i <= STOP_STRINGS_MAX; i++) s[i] = (stop_string){"x", 1};
    stop *st = NULL;
    err e = {0};
    CHECK(stop_new(&st, s, STOP_STRINGS_MAX + 1, &e) == E_LIMIT && !st && strstr(e.text, "17"));
    s[2] = (stop_string){bytes, sizeof bytes};
    CHECK(stop_new(&st, s, 3, &e) == E_LIMIT && !st && strstr(e.text, "number 3 has 4097 bytes"));
    stop_free(NULL);
}

TESTS_MAIN
