/* Any bytes as an importance matrix: refused in one line, or sound entries, which survive being
 * merged with themselves. */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "apps/quantizer/imatrix.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    imatrix m = {0}, twice = {0};
    err e = {0};
    if (imatrix_read_bytes(&m, data, n, "fuzz", &e) != OK) {
        assert(m.n == 0 && e.text[0] && !strchr(e.text, '\n'));
        return 0;
    }
    for (size_t i = 0; i < m.n; i++) {
        const imatrix_entry *x = &m.entries[i];
        assert(imatrix_find(&m, x->name) == x && imatrix_fits(x, x->n_cols, x->n_mats));
        float *w = malloc(x->n_cols * sizeof *w);
        for (uint64_t k = 0; k < x->n_mats && w; k++) {
            imatrix_weights(x, x->n_cols, k, w);
            for (uint64_t c = 0; c < x->n_cols; c++) assert(isfinite(w[c]) && w[c] >= 0);
        }
        free(w);
    }
    assert(imatrix_merge(&twice, &m, &e) == OK && imatrix_merge(&twice, &m, &e) == OK);
    assert(twice.n == m.n);
    imatrix_free(&twice);
    imatrix_free(&m);
    return 0;
}
