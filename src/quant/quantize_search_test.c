/* What the quantisers write: against the errors of the reference quantiser, and in the corners.
 *
 * The reference's errors were measured with llama.cpp's library on the rows of rows_test.h: sums of
 * weight * error^2 over 4 rows of 1024 values of each kind, without and with weights.
 */
#include "base/test.h"
#include "quant/formats.h"
#include "quant/quantize.h"
#include "quant/rows_test.h"

enum { N = 1024, ROWS = 4, BYTES = 4 * N };

typedef struct reference {
    quant_id id;
    bool weighted;
    double error[ROW_KINDS];
} reference;

static const reference reference_errors[] = {
    {Q_Q4_0, false, {0.01157, 0.06071, 0.02644, 0.0001077, 0.1143, 0.006373, 0.02503}},
    {Q_Q4_0, true, {0.01388, 0.0805, 0.02485, 0.0001437, 0.1128, 0.008246, 0.03131}},
    {Q_Q8_0, false, {4.508e-05, 0.0002381, 0.0001014, 8.524e-05, 0.0009147, 4.951e-05, 0.0001042}},
    {Q_Q8_0, true, {7.016e-05, 0.0003865, 0.0001501, 0.0001341, 0.001069, 7.942e-05, 0.0001636}},
    {Q_Q2_K, false, {0.1333, 0.5431, 0.1236, 4.31e-05, 19.89, 0.1548, 0.1284}},
    {Q_Q2_K, true, {0.1153, 0.4563, 0.1433, 6.493e-05, 4.753, 0.1341, 0.09337}},
    {Q_Q3_K, false, {0.03519, 0.1511, 0.08591, 0.0001077, 0.4251, 0.03706, 0.07264}},
    {Q_Q3_K, true, {0.04006, 0.1704, 0.08225, 9e-05, 0.2949, 0.04453, 0.08318}},
    {Q_Q4_K, false, {0.007632, 0.03286, 0.006082, 9.523e-05, 0.2605, 0.005689, 0.005873}},
    {Q_Q4_K, true, {0.009027, 0.04135, 0.007338, 0.0001498, 0.2562, 0.007059, 0.007012}},
    {Q_Q5_K, false, {0.002024, 0.00846, 0.001502, 8.369e-05, 0.1524, 0.001812, 0.001548}},
    {Q_Q5_K, true, {0.00233, 0.01082, 0.001852, 0.0001298, 0.2088, 0.002201, 0.002018}},
    {Q_Q6_K, false, {0.0004901, 0.002263, 0.00116, 0.0001346, 0.006279, 0.0002908, 0.001102}},
    {Q_Q6_K, true, {0.0005873, 0.002738, 0.001338, 0.0001493, 0.005278, 0.0003503, 0.001401}},
    {Q_IQ2_XXS, false, {0.1847, 0.7234, 1.048, 208.5, 129.1, 0.201, 0.3968}},
    {Q_IQ2_XXS, true, {0.2255, 0.991, 0.9752, 214.2, 114.7, 0.355, 0.4036}},
    {Q_IQ2_XS, false, {0.1446, 0.5185, 0.4866, 10.56, 76, 0.1509, 0.2824}},
    {Q_IQ2_XS, true, {0.1306, 0.5479, 0.5107, 16.17, 76.01, 0.1391, 0.2937}},
    {Q_IQ3_XXS, false, {0.07062, 0.2813, 0.1911, 54.95, 40.85, 0.07523, 0.1353}},
    {Q_IQ3_XXS, true, {0.04211, 0.1759, 0.177, 51.03, 24.74, 0.04931, 0.09499}},
    {Q_IQ4_NL, false, {0.009124, 0.03705, 0.03497, 9.301e-05, 0.4502, 0.008699, 0.02052}},
    {Q_IQ4_NL, true, {0.01119, 0.04687, 0.04432, 0.0001226, 0.4597, 0.0108, 0.02708}},
    {Q_IQ3_S, false, {0.0415, 0.1732, 0.1716, 47.67, 217, 0.05046, 0.09841}},
    {Q_IQ3_S, true, {0.0294, 0.1313, 0.1668, 36.7, 241.6, 0.0346, 0.06899}},
    {Q_IQ2_S, false, {0.1084, 0.5005, 0.5144, 7.112, 96.63, 0.1274, 0.2509}},
    {Q_IQ2_S, true, {0.1059, 0.4959, 0.5213, 10.89, 67.58, 0.1247, 0.261}},
    {Q_IQ4_XS, false, {0.009219, 0.03764, 0.03565, 9.301e-05, 0.4757, 0.00887, 0.02083}},
    {Q_IQ4_XS, true, {0.01142, 0.04843, 0.04531, 0.3491, 0.4923, 0.01129, 0.02767}},
    {Q_MXFP4, false, {0.01975, 0.07647, 0.0921, 20.52, 2.07, 0, 0.04929}},
    {Q_MXFP4, true, {0.02917, 0.1242, 0.1422, 32.01, 2.057, 0, 0.07736}},
};

