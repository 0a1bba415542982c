/* cores: how many threads of computing this process can really have.
 *
 * Two hardware threads of a core share its units: for work that is bound by memory or by arithmetic, one thread a core is
 * best, and a second one only doubles the waiting at the end of each loop. A container's quota counts too: threads
 * beyond it are stopped in the middle of a loop, and all others wait.
 *
 *     cores = the fewest of: physical cores among those this process may run on, the quota of its control group (rounded
 *     up, v2 or v1), 1024; at least 1
 */
#ifndef DS4_BASE_CORES_H
#define DS4_BASE_CORES_H

#include <stdint.h>

uint32_t cores_here(void);

/* The same with the machine's description under another root ("" is this machine's): for tests. `allowed` is a
 * bit for each processor number below 1024, 16 words of 64. */
uint32_t cores_described(const char *root, const uint64_t allowed[16]);

#endif
