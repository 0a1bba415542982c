#include "text/tokens.h"

#include <stdlib.h>

bool tokens_reserve(tokens *t, size_t more) {
    if (more <= t->cap - t->n) return true;
    if (more > SIZE_MAX / sizeof *t->id / 2 - t->n) return false;
    size_t cap = t->cap + t->cap / 2; /* cap stays below SIZE_MAX / 8: it was allocated */
    if (cap < t->n + more) cap = t->n + more;
    if (cap < 64) cap = 64;
    int32_t *id = realloc(t->id, cap * sizeof *id);
    if (!id) return false;
    t->id = id;
    t->cap = cap;
    return true;
}

bool tokens_add(tokens *t, int32_t id) {
    if (!tokens_reserve(t, 1)) return false;
    t->id[t->n++] = id;
    return true;
}

void tokens_free(tokens *t) {
    free(t->id);
    *t = (tokens){0};
}
