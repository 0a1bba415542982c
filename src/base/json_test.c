/* json_test: the grammar from both sides, the tree, and the one text form. */
#include "base/json.h"

#include <inttypes.h>
#include <locale.h>
#include <time.h>

#include "base/test.h"

static json_doc *parse_n(const char *text, size_t n) {
    json_doc *d = NULL;
    /* An exact heap copy, so that a sanitizer sees every byte read too far. */
    char *copy = malloc(n ? n : 1);
    memcpy(copy, text, n);
    const status st = json_parse(&d, copy, n, 0, "test", NULL);
    free(copy);
    return st == OK ? d : NULL;
}

static json_doc *parse(const char *text) { return parse_n(text, strlen(text)); }

static bool accepts(const char *text) {
    json_doc *d = parse(text);
    json_free(d);
    return d != NULL;
}

/* What json_write makes of a text; "" if it is refused. */
static const char *rewritten_n(const char *text, size_t n) {
    static char out[4096];
    buf b = {0};
    json_doc *d = parse_n(text, n);
    if (d) json_write(&b, json_root(d));
    snprintf(out, sizeof out, "%s", b.data ? b.data : "");
    buf_free(&b);
    json_free(d);
    return out;
}

static const char *rewritten(const char *text) { return rewritten_n(text, strlen(text)); }

#define SAME(text, want)                                                                           \
    CHECK_SAY(!strcmp(rewritten(text), want), "%s -> %s", text, rewritten(text))

