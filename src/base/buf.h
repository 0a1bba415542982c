/* buf: a growing run of bytes.
 *
 *     buf b = {0};
 *     buf_add(&b, p, n);  buf_printf(&b, "%d", 7);
 *     if (b.failed) ...                      once, at the end
 *     buf_free(&b);
 *
 * I1  A failed growth sets `failed` and drops what was to be added; later adds do nothing, so callers
 *     may check once.
 * I2  When data is not NULL, data[n] is a NUL that is not counted: data can be used as a C string.
 */
#ifndef DS4_BASE_BUF_H
#define DS4_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

typedef struct buf {
    char *data;
    size_t n, cap;
    bool failed;
} buf;

bool buf_reserve(buf *b, size_t more); /* room for `more` bytes behind n */
void buf_add(buf *b, const void *p, size_t n);
void buf_str(buf *b, const char *s);
void buf_char(buf *b, char c);
void buf_printf(buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
void buf_clear(buf *b); /* n = 0, memory kept */
void buf_free(buf *b);  /* and back to {0}    */

#endif
