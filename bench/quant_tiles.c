/* quant_tiles: what tiles cost, in every set of this machine, and how near decode comes to the
 * memory's bandwidth.
 *
 *     make bench && build/bench/quant_tiles [PART OF A TYPE'S NAME [THREADS MIB]]
 *
 * One thread and weights that stay in a cache: ns for 1000 products of a weight with an activation,
 * of tiles of 32 outputs and 1, 4, 12, 32 and 256 activation rows (the first column, `one`, is the
 * product of two rows by itself). Or, with THREADS and MIB, each thread reads that much of its own
 * weights with tiles of 32 outputs and one activation row: GB/s of all threads together, next to
 * what plain reading reaches.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "quant/quant.h"

enum { N = 4096, OUTPUTS = 32, MOST = 256, THREADS = 256 };

typedef struct activations {
    float x[MOST * N], d[MOST * N / 32];
    int8_t q[MOST * N];
    int16_t sum16[MOST * N / 16];
} activations;

static activations act;
static const q8_rows rows = {act.x, act.q, act.d, act.sum16, N, N};

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Codes of no meaning, but whatever is read as a float is a number of ordinary size. */
static void fill(const quant_type *t, uint8_t *w, size_t bytes) {
    uint32_t s = 1;
    for (size_t i = 0; i < bytes; i++) {
        s = s * 1664525 + 1013904223;
        w[i] = (uint8_t)(32 + (s >> 24) % 32);
    }
    if (t->id == Q_MXFP4)
        for (size_t i = 0; i < bytes; i += t->block_bytes) w[i] = 120;
}

static size_t bytes_of(const quant_type *t) { return N / t->block_values * t->block_bytes; }

static double tile_ns(const dot_set *set, const quant_type *t, const uint8_t *w, uint32_t n_a) {
    static float out[MOST * OUTPUTS];
    double best = 1e9;
    for (int pass = 0; pass < 30; pass++) {
        const double start = seconds();
        dot_tile(set, t, w, bytes_of(t), OUTPUTS, &rows, NULL, n_a, N, out, OUTPUTS);
        const double took = seconds() - start;
        best = took < best ? took : best;
        if (pass > 4 && took * pass > 0.3) break;
    }
    return best * 1e9 / OUTPUTS / N / n_a * 1000;
}

static double one_ns(const dot_set *set, const quant_type *t, const uint8_t *w) {
    const q8_row a = q8_rows_at(&rows, 0);
    volatile float sink = 0;
    double best = 1e9;
    for (int pass = 0; pass < 20; pass++) {
        const double start = seconds();
        for (size_t o = 0; o < OUTPUTS; o++)
            sink = sink + set->fast[t->id](w + o * bytes_of(t), &a, N);
        const double took = seconds() - start;
        best = took < best ? took : best;
    }
    return best * 1e9 / OUTPUTS / N * 1000;
}

/* ---- from memory ---- */

typedef struct reader {
    pthread_t thread;
    const dot_set *set; /* NULL: plain reading */
    const quant_type *t;
    const uint8_t *w;
    size_t bytes;
    pthread_barrier_t *gate;
    double took;
    uint64_t sum;
} reader;

static void *read_weights(void *arg) {
    reader *r = arg;
    float out[OUTPUTS];
    const size_t step = OUTPUTS * bytes_of(r->t);
    r->took = 1e9;
    for (int pass = 0; pass < 4; pass++) {
        pthread_barrier_wait(r->gate);
        const double start = seconds();
        if (r->set) {
            for (size_t at = 0; at + step <= r->bytes; at += step)
                dot_tile(r->set, r->t, r->w + at, bytes_of(r->t), OUTPUTS, &rows, NULL, 1, N, out,
                         OUTPUTS);
        } else {
            uint64_t s[8] = {0}, v[8];
            for (size_t at = 0; at + 64 <= r->bytes; at += 64) {
                memcpy(v, r->w + at, 64);
                for (int k = 0; k < 8; k++) s[k] += v[k];
            }
            for (int k = 0; k < 8; k++) r->sum += s[k];
        }
        pthread_barrier_wait(r->gate);
        const double took = seconds() - start;
        r->took = took < r->took ? took : r->took;
    }
    return NULL;
}

