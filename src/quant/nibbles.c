/* nibbles: Q4_0, IQ4_NL, MXFP4 and IQ4_XS: a nibble a value, read through a table of 16 integers.
 *
 *      Q4_0, IQ4_NL   | d  | q: 16 |                18
 *      MXFP4          | e | q: 16 |                 17
 *      IQ4_XS         | d | sh | sl: 4 | q: 128 |   136
 *
 *      y = d * table[nibble]                  Q4_0: -8 .. 7    IQ4_NL: spaced like a bell curve
 *      y = 2^(e-128) * table[nibble]          MXFP4: e2m1 doubled, so the scale is halved
 *      y = (d * (scale - 32)) * table[nibble] IQ4_XS: a scale for each 32, table of IQ4_NL
 *
 * Everywhere 32 values take 16 bytes: byte j holds element j low and element j + 16 high.
 */
#include "quant/formats.h"
#include "quant/tables.h"

static const int8_t q4_0_values[16] = {-8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7};

static void unpack(const uint8_t q[16], const int8_t table[16], int8_t code[32]) {
    for (int j = 0; j < 16; j++) {
        code[j] = table[q[j] & 15];
        code[j + 16] = table[q[j] >> 4];
    }
}

static void values(float d, const uint8_t q[16], const int8_t table[16], float out[32]) {
    int8_t code[32];
    unpack(q, table, code);
    for (int j = 0; j < 32; j++) out[j] = d * (float)code[j];
}

static double product(float d, const uint8_t q[16], const int8_t table[16], const q8_row *a,
                      size_t at) {
    const int8_t *x = a->q + 32 * at;
    int8_t code[32];
    unpack(q, table, code);
    return (double)d * (double)a->d[at] * (dot16(code, x) + dot16(code + 16, x + 16));
}

void q4_0_dequant(const void *blocks, float *out, size_t n) {
    const block_q4_0 *b = blocks;
    for (size_t i = 0; i < n / 32; i++, b++) values(f16_at(b->d), b->q, q4_0_values, out + 32 * i);
}

float q4_0_dot(const void *w, const q8_row *a, size_t n) {
    const block_q4_0 *b = w;
    double sum = 0;
    for (size_t i = 0; i < n / 32; i++, b++) sum += product(f16_at(b->d), b->q, q4_0_values, a, i);
    return (float)sum;
}

void iq4_nl_dequant(const void *blocks, float *out, size_t n) {
    const block_iq4_nl *b = blocks;
    for (size_t i = 0; i < n / 32; i++, b++) values(f16_at(b->d), b->q, iq4nl_values, out + 32 * i);
}

float iq4_nl_dot(const void *w, const q8_row *a, size_t n) {
    const block_iq4_nl *b = w;
    double sum = 0;
    for (size_t i = 0; i < n / 32; i++, b++) sum += product(f16_at(b->d), b->q, iq4nl_values, a, i);
    return (float)sum;
}

void mxfp4_dequant(const void *blocks, float *out, size_t n) {
    const block_mxfp4 *b = blocks;
    for (size_t i = 0; i < n / 32; i++, b++)
        values(mxfp4_scale(b->e), b->q, mxfp4_values, out + 32 * i);
}

float mxfp4_dot(const void *w, const q8_row *a, size_t n) {
    const block_mxfp4 *b = w;
    double sum = 0;
    for (size_t i = 0; i < n / 32; i++, b++)
        sum += product(mxfp4_scale(b->e), b->q, mxfp4_values, a, i);
    return (float)sum;
}

static int scale_xs(const block_iq4_xs *b, int g) {
    const int low = b->sl[g / 2] >> 4 * (g % 2) & 15, high = le16(b->sh) >> 2 * g & 3;
    return (low | high << 4) - 32;
}

void iq4_xs_dequant(const void *blocks, float *out, size_t n) {
    const block_iq4_xs *b = blocks;
    for (size_t i = 0; i < n / 256; i++, b++)
        for (int g = 0; g < 8; g++, out += 32)
            values(f16_at(b->d) * (float)scale_xs(b, g), b->q + 16 * g, iq4nl_values, out);
}

float iq4_xs_dot(const void *w, const q8_row *a, size_t n) {
    const block_iq4_xs *b = w;
    double sum = 0;
    for (size_t i = 0; i < n / 256; i++, b++) {
        double part = 0;
        for (int g = 0; g < 8; g++)
            part += product((float)scale_xs(b, g), b->q + 16 * g, iq4nl_values, a,
                            8 * i + (size_t)g);
        sum += (double)f16_at(b->d) * part;
    }
    return (float)sum;
}
