/* options: what the command line of ds4 asked for, as its parts read it. */
#ifndef DS4_APPS_DS4_OPTIONS_H
#define DS4_APPS_DS4_OPTIONS_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "engine/engine.h"
#include "model/model.h"
#include "sample/sampler.h"

typedef enum cli_think { CLI_THINK, CLI_NOTHINK, CLI_THINK_MAX } cli_think;

typedef struct ds4_cli {
    const char *model, *mtp; /* files; model is resolved before anything runs */
    bool bundled;            /* it is the demo model, because none was named */
    const char *backend;
    uint64_t ctx, threads, batch;
    bool exact, no_sim, stats;

    const char *prompt, *prompt_file; /* at most one of them */
    const char *system;
    bool raw, special;
    int think; /* cli_think */
    uint64_t n;
    bool n_given;
    sampler_options sampling;
    uint64_t top_k;
    bool seed_given;

    bool info, json;
    const char *eval_tokens, *logits_out, *mtp_out;
    uint64_t save_at;
    bool save_at_given;
    const char *dump_logprobs;
    uint64_t top;

    bool dump_tokens, vocab_only;
    const char *detokenize, *tokenize_lines;
    const char *render, *render_lines, *parse, *parse_lines;
    int thinking_mode; /* index into cli_thinking_modes */
    bool strict;

    /* Set by Ctrl-C: long work ends with E_CANCELLED when it sees it. CLI_TERMINATE: asked to end for good. */
    volatile sig_atomic_t *interrupted;
} ds4_cli;

enum { CLI_TERMINATE = 100 };
enum { CLI_MODE_CHAT, CLI_MODE_THINKING };
extern const char *const cli_thinking_modes[]; /* "chat", "thinking", NULL */

/* The engine's options as the command line has them. */
engine_options cli_engine(const ds4_cli *o);

bool cli_interrupted(const ds4_cli *o);

/* For --stats. Rates are left out of the line where nothing was done. */
typedef struct run_stats {
    double load_s, prefill_s, decode_s;
    uint64_t prefill_n, decode_n;
} run_stats;

void stats_print(const run_stats *s); /* one line on stderr */

#endif
