/* dist: a row of logits as a probability distribution, ready to be cut short and drawn from.
 *
 * The row stays where it is; beside it lie float weights, in blocks of 256 tokens:
 *
 *      x        logit     logit     ...                                  n_vocab
 *      weight   w0 w1 ... w255 | w256 ... | ...  | ... 0 0 0             padded with zeros
 *      blocks   max, sum       | max, sum | ...                          one pair a block
 *
 *   w[i] = e^((x[i] - max) / temperature)       so the best token weighs 1, and P(i) = w[i] / total
 *
 * The order of the tokens is: higher logit first, lower id first among equals. top-k, top-p and
 * min-p each keep a beginning of that order, so all three together are one place in it, the `cut`.
 * No row is ever sorted: a cut is found by selection among the tokens that can matter.
 *
 * I1  A weight e^-a is within (a + 2) 2.4e-7 of itself of the exact one, and the same on every
 *     machine: plain float arithmetic, no library exponential.
 * I2  A token whose weight is 0 is never drawn. Weights below e^-87 are 0.
 * I3  Sums over the vocabulary are held in double and made of blocks: the error of a total does
 *     not grow with the vocabulary.
 *
 * For the room's own use. Not for two threads at once.
 */
#ifndef DS4_SAMPLE_DIST_H
#define DS4_SAMPLE_DIST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

enum { DIST_BLOCK = 256 };

typedef struct dist {
    uint32_t n, n_blocks;
    float max;         /* of the row seen by the last dist_scan               */
    float *block_max;
    float *weight;     /* of a block without a sum: anything                  */
    double *block_sum;
    double total;
    uint64_t *key;     /* room for a selection: n keys                        */
} dist;

/* The last token kept. Kept are the logits above x, and those equal to x up to token `id`. */
typedef struct dist_cut {
    float x;
    uint32_t id;
} dist_cut;

/* Room for rows of n > 0 logits; on failure d is as after dist_fini, which accepts {0}. */
status dist_init(dist *d, uint32_t n, err *e);
void dist_fini(dist *d);

/* Finds the maxima. False if a logit is not finite; the maxima then mean nothing, unless the only
 * such values are -inf, which stand for tokens that must not come. */
bool dist_scan(dist *d, const float *x);

/* The first token that has the largest logit, after dist_scan of the same row. */
uint32_t dist_argmax(const dist *d, const float *x);

/* Fills weights and sums at a temperature > 0, after dist_scan of the same row. */
void dist_weigh(dist *d, const float *x, double temperature);

/* The first k <= n tokens of the order, in order, as ids into out; after dist_scan. */
void dist_top(dist *d, const float *x, uint32_t k, uint32_t *out);

/* Where the order ends after top_k (0: off), then top_p (of what top_k left; 1 or more: off), then
 * min_p (relative to the best token; 0: off). At least one token is kept. After dist_weigh with
 * the same temperature. */
dist_cut dist_find_cut(dist *d, const float *x, double temperature, uint32_t top_k, double top_p,
                       double min_p);

/* Takes the weight from every token behind the cut. */
void dist_apply_cut(dist *d, const float *x, dist_cut cut);

/* The token at the fraction 0 <= u < 1 of the total, tokens in order of their ids. */
uint32_t dist_draw(const dist *d, double u);

#endif
