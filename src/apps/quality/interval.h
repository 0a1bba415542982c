/* interval: what an average over correlated tokens is worth.
 *
 * Tokens of one window share their past, so they are no independent measurements; windows nearly
 * are. Every figure is a ratio of sums over batches (whole windows, see figures.h), and its
 * interval comes from how these batches scatter around it ("batch means"):
 *
 *     R = sum s_i / sum n_i     var R = b/(b-1) sum (s_i - R n_i)^2 / (sum n_i)^2     b batches
 *     R +- t(b-1) sqrt(var R)
 *
 * with t the 97.5 % point of Student's distribution. A share uses Wilson's interval, with as many
 * independent tokens as would scatter like that (never more than there are), so that it stays
 * within 0..1 and means something at its ends.
 *
 * With a single batch nothing is known about the scatter: low and high are NaN.
 */
#ifndef DS4_APPS_QUALITY_INTERVAL_H
#define DS4_APPS_QUALITY_INTERVAL_H

#include <stdbool.h>
#include <stddef.h>

typedef struct estimate {
    double value, low, high; /* 95 % */
} estimate;

/* The mean: sums[i] over counts[i] tokens, of b batches with counts > 0. */
estimate interval_mean(const double *sums, const double *counts, size_t b);
/* A share: hits[i] of counts[i]. */
estimate interval_share(const double *hits, const double *counts, size_t b);

bool interval_known(const estimate *x);
/* Student's t with so many degrees of freedom (>= 1): 95 % lie between -t and t. */
double interval_student(double df);

#endif
