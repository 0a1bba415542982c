/* curl: one request, made by the program curl in a process of its own: no TLS and no HTTP of ours.
 *
 *     curl_run *c;
 *     curl_start(&c, &request, &e);
 *     while (curl_read(c, bytes, cap, &n, &e) == OK && n) ...     heads of all hops, then the body
 *     curl_end(c, &how);                                          at any time: it is stopped
 *
 * I1  Its output is read here, never written to a file by it: what happens to a body is decided
 *     after its head.
 * I2  Only http and https, redirections included, and from https never to http. The user's .curlrc
 *     is not read, proxies of the environment are used.
 * I3  If this process dies, curl ends at its next write.
 */
#ifndef DS4_APPS_GET_CURL_H
#define DS4_APPS_GET_CURL_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

typedef struct curl_request {
    const char *url;
    uint64_t from; /* first byte wanted; 0: all of it                                          */
    const char
        *if_range; /* with `from`: only if the file is still the one of that name; NULL: always */
    uint32_t timeout; /* seconds to connect, and without a byte                                   */
    const volatile sig_atomic_t
        *stop; /* set: reading ends with E_CANCELLED                               */
} curl_request;

typedef struct curl_run curl_run;

/* E_UNSUPPORTED if there is no curl. */
status curl_start(curl_run **out, const curl_request *q, err *e);
/* At least one byte, or *n = 0 at the end. */
status curl_read(curl_run *c, void *p, size_t cap, size_t *n, err *e);

typedef struct curl_result {
    bool whole;    /* it ended by itself and is content                        */
    int code;      /* its exit status                                          */
    char why[300]; /* its own words, one line; "" if none                      */
} curl_result;

/* Stops it where it still runs, and frees. NULL is fine. `how` may be NULL. */
void curl_end(curl_run *c, curl_result *how);

#endif
