/* plan: how one engine lays a model out: its layers in order, where each keeps what in pages and states.
 *
 * What a session remembers lies in two kinds of memory, both described here to the byte, both in backend memory:
 *
 *   page    what all layers keep of PAGE_TOKENS consecutive tokens: for each layer with ratio r its PAGE_TOKENS / r
 *           compressed rows (dh values), and on ratio-4 layers as many index rows (di values). Append-only.
 *
 *             0     layer a: [rows][index rows]   layer b: [rows]   ...        page_bytes
 *
 *   state   what is overwritten in place as a session goes on, of fixed size: for each layer a ring of the last raw rows and
 *           the open windows of its compressors.
 *
 *             0     layer 0: [ring][compressor][index compressor]   layer 1: ...   draft: [ring][streams]   state_bytes
 *
 * The open window of a compressor (float32), for a width d:
 *   ratio 4    kv and gate of the previous window's first halves and of the open window:
 *              prev_kv[4][d] prev_gate[4][d] open_kv[4][2d] open_gate[4][2d]
 *   others     three running numbers a channel instead of up to r rows: max[d] sum[d] weighted[d]
 *              (of e^(S - max) and e^(S - max) K): a state of 6 KB a layer instead of 512 KB at ratio 128.
 *
 * I1  Rows are float32 under `exact`, else float16; the ring too. All offsets are multiples of 64.
 * I2  The ring of a layer holds window + RING_SPARE rows; position p lies at row p mod that. Rows of the batch that is being
 *     computed are not in it until the layer is done with them, so a chunk of any size sees its own window.
 */
#ifndef DS4_MODEL_PLAN_H
#define DS4_MODEL_PLAN_H

#include "base/status.h"
#include "model/model.h"

enum { RING_SPARE = 8 /* a rejected draft of up to 8 rows costs no ring */ };

typedef enum row_format { ROW_F32, ROW_F16 } row_format;

typedef struct layer {
    uint32_t index;  /* n_layers for the draft block */
    uint32_t ratio;
    const layer_weights *w;
    const float *rope; /* [rope_dim / 2] frequencies */
    float clamp_routed, clamp_shared;
    uint64_t ring_at, comp_at, ix_comp_at;  /* in the state */
    uint64_t rows_at, ix_rows_at;           /* in a page    */
    uint32_t rows_per_page;
} layer;

typedef struct plan_options {
    bool exact;    /* float32 rows                                             */
    bool rounding; /* the official FP8 and FP4 roundings of cached rows        */
    bool draft;    /* run the draft block as well; the model must have one     */
} plan_options;

typedef struct plan {
    const shape *shape;
    const weights *weights;
    plan_options options;
    row_format format;
    uint32_t row_value_bytes; /* 4 or 2 */
    layer *layers;            /* n_layers of the trunk, then the draft block if asked for */
    const layer *draft;       /* or NULL */
    float *rope_plain, *rope_yarn;
    uint32_t ring_rows;
    uint64_t draft_streams_at; /* in the state: the trunk's streams at the last position, [M][D] float32 */
    uint64_t page_bytes, state_bytes;
    hash128 key; /* of model, options and layout: pages and states are exchanged between equal keys only */
} plan;

status plan_make(plan *out, const model *m, const plan_options *o, err *e);
void plan_free(plan *p);

/* Floats in the open window of a compressor of this ratio and width. */
uint64_t plan_window_floats(uint32_t ratio, uint32_t width);

/* Bytes that a context of n tokens takes: pages and one state. */
uint64_t plan_context_bytes(const plan *p, uint64_t n_tokens);

/* The table of section 2 of the model's description: frequencies of dr / 2 pairs. */
void rope_frequencies(const shape *s, bool compressed, float *out);

#endif
