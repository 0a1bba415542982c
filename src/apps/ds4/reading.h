/* reading: opening the model for talking, and showing an answer while it is made: a bar while the prompt is read, text as it comes,
 * Ctrl-C seen after every step. What one-shot and chat have in common. */
#ifndef DS4_APPS_DS4_READING_H
#define DS4_APPS_DS4_READING_H

#include "apps/ds4/options.h"
#include "apps/ds4/talker.h"
#include "apps/ds4/view.h"
#include "base/progress.h"

typedef struct reading {
    const ds4_cli *o;
    view_style style;
    view *out;
    progress bar;
    bool bar_on;
} reading;

/* Model, engine and conversation as the command line has them; on failure what was opened is closed and NULL. */
status reading_open(model **m, engine **en, talker **t, const ds4_cli *o, run_stats *stats, err *e);

reading reading_style(const ds4_cli *o);
answer_view reading_start(reading *r);  /* for one answer; r must stay where it is */
void reading_end(reading *r);
void reading_count(run_stats *s, const answer_report *r);

#endif
