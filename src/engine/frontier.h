/* frontier: a copy of a session's state at a position, to go back to.
 *
 * I1  A frontier never changes; forks share it by reference.
 * I2  In a list positions rise strictly.
 * I3  Of those that were left automatically, few are kept: looking back from the newest, gaps grow in proportion to the
 *     distance, so a context of n pages keeps about 2 log2 n. Those that were asked for stay.
 */
#ifndef DS4_ENGINE_FRONTIER_H
#define DS4_ENGINE_FRONTIER_H

#include "engine/page.h"

typedef struct frontier {
    void *state;
    uint64_t bytes;
    uint32_t pos, refs;
} frontier;

typedef struct frontier_slot {
    frontier *f;
    bool pinned; /* asked for: thinning leaves it alone */
} frontier_slot;

typedef struct frontier_list {
    frontier_slot *at;
    uint32_t n, cap;
} frontier_list;

/* Copies `state` as the newest entry; at a position that is there already only the pin is added. */
status frontier_add(frontier_list *l, const memory *m, const void *state, uint64_t bytes, uint32_t pos, bool pinned,
                    err *e);
uint32_t frontier_pinned(const frontier_list *l); /* how many were asked for */
void frontier_unpin(frontier_list *l, uint32_t pos); /* the one exactly there, if any */
void frontier_thin(frontier_list *l, const memory *m);
bool frontier_drop(frontier_list *l, const memory *m); /* the oldest that is not pinned; false: there is none */
const frontier *frontier_find(const frontier_list *l, uint32_t pos);        /* nearest at or before; NULL */
void frontier_cut(frontier_list *l, const memory *m, uint32_t pos);         /* drops those behind pos     */
status frontier_share(frontier_list *to, const frontier_list *from, err *e); /* `to` is empty              */
void frontier_free(frontier_list *l, const memory *m);
uint64_t frontier_bytes(const frontier_list *l);

#endif
