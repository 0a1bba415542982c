/* ds4-bench: how fast a model runs here, and how much of what this machine could do that is.
 *
 * A row of CSV for each context length on stdout as soon as it is known; with --profile a table of
 * the stages on stderr at the end, with --json everything in one file. apps/timing/ holds the
 * parts.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apps/lib/args.h"
#include "apps/lib/find_model.h"
#include "apps/lib/guard.h"
#include "apps/lib/input.h"
#include "apps/lib/say.h"
#include "apps/lib/stop.h"
#include "apps/timing/bandwidth.h"
#include "apps/timing/machine.h"
#include "apps/timing/profile.h"
#include "apps/timing/sweep.h"
#include "apps/timing/synthetic.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/cores.h"
#include "base/progress.h"
#include "engine/engine.h"
#include "talk/vocab.h"

typedef struct options {
    const char *model, *synthetic, *prompt_file, *backend, *json;
    uint64_t ctx_start, ctx_max, step_incr, gen, sessions, repeats, warmup, threads, batch, seed;
    double step_mul;
    bool ctx_max_given, incr_given, mul_given, profile, roof;
} options;

/* One run. */
typedef struct run {
    const options *o;
    synthetic_spec spec;
    synthetic *made;
    model *opened;
    const model *m;  /* one of the two */
    char name[1024]; /* of the model, for people */
    double load_seconds, sweep_seconds, waited_seconds;
    tokens text;
    uint32_t contexts[SWEEP_CONTEXTS];
    size_t n_contexts;
    bandwidth read; /* rate.n 0: not measured */
    engine *en;
    profile_port port;
    profile *warming, *prefill, *decode;
    progress bar;
    sweep_row *rows; /* [n_contexts], of which n_rows are known */
    size_t n_rows;
    out_file *json;
} run;

/* ------------------------------------------------------------------ before */

static status check_wishes(run *r, err *e) {
    const options *o = r->o;
    if (o->model && o->synthetic)
        return fail(e, E_USAGE, "-m and --synthetic: one of them at a time");
    if (o->prompt_file && o->synthetic)
        return fail(e, E_USAGE, "--prompt-file: a synthetic model has no tokeniser");
    if (o->incr_given && o->mul_given)
        return fail(e, E_USAGE, "--step-incr and --step-mul: one of them at a time");
    const uint64_t max = o->ctx_max_given            ? o->ctx_max
                         : o->ctx_start > o->ctx_max ? o->ctx_start
                                                     : o->ctx_max;
    if (max < o->ctx_start)
        return fail(e, E_USAGE, "--ctx-max %" PRIu64 " is below --ctx-start %" PRIu64, max,
                    o->ctx_start);
    r->n_contexts = sweep_contexts(r->contexts, (uint32_t)o->ctx_start, (uint32_t)max,
                                   (uint32_t)o->step_incr, o->step_mul);
    if (r->n_contexts == 0)
        return fail(e, E_USAGE, "more than %d context lengths: use a larger step", SWEEP_CONTEXTS);
    return o->synthetic ? synthetic_parse(&r->spec, o->synthetic, e) : OK;
}

static uint32_t last_context(const run *r) {
    return r->contexts[r->n_contexts - 1];
}

/* ------------------------------------------------------------------ the model */

static void show_making(void *self, uint32_t done, uint32_t total) {
    (void)total;
    progress_to(self, (uint64_t)done << 20);
}

static status make_model(run *r, err *e) {
    /* Work buffers of the full size take a few hundred MiB; the engine's own account is exact. */
    const uint64_t reserve = (uint64_t)(r->spec.shape.d_model >= 4096 ? 1024 : 64) << 20;
    status st = synthetic_fits(&r->spec, machine_free_bytes(), reserve, e);
    if (st != OK) return st;
    const control c = {.stop = stop_asked, .progress = show_making, .self = &r->bar};
    const uint64_t bytes = synthetic_bytes(&r->spec, NULL);
    progress_start(&r->bar, stderr, "making weights", bytes, PROGRESS_BYTES);
    st = synthetic_new(&r->made, &r->spec, (uint32_t)r->o->threads, &c, e);
    progress_hide(&r->bar);
    if (st != OK) return st;
    r->m = synthetic_model(r->made);
    snprintf(r->name, sizeof r->name, "synthetic %s", r->spec.name);
    return OK;
}

