/* session: one conversation's memory: its tokens, its pages, its state, and frontiers to go back to.
 *
 * A frontier is a copy of the state at a position. One is kept at page boundaries as a session goes on, thinned out so that
 * they lie geometrically (the further back, the fewer), and wherever session_keep asks for one. Going back means: take
 * the nearest frontier, drop the pages behind it, feed the rest again.
 *
 * I1  Pages and frontiers are shared between forks by reference; only the page being filled has a single owner.
 * I2  tokens[0..pos) are exactly what the state has seen.
 * I3  A failed session (engine.h, I3) refuses everything but rewinding, forgetting and freeing.
 */
#ifndef DS4_ENGINE_SESSION_H
#define DS4_ENGINE_SESSION_H

#include "base/file.h"
#include "engine/engine.h"

/* What long work looks at between chunks. Any member may be NULL. */
typedef struct control {
    bool (*stop)(void *self);                                    /* true: end with E_CANCELLED, position kept */
    void (*progress)(void *self, uint32_t done, uint32_t total); /* tokens */
    void *self;
} control;

status session_new(session **out, engine *en, err *e);
void session_free(session *s); /* NULL is fine */

/* Appends n tokens in chunks of the engine's batch, cut at page boundaries so that frontiers can be kept. Logits of the last
 * one are ready afterwards. When it fails or is cancelled, session_pos tells how far it came. */
status session_feed(session *s, const int32_t *tokens, uint32_t n, const control *c, err *e);

/* Makes the session hold exactly these tokens, with the logits of the last one ready: keeps the longest common run that
 * its frontiers allow and feeds the rest. *reused (may be NULL) is what was kept. When it fails, the session holds a shorter
 * run of the same tokens. */
status session_become(session *s, const int32_t *tokens, uint32_t n, const control *c, uint32_t *reused, err *e);

/* [n_vocab] after the last token, while no other step was made; else NULL. */
const float *session_logits(const session *s);

uint32_t session_pos(const session *s);
const int32_t *session_tokens(const session *s);

/* Keeps a frontier here, until the session goes back behind it. */
status session_keep(session *s, err *e);
/* The frontier at pos is no longer asked for: it may be thinned out like any other. */
void session_unkeep(session *s, uint32_t pos);
/* Goes back to the nearest kept frontier at or before pos (0 always is one) and returns its position. */
uint32_t session_rewind(session *s, uint32_t pos);
/* The position session_rewind(pos) would reach. */
uint32_t session_frontier_before(const session *s, uint32_t pos);

/* A second session with the same past: sealed pages and frontiers are shared, the rest is copied. */
status session_fork(session **out, const session *s, err *e);

/* Everything needed to go on, with the frontiers that were asked for, as bytes with a checksum over all of them; loads into an engine with the same plan key only. */
status session_save(const session *s, const sink *to, err *e);
/* s must be new or is replaced whole; it is unchanged when loading fails. */
status session_load(session *s, const source *from, err *e);

/* The same with a file: written beside its name and renamed when whole; mode 0600. */
status session_save_file(const session *s, const char *path, err *e);
status session_load_file(session *s, const char *path, err *e);

/* Bytes of pages (shared ones too), state and frontiers this session refers to. */
uint64_t session_bytes(const session *s);

#endif
