/* Products of every set against float64, against each other, and on blocks that are rubbish. */
#include "base/test.h"
#include "quant/dot_rows_test.h"

enum { MAX = 8192 };

/* Activations and their parts. */
typedef struct row {
    float x[MAX], d[MAX / 32];
    int8_t q[MAX];
    int16_t sum16[MAX / 16];
} row;

static q8_row rounded(row *r, size_t n) {
    dot_scalar()->q8(r->x, n / 32 * 32, r->q, r->d, r->sum16);
    return (q8_row){r->x, r->q, r->d, r->sum16};
}

static q8_row random_row(row *r, size_t n) {
    for (size_t i = 0; i < n; i++) r->x[i] = noise() * (i / 32 % 5 == 3 ? 20 : 1);
    return rounded(r, n);
}

/* The product in float64 of weights with the activations that the format meets, and the sum of
 * the magnitudes of its terms. */
static double slow(const quant_type *t, const uint8_t *w, const q8_row *a, size_t n,
                   double *terms) {
    static float values[MAX];
    double sum = 0;
    t->dequant(w, values, n);
    *terms = 0;
    for (size_t i = 0; i < n; i++) {
        const double x = t->block_values == 1 ? (double)a->x[i] : (double)a->d[i / 32] * a->q[i];
        sum += (double)values[i] * x;
        *terms += fabs((double)values[i] * x);
    }
    return sum;
}

static const size_t lengths[] = {256, 512, 768, 4096, MAX};

/* Calls `each` for every type that is computed with. */
static void for_types(void (*each)(const quant_type *t, row *r)) {
    static row r;
    for (uint32_t id = 0; id < QUANT_IDS; id++) {
        const quant_type *t = quant_find(id);
        if (t && t->dequant) each(t, &r);
    }
}

static void check_fast(const quant_type *t, row *r) {
    for (int round = 0; round < 100; round++) {
        size_t n = lengths[round % 5];
        if (t->block_values == 32 && round % 2) n = 32 * (1 + random_bits() % 40);
        if (t->block_values == 1 && round % 2) n = random_bits() % 200;
        uint8_t *w = at_the_edge(n / t->block_values * t->block_bytes);
        fill(t, w, n);
        const q8_row a = random_row(r, n);
        double terms;
        const double want = slow(t, w, &a, n, &terms);
        const dot_set *set;
        for (size_t k = 0; (set = dot_set_at(k)); k++) {
            const double off = (double)set->fast[t->id](w, &a, n) - want;
            CHECK_SAY(fabs(off) <= (k ? 2e-6 : 5e-7) * terms, "%s %s n %zu: %g of %g", set->isa,
                      t->name, n, off, terms);
        }
    }
}

TEST(every_fast_product_is_that_of_the_values_with_the_rounded_activations) {
    for_types(check_fast);
}

static void check_ones(const quant_type *t, row *r) {
    const size_t n = t->block_values;
    uint8_t *w = at_the_edge(t->block_bytes);
    float values[256];
    fill(t, w, n);
    t->dequant(w, values, n);
    for (size_t i = 0; i < n; i++) {
        double terms;
        memset(r->x, 0, sizeof r->x);
        r->x[i] = i % 2 ? 1 : -1;
        const q8_row a = rounded(r, n);
        const double want = slow(t, w, &a, n, &terms);
        /* A minimum is large beside what it leaves of a value. */
        const double slack = 1e-6 * fabs(want) + 1e-6;
        const dot_set *set;
        for (size_t k = 0; (set = dot_set_at(k)); k++)
            CHECK_SAY(fabs((double)set->fast[t->id](w, &a, n) - want) <= slack, "%s %s value %zu",
                      set->isa, t->name, i);
    }
}

TEST(a_product_with_a_unit_vector_is_one_value) {
    for_types(check_ones);
}

static void check_place(const quant_type *t, row *r) {
    const size_t n = 512, bytes = n / t->block_values * t->block_bytes;
    uint8_t *w = at_the_edge(bytes), *copy = malloc(bytes + 64);
    REQUIRE(copy);
    fill(t, w, n);
    const q8_row a = random_row(r, n);
    for (size_t shift = 0; shift < 64; shift += 7) {
        memcpy(copy + shift, w, bytes);
        const dot_set *set;
        for (size_t k = 0; (set = dot_set_at(k)); k++) {
            const float here = set->fast[t->id](w, &a, n);
            const float there = set->fast[t->id](copy + shift, &a, n);
            CHECK_SAY(f32_bits(here) == f32_bits(there), "%s %s", set->isa, t->name);
        }
    }
    free(copy);
}

