/* input: the tensors to be written, each with its name in the output and where its values come from.
 *
 * The input is a GGUF model (one file or shards), a side file with a draft block only, or a
 * checkpoint folder. A change of layout is settled here: behind it an origin is a matrix of rows
 * under its final name, whatever files and columns they are read from.
 *
 *     beside    mtp.0.e_proj, mtp.0.h_proj, mtp.0.norm, mtp.0.hc_head_*, mtp.0.X
 *     behind    blk.N.nextn.eh_proj (rows: e_proj's, then h_proj's), blk.N.nextn.shared_head_norm,
 *               the trunk's hyper-connection head, blk.N.X
 *
 * I1  Values that are not finite are refused, with tensor, row and column.
 * I2  An origin's own type holds every value of it.
 * I3  Rows may be read by any number of threads; memory of the files is given back with input_drop.
 */
#ifndef DS4_APPS_QUANTIZER_INPUT_H
#define DS4_APPS_QUANTIZER_INPUT_H

#include "apps/convert/roster.h"
#include "base/hash.h"
#include "model/model.h"

typedef enum file_layout { LAYOUT_KEEP, LAYOUT_DS4, LAYOUT_ANTIREZ, LAYOUT_LLAMACPP } file_layout;

/* A run of columns of what is stored. */
typedef struct strip {
    const gguf *file;     /* of t, or NULL: then a checkpoint's */
    const gguf_tensor *t;
    const stored *parts;  /* one a plane */
    uint64_t first, cols; /* first column in what is stored */
} strip;

typedef struct origin {
    char *name;
    uint32_t n_dims;
    uint64_t ne[4]; /* innermost first; unused dims are 1 */
    bool vector;
    bool whole;        /* integers, not computed with: the bytes are carried */
    bool expert_ids;   /* I64 or I32, written as I32 */
    quant_id type;     /* I2 */
    uint64_t bytes;    /* stored: what has to be read */
    strip strips[2];   /* side by side */
    uint32_t n_strips;
    const hf_tensor *ids;
} origin;

typedef struct input {
    const char *path; /* borrowed */
    file_layout layout;
    origin *at;
    uint32_t n, cap;
    uint32_t n_layers, n_experts;
    bool draft, behind; /* a draft block will be written; behind the trunk */
    bool moved;         /* it was elsewhere in the input */
    bool left_out;      /* draft blocks of another kind were */
    buf notes;          /* remarks, each ending in a NUL */
    hash128 identity;   /* names, shapes, types, samples of all data, the time of the last change */

    model *m; /* what is open: one of the three */
    gguf *side;
    hf_checkpoint *folder;
    convert_config cfg; /* of the folder */
    roster all;
} input;

/* Looks at names and shapes of everything. Once *stop is not 0 it ends with E_CANCELLED. */
status input_open(input *in, const char *path, file_layout layout, const volatile sig_atomic_t *stop,
                  err *e);
void input_close(input *in); /* and back to {0} */
void input_tell(const input *in); /* the remarks, on stderr */
void input_note(input *in, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Rows of all planes, one plane behind the other. */
uint64_t origin_rows(const origin *o);

/* Rows row .. row+n-1 as float32. Not for whole ones. */
status input_rows(const input *in, const origin *o, uint64_t row, uint64_t n, float *out, err *e);
/* The same rows in blocks of the origin's own type; `scratch` has room for n * ne[0] values. */
status input_blocks(const input *in, const origin *o, uint64_t row, uint64_t n, float *scratch,
                    uint8_t *out, err *e);
void input_drop(const origin *o, uint64_t row, uint64_t n);

#endif
