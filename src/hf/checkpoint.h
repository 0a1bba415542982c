/* checkpoint: a folder as models are published in: config.json, weights in one or many safetensors
 * files, perhaps an index.
 *
 * Which files belong to it, the first that applies:
 *
 *     model.safetensors.index.json         those its weight_map names; each must be there and
 *                                          hold the tensors it is said to hold
 *     model.safetensors                    this one
 *     model-0000x-of-0000y.safetensors     all y of them
 *     *.safetensors                        every one
 *
 * I1  A tensor is found under its name with and without a leading "model.", and only once: a folder
 *     in which two files (or both spellings) give one tensor is refused.
 * I2  File names come from the folder itself or are plain names: an index cannot reach outside.
 * I3  At most 4,096 safetensors files; a JSON file of at most 256 MiB.
 *
 * Files are mapped, not read: opening costs the headers only. Any thread may read an open one.
 */
#ifndef DS4_HF_CHECKPOINT_H
#define DS4_HF_CHECKPOINT_H

#include <stdbool.h>

#include "base/json.h"
#include "hf/safetensors.h"

typedef struct hf_checkpoint hf_checkpoint;

status hf_open(hf_checkpoint **out, const char *folder, err *e);
void hf_close(hf_checkpoint *c); /* NULL is fine */
const char *hf_folder(const hf_checkpoint *c);

/* NULL if absent. `name` is written without "model.". */
const hf_tensor *hf_find(const hf_checkpoint *c, const char *name);

/* All tensors, sorted by their names without "model.". */
size_t hf_count(const hf_checkpoint *c);
const hf_tensor *hf_at(const hf_checkpoint *c, size_t i);
const char *hf_plain_name(const hf_tensor *t);
/* Where a name stands in that order, or would stand: the first one that is not before it. */
size_t hf_place(const hf_checkpoint *c, const char *name);

/* A JSON file of a folder, e.g. config.json. Without the file: E_IO, or OK with *out = NULL if it
 * is optional. The document is the caller's. */
status hf_read_json(json_doc **out, const char *folder, const char *file, bool optional, err *e);

#endif
