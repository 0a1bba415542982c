/* ds4-eval: examines a model with a suite of questions, or measures what a file lost against another
 * one, and compares two results of either kind. This file reads the command line and goes through the
 * questions; the rest is in apps/examine and apps/quality. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apps/examine/compare.h"
#include "apps/examine/examiner.h"
#include "apps/examine/report.h"
#include "apps/lib/args.h"
#include "apps/lib/bundled.h"
#include "apps/lib/find_model.h"
#include "apps/lib/guard.h"
#include "apps/lib/say.h"
#include "apps/lib/stop.h"
#include "apps/quality/quality.h"
#include "apps/quality/receipt.h"
#include "apps/quality/versus.h"
#include "base/clock.h"
#include "base/progress.h"
#include "base/utf8.h"

static const char bundled_suite[] = "ds4-mini-suite.jsonl";

typedef struct options {
    const char *suite, *model, *backend, *out, *sample, *against, *save, *text;
    args_words only, require;
    uint64_t limit, ctx, threads, batch, tokens;
    bool limit_given, exact, no_sim, json, by_skill, failures, compare, special;
} options;

/* An examination under way. */
typedef struct exam {
    const options *o;
    suite s;
    examiner *x;
    results *out; /* NULL: none are written */
    report r;
    buf failures;
    uint64_t asked, known, tokens;
    double seconds;
} exam;

/* ------------------------------------------------------------------ the suite */

static status read_suite(suite *s, const char *name, err *e) {
    char path[4096];
    if (strcmp(name, "mini") != 0) return suite_read(s, name, e);
    if (!find_bundled(bundled_suite, path, sizeof path))
        return fail(e, E_IO, "--suite mini: models/%s is neither here nor beside the program; name "
                    "another suite with --suite FILE.jsonl, or the folder above with DS4_HOME",
                    bundled_suite);
    return suite_read(s, path, e);
}

/* "N" or "N/SEED". */
static status read_sample(const char *text, uint64_t *n, uint64_t *seed, err *e) {
    const size_t digits = strspn(text, "0123456789"), more = strlen(text) - digits;
    const char *rest = text + digits;
    const bool seeded = *rest == '/' && more > 1 && strspn(rest + 1, "0123456789") == more - 1;
    errno = 0;
    *n = digits ? strtoull(text, NULL, 10) : 0;
    *seed = seeded ? strtoull(rest + 1, NULL, 10) : 0;
    if (digits == 0 || *n == 0 || errno || (*rest && !seeded))
        return fail(e, E_USAGE, "--sample %s: expected N or N/SEED, as in 200/7", text);
    return OK;
}

static status choose_cases(exam *x, err *e) {
    const options *o = x->o;
    uint64_t n, seed;
    if (o->only.n) suite_only(&x->s, o->only.at, o->only.n);
    if (x->s.n == 0)
        return fail(e, E_USAGE, "--only %s: the suite has no such skill", o->only.at[0]);
    if (o->sample) {
        const status st = read_sample(o->sample, &n, &seed, e);
        if (st != OK) return st;
        suite_sample(&x->s, n, seed);
    }
    if (o->limit_given) suite_limit(&x->s, o->limit);
    return OK;
}

/* ------------------------------------------------------------------ the questions */

static void count(exam *x, const exam_case *c, bool expected, bool form, const char *why) {
    char shown[600];
    report_add(&x->r, c->skill, expected, form);
    if (!x->o->failures || (expected && form)) return;
    utf8_printable(shown, sizeof shown, c->id, strlen(c->id));
    buf_printf(&x->failures, "%s   ", shown);
    utf8_printable(shown, sizeof shown, why, strlen(why));
    buf_printf(&x->failures, "%s\n", shown);
}

static status ask(exam *x, const exam_case *c, err *e) {
    answer a = {0};
    verdict v = {0};
    status st = examiner_ask(x->x, c, &a, e);
    if (st != OK) {
        if (st != E_CANCELLED) err_prefix(e, "%s: ", c->id);
        return st;
    }
    st = grade(&v, c, &a, e);
    if (st == OK && x->out) st = results_add(x->out, examiner_model(x->x), c, &a, &v, e);
    if (st == OK) {
        count(x, c, v.expected, v.form, v.why);
        x->asked++;
        x->tokens += a.made;
        x->seconds += a.seconds;
    }
    answer_free(&a);
    return st;
}

