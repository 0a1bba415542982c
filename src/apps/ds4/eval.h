/* eval: --eval-tokens: the logits after every token of a file, for comparison with references.
 *
 * Output is little-endian float32, [n_tokens][vocab], and for the draft block [n_tokens - 1][vocab]: row p comes from the
 * trunk at p and token p + 1. Files appear under their names when they are whole.
 */
#ifndef DS4_APPS_DS4_EVAL_H
#define DS4_APPS_DS4_EVAL_H

#include "apps/ds4/options.h"

status eval_run(const ds4_cli *o, run_stats *stats, err *e);

#endif
