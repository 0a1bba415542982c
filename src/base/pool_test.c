/* pool_test: whatever the numbers, each index is done exactly once, and pool_for returns only
 * then. Meant for the thread sanitizer as well: the counters are plain memory wherever a correct
 * pool makes that safe. */
#include "base/pool.h"

#include <stdbool.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/test.h"

typedef struct count {
    uint8_t *done;    /* by index; only the thread that has the index writes it */
    uint32_t threads; /* of the pool */
    size_t longest[64];
    uint32_t pieces[64];
    uint8_t bad[64]; /* by thread */
    size_t n;
} count;

static void count_piece(void *ctx, size_t begin, size_t end, uint32_t thread) {
    count *c = ctx;
    if (thread >= c->threads || begin >= end || end > c->n) {
        c->bad[thread & 63] = 1;
        return;
    }
    c->pieces[thread]++;
    if (end - begin > c->longest[thread]) c->longest[thread] = end - begin;
    for (size_t i = begin; i < end; i++) c->done[i]++;
}

/* Runs one loop and looks at every index afterwards. */
static void check_loop(pool *p, size_t n, size_t grain) {
    count c = {.done = calloc(n + 1, 1), .threads = pool_threads(p), .n = n};
    pool_for(p, n, grain, count_piece, &c);
    size_t wrong = 0, longest = 0;
    for (size_t i = 0; i < n; i++) wrong += c.done[i] != 1;
    uint32_t pieces = 0;
    for (uint32_t t = 0; t < 64; t++) {
        wrong += c.bad[t];
        pieces += c.pieces[t];
        if (c.longest[t] > longest) longest = c.longest[t];
    }
    if (!grain) grain = 1;
    const bool alone = c.threads == 1 || n <= grain;
    CHECK_SAY(wrong == 0 && c.done[n] == 0, "%zu of %zu by %zu, %u threads: %zu wrong", n, n, grain,
              c.threads, wrong);
    CHECK_SAY(pieces == (n == 0  ? 0
                         : alone ? 1
                                 : (n + grain - 1) / grain),
              "%zu by %zu: %u pieces", n, grain, pieces);
    CHECK(alone || longest <= grain);
    free(c.done);
}

TEST(each_index_is_done_exactly_once) {
    static const uint32_t threads[] = {1, 2, 3, 4, 7, 16};
    static const size_t n[] = {0, 1, 2, 3, 7, 63, 64, 65, 1000, 4097},
                        grain[] = {0, 1, 2, 3, 64, 999, 5000};
    for (size_t t = 0; t < sizeof threads / sizeof *threads; t++) {
        pool *p = NULL;
        REQUIRE(pool_new(&p, threads[t], NULL) == OK);
        CHECK(pool_threads(p) == threads[t]);
        for (size_t i = 0; i < sizeof n / sizeof *n; i++)
            for (size_t g = 0; g < sizeof grain / sizeof *grain; g++) check_loop(p, n[i], grain[g]);
        pool_free(p);
    }
}

static void add_one(void *ctx, size_t begin, size_t end, uint32_t thread) {
    (void)thread;
    uint32_t *v = ctx;
    for (size_t i = begin; i < end; i++) v[i]++;
}

/* What one loop wrote the next one reads, without locks, by whatever thread: returning is a
 * barrier. */
static void pass_on(void *ctx, size_t begin, size_t end, uint32_t thread) {
    (void)thread;
    uint32_t *v = ctx; /* [0..16) the last loop's, [16..32) this one's */
    for (size_t i = begin; i < end; i++) v[16 + i] = v[(i * 7 + 3) % 16] + 1;
}

