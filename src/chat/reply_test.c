/* reply_test: answers against the official parser's reading, cut everywhere, malformed in every
 * way, and hostile. */
#include "chat/reply.h"

#include <time.h>

#include "base/test.h"
#include "base/utf8.h"
#include "chat/cases.h"
#include "chat/fixtures.h"
#include "chat/templates.h"

#define EOS TOKEN_EOS
#define OPEN "<｜DSML｜tool_calls>\n"
#define CLOSE "</｜DSML｜tool_calls>"
#define CALL(name, inner) "<｜DSML｜invoke name=\"" name "\">\n" inner "</｜DSML｜invoke>\n"
#define STRING(name, value)                                                                        \
    "<｜DSML｜parameter name=\"" name "\" string=\"true\">" value "</｜DSML｜parameter>\n"
#define STRING_OPEN "<｜DSML｜parameter name=\"a\" string=\"true\">"
#define JSON(name, value)                                                                          \
    "<｜DSML｜parameter name=\"" name "\" string=\"false\">" value "</｜DSML｜parameter>\n"

/* ---- what an answer becomes, in one line ----
 *
 * R(thinking) T(text) C(name)A(arguments). or ! if it is not whole ... $finish */

static void trace_event(buf *out, const reply_event *ev, reply_kind *last) {
    static const char *const begin[] = {"R(", "T(", "C(", "A(", "", "$"};
    const bool joins = ev->kind == *last && ev->kind != REPLY_CALL && ev->kind < REPLY_CALL_END;
    if (joins) out->n--; /* the bracket */
    else buf_str(out, begin[ev->kind]);
    if (ev->kind < REPLY_CALL_END) {
        buf_add(out, ev->text, ev->n);
        buf_char(out, ')');
    }
    if (ev->kind == REPLY_CALL_END) buf_char(out, ev->whole ? '.' : '!');
    if (ev->kind == REPLY_END) buf_str(out, reply_finish_name(ev->finish));
    *last = ev->kind;
}

static void drain(reply *r, buf *out, reply_kind *last) {
    reply_event ev;
    while (reply_next(r, &ev)) trace_event(out, &ev, last);
}

/* Feeds pieces that end at a cut, or of `step` bytes if that is not 0. */
static buf trace(const char *p, size_t n, const reply_options *o, size_t cut, size_t step,
                 bool limit) {
    buf out = {0};
    reply *r = NULL;
    reply_kind last = REPLY_END;
    if (reply_new(&r, o, NULL) != OK) exit(1);
    for (size_t at = 0; at < n;) {
        size_t len = step ? step : at < cut ? cut - at : n - at;
        if (len > n - at) len = n - at;
        char *copy = malloc(len); /* exact, so that a sanitizer sees a byte read too far */
        memcpy(copy, p + at, len);
        reply_feed(r, copy, len);
        free(copy);
        drain(r, &out, &last);
        at += len;
    }
    CHECK(reply_end(r, limit, NULL) == OK);
    drain(r, &out, &last);
    CHECK(last == REPLY_END);
    reply_free(r);
    return out;
}

static const char *shown(const char *text, const reply_options *o, bool limit) {
    static char line[8192];
    buf b = trace(text, strlen(text), o, 0, 0, limit);
    snprintf(line, sizeof line, "%s", b.data ? b.data : "");
    buf_free(&b);
    return line;
}

static const reply_options chat_mode = {0}, thinking_mode = {.thinking = true},
                           streaming = {.stream_calls = true};

#define BECOMES(text, want)                                                                        \
    CHECK_SAY(!strcmp(shown(text, &chat_mode, false), want), "\n%s\n-> %s\nnot %s", text,          \
              shown(text, &chat_mode, false), want)
#define THINKS(text, want)                                                                         \
    CHECK_SAY(!strcmp(shown(text, &thinking_mode, false), want), "\n%s\n-> %s\nnot %s", text,      \
              shown(text, &thinking_mode, false), want)

/* ---- fixtures ---- */

/* Arguments as the tolerant reading gives them: JSON in any case. */
static void compare_message(const json *c, const buf *got, bool strict) {
    const char *name = json_text(json_get(c, "name"), NULL);
    const json *want = json_get(c, "expected");
    buf text = {0};
    json_write(&text, want);
    const bool same = text.n == got->n && !memcmp(text.data, got->data, text.n);
    if (!strict && !strcmp(name, "edge-json-invalid-value"))
        CHECK(strstr(got->data, "{\\\"x\\\": \\\"not json\\\"}"));
    else CHECK_SAY(same, "%s: %s\nnot %s", name, got->data, text.data);
    buf_free(&text);
}

