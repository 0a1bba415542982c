#include "apps/quality/quality.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "apps/lib/bundled.h"
#include "apps/lib/find_model.h"
#include "apps/lib/room.h"
#include "apps/lib/say.h"
#include "apps/quality/about.h"
#include "apps/quality/figures.h"
#include "apps/quality/page.h"
#include "apps/quality/receipt.h"
#include "apps/quality/side.h"
#include "apps/lib/partial.h"
#include "base/file.h"
#include "base/le.h"
#include "base/cores.h"
#include "base/pool.h"
#include "base/progress.h"

enum { USUAL_WINDOW = 2048, KEPT = 48, PATH_BYTES = 4096 };
static const char bundled_suite[] = "ds4-mini-suite.jsonl";

typedef struct run {
    const quality_options *o;
    found_model found;
    side *file, *ref; /* ref: NULL when logits are stored */
    stream s;
    receipt_text text;
    char text_name[400];
    char base[PATH_BYTES]; /* of OUT.json and OUT.html; empty: none are written */
    partial *part;
    token_figures *tokens;
    int32_t *fed; /* of a window */
    pool *threads;
    uint32_t batch;
    size_t done; /* windows */
    figures f;
} run;

static bool is_stopped(const run *r) {
    return r->o->interrupted && *r->o->interrupted;
}

/* ------------------------------------------------------------------ the text */

static status read_stream(run *r, stream *s, const tokenizer *t, err *e) {
    const quality_options *o = r->o;
    char path[PATH_BYTES];
    if (tok_bos(t) < 0) return fail(e, E_UNSUPPORTED, "%s: its tokeniser names no BOS token", r->found.path);
    if (o->text) {
        snprintf(r->text_name, sizeof r->text_name, "%s", about_name(o->text));
        return stream_read_text(s, t, o->text, o->special, &r->text.hash, &r->text.bytes, o->interrupted, e);
    }
    if (!find_bundled(bundled_suite, path, sizeof path))
        return fail(e, E_USAGE, "--text FILE is missing, and the questions that come with ds4 (models/%s) are not there "
                    "to be taken instead", bundled_suite);
    snprintf(r->text_name, sizeof r->text_name, "%s, rendered", bundled_suite);
    r->text.special = true;
    return stream_read_suite(s, t, path, &r->text.hash, &r->text.bytes, e);
}

static uint64_t window_size(const run *r) {
    const uint64_t most = model_shape(side_model(r->file))->context;
    return r->o->size ? r->o->size : most < USUAL_WINDOW ? most : USUAL_WINDOW;
}

/* Files of one model may spell its vocabulary differently; what counts is that they read alike. */
static status check_same_ids(run *r, err *e) {
    const tokenizer *a = side_vocab(r->file), *b = r->ref ? side_vocab(r->ref) : NULL;
    stream other = {0};
    if (!a || !b || hash128_equal(tok_identity(a), tok_identity(b))) return OK;
    status st = read_stream(r, &other, b, e);
    if (st == OK && (other.ids.n != r->s.ids.n || tok_bos(a) != tok_bos(b) ||
                     memcmp(other.ids.id, r->s.ids.id, other.ids.n * sizeof *other.ids.id) != 0))
        st = fail(e, E_USAGE, "%s and %s have different tokenisers, which read this text as different tokens: their "
                  "logits cannot be compared", r->found.path, side_path(r->ref));
    stream_free(&other);
    return st;
}

static status take_text(run *r, err *e) {
    const tokenizer *t = side_vocab(r->file) ? side_vocab(r->file) : r->ref ? side_vocab(r->ref) : NULL;
    if (!t) return fail(e, E_UNSUPPORTED, "%s: has no tokeniser, and text cannot be read without one", r->found.path);
    const bool piped = r->o->text && strcmp(r->o->text, "-") == 0; /* can be read only once */
    const uint32_t context = model_shape(side_model(r->file))->context;
    if (r->o->size > context)
        return fail(e, E_USAGE, "--ctx %" PRIu64 ": %s has a context of %u", r->o->size, r->found.path, context);
    status st = read_stream(r, &r->s, t, e);
    if (st == OK && !piped) st = check_same_ids(r, e);
    if (st == OK) st = stream_cut(&r->s, tok_bos(t), (uint32_t)window_size(r), r->o->tokens, e);
    if (st == OK) r->text.name = r->text_name;
    return st;
}

