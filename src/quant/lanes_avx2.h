/* lanes_avx2: choices by lane in one instruction each; they mean what lanes_portable.h says. */
#ifndef DS4_QUANT_LANES_AVX2_H
#define DS4_QUANT_LANES_AVX2_H

#include <immintrin.h>

#include "quant/lanes.h"

LANES f8 f8_pick(i8 mask, f8 a, f8 b) {
    return (f8)_mm256_blendv_ps((__m256)b, (__m256)a, (__m256)mask);
}
LANES i8 i8_pick(i8 mask, i8 a, i8 b) { return (i8)f8_pick(mask, (f8)a, (f8)b); }
LANES f8 f8_min(f8 a, f8 b) { return (f8)_mm256_min_ps((__m256)a, (__m256)b); }
LANES f8 f8_max(f8 a, f8 b) { return (f8)_mm256_max_ps((__m256)a, (__m256)b); }

#endif
