/* inside: what the files of this room know of engine and session, and nobody else. */
#ifndef DS4_ENGINE_INSIDE_H
#define DS4_ENGINE_INSIDE_H

#include "engine/frontier.h"
#include "engine/session.h"

struct session {
    engine *en;
    uint32_t pos;
    int32_t *tokens;
    uint32_t tokens_cap;
    page **pages;   /* enough for pos tokens; pages[i] is sealed when full */
    void **mems;    /* their memory, as backends want it                   */
    uint32_t n_pages, pages_cap;
    void *state;
    frontier_list frontiers;
    bool failed;    /* a step broke off in the middle                      */
    uint64_t step;  /* of the engine, when `logits` was written            */
    uint32_t last_row; /* in that step: the row whose logits are the session's */

    /* While a step is being built: */
    uint32_t rows_in_step, seq;
};

/* Buffers to describe a step in; sized for the batch once. */
typedef struct step_plan {
    int32_t *token;
    uint32_t *pos, *seq, *out;
    uint32_t *row_of;    /* batch row -> row as given     */
    uint32_t *place;     /* row as given -> batch row     */
    uint32_t *logit_of;  /* row as given -> index of its logits, or NO_ROW */
    session **sessions;  /* [n_seqs] */
    batch_seq *seqs;
    batch b;
} step_plan;

struct engine {
    const model *m;
    plan p;
    const backend_ops *op;
    backend *dev;
    stage_watch stages;
    ledger account;
    memory mem;
    uint32_t batch, context;
    uint64_t steps;      /* made so far; 0: none */
    bool step_good;      /* the last one succeeded: logits may be read */
    uint32_t rows_given; /* in it */
    step_plan trunk, draft;
    uint32_t *from, *keep;
    float *logits, *draft_logits; /* [n_out][V] of the last step */
    uint64_t logits_cap, draft_logits_cap;
    uint32_t n_sessions;
};

/* forward.c; w->see may be NULL */
void forward_trunk(const backend_ops *op, backend *b, const plan *p, const batch *x, const stage_watch *w);
void forward_draft(const backend_ops *op, backend *b, const plan *p, const batch *x, const stage_watch *w);

/* session.c, for the step */
status session_reserve(session *s, uint32_t n, err *e);             /* tokens and pages for n more */
void session_commit(session *s, const int32_t *tokens, uint32_t n); /* they are in: seal, keep frontiers */
void session_seal(session *s, uint32_t before);                     /* pages that have become full since */
status session_usable(const session *s, err *e);                    /* its last step did not fail        */

#endif
