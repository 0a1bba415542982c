/* figures: what a measurement came to: averages with their intervals, and what plots need.
 *
 * Batches are runs of whole windows, the same number of them in each (but the last), so many that
 * there are at most FIGURES_BATCHES; all intervals come from them (interval.h). They are also what
 * two receipts are compared by, pair by pair.
 */
#ifndef DS4_APPS_QUALITY_FIGURES_H
#define DS4_APPS_QUALITY_FIGURES_H

#include "apps/quality/divergence.h"
#include "apps/quality/interval.h"
#include "apps/quality/stream.h"

enum {
    FIGURES_BATCHES = 1000,
    FIGURES_BINS = 48,      /* of the histogram: 4 a decade from 1e-9 nats on; the first also holds less */
    FIGURES_PLACES = 32,    /* stretches of a window at most */
    FIGURES_SURE = 10,      /* tenths of the reference's certainty */
    FIGURES_WORST = 24
};

/* Of the tokens that fell into one part. */
typedef struct part_sum {
    double from, to; /* what bounds the part: nats, positions, probabilities */
    double n, kl, same, p_best;
} part_sum;

typedef struct figures {
    double n; /* tokens */
    estimate kl, same, common, nll_ref, nll, ratio; /* ratio: ln of the perplexities', file / reference */
    double kl_at[5];       /* median, 90 %, 99 %, 99.9 %, largest */
    part_sum histogram[FIGURES_BINS], places[FIGURES_PLACES], sure[FIGURES_SURE];
    size_t n_places, n_worst;
    uint64_t worst[FIGURES_WORST]; /* tokens (indices), the largest KL first */
    /* Batch by batch: */
    size_t n_batches;
    double *batch_n, *batch_kl, *batch_same, *batch_nll_ref, *batch_nll;
} figures;

extern const char *const figures_at_names[5];

/* t: [s->n_tokens] */
status figures_make(figures *f, const stream *s, const token_figures *t, err *e);
void figures_free(figures *f); /* and back to {0} */

#endif
