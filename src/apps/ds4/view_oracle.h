/* view_oracle: what must hold of a view for any text (I1 to I3 of view.h), for test and fuzzing. */
#ifndef DS4_APPS_DS4_VIEW_ORACLE_H
#define DS4_APPS_DS4_VIEW_ORACLE_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "apps/ds4/view.h"
#include "base/utf8.h"

/* What the terminal gets for a text that comes in pieces of `piece` bytes; parts of thinking and
 * answer are told apart by \1 and \2 in front of them. Freed by the caller. */
static inline char *view_shown(const char *text, size_t n, view_style style,
                               size_t piece, size_t *out_n) {
    char *out = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&out, &size);
    view *v = view_new(f, style);
    bool thinking = false;
    for (size_t i = 0; i < n;) {
        if (text[i] == 1 || text[i] == 2) thinking = text[i++] == 1;
        size_t k = 0;
        while (k < piece && i + k < n && text[i + k] != 1 && text[i + k] != 2) k++;
        view_text(v, thinking, text + i, k);
        i += k;
    }
    const bool good = view_end(v) && fclose(f) == 0;
    if (!good) abort();
    if (out_n) *out_n = size;
    return out;
}

/* The screen's text without our styles must be the text itself with what acts spelled out; and our
 * styles are the only control sequences. */
static inline bool view_same_text(const char *bare, size_t bare_n, const char *styled,
                                  size_t styled_n) {
    size_t k = 0;
    bool plain = true; /* the style is off */
    for (size_t i = 0; i < styled_n;) {
        const unsigned char c = (unsigned char)styled[i];
        if (c == 0x1b) {
            const size_t inner = strspn(styled + i + 1, "[0123456;"); /* a NUL stands at its end */
            if (styled[i + 1 + inner] != 'm') return false;
            plain = inner == 2; /* [0 */
            i += inner + 2;
            continue;
        }
        if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f) return false;
        if (c == '\n' && !plain) return false;
        if (k == bare_n || bare[k++] != styled[i++]) return false;
    }
    return k == bare_n && plain;
}

/* The invariants of the view for a text, whatever it is. */
static inline bool view_holds(const char *text, size_t n) {
    size_t bare_n, whole_n, cut_n;
    char *bare = view_shown(text, n, VIEW_BARE, SIZE_MAX, &bare_n);
    char *whole = view_shown(text, n, VIEW_STYLED, SIZE_MAX, &whole_n);
    bool good = view_same_text(bare, bare_n, whole, whole_n) && utf8_valid(whole, whole_n);
    for (size_t piece = 1; piece < 8 && good; piece++) {
        char *cut = view_shown(text, n, VIEW_STYLED, piece, &cut_n);
        good = cut_n == whole_n && memcmp(cut, whole, whole_n) == 0;
        free(cut);
    }
    free(bare);
    free(whole);
    return good;
}

#endif