TEST(the_official_parsers_answers_are_ours) {
    json_doc *d = fixtures_read("parse.json");
    for (size_t i = 0; i < json_count(json_root(d)); i++) {
        const json *c = json_at(json_root(d), i);
        size_t n = 0;
        const char *text = json_text(json_get(c, "text"), &n);
        const bool thinking = !strcmp(json_text(json_get(c, "thinking_mode"), NULL), "thinking");
        bool refused = false;
        json_bool(json_get(c, "error"), &refused);
        for (int strict = 0; strict < 2; strict++) {
            buf got = {0};
            const status st = case_parse(&got, text, n, thinking, strict, NULL);
            CHECK_SAY((st != OK) == (refused && strict), "%zu", i);
            if (!refused) compare_message(c, &got, strict);
            buf_free(&got);
        }
    }
    json_free(d);
}

static void check_cuts(const char *text, size_t n, const reply_options *o) {
    const buf whole = trace(text, n, o, 0, 0, false);
    for (size_t step = 1; step < 8; step += 2) {
        buf again = trace(text, n, o, 0, step, false);
        CHECK_SAY(again.n == whole.n && !memcmp(again.data, whole.data, whole.n),
                  "steps of %zu: %s\n%s", step, again.data, whole.data);
        buf_free(&again);
    }
    for (size_t cut = 1; cut < n; cut++) {
        buf again = trace(text, n, o, cut, 0, false);
        CHECK_SAY(again.n == whole.n && !memcmp(again.data, whole.data, whole.n),
                  "cut at %zu: %s\n%s", cut, again.data, whole.data);
        buf_free(&again);
    }
    buf_free((buf *)&whole);
}

TEST(events_do_not_depend_on_the_cuts) {
    json_doc *d = fixtures_read("parse.json");
    for (size_t i = 0; i < json_count(json_root(d)); i++) {
        const json *c = json_at(json_root(d), i);
        size_t n = 0;
        const char *text = json_text(json_get(c, "text"), &n);
        const bool thinking = !strcmp(json_text(json_get(c, "thinking_mode"), NULL), "thinking");
        for (int stream = 0; stream < 2; stream++)
            check_cuts(text, n, &(reply_options){.thinking = thinking, .stream_calls = stream});
    }
    json_free(d);
}

/* Control tokens as tokens, the rest as text: the same answer as from the text that spells them. */
TEST(tokens_and_their_spelling_are_read_alike) {
    json_doc *d = fixtures_read("parse.json");
    for (size_t i = 0; i < json_count(json_root(d)); i++) {
        const json *c = json_at(json_root(d), i);
        size_t n = 0;
        const char *text = json_text(json_get(c, "text"), &n);
        const bool thinking = !strcmp(json_text(json_get(c, "thinking_mode"), NULL), "thinking");
        const reply_options o = {.thinking = thinking, .tokens = true};
        buf want = trace(text, n, &(reply_options){.thinking = thinking}, 0, 0, false), got = {0};
        reply *r = NULL;
        reply_kind last = REPLY_END;
        REQUIRE(reply_new(&r, &o, NULL) == OK);
        for (size_t at = 0; at < n;) {
            size_t len = 0;
            for (const char *const *t = template_tokens; *t && !len; t++)
                if (n - at >= strlen(*t) && !memcmp(text + at, *t, strlen(*t))) len = strlen(*t);
            if (len) reply_control(r, text + at, len);
            else reply_feed(r, text + at, 1);
            at += len ? len : 1;
            drain(r, &got, &last);
        }
        CHECK(reply_end(r, false, NULL) == OK);
        drain(r, &got, &last);
        CHECK_SAY(got.n == want.n && !memcmp(got.data, want.data, want.n), "%s\nnot %s", got.data,
                  want.data);
        reply_free(r);
        buf_free(&want);
        buf_free(&got);
    }
    json_free(d);
}

/* ---- thinking ---- */

TEST(thinking_ends_at_the_first_end_or_never) {
    THINKS("a</think>b" EOS, "R(a)T(b)$stop");
    THINKS("a" EOS, "R(a)$stop");
    THINKS("a", "R(a)$stop");
    THINKS("", "$stop");
    THINKS("</think>", "$stop");
    THINKS(" \n</think>\n\nb", "R( \n)T(\n\nb)$stop");
    THINKS("a\n\n" OPEN CALL("f", "") CLOSE EOS, "R(a\n\n" OPEN CALL("f", "") CLOSE ")$stop");
}

