#include "apps/quality/side.h"

#include <stdlib.h>
#include <string.h>

#include "engine/session.h"
#include "talk/vocab.h"

enum { USUAL_BATCH = 512, LEAST_BATCH = 16, LOGITS_BYTES = 64 << 20 };

struct side {
    const char *path;
    model *m;
    tokenizer *vocab;
    engine *en;
    session *s;
    row *rows; /* of a batch */
    stored *kept;
    float *logits; /* of a batch, of stored ones */
    uint64_t first; /* row of the window's begin  */
    uint64_t how;
    uint32_t n_vocab, batch;
};

uint32_t side_batch(uint32_t n_vocab, uint64_t wish) {
    const uint64_t room = LOGITS_BYTES / ((uint64_t)n_vocab * sizeof(float));
    const uint64_t most = room < LEAST_BATCH ? LEAST_BATCH : room, n = wish ? wish : USUAL_BATCH;
    return (uint32_t)(n < most ? n : most);
}

void side_close(side *s) {
    if (!s) return;
    session_free(s->s);
    engine_close(s->en);
    tok_free(s->vocab);
    model_close(s->m);
    stored_close(s->kept);
    free(s->rows);
    free(s->logits);
    free(s);
}

static status open_model(side *s, err *e) {
    status st = model_open(&s->m, s->path, NULL, e);
    if (st != OK) return st;
    s->n_vocab = model_shape(s->m)->n_vocab;
    /* One without a tokeniser can be the other side of one that has it. */
    st = vocab_open(&s->vocab, model_file(s->m, 0), s->path, e);
    if (st == E_UNSUPPORTED) return OK;
    if (st == OK && tok_count(s->vocab) > s->n_vocab)
        st = fail(e, E_FORMAT, "%s: the tokeniser has %zu tokens, the model's vocabulary %u", s->path,
                  tok_count(s->vocab), s->n_vocab);
    return st;
}

status side_open(side **out, const char *path, err *e) {
    side *s = calloc(1, sizeof *s);
    status st;
    if (!s) return fail(e, E_NOMEM, "out of memory");
    s->path = path;
    if (stored_is(path)) {
        st = stored_open(&s->kept, path, e);
        if (st == OK) s->n_vocab = stored_header(s->kept)->n_vocab;
        if (st == OK) s->how = stored_header(s->kept)->how;
    } else {
        st = open_model(s, e);
    }
    if (st == OK)
        *out = s;
    else
        side_close(s);
    return st;
}

const model *side_model(const side *s) {
    return s->m;
}

const stored *side_stored(const side *s) {
    return s->kept;
}

const tokenizer *side_vocab(const side *s) {
    return s->vocab;
}

uint32_t side_n_vocab(const side *s) {
    return s->n_vocab;
}

const char *side_path(const side *s) {
    return s->path;
}

hash128 side_identity(const side *s) {
    return s->kept ? stored_header(s->kept)->model : model_identity(s->m);
}

hash128 side_key(const side *s) {
    const hash128 h = hash128_chain(side_identity(s), &s->how, sizeof s->how);
    return s->kept ? hash128_chain(h, "stored", 6) : hash128_chain(h, side_backend(s), strlen(side_backend(s)));
}

uint64_t side_how(const side *s) {
    return s->how;
}

const char *side_backend(const side *s) {
    return s->kept ? "stored" : engine_backend(s->en);
}

/* ------------------------------------------------------------------ running */

status side_start(side *s, const engine_options *o, err *e) {
    s->batch = o->batch;
    if (s->kept) {
        s->logits = malloc((size_t)s->batch * s->n_vocab * sizeof *s->logits);
        return s->logits ? OK : fail(e, E_NOMEM, "no memory for the logits of %u tokens", s->batch);
    }
    s->how = (o->exact ? STORED_EXACT : 0) | (o->no_rounding ? STORED_NO_ROUNDING : 0);
    s->rows = malloc(s->batch * sizeof *s->rows);
    return s->rows ? engine_open(&s->en, s->m, o, e) : fail(e, E_NOMEM, "out of memory");
}

status side_begin(side *s, const window *w, err *e) {
    s->first = w->before;
    if (s->kept) return OK;
    session_free(s->s);
    s->s = NULL;
    return session_new(&s->s, s->en, e);
}

status side_step(side *s, const int32_t *fed, uint32_t n, uint32_t first, err *e) {
    status st = OK;
    for (uint32_t i = 0; i < n && s->kept && st == OK; i++)
        st = stored_row(s->kept, s->first + first + i, s->logits + (size_t)i * s->n_vocab, e);
    if (s->kept) return st;
    for (uint32_t i = 0; i < n; i++) s->rows[i] = (row){s->s, fed[i], true};
    st = engine_step(s->en, s->rows, n, e);
    if (st != OK) err_prefix(e, "%s: ", s->path);
    return st;
}

const float *side_row(const side *s, uint32_t i) {
    return s->kept ? s->logits + (size_t)i * s->n_vocab : engine_logits(s->en, i);
}
