/* penalties: what the tokens so far do to the logits of the next one.
 *
 * The history is the prompt, then what was generated. Four penalties look at it, three of them at
 * how often a token stands in its last `window` tokens:
 *
 *   repetition r    a token of the window, prompt or generated:   x > 0: x / r    else x * r
 *   frequency  f    a generated token of the window, c times:     x - f c
 *   presence   p    the same:                                     x - p
 *
 * and one, DRY, at what followed the last time that the text read as it does now:
 *
 *   history     ... [A B C] x ... [A B C] ?         a match of length 3 in front of x
 *
 *   x is lowered by  multiplier * base^(length - allowed_length)  where the longest match that x
 *   would continue has at least allowed_length tokens. Matches may overlap what they match. A
 *   match does not reach across a breaker (a line end, a quote, ...), and breakers themselves
 *   are never lowered. So lists and markup stay free and a paragraph does not come twice.
 *
 * They are applied in this order. Results stay finite: they are held within +-FLT_MAX.
 *
 * I1  Only what a switched-on penalty needs is stored: counts for the first three, the tokens
 *     for a window and for DRY.
 * I2  Adding a token costs amortised O(1); applying costs one visit a distinct token of the window,
 *     and with DRY linear time in dry_window.
 *
 * For the room's own use; the meaning of the options is the sampler's.
 */
#ifndef DS4_SAMPLE_PENALTIES_H
#define DS4_SAMPLE_PENALTIES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "sample/sampler.h"

typedef struct penalties penalties;

/* Checks the options. *out is NULL, and all functions below accept that, when all are off. */
status penalties_new(penalties **out, const sampler_options *o, uint32_t n_vocab, err *e);
void penalties_free(penalties *p);

/* The next token of the history, 0 <= token < n_vocab. E_NOMEM leaves the history as it was. */
status penalties_add(penalties *p, int32_t token, bool generated, err *e);

/* Lowers (or raises) the logits x, n_vocab of them. */
void penalties_apply(penalties *p, float *x);

#endif
