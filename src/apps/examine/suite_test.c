/* What is a suite and what is not; and which part of one is taken. */
#include "apps/examine/suite.h"
#include "base/test.h"

#define MESSAGES "\"messages\": [{\"role\": \"user\", \"content\": \"hi\"}]"
#define CASE(id, skill) "{\"id\": \"" id "\", \"skill\": \"" skill "\", " MESSAGES "}\n"

static suite s;
static err why;

static status read_text(const char *text) {
    suite_free(&s);
    return suite_parse(&s, text, strlen(text), "s.jsonl", &why);
}

TEST(a_case_has_what_its_line_says) {
    REQUIRE(read_text("{\"id\": \"a/1\", \"skill\": \"a\", \"thinking\": false, \"max_tokens\": 7, "
                      "\"more\": 1, " MESSAGES
                      ", \"tools\": [{\"type\": \"function\", \"function\": {\"name\": \"f\"}}], "
                      "\"expect\": {\"kind\": \"number\", \"value\": 4}}\n\n \n" CASE("b", "b")) ==
            OK);
    CHECK(s.n == 2 && strcmp(s.at[0].id, "a/1") == 0 && strcmp(s.at[0].skill, "a") == 0);
    CHECK(!s.at[0].thinking && s.at[0].max_tokens == 7 && s.at[0].expect.kind == EXPECT_NUMBER);
    CHECK(chat_tools(s.at[0].chat) == 1);
    CHECK(s.at[1].thinking && s.at[1].max_tokens == 256 && s.at[1].expect.kind == EXPECT_NONE);
    CHECK(!hash128_equal(s.at[0].line, s.at[1].line));
}

TEST(a_history_with_calls_and_results_is_read) {
    CHECK(read_text("{\"id\": \"a\", \"skill\": \"a\", \"messages\": [{\"role\": \"user\", "
                    "\"content\": \"go\"}, "
                    "{\"role\": \"assistant\", \"content\": \"\", \"reasoning_content\": \"well\", "
                    "\"tool_calls\": "
                    "[{\"id\": \"c1\", \"type\": \"function\", \"function\": {\"name\": \"f\", "
                    "\"arguments\": \"{}\"}}]}, "
                    "{\"role\": \"tool\", \"tool_call_id\": \"c1\", \"content\": \"4\"}], "
                    "\"tools\": [{\"type\": \"function\", \"function\": {\"name\": \"f\"}}]}") ==
          OK);
}

