#include "apps/ds4/oneshot.h"

#include "apps/ds4/reading.h"
#include "apps/ds4/text_tools.h"

status oneshot_run(const ds4_cli *o, run_stats *stats, err *e) {
    model *m = NULL;
    engine *en = NULL;
    talker *t = NULL;
    buf text = {0};
    answer_report r = {0};
    status st = cli_text(&text, o, "an answer", e);
    if (st == OK) st = reading_open(&m, &en, &t, o, stats, e);
    if (st == OK) {
        reading how = reading_style(o);
        const answer_view v = reading_start(&how);
        st = talker_say(t, text.data, text.n, &v, &r, e);
        reading_end(&how);
        reading_count(stats, &r);
        if (st == OK && r.end == TURN_CANCELLED) st = fail(e, E_CANCELLED, "stopped");
    }
    talker_free(t);
    engine_close(en);
    model_close(m);
    buf_free(&text);
    return st;
}
