/* tile_neon: floats of 4 x 4 rows, a register for each activation row and a lane for each weight
 * row, and what the minima of a block make of them. */
#ifndef DS4_QUANT_TILE_NEON_H
#define DS4_QUANT_TILE_NEON_H

#include "quant/block_neon.h"

typedef struct floats4 {
    float32x4_t f0, f1, f2, f3;
} floats4;

/* x times a number of each activation row. */
INLINE floats4 scaled(floats4 x, float32x4_t d) {
    return (floats4){vmulq_laneq_f32(x.f0, d, 0), vmulq_laneq_f32(x.f1, d, 1),
                     vmulq_laneq_f32(x.f2, d, 2), vmulq_laneq_f32(x.f3, d, 3)};
}

INLINE floats4 add_scaled(floats4 t, floats4 x, float32x4_t d) {
    return (floats4){vfmaq_laneq_f32(t.f0, x.f0, d, 0), vfmaq_laneq_f32(t.f1, x.f1, d, 1),
                     vfmaq_laneq_f32(t.f2, x.f2, d, 2), vfmaq_laneq_f32(t.f3, x.f3, d, 3)};
}

INLINE floats4 plus(floats4 a, floats4 b) {
    return (floats4){vaddq_f32(a.f0, b.f0), vaddq_f32(a.f1, b.f1), vaddq_f32(a.f2, b.f2),
                     vaddq_f32(a.f3, b.f3)};
}

INLINE floats4 all(float32x4_t v) {
    return (floats4){v, v, v, v};
}

/* m_k of dot_neon.h */
INLINE floats4 some_mins(const neon_weights *w, const neon_acts *a, uint32_t n_mins, uint32_t k) {
    floats4 m = scaled(all(vld1q_f32(w->min[k])), vld1q_f32(a->sum[k]));
#pragma GCC unroll 4
    for (uint32_t j = k + 4; j < n_mins; j += 4)
        m = add_scaled(m, all(vld1q_f32(w->min[j])), vld1q_f32(a->sum[j]));
    return m;
}

/* m of 4 x 4 rows */
INLINE floats4 min_sums(const neon_weights *w, const neon_acts *a, uint32_t n_mins) {
    floats4 m = some_mins(w, a, n_mins, 0);
#pragma GCC unroll 4
    for (uint32_t k = 1; k < 4; k++) m = plus(m, some_mins(w, a, n_mins, k));
    return m;
}

#endif