TEST(what_the_grammar_has_is_accepted) {
    static const char *const good[] = {
        "0", "-0", "1.5", "1e5", "1E+5", "-1.5e-7", "\"\"", "\"a\\u00e9\\n\\/\"", "[]", "{}",
        " \t\r\n[ 1 , 2 ] ", "{\"a\":1,\"b\":[{}]}", "true", "false", "null", "[[[]]]",
        "\"\\ud83d\\ude00\"", "\"\\u0000\"", "123456789012345678901234567890", "1e308", "1e-999",
        "\"\x7f\"", "\"\xf0\x9f\x98\x80\"", "{\"\":0}"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        CHECK_SAY(accepts(good[i]), "%s", good[i]);
}

TEST(what_the_grammar_has_not_is_refused) {
    static const char *const wrong[] = {
        "", " ", "nul", "nulll", "True", "NaN", "Infinity", "-Infinity", "-", "+1", "01", "-01",
        ".5", "1.", "1.e5", "1e", "1e+", "0x10", "1 2", "[1,]", "[,1]", "[1 2]", "[", "]", "{",
        "}", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{,}", "{a:1}", "{'a':1}", "{1:1}", "{\"a\" 1}",
        "'a'", "\"", "\"a", "\"\\", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"\\u", "\"\n\"",
        "\"\t\"", "\"\x01\"", "/**/1", "1//", "[1]]", "\"\xff\"", "\"\xc0\x80\"",
        "\"\xed\xa0\x80\"", "\"\xf0\x9f\x98\"", "\xef\xbb\xbf{}", "\f1", "1e999", "-1e999",
        "[1e400]"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        CHECK_SAY(!accepts(wrong[i]), "%s", wrong[i]);
    CHECK(!parse_n("1\0", 2));
    CHECK(!parse_n("\"a\0b\"", 5));
    CHECK(!parse_n("\0", 1));
}

TEST(every_cut_of_a_text_is_refused_without_reading_beyond_it) {
    static const char text[] =
        "{\"a\": [1.5e3, -20, true, false, null, \"x\\u00e9\\ud83d\\ude00\"]}";
    for (size_t n = 0; n < sizeof text - 1; n++) CHECK_SAY(!parse_n(text, n), "cut at %zu", n);
    CHECK(accepts(text));
}

TEST(errors_name_the_text_and_the_byte) {
    json_doc *d = NULL;
    err e = {0};
    CHECK(json_parse(&d, "[1, x]", 6, 0, "request body", &e) == E_FORMAT);
    CHECK(strstr(e.text, "request body: byte 4:"));
    CHECK(!d);
}

TEST(nesting_is_limited_where_the_caller_says) {
    enum { N = 500000 };
    char *deep = malloc(N);
    json_doc *d = NULL;
    err e = {0};
    memset(deep, '[', N);
    CHECK(json_parse(&d, deep, N, 256, "t", &e) == E_LIMIT);
    CHECK(json_parse(&d, deep, N, UINT32_MAX, "t", &e) == E_LIMIT);
    for (size_t i = 0; i < N; i += 5) memcpy(deep + i, "{\"\":", 4), deep[i + 4] = ' ';
    CHECK(json_parse(&d, deep, N, UINT32_MAX, "t", &e) == E_LIMIT);
    memset(deep, '[', 256);
    memset(deep + 256, ']', 256);
    CHECK(json_parse(&d, deep, 512, 256, "t", &e) == OK);
    json_free(d);
    CHECK(json_parse(&d, deep, 512, 255, "t", &e) == E_LIMIT);
    memset(deep, '[', 1000);
    memset(deep + 1000, ']', 1000);
    CHECK(json_parse(&d, deep, 2000, 5000, "t", &e) == OK);
    buf b = {0};
    json_write(&b, json_root(d));
    CHECK(b.n == 2000);
    buf_free(&b);
    json_free(d);
    free(deep);
}

TEST(the_text_form_is_the_one_prompts_use) {
    SAME("{ \"b\":1,\"a\" : [ ] ,\"c\":{}}", "{\"b\": 1, \"a\": [], \"c\": {}}");
    SAME("[1,2,[3,true,false,null]]", "[1, 2, [3, true, false, null]]");
    SAME("\"\\u00e9\\/\\u2028\\u007f\"", "\"\xc3\xa9/\xe2\x80\xa8\x7f\"");
    SAME("\"\\u0000\\u0001\\b\\f\\n\\r\\t\\u001f\\\"\\\\\"",
         "\"\\u0000\\u0001\\b\\f\\n\\r\\t\\u001f\\\"\\\\\"");
    SAME("\"\\ud83d\\ude00\"", "\"\xf0\x9f\x98\x80\"");
}

TEST(lone_surrogates_become_the_replacement_character) {
    SAME("\"\\ud800\"", "\"\xef\xbf\xbd\"");
    SAME("\"\\udc00x\"", "\"\xef\xbf\xbdx\"");
    SAME("\"\\ud800\\ud83d\\ude00\"", "\"\xef\xbf\xbd\xf0\x9f\x98\x80\"");
    SAME("\"\\ud800\\n\"", "\"\xef\xbf\xbd\\n\"");
    SAME("\"\\ud800\\u0041\"", "\"\xef\xbf\xbd"
                               "A\"");
}

TEST(integers_are_written_as_they_came) {
    SAME("123456789012345678901234567890", "123456789012345678901234567890");
    SAME("-9223372036854775809", "-9223372036854775809");
    SAME("18446744073709551616", "18446744073709551616");
    SAME("-0", "0");
    SAME("[-0, 10, -1]", "[0, 10, -1]");
}

TEST(reals_are_written_in_their_shortest_form) {
    static const char *const pairs[][2] = {
        {"1.0", "1.0"}, {"1.50", "1.5"}, {"0.001", "0.001"}, {"0.0001", "0.0001"},
        {"0.00001", "1e-05"}, {"1e-7", "1e-07"}, {"1e16", "1e+16"},
        {"1e15", "1000000000000000.0"}, {"1e5", "100000.0"}, {"-0.0", "-0.0"}, {"0.1", "0.1"},
        {"1.7976931348623157e308", "1.7976931348623157e+308"}, {"5e-324", "5e-324"},
        {"2.2250738585072014e-308", "2.2250738585072014e-308"}, {"123.456", "123.456"},
        {"9007199254740993.0", "9007199254740992.0"}, {"1e22", "1e+22"},
        {"123456789.123", "123456789.123"}, {"1e-999", "0.0"},
        {"12345678901234567.0", "1.2345678901234568e+16"}, {"-2.5e-10", "-2.5e-10"},
        {"1e100", "1e+100"}, {"7.120236347223045e-307", "7.120236347223045e-307"}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) SAME(pairs[i][0], pairs[i][1]);
}

TEST(the_locale_of_the_program_changes_nothing) {
    const char *const names[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE"};
    bool any = false;
    for (size_t i = 0; !any && i < 3; i++) any = setlocale(LC_NUMERIC, names[i]) != NULL;
    if (!any) SKIP("no locale with a decimal comma is installed");
    SAME("[1.5, 1e-7]", "[1.5, 1e-07]");
    setlocale(LC_NUMERIC, "C");
}

TEST(a_repeated_key_keeps_its_first_place_and_its_last_value) {
    SAME("{\"a\":1,\"b\":2,\"a\":3,\"a\":[4]}", "{\"a\": [4], \"b\": 2}");
    SAME("{\"a\":1,\"a\":\"\"}", "{\"a\": \"\"}");
}

/* Objects of every size around the index, with keys repeated at random, against a plain list. */
TEST(large_objects_with_repeated_keys_find_every_key) {
    uint32_t seed = 1;
    for (int n = 0; n < 60; n++) {
        for (int alphabet = 1; alphabet < 70; alphabet += 7) {
            int order[80], value[80], kept = 0;
            buf b = {0};
            buf_char(&b, '{');
            for (int i = 0; i < n; i++) {
                seed = seed * 1664525u + 1013904223u;
                const int key = (int)(seed >> 8) % alphabet;
                buf_printf(&b, "%s\"k%d\":%d", i ? "," : "", key, i);
                int at = 0;
                while (at < kept && order[at] != key) at++;
                order[at] = key, value[at] = i;
                kept += at == kept;
            }
            buf_char(&b, '}');
            json_doc *d = parse_n(b.data, b.n);
            REQUIRE(d);
            const json *o = json_root(d);
            CHECK(json_count(o) == (size_t)kept);
            for (int i = 0; i < kept; i++) {
                char key[16];
                const char *k = NULL;
                size_t kn = 0;
                const json *v = NULL;
                int64_t got = -1;
                snprintf(key, sizeof key, "k%d", order[i]);
                CHECK(json_member(o, (size_t)i, &k, &kn, &v) && kn == strlen(key) &&
                      !strcmp(k, key));
                CHECK(json_i64(v, &got) && got == value[i]);
                CHECK(json_get(o, key) == v);
            }
            CHECK(!json_get(o, "k") && !json_get(o, "k99") && !json_get(o, ""));
            CHECK(!json_member(o, (size_t)kept, NULL, NULL, NULL));
            json_free(d);
            buf_free(&b);
        }
    }
}

TEST(nul_is_data_in_strings_and_keys) {
    json_doc *d = parse("{\"a\\u0000b\": \"x\\u0000y\", \"a\": 1}");
    REQUIRE(d);
    size_t n = 0;
    const char *s = json_text(json_find(json_root(d), "a\0b", 3), &n);
    CHECK(s && n == 3 && !memcmp(s, "x\0y", 4));
    CHECK(json_type(json_get(json_root(d), "a")) == JSON_INT);
    json_free(d);
    SAME("{\"a\\u0000b\": \"\\u0000\"}", "{\"a\\u0000b\": \"\\u0000\"}");
}

TEST(numbers_are_read_only_when_they_fit) {
    json_doc *d =
        parse("[9223372036854775807, 9223372036854775808, -9223372036854775808, "
              "-9223372036854775809, 18446744073709551615, 18446744073709551616, 3.0, 1e3, "
              "1.5, 1e19, -1, \"1\", -0, 1e20, -9223372036854775808.0, -0.0]");
    REQUIRE(d);
    const json *a = json_root(d);
    int64_t i = 7;
    uint64_t u = 7;
    double f = 7;
    CHECK(json_i64(json_at(a, 0), &i) && i == INT64_MAX);
    CHECK(!json_i64(json_at(a, 1), &i) && i == INT64_MAX);
    CHECK(json_u64(json_at(a, 1), &u) && u == (uint64_t)1 << 63);
    CHECK(json_i64(json_at(a, 2), &i) && i == INT64_MIN);
    CHECK(!json_i64(json_at(a, 3), &i) && !json_u64(json_at(a, 3), &u));
    CHECK(json_u64(json_at(a, 4), &u) && u == UINT64_MAX);
    CHECK(!json_u64(json_at(a, 5), &u) && json_f64(json_at(a, 5), &f) &&
          f == 18446744073709551616.0);
    CHECK(json_i64(json_at(a, 6), &i) && i == 3 && json_u64(json_at(a, 7), &u) && u == 1000);
    CHECK(!json_i64(json_at(a, 8), &i) && json_f64(json_at(a, 8), &f) && f == 1.5);
    CHECK(!json_i64(json_at(a, 9), &i) && json_u64(json_at(a, 9), &u) &&
          u == 10000000000000000000u);
    CHECK(!json_u64(json_at(a, 10), &u) && json_i64(json_at(a, 10), &i) && i == -1);
    CHECK(!json_i64(json_at(a, 11), &i) && !json_f64(json_at(a, 11), &f));
    CHECK(json_u64(json_at(a, 12), &u) && u == 0);
    CHECK(!json_u64(json_at(a, 13), &u));
    CHECK(json_i64(json_at(a, 14), &i) && i == INT64_MIN);
    CHECK(json_u64(json_at(a, 15), &u) && u == 0);
    CHECK(!json_at(a, 16) && !json_i64(NULL, &i) && !json_bool(NULL, NULL) && !json_text(a, NULL));
    json_free(d);
}

static bool equal(const char *a, const char *b) {
    json_doc *x = parse(a), *y = parse(b);
    const bool same = x && y && json_equal(json_root(x), json_root(y));
    json_free(x);
    json_free(y);
    return same;
}

TEST(equality_is_of_values_not_of_texts) {
    CHECK(equal("{\"a\":1,\"b\":[2.0,\"\\u0041\"]}", "{\"b\":[2,\"A\"],\"a\":1}"));
    CHECK(!equal("{\"a\":1}", "{\"a\":1,\"b\":2}") && !equal("{\"a\":1}", "{\"b\":1}"));
    CHECK(!equal("[1,2]", "[2,1]") && !equal("1", "\"1\"") && !equal("true", "false") &&
          equal("null", "null"));
    CHECK(!equal("123456789012345678901", "123456789012345678902") && !equal("[]", "{}"));
}

TEST(invalid_utf8_is_written_as_replacement_characters) {
    buf b = {0};
    json_write_string(&b, "a\xff\xe2\x82z\"\xc3", 7);
    CHECK(!strcmp(b.data, "\"a\xef\xbf\xbd\xef\xbf\xbdz\\\"\xef\xbf\xbd\""));
    buf_free(&b);
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The header of a large model: 70,000 tensors. */
TEST(a_directory_of_70000_entries_is_parsed_and_searched_within_a_second) {
    buf b = {0};
    buf_char(&b, '{');
    for (int i = 0; i < 70000; i++)
        buf_printf(&b,
                   "%s\"model.layers.%d.ffn.experts.%d.w1.weight\":{\"dtype\":\"F8_E4M3\","
                   "\"shape\":[2048,4096],"
                   "\"data_offsets\":[%d,%d]}",
                   i ? "," : "", i / 1000, i, i * 8, i * 8 + 8);
    buf_char(&b, '}');
    REQUIRE(!b.failed);
    const double start = now();
    json_doc *d = parse_n(b.data, b.n);
    REQUIRE(d);
    for (int i = 0; i < 70000; i++) {
        char key[80];
        int64_t at = -1;
        snprintf(key, sizeof key, "model.layers.%d.ffn.experts.%d.w1.weight", i / 1000, i);
        const json *offsets = json_get(json_get(json_root(d), key), "data_offsets");
        CHECK(json_i64(json_at(offsets, 0), &at) && at == i * 8);
    }
    CHECK_SAY(now() - start < 1 * TEST_SLOWNESS, "%.2f s", now() - start);
    json_free(d);
    buf_free(&b);
}

TESTS_MAIN
