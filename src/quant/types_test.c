/* The table of types. */
#include "base/test.h"
#include "quant/formats.h"

TEST(every_type_is_found_by_its_id_and_by_its_name_in_any_case) {
    int n = 0;
    for (uint32_t id = 0; id < 300; id++) {
        const quant_type *q = quant_find(id);
        if (!q) continue;
        n++;
        CHECK(q->id == id);
        CHECK(quant_by_name(q->name) == q);
        char low[16] = "";
        for (size_t i = 0; q->name[i]; i++)
            low[i] = (char)(q->name[i] >= 'A' && q->name[i] <= 'Z' ? q->name[i] + 32 : q->name[i]);
        CHECK(quant_by_name(low) == q);
    }
    CHECK(n == 28);
}

TEST(what_is_no_type_is_not_found) {
    const uint32_t ids[] = {4, 5, 9, 15, 31, 34, 40, 41, 42, 0x80000000, UINT32_MAX};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) CHECK(!quant_find(ids[i]));
    const char *names[] = {"", "Q", "Q8_", "Q8_00", "Q8_0 ", " Q8_0", "F8", "IQ2", "q8-0"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) CHECK(!quant_by_name(names[i]));
}

/* Bits a weight as the format documents them. */
TEST(blocks_have_the_sizes_of_the_format) {
    static const struct {
        const char *name;
        uint32_t values, bytes;
    } want[] = {
        {"F32", 1, 4},        {"F16", 1, 2},        {"BF16", 1, 2},       {"Q4_0", 32, 18},
        {"Q8_0", 32, 34},     {"Q2_K", 256, 84},    {"Q3_K", 256, 110},   {"Q4_K", 256, 144},
        {"Q5_K", 256, 176},   {"Q6_K", 256, 210},   {"IQ2_XXS", 256, 66}, {"IQ2_XS", 256, 74},
        {"IQ3_XXS", 256, 98}, {"IQ1_S", 256, 50},   {"IQ4_NL", 32, 18},   {"IQ3_S", 256, 110},
        {"IQ2_S", 256, 82},   {"IQ4_XS", 256, 136}, {"I8", 1, 1},         {"I16", 1, 2},
        {"I32", 1, 4},        {"I64", 1, 8},        {"F64", 1, 8},        {"IQ1_M", 256, 56},
        {"MXFP4", 32, 17},    {"Q4_1", 32, 20},     {"Q5_0", 32, 22},     {"Q5_1", 32, 24},
    };
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        const quant_type *q = quant_by_name(want[i].name);
        CHECK(q && q->block_values == want[i].values && q->block_bytes == want[i].bytes);
    }
}

TEST(sizes_count_whole_blocks_and_never_wrap) {
    uint64_t bytes = 7;
    CHECK(quant_bytes(quant_find(Q_Q2_K), 4096, &bytes) && bytes == 16 * 84);
    CHECK(quant_bytes(quant_find(Q_IQ1_S), 0, &bytes) && bytes == 0);
    bytes = 7;
    CHECK(!quant_bytes(quant_find(Q_Q2_K), 4097, &bytes) && bytes == 7);
    CHECK(!quant_bytes(quant_find(Q_Q8_0), 31, &bytes) && bytes == 7);
    CHECK(!quant_bytes(quant_find(Q_F32), UINT64_MAX, &bytes) && bytes == 7);
    CHECK(!quant_bytes(quant_find(Q_Q8_0), UINT64_MAX - 31, &bytes) && bytes == 7);
    CHECK(quant_bytes(quant_find(Q_I8), UINT64_MAX, &bytes) && bytes == UINT64_MAX);
}

TEST(carried_types_have_no_values) {
    for (uint32_t id = Q_I8; id <= Q_F64; id++) CHECK(quant_find(id) && !quant_find(id)->dequant);
}

TESTS_MAIN
