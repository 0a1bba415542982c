/* A file of results survives what happens to files; and two of them are compared. */
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "apps/examine/compare.h"
#include "apps/examine/results.h"
#include "base/file.h"
#include "base/test.h"

#define MODEL "0123456789abcdef0123456789abcdef"
#define OTHER_MODEL "0123456789abcdef0123456789abcdee"

static suite s;
static char path[2][100];
static err e;

static void start(void) {
    static char root[] = "/tmp/ds4-results.XXXXXX";
    static bool made;
    if (made) return;
    made = true;
    if (!mkdtemp(root)) abort();
    snprintf(path[0], sizeof path[0], "%s/a.jsonl", root);
    snprintf(path[1], sizeof path[1], "%s/b.jsonl", root);
    buf text = {0};
    for (int i = 0; i < 8; i++)
        buf_printf(&text,
                   "{\"id\": \"c/%d\", \"skill\": \"c\", \"messages\": [{\"role\": \"user\", "
                   "\"content\": \"hi\"}]}\n",
                   i);
    if (suite_parse(&s, text.data, text.n, "test", &e) != OK) abort();
    buf_free(&text);
}

/* The line of case i. */
static void add_line(buf *out, size_t i, const char *model, bool passed, const char *words) {
    answer a = {.end = TURN_STOP, .prompt = 9, .made = 3};
    verdict v = {.form = true, .expected = passed};
    snprintf(v.why, sizeof v.why, "%s", passed ? "" : "a \"reason\"");
    buf_str(&a.m.content, words);
    buf_str(&a.raw, words);
    result_write(out, model, &s.at[i], &a, &v);
    answer_free(&a);
}

static void put(const char *name, const buf *b, size_t n) {
    FILE *f = fopen(name, "wb");
    if (!f || fwrite(b->data ? b->data : "", 1, n, f) != n || fclose(f) != 0) abort();
}

static size_t size_of(const char *name) {
    struct stat st;
    return stat(name, &st) == 0 ? (size_t)st.st_size : 0;
}

TEST(a_line_says_all_of_an_answer) {
    start();
    answer a = {.end = TURN_CALLS, .prompt = 9, .made = 3, .seconds = 0.25};
    verdict v = {.form = false, .expected = true, .why = "odd \n"};
    reply_call *call = reply_message_add(&a.m), *odd = reply_message_add(&a.m);
    call = &a.m.calls[0];
    buf_str(&a.m.content, "text \"\n\x01\xff");
    buf_str(&a.raw, "raw");
    buf_str(&call->name, "f");
    buf_str(&call->arguments, "{\"a\":1}");
    buf_str(&odd->arguments, "{no json");
    buf out = {0};
    json_doc *d = NULL;
    result_write(&out, MODEL, &s.at[0], &a, &v);
    REQUIRE(out.n && memchr(out.data, '\n', out.n) == out.data + out.n - 1);
    REQUIRE(json_parse(&d, out.data, out.n, 0, "line", &e) == OK);
    const json *l = json_root(d), *calls = json_get(l, "calls");
    uint64_t n = 0;
    CHECK(strcmp(json_text(json_get(l, "content"), NULL), "text \"\n\x01\xef\xbf\xbd") == 0);
    CHECK(strcmp(json_text(json_get(l, "raw"), NULL), "raw") == 0);
    CHECK(strcmp(json_text(json_get(l, "finish"), NULL), "calls") == 0);
    CHECK(json_u64(json_get(json_get(json_at(calls, 0), "arguments"), "a"), &n) && n == 1);
    CHECK(strcmp(json_text(json_get(json_at(calls, 1), "arguments"), NULL), "{no json") == 0);
    json_free(d);
    buf_free(&out);
    answer_free(&a);
}

