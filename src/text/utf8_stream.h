/* utf8_stream: bytes cut anywhere in, whole characters out.
 *
 * Tokens end in the middle of characters. What goes to a terminal or a client must not: the
 * stream holds back the bytes that may yet become a character, at most three of them, and passes
 * on the rest.
 *
 * I1  What was passed on is valid UTF-8, at every moment.
 * I2  However the bytes were cut, the same comes out, and sooner never differs from later: what
 *     is passed on only ever grows at its end.
 * I3  Each maximal subpart of an ill-formed sequence becomes one U+FFFD (base/utf8.h), as soon as
 *     it is certain that it is one.
 */
#ifndef DS4_TEXT_UTF8_STREAM_H
#define DS4_TEXT_UTF8_STREAM_H

#include <stddef.h>

#include "base/buf.h"

typedef struct utf8_stream {
    char held[3]; /* the beginning of a character */
    unsigned char n;
} utf8_stream; /* starts, and starts again, as {0} */

/* Appends to *out. If memory runs out, out->failed tells; what went in is lost. */
void utf8_stream_feed(utf8_stream *s, const char *p, size_t n, buf *out);

/* No more will come: what is held becomes one U+FFFD. The stream is then as new. */
void utf8_stream_end(utf8_stream *s, buf *out);

#endif
