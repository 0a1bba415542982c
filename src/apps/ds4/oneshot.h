/* oneshot: -p or -f: one prompt, its answer on stdout, and the end.
 *
 * stdout carries the answer and nothing else (thinking is shown, dimmed, on a terminal only).
 */
#ifndef DS4_APPS_DS4_ONESHOT_H
#define DS4_APPS_DS4_ONESHOT_H

#include "apps/ds4/options.h"

status oneshot_run(const ds4_cli *o, run_stats *stats, err *e);

#endif
