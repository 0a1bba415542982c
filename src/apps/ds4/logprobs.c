#include "apps/ds4/logprobs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "apps/ds4/ids.h"
#include "apps/ds4/text_tools.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/progress.h"
#include "chat/chat.h"
#include "engine/session.h"
#include "sample/sampler.h"
#include "talk/vocab.h"

enum { DEFAULT_STEPS = 16 };

typedef struct dump {
    const ds4_cli *o;
    model *m;
    tokenizer *vocab;
    engine *en;
    session *s;
    sampler *pick;
    tokens prompt;
    uint32_t steps, taken;
    out_file *to; /* NULL: stdout */
    buf out;
    err *e;
} dump;

/* ------------------------------------------------------------------ the prompt */

/* One question, as the chat begins with it. */
static status encode_question(dump *d, const buf *text) {
    chat_options co = chat_defaults();
    co.turns = CHAT_TURNS_OPEN;
    co.thinking = d->o->think != CLI_NOTHINK;
    if (d->o->think == CLI_THINK_MAX) co.effort = CHAT_EFFORT_MAX;
    const char *system = d->o->system;
    chat *c;
    chat_prompt p = {0};
    status st = chat_new(&c, &co, d->e);
    if (st != OK) return st;
    if (system && *system)
        st = chat_add(c, &(chat_message){.role = CHAT_SYSTEM, .content = chat_cstr(system)}, d->e);
    if (st == OK)
        st = chat_add(c, &(chat_message){.role = CHAT_USER, .content = {text->data, text->n}},
                      d->e);
    if (st == OK) st = chat_render(c, NULL, &p, d->e);
    if (st == OK) st = vocab_encode_prompt(d->vocab, &p, &d->prompt, d->e);
    chat_prompt_free(&p);
    chat_free(c);
    return st;
}

static status encode_prompt(dump *d) {
    buf text = {0};
    status st = cli_text(&text, d->o, "--dump-logprobs", d->e);
    if (st == OK && d->o->raw)
        st = tok_encode(d->vocab, text.data ? text.data : "", text.n,
                        d->o->special ? TOK_SPECIAL : TOK_PLAIN, &d->prompt, d->e);
    else if (st == OK)
        st = encode_question(d, &text);
    if (st == OK && d->prompt.n == 0)
        st = fail(d->e, E_USAGE, "--raw: the prompt is empty: there is nothing to continue");
    buf_free(&text);
    return st;
}

/* ------------------------------------------------------------------ the model */

static status open_engine(dump *d) {
    const uint32_t limit = model_shape(d->m)->context;
    const uint64_t want = d->prompt.n + d->steps; /* the last token is not computed, but may be */
    engine_options eo = cli_engine(d->o);
    if (!eo.context) eo.context = want < limit ? (uint32_t)want : limit;
    if (want > eo.context)
        return fail(d->e, E_LIMIT,
                    "the prompt has %zu tokens, %u more are asked for, but the context holds %u: "
                    "%s",
                    d->prompt.n, d->steps, eo.context,
                    eo.context < limit ? "raise --ctx or lower -n" : "shorten it or lower -n");
    if (!eo.batch) eo.batch = 512;
    if (eo.batch > d->prompt.n) eo.batch = (uint32_t)d->prompt.n;
    status st = engine_open(&d->en, d->m, &eo, d->e);
    if (st == OK) st = session_new(&d->s, d->en, d->e);
    return st;
}

static status open_sampler(dump *d) {
    sampler_options so = sampler_defaults();
    so.temperature = 0;
    so.n_logprobs = (int32_t)d->o->top;
    return sampler_new(&d->pick, &so, model_shape(d->m)->n_vocab, d->e);
}

static status open_all(dump *d) {
    const char *name = d->o->model;
    status st = model_open(&d->m, name, d->o->mtp, d->e);
    if (st == OK) st = vocab_open(&d->vocab, model_file(d->m, 0), name, d->e);
    if (st == OK && d->o->top > model_shape(d->m)->n_vocab)
        st = fail(d->e, E_USAGE, "--top %llu: the model has %u tokens",
                  (unsigned long long)d->o->top, model_shape(d->m)->n_vocab);
    if (st == OK) st = encode_prompt(d);
    if (st == OK) st = open_engine(d);
    if (st == OK) st = open_sampler(d);
    return st;
}

static void close_all(dump *d) {
    sampler_free(d->pick);
    session_free(d->s);
    engine_close(d->en);
    tok_free(d->vocab);
    model_close(d->m);
    tokens_free(&d->prompt);
    buf_free(&d->out);
}

