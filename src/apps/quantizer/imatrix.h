/* imatrix: how much each column of a weight matters, measured by running text through a model.
 *
 * An entry belongs to one tensor: for every matrix of it (experts; else one) the sum of the squared
 * activations that met each column, and how many rows were summed. The importance of a column is
 * sum / count. Two forms of files are read and written; the first bytes tell which one it is.
 *
 *     GGUF      general.type "imatrix", imatrix.datasets, imatrix.chunk_count, imatrix.chunk_size;
 *               two F32 tensors an entry: NAME.in_sum2 [n_cols, n_mats], NAME.counts [1, n_mats]
 *     legacy    i32 n_entries
 *               n_entries x { i32 n, name[n]; i32 n_call; i32 n_val; f32 value[n_val] }
 *               perhaps: i32 last_chunk, i32 n, dataset[n]
 *
 * The legacy form knows nothing of experts: their columns stand one expert behind the other, and
 * n_call, one for all, is what every value is divided by (0: they are means already).
 *
 * I1  Sums and counts are finite and not negative; names are unique, valid UTF-8, not empty.
 * I2  Entries are sorted by name, so what is written depends on what was measured only.
 * I3  Nothing is allocated from a count before the file could hold that many.
 *
 * Limits (E_LIMIT beyond): 65,536 entries, names of 1,000 bytes.
 */
#ifndef DS4_APPS_QUANTIZER_IMATRIX_H
#define DS4_APPS_QUANTIZER_IMATRIX_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/status.h"

typedef struct imatrix_entry {
    char *name; /* the tensor's */
    uint64_t n_cols, n_mats;
    float *sums;   /* [n_mats][n_cols]                    */
    float *counts; /* [n_mats]; 0: no row met this matrix */
} imatrix_entry;

/* All zeros is a good empty one. */
typedef struct imatrix {
    imatrix_entry *entries;
    size_t n, cap;
    buf datasets; /* names of what was run, each ending in a NUL */
    uint32_t chunks, chunk_size;
} imatrix;

typedef enum imatrix_form { IMATRIX_GGUF, IMATRIX_LEGACY } imatrix_form;

/* Into an empty one. */
status imatrix_read(imatrix *m, const char *path, err *e);
/* The same over bytes; `name` stands for the path in errors. */
status imatrix_read_bytes(imatrix *m, const uint8_t *data, uint64_t n, const char *name, err *e);
void imatrix_free(imatrix *m); /* and back to {0} */

/* Under its name when it is whole. The legacy form gets means and n_call 1; where a matrix was met
 * by no row, ones. */
status imatrix_write(const imatrix *m, const char *path, imatrix_form form, err *e);

/* NULL if there is none. Borrowed until the next imatrix_add. */
imatrix_entry *imatrix_find(const imatrix *m, const char *name);
/* The entry of this name, or a new one of zeros; E_USAGE if it is there in another shape. */
status imatrix_add(imatrix *m, const char *name, uint64_t n_cols, uint64_t n_mats,
                   imatrix_entry **out, err *e);
/* Remembers the name of what was run, once. False: out of memory. */
bool imatrix_dataset(imatrix *m, const char *name);

/* Adds what another one measured: sums, counts, chunks, names. E_FORMAT, and `into` as it was, if
 * an entry has another shape there. */
status imatrix_merge(imatrix *into, const imatrix *from, err *e);

/* Whether the entry can serve a tensor of n_mats matrices with n_cols columns: entries of the
 * legacy form count as any shape of their size, one of a single row serves all matrices. */
bool imatrix_fits(const imatrix_entry *x, uint64_t n_cols, uint64_t n_mats);
/* The importance of n_cols columns of matrix `mat`, of an entry that fits. False, and all ones, if
 * no row met it. */
bool imatrix_weights(const imatrix_entry *x, uint64_t n_cols, uint64_t mat, float *out);

#endif
