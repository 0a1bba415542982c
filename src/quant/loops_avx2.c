/* loops_avx2: the loops for x86 with AVX2. */
#include "quant/formats.h"
#include "quant/lanes_avx2.h"
#include "quant/loops_body.h"

static const float_loops avx2 = LOOPS("avx2");

const float_loops *loops_avx2(void) {
    return &avx2;
}
