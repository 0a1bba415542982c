/* dot_avx512_iq: blocks of indices into a codebook, unpacked.
 *
 * Eight rows of a codebook fill a register: each is spread by its load, and a mask keeps it where
 * it belongs. A minus sign is a bit of a mask register.
 *
 * Seven stored sign bits become eight by their parity, in all 32 bytes of a block at once.
 */
#include "quant/dot_avx512_codes.h"
#include "quant/tables.h"

/* 2 * n + 1 for eight integers n, times d: exact. */
static inline void put_odd_factors(uint32_t *aux, __m256i n, float d) {
    const __m256i odd = _mm256_or_si256(_mm256_slli_epi32(n, 1), _mm256_set1_epi32(1));
    _mm256_storeu_ps((float *)(void *)aux,
                     _mm256_mul_ps(_mm256_cvtepi32_ps(odd), _mm256_set1_ps(d)));
}

/* The same for sixteen nibbles, low ones first. */
static inline void put_16_odd_factors(uint32_t *aux, const uint8_t sc[8], float d) {
    const __m128i v = _mm_loadl_epi64((const __m128i *)(const void *)sc);
    const __m128i both = _mm_and_si128(_mm_unpacklo_epi8(v, _mm_srli_epi16(v, 4)),
                                       _mm_set1_epi8(15));
    const __m512i n = _mm512_cvtepu8_epi32(both);
    const __m512i odd = _mm512_or_si512(_mm512_slli_epi32(n, 1), _mm512_set1_epi32(1));
    _mm512_storeu_ps(aux, _mm512_mul_ps(_mm512_cvtepi32_ps(odd), _mm512_set1_ps(d)));
}

static void iq2_xxs_unpack(const uint8_t *w, unsigned groups, row512 to) {
    (void)groups;
    const block_iq2_xxs *b = (const block_iq2_xxs *)(const void *)w;
    const uint64_t *grid = iq2xxs_grid;
    const __m256i words = _mm512_cvtepi64_epi32(_mm512_srli_epi64(load64(b->qs), 32));
    uint64_t minus[4];
    store32(minus, signs_of(words));
    put_odd_factors(to.aux, _mm256_srli_epi32(words, 28), 0.125f * f16_one(b->d));
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        const uint8_t *p = b->qs + 16 * i;
        const __m512i v = eight_rows(grid[p[0]], grid[p[1]], grid[p[2]], grid[p[3]], grid[p[8]],
                                     grid[p[9]], grid[p[10]], grid[p[11]]);
        store64(to.code + 64 * i, with_signs(v, minus[i]));
    }
}

static void iq2_xs_unpack(const uint8_t *w, unsigned groups, row512 to) {
    (void)groups;
    const block_iq2_xs *b = (const block_iq2_xs *)(const void *)w;
    const uint64_t *grid = iq2xs_grid;
    put_16_odd_factors(to.aux, b->sc, 0.125f * f16_one(b->d));
    for (int i = 0; i < 4; i++) {
        uint64_t r[8], minus = 0;
        for (int k = 0; k < 8; k++) {
            const uint32_t q = le16(b->qs + 16 * i + 2 * k);
            r[k] = grid[q & 511];
            minus |= (uint64_t)even_signs(q >> 9) << 8 * k;
        }
        store64(to.code + 64 * i, with_signs(load64(r), minus));
    }
}

static void iq2_s_unpack(const uint8_t *w, unsigned groups, row512 to) {
    (void)groups;
    const block_iq2_s *b = (const block_iq2_s *)(const void *)w;
    const uint64_t *grid = iq2s_grid;
    put_16_odd_factors(to.aux, b->sc, 0.125f * f16_one(b->d));
    for (int i = 0; i < 4; i++) {
        uint64_t r[8];
        const uint32_t high = le16(b->qh + 2 * i);
        for (int k = 0; k < 8; k++)
            r[k] = grid[b->qs[8 * i + k] | (high >> 2 * k & 3) << 8];
        store64(to.code + 64 * i, with_signs(load64(r), le64(b->signs + 8 * i)));
    }
}

static void iq3_xxs_unpack(const uint8_t *w, unsigned groups, row512 to) {
    (void)groups;
    const block_iq3_xxs *b = (const block_iq3_xxs *)(const void *)w;
    const __m256i words = load32(b->sas);
    uint64_t minus[4];
    store32(minus, signs_of(words));
    put_odd_factors(to.aux, _mm256_srli_epi32(words, 28), 0.25f * f16_one(b->d));
    for (int i = 0; i < 4; i++) {
        uint32_t r[16];
        for (int k = 0; k < 16; k++) r[k] = iq3xxs_grid[b->qs[16 * i + k]];
        store64(to.code + 64 * i, with_signs(load64(r), minus[i]));
    }
}