static bool is_known(exam *x, const exam_case *c) {
    const record *r = x->out ? results_find(x->out, examiner_model(x->x), c->line) : NULL;
    if (!r) return false;
    count(x, c, r->expected, r->form, r->why);
    x->known++;
    return true;
}

static status ask_all(exam *x, err *e) {
    progress bar;
    status st = OK;
    /* First those that an earlier run has answers to: the time left is that of the others. */
    const exam_case **open = malloc(x->s.n * sizeof(exam_case *));
    size_t n_open = 0;
    if (!open) return fail(e, E_NOMEM, "out of memory");
    for (size_t i = 0; i < x->s.n; i++)
        if (!is_known(x, &x->s.at[i])) open[n_open++] = &x->s.at[i];
    progress_start(&bar, stderr, "examining", x->s.n, PROGRESS_STEPS);
    progress_base(&bar, x->known);
    for (size_t i = 0; i < n_open && st == OK; i++) {
        st = ask(x, open[i], e);
        if (st == OK) progress_to(&bar, x->known + i + 1);
    }
    free(open);
    progress_hide(&bar);
    if (st == E_CANCELLED)
        say_note("stopped after %llu of %zu cases%s", (unsigned long long)(x->known + x->asked),
                 x->s.n, x->out ? "; the same command goes on from here" : "");
    return st;
}

/* ------------------------------------------------------------------ what it came to */

static status print(const buf *b, err *e) {
    if (b->failed) return fail(e, E_NOMEM, "out of memory");
    if ((b->n && fwrite(b->data, 1, b->n, stdout) != b->n) || fflush(stdout) != 0)
        return fail(e, E_IO, "cannot write to stdout: %s", strerror(errno));
    return OK;
}

static void as_json(buf *b, const exam *x, const char *model_path) {
    buf_str(b, "{\"suite\": ");
    json_write_string(b, x->o->suite, strlen(x->o->suite));
    buf_str(b, ", \"file\": ");
    json_write_string(b, model_path, strlen(model_path));
    buf_printf(b, ", \"model\": \"%s\", ", examiner_model(x->x));
    report_json(b, &x->r);
    buf_printf(b, ", \"asked\": %llu, \"known\": %llu, \"tokens\": %llu, \"seconds\": %.3f}\n",
               (unsigned long long)x->asked, (unsigned long long)x->known,
               (unsigned long long)x->tokens, x->seconds);
}

static void as_text(buf *b, const exam *x) {
    report_table(b, &x->r, x->o->by_skill);
    if (!x->o->failures || x->failures.n == 0) return;
    buf_char(b, '\n');
    buf_add(b, x->failures.data, x->failures.n);
}

static status tell(const exam *x, const char *model_path, err *e) {
    buf b = {0};
    if (x->r.failed || x->failures.failed) return fail(e, E_NOMEM, "out of memory");
    if (x->o->json) as_json(&b, x, model_path);
    else as_text(&b, x);
    const status st = print(&b, e);
    buf_free(&b);
    if (st == OK && isatty(STDERR_FILENO))
        say_note("%llu cases asked in %.1f s, %llu known before", (unsigned long long)x->asked,
                 x->seconds, (unsigned long long)x->known);
    return st;
}

static status run_exam(const options *o, const demand *demands, err *e) {
    exam x = {.o = o};
    found_model m = {0};
    const engine_options eo = {.backend = o->backend, .threads = (uint32_t)o->threads,
                               .batch = (uint32_t)o->batch, .context = (uint32_t)o->ctx,
                               .exact = o->exact, .no_rounding = o->no_sim};
    status st = read_suite(&x.s, o->suite, e);
    if (st == OK) st = choose_cases(&x, e);
    if (st == OK) st = find_model(&m, o->model, e);
    if (st == OK && m.bundled) say_note("%s", FIND_MODEL_MINI);
    if (st == OK) st = examiner_open(&x.x, m.path, &eo, stop_flag(), e);
    if (st == OK && o->out) st = results_open(&x.out, o->out, e);
    if (st == OK) st = ask_all(&x, e);
    if (st == OK) st = tell(&x, m.path, e);
    for (size_t i = 0; i < o->require.n && st == OK; i++) st = demand_check(&demands[i], &x.r, e);
    results_close(x.out);
    examiner_close(x.x);
    report_free(&x.r);
    buf_free(&x.failures);
    suite_free(&x.s);
    return st;
}

