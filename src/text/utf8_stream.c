#include "text/utf8_stream.h"

#include <string.h>

#include "base/utf8.h"

static const char replacement[] = "\xef\xbf\xbd";

/* Passes on what is certain of p[0..n) and holds the rest. */
static void pass_on(utf8_stream *s, const char *p, size_t n, buf *out) {
    size_t from = 0, at = 0; /* from..at is valid and not yet copied */
    utf8_char c = {0};
    while (at < n) {
        c = utf8_next(p + at, n - at);
        if (c.valid) {
            at += c.bytes;
            continue;
        }
        buf_add(out, p + from, at - from);
        from = at;
        if (c.partial) break;
        buf_str(out, replacement);
        from = at += c.bytes;
    }
    if (at < n) {
        s->n = (unsigned char)(n - at);
        memcpy(s->held, p + at, n - at);
    } else {
        buf_add(out, p + from, at - from);
    }
}

void utf8_stream_feed(utf8_stream *s, const char *p, size_t n, buf *out) {
    /* While something is held, bytes come one by one behind it: the held ones may turn out to be
     * a subpart, and the new one the beginning of something else. */
    while (s->n && n) {
        char some[4];
        const size_t k = s->n;
        memcpy(some, s->held, k);
        some[k] = *p;
        s->n = 0;
        pass_on(s, some, k + 1, out);
        p++, n--;
    }
    if (n) pass_on(s, p, n, out);
}

void utf8_stream_end(utf8_stream *s, buf *out) {
    if (s->n) buf_str(out, replacement);
    s->n = 0;
}
