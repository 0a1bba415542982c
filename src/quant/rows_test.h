/* rows: the rows of values that tests of the quantisers share, the same on every machine.
 *
 * Only sums, products, quotients and square roots of numbers of a fixed generator: IEEE arithmetic
 * leaves no choice. The bell is a sum of 12 even numbers.
 */
#ifndef DS4_QUANT_ROWS_TEST_H
#define DS4_QUANT_ROWS_TEST_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>

typedef enum row_kind {
    ROW_BELL, ROW_HEAVY, ROW_OFFSET, ROW_CONSTANT, ROW_SPARSE, ROW_FP4, ROW_NEGATIVE, ROW_KINDS
} row_kind;

static inline double row_even(uint64_t *s) {
    *s = *s * 6364136223846793005u + 1442695040888963407u;
    return (double)(*s >> 33) / 0x1p31;
}

static inline double row_bell(uint64_t *s) {
    double sum = -6;
    for (int i = 0; i < 12; i++) sum += row_even(s);
    return sum;
}

/* Student's t with 3 degrees of freedom. */
static inline double row_heavy(uint64_t *s) {
    const double g = row_bell(s), a = row_bell(s), b = row_bell(s), c = row_bell(s);
    return g / sqrt((a * a + b * b + c * c) / 3);
}

static inline double row_fp4(uint64_t *s) {
    static const double magnitude[8] = {0, 0.5, 1, 1.5, 2, 3, 4, 6};
    const double g = fabs(row_bell(s)) * 2;
    int k = 0;
    for (int m = 1; m < 8; m++)
        if (fabs(g - magnitude[m]) < fabs(g - magnitude[k])) k = m;
    return row_even(s) < 0.5 ? -magnitude[k] : magnitude[k];
}

static inline void row_fill(row_kind kind, uint64_t seed, float *x, size_t n) {
    uint64_t s = seed * 977 + 31 * (uint64_t)kind + 1;
    const double constant = 0.001 + row_even(&s);
    double unit = 1;
    for (size_t i = 0; i < n; i++) {
        double v = 0;
        if (i % 32 == 0) unit = ldexp(1, -6 - (int)(3 * row_even(&s)));
        switch (kind) {
        case ROW_BELL: v = 0.02 * row_bell(&s); break;
        case ROW_HEAVY: v = 0.02 * row_heavy(&s); break;
        case ROW_OFFSET: v = 0.05 + 0.01 * row_bell(&s); break;
        case ROW_CONSTANT: v = constant; break;
        case ROW_SPARSE: v = row_even(&s) < 0.04 ? row_bell(&s) : 0; break;
        case ROW_FP4: v = unit * row_fp4(&s); break;
        case ROW_NEGATIVE: v = -fabs(0.03 * row_bell(&s)); break;
        case ROW_KINDS: break;
        }
        x[i] = (float)v;
    }
}

/* As mean squares of activations are: most are small, some are large. */
static inline void row_weights(uint64_t seed, float *w, size_t n) {
    uint64_t s = seed * 131 + 7;
    for (size_t i = 0; i < n; i++) {
        const double g = row_bell(&s);
        w[i] = (float)(1.5 * g * g + 1e-4);
    }
}

#endif
