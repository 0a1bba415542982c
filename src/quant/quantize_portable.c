/* quantize_portable: the searches of the quantisers for any processor. */
#include "quant/lanes_portable.h"
#include "quant/quantize.h"
#include "quant/search_affine.h"
#include "quant/search_grid.h"
#include "quant/search_linear.h"

const quantize_set quantize_portable = {
    .isa = "portable",
    .write = {
        [Q_F32] = f32_write,
        [Q_F16] = f16_write,
        [Q_BF16] = bf16_write,
        [Q_Q8_0] = q8_0_write,
        [Q_Q4_0] = q4_0_write,
        [Q_IQ4_NL] = iq4_nl_write,
        [Q_IQ4_XS] = iq4_xs_write,
        [Q_MXFP4] = mxfp4_write,
        [Q_Q3_K] = q3_k_write,
        [Q_Q6_K] = q6_k_write,
        [Q_Q2_K] = q2_k_write,
        [Q_Q4_K] = q4_k_write,
        [Q_Q5_K] = q5_k_write,
        [Q_IQ2_XXS] = iq2_xxs_write,
        [Q_IQ2_XS] = iq2_xs_write,
        [Q_IQ2_S] = iq2_s_write,
        [Q_IQ3_XXS] = iq3_xxs_write,
        [Q_IQ3_S] = iq3_s_write,
    },
};
