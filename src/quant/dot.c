/* dot: the sets of products, and the choice among them when the program runs. */
#include "quant/formats.h"

static const dot_set scalar = {
    .isa = "scalar",
    .fast = {
        [Q_F32] = f32_dot,
        [Q_F16] = f16_dot,
        [Q_BF16] = bf16_dot,
        [Q_Q8_0] = q8_0_dot,
        [Q_Q4_0] = q4_0_dot,
        [Q_IQ4_NL] = iq4_nl_dot,
        [Q_MXFP4] = mxfp4_dot,
        [Q_Q2_K] = q2_k_dot,
        [Q_Q3_K] = q3_k_dot,
        [Q_Q4_K] = q4_k_dot,
        [Q_Q5_K] = q5_k_dot,
        [Q_Q6_K] = q6_k_dot,
        [Q_IQ2_XXS] = iq2_xxs_dot,
        [Q_IQ2_XS] = iq2_xs_dot,
        [Q_IQ2_S] = iq2_s_dot,
        [Q_IQ3_XXS] = iq3_xxs_dot,
        [Q_IQ3_S] = iq3_s_dot,
        [Q_IQ1_S] = iq1_s_dot,
        [Q_IQ1_M] = iq1_m_dot,
        [Q_IQ4_XS] = iq4_xs_dot,
        SHARED_PRODUCTS,
    },
    .f32 = dot_f32,
    .exact = dot_exact,
    .q8 = q8_round,
    .f16_load = f16_dequant,
    .f16_store = quantize_f16,
};

const dot_set *dot_scalar(void) { return &scalar; }

#if defined(__x86_64__)

#include <cpuid.h>
#ifdef DS4_AMX
#include <sys/syscall.h>
#include <unistd.h>
#endif

/* __builtin_cpu_supports also asks the system whether it keeps the wide registers, but not every
 * compiler lets it be asked for F16C: that is bit 29 of what leaf 1 says. */
static bool has_avx2(void) {
    unsigned a, b, c = 0, d;
    const bool f16c = __get_cpuid(1, &a, &b, &c, &d) && (c >> 29 & 1);
    return f16c && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

#ifdef DS4_AVX512
/* The registers that the system keeps for a thread: XCR0, by number of the state. */
static uint32_t kept_states(void) {
    uint32_t low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

/* Besides the instructions, the system must keep mask and 512-bit registers: bits 5 to 7. */
static bool has_avx512(void) {
    unsigned a, b, c, d;
    const unsigned leaf_7 = 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31; /* F, DQ, BW, VL */
    if (!has_avx2() || !__get_cpuid_count(7, 0, &a, &b, &c, &d)) return false;
    return (b & leaf_7) == leaf_7 && (c >> 11 & 1) && (kept_states() & 0xe6) == 0xe6;
}
#endif

#ifdef DS4_AMX
/* The registers of the matrix unit (states 17 and 18) are the process's for the asking: once asked,
 * its threads have them, whenever they start. */
static bool has_amx(void) {
    unsigned a, b, c, d;
    if (!has_avx512() || !__get_cpuid_count(7, 0, &a, &b, &c, &d)) return false;
    if (!(d >> 24 & 1) || !(d >> 25 & 1) || (kept_states() & 0x60000) != 0x60000) return false;
    const long may_use_state = 0x1023;
    return syscall(SYS_arch_prctl, may_use_state, 18L) == 0;
}
#endif

/* Each set that is there has all that those before it have. */
const dot_set *dot_set_at(size_t i) {
    if (i == 0) return &scalar;
    if (i == 1) return has_avx2() ? dot_avx2() : NULL;
#ifdef DS4_AVX512
    if (i == 2) return has_avx512() ? dot_avx512() : NULL;
#endif
#ifdef DS4_AMX
    if (i == 3) return has_amx() ? dot_amx() : NULL;
#endif
    return NULL;
}

#elif defined(__aarch64__)

typedef enum extension { DOTS, MATRICES } extension;

#ifdef __APPLE__
#include <sys/sysctl.h>

static bool has(extension e) {
    int yes = 0;
    size_t size = sizeof yes;
    const char *name = e == DOTS ? "hw.optional.arm.FEAT_DotProd" : "hw.optional.arm.FEAT_I8MM";
    return sysctlbyname(name, &yes, &size, NULL, 0) == 0 && yes;
}
#else
#include <sys/auxv.h>

/* Bits of the system's interface: headers older than an extension do not name it. */
static bool has(extension e) {
    return e == DOTS ? getauxval(AT_HWCAP) >> 20 & 1 : getauxval(AT_HWCAP2) >> 13 & 1;
}
#endif

const dot_set *dot_set_at(size_t i) {
    if (i == 0) return &scalar;
    if (i == 1) return has(DOTS) ? dot_neon() : NULL;
#ifdef DS4_I8MM
    if (i == 2) return has(DOTS) && has(MATRICES) ? dot_i8mm() : NULL;
#endif
    return NULL;
}

#else

const dot_set *dot_set_at(size_t i) { return i == 0 ? &scalar : NULL; }

#endif

const dot_set *dot_best(void) {
    const dot_set *best = &scalar, *next;
    for (size_t i = 1; (next = dot_set_at(i)); i++)
        if (!next->passed_over) best = next;
    return best;
}

void dot_tile(const dot_set *set, const quant_type *t, const void *w, size_t w_stride, uint32_t n_w,
              const q8_rows *a, const uint32_t *rows, uint32_t n_a, size_t n, float *out,
              size_t out_stride) {
    if (set->tile[t->id]) {
        set->tile[t->id](w, w_stride, n_w, a, rows, n_a, n, out, out_stride);
        return;
    }
    const dot_fn dot = set->fast[t->id];
    for (uint32_t o = 0; o < n_w; o++) {
        for (uint32_t i = 0; i < n_a; i++) {
            const q8_row x = q8_rows_at(a, rows ? rows[i] : i);
            out[i * out_stride + o] = dot((const uint8_t *)w + o * w_stride, &x, n);
        }
    }
}
