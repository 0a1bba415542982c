#include "apps/examine/examiner.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "engine/session.h"
#include "model/model.h"
#include "talk/vocab.h"

struct examiner {
    model *m;
    engine *en;
    session *s;
    tokenizer *vocab;
    uint32_t kept[2]; /* where the last two answers began */
    const volatile sig_atomic_t *interrupted;
    char name[RUN_NAME];
};

/* All that answers depend on besides the question. */
static void name_run(examiner *x, const engine_options *o) {
    buf how = {0};
    buf_printf(&how, "%s exact=%d rounding=%d context=%u", engine_backend(x->en), o->exact,
               !o->no_rounding, engine_context(x->en));
    const hash128 words = tok_identity(x->vocab);
    hash128 h = hash128_chain(model_identity(x->m), &words, sizeof words);
    h = hash128_chain(h, how.data ? how.data : "", how.n);
    hash_name(x->name, h);
    buf_free(&how);
}

status examiner_open(examiner **out, const char *model_path, const engine_options *o,
                     const volatile sig_atomic_t *interrupted, err *e) {
    examiner *x = calloc(1, sizeof *x);
    if (!x) return fail(e, E_NOMEM, "out of memory");
    x->interrupted = interrupted;
    status st = model_open(&x->m, model_path, NULL, e);
    if (st == OK) st = vocab_open(&x->vocab, model_file(x->m, 0), model_path, e);
    if (st == OK && tok_count(x->vocab) > model_shape(x->m)->n_vocab)
        st = fail(e, E_FORMAT, "%s: the tokeniser has %zu tokens, the model's vocabulary %u",
                  model_path, tok_count(x->vocab), model_shape(x->m)->n_vocab);
    if (st == OK) st = engine_open(&x->en, x->m, o, e);
    if (st == OK) st = session_new(&x->s, x->en, e);
    if (st != OK) {
        examiner_close(x);
        return st;
    }
    name_run(x, o);
    *out = x;
    return OK;
}

void examiner_close(examiner *x) {
    if (!x) return;
    session_free(x->s);
    engine_close(x->en);
    tok_free(x->vocab);
    model_close(x->m);
    free(x);
}

const char *examiner_model(const examiner *x) {
    return x->name;
}

static bool wants_stop(void *self) {
    const examiner *x = self;
    return x->interrupted && *x->interrupted;
}

static status stopped(err *e) {
    return fail(e, E_CANCELLED, "stopped");
}

static status prompt_ids(const examiner *x, const exam_case *c, tokens *ids, err *e) {
    chat_prompt p = {0};
    status st = chat_render(c->chat, NULL, &p, e);
    if (st == OK) st = vocab_encode_prompt(x->vocab, &p, ids, e);
    chat_prompt_free(&p);
    return st;
}

static status read_prompt(examiner *x, const tokens *ids, err *e) {
    const control c = {.stop = wants_stop, .self = x};
    const status st = session_become(x->s, ids->id, (uint32_t)ids->n, &c, NULL, e);
    if (st != OK) return st;
    /* The next question may go on from here: a frontier, as long as it is among the last two. */
    session_unkeep(x->s, x->kept[0]);
    x->kept[0] = x->kept[1];
    x->kept[1] = session_pos(x->s);
    session_keep(x->s, NULL);
    return OK;
}

static status collect(turn *t, reply_message *m, err *e) {
    reply_event ev;
    reply_call *call = m->n_calls ? &m->calls[m->n_calls - 1] : NULL;
    while (turn_event(t, &ev)) {
        switch (ev.kind) {
        case REPLY_THINKING:
            buf_add(&m->reasoning, ev.text, ev.n);
            break;
        case REPLY_TEXT:
            buf_add(&m->content, ev.text, ev.n);
            break;
        case REPLY_CALL:
            call = reply_message_add(m);
            if (call) buf_add(&call->name, ev.text, ev.n);
            break;
        case REPLY_ARGUMENT:
            if (call) buf_add(&call->arguments, ev.text, ev.n);
            break;
        case REPLY_CALL_END:
            if (call) call->whole = ev.whole;
            break;
        case REPLY_END:
            m->finish = ev.finish;
            break;
        }
        if (call && (call->name.failed || call->arguments.failed)) m->failed = true;
    }
    if (m->failed || m->reasoning.failed || m->content.failed)
        return fail(e, E_NOMEM, "out of memory");
    return OK;
}

static status write_answer(examiner *x, turn *t, answer *a, err *e) {
    status st = OK;
    while (st == OK && turn_running(t)) {
        turn_token k;
        if (wants_stop(x)) return stopped(e);
        st = turn_next(t, session_logits(x->s), &k, e);
        if (st == OK) st = collect(t, &a->m, e);
        if (st == OK && turn_running(t)) st = session_feed(x->s, &k.id, 1, NULL, e);
    }
    if (st == OK) st = collect(t, &a->m, e);
    size_t n = 0;
    const int32_t *ids = turn_tokens(t, &n);
    if (st == OK) st = tok_decode(x->vocab, ids, n, &a->raw, e);
    a->made = (uint32_t)n;
    a->end = turn_why(t);
    return st;
}

static status answer_it(examiner *x, const exam_case *c, const tokens *ids, answer *a, err *e) {
    turn *t = NULL;
    turn_options o = turn_defaults();
    status st = read_prompt(x, ids, e);
    if (st != OK) return st;
    o.sampling.temperature = 0;
    o.max_tokens = c->max_tokens;
    o.room = engine_context(x->en) - session_pos(x->s);
    o.thinking = c->thinking;
    o.guard = TURN_GUARD_OFF;
    o.chat = c->chat;
    st = turn_new(&t, x->vocab, model_shape(x->m)->n_vocab, &o, ids->id, ids->n, e);
    if (st == OK) st = write_answer(x, t, a, e);
    turn_free(t);
    return st;
}

status examiner_ask(examiner *x, const exam_case *c, answer *out, err *e) {
    const double start = clock_seconds();
    tokens ids = {0};
    answer a = {.end = TURN_GOES_ON};
    status st = wants_stop(x) ? stopped(e) : prompt_ids(x, c, &ids, e);
    if (st == OK) {
        a.prompt = (uint32_t)ids.n;
        if (ids.n < engine_context(x->en)) st = answer_it(x, c, &ids, &a, e);
    }
    tokens_free(&ids);
    a.seconds = clock_seconds() - start;
    if (st == OK)
        *out = a;
    else
        answer_free(&a);
    return st;
}
