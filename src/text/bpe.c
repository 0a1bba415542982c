#include "text/bpe.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define NO_RANK UINT32_MAX
#define NO_PLACE UINT32_MAX
#define EMPTY UINT64_MAX
#define FAN 16 /* 8 and 32 measured the same on 100 KB pieces; on words all of them are one block */
#define MAX_LEVELS 9 /* 16^8 > BPE_MAX_PIECE */

struct bpe {
    int32_t byte_id[256];
    uint64_t seed;
    uint64_t *slot; /* open addressing: left 20 bits | right 20 bits | rank 24 bits */
    size_t mask;
    int32_t *result;          /* by rank */
    uint32_t first[256][256]; /* the rank of two bytes: half of all questions */
};

static size_t slot_of(const bpe *b, uint64_t pair) {
    uint64_t h = (pair ^ b->seed) * 0x9e3779b97f4a7c15u;
    h ^= h >> 32;
    h *= 0xd6e8feb86659fd93u;
    return (size_t)(h >> 32) & b->mask;
}

static uint64_t pair_of(int32_t left, int32_t right) {
    return (uint64_t)left << 20 | (uint64_t)right;
}

static uint32_t rank_of(const bpe *b, int32_t left, int32_t right) {
    const uint64_t pair = pair_of(left, right);
    for (size_t i = slot_of(b, pair);; i = (i + 1) & b->mask) {
        if (b->slot[i] == EMPTY) return NO_RANK;
        if (b->slot[i] >> 24 == pair) return (uint32_t)(b->slot[i] & 0xffffff);
    }
}

static void put_rank(bpe *b, uint64_t pair, uint32_t rank) {
    size_t i = slot_of(b, pair);
    while (b->slot[i] != EMPTY) i = (i + 1) & b->mask;
    b->slot[i] = pair << 24 | rank;
}

status bpe_new(bpe **out, const int32_t byte_id[256], const bpe_merge *merges, size_t n,
               uint64_t seed, err *e) {
    if (n > BPE_MAX_MERGES)
        return fail(e, E_LIMIT, "tokenizer: %zu merges; at most %u are supported", n,
                    BPE_MAX_MERGES);
    bpe *b = calloc(1, sizeof *b);
    if (!b) return fail(e, E_NOMEM, "tokenizer: out of memory");
    size_t slots = 16;
    while (slots < 2 * n) slots *= 2;
    b->mask = slots - 1;
    b->seed = seed;
    b->slot = malloc(slots * sizeof *b->slot);
    b->result = malloc((n ? n : 1) * sizeof *b->result);
    if (!b->slot || !b->result) {
        bpe_free(b);
        return fail(e, E_NOMEM, "tokenizer: out of memory for %zu merges", n);
    }
    memset(b->slot, 0xff, slots * sizeof *b->slot);
    memcpy(b->byte_id, byte_id, sizeof b->byte_id);
    for (size_t r = 0; r < n; r++) {
        const uint32_t known = rank_of(b, merges[r].left, merges[r].right);
        if (known != NO_RANK) {
            bpe_free(b);
            return fail(e, E_FORMAT, "tokenizer: merge %zu repeats merge %u", r, known);
        }
        put_rank(b, pair_of(merges[r].left, merges[r].right), (uint32_t)r);
        b->result[r] = merges[r].result;
    }
    for (unsigned i = 0; i < 256; i++)
        for (unsigned j = 0; j < 256; j++) b->first[i][j] = rank_of(b, byte_id[i], byte_id[j]);
    *out = b;
    return OK;
}

void bpe_free(bpe *b) {
    if (!b) return;
    free(b->slot);
    free(b->result);
    free(b);
}

void bpe_work_free(bpe_work *w) {
    free(w->place);
    *w = (bpe_work){0};
}

/* The piece while it is worked on: a list of tokens by the place of their first byte, and the
 * levels. */
typedef struct piece {
    uint32_t *next, *prev; /* by place; NO_PLACE at the ends */
    uint32_t *level[MAX_LEVELS];
    size_t size[MAX_LEVELS];
    int levels;
} piece;

