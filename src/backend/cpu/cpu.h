/* cpu: the plain C backend, and the reference for all others.
 *
 * A stage a file. Buffers are allocated once, for max_rows; activations are row-major float32. Work is cut over a
 * thread pool by output or by row, never inside a sum, so results do not depend on threads (backend.h, I2).
 *
 *     streams   [rows][M][D]      input  [rows][D]     output [rows][D]
 *     latent    [rows][Rq]        q      [rows][H dh]  kv     [rows][dh]
 *     post      [rows][M]         mix    [rows][M][M]
 */
#ifndef DS4_BACKEND_CPU_CPU_H
#define DS4_BACKEND_CPU_CPU_H

#include "backend/backend.h"
#include "base/pool.h"

extern const backend_ops cpu_backend;

/* Rows of activations, and their 8-bit form, made once for all products of a stage. */
typedef struct acts {
    const float *x;
    uint32_t n, cols, stride; /* rows, values a row, floats from row to row */
    int8_t *q;                /* [n][cols]      */
    float *d;                 /* [n][cols / 32] */
    int16_t *sum16;           /* [n][cols / 16] */
} acts;

typedef struct cpu_scratch { /* one a thread */
    float *weights; /* a dequantised row, or a tile of cached rows: max over both */
    float *scores;  /* indexer scores of one row: max_context / 4                 */
    float *attend;  /* running sums of a group of heads                           */
    uint32_t *order;
} cpu_scratch;

struct backend {
    const plan *p;
    const shape *s;
    const dot_set *dots;
    pool *threads;
    uint32_t max_rows, max_context;
    uint64_t bytes; /* allocated */
    void **owned;
    uint32_t n_owned;
    err error; /* the first one of this step */
    const batch *x;

    float *streams, *next_streams; /* [rows][M][D] */
    float *input, *output;
    float *mixes;                  /* [rows][(2+M)M] projections of a site, then: */
    float *post, *mix;
    float *latent, *q, *kv;
    float *cos_sin;                /* [2 tables][rows][dr]: cos and sin of each pair */
    float *comp_kv, *comp_gate;    /* [rows][halves width]; the indexer's behind the layer's */
    float *ix_q, *ix_gate;         /* [rows][Hi di], [rows][Hi]                 */
    uint32_t *picked, *n_picked;   /* [rows][top_k], [rows]; n_picked = ALL_ROWS: no choice to make */
    float *grouped;                /* [rows][G Ro]                              */
    float *route;                  /* [rows][E] scores                          */
    uint32_t *expert;              /* [rows][K] rising ids                      */
    float *expert_weight;          /* [rows][K]                                 */
    uint32_t *group_at, *group_slot; /* [E + 1] and [rows K]: slots by expert   */
    float *inner;                  /* [rows K][I] and behind it the shared [rows][n_shared I] */
    float *final;                  /* [n_out][D]                                */
    float *logits;                 /* [n_out][V], grows                         */
    uint64_t logits_cap;
    acts input_acts, latent_acts, attend_acts, grouped_acts, inner_acts, shared_acts, stream_acts;
    cpu_scratch *scratch;
};

#define ALL_ROWS UINT32_MAX
enum { CPU_TILE = 32 /* cached rows looked at together: 64 KB of float32 at head_dim 512, so they stay in L2 */ };

/* device.c */
void cpu_fail(backend *b, status code, const char *what); /* sticks unless there was one */

/* matmul.c: products of activation rows with a matrix. */
void acts_set(backend *b, acts *a, const float *x, uint32_t n, uint32_t cols, uint32_t stride);
void acts_round(backend *b, acts *a); /* fills the 8-bit form, unless exact or cols do not allow it */
/* out[r][o] = W[o] . a[r] for all rows; out_stride floats from row to row. */
void cpu_matmul(backend *b, const matrix *w, const acts *a, float *out, uint32_t out_stride);
/* One output: out[i * out_stride] (+)= W[plane][o] . a[rows[i]] for n rows (rows NULL: 0..n-1). For use inside a loop of the pool. */
void cpu_dot_rows(backend *b, const matrix *w, uint32_t plane, uint32_t o, const acts *a,
                  const uint32_t *rows, uint32_t n, float *results, uint32_t thread);

/* hyper.c: hyper-connections. */
void hc_collapse(backend *b, const hc_weights *w, const float *norm); /* streams -> input (normed), post, mix */
void hc_expand(backend *b);                                           /* output joins the streams             */
void hc_head(backend *b, const hc_weights *w, const uint32_t *rows, uint32_t n, float *out); /* streams -> [n][D] */

/* small.c: norms, rotations, cached rows. */
void rms_norm(float *x, const float *w, uint32_t n, float eps); /* in place; w NULL: unweighted */
void rope_angles(float *cos_sin, const float *freq, uint32_t pairs, uint32_t pos);
void rope_rotate(float *x, const float *cos_sin, uint32_t pairs);      /* x: the last dr of a head */
void rope_rotate_back(float *x, const float *cos_sin, uint32_t pairs);
const float *cpu_rope(const backend *b, const layer *l, uint32_t row); /* angles of a row's position */
void row_store(const plan *p, uint8_t *to, const float *x, uint32_t n);  /* in the plan's row format */
const float *row_load(const plan *p, const uint8_t *from, uint32_t n, float *room); /* float32: in place or in room */

/* Compressed row w of a layer, for the session of a row. */
static inline uint8_t *comp_row(const batch_seq *q, const layer *l, uint64_t at, uint32_t w, uint64_t row_bytes) {
    uint8_t *page = q->pages[w / l->rows_per_page];
    return page + at + (w % l->rows_per_page) * row_bytes;
}

/* The stages. */
void cpu_embed(backend *b);
void cpu_draft_in(backend *b);
void cpu_attn_in(backend *b, const layer *l);
void cpu_compress(backend *b, const layer *l);
void cpu_select(backend *b, const layer *l);
void cpu_attend(backend *b, const layer *l);
void cpu_attn_out(backend *b, const layer *l);
void cpu_ffn_in(backend *b, const layer *l);
void cpu_experts(backend *b, const layer *l);
void cpu_keep_streams(backend *b);
void cpu_head(backend *b, const head_weights *h);

#endif
