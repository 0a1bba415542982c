#include "text/bpe.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define NO_RANK 0xffffffu /* above all of BPE_MAX_MERGES */
#define EMPTY UINT64_MAX
#define FAN 16       /* most words are one block of four vectors, a megabyte has six levels */
#define MAX_LEVELS 9 /* 16^8 > BPE_MAX_PIECE */

/* A key: 24 bits of rank, then 4 bits for the place in the block below. */
#define KEY(rank) ((int32_t)((rank)*FAN))
#define NO_KEY KEY(NO_RANK)

struct bpe {
    int32_t byte_id[256];
    uint64_t seed;
    uint64_t *slot; /* open addressing: left 20 bits | right 20 bits | rank 24 bits */
    size_t mask;
    int32_t *result;          /* by rank */
    uint32_t first[256][256]; /* the rank of two bytes: over a third of all questions */
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

/* Fills b->first. Only merges of two byte tokens matter: a small table tells a byte by its id. */
static void fill_first(bpe *b, const bpe_merge *merges, size_t n) {
    enum { SLOTS = 1024 };
    int16_t byte[SLOTS];
    for (int i = 0; i < SLOTS; i++) byte[i] = -1;
    for (int k = 0; k < 256; k++) {
        size_t i = (size_t)b->byte_id[k] % SLOTS;
        while (byte[i] >= 0) i = (i + 1) % SLOTS;
        byte[i] = (int16_t)k;
    }
    for (int k = 0; k < 256; k++) b->first[0][k] = NO_RANK;
    for (int i = 1; i < 256; i++) memcpy(b->first[i], b->first[0], sizeof b->first[0]);
    for (size_t r = 0; r < n; r++) {
        const int32_t id[2] = {merges[r].left, merges[r].right};
        int found[2];
        for (int k = 0; k < 2; k++) {
            size_t i = (size_t)id[k] % SLOTS;
            while (byte[i] >= 0 && b->byte_id[byte[i]] != id[k]) i = (i + 1) % SLOTS;
            found[k] = byte[i];
        }
        if (found[0] >= 0 && found[1] >= 0) b->first[found[0]][found[1]] = (uint32_t)r;
    }
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
    fill_first(b, merges, n);
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

/* The piece while it is worked on. */
typedef struct piece {
    uint32_t *span; /* length of a token, at its first byte and at its last */
    int32_t *level[MAX_LEVELS];
    int levels;
} piece;

static size_t padded(size_t n) {
    return (n + FAN - 1) / FAN * FAN;
}

static status lay_out(piece *s, bpe_work *w, size_t n, err *e) {
    size_t need = n;
    for (size_t size = n; size > 1; size = padded(size) / FAN) need += padded(size);
    need++; /* the top */
    if (need > w->cap) {
        const size_t cap = need < 1024 ? 1024 : need;
        free(w->place);
        w->cap = 0;
        w->place = malloc(cap * sizeof *w->place);
        if (!w->place)
            return fail(e, E_NOMEM, "tokenizer: out of memory for a piece of %zu bytes", n);
        w->cap = cap;
    }
    s->span = (uint32_t *)w->place + need - n;
    s->levels = 0;
    int32_t *next = w->place;
    for (size_t size = n;; size = padded(size) / FAN) {
        assert(s->levels < MAX_LEVELS);
        s->level[s->levels++] = next;
        if (size == 1) return OK;
        for (size_t i = size; i < padded(size); i++) next[i] = NO_KEY;
        next += padded(size);
    }
}

/* The lowest key of a block, with the place that it has there: the leftmost of equal ranks. Four
 * minima side by side are one vector register: gcc and clang see it at -O2. */
static int32_t lowest(const int32_t *key) {
    int32_t m[4];
    for (int i = 0; i < 4; i++) m[i] = (key[i] & ~(FAN - 1)) | i;
    for (int k = 4; k < FAN; k += 4)
        for (int i = 0; i < 4; i++) {
            const int32_t c = (key[k + i] & ~(FAN - 1)) | (k + i);
            m[i] = c < m[i] ? c : m[i];
        }
    const int32_t a = m[0] < m[1] ? m[0] : m[1], b = m[2] < m[3] ? m[2] : m[3];
    return a < b ? a : b;
}

static void fill_levels(piece *s, size_t n) {
    for (int l = 1; l < s->levels; l++) {
        n = padded(n) / FAN;
        for (size_t i = 0; i < n; i++) s->level[l][i] = lowest(s->level[l - 1] + i * FAN);
    }
}

/* Keeps I2 after a change in a block of level 0. */
static void settle(piece *s, size_t block) {
    for (int l = 1; l < s->levels; l++) {
        const int32_t key = lowest(s->level[l - 1] + block * FAN);
        if (s->level[l][block] == key) return;
        s->level[l][block] = key;
        block /= FAN;
    }
}

/* The leftmost place with the lowest rank; *rank tells whether there is one. */
static size_t find_lowest(const piece *s, uint32_t *rank) {
    size_t at = 0;
    *rank = (uint32_t)s->level[s->levels - 1][0] / FAN;
    for (int l = s->levels - 1; l > 0; l--) at = at * FAN + (size_t)(s->level[l][at] % FAN);
    return at;
}

/* The merges of a piece laid out. */
static void merge_all(const bpe *b, piece *s, size_t n, int32_t *ids) {
    int32_t *key = s->level[0];
    for (;;) {
        uint32_t rank;
        const size_t left = find_lowest(s, &rank);
        if (rank == NO_RANK) return;
        const size_t right = left + s->span[left], after = right + s->span[right];
        const size_t before = left > 0 ? left - s->span[left - 1] : left;
        ids[left] = b->result[rank];
        s->span[left] = s->span[after - 1] = (uint32_t)(after - left);
        key[right] = NO_KEY;
        key[left] = after < n ? KEY(rank_of(b, ids[left], ids[after])) : NO_KEY;
        if (before < left) key[before] = KEY(rank_of(b, ids[before], ids[left]));

        settle(s, right / FAN);
        if (left / FAN != right / FAN) settle(s, left / FAN);
        if (before / FAN != left / FAN) settle(s, before / FAN);
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
    for (size_t i = 0; i + 1 < n; i++) s.level[0][i] = KEY(b->first[p[i]][p[i + 1]]);
    s.level[0][n - 1] = NO_KEY;
    for (size_t i = 0; i < n; i++) s.span[i] = 1;
    fill_levels(&s, n);
    merge_all(b, &s, n, ids);
    size_t k = 0;
    for (size_t i = 0; i < n; i += s.span[i]) ids[k++] = ids[i];
    *count = k;
    return OK;
}
