/* ds4: talk to the model, and look into it. This file reads the command line and hands over. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "apps/ds4/eval.h"
#include "apps/ds4/info.h"
#include "apps/lib/args.h"
#include "apps/lib/say.h"
#include "base/file.h"

/* -m, else the environment, else the usual name here. */
static status find_model(ds4_cli *o, err *e) {
    if (o->model) return OK;
    const char *named = getenv("DS4_MODEL");
    if (named && *named) {
        o->model = named;
        return OK;
    }
    static const char here[] = "ds4flash.gguf";
    if (access(here, R_OK) == 0) {
        o->model = here;
        return OK;
    }
    return fail(e, E_USAGE, "no model: name one with -m FILE.gguf, in DS4_MODEL, or put it here as %s", here);
}

static status run(ds4_cli *o, err *e) {
    status st = find_model(o, e);
    if (st != OK) return st;
    if (o->info) return info_print(o, e);
    if (o->eval_tokens) {
        run_stats stats = {0};
        st = eval_run(o, &stats, e);
        if (st == OK && o->stats) stats_print(&stats);
        return st;
    }
    return fail(e, E_USAGE, "nothing to do: see ds4 --help");
}

int main(int argc, char **argv) {
    ds4_cli o = {0};
    const arg table[] = {
        {.group = "Model", .name = "--model", .alias = "-m", .kind = ARG_STRING, .to = &o.model, .value = "FILE",
         .help = "the model (GGUF); else $DS4_MODEL, else ds4flash.gguf here"},
        {.name = "--mtp", .kind = ARG_STRING, .to = &o.mtp, .value = "FILE",
         .help = "a side file that holds the draft (MTP) block"},
        {.group = "Engine", .name = "--ctx", .kind = ARG_U64, .to = &o.ctx, .min = 1, .max = UINT32_MAX,
         .help = "context size in tokens (default: 32768, or what --eval-tokens needs)"},
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
        {.name = "--stats", .kind = ARG_FLAG, .to = &o.stats, .help = "rates and memory on stderr at the end"},
        {.group = "Looking inside", .name = "--info", .kind = ARG_FLAG, .to = &o.info,
         .help = "what the file holds: layout, types, sizes, memory of a context"},
        {.name = "--json", .kind = ARG_FLAG, .to = &o.json, .help = "--info as JSON"},
        {.name = "--eval-tokens", .kind = ARG_STRING, .to = &o.eval_tokens, .value = "FILE",
         .help = "token ids, white space between them: compute the logits after each"},
        {.name = "--logits-out", .kind = ARG_STRING, .to = &o.logits_out, .value = "FILE",
         .help = "where they go: little-endian float32, [tokens][vocab]"},
        {.name = "--mtp-out", .kind = ARG_STRING, .to = &o.mtp_out, .value = "FILE",
         .help = "the draft block's logits as well, [tokens - 1][vocab]"},
        {.name = "--save-at", .kind = ARG_U64, .to = &o.save_at, .given = &o.save_at_given, .min = 1,
         .max = UINT32_MAX, .help = "save the session after that many tokens, drop it, load it, go on"},
        {0}};
    const args_spec spec = {.program = "ds4", .synopsis = "[options]",
                            .about = "DeepSeek V4 Flash on your own machine.", .table = table};
    args_words words;
    int rc;
    if (args_start(&spec, argc, argv, &words, &rc)) return rc;
    map_guard_install();
    err e = {0};
    return run(&o, &e) == OK ? 0 : say_error(&e);
}
