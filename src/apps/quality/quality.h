/* quality: what a file loses against another one, or against logits stored before, on a text.
 *
 *     text -> ids -> windows (stream.h) -> both models, batch by batch (side.h)
 *          -> KL and more of every token (divergence.h) -> figures with intervals (figures.h)
 *          -> a receipt: OUT.json (receipt.h) and OUT.html (page.h)
 *
 * I1  Only a batch of logits of each side is in memory; what is kept of a token takes 48 bytes.
 * I2  With `out` what was measured lies in OUT.json.part (apps/lib/partial.h) window by window:
 *     the same command goes on from there after it was stopped or killed, and comes to the same.
 * I3  The receipt's files appear whole, at the end.
 */
#ifndef DS4_APPS_QUALITY_QUALITY_H
#define DS4_APPS_QUALITY_QUALITY_H

#include <signal.h>

#include "apps/lib/args.h"
#include "base/buf.h"

typedef struct quality_options {
    const char *model, *against, *text, *out, *save, *backend;
    uint64_t size;   /* of a window; 0: 2048, or the model's context if less */
    uint64_t tokens; /* only so many; 0: all */
    uint64_t threads, batch;
    bool special, exact, no_sim, json;
    args_words require;
    char *const *command; /* for the receipt */
    int n_command;
    const volatile sig_atomic_t *interrupted;
} quality_options;

/* What is to be printed goes to *out: a table, or the receipt's JSON; nothing when logits are stored. A
 * demand that is not met is E_LIMIT, after the receipt was written; *out is good then as well. */
status quality_run(buf *out, const quality_options *o, err *e);

#endif
