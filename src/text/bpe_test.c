/* bpe.c against the rule carried out to the letter: look at every pair, merge the best, again. */
#include "text/bpe.h"

#include <stdbool.h>
#include <time.h>

#include "base/test.h"

static uint64_t random_next(uint64_t *s) {
    *s ^= *s << 13;
    *s ^= *s >> 7;
    *s ^= *s << 17;
    return *s * 0x2545f4914f6cdd1du >> 16;
}

typedef struct rules {
    int32_t byte_id[256];
    bpe_merge merge[400];
    size_t n;
    int32_t ids; /* ids in use: 0 .. ids - 1 */
} rules;

static int rank_in(const rules *r, int32_t left, int32_t right) {
    for (size_t i = 0; i < r->n; i++)
        if (r->merge[i].left == left && r->merge[i].right == right) return (int)i;
    return -1;
}

/* Merges of tokens made from `letters` bytes from "a" on; their order is shuffled: a merge may
 * open the way for one of a lower rank. Sometimes two merges have one result. */
static rules random_rules(uint64_t *seed, size_t letters, size_t merges) {
    rules r = {.ids = 256};
    for (int i = 0; i < 256; i++) r.byte_id[i] = (i * 37 + 11) & 255;
    int32_t token[512];
    size_t tokens = 0;
    for (size_t i = 0; i < letters; i++) token[tokens++] = r.byte_id['a' + i];
    for (size_t tries = 0; r.n < merges && tries < 20 * merges; tries++) {
        const int32_t left = token[random_next(seed) % tokens],
                      right = token[random_next(seed) % tokens];
        if (rank_in(&r, left, right) >= 0) continue;
        const int32_t result =
            r.n && random_next(seed) % 8 == 0 ? r.merge[r.n - 1].result : r.ids++;
        r.merge[r.n++] = (bpe_merge){left, right, result};
        if (result == r.ids - 1 && tokens < 512) token[tokens++] = result;
    }
    for (size_t i = r.n; i > 1; i--) {
        const size_t j = random_next(seed) % i;
        const bpe_merge m = r.merge[j];
        r.merge[j] = r.merge[i - 1];
        r.merge[i - 1] = m;
    }
    return r;
}

/* The rules as a table, so that the slow way is not slower than need be. */
static int16_t rank_table[512][512];
static void tabulate(const rules *r) {
    memset(rank_table, 0xff, sizeof rank_table);
    for (size_t i = 0; i < r->n; i++) rank_table[r->merge[i].left][r->merge[i].right] = (int16_t)i;
}

static size_t by_the_letter(const rules *r, const char *p, size_t n, int32_t *ids) {
    for (size_t i = 0; i < n; i++) ids[i] = r->byte_id[(unsigned char)p[i]];
    for (;;) {
        int best = -1;
        size_t at = 0;
        for (size_t i = 0; i + 1 < n; i++) {
            const int k = rank_table[ids[i]][ids[i + 1]];
            if (k >= 0 && (best < 0 || k < best)) best = k, at = i;
        }
        if (best < 0) return n;
        ids[at] = r->merge[best].result;
        memmove(ids + at + 1, ids + at + 2, (n - at - 2) * sizeof *ids);
        n--;
    }
}

static bool same(const rules *r, const bpe *b, bpe_work *w, const char *p, size_t n) {
    static int32_t got[8192], want[8192];
    size_t count = 0;
    if (bpe_piece(b, w, p, n, got, &count, NULL) != OK) return false;
    return count == by_the_letter(r, p, n, want) && memcmp(got, want, count * sizeof *got) == 0;
}

TEST(random_vocabularies_encode_as_the_rule_says) {
    uint64_t seed = 2024;
    bpe_work w = {0};
    int bad = 0;
    for (int v = 0; v < 300 && bad < 5; v++) {
        const size_t letters = 1 + random_next(&seed) % 5;
        const rules r = random_rules(&seed, letters, random_next(&seed) % 120);
        bpe *b = NULL;
        tabulate(&r);
        REQUIRE(bpe_new(&b, r.byte_id, r.merge, r.n, random_next(&seed), NULL) == OK);
        for (int k = 0; k < 40; k++) {
            char p[400];
            const size_t n = random_next(&seed) % (k < 30 ? 40 : sizeof p);
            for (size_t i = 0; i < n; i++)
                p[i] = (char)('a' + random_next(&seed) % (letters + (k == 0)));
            const bool ok = same(&r, b, &w, p, n);
            CHECK_SAY(ok, "vocabulary %d, piece %d: %.*s", v, k, (int)n, p);
            bad += !ok;
        }
        bpe_free(b);
    }
    bpe_work_free(&w);
}

