/* types: the tensor types of GGUF files by number and by name. */
#include "base/checked.h"
#include "quant/formats.h"

static const quant_type types[QUANT_IDS] = {
    [Q_F32] = {"F32", Q_F32, 1, 4, f32_dequant},
    [Q_F16] = {"F16", Q_F16, 1, 2, f16_dequant},
    [Q_Q4_0] = {"Q4_0", Q_Q4_0, 32, sizeof(block_q4_0), q4_0_dequant},
    [Q_Q4_1] = {"Q4_1", Q_Q4_1, 32, sizeof(block_q4_1), q4_1_dequant},
    [Q_Q5_0] = {"Q5_0", Q_Q5_0, 32, sizeof(block_q5_0), q5_0_dequant},
    [Q_Q5_1] = {"Q5_1", Q_Q5_1, 32, sizeof(block_q5_1), q5_1_dequant},
    [Q_Q8_0] = {"Q8_0", Q_Q8_0, 32, sizeof(block_q8_0), q8_0_dequant},
    [Q_Q2_K] = {"Q2_K", Q_Q2_K, 256, sizeof(block_q2_k), q2_k_dequant},
    [Q_Q3_K] = {"Q3_K", Q_Q3_K, 256, sizeof(block_q3_k), q3_k_dequant},
    [Q_Q4_K] = {"Q4_K", Q_Q4_K, 256, sizeof(block_q4_k), q4_k_dequant},
    [Q_Q5_K] = {"Q5_K", Q_Q5_K, 256, sizeof(block_q5_k), q5_k_dequant},
    [Q_Q6_K] = {"Q6_K", Q_Q6_K, 256, sizeof(block_q6_k), q6_k_dequant},
    [Q_IQ2_XXS] = {"IQ2_XXS", Q_IQ2_XXS, 256, sizeof(block_iq2_xxs), iq2_xxs_dequant},
    [Q_IQ2_XS] = {"IQ2_XS", Q_IQ2_XS, 256, sizeof(block_iq2_xs), iq2_xs_dequant},
    [Q_IQ3_XXS] = {"IQ3_XXS", Q_IQ3_XXS, 256, sizeof(block_iq3_xxs), iq3_xxs_dequant},
    [Q_IQ1_S] = {"IQ1_S", Q_IQ1_S, 256, sizeof(block_iq1_s), iq1_s_dequant},
    [Q_IQ4_NL] = {"IQ4_NL", Q_IQ4_NL, 32, sizeof(block_iq4_nl), iq4_nl_dequant},
    [Q_IQ3_S] = {"IQ3_S", Q_IQ3_S, 256, sizeof(block_iq3_s), iq3_s_dequant},
    [Q_IQ2_S] = {"IQ2_S", Q_IQ2_S, 256, sizeof(block_iq2_s), iq2_s_dequant},
    [Q_IQ4_XS] = {"IQ4_XS", Q_IQ4_XS, 256, sizeof(block_iq4_xs), iq4_xs_dequant},
    [Q_I8] = {"I8", Q_I8, 1, 1, NULL},
    [Q_I16] = {"I16", Q_I16, 1, 2, NULL},
    [Q_I32] = {"I32", Q_I32, 1, 4, NULL},
    [Q_I64] = {"I64", Q_I64, 1, 8, NULL},
    [Q_F64] = {"F64", Q_F64, 1, 8, NULL},
    [Q_IQ1_M] = {"IQ1_M", Q_IQ1_M, 256, sizeof(block_iq1_m), iq1_m_dequant},
    [Q_BF16] = {"BF16", Q_BF16, 1, 2, bf16_dequant},
    [Q_MXFP4] = {"MXFP4", Q_MXFP4, 32, sizeof(block_mxfp4), mxfp4_dequant},
};

const quant_type *quant_find(uint32_t id) {
    return id < QUANT_IDS && types[id].name ? &types[id] : NULL;
}

/* ASCII only, whatever the locale says. */
static int upper(char c) { return c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c; }

const quant_type *quant_by_name(const char *name) {
    for (uint32_t id = 0; id < QUANT_IDS; id++) {
        const char *a = types[id].name, *b = name;
        if (!a) continue;
        while (*a && *a == upper(*b)) a++, b++;
        if (!*a && !*b) return &types[id];
    }
    return NULL;
}

bool quant_bytes(const quant_type *q, uint64_t n, uint64_t *bytes) {
    return n % q->block_values == 0 && mul_u64(n / q->block_values, q->block_bytes, bytes);
}
