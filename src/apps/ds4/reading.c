#include "apps/ds4/reading.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apps/lib/fits.h"
#include "base/clock.h"

enum { BAR_FROM = 64 /* tokens: a shorter prompt is read before a bar could be */ };

static think_mode think_of(const ds4_cli *o) {
    return o->think == CLI_NOTHINK ? THINK_OFF : o->think == CLI_THINK_MAX ? THINK_MAX : THINK_ON;
}

static talk_settings settings_of(const ds4_cli *o) {
    talk_settings s = {.think = think_of(o), .raw = o->raw, .sampling = o->sampling, .seeded = o->seed_given,
                       .max_tokens = o->n_given ? o->n : 0};
    return s;
}

status reading_open(model **m, engine **en, talker **t, const ds4_cli *o, run_stats *stats, err *e) {
    const double start = clock_seconds();
    const talk_settings set = settings_of(o);
    const engine_options eo = cli_engine(o);
    status st = model_open(m, o->model, o->mtp, e);
    if (st == OK) fits_note(*m, o->model);
    if (st == OK) st = engine_open(en, *m, &eo, e);
    if (st == OK) st = talker_new(t, *m, o->model, *en, &set, e);
    if (st == OK && o->system) st = talker_set_system(*t, o->system, strlen(o->system), e);
    stats->load_s = clock_seconds() - start;
    if (st == OK) return OK;
    talker_free(*t);
    engine_close(*en);
    model_close(*m);
    *t = NULL, *en = NULL, *m = NULL;
    return st;
}

reading reading_style(const ds4_cli *o) {
    const char *term = getenv("TERM"), *plain = getenv("NO_COLOR");
    const bool bare = (plain && *plain) || !term || !*term || strcmp(term, "dumb") == 0;
    return (reading){.o = o, .style = !isatty(STDOUT_FILENO) ? VIEW_PLAIN : bare ? VIEW_BARE : VIEW_STYLED};
}

static void show_text(void *self, bool thinking, const char *p, size_t n) {
    reading *r = self;
    if (r->bar_on) progress_hide(&r->bar);
    r->bar_on = false;
    view_text(r->out, thinking, p, n);
}

static void show_progress(void *self, uint32_t done, uint32_t total) {
    reading *r = self;
    if (total < BAR_FROM) return;
    if (!r->bar_on) progress_start(&r->bar, stderr, "reading", total, PROGRESS_TOKENS);
    r->bar_on = true;
    progress_to(&r->bar, done);
    if (done == total) progress_hide(&r->bar);
}

/* Nobody reads any longer, or Ctrl-C. */
static bool wants_stop(void *self) {
    const reading *r = self;
    return cli_interrupted(r->o) || view_failed(r->out);
}

answer_view reading_start(reading *r) {
    r->out = view_new(stdout, r->style);
    r->bar_on = false;
    return (answer_view){.text = show_text, .reading = show_progress, .stop = wants_stop, .self = r};
}

void reading_end(reading *r) {
    if (r->bar_on) progress_hide(&r->bar);
    view_end(r->out);
    r->out = NULL;
}

void reading_count(run_stats *s, const answer_report *r) {
    s->prefill_n += r->prompt - r->reused;
    s->prefill_s += r->reading_s;
    s->decode_n += r->made;
    s->decode_s += r->making_s;
}
