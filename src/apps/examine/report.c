#include "apps/examine/report.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "apps/examine/suite.h"
#include "base/json.h"

enum { SKILL_MOST = 200 };

void report_free(report *r) {
    for (size_t i = 0; i < r->n_skills; i++) free(r->skills[i].skill);
    free(r->skills);
    *r = (report){0};
}

/* The row of a name's first n bytes, made if need be. */
static tally *row_of(report *r, const char *name, size_t n) {
    for (size_t i = 0; i < r->n_skills; i++)
        if (strlen(r->skills[i].skill) == n && memcmp(r->skills[i].skill, name, n) == 0)
            return &r->skills[i];
    if (r->n_skills == r->cap) {
        const size_t cap = r->cap ? r->cap * 2 : 32;
        tally *rows = realloc(r->skills, cap * sizeof *rows);
        if (!rows) return NULL;
        r->skills = rows;
        r->cap = cap;
    }
    char *copy = strndup(name, n);
    if (!copy) return NULL;
    r->skills[r->n_skills] = (tally){.skill = copy};
    return &r->skills[r->n_skills++];
}

static void add(tally *to, const tally *t) {
    to->n += t->n;
    to->passed += t->passed;
    to->expected += t->expected;
    to->form += t->form;
}

void report_add(report *r, const char *skill, bool expected, bool form) {
    const tally one = {.n = 1, .passed = expected && form, .expected = expected, .form = form};
    tally *row = row_of(r, skill, strlen(skill));
    if (row)
        add(row, &one);
    else
        r->failed = true;
}

tally report_all(const report *r) {
    tally all = {0};
    for (size_t i = 0; i < r->n_skills; i++) add(&all, &r->skills[i]);
    return all;
}

static report families(const report *r) {
    report f = {0};
    for (size_t i = 0; i < r->n_skills; i++) {
        tally *row = row_of(&f, r->skills[i].skill, strcspn(r->skills[i].skill, "."));
        if (row)
            add(row, &r->skills[i]);
        else
            f.failed = true;
    }
    return f;
}

static double percent(uint64_t part, uint64_t n) {
    return n ? 100.0 * (double)part / (double)n : 0;
}

static void table_row(buf *out, const tally *t, int width) {
    buf_printf(out, "%-*s %7" PRIu64 " %7" PRIu64 "  %5.1f %%  %5.1f %%\n", width,
               t->skill ? t->skill : "all", t->n, t->passed, percent(t->passed, t->n),
               percent(t->form, t->n));
}

void report_table(buf *out, const report *r, bool by_skill) {
    report f = by_skill ? (report){0} : families(r);
    const report *rows = by_skill ? r : &f;
    int width = 6;
    for (size_t i = 0; i < rows->n_skills; i++) {
        const size_t n = strlen(rows->skills[i].skill);
        if (n > (size_t)width) width = n < SKILL_MOST ? (int)n : SKILL_MOST;
    }
    buf_printf(out, "%-*s %7s %7s  %7s  %7s\n", width, by_skill ? "skill" : "family", "cases",
               "passed", "share", "format");
    for (size_t i = 0; i < rows->n_skills; i++) table_row(out, &rows->skills[i], width);
    const tally all = report_all(r);
    table_row(out, &all, width);
    if (f.failed) out->failed = true;
    report_free(&f);
}

static void counts_json(buf *out, const tally *t) {
    buf_printf(out,
               "\"cases\": %" PRIu64 ", \"passed\": %" PRIu64 ", \"expected\": %" PRIu64
               ", \"format\": %" PRIu64,
               t->n, t->passed, t->expected, t->form);
}

static void rows_json(buf *out, const char *key, const report *r) {
    buf_printf(out, ", \"%s\": [", key);
    for (size_t i = 0; i < r->n_skills; i++) {
        buf_str(out, i ? ", {\"name\": " : "{\"name\": ");
        json_write_string(out, r->skills[i].skill, strlen(r->skills[i].skill));
        buf_str(out, ", ");
        counts_json(out, &r->skills[i]);
        buf_char(out, '}');
    }
    buf_char(out, ']');
}

void report_json(buf *out, const report *r) {
    const tally all = report_all(r);
    report f = families(r);
    counts_json(out, &all);
    rows_json(out, "families", &f);
    rows_json(out, "skills", r);
    if (f.failed) out->failed = true;
    report_free(&f);
}

/* ------------------------------------------------------------------ demands */

status demand_parse(demand *out, const char *text, err *e) {
    const char *equals = strrchr(text, '='), *number = equals ? equals + 1 : text;
    char *end = NULL;
    demand d = {0};
    d.share = strtod(number, &end);
    const bool plain = *number && strspn(number, "0123456789.") == strlen(number) && !*end;
    if (!plain || !(d.share >= 0 && d.share <= 1) || equals == text)
        return fail(e, E_USAGE,
                    "--require %s: expected a share from 0 to 1, as in 0.95, format=0.99 "
                    "or SKILL=0.9",
                    text);
    if (equals) {
        d.skill = text;
        d.n = (size_t)(equals - text);
        d.form = d.n == 6 && memcmp(text, "format", 6) == 0;
        if (d.n > SKILL_MOST) return fail(e, E_USAGE, "--require %s: the name is too long", text);
    }
    *out = d;
    return OK;
}

status demand_check(const demand *d, const report *r, err *e) {
    char word[SKILL_MOST + 1] = "";
    tally sum = {0};
    if (d->skill && !d->form) {
        memcpy(word, d->skill, d->n);
        word[d->n] = 0;
    }
    for (size_t i = 0; i < r->n_skills; i++)
        if (skill_matches(r->skills[i].skill, word)) add(&sum, &r->skills[i]);
    if (sum.n == 0)
        return fail(e, E_USAGE, "--require %.*s: no case of that skill was asked", (int)d->n,
                    d->skill ? d->skill : "");
    const uint64_t good = d->form ? sum.form : sum.passed;
    /* 19 of 20 is 0.95, whatever the last bit of the quotient says. */
    if ((double)good >= d->share * (double)sum.n - 1e-9 * (double)sum.n) return OK;
    return fail(e, E_LIMIT,
                "%" PRIu64 " of %" PRIu64 " cases%s%s %s (%.1f %%); %.1f %% are required", good,
                sum.n, *word ? " of " : "", word, d->form ? "have the right form" : "passed",
                percent(good, sum.n), 100 * d->share);
}