/* Stored logits bring their tokens; a text that is named as well must be the same. */
static status take_stored(run *r, err *e) {
    const stream *kept = stored_stream(side_stored(r->ref));
    const quality_options *o = r->o;
    if (o->size && o->size != kept->size)
        return fail(e, E_USAGE, "--ctx %" PRIu64 ": the logits in %s were stored with windows of %u", o->size,
                    side_path(r->ref), kept->size);
    if (kept->size > model_shape(side_model(r->file))->context)
        return fail(e, E_USAGE, "%s: windows of %u tokens, %s has a context of %u", side_path(r->ref), kept->size,
                    r->found.path, model_shape(side_model(r->file))->context);
    if (o->text) {
        stream named = {0};
        const tokenizer *t = side_vocab(r->file);
        status st = t ? read_stream(r, &named, t, e) : fail(e, E_UNSUPPORTED, "%s: has no tokeniser", r->found.path);
        if (st == OK) st = stream_cut(&named, tok_bos(t), kept->size, 0, e);
        const bool same = st == OK && named.ids.n >= kept->ids.n && named.bos == kept->bos &&
                          memcmp(named.ids.id, kept->ids.id, kept->ids.n * sizeof *kept->ids.id) == 0;
        stream_free(&named);
        if (st != OK) return st;
        if (!same)
            return fail(e, E_USAGE, "--text %s: the logits in %s are of another text (they can be compared without "
                        "--text: their tokens are stored with them)", o->text, side_path(r->ref));
    }
    if (!tokens_reserve(&r->s.ids, kept->ids.n)) return fail(e, E_NOMEM, "out of memory");
    memcpy(r->s.ids.id, kept->ids.id, kept->ids.n * sizeof *kept->ids.id);
    r->s.ids.n = kept->ids.n;
    return stream_cut(&r->s, kept->bos, kept->size, o->tokens, e);
}

/* ------------------------------------------------------------------ the two sides */

static status open_sides(run *r, err *e) {
    const quality_options *o = r->o;
    status st = find_model(&r->found, o->model, e);
    if (st == OK && r->found.bundled) say_note("%s", FIND_MODEL_MINI);
    if (st == OK) st = side_open(&r->file, r->found.path, e);
    if (st == OK && side_stored(r->file))
        st = fail(e, E_USAGE, "%s: these are stored logits: they can be the reference (--against), not the file", r->found.path);
    if (st == OK && o->against) st = side_open(&r->ref, o->against, e);
    if (st != OK || !r->ref) return st;
    if (side_n_vocab(r->file) != side_n_vocab(r->ref))
        return fail(e, E_USAGE, "%s has a vocabulary of %u, %s one of %u: they are not of one model", r->found.path,
                    side_n_vocab(r->file), o->against, side_n_vocab(r->ref));
    return OK;
}

static status start_sides(run *r, err *e) {
    const quality_options *o = r->o;
    uint32_t longest = 0;
    for (size_t i = 0; i < r->s.n_windows; i++)
        if (r->s.windows[i].n > longest) longest = r->s.windows[i].n;
    r->batch = side_batch(side_n_vocab(r->file), o->batch);
    if (r->batch > longest) r->batch = longest;
    const engine_options eo = {.backend = o->backend, .threads = (uint32_t)o->threads, .batch = r->batch,
                               .context = longest, .exact = o->exact, .no_rounding = o->no_sim};
    status st = side_start(r->file, &eo, e);
    if (st == OK && r->ref) st = side_start(r->ref, &eo, e);
    if (st == OK) st = pool_new(&r->threads, o->threads ? (uint32_t)o->threads : cores_here(), e);
    r->fed = malloc(longest * sizeof *r->fed);
    if (st == OK && !r->fed) st = fail(e, E_NOMEM, "out of memory");
    return st;
}

/* ------------------------------------------------------------------ what is kept of it */

static void keep_token(uint8_t out[KEPT], const token_figures *t) {
    const double reals[3] = {t->kl, t->nll_ref, t->nll};
    for (int i = 0; i < 3; i++) {
        uint64_t bits;
        memcpy(&bits, &reals[i], sizeof bits);
        put_le64(out + 8 * i, bits);
    }
    put_le32(out + 24, f32_bits(t->p_best));
    put_le32(out + 28, f32_bits(t->q_best));
    put_le32(out + 32, (uint32_t)t->best_ref);
    put_le32(out + 36, (uint32_t)t->best);
    put_le32(out + 40, t->common);
    put_le32(out + 44, 0);
}

