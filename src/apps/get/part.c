#include "apps/get/part.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/progress.h"

enum { PIECE = 1 << 18, NOTE_MOST = 4096 };

static const char first_line[] = "ds4-get 1\n";

/* ------------------------------------------------------------------ the note */

static status note_write(const part *p, err *e) {
    out_file *f;
    buf text = {0};
    buf_str(&text, first_line);
    if (p->size_known) buf_printf(&text, "size %" PRIu64 "\n", p->size);
    if (p->etag[0]) buf_printf(&text, "etag %s\n", p->etag);
    if (p->modified[0]) buf_printf(&text, "modified %s\n", p->modified);
    status st = text.failed ? fail(e, E_NOMEM, "out of memory") : out_open(&f, p->note, 0644, e);
    if (st == OK) {
        st = out_write(f, text.data, text.n, e);
        if (st == OK)
            st = out_finish(f, e);
        else
            out_abort(f);
    }
    buf_free(&text);
    return st;
}

/* A value of one line, printable, that fits; it goes back to a server. */
static bool take_value(char out[HEAD_NAME], const char *value, size_t n) {
    if (n == 0 || n >= HEAD_NAME) return false;
    for (size_t i = 0; i < n; i++)
        if (value[i] < ' ' || value[i] > '~') return false;
    memcpy(out, value, n);
    out[n] = 0;
    return true;
}

static bool note_parse(part *p, const char *text, size_t n) {
    const size_t skip = sizeof first_line - 1;
    if (n < skip || memcmp(text, first_line, skip) != 0) return false;
    for (size_t at = skip; at < n;) {
        const char *line = text + at, *end = memchr(line, '\n', n - at),
                   *gap = end ? memchr(line, ' ', (size_t)(end - line)) : NULL;
        if (!gap) return false;
        const size_t n_key = (size_t)(gap - line), n_value = (size_t)(end - gap) - 1;
        char value[HEAD_NAME];
        if (!take_value(value, gap + 1, n_value)) return false;
        if (n_key == 4 && memcmp(line, "etag", 4) == 0) {
            memcpy(p->etag, value, n_value + 1);
        } else if (n_key == 8 && memcmp(line, "modified", 8) == 0) {
            memcpy(p->modified, value, n_value + 1);
        } else if (n_key == 4 && memcmp(line, "size", 4) == 0) {
            char *rest;
            errno = 0;
            p->size = strtoull(value, &rest, 10);
            if (errno || *rest || value[0] < '0' || value[0] > '9') return false;
            p->size_known = true;
        } else {
            return false;
        }
        at += (size_t)(end - line) + 1;
    }
    return true;
}

static bool note_read(part *p) {
    buf text = {0};
    const bool sound =
        file_read(&text, p->note, NOTE_MOST, NULL) == OK && note_parse(p, text.data, text.n);
    buf_free(&text);
    if (sound) return true;
    p->size_known = false;
    p->etag[0] = p->modified[0] = 0;
    return false;
}

/* ------------------------------------------------------------------ opening */

status part_sum_file(sha256 *s, int fd, uint64_t n, const char *name, const volatile sig_atomic_t *stop,
                     err *e) {
    progress bar;
    status st = OK;
    char *piece = malloc(PIECE);
    if (!piece) return fail(e, E_NOMEM, "out of memory");
    sha256_start(s);
    progress_start(&bar, stderr, "checking", n, PROGRESS_BYTES);
    for (uint64_t at = 0; at < n && st == OK;) {
        const ssize_t got = pread(fd, piece, n - at < PIECE ? (size_t)(n - at) : PIECE, (off_t)at);
        if (stop && *stop)
            st = fail(e, E_CANCELLED, "stopped");
        else if (got < 0 && errno != EINTR)
            st = fail(e, E_IO, "%s: %s", name, strerror(errno));
        else if (got == 0)
            st = fail(e, E_IO, "%s: became shorter while it was read", name);
        if (st != OK || got < 0) continue;
        sha256_add(s, piece, (size_t)got);
        progress_to(&bar, at += (uint64_t)got);
    }
    progress_hide(&bar);
    free(piece);
    return st;
}

/* Locked, regular, ours, and still what the name stands for: another run may have published it in
 * between. */
