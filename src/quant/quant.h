/* quant: the block formats of GGUF tensors, and dot products with them.
 *
 * A row of n weights is n / block_values blocks of block_bytes each. One file a format (or family)
 * holds its exact dequantisation (bit for bit the reference's: float32, in the order the format
 * defines) and its scalar dot product; dot_avx2.c and its like hold the same products for one
 * instruction set. Layouts are in blocks.h.
 *
 * Dot products come in two kinds:
 *   exact   the row is dequantised to float32 and multiplied with float32 activations, sums in
 *           float64: the reference.
 *   fast    block formats meet activations rounded to 8 bits once a stage (q8 rows, below) in
 *           integer arithmetic; F32, F16 and BF16 weights meet float32 activations.
 *
 * Many activation rows meet a weight row at once in a tile, which decodes the weights only once.
 *
 * I1  A product depends on its two rows only: not on what is computed beside it, nor on the thread.
 *     A tile gives the bits of the fast product of its set, whatever its size: what was computed
 *     for a whole prompt and what for one token are the same numbers.
 * I2  dequant() and the dots read blocks by value (no alignment needed) and accept any bytes
 *     without fault.
 */
#ifndef DS4_QUANT_QUANT_H
#define DS4_QUANT_QUANT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Ids as GGUF files have them. */
typedef enum quant_id {
    Q_F32 = 0, Q_F16 = 1, Q_Q4_0 = 2, Q_Q4_1 = 3, Q_Q5_0 = 6, Q_Q5_1 = 7, Q_Q8_0 = 8,
    Q_Q2_K = 10, Q_Q3_K = 11, Q_Q4_K = 12, Q_Q5_K = 13, Q_Q6_K = 14,
    Q_IQ2_XXS = 16, Q_IQ2_XS = 17, Q_IQ3_XXS = 18, Q_IQ1_S = 19,
    Q_IQ4_NL = 20, Q_IQ3_S = 21, Q_IQ2_S = 22, Q_IQ4_XS = 23,
    Q_I8 = 24, Q_I16 = 25, Q_I32 = 26, Q_I64 = 27, Q_F64 = 28,
    Q_IQ1_M = 29, Q_BF16 = 30, Q_MXFP4 = 39,
    QUANT_IDS = 42
} quant_id;

typedef struct quant_type {
    const char *name;        /* "Q8_0", as in the GGUF world                       */
    quant_id id;
    uint32_t block_values;   /* 1, 32 or 256                                       */
    uint32_t block_bytes;
    /* n values, a whole number of blocks. NULL for integers and F64: they are carried, not
     * computed with. */
    void (*dequant)(const void *blocks, float *out, size_t n);
} quant_type;

const quant_type *quant_find(uint32_t id);         /* NULL if unknown           */
const quant_type *quant_by_name(const char *name); /* any case; NULL if unknown */

/* Bytes of n values; false if n is no whole number of blocks or the size overflows. */
bool quant_bytes(const quant_type *q, uint64_t n, uint64_t *bytes);

/* One activation row, rounded once for all products of a stage.
 *
 * Blocks of 32: d = max|x| / 127, q = round to nearest (ties to even) of x / d, clamped to ±127. A
 * block of zeros has d = 0 and q = 0; one with a value that is not finite has d = NaN and q = 0, so
 * that it shows in every product. sum16 holds the sum of q over each 16, for formats that subtract
 * a minimum. */
typedef struct q8_row {
    const float *x;         /* the row itself, n float32                 */
    const int8_t *q;        /* n codes            (NULL when n % 32 != 0) */
    const float *d;         /* n/32 scales                               */
    const int16_t *sum16;   /* n/16 sums of codes                        */
} q8_row;

/* Products of `n` values: w is a row of weights, a the activations. */
typedef float (*dot_fn)(const void *w, const q8_row *a, size_t n);

/* Rows of activations: row r begins at x + r * stride and q + r * q_stride; q_stride / 32 scales
 * and q_stride / 16 sums a row. */
