/* side: where one of the two rows of logits comes from: a model that is run, or logits stored before.
 *
 *     side_open(&a, path, &options, &e);
 *     side_begin(a, window, &e);                  for each window, in order
 *     side_step(a, fed, n, at, &e);               its tokens, batch by batch
 *     side_row(a, i)                              n_vocab logits after fed[i], until the next step
 *
 * I1  Memory is that of the model and of one batch of logits, however long the text is.
 */
#ifndef DS4_APPS_QUALITY_SIDE_H
#define DS4_APPS_QUALITY_SIDE_H

#include <signal.h>

#include "apps/quality/stored.h"
#include "engine/engine.h"

typedef struct side side;

status side_open(side **out, const char *path, err *e);
void side_close(side *s); /* NULL is fine */

/* NULL for stored logits. */
const model *side_model(const side *s);
const stored *side_stored(const side *s);
const tokenizer *side_vocab(const side *s); /* NULL: it has none */
uint32_t side_n_vocab(const side *s);
const char *side_path(const side *s);
hash128 side_identity(const side *s); /* of the model; stored logits have their model's */
/* What rows depend on besides the tokens: the model, the arithmetic. */
hash128 side_key(const side *s);
/* STORED_EXACT and so on. */
uint64_t side_how(const side *s);
const char *side_backend(const side *s); /* "stored" */

/* Makes it ready to run; what of the options stored logits do not have is nothing to them. */
status side_start(side *s, const engine_options *o, err *e);
status side_begin(side *s, const window *w, err *e);
/* `first` is the position of fed[0] in the window; n at most the batch of the options. */
status side_step(side *s, const int32_t *fed, uint32_t n, uint32_t first, err *e);
const float *side_row(const side *s, uint32_t i);

/* Tokens of a batch whose logits take no more than 64 MiB, `wish` at most (0: 512). */
uint32_t side_batch(uint32_t n_vocab, uint64_t wish);

#endif
