/* fetch: one file from a server to the disk, whole and checked, or not at all.
 *
 * What is there of an earlier run is gone on with, where the server can (Range) and the file there
 * is still the same (If-Range, and what the reply says). A connection that breaks is taken up
 * again. The sum is built while bytes come; it is held against the first that names one: the
 * caller, the server's headers, a file URL.sha256 beside it.
 *
 * I1  Under its final name a file is complete: as long as the server said, or with the sum that
 *     somebody named.
 * I2  What is left after a failure is a FILE.part that the next run can go on with, and the error
 *     says so, or nothing.
 * I3  A file that has its final name already is compared, never written to.
 */
#ifndef DS4_APPS_GET_FETCH_H
#define DS4_APPS_GET_FETCH_H

#include <signal.h>
#include <stdbool.h>

#include "apps/lib/sha256.h"
#include "base/status.h"

typedef struct fetch_options {
    const char *url;
    const char *out;  /* final name */
    const char *sum;  /* SHA-256 in lower-case hex that it must have; NULL: as the server says */
    uint32_t tries;   /* how often in a row a connection may bring nothing new */
    uint32_t timeout; /* seconds */
    const volatile sig_atomic_t *stop;
} fetch_options;

typedef struct fetch_result {
    uint64_t bytes;
    char sum[SHA256_HEX + 1];
    const char
        *named_by; /* who named the sum that it was held against; NULL: nobody, only the size was */
    bool was_there; /* nothing had to be fetched */
} fetch_result;

/* E_CANCELLED has words as well: what is kept. */
status fetch_file(fetch_result *r, const fetch_options *o, err *e);

#endif
