#include "gguf/names.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

static int compare(const name_entry *a, const name_entry *b) {
    if (a->hash != b->hash) return a->hash < b->hash ? -1 : 1;
    if (a->name->n != b->name->n) return a->name->n < b->name->n ? -1 : 1;
    return a->name->n ? memcmp(a->name->p, b->name->p, a->name->n) : 0;
}

static int compare_any(const void *a, const void *b) {
    return compare(a, b);
}

static bool same_name(const name_entry *a, const name_entry *b) {
    return compare(a, b) == 0;
}

bool names_build(name_index *x, const void *first, size_t stride, uint64_t n) {
    *x = (name_index){0};
    if (n == 0) return true;
    if (n > SIZE_MAX / sizeof *x->entry) return false;
    x->entry = malloc((size_t)n * sizeof *x->entry);
    if (!x->entry) return false;
    x->n = n;
    for (uint64_t i = 0; i < n; i++) {
        const gguf_str *s = (const void *)((const char *)first + i * stride);
        x->entry[i] = (name_entry){hash64(s->p, s->n), s};
    }
    qsort(x->entry, (size_t)n, sizeof *x->entry, compare_any);
    return true;
}

void names_free(name_index *x) {
    free(x->entry);
    *x = (name_index){0};
}

const gguf_str *names_repeated(const name_index *x) {
    for (uint64_t i = 1; i < x->n; i++)
        if (same_name(&x->entry[i - 1], &x->entry[i])) return x->entry[i].name;
    return NULL;
}

const void *names_find(const name_index *x, const char *p, size_t n) {
    const gguf_str wanted = {p, n};
    const name_entry key = {hash64(p, n), &wanted};
    uint64_t lo = 0, hi = x->n; /* it is in [lo, hi) if anywhere */
    while (lo < hi) {
        const uint64_t mid = lo + (hi - lo) / 2;
        const int c = compare(&key, &x->entry[mid]);
        if (c == 0) return x->entry[mid].name;
        if (c < 0)
            hi = mid;
        else
            lo = mid + 1;
    }
    return NULL;
}
