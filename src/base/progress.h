/* progress: the bar that long work shows to a person, and to nobody else.
 *
 *     progress bar;
 *     progress_start(&bar, stderr, "converting", total, PROGRESS_BYTES);
 *     ...  progress_to(&bar, done);  ...
 *     progress_end(&bar);
 *
 *     converting [=========>          ]  46%  71.2 of 153.3 GiB  842.1 MiB/s  1:40 left
 *
 * I1  Nothing is written unless the stream is a terminal.
 * I2  At most ten lines a second, however often progress_to is called: call it freely.
 *
 * The caller owns the struct; nothing is allocated. One thread at a time.
 */
#ifndef DS4_BASE_PROGRESS_H
#define DS4_BASE_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef enum progress_unit { PROGRESS_BYTES, PROGRESS_TOKENS, PROGRESS_STEPS } progress_unit;

typedef struct progress {
    FILE *to; /* NULL: quiet */
    const char *label;
    progress_unit unit;
    uint64_t total, done, base; /* total 0: not known; base: what was there at the start */
    double started, drawn;      /* clock_seconds() */
} progress;

/* `label` is borrowed until the end. */
void progress_start(progress *p, FILE *to, const char *label, uint64_t total, progress_unit unit);
/* Work that goes on where an earlier run stopped: `base` is done already and counts for no rate. */
void progress_base(progress *p, uint64_t base);
void progress_to(progress *p, uint64_t done);
/* Takes the bar off the line, so that something else can be printed; the next progress_to draws
 * it again. */
void progress_hide(progress *p);
/* Draws the bar a last time and ends the line. A second call does nothing. */
void progress_end(progress *p);

/* The text of the bar as it is at `now`, without line ends: what the others draw. */
size_t progress_text(char *out, size_t cap, const progress *p, double now);

#endif
