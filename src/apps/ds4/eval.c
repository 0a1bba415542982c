#include "apps/ds4/eval.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apps/ds4/ids.h"
#include "base/clock.h"
#include "base/progress.h"
#include "engine/session.h"

enum { MAX_TOKENS = 1 << 25 };

static status read_ids(tokens *out, const ds4_cli *o, err *e) {
    const status st = ids_read(out, o->eval_tokens, o, e);
    if (st != OK) return st;
    if (out->n == 0) return fail(e, E_FORMAT, "%s: holds no token ids", o->eval_tokens);
    if (out->n > MAX_TOKENS)
        return fail(e, E_LIMIT, "%s: %zu token ids, the limit here is %d", o->eval_tokens, out->n,
                    MAX_TOKENS);
    return OK;
}

static status check_ids(const tokens *t, uint32_t vocab, const char *path, err *e) {
    for (size_t i = 0; i < t->n; i++)
        if (t->id[i] < 0 || (uint32_t)t->id[i] >= vocab)
            return fail(e, E_FORMAT, "%s: token id %d (number %zu of %zu) is not in the model's vocabulary of %u",
                        path, t->id[i], i + 1, t->n, vocab);
    return OK;
}

typedef struct eval {
    const ds4_cli *o;
    engine *en;
    session *s;
    row *rows;
    out_file *logits, *draft;
    err *e;
} eval;

/* Ends this session and goes on in a new one, by way of a file. */
static status save_and_reload(eval *v) {
    const char *base = v->o->logits_out ? v->o->logits_out : v->o->mtp_out ? v->o->mtp_out : v->o->eval_tokens;
    const size_t room = strlen(base) + 16;
    char *path = malloc(room);
    if (!path) return fail(v->e, E_NOMEM, "out of memory");
    snprintf(path, room, "%s.session", base);
    status st = session_save_file(v->s, path, v->e);
    if (st == OK) {
        session_free(v->s);
        v->s = NULL;
        st = session_new(&v->s, v->en, v->e);
    }
    if (st == OK) st = session_load_file(v->s, path, v->e);
    unlink(path);
    free(path);
    return st;
}

static status run_chunk(eval *v, const int32_t *ids, uint32_t n, uint32_t vocab) {
    for (uint32_t i = 0; i < n; i++) v->rows[i] = (row){v->s, ids[i], v->logits || v->draft};
    status st = engine_step(v->en, v->rows, n, v->e);
    for (uint32_t i = 0; i < n && st == OK; i++) {
        const float *logits = engine_logits(v->en, i), *draft = engine_draft_logits(v->en, i);
        if (v->logits) st = out_write(v->logits, logits, vocab * sizeof *logits, v->e);
        if (st == OK && v->draft && draft) st = out_write(v->draft, draft, vocab * sizeof *draft, v->e);
    }
    return st;
}

static status run_all(eval *v, const tokens *t, const model *m) {
    progress bar;
    progress_start(&bar, stderr, "evaluating", t->n, PROGRESS_TOKENS);
    status st = OK;
    const uint32_t all = (uint32_t)t->n;
    for (uint32_t at = 0; at < all && st == OK;) {
        uint32_t n = all - at < engine_batch(v->en) ? all - at : engine_batch(v->en);
        if (v->o->save_at_given && at < v->o->save_at && at + n > v->o->save_at) n = (uint32_t)v->o->save_at - at;
        if (v->o->save_at_given && at == v->o->save_at) st = save_and_reload(v);
        if (st == OK && cli_interrupted(v->o)) st = fail(v->e, E_CANCELLED, "interrupted");
        if (st == OK) st = run_chunk(v, t->id + at, n, model_shape(m)->n_vocab);
        at += n;
        if (st == OK) progress_to(&bar, at);
    }
    if (st == OK && v->o->save_at_given && v->o->save_at == all) st = save_and_reload(v); /* nothing follows, but it must load */
    progress_end(&bar);
    return st;
}

static status open_outputs(eval *v) {
    status st = OK;
    if (v->o->logits_out) st = out_open(&v->logits, v->o->logits_out, 0644, v->e);
    if (st == OK && v->o->mtp_out) st = out_open(&v->draft, v->o->mtp_out, 0644, v->e);
    return st;
}

static status finish_outputs(eval *v, status st) {
    if (v->logits && st == OK) st = out_finish(v->logits, v->e);
    else out_abort(v->logits);
    if (v->draft && st == OK) st = out_finish(v->draft, v->e);
    else out_abort(v->draft);
    return st;
}

static status open_engine(eval *v, const model *m, uint32_t n) {
    engine_options eo = cli_engine(v->o);
    if (!eo.context) eo.context = n;
    if (!eo.batch) eo.batch = 512;
    if (eo.batch > n) eo.batch = n; /* buffers for what there is */
    eo.draft = v->o->mtp_out != NULL;
    status st = engine_open(&v->en, m, &eo, v->e);
    if (st == OK) st = session_new(&v->s, v->en, v->e);
    v->rows = malloc(eo.batch * sizeof *v->rows);
    if (st == OK && !v->rows) st = fail(v->e, E_NOMEM, "out of memory");
    return st;
}

status eval_run(const ds4_cli *o, run_stats *stats, err *e) {
    tokens t = {0};
    model *m = NULL;
    eval v = {.o = o, .e = e};
    const double start = clock_seconds();
    status st = read_ids(&t, o, e);
    if (st == OK && o->save_at_given && (o->save_at < 1 || o->save_at > t.n))
        st = fail(e, E_USAGE, "--save-at %llu: %s holds %zu tokens", (unsigned long long)o->save_at, o->eval_tokens, t.n);
    if (st == OK) st = model_open(&m, o->model, o->mtp, e);
    if (st == OK) st = check_ids(&t, model_shape(m)->n_vocab, o->eval_tokens, e);
    if (st == OK) st = open_engine(&v, m, (uint32_t)t.n);
    if (st == OK) st = open_outputs(&v);
    stats->load_s = clock_seconds() - start;
    if (st == OK) {
        st = run_all(&v, &t, m);
        stats->prefill_n = t.n;
        stats->prefill_s = clock_seconds() - start - stats->load_s;
    }
    st = finish_outputs(&v, st);
    session_free(v.s);
    engine_close(v.en);
    model_close(m);
    free(v.rows);
    tokens_free(&t);
    return st;
}
