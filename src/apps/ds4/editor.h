/* editor: what a person types, one message at a time. The one place that knows libedit.
 *
 * On a terminal: editing with the usual keys, history (Up, Down; kept in HOME/.ds4_history, 0600, 1000 entries), Tab
 * completes commands. Otherwise lines are read as they come, without a prompt.
 *
 *     a line that ends in \        goes on in the next one
 *     """ alone on a line          begins a message of many lines, and ends it
 *     a paste of several lines     is one message; its line ends are shown as U+2424 while it is edited
 *
 * Ctrl-C throws the line away, Ctrl-D on an empty one ends the input.
 */
#ifndef DS4_APPS_DS4_EDITOR_H
#define DS4_APPS_DS4_EDITOR_H

#include <signal.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/status.h"

typedef struct editor editor;

/* `commands` ends with NULL and is borrowed; `interrupted` is what Ctrl-C sets, and is reset here. */
status editor_open(editor **out, const char *const *commands, volatile sig_atomic_t *interrupted, err *e);
void editor_close(editor *ed); /* NULL is fine */

/* The next message into `text` (without its last line end); *more is false when the input has ended. An input line above 64 MiB is
 * E_LIMIT. */
status editor_read(editor *ed, buf *text, bool *more, err *e);

#endif
