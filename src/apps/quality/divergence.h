/* divergence: how far one row of logits is from another, over the whole vocabulary.
 *
 *     p = softmax(reference), q = softmax(the file under test)
 *     KL = sum of p ln(p / q)                                   nats
 *
 * The sum is taken as p (ln(p/q) + q/p - 1), which is the same, since p and q both sum to one, but
 * of which every term is >= 0:
 *
 * I1  KL is never negative, and exactly 0 for equal rows; small ones keep their digits.
 * I2  Everything is float64; a token less likely than e^-60 in both rows is left out (all of them
 *     together are below 1e-20 nats).
 * I3  Of equally high logits the lowest id is the best one.
 */
#ifndef DS4_APPS_QUALITY_DIVERGENCE_H
#define DS4_APPS_QUALITY_DIVERGENCE_H

#include <stdbool.h>
#include <stdint.h>

enum { DIVERGENCE_TOP = 10 };

/* What one token of the text gave. */
typedef struct token_figures {
    double kl;               /* nats                                                 */
    double nll_ref, nll;     /* -ln of the probability of the token that does follow */
    float p_best, q_best;    /* the reference's probability of its best token, the file's of its own */
    int32_t best_ref, best;  /* these tokens                                         */
    uint32_t common;         /* of the best DIVERGENCE_TOP tokens (or all) of both   */
} token_figures;

/* Rows of n_vocab finite logits; `next` is the token that follows. */
void divergence(token_figures *out, const float *reference, const float *got, uint32_t n_vocab,
                int32_t next);

#endif
