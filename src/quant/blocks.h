/* blocks: how the block formats lie in memory.
 *
 * A row of n values is n / 32 or n / 256 of these structs back to back. The comments give the
 * offset of each member and the value of element i; the arithmetic (which product first) is in
 * the file of the format.
 *
 * I1  Members are bytes: a block has alignment 1 and no padding, so it can be read where it lies
 *     in a mapped file. Numbers of several bytes are little-endian.
 * I2  This file is read by C, by C++ (CUDA) and by Metal; it knows nothing but byte types.
 *
 * d, dmin, m   half floats           q, qs    codes, several to a byte
 * s, sc        packed scales         qh, hm   the high bits of codes
 */
#ifndef DS4_QUANT_BLOCKS_H
#define DS4_QUANT_BLOCKS_H

#ifndef __METAL_VERSION__
#include <stdint.h>
#endif

#ifdef __cplusplus
#define BLOCK_BYTES(type, n) static_assert(sizeof(type) == (n), #type)
#else
#define BLOCK_BYTES(type, n) _Static_assert(sizeof(type) == (n), #type)
#endif

/* ---- 32 values a block ---- */

/* d * q[i] */
typedef struct block_q8_0 {
    uint8_t d[2]; /*  0 */
    int8_t q[32]; /*  2 */
} block_q8_0;
BLOCK_BYTES(block_q8_0, 34);

/* d * (nibble - 8); byte j holds element j low and element j + 16 high */
typedef struct block_q4_0 {
    uint8_t d[2];  /*  0 */
    uint8_t q[16]; /*  2 */
} block_q4_0;
BLOCK_BYTES(block_q4_0, 18);

/* d * nibble + m; nibbles as in Q4_0 */
typedef struct block_q4_1 {
    uint8_t d[2];  /*  0 */
    uint8_t m[2];  /*  2 */
    uint8_t q[16]; /*  4 */
} block_q4_1;
BLOCK_BYTES(block_q4_1, 20);

/* d * (code - 16); low bits as in Q4_0, the fifth is bit i of the u32 qh */
typedef struct block_q5_0 {
    uint8_t d[2];  /*  0 */
    uint8_t qh[4]; /*  2 */
    uint8_t q[16]; /*  6 */
} block_q5_0;
BLOCK_BYTES(block_q5_0, 22);

/* d * code + m; codes as in Q5_0 */
typedef struct block_q5_1 {
    uint8_t d[2];  /*  0 */
    uint8_t m[2];  /*  2 */
    uint8_t qh[4]; /*  4 */
    uint8_t q[16]; /*  8 */
} block_q5_1;
BLOCK_BYTES(block_q5_1, 24);

/* d * iq4nl_values[nibble]; nibbles as in Q4_0 */
typedef struct block_iq4_nl {
    uint8_t d[2];  /*  0 */
    uint8_t q[16]; /*  2 */
} block_iq4_nl;
BLOCK_BYTES(block_iq4_nl, 18);

/* 2^(e-128) * mxfp4_values[nibble]; nibbles as in Q4_0 */
typedef struct block_mxfp4 {
    uint8_t e;     /*  0 */
    uint8_t q[16]; /*  1 */
} block_mxfp4;
BLOCK_BYTES(block_mxfp4, 17);

/* ---- 256 values a block: codes with scales of their own each 16 or 32 values ---- */

/* d * scale * code - dmin * min; 16 sub-blocks, scale low and min high in sc[i/16].
 * Code i: bits 2*(i%128/32) of q[32*(i/128) + i%32]. */
typedef struct block_q2_k {
    uint8_t sc[16];  /*  0 */
    uint8_t q[64];   /* 16 */
    uint8_t d[2];    /* 80 */
    uint8_t dmin[2]; /* 82 */
} block_q2_k;
BLOCK_BYTES(block_q2_k, 84);

/* d * (scale - 32) * (code - 4); low bits as in Q2_K, the third is bit i/32 of hm[i%32].
 * 16 scales of six bits: low nibbles in s[0..7], high pairs in s[8..11]. */
typedef struct block_q3_k {
    uint8_t hm[32]; /*   0 */
    uint8_t q[64];  /*  32 */
    uint8_t s[12];  /*  96 */
    uint8_t d[2];   /* 108 */
} block_q3_k;
BLOCK_BYTES(block_q3_k, 110);

/* d * scale * code - dmin * min; 8 sub-blocks, six-bit scales and mins interleaved in s.
 * Byte 32*(i/64) + i%32 holds the code of the even sub-block low, of the odd one high. */
typedef struct block_q4_k {
    uint8_t d[2];    /*  0 */
    uint8_t dmin[2]; /*  2 */
    uint8_t s[12];   /*  4 */
    uint8_t q[128];  /* 16 */
} block_q4_k;
BLOCK_BYTES(block_q4_k, 144);

