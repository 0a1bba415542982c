/* dot_avx512_tile: panels of weights and activations met, and single products, of any form.
 *
 * Two panels (32 outputs) and four rows of activations at a time: for each four values 8 products
 * of 64 bytes need two loads of weights and four of activations, which are spread by the load. The
 * sums of a group are integers in 8 registers, those of the row 8 more.
 *
 * Between two blocks of 256 values the sums of all rows wait in the result itself: a block of the
 * weights is unpacked once for all rows.
 */
#include "quant/dot_avx512_codes.h"

/* ---- panels ---- */

static inline const uint8_t *block_at(const form512 *f, const uint8_t *row, size_t at) {
    return row + at / (f->small ? 32 : 256) * f->bytes;
}

void panel512_fill(panel512 *p, const form512 *f, const uint8_t *w, size_t w_stride, uint32_t count,
                   size_t at, unsigned groups, uint8_t flip) {
    alignas(64) uint8_t code[16][256];
    alignas(64) uint32_t aux[16][16];
    const __m512i x = _mm512_set1_epi8((char)flip);
    for (uint32_t o = 0; o < 16; o++) {
        if (o < count) {
            const uint8_t *block = block_at(f, w + o * w_stride, at);
            f->unpack(block, groups, (row512){code[o], aux[o], p->fm + o});
        } else {
            memset(code[o], 0, sizeof code[o]);
            memset(aux[o], 0, sizeof aux[o]);
            p->fm[o] = 0;
        }
    }
    for (unsigned k = 0; k < 2 * groups; k++) turn(code[0] + 16 * k, 256, x, p->code + 4 * k);
    const __m512i none = _mm512_setzero_si512();
    for (int k = 0; k < 4; k++) turn((const uint8_t *)(aux[0] + 4 * k), 64, none, p->aux + 4 * k);
}

/* ---- many rows ---- */

/* Rows of activations: where each one's group begins. */
typedef struct meeting {
    const int8_t *q[4];
    const float *d[4];
    const int16_t *sum16[4];
    float *out[4];
} meeting;

/* -128 times the sum of one half or of both, where codes were flipped. */
static inline __m512i begin(int kind, const int16_t *sum16, int32_t factors) {
    const __m512i zero = _mm512_setzero_si512();
    if (kind & FORM_UNSIGNED) return zero;
    return _mm512_dpwssd_epi32(zero, spread4(sum16), _mm512_set1_epi32(factors));
}

enum { BOTH = (int32_t)0xff80ff80, LOW = 0xff80, HIGH = (int32_t)0xff800000 };

/* s += the products of `words` words of four codes. */
static inline __attribute__((always_inline)) void add_words(__m512i s[4][2], const panel512 *p,
                                                            const meeting *m, size_t word,
                                                            size_t words, unsigned n_r,
                                                            unsigned n_p) {
#pragma GCC unroll 8
    for (size_t k = word; k < word + words; k++) {
        __m512i w[2];
#pragma GCC unroll 2
        for (unsigned v = 0; v < n_p; v++) w[v] = _mm512_load_si512(p[v].code[k]);
#pragma GCC unroll 4
        for (unsigned r = 0; r < n_r; r++) {
            const __m512i x = spread4(m->q[r] + 4 * k);
#pragma GCC unroll 2
            for (unsigned v = 0; v < n_p; v++) s[r][v] = _mm512_dpbusd_epi32(s[r][v], w[v], x);
        }
    }
}

/* The sums of a group: u of each row and panel. */
static inline __attribute__((always_inline)) void group_sums(__m512 u[4][2], const panel512 *p,
                                                             const meeting *m, size_t g, int kind,
                                                             unsigned n_r, unsigned n_p) {
    __m512i s[4][2];
    const bool halves = kind & FORM_HALVES;
#pragma GCC unroll 4
    for (unsigned r = 0; r < n_r; r++)
        s[r][0] = s[r][1] = begin(kind, m->sum16[r] + 2 * g, halves ? LOW : BOTH);
    add_words(s, p, m, 8 * g, halves ? 4 : 8, n_r, n_p);
#pragma GCC unroll 4
    for (unsigned r = 0; r < n_r; r++)
#pragma GCC unroll 2
        for (unsigned v = 0; v < n_p; v++)
            u[r][v] = _mm512_mul_ps(_mm512_load_ps(p[v].aux[halves ? 2 * g : g]),
                                    _mm512_cvtepi32_ps(s[r][v]));
    if (!halves) return;
#pragma GCC unroll 4
    for (unsigned r = 0; r < n_r; r++)
        s[r][0] = s[r][1] = begin(kind, m->sum16[r] + 2 * g, HIGH);
    add_words(s, p, m, 8 * g + 4, 4, n_r, n_p);
#pragma GCC unroll 4
    for (unsigned r = 0; r < n_r; r++)
#pragma GCC unroll 2
        for (unsigned v = 0; v < n_p; v++)
            u[r][v] = _mm512_fmadd_ps(_mm512_load_ps(p[v].aux[2 * g + 1]),
                                      _mm512_cvtepi32_ps(s[r][v]), u[r][v]);
}

