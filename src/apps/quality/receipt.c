#include "apps/quality/receipt.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "apps/quality/about.h"
#include "base/file.h"
#include "base/json.h"
#include "base/utf8.h"

enum { CONTEXT_TOKENS = 16, SHOWN = 400 };

static const char head[] = "{\"receipt\": \"ds4 quality\"";
static const char how_intervals[] =
    "95 %, batch means: every window of the text is a session of its own, batches are whole windows, and "
    "intervals come from how the batches scatter (Student's t; for shares Wilson's interval with the number "
    "of independent tokens that scatter implies). The perplexities are of the same tokens, so their ratio is "
    "paired.";

/* ------------------------------------------------------------------ numbers */

static void put_number(buf *out, double v) {
    if (isfinite(v))
        json_write_f64(out, v);
    else
        buf_str(out, "null");
}

static void put_estimate(buf *out, const char *name, estimate x) {
    buf_printf(out, "\"%s\": {\"value\": ", name);
    put_number(out, x.value);
    buf_str(out, ", \"low\": ");
    put_number(out, x.low);
    buf_str(out, ", \"high\": ");
    put_number(out, x.high);
    buf_char(out, '}');
}

static estimate exp_of(estimate x) {
    return (estimate){exp(x.value), exp(x.low), exp(x.high)};
}

static void put_figures(buf *out, const figures *f) {
    const struct {
        const char *name;
        estimate x;
    } all[] = {{"kl", f->kl},
               {"same_best", f->same},
               {"common_ten", f->common},
               {"ln_perplexity_ratio", f->ratio},
               {"perplexity", exp_of(f->nll)},
               {"reference_perplexity", exp_of(f->nll_ref)}};
    buf_str(out, ",\n \"figures\": {");
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (i) buf_str(out, ",\n  ");
        put_estimate(out, all[i].name, all[i].x);
    }
    buf_str(out, ",\n  \"kl_at\": {");
    for (size_t i = 0; i < 5; i++) {
        buf_printf(out, "%s\"%s\": ", i ? ", " : "", figures_at_names[i]);
        put_number(out, f->kl_at[i]);
    }
    buf_str(out, "}},\n ");
    about_string(out, "interval", how_intervals);
}

static void put_parts(buf *out, const char *name, const part_sum *p, size_t n) {
    buf_printf(out, ",\n \"%s\": [", name);
    for (size_t i = 0; i < n; i++) {
        const double m = p[i].n > 0 ? p[i].n : NAN;
        const struct {
            const char *name;
            double v;
        } all[] = {{"from", p[i].from},   {"to", p[i].to}, {"tokens", p[i].n}, {"kl", p[i].kl / m},
                   {"same_best", p[i].same / m}, {"certainty", p[i].p_best / m}};
        for (size_t k = 0; k < sizeof all / sizeof *all; k++) {
            buf_printf(out, "%s\"%s\": ", k ? ", " : i ? ",\n  {" : "{", all[k].name);
            if (k == 2)
                buf_printf(out, "%.0f", all[k].v);
            else
                buf_printf(out, isfinite(all[k].v) ? "%.7g" : "null", all[k].v);
        }
        buf_char(out, '}');
    }
    buf_char(out, ']');
}

static void put_batches(buf *out, const figures *f) {
    buf_str(out, ",\n \"batches\": [");
    for (size_t i = 0; i < f->n_batches; i++)
        buf_printf(out, "%s[%.0f, %.9g, %.0f, %.9g, %.9g]", i ? ",\n  " : "", f->batch_n[i], f->batch_kl[i],
                   f->batch_same[i], f->batch_nll_ref[i], f->batch_nll[i]);
    buf_char(out, ']');
}

/* ------------------------------------------------------------------ tokens */

static void put_ids(buf *out, const char *key, const receipt_parts *p, const int32_t *ids, size_t n) {
    buf bytes = {0};
    char shown[SHOWN];
    for (size_t i = 0; i < n; i++) {
        const tok_str s = p->vocab ? tok_bytes(p->vocab, ids[i]) : (tok_str){NULL, 0};
        if (s.p)
            buf_add(&bytes, s.p, s.n);
        else
            buf_printf(&bytes, "[%d]", ids[i]);
    }
    utf8_printable(shown, sizeof shown, bytes.data ? bytes.data : "", bytes.n);
    about_string(out, key, shown);
    buf_free(&bytes);
}