static status open_file(run *r, err *e) {
    found_model found = {0};
    status st = find_model(&found, r->o->model, e);
    if (st == OK && found.bundled) say_note("%s", FIND_MODEL_MINI);
    if (st == OK) st = model_open(&r->opened, found.path, NULL, e);
    if (st != OK) return st;
    r->m = r->opened;
    snprintf(r->name, sizeof r->name, "%s", found.path);
    return OK;
}

static status read_text(run *r, err *e) {
    const char *path = r->o->prompt_file;
    buf text = {0};
    tokenizer *vocab = NULL;
    if (!path) return OK;
    status st = input_read(&text, path, INPUT_MOST, stop_flag(), e);
    if (st == OK) st = vocab_open(&vocab, model_file(r->m, 0), r->name, e);
    if (st == OK) st = tok_encode(vocab, text.data, text.n, TOK_PLAIN, &r->text, e);
    if (st == OK && r->text.n == 0) st = fail(e, E_FORMAT, "%s: the text is empty", path);
    if (st == OK && r->text.n < last_context(r))
        say_note("%s: %zu tokens, so it is read more than once", path, r->text.n);
    tok_free(vocab);
    buf_free(&text);
    return st;
}

static status check_context(const run *r, err *e) {
    const uint64_t want = last_context(r) + r->o->gen + 1;
    const uint32_t most = model_shape(r->m)->context;
    if (want <= most) return OK;
    return fail(e, E_USAGE,
                "--ctx-max %u and --gen-tokens %" PRIu64 ": the model was made for %u positions",
                last_context(r), r->o->gen, most);
}

static status open_model(run *r, err *e) {
    const double start = clock_seconds();
    status st = r->o->synthetic ? make_model(r, e) : open_file(r, e);
    r->load_seconds = clock_seconds() - start;
    if (st == OK) st = check_context(r, e);
    if (st == OK) st = read_text(r, e);
    return st;
}

static status open_engine(run *r, err *e) {
    const options *o = r->o;
    const bool watched = o->profile || o->json || o->synthetic;
    uint64_t rows = o->batch ? o->batch : 512;
    if (rows < o->sessions) rows = o->sessions;
    engine_options eo = {.backend = o->backend,
                         .threads = (uint32_t)o->threads,
                         .batch = (uint32_t)rows,
                         .context = last_context(r) + (uint32_t)o->gen + 1,
                         .memory = o->synthetic ? machine_free_bytes() : 0};
    if (watched) {
        eo.watch = profile_observer(&r->port);
        eo.stages = profile_stages(&r->port);
    }
    const status st = engine_open(&r->en, r->m, &eo, e);
    if (st != OK || !watched) return st;
    r->warming = profile_new(engine_plan(r->en));
    r->prefill = profile_new(engine_plan(r->en));
    r->decode = profile_new(engine_plan(r->en));
    return r->warming && r->prefill && r->decode ? OK : fail(e, E_NOMEM, "out of memory");
}

/* ------------------------------------------------------------------ rows */

static status print_row(void *self, const sweep_row *x, err *e) {
    run *r = self;
    progress_hide(&r->bar);
    printf("%u,%u,%.2f,%u,%.2f,%" PRIu64 ",%" PRIu64 ",%" PRIu64 "\n", x->context, x->prefilled,
           x->prefill.median, x->generated, x->gen.median, r->o->sessions, x->kv_bytes,
           x->peak_bytes);
    r->rows[r->n_rows++] = *x;
    if (fflush(stdout) != 0) return fail(e, E_IO, "cannot write to stdout: %s", strerror(errno));
    return OK;
}

static void show_progress(void *self, uint64_t done, uint64_t total) {
    run *r = self;
    (void)total;
    progress_to(&r->bar, done);
}