/* All types that are written; the block formats are those with the loss. */
static int written(const quant_type *types[QUANT_IDS]) {
    int n = 0;
    for (uint32_t id = 0; id < QUANT_IDS; id++)
        if (quant_find(id) && quantize_for((quant_id)id)) types[n++] = quant_find(id);
    return n;
}

static double error_of(const quant_type *t, const float *x, const float *w, uint8_t *blocks) {
    quantize_for(t->id)(x, w, blocks, N);
    return quantize_error(t->id, x, w, blocks, N);
}

static double square_sum(const float *x, const float *w) {
    double sum = 0;
    for (int i = 0; i < N; i++) sum += (w ? (double)w[i] : 1) * (double)x[i] * (double)x[i];
    return sum;
}

static bool all_finite(const quant_type *t, const uint8_t *blocks) {
    float y[N];
    t->dequant(blocks, y, N);
    for (int i = 0; i < N; i++)
        if (!isfinite(y[i])) return false;
    return true;
}

TEST(every_type_that_is_computed_with_is_written_but_five) {
    for (uint32_t id = 0; id < QUANT_IDS; id++) {
        const quant_type *t = quant_find(id);
        const bool only_read = id == Q_IQ1_S || id == Q_IQ1_M || id == Q_Q4_1 || id == Q_Q5_0 ||
                               id == Q_Q5_1;
        const bool want = t && t->dequant && !only_read;
        CHECK_SAY((quantize_for((quant_id)id) != NULL) == want, "%s", t ? t->name : "?");
    }
    CHECK(quantize_for((quant_id)QUANT_IDS) == NULL);
}

TEST(no_type_errs_more_than_the_reference_quantiser) {
    float x[N], w[N];
    uint8_t blocks[BYTES];
    for (size_t i = 0; i < sizeof reference_errors / sizeof *reference_errors; i++) {
        const reference *ref = &reference_errors[i];
        for (int kind = 0; kind < ROW_KINDS; kind++) {
            double sum = 0;
            for (uint64_t seed = 1; seed <= ROWS; seed++) {
                row_fill((row_kind)kind, seed, x, N);
                row_weights(seed, w, N);
                sum += error_of(quant_find(ref->id), x, ref->weighted ? w : NULL, blocks);
            }
            /* The table has four digits. */
            CHECK_SAY(sum <= ref->error[kind] * 1.0005, "%s kind %d%s: %g, reference %g",
                      quant_find(ref->id)->name, kind, ref->weighted ? " weighted" : "", sum,
                      ref->error[kind]);
        }
    }
}

TEST(every_instruction_set_writes_the_same_bytes) {
    const quant_type *types[QUANT_IDS];
    const quantize_set *best = quantize_best();
    float x[N], w[N];
    uint8_t a[BYTES], b[BYTES];
    for (int i = 0, n = written(types); i < n; i++)
        for (int kind = 0; kind < 2 * ROW_KINDS; kind++) {
            uint64_t bytes = 0;
            row_fill((row_kind)(kind / 2), 11, x, N);
            row_weights(11, w, N);
            REQUIRE(quant_bytes(types[i], N, &bytes));
            quantize_portable.write[types[i]->id](x, kind % 2 ? w : NULL, a, N);
            best->write[types[i]->id](x, kind % 2 ? w : NULL, b, N);
            CHECK_SAY(!memcmp(a, b, bytes), "%s kind %d", types[i]->name, kind);
        }
}

