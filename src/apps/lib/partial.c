#include "apps/lib/partial.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/le.h"
#include "base/progress.h"

enum { SLOT = 512, SLOT_HASHED = 56, PIECE = 1 << 20 };

/* How long what was computed may be lost to a power cut; a sync costs a part of that at most. */
#define SECONDS_BETWEEN_MARKS 0.5

static const char magic[8] = {'D', 'S', '4', 'P', 'A', 'R', 'T', '1'};

struct partial {
    char *path, *part, *state;
    int fd, state_fd;
    hash128 key;
    hasher *sum;     /* of all that was written */
    uint64_t have;   /* bytes written            */
    uint64_t marked; /* of these, up to the last mark */
    hash128 marked_sum;
    uint64_t saved;  /* of these, on disk and in the state */
    uint64_t number; /* of the last slot written */
    double last;     /* when */
};

/* ------------------------------------------------------------------ the state */

typedef struct slot {
    uint64_t number, have;
    hash128 key, sum;
} slot;

static bool slot_read(slot *s, const uint8_t p[SLOT]) {
    if (memcmp(p, magic, sizeof magic) != 0 || le64(p + SLOT_HASHED) != hash64(p, SLOT_HASHED))
        return false;
    *s = (slot){.number = le64(p + 8),
                .key = {le64(p + 16), le64(p + 24)},
                .have = le64(p + 32),
                .sum = {le64(p + 40), le64(p + 48)}};
    return true;
}

static bool pwrite_all(int fd, const uint8_t *p, size_t n, uint64_t at) {
    while (n) {
        const ssize_t w = pwrite(fd, p, n, (off_t)at);
        if (w < 0 && errno == EINTR) continue;
        if (w < 0) return false;
        p += w, n -= (size_t)w, at += (uint64_t)w;
    }
    return true;
}

static status slot_write(partial *p, uint64_t have, hash128 sum, err *e) {
    uint8_t b[SLOT] = {0};
    memcpy(b, magic, sizeof magic);
    put_le64(b + 8, ++p->number);
    put_le64(b + 16, p->key.lo);
    put_le64(b + 24, p->key.hi);
    put_le64(b + 32, have);
    put_le64(b + 40, sum.lo);
    put_le64(b + 48, sum.hi);
    put_le64(b + SLOT_HASHED, hash64(b, SLOT_HASHED));
    if (pwrite_all(p->state_fd, b, SLOT, p->number % 2 * SLOT) && fsync(p->state_fd) == 0)
        return OK;
    return fail(e, E_IO, "%s: write failed: %s", p->state, strerror(errno));
}

/* The later of the sound slots. Fewer bytes than two slots are no state of ours. */
static bool state_read(const partial *p, slot *out) {
    uint8_t b[2 * SLOT];
    slot s;
    bool any = false;
    if (pread(p->state_fd, b, sizeof b, 0) != (ssize_t)sizeof b) return false;
    for (size_t i = 0; i < 2; i++)
        if (slot_read(&s, b + i * SLOT) && (!any || s.number > out->number)) *out = s, any = true;
    return any;
}

/* ------------------------------------------------------------------ opening */

static status open_one(int *fd, const char *path, err *e) {
    struct stat st;
    *fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0644);
    if (*fd < 0)
        return fail(e, E_IO, "%s: cannot create: %s", path,
                    errno == ELOOP ? "it is a link" : strerror(errno));
    if (fstat(*fd, &st) == 0 && S_ISREG(st.st_mode)) return OK;
    return fail(e, E_IO, "%s: cannot create: it is no regular file", path);
}

/* The rename at the end would fail on a folder, after all the work, and replace a device. */
static status check_place(const char *path, err *e) {
    struct stat st;
    if (stat(path, &st) != 0 || S_ISREG(st.st_mode)) return OK;
    return fail(e, E_IO, "%s: cannot create: it is %s", path,
                S_ISDIR(st.st_mode) ? "a folder" : "no regular file, and would be replaced");
}

static char *joined(const char *a, const char *b) {
    const size_t n = strlen(a), m = strlen(b);
    char *p = malloc(n + m + 1);
    if (!p) return NULL;
    memcpy(p, a, n);
    memcpy(p + n, b, m + 1);
    return p;
}

static void partial_free(partial *p) {
    if (p->fd >= 0) close(p->fd);
    if (p->state_fd >= 0) close(p->state_fd); /* the lock goes with it */
    hasher_free(p->sum);
    free(p->path);
    free(p->part);
    free(p->state);
    free(p);
}

/* Nothing is left behind by who could not even begin. */
static void remove_empty(const partial *p) {
    struct stat st;
    const bool empty = p->fd < 0 || (fstat(p->fd, &st) == 0 && st.st_size == 0);
    if (p->state_fd < 0 || !empty) return;
    if (p->fd >= 0) unlink(p->part);
    unlink(p->state);
}

static status start_anew(partial *p, err *e) {
    static const uint8_t zeros[2 * SLOT];
    hasher_free(p->sum);
    p->sum = hasher_new();
    if (!p->sum) return fail(e, E_NOMEM, "out of memory");
    p->have = p->marked = p->saved = p->number = 0;
    p->marked_sum = hasher_value(p->sum);
    if (ftruncate(p->fd, 0) != 0)
        return fail(e, E_IO, "%s: %s", p->part, strerror(errno));
    if (ftruncate(p->state_fd, 0) != 0 || !pwrite_all(p->state_fd, zeros, sizeof zeros, 0))
        return fail(e, E_IO, "%s: write failed: %s", p->state, strerror(errno));
    return slot_write(p, 0, p->marked_sum, e);
}

