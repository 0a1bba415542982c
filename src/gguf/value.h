/* value: how the values of keys lie in a file, for the three that must agree on it: the reader that
 * checks them, the getters that read them, the writer that copies them.
 *
 *     fixed    1, 2, 4 or 8 bytes, little-endian; a bool is one byte, 0 or 1
 *     string   u64 n, n bytes
 *     array    u32 kind of the elements, u64 count, the elements
 */
#ifndef DS4_GGUF_VALUE_H
#define DS4_GGUF_VALUE_H

#include "gguf/gguf.h"

enum {
    GGUF_KINDS = GGUF_F64 + 1,
    GGUF_ALIGNMENT = 32, /* where no key says otherwise */
    GGUF_MAX_ALIGNMENT = 1 << 20,
    GGUF_MAX_NAME = 1024,
    GGUF_MAX_KEYS = 100000,
    GGUF_MAX_TENSORS = 1000000,
    GGUF_MAX_DEPTH = 4,            /* of arrays: 1 is an array of plain values     */
    GGUF_MAX_KEY_BYTES = 256 << 20 /* the vocabulary of a large model takes 5 MiB */
};

/* The fewest bytes a value of kind k takes, and exactly what a fixed one takes. */
uint32_t gguf_kind_bytes(gguf_kind k);
static inline bool gguf_kind_fixed(gguf_kind k) {
    return k != GGUF_STRING && k != GGUF_ARRAY;
}

/* All bytes of a checked key's value. */
size_t gguf_value_bytes(const gguf_key *k);

/* Valid UTF-8 without a NUL in it. */
bool gguf_text_ok(const char *p, size_t n);

/* A name as it may stand in a message: escaped, and short enough to leave room for the reason. */
typedef struct gguf_shown {
    char text[160];
} gguf_shown;
gguf_shown gguf_show(const char *p, size_t n);
gguf_shown gguf_show_path(const char *path); /* the end of a long one: it tells more */

#endif
