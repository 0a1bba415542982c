/* view: an answer on the screen while it is being written.
 *
 *     view *v = view_new(stdout, VIEW_STYLED);
 *     view_text(v, thinking, p, n);  ...           pieces, cut anywhere
 *     if (!view_end(v)) ...                        stdout could not be written
 *
 * VIEW_PLAIN is for files and pipes: the answer's bytes and nothing else; thinking is left out.
 *
 * VIEW_STYLED is for terminals. Thinking is dim, with an empty line between it and the answer.
 * Of Markdown it knows what makes an answer easier to read: headings, **bold**, *italic*, `code`,
 * fenced code. Marks are shown as they are, styled like what they mark: what is on the screen can
 * be copied as Markdown, and nothing is lost where a star was no mark. VIEW_BARE is the same
 * without styles, for terminals that have none or whose owner wants none.
 *
 * I1  What is shown does not depend on how the text was cut.
 * I2  On a terminal nothing of the text can be a control sequence: control characters but newline
 *     and tab, marks that reorder text, and ill-formed bytes are spelled out (\x1b, \u{202e},
 *     U+FFFD).
 * I3  Without our own style sequences the screen shows the text, character by character; no line
 *     and no answer ends inside a style.
 * I4  Text appears at once. Held back are only a run of `*`, a backtick, # or ~ that ends a piece,
 *     since its meaning depends on what follows, and an incomplete character.
 *
 * One thread at a time.
 */
#ifndef DS4_APPS_DS4_VIEW_H
#define DS4_APPS_DS4_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

typedef enum view_style { VIEW_PLAIN, VIEW_STYLED, VIEW_BARE } view_style;

typedef struct view view;

/* `to` stays the caller's. NULL: out of memory; the others accept it. */
view *view_new(FILE *to, view_style style);

/* The next piece, flushed. */
void view_text(view *v, bool thinking, const char *p, size_t n);

/* True if something could not be written: there is no use in going on. */
bool view_failed(const view *v);

/* The end of the answer: shows what was held back, on a terminal also ends the line. Frees v; false
 * if anything could not be written. */
bool view_end(view *v);

#endif