TEST(a_leading_think_is_dropped_and_stray_ones_too) {
    THINKS("<think>a</think>b", "R(a)T(b)$stop");
    THINKS("\n <think>a</think>b", "R(a)T(b)$stop");
    THINKS("x<think>a</think>b<think>c</think>d", "R(xa)T(bcd)$stop");
    BECOMES("<think>a</think>b", "R(a)T(b)$stop");
    BECOMES("</think>b", "T(b)$stop");
    BECOMES("b</think>c", "T(bc)$stop");
}

TEST(half_a_tag_is_text_in_the_end) {
    THINKS("a</thi", "R(a</thi)$stop");
    BECOMES("a<｜DSML", "T(a<｜DSML)$stop");
    BECOMES("2 <", "T(2 <)$stop");
    BECOMES("a \n\n<｜DSML｜tool_cal", "T(a \n\n<｜DSML｜tool_cal)$stop");
    BECOMES("<<tool_cal<", "T(<<tool_cal<)$stop");
    BECOMES("a \n", "T(a \n)$stop");
}

TEST(end_tokens_end_the_answer) {
    BECOMES("a" EOS "b", "T(a)$stop");
    BECOMES("a" TOKEN_USER "b", "T(a)$stop");
    BECOMES("a" TOKEN_BOS "b", "T(a)$stop");
    THINKS("a" TOKEN_USER "</think>b", "R(a)$stop");
    BECOMES("a" TOKEN_ASSISTANT "b", "T(a" TOKEN_ASSISTANT "b)$stop");
}

TEST(a_cut_answer_says_so) {
    CHECK(!strcmp(shown("a", &chat_mode, true), "T(a)$length"));
    CHECK(!strcmp(shown("a" EOS, &chat_mode, true), "T(a)$stop"));
    CHECK(!strcmp(shown(OPEN CALL("f", "") CLOSE, &chat_mode, true), "C(f)A({}).$tool_calls"));
    CHECK(!strcmp(shown("a" OPEN, &chat_mode, true), "T(a" OPEN ")$length"));
    CHECK(!strcmp(shown(OPEN CALL("f", "") CLOSE OPEN, &streaming, true),
                  "C(f)A({}).T(" OPEN ")$length"));
}

/* ---- blocks ---- */

TEST(a_block_may_stand_anywhere_in_the_text) {
    BECOMES("a\n\n" OPEN CALL("f", "") CLOSE EOS, "T(a)C(f)A({}).$tool_calls");
    BECOMES("a" OPEN CALL("f", "") CLOSE, "T(a)C(f)A({}).$tool_calls");
    BECOMES("a \n\t\r\n " OPEN CALL("f", "") CLOSE " \n" EOS, "T(a)C(f)A({}).$tool_calls");
    BECOMES(OPEN CALL("f", "") CLOSE "\n\nb", "C(f)A({}).T(\n\nb)$tool_calls");
    BECOMES(OPEN CALL("f", "") CLOSE "\n" OPEN CALL("g", "") CLOSE,
            "C(f)A({}).C(g)A({}).$tool_calls");
    BECOMES("<" OPEN CALL("f", "") CLOSE, "T(<)C(f)A({}).$tool_calls");
    THINKS("t</think>" OPEN CALL("f", "") CLOSE, "R(t)C(f)A({}).$tool_calls");
}

TEST(white_space_between_tags_is_free) {
    BECOMES("<｜DSML｜tool_calls><｜DSML｜invoke name=\"f\"><｜DSML｜parameter name=\"a\" "
            "string=\"true\">x</｜DSML｜parameter></｜DSML｜invoke></｜DSML｜tool_calls>",
            "C(f)A({\"a\": \"x\"}).$tool_calls");
    BECOMES("<｜DSML｜tool_calls  >\n\n  <｜DSML｜invoke   name=\"f\"  >\r\n\t<｜DSML｜parameter\n"
            "name=\"a\"\tstring=\"true\" >x</｜DSML｜parameter >\n </｜DSML｜invoke\n>\n\n"
            "</｜DSML｜tool_calls >",
            "C(f)A({\"a\": \"x\"}).$tool_calls");
}

TEST(attributes_come_in_any_order_and_the_flag_may_be_missing) {
    BECOMES(OPEN CALL("f", "<｜DSML｜parameter string=\"false\" name=\"a\">"
                           "1</｜DSML｜parameter>") CLOSE,
            "C(f)A({\"a\": 1}).$tool_calls");
    BECOMES(OPEN CALL("f", "<｜DSML｜parameter name=\"a\">1</｜DSML｜parameter>") CLOSE,
            "C(f)A({\"a\": \"1\"}).$tool_calls");
    BECOMES(OPEN CALL("f", "<｜DSML｜parameter name=\"a\" string=\"maybe\">"
                           "1</｜DSML｜parameter>") CLOSE,
            "C(f)A({\"a\": \"1\"}).$tool_calls");
    BECOMES(OPEN CALL("f", "<｜DSML｜parameter name='a' type=\"x\" string='false'>"
                           "1</｜DSML｜parameter>") CLOSE,
            "C(f)A({\"a\": 1}).$tool_calls");
    BECOMES(OPEN CALL("f\" x", STRING("a\"b", "1") STRING("c>d", "2")) CLOSE,
            "C(f\" x)A({\"a\\\"b\": \"1\", \"c>d\": \"2\"}).$tool_calls");
    BECOMES(OPEN CALL("", STRING("", "")) CLOSE, "C()A({\"\": \"\"}).$tool_calls");
}

