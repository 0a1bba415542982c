/* say: the lines a program puts on stderr, in the one form they all have: `ds4: what happened`. */
#ifndef DS4_APPS_LIB_SAY_H
#define DS4_APPS_LIB_SAY_H

#include "base/status.h"

/* Prints `ds4: <e->text>` on stderr and returns the exit status that belongs to e->code: 2 for
 * E_USAGE, 130 for E_CANCELLED (nothing is printed: the user knows), else 1. */
int say_error(const err *e);

/* A remark on stderr that does not end the program: `ds4: ...`. One line; control characters that
 * come out of files are escaped. */
void say_note(const char *fmt, ...) PRINTF_LIKE(1, 2);

#endif
