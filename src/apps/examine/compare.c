#include "apps/examine/compare.h"

#include <math.h>
#include <string.h>

#include "apps/examine/results.h"
#include "base/utf8.h"

double chance_of(size_t lost, size_t won) {
    const double n = (double)(lost + won), less = (double)(lost < won ? lost : won);
    double sum = 0;
    for (double k = 0; k <= less; k++)
        sum += exp(lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1) - n * log(2));
    return 2 * sum < 1 ? 2 * sum : 1;
}

typedef enum outcome { SAME, LOST, WON, OTHER, N_OUTCOMES } outcome;
static const char *const outcome_names[N_OUTCOMES] = {"same", "lost", "won", "other"};

typedef struct comparison {
    size_t by[N_OUTCOMES], only[2], changed; /* changed: another question under the same id */
    size_t n[2], passed[2];                  /* of those both have                           */
} comparison;

static outcome outcome_of(const record *a, const record *b) {
    if (a->passed != b->passed) return a->passed ? LOST : WON;
    return hash128_equal(a->said, b->said) ? SAME : OTHER;
}

static void put_case(buf *out, outcome o, const record *b, bool as_json, bool first) {
    if (as_json) {
        buf_printf(out, "%s{\"outcome\": \"%s\", \"id\": ", first ? "" : ", ", outcome_names[o]);
        json_write_string(out, b->id, strlen(b->id));
        buf_str(out, ", \"why\": ");
        json_write_string(out, b->why, strlen(b->why));
        buf_char(out, '}');
        return;
    }
    char id[300], why[600];
    utf8_printable(id, sizeof id, b->id, strlen(b->id));
    utf8_printable(why, sizeof why, b->why, strlen(b->why));
    buf_printf(out, "%-6s %s%s%s\n", outcome_names[o], id, o == LOST ? "   " : "",
               o == LOST ? why : "");
}

/* Both in the order of their ids. */
static void walk(buf *out, comparison *c, const records *a, const records *b, bool as_json) {
    bool first = true;
    for (size_t i = 0, k = 0; i < a->n || k < b->n;) {
        const int order = i == a->n ? 1 : k == b->n ? -1 : strcmp(a->at[i].id, b->at[k].id);
        if (order != 0) {
            c->only[order > 0]++;
            if (order < 0)
                i++;
            else
                k++;
            continue;
        }
        const record *x = &a->at[i++], *y = &b->at[k++];
        if (strcmp(x->line, y->line) != 0) {
            c->changed++;
            continue;
        }
        const outcome o = outcome_of(x, y);
        c->by[o]++;
        c->n[0]++, c->n[1]++;
        c->passed[0] += x->passed;
        c->passed[1] += y->passed;
        if (o == SAME) continue;
        put_case(out, o, y, as_json, first);
        first = false;
    }
}

static void put_text(buf *out, const comparison *c, const char *const names[2]) {
    char name[300];
    if (c->by[LOST] + c->by[WON] + c->by[OTHER]) buf_char(out, '\n');
    for (size_t i = 0; i < 2; i++) {
        utf8_printable(name, sizeof name, names[i], strlen(names[i]));
        buf_printf(out, "%s   %zu of %zu passed", name, c->passed[i], c->n[i]);
        if (c->only[i]) buf_printf(out, ", %zu more that the other has not", c->only[i]);
        buf_char(out, '\n');
    }
    if (c->changed) buf_printf(out, "%zu left out: another question has the same id\n", c->changed);
    buf_printf(out, "%zu lost, %zu won, %zu said otherwise, %zu the same", c->by[LOST], c->by[WON],
               c->by[OTHER], c->by[SAME]);
    if (c->by[LOST] + c->by[WON])
        buf_printf(out, "; a difference like this comes by chance with p = %.2g",
                   chance_of(c->by[LOST], c->by[WON]));
    buf_char(out, '\n');
}

static void put_json(buf *out, const comparison *c, const char *const names[2]) {
    static const char *const sides[2] = {"a", "b"};
    for (size_t i = 0; i < 2; i++) {
        buf_printf(out, ", \"%s\": {\"file\": ", sides[i]);
        json_write_string(out, names[i], strlen(names[i]));
        buf_printf(out, ", \"cases\": %zu, \"passed\": %zu, \"only\": %zu}", c->n[i], c->passed[i],
                   c->only[i]);
    }
    for (int o = 0; o < N_OUTCOMES; o++)
        buf_printf(out, ", \"%s\": %zu", outcome_names[o], c->by[o]);
    buf_printf(out, ", \"changed\": %zu, \"chance\": ", c->changed);
    json_write_f64(out, chance_of(c->by[LOST], c->by[WON]));
    buf_str(out, "}\n");
}

status compare_files(buf *out, const char *a, const char *b, bool as_json, err *e) {
    const char *const names[2] = {a, b};
    records r[2] = {0};
    comparison c = {0};
    status st = records_read(&r[0], a, e);
    if (st == OK) st = records_read(&r[1], b, e);
    if (st == OK) {
        records_latest(&r[0]);
        records_latest(&r[1]);
        if (as_json) buf_str(out, "{\"differ\": [");
        walk(out, &c, &r[0], &r[1], as_json);
        if (as_json) buf_char(out, ']');
        (as_json ? put_json : put_text)(out, &c, names);
        if (out->failed) st = fail(e, E_NOMEM, "out of memory");
    }
    if (st == OK && c.n[0] == 0 && !c.changed)
        st = fail(e, E_USAGE, "%s and %s have no case in common", a, b);
    records_free(&r[0]);
    records_free(&r[1]);
    return st;
}
