#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Opens without blocking (a FIFO would) and lets only regular files through. */
static status open_regular(int *fd, uint64_t *size, const char *path, err *e) {
    const int f = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (f < 0) return fail(e, E_IO, "%s: %s", path, strerror(errno));
    struct stat st;
    if (fstat(f, &st) != 0) {
        const int why = errno;
        close(f);
        return fail(e, E_IO, "%s: %s", path, strerror(why));
    }
    if (!S_ISREG(st.st_mode)) {
        close(f);
        return fail(e, E_IO, "%s: not a regular file", path);
    }
    *fd = f;
    *size = (uint64_t)st.st_size;
    return OK;
}

status map_open(file_map *m, const char *path, err *e) {
    int fd;
    uint64_t size;
    const status st = open_regular(&fd, &size, path, e);
    if (st != OK) return st;
    void *p = NULL;
    if (size > SIZE_MAX) {
        close(fd);
        return fail(e, E_LIMIT, "%s: too large to map on this machine", path);
    }
    if (size > 0) {
        p = mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, fd, 0);
        if (p == MAP_FAILED) {
            const int why = errno;
            close(fd);
            return fail(e, E_IO, "%s: cannot map %llu bytes: %s", path, (unsigned long long)size, strerror(why));
        }
    }
    close(fd);
    m->data = p;
    m->size = size;
    return OK;
}

void map_close(file_map *m) {
    if (m->data) munmap((void *)(uintptr_t)m->data, (size_t)m->size);
    *m = (file_map){0};
}

void map_drop(const file_map *m, uint64_t at, uint64_t n) {
    if (!m->data || at >= m->size) return;
    const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), end = n > m->size - at ? m->size : at + n;
    const uint64_t from = at / page * page;
    if (end > from) madvise((void *)(uintptr_t)(m->data + from), (size_t)(end - from), MADV_DONTNEED);
}

void map_soon(const void *p, uint64_t n) {
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), from = (uintptr_t)p & ~(page - 1);
    madvise((void *)from, (size_t)((uintptr_t)p + n - from), MADV_WILLNEED);
}

bool file_stamp_of(file_stamp *out, const char *path) {
    struct stat st;
    *out = (file_stamp){0};
    if (stat(path, &st) != 0) return false;
#ifdef __APPLE__
    const struct timespec when = st.st_mtimespec;
#else
    const struct timespec when = st.st_mtim;
#endif
    *out = (file_stamp){(uint64_t)st.st_size, (uint64_t)when.tv_sec, (uint64_t)when.tv_nsec};
    return true;
}

status file_read(buf *out, const char *path, uint64_t limit, err *e) {
    int fd;
    uint64_t size;
    const status st = open_regular(&fd, &size, path, e);
    if (st != OK) return st;
    if (size > limit) {
        close(fd);
        return fail(e, E_LIMIT, "%s: %llu bytes, the limit here is %llu", path, (unsigned long long)size,
                    (unsigned long long)limit);
    }
    const size_t before = out->n;
    if (!buf_reserve(out, (size_t)size)) {
        close(fd);
        return fail(e, E_NOMEM, "%s: out of memory", path);
    }
    while (out->n - before < size) {
        const ssize_t n = read(fd, out->data + out->n, (size_t)size - (out->n - before));
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) {
            const int why = n < 0 ? errno : EIO;
            close(fd);
            out->n = before;
            return fail(e, E_IO, "%s: %s", path, n < 0 ? strerror(why) : "became shorter while it was read");
        }
        out->n += (size_t)n;
    }
    close(fd);
    out->data[out->n] = 0;
    return OK;
}

struct out_file {
    int fd;
    char *path, *temp;
    uint64_t written;
    bool failed; /* a write did not go through: the file has a hole and is never published */
    size_t held;
    uint8_t hold[1 << 16];
};

/* The rename at the end would fail on a folder, after all the work, and replace a device (or what
 * /dev/stdout leads to) by a file, where the user may: told now. A link to a file, or to nothing,
 * is replaced. */
static status check_place(const char *path, err *e) {
    struct stat st;
    if (stat(path, &st) != 0 || S_ISREG(st.st_mode)) return OK;
    return fail(e, E_IO, "%s: cannot create: it is %s", path,
                S_ISDIR(st.st_mode) ? "a folder" : "no regular file, and would be replaced");
}

