/* status: how a function says that it failed, and why.
 *
 * A function that can fail returns a status; the reason goes into `err *e`, its
 * last argument, as one line that a user can act on: which file, tensor, key or
 * offset, what was found, what was expected. Results are written only on OK.
 *
 * I1  err.text is a single line of valid UTF-8: control characters that come out of files are
 *     escaped by fail(), so no file can drive a terminal through our messages.
 * I2  Passing e = NULL is allowed; the status alone then tells.
 */
#ifndef DS4_BASE_STATUS_H
#define DS4_BASE_STATUS_H

#include <stdarg.h>

typedef enum status {
    OK = 0,
    E_NOMEM,       /* an allocation failed                                 */
    E_IO,          /* the system refused: open, read, write, map           */
    E_FORMAT,      /* bytes that are not what they claim to be             */
    E_LIMIT,       /* legal, but beyond a stated limit of ours             */
    E_UNSUPPORTED, /* legal, but not something this program does           */
    E_USAGE,       /* a caller or a command line asked for the impossible  */
    E_CANCELLED,   /* the caller's control said stop                       */
    E_DEVICE       /* a backend failed                                     */
} status;

typedef struct err {
    status code;
    char text[600];
} err;

#if defined(__GNUC__)
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))
#else
#define PRINTF_LIKE(f, a)
#endif

/* Fills e and returns `code`, so that a failing path is one line. */
status fail(err *e, status code, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Puts words in front of what e says: err_prefix(e, "%s: ", path). */
void err_prefix(err *e, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* One or two words for a status, for logs and tests. */
const char *status_name(status code);

#endif