static size_t window_of(const stream *s, uint64_t token) {
    size_t lo = 0, hi = s->n_windows;
    while (hi - lo > 1) {
        const size_t mid = lo + (hi - lo) / 2;
        if (s->windows[mid].before <= token)
            lo = mid;
        else
            hi = mid;
    }
    return lo;
}

static void put_worst(buf *out, const receipt_parts *p) {
    buf_str(out, ",\n \"worst\": [");
    for (size_t i = 0; i < p->f->n_worst; i++) {
        const uint64_t token = p->f->worst[i];
        const size_t w = window_of(p->s, token);
        const window *x = &p->s->windows[w];
        const uint64_t position = token - x->before, back = position < CONTEXT_TOKENS ? position : CONTEXT_TOKENS;
        const int32_t *next = p->s->ids.id + x->first + position;
        const token_figures *t = &p->tokens[token];
        buf_printf(out, "%s{\"token\": %" PRIu64 ", \"window\": %zu, \"position\": %" PRIu64 ", ", i ? ",\n  " : "",
                   token, w, position);
        put_ids(out, "before", p, next - back, (size_t)back);
        buf_str(out, ", ");
        put_ids(out, "next", p, next, 1);
        buf_str(out, ", ");
        put_ids(out, "reference_best", p, &t->best_ref, 1);
        buf_printf(out, ", \"reference_p\": %.4f, ", (double)t->p_best);
        put_ids(out, "best", p, &t->best, 1);
        buf_printf(out, ", \"p\": %.4f, \"kl\": %.6g}", (double)t->q_best, t->kl);
    }
    buf_char(out, ']');
}

/* ------------------------------------------------------------------ all of it */

void receipt_text_write(buf *out, const receipt_text *t, const stream *s) {
    buf_char(out, '{');
    about_string(out, "name", t->name);
    buf_printf(out, ", \"bytes\": %" PRIu64 ", ", t->bytes);
    about_hash(out, "xxh3", t->hash);
    buf_printf(out, ", \"special\": %s, ", t->special ? "true" : "false");
    about_hash(out, "stream", stream_hash(s));
    buf_printf(out, ", \"tokens\": %" PRIu64 ", \"windows\": %zu, \"window\": %u}", s->n_tokens, s->n_windows, s->size);
}

/* Folders are the business of who ran it. */
static void put_command(buf *out, char *const *words, int n) {
    buf_str(out, ", \"command\": [");
    for (int i = 0; i < n; i++) {
        const char *equals = words[i][0] == '-' ? strchr(words[i], '=') : NULL;
        buf word = {0};
        if (equals) buf_add(&word, words[i], (size_t)(equals + 1 - words[i]));
        buf_str(&word, about_name(equals ? equals + 1 : words[i]));
        if (i) buf_str(out, ", ");
        json_write_string(out, word.data ? word.data : "", word.n);
        buf_free(&word);
    }
    buf_char(out, ']');
}

void receipt_write(buf *out, const receipt_parts *p) {
    char date[40] = "";
    const time_t now = time(NULL);
    struct tm t;
    if (gmtime_r(&now, &t)) strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", &t);
    buf_printf(out, "%s, \"version\": 1, \"program\": \"ds4-eval %s\", \"date\": \"%s\"", head, DS4_VERSION, date);
    put_command(out, p->command, p->n_command);
    buf_printf(out, ",\n \"file\": %s,\n \"reference\": %s,\n \"stored\": ", p->file, p->reference);
    if (p->stored)
        json_write_string(out, p->stored, strlen(p->stored));
    else
        buf_str(out, "null");
    buf_printf(out, ",\n \"machine\": %s,\n \"text\": %s", p->machine, p->text);
    put_figures(out, p->f);
    put_parts(out, "histogram", p->f->histogram, FIGURES_BINS);
    put_parts(out, "positions", p->f->places, p->f->n_places);
    put_parts(out, "certainty", p->f->sure, FIGURES_SURE);
    put_worst(out, p);
    put_batches(out, p->f);
    buf_str(out, "}\n");
}

/* ------------------------------------------------------------------ reading */

bool receipt_is(const char *path) {
    file_map m;
    if (map_open(&m, path, NULL) != OK) return false;
    const bool is = m.size >= sizeof head - 1 && memcmp(m.data, head, sizeof head - 1) == 0;
    map_close(&m);
    return is;
}

