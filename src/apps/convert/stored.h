/* stored: one matrix as a checkpoint stores it, read as float32 rows.
 *
 *     BF16, F16, F32    NAME                        values as they are
 *     FP8               NAME.weight F8_E4M3         code * scale of its tile; tiles of 128 x 128,
 *                       NAME.scale  F8_E8M0         the last ones smaller
 *     FP4               NAME.weight I8 [out, in/2]  two E2M1 codes a byte, even column low;
 *                       NAME.scale  F8_E8M0 [out, in/32]
 *
 * I1  Every value is finite: what is not (NaN codes, scales of 255, products beyond float32)
 *     is refused with the tensor's name, row and column; it means a damaged file.
 * I2  Rows are exact: a code times a power of two is a float32 without rounding.
 * I3  Memory of the map is given back as rows are left behind.
 */
#ifndef DS4_APPS_CONVERT_STORED_H
#define DS4_APPS_CONVERT_STORED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "hf/checkpoint.h"
#include "quant/quant.h"

typedef enum storage { STORE_F32, STORE_F16, STORE_BF16, STORE_FP8, STORE_FP4 } storage;

typedef struct stored {
    storage kind;
    const hf_tensor *values, *scales; /* scales: FP8 and FP4 only */
    uint64_t rows, cols;
    uint32_t tile_rows, tile_cols;
} stored;

/* Binds a tensor of the expected shape. `rank` 1: [cols], 2: [rows, cols]. Tiles are for FP8. */
status stored_bind(stored *s, const hf_checkpoint *c, const char *name, uint32_t rank,
                   uint64_t rows, uint64_t cols, const uint32_t tile[2], err *e);

/* What the values allow. `limit` is the largest magnitude of interest. */
typedef struct stored_facts {
    bool within;     /* no magnitude is above the limit */
    bool fits_bf16;  /* every value is a BF16 number    */
} stored_facts;

/* Looks at scales first, and at codes only where those leave it open. */
status stored_survey(const stored *s, double limit, stored_facts *out, err *e);

/* Rows row .. row+n-1 as float32. */
status stored_rows(const stored *s, uint64_t row, uint64_t n, float *out, err *e);

/* The same rows as they are stored (BF16, F16, F32), checked for I1: borrowed from the file. */
status stored_raw(const stored *s, uint64_t row, uint64_t n, const uint8_t **out, err *e);

/* FP4 rows as MXFP4 blocks: the same scales and codes, regrouped. cols is a multiple of 32. */
status stored_mxfp4(const stored *s, uint64_t row, uint64_t n, uint8_t *out, err *e);

/* Gives back the memory of these rows. */
void stored_drop(const stored *s, uint64_t row, uint64_t n);

#endif
