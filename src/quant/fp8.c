/* fp8: the small floats of the official checkpoint.
 *
 *      E4M3FN  s eeee mmm    bias 7, subnormal step 2^-9, largest 448, no infinity, s1111111 is NaN
 *      E8M0    eeeeeeee      2^(e-127), 255 is NaN: scales
 *      E2M1    s ee m        0 .5 1 1.5 2 3 4 6: expert weights
 */
#include <math.h>

#include "quant/formats.h"

const float e2m1_values[16] = {0.0f,  0.5f,  1.0f,  1.5f,  2.0f,  3.0f,  4.0f,  6.0f,
                               -0.0f, -0.5f, -1.0f, -1.5f, -2.0f, -3.0f, -4.0f, -6.0f};

float e4m3_to_f32(uint8_t b) {
    const uint32_t sign = (uint32_t)(b & 0x80u) << 24;
    const uint32_t exp = b >> 3 & 15u, man = b & 7u;
    if ((b & 0x7fu) == 0x7fu) return bits_f32(sign | 0x7fc00000u);
    if (exp == 0) return bits_f32(sign | f32_bits((float)man * 0x1p-9f));
    return bits_f32(sign | (exp + 120) << 23 | man << 20);
}

uint8_t f32_to_e4m3(float f) {
    const uint32_t sign = f32_bits(f) >> 24 & 0x80u;
    uint32_t a = f32_bits(f) & 0x7fffffffu;
    if (a > 0x7f800000u) return (uint8_t)(sign | 0x7fu);
    if (a >= f32_bits(448.0f)) return (uint8_t)(sign | 0x7eu);
    if (a < f32_bits(0x1p-6f)) /* from 2^14 on a float counts in steps of 2^-9 too */
        return (uint8_t)(sign | (f32_bits(bits_f32(a) + 0x1p14f) - f32_bits(0x1p14f)));
    a += 0x7ffffu + (a >> 20 & 1);
    return (uint8_t)(sign | (a - (120u << 23)) >> 20);
}

float e8m0_to_f32(uint8_t b) {
    if (b == 0) return 0x1p-127f;
    if (b == 255) return NAN;
    return bits_f32((uint32_t)b << 23);
}
