#include "engine/session.h"

#include <stdlib.h>
#include <string.h>

#include "engine/inside.h"

static uint32_t pages_for(uint32_t tokens) { return (tokens + PAGE_TOKENS - 1) / PAGE_TOKENS; }

status session_new(session **out, engine *en, err *e) {
    const uint64_t bytes = en->p.state_bytes;
    status st = ledger_take(&en->account, LEDGER_STATES, bytes, e);
    if (st != OK) return st;
    session *s = calloc(1, sizeof *s);
    st = s ? en->op->mem_new(en->dev, &s->state, bytes, e) : fail(e, E_NOMEM, "session: out of memory");
    if (st != OK) {
        free(s);
        ledger_give(&en->account, LEDGER_STATES, bytes);
        return st;
    }
    s->en = en;
    en->n_sessions++;
    *out = s;
    return OK;
}

static void drop_pages(session *s, uint32_t keep) {
    while (s->n_pages > keep) page_release(s->pages[--s->n_pages], &s->en->mem);
}

void session_free(session *s) {
    if (!s) return;
    engine *en = s->en;
    drop_pages(s, 0);
    frontier_free(&s->frontiers, &en->mem);
    en->op->mem_free(en->dev, s->state);
    ledger_give(&en->account, LEDGER_STATES, en->p.state_bytes);
    free(s->tokens);
    free(s->pages);
    free(s->mems);
    free(s);
    en->n_sessions--;
}

static status reserve_tokens(session *s, uint32_t want, err *e) {
    if (want <= s->tokens_cap) return OK;
    const uint32_t cap = want < 256 ? 256 : want + want / 2;
    int32_t *tokens = realloc(s->tokens, cap * sizeof *tokens);
    if (!tokens) return fail(e, E_NOMEM, "session: no memory for %u tokens", want);
    s->tokens = tokens;
    s->tokens_cap = cap;
    return OK;
}

static status reserve_page_table(session *s, uint32_t want, err *e) {
    if (want <= s->pages_cap) return OK;
    const uint32_t cap = want < 16 ? 16 : want + want / 2;
    page **pages = realloc(s->pages, cap * sizeof *pages);
    if (pages) s->pages = pages;
    void **mems = pages ? realloc(s->mems, cap * sizeof *mems) : NULL;
    if (mems) s->mems = mems;
    if (!pages || !mems) return fail(e, E_NOMEM, "session: no memory for %u pages", want);
    s->pages_cap = cap;
    return OK;
}

status session_reserve(session *s, uint32_t n, err *e) {
    const uint32_t want = pages_for(s->pos + n), had = s->n_pages;
    status st = reserve_tokens(s, s->pos + n, e);
    if (st == OK) st = reserve_page_table(s, want, e);
    while (st == OK && s->n_pages < want) {
        st = page_new(&s->pages[s->n_pages], &s->en->mem, s->en->p.page_bytes, e);
        if (st != OK && frontier_drop(&s->frontiers, &s->en->mem)) { /* a page is worth more */
            st = OK;
            continue;
        }
        if (st != OK) break;
        s->mems[s->n_pages] = s->pages[s->n_pages]->mem;
        s->n_pages++;
    }
    if (st != OK) drop_pages(s, had);
    return st;
}

void session_seal(session *s, uint32_t before) {
    for (uint32_t i = before / PAGE_TOKENS; i < s->pos / PAGE_TOKENS; i++)
        page_seal(s->pages[i], i ? s->pages[i - 1]->key : s->en->p.key, s->tokens + (size_t)i * PAGE_TOKENS);
}

void session_commit(session *s, const int32_t *tokens, uint32_t n) {
    const uint32_t before = s->pos;
    memcpy(s->tokens + s->pos, tokens, n * sizeof *tokens);
    s->pos += n;
    session_seal(s, before);
    if (s->pos % PAGE_TOKENS != 0) return;
    /* Without memory for it there is one frontier less: going back costs time, nothing is lost. */
    if (frontier_add(&s->frontiers, &s->en->mem, s->state, s->en->p.state_bytes, s->pos, false, NULL) == OK)
        frontier_thin(&s->frontiers, &s->en->mem);
}

/* The next chunk ends at the last page boundary within reach, if there is one and more is to come. */
static uint32_t chunk_size(const session *s, uint32_t left) {
    const uint32_t n = left < s->en->batch ? left : s->en->batch;
    const uint32_t end = (s->pos + n) / PAGE_TOKENS * PAGE_TOKENS;
    return end > s->pos ? end - s->pos : n;
}

status session_feed(session *s, const int32_t *tokens, uint32_t n, const control *c, err *e) {
    engine *en = s->en;
    if (n > en->context - s->pos)
        return fail(e, E_LIMIT, "context: %u tokens and %u more do not fit into %u: use a larger --ctx", s->pos, n,
                    en->context);
    row *rows = malloc((en->batch < n ? en->batch : n) * sizeof *rows + 1);
    if (!rows) return fail(e, E_NOMEM, "session: out of memory");
    status st = OK;
    for (uint32_t done = 0; done < n && st == OK;) {
        if (c && c->stop && c->stop(c->self)) {
            st = fail(e, E_CANCELLED, "cancelled after %u of %u tokens", done, n);
            break;
        }
        const uint32_t m = chunk_size(s, n - done);
        for (uint32_t i = 0; i < m; i++) rows[i] = (row){s, tokens[done + i], done + i + 1 == n};
        st = engine_step(en, rows, m, e);
        if (st == OK) done += m;
        if (st == OK && c && c->progress) c->progress(c->self, done, n);
    }
    free(rows);
    return st;
}

