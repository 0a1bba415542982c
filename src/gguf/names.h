/* names: finding one of many names, and two that are the same.
 *
 * A sorted array, by hash and then by the name itself. A hash table would be a little faster and
 * would turn quadratic under a file whose million names all collide: this hash is no secret.
 * Sorting stays at n log n whatever the names are.
 */
#ifndef DS4_GGUF_NAMES_H
#define DS4_GGUF_NAMES_H

#include "gguf/gguf.h"

typedef struct name_entry {
    uint64_t hash;
    const gguf_str *name;
} name_entry;

typedef struct name_index {
    name_entry *entry;
    uint64_t n;
} name_index;

/* Indexes the n names that stand at the front of the structs at `first`, `stride` bytes apart; they
 * must outlive the index. False: out of memory. */
bool names_build(name_index *x, const void *first, size_t stride, uint64_t n);
void names_free(name_index *x);

/* One of two equal names, or NULL. */
const gguf_str *names_repeated(const name_index *x);

/* The gguf_str of this name, which is the front of its struct; NULL if there is none. */
const void *names_find(const name_index *x, const char *p, size_t n);

#endif
