/* partial: a file on its way, which a later run can go on with.
 *
 *     OUT.part         the first bytes of OUT
 *     OUT.part.state   two slots, each 512 bytes, written in turn; the later sound one counts:
 *
 *         0   "DS4PART1"
 *         8   u64 number of this slot's writing
 *        16   128-bit key: everything the bytes of OUT depend on
 *        32   u64 bytes of OUT.part that are on disk
 *        40   128-bit hash of these bytes
 *        56   u64 hash of the 56 bytes before; zeros follow
 *
 * I1  What a slot says is on disk before the slot is: a run that is killed, or a machine that loses
 *     its power, leaves a state that is true.
 * I2  A part is gone on with only if its key is the same and its bytes have their hash: else it is
 *     told in a word, and the file begins anew.
 * I3  The state takes its room at the start, so it can be written when the disk is full.
 * I4  One process at a time: the state is locked from open to close, and the lock goes with the
 *     process. A link or anything but a regular file is refused, not followed.
 */
#ifndef DS4_APPS_LIB_PARTIAL_H
#define DS4_APPS_LIB_PARTIAL_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/status.h"

typedef struct partial partial;

/* For the file `path`. With `anew` nothing that is there is gone on with. *found says what became of
 * it: NULL (there was nothing), or words. Once *stop is not 0: E_CANCELLED. */
status partial_open(partial **out, const char *path, hash128 key, bool anew,
                    const volatile sig_atomic_t *stop, const char **found, err *e);
uint64_t partial_have(const partial *p); /* bytes that are there; the next come behind them */
status partial_write(partial *p, const void *bytes, size_t n, err *e);
/* All that was written is a place to go on from. Brought to disk now and then: twice a second at
 * most. */
status partial_mark(partial *p, err *e);
/* To disk, then under its final name in one step. Also when it fails, p is gone. */
status partial_publish(partial *p, err *e);
/* Keeps what is marked for the next run. NULL is fine. */
void partial_keep(partial *p);
void partial_remove(partial *p); /* leaves nothing; NULL is fine */

#endif
