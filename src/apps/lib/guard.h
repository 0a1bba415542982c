/* guard: for programs that map files: a file that shrinks under them ends them with a line, not with a signal. */
#ifndef DS4_APPS_LIB_GUARD_H
#define DS4_APPS_LIB_GUARD_H

/* Takes SIGBUS: says what happened on stderr and ends the process with status 1. Call it once, early in main(). */
void map_guard_install(void);

#endif