TEST(thousands_of_loops_follow_each_other_without_a_lost_one) {
    pool *p = NULL;
    REQUIRE(pool_new(&p, 4, NULL) == OK);
    uint32_t v[32] = {0};
    const uint32_t loops = TEST_SLOWNESS > 1 ? 500 : 3000;
    for (uint32_t i = 0; i < loops; i++) {
        pool_for(p, 16, 1, pass_on, v);
        memcpy(v, v + 16, 16 * sizeof *v);
    }
    for (int i = 0; i < 16; i++) CHECK_SAY(v[i] == loops, "%u of %u", v[i], loops);
    pool_free(p);
}

TEST(helpers_that_went_to_sleep_wake_up_again) {
    pool *p = NULL;
    REQUIRE(pool_new(&p, 3, NULL) == OK);
    uint32_t v[40] = {0};
    for (uint32_t i = 0; i < 60; i++) {
        const struct timespec pause = {
            0, (i % 6) * 1000000l}; /* from none to far beyond their patience */
        nanosleep(&pause, NULL);
        pool_for(p, 40, 1, add_one, v);
    }
    for (int i = 0; i < 40; i++) CHECK(v[i] == 60);
    pool_free(p);
}

/* A helper that sleeps costs no processor time: an idle pool is free. */
TEST(an_idle_pool_costs_nothing) {
    pool *p = NULL;
    REQUIRE(pool_new(&p, 3, NULL) == OK);
    uint32_t v[40] = {0};
    pool_for(p, 40, 1, add_one, v);
    struct timespec a, b, half = {0, 100000000};
    nanosleep(&half, NULL);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
    nanosleep(&half, NULL);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
    const double used = (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) * 1e-9;
    CHECK_SAY(used < 0.02 * TEST_SLOWNESS, "%g s in 0.1 s", used);
    pool_free(p);
}

typedef struct nest {
    pool *inner;
    uint32_t sums[50];
} nest;

static void run_inner(nest *x, uint32_t which) {
    uint32_t v[30] = {0};
    pool_for(x->inner, 30, 4, add_one, v);
    for (int i = 0; i < 30; i++) x->sums[which] += v[i];
}

TEST(two_pools_take_turns) {
    pool *a = NULL, *b = NULL;
    REQUIRE(pool_new(&a, 3, NULL) == OK && pool_new(&b, 2, NULL) == OK);
    nest x = {.inner = b};
    uint32_t v[64] = {0};
    for (uint32_t i = 0; i < 50; i++) {
        pool_for(a, 64, 5, add_one, v);
        run_inner(&x, i);
    }
    for (int i = 0; i < 64; i++) CHECK(v[i] == 50);
    for (int i = 0; i < 50; i++) CHECK(x.sums[i] == 30);
    pool_free(a);
    for (uint32_t i = 0; i < 50; i++) run_inner(&x, i); /* the other's end is not this one's */
    CHECK(x.sums[49] == 60);
    pool_free(b);
}

typedef struct inside {
    pool **each; /* a pool for every thread of the outer one */
    uint32_t sums[20];
} inside;

static void loop_inside(void *ctx, size_t begin, size_t end, uint32_t thread) {
    inside *x = ctx;
    for (size_t i = begin; i < end; i++) {
        uint32_t v[30] = {0};
        pool_for(x->each[thread], 30, 4, add_one, v);
        for (int k = 0; k < 30; k++) x->sums[i] += v[k];
    }
}

/* A loop inside a loop is another pool's: one for each thread of the outer one, whose owner it
 * then is. */
TEST(a_loop_may_run_inside_another_pools_loop) {
    pool *outer = NULL, *each[3] = {0};
    REQUIRE(pool_new(&outer, 3, NULL) == OK);
    for (int i = 0; i < 3; i++) REQUIRE(pool_new(&each[i], 2, NULL) == OK);
    inside x = {.each = each};
    pool_for(outer, 20, 1, loop_inside, &x);
    for (int i = 0; i < 20; i++) CHECK(x.sums[i] == 30);
    pool_free(outer);
    for (int i = 0; i < 3; i++) pool_free(each[i]);
}

typedef struct scratch {
    uint32_t own[64][16]; /* by thread: written without locks */
} scratch;

