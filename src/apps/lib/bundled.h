/* bundled: the files that come with the programs, wherever they were unpacked.
 *
 * Looked for in this order, the first that can be read wins:
 *
 *     $DS4_HOME/models/NAME      where the variable is set
 *     models/NAME                in the current folder
 *     EXE/../../models/NAME      beside the programs: build/bin/X has build/../models
 */
#ifndef DS4_APPS_LIB_BUNDLED_H
#define DS4_APPS_LIB_BUNDLED_H

#include <stdbool.h>
#include <stddef.h>

/* The path of a readable regular file of that name, NUL-terminated. False: there is none (or no
 * room in `out`, which is then left alone). */
bool find_bundled(const char *name, char *out, size_t cap);

#endif
