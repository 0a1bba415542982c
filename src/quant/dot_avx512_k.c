/* dot_avx512_k: blocks whose codes are bytes, nibbles or bit fields, unpacked.
 *
 * 64 codes at a time: two groups of 32 often share their bytes, so one shift by two amounts parts
 * them. Q2_K's codes are multiplied with their scales (at most 3 * 15): one factor is left, d.
 */
#include "quant/dot_avx512_codes.h"
#include "quant/tables.h"

static inline void put_factors(uint32_t *aux, __m256 f) {
    _mm256_storeu_ps((float *)(void *)aux, f);
}

/* ---- blocks of 32 ---- */

static inline __m256 eight_scales(const uint16_t h[8]) { return _mm256_cvtph_ps(load16(h)); }

static void q8_0_unpack(const uint8_t *w, unsigned groups, row512 to) {
    const block_q8_0 *b = (const block_q8_0 *)(const void *)w;
    uint16_t h[8] = {0};
    for (unsigned g = 0; g < groups; g++) {
        store32(to.code + 32 * g, load32(b[g].q));
        h[g] = le16(b[g].d);
    }
    put_factors(to.aux, eight_scales(h));
}

static inline void nibbles_unpack(const uint8_t *w, __m256i table, unsigned groups, row512 to) {
    uint16_t h[8] = {0};
    for (unsigned g = 0; g < groups; g++, w += 18) {
        store32(to.code + 32 * g, look_up(table, w + 2));
        h[g] = le16(w);
    }
    put_factors(to.aux, eight_scales(h));
}

static void q4_0_unpack(const uint8_t *w, unsigned groups, row512 to) {
    const __m256i table = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(-8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7));
    nibbles_unpack(w, table, groups, to);
}

static void iq4_nl_unpack(const uint8_t *w, unsigned groups, row512 to) {
    nibbles_unpack(w, table_of(iq4nl_values), groups, to);
}

static void mxfp4_unpack(const uint8_t *w, unsigned groups, row512 to) {
    const __m256i table = table_of(mxfp4_values);
    for (unsigned g = 0; g < groups; g++, w += sizeof(block_mxfp4)) {
        store32(to.code + 32 * g, look_up(table, w + 1));
        to.aux[g] = f32_bits(mxfp4_scale(*w));
    }
}

/* ---- blocks of 256 ---- */

static void iq4_xs_unpack(const uint8_t *w, unsigned groups, row512 to) {
    const block_iq4_xs *b = (const block_iq4_xs *)(const void *)w;
    const __m256i table = table_of(iq4nl_values);
    const __m256i four = _mm256_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28);
    const __m256i two = _mm256_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14);
    const __m256i low = _mm256_srlv_epi32(_mm256_set1_epi32((int)le32(b->sl)), four);
    const __m256i high = _mm256_srlv_epi32(_mm256_set1_epi32(le16(b->sh)), two);
    const __m256i six =
        _mm256_or_si256(_mm256_and_si256(low, _mm256_set1_epi32(15)),
                        _mm256_slli_epi32(_mm256_and_si256(high, _mm256_set1_epi32(3)), 4));
    const __m256 scales = _mm256_cvtepi32_ps(_mm256_sub_epi32(six, _mm256_set1_epi32(32)));
    put_factors(to.aux, _mm256_mul_ps(scales, _mm256_set1_ps(f16_one(b->d))));
    for (unsigned g = 0; g < groups; g++)
        store32(to.code + 32 * g, look_up(table, b->q + 16 * g));
}

static void q2_k_unpack(const uint8_t *w, unsigned groups, row512 to) {
    (void)groups;
    const block_q2_k *b = (const block_q2_k *)(const void *)w;
    const __m128i sc = load16(b->sc), low = _mm_set1_epi8(15);
    const __m128i scales = _mm_and_si128(sc, low);
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        const int k = 2 * (i % 2);
        const __m512i code = masked(shifted(load32(b->q + 32 * (i / 2)), 2 * k, 2 * k + 2), 3);
        store64(to.code + 64 * i, _mm512_mullo_epi16(code, scale_words(scales, i)));
    }
    put_factors(to.aux, _mm256_set1_ps(f16_one(b->d)));
    store32(to.aux + 8, _mm256_cvtepu8_epi16(_mm_and_si128(_mm_srli_epi16(sc, 4), low)));
    *to.fm = f16_one(b->dmin);
}

/* 16 scales of six bits, less 32, in their order. */
static inline __m128i scales_q3_k(const uint8_t s[12]) {
    const __m128i nib = _mm_loadl_epi64((const __m128i *)(const void *)s);
    const __m128i low = _mm_and_si128(_mm_unpacklo_epi64(nib, _mm_srli_epi16(nib, 4)),
                                      _mm_set1_epi8(15));
    const __m128i pairs = _mm_srlv_epi32(_mm_set1_epi32((int)le32(s + 8)),
                                         _mm_setr_epi32(0, 2, 4, 6));
    const __m128i high = _mm_slli_epi16(_mm_and_si128(pairs, _mm_set1_epi8(3)), 4);
    return _mm_sub_epi8(_mm_or_si128(low, high), _mm_set1_epi8(32));
}

