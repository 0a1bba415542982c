#include "apps/examine/results.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

enum { RESULTS_BYTES = 1 << 30, RESULT_DEPTH = 100 };

static const char line_head[] = "{\"id\": ";

void hash_name(char out[RUN_NAME], hash128 h) {
    snprintf(out, RUN_NAME, "%016" PRIx64 "%016" PRIx64, h.hi, h.lo);
}

/* ------------------------------------------------------------------ reading */

void records_free(records *r) {
    for (size_t i = 0; i < r->n; i++) {
        free(r->at[i].id);
        free(r->at[i].why);
    }
    free(r->at);
    *r = (records){0};
}

static bool copy_name(char out[RUN_NAME], const json *v) {
    size_t n = 0;
    const char *p = json_text(v, &n);
    if (!p || n != RUN_NAME - 1) return false;
    memcpy(out, p, RUN_NAME);
    return true;
}

/* All that was said, as one hash. */
static hash128 hash_of_words(const json *line) {
    static const char *const keys[] = {"content", "reasoning", "calls"};
    hash128 h = {0};
    for (size_t i = 0; i < 3; i++) {
        const json *v = json_get(line, keys[i]);
        buf text = {0};
        if (v) json_write(&text, v);
        h = hash128_chain(h, text.data ? text.data : "", text.n);
        buf_free(&text);
    }
    return h;
}

static status add_record(records *r, const char *p, size_t n, err *e) {
    json_doc *doc = NULL;
    record one = {.order = r->n};
    status st = json_parse(&doc, p, n, RESULT_DEPTH, "the line", e);
    if (st != OK) return st;
    const json *line = json_root(doc);
    const char *id = json_text(json_get(line, "id"), NULL);
    const char *why = json_text(json_get(line, "why"), NULL);
    if (!id || !why || !copy_name(one.model, json_get(line, "model")) ||
        !copy_name(one.line, json_get(line, "line")) ||
        !json_bool(json_get(line, "passed"), &one.passed) ||
        !json_bool(json_get(line, "expected"), &one.expected) ||
        !json_bool(json_get(line, "format"), &one.form)) {
        st = fail(e, E_FORMAT, "this is no result of an examination");
    } else {
        one.said = hash_of_words(line);
        one.id = strdup(id);
        one.why = strdup(why);
        if (r->n == r->cap) {
            const size_t cap = r->cap ? r->cap * 2 : 256;
            record *at = realloc(r->at, cap * sizeof *at);
            if (at) r->at = at, r->cap = cap;
        }
        if (!one.id || !one.why || r->n == r->cap) st = fail(e, E_NOMEM, "out of memory");
    }
    json_free(doc);
    if (st == OK) {
        r->at[r->n++] = one;
    } else {
        free(one.id);
        free(one.why);
    }
    return st;
}

/* Whether a last line may be a result that was not written to its end. */
static bool may_be_cut(const char *p, size_t n) {
    const size_t head = sizeof line_head - 1;
    return memcmp(p, line_head, n < head ? n : head) == 0;
}

status records_parse(records *out, size_t *whole, const char *text, size_t n, const char *name,
                     err *e) {
    records r = {0};
    status st = OK;
    size_t at = 0, number = 0;
    while (at < n && st == OK) {
        const char *p = text + at, *end = memchr(p, '\n', n - at);
        number++;
        if (!end && may_be_cut(p, n - at)) break;
        const size_t len = end ? (size_t)(end - p) : n - at;
        st = add_record(&r, p, len, e);
        if (st != OK && st != E_NOMEM) err_prefix(e, "%s:%zu: ", name, number);
        if (st == OK) at += len + 1;
    }
    if (st == OK) {
        *out = r;
        if (whole) *whole = at < n ? at : n;
    } else {
        records_free(&r);
    }
    return st;
}

status records_read(records *out, const char *path, err *e) {
    buf text = {0};
    status st = file_read(&text, path, RESULTS_BYTES, e);
    if (st == OK) st = records_parse(out, NULL, text.data ? text.data : "", text.n, path, e);
    buf_free(&text);
    return st;
}

static int by_order(const record *a, const record *b) {
    return a->order < b->order ? -1 : a->order > b->order;
}

static int by_id(const void *x, const void *y) {
    const record *a = x, *b = y;
    const int c = strcmp(a->id, b->id);
    return c ? c : by_order(a, b);
}

static int by_question(const void *x, const void *y) {
    const record *a = x, *b = y;
    const int c = memcmp(a->line, b->line, RUN_NAME), d = memcmp(a->model, b->model, RUN_NAME);
    return c ? c : d ? d : by_order(a, b);
}

void records_latest(records *r) {
    size_t n = 0;
    if (r->n) qsort(r->at, r->n, sizeof *r->at, by_id);
    for (size_t i = 0; i < r->n; i++) {
        if (i + 1 < r->n && strcmp(r->at[i].id, r->at[i + 1].id) == 0) {
            free(r->at[i].id);
            free(r->at[i].why);
        } else {
            r->at[n++] = r->at[i];
        }
    }
    r->n = n;
}

/* ------------------------------------------------------------------ writing */

struct results {
    int fd;
    char *path;
    records there; /* in the order of by_question */
};

void results_close(results *r) {
    if (!r) return;
    if (r->fd >= 0) close(r->fd);
    records_free(&r->there);
    free(r->path);
    free(r);
}

