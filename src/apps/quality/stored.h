/* stored: a model's logits after every token of a stream, kept in a file, so that a model that does
 * not fit beside another one can still be its reference, and need not be run again for each.
 *
 *      0   "DS4LOGIT"                        all numbers little-endian
 *      8   u32 version 1
 *     12   u32 n_vocab
 *     16   u64 n_ids
 *     24   u64 n_rows
 *     32   u32 size of a window, i32 BOS     (stream.h: with the ids they say what every row is)
 *     40   u64 how it was computed: bit 0 exact, bit 1 without the roundings of cached rows
 *     48   128-bit identity of the model     (model_identity)
 *     64   128-bit hash of the stream
 *     80   u64 hash of the 80 bytes before
 *     88   i32 ids[n_ids], padded with zeros to 8
 *          n_rows rows, in the order of the windows:
 *              u64 hash of the rest of the row
 *              f32 step
 *              u16 code[n_vocab], padded with zeros to 4    ln p - ln p(best) = -step * code
 *          zeros to a multiple of 8 a row
 *          JSON: what the receipt says of this model and of the text
 *          u64 bytes of the JSON, u64 hash of it, "DS4LEND1"
 *
 * The step of a row spreads 65,535 codes over its range, of which 64 nats below the best token are
 * kept: it is 0.001 at most, which adds less than 1e-7 nats to a divergence.
 *
 * I1  The size follows from the header and the JSON's length to the byte; anything else is refused.
 * I2  A row that was read has passed its hash. Ids are below n_vocab.
 * I3  Nothing is allocated from a count before the file could hold that many.
 */
#ifndef DS4_APPS_QUALITY_STORED_H
#define DS4_APPS_QUALITY_STORED_H

#include "apps/quality/stream.h"
#include "base/json.h"

enum { STORED_EXACT = 1, STORED_NO_ROUNDING = 2 };

typedef struct stored_head {
    uint32_t n_vocab;
    uint64_t how;
    hash128 model;
} stored_head;

/* ---- reading ---- */

typedef struct stored stored;

/* Whether a file begins like one. */
bool stored_is(const char *path);

status stored_open(stored **out, const char *path, err *e);
/* The same over bytes the caller keeps alive; `name` stands for the path in errors. */
status stored_open_bytes(stored **out, const uint8_t *data, uint64_t n, const char *name, err *e);
void stored_close(stored *s); /* NULL is fine */

const stored_head *stored_header(const stored *s);
const stream *stored_stream(const stored *s);
const json *stored_about(const stored *s); /* an object */
uint64_t stored_bytes(const stored *s);

/* Row i as logits, up to a constant: n_vocab of them. */
status stored_row(const stored *s, uint64_t i, float *out, err *e);

/* ---- writing: the pieces of the file, from front to back ---- */

void stored_put_head(buf *out, const stored_head *h, const stream *s);
void stored_put_row(buf *out, const float *logits, uint32_t n_vocab);
void stored_put_end(buf *out, const char *about, size_t n);
/* How many bytes the first and the second of these give. */
uint64_t stored_head_bytes(uint64_t n_ids);
uint64_t stored_row_bytes(uint32_t n_vocab);

#endif
