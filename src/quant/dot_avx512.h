/* dot_avx512: what the files for AVX-512 (F, BW, DQ, VL, VNNI) and AMX share.
 *
 * Weights are met 16 rows at a time, 256 values of each. A block is first unpacked by its format to
 * one form: bytes of codes and a factor for each group of 32 (or 16) values. Then words of four
 * codes are turned so that the 16 rows lie side by side; a panel:
 *
 *      code   word k/4 of row 0 | of row 1 | ... | of row 15        64 bytes, for each of 64 k/4
 *      aux    factor g of row 0 | ...                               64 bytes, for each of 16 g
 *
 * So a lane is an output. An activation is the same four codes in all lanes, and nothing is ever
 * summed across lanes. AMX wants weights in the same form.
 *
 * The order of the sums, the same for a single product, a tile and AMX: groups one after the other,
 *
 *      u = f[g] * S[g]                             S: the exact integer sum of 32 products
 *      u = f[2g] * S[2g], u += f[2g+1] * S[2g+1]   where each 16 values have a scale of their own
 *      u -= fm * M[g]                              where there is a minimum; M is exact too
 *      acc += u * d[g]                             d: the scale of the activations
 *
 * where each `+=` and `-=` is one fused multiply-add. f is exact: the product of a half float and a
 * scale of at most eight bits.
 *
 * Products of bytes are of unsigned with signed: codes below zero are met with 128 added, and 128
 * times the sum of the activations is where their sum begins.
 */
#ifndef DS4_QUANT_DOT_AVX512_H
#define DS4_QUANT_DOT_AVX512_H

#include <immintrin.h>
#include <stdalign.h>

#include "quant/formats.h"

enum { PANEL_ROWS = 16, PANEL_VALUES = 256, PANEL_GROUPS = 8, FEW_ROWS = 3 };

typedef enum form_kind {
    FORM_UNSIGNED = 1, /* codes are 0 .. 127, not -128 .. 127           */
    FORM_HALVES = 2,   /* a factor for each 16 values, not each 32      */
    FORM_MINS = 4,     /* a minimum for each 16: with a factor a group  */
} form_kind;

/* A block of a row, unpacked. aux: 16 factors with FORM_HALVES; else 8 factors, then 8 words of two
 * i16 that hold the minima (with FORM_MINS). */
typedef struct row512 {
    uint8_t *code;  /* 256 */
    uint32_t *aux;  /* 16  */
    float *fm;      /* 1   */
} row512;

/* Rows of weights and what is asked of them. */
typedef struct tile512 {
    const uint8_t *w;
    size_t w_stride;
    uint32_t n_w;
    const q8_rows *a;
    const uint32_t *rows;
    uint32_t n_a;
    size_t n;
    float *out;
    size_t out_stride;
} tile512;

/* How a format is met. unpack() fills what its kind has, of `groups` groups (always 8 where blocks
 * have 256 values); few(), which may be NULL, meets 1 .. FEW_ROWS rows of activations. */
typedef struct form512 {
    void (*unpack)(const uint8_t *w, unsigned groups, row512 to);
    void (*few)(const struct tile512 *t);
    uint32_t bytes; /* of 32 values, or of 256 */
    bool small;     /* blocks have 32 values   */
    int kind;
} form512;

typedef struct panel512 {
    alignas(64) uint8_t code[64][64];
    alignas(64) float aux[16][16];
    alignas(64) float fm[16];
} panel512;

/* Values at .. at + 32 * groups - 1 of the first `count` of 16 rows from w; `flip` is xored to each
 * byte of the codes. */
void panel512_fill(panel512 *p, const form512 *f, const uint8_t *w, size_t w_stride, uint32_t count,
                   size_t at, unsigned groups, uint8_t flip);
/* Adds the products of `groups` groups with rows i .. i + n_rows - 1 of the activations to
 * out[i * out_stride + o], o < count, or sets them where `first`. Panels: one for up to 16 outputs,
 * two for up to 32; codes below zero flipped by 128. */