/* The bytes that are there, once through the hash. *same: they are those of the state. */
static status check_bytes(partial *p, const slot *s, const volatile sig_atomic_t *stop, bool *same,
                          err *e) {
    uint8_t *b = malloc(PIECE);
    if (!b) return fail(e, E_NOMEM, "out of memory");
    status st = OK;
    progress bar;
    progress_start(&bar, stderr, "checking what is there", s->have, PROGRESS_BYTES);
    while (p->have < s->have && st == OK) {
        const uint64_t left = s->have - p->have;
        const ssize_t n = pread(p->fd, b, left < PIECE ? (size_t)left : PIECE, (off_t)p->have);
        if (*stop) st = fail(e, E_CANCELLED, "stopped");
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) st = fail(e, E_IO, "%s: read failed: %s", p->part, strerror(errno));
        if (n <= 0 || st != OK) break;
        hasher_add(p->sum, b, (size_t)n);
        p->have += (uint64_t)n;
        progress_to(&bar, p->have);
    }
    progress_hide(&bar);
    free(b);
    *same = st == OK && p->have == s->have && hash128_equal(hasher_value(p->sum), s->sum);
    return st;
}

static status look(partial *p, bool anew, const volatile sig_atomic_t *stop, const char **found,
                   err *e) {
    struct stat part, state;
    slot s = {0};
    bool same = false;
    if (fstat(p->fd, &part) != 0 || fstat(p->state_fd, &state) != 0)
        return fail(e, E_IO, "%s: %s", p->part, strerror(errno));
    const bool nothing = part.st_size == 0 && state.st_size == 0;
    const bool sound = state_read(p, &s);
    if (nothing)
        *found = NULL;
    else if (anew)
        *found = "was asked to begin anew";
    else if (!sound)
        *found = "what an earlier run left has no sound state: begins anew";
    else if (!hash128_equal(s.key, p->key))
        *found = "what an earlier run left has another input, recipe or version: begins anew";
    else if (s.have == 0)
        *found = NULL;
    else {
        const status st = check_bytes(p, &s, stop, &same, e);
        if (st != OK) return st;
        *found = same ? "goes on where an earlier run stopped"
                      : "what an earlier run left is damaged: begins anew";
    }
    if (!same) return start_anew(p, e);
    if (ftruncate(p->fd, (off_t)p->have) != 0)
        return fail(e, E_IO, "%s: %s", p->part, strerror(errno));
    p->marked = p->saved = p->have;
    p->marked_sum = s.sum;
    p->number = s.number;
    return OK;
}

status partial_open(partial **out, const char *path, hash128 key, bool anew,
                    const volatile sig_atomic_t *stop, const char **found, err *e) {
    status st = check_place(path, e);
    if (st != OK) return st;
    partial *p = calloc(1, sizeof *p);
    if (!p) return fail(e, E_NOMEM, "out of memory");
    p->fd = p->state_fd = -1;
    p->key = key;
    p->path = strdup(path);
    p->part = joined(path, ".part");
    p->state = joined(path, ".part.state");
    p->sum = hasher_new();
    if (!p->path || !p->part || !p->state || !p->sum) st = fail(e, E_NOMEM, "out of memory");
    if (st == OK) st = open_one(&p->state_fd, p->state, e);
    if (st == OK && flock(p->state_fd, LOCK_EX | LOCK_NB) != 0) {
        st = fail(e, E_IO, "%s: another process is writing it: wait, or choose another name", path);
        partial_free(p); /* what is there is the other's */
        return st;
    }
    if (st == OK) st = open_one(&p->fd, p->part, e);
    if (st == OK) st = look(p, anew, stop, found, e);
    if (st != OK) {
        remove_empty(p);
        partial_free(p);
        return st;
    }
    p->last = clock_seconds();
    *out = p;
    return OK;
}

/* ------------------------------------------------------------------ writing */

uint64_t partial_have(const partial *p) {
    return p->have;
}

status partial_write(partial *p, const void *bytes, size_t n, err *e) {
    if (!pwrite_all(p->fd, bytes, n, p->have))
        return fail(e, E_IO, "%s: write failed: %s: free some room and start again, it goes on here",
                    p->part, strerror(errno));
    hasher_add(p->sum, bytes, n);
    p->have += n;
    return OK;
}

static status save(partial *p, err *e) {
    if (p->saved == p->marked) return OK;
    if (fsync(p->fd) != 0) return fail(e, E_IO, "%s: sync failed: %s", p->part, strerror(errno));
    const status st = slot_write(p, p->marked, p->marked_sum, e);
    if (st == OK) p->saved = p->marked;
    p->last = clock_seconds();
    return st;
}

status partial_mark(partial *p, err *e) {
    p->marked = p->have;
    p->marked_sum = hasher_value(p->sum);
    return clock_seconds() - p->last < SECONDS_BETWEEN_MARKS ? OK : save(p, e);
}

void partial_remove(partial *p) {
    if (!p) return;
    unlink(p->part);
    unlink(p->state);
    partial_free(p);
}

void partial_keep(partial *p) {
    if (!p) return;
    if (p->marked == 0) {
        partial_remove(p);
        return;
    }
    if (p->marked < p->have && ftruncate(p->fd, (off_t)p->marked) == 0) p->have = p->marked;
    save(p, NULL); /* what fails here leaves the state before, which is true as well */
    partial_free(p);
}

status partial_publish(partial *p, err *e) {
    status st = OK;
    if (fsync(p->fd) != 0) st = fail(e, E_IO, "%s: sync failed: %s", p->part, strerror(errno));
    if (st == OK && rename(p->part, p->path) != 0)
        st = fail(e, E_IO, "%s: rename failed: %s", p->path, strerror(errno));
    if (st != OK) {
        partial_keep(p);
        return st;
    }
    unlink(p->state);
    file_sync_folder(p->path);
    partial_free(p);
    return OK;
}