static status sweep_all(run *r, err *e) {
    const options *o = r->o;
    const sweep_spec s = {.contexts = r->contexts,
                          .n_contexts = r->n_contexts,
                          .gen = (uint32_t)o->gen,
                          .sessions = (uint32_t)o->sessions,
                          .repeats = (uint32_t)o->repeats,
                          .warmup = (uint32_t)o->warmup,
                          .text = o->prompt_file ? r->text.id : NULL,
                          .n_text = r->text.n,
                          .seed = o->seed,
                          .port = r->warming ? &r->port : NULL,
                          .warming = r->warming,
                          .prefill = o->profile || o->json ? r->prefill : NULL,
                          .decode = o->profile || o->json ? r->decode : NULL};
    const sweep_listener l = {
        .row = print_row, .progress = show_progress, .stop = stop_asked, .self = r};
    const uint64_t total = (last_context(r) + r->n_contexts * o->gen) * o->sessions * o->repeats;
    printf(
        "ctx_tokens,prefill_tokens,prefill_tps,gen_tokens,gen_tps,sessions,kv_bytes,peak_bytes\n");
    fflush(stdout);
    progress_start(&r->bar, stderr, "measuring", total, PROGRESS_TOKENS);
    const double start = clock_seconds(), waited = machine_waited_seconds();
    const status st = sweep_run(r->en, &s, &l, e);
    r->sweep_seconds = clock_seconds() - start;
    r->waited_seconds = machine_waited_seconds() - waited;
    progress_hide(&r->bar);
    return st;
}

/* ------------------------------------------------------------------ after */

static void tell_model(const run *r) {
    if (!r->made) return;
    const profile_sums t = profile_total(r->warming);
    say_note("%s: %.2f GiB made in %.1f s", r->name,
             (double)synthetic_bytes(&r->spec, NULL) / 0x1p30, r->load_seconds);
    if (t.layers)
        say_note("%" PRIu64 " random tokens met %" PRIu64 " to %" PRIu64
                 " of %u experts in a layer",
                 t.rows, t.experts_least, t.experts_most, r->spec.shape.n_experts);
}

/* Behind the sweep, so that its buffer is not part of anybody's peak. */
static status measure_bandwidth(run *r, err *e) {
    const options *o = r->o;
    if (!o->roof && !o->profile && !o->json) return OK;
    const uint64_t room = machine_free_bytes() / 4;
    const status st = bandwidth_measure(&r->read, (uint32_t)o->threads, room, stop_asked, NULL, e);
    if (st == OK)
        say_note("read bandwidth: %.2f GB/s at best, median %.2f (%u threads over %" PRIu64
                 " MiB, %zu times)",
                 1e-9 * r->read.rate.most, 1e-9 * r->read.rate.median, r->read.threads,
                 r->read.buffer_bytes >> 20, r->read.rate.n);
    return st;
}

static void tell_roof(const run *r) {
    if (!r->read.rate.n) return;
    const sweep_row *last = &r->rows[r->n_rows - 1];
    const plan *p = engine_plan(r->en);
    const uint32_t n = (uint32_t)r->o->sessions;
    const double model_bytes = step_weight_bytes(p, n, last->context);
    const double cache_bytes = step_cache_bytes(p, n, last->context);
    const double roof = r->read.rate.most / (model_bytes + cache_bytes) * n;
    say_note(
        "a step at %u tokens reads %.1f MB of weights and %.1f MB of cached rows: at most %.2f "
        "tok/s at that bandwidth; decode reaches %.0f %%",
        last->context, 1e-6 * model_bytes, 1e-6 * cache_bytes, roof, 100 * last->gen.median / roof);
}

/* Rates of a machine that had other things to do are not its rates. */
static void tell_disturbance(const run *r) {
    const double share = r->waited_seconds / r->sweep_seconds;
    if (r->sweep_seconds > 1 && share > 0.05)
        say_note("other work had the processor for %.0f %% of the time: these rates are too low",
                 100 * share);
}

static void tell_profile(const run *r) {
    if (!r->o->profile) return;
    const double read = r->read.rate.most;
    fputc('\n', stderr);
    profile_print(stderr, r->prefill, "prefill", read);
    if (!r->o->gen) return;
    fputc('\n', stderr);
    profile_print(stderr, r->decode, "decode", read);
}

static void put_text(buf *out, const char *key, const char *value) {
    buf_printf(out, "\"%s\": ", key);
    json_write_string(out, value, strlen(value));
    buf_str(out, ", ");
}

static void put_summary(buf *out, const char *name, const summary *s) {
    buf_printf(out,
               "\"%s\": {\"median\": %.4f, \"least\": %.4f, \"most\": %.4f, \"spread\": %.4f}, ",
               name, s->median, s->least, s->most, s->spread);
}

