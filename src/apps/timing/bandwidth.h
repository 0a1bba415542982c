/* bandwidth: how fast this machine's memory can be read: what every figure of decoding is held
 * against.
 *
 * All threads sum up a buffer that is larger than the caches, each its own part, a number of times.
 * Summing 64-bit words costs far less than fetching them, so the time is the memory's. The pages
 * are the system's ordinary ones, as a mapped model file has them.
 */
#ifndef DS4_APPS_TIMING_BANDWIDTH_H
#define DS4_APPS_TIMING_BANDWIDTH_H

#include <stdbool.h>
#include <stdint.h>

#include "apps/timing/statistics.h"
#include "base/status.h"

typedef struct bandwidth {
    uint64_t buffer_bytes;
    uint32_t threads;
    summary rate; /* bytes a second, over the passes: `most` is the best one */
} bandwidth;

/* threads 0: one for each core. `most_bytes` limits the buffer (at least 1 MiB; 0: no limit but
 * ours of 1 GiB). `stop` may be NULL; E_CANCELLED when it becomes true. Takes about a second. */
status bandwidth_measure(bandwidth *out, uint32_t threads, uint64_t most_bytes,
                         bool (*stop)(void *self), void *self, err *e);

#endif
