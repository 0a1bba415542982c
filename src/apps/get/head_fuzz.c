/* Whatever a server sends: the result is the same when it comes byte by byte, and every text in it
 * ends. */
#include <stdlib.h>
#include <string.h>

#include "apps/get/head.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
    static head whole, pieces; /* some KiB each */
    const char *text = (const char *)p;
    size_t used = 0, sum = 0, took = 0;
    memset(&whole, 0, sizeof whole);
    memset(&pieces, 0, sizeof pieces);
    const status st = head_feed(&whole, text, n, &used, NULL);
    status by = OK;
    for (; sum < n && by == OK && !pieces.whole; sum += took)
        by = head_feed(&pieces, text + sum, 1, &took, NULL);
    if (st != by || memcmp(&whole, &pieces, sizeof whole) != 0 || (st == OK && used != sum))
        abort();
    if (strlen(whole.etag) >= HEAD_NAME || strlen(whole.sum) > SHA256_HEX ||
        (whole.ranged && whole.total_known && whole.from >= whole.total))
        abort();
    char out[SHA256_HEX + 1];
    if (head_sum_of(out, text, n, "a.gguf") && strlen(out) != SHA256_HEX) abort();
    return 0;
}
