/* Counts, the table, and when a demand is met. */
#include "apps/examine/report.h"
#include "base/json.h"
#include "base/test.h"

static report sample(void) {
    report r = {0};
    for (int i = 0; i < 20; i++) report_add(&r, "arith.add2", i != 0, true);
    for (int i = 0; i < 4; i++) report_add(&r, "arith.sub", true, i != 0);
    report_add(&r, "chat", false, false);
    report_add(&r, "recall.pair.4k", true, true);
    return r;
}

TEST(a_case_passes_with_the_right_answer_in_the_right_form) {
    report r = sample();
    const tally all = report_all(&r);
    CHECK(!r.failed && r.n_skills == 4);
    CHECK(all.n == 26 && all.passed == 23 && all.expected == 24 && all.form == 24);
    report_free(&r);
}

TEST(the_table_sums_up_families) {
    report r = sample();
    buf b = {0};
    report_table(&b, &r, false);
    CHECK_SAY(strcmp(b.data, "family   cases  passed    share   format\n"
                             "arith       24      22   91.7 %   95.8 %\n"
                             "chat         1       0    0.0 %    0.0 %\n"
                             "recall       1       1  100.0 %  100.0 %\n"
                             "all         26      23   88.5 %   92.3 %\n") == 0,
              "\n%s", b.data);
    buf_clear(&b);
    report_table(&b, &r, true);
    CHECK(strstr(b.data, "\nrecall.pair.4k       1       1  100.0 %"));
    buf_free(&b);
    report_free(&r);
}

TEST(the_json_form_is_json) {
    report r = sample();
    buf b = {0};
    json_doc *d = NULL;
    uint64_t n = 0;
    report_add(&r, "odd \"skill\"\n.x", true, true);
    buf_char(&b, '{');
    report_json(&b, &r);
    buf_char(&b, '}');
    REQUIRE(json_parse(&d, b.data, b.n, 0, "report", NULL) == OK);
    const json *families = json_get(json_root(d), "families"),
               *skills = json_get(json_root(d), "skills");
    CHECK(json_count(families) == 4 && json_count(skills) == 5);
    CHECK(json_u64(json_get(json_at(families, 0), "passed"), &n) && n == 22);
    CHECK(json_u64(json_get(json_root(d), "cases"), &n) && n == 27);
    json_free(d);
    buf_free(&b);
    report_free(&r);
}

static status demanded(const char *text, err *e) {
    report r = sample();
    demand d;
    status st = demand_parse(&d, text, e);
    if (st == OK) st = demand_check(&d, &r, e);
    report_free(&r);
    return st;
}

TEST(demands_are_met_or_told_with_numbers) {
    err e;
    CHECK(demanded("0.88", &e) == OK && demanded("0", &e) == OK && demanded(".5", &e) == OK);
    CHECK(demanded("arith.add2=0.95", &e) == OK); /* 19 of 20, to the case */
    CHECK(demanded("*.4k=1", &e) == OK && demanded("format=0.92", &e) == OK);
    CHECK(demanded("0.89", &e) == E_LIMIT);
    CHECK_SAY(strcmp(e.text, "23 of 26 cases passed (88.5 %); 89.0 % are required") == 0, "%s",
              e.text);
    CHECK(demanded("arith.add2=0.96", &e) == E_LIMIT);
    CHECK_SAY(strstr(e.text, "19 of 20 cases of arith.add2 passed"), "%s", e.text);
    CHECK(demanded("format=0.93", &e) == E_LIMIT);
    CHECK_SAY(strstr(e.text, "24 of 26 cases have the right form"), "%s", e.text);
    CHECK(demanded("nothing=0", &e) == E_USAGE);
}

TEST(a_demand_that_is_none_is_refused) {
    static const char *const texts[] = {"",    "=",    "=0.5", "x=",    "1.01", "-0.1", "95",
                                        "95%", "0.9x", "nan",  "x=0,9", "1e-1", "0.5.5"};
    err e;
    demand d;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        CHECK_SAY(demand_parse(&d, texts[i], &e) == E_USAGE, "%s", texts[i]);
        CHECK_SAY(strstr(e.text, "--require"), "%s", e.text);
    }
}

TESTS_MAIN
