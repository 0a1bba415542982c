/* le: little-endian numbers at any address, read by value. */
#ifndef DS4_BASE_LE_H
#define DS4_BASE_LE_H

#include <stdint.h>
#include <string.h>

static inline uint16_t le16(const void *p) {
    const uint8_t *b = p;
    return (uint16_t)(b[0] | b[1] << 8);
}

static inline uint32_t le32(const void *p) {
    const uint8_t *b = p;
    return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static inline uint64_t le64(const void *p) {
    const uint8_t *b = p;
    return (uint64_t)le32(b) | (uint64_t)le32(b + 4) << 32;
}

static inline void put_le32(void *p, uint32_t v) {
    uint8_t *b = p;
    for (int i = 0; i < 4; i++) b[i] = (uint8_t)(v >> 8 * i);
}

static inline void put_le64(void *p, uint64_t v) {
    uint8_t *b = p;
    for (int i = 0; i < 8; i++) b[i] = (uint8_t)(v >> 8 * i);
}

static inline float bits_f32(uint32_t v) {
    float f;
    memcpy(&f, &v, sizeof f);
    return f;
}

static inline uint32_t f32_bits(float f) {
    uint32_t v;
    memcpy(&v, &f, sizeof v);
    return v;
}

#endif
