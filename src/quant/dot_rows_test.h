/* Rows of weights for the tests of products: random blocks, against the end of a page behind which
 * nothing is mapped, so that a read beyond a row ends the program in every build. */
#ifndef DS4_QUANT_DOT_ROWS_TEST_H
#define DS4_QUANT_DOT_ROWS_TEST_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "quant/formats.h"

enum { EDGE_BYTES = 70 * 4096 };

static uint64_t random_state = 1;

static inline uint32_t random_bits(void) {
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 32);
}

/* -1 .. 1 */
static inline float noise(void) { return (float)((double)random_bits() / 0x1p31 - 1); }

/* n bytes that end where memory ends. */
static inline uint8_t *at_the_edge(size_t n) {
    static uint8_t *pages;
    static size_t size;
    if (!pages) {
        const size_t page = (size_t)sysconf(_SC_PAGESIZE);
        size = ((size_t)EDGE_BYTES + page - 1) / page * page;
        void *p = mmap(NULL, size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0);
        if (p == MAP_FAILED || mprotect((uint8_t *)p + size, page, PROT_NONE) != 0) {
            perror("mmap");
            exit(1);
        }
        pages = p;
    }
    return pages + size - n;
}

static inline void put_f16(uint8_t *p, float f) {
    const uint16_t h = f32_to_f16(f);
    p[0] = (uint8_t)h;
    p[1] = (uint8_t)(h >> 8);
}

/* Random codes, and scales as they occur in models. */
static inline void fill(const quant_type *q, uint8_t *w, size_t n) {
    const size_t blocks = n / q->block_values, bytes = q->block_bytes;
    for (size_t i = 0; i < blocks * bytes; i++) w[i] = (uint8_t)random_bits();
    for (size_t i = 0; i < blocks; i++, w += bytes) {
        const float d = noise() * 0.01f, dmin = noise() * 0.01f;
        switch (q->id) {
        case Q_F32: {
            const uint32_t v = f32_bits(noise());
            put_le32(w, v);
            break;
        }
        case Q_F16: put_f16(w, noise()); break;
        case Q_BF16: {
            const uint16_t v = f32_to_bf16(noise());
            memcpy(w, &v, 2);
            break;
        }
        case Q_MXFP4: w[0] = (uint8_t)(118 + random_bits() % 8); break;
        case Q_IQ1_M:
            for (int k = 0; k < 4; k++)
                w[49 + 2 * k] =
                    (uint8_t)((w[49 + 2 * k] & 15) | (f32_to_f16(d) >> 4 * k & 15) << 4);
            break;
        case Q_Q2_K: put_f16(w + 80, d), put_f16(w + 82, dmin); break;
        case Q_Q3_K: put_f16(w + 108, d); break;
        case Q_Q6_K: put_f16(w + 208, d); break;
        case Q_Q4_1:
        case Q_Q5_1:
        case Q_Q4_K:
        case Q_Q5_K: put_f16(w, d), put_f16(w + 2, dmin); break;
        default: put_f16(w, d); break;
        }
    }
}

#endif
