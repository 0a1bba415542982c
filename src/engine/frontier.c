#include "engine/frontier.h"

#include <stdlib.h>

static void release(frontier *f, const memory *m) {
    if (--f->refs > 0) return;
    m->op->mem_free(m->dev, f->state);
    ledger_give(m->account, LEDGER_FRONTIERS, f->bytes);
    free(f);
}

static status copy_state(frontier **out, const memory *m, const void *state, uint64_t bytes, uint32_t pos, err *e) {
    status st = ledger_take(m->account, LEDGER_FRONTIERS, bytes, e);
    if (st != OK) return st;
    frontier *f = calloc(1, sizeof *f);
    st = f ? m->op->mem_new(m->dev, &f->state, bytes, e) : fail(e, E_NOMEM, "frontier: out of memory");
    if (st != OK) {
        free(f);
        ledger_give(m->account, LEDGER_FRONTIERS, bytes);
        return st;
    }
    m->op->mem_copy(m->dev, f->state, state, bytes);
    f->bytes = bytes;
    f->pos = pos;
    f->refs = 1;
    *out = f;
    return OK;
}

static status make_room(frontier_list *l, uint32_t n, err *e) {
    if (n <= l->cap) return OK;
    const uint32_t cap = n < 16 ? 16 : n * 2;
    frontier_slot *at = realloc(l->at, cap * sizeof *at);
    if (!at) return fail(e, E_NOMEM, "frontier: out of memory");
    l->at = at;
    l->cap = cap;
    return OK;
}

status frontier_add(frontier_list *l, const memory *m, const void *state, uint64_t bytes, uint32_t pos, bool pinned,
                    err *e) {
    if (l->n && l->at[l->n - 1].f->pos == pos) {
        l->at[l->n - 1].pinned |= pinned;
        return OK;
    }
    status st = make_room(l, l->n + 1, e);
    frontier *f = NULL;
    if (st == OK) st = copy_state(&f, m, state, bytes, pos, e);
    if (st == OK) l->at[l->n++] = (frontier_slot){f, pinned};
    return st;
}

uint32_t frontier_pinned(const frontier_list *l) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < l->n; i++) n += l->at[i].pinned;
    return n;
}

void frontier_unpin(frontier_list *l, uint32_t pos) {
    for (uint32_t i = 0; i < l->n; i++)
        if (l->at[i].f->pos == pos) l->at[i].pinned = false;
}

/* An entry goes when the gap that it leaves is not wider than half the distance from there to the newest. */
void frontier_thin(frontier_list *l, const memory *m) {
    if (l->n < 3) return;
    const uint32_t newest = l->at[l->n - 1].f->pos;
    uint32_t kept = 1;
    for (uint32_t i = 1; i + 1 < l->n; i++) {
        const uint32_t before = l->at[kept - 1].f->pos, after = l->at[i + 1].f->pos;
        if (!l->at[i].pinned && after - before <= (newest - after) / 2) release(l->at[i].f, m);
        else l->at[kept++] = l->at[i];
    }
    l->at[kept++] = l->at[l->n - 1];
    l->n = kept;
}

bool frontier_drop(frontier_list *l, const memory *m) {
    for (uint32_t i = 0; i < l->n; i++) {
        if (l->at[i].pinned) continue;
        release(l->at[i].f, m);
        for (l->n--; i < l->n; i++) l->at[i] = l->at[i + 1];
        return true;
    }
    return false;
}

const frontier *frontier_find(const frontier_list *l, uint32_t pos) {
    for (uint32_t i = l->n; i > 0; i--)
        if (l->at[i - 1].f->pos <= pos) return l->at[i - 1].f;
    return NULL;
}

void frontier_cut(frontier_list *l, const memory *m, uint32_t pos) {
    while (l->n && l->at[l->n - 1].f->pos > pos) release(l->at[--l->n].f, m);
}

status frontier_share(frontier_list *to, const frontier_list *from, err *e) {
    const status st = make_room(to, from->n, e);
    if (st != OK) return st;
    for (uint32_t i = 0; i < from->n; i++) {
        to->at[i] = from->at[i];
        to->at[i].f->refs++;
    }
    to->n = from->n;
    return OK;
}

void frontier_free(frontier_list *l, const memory *m) {
    while (l->n) release(l->at[--l->n].f, m);
    free(l->at);
    *l = (frontier_list){0};
}

uint64_t frontier_bytes(const frontier_list *l) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < l->n; i++) sum += l->at[i].f->bytes;
    return sum;
}
