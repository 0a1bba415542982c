/* ds4-imatrix: which columns of a model's weights matter, measured by running text through it.
 *
 *     text -> ids -> chunks, each a session of its own that begins with BOS -> squares of what met each column
 *
 * The result is written over and over while it grows, whole each time, so that a run that is stopped
 * or killed goes on from the last write (--resume). Only the GGUF form can be gone on from: the other
 * one keeps means without counts.
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
#include "apps/measure/collector.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/progress.h"
#include "engine/engine.h"
#include "engine/session.h"
#include "talk/vocab.h"

enum { SAVE_SECONDS = 60 };

typedef struct options {
    const char *model, *text, *out, *backend;
    args_words merge;
    uint64_t chunk, chunks, threads, batch;
    int form;
    bool special, resume, draft;
} options;

/* One run over one text. */
typedef struct run {
    const options *o;
    imatrix total; /* files that were merged in, or the run that this one goes on from; and what came since */
    model *m;
    tokenizer *vocab;
    collector *sums;
    engine *en;
    tokens ids;
    char dataset[256]; /* the text's name and hash */
    uint32_t chunk, n_chunks, done;
    uint32_t chunks_merged;
} run;

/* ------------------------------------------------------------------ what goes in */

static status read_text(run *r, err *e) {
    const options *o = r->o;
    buf text = {0};
    status st = input_read(&text, o->text, INPUT_MOST, stop_flag(), e);
    if (st == OK && text.n == 0) st = fail(e, E_FORMAT, "%s: the text is empty", o->text);
    if (st == OK) {
        const char *slash = strrchr(o->text, '/');
        snprintf(r->dataset, sizeof r->dataset, "%.160s %016" PRIx64 "%s", slash ? slash + 1 : o->text,
                 hash64(text.data, text.n), o->special ? " special" : "");
        st = tok_encode(r->vocab, text.data, text.n, o->special ? TOK_SPECIAL : TOK_PLAIN, &r->ids, e);
    }
    buf_free(&text);
    return st;
}

/* One position of each chunk is BOS. */
static status cut(run *r, err *e) {
    const uint32_t room = r->chunk - 1;
    const uint64_t n = (r->ids.n + room - 1) / room;
    r->n_chunks = (uint32_t)(r->o->chunks && r->o->chunks < n ? r->o->chunks : n);
    if (r->n_chunks > r->done) return OK;
    return fail(e, E_USAGE, "%s: all %u chunks are in %s already", r->o->text, r->n_chunks, r->o->out);
}

static status go_on_from(run *r, err *e) {
    const options *o = r->o;
    const status st = imatrix_read(&r->total, o->out, e);
    if (st != OK) return st;
    if (r->total.chunk_size != r->chunk)
        return fail(e, E_USAGE, "--resume: %s was made with --chunk %u", o->out, r->total.chunk_size);
    const char *name = r->total.datasets.n ? (const char *)r->total.datasets.data : "";
    if (strcmp(name, r->dataset) != 0 || r->total.datasets.n != strlen(r->dataset) + 1)
        return fail(e, E_USAGE, "--resume: %s was made from another text (%.100s)", o->out, name);
    r->done = r->total.chunks;
    return OK;
}

/* ------------------------------------------------------------------ what comes out */

static status save(run *r, err *e) {
    if (r->sums) {
        r->total.chunks = r->chunks_merged + r->done;
        r->total.chunk_size = r->chunk;
        if (!imatrix_dataset(&r->total, r->dataset)) return fail(e, E_NOMEM, "out of memory");
    }
    if (r->total.n == 0) return fail(e, E_FORMAT, "nothing was measured");
    return imatrix_write(&r->total, r->o->out, (imatrix_form)r->o->form, e);
}

/* Experts that no row met have no importance of their own: whoever quantises counts their columns alike. */
static void tell_gaps(const run *r) {
    uint64_t planes = 0, silent = 0;
    uint32_t met = 0, known = 0;
    for (size_t i = 0; i < r->total.n; i++) {
        const imatrix_entry *x = &r->total.entries[i];
        uint64_t none = 0;
        if (x->n_mats == 1) continue;
        for (uint64_t k = 0; k < x->n_mats; k++) none += x->counts[k] == 0;
        planes += x->n_mats;
        silent += none;
        if (none) say_note("%s: %" PRIu64 " of %" PRIu64 " experts met no token", x->name, none, x->n_mats);
    }
    if (silent)
        say_note("%" PRIu64 " of %" PRIu64 " matrices of experts were never used: their columns will count alike; "
                 "more text, or more varied text, reaches more of them",
                 silent, planes);
    collector_count(r->sums, &met, &known);
    if (met < known)
        say_note("%u of %u matrices met no token%s", known - met, known,
                 r->o->draft ? "" : " (those of a draft block only with --draft)");
}

