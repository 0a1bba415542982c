/* emit: the bytes of one tensor, from the checkpoint to the file, a piece at a time.
 *
 * I1  Memory does not grow with the model: EMIT_BYTES of values and as much of blocks, or one row
 *     where that is more; pages of the checkpoint are given back behind the reader.
 */
#ifndef DS4_APPS_CONVERT_EMIT_H
#define DS4_APPS_CONVERT_EMIT_H

#include "apps/convert/roster.h"
#include "gguf/gguf.h"

#define EMIT_BYTES (16u << 20)

typedef struct emitter {
    gguf_writer *to;
    progress *bar;
    const volatile sig_atomic_t *stop; /* once not 0: E_CANCELLED */
    uint64_t written;                  /* for the bar             */
    float *values;                     /* scratch, emit_free      */
    uint8_t *blocks;
    size_t values_cap, blocks_cap;
} emitter;

status emit_tensor(emitter *em, const roster *r, const roster_tensor *t, err *e);
void emit_free(emitter *em); /* the scratch */

#endif
