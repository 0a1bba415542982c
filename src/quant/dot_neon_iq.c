/* dot_neon_iq: the codebook formats.
 *
 * Rows of a codebook are loaded one by one, two rows of eight to a register. Sign bits become
 * bytes of 0 or -1 without a table: a byte of eight signs is copied to eight bytes, and where
 * bit j of copy j is set the code is negated. Formats with seven stored signs get the eighth
 * from the number of bits in the seven, for 128 values at once.
 *
 * IQ1 codes are in eighths, 8 * row ± 1, so that the shift needs no sum of its own; d is an
 * eighth.
 */
#include "quant/block_neon.h"
#include "quant/tables.h"

/* Two rows of eight values. */
INLINE int8x16_t rows8(const uint64_t *r0, const uint64_t *r1) {
    return vreinterpretq_s8_u64(vcombine_u64(vld1_u64(r0), vld1_u64(r1)));
}

/* Four rows of four. */
INLINE int8x16_t rows4(const uint32_t *r0, const uint32_t *r1, const uint32_t *r2,
                       const uint32_t *r3) {
    uint32x4_t v = vdupq_n_u32(*r0);
    v = vld1q_lane_u32(r1, v, 1);
    v = vld1q_lane_u32(r2, v, 2);
    return vreinterpretq_s8_u32(vld1q_lane_u32(r3, v, 3));
}

/* All bits of a byte where its sign bit is set: `signs` holds those of 128 values, these
 * are the 16 from 16 * k on. */
INLINE int8x16_t minus_at(uint8x16_t signs, int k) {
    static const uint8_t first[16] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1};
    const uint8x16_t place = vaddq_u8(vld1q_u8(first), vdupq_n_u8((uint8_t)(2 * k)));
    const uint8x16_t bit = vreinterpretq_u8_u64(vdupq_n_u64(0x8040201008040201u));
    return vreinterpretq_s8_u8(vtstq_u8(vqtbl1q_u8(signs, place), bit));
}

INLINE int8x16_t with_signs(int8x16_t code, uint8x16_t signs, int k) {
    const int8x16_t minus = minus_at(signs, k);
    return vsubq_s8(veorq_s8(code, minus), minus);
}

/* Adds the eighth sign bit to seven: it makes the number of minus signs even. */
INLINE uint8x16_t eighth_sign(uint8x16_t seven) {
    return vsliq_n_u8(seven, vcntq_u8(seven), 7);
}

/* Of four words with four fields of seven signs: a byte of eight signs for each field. */
INLINE uint8x16_t signs_of_words(uint32x4_t w) {
    uint32x4_t v = vandq_u32(w, vdupq_n_u32(0x7f));
    v = vorrq_u32(v, vandq_u32(vshlq_n_u32(w, 1), vdupq_n_u32(0x7f00)));
    v = vorrq_u32(v, vandq_u32(vshlq_n_u32(w, 2), vdupq_n_u32(0x7f0000)));
    v = vorrq_u32(v, vandq_u32(vshlq_n_u32(w, 3), vdupq_n_u32(0x7f000000)));
    return eighth_sign(vreinterpretq_u8_u32(v));
}

/* The nibbles on top of them as 2 * nibble + 1. */
INLINE int32x4_t scales_of_words(uint32x4_t w) {
    return vreinterpretq_s32_u32(vorrq_u32(vshrq_n_u32(w, 27), vdupq_n_u32(1)));
}

INLINE uint32x4_t words(const uint8_t *p) {
    return vreinterpretq_u32_u8(vld1q_u8(p));
}

INLINE void iq2_xxs_load(const uint8_t *p, loaded *b) {
    const block_iq2_xxs *in = (const void *)p;
#pragma GCC unroll 2
    for (int half = 0; half < 2; half++) {
        const uint8_t *q = in->qs + 32 * half;
        const uint32x4_t w = vuzp2q_u32(words(q), words(q + 16));
        const uint8x16_t signs = signs_of_words(w);
        b->by_32[half] = scales_of_words(w);
#pragma GCC unroll 8
        for (int k = 0; k < 8; k++) {
            const uint8_t *at = q + 8 * (k / 2) + 2 * (k % 2);
            b->c[8 * half + k] =
                with_signs(rows8(iq2xxs_grid + at[0], iq2xxs_grid + at[1]), signs, k);
        }
    }
    b->d = 0.125f * f16_one(in->d);
}

