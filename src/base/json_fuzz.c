/* json_fuzz: whatever parses is written, parsed again, and is the same value and the same text. */
#include "base/json.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(bool ok) {
    if (!ok) abort();
}

/* Every member is found under its key. */
static void look_up(const json *v) {
    const char *key = NULL;
    size_t key_n = 0;
    const json *member = NULL;
    for (size_t i = 0; json_member(v, i, &key, &key_n, &member); i++) {
        must(json_find(v, key, key_n) == member);
        look_up(member);
    }
    for (size_t i = 0; i < json_count(v); i++)
        if (json_at(v, i)) look_up(json_at(v, i));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    json_doc *first = NULL, *second = NULL;
    err e;
    if (json_parse(&first, (const char *)data, n, 100, "input", &e) != OK) return 0;
    buf a = {0}, b = {0};
    json_write(&a, json_root(first));
    must(!a.failed && json_parse(&second, a.data, a.n, 100, "rewritten", &e) == OK);
    must(json_equal(json_root(first), json_root(second)));
    json_write(&b, json_root(second));
    must(a.n == b.n && memcmp(a.data, b.data, a.n) == 0);
    look_up(json_root(first));
    buf_free(&a);
    buf_free(&b);
    json_free(first);
    json_free(second);
    return 0;
}