TEST(markers_may_lose_a_bar_or_be_missing) {
    BECOMES("<DSML｜tool_calls>\n<DSML｜invoke name=\"f\">\n"
            "<DSML｜parameter name=\"a\" string=\"true\">x</DSML｜parameter>\n</DSML｜invoke>\n"
            "</DSML｜tool_calls>",
            "C(f)A({\"a\": \"x\"}).$tool_calls");
    BECOMES("<tool_calls><invoke name=\"f\"><parameter name=\"a\">x</parameter><parameter "
            "name=\"b\" string=\"false\">[1]</parameter></invoke></tool_calls>",
            "C(f)A({\"a\": \"x\", \"b\": [1]}).$tool_calls");
    /* Text may speak of weaker tags. */
    BECOMES(OPEN CALL("f", STRING("a", "</parameter></invoke>")) CLOSE,
            "C(f)A({\"a\": \"</parameter></invoke>\"}).$tool_calls");
    BECOMES(OPEN CALL("f", "<｜DSML｜parameter name=\"a\"><parameter name=\"x\">1</parameter>"
                           "</｜DSML｜parameter>") CLOSE,
            "C(f)A({\"a\": \"<parameter name=\\\"x\\\">1</parameter>\"}).$tool_calls");
}

TEST(values_are_json_or_strings) {
    BECOMES(OPEN CALL("f", JSON("a", "1.50") JSON("b", " [1,\n2] ") JSON("c", "\"s\"")) CLOSE,
            "C(f)A({\"a\": 1.50, \"b\":  [1,\n2] , \"c\": \"s\"}).$tool_calls");
    BECOMES(OPEN CALL("f", JSON("a", "nul") JSON("b", "") JSON("c", "NaN")) CLOSE,
            "C(f)A({\"a\": \"nul\", \"b\": \"\", \"c\": \"NaN\"}).$tool_calls");
    BECOMES(OPEN CALL("f", JSON("a", "01") JSON("b", "{\"x\":}") JSON("c", "1 2")) CLOSE,
            "C(f)A({\"a\": \"01\", \"b\": \"{\\\"x\\\":}\", \"c\": \"1 2\"}).$tool_calls");
    BECOMES(OPEN CALL("f", STRING("a", " \n\"q\" \\ <b> & é\t")) CLOSE,
            "C(f)A({\"a\": \" \\n\\\"q\\\" \\\\ <b> & é\\t\"}).$tool_calls");
    BECOMES(OPEN CALL("f", STRING("a", "1") STRING("a", "2")) CLOSE,
            "C(f)A({\"a\": \"1\", \"a\": \"2\"}).$tool_calls");
    BECOMES(OPEN CALL("f", STRING("a", "x" EOS "</think>" TOKEN_USER)) CLOSE EOS,
            "C(f)A({\"a\": \"x" EOS "</think>" TOKEN_USER "\"}).$tool_calls");
}

TEST(the_closing_tag_can_be_written_in_a_value) {
    BECOMES(OPEN CALL("f", STRING("a", "x&lt;/｜DSML｜parameter>y &lt;b> &lt;/ "
                                       "&&lt;/｜DSML｜parameter>&lt;/｜DSML｜para")) CLOSE,
            "C(f)A({\"a\": \"x</｜DSML｜parameter>y &lt;b> &lt;/ &</｜DSML｜parameter>"
            "&lt;/｜DSML｜para\"}).$tool_calls");
}

TEST(parameters_in_a_parameter_are_an_object) {
    BECOMES(OPEN CALL("f", "<｜DSML｜parameter name=\"o\" string=\"false\">\n"
                           STRING("a", "x") JSON("b", "2")
                           "</｜DSML｜parameter>\n" STRING("c", "y")) CLOSE,
            "C(f)A({\"o\": {\"a\": \"x\", \"b\": 2}, \"c\": \"y\"}).$tool_calls");
    BECOMES(OPEN CALL("f", "<｜DSML｜parameter name=\"o\"><｜DSML｜parameter name=\"p\">"
                           JSON("q", "[]") "</｜DSML｜parameter></｜DSML｜parameter>") CLOSE,
            "C(f)A({\"o\": {\"p\": {\"q\": []}}}).$tool_calls");
    BECOMES(OPEN CALL("f", "<｜DSML｜parameter name=\"o\"> \n<｜DSML｜x</｜DSML｜parameter>") CLOSE,
            "C(f)A({\"o\": \" \\n<｜DSML｜x\"}).$tool_calls");
    BECOMES(OPEN CALL("f", "<｜DSML｜parameter name=\"o\"></｜DSML｜parameter>") CLOSE,
            "C(f)A({\"o\": \"\"}).$tool_calls");
}

