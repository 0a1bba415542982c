#include "base/status.h"

#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

/* A line longer than the buffer is cut; an escaped character is never cut in the middle. */
static void set_text(err *e, const char *fmt, va_list ap) {
    char raw[sizeof e->text];
    vsnprintf(raw, sizeof raw, fmt, ap);
    utf8_printable(e->text, sizeof e->text, raw, strlen(raw));
}

status fail(err *e, status code, const char *fmt, ...) {
    if (!e) return code;
    va_list ap;
    va_start(ap, fmt);
    set_text(e, fmt, ap);
    va_end(ap);
    e->code = code;
    return code;
}

void err_prefix(err *e, const char *fmt, ...) {
    if (!e) return;
    char rest[sizeof e->text];
    memcpy(rest, e->text, sizeof rest);
    va_list ap;
    va_start(ap, fmt);
    set_text(e, fmt, ap);
    va_end(ap);
    const size_t used = strlen(e->text);
    utf8_printable(e->text + used, sizeof e->text - used, rest, strlen(rest));
}

const char *status_name(status code) {
    static const char *const names[] = {"ok",          "out of memory", "i/o",       "format", "limit",
                                        "unsupported", "usage",         "cancelled", "device"};
    return (unsigned)code < sizeof names / sizeof *names ? names[code] : "unknown";
}