static token_figures kept_token(const uint8_t *p) {
    double reals[3];
    for (int i = 0; i < 3; i++) {
        const uint64_t bits = le64(p + 8 * i);
        memcpy(&reals[i], &bits, sizeof bits);
    }
    return (token_figures){reals[0], reals[1], reals[2], bits_f32(le32(p + 24)), bits_f32(le32(p + 28)),
                           (int32_t)le32(p + 32), (int32_t)le32(p + 36), le32(p + 40)};
}

/* The first window that is not among the bytes; SIZE_MAX where they end inside one. */
static size_t windows_in(const stream *s, uint64_t bytes, uint64_t head, uint64_t a_token) {
    size_t lo = 0, hi = s->n_windows;
    if (bytes < head || (bytes - head) % a_token) return SIZE_MAX;
    const uint64_t n = (bytes - head) / a_token;
    while (lo < hi) {
        const size_t mid = lo + (hi - lo) / 2;
        if (s->windows[mid].before < n)
            lo = mid + 1;
        else
            hi = mid;
    }
    const uint64_t there = lo < s->n_windows ? s->windows[lo].before : s->n_tokens;
    return there == n ? lo : SIZE_MAX;
}

static hash128 key_of(const run *r) {
    hash128 h = stream_hash(&r->s);
    const hash128 a = side_key(r->file);
    h = hash128_chain(h, &a, sizeof a);
    if (r->ref) {
        const hash128 b = side_key(r->ref);
        h = hash128_chain(h, &b, sizeof b);
    }
    return hash128_chain(h, "quality 1", 9);
}

/* Opens what an earlier run left, or begins; *have bytes are good. */
static status open_part(run *r, const char *path, uint64_t head, uint64_t a_token, err *e) {
    const char *found = NULL;
    status st = partial_open(&r->part, path, key_of(r), false, r->o->interrupted, &found, e);
    if (st != OK) return st;
    const uint64_t have = partial_have(r->part);
    r->done = have ? windows_in(&r->s, have, head, a_token) : 0;
    if (r->done == SIZE_MAX) {
        partial_remove(r->part);
        r->part = NULL;
        r->done = 0;
        st = partial_open(&r->part, path, key_of(r), true, r->o->interrupted, &found, e);
    }
    if (st == OK && found) say_note("%s.part: %s", path, found);
    return st;
}

static status take_back(run *r, const char *path, err *e) {
    char part[PATH_BYTES + 16];
    buf bytes = {0};
    if (r->done == 0) return OK;
    snprintf(part, sizeof part, "%s.part", path);
    const uint64_t n = partial_have(r->part) / KEPT;
    status st = file_read(&bytes, part, UINT64_MAX, e);
    if (st == OK && bytes.n < n * KEPT) st = fail(e, E_IO, "%s: has become shorter", part);
    for (uint64_t i = 0; i < n && st == OK; i++) r->tokens[i] = kept_token((const uint8_t *)bytes.data + i * KEPT);
    buf_free(&bytes);
    return st;
}

/* ------------------------------------------------------------------ comparing */

typedef struct chunk {
    run *r;
    token_figures *out;
    const int32_t *next;
} chunk;

static void compare_rows(void *ctx, size_t begin, size_t end, uint32_t thread) {
    const chunk *c = ctx;
    (void)thread;
    for (size_t i = begin; i < end; i++)
        divergence(&c->out[i], side_row(c->r->ref, (uint32_t)i), side_row(c->r->file, (uint32_t)i),
                   side_n_vocab(c->r->file), c->next[i]);
}

static status keep_window(run *r, const window *w, err *e) {
    uint8_t bytes[KEPT];
    status st = OK;
    if (!r->part) return OK;
    for (uint32_t i = 0; i < w->n && st == OK; i++) {
        keep_token(bytes, &r->tokens[w->before + i]);
        st = partial_write(r->part, bytes, sizeof bytes, e);
    }
    return st == OK ? partial_mark(r->part, e) : st;
}

static status compare_window(run *r, size_t at, progress *bar, err *e) {
    const window *w = &r->s.windows[at];
    stream_fed(&r->s, at, r->fed);
    status st = side_begin(r->file, w, e);
    if (st == OK) st = side_begin(r->ref, w, e);
    for (uint32_t i = 0; i < w->n && st == OK; i += r->batch) {
        const uint32_t n = w->n - i < r->batch ? w->n - i : r->batch;
        chunk c = {r, r->tokens + w->before + i, r->s.ids.id + w->first + i};
        if (is_stopped(r)) return fail(e, E_CANCELLED, "stopped");
        st = side_step(r->file, r->fed + i, n, i, e);
        if (st == OK) st = side_step(r->ref, r->fed + i, n, i, e);
        if (st != OK) break;
        pool_for(r->threads, n, 4, compare_rows, &c);
        progress_to(bar, w->before + i + n);
    }
    return st == OK ? keep_window(r, w, e) : st;
}

