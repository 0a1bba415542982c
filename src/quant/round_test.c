/* The roundings of cached rows against those of the published inference code.
 *
 * tests/data/quants/cache.bin: float32, little-endian: kv_in and kv_out [24][448], then ix_in,
 * ix_hadamard and ix_out [24][128].
 */
#include "base/buf.h"
#include "base/file.h"
#include "base/test.h"
#include "quant/formats.h"

enum { ROWS = 24, KV = 448, INDEX = 128 };

typedef struct vectors {
    float kv_in[ROWS][KV], kv_out[ROWS][KV];
    float in[ROWS][INDEX], turned[ROWS][INDEX], out[ROWS][INDEX];
} vectors;

static vectors *load(void) {
    buf file = {0};
    err e;
    vectors *v = NULL;
    const status st = file_read(&file, "tests/data/quants/cache.bin", 1 << 20, &e);
    CHECK_SAY(st == OK && file.n == sizeof *v, "%s", st == OK ? "size" : e.text);
    if (st == OK && file.n == sizeof *v && (v = malloc(sizeof *v)))
        f32_dequant(file.data, v->kv_in[0], sizeof *v / sizeof(float));
    buf_free(&file);
    return v;
}

static int differing(const float *a, const float *b, size_t n) {
    int bad = 0;
    for (size_t i = 0; i < n; i++) bad += f32_bits(a[i]) != f32_bits(b[i]);
    return bad;
}

TEST(kv_rows_round_as_the_reference_does) {
    vectors *v = load();
    REQUIRE(v);
    for (int r = 0; r < ROWS; r++) {
        round_kv(v->kv_in[r], KV, 64);
        CHECK_SAY(differing(v->kv_in[r], v->kv_out[r], KV) == 0, "row %d", r);
    }
    free(v);
}

TEST(index_rows_round_as_the_reference_does) {
    vectors *v = load();
    REQUIRE(v);
    for (int r = 0; r < ROWS; r++) {
        round_index(v->turned[r], INDEX);
        CHECK_SAY(differing(v->turned[r], v->out[r], INDEX) == 0, "row %d", r);
    }
    free(v);
}

/* The reference multiplies with a matrix, so its sums have another order. */
TEST(the_hadamard_turn_is_that_of_the_reference_but_for_the_order_of_sums) {
    vectors *v = load();
    REQUIRE(v);
    for (int r = 0; r < ROWS; r++) {
        float top = 0;
        for (int i = 0; i < INDEX; i++) top = fmaxf(top, fabsf(v->turned[r][i]));
        hadamard(v->in[r], INDEX);
        for (int i = 0; i < INDEX; i++)
            CHECK_SAY(fabsf(v->in[r][i] - v->turned[r][i]) <= 1e-6f * top, "row %d, %d", r, i);
    }
    free(v);
}

TEST(the_hadamard_turn_of_a_unit_vector_is_a_row_of_the_sylvester_matrix) {
    for (size_t n = 1; n <= 256; n *= 2)
        for (size_t k = 0; k < n; k++) {
            float x[256] = {0};
            x[k] = 3;
            hadamard(x, n);
            const float want = 3 * (float)(1 / sqrt((double)n));
            for (size_t i = 0; i < n; i++) {
                const int odd = __builtin_popcountll(i & k) & 1;
                CHECK_SAY(x[i] == (odd ? -want : want), "n %zu, %zu of row %zu", n, i, k);
            }
        }
}

/* The rule in float64, with the scale found by search. */
static double slow_scale(float top, double largest) {
    const float a = top * (float)(1 / largest);
    double s = ldexp(1, -140);
    while (s < (double)a) s *= 2;
    return s;
}

static double nearest(double x, const double *values, int n) {
    int best = 0; /* ties go to the even code */
    for (int i = 1; i < n; i++) {
        const double d = fabs(values[i] - x), b = fabs(values[best] - x);
        if (d < b || (d == b && i % 2 == 0)) best = i;
    }
    return values[best];
}

static float noise(uint64_t *state) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (float)((double)(*state >> 33) / 0x1p30 - 1);
}

