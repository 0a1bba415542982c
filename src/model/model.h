/* model: the files of one model, mapped, checked and bound. No device, no context yet.
 *
 * A model is one GGUF, or several shards (NAME-00001-of-0000N.gguf; any of them may be named), and perhaps a side file with
 * the draft block. Opening reads the headers and small tensors only: the weights stay on disk until they are used.
 *
 * I1  An open model never changes; any thread may read it.
 */
#ifndef DS4_MODEL_MODEL_H
#define DS4_MODEL_MODEL_H

#include "base/hash.h"
#include "base/status.h"
#include "gguf/gguf.h"
#include "model/shape.h"
#include "model/weights.h"

typedef struct model model;

/* side_path: a file with `mtp.0.*`, or NULL. */
status model_open(model **out, const char *path, const char *side_path, err *e);
/* From bytes that the caller keeps alive; one file. For tests and fuzzing. */
status model_open_bytes(model **out, const uint8_t *data, uint64_t n, const char *name, err *e);
void model_close(model *m); /* NULL is fine */

const shape *model_shape(const model *m);
const weights *model_weights(const model *m);

/* The files: shard 0 holds the metadata. A side file is not among them. */
uint32_t model_n_files(const model *m);
const gguf *model_file(const model *m, uint32_t i);

/* Names this model: its metadata, tensor directory and samples of every tensor's data. Two files with equal
 * identity give equal logits unless somebody took pains. */
hash128 model_identity(const model *m);
/* The same of the side file; zeros without one. What a session keeps for a draft block depends on it, the rest does not. */
hash128 model_side_identity(const model *m);

#endif
