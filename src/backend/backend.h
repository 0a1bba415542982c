/* backend: the contract between the engine and a device.
 *
 * One description of the model, cut where every device must wait anyway: a forward pass is the list of stages below, in order,
 * over a batch of rows (engine/forward.c). A backend may do inside a stage what it likes; between stages every activation
 * that a later stage names is where plan and batch say.
 *
 *     row      one token of one session at one position; decode of a user is 1 row, prefill a run of rows,
 *              several users a mix. Rows of a session are consecutive in the batch, in order of position.
 *     page     device memory of plan.page_bytes, state: of plan.state_bytes (model/plan.h has the layouts).
 *
 * I1  Stages return nothing: the first error sticks until end(), which reports it.
 * I2  On the CPU a row's numbers depend neither on the rows beside it, nor on how a prompt was cut into batches, nor on threads.
 * I3  Between begin and end the engine does not touch the pages and states of the batch.
 *
 * Called by one thread, the engine's.
 */
#ifndef DS4_BACKEND_BACKEND_H
#define DS4_BACKEND_BACKEND_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "model/plan.h"

typedef struct backend backend; /* each backend's own */

/* Sees the activations that meet the weights: for an importance matrix. In each product of a step, by the engine's thread:
 * n rows of w->cols values, `stride` floats apart, meet matrix `plane` of w. `rows` picks rows of x, or is NULL for the first n. */
typedef struct observer {
    void (*see)(void *self, const matrix *w, uint32_t plane, const float *x, size_t stride, const uint32_t *rows, uint32_t n);
    void *self;
} observer;

typedef struct backend_options {
    uint32_t threads;  /* CPU: 0 means one for each core */
    bool scalar;       /* CPU: plain C products only     */
    uint32_t max_rows; /* of a batch                     */
    uint32_t max_context; /* positions any session may reach: sizes the indexer's scratch */
    bool read_ahead;   /* CPU: the weights are more than the memory holds: ask the disk early */
    observer watch;    /* CPU; see is NULL: nobody watches */
} backend_options;

/* One session's part of a batch. */
typedef struct batch_seq {
    uint32_t first_row, n_rows;
    uint32_t pos;       /* of its first row */
    void *state;
    void *const *pages; /* enough for pos + n_rows tokens */
} batch_seq;

typedef struct batch {
    uint32_t n_rows, n_seqs, n_out;
    const int32_t *token; /* [n_rows]                                     */
    const uint32_t *pos;  /* [n_rows]                                     */
    const uint32_t *seq;  /* [n_rows] index into seqs                     */
    const uint32_t *out;  /* [n_out] rows whose logits are wanted, rising */
    const batch_seq *seqs;
    /* A draft pass follows a trunk pass; both are NULL in the trunk's.
     * from: for each row the trunk row that holds the streams at its position, or NO_ROW when they lie in the
     * session's state (plan.draft_streams_at). keep: for each seq the trunk row whose streams go there. */
    const uint32_t *from, *keep;
} batch;

#define NO_ROW UINT32_MAX

/* The stages of a step, in their order (engine/forward.c). */
typedef enum stage {
    STAGE_EMBED, STAGE_DRAFT_IN, STAGE_ATTN_IN, STAGE_COMPRESS, STAGE_SELECT, STAGE_ATTEND, STAGE_ATTN_OUT,
    STAGE_FFN_IN, STAGE_EXPERTS, STAGE_HEAD, STAGE_END /* what follows them: the pass is over */
} stage;
enum { N_STAGES = STAGE_END };

/* Sees the stages of a step go by, on the engine's thread: for a profile. A stage ends where the next one, or STAGE_END,
 * begins. l is NULL outside the layers. A backend that does whole steps its own way shows nothing. */
typedef struct stage_watch {
    void (*see)(void *self, const batch *x, stage s, const layer *l);
    void *self;
} stage_watch;

/* Activations that tests may read after any stage, a row at a time, as float32. */
typedef enum activation {
    ACT_STREAMS,  /* [M][D] the residual streams                             */
    ACT_INPUT,    /* [D]    normed input of the sublayer                     */
    ACT_OUTPUT,   /* [D]    output of the sublayer, before it joins the streams */
    ACT_FINAL,    /* [D]    normed input of the head                         */
} activation;

typedef struct backend_ops {
    const char *name;

    uint64_t (*memory_limit)(void); /* of the device, for the ledger; 0 unknown        */
    uint64_t (*scratch_bytes)(const plan *p, const backend_options *o); /* what open is going to allocate */
    status (*open)(backend **out, const plan *p, const backend_options *o, err *e);
    void (*close)(backend *b);

    /* Device memory. New memory is zero. */
    status (*mem_new)(backend *b, void **out, uint64_t bytes, err *e);
    void (*mem_free)(backend *b, void *mem);
    void (*mem_copy)(backend *b, void *to, const void *from, uint64_t bytes);
    void (*mem_read)(backend *b, void *host, const void *mem, uint64_t at, uint64_t bytes);
    void (*mem_write)(backend *b, void *mem, uint64_t at, const void *host, uint64_t bytes);

    /* A step. begin returns false when the backend has already done the whole step its own way; the stages
     * are skipped then. */
    bool (*begin)(backend *b, const batch *x);
    void (*embed)(backend *b);                        /* tokens -> M equal streams                    */
    void (*draft_in)(backend *b);                     /* trunk's streams and next tokens -> streams, keep */
    void (*attn_in)(backend *b, const layer *l);      /* collapse, norm, q and kv, rope               */
    void (*compress)(backend *b, const layer *l);     /* update windows, append finished rows to pages */
    void (*select)(backend *b, const layer *l);       /* indexer scores, best rows                    */
    void (*attend)(backend *b, const layer *l);       /* window + compressed rows + sinks; ring       */
    void (*attn_out)(backend *b, const layer *l);     /* grouped projection, expand streams  [reduce] */
    void (*ffn_in)(backend *b, const layer *l);       /* collapse, norm, route                        */
    void (*experts)(backend *b, const layer *l);      /* shared + routed, expand streams     [reduce] */
    void (*head)(backend *b, const head_weights *h);  /* logits of the rows that want them            */
    /* *logits: [n_out][V] float32 in host memory, until the next begin. */
    status (*end)(backend *b, const float **logits, err *e);

    void (*peek)(backend *b, activation a, uint32_t row, float *out);
} backend_ops;

#endif