/* Lengths around 16, 256 and 4096, where a level is added. */
TEST(pieces_at_the_borders_of_the_levels_encode_as_the_rule_says) {
    uint64_t seed = 3;
    bpe_work w = {0};
    const rules r = random_rules(&seed, 3, 60);
    bpe *b = NULL;
    tabulate(&r);
    REQUIRE(bpe_new(&b, r.byte_id, r.merge, r.n, 1, NULL) == OK);
    static const size_t edge[] = {1,   2,   15,  16,  17,   31,   32,  33,
                                  255, 256, 257, 272, 4095, 4096, 4097};
    for (size_t i = 0; i < sizeof edge / sizeof *edge; i++) {
        static char p[4100];
        for (size_t k = 0; k < edge[i]; k++) p[k] = (char)('a' + random_next(&seed) % 3);
        CHECK_SAY(same(&r, b, &w, p, edge[i]), "%zu bytes", edge[i]);
        memset(p, 'a', edge[i]);
        CHECK_SAY(same(&r, b, &w, p, edge[i]), "%zu bytes of one letter", edge[i]);
    }
    bpe_free(b);
    bpe_work_free(&w);
}

TEST(of_equal_pairs_the_leftmost_merges_first) {
    rules r = {.n = 1, .ids = 257, .merge = {{'a', 'a', 256}}};
    for (int i = 0; i < 256; i++) r.byte_id[i] = i;
    bpe *b = NULL;
    bpe_work w = {0};
    int32_t ids[3];
    size_t n = 0;
    REQUIRE(bpe_new(&b, r.byte_id, r.merge, r.n, 7, NULL) == OK);
    CHECK(bpe_piece(b, &w, "aaa", 3, ids, &n, NULL) == OK);
    CHECK(n == 2 && ids[0] == 256 && ids[1] == 'a');
    CHECK(bpe_piece(b, &w, "", 0, ids, &n, NULL) == OK && n == 0);
    bpe_free(b);
    bpe_work_free(&w);
}

/* One piece of a megabyte whose merges build ever longer tokens: a search over the whole piece for
 * each of the million merges would take hours. */
TEST(a_piece_of_a_megabyte_takes_seconds_at_most) {
    enum { N = 1 << 20 };
    rules r = {.ids = 256};
    for (int i = 0; i < 256; i++) r.byte_id[i] = i;
    int32_t last = 'a';
    for (int k = 0; k < 12; k++) {
        r.merge[r.n++] = (bpe_merge){last, last, r.ids};
        last = r.ids++;
    }
    char *p = malloc(N);
    int32_t *ids = malloc(N * sizeof *ids);
    bpe *b = NULL;
    bpe_work w = {0};
    size_t n = 0;
    REQUIRE(p && ids && bpe_new(&b, r.byte_id, r.merge, r.n, 7, NULL) == OK);
    memset(p, 'a', N);
    const clock_t start = clock();
    CHECK(bpe_piece(b, &w, p, N, ids, &n, NULL) == OK);
    const double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    CHECK(n == N >> 12 && ids[0] == last && ids[n - 1] == last);
    CHECK_SAY(seconds < 10, "%.1f s", seconds);
    bpe_free(b);
    bpe_work_free(&w);
    free(p);
    free(ids);
}

TEST(a_repeated_merge_is_refused_with_both_its_places) {
    rules r = {.n = 3, .merge = {{1, 2, 256}, {2, 2, 257}, {1, 2, 258}}};
    bpe *b = NULL;
    err e = {0};
    CHECK(bpe_new(&b, r.byte_id, r.merge, r.n, 0, &e) == E_FORMAT && !b);
    CHECK(strstr(e.text, "merge 2 repeats merge 0") != NULL);
}

TEST(too_many_merges_are_refused_before_they_are_read) {
    int32_t byte_id[256] = {0};
    bpe *b = NULL;
    err e = {0};
    CHECK(bpe_new(&b, byte_id, NULL, (size_t)BPE_MAX_MERGES + 1, 0, &e) == E_LIMIT && !b);
}

TEST(the_largest_ids_are_found_again) {
    rules r = {.n = 2};
    const int32_t top = (int32_t)BPE_MAX_TOKENS - 1;
    for (int i = 0; i < 256; i++) r.byte_id[i] = top - i;
    r.merge[0] = (bpe_merge){top, top, top - 300};
    r.merge[1] = (bpe_merge){top - 300, top, top - 301};
    bpe *b = NULL;
    bpe_work w = {0};
    int32_t ids[3];
    size_t n = 0;
    REQUIRE(bpe_new(&b, r.byte_id, r.merge, r.n, UINT64_MAX, NULL) == OK);
    CHECK(bpe_piece(b, &w, "\0\0\0", 3, ids, &n, NULL) == OK && n == 1 && ids[0] == top - 301);
    bpe_free(b);
    bpe_work_free(&w);
}

TESTS_MAIN