static status take(part *p, bool *gone, err *e) {
    struct stat here, named;
    *gone = false;
    if (fstat(p->fd, &here) != 0) return fail(e, E_IO, "%s: %s", p->path, strerror(errno));
    if (!S_ISREG(here.st_mode) || here.st_uid != geteuid() || here.st_nlink > 1)
        return fail(
            e, E_IO,
            "%s: is not a file of yours alone: move it away, or choose another name with -o",
            p->path);
    if (flock(p->fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK)
            return fail(e, E_IO,
                        "%s: another ds4-get is fetching this file: let it finish, or stop it",
                        p->path);
        return fail(e, E_IO, "%s: cannot be locked: %s", p->path, strerror(errno));
    }
    *gone =
        lstat(p->path, &named) != 0 || named.st_ino != here.st_ino || named.st_dev != here.st_dev;
    p->have = (uint64_t)here.st_size;
    return OK;
}

static status open_locked(part *p, err *e) {
    bool gone = true;
    for (int i = 0; gone && i < 10; i++) {
        /* Not blocking, should the name stand for a pipe. */
        p->fd = open(p->path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0644);
        if (p->fd < 0)
            return errno == ELOOP
                       ? fail(e, E_IO, "%s: is a link, which is not followed: remove it", p->path)
                       : fail(e, E_IO, "%s: %s", p->path, strerror(errno));
        const status st = take(p, &gone, e);
        if (st == OK && !gone) return OK;
        close(p->fd);
        p->fd = -1;
        if (st != OK) return st;
    }
    return fail(e, E_IO, "%s: others keep replacing it: try again", p->path);
}

status part_open(part *p, const char *out, const volatile sig_atomic_t *stop, err *e) {
    *p = (part){.fd = -1};
    sha256_start(&p->sum);
    if ((size_t)snprintf(p->path, sizeof p->path, "%s.part", out) >= sizeof p->path ||
        (size_t)snprintf(p->note, sizeof p->note, "%s.part.from", out) >= sizeof p->note)
        return fail(e, E_USAGE, "-o: the name is too long");
    status st = open_locked(p, e);
    if (st != OK || p->have == 0) return st;
    if (!note_read(p) || (p->size_known && p->have > p->size)) {
        st = part_begin(p, &(head){0}, e);
    } else {
        st = part_sum_file(&p->sum, p->fd, p->have, p->path, stop, e);
    }
    if (st != OK) part_close(p);
    return st;
}

/* ------------------------------------------------------------------ filling */

status part_begin(part *p, const head *h, err *e) {
    p->size_known = h->total_known || h->linked_known;
    p->size = h->total_known ? h->total : h->linked;
    snprintf(p->etag, sizeof p->etag, "%s", h->etag);
    snprintf(p->modified, sizeof p->modified, "%s", h->modified);
    sha256_start(&p->sum);
    p->have = 0;
    /* Cut before the note tells of another version. */
    if (ftruncate(p->fd, 0) != 0) return fail(e, E_IO, "%s: %s", p->path, strerror(errno));
    return note_write(p, e);
}

status part_add(part *p, const void *bytes, size_t n, err *e) {
    const char *at = bytes;
    if (p->size_known && n > p->size - p->have)
        return fail(e, E_FORMAT,
                    "%s: the server sends more than the %" PRIu64 " bytes that it told of", p->path,
                    p->size);
    while (n) {
        const ssize_t put = pwrite(p->fd, at, n, (off_t)p->have);
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0)
            return fail(e, E_IO, "%s: %s", p->path,
                        put < 0 ? strerror(errno) : "nothing can be written");
        sha256_add(&p->sum, at, (size_t)put);
        at += put;
        n -= (size_t)put;
        p->have += (uint64_t)put;
    }
    return OK;
}

/* ------------------------------------------------------------------ ending */

void part_close(part *p) {
    if (p->fd >= 0) close(p->fd);
    p->fd = -1;
}

void part_remove(part *p) {
    if (p->fd < 0) return;
    unlink(p->note);
    unlink(p->path); /* last: the lock is on it */
    part_close(p);
}

/* A rename is on disk when its folder is. */
static void sync_folder(const char *path) {
    char folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    if (slash) slash[slash == folder] = 0;
    const int fd = open(slash ? folder : ".", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    fsync(fd);
    close(fd);
}

status part_publish(part *p, const char *out, err *e) {
    if (fsync(p->fd) != 0) return fail(e, E_IO, "%s: %s", p->path, strerror(errno));
    struct stat other;
    if (lstat(out, &other) == 0)
        return fail(e, E_IO,
                    "%s: has appeared in the meantime and is left alone; what was fetched is %s",
                    out, p->path);
    if (rename(p->path, out) != 0) return fail(e, E_IO, "%s: %s", out, strerror(errno));
    unlink(p->note);
    sync_folder(out);
    part_close(p);
    return OK;
}