static bool is_quality(const options *o) {
    return strcmp(o->suite, "quality") == 0;
}

static status run_quality(const options *o, int argc, char **argv, err *e) {
    const quality_options q = {.model = o->model, .against = o->against, .text = o->text, .out = o->out,
                               .save = o->save, .backend = o->backend, .size = o->ctx, .tokens = o->tokens,
                               .threads = o->threads, .batch = o->batch, .special = o->special,
                               .exact = o->exact, .no_sim = o->no_sim, .json = o->json,
                               .require = o->require, .command = argv, .n_command = argc,
                               .interrupted = stop_flag()};
    buf b = {0};
    const status st = quality_run(&b, &q, e), printed = print(&b, st == OK ? e : NULL);
    buf_free(&b);
    return st == OK ? printed : st;
}

static status run_compare(const options *o, const args_words *files, err *e) {
    buf b = {0};
    const bool receipts = is_quality(o) || receipt_is(files->at[0]);
    status st = (receipts ? versus_files : compare_files)(&b, files->at[0], files->at[1], o->json, e);
    if (st == OK) st = print(&b, e);
    buf_free(&b);
    return st;
}

/* An option that the other kind of suite does not know would be passed over in silence. */
static status check_kind(const options *o, err *e) {
    const struct {
        const char *name;
        bool given, quality;
    } all[] = {{"--only", o->only.n > 0, false},     {"--sample", o->sample != NULL, false},
               {"--limit", o->limit_given, false},   {"--by-skill", o->by_skill, false},
               {"--failures", o->failures, false},   {"--against", o->against != NULL, true},
               {"--save-logits", o->save != NULL, true}, {"--text", o->text != NULL, true},
               {"--special", o->special, true},      {"--tokens", o->tokens > 0, true}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i].given && all[i].quality != is_quality(o))
            return fail(e, E_USAGE, all[i].quality ? "%s: belongs to --suite quality"
                                                   : "%s: belongs to a suite of questions",
                        all[i].name);
    return OK;
}

static status run(const options *o, const args_words *words, int argc, char **argv, err *e) {
    demand demands[ARGS_WORDS];
    if (o->compare && words->n != 2)
        return fail(e, E_USAGE, "--compare: two files of results were expected, as --out writes "
                    "them");
    if (!o->compare && words->n)
        return fail(e, E_USAGE, "'%s': no such argument; see ds4-eval --help", words->at[0]);
    status st = o->compare ? OK : check_kind(o, e);
    if (st == OK && !o->compare && is_quality(o)) return run_quality(o, argc, argv, e);
    for (size_t i = 0; i < o->require.n && st == OK; i++)
        st = demand_parse(&demands[i], o->require.at[i], e);
    if (st != OK) return st;
    return o->compare ? run_compare(o, words, e) : run_exam(o, demands, e);
}

