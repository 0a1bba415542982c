#include "apps/ds4/recall.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"

enum {
    SPARE = 200,          /* entries a file may have too many before it is cut while in use */
    FILE_MOST = 256 << 20 /* bytes: more than RECALL_MOST entries of the largest kind       */
};

typedef struct entry {
    char *p;
    size_t n;
} entry;

struct recall {
    char *path; /* NULL: no file, or none that can be used */
    entry *at;  /* RECALL_MOST + SPARE at most             */
    size_t n;
    size_t in_file; /* lines */
};

bool recall_path(char *out, size_t cap) {
    const char *home = getenv("HOME");
    if (!home || *home != '/') return false;
    const int n = snprintf(out, cap, "%s/.ds4_history", home);
    return n > 0 && (size_t)n < cap;
}

/* ------------------------------------------------------------------ memory */

static void forget(recall *r, size_t n) {
    for (size_t i = 0; i < n; i++) free(r->at[i].p);
    memmove(r->at, r->at + n, (r->n - n) * sizeof *r->at);
    r->n -= n;
}

static bool keep(recall *r, const char *p, size_t n) {
    const entry *last = r->n ? &r->at[r->n - 1] : NULL;
    if (n == 0 || n > RECALL_ENTRY_MOST) return false;
    if (last && last->n == n && memcmp(last->p, p, n) == 0) return false;
    char *copy = malloc(n + 1);
    if (!copy) return false;
    memcpy(copy, p, n);
    copy[n] = 0;
    if (r->n == RECALL_MOST + SPARE) forget(r, SPARE);
    r->at[r->n++] = (entry){copy, n};
    return true;
}

size_t recall_count(const recall *r) {
    return r->n < RECALL_MOST ? r->n : RECALL_MOST;
}

const char *recall_at(const recall *r, size_t i, size_t *n) {
    const entry *x = &r->at[r->n - recall_count(r) + i];
    *n = x->n;
    return x->p;
}

/* ------------------------------------------------------------------ the file */

/* The line behind p, without its end; false at the end. A last line without an end is a write that
 * broke off. */
static bool next_line(const buf *text, size_t *at, const char **p, size_t *n) {
    const char *from = text->data + *at, *end = memchr(from, '\n', text->n - *at);
    if (!end) return false;
    *p = from;
    *n = (size_t)(end - from);
    *at += *n + 1;
    return true;
}

static size_t count_lines(const buf *text) {
    size_t lines = 0;
    for (size_t i = 0; i < text->n; i++) lines += text->data[i] == '\n';
    return lines;
}

static void load(recall *r, const buf *text) {
    const char *line;
    size_t at = 0, n, text_n;
    r->in_file = count_lines(text);
    const size_t skip = r->in_file > RECALL_MOST ? r->in_file - RECALL_MOST : 0;
    for (size_t i = 0; text->n > at && next_line(text, &at, &line, &n); i++) {
        json_doc *d;
        if (i < skip || json_parse(&d, line, n, 1, "history", NULL) != OK) continue;
        const char *p = json_text(json_root(d), &text_n);
        if (p) keep(r, p, text_n);
        json_free(d);
    }
}

/* A file that is not ours to read is not ours to write. */
static void drop_file(recall *r) {
    free(r->path);
    r->path = NULL;
}

/* The latest RECALL_MOST lines, beside the file and then in its place. */
static void cut_file(recall *r) {
    buf text = {0};
    out_file *f = NULL;
    const char *line;
    size_t at = 0, n;
    if (!r->path || r->in_file <= RECALL_MOST) return;
    if (file_read(&text, r->path, FILE_MOST, NULL) == OK && text.n) {
        const size_t lines = count_lines(&text);
        for (size_t i = lines; i > RECALL_MOST && next_line(&text, &at, &line, &n); i--) continue;
        if (out_open(&f, r->path, 0600, NULL) == OK) {
            const bool good = out_write(f, text.data + at, text.n - at, NULL) == OK;
            if (good && out_finish(f, NULL) == OK) r->in_file = RECALL_MOST;
            else if (!good) out_abort(f);
        }
    }
    buf_free(&text);
}

static int open_file(const char *path) {
    const int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0600);
    struct stat st;
    if (fd < 0) return -1;
    const bool ours = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid();
    if (ours && ((st.st_mode & 077) == 0 || fchmod(fd, 0600) == 0)) return fd;
    close(fd);
    return -1;
}

static void append(recall *r, const char *p, size_t n) {
    buf line = {0};
    const int fd = open_file(r->path);
    if (fd < 0) {
        drop_file(r);
        return;
    }
    json_write_string(&line, p, n);
    buf_char(&line, '\n');
    /* One write: lines of two programs do not mix. */
    if (!line.failed && write(fd, line.data, line.n) == (ssize_t)line.n) r->in_file++;
    close(fd);
    buf_free(&line);
    if (r->in_file > RECALL_MOST + SPARE) cut_file(r);
}

recall *recall_open(const char *path) {
    recall *r = calloc(1, sizeof *r);
    if (r) r->at = calloc(RECALL_MOST + SPARE, sizeof *r->at);
    if (!r || !r->at) {
        free(r);
        return NULL;
    }
    if (!path) return r;
    /* A rename must not replace a link to the file. */
    buf text = {0};
    r->path = realpath(path, NULL);
    if (!r->path) r->path = strdup(path);
    else if (file_read(&text, r->path, FILE_MOST, NULL) != OK) drop_file(r);
    if (r->path) load(r, &text);
    buf_free(&text);
    cut_file(r);
    return r;
}

void recall_add(recall *r, const char *p, size_t n) {
    if (keep(r, p, n) && r->path) append(r, p, n);
}

void recall_close(recall *r) {
    if (!r) return;
    cut_file(r);
    forget(r, r->n);
    free(r->at);
    free(r->path);
    free(r);
}
