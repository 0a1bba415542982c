#include "engine/page.h"

#include <stdlib.h>

status page_new(page **out, const memory *m, uint64_t bytes, err *e) {
    status st = ledger_take(m->account, LEDGER_PAGES, bytes, e);
    if (st != OK) return st;
    page *p = calloc(1, sizeof *p);
    st = p ? m->op->mem_new(m->dev, &p->mem, bytes, e) : fail(e, E_NOMEM, "page: out of memory");
    if (st != OK) {
        free(p);
        ledger_give(m->account, LEDGER_PAGES, bytes);
        return st;
    }
    p->bytes = bytes;
    p->refs = 1;
    *out = p;
    return OK;
}

status page_copy(page **out, const memory *m, const page *p, err *e) {
    const status st = page_new(out, m, p->bytes, e);
    if (st == OK) m->op->mem_copy(m->dev, (*out)->mem, p->mem, p->bytes);
    return st;
}

page *page_share(page *p) {
    p->refs++;
    return p;
}

void page_release(page *p, const memory *m) {
    if (!p || --p->refs > 0) return;
    m->op->mem_free(m->dev, p->mem);
    ledger_give(m->account, LEDGER_PAGES, p->bytes);
    free(p);
}

void page_seal(page *p, hash128 before, const int32_t *tokens) {
    p->key = hash128_chain(before, tokens, PAGE_TOKENS * sizeof *tokens);
    p->sealed = true;
}
