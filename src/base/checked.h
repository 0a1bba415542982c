/* checked: arithmetic on numbers that come from outside.
 *
 * Each returns false, and leaves *out alone, when the result does not fit. A size that came
 * out of a file passes through here before it is compared with anything.
 */
#ifndef DS4_BASE_CHECKED_H
#define DS4_BASE_CHECKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool add_u64(uint64_t a, uint64_t b, uint64_t *out) {
    if (a > UINT64_MAX - b) return false;
    *out = a + b;
    return true;
}

static inline bool mul_u64(uint64_t a, uint64_t b, uint64_t *out) {
    if (a != 0 && b > UINT64_MAX / a) return false;
    *out = a * b;
    return true;
}

/* Rounds up to a multiple of `step`, a power of two. */
static inline bool round_up_u64(uint64_t a, uint64_t step, uint64_t *out) {
    if (a > UINT64_MAX - (step - 1)) return false;
    *out = (a + step - 1) & ~(step - 1);
    return true;
}

static inline bool is_pow2(uint64_t a) { return a != 0 && (a & (a - 1)) == 0; }

#endif