TEST(a_block_depends_on_its_own_values_and_weights_only) {
    const quant_type *types[QUANT_IDS];
    float x[N], w[N];
    uint8_t whole[BYTES], parts[BYTES];
    row_fill(ROW_HEAVY, 21, x, N);
    row_weights(21, w, N);
    for (int i = 0, n = written(types); i < n; i++) {
        const quant_type *t = types[i];
        uint64_t bytes = 0, piece = 0;
        REQUIRE(quant_bytes(t, N, &bytes) && quant_bytes(t, 256, &piece));
        quantize_for(t->id)(x, w, whole, N);
        for (size_t k = N / 256; k-- > 0;)
            quantize_for(t->id)(x + 256 * k, w + 256 * k, parts + piece * k, 256);
        CHECK_SAY(!memcmp(whole, parts, bytes), "%s", t->name);
    }
}

TEST(rows_of_zeros_are_read_back_as_zeros) {
    const quant_type *types[QUANT_IDS];
    const float x[N] = {0};
    float w[N];
    uint8_t blocks[BYTES];
    row_weights(3, w, N);
    for (int i = 0, n = written(types); i < n; i++) {
        CHECK_SAY(error_of(types[i], x, NULL, blocks) == 0, "%s", types[i]->name);
        CHECK_SAY(error_of(types[i], x, w, blocks) == 0, "%s weighted", types[i]->name);
    }
}

/* One value in 1024: at most a tenth of it is lost, where codes of zero exist; with magnitudes
 * only, the others of its scale take their share. */
TEST(a_single_spike_stays) {
    const quant_type *types[QUANT_IDS];
    uint8_t blocks[BYTES];
    for (int i = 0, n = written(types); i < n; i++)
        for (int at = 0; at < N; at += 37) {
            const quant_type *t = types[i];
            const bool signs = t->id == Q_IQ2_XXS || t->id == Q_IQ2_XS || t->id == Q_IQ2_S ||
                               t->id == Q_IQ3_XXS || t->id == Q_IQ3_S;
            float x[N] = {0}, y[N];
            x[at] = at % 2 ? 1.7f : -1.7f;
            const double e = error_of(t, x, NULL, blocks);
            t->dequant(blocks, y, N);
            CHECK_SAY(e <= (signs ? 0.75 : 0.02) * 1.7 * 1.7, "%s at %d: %g", t->name, at, e);
            CHECK_SAY(y[at] * x[at] > 0, "%s at %d", t->name, at);
        }
}

TEST(huge_and_tiny_values_stay_finite_and_err_no_more_than_zeros_would) {
    static const int exponents[] = {-160, -126, -60, -30, -27, -25, -24, -23, -20, -14, 8,
                                    15,   16,   20,  23,  24,  40,  90,  120, 127, 130};
    const quant_type *types[QUANT_IDS];
    float x[N];
    uint8_t blocks[BYTES];
    for (int i = 0, n = written(types); i < n; i++)
        for (size_t k = 0; k < sizeof exponents / sizeof *exponents; k++)
            for (int kind = 0; kind < ROW_KINDS; kind++) {
                row_fill((row_kind)kind, 5, x, N);
                for (int j = 0; j < N; j++) {
                    const double v = ldexp((double)x[j], exponents[k]);
                    x[j] = (float)fmin(fmax(v, -3.4028234e38), 3.4028234e38);
                }
                const double e = error_of(types[i], x, NULL, blocks);
                CHECK_SAY(all_finite(types[i], blocks), "%s 2^%d", types[i]->name, exponents[k]);
                CHECK_SAY(e <= square_sum(x, NULL) * 1.000001, "%s 2^%d kind %d: %g of %g",
                          types[i]->name, exponents[k], kind, e, square_sum(x, NULL));
            }
}

TEST(weights_that_are_all_zero_are_no_weights) {
    const quant_type *types[QUANT_IDS];
    const float none[N] = {0};
    float x[N];
    uint8_t a[BYTES], b[BYTES];
    row_fill(ROW_BELL, 8, x, N);
    for (int i = 0, n = written(types); i < n; i++) {
        uint64_t bytes = 0;
        REQUIRE(quant_bytes(types[i], N, &bytes));
        quantize_for(types[i]->id)(x, none, a, N);
        quantize_for(types[i]->id)(x, NULL, b, N);
        CHECK_SAY(!memcmp(a, b, bytes), "%s", types[i]->name);
    }
}