TEST(what_is_there_is_found_by_model_and_question) {
    start();
    buf b = {0};
    add_line(&b, 0, MODEL, false, "x");
    add_line(&b, 1, OTHER_MODEL, true, "x");
    add_line(&b, 0, MODEL, true, "y");
    put(path[0], &b, b.n);
    results *r = NULL;
    REQUIRE(results_open(&r, path[0], &e) == OK);
    const record *found = results_find(r, MODEL, s.at[0].line);
    CHECK(found && found->passed && strcmp(found->id, "c/0") == 0); /* the last one */
    CHECK(!results_find(r, MODEL, s.at[1].line));
    CHECK(results_find(r, OTHER_MODEL, s.at[1].line));
    CHECK(!results_find(r, OTHER_MODEL, s.at[0].line) && !results_find(r, MODEL, s.at[2].line));
    results_close(r);
    CHECK(size_of(path[0]) == b.n);
    buf_free(&b);
}

/* Wherever the machine stopped, the next run has all whole lines and goes on behind them. */
TEST(a_file_cut_anywhere_goes_on) {
    start();
    buf b = {0};
    add_line(&b, 0, MODEL, true, "x");
    const size_t first = b.n;
    add_line(&b, 1, MODEL, true, "x");
    for (size_t cut = 0; cut <= b.n; cut++) {
        answer a = {.end = TURN_STOP};
        const verdict v = {.form = true, .expected = true};
        results *r = NULL;
        records all = {0};
        put(path[0], &b, cut);
        REQUIRE(results_open(&r, path[0], &e) == OK);
        CHECK((results_find(r, MODEL, s.at[0].line) != NULL) == (cut >= first));
        CHECK((results_find(r, MODEL, s.at[1].line) != NULL) == (cut == b.n));
        CHECK(results_add(r, MODEL, &s.at[2], &a, &v, &e) == OK);
        results_close(r);
        CHECK(records_read(&all, path[0], &e) == OK);
        CHECK_SAY(all.n == 1u + (size_t)(cut >= first) + (size_t)(cut == b.n), "cut %zu: %zu", cut,
                  all.n);
        records_free(&all);
    }
    buf_free(&b);
}

TEST(what_is_no_file_of_results_is_left_alone) {
    start();
    static const char *const texts[] = {
        "notes of mine\n", "notes of mine",
        "GGUF\x03",        "{}\n",
        "[1]\n",           "\n",
        "{\"id\": 5}\n",   "{\"id\": \"a\", \"why\": \"\", \"model\": \"x\", \"line\": \"x\"}\n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        results *r = NULL;
        const buf b = {.data = (char *)(uintptr_t)texts[i], .n = strlen(texts[i])};
        put(path[0], &b, b.n);
        CHECK_SAY(results_open(&r, path[0], &e) == E_FORMAT, "%s", texts[i]);
        CHECK_SAY(strstr(e.text, "a.jsonl:1: "), "%s", e.text);
        CHECK(size_of(path[0]) == b.n);
    }
    results *r = NULL;
    CHECK(results_open(&r, "/tmp", &e) == E_IO);
    unlink(path[0]);
    REQUIRE(mkfifo(path[0], 0600) == 0);
    CHECK(results_open(&r, path[0], &e) == E_IO && strstr(e.text, "regular"));
    unlink(path[0]);
}

TEST(two_runs_do_not_write_to_one_file) {
    start();
    results *a = NULL, *b = NULL;
    struct stat st;
    REQUIRE(results_open(&a, path[0], &e) == OK);
    CHECK(stat(path[0], &st) == 0 && (st.st_mode & 0777) == 0600);
    CHECK(results_open(&b, path[0], &e) == E_USAGE && strstr(e.text, "another run"));
    results_close(a);
    CHECK(results_open(&b, path[0], &e) == OK);
    results_close(b);
}

/* ------------------------------------------------------------------ comparing */

