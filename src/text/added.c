#include "text/added.h"

#include <stdlib.h>
#include <string.h>

static int compare(const void *x, const void *y) {
    const added_token *a = x, *b = y;
    const int c = memcmp(a->p, b->p, a->n < b->n ? a->n : b->n);
    return c ? c : (a->n > b->n) - (a->n < b->n);
}

size_t added_init(added *a, added_token *list, size_t n) {
    if (n) qsort(list, n, sizeof *list, compare);
    *a = (added){.list = list, .n = n};
    for (size_t c = 0, i = 0; c < 257; c++) {
        while (i < n && (unsigned char)list[i].p[0] < c) i++;
        a->first[c] = i;
    }
    for (size_t i = 1; i < n; i++)
        if (compare(&list[i - 1], &list[i]) == 0) return i;
    return n;
}

/* The first of list[lo..hi) whose byte `at` is not below c; all of them are longer than `at`. */
static size_t lower_bound(const added *a, size_t lo, size_t hi, size_t at, unsigned c) {
    while (lo < hi) {
        const size_t mid = lo + (hi - lo) / 2;
        if ((unsigned char)a->list[mid].p[at] < c)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

const added_token *added_match(const added *a, const char *p, size_t n) {
    const added_token *best = NULL;
    if (n == 0) return NULL;
    size_t lo = a->first[(unsigned char)p[0]], hi = a->first[(unsigned char)p[0] + 1];
    for (size_t at = 1; lo < hi; at++) {
        /* Here the tokens lo..hi agree with the text in `at` bytes. */
        if (a->list[lo].n == at) best = &a->list[lo++];
        if (lo == hi || at == n) break;
        const unsigned char c = (unsigned char)p[at];
        if ((unsigned char)a->list[lo].p[at] != c) lo = lower_bound(a, lo, hi, at, c);
        if (lo < hi && (unsigned char)a->list[hi - 1].p[at] != c)
            hi = lower_bound(a, lo, hi, at, c + 1u);
    }
    return best;
}

const added_token *added_find(const added *a, const char *p, size_t n) {
    if (n == 0 || n > ADDED_MAX_BYTES) return NULL;
    const added_token key = {p, (uint32_t)n, 0};
    return a->n ? bsearch(&key, a->list, a->n, sizeof key, compare) : NULL;
}
