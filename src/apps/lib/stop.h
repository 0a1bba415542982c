/* stop: how a program is asked to end in the middle of long work.
 *
 * Ctrl-C, kill and a closed terminal set a flag that the work looks at; it then leaves everything in order. A pipe that nobody
 * reads and a file beyond the user's limit are failed writes, not the end of the process.
 */
#ifndef DS4_APPS_LIB_STOP_H
#define DS4_APPS_LIB_STOP_H

#include <signal.h>
#include <stdbool.h>

/* patience: after so many requests another Ctrl-C ends the process at once; 0: never, for work that must clean up. */
void stop_install(int patience);

/* How often it was asked. */
const volatile sig_atomic_t *stop_flag(void);

/* The same as a question, as callbacks want it. */
bool stop_asked(void *self);

#endif