TEST(an_empty_block_is_no_call) { BECOMES("a\n\n" OPEN CLOSE EOS, "T(a)$stop"); }

TEST(schemas_decide_where_the_flag_does_not) {
    static const char tool[] =
        "{\"name\": \"f\", \"parameters\": {\"type\": \"object\", \"properties\": {"
        "\"s\": {\"type\": \"string\"}, \"n\": {\"type\": \"integer\"}, "
        "\"u\": {\"type\": [\"string\", \"null\"]}, \"o\": {\"type\": \"object\", "
        "\"properties\": {\"i\": {\"type\": [\"integer\", \"null\"]}}}}}}";
    json_doc *d = NULL;
    chat *c = NULL;
    REQUIRE(json_parse(&d, tool, sizeof tool - 1, 0, "tool", NULL) == OK &&
            chat_new(&c, NULL, NULL) == OK);
    CHECK(chat_add_tool(c, json_root(d), NULL) == OK);
    json_free(d);
    const reply_options o = {.chat = c};
#define BARE(name, value) "<｜DSML｜parameter name=\"" name "\">" value "</｜DSML｜parameter>"
    static const char text[] =
        OPEN CALL("f", JSON("s", "12") JSON("s", "\"x\"") JSON("u", "12") JSON("z", "12")
                       BARE("n", "5") BARE("n", "five") BARE("u", "5")
                       BARE("o", BARE("i", " 6"))) CLOSE;
    static const char want[] =
        "C(f)A({\"s\": \"12\", \"s\": \"x\", \"u\": 12, \"z\": 12, \"n\": 5, \"n\": \"five\", "
        "\"u\": \"5\", \"o\": {\"i\":  6}}).$tool_calls";
    CHECK_SAY(!strcmp(shown(text, &o, false), want), "%s\nnot %s", shown(text, &o, false), want);
    check_cuts(text, sizeof text - 1, &o);
    chat_free(c);
}

/* ---- what is no block comes back as it was ---- */

TEST(malformed_blocks_are_text) {
    static const char *const broken[] = {
        "a\n\n" OPEN,
        "a\n\n" OPEN "text" CLOSE,
        OPEN "<｜DSML｜invoke>\n</｜DSML｜invoke>\n" CLOSE,
        OPEN CALL("f", "text") CLOSE,
        OPEN CALL("f", STRING("a", "x")),
        OPEN "<｜DSML｜invoke name=\"f\">\n" STRING("a", "x") CLOSE,
        OPEN CALL("f", "") "</｜DSML｜invoke>" CLOSE,
        OPEN CALL("f", "<｜DSML｜parameter>x</｜DSML｜parameter>") CLOSE,
        OPEN CALL("f", "<｜DSML｜parameter name=a>x</｜DSML｜parameter>") CLOSE,
        OPEN CALL("f", "<｜DSML｜parameter name=\"a\" string=\"true\">x"),
        OPEN "<｜DSML｜call name=\"f\"></｜DSML｜call>" CLOSE,
        OPEN "<｜DSML｜invoke name=\"f\"",
        OPEN "<",
        OPEN "</｜DSML｜tool_calls x>",
        OPEN CALL("f", "<b>") CLOSE,
        OPEN CLOSE OPEN,
        OPEN "<｜DSML｜invoke name=\"f\">\n</｜DSML｜parameter>",
        "<tool_calls> are tags, and so is <invoke name=\"f\">.",
        "<tool_calls>",
        OPEN CALL("f", "<｜DSML｜parameter name=\"o\">" STRING("a", "x")
                       "text</｜DSML｜parameter>") CLOSE};
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        char want[2048];
        const char *visible = !strncmp(broken[i], OPEN CLOSE, sizeof OPEN CLOSE - 1)
                                  ? broken[i] + sizeof OPEN CLOSE - 1
                                  : broken[i];
        snprintf(want, sizeof want, "T(%s)$stop", visible);
        BECOMES(broken[i], want);
        check_cuts(broken[i], strlen(broken[i]), &chat_mode);
        check_cuts(broken[i], strlen(broken[i]), &streaming);
        /* An end token behind it ends it, and is not part of it. */
        char ended[2048];
        snprintf(ended, sizeof ended, "%s" EOS, broken[i]);
        BECOMES(ended, want);
    }
}

