/* collector: sums the squares of the activations that meet each column of each matrix of a model.
 *
 *     model file   tensor "blk.3.ffn_down_exps.weight", 256 planes of 2048 columns
 *     engine       "these rows meet plane 17 of the matrix at this address"   (backend.h, observer)
 *     imatrix      sums[17][c] += x_c^2 for each row, counts[17] += rows
 *
 * A matrix is known by where its data lies in the mapped file, so what the engine calls it does not
 * matter; two matrices side by side in one tensor (nextn.eh_proj) each have their columns of it.
 * Sums are float64 and added in the order of the rows. Whoever drains after each chunk gets the same
 * file however the chunks were spread over runs: what is rounded to float32 is the same then.
 *
 * I1  Tensors that no row ever met have no entry; planes that none met have count 0.
 * I2  Memory is taken when a tensor is met first: planes * columns * 8 bytes.
 */
#ifndef DS4_APPS_MEASURE_COLLECTOR_H
#define DS4_APPS_MEASURE_COLLECTOR_H

#include "apps/quantizer/imatrix.h"
#include "backend/backend.h"
#include "model/model.h"

typedef struct collector collector;

/* The model must outlive it. */
status collector_new(collector **out, const model *m, err *e);
void collector_free(collector *c); /* NULL is fine */

/* For engine_options.watch. */
observer collector_observer(collector *c);

/* E_NOMEM once memory for a tensor was missing; what it gathered is not whole then. */
status collector_check(const collector *c, err *e);

/* Adds all that was met since the last time to `into`. */
status collector_drain(collector *c, imatrix *into, err *e);

/* Tensors of matrices that the engine multiplies with: met by rows, and all of them. */
void collector_count(const collector *c, uint32_t *met, uint32_t *all);

#endif
