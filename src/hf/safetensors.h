/* safetensors: reading one file of a checkpoint in the format of that name.
 *
 *     0      u64 n       length of the header, at most 100,000,000
 *     8      n bytes     JSON: { "name": {"dtype": "BF16", "shape": [out, in],
 *                                         "data_offsets": [begin, end]}, ...,
 *                                "__metadata__": {"any": "text"} }
 *     8+n    the data; offsets count from here
 *
 * hf_file_open maps the file and makes one validating pass over the header. After that everything
 * here is trusted:
 *
 * I1  A tensor's bytes lie in the file, and are exactly as many as its shape and dtype ask for.
 * I2  The tensors fill the data section without gap or overlap (as the format demands): no byte
 *     has two meanings, none has none, and a file that was cut or joined is noticed.
 * I3  Names are unique valid UTF-8 of 1 to 1,024 bytes without NUL; nothing in the header is given
 *     twice.
 *
 * Names and data are borrowed from the file. Any thread may read an open file.
 */
#ifndef DS4_HF_SAFETENSORS_H
#define DS4_HF_SAFETENSORS_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

typedef enum hf_dtype {
    HF_F64,
    HF_F32,
    HF_F16,
    HF_BF16,
    HF_I64,
    HF_I32,
    HF_I16,
    HF_I8,
    HF_U64,
    HF_U32,
    HF_U16,
    HF_U8,
    HF_BOOL,
    HF_F8_E4M3,
    HF_F8_E5M2,
    HF_F8_E8M0,
    HF_DTYPES
} hf_dtype;

#define HF_MAX_RANK 8

typedef struct hf_file hf_file;

typedef struct hf_tensor {
    const char *name; /* NUL-terminated */
    hf_dtype dtype;
    uint32_t rank;               /* 0 is a single value */
    uint64_t shape[HF_MAX_RANK]; /* outermost first, as in the file; unused dims are 1 */
    uint64_t bytes;
    const uint8_t *data; /* in the map, at any alignment */
    const hf_file *file;
} hf_tensor;

status hf_file_open(hf_file **out, const char *path, err *e);
/* The same over bytes the caller keeps alive; `name` stands for the path in errors. */
status hf_file_open_bytes(hf_file **out, const uint8_t *data, uint64_t n, const char *name, err *e);
void hf_file_close(hf_file *f); /* NULL is fine */

const char *hf_file_name(const hf_file *f); /* as it was opened */
size_t hf_file_count(const hf_file *f);
const hf_tensor *hf_file_at(const hf_file *f, size_t i);           /* in the order of names */
const hf_tensor *hf_file_find(const hf_file *f, const char *name); /* NULL if absent         */

/* Says that n bytes from `at` on of a tensor are done with: their memory is given back. */
void hf_drop(const hf_tensor *t, uint64_t at, uint64_t n);

const char *hf_dtype_name(hf_dtype d); /* "F8_E4M3" */
uint32_t hf_dtype_bytes(hf_dtype d);

#endif
