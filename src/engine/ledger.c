#include "engine/ledger.h"

static const char *const names[LEDGER_KINDS] = {"work buffers", "context pages", "session states",
                                                "kept frontiers"};

uint64_t ledger_total(const ledger *l) {
    uint64_t sum = 0;
    for (int k = 0; k < LEDGER_KINDS; k++) sum += l->used[k];
    return sum;
}

status ledger_take(ledger *l, ledger_kind k, uint64_t bytes, err *e) {
    const uint64_t total = ledger_total(l);
    if (l->limit && (total > l->limit || bytes > l->limit - total))
        return fail(e, E_NOMEM,
                    "%s need %llu MiB more, %llu of %llu MiB are in use: use a smaller --ctx, fewer sessions or a "
                    "smaller --batch",
                    names[k], (unsigned long long)(bytes >> 20) + 1, (unsigned long long)(total >> 20),
                    (unsigned long long)(l->limit >> 20));
    l->used[k] += bytes;
    if (total + bytes > l->peak) l->peak = total + bytes;
    return OK;
}

void ledger_give(ledger *l, ledger_kind k, uint64_t bytes) { l->used[k] -= bytes; }