TEST(what_is_wrong_is_told_with_its_line) {
#define WITH(rest) CASE("a", "a") "{\"id\": \"b\", \"skill\": \"b\", " rest "}\n" CASE("c", "c")
    static const char *const rows[][2] = {
        {"", "no case"},
        {"\n\n", "no case"},
        {CASE("a", "a") "\nnot json\n", "s.jsonl:3: the line"},
        {CASE("a", "a") "[1]\n", "s.jsonl:2: an object"},
        {"{\"skill\": \"b\", " MESSAGES "}", "s.jsonl:1: id:"},
        {"{\"id\": \"\", \"skill\": \"b\", " MESSAGES "}", "s.jsonl:1: id:"},
        {"{\"id\": 5, \"skill\": \"b\", " MESSAGES "}", "s.jsonl:1: id:"},
        {"{\"id\": \"b\\u0000c\", \"skill\": \"b\", " MESSAGES "}", "s.jsonl:1: id:"},
        {"{\"id\": \"b\", " MESSAGES "}", "s.jsonl:1: skill:"},
        {CASE("a", "a") CASE("b", "b") CASE("a", "c"), "the id a"},
        {WITH("\"x\": 1"), "s.jsonl:2: messages: is missing"},
        {WITH("\"messages\": 5"), "s.jsonl:2: messages"},
        {WITH("\"messages\": []"), "s.jsonl:2: messages"},
        {WITH("\"messages\": [{\"role\": \"cook\"}]"), "s.jsonl:2: messages[0].role"},
        {WITH("\"messages\": [{\"role\": \"tool\", \"content\": \"x\", \"tool_call_id\": \"c\"}]"),
         "s.jsonl:2: messages[0].tool_call_id"},
        {WITH(MESSAGES ", \"tools\": [{\"type\": \"function\", \"function\": {}}]"),
         "s.jsonl:2: tools[0].function.name"},
        {WITH(MESSAGES ", \"thinking\": 1"), "s.jsonl:2: thinking"},
        {WITH(MESSAGES ", \"max_tokens\": 0"), "s.jsonl:2: max_tokens"},
        {WITH(MESSAGES ", \"max_tokens\": 65537"), "s.jsonl:2: max_tokens"},
        {WITH(MESSAGES ", \"max_tokens\": \"9\""), "s.jsonl:2: max_tokens"},
        {WITH(MESSAGES ", \"expect\": {}"), "s.jsonl:2: expect.kind"},
        {WITH(MESSAGES ", \"expect\": 5"), "s.jsonl:2: expect.kind"},
        {WITH(MESSAGES ", \"expect\": {\"kind\": \"guess\"}"), "s.jsonl:2: expect.kind"},
        {WITH(MESSAGES ", \"expect\": {\"kind\": \"number\"}"), "s.jsonl:2: expect.value"},
        {WITH(MESSAGES ", \"expect\": {\"kind\": \"number\", \"value\": \"4\"}"),
         "s.jsonl:2: expect.value"},
        {WITH(MESSAGES ", \"expect\": {\"kind\": \"exact\", \"value\": 4}"),
         "s.jsonl:2: expect.value"},
        {WITH(MESSAGES ", \"expect\": {\"kind\": \"regex\", \"value\": \"(\"}"),
         "'(' is no regular expression"},
        {WITH(MESSAGES ", \"expect\": {\"kind\": \"regex\", \"value\": \"a\\u0000\"}"),
         "s.jsonl:2: expect.value"},
        {WITH(MESSAGES ", \"expect\": {\"kind\": \"regex\", \"value\": \"((a{99}){1,99}){2}\"}"),
         "more than 10000"},
        {WITH(MESSAGES
              ", \"expect\": {\"kind\": \"regex\", \"value\": \"a{99999999999999999999}\"}"),
         "more than 10000"},
        {WITH(MESSAGES ", \"expect\": {\"kind\": \"calls\"}"), "s.jsonl:2: expect.value"},
        {WITH(MESSAGES ", \"expect\": {\"kind\": \"calls\", \"value\": []}"),
         "s.jsonl:2: expect.value"},
        {WITH(MESSAGES ", \"expect\": {\"kind\": \"calls\", \"value\": [{\"name\": \"f\"}]}"),
         "expect.value[0]"},
        {WITH(MESSAGES ", \"expect\": {\"kind\": \"calls\", \"value\": [{\"name\": \"f\", "
                       "\"arguments\": \"{}\"}]}"),
         "expect.value[0]"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CHECK_SAY(read_text(rows[i][0]) != OK, "%s", rows[i][0]);
        CHECK_SAY(strstr(why.text, rows[i][1]), "%s -> %s", rows[i][0], why.text);
        CHECK(s.n == 0);
    }
}

TEST(a_suite_cut_anywhere_is_read_or_refused) {
    static const char text[] =
        "{\"id\": \"a\", \"skill\": \"a\", " MESSAGES
        ", \"expect\": {\"kind\": \"regex\", \"value\": \"a\"}}\n" CASE("b", "b");
    for (size_t n = 0; n < sizeof text; n++) {
        char *copy = malloc(n ? n : 1);
        memcpy(copy, text, n);
        suite_free(&s);
        if (suite_parse(&s, copy, n, "s", &why) == OK) CHECK(s.n >= 1);
        free(copy);
    }
}

TEST(skills_are_meant_by_a_prefix_or_a_pattern) {
    CHECK(skill_matches("arith.add2", "arith") && skill_matches("arith.add2", "arith.add2"));
    CHECK(skill_matches("arith.add2", "") && !skill_matches("arith.add", "arith.add2"));
    CHECK(!skill_matches("arith.add2", "add2") && skill_matches("arith.add2", "*add2"));
    CHECK(skill_matches("recall.pair.4k", "recall.*.4k") &&
          !skill_matches("recall.pair.4k", "recall.*.2k"));
}

static const char *all_ids(void) {
    static char out[1000];
    out[0] = 0;
    for (size_t i = 0; i < s.n; i++) strcat(strcat(out, s.at[i].id), " ");
    return out;
}

static void read_twenty(void) {
    char text[4000] = "", line[200];
    for (int i = 0; i < 20; i++) {
        snprintf(line, sizeof line, "{\"id\": \"%02d\", \"skill\": \"%s\", " MESSAGES "}\n", i,
                 i % 2 ? "odd" : "even");
        strcat(text, line);
    }
    CHECK(read_text(text) == OK && s.n == 20);
}

TEST(a_part_keeps_its_order) {
    read_twenty();
    suite_only(&s, (const char *const[]){"even", "none"}, 2);
    suite_limit(&s, 3);
    CHECK_SAY(strcmp(all_ids(), "00 02 04 ") == 0, "%s", all_ids());
    suite_limit(&s, 100);
    CHECK(s.n == 3);
    suite_only(&s, (const char *const[]){"odd"}, 1);
    CHECK(s.n == 0);
}

TEST(a_sample_depends_on_its_seed_alone) {
    char first[100], other[100];
    read_twenty();
    suite_sample(&s, 6, 1);
    snprintf(first, sizeof first, "%s", all_ids());
    CHECK(s.n == 6);
    for (size_t i = 1; i < s.n; i++) CHECK(strcmp(s.at[i - 1].id, s.at[i].id) < 0);
    read_twenty();
    suite_sample(&s, 6, 2);
    snprintf(other, sizeof other, "%s", all_ids());
    CHECK(strcmp(first, other) != 0);
    read_twenty();
    suite_sample(&s, 9, 1);
    suite_sample(&s, 6, 1);
    CHECK_SAY(strcmp(first, all_ids()) == 0, "%s, %s", first, all_ids());
    suite_sample(&s, 100, 1);
    CHECK(s.n == 6);
    suite_free(&s);
}

TESTS_MAIN