static inline __m512 less_minimum(__m512 u, const panel512 *p, const int16_t *sum16, size_t g) {
    const __m512i min = _mm512_load_si512(p->aux[8 + g]);
    const __m512i m = _mm512_dpwssd_epi32(_mm512_setzero_si512(), min, spread4(sum16 + 2 * g));
    return _mm512_fnmadd_ps(_mm512_load_ps(p->fm), _mm512_cvtepi32_ps(m), u);
}

static inline __attribute__((always_inline)) void meet(const panel512 *p, const meeting *m,
                                                       unsigned groups, bool first, int kind,
                                                       unsigned n_r, unsigned n_p,
                                                       const __mmask16 mask[2]) {
    __m512 acc[4][2];
#pragma GCC unroll 4
    for (unsigned r = 0; r < n_r; r++)
#pragma GCC unroll 2
        for (unsigned v = 0; v < n_p; v++)
            acc[r][v] = first ? _mm512_setzero_ps()
                              : _mm512_maskz_loadu_ps(mask[v], m->out[r] + 16 * v);
    for (size_t g = 0; g < groups; g++) {
        __m512 u[4][2];
        group_sums(u, p, m, g, kind, n_r, n_p);
#pragma GCC unroll 4
        for (unsigned r = 0; r < n_r; r++) {
            const __m512 d = _mm512_set1_ps(m->d[r][g]);
#pragma GCC unroll 2
            for (unsigned v = 0; v < n_p; v++) {
                if (kind & FORM_MINS) u[r][v] = less_minimum(u[r][v], p + v, m->sum16[r], g);
                acc[r][v] = _mm512_fmadd_ps(u[r][v], d, acc[r][v]);
            }
        }
    }
#pragma GCC unroll 4
    for (unsigned r = 0; r < n_r; r++)
#pragma GCC unroll 2
        for (unsigned v = 0; v < n_p; v++)
            _mm512_mask_storeu_ps(m->out[r] + 16 * v, mask[v], acc[r][v]);
}

#define MEET(k, r, p_) meet(p, m, groups, first, k, r, p_, mask)
#define MEET_KIND(name, k)                                                                      \
    static void name(const panel512 *p, const meeting *m, unsigned groups, bool first,         \
                     unsigned n_r, unsigned n_p, const __mmask16 mask[2]) {                     \
        switch (2 * n_r + n_p - 1) {                                                            \
        case 2: MEET(k, 1, 1); break;                                                           \
        case 3: MEET(k, 1, 2); break;                                                           \
        case 4: MEET(k, 2, 1); break;                                                           \
        case 5: MEET(k, 2, 2); break;                                                           \
        case 6: MEET(k, 3, 1); break;                                                           \
        case 7: MEET(k, 3, 2); break;                                                           \
        case 8: MEET(k, 4, 1); break;                                                           \
        default: MEET(k, 4, 2); break;                                                          \
        }                                                                                       \
    }
MEET_KIND(meet_signed, 0)
MEET_KIND(meet_halves, FORM_HALVES)
MEET_KIND(meet_mins, FORM_UNSIGNED | FORM_MINS)

static __mmask16 mask_of(uint32_t n) { return (__mmask16)(n >= 16 ? 0xffff : (1u << n) - 1); }

void panel512_meet(const panel512 *p, const form512 *f, const tile512 *t, uint32_t o,
                   uint32_t count, uint32_t i, uint32_t n_rows, size_t at, unsigned groups) {
    const unsigned n_p = count > 16 ? 2 : 1;
    const __mmask16 mask[2] = {mask_of(count), mask_of(count > 16 ? count - 16 : 0)};
    while (n_rows) {
        const unsigned n_r = n_rows < 4 ? n_rows : 4;
        meeting m;
        for (unsigned r = 0; r < n_r; r++) {
            const q8_row x = q8_rows_at(t->a, t->rows ? t->rows[i + r] : i + r);
            m.q[r] = x.q + at;
            m.d[r] = x.d + at / 32;
            m.sum16[r] = x.sum16 + at / 16;
            m.out[r] = t->out + (i + r) * t->out_stride + o;
        }
        if (f->kind & FORM_MINS) meet_mins(p, &m, groups, at == 0, n_r, n_p, mask);
        else if (f->kind & FORM_HALVES) meet_halves(p, &m, groups, at == 0, n_r, n_p, mask);
        else meet_signed(p, &m, groups, at == 0, n_r, n_p, mask);
        i += n_r;
        n_rows -= n_r;
    }
}

