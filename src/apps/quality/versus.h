/* versus: two receipts of the same text and the same reference, side by side: which file is nearer.
 *
 * Both were measured on the same tokens in the same batches, so what counts is the difference batch by
 * batch: what is hard about a stretch of text is hard for both, and falls out.
 *
 *     A   q2.gguf        38.1 MB   KL 0.9534   the same best token 63.21 %
 *     B   q2-im.gguf     38.1 MB   KL 0.4100   the same best token 78.90 %
 *
 *     B - A, 95 % (paired, 812 batches)
 *     KL, mean                  -0.5434   -0.5600 to -0.5268
 *     ...
 *     B is nearer to the reference
 */
#ifndef DS4_APPS_QUALITY_VERSUS_H
#define DS4_APPS_QUALITY_VERSUS_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/status.h"

/* As text, or as one JSON object and a line end: {"a": {...}, "b": {...}, "batches": N, "kl": EST,
 * "same_best": EST, "ln_perplexity": EST, "nearer": "a", "b" or null}, each EST of B - A. E_USAGE where
 * the two were not measured alike. */
status versus_files(buf *out, const char *a, const char *b, bool as_json, err *e);

#endif
