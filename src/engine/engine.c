#include "engine/engine.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backend/registry.h"
#include "engine/inside.h"

enum { DEFAULT_BATCH = 512, DEFAULT_CONTEXT = 32768, MAX_BATCH = 1 << 16 };

/* ------------------------------------------------------------------ a step described */

static bool step_plan_new(step_plan *x, uint32_t n) {
    x->token = calloc(n, sizeof *x->token);
    x->pos = calloc(n, sizeof *x->pos);
    x->seq = calloc(n, sizeof *x->seq);
    x->out = calloc(n, sizeof *x->out);
    x->row_of = calloc(n, sizeof *x->row_of);
    x->place = calloc(n, sizeof *x->place);
    x->logit_of = calloc(n, sizeof *x->logit_of);
    x->sessions = calloc(n, sizeof *x->sessions);
    x->seqs = calloc(n, sizeof *x->seqs);
    return x->token && x->pos && x->seq && x->out && x->row_of && x->place && x->logit_of && x->sessions && x->seqs;
}

static void step_plan_free(step_plan *x) {
    free(x->token), free(x->pos), free(x->seq), free(x->out);
    free(x->row_of), free(x->place), free(x->logit_of), free(x->sessions), free(x->seqs);
    *x = (step_plan){0};
}

static status check_rows(const engine *en, const row *rows, uint32_t n, err *e) {
    if (n == 0 || n > en->batch)
        return fail(e, E_USAGE, "step: %u rows, the engine was opened for 1 to %u", n, en->batch);
    for (uint32_t i = 0; i < n; i++) {
        const session *s = rows[i].s;
        if (s->en != en) return fail(e, E_USAGE, "step: row %u belongs to another engine", i);
        if (s->failed) return fail(e, E_USAGE, "step: the session of row %u failed before: rewind it first", i);
        if (rows[i].token < 0 || (uint32_t)rows[i].token >= en->p.shape->n_vocab)
            return fail(e, E_USAGE, "step: token %d of row %u is not in the vocabulary of %u", rows[i].token, i,
                        en->p.shape->n_vocab);
    }
    return OK;
}

/* Brings rows of one session together, in the order their sessions first appear. */
static void gather(step_plan *x, const row *rows, uint32_t n) {
    uint32_t n_seqs = 0;
    for (uint32_t i = 0; i < n; i++) rows[i].s->rows_in_step = 0;
    for (uint32_t i = 0; i < n; i++) {
        session *s = rows[i].s;
        if (s->rows_in_step++ == 0) {
            s->seq = n_seqs;
            x->sessions[n_seqs++] = s;
        }
    }
    uint32_t first = 0;
    for (uint32_t q = 0; q < n_seqs; q++) {
        session *s = x->sessions[q];
        x->seqs[q] = (batch_seq){.first_row = first, .n_rows = 0, .pos = s->pos, .state = s->state};
        first += s->rows_in_step;
    }
    for (uint32_t i = 0; i < n; i++) {
        batch_seq *q = &x->seqs[rows[i].s->seq];
        const uint32_t at = q->first_row + q->n_rows;
        x->token[at] = rows[i].token;
        x->pos[at] = q->pos + q->n_rows;
        x->seq[at] = rows[i].s->seq;
        x->row_of[at] = i;
        x->place[i] = at;
        q->n_rows++;
    }
    x->b = (batch){.n_rows = n, .n_seqs = n_seqs, .token = x->token, .pos = x->pos, .seq = x->seq, .out = x->out,
                   .seqs = x->seqs};
}

static void list_outputs(step_plan *x, const row *rows) {
    uint32_t n = 0;
    for (uint32_t at = 0; at < x->b.n_rows; at++) {
        const uint32_t i = x->row_of[at];
        x->logit_of[i] = rows[i].wants_logits ? n : NO_ROW;
        if (rows[i].wants_logits) x->out[n++] = at;
    }
    x->b.n_out = n;
}

static status reserve(step_plan *x, const engine *en, err *e) {
    for (uint32_t q = 0; q < x->b.n_seqs; q++) {
        session *s = x->sessions[q];
        const uint32_t n = x->seqs[q].n_rows;
        if (n > en->context - s->pos)
            return fail(e, E_LIMIT, "context: %u tokens and %u more do not fit into %u: use a larger --ctx", s->pos, n,
                        en->context);
        const status st = session_reserve(s, n, e);
        if (st != OK) return st;
        x->seqs[q].pages = s->mems;
    }
    return OK;
}