TEST(both_roundings_choose_the_nearest_value_of_a_power_of_two_grid) {
    double e4m3[127], e2m1[8];
    for (int i = 0; i < 127; i++)
        e4m3[i] = i < 8 ? i * 0x1p-9 : ldexp(8 + i % 8, i / 8 - 10);
    for (int i = 0; i < 8; i++) e2m1[i] = (double)e2m1_values[i];
    uint64_t seed = 7;
    for (int round = 0; round < 2000; round++) {
        const size_t n = 1 + (size_t)round % 150, block = round % 3 ? 64 : 16;
        float x[150], kv[150], ix[150];
        const float size = (float)ldexp(1, round % 60 - 30);
        for (size_t i = 0; i < n; i++) {
            x[i] = noise(&seed) * size;
            if (round % 5 == 0) x[i] = (float)ldexp(round % 7 + 1, (int)(i % 9) - 4); /* ties */
        }
        memcpy(kv, x, sizeof x);
        memcpy(ix, x, sizeof x);
        round_kv(kv, n, block);
        round_index(ix, n);
        for (size_t i = 0; i < n; i++) {
            float kv_top = 1e-4f, ix_top = 0x6p-126f;
            for (size_t j = i / block * block; j < n && j / block == i / block; j++)
                kv_top = fmaxf(kv_top, fabsf(x[j]));
            for (size_t j = i / 32 * 32; j < n && j / 32 == i / 32; j++)
                ix_top = fmaxf(ix_top, fabsf(x[j]));
            const double ks = slow_scale(kv_top, 448), is = slow_scale(ix_top, 6);
            const double a = fabs((double)x[i]);
            CHECK(fabs((double)kv[i]) == nearest(a / ks, e4m3, 127) * ks);
            CHECK(fabs((double)ix[i]) == nearest(a / is, e2m1, 8) * is);
            CHECK(!signbit(kv[i]) == !signbit(x[i]) && !signbit(ix[i]) == !signbit(x[i]));
        }
    }
}

/* Half of the smallest value falls to zero: that shows the scale. */
TEST(a_scale_doubles_one_step_above_a_power_of_two_and_not_before) {
    for (int k = -10; k < 100; k++) {
        for (int above = 0; above < 2; above++) {
            float kv[2] = {(float)ldexp(448, k), (float)ldexp(1, k - 9)};
            float ix[2] = {(float)ldexp(6, k), (float)ldexp(0.5, k)};
            if (above) kv[0] = nextafterf(kv[0], INFINITY), ix[0] = nextafterf(ix[0], INFINITY);
            round_kv(kv, 2, 64);
            round_index(ix, 2);
            CHECK_SAY(kv[0] == (float)ldexp(448, k) && ix[0] == (float)ldexp(6, k), "2^%d", k);
            CHECK_SAY(kv[1] == (above ? 0 : (float)ldexp(1, k - 9)), "2^%d", k);
            CHECK_SAY(ix[1] == (above ? 0 : (float)ldexp(0.5, k)), "2^%d", k);
        }
    }
}

TEST(rounding_twice_changes_nothing_more) {
    uint64_t seed = 11;
    float x[448], once[448];
    for (int round = 0; round < 100; round++) {
        for (int i = 0; i < 448; i++) x[i] = noise(&seed) * (float)ldexp(1, round % 40 - 20);
        round_kv(x, 448, 64);
        memcpy(once, x, sizeof x);
        round_kv(x, 448, 64);
        CHECK(!memcmp(once, x, sizeof x));
        round_index(x, 448);
        memcpy(once, x, sizeof x);
        round_index(x, 448);
        CHECK(!memcmp(once, x, sizeof x));
    }
}

TEST(a_nan_stays_alone_and_an_infinity_takes_its_block_along) {
    float x[128];
    for (int i = 0; i < 128; i++) x[i] = 1;
    x[3] = NAN;
    x[70] = INFINITY;
    round_kv(x, 128, 64);
    for (int i = 0; i < 64; i++) CHECK(i == 3 ? isnan(x[i]) : x[i] == 1);
    for (int i = 64; i < 128; i++) CHECK(isnan(x[i]));
    for (int i = 0; i < 128; i++) x[i] = 1;
    x[3] = NAN;
    x[70] = -INFINITY;
    round_index(x, 128);
    for (int i = 0; i < 128; i++) CHECK(i == 3 || i / 32 == 2 ? isnan(x[i]) : x[i] == 1);
}

TEST(a_row_of_zeros_stays_zero) {
    float x[64] = {0};
    round_kv(x, 64, 64);
    round_index(x, 64);
    hadamard(x, 64);
    for (int i = 0; i < 64; i++) CHECK(f32_bits(x[i]) == 0);
}

TESTS_MAIN