TEST(weights_of_any_size_mean_their_ratios) {
    const quant_type *types[QUANT_IDS];
    float x[N], w[N], v[N];
    uint8_t a[BYTES], b[BYTES];
    row_fill(ROW_BELL, 9, x, N);
    row_weights(9, w, N);
    for (int power = -80; power <= 120; power += 200) {
        for (int j = 0; j < N; j++) v[j] = ldexpf(w[j], power);
        for (int i = 0, n = written(types); i < n; i++) {
            uint64_t bytes = 0;
            REQUIRE(quant_bytes(types[i], N, &bytes));
            quantize_for(types[i]->id)(x, w, a, N);
            quantize_for(types[i]->id)(x, v, b, N);
            CHECK_SAY(!memcmp(a, b, bytes), "%s 2^%d", types[i]->name, power);
        }
    }
}

/* The one column that counts is met much closer than without weights, in all blocks together. */
TEST(a_column_that_alone_counts_is_met_closely) {
    const quant_type *types[QUANT_IDS];
    float x[N], w[N] = {0};
    uint8_t blocks[BYTES];
    row_fill(ROW_BELL, 10, x, N);
    for (int j = 0; j < N; j += 256) w[j + 100] = 1;
    for (int i = 0, n = written(types); i < n; i++) {
        /* MXFP4 has one value of three bits and no scale but powers of two to meet it with. */
        const double weighted = error_of(types[i], x, w, blocks);
        const double most = (types[i]->id == Q_MXFP4 ? 0.02 : 0.002) * square_sum(x, w);
        CHECK_SAY(weighted <= most, "%s: %g, not %g", types[i]->name, weighted, most);
        CHECK(all_finite(types[i], blocks));
    }
}

/* Values that a format can hold: a second time they lose nothing, or next to nothing where scales
 * have scales and other integers may be found. */
TEST(what_was_read_back_is_written_again_without_loss) {
    const quant_type *types[QUANT_IDS];
    float x[N], y[N];
    uint8_t blocks[BYTES];
    for (int i = 0, n = written(types); i < n; i++)
        for (uint64_t seed = 1; seed <= 8; seed++) {
            const quant_type *t = types[i];
            row_fill(ROW_BELL, seed, x, N);
            const double first = error_of(t, x, NULL, blocks);
            t->dequant(blocks, y, N);
            const double again = error_of(t, y, NULL, blocks);
            const bool exact = t->block_values == 1 || t->id == Q_MXFP4;
            CHECK_SAY(exact ? again == 0 : again <= 0.1 * first, "%s: %g after %g", t->name,
                      again, first);
        }
}

TEST(blocks_of_q8_0_at_the_ends_of_half_floats_use_the_scale_that_is_stored) {
    float x[32] = {0}, y[32];
    uint8_t b[34];
    x[0] = 1e-6f, x[1] = -4e-7f;        /* d would be 8e-9: below half of the smallest */
    quantize_for(Q_Q8_0)(x, NULL, b, 32);
    q8_0_dequant(b, y, 32);
    CHECK(le16(b) == 1 && fabsf(y[0] - x[0]) <= 0x1p-25f && fabsf(y[1] - x[1]) <= 0x1p-25f);
    x[0] = 3e38f, x[1] = -65504.0f * 64;
    quantize_for(Q_Q8_0)(x, NULL, b, 32);
    q8_0_dequant(b, y, 32);
    CHECK(le16(b) == 0x7bff && y[0] == 65504.0f * 127 && y[1] == x[1]);
}

TEST(sixteen_bit_floats_end_at_their_largest_number) {
    const float x[4] = {3e38f, -3.4e38f, 70000, -65519};
    float y[4];
    uint8_t b[8];
    quantize_for(Q_F16)(x, NULL, b, 4);
    f16_dequant(b, y, 4);
    CHECK(y[0] == 65504 && y[1] == -65504 && y[2] == 65504 && y[3] == -65504);
    quantize_for(Q_BF16)(x, NULL, b, 4);
    bf16_dequant(b, y, 4);
    CHECK(isfinite(y[0]) && isfinite(y[1]) && fabsf(y[1] + 3.4e38f) < 2e36f);
}

TESTS_MAIN
