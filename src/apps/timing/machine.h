/* machine: what a measurement has to name of the machine it ran on. */
#ifndef DS4_APPS_TIMING_MACHINE_H
#define DS4_APPS_TIMING_MACHINE_H

#include <stddef.h>
#include <stdint.h>

/* Bytes that this process may still take without driving others out: what the system calls
 * available, within the limit of a container. 0: not known. */
uint64_t machine_free_bytes(void);
uint64_t machine_memory_bytes(void); /* all there is; 0: not known */

/* The most this process has held so far, the used parts of mapped files included. */
uint64_t machine_peak_bytes(void);

/* Seconds that this thread could have run and was not let, since it began: other work had its
 * processor. 0 where the system does not tell. */
double machine_waited_seconds(void);

/* "AMD EPYC", escaped for a terminal; "unknown" where the system does not tell. */
void machine_processor(char *out, size_t cap);

#endif
