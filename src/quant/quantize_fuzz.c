/* Any values and weights, written as any type.
 *
 *      u8 type id (modulo the number of ids), u8: bit 0 with weights, then float32: values, and
 *      as many weights; what does not fill a block is dropped
 *
 * Values that are not finite become zero, as the caller's refusal is not this room's; weights become
 * magnitudes. What is read back must be finite, every instruction set must write the same, and the
 * blocks lie alone in memory of their size.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "quant/formats.h"
#include "quant/quantize.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { VALUES = 1024 };

static float any_float(const uint8_t *p) {
    const float f = bits_f32(le32(p));
    return isfinite(f) ? f : 0;
}

static void check(const quant_type *t, const float *x, const float *w, size_t n) {
    uint64_t bytes = 0;
    if (!quant_bytes(t, n, &bytes)) abort();
    uint8_t *a = malloc(bytes), *b = malloc(bytes);
    if (a && b) {
        float y[VALUES];
        quantize_portable.write[t->id](x, w, a, n);
        quantize_for(t->id)(x, w, b, n);
        if (memcmp(a, b, bytes)) abort();
        t->dequant(b, y, n);
        for (size_t i = 0; i < n; i++)
            if (!isfinite(y[i])) abort();
    }
    free(a);
    free(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2) return 0;
    const quant_type *t = quant_find(data[0] % QUANT_IDS);
    if (!t || !quantize_for(t->id)) return 0;
    const bool weighted = data[1] & 1;
    size_t n = (size - 2) / (weighted ? 8 : 4);
    if (n > VALUES) n = VALUES;
    n -= n % t->block_values;
    if (n == 0) return 0;
    float x[VALUES], w[VALUES];
    for (size_t i = 0; i < n; i++) {
        x[i] = any_float(data + 2 + 4 * i);
        w[i] = weighted ? fabsf(any_float(data + 2 + 4 * (n + i))) : 1;
    }
    check(t, x, weighted ? w : NULL, n);
    return 0;
}
