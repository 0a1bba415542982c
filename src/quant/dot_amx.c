/* dot_amx: tiles of many activation rows on the matrix unit of AMX-INT8; all else is dot_avx512.
 *
 * A group's sums, for 16 rows and 16 outputs, are one product of two registers of the unit:
 *
 *      16 rows x 32 codes of activations   *   8 x 16 words of a panel   =   16 x 16 sums
 *
 * (half as deep where each 16 values have a factor). Four groups' sums are stored, and become
 * floats as dot_avx512.h has it: the bits are those of that set.
 *
 * The system must have let the process use the unit (dot.c asks). A thread's registers are set up
 * at the begin of a tile and released at its end, so that no switch of threads saves 8 KB.
 */
#include "quant/dot_avx512.h"

/* Fewer rows are met faster by dot_avx512: a product takes as long for 1 row as for 16. */
enum { FEWEST_ROWS = 5, SUMS = 4 };

typedef struct tile_config {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} tile_config;
_Static_assert(sizeof(tile_config) == 64, "as the processor reads it");

/* What 16 rows and one panel have in common. */
typedef struct stage {
    alignas(64) int8_t q[16][256];
    alignas(64) int32_t sums[SUMS][16][16];
    const float *d[16];
    const int16_t *sum16[16];
    float *out[16];
} stage;

/* Registers 0 .. 3 hold sums, 4 and 5 activations, 6 and 7 weights. */
static void set_up(int kind) {
    const bool halves = kind & FORM_HALVES;
    alignas(64) tile_config c = {.palette = 1};
    for (int k = 0; k < 4; k++) c.row_bytes[k] = 64, c.rows[k] = 16;
    for (int k = 4; k < 6; k++) c.row_bytes[k] = halves ? 16 : 32, c.rows[k] = 16;
    for (int k = 6; k < 8; k++) c.row_bytes[k] = 64, c.rows[k] = halves ? 4 : 8;
    _tile_loadconfig(&c);
}

/* Not every compiler knows that loading a register of the unit reads memory. */
static inline void memory_is_read(void) { __asm__ volatile("" ::: "memory"); }

/* Sums s .. s + n - 1 of the panel, n <= 4. */
static void multiply(stage *st, const panel512 *p, unsigned s, unsigned n, bool halves) {
    const size_t depth = halves ? 16 : 32;
    const int8_t *q = st->q[0] + depth * s;
    const uint8_t *w = p->code[0] + 16 * depth * s;
    memory_is_read();
    _tile_zero(0);
    _tile_loadd(4, q, 256);
    _tile_loadd(6, w, 64);
    _tile_dpbssd(0, 4, 6);
    _tile_stored(0, st->sums[0], 64);
    if (n > 1) {
        _tile_zero(1);
        _tile_loadd(5, q + depth, 256);
        _tile_loadd(7, w + 16 * depth, 64);
        _tile_dpbssd(1, 5, 7);
        _tile_stored(1, st->sums[1], 64);
    }
    if (n > 2) {
        _tile_zero(2);
        _tile_loadd(4, q + 2 * depth, 256);
        _tile_loadd(6, w + 32 * depth, 64);
        _tile_dpbssd(2, 4, 6);
        _tile_stored(2, st->sums[2], 64);
    }
    if (n > 3) {
        _tile_zero(3);
        _tile_loadd(5, q + 3 * depth, 256);
        _tile_loadd(7, w + 48 * depth, 64);
        _tile_dpbssd(3, 5, 7);
        _tile_stored(3, st->sums[3], 64);
    }
}

static inline __m512 less_minimum(__m512 u, const panel512 *p, const int16_t *sum16, size_t g) {
    const __m512i min = _mm512_load_si512(p->aux[8 + g]);
    const __m512i m = _mm512_dpwssd_epi32(_mm512_setzero_si512(), min, spread4(sum16 + 2 * g));
    return _mm512_fnmadd_ps(_mm512_load_ps(p->fm), _mm512_cvtepi32_ps(m), u);
}

/* Groups from `g` on, as many as the n sums have, join the results of the rows. */
static inline __attribute__((always_inline)) void join(const stage *st, const panel512 *p,
                                                       unsigned g, unsigned n, bool first,
                                                       unsigned n_rows, unsigned column,
                                                       __mmask16 mask, int kind) {
    const unsigned each = kind & FORM_HALVES ? 2 : 1;
    for (unsigned r = 0; r < n_rows; r++) {
        float *out = st->out[r] + column;
        __m512 acc = first ? _mm512_setzero_ps() : _mm512_maskz_loadu_ps(mask, out);
        for (unsigned k = 0; k < n / each; k++) {
            __m512 u = _mm512_mul_ps(_mm512_load_ps(p->aux[each * (g + k)]),
                                     _mm512_cvtepi32_ps(_mm512_load_si512(st->sums[each * k][r])));
            if (kind & FORM_HALVES) {
                const __m512i s = _mm512_load_si512(st->sums[2 * k + 1][r]);
                u = _mm512_fmadd_ps(_mm512_load_ps(p->aux[2 * (g + k) + 1]),
                                    _mm512_cvtepi32_ps(s), u);
            }
            if (kind & FORM_MINS) u = less_minimum(u, p, st->sum16[r], g + k);
            acc = _mm512_fmadd_ps(u, _mm512_set1_ps(st->d[r][g + k]), acc);
        }
        _mm512_mask_storeu_ps(out, mask, acc);
    }
}