void form512_tile(const form512 *f, const tile512 *t) {
    if (f->few && t->n_a <= FEW_ROWS) {
        f->few(t);
        return;
    }
    const uint8_t flip = f->kind & FORM_UNSIGNED ? 0 : 128;
    panel512 p[2];
    for (uint32_t o = 0; o < t->n_w; o += 32) {
        const uint32_t count = t->n_w - o < 32 ? t->n_w - o : 32;
        const uint8_t *w = t->w + o * t->w_stride;
        if (t->n == 0)
            for (uint32_t i = 0; i < t->n_a; i++)
                memset(t->out + i * t->out_stride + o, 0, count * sizeof(float));
        for (size_t at = 0; at < t->n; at += 256) {
            const unsigned groups = t->n - at < 256 ? (unsigned)((t->n - at) / 32) : 8;
            panel512_fill(p, f, w, t->w_stride, count < 16 ? count : 16, at, groups, flip);
            if (count > 16)
                panel512_fill(p + 1, f, w + 16 * t->w_stride, t->w_stride, count - 16, at, groups,
                              flip);
            panel512_meet(p, f, t, o, count, 0, t->n_a, at, groups);
        }
    }
}

/* ---- one row ---- */

/* The 16 sums of 16 products, in order: lanes are added in three steps, halves stay apart. */
static inline __m512i sums_of_16(const uint8_t *code, __m512i flip, const int8_t *q,
                                 unsigned groups) {
    __m512i s[4];
#pragma GCC unroll 4
    for (unsigned i = 0; i < 4; i++) {
        const __mmask64 m = 2 * i + 2 <= groups ? ~(__mmask64)0 :
                            2 * i + 1 <= groups ? 0xffffffffu : 0;
        const __m512i x = _mm512_maskz_loadu_epi8(m, q + 64 * i);
        const __m512i c = _mm512_xor_si512(load64(code + 64 * i), flip);
        s[i] = _mm512_dpbusd_epi32(_mm512_setzero_si512(), c, x);
    }
    const __m512i a = _mm512_add_epi32(_mm512_unpacklo_epi32(s[0], s[1]),
                                       _mm512_unpackhi_epi32(s[0], s[1]));
    const __m512i b = _mm512_add_epi32(_mm512_unpacklo_epi32(s[2], s[3]),
                                       _mm512_unpackhi_epi32(s[2], s[3]));
    const __m512i h = _mm512_add_epi32(_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b));
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    return _mm512_permutexvar_epi32(order, h);
}

float form512_dot(const form512 *f, const void *w, const q8_row *a, size_t n) {
    alignas(64) uint8_t code[256] = {0};
    alignas(64) uint32_t aux[16] = {0};
    float fm = 0, acc = 0;
    const bool flipped = !(f->kind & FORM_UNSIGNED);
    const __m512i flip = _mm512_set1_epi8(flipped ? -128 : 0);
    for (size_t at = 0; at < n; at += 256) {
        const unsigned groups = n - at < 256 ? (unsigned)((n - at) / 32) : 8;
        int32_t h[16];
        const int16_t *sum16 = a->sum16 + at / 16;
        f->unpack(block_at(f, w, at), groups, (row512){code, aux, &fm});
        store64(h, sums_of_16(code, flip, a->q + at, groups));
        for (unsigned g = 0; g < groups; g++) {
            const int32_t h0 = h[2 * g] - (flipped ? 128 * sum16[2 * g] : 0);
            const int32_t h1 = h[2 * g + 1] - (flipped ? 128 * sum16[2 * g + 1] : 0);
            float u;
            if (f->kind & FORM_HALVES) {
                u = bits_f32(aux[2 * g]) * (float)h0;
                u = __builtin_fmaf(bits_f32(aux[2 * g + 1]), (float)h1, u);
            } else {
                u = bits_f32(aux[g]) * (float)(h0 + h1);
            }
            if (f->kind & FORM_MINS) {
                const int32_t m0 = (int16_t)(aux[8 + g] & 0xffff), m1 = (int16_t)(aux[8 + g] >> 16);
                const int32_t m = m0 * sum16[2 * g] + m1 * sum16[2 * g + 1];
                u = __builtin_fmaf(-fm, (float)m, u);
            }
            acc = __builtin_fmaf(u, a->d[at / 32 + g], acc);
        }
    }
    return acc;
}