/* Scale nibbles of IQ2_XS and IQ2_S, low for the first 16 of 32 values, as 2 * nibble + 1. */
INLINE int8x16_t scales_of_nibbles(const uint8_t sc[8]) {
    const uint8x8_t v = vld1_u8(sc);
    const uint8x8_t low = vand_u8(v, vdup_n_u8(15)), high = vshr_n_u8(v, 4);
    const uint8x16_t nib = vcombine_u8(vzip1_u8(low, high), vzip2_u8(low, high));
    return vreinterpretq_s8_u8(vorrq_u8(vshlq_n_u8(nib, 1), vdupq_n_u8(1)));
}

INLINE void iq2_xs_load(const uint8_t *p, loaded *b) {
    const block_iq2_xs *in = (const void *)p;
    b->by_16 = scales_of_nibbles(in->sc);
#pragma GCC unroll 2
    for (int half = 0; half < 2; half++) {
        const uint8_t *q = in->qs + 32 * half;
        const uint8x16_t odd = vuzp2q_u8(vld1q_u8(q), vld1q_u8(q + 16)); /* the u16s' high bytes */
        const uint8x16_t signs = eighth_sign(vshrq_n_u8(odd, 1));
#pragma GCC unroll 8
        for (int k = 0; k < 8; k++) {
            const uint32_t two = le32(q + 4 * k);
            const int8x16_t rows = rows8(iq2xs_grid + (two & 511), iq2xs_grid + (two >> 16 & 511));
            b->c[8 * half + k] = with_signs(rows, signs, k);
        }
    }
    b->d = 0.125f * f16_one(in->d);
}

INLINE void iq2_s_load(const uint8_t *p, loaded *b) {
    const block_iq2_s *in = (const void *)p;
    b->by_16 = scales_of_nibbles(in->sc);
#pragma GCC unroll 16
    for (int j = 0; j < 16; j++) {
        const uint8_t *at = in->qs + 2 * j;
        const unsigned h = (unsigned)in->qh[j / 2] >> 4 * (j % 2);
        const int8x16_t rows =
            rows8(iq2s_grid + (at[0] | (h << 8 & 0x300)), iq2s_grid + (at[1] | (h << 6 & 0x300)));
        b->c[j] = with_signs(rows, vld1q_u8(in->signs + 16 * (j / 8)), j % 8);
    }
    b->d = 0.125f * f16_one(in->d);
}

INLINE void iq3_xxs_load(const uint8_t *p, loaded *b) {
    const block_iq3_xxs *in = (const void *)p;
    const uint32_t *grid = iq3xxs_grid;
#pragma GCC unroll 2
    for (int half = 0; half < 2; half++) {
        const uint32x4_t w = words(in->sas + 16 * half);
        const uint8x16_t signs = signs_of_words(w);
        b->by_32[half] = scales_of_words(w);
#pragma GCC unroll 8
        for (int k = 0; k < 8; k++) {
            const uint8_t *at = in->qs + 32 * half + 4 * k;
            const int8x16_t rows = rows4(grid + at[0], grid + at[1], grid + at[2], grid + at[3]);
            b->c[8 * half + k] = with_signs(rows, signs, k);
        }
    }
    b->d = 0.25f * f16_one(in->d);
}

INLINE void iq3_s_load(const uint8_t *p, loaded *b) {
    const block_iq3_s *in = (const void *)p;
    const uint32_t *grid = iq3s_grid;
    const uint32_t s = le32(in->sc);
    const uint8x8_t nib = vreinterpret_u8_u32(vdup_n_u32(s));
    const uint16x8_t wide = vmovl_u8(vzip1_u8(vand_u8(nib, vdup_n_u8(15)), vshr_n_u8(nib, 4)));
    const uint16x8_t odd = vorrq_u16(vshlq_n_u16(wide, 1), vdupq_n_u16(1));
    b->by_32[0] = vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(odd)));
    b->by_32[1] = vreinterpretq_s32_u32(vmovl_high_u16(odd));
#pragma GCC unroll 16
    for (int j = 0; j < 16; j++) {
        const uint8_t *at = in->qs + 4 * j;
        const unsigned h = (unsigned)in->qh[j / 2] >> 4 * (j % 2);
        const int8x16_t rows =
            rows4(grid + (at[0] | (h << 8 & 0x100)), grid + (at[1] | (h << 7 & 0x100)),
                  grid + (at[2] | (h << 6 & 0x100)), grid + (at[3] | (h << 5 & 0x100)));
        b->c[j] = with_signs(rows, vld1q_u8(in->signs + 16 * (j / 8)), j % 8);
    }
    b->d = f16_one(in->d);
}