TEST(a_block_may_follow_a_broken_one) {
    BECOMES("<tool_calls> like\n\n" OPEN CALL("f", "") CLOSE,
            "T(<tool_calls> like)C(f)A({}).$tool_calls");
    BECOMES(OPEN OPEN CALL("f", "") CLOSE, "T(" OPEN ")C(f)A({}).$tool_calls");
    BECOMES(OPEN "<x<tool_calls><invoke name=\"f\"></invoke></tool_calls>",
            "T(" OPEN "<x)C(f)A({}).$tool_calls");
    BECOMES(OPEN CALL("f", "") CLOSE OPEN "x", "C(f)A({}).T(" OPEN "x)$tool_calls");
}

TEST(a_streamed_call_that_breaks_off_says_so) {
    CHECK(!strcmp(
        shown(OPEN "<｜DSML｜invoke name=\"f\">\n<｜DSML｜parameter name=\"a\" string=\"true\">x",
              &streaming, true),
        "C(f)A({\"a\": \"x)!$length"));
    CHECK(!strcmp(shown(OPEN CALL("f", STRING("a", "x") "text") "rest" EOS, &streaming, false),
                  "C(f)A({\"a\": \"x\")!T(text</｜DSML｜invoke>\nrest)$stop"));
    CHECK(!strcmp(shown("a\n\n" OPEN "text", &streaming, false), "T(a\n\n" OPEN "text)$stop"));
    CHECK(!strcmp(shown(OPEN CALL("f", "") CALL("g", "x"), &streaming, false),
                  "C(f)A({}).C(g)A({)!T(x</｜DSML｜invoke>\n)$tool_calls"));
}

TEST(what_was_read_of_a_streamed_value_is_told_when_it_breaks_off) {
    static const char *const cut[][2] = {
        {STRING_OPEN "x &lt;/｜DS</｜DSML｜para", "\"x &lt;/｜DS</｜DSML｜para"},
        {STRING_OPEN "\xe2\x82", "\"\xef\xbf\xbd"},
        {"<｜DSML｜parameter name=\"a\" string=\"false\"> [1, {\xff</", " [1, {\xef\xbf\xbd</"}};
    for (size_t i = 0; i < sizeof cut / sizeof *cut; i++) {
        char text[400], want[400];
        snprintf(text, sizeof text, OPEN "<｜DSML｜invoke name=\"f\">%s", cut[i][0]);
        snprintf(want, sizeof want, "C(f)A({\"a\": %s)!$stop", cut[i][1]);
        CHECK_SAY(!strcmp(shown(text, &streaming, false), want), "%s\nnot %s",
                  shown(text, &streaming, false), want);
        check_cuts(text, strlen(text), &streaming);
    }
}

TEST(a_block_beyond_the_limit_is_text) {
    const reply_options o = {.block_limit = 200};
    char text[600] =
        "a" OPEN "<｜DSML｜invoke name=\"f\"><｜DSML｜parameter name=\"a\" string=\"true\">",
         want[700];
    const size_t head = strlen(text);
    memset(text + head, 'x', 300);
    text[head + 300] = 0;
    snprintf(want, sizeof want, "T(%s)$stop", text);
    CHECK_SAY(!strcmp(shown(text, &o, false), want), "%s", shown(text, &o, false));
    check_cuts(text, strlen(text), &o);
    check_cuts(text, strlen(text), &(reply_options){.block_limit = 200, .stream_calls = true});
}

TEST(without_calls_a_block_is_text) {
    const reply_options o = {.no_calls = true};
    CHECK(!strcmp(shown("a\n\n" OPEN CALL("f", "") CLOSE EOS, &o, false),
                  "T(a\n\n" OPEN CALL("f", "") CLOSE ")$stop"));
}

