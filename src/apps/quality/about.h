/* about: what a receipt says of a model, of a text, and of the machine: JSON objects, as text.
 *
 *     model    {"name": TEXT, "title": TEXT, "identity": 32 hex digits, "bytes": N,
 *               "files": [{"name": TEXT, "bytes": N, "sha256": 64 hex digits}],
 *               "classes": [{"name": TEXT, "tensors": N, "bytes": N, "types": {"Q8_0": N}}],
 *               "importance": null or {"file": TEXT, "dataset": TEXT, "entries": N, "chunks": N},
 *               "arithmetic": "default" or "reference", "roundings": BOOL, "backend": TEXT}
 *     machine  {"cpu": TEXT, "cores": N, "memory": BYTES, "system": TEXT}
 *
 * Names are without their folders: a receipt is made to be published.
 */
#ifndef DS4_APPS_QUALITY_ABOUT_H
#define DS4_APPS_QUALITY_ABOUT_H

#include <signal.h>

#include "apps/quality/side.h"

/* Reads all of the files once, for their checksums. E_CANCELLED when `interrupted` becomes true. */
status about_model(buf *out, const side *s, const volatile sig_atomic_t *interrupted, err *e);
void about_machine(buf *out);

/* What stands behind the last slash. */
const char *about_name(const char *path);
void about_string(buf *out, const char *key, const char *text); /* "key": "text" */
void about_hash(buf *out, const char *key, hash128 h);

#endif