/* ------------------------------------------------------------------ steps */

typedef struct reading {
    const ds4_cli *o;
    progress bar;
} reading;

static bool stop_reading(void *self) { return cli_interrupted(((reading *)self)->o); }

static void show_reading(void *self, uint32_t done, uint32_t total) {
    (void)total;
    progress_to(&((reading *)self)->bar, done);
}

static status read_prompt(dump *d) {
    reading r = {.o = d->o};
    progress_start(&r.bar, stderr, "reading the prompt", d->prompt.n, PROGRESS_TOKENS);
    const control c = {.stop = stop_reading, .progress = show_reading, .self = &r};
    const status st = session_feed(d->s, d->prompt.id, (uint32_t)d->prompt.n, &c, d->e);
    progress_end(&r.bar);
    return st;
}

static void write_token(dump *d, int32_t id, double logprob) {
    const tok_str text = tok_bytes(d->vocab, id);
    buf_printf(&d->out, "{\"token\": %d, \"text\": ", (int)id);
    json_write_string(&d->out, text.p ? text.p : "", text.n);
    buf_str(&d->out, ", \"logprob\": ");
    json_write_f64(&d->out, logprob);
}

static void write_step(dump *d, const sampler_result *r) {
    write_token(d, r->token, r->logprob);
    buf_str(&d->out, ", \"top\": [");
    for (uint32_t i = 0; i < r->n_top; i++) {
        if (i) buf_str(&d->out, ", ");
        write_token(d, r->top[i].token, r->top[i].logprob);
        buf_char(&d->out, '}');
    }
    buf_str(&d->out, "]}");
}

/* What was written so far goes out: with a large --top a step alone is megabytes. */
static status put(dump *d) {
    if (d->out.failed) return fail(d->e, E_NOMEM, "out of memory");
    status st = OK;
    if (d->to)
        st = out_write(d->to, d->out.data, d->out.n, d->e);
    else if (fwrite(d->out.data, 1, d->out.n, stdout) != d->out.n || fflush(stdout) != 0)
        st = fail(d->e, E_IO, "cannot write to stdout: %s", strerror(errno));
    buf_clear(&d->out);
    return st;
}

static status take_step(dump *d, bool *ended) {
    sampler_result r;
    if (cli_interrupted(d->o)) return fail(d->e, E_CANCELLED, "interrupted");
    status st = sampler_pick(d->pick, session_logits(d->s), NULL, &r, d->e);
    if (st != OK) return st;
    buf_str(&d->out, d->taken ? ",\n" : "\n");
    write_step(d, &r);
    st = put(d);
    *ended = ++d->taken == d->steps || r.token == tok_eos(d->vocab);
    if (st != OK || *ended) return st;
    return session_feed(d->s, &r.token, 1, NULL, d->e);
}

static status continue_greedily(dump *d) {
    progress bar;
    bool ended = false;
    status st = OK;
    progress_start(&bar, d->to ? stderr : NULL, "continuing", d->steps, PROGRESS_TOKENS);
    buf_str(&d->out, "{\"prompt_tokens\": ");
    ids_write(&d->out, &d->prompt);
    buf_str(&d->out, ",\n\"steps\": [");
    while (st == OK && !ended) {
        st = take_step(d, &ended);
        progress_to(&bar, d->taken);
    }
    progress_end(&bar);
    buf_str(&d->out, "]}\n");
    return st == OK ? put(d) : st;
}

status logprobs_run(const ds4_cli *o, run_stats *stats, err *e) {
    dump d = {.o = o, .steps = o->n_given ? (uint32_t)o->n : DEFAULT_STEPS, .e = e};
    const double start = clock_seconds();
    status st = open_all(&d);
    /* Before the work, so that a folder that cannot be written to is told at once. */
    if (st == OK && strcmp(o->dump_logprobs, "-") != 0)
        st = out_open(&d.to, o->dump_logprobs, 0644, e);
    const double opened = clock_seconds();
    if (st == OK) st = read_prompt(&d);
    const double read = clock_seconds();
    if (st == OK) st = continue_greedily(&d);
    if (st == OK && d.to) st = out_finish(d.to, e);
    else out_abort(d.to);
    *stats = (run_stats){.load_s = opened - start, .prefill_n = d.prompt.n,
                         .prefill_s = read - opened, .decode_n = d.taken,
                         .decode_s = clock_seconds() - read};
    close_all(&d);
    return st;
}
