/* quantize: float32 rows to the blocks of a format, with the least error that matters.
 *
 * `weight` says how much the error of each column counts (an importance matrix: the mean square of
 * the activations that meet it), n values >= 0; NULL, or all zero, counts all alike. Minimised is
 * the sum of weight * error^2, block by block.
 *
 * I1  A block depends on its own values and weights only: not on threads, not on the rows around.
 * I2  Every result is legal: what is read back is finite for finite input. Values that are not
 *     finite are the caller's to refuse.
 * I3  No state, no allocation beyond 128 KiB of stack: any number of threads at once.
 * I4  Every instruction set writes the same bytes.
 */
#ifndef DS4_QUANT_QUANTIZE_H
#define DS4_QUANT_QUANTIZE_H

#include "quant/quant.h"

typedef void (*quantize_fn)(const float *x, const float *weight, void *out, size_t n);

/* NULL for what is not written: integers, IQ1_S, IQ1_M, Q4_1, Q5_0, Q5_1. n is a whole number of
 * blocks. */
quantize_fn quantize_for(quant_id id);

/* The same functions as one instruction set has them. */
typedef struct quantize_set {
    const char *isa;                    /* "portable", "avx2" */
    quantize_fn write[QUANT_IDS];       /* by quant_id        */
} quantize_set;

extern const quantize_set quantize_portable;
const quantize_set *quantize_best(void);    /* the fastest here; asks the processor */

/* Sum of weight * (x - what the blocks say)^2; weight NULL counts all alike. */
double quantize_error(quant_id id, const float *x, const float *weight, const void *blocks,
                      size_t n);

#endif
