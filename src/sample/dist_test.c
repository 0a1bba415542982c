/* Every row is held against a second implementation that sorts it whole and adds up in double. */
#include "sample/dist.h"

#include "base/test.h"

static uint64_t random_state = 1;

static uint32_t random_below(uint32_t n) {
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((random_state >> 33) * n >> 31);
}

static double uniform(void) { return (random_below(1u << 30) + 0.5) / (1u << 30); }

static double gaussian(void) {
    return sqrt(-2 * log(uniform())) * cos(6.283185307179586 * uniform());
}

/* ---- the second implementation ---- */

static const float *sorting;

static int compare_ids(const void *a, const void *b) {
    const uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;
    if (sorting[i] != sorting[j]) return sorting[i] > sorting[j] ? -1 : 1;
    return i < j ? -1 : 1;
}

typedef struct oracle {
    uint32_t *order;
    double *weight; /* by id, exact */
    double total;
    uint32_t least, most; /* tokens kept: rounding may decide between these */
} oracle;

static uint32_t prefix(const oracle *o, uint32_t n, double target) {
    double sum = 0;
    uint32_t r = 0;
    while (r < n && (r == 0 || sum < target)) sum += o->weight[o->order[r++]];
    return r;
}

static oracle oracle_new(const float *x, uint32_t n, double t, uint32_t top_k, double top_p,
                         double min_p) {
    oracle o = {calloc(n, sizeof *o.order), calloc(n, sizeof *o.weight), 0, 0, 0};
    for (uint32_t i = 0; i < n; i++) o.order[i] = i;
    sorting = x;
    qsort(o.order, n, sizeof *o.order, compare_ids);
    const double max = (double)x[o.order[0]];
    for (uint32_t i = 0; i < n; i++) o.weight[i] = exp(((double)x[i] - max) / t);

    uint32_t kept = top_k > 0 && top_k < n ? top_k : n;
    double mass = 0;
    for (uint32_t i = 0; i < kept; i++) mass += o.weight[o.order[i]];
    o.least = o.most = kept;
    if (top_p < 1) {
        o.least = prefix(&o, kept, (top_p - 3e-6) * mass);
        o.most = prefix(&o, kept, (top_p + 1e-6) * mass);
    }
    uint32_t lo = 0, hi = 0;
    while (lo < n && o.weight[o.order[lo]] >= min_p * (1 + 1e-5)) lo++;
    while (hi < n && o.weight[o.order[hi]] >= min_p * (1 - 1e-5)) hi++;
    if (lo == 0) lo = 1;
    if (lo < o.least) o.least = lo;
    if (hi < o.most) o.most = hi;
    return o;
}

static void oracle_free(oracle *o) {
    free(o->order);
    free(o->weight);
}

/* ---- rows of all kinds ---- */

enum { KINDS = 8 };

static void fill_row(float *x, uint32_t n, uint32_t kind) {
    for (uint32_t i = 0; i < n; i++) {
        double v = gaussian();
        if (kind == 1) v *= 5;
        if (kind == 2) v = floor(v * 2); /* many equals */
        if (kind == 3) v = 1.5;          /* all equals */
        if (kind == 4) v = -0.01 * i;    /* falling */
        if (kind == 5) v = 0.01 * i;     /* rising */
        if (kind == 6) v = random_below(10) ? -INFINITY : 3 * v;
        if (kind == 7) v = v * 1e4;
        x[i] = (float)v;
    }
    if (kind == 6) x[random_below(n)] = 2;
    if (kind == 1) x[random_below(n)] = 25;
}