static void put_row(buf *out, const run *r, const sweep_row *x) {
    const plan *p = engine_plan(r->en);
    const uint32_t n = (uint32_t)r->o->sessions;
    const double bytes = step_weight_bytes(p, n, x->context) + step_cache_bytes(p, n, x->context);
    buf_printf(out, "{\"ctx_tokens\": %u, \"prefill_tokens\": %u, \"gen_tokens\": %u, ", x->context,
               x->prefilled, x->generated);
    put_summary(out, "prefill_tps", &x->prefill);
    put_summary(out, "gen_tps", &x->gen);
    buf_printf(out,
               "\"sessions\": %u, \"kv_bytes\": %" PRIu64 ", \"peak_bytes\": %" PRIu64
               ", \"step_bytes\": %.0f, \"roof_tps\": %.3f}",
               n, x->kv_bytes, x->peak_bytes, bytes, r->read.rate.most / bytes * n);
}

static status write_json(run *r, err *e) {
    const options *o = r->o;
    const shape *s = model_shape(r->m);
    const double read = r->read.rate.most;
    char cpu[256];
    buf out = {0};
    if (!r->json) return OK;
    machine_processor(cpu, sizeof cpu);
    buf_str(&out, "{");
    put_text(&out, "program", "ds4-bench");
    put_text(&out, "version", DS4_VERSION);
    put_text(&out, "model", r->name);
    buf_printf(&out, "\"layers\": %u, \"experts\": %u, \"load_seconds\": %.3f,\n", s->n_layers,
               s->n_experts, r->load_seconds);
    buf_str(&out, "\"machine\": {");
    put_text(&out, "processor", cpu);
    buf_printf(&out, "\"cores\": %u, \"memory_bytes\": %" PRIu64 "},\n", cores_here(),
               machine_memory_bytes());
    buf_printf(&out, "\"sweep_seconds\": %.3f, \"waited_seconds\": %.3f,\n", r->sweep_seconds,
               r->waited_seconds);
    put_text(&out, "backend", engine_backend(r->en));
    put_text(&out, "isa", dot_best()->isa);
    buf_printf(
        &out, "\"threads\": %u, \"batch\": %u, \"repeats\": %" PRIu64 ", \"seed\": %" PRIu64 ",\n",
        o->threads ? (uint32_t)o->threads : cores_here(), engine_batch(r->en), o->repeats, o->seed);
    buf_printf(&out,
               "\"read_bandwidth\": {\"best\": %.0f, \"median\": %.0f, \"threads\": %u, "
               "\"buffer_bytes\": %" PRIu64 "},\n",
               read, r->read.rate.median, r->read.threads, r->read.buffer_bytes);
    buf_str(&out, "\"rows\": [");
    for (size_t i = 0; i < r->n_rows; i++) {
        if (i) buf_str(&out, ",\n ");
        put_row(&out, r, &r->rows[i]);
    }
    buf_str(&out, "],\n\"prefill_profile\": ");
    profile_json(&out, r->prefill, read);
    buf_str(&out, ",\n\"decode_profile\": ");
    profile_json(&out, r->decode, read);
    buf_str(&out, "}\n");
    status st =
        out.failed ? fail(e, E_NOMEM, "out of memory") : out_write(r->json, out.data, out.n, e);
    if (st == OK) {
        st = out_finish(r->json, e);
        r->json = NULL;
    }
    buf_free(&out);
    return st;
}

static status work(const options *o, err *e) {
    run *r = calloc(1, sizeof *r);
    if (!r) return fail(e, E_NOMEM, "out of memory");
    r->o = o;
    status st = check_wishes(r, e);
    if (st == OK && o->json) st = out_open(&r->json, o->json, 0644, e);
    if (st == OK && !(r->rows = calloc(r->n_contexts, sizeof *r->rows)))
        st = fail(e, E_NOMEM, "out of memory");
    if (st == OK) st = open_model(r, e);
    if (st == OK) st = open_engine(r, e);
    if (st == OK) st = sweep_all(r, e);
    if (st == OK) st = measure_bandwidth(r, e);
    if (st == OK) {
        tell_model(r);
        tell_roof(r);
        tell_disturbance(r);
        tell_profile(r);
        st = write_json(r, e);
    }
    out_abort(r->json);
    engine_close(r->en);
    profile_free(r->warming);
    profile_free(r->prefill);
    profile_free(r->decode);
    tokens_free(&r->text);
    model_close(r->opened);
    synthetic_free(r->made);
    free(r->rows);
    free(r);
    return st;
}

