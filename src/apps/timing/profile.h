/* profile: where the time of steps goes: stages, and the products within them, with the bytes they
 * must move.
 *
 *     decode: 16 steps of 1 row, 2.31 s; read bandwidth 23.1 GB/s
 *     stage            calls  ms/step   share  MB/step    GB/s  of read  GFLOP/s
 *     attn_in             80    12.31   8.5 %    213.9    17.4     75 %     32.1
 *       q_a               80     1.60   ...
 *
 * Bytes are those of the weights that were met (of experts the distinct ones) and of the cached
 * rows read, each counted once a step: what must come from memory when nothing is left in the
 * caches. Arithmetic is that of the products and of attention. A product's time goes from where it
 * begins to where the next one does, so it holds the small work behind it (a norm, a rotation);
 * what lies before the first one is the stage's own.
 *
 * It hangs on the engine's two watches, so it sees the engine's thread only. On a device that
 * queues its work the times would be those of the queueing.
 */
#ifndef DS4_APPS_TIMING_PROFILE_H
#define DS4_APPS_TIMING_PROFILE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "apps/timing/products.h"
#include "base/buf.h"
#include "base/status.h"

typedef struct profile profile;

profile *profile_new(const plan *p); /* the engine's; NULL: out of memory */
void profile_free(profile *f);

/* What hangs on an engine, and hands on to the profile that is counting; NULL: nobody is. It must
 * stay where it is while the engine lives, and `to` changes between steps only. */
typedef struct profile_port {
    profile *to;
} profile_port;
observer profile_observer(profile_port *port);
stage_watch profile_stages(profile_port *port);

typedef struct profile_line {
    const char *stage, *name; /* name NULL: the whole stage */
    uint64_t calls;
    double seconds, weight_bytes, cache_bytes, flops;
} profile_line;

typedef struct profile_sums {
    uint64_t steps, rows;
    double seconds;                               /* in stages */
    uint64_t experts_least, experts_most, layers; /* distinct experts that a layer of a step met */
    double experts_mean;
} profile_sums;

profile_sums profile_total(const profile *f);
/* The lines that were met, stages in order and each stage's products behind it. Returns how many,
 * at most PROFILE_LINES. */
enum { PROFILE_LINES = N_STAGES + N_PRODUCTS };
uint32_t profile_lines(const profile *f, profile_line out[PROFILE_LINES]);

/* The table above, and the same as a JSON object. bandwidth: bytes a second; 0: not known. */
void profile_print(FILE *to, const profile *f, const char *title, double bandwidth);
void profile_json(buf *out, const profile *f, double bandwidth);

#endif
