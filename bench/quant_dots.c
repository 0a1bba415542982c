/* quant_dots: what a product with each format costs, for 1000 weights, in the sets of this machine.
 *
 *     make bench && build/bench/quant_dots [PART OF A TYPE'S NAME]
 *
 * One thread, 64 rows of 4096 weights (1 MiB at most, so they stay in a cache), the best of several
 * passes: the cost of arithmetic, not of memory. GB/s is what a memory must deliver so that
 * the arithmetic, and not the memory, is what a row waits for.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "quant/quant.h"

enum { N = 4096, ROWS = 64 };

typedef struct activations {
    float x[N], d[N / 32];
    int8_t q[N];
    int16_t sum16[N / 16];
} activations;

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Codes of no meaning, but whatever is read as a float is a number of ordinary size. */
static void fill(uint8_t *w, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) w[i] = (uint8_t)(32 + rand() % 32);
}

static double product_ns(dot_fn dot, const uint8_t *w, size_t row_bytes, const q8_row *a) {
    volatile float sink = 0;
    double best = 1e9;
    for (int pass = 0; pass < 20; pass++) {
        const double start = seconds();
        for (size_t r = 0; r < ROWS; r++) sink = sink + dot(w + r * row_bytes, a, N);
        const double took = seconds() - start;
        best = took < best ? took : best;
    }
    return best * 1e9 / ROWS / N * 1000;
}

static double values_ns(const quant_type *t, const uint8_t *w, float *out) {
    double best = 1e9;
    for (int pass = 0; pass < 20; pass++) {
        const double start = seconds();
        t->dequant(w, out, N);
        const double took = seconds() - start;
        best = took < best ? took : best;
    }
    return best * 1e9 / N * 1000;
}

int main(int argc, char **argv) {
    static activations act;
    static uint8_t w[4 * N * ROWS];
    static float out[N];
    const dot_set *scalar = dot_scalar(), *best = dot_best();
    for (size_t i = 0; i < N; i++) act.x[i] = (float)rand() / (float)RAND_MAX - 0.5f;
    best->q8(act.x, N, act.q, act.d, act.sum16);
    const q8_row a = {act.x, act.q, act.d, act.sum16};

    printf("ns for 1000 weights\n");
    printf("%-8s %8s %8s %8s %8s\n", "", "values", scalar->isa, best->isa, "GB/s");
    for (uint32_t id = 0; id < QUANT_IDS; id++) {
        const quant_type *t = quant_find(id);
        if (!t || !t->dequant || (argc > 1 && !strstr(t->name, argv[1]))) continue;
        const size_t row_bytes = N / t->block_values * t->block_bytes;
        fill(w, row_bytes * ROWS);
        if (t->id == Q_MXFP4)
            for (size_t i = 0; i < row_bytes * ROWS; i += t->block_bytes) w[i] = 120;
        const double slow = product_ns(scalar->fast[id], w, row_bytes, &a);
        const double fast = product_ns(best->fast[id], w, row_bytes, &a);
        const double bytes = 1000.0 * t->block_bytes / t->block_values;
        printf("%-8s %8.0f %8.0f %8.0f %8.1f\n", t->name, values_ns(t, w, out), slow, fast,
               bytes / fast);
    }
    return 0;
}