/* As Q4_K, with a fifth bit: bit i/32 of qh[i%32]. */
typedef struct block_q5_k {
    uint8_t d[2];    /*  0 */
    uint8_t dmin[2]; /*  2 */
    uint8_t s[12];   /*  4 */
    uint8_t qh[32];  /* 16 */
    uint8_t q[128];  /* 48 */
} block_q5_k;
BLOCK_BYTES(block_q5_k, 176);

/* d * sc[i/16] * (code - 32). With h = i/128, g = i%128/32, l = i%32: low nibble from
 * ql[64h + 32(g&1) + l] (high half for g >= 2), high pair from bits 2g of qh[32h + l]. */
typedef struct block_q6_k {
    uint8_t ql[128]; /*   0 */
    uint8_t qh[64];  /* 128 */
    int8_t sc[16];   /* 192 */
    uint8_t d[2];    /* 208 */
} block_q6_k;
BLOCK_BYTES(block_q6_k, 210);

/* ---- 256 values a block: indices into a codebook of magnitudes, and signs ---- */

/* 8 groups of 8 bytes: four indices of 8 values each, then a u32: 4 x 7 sign bits and a nibble
 * of scale on top. */
typedef struct block_iq2_xxs {
    uint8_t d[2];   /*  0 */
    uint8_t qs[64]; /*  2 */
} block_iq2_xxs;
BLOCK_BYTES(block_iq2_xxs, 66);

/* 32 u16, one for 8 values: 9 bits of index, 7 of sign; sc[i/32]: a scale nibble for each 16 */
typedef struct block_iq2_xs {
    uint8_t d[2];   /*  0 */
    uint8_t qs[64]; /*  2 */
    uint8_t sc[8];  /* 66 */
} block_iq2_xs;
BLOCK_BYTES(block_iq2_xs, 74);

/* 32 indices of 10 bits (two of them in qh), a byte of signs for each; scales as in IQ2_XS */
typedef struct block_iq2_s {
    uint8_t d[2];      /*  0 */
    uint8_t qs[32];    /*  2 */
    uint8_t signs[32]; /* 34 */
    uint8_t qh[8];     /* 66 */
    uint8_t sc[8];     /* 74 */
} block_iq2_s;
BLOCK_BYTES(block_iq2_s, 82);

/* 64 indices of 4 values each; u32 a group of 32 as in IQ2_XXS */
typedef struct block_iq3_xxs {
    uint8_t d[2];    /*  0 */
    uint8_t qs[64];  /*  2 */
    uint8_t sas[32]; /* 66 */
} block_iq3_xxs;
BLOCK_BYTES(block_iq3_xxs, 98);

/* 64 indices of 9 bits (bit 8 in qh), a sign bit a value, a scale nibble for each 32 */
typedef struct block_iq3_s {
    uint8_t d[2];      /*   0 */
    uint8_t qs[64];    /*   2 */
    uint8_t qh[8];     /*  66 */
    uint8_t signs[32]; /*  74 */
    uint8_t sc[4];     /* 106 */
} block_iq3_s;
BLOCK_BYTES(block_iq3_s, 110);

/* 32 indices of 11 bits into rows of -1, 0, 1. qh holds a u16 for each 32 values: 4 x 3 high bits
 * of index, 3 bits of scale, the sign of the shift of 1/8 that all 32 get. */
typedef struct block_iq1_s {
    uint8_t d[2];   /*  0 */
    uint8_t qs[32]; /*  2 */
    uint8_t qh[16]; /* 34 */
} block_iq1_s;
BLOCK_BYTES(block_iq1_s, 50);

/* As IQ1_S with a nibble of qh for each 8 values: 3 high bits of index, the sign of the shift.
 * s holds 4 u16: 4 x 3 bits of scale each, and on top a nibble of the half float d. */
typedef struct block_iq1_m {
    uint8_t qs[32]; /*  0 */
    uint8_t qh[16]; /* 32 */
    uint8_t s[8];   /* 48 */
} block_iq1_m;
BLOCK_BYTES(block_iq1_m, 56);

/* d * (scale - 32) * iq4nl_values[nibble]; 8 scales of six bits: low nibbles in sl, high pairs in
 * the u16 sh; each 32 values have 16 bytes of q with nibbles as in Q4_0 */
typedef struct block_iq4_xs {
    uint8_t d[2];   /*  0 */
    uint8_t sh[2];  /*  2 */
    uint8_t sl[4];  /*  4 */
    uint8_t q[128]; /*  8 */
} block_iq4_xs;
BLOCK_BYTES(block_iq4_xs, 136);

#endif
