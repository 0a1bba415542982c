/* logprobs: --dump-logprobs: what the model would say, step by step, and what else it might have.
 *
 * The greedy continuation of -p or -f (in the chat template unless --raw) for -n tokens at most,
 * 16 by default; the model's end token is the last step if it comes. One JSON object:
 *
 *     {"prompt_tokens": [0, 17, ...],
 *      "steps": [{"token": 42, "text": " it", "logprob": -0.25,
 *                 "top": [{"token": 42, "text": " it", "logprob": -0.25}, ...]}, ...]}
 *
 * `top` holds the --top N most likely tokens, best first. Log probabilities are natural logarithms
 * over the whole vocabulary at temperature 1. Bytes of a token that are no whole character are
 * U+FFFD in its text.
 */
#ifndef DS4_APPS_DS4_LOGPROBS_H
#define DS4_APPS_DS4_LOGPROBS_H

#include "apps/ds4/options.h"

status logprobs_run(const ds4_cli *o, run_stats *stats, err *e);

#endif
