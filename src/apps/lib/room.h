/* room: whether a disk can take what is about to be written: better told now than after hours. */
#ifndef DS4_APPS_LIB_ROOM_H
#define DS4_APPS_LIB_ROOM_H

#include <stdint.h>

#include "base/status.h"

/* E_IO, with both numbers, if the folder of `path` has less than so many bytes free. OK where the
 * system does not tell. */
status room_check(const char *path, uint64_t bytes, err *e);

#endif