/* ------------------------------------------------------------------ the run */

static status run_chunk(run *r, uint32_t at, err *e) {
    const control c = {.stop = stop_asked};
    const size_t first = (size_t)at * (r->chunk - 1), left = r->ids.n - first;
    const uint32_t n = (uint32_t)(left < r->chunk - 1 ? left : r->chunk - 1);
    int32_t *ids = malloc((n + 1) * sizeof *ids);
    session *s = NULL;
    if (!ids) return fail(e, E_NOMEM, "out of memory");
    ids[0] = (int32_t)tok_bos(r->vocab);
    memcpy(ids + 1, r->ids.id + first, n * sizeof *ids);
    status st = session_new(&s, r->en, e);
    if (st == OK) st = session_feed(s, ids, n + 1, &c, e);
    session_free(s);
    free(ids);
    return st;
}

static status run_chunks(run *r, err *e) {
    progress bar;
    status st = OK;
    double saved = clock_seconds();
    progress_start(&bar, stderr, "measuring", (uint64_t)r->n_chunks * r->chunk, PROGRESS_STEPS);
    progress_base(&bar, (uint64_t)r->done * r->chunk);
    while (r->done < r->n_chunks && st == OK) {
        st = run_chunk(r, r->done, e);
        if (st == OK) st = collector_drain(r->sums, &r->total, e);
        if (st != OK) break;
        r->done++;
        progress_to(&bar, (uint64_t)r->done * r->chunk);
        if (clock_seconds() - saved > SAVE_SECONDS && r->o->form == IMATRIX_GGUF) {
            st = save(r, e);
            saved = clock_seconds();
        }
    }
    progress_hide(&bar);
    return st;
}

static status open_engine(run *r, const char *path, err *e) {
    const options *o = r->o;
    status st = model_open(&r->m, path, NULL, e);
    if (st == OK) st = vocab_open(&r->vocab, model_file(r->m, 0), path, e);
    if (st == OK && tok_bos(r->vocab) < 0)
        st = fail(e, E_UNSUPPORTED, "%s: its tokeniser names no BOS token", path);
    if (st == OK) st = collector_new(&r->sums, r->m, e);
    if (st != OK) return st;
    const engine_options eo = {.backend = o->backend ? o->backend : "cpu", .threads = (uint32_t)o->threads,
                               .batch = (uint32_t)o->batch, .context = r->chunk, .draft = o->draft,
                               .watch = collector_observer(r->sums)};
    return engine_open(&r->en, r->m, &eo, e);
}

static status measure(run *r, err *e) {
    const options *o = r->o;
    found_model found = {0};
    status st = find_model(&found, o->model, e);
    if (st == OK && found.bundled) say_note("%s", FIND_MODEL_MINI);
    if (st == OK) st = open_engine(r, found.path, e);
    if (st == OK) st = read_text(r, e);
    if (st == OK && o->resume) st = go_on_from(r, e);
    if (st == OK) st = cut(r, e);
    if (st != OK) return st;
    const uint32_t first = r->done;
    if (!o->resume) r->chunks_merged = r->total.chunks;
    st = run_chunks(r, e);
    if (st == E_CANCELLED && r->done > first) {
        err other;
        const bool good = save(r, &other) == OK;
        say_note("stopped after %u of %u chunks%s", r->done, r->n_chunks,
                 !good                    ? "; what was measured could not be written"
                 : o->form == IMATRIX_GGUF ? "; --resume goes on from here"
                                           : "");
    }
    if (st == OK) st = save(r, e);
    if (st == OK) tell_gaps(r);
    return st;
}