TEST(a_product_does_not_depend_on_where_its_row_lies) {
    for_types(check_place);
}

static void check_rubbish(const quant_type *t, row *r) {
    float values[512];
    const size_t n = 512;
    uint8_t *w = at_the_edge(n / t->block_values * t->block_bytes);
    for (int round = 0; round < 1000; round++) {
        for (size_t i = 0; i < n / t->block_values * t->block_bytes; i++)
            w[i] = (uint8_t)(round % 3 ? random_bits() : random_bits() % 3 ? 255 : random_bits());
        t->dequant(w, values, n);
        const q8_row a = random_row(r, n);
        bool finite = true;
        double top = 0;
        for (size_t i = 0; i < n; i++) {
            finite = finite && isfinite(values[i]);
            top = fmax(top, fabs((double)values[i]));
        }
        if (top > 1e30) continue; /* sums may overflow in one order and not in another */
        const dot_set *set;
        for (size_t k = 0; (set = dot_set_at(k)); k++)
            CHECK_SAY(isfinite(set->fast[t->id](w, &a, n)) == finite, "%s %s", set->isa, t->name);
    }
}

TEST(blocks_of_rubbish_are_read_without_fault_and_their_nans_show) {
    for_types(check_rubbish);
}

static void check_nan_activation(const quant_type *t, row *r) {
    const size_t n = 512;
    uint8_t *w = at_the_edge(n / t->block_values * t->block_bytes);
    fill(t, w, n);
    const float bad[3] = {NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < n; i += 37) {
        random_row(r, n);
        r->x[i] = bad[i % 3];
        const q8_row a = rounded(r, n);
        const dot_set *set;
        for (size_t k = 0; (set = dot_set_at(k)); k++)
            CHECK_SAY(!isfinite(set->fast[t->id](w, &a, n)), "%s %s %zu", set->isa, t->name, i);
    }
}

TEST(an_activation_that_is_not_finite_shows_in_every_product) {
    for_types(check_nan_activation);
}

TEST(no_values_have_the_product_zero) {
    const q8_row a = {0};
    for (int id = 0; id < QUANT_IDS; id++) {
        if (!dot_scalar()->fast[id]) continue;
        CHECK(dot_scalar()->fast[id](NULL, &a, 0) == 0);
        CHECK(dot_best()->fast[id](NULL, &a, 0) == 0);
    }
    CHECK(dot_best()->f32(NULL, NULL, 0) == 0 && dot_best()->exact(NULL, NULL, 0) == 0);
}

TEST(sets_offer_the_same_types_and_those_are_the_types_with_values) {
    for (uint32_t id = 0; id < QUANT_IDS; id++) {
        const quant_type *t = quant_find(id);
        const bool has_values = t && t->dequant;
        CHECK_SAY((dot_scalar()->fast[id] != NULL) == has_values, "%u", id);
        CHECK_SAY((dot_best()->fast[id] != NULL) == has_values, "%u", id);
    }
    CHECK(!strcmp(dot_scalar()->isa, "scalar"));
}

#ifdef __x86_64__
TEST(a_processor_with_avx2_gets_its_set) {
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
        SKIP("this processor has no AVX2");
    CHECK(!strcmp(dot_set_at(1)->isa, "avx2")); /* all that have it have F16C too */
}
#endif

#ifdef __aarch64__
TEST(a_processor_of_known_extensions_gets_their_set) {
    const char *want = getenv("DS4_WANT_SET"); /* tools/run-arm knows what it runs on */
    if (!want) SKIP("DS4_WANT_SET does not say which set belongs to this processor");
    CHECK_SAY(!strcmp(dot_best()->isa, want), "%s, not %s", dot_best()->isa, want);
}
#endif

TEST(float_products_are_right_at_every_length) {
    static row w, x;
    for (size_t n = 0; n < 300; n++) {
        random_row(&w, n);
        random_row(&x, n);
        double sum = 0, terms = 0;
        for (size_t i = 0; i < n; i++) {
            sum += (double)w.x[i] * (double)x.x[i];
            terms += fabs((double)w.x[i] * (double)x.x[i]);
        }
        const dot_set *set;
        for (size_t k = 0; (set = dot_set_at(k)); k++) {
            CHECK(fabs((double)set->f32(w.x, x.x, n) - sum) <= 1e-6 * terms);
            const double slip = (double)set->exact(w.x, x.x, n) - sum;
            CHECK(fabs(slip) <= 6e-8 * fabs(sum) + 1e-14 * terms);
        }
    }
}

