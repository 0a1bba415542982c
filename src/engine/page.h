/* page: the immutable unit of context, in device memory.
 *
 * A page holds what every layer keeps of PAGE_TOKENS consecutive tokens (model/plan.h draws it). It fills front to
 * back, once.
 *
 * I1  A sealed page never changes; sharing needs a reference, not a copy.
 * I2  key(page) = hash(key(page before it), its tokens): equal keys, equal prefix. The first one chains to the plan's key.
 * I3  Only the last page of a session may be unsealed, and it has one owner.
 *
 * Engine thread only. A page is freed, and leaves the ledger, when its last reference goes: shared ones count once.
 */
#ifndef DS4_ENGINE_PAGE_H
#define DS4_ENGINE_PAGE_H

#include <stdbool.h>

#include "backend/backend.h"
#include "engine/ledger.h"

/* What memory comes from: a device and the account of it. */
typedef struct memory {
    const backend_ops *op;
    backend *dev;
    ledger *account;
} memory;

typedef struct page {
    void *mem;
    uint64_t bytes;
    uint32_t refs;
    bool sealed;
    hash128 key; /* once sealed */
} page;

status page_new(page **out, const memory *m, uint64_t bytes, err *e); /* zeroed, one reference */
status page_copy(page **out, const memory *m, const page *p, err *e); /* unsealed              */
page *page_share(page *p);                                            /* one more reference    */
void page_release(page *p, const memory *m);                          /* NULL is fine          */
void page_seal(page *p, hash128 before, const int32_t *tokens);       /* PAGE_TOKENS of them   */

#endif