static double memory_rate(const dot_set *set, const quant_type *t, uint8_t *const *w, size_t bytes,
                          unsigned threads) {
    static reader r[THREADS];
    pthread_barrier_t gate;
    pthread_barrier_init(&gate, NULL, threads);
    for (unsigned i = 0; i < threads; i++) {
        r[i] = (reader){.set = set, .t = t, .w = w[i], .bytes = bytes, .gate = &gate};
        if (pthread_create(&r[i].thread, NULL, read_weights, &r[i])) exit(1);
    }
    double took = 0;
    for (unsigned i = 0; i < threads; i++) {
        pthread_join(r[i].thread, NULL);
        took = r[i].took > took ? r[i].took : took;
    }
    pthread_barrier_destroy(&gate);
    return (double)bytes * threads / took / 1e9;
}

static void from_memory(const char *part, unsigned threads, size_t bytes) {
    uint8_t *w[THREADS];
    for (unsigned i = 0; i < threads; i++) {
        w[i] = malloc(bytes);
        if (!w[i]) exit(1);
        memset(w[i], 40, bytes);
    }
    const double plain = memory_rate(NULL, quant_find(Q_F32), w, bytes, threads);
    printf("%u threads, %zu MiB each: plain reading %.1f GB/s\n", threads, bytes >> 20, plain);
    for (uint32_t id = 0; id < QUANT_IDS; id++) {
        const quant_type *t = quant_find(id);
        if (!t || !t->dequant || !strstr(t->name, part)) continue;
        const size_t piece = 8 * OUTPUTS * bytes_of(t);
        fill(t, w[0], piece);
        for (unsigned i = 0; i < threads; i++)
            for (size_t at = i ? 0 : piece; at + piece <= bytes; at += piece)
                memcpy(w[i] + at, w[0], piece);
        const dot_set *set;
        printf("%-8s", t->name);
        for (size_t i = 1; (set = dot_set_at(i)); i++) {
            const double rate = memory_rate(set, t, w, bytes, threads);
            printf("   %s %.1f GB/s %.0f %%", set->isa, rate, 100 * rate / plain);
        }
        printf("\n");
    }
}

int main(int argc, char **argv) {
    static uint8_t w[4 * N * OUTPUTS];
    static const uint32_t sizes[] = {1, 4, 12, 32, 256};
    const char *part = argc > 1 ? argv[1] : "";
    const unsigned threads = argc > 3 ? (unsigned)atoi(argv[2]) : 1;
    if (threads < 1 || threads > THREADS) return 2;
    for (size_t i = 0; i < MOST * N; i++) act.x[i] = (float)rand() / (float)RAND_MAX - 0.5f;
    dot_best()->q8(act.x, MOST * N, act.q, act.d, act.sum16);

    if (argc > 3) {
        from_memory(part, threads, (size_t)atoi(argv[3]) << 20);
        return 0;
    }
    printf("ns for 1000 products\n%-8s %-8s %8s", "", "", "one");
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) printf(" %8u", sizes[k]);
    printf("\n");
    for (uint32_t id = 0; id < QUANT_IDS; id++) {
        const quant_type *t = quant_find(id);
        if (!t || !t->dequant || !strstr(t->name, part)) continue;
        fill(t, w, OUTPUTS * bytes_of(t));
        const dot_set *set;
        for (size_t i = 1; (set = dot_set_at(i)); i++) {
            printf("%-8s %-8s %8.1f", t->name, set->isa, one_ns(set, t, w));
            for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++)
                printf(" %8.2f", tile_ns(set, t, w, sizes[k]));
            printf("\n");
        }
    }
    return 0;
}
