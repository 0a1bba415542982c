/* examiner: puts the questions of a suite to a model, one at a time, and takes the answers down.
 *
 * Answers are greedy. A question's prompt is what a server would make of it as a request; what it
 * has in common with the one before is not computed again.
 */
#ifndef DS4_APPS_EXAMINE_EXAMINER_H
#define DS4_APPS_EXAMINE_EXAMINER_H

#include <signal.h>

#include "apps/examine/results.h"
#include "engine/engine.h"

typedef struct examiner examiner;

/* `interrupted` (may be NULL): where it is not 0, work ends with E_CANCELLED. */
status examiner_open(examiner **out, const char *model_path, const engine_options *o,
                     const volatile sig_atomic_t *interrupted, err *e);
void examiner_close(examiner *x); /* NULL is fine */

/* Names the model, and how it is run as far as answers depend on it. */
const char *examiner_model(const examiner *x);

/* A prompt the context has no room for is an answer too: its end is TURN_GOES_ON. */
status examiner_ask(examiner *x, const exam_case *c, answer *out, err *e);

#endif
