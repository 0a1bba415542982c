/* random: models of any shape with random weights, for tests and measurements.
 *
 * The function they compute means nothing, but every part of the architecture takes part in it: weights are scaled so that
 * signals keep their size through the layers, and routers and indexers really choose. Equal specs give equal files.
 */
#ifndef DS4_MODEL_RANDOM_H
#define DS4_MODEL_RANDOM_H

#include "base/status.h"
#include "gguf/gguf.h"
#include "model/shape.h"

typedef enum random_recipe {
    RANDOM_F32,  /* everything float32                                                                     */
    RANDOM_Q8,   /* Q8_0 where the published q2 file has Q8_0 or a 2-bit type, the rest as there           */
    RANDOM_Q2,   /* the published q2 file: IQ2_XXS and Q2_K experts, Q8_0 attention, F16 compressors and so on */
    RANDOM_Q4,   /* the same with Q4_K experts */
} random_recipe;

typedef struct random_spec {
    shape shape;
    random_recipe recipe;
    bool draft;    /* with a block at mtp.0. */
    uint64_t seed;
} random_spec;

/* A small shape with every kind of layer: ratios 0, 4, 128, 4, 16; window 32; 16 experts. Rows are multiples of 256 where the
 * q2 recipe needs it. */
shape random_small_shape(void);

status random_model_write(const char *path, const random_spec *spec, err *e);

/* The keys such a file begins with, without a tokeniser: for who makes the tensors in another way. */
void random_keys(gguf_writer *w, const shape *s, bool draft);

#endif