static status store_window(run *r, size_t at, progress *bar, err *e) {
    const window *w = &r->s.windows[at];
    buf bytes = {0};
    stream_fed(&r->s, at, r->fed);
    status st = side_begin(r->file, w, e);
    for (uint32_t i = 0; i < w->n && st == OK; i += r->batch) {
        const uint32_t n = w->n - i < r->batch ? w->n - i : r->batch;
        if (is_stopped(r)) st = fail(e, E_CANCELLED, "stopped");
        if (st == OK) st = side_step(r->file, r->fed + i, n, i, e);
        for (uint32_t k = 0; k < n && st == OK; k++) {
            buf_clear(&bytes);
            stored_put_row(&bytes, side_row(r->file, k), side_n_vocab(r->file));
            st = bytes.failed ? fail(e, E_NOMEM, "out of memory") : partial_write(r->part, bytes.data, bytes.n, e);
        }
        if (st == OK) progress_to(bar, w->before + i + n);
    }
    buf_free(&bytes);
    return st == OK ? partial_mark(r->part, e) : st;
}

static status each_window(run *r, const char *label, status (*one)(run *, size_t, progress *, err *), err *e) {
    progress bar;
    status st = OK;
    const size_t first = r->done;
    const uint64_t base = first < r->s.n_windows ? r->s.windows[first].before : r->s.n_tokens;
    progress_start(&bar, stderr, label, r->s.n_tokens, PROGRESS_TOKENS);
    progress_base(&bar, base);
    for (; r->done < r->s.n_windows && st == OK; r->done += st == OK) st = one(r, r->done, &bar, e);
    progress_hide(&bar);
    if (st == E_CANCELLED)
        say_note("stopped after %zu of %zu windows%s", r->done, r->s.n_windows,
                 r->part ? "; the same command goes on from here" : "");
    return st;
}

/* ------------------------------------------------------------------ storing logits */

static status store_end(run *r, err *e) {
    buf about = {0}, end = {0};
    buf_str(&about, "{\"model\": ");
    status st = about_model(&about, r->file, r->o->interrupted, e);
    buf_str(&about, ", \"text\": ");
    receipt_text_write(&about, &r->text, &r->s);
    buf_char(&about, '}');
    if (st == OK) stored_put_end(&end, about.data ? about.data : "", about.n);
    if (st == OK && (about.failed || end.failed)) st = fail(e, E_NOMEM, "out of memory");
    if (st == OK) st = partial_write(r->part, end.data, end.n, e);
    buf_free(&about);
    buf_free(&end);
    if (st != OK) return st;
    partial *p = r->part;
    r->part = NULL;
    return partial_publish(p, e);
}

static status store(run *r, err *e) {
    const uint64_t head_bytes = stored_head_bytes(r->s.ids.n);
    const stored_head h = {side_n_vocab(r->file), side_how(r->file), side_identity(r->file)};
    const uint64_t row_bytes = stored_row_bytes(h.n_vocab), all = head_bytes + r->s.n_tokens * row_bytes;
    status st = open_part(r, r->o->save, head_bytes, row_bytes, e);
    if (st == OK) st = room_check(r->o->save, all - partial_have(r->part), e);
    if (st == OK && partial_have(r->part) == 0) {
        buf head = {0};
        stored_put_head(&head, &h, &r->s);
        st = head.failed ? fail(e, E_NOMEM, "out of memory") : partial_write(r->part, head.data, head.n, e);
        buf_free(&head);
    }
    if (st == OK) st = each_window(r, "storing", store_window, e);
    return st == OK ? store_end(r, e) : st;
}

/* ------------------------------------------------------------------ the receipt */

