/* report: what an examination came to: counts by skill, a table or JSON of them, demands on shares.
 *
 *     family       cases  passed    share   format
 *     arith           40      38   95.0 %  100.0 %
 *     all             60      55   91.7 %   98.3 %
 *
 * A family is what stands in front of a skill's first dot.
 */
#ifndef DS4_APPS_EXAMINE_REPORT_H
#define DS4_APPS_EXAMINE_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/status.h"

typedef struct tally {
    char *skill; /* or family; NULL: all */
    uint64_t n, passed, expected, form;
} tally;

typedef struct report {
    tally *skills; /* in the order of their first case */
    size_t n_skills, cap;
    bool failed; /* out of memory: once, at the end  */
} report;

void report_add(report *r, const char *skill, bool expected, bool form);
void report_free(report *r); /* and back to {0} */

tally report_all(const report *r);

/* A line for each family, or each skill, and one for all. */
void report_table(buf *out, const report *r, bool by_skill);
/* "cases": N, ..., "families": [...], "skills": [...] without braces around it. */
void report_json(buf *out, const report *r);

/* A demand: "0.95" (of all cases pass), "format=0.99" (have the right form), or "SKILL=0.9" with a
 * prefix or a pattern as skill_matches takes it. E_USAGE if it is none. */
typedef struct demand {
    const char *skill; /* not NUL-terminated, n bytes; NULL: all */
    size_t n;
    bool form;
    double share;
} demand;

status demand_parse(demand *out, const char *text, err *e);
/* E_LIMIT, with the numbers, when it is not met; E_USAGE when it is about no case. */
status demand_check(const demand *d, const report *r, err *e);

#endif
