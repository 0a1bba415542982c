/* head: what a server says about a file before its bytes come.
 *
 * Reads the heads that curl passes on: one for each hop of a redirection, the last one is about the
 * file. However the bytes are cut, the result is the same.
 *
 *     HTTP/1.1 302 Found            a hop: what it says of the file's size and checksum is kept
 *     Location: ...                 (X-Linked-Size, X-Linked-ETag: so the public host answers,
 *     (empty line)                  before it sends elsewhere)
 *     HTTP/1.1 206 Partial Content
 *     Content-Range: bytes 100-999/1000
 *     ETag: "abc"
 *     (empty line)                  whole: what follows is the file
 *
 * I1  Nothing here is believed: numbers that are none, sums that are none and names with control
 *     characters are left out.
 */
#ifndef DS4_APPS_GET_HEAD_H
#define DS4_APPS_GET_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "apps/lib/sha256.h"
#include "base/status.h"

enum { HEAD_NAME = 256, HEAD_LINE = 4096 };

typedef struct head {
    bool whole;  /* the head of the file itself has been read */
    int code;    /* 200, 404, ... of the last hop              */
    bool ranged; /* there was a sound Content-Range: `from` and, if total_known, `total` */
    uint64_t from;
    bool total_known;
    uint64_t total; /* bytes of the whole file */
    bool linked_known;
    uint64_t linked;          /* the same as an earlier hop has it */
    char etag[HEAD_NAME];     /* as it stands there, with its quotes; "" if none or weak */
    char modified[HEAD_NAME]; /* Last-Modified; "" if none */
    char sum[SHA256_HEX + 1]; /* SHA-256 of the whole file in hex, of any hop; "" if none */

    bool in_head, moved; /* between lines of a head; that head has a Location */
    size_t n_line, n_bytes;
    char line[HEAD_LINE];
} head;

/* Takes bytes until the head is whole; *used tells how many, the rest is the file's. E_FORMAT: this
 * is not HTTP; E_LIMIT: it does not end. */
status head_feed(head *r, const char *p, size_t n, size_t *used, err *e);

/* The SHA-256 that a checksum file names for the file `name`: lines `HEX  name`,
 * `SHA256 (name) = HEX`, or nothing but HEX. False if it names none. */
bool head_sum_of(char out[SHA256_HEX + 1], const char *text, size_t n, const char *name);

#endif
