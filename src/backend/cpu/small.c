/* small: norms, rotations and cached rows, as the model's description has them. */
#include <math.h>
#include <string.h>

#include "backend/cpu/cpu.h"

/* The sum of squares is float64: it costs nothing beside the products around it. */
void rms_norm(const backend *b, float *x, const float *w, uint32_t n) {
    b->loops->scale(x, (float)(1 / sqrt(b->loops->squares(x, n) / n + b->s->norm_eps)), w, n);
}

/* The angle is ONE float32 product, as the reference forms it: at a million positions the rounding of f moves it by
 * 0.05, and only the same rounding gives the same rotation. cos and sin reduce it in float64. */
void rope_angles(float *cos_sin, const float *freq, uint32_t pairs, uint32_t pos) {
    for (uint32_t i = 0; i < pairs; i++) {
        const float a = (float)pos * freq[i];
        cos_sin[2 * i] = (float)cos(a);
        cos_sin[2 * i + 1] = (float)sin(a);
    }
}

void rope_rotate(float *x, const float *cos_sin, uint32_t pairs) {
    for (uint32_t i = 0; i < pairs; i++) {
        const float c = cos_sin[2 * i], s = cos_sin[2 * i + 1], a = x[2 * i], b = x[2 * i + 1];
        x[2 * i] = a * c - b * s;
        x[2 * i + 1] = a * s + b * c;
    }
}

void rope_rotate_back(float *x, const float *cos_sin, uint32_t pairs) {
    for (uint32_t i = 0; i < pairs; i++) {
        const float c = cos_sin[2 * i], s = cos_sin[2 * i + 1], a = x[2 * i], b = x[2 * i + 1];
        x[2 * i] = a * c + b * s;
        x[2 * i + 1] = b * c - a * s;
    }
}

const float *cpu_angles(const backend *b, const layer *l, uint32_t row) {
    return b->angles[l->ratio ? 1 : 0] + (size_t)row * b->s->rope_dim;
}

void row_store(const backend *b, uint8_t *to, const float *x, uint32_t n) {
    if (b->p->format == ROW_F32) memcpy(to, x, n * sizeof *x);
    else b->dots->f16_store(x, to, n);
}

const float *row_load(const backend *b, const uint8_t *from, uint32_t n, float *room) {
    if (b->p->format == ROW_F32) memcpy(room, from, n * sizeof *room);
    else b->dots->f16_load(from, room, n);
    return room;
}