status out_open(out_file **out, const char *path, int mode, err *e) {
    const status place = check_place(path, e);
    if (place != OK) return place;
    out_file *f = calloc(1, sizeof *f);
    const size_t room = strlen(path) + 32;
    if (f) {
        f->path = malloc(room);
        f->temp = malloc(room);
    }
    if (!f || !f->path || !f->temp) {
        if (f) free(f->path), free(f->temp);
        free(f);
        return fail(e, E_NOMEM, "%s: out of memory", path);
    }
    snprintf(f->path, room, "%s", path);
    f->fd = -1;
    for (unsigned i = 0; i < 100 && f->fd < 0; i++) {
        snprintf(f->temp, room, "%s.tmp-%ld-%u", path, (long)getpid(), i);
        f->fd = open(f->temp, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (f->fd < 0 && errno != EEXIST) break;
    }
    if (f->fd < 0) {
        const int why = errno;
        free(f->path), free(f->temp), free(f);
        return fail(e, E_IO, "%s: cannot create: %s", path, strerror(why));
    }
    if (fchmod(f->fd, (mode_t)mode) != 0) { /* the umask may have taken bits away */
        const int why = errno;
        out_abort(f);
        return fail(e, E_IO, "%s: %s", path, strerror(why));
    }
    *out = f;
    return OK;
}

static status write_failed(out_file *f, err *e) {
    const int why = errno;
    f->failed = true;
    return fail(e, E_IO, "%s: write failed: %s", f->path, strerror(why));
}

/* After a failed write the file takes no more, so that whoever overlooks it hears of it again. */
static status check_whole(const out_file *f, err *e) {
    return f->failed ? fail(e, E_IO, "%s: an earlier write failed", f->path) : OK;
}

static status write_all(out_file *f, const uint8_t *p, size_t n, err *e) {
    while (n) {
        const ssize_t w = write(f->fd, p, n);
        if (w < 0 && errno == EINTR) continue;
        if (w < 0) return write_failed(f, e);
        p += w, n -= (size_t)w;
    }
    return OK;
}

static status flush_hold(out_file *f, err *e) {
    const status st = write_all(f, f->hold, f->held, e);
    f->held = 0;
    return st;
}

status out_write(out_file *f, const void *p, size_t n, err *e) {
    status st = check_whole(f, e);
    if (st == OK && n > sizeof f->hold - f->held) st = flush_hold(f, e);
    if (st == OK && n > sizeof f->hold) {
        st = write_all(f, p, n, e);
    } else if (st == OK && n) {
        memcpy(f->hold + f->held, p, n);
        f->held += n;
    }
    if (st == OK) f->written += n;
    return st;
}

status out_patch(out_file *f, uint64_t at, const void *p, size_t n, err *e) {
    if (at > f->written || n > f->written - at)
        return fail(e, E_USAGE, "%s: patch beyond what was written", f->path);
    status st = check_whole(f, e);
    if (st == OK) st = flush_hold(f, e);
    if (st != OK) return st;
    const uint8_t *b = p;
    while (n) {
        const ssize_t w = pwrite(f->fd, b, n, (off_t)at);
        if (w < 0 && errno == EINTR) continue;
        if (w < 0) return write_failed(f, e);
        b += w, at += (uint64_t)w, n -= (size_t)w;
    }
    return OK;
}

uint64_t out_size(const out_file *f) { return f->written; }

static void out_free(out_file *f) {
    free(f->path);
    free(f->temp);
    free(f);
}

void file_sync_folder(const char *path) {
    const char *slash = strrchr(path, '/');
    char *dir = slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
    if (!dir) return;
    const int fd = open(dir, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
    free(dir);
}

status out_finish(out_file *f, err *e) {
    status st = check_whole(f, e);
    if (st == OK) st = flush_hold(f, e);
    if (st == OK && fsync(f->fd) != 0) st = fail(e, E_IO, "%s: sync failed: %s", f->path, strerror(errno));
    if (close(f->fd) != 0 && st == OK) st = fail(e, E_IO, "%s: close failed: %s", f->path, strerror(errno));
    if (st == OK && rename(f->temp, f->path) != 0)
        st = fail(e, E_IO, "%s: rename failed: %s", f->path, strerror(errno));
    if (st != OK) unlink(f->temp);
    else file_sync_folder(f->path);
    out_free(f);
    return st;
}

void out_abort(out_file *f) {
    if (!f) return;
    close(f->fd);
    unlink(f->temp);
    out_free(f);
}

static status file_sink(void *self, const void *p, size_t n, err *e) { return out_write(self, p, n, e); }

sink sink_file(out_file *f) { return (sink){file_sink, f}; }

static status buf_sink(void *self, const void *p, size_t n, err *e) {
    buf_add(self, p, n);
    return ((buf *)self)->failed ? fail(e, E_NOMEM, "out of memory") : OK;
}

sink sink_buf(buf *b) { return (sink){buf_sink, b}; }

static status mem_source(void *self, void *p, size_t n, err *e) {
    mem_reader *r = self;
    if (n > r->n - r->at) return fail(e, E_FORMAT, "ends early: %zu bytes wanted at offset %zu of %zu", n, r->at, r->n);
    if (n) memcpy(p, r->data + r->at, n);
    r->at += n;
    return OK;
}

source source_mem(mem_reader *r) { return (source){mem_source, r}; }