TEST(with_tokens_spelling_does_not_count) {
    const reply_options o = {.thinking = true, .tokens = true};
    CHECK(!strcmp(shown("a</think>" EOS "<think>", &o, false), "R(a</think>" EOS "<think>)$stop"));
    const reply_options p = {.tokens = true};
    CHECK(!strcmp(shown(OPEN CALL("f", "") CLOSE EOS, &p, false),
                  "T(" OPEN CALL("f", "") CLOSE EOS ")$stop"));
    reply *r = NULL;
    buf out = {0};
    reply_kind last = REPLY_END;
    REQUIRE(reply_new(&r, &p, NULL) == OK);
    static const char *const pieces[] = {
        "<", TOKEN_DSML, "tool_calls><", TOKEN_DSML, "invoke name=\"f\"><", TOKEN_DSML,
        "parameter name=\"a\" string=\"true\">", "</｜DSML｜parameter>", TOKEN_END_THINK, "</",
        TOKEN_DSML, "parameter></", TOKEN_DSML, "invoke></", TOKEN_DSML, "tool_calls>", EOS,
        "more"};
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        if (!strcmp(pieces[i], TOKEN_DSML) || pieces[i] == pieces[8] || !strcmp(pieces[i], EOS))
            reply_control(r, pieces[i], strlen(pieces[i]));
        else reply_feed(r, pieces[i], strlen(pieces[i]));
    }
    CHECK(reply_stopped(r) && reply_end(r, false, NULL) == OK);
    drain(r, &out, &last);
    CHECK_SAY(!strcmp(out.data, "C(f)A({\"a\": \"</｜DSML｜parameter></think>\"}).$tool_calls"),
              "%s", out.data);
    chat_str tail = {0};
    const replay_mark *marks = NULL;
    size_t n_marks = 0;
    CHECK(reply_tail(r, &tail, &marks, &n_marks) && n_marks == 7 && marks[0].at == 1);
    CHECK(tail.n > 20 && !memcmp(tail.p, "<｜DSML｜tool_calls>", 20));
    reply_free(r);
    buf_free(&out);
}

/* ---- streaming ---- */

/* Whatever has been told at any time is the beginning of what is told in the end, in whole
 * characters. */
TEST(nothing_is_told_too_early_or_too_late) {
    static const char text[] =
        "Grüße 🍀 <b> \n\n<tool_call> 1 < 2\n\n" OPEN CALL("f", STRING("a", "x")) CLOSE EOS;
    buf whole = trace(text, sizeof text - 1, &chat_mode, 0, 0, false);
    for (size_t n = 0; n < sizeof text - 1; n++) {
        reply *r = NULL;
        reply_message m = {0};
        REQUIRE(reply_new(&r, &chat_mode, NULL) == OK);
        reply_feed(r, text, n);
        reply_collect(r, &m);
        const char *told = m.content.data ? m.content.data : "";
        CHECK(utf8_valid(told, m.content.n) && !strncmp(whole.data + 2, told, m.content.n));
        const char *open = strstr(text, "\n\n<｜DSML");
        /* No more waits than white space and the beginning of a tag. */
        if (text + n <= open && n > 0 && text[n - 1] == '>')
            CHECK_SAY(m.content.n == n, "%zu of %zu", m.content.n, n);
        CHECK(m.n_calls == 0 || n >= sizeof text - 1 - (sizeof EOS - 1));
        reply_message_free(&m);
        reply_free(r);
    }
    buf_free(&whole);
}

TEST(arguments_stream_while_they_are_written) {
    reply *r = NULL;
    reply_message m = {0};
    static const char head[] =
        OPEN "<｜DSML｜invoke name=\"f\">\n<｜DSML｜parameter name=\"a\" string=\"true\">one two";
    REQUIRE(reply_new(&r, &streaming, NULL) == OK);
    reply_feed(r, head, sizeof head - 1);
    reply_collect(r, &m);
    REQUIRE(m.n_calls == 1);
    CHECK(!strcmp(m.calls[0].arguments.data, "{\"a\": \"one two") &&
          strlen(m.calls[0].id.data) == 27);
    CHECK(!strncmp(m.calls[0].id.data, "call_", 5));
    reply_message_free(&m);
    reply_free(r);
}

TEST(markup_is_known_while_it_is_written) {
    static const struct {
        const char *piece;
        bool markup; /* behind it */
    } steps[] = {{"text <", false}, {TOKEN_DSML, true}, {"tool_calls>\n<", true},
                 {TOKEN_DSML, true}, {"invoke name=\"f\">\n<", true}, {TOKEN_DSML, true},
                 {"parameter name=\"a\" string=\"true\">", false}, {"value</", false},
                 {TOKEN_DSML, false}, {"parameter>", true}, {"\n</", true}, {TOKEN_DSML, true},
                 {"invoke>\n</", true}, {TOKEN_DSML, true}, {"tool_calls>", false}};
    reply *r = NULL;
    REQUIRE(reply_new(&r, &(reply_options){.tokens = true}, NULL) == OK);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        const char *p = steps[i].piece;
        if (strcmp(p, TOKEN_DSML)) reply_feed(r, p, strlen(p));
        else reply_control(r, p, strlen(p));
        CHECK_SAY(reply_in_markup(r) == steps[i].markup, "behind piece %zu, %s", i, p);
    }
    reply_free(r);
}

