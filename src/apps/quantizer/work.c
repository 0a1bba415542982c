#include "apps/quantizer/work.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/le.h"
#include "quant/quantize.h"

/* What one thread has of its own. */
typedef struct hand {
    float *values, *importance;
    bool failed;
    uint64_t row; /* of the first failure */
    err why;
} hand;

typedef struct work {
    const input *in;
    const scheme *scheme;
    const volatile sig_atomic_t *stop;
    pool *threads;
    hand *hands;
    uint8_t *blocks; /* of a piece */

    /* The piece in work. */
    const planned *t;
    quantize_fn quantize; /* NULL: the origin's own type is kept, or F32 */
    uint64_t first;       /* row */
} work;

/* ------------------------------------------------------------------ room */

static uint64_t slice_rows(const planned *t) {
    const uint64_t n = SLICE_VALUES / t->from->ne[0];
    return n ? n : 1;
}

static uint64_t piece_rows(const planned *t) {
    const uint64_t n = PIECE_VALUES / t->from->ne[0], all = origin_rows(t->from);
    return n == 0 ? 1 : n < all ? n : all;
}

static status work_new(work *w, err *e) {
    uint64_t slice = 0, cols = 0, piece = 0;
    for (uint32_t i = 0; i < w->scheme->n; i++) {
        const planned *t = &w->scheme->at[i];
        const uint64_t s = t->from->whole ? 0 : slice_rows(t) * t->from->ne[0];
        const uint64_t b = piece_rows(t) * t->row_bytes;
        if (s > slice) slice = s;
        if (b > piece) piece = b;
        if (t->from->ne[0] > cols && !t->from->whole) cols = t->from->ne[0];
    }
    const uint32_t n = pool_threads(w->threads);
    w->hands = calloc(n, sizeof *w->hands);
    w->blocks = malloc((size_t)piece + 1);
    bool ok = w->hands && w->blocks;
    for (uint32_t i = 0; i < n && ok; i++) {
        w->hands[i].values = malloc(((size_t)slice + 1) * sizeof(float));
        w->hands[i].importance = malloc(((size_t)cols + 1) * sizeof(float));
        ok = w->hands[i].values && w->hands[i].importance;
    }
    return ok ? OK : fail(e, E_NOMEM, "out of memory");
}

static void work_free(work *w) {
    for (uint32_t i = 0; w->hands && i < pool_threads(w->threads); i++) {
        free(w->hands[i].values);
        free(w->hands[i].importance);
    }
    free(w->hands);
    free(w->blocks);
}

/* ------------------------------------------------------------------ rows to blocks */

static void put_rows(const work *w, hand *h, uint64_t row, uint64_t n, uint8_t *out) {
    const origin *o = w->t->from;
    const uint64_t run_rows = w->t->run_rows, runs = o->ne[1] / run_rows * o->ne[2];
    const float *importance = NULL;
    for (uint64_t r = 0; r < n; r++, out += w->t->row_bytes) {
        const float *v = h->values + r * o->ne[0];
        if (r == 0 || (row + r) % run_rows == 0)
            importance = planned_importance(w->t, (row + r) / run_rows % runs, h->importance);
        if (w->quantize)
            w->quantize(v, importance, out, (size_t)o->ne[0]);
        else
            for (uint64_t i = 0; i < o->ne[0]; i++) put_le32(out + 4 * i, f32_bits(v[i]));
    }
}

static void do_slice(void *ctx, size_t begin, size_t end, uint32_t thread) {
    const work *w = ctx;
    hand *h = &w->hands[thread];
    const origin *o = w->t->from;
    const uint64_t step = slice_rows(w->t);
    err e;
    for (uint64_t at = begin; at < end && !*w->stop; at += step) { /* one thread gets all of it */
        const uint64_t n = end - at < step ? end - at : step, row = w->first + at;
        uint8_t *out = w->blocks + at * w->t->row_bytes;
        status st;
        if (w->t->type == o->type) {
            st = input_blocks(w->in, o, row, n, h->values, out, &e);
        } else {
            st = input_rows(w->in, o, row, n, h->values, &e);
            if (st == OK) put_rows(w, h, row, n, out);
        }
        if (st == OK || (h->failed && h->row < row)) continue;
        h->failed = true;
        h->row = row;
        h->why = e;
    }
}

