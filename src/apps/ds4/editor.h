/* editor: what a person types, one message at a time. The one place that knows libedit.
 *
 * On a terminal: editing with the usual keys (and those of ~/.editrc), history with Up and Down
 * (recall.h), Tab completes commands. Otherwise lines are read as they come, without a prompt.
 *
 *     a line that ends in \     goes on in the next one
 *     """ alone on a line       begins a message of many lines, and ends it
 *     Alt-Enter                 a line end within the message
 *     a paste                   is text, whatever it holds: its line ends send nothing
 *
 * A paste is recognised where the terminal marks it (`bracketed paste`: nearly all do; the Linux
 * console does not, there every pasted line is a message of its own, and """ helps).
 *
 * Ctrl-C throws away what was typed, Ctrl-D on an empty line ends the input. What was typed before
 * the input ends is still a message.
 *
 * Prompts and echo go to stdout if that is a terminal, else to stderr. Characters beyond ASCII need
 * a locale of UTF-8, which is for main() to set.
 */
#ifndef DS4_APPS_DS4_EDITOR_H
#define DS4_APPS_DS4_EDITOR_H

#include <signal.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/status.h"

typedef struct editor editor;

/* `commands` ("/help", ...) ends with NULL and is borrowed. `interrupted` is what Ctrl-C sets, in a
 * handler that does not restart system calls; it is reset here when it was obeyed, but
 * CLI_TERMINATE (options.h) ends the input and stays. */
status editor_open(editor **out, const char *const *commands, volatile sig_atomic_t *interrupted,
                   err *e);
void editor_close(editor *ed); /* NULL is fine */

/* The next message into `text`, without its last line end; *more is false when the input has
 * ended. E_LIMIT: a line, or all of them together, are too much (input.h). Without a terminal
 * Ctrl-C is E_CANCELLED. */
status editor_read(editor *ed, buf *text, bool *more, err *e);

#endif
