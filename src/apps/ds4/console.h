/* console: the interactive chat: a line editor, commands that begin with a slash, answers as they come.
 *
 * On a terminal: styles, a bar while a long prompt is read, a line of figures after each answer. Otherwise plain: a message a line
 * in, an answer out, nothing else on stdout.
 *
 * Ctrl-C stops the answer and keeps the chat.
 */
#ifndef DS4_APPS_DS4_CONSOLE_H
#define DS4_APPS_DS4_CONSOLE_H

#include "apps/ds4/options.h"

status console_run(const ds4_cli *o, run_stats *stats, err *e);

#endif
