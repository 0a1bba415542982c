/* clock: time that never jumps. */
#ifndef DS4_BASE_CLOCK_H
#define DS4_BASE_CLOCK_H

/* Seconds since an arbitrary moment, monotonic: for durations, rates and deadlines. Any thread. */
double clock_seconds(void);

#endif
