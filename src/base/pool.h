/* pool: threads that share one loop at a time.
 *
 * pool_for cuts 0..n into pieces of `grain` and hands them to the caller and its helpers until none is left; where nobody
 * could help (one thread, or n <= grain) the caller gets all of it as one piece. It returns when all are done. Helpers spin for a few microseconds after a loop, since the next one usually
 * follows at once, and sleep then: an idle pool costs nothing.
 *
 * I1  What a piece computes must not depend on which thread does it, nor on how many there are.
 * I2  One loop at a time: pool_for is called by the thread that owns the pool, not from inside a loop of its own.
 */
#ifndef DS4_BASE_POOL_H
#define DS4_BASE_POOL_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

typedef struct pool pool;

/* begin..end is the piece; `thread` is 0 for the caller, below pool_threads() for all: an index into scratch. */
typedef void (*pool_fn)(void *ctx, size_t begin, size_t end, uint32_t thread);

status pool_new(pool **out, uint32_t threads, err *e); /* the caller counts as one */
void pool_free(pool *p);                               /* NULL is fine             */
uint32_t pool_threads(const pool *p);
void pool_for(pool *p, size_t n, size_t grain, pool_fn fn, void *ctx);

#endif
