/* build_test: makes safetensors bytes for tests, in memory.
 *
 *     st_build b = {0};
 *     st_add(&b, "norm.weight", "F32", 1, (uint64_t[]){4}, values, 16);
 *     buf file = st_bytes(&b);           b is empty again
 */
#ifndef DS4_HF_BUILD_TEST_H
#define DS4_HF_BUILD_TEST_H

#include <inttypes.h>
#include <string.h>

#include "base/buf.h"
#include "base/le.h"

typedef struct st_build {
    buf header, data;
} st_build;

static inline void st_add(st_build *b, const char *name, const char *dtype, uint32_t rank,
                          const uint64_t *shape, const void *bytes, size_t n) {
    buf_printf(&b->header, "%c\"%s\":{\"dtype\":\"%s\",\"shape\":[", b->header.n ? ',' : '{', name,
               dtype);
    for (uint32_t i = 0; i < rank; i++)
        buf_printf(&b->header, "%s%" PRIu64, i ? "," : "", shape[i]);
    buf_printf(&b->header, "],\"data_offsets\":[%zu,%zu]}", b->data.n, b->data.n + n);
    buf_add(&b->data, bytes, n);
}

/* A file of this header and so many bytes of data (zeros where `data` is NULL). */
static inline buf st_join(const char *header, const void *data, size_t n) {
    buf out = {0};
    uint8_t length[8];
    put_le64(length, strlen(header));
    buf_add(&out, length, sizeof length);
    buf_str(&out, header);
    if (data) buf_add(&out, data, n);
    for (size_t i = 0; !data && i < n; i++) buf_char(&out, 0);
    return out;
}

static inline buf st_bytes(st_build *b) {
    buf_str(&b->header, b->header.n ? "}" : "{}");
    while (b->header.n % 8) buf_char(&b->header, ' ');
    buf out = st_join(b->header.data, b->data.n ? b->data.data : "", b->data.n);
    buf_free(&b->header);
    buf_free(&b->data);
    return out;
}

#endif