status session_become(session *s, const int32_t *tokens, uint32_t n, const control *c, uint32_t *reused, err *e) {
    if (n == 0) return fail(e, E_USAGE, "session: no tokens to become");
    if (n > s->en->context)
        return fail(e, E_LIMIT, "context: %u tokens do not fit into %u: use a larger --ctx", n, s->en->context);
    uint32_t same = 0;
    while (same < s->pos && same < n && s->tokens[same] == tokens[same]) same++;
    const bool ready = same == n && same == s->pos && session_logits(s);
    if (!ready && same == n) same--; /* the last one again, for its logits */
    if (!ready && (same < s->pos || s->failed)) same = session_rewind(s, same);
    if (reused) *reused = same;
    return ready ? OK : session_feed(s, tokens + same, n - same, c, e);
}

const float *session_logits(const session *s) {
    return s->step && s->step == s->en->steps && !s->failed ? engine_logits(s->en, s->last_row) : NULL;
}

uint32_t session_pos(const session *s) { return s->pos; }
const int32_t *session_tokens(const session *s) { return s->tokens; }

status session_usable(const session *s, err *e) {
    return s->failed ? fail(e, E_USAGE, "session: its last step failed: rewind it first") : OK;
}

status session_keep(session *s, err *e) {
    const status st = session_usable(s, e);
    if (st != OK || s->pos == 0) return st;
    return frontier_add(&s->frontiers, &s->en->mem, s->state, s->en->p.state_bytes, s->pos, true, e);
}

void session_unkeep(session *s, uint32_t pos) { frontier_unpin(&s->frontiers, pos); }

uint32_t session_frontier_before(const session *s, uint32_t pos) {
    if (pos >= s->pos && !s->failed) return s->pos;
    const frontier *f = frontier_find(&s->frontiers, pos);
    return f ? f->pos : 0;
}

/* The page that position `pos` lies in is to be written again behind pos: others that share it keep theirs. */
static bool own_open_page(session *s, uint32_t pos) {
    if (pos % PAGE_TOKENS == 0) return true;
    page *p = s->pages[pos / PAGE_TOKENS];
    if (p->refs > 1) {
        page *mine;
        if (page_copy(&mine, &s->en->mem, p, NULL) != OK) return false;
        page_release(p, &s->en->mem);
        s->pages[pos / PAGE_TOKENS] = mine;
        s->mems[pos / PAGE_TOKENS] = mine->mem;
        p = mine;
    }
    p->sealed = false;
    return true;
}

static void zero_state(session *s) {
    static const uint8_t zeros[4096];
    for (uint64_t at = 0; at < s->en->p.state_bytes; at += sizeof zeros) {
        const uint64_t left = s->en->p.state_bytes - at;
        s->en->op->mem_write(s->en->dev, s->state, at, zeros, left < sizeof zeros ? left : sizeof zeros);
    }
}

uint32_t session_rewind(session *s, uint32_t pos) {
    if (pos >= s->pos && !s->failed) return s->pos;
    const frontier *f = frontier_find(&s->frontiers, pos);
    while (f && !own_open_page(s, f->pos)) f = f->pos ? frontier_find(&s->frontiers, f->pos - 1) : NULL;
    const uint32_t to = f ? f->pos : 0;
    if (f) s->en->op->mem_copy(s->en->dev, s->state, f->state, f->bytes);
    else zero_state(s);
    frontier_cut(&s->frontiers, &s->en->mem, to);
    drop_pages(s, pages_for(to));
    s->pos = to;
    s->failed = false;
    s->step = 0;
    return to;
}

status session_fork(session **out, const session *s, err *e) {
    status st = session_usable(s, e);
    session *t = NULL;
    if (st == OK) st = session_new(&t, s->en, e);
    if (st != OK) return st;
    st = reserve_tokens(t, s->pos, e);
    if (st == OK) st = reserve_page_table(t, s->n_pages, e);
    if (st == OK) st = frontier_share(&t->frontiers, &s->frontiers, e);
    for (uint32_t i = 0; i < s->n_pages && st == OK; i++) {
        page *p = s->pages[i];
        if (p->sealed) p = page_share(p);
        else st = page_copy(&p, &s->en->mem, s->pages[i], e);
        if (st != OK) break;
        t->pages[i] = p;
        t->mems[i] = p->mem;
        t->n_pages++;
    }
    if (st != OK) {
        session_free(t);
        return st;
    }
    if (s->pos) memcpy(t->tokens, s->tokens, s->pos * sizeof *s->tokens);
    t->pos = s->pos;
    s->en->op->mem_copy(s->en->dev, t->state, s->state, s->en->p.state_bytes);
    *out = t;
    return OK;
}

uint64_t session_bytes(const session *s) {
    return s->n_pages * s->en->p.page_bytes + s->en->p.state_bytes + frontier_bytes(&s->frontiers);
}
