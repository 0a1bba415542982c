/* part: a file on its way: FILE.part beside its final name, and what it is a part of.
 *
 *     FILE.part         the first bytes of the file, nothing else
 *     FILE.part.from    a few lines: the whole size, and the server's names for this very version
 *
 * I1  One process at a time: the part is locked from open to close, and the lock goes with the
 *     process.
 * I2  A part without a sound note begins anew: bytes of two versions are never joined.
 * I3  The sum is that of all bytes kept so far.
 * I4  A link, another user's file or anything but a regular file is refused, not followed.
 */
#ifndef DS4_APPS_GET_PART_H
#define DS4_APPS_GET_PART_H

#include <limits.h>
#include <signal.h>

#include "apps/get/head.h"

typedef struct part {
    char path[PATH_MAX], note[PATH_MAX];
    int fd;
    uint64_t have;
    sha256 sum;
    bool size_known;
    uint64_t size;                             /* of the whole file, where the server told */
    char etag[HEAD_NAME], modified[HEAD_NAME]; /* "" if it named none */
} part;

/* For the file `out`. What is there from an earlier run is read once, for its sum. */
status part_open(part *p, const char *out, const volatile sig_atomic_t *stop, err *e);
/* From the first byte, of the version of the file that `h` tells of. */
status part_begin(part *p, const head *h, err *e);
status part_add(part *p, const void *bytes, size_t n, err *e);
/* To disk, then under its final name, in one step. Closes it. */
status part_publish(part *p, const char *out, err *e);
/* Ends with what there is kept for the next run, or with nothing left. */
void part_close(part *p);
void part_remove(part *p);

/* The sum of an open file's first n bytes, with a bar on a terminal. */
status part_sum_file(sha256 *s, int fd, uint64_t n, const char *name, const volatile sig_atomic_t *stop,
                     err *e);

#endif