static status merge_files(run *r, err *e) {
    status st = OK;
    for (size_t i = 0; i < r->o->merge.n && st == OK; i++) {
        imatrix one = {0};
        st = imatrix_read(&one, r->o->merge.at[i], e);
        if (st == OK) st = imatrix_merge(&r->total, &one, e);
        imatrix_free(&one);
    }
    return st;
}

static status check_wishes(const options *o, err *e) {
    if (!o->text && !o->merge.n)
        return fail(e, E_USAGE, "nothing to do: -f FILE is the text to run, --merge FILE an earlier measurement");
    if (o->resume && !o->text) return fail(e, E_USAGE, "--resume: needs the text again, -f FILE");
    if (o->resume && o->merge.n)
        return fail(e, E_USAGE, "--resume with --merge: finish the one file first, then merge it");
    if (o->resume && o->form != IMATRIX_GGUF)
        return fail(e, E_USAGE, "--resume: only the GGUF form can be gone on from; afterwards --merge OUT "
                    "--format legacy -o FILE.dat writes the other one");
    return OK;
}

static status work(const options *o, err *e) {
    run r = {.o = o, .chunk = (uint32_t)o->chunk};
    status st = check_wishes(o, e);
    if (st == OK) st = merge_files(&r, e);
    if (st == OK) st = o->text ? measure(&r, e) : save(&r, e);
    engine_close(r.en);
    collector_free(r.sums);
    tok_free(r.vocab);
    tokens_free(&r.ids);
    model_close(r.m);
    imatrix_free(&r.total);
    return st;
}

int main(int argc, char **argv) {
    static const char *const forms[] = {"gguf", "legacy", NULL};
    options o = {.chunk = 2048, .form = IMATRIX_GGUF};
    const arg table[] = {
        {.group = "Measuring", .name = "--model", .alias = "-m", .kind = ARG_STRING, .to = &o.model,
         .value = "FILE", .help = "the model; else $DS4_MODEL, ds4flash.gguf here, ds4-mini"},
        {.name = "--file", .alias = "-f", .kind = ARG_STRING, .to = &o.text, .value = "TEXT",
         .help = "what is run through it: text like that which the model will meet"},
        {.name = "--special", .kind = ARG_FLAG, .to = &o.special,
         .help = "text that spells a special token is one: for rendered chats"},
        {.name = "--chunk", .kind = ARG_U64, .to = &o.chunk, .min = 8, .max = 1u << 20,
         .help = "tokens that see each other; more than 4 times the indexer's top-k, or it is not met"},
        {.name = "--chunks", .kind = ARG_U64, .to = &o.chunks, .min = 1, .max = UINT32_MAX,
         .help = "only the first N chunks of the text"},
        {.name = "--draft", .kind = ARG_FLAG, .to = &o.draft, .help = "the draft block too"},
        {.group = "Result", .name = "--out", .alias = "-o", .kind = ARG_STRING, .to = &o.out,
         .value = "FILE", .help = "the importance matrix; needed", .required = true},
        {.name = "--format", .kind = ARG_CHOICE, .to = &o.form, .choices = forms,
         .help = "gguf, or the older .dat form, which only has means"},
        {.name = "--merge", .kind = ARG_LIST, .to = &o.merge, .value = "FILE",
         .help = "adds an earlier measurement, of either form; may be given again; alone: only merges"},
        {.name = "--resume", .kind = ARG_FLAG, .to = &o.resume,
         .help = "goes on from what is in --out, made from the same text"},
        {.group = "Engine", .name = "--threads", .kind = ARG_U64, .to = &o.threads, .min = 1,
         .max = 1024, .help = "CPU threads (default: one for each core)"},
        {.name = "--batch", .kind = ARG_U64, .to = &o.batch, .min = 1, .max = 65536,
         .help = "tokens computed together (default: 512)"},
        {0}};
    const args_spec spec = {
        .program = "ds4-imatrix",
        .synopsis = "-f TEXT -o OUT [-m MODEL] [options]\n"
                    "       ds4-imatrix --merge A --merge B -o OUT",
        .about = "Measures which columns of the weights matter, by running text through a model. What it\n"
                 "writes is for ds4-quantize --imatrix.",
        .table = table};
    args_words words;
    int rc;
    if (args_start(&spec, argc, argv, &words, &rc)) return rc;
    stop_install(1);
    map_guard_install();
    err e = {0};
    return work(&o, &e) == OK ? 0 : say_error(&e);
}
