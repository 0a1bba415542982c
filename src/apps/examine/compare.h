/* compare: two results of one suite side by side: which cases only one of them passes.
 *
 *     lost   arith.add2/3   expected the number 41, found 42
 *     won    chat.hello/7
 *     other  facts.sky/2
 *
 *     A.jsonl   93 of 100 passed
 *     B.jsonl   95 of 100 passed
 *     3 lost, 5 won, 12 said otherwise, 80 the same; a difference like this comes by chance with
 *     p = 0.73
 *
 * `lost`: A passed and B did not. `other`: the same verdict with other words. Of several results
 * of a case in one file the last one counts. Cases that only one file has, or whose question is
 * another, are counted and left out.
 */
#ifndef DS4_APPS_EXAMINE_COMPARE_H
#define DS4_APPS_EXAMINE_COMPARE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/status.h"

/* As text, or as one JSON object and a line end. */
status compare_files(buf *out, const char *a, const char *b, bool as_json, err *e);

/* How likely chance alone splits this many cases at least so unevenly, either way (sign test). */
double chance_of(size_t lost, size_t won);

#endif