typedef struct q8_rows {
    const float *x;
    const int8_t *q;
    const float *d;
    const int16_t *sum16;
    size_t stride, q_stride;
} q8_rows;

static inline q8_row q8_rows_at(const q8_rows *a, size_t r) {
    const float *x = a->x + r * a->stride;
    if (!a->q) return (q8_row){.x = x};
    return (q8_row){x, a->q + r * a->q_stride, a->d + r * (a->q_stride / 32),
                    a->sum16 + r * (a->q_stride / 16)};
}

/* out[i * out_stride + o] = row o of the weights . activation row rows[i] (rows NULL: row i), for
 * o < n_w and i < n_a; rows of weights are w_stride bytes apart and have n values. */
typedef void (*tile_fn)(const void *w, size_t w_stride, uint32_t n_w, const q8_rows *a,
                        const uint32_t *rows, uint32_t n_a, size_t n, float *out,
                        size_t out_stride);

/* The products one instruction set offers. */
typedef struct dot_set {
    const char *isa;                        /* "scalar", "avx2"                       */
    bool passed_over;                       /* right, but not faster: dot_best takes another */
    dot_fn fast[QUANT_IDS];                 /* by quant_id; NULL: not computed with   */
    tile_fn tile[QUANT_IDS];                /* NULL: use fast, pair by pair           */
    float (*f32)(const float *w, const float *x, size_t n);    /* float32 sums        */
    float (*exact)(const float *w, const float *x, size_t n);  /* float64 sums        */
    /* Fills the parts of a q8_row; n % 32 == 0. */
    void (*q8)(const float *x, size_t n, int8_t *q, float *d, int16_t *sum16);
    void (*f16_load)(const void *in, float *out, size_t n);    /* cached rows; the bits of    */
    void (*f16_store)(const float *in, void *out, size_t n);   /* the portable conversions    */
} dot_set;

const dot_set *dot_scalar(void);
const dot_set *dot_best(void);              /* the fastest here; asks the processor: call once */
const dot_set *dot_set_at(size_t i);        /* all sets that run here, the slowest (scalar) first;
                                             * NULL behind the last                            */
/* A tile of a type with any set, as tile_fn has it. */
void dot_tile(const dot_set *set, const quant_type *t, const void *w, size_t w_stride, uint32_t n_w,
              const q8_rows *a, const uint32_t *rows, uint32_t n_a, size_t n, float *out,
              size_t out_stride);

/* Half formats, exact both ways (ties to even on the way down). */
float f16_to_f32(uint16_t h);
uint16_t f32_to_f16(float f);   /* overflow gives infinity */
float bf16_to_f32(uint16_t h);
uint16_t f32_to_bf16(float f);

/* FP8 E4M3FN and E8M0, FP4 E2M1: the official checkpoint's storage. */
float e4m3_to_f32(uint8_t b);               /* 0x7f and 0xff are NaN                  */
uint8_t f32_to_e4m3(float f);               /* clamps to ±448, ties to even           */
float e8m0_to_f32(uint8_t b);               /* 2^(b-127), 0 is 2^-127, 255 is NaN     */
extern const float e2m1_values[16];         /* by code; 8..15 are the negatives       */

/* What is written: row of n values to blocks. n is a whole number of blocks. */
void quantize_f16(const float *x, void *out, size_t n);
void quantize_bf16(const float *x, void *out, size_t n);
void quantize_q8_0(const float *x, void *out, size_t n);

/* The official roundings of cached rows (spec: "Q8" and "Q4"), in place.
 * round_kv: blocks of `block` (64; the last may be shorter) to e4m3 with a power-of-two scale.
 * round_index: blocks of 32 to e2m1 with a power-of-two scale; the last may be shorter.
 * hadamard: x = n^(-1/2) H x, natural order; n a power of two. Float32 adds, stage by stage. */
void round_kv(float *x, size_t n, size_t block);
void round_index(float *x, size_t n);
void hadamard(float *x, size_t n);

#endif