static void check_row(dist *d, const float *x, double t, uint32_t top_k, double top_p,
                      double min_p) {
    oracle o = oracle_new(x, d->n, t, top_k, top_p, min_p);
    dist_scan(d, x);
    CHECK(dist_argmax(d, x) == o.order[0]);
    dist_weigh(d, x, t);
    double total = 0;
    for (uint32_t i = 0; i < d->n; i++) total += o.weight[i];
    CHECK_SAY(fabs(d->total - total) <= 2e-6 * total, "%.9g %.9g", d->total, total);
    for (uint32_t i = 0; i < d->n; i++) {
        const double w = (double)d->weight[i];
        /* the difference of two floats is rounded to half of its last bit, 2^-24 of itself */
        const double bits = fmin(((double)d->max - (double)x[i]) / t, 100) * 2.4e-7 + 4e-7;
        const double slack = o.weight[i] < 1.3e-38 ? 1.3e-38 : o.weight[i] * bits;
        CHECK_SAY(fabs(w - o.weight[i]) <= slack, "%u: %.9g %.9g", i, w, o.weight[i]);
    }

    dist_apply_cut(d, x, dist_find_cut(d, x, t, top_k, top_p, min_p));
    uint32_t kept = 0;
    double mass = 0;
    for (uint32_t r = 0; r < d->n; r++) {
        const uint32_t i = o.order[r];
        const bool has = d->block_sum[i / DIST_BLOCK] > 0 && d->weight[i] > 0;
        if (!has) continue;
        kept++;
        mass += o.weight[i];
        /* what is kept is a beginning of the order */
        CHECK_SAY(kept == r + 1, "token %u, number %u of the order, kept as number %u", i, r, kept);
    }
    uint32_t least = o.least, most = o.most; /* zero weights are as good as not there */
    while (least > 1 && o.weight[o.order[least - 1]] < 1.3e-38) least--;
    while (most > 1 && o.weight[o.order[most - 1]] < 1e-39) most--;
    CHECK_SAY(kept >= least && kept <= most, "n %u t %g k %u p %g min %g: kept %u, not %u to %u",
              d->n, t, top_k, top_p, min_p, kept, least, most);
    CHECK_SAY(fabs(d->total - mass) <= 2e-6 * mass, "%.9g %.9g", d->total, mass);

    for (int k = 0; k < 20; k++) {
        const double u = k == 0 ? 0 : k == 1 ? 1 - 0x1p-53 : uniform();
        const uint32_t got = dist_draw(d, u);
        REQUIRE(got < d->n);
        CHECK(d->weight[got] > 0 && d->block_sum[got / DIST_BLOCK] > 0);
        double before = 0; /* exact mass of the kept tokens in front of the drawn one */
        for (uint32_t i = 0; i < got; i++)
            if (d->block_sum[i / DIST_BLOCK] > 0 && d->weight[i] > 0) before += o.weight[i];
        CHECK_SAY(u * mass >= before - 4e-6 * mass &&
                      u * mass <= before + o.weight[got] + 4e-6 * mass,
                  "u %.9g drew %u: %.9g to %.9g", u, got, before / mass,
                  (before + o.weight[got]) / mass);
    }
    oracle_free(&o);
}

TEST(weights_cuts_and_draws_are_those_of_a_full_sort) {
    static const uint32_t sizes[] = {1, 2, 3, 17, 255, 256, 257, 300, 512, 1000, 4099};
    static const double temperatures[] = {1, 0.7, 0.1, 2, 1e-3, 1e-5, 100};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        dist d;
        REQUIRE(dist_init(&d, sizes[s], NULL) == OK);
        float *x = malloc(sizes[s] * sizeof *x);
        REQUIRE(x);
        for (uint32_t round = 0; round < 160; round++) {
            fill_row(x, sizes[s], round % KINDS);
            const double t = temperatures[random_below(7)];
            const uint32_t k = random_below(2) ? 0 : 1 + random_below(sizes[s] < 50 ? 4 : 60);
            const double p = random_below(3) == 0 ? 1 : random_below(4) == 0 ? 0 : uniform();
            const double m = random_below(2) ? 0 : random_below(4) == 0 ? 1 : uniform() * 0.3;
            check_row(&d, x, t, k, p, m);
        }
        free(x);
        dist_fini(&d);
    }
}

