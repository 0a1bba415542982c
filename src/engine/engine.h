/* engine: tokens in, logits out. It owns the device and every session, and knows no text.
 *
 *     engine_open(&en, model, &options, &e);
 *     session_new(&s, en, &e);
 *     session_feed(s, tokens, n, NULL, &e);        a prompt, in chunks that the engine chooses
 *     session_logits(s)                            of the last token fed
 *
 * or, for several sessions at once, engine_step with any mix of rows.
 *
 * I1  One thread uses an engine and its sessions.
 * I2  On the CPU a row's logits are the same to the bit whatever else is in the step and however its prompt was cut.
 * I3  A step that fails leaves its sessions unusable until rewound (session_rewind) or freed: their state is
 *     half-written. Other sessions are untouched.
 */
#ifndef DS4_ENGINE_ENGINE_H
#define DS4_ENGINE_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "engine/ledger.h"
#include "backend/backend.h"
#include "model/model.h"
#include "model/plan.h"

typedef struct engine engine;
typedef struct session session;

typedef struct engine_options {
    const char *backend; /* NULL: the best one                                             */
    uint32_t threads;    /* 0: one for each core                                           */
    uint32_t batch;      /* rows of a step at most; 0: 512                                 */
    uint32_t context;    /* positions a session may reach; 0: 32768, or the model's if less */
    uint64_t memory;     /* bytes for everything but the weights; 0: what the device has   */
    bool exact;          /* reference arithmetic: slow, float32 rows, float64 sums         */
    bool no_rounding;    /* leave the official FP8/FP4 roundings of cached rows out        */
    bool draft;          /* run the draft (MTP) block over every row as well               */
    bool scalar;         /* plain C products, whatever the CPU offers                      */
    observer watch;      /* CPU only: is shown what meets the weights (backend.h)          */
    stage_watch stages;  /* is shown when each stage of a step begins (backend.h)          */
} engine_options;

/* The model must outlive the engine. */
status engine_open(engine **out, const model *m, const engine_options *o, err *e);
void engine_close(engine *en); /* sessions must be freed before; NULL is fine */

const plan *engine_plan(const engine *en);
const ledger *engine_ledger(const engine *en);
const char *engine_backend(const engine *en);
uint32_t engine_batch(const engine *en);
uint32_t engine_context(const engine *en);

typedef struct row {
    session *s;
    int32_t token;
    bool wants_logits;
} row;

/* One batch: each row appends its token to its session. Rows of a session are taken in the order given. Nothing
 * has happened when it fails with E_USAGE, E_LIMIT or E_NOMEM. */
status engine_step(engine *en, const row *rows, uint32_t n, err *e);

/* Of row i of the last step: [n_vocab] after its token; NULL if not wanted. Until the next step. */
const float *engine_logits(const engine *en, uint32_t i);
/* With options.draft: the draft block's logits for the token after next, formed from the position before row i and row i's token.
 * NULL for a session's first token. */
const float *engine_draft_logits(const engine *en, uint32_t i);

#endif
