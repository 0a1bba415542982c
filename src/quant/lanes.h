/* lanes: eight floats at a time, in the compilers' own vector notation.
 *
 * The searches of the quantisers hold eight candidates (scales, rows of a codebook) in the lanes and
 * walk over the values, so that nothing is ever summed across lanes.
 *
 * I1  One source, any instruction set: each lane is IEEE float32, no product is fused with a sum
 *     (-ffp-contract=off), and nothing depends on the width of the registers. So a file compiled
 *     for AVX2 writes the bytes of the portable one.
 *
 * Choosing by lane has no notation of its own: lanes_portable.h and lanes_avx2.h say how it is done,
 * and include this file.
 */
#ifndef DS4_QUANT_LANES_H
#define DS4_QUANT_LANES_H

#include <stdint.h>
#include <string.h>

#define LANES static inline __attribute__((always_inline))

enum { N_LANES = 8 };

typedef float f8 __attribute__((vector_size(32)));
typedef int32_t i8 __attribute__((vector_size(32)));

LANES f8 f8_all(float x) { return (f8){x, x, x, x, x, x, x, x}; }
LANES i8 i8_all(int32_t x) { return (i8){x, x, x, x, x, x, x, x}; }

LANES f8 f8_load(const float *p) {
    f8 v;
    memcpy(&v, p, sizeof v);
    return v;
}

LANES void f8_store(float *p, f8 v) { memcpy(p, &v, sizeof v); }

/* Nearest integers, ties to even, for |x| < 2^22. */
LANES f8 f8_round(f8 x) { return (x + f8_all(0x1.8p23f)) - f8_all(0x1.8p23f); }

/* The first lane that has the least value; halves first, so that few steps wait for each other and
 * none is a guess of the processor. */
LANES int f8_least(f8 v) {
    float a[N_LANES], b[4];
    int at[4];
    f8_store(a, v);
    for (int i = 0; i < 4; i++) {
        const int second = a[2 * i + 1] < a[2 * i];
        b[i] = a[2 * i + second];
        at[i] = 2 * i + second;
    }
    const int low = b[1] < b[0], high = 2 + (b[3] < b[2]);
    return b[high] < b[low] ? at[high] : at[low];
}

#endif