static void iq3_s_unpack(const uint8_t *w, unsigned groups, row512 to) {
    (void)groups;
    const block_iq3_s *b = (const block_iq3_s *)(const void *)w;
    const __m256i word = _mm256_set1_epi32((int)le32(b->sc));
    const __m256i four = _mm256_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28);
    put_odd_factors(to.aux,
                    _mm256_and_si256(_mm256_srlv_epi32(word, four), _mm256_set1_epi32(15)),
                    f16_one(b->d));
    for (int i = 0; i < 4; i++) {
        uint32_t r[16];
        const uint32_t high = le16(b->qh + 2 * i);
        for (int k = 0; k < 16; k++)
            r[k] = iq3s_grid[b->qs[16 * i + k] | (high >> k & 1) << 8];
        store64(to.code + 64 * i, with_signs(load64(r), le64(b->signs + 8 * i)));
    }
}

/* Rows of -1, 0, 1 in eighths, shifted by one up, or down where a bit is set. */
static inline __m512i eighths(const uint64_t r[8], uint64_t down) {
    __m512i v = load64(r);
    for (int k = 0; k < 3; k++) v = _mm512_add_epi8(v, v);
    const __m512i one = _mm512_set1_epi8(1);
    return _mm512_add_epi8(v, with_signs(one, down));
}

static void iq1_s_unpack(const uint8_t *w, unsigned groups, row512 to) {
    (void)groups;
    const block_iq1_s *b = (const block_iq1_s *)(const void *)w;
    const __m256i words = _mm256_cvtepu16_epi32(load16(b->qh));
    put_odd_factors(to.aux,
                    _mm256_and_si256(_mm256_srli_epi32(words, 12), _mm256_set1_epi32(7)),
                    0.125f * f16_one(b->d));
    for (int i = 0; i < 4; i++) {
        uint64_t r[8];
        const uint32_t h0 = le16(b->qh + 4 * i), h1 = le16(b->qh + 4 * i + 2);
        for (int k = 0; k < 4; k++) {
            r[k] = iq1s_grid[b->qs[8 * i + k] | (h0 >> 3 * k & 7) << 8];
            r[4 + k] = iq1s_grid[b->qs[8 * i + 4 + k] | (h1 >> 3 * k & 7) << 8];
        }
        const uint64_t low = h0 >> 15 ? 0xffffffffu : 0, high = h1 >> 15 ? 0xffffffffu : 0;
        store64(to.code + 64 * i, eighths(r, low | high << 32));
    }
}

static void iq1_m_unpack(const uint8_t *w, unsigned groups, row512 to) {
    (void)groups;
    const block_iq1_m *b = (const block_iq1_m *)(const void *)w;
    const uint64_t s = le64(b->s);
    const uint32_t top = (uint32_t)(s >> 12 & 15) | (uint32_t)(s >> 28 & 15) << 4 |
                         (uint32_t)(s >> 44 & 15) << 8 | (uint32_t)(s >> 60) << 12;
    const float d = 0.125f * _cvtsh_ss((uint16_t)top);
    for (int j = 0; j < 16; j++) {
        const uint32_t scale = 2 * (uint32_t)(s >> (16 * (j / 4) + 3 * (j % 4)) & 7) + 1;
        to.aux[j] = f32_bits(d * (float)scale);
    }
    for (int i = 0; i < 4; i++) {
        uint64_t r[8], down = 0;
        const uint32_t h = le32(b->qh + 4 * i);
        for (int k = 0; k < 8; k++) {
            const uint32_t nibble = h >> 4 * k & 15;
            r[k] = iq1s_grid[b->qs[8 * i + k] | (nibble & 7) << 8];
            down |= (uint64_t)(nibble >> 3 ? 255 : 0) << 8 * k;
        }
        store64(to.code + 64 * i, eighths(r, down));
    }
}

#define FORM(name, kind_, few_)                                                                 \
    const form512 name##_form512 = {name##_unpack, few_, sizeof(block_##name), false, kind_};   \
    float name##_dot_avx512(const void *w, const q8_row *a, size_t n) {                         \
        return form512_dot(&name##_form512, w, a, n);                                           \
    }
FORM(iq2_xxs, 0, iq2_xxs_few512)
FORM(iq2_xs, FORM_HALVES, NULL)
FORM(iq2_s, FORM_HALVES, NULL)
FORM(iq3_xxs, 0, NULL)
FORM(iq3_s, 0, NULL)
FORM(iq1_s, 0, NULL)
FORM(iq1_m, FORM_HALVES, NULL)