static status lay_out(piece *s, bpe_work *w, size_t n, err *e) {
    *s = (piece){0};
    size_t need = 2 * n;
    for (size_t size = n;; size = (size + FAN - 1) / FAN) {
        assert(s->levels < MAX_LEVELS);
        s->size[s->levels++] = size;
        need += size;
        if (size <= FAN) break;
    }
    if (need > w->cap) {
        const size_t cap = need < 1024 ? 1024 : need;
        free(w->place);
        w->cap = 0;
        w->place = malloc(cap * sizeof *w->place);
        if (!w->place)
            return fail(e, E_NOMEM, "tokenizer: out of memory for a piece of %zu bytes", n);
        w->cap = cap;
    }
    s->next = w->place;
    s->prev = s->next + n;
    s->level[0] = s->prev + n;
    for (int l = 1; l < s->levels; l++) s->level[l] = s->level[l - 1] + s->size[l - 1];
    return OK;
}

static uint32_t lowest(const uint32_t *rank, size_t n) {
    uint32_t m = rank[0];
    for (size_t i = 1; i < n; i++) m = rank[i] < m ? rank[i] : m;
    return m;
}

static size_t block_size(const piece *s, int level, size_t block) {
    const size_t left = s->size[level] - block * FAN;
    return left < FAN ? left : FAN;
}

static void fill_levels(piece *s) {
    for (int l = 1; l < s->levels; l++)
        for (size_t i = 0; i < s->size[l]; i++)
            s->level[l][i] = lowest(s->level[l - 1] + i * FAN, block_size(s, l - 1, i));
}

/* Keeps I2 after a change at one place of level 0. */
static void set_rank(piece *s, size_t place, uint32_t rank) {
    uint32_t old = s->level[0][place];
    s->level[0][place] = rank;
    for (int l = 1; l < s->levels && rank != old; l++) {
        const size_t block = place / FAN;
        const uint32_t was = s->level[l][block];
        if (rank > was && old > was) return; /* neither made the minimum nor makes it */
        if (rank > was) rank = lowest(s->level[l - 1] + block * FAN, block_size(s, l - 1, block));
        s->level[l][block] = rank;
        old = was;
        place = block;
    }
}

/* The leftmost place with the lowest rank; *rank tells whether there is one. */
static size_t find_lowest(const piece *s, uint32_t *rank) {
    const int top = s->levels - 1;
    const uint32_t m = lowest(s->level[top], s->size[top]);
    size_t at = 0;
    *rank = m;
    if (m == NO_RANK) return 0;
    for (int l = top;; l--) {
        while (s->level[l][at] != m) at++;
        if (l == 0) return at;
        at *= FAN;
    }
}

status bpe_piece(const bpe *b, bpe_work *w, const char *text, size_t n, int32_t *ids, size_t *count,
                 err *e) {
    const unsigned char *p = (const unsigned char *)text;
    assert(n <= BPE_MAX_PIECE);
    for (size_t i = 0; i < n; i++) ids[i] = b->byte_id[p[i]];
    if (n < 2) {
        *count = n;
        return OK;
    }
    piece s;
    const status st = lay_out(&s, w, n, e);
    if (st != OK) return st;
    for (size_t i = 0; i < n; i++) {
        s.next[i] = i + 1 < n ? (uint32_t)i + 1 : NO_PLACE;
        s.prev[i] = i > 0 ? (uint32_t)i - 1 : NO_PLACE;
        s.level[0][i] = i + 1 < n ? b->first[p[i]][p[i + 1]] : NO_RANK;
    }
    fill_levels(&s);

    for (;;) {
        uint32_t rank;
        const size_t left = find_lowest(&s, &rank);
        if (rank == NO_RANK) break;
        const uint32_t right = s.next[left], after = s.next[right], before = s.prev[left];
        ids[left] = b->result[rank];
        s.next[left] = after;
        set_rank(&s, right, NO_RANK);
        if (after != NO_PLACE) s.prev[after] = (uint32_t)left;
        set_rank(&s, left, after != NO_PLACE ? rank_of(b, ids[left], ids[after]) : NO_RANK);
        if (before != NO_PLACE) set_rank(&s, before, rank_of(b, ids[before], ids[left]));
    }
    size_t k = 0;
    for (uint32_t i = 0; i != NO_PLACE; i = s.next[i]) ids[k++] = ids[i];
    *count = k;
    return OK;
}
