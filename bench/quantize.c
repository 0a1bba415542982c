/* quantize: how many weights of each type one core writes a second, in the sets of this machine.
 *
 *     make bench && build/bench/quantize [PART OF A TYPE'S NAME]
 *
 * One thread, rows of 4096 values of a bell curve, without and with weights; the best of several passes, in time of the
 * processor, so that other work on the machine counts less. The last column is the error of the weighted rows, relative.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "quant/quantize.h"

enum { N = 4096, ROWS = 8, PASSES = 5 };

typedef struct rows {
    float x[ROWS][N], w[N];
    uint8_t out[ROWS][4 * N];
} rows;

static double even(uint64_t *s) {
    *s = *s * 6364136223846793005u + 1442695040888963407u;
    return (double)(*s >> 33) / 0x1p31;
}

static double bell(uint64_t *s) {
    double sum = -6;
    for (int i = 0; i < 12; i++) sum += even(s);
    return sum;
}

/* Million values a second. */
static double speed(quantize_fn write, rows *r, const float *w) {
    double best = 1e9;
    for (int pass = 0; pass < PASSES; pass++) {
        const clock_t start = clock();
        for (int i = 0; i < ROWS; i++) write(r->x[i], w, r->out[i], N);
        const double took = (double)(clock() - start) / CLOCKS_PER_SEC;
        best = took > 0 && took < best ? took : best;
    }
    return ROWS * N / best / 1e6;
}

static double relative_error(const quant_type *t, const rows *r) {
    double e = 0, all = 0;
    for (int i = 0; i < ROWS; i++) {
        e += quantize_error(t->id, r->x[i], r->w, r->out[i], N);
        for (int k = 0; k < N; k++) all += (double)r->w[k] * (double)r->x[i][k] * (double)r->x[i][k];
    }
    return sqrt(e / all);
}

int main(int argc, char **argv) {
    static rows r;
    uint64_t s = 1;
    for (int k = 0; k < N; k++) {
        const double g = bell(&s);
        r.w[k] = (float)(1.5 * g * g + 1e-4);
        for (int i = 0; i < ROWS; i++) r.x[i][k] = (float)(0.02 * bell(&s));
    }
    const quantize_set *sets[2] = {quantize_best(), &quantize_portable};
    printf("%-8s %-9s %12s %12s %10s\n", "type", "set", "Mvalues/s", "weighted", "error");
    for (uint32_t id = 0; id < QUANT_IDS; id++) {
        const quant_type *t = quant_find(id);
        if (!t || !quantize_for(t->id) || (argc > 1 && !strstr(t->name, argv[1]))) continue;
        for (int k = 0; k < (sets[0] == sets[1] ? 1 : 2); k++) {
            const double plain = speed(sets[k]->write[id], &r, NULL);
            const double weighted = speed(sets[k]->write[id], &r, r.w);
            printf("%-8s %-9s %12.2f %12.2f %10.5f\n", t->name, sets[k]->isa, plain, weighted, relative_error(t, &r));
        }
    }
    return 0;
}
