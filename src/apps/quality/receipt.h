/* receipt: what a measurement came to, as one JSON object that can be published beside a file.
 *
 *     {"receipt": "ds4 quality", "version": 1, "program": "ds4-eval 0.1.0", "date": "2026-11-21T17:00:00Z",
 *      "command": [WORDS], "file": MODEL, "reference": MODEL and "stored": NAME or null,
 *      "machine": MACHINE,                                               (about.h)
 *      "text": {"name": TEXT, "bytes": N, "xxh3": HEX, "special": BOOL,
 *               "stream": HEX, "tokens": N, "windows": N, "window": N},
 *      "figures": {"kl": EST, "same_best": EST, "common_ten": EST, "ln_perplexity_ratio": EST,
 *                  "perplexity": EST, "reference_perplexity": EST, "kl_at": {"median": X, ...}},
 *      "interval": WORDS,
 *      "histogram"|"positions"|"certainty": [{"from": X, "to": X, "tokens": N, "kl": MEAN,
 *                                            "same_best": SHARE, "certainty": MEAN}],
 *      "worst": [{"token": N, "window": N, "position": N, "before": TEXT, "next": TEXT,
 *                 "reference_best": TEXT, "reference_p": X, "best": TEXT, "p": X, "kl": X}],
 *      "batches": [[tokens, sum of KL, same best, sum of -ln p of the reference, of the file], ...]}
 *
 *     EST   {"value": X, "low": X, "high": X}      95 %; null where a single batch tells nothing
 *
 * Text that came out of files stands in it as JSON strings, control characters escaped. In MODEL of a
 * stored reference all is as it was when the logits were stored.
 */
#ifndef DS4_APPS_QUALITY_RECEIPT_H
#define DS4_APPS_QUALITY_RECEIPT_H

#include "apps/quality/figures.h"
#include "base/json.h"

/* All borrowed. The first four are JSON texts. */
typedef struct receipt_parts {
    const char *file, *reference, *machine, *text;
    const char *stored; /* name of the file of logits, or NULL */
    char *const *command;
    int n_command;
    const stream *s;
    const tokenizer *vocab; /* NULL: tokens are shown as numbers */
    const token_figures *tokens;
    const figures *f;
} receipt_parts;

void receipt_write(buf *out, const receipt_parts *p);

/* "text": what `name` is about, as an object. */
typedef struct receipt_text {
    const char *name;
    uint64_t bytes;
    hash128 hash;
    bool special;
} receipt_text;
void receipt_text_write(buf *out, const receipt_text *t, const stream *s);

/* The table for a terminal, from a receipt. */
void receipt_table(buf *out, const json *receipt);

/* A sound receipt of this version, or E_FORMAT. `name` stands for it in errors. */
status receipt_check(const json *receipt, const char *name, err *e);
/* Whether a file begins like one. */
bool receipt_is(const char *path);

#endif