/* ------------------------------------------------------------------ running it */

/* Takes the logits over, so that they outlive the next pass, and refuses what is no number. */
static status take_logits(engine *en, const step_plan *x, const float *from, float **to, uint64_t *cap, err *e) {
    const uint64_t n = (uint64_t)x->b.n_out * en->p.shape->n_vocab;
    if (n == 0) return OK;
    if (n > *cap) {
        float *p = realloc(*to, n * sizeof *p);
        if (!p) return fail(e, E_NOMEM, "no memory for the logits of %u rows", x->b.n_out);
        *to = p;
        *cap = n;
    }
    memcpy(*to, from, n * sizeof **to);
    for (uint64_t i = 0; i < n; i++)
        if (!isfinite((*to)[i]))
            return fail(e, E_DEVICE,
                        "logits are not finite after token %u: the weights are damaged or the device failed",
                        x->pos[x->out[i / en->p.shape->n_vocab]]);
    return OK;
}

/* The draft pass over the same tokens, each paired with the streams of the position before it. */
static void describe_draft(engine *en, const row *rows) {
    const step_plan *t = &en->trunk;
    step_plan *d = &en->draft;
    uint32_t n = 0, n_out = 0;
    for (uint32_t q = 0; q < t->b.n_seqs; q++) {
        const batch_seq *from = &t->seqs[q];
        en->keep[q] = from->first_row + from->n_rows - 1;
        const uint32_t skip = from->pos == 0 ? 1 : 0;
        d->seqs[q] = (batch_seq){.first_row = n, .n_rows = from->n_rows - skip, .pos = from->pos + skip - 1,
                                 .state = from->state, .pages = from->pages};
        if (skip) d->logit_of[t->row_of[from->first_row]] = NO_ROW;
        for (uint32_t k = skip; k < from->n_rows; k++, n++) {
            const uint32_t at = from->first_row + k, given = t->row_of[at];
            d->token[n] = t->token[at];
            d->pos[n] = t->pos[at] - 1;
            d->seq[n] = q;
            en->from[n] = k ? at - 1 : NO_ROW;
            d->logit_of[given] = rows[given].wants_logits ? n_out : NO_ROW;
            if (rows[given].wants_logits) d->out[n_out++] = n;
        }
    }
    d->b = (batch){.n_rows = n, .n_seqs = t->b.n_seqs, .n_out = n_out, .token = d->token, .pos = d->pos,
                   .seq = d->seq, .out = d->out, .seqs = d->seqs, .from = en->from, .keep = en->keep};
}

static status run(engine *en, const row *rows, err *e) {
    const float *logits = NULL;
    if (en->op->begin(en->dev, &en->trunk.b)) forward_trunk(en->op, en->dev, &en->p, &en->trunk.b, &en->stages);
    status st = en->op->end(en->dev, &logits, e);
    if (st == OK) st = take_logits(en, &en->trunk, logits, &en->logits, &en->logits_cap, e);
    if (st != OK || !en->p.draft) return st;
    describe_draft(en, rows);
    if (en->op->begin(en->dev, &en->draft.b)) forward_draft(en->op, en->dev, &en->p, &en->draft.b, &en->stages);
    st = en->op->end(en->dev, &logits, e);
    if (st == OK) st = take_logits(en, &en->draft, logits, &en->draft_logits, &en->draft_logits_cap, e);
    return st;
}

status engine_step(engine *en, const row *rows, uint32_t n, err *e) {
    status st = check_rows(en, rows, n, e);
    if (st != OK) return st;
    step_plan *x = &en->trunk;
    gather(x, rows, n);
    st = reserve(x, en, e);
    if (st != OK) return st;
    list_outputs(x, rows);
    en->steps++;
    en->step_good = false;
    st = run(en, rows, e);
    for (uint32_t q = 0; q < x->b.n_seqs; q++) {
        session *s = x->sessions[q];
        s->failed = st != OK;
        if (st != OK) continue;
        session_commit(s, x->token + x->seqs[q].first_row, x->seqs[q].n_rows);
        s->step = en->steps;
        s->last_row = x->row_of[x->seqs[q].first_row + x->seqs[q].n_rows - 1];
    }
    en->step_good = st == OK;
    en->rows_given = n;
    return st;
}