TEST(exact_sums_in_float64_and_every_set_gives_the_same_bits) {
    static row w, x;
    for (int round = 0; round < 200; round++) {
        const size_t n = 1 + random_bits() % MAX;
        for (size_t i = 0; i < n; i++) {
            w.x[i] = noise() * (float)ldexp(1, (int)(random_bits() % 40) - 20);
            x.x[i] = noise() * (float)ldexp(1, (int)(random_bits() % 40) - 20);
        }
        const float s = dot_scalar()->exact(w.x, x.x, n), b = dot_best()->exact(w.x, x.x, n);
        CHECK(f32_bits(s) == f32_bits(b));
    }
    for (size_t i = 0; i < 64; i++) w.x[i] = x.x[i] = 1;
    w.x[0] = 0x1p40f, w.x[16] = -0x1p40f; /* the same lane, so nothing may be lost */
    CHECK(dot_scalar()->exact(w.x, x.x, 64) == 62);
    CHECK(dot_best()->exact(w.x, x.x, 64) == 62);
}

/* ---- rounding activations to 8 bits ---- */

static void check_q8(const float *x, size_t n) {
    static row s, b;
    dot_scalar()->q8(x, n, s.q, s.d, s.sum16);
    dot_best()->q8(x, n, b.q, b.d, b.sum16);
    CHECK(!memcmp(s.q, b.q, n));
    CHECK(!memcmp(s.sum16, b.sum16, n / 16 * sizeof *s.sum16));
    for (size_t i = 0; i < n / 32; i++) {
        CHECK(isnan(s.d[i]) ? isnan(b.d[i]) : f32_bits(s.d[i]) == f32_bits(b.d[i]));
        float top = 0;
        bool finite = true;
        for (size_t j = 32 * i; j < 32 * i + 32; j++) {
            top = fmaxf(top, fabsf(x[j]));
            finite = finite && isfinite(x[j]);
        }
        if (finite)
            CHECK(s.d[i] == top / 127.0f);
        else
            CHECK(isnan(s.d[i]));
        for (size_t j = 32 * i; j < 32 * i + 32; j++) {
            double want = 0;
            if (finite && s.d[i] > 0) want = nearbyint((double)(x[j] / s.d[i]));
            want = fmax(-127, fmin(127, want));
            CHECK_SAY(s.q[j] == want, "%a / %a: %d", (double)x[j], (double)s.d[i], s.q[j]);
        }
    }
    for (size_t i = 0; i < n / 16; i++) {
        int sum = 0;
        for (size_t j = 16 * i; j < 16 * i + 16; j++) sum += s.q[j];
        CHECK(s.sum16[i] == sum);
    }
}

TEST(activations_round_as_defined_and_alike_in_every_set) {
    static float x[1024];
    for (int round = 0; round < 400; round++) {
        for (size_t i = 0; i < 1024; i++) {
            x[i] = noise() * (float)ldexp(1, round % 270 - 148);
            if (round % 4 == 1) x[i] = (float)((int)(random_bits() % 255) - 127) * 0.5f; /* ties */
            if (round % 4 == 2) x[i] = bits_f32(random_bits());
            if (round % 4 == 3 && random_bits() % 32) x[i] = 0;
            if (round % 4 == 0 && random_bits() % 100 == 0) x[i] = round % 8 ? INFINITY : -NAN;
        }
        if (round % 4 == 1)
            for (size_t i = 0; i < 1024; i += 32) x[i] = 127;
        check_q8(x, 1024);
    }
}

TEST(the_largest_magnitude_becomes_127_and_zeros_stay_zero) {
    float x[64] = {0}, d[2];
    int8_t q[64];
    int16_t sum16[4];
    x[5] = -3.5f, x[6] = 1;
    dot_best()->q8(x, 64, q, d, sum16);
    CHECK(q[5] == -127 && q[6] == 36 && sum16[0] == -91 && sum16[1] == 0);
    CHECK(d[1] == 0 && !memchr(q + 32, 1, 32) && q[40] == 0 && sum16[3] == 0);
}

TESTS_MAIN
