/* loops: what the stages do with rows of floats between the products.
 *
 * One source (loops_body.h) in the compilers' own vector notation, compiled for each instruction set.
 *
 * I1  The bits do not depend on the instruction set: eight lanes everywhere, nothing fused, the lanes
 *     folded in one order, and e^x is computed here and not by the system's library.
 * I2  exp_minus and gated are within 2 units of the last place of e^x for results that are normal
 *     numbers; smaller results are zero. What is not a number stays so.
 */
#ifndef DS4_QUANT_LOOPS_H
#define DS4_QUANT_LOOPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct float_loops {
    const char *isa;
    /* Sum of squares. */
    double (*squares)(const float *x, size_t n);
    /* x = x * factor * w; w NULL: x * factor */
    void (*scale)(float *x, float factor, const float *w, size_t n);
    /* out = factor[0] * v[0] + factor[1] * v[1] + ..., in this order */
    void (*combine)(float *out, const float *factor, const float *const *v, uint32_t terms,
                    size_t n);
    /* sum[h] += p[h][0] * row[0] + p[h][1] * row[1] + ..., in this order: sum is [heads][n],
     * rows [n_rows][n], p [heads] rows of `stride` numbers */
    void (*weigh)(float *sum, const float *p, size_t stride, uint32_t heads, const float *rows,
                  uint32_t n_rows, size_t n);
    /* x = e^(x - shift) */
    void (*exp_minus)(float *x, float shift, size_t n);
    /* out = factor * (g / (1 + e^-g) * u), g = min(gate, clamp), u = up within ±clamp */
    void (*gated)(float *out, const float *gate, const float *up, float factor, float clamp,
                  size_t n);
} float_loops;

extern const float_loops loops_portable;
const float_loops *loops_best(void); /* asks the processor: call once */

#endif
