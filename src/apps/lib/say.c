/* say.c: one write a line. */
#include "apps/lib/say.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/utf8.h"

int say_error(const err *e) {
    if (e->code == E_CANCELLED) return 130;
    fflush(stdout); /* so that what was said before comes before */
    fprintf(stderr, "ds4: %s\n", e->text);
    return e->code == E_USAGE ? 2 : 1;
}

void say_note(const char *fmt, ...) {
    char raw[1000], line[1000];
    va_list ap;
    va_start(ap, fmt);
    const int n = vsnprintf(raw, sizeof raw, fmt, ap);
    va_end(ap);
    if (n < 0) return;
    utf8_printable(line, sizeof line, raw, (size_t)n < sizeof raw ? (size_t)n : sizeof raw - 1);
    fprintf(stderr, "ds4: %s\n", line);
}
