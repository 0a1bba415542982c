/* Tiles of every set against the products of the same set, pair by pair: the same bits.
 *
 * Weights lie against the end of a page behind which nothing is mapped.
 */
#include <string.h>

#include "base/test.h"
#include "quant/dot_rows_test.h"

enum { MAX_W = 70, MAX_A = 40, LONGEST = 1024 };

typedef struct inputs {
    float x[(MAX_A + 3) * LONGEST], d[(MAX_A + 3) * LONGEST / 32];
    int8_t q[(MAX_A + 3) * LONGEST];
    int16_t sum16[(MAX_A + 3) * LONGEST / 16];
} inputs;

static inputs in;
static float out[MAX_A * (MAX_W + 5)];

static q8_rows random_rows(size_t n, size_t stride) {
    for (size_t r = 0; r < MAX_A; r++) {
        float *x = in.x + r * stride;
        for (size_t i = 0; i < n; i++) x[i] = noise() * (i / 32 % 5 == 3 ? 20 : 1);
        if (random_bits() % 16 == 0) x[random_bits() % n] = r % 2 ? NAN : INFINITY;
        if (random_bits() % 16 == 0) memset(x, 0, n * sizeof *x);
        dot_scalar()->q8(x, n / 32 * 32, in.q + r * stride, in.d + r * (stride / 32),
                         in.sum16 + r * (stride / 16));
    }
    return (q8_rows){in.x, in.q, in.d, in.sum16, stride, stride};
}

static bool same(float a, float b) { return f32_bits(a) == f32_bits(b) || (isnan(a) && isnan(b)); }

static void check_tile(const dot_set *set, const quant_type *t, uint32_t n_w, uint32_t n_a,
                       size_t n, bool picked) {
    const size_t bytes = n / t->block_values * t->block_bytes;
    const size_t w_stride = bytes;
    const size_t out_stride = n_w + random_bits() % 5;
    uint8_t *w = at_the_edge(n_w * w_stride);
    for (uint32_t o = 0; o < n_w; o++) fill(t, w + o * w_stride, n);
    const q8_rows a = random_rows(n, t->block_values == 1 ? n : n + 32 * (random_bits() % 2));
    uint32_t rows[MAX_A];
    for (uint32_t i = 0; i < n_a; i++) rows[i] = random_bits() % MAX_A;
    for (size_t i = 0; i < sizeof out / sizeof *out; i++) out[i] = 12345;
    dot_tile(set, t, w, w_stride, n_w, &a, picked ? rows : NULL, n_a, n, out, out_stride);
    for (uint32_t i = 0; i < n_a; i++) {
        const q8_row x = q8_rows_at(&a, picked ? rows[i] : i);
        for (uint32_t o = 0; o < n_w; o++) {
            const float want = set->fast[t->id](w + o * w_stride, &x, n);
            CHECK_SAY(same(out[i * out_stride + o], want),
                      "%s %s: %u x %u of %zu: row %u output %u: %a, not %a", set->isa, t->name, n_a,
                      n_w, n, i, o, (double)out[i * out_stride + o], (double)want);
        }
        for (size_t o = n_w; o < out_stride; o++) CHECK(out[i * out_stride + o] == 12345);
    }
}

static void check_type(const dot_set *set, const quant_type *t) {
    static const uint32_t sizes[][2] = {{1, 1},   {32, 1},  {32, 2},       {1, 9},
                                        {16, 16}, {17, 15}, {64, 33},      {32, 3},
                                        {4, 5},   {33, 17}, {MAX_W, MAX_A}};
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        size_t n = 256 * (1 + random_bits() % 4);
        if (t->block_values == 32) n = 32 * (1 + random_bits() % 32);
        if (t->block_values == 1) n = k % 2 ? 1 + random_bits() % 200 : 256 + random_bits() % 700;
        check_tile(set, t, sizes[k][0], sizes[k][1], n, k % 3 == 1);
    }
    for (int k = 0; k < 20; k++)
        check_tile(set, t, 1 + random_bits() % MAX_W, 1 + random_bits() % MAX_A,
                   t->block_values == 1 ? 1 + random_bits() % 300 : 256, k % 2);
}

TEST(a_tile_gives_the_bits_of_each_product_by_itself) {
    const dot_set *set;
    for (size_t i = 0; (set = dot_set_at(i)); i++)
        for (uint32_t id = 0; id < QUANT_IDS; id++)
            if (set->fast[id]) check_type(set, quant_find(id));
}

TESTS_MAIN