/* OUT as it was given: a folder takes files named after both; an ending is left off. */
static status name_receipt(run *r, err *e) {
    const char *out = r->o->out;
    const size_t n = strlen(out);
    struct stat s;
    const bool folder = (n && out[n - 1] == '/') || (stat(out, &s) == 0 && S_ISDIR(s.st_mode));
    char a[300], b[300];
    int took;
    if (folder) {
        snprintf(a, sizeof a, "%s", about_name(r->found.path));
        snprintf(b, sizeof b, "%s", about_name(r->o->against));
        char *const names[2] = {a, b};
        for (int i = 0; i < 2; i++) {
            char *dot = strrchr(names[i], '.');
            if (dot && dot > names[i]) *dot = 0;
        }
        took = snprintf(r->base, sizeof r->base, "%s%s%s-against-%s", out, out[n - 1] == '/' ? "" : "/", a, b);
    } else {
        const bool ending = n > 5 && (strcmp(out + n - 5, ".json") == 0 || strcmp(out + n - 5, ".html") == 0);
        took = snprintf(r->base, sizeof r->base, "%.*s", (int)(ending ? n - 5 : n), out);
    }
    return took > 0 && (size_t)took < sizeof r->base - 16 ? OK : fail(e, E_USAGE, "--out: this path is too long, or empty");
}

static status write_file(const char *base, const char *ending, const buf *text, err *e) {
    char path[PATH_BYTES + 8];
    out_file *f = NULL;
    snprintf(path, sizeof path, "%s%s", base, ending);
    status st = out_open(&f, path, 0644, e);
    if (st == OK) st = out_write(f, text->data, text->n, e);
    if (st == OK) return out_finish(f, e);
    out_abort(f);
    return st;
}

/* What the receipt says of the reference and of the text: of stored logits, what was stored. */
static status about_reference(run *r, buf *ref, buf *text, err *e) {
    const stored *kept = side_stored(r->ref);
    const json *about = kept ? stored_about(kept) : NULL, *m = json_get(about, "model"), *t = json_get(about, "text");
    if (!kept) {
        receipt_text_write(text, &r->text, &r->s);
        return about_model(ref, r->ref, r->o->interrupted, e);
    }
    if (!m || json_type(m) != JSON_OBJECT)
        return fail(e, E_FORMAT, "%s: does not say of which model it is", side_path(r->ref));
    json_write(ref, m);
    if (!r->o->text) { /* else its name and hash are known from reading it */
        size_t n = 0;
        uint64_t hash[2] = {0, 0};
        const char *name = json_text(json_get(t, "name"), &n), *hex = json_text(json_get(t, "xxh3"), NULL);
        snprintf(r->text_name, sizeof r->text_name, "%s", name ? name : "a stored text");
        if (hex && sscanf(hex, "%16" SCNx64 "%16" SCNx64, &hash[0], &hash[1]) == 2)
            r->text.hash = (hash128){.hi = hash[0], .lo = hash[1]};
        json_u64(json_get(t, "bytes"), &r->text.bytes);
        json_bool(json_get(t, "special"), &r->text.special);
    }
    r->text.name = r->text_name;
    receipt_text_write(text, &r->text, &r->s);
    return OK;
}

static status write_receipt(run *r, buf *json_out, err *e) {
    buf file = {0}, ref = {0}, text = {0}, machine = {0};
    const side *words = side_vocab(r->file) ? r->file : r->ref;
    status st = about_model(&file, r->file, r->o->interrupted, e);
    if (st == OK) st = about_reference(r, &ref, &text, e);
    about_machine(&machine);
    if (st == OK && (file.failed || ref.failed || text.failed || machine.failed)) st = fail(e, E_NOMEM, "out of memory");
    if (st == OK) {
        const receipt_parts p = {.file = file.data, .reference = ref.data, .machine = machine.data, .text = text.data,
                                 .stored = side_stored(r->ref) ? about_name(r->o->against) : NULL,
                                 .command = r->o->command, .n_command = r->o->n_command, .s = &r->s,
                                 .vocab = side_vocab(words), .tokens = r->tokens, .f = &r->f};
        receipt_write(json_out, &p);
        if (json_out->failed) st = fail(e, E_NOMEM, "out of memory");
    }
    buf_free(&file);
    buf_free(&ref);
    buf_free(&text);
    buf_free(&machine);
    return st;
}

static status publish(run *r, const buf *receipt, const json *root, err *e) {
    buf page = {0};
    page_write(&page, root);
    status st = page.failed ? fail(e, E_NOMEM, "out of memory") : write_file(r->base, ".html", &page, e);
    if (st == OK) st = write_file(r->base, ".json", receipt, e);
    buf_free(&page);
    if (st == OK) {
        partial_remove(r->part);
        r->part = NULL;
    }
    return st;
}

