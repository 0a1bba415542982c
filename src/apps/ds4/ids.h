/* ids: token ids as people and programs write them into files: `0 17 42` with any white space
 * between them, or a JSON array `[0, 17, 42]`. */
#ifndef DS4_APPS_DS4_IDS_H
#define DS4_APPS_DS4_IDS_H

#include "apps/ds4/options.h"
#include "base/buf.h"
#include "text/tokens.h"

/* Appends the ids of a file (`-`: standard input) of at most 256 MiB. Whether they are tokens of a
 * vocabulary is not known here; E_FORMAT says at which byte something else stands. */
status ids_read(tokens *out, const char *path, const ds4_cli *o, err *e);

/* `[0, 17, 42]` */
void ids_write(buf *out, const tokens *t);

#endif
