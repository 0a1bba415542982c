/* options: what the command line of ds4 asked for, as its parts read it. */
#ifndef DS4_APPS_DS4_OPTIONS_H
#define DS4_APPS_DS4_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "engine/engine.h"
#include "model/model.h"

typedef struct ds4_cli {
    const char *model, *mtp; /* files; model is resolved before anything runs */
    const char *backend;
    uint64_t ctx, threads, batch;
    bool exact, no_sim, stats;

    bool info, json;
    const char *eval_tokens, *logits_out, *mtp_out;
    uint64_t save_at;
    bool save_at_given;
} ds4_cli;

/* The engine's options as the command line has them. */
engine_options cli_engine(const ds4_cli *o);

/* For --stats. Rates are left out of the line where nothing was done. */
typedef struct run_stats {
    double load_s, prefill_s, decode_s;
    uint64_t prefill_n, decode_n;
} run_stats;

void stats_print(const run_stats *s); /* one line on stderr */

#endif
