/* Any bytes as blocks of any type.
 *
 *      u8 type id (modulo the number of ids), then blocks; what is left of the last one is dropped
 *
 * The blocks lie alone in memory of their size, so that reading beyond them is caught. A NaN among
 * the values must show in every product, and values of ordinary size must not make one.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "quant/formats.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { VALUES = 2048 };

typedef struct row {
    float x[VALUES], values[VALUES], d[VALUES / 32];
    int8_t q[VALUES];
    int16_t sum16[VALUES / 16];
} row;

static void check(const quant_type *t, const void *w, size_t n) {
    static row r;
    for (size_t i = 0; i < n; i++) r.x[i] = (float)((int)(i * 29 % 64) - 30) / 30;
    dot_best()->q8(r.x, n / 32 * 32, r.q, r.d, r.sum16);
    const q8_row a = {r.x, r.q, r.d, r.sum16};
    t->dequant(w, r.values, n);
    bool finite = true;
    float top = 0;
    for (size_t i = 0; i < n; i++) {
        finite = finite && isfinite(r.values[i]);
        top = fmaxf(top, fabsf(r.values[i]));
    }
    const float s = dot_scalar()->fast[t->id](w, &a, n), b = dot_best()->fast[t->id](w, &a, n);
    if (top > 1e25f) return; /* sums may overflow in one order and not in another */
    if (!isfinite(s) == finite || !isfinite(b) == finite) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const quant_type *t = size ? quant_find(data[0] % QUANT_IDS) : NULL;
    if (!t || !t->dequant) return 0;
    size_t blocks = (size - 1) / t->block_bytes;
    if (blocks > VALUES / t->block_values) blocks = VALUES / t->block_values;
    if (blocks == 0) return 0;
    void *w = malloc(blocks * t->block_bytes);
    if (!w) return 0;
    memcpy(w, data + 1, blocks * t->block_bytes);
    check(t, w, blocks * t->block_values);
    free(w);
    return 0;
}