TEST(ill_formed_bytes_become_replacement_characters) {
    BECOMES("a\xff\xe2\x82"
            "b\xc3",
            "T(a\xef\xbf\xbd\xef\xbf\xbd"
            "b\xef\xbf\xbd)$stop");
    BECOMES("a\xc3" OPEN CALL("f", STRING("x\xff", "\xe2\x82")) CLOSE,
            "T(a\xef\xbf\xbd)C(f)A({\"x\xef\xbf\xbd\": \"\xef\xbf\xbd\"}).$tool_calls");
    THINKS("\xf0\x9f</think>\x8d", "R(\xef\xbf\xbd)T(\xef\xbf\xbd)$stop");
    static const char text[] =
        "\xf0\x9f\x8d\x80\xff\xef\xbd\x9c" OPEN CALL("f", STRING("a", "\xf0\x9f\x8d\x80\xe2\x82"))
            CLOSE "\xef\xbd";
    check_cuts(text, sizeof text - 1, &chat_mode);
    check_cuts(text, sizeof text - 1, &streaming);
}

/* ---- hostile ---- */

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

TEST(endless_repetitions_take_linear_time_and_are_all_there) {
    static const char *const units[] = {"<tool_calls>",
                                        "<",
                                        " ",
                                        "\n<",
                                        "<tool_calls><\"",
                                        "<think>x",
                                        "<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"f\">",
                                        "<tool_calls><invoke name=\"f\"><parameter name=\"o\">",
                                        "</think>",
                                        "｜",
                                        "<tool_calls><invoke name=\"",
                                        "&lt;/｜DSML｜"};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        const reply_options o = {.block_limit = 1 << 20, .stream_calls = i % 2};
        buf text = {0};
        while (text.n < 500000) buf_str(&text, units[i]);
        const double start = now();
        reply *r = NULL;
        reply_message m = {0};
        REQUIRE(!text.failed && reply_new(&r, &o, NULL) == OK);
        for (size_t at = 0; at < text.n; at += 1000) {
            reply_feed(r, text.data + at, text.n - at < 1000 ? text.n - at : 1000);
            reply_collect(r, &m);
        }
        CHECK(reply_end(r, false, NULL) == OK);
        reply_collect(r, &m);
        CHECK(!m.failed && (m.n_calls > 0 || strstr(units[i], "think>") ||
                            (m.content.n == text.n && !memcmp(m.content.data, text.data, text.n))));
        CHECK_SAY(now() - start < 2 * TEST_SLOWNESS, "%s: %.2f s", units[i], now() - start);
        reply_message_free(&m);
        reply_free(r);
        buf_free(&text);
    }
}

/* ---- lines ---- */

TEST(a_line_gives_a_line) {
    static const char *const pairs[][2] = {
        {"{\"text\": \"a</think>b\", \"thinking_mode\": \"thinking\"}",
         "{\"role\": \"assistant\", \"content\": \"b\", \"reasoning_content\": \"a\", "
         "\"tool_calls\": []}"},
        {"{\"text\": 1, \"thinking_mode\": \"chat\"}",
         "{\"error\": \"text: a string was expected\"}"},
        {"{\"text\": \"\"}", "{\"error\": \"thinking_mode: expected chat or thinking\"}"},
        {"x", "{\"error\": \"line: byte 0: not valid JSON: a value was expected\"}"}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        buf out = {0};
        CHECK(case_parse_line(&out, pairs[i][0], strlen(pairs[i][0]), false, NULL) == OK);
        CHECK_SAY(!strcmp(out.data, pairs[i][1]), "%s", out.data);
        buf_free(&out);
    }
    buf out = {0};
    static const char strict[] = "{\"text\": \"a\", \"thinking_mode\": \"chat\"}";
    CHECK(case_parse_line(&out, strict, sizeof strict - 1, true, NULL) == OK &&
          strstr(out.data, "{\"error\": \"model output: byte 1: "));
    buf_clear(&out);
    static const char render[] = "{\"messages\": [{\"role\": \"user\", \"content\": "
                                 "\"\\u00e9\\n\"}], \"args\": {\"thinking_mode\": \"chat\"}}";
    CHECK(case_render_line(&out, render, sizeof render - 1, NULL) == OK);
    CHECK(!strcmp(out.data, "\"<｜begin▁of▁sentence｜><｜User｜>é\\n<｜Assistant｜></think>\""));
    buf_clear(&out);
    CHECK(case_render_line(&out, "{}", 2, NULL) == OK &&
          !strcmp(out.data, "{\"error\": \"messages: is missing\"}"));
    buf_free(&out);
}

int main(int argc, char **argv) {
    fixtures_find(argv[0]);
    return tests_run(argc, argv);
}