/* A factor for each 16 values: d times a signed byte. */
static inline void put_16_factors(uint32_t *aux, __m128i scales, float d) {
    const __m512 f = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(scales));
    _mm512_storeu_ps(aux, _mm512_mul_ps(f, _mm512_set1_ps(d)));
}

static void q3_k_unpack(const uint8_t *w, unsigned groups, row512 to) {
    (void)groups;
    const block_q3_k *b = (const block_q3_k *)(const void *)w;
    const __m256i hm = load32(b->hm);
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        const int k = 2 * (i % 2);
        const __m512i low = masked(shifted(load32(b->q + 32 * (i / 2)), 2 * k, 2 * k + 2), 3);
        const __m512i bit = _mm512_slli_epi16(masked(shifted(hm, 2 * i, 2 * i + 1), 1), 2);
        store64(to.code + 64 * i,
                _mm512_sub_epi8(_mm512_or_si512(low, bit), _mm512_set1_epi8(4)));
    }
    put_16_factors(to.aux, scales_q3_k(b->s), f16_one(b->d));
}

static void q6_k_unpack(const uint8_t *w, unsigned groups, row512 to) {
    (void)groups;
    const block_q6_k *b = (const block_q6_k *)(const void *)w;
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        const int half = i / 2, k = 2 * (i % 2);
        const __m512i bytes = load64(b->ql + 64 * half);
        const __m512i low = masked(k ? _mm512_srli_epi16(bytes, 4) : bytes, 15);
        const __m512i high = masked(shifted(load32(b->qh + 32 * half), 2 * k, 2 * k + 2), 3);
        const __m512i code = _mm512_or_si512(low, _mm512_slli_epi16(high, 4));
        store64(to.code + 64 * i, _mm512_sub_epi8(code, _mm512_set1_epi8(32)));
    }
    put_16_factors(to.aux, load16(b->sc), f16_one(b->d));
}

/* The 8 scales of Q4_K and Q5_K become factors, the 8 mins a pair of words each. */
static inline void put_scales_q4_k(const uint8_t s[12], float d, uint32_t *aux) {
    const uint32_t a = le32(s), b = le32(s + 4), c = le32(s + 8);
    const uint32_t low6 = 0x3f3f3f3f, low4 = 0x0f0f0f0f, low2 = 0x03030303;
    const uint64_t sc = (a & low6) | (uint64_t)((c & low4) | (a >> 6 & low2) << 4) << 32;
    const uint64_t m = (b & low6) | (uint64_t)((c >> 4 & low4) | (b >> 6 & low2) << 4) << 32;
    const __m128i scales = _mm_cvtsi64_si128((long long)sc), mins = _mm_cvtsi64_si128((long long)m);
    put_factors(aux, _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(scales)),
                                   _mm256_set1_ps(d)));
    store32(aux + 8, _mm256_cvtepu8_epi16(_mm_unpacklo_epi8(mins, mins)));
}

static void q4_k_unpack(const uint8_t *w, unsigned groups, row512 to) {
    (void)groups;
    const block_q4_k *b = (const block_q4_k *)(const void *)w;
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++)
        store64(to.code + 64 * i, masked(shifted(load32(b->q + 32 * i), 0, 4), 15));
    put_scales_q4_k(b->s, f16_one(b->d), to.aux);
    *to.fm = f16_one(b->dmin);
}

static void q5_k_unpack(const uint8_t *w, unsigned groups, row512 to) {
    (void)groups;
    const block_q5_k *b = (const block_q5_k *)(const void *)w;
    const __m256i qh = load32(b->qh);
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        const __m512i low = masked(shifted(load32(b->q + 32 * i), 0, 4), 15);
        const __m512i bit = _mm512_slli_epi16(masked(shifted(qh, 2 * i, 2 * i + 1), 1), 4);
        store64(to.code + 64 * i, _mm512_or_si512(low, bit));
    }
    put_scales_q4_k(b->s, f16_one(b->d), to.aux);
    *to.fm = f16_one(b->dmin);
}

#define FORM(name, small_, kind_, few_)                                                         \
    const form512 name##_form512 = {name##_unpack, few_, sizeof(block_##name), small_, kind_};  \
    float name##_dot_avx512(const void *w, const q8_row *a, size_t n) {                         \
        return form512_dot(&name##_form512, w, a, n);                                           \
    }
FORM(q8_0, true, 0, q8_0_few512)
FORM(q4_0, true, 0, q4_0_few512)
FORM(iq4_nl, true, 0, iq4_nl_few512)
FORM(mxfp4, true, 0, mxfp4_few512)
FORM(iq4_xs, false, 0, NULL)
FORM(q2_k, false, FORM_UNSIGNED | FORM_MINS, q2_k_few512)
FORM(q3_k, false, FORM_HALVES, NULL)
FORM(q4_k, false, FORM_UNSIGNED | FORM_MINS, q4_k_few512)
FORM(q5_k, false, FORM_UNSIGNED | FORM_MINS, q5_k_few512)
FORM(q6_k, false, FORM_HALVES, NULL)
