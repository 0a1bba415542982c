#include "apps/quality/versus.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "apps/quality/interval.h"
#include "apps/quality/receipt.h"
#include "base/file.h"
#include "base/json.h"
#include "base/utf8.h"

enum { RECEIPT_BYTES = 64 << 20, RECEIPT_DEPTH = 30, COLUMNS = 5 };

/* Columns of a batch, see receipt.h. */
enum { TOKENS, KL, SAME, NLL_REF, NLL };

typedef struct one {
    const char *path;
    json_doc *doc;
    const json *r;
    double *batch; /* [n][COLUMNS] */
    size_t n;
} one;

typedef struct difference {
    estimate kl, same, nll;
} difference;

static status read_batches(one *x, err *e) {
    const json *batches = json_get(x->r, "batches");
    x->n = json_count(batches);
    x->batch = malloc(x->n * COLUMNS * sizeof *x->batch);
    if (!x->batch) return fail(e, E_NOMEM, "out of memory");
    for (size_t i = 0; i < x->n; i++)
        for (size_t k = 0; k < COLUMNS; k++) {
            double *v = &x->batch[i * COLUMNS + k];
            if (!json_f64(json_at(json_at(batches, i), k), v) || fabs(*v) > 1e15 || (k == TOKENS && *v < 1))
                return fail(e, E_FORMAT, "%s: batches[%zu]: five numbers were expected", x->path, i);
        }
    return OK;
}

static status read_one(one *x, err *e) {
    buf text = {0};
    status st = file_read(&text, x->path, RECEIPT_BYTES, e);
    if (st == OK) st = json_parse(&x->doc, text.data ? text.data : "", text.n, RECEIPT_DEPTH, x->path, e);
    buf_free(&text);
    if (st != OK) return st;
    x->r = json_root(x->doc);
    st = receipt_check(x->r, x->path, e);
    return st == OK ? read_batches(x, e) : st;
}

static bool same_text(const json *a, const json *b, const char *outer, const char *key) {
    const char *x = json_text(json_get(json_get(a, outer), key), NULL);
    const char *y = json_text(json_get(json_get(b, outer), key), NULL);
    return x && y && strcmp(x, y) == 0;
}

static status check_alike(const one *a, const one *b, err *e) {
    if (!same_text(a->r, b->r, "text", "stream"))
        return fail(e, E_USAGE, "%s and %s were measured on different texts, or windows of different sizes: "
                    "measure both on one", a->path, b->path);
    if (!same_text(a->r, b->r, "reference", "identity"))
        return fail(e, E_USAGE, "%s and %s have different references: measure both against one", a->path, b->path);
    bool alike = a->n == b->n;
    for (size_t i = 0; i < a->n && alike; i++) alike = a->batch[i * COLUMNS] == b->batch[i * COLUMNS];
    return alike ? OK : fail(e, E_FORMAT, "%s and %s: their batches are not of the same tokens", a->path, b->path);
}

static estimate between(const one *a, const one *b, size_t column, double *sums, double *counts) {
    for (size_t i = 0; i < a->n; i++) {
        counts[i] = a->batch[i * COLUMNS];
        sums[i] = b->batch[i * COLUMNS + column] - a->batch[i * COLUMNS + column];
    }
    return interval_mean(sums, counts, a->n);
}

/* 'a', 'b', or 0: within what chance does. */
static char nearer(const difference *d) {
    return d->kl.high < 0 ? 'b' : d->kl.low > 0 ? 'a' : 0;
}

/* ------------------------------------------------------------------ as text */

static double figure(const one *x, const char *name) {
    double v = NAN;
    json_f64(json_get(json_get(json_get(x->r, "figures"), name), "value"), &v);
    return v;
}

static void put_one(buf *out, char letter, const one *x) {
    char shown[300];
    size_t n = 0;
    double bytes = 0;
    const json *file = json_get(x->r, "file");
    const char *name = json_text(json_get(file, "name"), &n);
    json_f64(json_get(file, "bytes"), &bytes);
    utf8_printable(shown, sizeof shown, name, n);
    buf_printf(out, "%c   %-32s %10.1f MB   KL %.4g   the same best token %.2f %%\n", letter, shown, bytes / 1e6,
               figure(x, "kl"), 100 * figure(x, "same_best"));
}

