#include "apps/timing/bandwidth.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cores.h"
#include "base/cores.h"
#include "base/pool.h"

/* At least four times the last cache, so that what is left in it from the pass before is
 * little. */
static const uint64_t LEAST = (uint64_t)256 << 20, MOST = (uint64_t)512 << 20;
enum { TIMES_CACHE = 4, LEAST_PASSES = 5, MOST_PASSES = 200, PART = 1 << 20 };
static const double SECONDS = 1.0;

typedef struct reading {
    uint8_t *data;
    uint64_t bytes;
    uint32_t threads;
    uint64_t sums[1024 * 8]; /* one a thread, a cache line apart: so that reading has a result */
} reading;

static uint64_t sum_words(const uint64_t *p, size_t n) {
    uint64_t a = 0, b = 0, c = 0, d = 0;
    for (size_t i = 0; i + 8 <= n; i += 8) {
        a += p[i] ^ p[i + 4];
        b += p[i + 1] ^ p[i + 5];
        c += p[i + 2] ^ p[i + 6];
        d += p[i + 3] ^ p[i + 7];
    }
    return a + b + c + d;
}

/* Each thread of the system touches its own part first, so that on machines with several memories
 * it lies near. Pieces are handed out by part, one a thread. */
static void touch(void *ctx, size_t begin, size_t end, uint32_t thread) {
    (void)thread;
    const reading *r = ctx;
    const uint64_t part = r->bytes / r->threads / PART * PART;
    for (size_t i = begin; i < end; i++) memset(r->data + i * part, (int)(i + 1), part);
}

static void read_part(void *ctx, size_t begin, size_t end, uint32_t thread) {
    reading *r = ctx;
    const uint64_t part = r->bytes / r->threads / PART * PART;
    for (size_t i = begin; i < end; i++)
        r->sums[thread * 8] += sum_words((const uint64_t *)(const void *)(r->data + i * part),
                                         part / sizeof(uint64_t));
}

static uint64_t buffer_bytes(uint32_t threads, uint64_t most_bytes) {
    uint64_t bytes = LEAST;
#ifdef _SC_LEVEL3_CACHE_SIZE
    const long cache = sysconf(_SC_LEVEL3_CACHE_SIZE);
    if (cache > 0 && (uint64_t)cache * TIMES_CACHE > bytes) bytes = (uint64_t)cache * TIMES_CACHE;
#endif
    if (bytes > MOST) bytes = MOST;
    if (most_bytes && bytes > most_bytes) bytes = most_bytes;
    return bytes < (uint64_t)threads * PART ? (uint64_t)threads * PART : bytes;
}

static status measure(reading *r, pool *p, double *rates, size_t *n, bool (*stop)(void *self),
                      void *self, err *e) {
    const uint64_t used = r->bytes / r->threads / PART * PART * r->threads;
    pool_for(p, r->threads, 1, touch, r);
    pool_for(p, r->threads, 1, read_part, r);
    const double begun = clock_seconds();
    for (*n = 0; *n < MOST_PASSES; (*n)++) {
        if (stop && stop(self)) return fail(e, E_CANCELLED, "stopped");
        const double start = clock_seconds();
        if (*n >= LEAST_PASSES && start - begun > SECONDS) break;
        pool_for(p, r->threads, 1, read_part, r);
        const double seconds = clock_seconds() - start;
        rates[*n] = (double)used / (seconds > 1e-9 ? seconds : 1e-9);
    }
    return OK;
}

status bandwidth_measure(bandwidth *out, uint32_t threads, uint64_t most_bytes,
                         bool (*stop)(void *self), void *self, err *e) {
    double rates[MOST_PASSES];
    size_t n = 0;
    pool *p = NULL;
    reading *r = calloc(1, sizeof *r);
    if (!r) return fail(e, E_NOMEM, "out of memory");
    r->threads = threads ? threads : cores_here();
    r->bytes = buffer_bytes(r->threads, most_bytes);
    void *data = NULL;
    status st = pool_new(&p, r->threads, e);
    if (st == OK && posix_memalign(&data, 4096, r->bytes) != 0)
        st = fail(e, E_NOMEM, "no memory for the %llu MiB that the read bandwidth is measured with",
                  (unsigned long long)(r->bytes >> 20));
    r->data = data;
    if (st == OK) st = measure(r, p, rates, &n, stop, self, e);
    if (st == OK)
        *out = (bandwidth){
            .buffer_bytes = r->bytes, .threads = r->threads, .rate = summarize(rates, n)};
    pool_free(p);
    free(data);
    free(r);
    return st;
}
