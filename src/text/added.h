/* added: the added tokens of a vocabulary, and the longest of them that a text begins with.
 *
 * They stand sorted by their bytes. Tokens with a common beginning are then neighbours, the
 * shorter one first, so a search narrows a range of the list byte by byte:
 *
 *      first['<']                          "<"  "<t"  ...  "<think>"
 *      |                                        |------------------|
 *      "</think>"  "<dsml:"  "<think>"  "<title>"         nothing but this list is kept
 *
 * I1  No two have the same bytes; none is empty or above ADDED_MAX_BYTES.
 * I2  A search looks at no more bytes of the text than the longest added token has.
 */
#ifndef DS4_TEXT_ADDED_H
#define DS4_TEXT_ADDED_H

#include <stddef.h>
#include <stdint.h>

#define ADDED_MAX_BYTES 1024

typedef struct added_token {
    const char *p; /* borrowed */
    uint32_t n;
    int32_t id;
} added_token;

typedef struct added {
    added_token *list;
    size_t n;
    size_t first[257]; /* [first[c], first[c + 1]): those that begin with byte c */
} added;

/* Sorts the list, which stays the caller's, and fills `first`. Returns the index of a token that
 * repeats the one before it in the sorted list, or n if there is none. */
size_t added_init(added *a, added_token *list, size_t n);

/* The longest token at the front of n bytes, or NULL. */
const added_token *added_match(const added *a, const char *p, size_t n);

/* The token with exactly these bytes, or NULL. */
const added_token *added_find(const added *a, const char *p, size_t n);

#endif
