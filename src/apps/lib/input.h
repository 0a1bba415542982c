/* input: text that the command line names: an argument, a file, or `-`, which is standard input.
 *
 * Unlike model files these may be pipes and devices: whoever names one wants it read. Each reading
 * has a limit instead (E_LIMIT beyond), and ends with E_CANCELLED when `interrupted` (may be NULL)
 * becomes true while it waits.
 */
#ifndef DS4_APPS_LIB_INPUT_H
#define DS4_APPS_LIB_INPUT_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/status.h"

/* A whole text; a line of a file of lines. */
enum { INPUT_MOST = 256 << 20, INPUT_LINE_MOST = 64 << 20 };

/* Appends the bytes of a file, as they are. */
status input_read(buf *out, const char *path, size_t limit,
                  const volatile sig_atomic_t *interrupted, err *e);

/* ---- line by line, however large the file is ---- */

typedef struct lines lines;

typedef struct input_line {
    const char *p; /* without the line's end; until the next lines_next */
    size_t n;
    bool too_long; /* above INPUT_LINE_MOST: its beginning only         */
} input_line;

status lines_open(lines **out, const char *path, const volatile sig_atomic_t *interrupted, err *e);
void lines_close(lines *l); /* NULL is fine */

/* The next line, or *more false at the end. A last line needs no line end. Before it waits for
 * input that is not a regular file it flushes stdout: who feeds a line at a time sees the answer
 * to each. */
status lines_next(lines *l, input_line *out, bool *more, err *e);

uint64_t lines_size(const lines *l); /* of a regular file, else 0 */
uint64_t lines_done(const lines *l); /* bytes read so far         */

#endif
