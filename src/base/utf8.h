/* utf8: reading UTF-8 that may be wrong, and showing bytes that may be hostile.
 *
 * Decoding follows the Unicode rule of "maximal subparts": an ill-formed sequence yields U+FFFD for
 * the longest run of bytes that could have begun a character, so every decoder of ours agrees on
 * how many replacement characters a run of rubbish gives.
 */
#ifndef DS4_BASE_UTF8_H
#define DS4_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What stands at the front of n bytes. */
typedef struct utf8_char {
    uint32_t code; /* the code point, U+FFFD if ill-formed or incomplete   */
    uint8_t bytes; /* how many bytes it takes (0 only if n = 0)            */
    bool valid;    /* false: `bytes` is a maximal subpart, to be replaced  */
    bool partial;  /* the bytes end inside a character that may yet be valid: more may come */
} utf8_char;

utf8_char utf8_next(const char *p, size_t n);

/* Writes a code point, returns its length (1..4). Surrogates and codes above 0x10ffff become U+FFFD. */
size_t utf8_put(char out[4], uint32_t code);

bool utf8_valid(const char *p, size_t n);

/* Copies n bytes to `out` so that they are safe to print on one line: control characters (C0, DEL, C1)
 * and invalid bytes as \xNN, bidirectional overrides as \u{NNNN}. Always ends in NUL; stops before a
 * character that does not fit whole. Returns the length written. */
size_t utf8_printable(char *out, size_t cap, const char *p, size_t n);

#endif
