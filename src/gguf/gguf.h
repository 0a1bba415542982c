/* gguf: reading and writing the GGUF container (versions 2 and 3, little-endian).
 *
 * gguf_open maps the file and makes ONE validating pass over the whole structure; after that everything here is
 * trusted: offsets lie in the file, strings are UTF-8 without NUL, types are known, names are unique, tensors do not overlap.
 *
 *     0    "GGUF", u32 version, u64 n_tensors, u64 n_keys
 *     24   keys     { string, u32 type, value }
 *          tensors  { string, u32 n_dims, u64 ne[], u32 type, u64 offset }
 *          padding to `alignment`, then the tensors' data
 *
 * I1  Nothing is allocated from a count before the file could hold that many.
 * I2  Strings and data are borrowed from the map and live as long as the gguf.
 * I3  A tensor's data are whole blocks: ne[0] is a multiple of its type's block_values.
 *
 * Limits (E_LIMIT beyond): 1,000,000 tensors; 100,000 keys; 256 MiB of keys; names of 1,024 bytes; arrays nested 4 deep; alignment
 * at most 1 MiB. Numbers that are not finite are refused. Data are aligned as the file says (any power of two): read them by value.
 * Any thread may read an open gguf.
 */
#ifndef DS4_GGUF_GGUF_H
#define DS4_GGUF_GGUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/file.h"
#include "base/status.h"
#include "quant/quant.h"

typedef enum gguf_kind {
    GGUF_U8, GGUF_I8, GGUF_U16, GGUF_I16, GGUF_U32, GGUF_I32, GGUF_F32, GGUF_BOOL, GGUF_STRING, GGUF_ARRAY, GGUF_U64, GGUF_I64,
    GGUF_F64
} gguf_kind;

/* A run of bytes in the file; not NUL-terminated. */
typedef struct gguf_str {
    const char *p;
    size_t n;
} gguf_str;

typedef struct gguf_key {
    gguf_str name;
    gguf_kind kind;
    const uint8_t *value; /* the bytes of the value, as in the file (an array's begin at its element type) */
} gguf_key;

typedef struct gguf_tensor {
    gguf_str name;
    const quant_type *type;
    uint32_t n_dims;
    uint64_t ne[4];       /* innermost first; unused dims are 1 */
    uint64_t offset;      /* from the start of the file         */
    uint64_t bytes;
    const uint8_t *data;  /* in the map                         */
} gguf_tensor;

typedef struct gguf gguf;

status gguf_open(gguf **out, const char *path, err *e);
/* The same over bytes the caller keeps alive; `name` stands for the path in errors. */
status gguf_open_bytes(gguf **out, const uint8_t *data, uint64_t n, const char *name, err *e);
void gguf_close(gguf *g); /* NULL is fine */

uint32_t gguf_version(const gguf *g);
uint32_t gguf_alignment(const gguf *g);
uint64_t gguf_size(const gguf *g);      /* of the file */
const uint8_t *gguf_bytes(const gguf *g);
uint64_t gguf_header_bytes(const gguf *g); /* from the file's start to the end of the tensor directory: identity of everything but data */

uint64_t gguf_n_keys(const gguf *g);
const gguf_key *gguf_key_at(const gguf *g, uint64_t i);
const gguf_key *gguf_find_key(const gguf *g, const char *name); /* NULL if absent; hashed */
uint64_t gguf_n_tensors(const gguf *g);
const gguf_tensor *gguf_tensor_at(const gguf *g, uint64_t i);
const gguf_tensor *gguf_find_tensor(const gguf *g, const char *name); /* NULL if absent; hashed */

/* Values, as tolerant of widths as readers of these files must be: any integer type (and bool) gives an integer when it fits, any
 * number gives a float, 0 and 1 give a bool. False, and *out left alone, when k is NULL, of another nature, or out of range. */
bool gguf_u64(const gguf_key *k, uint64_t *out);
bool gguf_i64(const gguf_key *k, int64_t *out);
bool gguf_f64(const gguf_key *k, double *out);
bool gguf_bool(const gguf_key *k, bool *out);
bool gguf_string(const gguf_key *k, gguf_str *out);

/* Arrays. A scalar counts as an array of one. */
uint64_t gguf_array_n(const gguf_key *k);                 /* elements; 0 for NULL */
gguf_kind gguf_array_kind(const gguf_key *k);             /* of the elements      */
bool gguf_array_i64(const gguf_key *k, uint64_t i, int64_t *out);
bool gguf_array_f64(const gguf_key *k, uint64_t i, double *out);

/* Strings of an array one after the other: start with *at = 0. False at the end, or if k is no array of strings. */
typedef struct gguf_walk {
    uint64_t i;
    const uint8_t *at;
} gguf_walk;
bool gguf_next_string(const gguf_key *k, gguf_walk *w, gguf_str *out);

const char *gguf_kind_name(gguf_kind k);

/* ------------------------------------------------------------------ writing
 *
 * Keys first, then every tensor declared, then begin, then the data in the order declared, then finish:
 *
 *     gguf_create(&w, path, &e);
 *     gguf_put_u32(w, "deepseek4.block_count", 43);
 *     gguf_declare(w, "token_embd.weight", Q_F16, 2, (uint64_t[]){4096, 129280});
 *     gguf_begin(w, &e);
 *     gguf_data(w, bytes, n, &e);  ...          any pieces; padding between tensors is the writer's
 *     gguf_finish(w, &e);                       published under its name by a rename
 *
 * Puts and declares remember the first failure; gguf_begin reports it. Version 3, alignment 32 unless put.
 */
typedef struct gguf_writer gguf_writer;

status gguf_create(gguf_writer **out, const char *path, err *e);
void gguf_put_u32(gguf_writer *w, const char *key, uint32_t v);
void gguf_put_u64(gguf_writer *w, const char *key, uint64_t v);
void gguf_put_i32(gguf_writer *w, const char *key, int32_t v);
void gguf_put_f32(gguf_writer *w, const char *key, float v);
void gguf_put_bool(gguf_writer *w, const char *key, bool v);
void gguf_put_string(gguf_writer *w, const char *key, const char *p, size_t n);
void gguf_put_i32s(gguf_writer *w, const char *key, const int32_t *v, uint64_t n);
void gguf_put_f32s(gguf_writer *w, const char *key, const float *v, uint64_t n);
void gguf_put_strings(gguf_writer *w, const char *key, const gguf_str *v, uint64_t n);
void gguf_put_copy(gguf_writer *w, const gguf_key *k); /* a key of another file, byte for byte */
void gguf_declare(gguf_writer *w, const char *name, quant_id type, uint32_t n_dims, const uint64_t *ne);
status gguf_begin(gguf_writer *w, err *e);
status gguf_data(gguf_writer *w, const void *p, size_t n, err *e);
uint64_t gguf_data_total(const gguf_writer *w); /* bytes of all declared tensors, for a progress bar */
status gguf_finish(gguf_writer *w, err *e);     /* also when it fails, w is gone and no file is left */
void gguf_abort(gguf_writer *w);                /* NULL is fine */

/* For who writes the file in another way, and can so go on with a half-written one: a writer without a file, for keys and
 * declarations; gguf_head then gives all bytes before the data (into `out`, cleared before). Behind them the tensors' data in the
 * order declared, each padded with zeros to the alignment (32 unless put). gguf_abort ends it. */
status gguf_create_head(gguf_writer **out, const char *path, err *e);
status gguf_head(gguf_writer *w, buf *out, err *e);

#endif