static status open_file(results *r, err *e) {
    struct stat st;
    r->fd = open(r->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0600);
    if (r->fd < 0) return fail(e, E_IO, "%s: cannot be opened: %s", r->path, strerror(errno));
    if (fstat(r->fd, &st) != 0 || !S_ISREG(st.st_mode))
        return fail(e, E_IO, "%s: not a regular file: results need one", r->path);
    if (flock(r->fd, LOCK_EX | LOCK_NB) != 0)
        return fail(e, E_USAGE,
                    "%s: another run writes its results there: wait for it, or name "
                    "another file",
                    r->path);
    return OK;
}

status results_open(results **out, const char *path, err *e) {
    results *r = calloc(1, sizeof *r);
    buf text = {0};
    size_t whole = 0;
    if (!r) return fail(e, E_NOMEM, "out of memory");
    r->fd = -1;
    r->path = strdup(path);
    status st = r->path ? open_file(r, e) : fail(e, E_NOMEM, "out of memory");
    if (st == OK) st = file_read(&text, path, RESULTS_BYTES, e);
    if (st == OK)
        st = records_parse(&r->there, &whole, text.data ? text.data : "", text.n, path, e);
    if (st == OK && whole < text.n && ftruncate(r->fd, (off_t)whole) != 0)
        st = fail(e, E_IO, "%s: cannot drop its broken last line: %s", path, strerror(errno));
    /* A last line that lacks nothing but its end. */
    if (st == OK && whole && whole == text.n && text.data[whole - 1] != '\n' &&
        write(r->fd, "\n", 1) != 1)
        st = fail(e, E_IO, "%s: cannot be written: %s", path, strerror(errno));
    buf_free(&text);
    if (st != OK) {
        results_close(r);
        return st;
    }
    if (r->there.n) qsort(r->there.at, r->there.n, sizeof *r->there.at, by_question);
    *out = r;
    return OK;
}

const record *results_find(const results *r, const char *model, hash128 line) {
    record key = {.order = SIZE_MAX};
    memcpy(key.model, model, RUN_NAME);
    hash_name(key.line, line);
    size_t lo = 0, hi = r->there.n;
    while (lo < hi) { /* the first behind all of this question */
        const size_t mid = lo + (hi - lo) / 2;
        if (by_question(&r->there.at[mid], &key) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    const record *last = lo ? &r->there.at[lo - 1] : NULL;
    return last && strcmp(last->line, key.line) == 0 && strcmp(last->model, model) == 0 ? last
                                                                                        : NULL;
}

static void put_text(buf *out, const char *key, const char *p, size_t n) {
    buf_printf(out, ", \"%s\": ", key);
    json_write_string(out, p ? p : "", n);
}

/* Arguments are an object that the model wrote; what is none stays a text. */
static void put_arguments(buf *out, const buf *text) {
    json_doc *doc = NULL;
    const char *p = text->data ? text->data : "";
    if (json_parse(&doc, p, text->n, RESULT_DEPTH - 4, "arguments", NULL) == OK)
        json_write(out, json_root(doc));
    else
        json_write_string(out, p, text->n);
    json_free(doc);
}

void result_write(buf *out, const char *model, const exam_case *c, const answer *a,
                  const verdict *v) {
    char line[RUN_NAME];
    hash_name(line, c->line);
    buf_str(out, line_head);
    json_write_string(out, c->id, strlen(c->id));
    put_text(out, "skill", c->skill, strlen(c->skill));
    buf_printf(out,
               ", \"model\": \"%s\", \"line\": \"%s\", \"passed\": %s, \"expected\": %s, "
               "\"format\": %s",
               model, line, verdict_passed(v) ? "true" : "false", v->expected ? "true" : "false",
               v->form ? "true" : "false");
    put_text(out, "why", v->why, strlen(v->why));
    put_text(out, "finish", answer_end_name(a->end), strlen(answer_end_name(a->end)));
    put_text(out, "content", a->m.content.data, a->m.content.n);
    put_text(out, "reasoning", a->m.reasoning.data, a->m.reasoning.n);
    buf_str(out, ", \"calls\": [");
    for (size_t i = 0; i < a->m.n_calls; i++) {
        buf_str(out, i ? ", {\"name\": " : "{\"name\": ");
        json_write_string(out, a->m.calls[i].name.data ? a->m.calls[i].name.data : "",
                          a->m.calls[i].name.n);
        buf_str(out, ", \"arguments\": ");
        put_arguments(out, &a->m.calls[i].arguments);
        buf_char(out, '}');
    }
    buf_printf(out, "], \"prompt_tokens\": %u, \"tokens\": %u, \"seconds\": %.3f", a->prompt,
               a->made, a->seconds);
    if (!v->form) put_text(out, "raw", a->raw.data, a->raw.n);
    buf_str(out, "}\n");
}

status results_add(results *r, const char *model, const exam_case *c, const answer *a,
                   const verdict *v, err *e) {
    buf line = {0};
    result_write(&line, model, c, a, v);
    if (line.failed) {
        buf_free(&line);
        return fail(e, E_NOMEM, "out of memory");
    }
    const off_t before = lseek(r->fd, 0, SEEK_END);
    const ssize_t wrote = write(r->fd, line.data, line.n);
    const bool all = wrote >= 0 && (size_t)wrote == line.n;
    const int why = wrote < 0 ? errno : ENOSPC;
    buf_free(&line);
    if (all) return OK;
    if (before >= 0 && ftruncate(r->fd, before) != 0) errno = 0; /* the next run drops it */
    return fail(e, E_IO, "%s: cannot be written: %s", r->path, strerror(why));
}