status receipt_check(const json *r, const char *name, err *e) {
    uint64_t version = 0;
    double kl;
    const char *what = json_text(json_get(r, "receipt"), NULL);
    if (!what || strcmp(what, "ds4 quality") != 0)
        return fail(e, E_FORMAT, "%s: no receipt of ds4-eval --suite quality", name);
    if (!json_u64(json_get(r, "version"), &version) || version != 1)
        return fail(e, E_UNSUPPORTED, "%s: not a receipt of version 1, which this program reads", name);
    if (!json_text(json_get(json_get(r, "file"), "name"), NULL) ||
        !json_text(json_get(json_get(r, "reference"), "identity"), NULL) ||
        !json_text(json_get(json_get(r, "text"), "stream"), NULL) ||
        !json_f64(json_get(json_get(json_get(r, "figures"), "kl"), "value"), &kl) ||
        json_count(json_get(r, "batches")) == 0)
        return fail(e, E_FORMAT, "%s: this receipt is not whole: file.name, reference.identity, text.stream, "
                    "figures.kl and batches were expected", name);
    return OK;
}

static void shown_text(char *out, size_t cap, const json *v) {
    size_t n = 0;
    const char *p = json_text(v, &n);
    utf8_printable(out, cap, p ? p : "", n);
}

static void put_model(buf *out, const char *label, const json *m) {
    char name[300], sum[80];
    uint64_t bytes = 0;
    json_u64(json_get(m, "bytes"), &bytes);
    shown_text(name, sizeof name, json_get(m, "name"));
    shown_text(sum, sizeof sum, json_get(json_at(json_get(m, "files"), 0), "sha256"));
    buf_printf(out, "%-10s %s   %.1f MB   sha256 %.16s...\n", label, name, (double)bytes / 1e6, sum);
}

static void put_row(buf *out, const char *label, const json *x, double times, const char *form, const char *unit) {
    double v[3] = {NAN, NAN, NAN};
    static const char *const keys[3] = {"value", "low", "high"};
    for (size_t i = 0; i < 3; i++)
        if (json_f64(json_get(x, keys[i]), &v[i])) v[i] *= times;
    char text[3][40];
    for (size_t i = 0; i < 3; i++)
        snprintf(text[i], sizeof text[i], form[0] == '4' ? "%.4g" : "%.2f", v[i]);
    buf_printf(out, "%-28s %10s%-4s ", label, text[0], unit);
    if (isnan(v[1]))
        buf_str(out, "  not known: a single window\n");
    else
        buf_printf(out, "  %s to %s\n", text[1], text[2]);
}

void receipt_table(buf *out, const json *r) {
    const json *f = json_get(r, "figures"), *text = json_get(r, "text"), *at = json_get(f, "kl_at");
    char name[300];
    uint64_t n = 0, windows = 0, size = 0;
    put_model(out, "file", json_get(r, "file"));
    put_model(out, "reference", json_get(r, "reference"));
    shown_text(name, sizeof name, json_get(text, "name"));
    json_u64(json_get(text, "tokens"), &n);
    json_u64(json_get(text, "windows"), &windows);
    json_u64(json_get(text, "window"), &size);
    buf_printf(out, "text       %s   %" PRIu64 " tokens in %" PRIu64 " windows of at most %" PRIu64 "\n\n", name, n,
               windows, size);
    buf_printf(out, "%-28s %14s   95 %% interval\n", "", "value");
    put_row(out, "KL, mean", json_get(f, "kl"), 1, "4g", "");
    put_row(out, "the same best token", json_get(f, "same_best"), 100, "2f", " %");
    put_row(out, "of the best ten in common", json_get(f, "common_ten"), 100, "2f", " %");
    put_row(out, "ln of perplexities' ratio", json_get(f, "ln_perplexity_ratio"), 1, "4g", "");
    put_row(out, "perplexity", json_get(f, "perplexity"), 1, "4g", "");
    put_row(out, "the reference's", json_get(f, "reference_perplexity"), 1, "4g", "");
    buf_str(out, "\nKL at     ");
    for (size_t i = 0; i < 5; i++) {
        double v = NAN;
        json_f64(json_get(at, figures_at_names[i]), &v);
        buf_printf(out, "  %s %.3g", figures_at_names[i], v);
    }
    buf_char(out, '\n');
}