int main(int argc, char **argv) {
    options o = {.suite = "mini"};
    const arg table[] = {
        {.group = "Examination", .name = "--suite", .kind = ARG_STRING, .to = &o.suite,
         .value = "mini|FILE|quality",
         .help = "the questions: those of ds4-mini, or JSON lines; or what a file lost"},
        {.name = "--model", .alias = "-m", .kind = ARG_STRING, .to = &o.model, .value = "FILE",
         .help = "the model; else $DS4_MODEL, ds4flash.gguf here, ds4-mini"},
        {.name = "--only", .kind = ARG_LIST, .to = &o.only, .value = "SKILL",
         .help = "only skills that begin so, or match a pattern with *; may be given again"},
        {.name = "--sample", .kind = ARG_STRING, .to = &o.sample, .value = "N/SEED",
         .help = "only so many, drawn by the seed"},
        {.name = "--limit", .kind = ARG_U64, .to = &o.limit, .given = &o.limit_given, .min = 1,
         .help = "only the first N of these"},
        {.group = "Quality (--suite quality)", .name = "--against", .kind = ARG_STRING,
         .to = &o.against, .value = "FILE",
         .help = "the reference: a model, or logits that --save-logits stored"},
        {.name = "--text", .kind = ARG_STRING, .to = &o.text, .value = "FILE",
         .help = "what both read (- is stdin); else the questions of ds4-mini, rendered"},
        {.name = "--special", .kind = ARG_FLAG, .to = &o.special,
         .help = "text that spells a special token is one; BOS begins another document"},
        {.name = "--tokens", .kind = ARG_U64, .to = &o.tokens, .min = 1,
         .help = "only the first N tokens of it"},
        {.name = "--save-logits", .kind = ARG_STRING, .to = &o.save, .value = "FILE",
         .help = "stores what -m says of the text, 2 bytes a token and word of the vocabulary"},
        {.group = "Results", .name = "--out", .kind = ARG_STRING, .to = &o.out, .value = "FILE",
         .help = "a JSON line for each case; quality: OUT.json and OUT.html, or a folder for them"},
        {.name = "--require", .kind = ARG_LIST, .to = &o.require, .value = "SHARE",
         .help = "status 1 if less: 0.95, SKILL=0.9, format=0.99; kl=0.1, same=0.9, ratio=0.05"},
        {.name = "--by-skill", .kind = ARG_FLAG, .to = &o.by_skill,
         .help = "a line for each skill instead of each family"},
        {.name = "--failures", .kind = ARG_FLAG, .to = &o.failures,
         .help = "lists what was not passed, and why"},
        {.name = "--json", .kind = ARG_FLAG, .to = &o.json,
         .help = "one JSON object instead of a table"},
        {.name = "--compare", .kind = ARG_FLAG, .to = &o.compare,
         .help = "with two files of --out, A and B: the cases that differ, or which is nearer"},
        {.group = "Engine", .name = "--ctx", .kind = ARG_U64, .to = &o.ctx, .min = 1,
         .max = UINT32_MAX, .help = "tokens of context (default: 32768; quality: windows of 2048; at most the model's)"},
        {.name = "--batch", .kind = ARG_U64, .to = &o.batch, .min = 1, .max = 65536,
         .help = "tokens of a prompt computed together (default: 512)"},
        {.name = "--threads", .kind = ARG_U64, .to = &o.threads, .min = 1, .max = 1024,
         .help = "CPU threads (default: one for each core)"},
        {.name = "--backend", .kind = ARG_STRING, .to = &o.backend, .value = "cpu|cuda|metal",
         .help = "default: the best one built in that finds a device"},
        {.name = "--exact", .kind = ARG_FLAG, .to = &o.exact,
         .help = "reference arithmetic: float32 throughout, slow"},
        {.name = "--no-sim", .kind = ARG_FLAG, .to = &o.no_sim,
         .help = "without the official FP8/FP4 roundings of cached rows"},
        {0}};
    const args_spec spec = {
        .program = "ds4-eval",
        .synopsis = "[--suite mini|FILE.jsonl] [-m MODEL] [options]\n"
                    "       ds4-eval --suite quality -m MODEL --against REFERENCE [--text FILE] [options]\n"
                    "       ds4-eval --compare A B",
        .about = "Puts a suite of questions to a model, greedily, and grades the answers: a table\n"
                 "by family of skills, with the share that passed and that of the right form.\n"
                 "With --suite quality: how far the probabilities of a file are from a reference's,\n"
                 "token by token over a text, with intervals; and a receipt that can be published.\n"
                 "What was stopped goes on when the same command is given again with the same --out.",
        .table = table,
        .max_words = 2,
        .words_are = "a file of results"};
    args_words words;
    int rc;
    stop_install(2);
    if (args_start(&spec, argc, argv, &words, &rc)) return rc;
    map_guard_install();
    err e = {0};
    return run(&o, &words, argc, argv, &e) == OK ? 0 : say_error(&e);
}