/* Codes in eighths; `minus` is -1 where the shift is negative, else 0. */
INLINE int8x16_t eighths(int8x16_t rows, int8x16_t minus) {
    return vaddq_s8(vshlq_n_s8(rows, 3), vorrq_s8(minus, vdupq_n_s8(1)));
}

INLINE void iq1_s_load(const uint8_t *p, loaded *b) {
    const block_iq1_s *in = (const void *)p;
    const uint16x8_t h8 = vreinterpretq_u16_u8(vld1q_u8(in->qh));
    const uint16x8_t three = vandq_u16(vshrq_n_u16(h8, 11), vdupq_n_u16(14));
    const uint16x8_t odd = vorrq_u16(three, vdupq_n_u16(1));
    b->by_32[0] = vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(odd)));
    b->by_32[1] = vreinterpretq_s32_u32(vmovl_high_u16(odd));
#pragma GCC unroll 16
    for (int j = 0; j < 16; j++) {
        const uint8_t *at = in->qs + 2 * j;
        const unsigned all = le16(in->qh + 2 * (j / 2)), h = all >> 6 * (j % 2);
        const int8x16_t rows =
            rows8(iq1s_grid + (at[0] | (h << 8 & 0x700)), iq1s_grid + (at[1] | (h << 5 & 0x700)));
        b->c[j] = eighths(rows, vdupq_n_s8((int8_t) - (int)(all >> 15)));
    }
    b->d = 0.125f * f16_one(in->d);
}

INLINE void iq1_m_load(const uint8_t *p, loaded *b) {
    const block_iq1_m *in = (const void *)p;
    static const int16_t right[8] = {0, -3, -6, -9, 0, -3, -6, -9};
    /* Bit 3 of each nibble of qh is the sign of a shift: byte j has those of 16 values. */
    const uint8x16_t qh = vld1q_u8(in->qh);
    const uint8x16_t bit = vreinterpretq_u8_u64(
        vcombine_u64(vcreate_u64(0x0808080808080808), vcreate_u64(0x8080808080808080)));
    const uint64_t s = le64(in->s);
    uint16x8_t k[2];
#pragma GCC unroll 2
    for (int i = 0; i < 2; i++) {
        const uint16x4_t lo = vdup_n_u16((uint16_t)(s >> 32 * i));
        const uint16x4_t hi = vdup_n_u16((uint16_t)(s >> (32 * i + 16)));
        const uint16x8_t field =
            vandq_u16(vshlq_u16(vcombine_u16(lo, hi), vld1q_s16(right)), vdupq_n_u16(7));
        k[i] = vorrq_u16(vshlq_n_u16(field, 1), vdupq_n_u16(1));
    }
    b->by_16 = vreinterpretq_s8_u8(vcombine_u8(vmovn_u16(k[0]), vmovn_u16(k[1])));
#pragma GCC unroll 16
    for (int j = 0; j < 16; j++) {
        const uint8_t *at = in->qs + 2 * j;
        const unsigned h = in->qh[j];
        const int8x16_t rows =
            rows8(iq1s_grid + (at[0] | (h << 8 & 0x700)), iq1s_grid + (at[1] | (h << 4 & 0x700)));
        const uint8x16_t mine = vqtbl1q_u8(qh, vdupq_n_u8((uint8_t)j));
        b->c[j] = eighths(rows, vreinterpretq_s8_u8(vtstq_u8(mine, bit)));
    }
    const uint8_t d[2] = {(uint8_t)(in->s[1] >> 4 | (in->s[3] & 0xf0)),
                          (uint8_t)(in->s[5] >> 4 | (in->s[7] & 0xf0))};
    b->d = 0.125f * f16_one(d);
}

BLOCKS_OF_256(iq2_xxs, NEON_BY_32, 0)
BLOCKS_OF_256(iq2_xs, NEON_BY_16, 0)
BLOCKS_OF_256(iq2_s, NEON_BY_16, 0)
BLOCKS_OF_256(iq3_xxs, NEON_BY_32, 0)
BLOCKS_OF_256(iq3_s, NEON_BY_32, 0)
BLOCKS_OF_256(iq1_s, NEON_BY_32, 0)
BLOCKS_OF_256(iq1_m, NEON_BY_16, 0)