static void put_row(buf *out, const char *label, estimate x, double times, const char *unit) {
    buf_printf(out, "%-28s %+10.4g%s", label, x.value * times, unit);
    if (interval_known(&x)) buf_printf(out, "   %+.4g to %+.4g", x.low * times, x.high * times);
    buf_char(out, '\n');
}

static void put_text(buf *out, const one *a, const one *b, const difference *d) {
    put_one(out, 'A', a);
    put_one(out, 'B', b);
    buf_printf(out, "\nB - A, 95 %% (paired, %zu batches)\n", a->n);
    put_row(out, "KL, mean", d->kl, 1, "  ");
    put_row(out, "the same best token", d->same, 100, " %");
    put_row(out, "ln of perplexity", d->nll, 1, "  ");
    if (!interval_known(&d->kl))
        buf_str(out, "\na single batch tells nothing about chance: measure on more windows\n");
    else if (nearer(d))
        buf_printf(out, "\n%c is nearer to the reference\n", nearer(d) - 'a' + 'A');
    else
        buf_str(out, "\nno difference that chance could not make\n");
}

/* ------------------------------------------------------------------ as JSON */

static void put_number(buf *out, double v) {
    if (isfinite(v))
        json_write_f64(out, v);
    else
        buf_str(out, "null");
}

static void put_estimate(buf *out, const char *name, estimate x) {
    buf_printf(out, ", \"%s\": {\"value\": ", name);
    put_number(out, x.value);
    buf_str(out, ", \"low\": ");
    put_number(out, x.low);
    buf_str(out, ", \"high\": ");
    put_number(out, x.high);
    buf_char(out, '}');
}

static void put_json_one(buf *out, const one *x) {
    buf_str(out, "{\"receipt\": ");
    json_write_string(out, x->path, strlen(x->path));
    buf_str(out, ", \"file\": ");
    json_write(out, json_get(json_get(x->r, "file"), "name"));
    buf_str(out, ", \"kl\": ");
    put_number(out, figure(x, "kl"));
    buf_str(out, ", \"same_best\": ");
    put_number(out, figure(x, "same_best"));
    buf_char(out, '}');
}

static void put_json(buf *out, const one *a, const one *b, const difference *d) {
    const char who = nearer(d);
    buf_str(out, "{\"a\": ");
    put_json_one(out, a);
    buf_str(out, ", \"b\": ");
    put_json_one(out, b);
    buf_printf(out, ", \"batches\": %zu", a->n);
    put_estimate(out, "kl", d->kl);
    put_estimate(out, "same_best", d->same);
    put_estimate(out, "ln_perplexity", d->nll);
    buf_str(out, ", \"nearer\": ");
    if (who)
        buf_printf(out, "\"%c\"}\n", who);
    else
        buf_str(out, "null}\n");
}

status versus_files(buf *out, const char *a, const char *b, bool as_json, err *e) {
    one x = {.path = a}, y = {.path = b};
    double *room = NULL;
    status st = read_one(&x, e);
    if (st == OK) st = read_one(&y, e);
    if (st == OK) st = check_alike(&x, &y, e);
    if (st == OK && !(room = malloc(2 * x.n * sizeof *room))) st = fail(e, E_NOMEM, "out of memory");
    if (st == OK) {
        const difference d = {.kl = between(&x, &y, KL, room, room + x.n),
                              .same = between(&x, &y, SAME, room, room + x.n),
                              .nll = between(&x, &y, NLL, room, room + x.n)};
        (as_json ? put_json : put_text)(out, &x, &y, &d);
        if (out->failed) st = fail(e, E_NOMEM, "out of memory");
    }
    free(room);
    free(x.batch);
    free(y.batch);
    json_free(x.doc);
    json_free(y.doc);
    return st;
}
