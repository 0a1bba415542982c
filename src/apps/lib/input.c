#include "apps/lib/input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK = 1 << 16 };

typedef struct input {
    int fd;
    const char *name; /* for errors; borrowed */
    bool ours;        /* to be closed         */
    bool regular;
    uint64_t size, done;
    const volatile sig_atomic_t *interrupted;
} input;

static status input_open(input *in, const char *path, const volatile sig_atomic_t *interrupted,
                         err *e) {
    const bool given = strcmp(path, "-") == 0;
    const char *name = given ? "standard input" : path;
    const int fd = given ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == EINTR ? fail(e, E_CANCELLED, "%s: interrupted", name)
                              : fail(e, E_IO, "%s: %s", name, strerror(errno));
    struct stat st;
    if (fstat(fd, &st) != 0 || S_ISDIR(st.st_mode)) {
        const int why = S_ISDIR(st.st_mode) ? EISDIR : errno;
        if (!given) close(fd);
        return fail(e, E_IO, "%s: %s", name, strerror(why));
    }
    const bool regular = S_ISREG(st.st_mode);
    *in = (input){.fd = fd, .name = name, .ours = !given, .regular = regular,
                  .size = regular ? (uint64_t)st.st_size : 0, .interrupted = interrupted};
    return OK;
}

static void input_close(input *in) {
    if (in->ours) close(in->fd);
}

/* At most n bytes; *got is 0 at the end. */
static status input_some(input *in, char *p, size_t n, size_t *got, err *e) {
    for (;;) {
        if (in->interrupted && *in->interrupted)
            return fail(e, E_CANCELLED, "%s: interrupted", in->name);
        const ssize_t r = read(in->fd, p, n);
        if (r < 0 && errno == EINTR) continue;
        if (r < 0) return fail(e, E_IO, "%s: %s", in->name, strerror(errno));
        *got = (size_t)r;
        in->done += (size_t)r;
        return OK;
    }
}

static status input_all(input *in, buf *out, size_t limit, err *e) {
    const size_t before = out->n;
    for (;;) {
        size_t got;
        if (!buf_reserve(out, CHUNK)) return fail(e, E_NOMEM, "%s: out of memory", in->name);
        const status st = input_some(in, out->data + out->n, CHUNK, &got, e);
        if (st != OK) return st;
        if (got == 0) break;
        out->n += got;
        if (out->n - before > limit)
            return fail(e, E_LIMIT, "%s: more than %zu bytes, the limit here", in->name, limit);
    }
    out->data[out->n] = 0;
    return OK;
}

status input_read(buf *out, const char *path, size_t limit,
                  const volatile sig_atomic_t *interrupted, err *e) {
    input in;
    const size_t before = out->n;
    status st = input_open(&in, path, interrupted, e);
    if (st != OK) return st;
    if (in.size > limit)
        st = fail(e, E_LIMIT, "%s: %llu bytes, the limit here is %zu", in.name,
                  (unsigned long long)in.size, limit);
    else
        st = input_all(&in, out, limit, e);
    input_close(&in);
    if (st != OK) {
        out->n = before;
        if (out->data) out->data[before] = 0;
    }
    return st;
}

/* ---- lines ---- */

struct lines {
    input in;
    buf text;     /* read and not yet told, from `at` on      */
    size_t at;
    size_t known; /* from here on line ends are still unknown */
    bool ended;   /* nothing more to read                     */
};

status lines_open(lines **out, const char *path, const volatile sig_atomic_t *interrupted,
                  err *e) {
    lines *l = calloc(1, sizeof *l);
    if (!l) return fail(e, E_NOMEM, "%s: out of memory", path);
    const status st = input_open(&l->in, path, interrupted, e);
    if (st != OK) {
        free(l);
        return st;
    }
    *out = l;
    return OK;
}

void lines_close(lines *l) {
    if (!l) return;
    input_close(&l->in);
    buf_free(&l->text);
    free(l);
}

/* Takes what was told off the front, and reads a chunk behind the rest. */
static status refill(lines *l, err *e) {
    if (l->at > 0) {
        memmove(l->text.data, l->text.data + l->at, l->text.n - l->at);
        l->text.n -= l->at;
        l->known -= l->at;
        l->at = 0;
    }
    if (!buf_reserve(&l->text, CHUNK)) return fail(e, E_NOMEM, "%s: out of memory", l->in.name);
    if (!l->in.regular) fflush(stdout); /* who writes next finds out if that failed */
    size_t got;
    const status st = input_some(&l->in, l->text.data + l->text.n, CHUNK, &got, e);
    if (st != OK) return st;
    l->text.n += got;
    l->ended = got == 0;
    return OK;
}

status lines_next(lines *l, input_line *out, bool *more, err *e) {
    input_line found = {0};
    for (;;) {
        const size_t n = l->text.n - l->known;
        const char *from = n ? l->text.data + l->known : NULL;
        const char *end = n ? memchr(from, '\n', n) : NULL;
        const size_t to = end ? (size_t)(end - l->text.data) : l->text.n;
        const bool last = !end && l->ended;
        l->known = to;
        if (end || last) {
            found.p = l->text.data ? l->text.data + l->at : "";
            found.n = to - l->at;
            found.too_long |= found.n > INPUT_LINE_MOST;
            *more = end || found.n > 0 || found.too_long;
            l->at = l->known = to + (end != NULL);
            *out = found;
            return OK;
        }
        if (to - l->at > INPUT_LINE_MOST) { /* of the rest only the end matters */
            found.too_long = true;
            l->at = to;
        }
        const status st = refill(l, e);
        if (st != OK) return st;
    }
}

uint64_t lines_size(const lines *l) { return l->in.size; }
uint64_t lines_done(const lines *l) { return l->in.done; }