int main(int argc, char **argv) {
    options o = {.ctx_start = 512, .ctx_max = 2048, .step_mul = 2, .gen = 64, .sessions = 1,
                 .repeats = 1, .warmup = 64, .seed = 1};
    const arg table[] = {
        {.group = "Model", .name = "--model", .alias = "-m", .kind = ARG_STRING, .to = &o.model,
         .value = "FILE", .help = "the model; else $DS4_MODEL, ds4flash.gguf here, ds4-mini"},
        {.name = "--synthetic", .kind = ARG_STRING, .to = &o.synthetic, .value = "SPEC",
         .help = "random weights in memory: flash (the real sizes) or small, and a colon with "
                 "layers=N,experts=N,vocab=N,seed=N,recipe=q2|q2-q4|q4|q8|mxfp4|f16|bf16|f32"},
        {.name = "--prompt-file", .kind = ARG_STRING, .to = &o.prompt_file, .value = "FILE",
         .help = "text to read, and greedy decoding behind it; without: random tokens"},
        {.group = "Contexts", .name = "--ctx-start", .kind = ARG_U64, .to = &o.ctx_start,
         .min = 1, .max = 1u << 30, .help = "the first context length that is measured"},
        {.name = "--ctx-max", .kind = ARG_U64, .to = &o.ctx_max, .given = &o.ctx_max_given,
         .min = 1, .max = 1u << 30, .help = "the last one"},
        {.name = "--step-incr", .kind = ARG_U64, .to = &o.step_incr, .given = &o.incr_given,
         .min = 1, .max = 1u << 30, .help = "tokens from one to the next"},
        {.name = "--step-mul", .kind = ARG_F64, .to = &o.step_mul, .given = &o.mul_given,
         .f_min = 1.001, .f_max = 1e6, .help = "or so many times as many"},
        {.name = "--gen-tokens", .kind = ARG_U64, .to = &o.gen, .min = 0, .max = 1 << 20,
         .help = "tokens that are decoded at each, in each session"},
        {.name = "--sessions", .kind = ARG_U64, .to = &o.sessions, .min = 1, .max = 1024,
         .help = "decoded together; rates are of all, counts of each"},
        {.group = "Measuring", .name = "--repeats", .kind = ARG_U64, .to = &o.repeats, .min = 1,
         .max = STATISTICS_MOST, .help = "times that each part is measured; the median is told"},
        {.name = "--warmup", .kind = ARG_U64, .to = &o.warmup, .min = 0, .max = 1 << 20,
         .help = "tokens that are run before"},
        {.name = "--seed", .kind = ARG_U64, .to = &o.seed, .max = UINT32_MAX,
         .help = "of random tokens"},
        {.name = "--roof", .kind = ARG_FLAG, .to = &o.roof,
         .help = "measures the read bandwidth, and says how fast decoding could be"},
        {.name = "--profile", .kind = ARG_FLAG, .to = &o.profile,
         .help = "a table of stages and products: time, bytes, share of the read bandwidth"},
        {.name = "--json", .kind = ARG_STRING, .to = &o.json, .value = "FILE",
         .help = "all of it, profile and spread of the repeats too"},
        {.group = "Engine", .name = "--threads", .kind = ARG_U64, .to = &o.threads, .min = 1,
         .max = 1024, .help = "CPU threads (default: one for each core)"},
        {.name = "--batch", .kind = ARG_U64, .to = &o.batch, .min = 1, .max = 65536,
         .help = "tokens computed together (default: 512)"},
        {.name = "--backend", .kind = ARG_STRING, .to = &o.backend, .value = "cpu|cuda|metal",
         .help = "default: the best one built in that finds a device"},
        {0}};
    const args_spec spec = {
        .program = "ds4-bench",
        .synopsis = "[-m MODEL | --synthetic SPEC] [options]",
        .about = "Measures prefill and decode at growing context lengths. CSV on stdout, a\n"
                 "row for each length.",
        .table = table};
    args_words words;
    int rc;
    if (args_start(&spec, argc, argv, &words, &rc)) return rc;
    stop_install(1);
    map_guard_install();
    err e = {0};
    return work(&o, &e) == OK ? 0 : say_error(&e);
}
