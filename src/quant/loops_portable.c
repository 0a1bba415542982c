/* loops_portable: the loops for any processor, and the choice among all. */
#include "quant/formats.h"
#include "quant/lanes_portable.h"
#include "quant/loops_body.h"

const float_loops loops_portable = LOOPS("portable");

#if defined(__x86_64__)
const float_loops *loops_best(void) {
    return dot_set_at(1) ? loops_avx2() : &loops_portable;
}
#else
const float_loops *loops_best(void) {
    return &loops_portable;
}
#endif