/* Of several failures the one that comes first in the tensor, whoever met it. */
static status first_failure(const work *w, err *e) {
    const hand *first = NULL;
    for (uint32_t i = 0; i < pool_threads(w->threads); i++) {
        const hand *h = &w->hands[i];
        if (h->failed && (!first || h->row < first->row)) first = h;
    }
    if (!first) return OK;
    if (e) *e = first->why;
    return first->why.code;
}

/* ------------------------------------------------------------------ tensors */

static uint64_t padded(uint64_t bytes) {
    return (bytes + WORK_ALIGNMENT - 1) / WORK_ALIGNMENT * WORK_ALIGNMENT;
}

uint64_t work_file_bytes(const scheme *p, const buf *head) {
    uint64_t n = head->n;
    for (uint32_t i = 0; i < p->n; i++) n += padded(p->at[i].bytes);
    return n;
}

static status do_piece(work *w, uint64_t n, bool last, partial *to, err *e) {
    static const uint8_t zeros[WORK_ALIGNMENT];
    const planned *t = w->t;
    pool_for(w->threads, (size_t)n, (size_t)slice_rows(t), do_slice, w);
    if (*w->stop) return fail(e, E_CANCELLED, "stopped");
    status st = first_failure(w, e);
    if (st == OK) st = partial_write(to, w->blocks, (size_t)(n * t->row_bytes), e);
    if (st == OK && last)
        st = partial_write(to, zeros, (size_t)(padded(t->bytes) - t->bytes), e);
    input_drop(t->from, w->first, n);
    return st == OK ? partial_mark(to, e) : st;
}

/* From `have` bytes of this tensor on, which earlier runs have written. */
static status do_tensor(work *w, uint64_t have, partial *to, progress *bar, uint64_t before,
                        err *e) {
    const planned *t = w->t;
    const uint64_t rows = origin_rows(t->from), step = piece_rows(t);
    status st = OK;
    w->quantize = t->type == Q_F32 ? NULL : quantize_for(t->type);
    w->first = have / t->row_bytes;
    if (have % t->row_bytes != 0)
        return fail(e, E_FORMAT, "%s: %" PRIu64 " bytes of it are no whole rows: give --force to "
                                 "begin anew",
                    t->from->name, have);
    while (w->first < rows && st == OK) {
        const uint64_t n = rows - w->first < step ? rows - w->first : step;
        st = do_piece(w, n, w->first + n == rows, to, e);
        w->first += n;
        const double share = (double)w->first / (double)rows;
        progress_to(bar, before + (uint64_t)(share * (double)t->from->bytes));
    }
    return st;
}

static status do_all(work *w, const buf *head, partial *to, progress *bar, err *e) {
    uint64_t start = head->n, before = 0; /* of this tensor in the file; stored bytes before it */
    bool begun = false;
    status st = OK;
    for (uint32_t i = 0; i < w->scheme->n && st == OK; i++) {
        w->t = &w->scheme->at[i];
        const uint64_t end = start + padded(w->t->bytes), have = partial_have(to);
        if (have < end) {
            const uint64_t inside = have > start ? have - start : 0;
            if (!begun) {
                const double share = (double)inside / (double)w->t->bytes;
                progress_base(bar, before + (uint64_t)(share * (double)w->t->from->bytes));
                begun = true;
            }
            st = do_tensor(w, inside, to, bar, before, e);
        }
        before += w->t->from->bytes;
        start = end;
    }
    return st;
}

status work_run(const input *in, const scheme *p, const buf *head, partial *to, pool *threads,
                const volatile sig_atomic_t *stop, err *e) {
    work w = {.in = in, .scheme = p, .stop = stop, .threads = threads};
    status st = work_new(&w, e);
    if (st == OK && partial_have(to) < head->n) {
        st = partial_write(to, head->data, head->n, e);
        if (st == OK) st = partial_mark(to, e);
    }
    if (st == OK) {
        progress bar;
        progress_start(&bar, stderr, "quantising", p->read_bytes, PROGRESS_BYTES);
        st = do_all(&w, head, to, &bar, e);
        if (st == OK)
            progress_end(&bar);
        else
            progress_hide(&bar);
    }
    work_free(&w);
    return st;
}
