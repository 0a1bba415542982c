#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

utf8_char utf8_next(const char *s, size_t n) {
    const unsigned char *p = (const unsigned char *)s;
    utf8_char r = {0xfffd, 1, false, false};
    if (n == 0) return (utf8_char){0xfffd, 0, false, true};
    if (p[0] < 0x80) return (utf8_char){p[0], 1, true, false};

    /* The second byte's range depends on the first: it excludes overlong forms, surrogates and
     * anything above U+10FFFF. */
    unsigned need, lo = 0x80, hi = 0xbf;
    uint32_t code;
    if (p[0] >= 0xc2 && p[0] <= 0xdf) {
        need = 1, code = p[0] & 0x1fu;
    } else if (p[0] >= 0xe0 && p[0] <= 0xef) {
        need = 2, code = p[0] & 0x0fu;
        if (p[0] == 0xe0) lo = 0xa0;
        if (p[0] == 0xed) hi = 0x9f;
    } else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
        need = 3, code = p[0] & 0x07u;
        if (p[0] == 0xf0) lo = 0x90;
        if (p[0] == 0xf4) hi = 0x8f;
    } else {
        return r;
    }
    for (unsigned i = 1; i <= need; i++) {
        if (i == n) {
            r.bytes = (uint8_t)i;
            r.partial = true;
            return r;
        }
        if (p[i] < lo || p[i] > hi) {
            r.bytes = (uint8_t)i;
            return r;
        }
        code = code << 6 | (p[i] & 0x3fu);
        lo = 0x80, hi = 0xbf;
    }
    return (utf8_char){code, (uint8_t)(need + 1), true, false};
}

size_t utf8_put(char out[4], uint32_t c) {
    if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) c = 0xfffd;
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3f));
        out[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3f));
    out[2] = (char)(0x80 | (c >> 6 & 0x3f));
    out[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

bool utf8_valid(const char *p, size_t n) {
    while (n) {
        const utf8_char c = utf8_next(p, n);
        if (!c.valid) return false;
        p += c.bytes, n -= c.bytes;
    }
    return true;
}

/* Characters that reorder or hide what follows them on a terminal. */
static bool deceives(uint32_t c) {
    return c == 0x061c || (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
           (c >= 0x2060 && c <= 0x206f) || c == 0xfeff || (c >= 0xe0000 && c <= 0xe007f);
}

size_t utf8_printable(char *out, size_t cap, const char *p, size_t n) {
    size_t used = 0;
    if (cap == 0) return 0;
    while (n) {
        const utf8_char c = utf8_next(p, n);
        char piece[32];
        size_t len = 0;
        if (!c.valid || c.code < 0x20 || (c.code >= 0x7f && c.code < 0xa0)) {
            for (unsigned i = 0; i < c.bytes; i++)
                len += (size_t)snprintf(piece + len, sizeof piece - len, "\\x%02x", (unsigned char)p[i]);
        } else if (deceives(c.code)) {
            len = (size_t)snprintf(piece, sizeof piece, "\\u{%x}", (unsigned)c.code);
        } else {
            memcpy(piece, p, c.bytes);
            len = c.bytes;
        }
        if (used + len >= cap) break;
        memcpy(out + used, piece, len);
        used += len;
        p += c.bytes, n -= c.bytes;
    }
    out[used] = 0;
    return used;
}
