/* stop: ends a text at the first of some strings, while the text still comes in pieces.
 *
 *     stop_new(&s, strings, n, e);
 *     for each piece of the visible answer:
 *         stop_feed(s, p, n, &t, e);     send t.text; t.found >= 0: the answer ends here
 *     stop_end(s, &t);                   the model ended by itself: send the rest
 *
 *      sent                 held back              not here yet
 *      |--------------------|----------------------|- - - - - -
 *                           ^ could still be the beginning of a stop string
 *
 * The earliest occurrence wins: the one that begins first in the text, and of those that begin
 * together the shortest. With the strings "b" and "abc", "xab" is therefore not decided yet; if
 * the text ends there, "b" was found, and if a c follows, "abc".
 *
 * I1  What is sent and what is found depends on the text alone, not on how it was cut.
 * I2  Nothing that belongs to an occurrence, and nothing behind one, is ever sent.
 * I3  Nothing is held back that could not be part of one: never more than the longest string.
 * I4  Strings and text are bytes. If both are whole UTF-8, no character is cut by holding back.
 *
 * One text, one thread. Time: one step a string and byte on average (Knuth-Morris-Pratt).
 */
#ifndef DS4_SAMPLE_STOP_H
#define DS4_SAMPLE_STOP_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

enum {
    STOP_STRINGS_MAX = 16,
    STOP_BYTES_MAX = 4096, /* of one string */
    STOP_NONE = -1
};

typedef struct stop stop;

typedef struct stop_string {
    const char *p;
    size_t n;
} stop_string;

typedef struct stop_text {
    const char *text; /* n bytes to send now; lives until the next call, or as long as the piece */
    size_t n;
    int32_t found; /* the string's index in the list, or STOP_NONE */
} stop_text;

/* Copies the strings; empty ones count in the list but are never found. E_LIMIT: too many, or one
 * too long. */
status stop_new(stop **out, const stop_string *strings, size_t n, err *e);
void stop_free(stop *s); /* accepts NULL */

/* The next piece, cut anywhere. Once found, later calls have nothing to send and say found again.
 * E_NOMEM: the piece was not taken. */
status stop_feed(stop *s, const char *p, size_t n, stop_text *out, err *e);

/* No more text comes: what was held back, and whether a string was found in it after all. */
void stop_end(stop *s, stop_text *out);

#endif
