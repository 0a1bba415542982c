/* What passes and what does not: numbers in prose, calls as JSON, and the form of an answer. */
#include "apps/examine/grade.h"
#include "base/test.h"

#define DSML                                                                                       \
    "\xef\xbd\x9c"                                                                                 \
    "DSML"                                                                                         \
    "\xef\xbd\x9c"
#define EOS                                                                                        \
    "<\xef\xbd\x9c"                                                                                \
    "end\xe2\x96\x81of\xe2\x96\x81sentence\xef\xbd\x9c>"

/* ------------------------------------------------------------------ numbers */

static bool number_is(const char *text, const char *wanted) {
    char got[64] = "none";
    if (!last_number(text, strlen(text), got, sizeof got)) strcpy(got, "none");
    if (strcmp(got, wanted) == 0) return true;
    fprintf(stderr, "'%s' -> %s, not %s\n", text, got, wanted);
    return false;
}

TEST(the_last_number_of_a_text_is_found) {
    static const char *const rows[][2] = {
        {"42", "42"},
        {"17 + 25 = 42.", "42"},
        {"It is 42, not 43", "43"},
        {"no digits", "none"},
        {"", "none"},
        {"-7", "-7"},
        {"= -7.", "-7"},
        {"(-7)", "-7"},
        {"10-3", "3"},
        {"10 - 3", "3"},
        {"f(2)-3", "3"},
        {"a-3", "3"},
        {"+5", "5"},
        {"- 5", "5"},
        {"minus \xe2\x88\x92"
         "5",
         "-5"},
        {"1,234", "1234"},
        {"1,234,567 km", "1234567"},
        {"1, 2, 3", "3"},
        {"1,23", "23"},
        {"1,2345", "2345"},
        {"1234,567", "567"},
        {"0,123", "123"},
        {"3.50", "3.5"},
        {"3.", "3"},
        {"-0.50", "-0.5"},
        {".5", "0.5"},
        {"-.5", "-0.5"},
        {"-0", "0"},
        {"-0.0", "0"},
        {"007", "7"},
        {"1,234.50", "1234.5"},
        {"about 12% of it", "12"},
        {"file2 has 9 lines, as has file3", "9"},
        {"x_4", "none"},
        {"x=4", "4"},
        {"$4.20", "4.2"},
        {"1.2.3", "3"},
        {"5km", "5"},
        {"12345678901234567890123", "12345678901234567890123"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        CHECK(number_is(rows[i][0], rows[i][1]));
}

TEST(a_number_is_written_whole_or_not_at_all) {
    char out[6] = "none", long_one[2000];
    CHECK(last_number("12345", 5, out, 6) && strcmp(out, "12345") == 0);
    CHECK(!last_number("123456", 6, out, 6));
    CHECK(!last_number("-12345", 6, out, 6));
    memset(long_one, '9', sizeof long_one);
    char wide[3000];
    CHECK(!last_number(long_one, sizeof long_one, wide, sizeof wide));
    long_one[0] = '.';
    CHECK(!last_number(long_one, sizeof long_one, wide, sizeof wide));
}

/* However a text is cut off, nothing behind it is read. */
TEST(no_byte_behind_the_text_counts) {
    static const char text[] = "-1,234.567 and .5";
    for (size_t n = 0; n < sizeof text; n++) {
        char *copy = malloc(n ? n : 1), out[40];
        memcpy(copy, text, n);
        last_number(copy, n, out, sizeof out);
        leaked(copy, n);
        free(copy);
    }
    char out[40];
    CHECK(last_number(text, 4, out, sizeof out) && strcmp(out, "2") == 0);
    CHECK(last_number(text, 6, out, sizeof out) && strcmp(out, "-1234") == 0);
}

/* ------------------------------------------------------------------ answers */

#define TOOLS                                                                                      \
    "[{\"type\": \"function\", \"function\": {\"name\": \"add\", \"parameters\": {\"type\": "      \
    "\"object\", \"properties\": {\"a\": {\"type\": \"integer\"}}}}}, {\"type\": \"function\", "   \
    "\"function\": {\"name\": \"look\"}}]"

/* The verdict on an answer of these bytes, to a question that expects this. */
static verdict judge_as(const char *expect, bool thinking, const char *raw, turn_end end) {
    verdict v = {0};
    suite s = {0};
    buf line = {0};
    err e = {0};
    answer a = {.end = end, .made = 9, .prompt = 5};
    reply *r = NULL;
    buf_printf(&line,
               "{\"id\": \"a\", \"skill\": \"s\", \"thinking\": %s, \"messages\": [{\"role\": "
               "\"user\", \"content\": \"?\"}], \"tools\": " TOOLS ", \"expect\": %s}",
               thinking ? "true" : "false", expect);
    if (suite_parse(&s, line.data, line.n, "test", &e) != OK ||
        reply_new(&r, &(reply_options){.thinking = thinking, .chat = s.at[0].chat}, &e) != OK) {
        fprintf(stderr, "%s\n", e.text);
        test_bad++;
        return v;
    }
    reply_feed(r, raw, strlen(raw));
    reply_end(r, end == TURN_LENGTH, &e);
    reply_collect(r, &a.m);
    buf_str(&a.raw, raw);
    CHECK(grade(&v, &s.at[0], &a, &e) == OK);
    reply_free(r);
    answer_free(&a);
    suite_free(&s);
    buf_free(&line);
    return v;
}

/* Of an answer that is well-formed but for what it says. */
static bool holds(const char *expect, const char *text) {
    char raw[1000];
    snprintf(raw, sizeof raw, "%s" EOS, text);
    const verdict v = judge_as(expect, false, raw, TURN_STOP);
    CHECK_SAY(v.form, "%s: %s", text, v.why);
    CHECK(v.expected == (v.why[0] == 0));
    return v.expected;
}

TEST(numbers_are_equal_by_value) {
    CHECK(holds("{\"kind\": \"number\", \"value\": 42}", "17 + 25 = 42."));
    CHECK(holds("{\"kind\": \"number\", \"value\": 42}", "42.0"));
    CHECK(holds("{\"kind\": \"number\", \"value\": 42.0}", "42"));
    CHECK(holds("{\"kind\": \"number\", \"value\": 4.2e1}", "42"));
    CHECK(holds("{\"kind\": \"number\", \"value\": -1234.5}", "It is -1,234.50"));
    CHECK(holds("{\"kind\": \"number\", \"value\": 0.1}", "0.1"));
    CHECK(holds("{\"kind\": \"number\", \"value\": 0}", "-0"));
    CHECK(!holds("{\"kind\": \"number\", \"value\": 42}", "43 and 42, so 43"));
    CHECK(!holds("{\"kind\": \"number\", \"value\": 42}", "-42"));
    CHECK(!holds("{\"kind\": \"number\", \"value\": 42}", "4.2"));
    CHECK(!holds("{\"kind\": \"number\", \"value\": 42}", "forty-two"));
    CHECK(!holds("{\"kind\": \"number\", \"value\": 0.5}", "0.51"));
    /* beyond what a double tells apart */
    CHECK(holds("{\"kind\": \"number\", \"value\": 9007199254740993}", "9007199254740993"));
    CHECK(!holds("{\"kind\": \"number\", \"value\": 9007199254740993}", "9007199254740992"));
}

TEST(texts_are_compared_as_their_kind_says) {
    CHECK(holds("{\"kind\": \"exact\", \"value\": \"a b\"}", " \n a b\t"));
    CHECK(!holds("{\"kind\": \"exact\", \"value\": \"a b\"}", "A b"));
    CHECK(!holds("{\"kind\": \"exact\", \"value\": \"a b\"}", "a b."));
    CHECK(holds("{\"kind\": \"exact\", \"value\": \"\"}", ""));
    CHECK(holds("{\"kind\": \"contains\", \"value\": \"PARIS\"}", "In Paris."));
    CHECK(!holds("{\"kind\": \"contains\", \"value\": \"Paris\"}", "Pari"));
    CHECK(holds("{\"kind\": \"regex\", \"value\": \"^(yes|no)[.]?$\"}", " yes.\n"));
    CHECK(!holds("{\"kind\": \"regex\", \"value\": \"^(yes|no)[.]?$\"}", "yes, no"));
    CHECK(!holds("{\"kind\": \"regex\", \"value\": \"^yes$\"}", "Yes"));
    CHECK(holds("{\"kind\": \"none\"}", "whatever"));
    CHECK(holds("null", ""));
}

/* ------------------------------------------------------------------ calls */

#define CALL(name, parameters)                                                                     \
    "<" DSML "invoke name=\"" name "\">\n" parameters "</" DSML "invoke>\n"
#define BLOCK(calls) "\n\n<" DSML "tool_calls>\n" calls "</" DSML "tool_calls>" EOS
#define NUMBER(name, value)                                                                        \
    "<" DSML "parameter name=\"" name "\" string=\"false\">" value "</" DSML "parameter>\n"
#define WORD(name, value)                                                                          \
    "<" DSML "parameter name=\"" name "\" string=\"true\">" value "</" DSML "parameter>\n"
#define WANTS(calls) "{\"kind\": \"calls\", \"value\": [" calls "]}"
#define ADD_5 "{\"name\": \"add\", \"arguments\": {\"a\": 5}}"

static bool calls_hold(const char *expect, const char *raw) {
    const verdict v = judge_as(expect, false, raw, TURN_CALLS);
    CHECK_SAY(v.form, "%s", v.why);
    return v.expected;
}

TEST(calls_are_compared_as_json) {
    CHECK(calls_hold(WANTS(ADD_5), BLOCK(CALL("add", NUMBER("a", "5")))));
    CHECK(calls_hold(WANTS(ADD_5), BLOCK(CALL("add", NUMBER("a", "5.0")))));
    CHECK(calls_hold(WANTS(ADD_5), "I add." BLOCK(CALL("add", NUMBER("a", "5")))));
    CHECK(calls_hold(WANTS("{\"name\": \"look\", \"arguments\": {\"x\": \"1\", \"y\": [1, {\"p\": "
                           "2, \"q\": null}]}}"),
                     BLOCK(CALL("look", NUMBER("y", "[1,{\"q\":null,\"p\":2}]") WORD("x", "1")))));
    CHECK(calls_hold(WANTS("{\"name\": \"look\", \"arguments\": {}}"), BLOCK(CALL("look", ""))));
    CHECK(calls_hold(WANTS(ADD_5 ", {\"name\": \"look\", \"arguments\": {}}"),
                     BLOCK(CALL("add", NUMBER("a", "5")) CALL("look", ""))));

    CHECK(!calls_hold(WANTS(ADD_5), BLOCK(CALL("add", NUMBER("a", "6")))));
    CHECK(!calls_hold(WANTS(ADD_5), BLOCK(CALL("add", WORD("a", "5")))));
    CHECK(!calls_hold(WANTS(ADD_5), BLOCK(CALL("add", NUMBER("a", "5") NUMBER("b", "1")))));
    CHECK(!calls_hold(WANTS(ADD_5), BLOCK(CALL("look", NUMBER("a", "5")))));
    CHECK(!calls_hold(WANTS(ADD_5), BLOCK(CALL("add", NUMBER("a", "5")) CALL("look", ""))));
    CHECK(!calls_hold(WANTS(ADD_5), "5" EOS));
    CHECK(!calls_hold(WANTS(ADD_5 ", {\"name\": \"look\", \"arguments\": {}}"),
                      BLOCK(CALL("look", "") CALL("add", NUMBER("a", "5")))));
}

/* ------------------------------------------------------------------ form */

static bool has_form(const char *expect, bool thinking, const char *raw, turn_end end,
                     const char *why) {
    const verdict v = judge_as(expect, thinking, raw, end);
    CHECK_SAY(why ? !v.form && strstr(v.why, why) : v.form && !v.why[0], "%s: found '%s'", raw,
              v.why);
    return v.form;
}

TEST(an_answer_ends_by_itself) {
    CHECK(has_form("null", false, "yes" EOS, TURN_STOP, NULL));
    CHECK(!has_form("null", false, "yes", TURN_LENGTH, "length after 9 tokens"));
    CHECK(!has_form("null", false, "yes", TURN_GOES_ON, "no room"));
    CHECK(!has_form("null", false, "yes yes", TURN_LOOP, "loop"));
}

TEST(thinking_is_where_it_was_asked_for) {
    CHECK(has_form("null", true, "well</think>yes" EOS, TURN_STOP, NULL));
    CHECK(!has_form("null", true, "</think>yes" EOS, TURN_STOP, "no reasoning"));
    CHECK(!has_form("null", true, " \n</think>yes" EOS, TURN_STOP, "no reasoning"));
    CHECK(!has_form("null", true, "well, yes" EOS, TURN_STOP, "</think> was expected"));
    CHECK(!has_form("null", false, "<think>well</think>yes" EOS, TURN_STOP, "reasoning where"));
    CHECK(!has_form("null", false, "well</think>yes" EOS, TURN_STOP, "control token"));
    CHECK(!has_form("null", true, "<think>well</think>yes" EOS, TURN_STOP, "control token"));
    CHECK(!has_form("null", true, "well</think>yes</think>no" EOS, TURN_STOP, "control token"));
}

TEST(text_spells_no_tags) {
    static const char *const texts[] = {"<think",
                                        "</THINK>",
                                        "<\xef\xbd\x9cUser\xef\xbd\x9c>",
                                        DSML,
                                        "<|im_end|>",
                                        "<invoke name>",
                                        "a </parameter>",
                                        "\xef\xbf\xbd",
                                        "a\xc3",
                                        "bell\a",
                                        "\x7f"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char raw[200];
        snprintf(raw, sizeof raw, "so: %s" EOS, texts[i]);
        const verdict v = judge_as("null", false, raw, TURN_STOP);
        CHECK_SAY(!v.form && v.why[0], "%s", texts[i]);
    }
    CHECK(has_form("null", false, "a < b, b > c | d\n\t<b>f\xc3\xbcr</b>" EOS, TURN_STOP, NULL));
}

TEST(calls_are_of_what_was_offered_and_well_formed) {
    CHECK(has_form(WANTS(ADD_5), false, BLOCK(CALL("add", NUMBER("a", "5"))), TURN_CALLS, NULL));
    CHECK(has_form(WANTS(ADD_5), true, "well</think>" BLOCK(CALL("add", NUMBER("a", "5"))),
                   TURN_CALLS, NULL));
    CHECK(!has_form("null", false, BLOCK(CALL("look", "")), TURN_CALLS, "where none was"));
    CHECK(!has_form(WANTS(ADD_5), false, BLOCK(CALL("sub", NUMBER("a", "5"))), TURN_CALLS,
                    "a call of sub, which was not offered"));
    CHECK(!has_form(WANTS(ADD_5), false, BLOCK(CALL("add", NUMBER("a", "five"))), TURN_CALLS,
                    "no JSON"));
    /* the tolerant reader takes these, the official one does not */
    CHECK(!has_form(WANTS(ADD_5), false,
                    "<" DSML "tool_calls>\n" CALL("add", NUMBER("a", "5")) "</" DSML
                                                                           "tool_calls>" EOS,
                    TURN_CALLS, "control token"));
    CHECK(!has_form(WANTS(ADD_5), false, BLOCK("\n" CALL("add", NUMBER("a", "5"))), TURN_CALLS,
                    "newline were expected"));
}

TEST(the_form_of_a_right_answer_may_be_wrong_and_both_are_told) {
    const verdict v = judge_as("{\"kind\": \"number\", \"value\": 5}", false, "5", TURN_LENGTH);
    CHECK(v.expected && !v.form && !verdict_passed(&v));
    const verdict w = judge_as("{\"kind\": \"number\", \"value\": 5}", false, "6" EOS, TURN_STOP);
    CHECK(!w.expected && w.form && !verdict_passed(&w));
    CHECK_SAY(strcmp(w.why, "expected the number 5, found 6") == 0, "%s", w.why);
}

TEST(reasons_stay_on_one_line) {
    const verdict v = judge_as("{\"kind\": \"exact\", \"value\": \"a\"}", false,
                               "x\ny\xe2\x80\xaez and so on for very long, for very long, for very "
                               "long, for very long, for very long" EOS,
                               TURN_STOP);
    CHECK_SAY(strstr(v.why, "x\\x0ay\\u{202e}z") && strstr(v.why, "..."), "%s", v.why);
}

TESTS_MAIN
