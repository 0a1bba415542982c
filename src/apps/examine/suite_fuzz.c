/* Bytes as a suite, as a file of results, and as an answer searched for numbers and tags. */
#include <stdlib.h>
#include <string.h>

#include "apps/examine/results.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *p = size ? (const char *)data : "";
    suite s = {0};
    records r = {0};
    size_t whole = 0;
    char number[64];
    err e;
    if (suite_parse(&s, p, size, "input", &e) == OK) {
        if (s.n == 0) abort(); /* I1 of suite.h */
        suite_sample(&s, s.n / 2 + 1, 1);
        suite_free(&s);
    }
    if (records_parse(&r, &whole, p, size, "input", &e) == OK) {
        if (whole > size) abort();
        records_latest(&r);
        records_free(&r);
    }
    if (last_number(p, size, number, sizeof number)) {
        char again[64]; /* the plain form of a plain form is itself */
        if (!last_number(number, strlen(number), again, sizeof again) || strcmp(number, again) != 0)
            abort();
    }
    leaked(p, size);
    return 0;
}
