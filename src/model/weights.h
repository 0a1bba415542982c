/* weights: every tensor of the model, found by name and held to its shape.
 *
 * Large matrices stay where they are, in the mapped file, in whatever block format it gives them; small vectors are
 * turned into float32 once. After binding nothing looks at names, dimensions or files again.
 *
 * Three places can hold the draft (MTP) block, and all are read: `mtp.0.*` in the model file, `mtp.0.*` in a side file,
 * or a block behind the trunk (`blk.N.nextn.*`).
 *
 * I1  A matrix has rows x cols values a plane, in whole blocks a row; planes are experts.
 * I2  Borrowed data live as long as the files they were bound from.
 */
#ifndef DS4_MODEL_WEIGHTS_H
#define DS4_MODEL_WEIGHTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "gguf/gguf.h"
#include "model/shape.h"
#include "quant/quant.h"

typedef struct matrix {
    const quant_type *type; /* NULL: this layer has no such matrix */
    const uint8_t *data;
    uint32_t rows, cols, planes;
    uint64_t row_bytes;   /* from one row to the next   */
    uint64_t plane_bytes; /* from one expert to the next */
} matrix;

static inline const uint8_t *matrix_row(const matrix *m, uint32_t plane, uint32_t row) {
    return m->data + plane * m->plane_bytes + row * m->row_bytes;
}

/* A hyper-connection site: how four streams become one input, and one output four streams. */
typedef struct hc_weights {
    matrix fn;          /* [(2+M)M, M D], at the head [M, M D] */
    const float *base;  /* one for each row of fn              */
    const float *scale; /* pre, post, mix; at the head one     */
} hc_weights;

typedef struct compressor_weights {
    matrix kv, gate;   /* [halves width, D]      */
    const float *ape;  /* [ratio][halves width]  */
    const float *norm; /* [width]                */
} compressor_weights;

typedef struct expert_weights {
    matrix gate, up; /* [I, D] a plane */
    matrix down;     /* [D, I] a plane */
} expert_weights;

typedef struct layer_weights {
    hc_weights hc_attn, hc_ffn;
    const float *attn_norm, *q_norm, *kv_norm, *sinks;
    matrix q_a, q_b, kv, out_a, out_b;
    compressor_weights comp; /* ratio > 0 */
    compressor_weights ix_comp; /* ratio 4 */
    matrix ix_q, ix_weights;    /* ratio 4 */
    const float *ffn_norm;
    matrix router;
    const float *route_bias;  /* scored layers: added for the choice only    */
    const int32_t *route_ids; /* hash layers: [V][K] experts of a token, or NULL */
    expert_weights routed, shared;
} layer_weights;

typedef struct head_weights {
    hc_weights hc;
    const float *norm;
    matrix out; /* [V, D] */
} head_weights;

typedef struct draft_weights {
    bool present;
    layer_weights block; /* ratio 0, scored */
    matrix e_proj, h_proj;
    const float *e_norm, *h_norm;
    matrix embed;
    head_weights head;
} draft_weights;

typedef struct weights {
    matrix embed;
    layer_weights *layers;
    head_weights head;
    draft_weights draft;
    void **owned; /* float32 copies of small tensors */
    uint32_t n_owned, owned_cap;
} weights;

/* The files a model lies in: its shards, and perhaps a side file with the draft block. */
typedef struct weight_files {
    gguf *const *shards;
    uint32_t n_shards;
    gguf *side;       /* or NULL */
    const char *name; /* for errors */
    const char *side_name;
} weight_files;

/* What kind of numbers a tensor holds. */
typedef enum tensor_role { TENSOR_MATRIX, TENSOR_VECTOR, TENSOR_IDS } tensor_role;

/* Calls visit for every tensor that a model of this shape has, in the order writers like: name, dimensions innermost first (unused
 * ones 1). With `draft` also those of `mtp.0.`. Stops at the first that returns something else than OK, and returns that. */
typedef status (*tensor_visit)(void *ctx, const char *name, tensor_role role, const uint64_t ne[3]);
status weights_each(const shape *s, bool draft, tensor_visit visit, void *ctx);

status weights_bind(weights *out, const shape *s, const weight_files *files, err *e);
void weights_free(weights *w);

#endif
