/* results: what came of an examination, one JSON object a line, written as it goes.
 *
 *     {"id": "arith.add2/3", "skill": "arith.add2", "model": 32 hex digits, "line": 32 hex digits,
 *      "passed": true, "expected": true, "format": true, "why": "", "finish": "stop",
 *      "content": TEXT, "reasoning": TEXT, "calls": [{"name": TEXT, "arguments": {...}}],
 *      "prompt_tokens": 40, "tokens": 12, "seconds": 0.31}
 *
 * `model` names the model and how it was run, `line` is the hash of the suite's line: a result
 * counts for a later run where both are the same, so a run goes on where an earlier one stopped,
 * and a question that was changed is asked again. A file may hold results of several models. With
 * `format` false there is also "raw", all that was written, control tokens as text.
 *
 * I1  A line is written by one write, and one that was not written whole is taken back.
 * I2  Only the last line can be broken (the machine stopped while it was written): it is dropped.
 *     Anything else that is no result, and the file is refused and left alone.
 * I3  One process at a time writes to a file.
 */
#ifndef DS4_APPS_EXAMINE_RESULTS_H
#define DS4_APPS_EXAMINE_RESULTS_H

#include "apps/examine/grade.h"

enum { RUN_NAME = 33 }; /* 32 hex digits and a NUL */

typedef struct record {
    char *id, *why;
    char model[RUN_NAME], line[RUN_NAME];
    hash128 said; /* of text, calls and reasoning */
    bool passed, expected, form;
    size_t order; /* of its line in the file */
} record;

typedef struct records {
    record *at;
    size_t n, cap;
} records;

/* The text form of a 128-bit hash. */
void hash_name(char out[RUN_NAME], hash128 h);

/* `whole` (may be NULL) is how many bytes the whole lines take. */
status records_parse(records *out, size_t *whole, const char *text, size_t n, const char *name,
                     err *e);
status records_read(records *out, const char *path, err *e);
void records_free(records *r); /* and back to {0} */

/* One record an id, the last in the file, in the order of the ids. */
void records_latest(records *r);

typedef struct results results;

/* Opens a file for more results, or makes one; E_USAGE if another process does the same. */
status results_open(results **out, const char *path, err *e);
void results_close(results *r); /* NULL is fine */

/* What is there of this run about this line: NULL, or the last one. Those added since are not
 * seen. */
const record *results_find(const results *r, const char *model, hash128 line);

status results_add(results *r, const char *model, const exam_case *c, const answer *a,
                   const verdict *v, err *e);
/* The line that results_add writes, line end included. */
void result_write(buf *out, const char *model, const exam_case *c, const answer *a,
                  const verdict *v);

#endif
