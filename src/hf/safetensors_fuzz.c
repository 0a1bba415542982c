/* Any bytes as a safetensors file: refused, or every tensor lies within them. */
#include <stdlib.h>

#include "hf/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static volatile uint8_t seen; /* so that the reads below are not optimised away */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    err e;
    hf_file *f;
    if (hf_file_open_bytes(&f, data, n, "fuzz", &e) != OK) return 0;
    uint64_t sum = 0;
    for (size_t i = 0; i < hf_file_count(f); i++) {
        const hf_tensor *t = hf_file_at(f, i);
        uint64_t bytes = hf_dtype_bytes(t->dtype);
        for (uint32_t k = 0; k < HF_MAX_RANK; k++) bytes *= t->shape[k];
        if (bytes != t->bytes || hf_file_find(f, t->name) != t) abort();
        if (t->bytes) seen = (uint8_t)(t->data[0] ^ t->data[t->bytes - 1]);
        sum += t->bytes;
    }
    /* the tensors fill what follows the header, without a rest */
    uint64_t header = 0;
    for (int i = 0; i < 8; i++) header |= (uint64_t)data[i] << 8 * i;
    if (sum != n - 8 - header) abort();
    hf_file_close(f);
    return 0;
}