static void join_kind(const stage *st, const panel512 *p, unsigned g, unsigned n, bool first,
                      unsigned n_rows, unsigned column, __mmask16 mask, int kind) {
    if (kind & FORM_MINS) join(st, p, g, n, first, n_rows, column, mask, FORM_MINS);
    else if (kind & FORM_HALVES) join(st, p, g, n, first, n_rows, column, mask, FORM_HALVES);
    else join(st, p, g, n, first, n_rows, column, mask, 0);
}

static void bring_rows(stage *st, const tile512 *t, uint32_t o, uint32_t i, uint32_t n_rows,
                       size_t at, unsigned groups) {
    for (uint32_t r = 0; r < n_rows; r++) {
        const q8_row x = q8_rows_at(t->a, t->rows ? t->rows[i + r] : i + r);
        for (unsigned g = 0; g < groups; g++) store32(st->q[r] + 32 * g, load32(x.q + at + 32 * g));
        st->d[r] = x.d + at / 32;
        st->sum16[r] = x.sum16 + at / 16;
        st->out[r] = t->out + (i + r) * t->out_stride + o;
    }
}

/* One block of 256 values (or what is left of them) of up to 32 outputs, for all rows. */
static void meet_block(stage *st, panel512 p[2], const form512 *f, const tile512 *t, uint32_t o,
                       uint32_t count, size_t at, unsigned groups) {
    const unsigned each = f->kind & FORM_HALVES ? 2 : 1;
    uint32_t i = 0;
    while (t->n_a - i >= FEWEST_ROWS) {
        const uint32_t n_rows = t->n_a - i < 16 ? t->n_a - i : 16;
        bring_rows(st, t, o, i, n_rows, at, groups);
        for (unsigned v = 0; v < (count > 16 ? 2 : 1); v++) {
            const uint32_t n_o = count - 16 * v;
            const __mmask16 mask = (__mmask16)(n_o >= 16 ? 0xffff : (1u << n_o) - 1);
            for (unsigned s = 0; s < each * groups; s += SUMS) {
                const unsigned n = each * groups - s < SUMS ? each * groups - s : SUMS;
                multiply(st, p + v, s, n, each == 2);
                join_kind(st, p + v, s / each, n, at + s == 0, n_rows, 16 * v, mask, f->kind);
            }
        }
        i += n_rows;
    }
    if (i == t->n_a) return;
    if (!(f->kind & FORM_UNSIGNED))
        for (unsigned v = 0; v < (count > 16 ? 2 : 1); v++)
            for (unsigned k = 0; k < 8 * groups; k++)
                store64(p[v].code[k],
                        _mm512_xor_si512(load64(p[v].code[k]), _mm512_set1_epi8(-128)));
    panel512_meet(p, f, t, o, count, i, t->n_a - i, at, groups);
}

static void amx_tile(const form512 *f, const tile512 *t) {
    if (t->n_a < FEWEST_ROWS || t->n == 0) {
        form512_tile(f, t);
        return;
    }
    panel512 p[2];
    stage st;
    memset(st.q, 0, sizeof st.q);
    set_up(f->kind);
    for (uint32_t o = 0; o < t->n_w; o += 32) {
        const uint32_t count = t->n_w - o < 32 ? t->n_w - o : 32;
        const uint8_t *w = t->w + o * t->w_stride;
        for (size_t at = 0; at < t->n; at += 256) {
            const unsigned groups = t->n - at < 256 ? (unsigned)((t->n - at) / 32) : 8;
            panel512_fill(p, f, w, t->w_stride, count < 16 ? count : 16, at, groups, 0);
            if (count > 16)
                panel512_fill(p + 1, f, w + 16 * t->w_stride, t->w_stride, count - 16, at, groups,
                              0);
            meet_block(&st, p, f, t, o, count, at, groups);
        }
    }
    _tile_release();
}

#define TILE(id, name)                                                                          \
    static void name##_tile(const void *w, size_t w_stride, uint32_t n_w, const q8_rows *a,     \
                            const uint32_t *rows, uint32_t n_a, size_t n, float *out,           \
                            size_t out_stride) {                                                \
        const tile512 t = {w, w_stride, n_w, a, rows, n_a, n, out, out_stride};                 \
        amx_tile(&name##_form512, &t);                                                          \
    }
FORMS512(TILE)

#define FAST_ENTRY(id, name) [id] = name##_dot_avx512,
#define TILE_ENTRY(id, name) [id] = name##_tile,

static const dot_set amx = {
    .isa = "amx",
    .passed_over = true, /* at no number of rows clearly faster than VNNI: bench/cpu-notes.md */
    .fast = {FORMS512(FAST_ENTRY) FLOATS512(FAST_ENTRY) SHARED_PRODUCTS},
    .tile = {FORMS512(TILE_ENTRY) FLOATS512(FLOAT_TILE_ENTRY512)},
    .f32 = f32_sum_avx512,
    .exact = exact_avx512,
    .q8 = q8_avx512,
    .f16_load = f16_load_avx512,
    .f16_store = f16_store_avx512,
};

const dot_set *dot_amx(void) { return &amx; }