const float *engine_logits(const engine *en, uint32_t i) {
    if (!en->step_good || i >= en->rows_given || en->trunk.logit_of[i] == NO_ROW) return NULL;
    return en->logits + (uint64_t)en->trunk.logit_of[i] * en->p.shape->n_vocab;
}

const float *engine_draft_logits(const engine *en, uint32_t i) {
    if (!en->step_good || !en->p.draft || i >= en->rows_given || en->draft.logit_of[i] == NO_ROW) return NULL;
    return en->draft_logits + (uint64_t)en->draft.logit_of[i] * en->p.shape->n_vocab;
}

/* ------------------------------------------------------------------ opening */

/* Whether the weights and the rest together are more than the device's memory. */
static bool too_large(const engine *en) {
    uint64_t files = 0;
    for (uint32_t i = 0; i < model_n_files(en->m); i++) files += gguf_size(model_file(en->m, i));
    const uint64_t has = en->op->memory_limit();
    return has && files > has - has / 10;
}

static status open_device(engine *en, const engine_options *o, err *e) {
    const backend_options bo = {.threads = o->threads, .scalar = o->scalar, .max_rows = en->batch,
                                .max_context = en->context, .read_ahead = too_large(en), .watch = o->watch};
    en->account.limit = o->memory ? o->memory : en->op->memory_limit();
    status st = ledger_take(&en->account, LEDGER_SCRATCH, en->op->scratch_bytes(&en->p, &bo), e);
    if (st == OK) st = en->op->open(&en->dev, &en->p, &bo, e);
    if (st == OK) en->mem = (memory){en->op, en->dev, &en->account};
    return st;
}

static status choose_sizes(engine *en, const engine_options *o, err *e) {
    const uint32_t most = model_shape(en->m)->context;
    en->batch = o->batch ? o->batch : DEFAULT_BATCH;
    en->context = o->context ? o->context : most < DEFAULT_CONTEXT ? most : DEFAULT_CONTEXT;
    if (en->batch > MAX_BATCH) return fail(e, E_USAGE, "--batch %u: at most %d", en->batch, MAX_BATCH);
    if (en->context > most)
        return fail(e, E_USAGE, "--ctx %u: the model was made for %u positions at most", en->context, most);
    return OK;
}

status engine_open(engine **out, const model *m, const engine_options *o, err *e) {
    engine *en = calloc(1, sizeof *en);
    if (!en) return fail(e, E_NOMEM, "engine: out of memory");
    en->m = m;
    en->stages = o->stages;
    const plan_options po = {.exact = o->exact, .rounding = !o->no_rounding, .draft = o->draft};
    status st = choose_sizes(en, o, e);
    if (st == OK) st = backend_find(&en->op, o->backend, e);
    if (st == OK) st = plan_make(&en->p, m, &po, e);
    if (st == OK) st = open_device(en, o, e);
    if (st == OK) {
        en->from = calloc(en->batch, sizeof *en->from);
        en->keep = calloc(en->batch, sizeof *en->keep);
        if (!step_plan_new(&en->trunk, en->batch) || !step_plan_new(&en->draft, en->batch) || !en->from || !en->keep)
            st = fail(e, E_NOMEM, "engine: out of memory");
    }
    if (st != OK) {
        engine_close(en);
        return st;
    }
    *out = en;
    return OK;
}

void engine_close(engine *en) {
    if (!en) return;
    if (en->dev) en->op->close(en->dev);
    step_plan_free(&en->trunk);
    step_plan_free(&en->draft);
    free(en->from);
    free(en->keep);
    free(en->logits);
    free(en->draft_logits);
    plan_free(&en->p);
    free(en);
}

const plan *engine_plan(const engine *en) { return &en->p; }
const ledger *engine_ledger(const engine *en) { return &en->account; }
const char *engine_backend(const engine *en) { return en->op->name; }
uint32_t engine_batch(const engine *en) { return en->batch; }
uint32_t engine_context(const engine *en) { return en->context; }
