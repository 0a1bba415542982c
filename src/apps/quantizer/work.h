/* work: the data of the output, from front to back, in pieces of whole rows.
 *
 *     input rows -> threads: float32, checked, in blocks -> OUT.part, a mark behind every piece
 *
 * I1  Where pieces end, and what is in them, depends on the scheme only: the bytes are the same for
 *     any number of threads and after any interruption.
 * I2  Memory does not grow with the model: a piece of PIECE_VALUES, and for each thread a slice of
 *     SLICE_VALUES, or one row where that is more.
 */
#ifndef DS4_APPS_QUANTIZER_WORK_H
#define DS4_APPS_QUANTIZER_WORK_H

#include "apps/lib/partial.h"
#include "apps/quantizer/scheme.h"
#include "base/pool.h"

enum { PIECE_VALUES = 1 << 22, SLICE_VALUES = 1 << 15, WORK_ALIGNMENT = 32 };

/* Bytes of the whole file. */
uint64_t work_file_bytes(const scheme *p, const buf *head);

/* Writes what `to` does not have yet: the head, then all tensors. Once *stop is not 0 it ends with
 * E_CANCELLED; what is marked then is kept by partial_keep. */
status work_run(const input *in, const scheme *p, const buf *head, partial *to, pool *threads,
                const volatile sig_atomic_t *stop, err *e);

#endif