TEST(a_whole_vocabulary_is_cut_like_a_full_sort) {
    enum { N = 129280 };
    dist d;
    REQUIRE(dist_init(&d, N, NULL) == OK);
    float *x = malloc(N * sizeof *x);
    REQUIRE(x);
    for (uint32_t kind = 0; kind < KINDS; kind++) {
        fill_row(x, N, kind);
        check_row(&d, x, 1, 0, 0.95, 0);
        check_row(&d, x, 1, 0, 0.01, 0);
        check_row(&d, x, 0.6, 40, 0.9, 0.05);
        check_row(&d, x, 1, 5000, 1, 0);
        check_row(&d, x, 1, 0, 0.999999, 0);
        check_row(&d, x, 1.5, 0, 1, 0);
    }
    free(x);
    dist_fini(&d);
}

TEST(the_best_come_in_order_for_every_count) {
    float x[700];
    uint32_t got[700];
    dist d;
    REQUIRE(dist_init(&d, 700, NULL) == OK);
    for (uint32_t kind = 0; kind < KINDS; kind++) {
        fill_row(x, 700, kind);
        oracle o = oracle_new(x, 700, 1, 0, 1, 0);
        for (uint32_t k = 0; k <= 700; k += k < 30 ? 1 : 67) {
            dist_scan(&d, x);
            dist_top(&d, x, k, got);
            CHECK_SAY(memcmp(got, o.order, k * sizeof *got) == 0, "kind %u k %u", kind, k);
        }
        oracle_free(&o);
    }
    dist_fini(&d);
}

TEST(minus_zero_and_zero_are_equal_maxima) {
    float x[5] = {-1, -0.0f, 0.0f, -0.0f, -2};
    uint32_t got[3];
    dist d;
    REQUIRE(dist_init(&d, 5, NULL) == OK);
    CHECK(dist_scan(&d, x));
    CHECK(dist_argmax(&d, x) == 1);
    dist_top(&d, x, 3, got);
    CHECK(got[0] == 1 && got[1] == 2 && got[2] == 3);
    dist_weigh(&d, x, 1);
    dist_apply_cut(&d, x, dist_find_cut(&d, x, 1, 2, 1, 0)); /* top_k 2: ids 1 and 2 */
    CHECK(d.weight[1] == 1 && d.weight[2] == 1 && d.weight[3] == 0 && d.total == 2);
    dist_fini(&d);
}

TEST(equal_tokens_are_cut_at_whole_counts) {
    float x[100];
    dist d;
    REQUIRE(dist_init(&d, 100, NULL) == OK);
    for (int i = 0; i < 100; i++) x[i] = 0.25f;
    for (uint32_t percent = 1; percent < 100; percent++) { /* 0.07 * 100 is above 7 in double */
        dist_scan(&d, x);
        dist_weigh(&d, x, 1);
        dist_apply_cut(&d, x, dist_find_cut(&d, x, 1, 0, percent / 100.0, 0));
        CHECK_SAY(d.total == percent, "%u: %g", percent, d.total);
    }
    dist_fini(&d);
}

TEST(a_value_that_is_not_finite_is_seen_wherever_it_stands) {
    float x[777];
    dist d;
    REQUIRE(dist_init(&d, 777, NULL) == OK);
    for (int i = 0; i < 777; i++) x[i] = (float)i;
    CHECK(dist_scan(&d, x));
    for (int i = 0; i < 777; i++) {
        const float bad[3] = {NAN, INFINITY, -INFINITY};
        for (int k = 0; k < 3; k++) {
            const float kept = x[i];
            x[i] = bad[k];
            CHECK_SAY(!dist_scan(&d, x), "%g at %d", (double)bad[k], i);
            x[i] = kept;
        }
    }
    dist_fini(&d);
}

TESTS_MAIN
