/* split: the pre-tokeniser, which cuts a text into the pieces that BPE then works on.
 *
 * The reference is three regular expressions, applied one after the other to every piece of the
 * one before; what matches is a piece, and so is every gap between matches:
 *
 *   1   \p{N}{1,3}                                     digits of any script, threes from the left
 *   2   [U+4E00-U+9FA5 U+3040-U+309F U+30A0-U+30FF]+   runs of Han and kana
 *   3   a  [ASCII punctuation][A-Za-z]+
 *       b  [^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+        one other character, then letters and marks
 *       c   ?[\p{P}\p{S}]+[\r\n]*                      a blank, punctuation and symbols, line ends
 *       d  \s*[\r\n]+                                  white space up to its last line end
 *       e  \s+(?!\S)                                   white space, leaving one for what follows it
 *       f  \s+                                         white space
 *
 * They are one automaton here: a "region" is what the first two passes would cut out (a run of
 * numbers, a run of Han and kana, anything else), its end is the end of the text for pass 3, and
 * within it the class of a character and of its neighbour decide.
 *
 * I1  No piece depends on what stands before it: a text may be cut in two at any border of
 *     pieces.
 * I2  Time and look-ahead are linear in the text, whatever it holds. Nothing is allocated.
 * I3  The pieces are the text's own bytes. Bytes that are not UTF-8 stay in their piece as they
 *     are; each maximal subpart (base/utf8.h) is classified as the symbol U+FFFD is.
 */
#ifndef DS4_TEXT_SPLIT_H
#define DS4_TEXT_SPLIT_H

#include <stddef.h>

/* Length of the first piece of the n bytes at p: 1..n, or 0 if n is 0. */
size_t split_next(const char *p, size_t n);

#endif
