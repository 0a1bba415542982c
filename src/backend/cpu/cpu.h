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
#include "quant/loops.h"

extern const backend_ops cpu_backend;

/* Rows of activations, and their 8-bit form, made once for all products of a stage. */
typedef struct acts {
    const float *x;
    uint32_t n, cols;
    size_t stride;   /* floats from row to row of x */
    size_t q_stride; /* codes from row to row of q  */
    bool rounded;    /* the 8-bit form is there     */
    int8_t *q;       /* [n][q_stride]               */
    float *d;        /* [n][q_stride / 32]          */
    int16_t *sum16;  /* [n][q_stride / 16]          */
} acts;

typedef struct cpu_scratch { /* one a thread */
    float *weights; /* a dequantised row of weights                         */
    float *results; /* [2][rows K][CPU_OUTPUTS] products of a tile          */
    uint32_t *rows; /* [rows K]                                             */
    float *scores;  /* indexer scores of a row and a copy: 2 max_context / 4 */
    float *tile;    /* CPU_TILE cached rows as float32                      */
    float *sums;    /* [CPU_HEADS][dh] weighted sums of a group of heads    */
} cpu_scratch;

struct backend {
    const plan *p;
    const shape *s;
    const dot_set *dots;
    const float_loops *loops;
    observer watch;
    pool *threads;
    uint32_t max_rows, max_context, pick_cap;
    uint64_t bytes; /* allocated, or with `counting` to be allocated */
    bool read_ahead;
    bool counting;  /* buffers are added up, not taken               */
    void **owned;
    uint32_t n_owned;
    err error; /* the first one of this step */
    const batch *x;

    float *streams, *next_streams; /* [rows][M][D]                              */
    float *input, *output;         /* [rows][D]                                 */
    float *mixes;                  /* [rows][(2+M)M] projections of a site      */
    float *post, *mix;             /* [rows][M], [rows][M][M]                   */
    float *latent, *q, *kv;        /* [rows][Rq], [rows][H dh], [rows][dh]; attention's result replaces q */
    float *angles[2];              /* [rows][dr] cos and sin of each pair: plain, yarn */
    float *comp_kv, *comp_gate;    /* [rows][halves dh]                         */
    float *ix_kv, *ix_comp_gate;   /* [rows][2 di]                              */
    float *ix_q, *ix_gate;         /* [rows][Hi di], [rows][Hi]                 */
    uint32_t *picked, *n_picked;   /* [rows][pick_cap] rising, [rows]; n_picked = ALL_ROWS: no choice to make */
    float *ix_scores;              /* [max_context / 4] of one row, when threads share it */
    float *grouped;                /* [rows][G Ro]                              */
    float *route;                  /* [rows][E]                                 */
    uint32_t *expert;              /* [rows][K] rising ids                      */
    float *expert_weight;          /* [rows][K]                                 */
    uint32_t *group_at, *group_slot; /* [E + 1] and [rows K]: slots by expert   */
    uint32_t *active, n_active;    /* experts with rows                         */
    float *inner, *shared_inner;   /* [rows K][I], [rows][n_shared I]           */
    float *final;                  /* [rows][D] input of the head               */
    const float *head_norm;
    float *logits;                 /* [n_out][V], grows                         */
    uint64_t logits_cap;
    acts a_input, a_latent, a_attended, a_grouped, a_inner, a_shared, a_streams, a_final;
    cpu_scratch *scratch;
};

#define ALL_ROWS UINT32_MAX
enum {
    CPU_TILE = 32, /* cached rows looked at together: 64 KB of float32 at head_dim 512, so they stay in L2 */
    CPU_HEADS = 8, /* heads that share a tile in one piece of work */
    CPU_OUTPUTS = 32, /* outputs of a matrix in one piece of work: a multiple of every kernel's tile */
};

/* device.c */
void cpu_fail(backend *b, status code, const char *what); /* sticks unless there was one */

/* matmul.c: products of activation rows with matrices. */
void acts_set(acts *a, const float *x, uint32_t n, uint32_t cols); /* dense rows */
void acts_ready(backend *b, acts *a, const matrix *w); /* makes the 8-bit form if products with w want it */
/* Shows who watches that these rows (NULL: all of them) meet this plane. cpu_matmul does it by itself. */
void cpu_show(const backend *b, const matrix *w, uint32_t plane, const acts *a, const uint32_t *rows, uint32_t n);
acts acts_columns(const acts *a, uint32_t first, uint32_t cols); /* a view; first is a multiple of 32 or a is not rounded */
/* out[i * out_stride + o] = W[o] . a[i] for outputs first_out..first_out+n_out-1 (o counts from 0) and all rows. */
void cpu_matmul(backend *b, const matrix *w, uint32_t first_out, uint32_t n_out, acts *a, float *out,
                size_t out_stride);
/* The same for the rows that are named: row i of out belongs to rows[i]. */
void cpu_matmul_rows(backend *b, const matrix *w, uint32_t first_out, uint32_t n_out, acts *a, const uint32_t *rows,
                     uint32_t n_rows, float *out, size_t out_stride);
/* A tile: out[i * out_stride + k] = W[plane][o + k] . a[rows[i]], k < n_out, i < n (rows NULL: row i). For use inside a
 * loop of the pool, after acts_ready. */
void cpu_tile(const backend *b, const matrix *w, uint32_t plane, uint32_t o, uint32_t n_out, const acts *a,
              const uint32_t *rows, uint32_t n, float *out, size_t out_stride, uint32_t thread);
/* out[i * out_stride + o] = rows[o] . x[i], float32 rows of n numbers that lie one after the other; in float64 under
 * --exact. */
void cpu_dots(const backend *b, const float *x, uint32_t n_x, const float *rows, uint32_t n_rows, uint32_t n, float *out,
              size_t out_stride);

/* hyper.c: hyper-connections. */
void hc_collapse(backend *b, const hc_weights *w, const float *norm); /* streams -> input (normed), post, mix */
void hc_expand(backend *b);                                           /* output joins the streams             */
void hc_head(backend *b, const hc_weights *w, const uint32_t *rows, uint32_t n, float *out); /* streams -> [n][D] */

/* small.c: norms, rotations, cached rows. */
/* In place; w NULL: unweighted. */
void rms_norm(const backend *b, float *x, const float *w, uint32_t n);
void rope_angles(float *cos_sin, const float *freq, uint32_t pairs, uint32_t pos);
void rope_rotate(float *x, const float *cos_sin, uint32_t pairs);      /* x: the last dr of a head */
void rope_rotate_back(float *x, const float *cos_sin, uint32_t pairs);
const float *cpu_angles(const backend *b, const layer *l, uint32_t row); /* of a row's position */
void row_store(const backend *b, uint8_t *to, const float *x, uint32_t n);  /* in the plan's row format */
const float *row_load(const backend *b, const uint8_t *from, uint32_t n, float *room); /* float32: in place or in room */

/* Where row w of what begins at `at` in every page of a session lies. */
static inline uint8_t *page_row(const batch_seq *q, const layer *l, uint64_t at, uint32_t w, size_t row_bytes) {
    return (uint8_t *)q->pages[w / l->rows_per_page] + at + (w % l->rows_per_page) * row_bytes;
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
void cpu_head(backend *b, const head_weights *h);

#endif
