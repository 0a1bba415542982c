/* Any bytes as a file of stored logits: refused in one line, or every row can be asked for. The checksums are
 * put right first, so that what stands behind them is met. */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "apps/quality/stored.h"
#include "base/hash.h"
#include "base/le.h"

enum { HEAD = 88, END = 24, ROWS_MOST = 64 };

static void mend_ids(uint8_t *p, uint64_t n_ids) {
    stream s = {0};
    for (uint64_t i = 0; i < n_ids; i++)
        if (!tokens_add(&s.ids, (int32_t)le32(p + HEAD + 4 * i))) break;
    if (le32(p + 32) > 0 && stream_cut(&s, (int32_t)le32(p + 36), le32(p + 32), 0, NULL) == OK && s.ids.n == n_ids) {
        const hash128 h = stream_hash(&s);
        put_le64(p + 64, h.lo);
        put_le64(p + 72, h.hi);
    }
    stream_free(&s);
}

static void mend(uint8_t *p, size_t n) {
    if (n < HEAD + END) return;
    memcpy(p, "DS4LOGIT", 8);
    const uint64_t about = le64(p + n - END), n_ids = le64(p + 16), n_rows = le64(p + 24), vocab = le32(p + 12);
    if (n_ids <= (n - HEAD) / 4) mend_ids(p, n_ids);
    put_le64(p + 80, hash64(p, 80));
    if (about <= n - HEAD - END) put_le64(p + n - 16, hash64(p + n - END - about, (size_t)about));
    if (n_ids > n || n_rows > n || vocab > n) return;
    const uint64_t first = stored_head_bytes(n_ids), each = stored_row_bytes((uint32_t)vocab);
    for (uint64_t i = 0; i < n_rows && first + (i + 1) * each <= n; i++) {
        uint8_t *row = p + first + i * each;
        put_le64(row, hash64(row + 8, (size_t)each - 8));
    }
}

static void read_it(const uint8_t *p, size_t n) {
    stored *s = NULL;
    err e = {0};
    if (stored_open_bytes(&s, p, n, "fuzz", &e) != OK) {
        assert(!s && e.text[0] && !strchr(e.text, '\n'));
        return;
    }
    const uint32_t vocab = stored_header(s)->n_vocab;
    const stream *t = stored_stream(s);
    float *row = malloc(vocab * sizeof *row);
    for (uint64_t i = 0; i < t->n_tokens && i < ROWS_MOST && row; i++)
        if (stored_row(s, i, row, &e) == OK)
            for (uint32_t k = 0; k < vocab; k++) assert(isfinite(row[k]) && row[k] <= 0);
    uint64_t sum = 0;
    for (size_t w = 0; w < t->n_windows; w++) sum += t->windows[w].n;
    assert(sum == t->n_tokens && json_type(stored_about(s)) == JSON_OBJECT);
    free(row);
    stored_close(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    uint8_t *copy = malloc(n ? n : 1);
    if (!copy) return 0;
    memcpy(copy, data, n);
    read_it(copy, n);
    mend(copy, n);
    read_it(copy, n);
    free(copy);
    return 0;
}
