#include "base/pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SPIN_ROUNDS = 4000 }; /* about 10 us: two stages of a decode step are closer than that */

typedef struct helper {
    pool *owner;
    pthread_t thread;
    uint32_t index;
} helper;

struct pool {
    uint32_t n_threads;
    helper *helpers; /* n_threads - 1 */
    uint32_t n_started;

    /* The current loop. Written before `round` grows, read after it was seen to grow. */
    pool_fn fn;
    void *ctx;
    size_t n, grain;

    _Atomic size_t next;      /* first index not handed out                  */
    _Atomic uint32_t busy;    /* helpers that have not left the loop yet     */
    _Atomic uint64_t round;   /* counts loops; helpers wait for it to grow   */
    _Atomic bool stop;
    pthread_mutex_t lock;     /* for sleeping only */
    pthread_cond_t wake;
    uint32_t asleep;          /* under lock */
};

static void relax(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void work(pool *p, uint32_t thread) {
    for (;;) {
        const size_t begin = atomic_fetch_add_explicit(&p->next, p->grain, memory_order_relaxed);
        if (begin >= p->n) return;
        const size_t left = p->n - begin;
        p->fn(p->ctx, begin, begin + (left < p->grain ? left : p->grain), thread);
    }
}

/* Waits until `round` is no longer `seen`. */
static void wait_round(pool *p, uint64_t seen) {
    for (int i = 0; i < SPIN_ROUNDS; i++) {
        if (atomic_load_explicit(&p->round, memory_order_acquire) != seen) return;
        relax();
    }
    pthread_mutex_lock(&p->lock);
    p->asleep++;
    while (atomic_load_explicit(&p->round, memory_order_acquire) == seen)
        pthread_cond_wait(&p->wake, &p->lock);
    p->asleep--;
    pthread_mutex_unlock(&p->lock);
}

static void *helper_main(void *arg) {
    helper *h = arg;
    pool *p = h->owner;
    for (uint64_t seen = 0;;) {
        wait_round(p, seen);
        seen++;
        if (atomic_load_explicit(&p->stop, memory_order_acquire)) return NULL;
        work(p, h->index);
        atomic_fetch_sub_explicit(&p->busy, 1, memory_order_release);
    }
}

static void next_round(pool *p) {
    pthread_mutex_lock(&p->lock);
    atomic_fetch_add_explicit(&p->round, 1, memory_order_release);
    if (p->asleep) pthread_cond_broadcast(&p->wake);
    pthread_mutex_unlock(&p->lock);
}

status pool_new(pool **out, uint32_t threads, err *e) {
    if (threads < 1 || threads > 1024)
        return fail(e, E_USAGE, "threads: %u is not between 1 and 1024", threads);
    pool *p = calloc(1, sizeof *p);
    if (p) p->helpers = calloc(threads, sizeof *p->helpers);
    if (!p || !p->helpers) {
        free(p);
        return fail(e, E_NOMEM, "threads: out of memory");
    }
    p->n_threads = threads;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->wake, NULL);
    for (uint32_t i = 1; i < threads; i++) {
        helper *h = &p->helpers[i - 1];
        *h = (helper){.owner = p, .index = i};
        const int rc = pthread_create(&h->thread, NULL, helper_main, h);
        if (rc != 0) {
            pool_free(p);
            return fail(e, E_IO, "cannot start thread %u of %u: %s", i + 1, threads, strerror(rc));
        }
        p->n_started++;
    }
    *out = p;
    return OK;
}

void pool_free(pool *p) {
    if (!p) return;
    atomic_store_explicit(&p->stop, true, memory_order_release);
    next_round(p);
    for (uint32_t i = 0; i < p->n_started; i++) pthread_join(p->helpers[i].thread, NULL);
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->wake);
    free(p->helpers);
    free(p);
}

uint32_t pool_threads(const pool *p) { return p->n_threads; }

void pool_for(pool *p, size_t n, size_t grain, pool_fn fn, void *ctx) {
    if (n == 0) return;
    if (grain == 0) grain = 1;
    if (p->n_threads == 1 || n <= grain) {
        fn(ctx, 0, n, 0);
        return;
    }
    p->fn = fn;
    p->ctx = ctx;
    p->n = n;
    p->grain = grain;
    atomic_store_explicit(&p->next, 0, memory_order_relaxed);
    atomic_store_explicit(&p->busy, p->n_threads - 1, memory_order_relaxed);
    next_round(p);
    work(p, 0);
    /* With more threads than cores a helper may not even have run yet: give it the core. */
    for (int i = 0; atomic_load_explicit(&p->busy, memory_order_acquire) != 0; i++) {
        if (i < SPIN_ROUNDS) relax();
        else sched_yield();
    }
}
