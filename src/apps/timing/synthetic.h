/* synthetic: a model of random weights in memory, so that speed can be measured where the real file
 * is not.
 *
 *     flash                                   the real model, 43 layers, in the recipe q2: 81 GiB
 *     flash:layers=5,experts=64,recipe=q4     fewer layers or experts, other types
 *     small                                   a tiny model with every kind of layer, for tests
 *
 * Names and shapes are those of the published files, and the recipes are ds4-quantize's (q2, q2-q4,
 * q4, q8, mxfp4) or one type for every matrix (f32, f16, bf16). Weights are drawn from a pool of
 * quantised normal numbers for each type and size, so every block is one that a quantiser writes.
 * Outputs of blocks are small against the residual: tokens stay apart through the layers and
 * routing stays even, as with the real model.
 *
 * The image is a whole GGUF file without a tokeniser, read by the loader like any other. Equal
 * specs give equal bytes, whatever the threads.
 */
#ifndef DS4_APPS_TIMING_SYNTHETIC_H
#define DS4_APPS_TIMING_SYNTHETIC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "engine/session.h"
#include "model/model.h"

enum { SYNTHETIC_NAME = 160 };

typedef struct synthetic_spec {
    char name[SYNTHETIC_NAME]; /* all of it written out, as in `flash:layers=5,experts=256,...` */
    shape shape;
    int recipe; /* index into synthetic_recipes */
    uint64_t seed;
} synthetic_spec;

extern const char *const synthetic_recipes[]; /* ends with NULL */

/* E_USAGE, with what there is, for a text that says none. */
status synthetic_parse(synthetic_spec *out, const char *text, err *e);

/* Bytes of all tensors, and how many tensors there are. */
uint64_t synthetic_bytes(const synthetic_spec *s, uint32_t *n_tensors);

/* E_NOMEM, with both numbers and how many layers would fit, if the model does not leave
 * `reserve` bytes of `memory` (0: not known). */
status synthetic_fits(const synthetic_spec *s, uint64_t memory, uint64_t reserve, err *e);

typedef struct synthetic synthetic; /* the image, and the model that is bound to it */

/* threads 0: one for each core. c may be NULL: stop is asked often and by any thread, progress
 * tells MiB to the calling one. */
status synthetic_new(synthetic **out, const synthetic_spec *s, uint32_t threads, const control *c,
                     err *e);
void synthetic_free(synthetic *s); /* NULL is fine */
const model *synthetic_model(const synthetic *s);

#endif