static void use_scratch(void *ctx, size_t begin, size_t end, uint32_t thread) {
    scratch *s = ctx;
    for (size_t i = begin; i < end; i++) s->own[thread][i % 16] += (uint32_t)i;
}

TEST(a_threads_number_is_its_own_while_a_loop_runs) {
    pool *p = NULL;
    REQUIRE(pool_new(&p, 8, NULL) == OK);
    scratch s = {0};
    for (int round = 0; round < 50; round++) pool_for(p, 320, 2, use_scratch, &s);
    for (uint32_t k = 0; k < 16; k++) {
        uint32_t sum = 0, want = 0;
        for (uint32_t t = 0; t < 64; t++) sum += s.own[t][k];
        for (uint32_t i = k; i < 320; i += 16) want += i;
        CHECK(sum == want * 50);
        for (uint32_t t = 8; t < 64; t++) CHECK(s.own[t][k] == 0);
    }
    pool_free(p);
}

TEST(far_more_threads_than_cores_finish_soon) {
    pool *p = NULL;
    const uint32_t threads = TEST_SLOWNESS > 1 ? 24 : 64;
    REQUIRE(pool_new(&p, threads, NULL) == OK);
    uint32_t v[500] = {0};
    const double start = clock_seconds();
    for (int i = 0; i < 40; i++) pool_for(p, 500, 1, add_one, v);
    CHECK_SAY(clock_seconds() - start < 8 * TEST_SLOWNESS, "%g s", clock_seconds() - start);
    for (int i = 0; i < 500; i++) CHECK(v[i] == 40);
    pool_free(p);
}

TEST(pools_come_and_go) {
    pool_free(NULL);
    for (uint32_t i = 1; i < 40;
         i++) { /* some never work, some end while helpers are still waking up */
        pool *p = NULL;
        REQUIRE(pool_new(&p, i % 9 + 1, NULL) == OK);
        uint32_t v[20] = {0};
        for (uint32_t k = 0; k < i % 3; k++) pool_for(p, 20, 1, add_one, v);
        CHECK(v[0] == i % 3 && v[19] == i % 3);
        pool_free(p);
    }
}

TEST(impossible_numbers_of_threads_are_refused) {
    static const uint32_t wrong[] = {0, 1025, UINT32_MAX};
    for (size_t i = 0; i < 3; i++) {
        pool *p = (pool *)&p;
        err e = {0};
        CHECK(pool_new(&p, wrong[i], &e) == E_USAGE && p == (pool *)&p);
        CHECK_SAY(strstr(e.text, "between 1 and 1024"), "%s", e.text);
    }
}

/* In a process of its own, with little address space left for stacks. */
TEST(threads_that_cannot_start_are_an_error_and_leave_none_behind) {
#ifdef __linux__
    if (TEST_SLOWNESS > 1) SKIP("a sanitizer needs the address space");
    fflush(NULL);
    const pid_t pid = fork();
    if (pid == 0) {
        const struct rlimit little = {100 << 20, 100 << 20};
        pool *p = NULL;
        err e = {0};
        if (setrlimit(RLIMIT_AS, &little) != 0) _exit(3);
        const status st = pool_new(&p, 1000, &e);
        if (st == OK || p) _exit(4);
        if (!strstr(e.text, "cannot start thread") && st != E_NOMEM) _exit(5);
        uint32_t v[30] = {0};
        if (pool_new(&p, 2, &e) != OK) _exit(6); /* what had started was given back */
        pool_for(p, 30, 1, add_one, v);
        pool_free(p);
        _exit(v[0] == 1 && v[29] == 1 ? 0 : 7);
    }
    int how = 0;
    REQUIRE(pid > 0 && waitpid(pid, &how, 0) == pid);
    CHECK_SAY(WIFEXITED(how) && WEXITSTATUS(how) == 0, "%x", (unsigned)how);
#else
    SKIP("limits of address space are Linux's");
#endif
}

TESTS_MAIN