static void write_both(void) {
    buf a = {0}, b = {0};
    add_line(&a, 0, MODEL, true, "x");  /* the same    */
    add_line(&a, 1, MODEL, true, "x");  /* lost        */
    add_line(&a, 2, MODEL, false, "x"); /* won         */
    add_line(&a, 3, MODEL, true, "x");  /* other words */
    add_line(&a, 4, MODEL, true, "x");  /* only here   */
    add_line(&b, 2, OTHER_MODEL, false, "z");
    add_line(&b, 3, OTHER_MODEL, true, "y");
    add_line(&b, 2, OTHER_MODEL, true, "y"); /* this one counts */
    add_line(&b, 1, OTHER_MODEL, false, "y");
    add_line(&b, 0, OTHER_MODEL, true, "x");
    put(path[0], &a, a.n);
    put(path[1], &b, b.n);
    buf_free(&a);
    buf_free(&b);
}

TEST(cases_that_differ_are_listed) {
    start();
    buf out = {0};
    write_both();
    REQUIRE(compare_files(&out, path[0], path[1], false, &e) == OK);
    static const char head[] = "lost   c/1   a \"reason\"\nwon    c/2\nother  c/3\n\n";
    CHECK_SAY(strncmp(out.data, head, sizeof head - 1) == 0, "%s", out.data);
    CHECK_SAY(strstr(out.data, "a.jsonl   3 of 4 passed, 1 more that the other has not\n"), "%s",
              out.data);
    CHECK_SAY(strstr(out.data, "b.jsonl   3 of 4 passed\n"), "%s", out.data);
    CHECK(strstr(out.data, "1 lost, 1 won, 1 said otherwise, 1 the same; a difference like this "
                           "comes by chance with p = 1\n"));
    buf_free(&out);
}

TEST(the_comparison_as_json_is_json) {
    start();
    buf out = {0};
    json_doc *d = NULL;
    uint64_t n = 0;
    write_both();
    REQUIRE(compare_files(&out, path[0], path[1], true, &e) == OK);
    REQUIRE(json_parse(&d, out.data, out.n, 0, "comparison", &e) == OK);
    CHECK(json_count(json_get(json_root(d), "differ")) == 3);
    CHECK(json_u64(json_get(json_get(json_root(d), "a"), "only"), &n) && n == 1);
    CHECK(json_u64(json_get(json_root(d), "lost"), &n) && n == 1);
    json_free(d);
    buf_free(&out);
}

TEST(another_question_under_the_same_id_is_left_out) {
    start();
    buf a = {0}, b = {0}, out = {0};
    add_line(&a, 0, MODEL, true, "x");
    add_line(&b, 0, MODEL, false, "x");
    char *line = strstr(b.data, "\"line\": \"") + 9;
    *line = *line == '0' ? '1' : '0';
    put(path[0], &a, a.n);
    put(path[1], &b, b.n);
    CHECK(compare_files(&out, path[0], path[1], false, &e) == OK);
    CHECK_SAY(strstr(out.data, "1 left out") && strstr(out.data, "0 lost, 0 won"), "%s", out.data);
    put(path[1], &b, 0);
    CHECK(compare_files(&out, path[0], path[1], false, &e) == E_USAGE);
    unlink(path[1]);
    CHECK(compare_files(&out, path[0], path[1], false, &e) == E_IO);
    buf_free(&a);
    buf_free(&b);
    buf_free(&out);
}

TEST(chance_is_that_of_a_fair_coin) {
    CHECK(chance_of(0, 0) == 1 && fabs(chance_of(0, 1) - 1) < 1e-12);
    CHECK(fabs(chance_of(0, 5) - 2.0 / 32) < 1e-12 && fabs(chance_of(5, 0) - 2.0 / 32) < 1e-12);
    CHECK(fabs(chance_of(2, 8) - 2 * 56.0 / 1024) < 1e-12);
    CHECK(chance_of(500, 500) == 1 && chance_of(1000, 0) < 1e-290 && chance_of(1000, 0) > 0);
}

/* Last: takes the folder away. */
TEST(nothing_is_left_behind) {
    start();
    unlink(path[0]);
    unlink(path[1]);
    *strrchr(path[0], '/') = 0;
    CHECK(rmdir(path[0]) == 0);
    suite_free(&s);
}

TESTS_MAIN