void panel512_meet(const panel512 *p, const form512 *f, const tile512 *t, uint32_t o,
                   uint32_t count, uint32_t i, uint32_t n_rows, size_t at, unsigned groups);
float form512_dot(const form512 *f, const void *w, const q8_row *a, size_t n);
void form512_tile(const form512 *f, const tile512 *t);

/* The formats: TYPE(id, name). */
#define FORMS512(TYPE)                                                                          \
    TYPE(Q_Q8_0, q8_0) TYPE(Q_Q4_0, q4_0) TYPE(Q_IQ4_NL, iq4_nl) TYPE(Q_MXFP4, mxfp4)           \
    TYPE(Q_Q2_K, q2_k) TYPE(Q_Q3_K, q3_k) TYPE(Q_Q4_K, q4_k) TYPE(Q_Q5_K, q5_k)                 \
    TYPE(Q_Q6_K, q6_k) TYPE(Q_IQ2_XXS, iq2_xxs) TYPE(Q_IQ2_XS, iq2_xs) TYPE(Q_IQ2_S, iq2_s)     \
    TYPE(Q_IQ3_XXS, iq3_xxs) TYPE(Q_IQ3_S, iq3_s) TYPE(Q_IQ1_S, iq1_s) TYPE(Q_IQ1_M, iq1_m)     \
    TYPE(Q_IQ4_XS, iq4_xs)

#define DECLARE(id, name)                                                                       \
    extern const form512 name##_form512;                                                        \
    float name##_dot_avx512(const void *w, const q8_row *a, size_t n);
FORMS512(DECLARE)
#undef DECLARE

/* Few rows of activations: dot_avx512_few.c. */
void q8_0_few512(const tile512 *t);
void q4_0_few512(const tile512 *t);
void iq4_nl_few512(const tile512 *t);
void mxfp4_few512(const tile512 *t);
void q2_k_few512(const tile512 *t);
void q4_k_few512(const tile512 *t);
void q5_k_few512(const tile512 *t);
void iq2_xxs_few512(const tile512 *t);

/* Floats, and what belongs to no format: dot_avx512.c. */
#define FLOATS512(TYPE) TYPE(Q_F32, f32) TYPE(Q_F16, f16) TYPE(Q_BF16, bf16)
#define FLOAT_TILE_ENTRY512(id, name) [id] = name##_tile_avx512,
#define DECLARE(id, name)                                                                       \
    float name##_dot_avx512(const void *w, const q8_row *a, size_t n);                          \
    void name##_tile_avx512(const void *w, size_t w_stride, uint32_t n_w, const q8_rows *a,     \
                            const uint32_t *rows, uint32_t n_a, size_t n, float *out,           \
                            size_t out_stride);
FLOATS512(DECLARE)
#undef DECLARE
float f32_sum_avx512(const float *w, const float *x, size_t n);
float exact_avx512(const float *w, const float *x, size_t n);
void q8_avx512(const float *x, size_t n, int8_t *q, float *d, int16_t *sum16);
void f16_load_avx512(const void *in, float *out, size_t n);
void f16_store_avx512(const float *in, void *out, size_t n);

static inline __m512i load64(const void *p) { return _mm512_loadu_si512(p); }
static inline void store64(void *p, __m512i v) { _mm512_storeu_si512(p, v); }
static inline __m256i load32(const void *p) { return _mm256_loadu_si256(p); }
static inline void store32(void *p, __m256i v) { _mm256_storeu_si256(p, v); }
static inline __m128i load16(const void *p) { return _mm_loadu_si128(p); }
static inline float f16_one(const uint8_t p[2]) { return _cvtsh_ss(le16(p)); }

/* Four bytes in each lane; p needs no alignment. */
static inline __m512i spread4(const void *p) {
    int32_t v;
    memcpy(&v, p, sizeof v);
    return _mm512_set1_epi32(v);
}

#endif
