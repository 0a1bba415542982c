#include "apps/quality/versus.h"

#include <stdio.h>
#include <unistd.h>

#include "base/json.h"
#include "base/test.h"

/* A receipt of three batches of ten tokens with these sums of KL, as a file; its name is to be freed. */
static char *receipt(const char *stream, const char *reference, double a, double b, double c) {
    char *path = strdup("/tmp/ds4-versus-XXXXXX");
    const int fd = path ? mkstemp(path) : -1;
    FILE *f = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (!f) abort();
    fprintf(f,
            "{\"receipt\": \"ds4 quality\", \"version\": 1, \"file\": {\"name\": \"m\"}, \"reference\": {\"identity\": \"%s\"}, "
            "\"text\": {\"stream\": \"%s\"}, \"figures\": {\"kl\": {\"value\": %g}}, "
            "\"batches\": [[10, %g, 5, 20, 21], [10, %g, 6, 30, 32], [10, %g, 7, 40, 43]]}",
            reference, stream, (a + b + c) / 30, a, b, c);
    fclose(f);
    return path;
}

static status compare(buf *out, char *a, char *b, bool as_json, err *e) {
    const status st = versus_files(out, a, b, as_json, e);
    unlink(a);
    unlink(b);
    free(a);
    free(b);
    return st;
}

static double number(const buf *b, const char *figure, const char *key) {
    json_doc *doc = NULL;
    double v = NAN;
    if (json_parse(&doc, b->data, b->n, 0, "it", NULL) != OK) return v;
    json_f64(json_get(json_get(json_root(doc), figure), key), &v);
    json_free(doc);
    return v;
}

/* Differences 1, 2 and 3 over 30 tokens: 0.2 a token, standard error sqrt(3/2 * 2) / 30. */
TEST(differences_are_paired_batch_by_batch) {
    buf b = {0};
    REQUIRE(compare(&b, receipt("s", "r", 100, 1, 50), receipt("s", "r", 101, 3, 53), true, NULL) == OK);
    CHECK(fabs(number(&b, "kl", "value") - 0.2) < 1e-12);
    CHECK(fabs(number(&b, "kl", "high") - (0.2 + 4.30265 * sqrt(3) / 30)) < 1e-9);
    CHECK(number(&b, "same_best", "value") == 0 && number(&b, "ln_perplexity", "value") == 0);
    CHECK(strstr(b.data, "\"nearer\": null") != NULL); /* three batches leave room for chance */
    buf_free(&b);
}

TEST(a_steady_difference_is_no_chance) {
    buf b = {0}, c = {0};
    REQUIRE(compare(&b, receipt("s", "r", 100, 1, 50), receipt("s", "r", 99, 0, 49.1), true, NULL) == OK);
    CHECK(strstr(b.data, "\"nearer\": \"b\"") != NULL && number(&b, "kl", "high") < 0);
    REQUIRE(compare(&c, receipt("s", "r", 100, 1, 50), receipt("s", "r", 101, 2, 51.1), false, NULL) == OK);
    CHECK(strstr(c.data, "\nA is nearer to the reference\n") != NULL);
    buf_free(&b);
    buf_free(&c);
}

TEST(only_what_was_measured_alike_is_compared) {
    buf b = {0};
    err e = {0};
    CHECK(compare(&b, receipt("s", "r", 1, 2, 3), receipt("t", "r", 1, 2, 3), false, &e) == E_USAGE && strstr(e.text, "different texts"));
    CHECK(compare(&b, receipt("s", "r", 1, 2, 3), receipt("s", "q", 1, 2, 3), false, &e) == E_USAGE && strstr(e.text, "references"));
    CHECK(compare(&b, receipt("s", "r", 1, 2, 3), receipt("s", "r", 1, 2, 1e16), false, &e) == E_FORMAT && strstr(e.text, "batches[2]"));
    CHECK(b.n == 0);
    buf_free(&b);
}

TESTS_MAIN