static status tell(run *r, buf *out, err *e) {
    buf receipt = {0};
    json_doc *doc = NULL;
    status st = write_receipt(r, &receipt, e);
    if (st == OK) st = json_parse(&doc, receipt.data, receipt.n, 0, "the receipt", e);
    if (st == OK && r->o->json) buf_add(out, receipt.data, receipt.n);
    if (st == OK && !r->o->json) receipt_table(out, json_root(doc));
    if (st == OK && out->failed) st = fail(e, E_NOMEM, "out of memory");
    if (st == OK && r->base[0]) st = publish(r, &receipt, json_root(doc), e);
    json_free(doc);
    buf_free(&receipt);
    return st;
}

/* ------------------------------------------------------------------ demands */

/* kl=0.1 (at most), same=0.9 (at least), ratio=0.05 (at most). */
static status read_demand(const char *text, size_t *which, double *bound, err *e) {
    static const char *const names[3] = {"kl=", "same=", "ratio="};
    for (size_t i = 0; i < 3; i++) {
        const size_t n = strlen(names[i]);
        char *end = NULL;
        if (strncmp(text, names[i], n) != 0) continue;
        *bound = strtod(text + n, &end);
        if (end == text + n || *end || !isfinite(*bound)) break;
        *which = i;
        return OK;
    }
    return fail(e, E_USAGE, "--require %s: with --suite quality kl=X, same=SHARE or ratio=X was expected", text);
}

static status check_demands(const run *r, err *e) {
    static const char *const names[3] = {"mean KL", "the same best token", "ln of the perplexities' ratio"};
    const double got[3] = {r->f.kl.value, r->f.same.value, r->f.ratio.value};
    for (size_t i = 0; i < r->o->require.n; i++) {
        size_t which = 0;
        double bound = 0;
        const status st = read_demand(r->o->require.at[i], &which, &bound, e);
        if (st != OK) return st;
        if (which == 1 ? got[1] < bound : got[which] > bound)
            return fail(e, E_LIMIT, "--require %s: %s is %.6g", r->o->require.at[i], names[which], got[which]);
    }
    return OK;
}

/* ------------------------------------------------------------------ all of it */

static status check_wishes(const quality_options *o, err *e) {
    size_t which;
    double bound;
    status st = OK;
    if (!o->against && !o->save)
        return fail(e, E_USAGE, "--suite quality: --against FILE names what to compare with: a model, or logits that "
                    "--save-logits stored");
    if (o->against && o->save)
        return fail(e, E_USAGE, "--save-logits stores what -m says, --against compares: one at a time");
    if (o->save && (o->out || o->require.n || o->json))
        return fail(e, E_USAGE, "--save-logits only stores: --out, --json and --require belong to --against");
    for (size_t i = 0; i < o->require.n && st == OK; i++) st = read_demand(o->require.at[i], &which, &bound, e);
    return st;
}

static status compare(run *r, buf *out, err *e) {
    char path[PATH_BYTES + 8];
    status st = OK;
    r->tokens = calloc(r->s.n_tokens, sizeof *r->tokens);
    if (!r->tokens) return fail(e, E_NOMEM, "no memory for what is kept of %" PRIu64 " tokens", r->s.n_tokens);
    if (r->o->out) st = name_receipt(r, e);
    snprintf(path, sizeof path, "%s.json", r->base);
    if (st == OK && r->base[0]) st = open_part(r, path, 0, KEPT, e);
    if (st == OK && r->base[0]) st = take_back(r, path, e);
    if (st == OK) st = each_window(r, "comparing", compare_window, e);
    if (st == OK) st = figures_make(&r->f, &r->s, r->tokens, e);
    if (st == OK) st = tell(r, out, e);
    return st == OK ? check_demands(r, e) : st;
}

status quality_run(buf *out, const quality_options *o, err *e) {
    run *r = calloc(1, sizeof *r);
    if (!r) return fail(e, E_NOMEM, "out of memory");
    r->o = o;
    r->text.special = o->special;
    status st = check_wishes(o, e);
    if (st == OK) st = open_sides(r, e);
    if (st == OK) st = r->ref && side_stored(r->ref) ? take_stored(r, e) : take_text(r, e);
    if (st == OK) st = start_sides(r, e);
    if (st == OK) st = o->save ? store(r, e) : compare(r, out, e);
    partial_keep(r->part);
    pool_free(r->threads);
    side_close(r->file);
    side_close(r->ref);
    stream_free(&r->s);
    figures_free(&r->f);
    free(r->tokens);
    free(r->fed);
    free(r);
    return st;
}
