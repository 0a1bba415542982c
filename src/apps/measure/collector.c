#include "apps/measure/collector.h"

#include <stdlib.h>
#include <string.h>

typedef struct tally {
    const gguf_tensor *t;
    double *sums;   /* [planes][columns], NULL until met */
    double *counts; /* [planes]                          */
} tally;

struct collector {
    tally *at; /* by address */
    uint32_t n, n_multiplied;
    bool failed;
};

static int by_address(const void *a, const void *b) {
    const uint8_t *x = ((const tally *)a)->t->data, *y = ((const tally *)b)->t->data;
    return x < y ? -1 : x > y;
}

static bool ends_with(const gguf_str *s, const char *end) {
    const size_t n = strlen(end);
    return s->n >= n && memcmp(s->p + s->n - n, end, n) == 0;
}

/* Matrices in the file that no activation ever meets: rows of them are looked up or added. */
static bool is_multiplied(const gguf_tensor *t) {
    return t->n_dims > 1 && !ends_with(&t->name, "token_embd.weight") &&
           !ends_with(&t->name, "_ape.weight") && !ends_with(&t->name, "tid2eid.weight");
}

status collector_new(collector **out, const model *m, err *e) {
    collector *c = calloc(1, sizeof *c);
    uint64_t all = 0;
    for (uint32_t i = 0; i < model_n_files(m); i++) all += gguf_n_tensors(model_file(m, i));
    if (c) c->at = calloc(all + 1, sizeof *c->at);
    if (!c || !c->at) {
        free(c);
        return fail(e, E_NOMEM, "out of memory");
    }
    for (uint32_t i = 0; i < model_n_files(m); i++) {
        const gguf *g = model_file(m, i);
        for (uint64_t k = 0; k < gguf_n_tensors(g); k++) {
            c->at[c->n++].t = gguf_tensor_at(g, k);
            c->n_multiplied += is_multiplied(gguf_tensor_at(g, k));
        }
    }
    qsort(c->at, c->n, sizeof *c->at, by_address);
    *out = c;
    return OK;
}

void collector_free(collector *c) {
    if (!c) return;
    for (uint32_t i = 0; i < c->n; i++) free(c->at[i].sums), free(c->at[i].counts);
    free(c->at);
    free(c);
}

/* The tensor whose data holds this address, or NULL. */
static tally *find(collector *c, const uint8_t *p) {
    uint32_t low = 0, high = c->n;
    while (low < high) {
        const uint32_t mid = low + (high - low) / 2;
        if (c->at[mid].t->data <= p) low = mid + 1;
        else high = mid;
    }
    if (low == 0) return NULL;
    tally *y = &c->at[low - 1];
    return p < y->t->data + y->t->bytes ? y : NULL;
}

static bool open_tally(tally *y) {
    if (y->sums) return true;
    y->sums = calloc(y->t->ne[0] * y->t->ne[2], sizeof *y->sums);
    y->counts = calloc(y->t->ne[2], sizeof *y->counts);
    return y->sums && y->counts;
}

static void see(void *self, const matrix *w, uint32_t plane, const float *x, size_t stride,
                const uint32_t *rows, uint32_t n) {
    collector *c = self;
    tally *y = find(c, w->data);
    if (!y || c->failed) return;
    const quant_type *q = w->type;
    const uint64_t cols = y->t->ne[0], row_bytes = cols / q->block_values * q->block_bytes;
    const uint64_t into_row = (uint64_t)(w->data - y->t->data) % row_bytes;
    const uint64_t first = into_row / q->block_bytes * q->block_values;
    if (plane >= y->t->ne[2] || first + w->cols > cols) return;
    if (!open_tally(y)) {
        c->failed = true;
        return;
    }
    double *sums = y->sums + plane * cols + first;
    for (uint32_t i = 0; i < n; i++) {
        const float *row = x + (rows ? rows[i] : i) * stride;
        for (uint32_t k = 0; k < w->cols; k++) sums[k] += (double)row[k] * row[k];
    }
    if (first == 0) y->counts[plane] += n; /* of matrices side by side the first one counts */
}

observer collector_observer(collector *c) { return (observer){.see = see, .self = c}; }

status collector_check(const collector *c, err *e) {
    return c->failed ? fail(e, E_NOMEM, "out of memory for the statistics of one more tensor") : OK;
}

status collector_drain(collector *c, imatrix *into, err *e) {
    status st = collector_check(c, e);
    for (uint32_t i = 0; i < c->n && st == OK; i++) {
        tally *y = &c->at[i];
        char name[1024];
        imatrix_entry *x;
        if (!y->sums) continue;
        if (y->t->name.n >= sizeof name) return fail(e, E_LIMIT, "a tensor's name is too long");
        memcpy(name, y->t->name.p, y->t->name.n);
        name[y->t->name.n] = 0;
        st = imatrix_add(into, name, y->t->ne[0], y->t->ne[2], &x, e);
        if (st != OK) break;
        const uint64_t planes = y->t->ne[2], n = y->t->ne[0] * planes;
        for (uint64_t k = 0; k < n; k++) x->sums[k] = (float)(x->sums[k] + y->sums[k]);
        for (uint64_t k = 0; k < planes; k++) x->counts[k] = (float)(x->counts[k] + y->counts[k]);
        memset(y->sums, 0, n * sizeof *y->sums);
        memset(y->counts, 0, planes * sizeof *y->counts);
    }
    return st;
}

void collector_count(const collector *c, uint32_t *met, uint32_t *all) {
    *met = 0;
    *all = c->n_multiplied;
    for (uint32_t i = 0; i < c->n; i++) *met += c->at[i].sums != NULL;
}
