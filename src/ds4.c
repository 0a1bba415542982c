/* ds4: the public functions, each a thin dress over the engine's own. The handles are the engine's structs under
 * another name. */
#include "ds4.h"

#include <stdlib.h>
#include <string.h>

#include "engine/session.h"
#include "model/model.h"

static int report(status st, const err *why, ds4_error *e) {
    _Static_assert(sizeof e->text == sizeof why->text, "errors are copied whole");
    _Static_assert((int)DS4_E_DEVICE == (int)E_DEVICE, "codes are the same");
    if (e) {
        e->code = (int)st;
        memcpy(e->text, st == OK ? "" : why->text, st == OK ? 1 : sizeof e->text);
    }
    return (int)st;
}

static engine *eng(const ds4_engine *g) { return (engine *)(uintptr_t)g; }
static session *ses(const ds4_session *s) { return (session *)(uintptr_t)s; }

const char *ds4_version(void) { return DS4_VERSION; }

int ds4_model_open(ds4_model **out, const char *path, const char *side_path, ds4_error *e) {
    err why = {0};
    return report(model_open((model **)out, path, side_path, &why), &why, e);
}

void ds4_model_close(ds4_model *m) { model_close((model *)m); }

uint32_t ds4_vocab(const ds4_model *m) { return model_shape((const model *)m)->n_vocab; }

uint32_t ds4_max_context(const ds4_model *m) { return model_shape((const model *)m)->context; }

int ds4_engine_open(ds4_engine **out, const ds4_model *m, const ds4_options *o, ds4_error *e) {
    static const ds4_options defaults;
    if (!o) o = &defaults;
    const engine_options eo = {.backend = o->backend, .threads = o->threads, .batch = o->batch,
                               .context = o->context, .memory = o->memory, .exact = o->exact != 0,
                               .no_rounding = o->no_rounding != 0};
    err why = {0};
    return report(engine_open((engine **)out, (const model *)m, &eo, &why), &why, e);
}

void ds4_engine_close(ds4_engine *g) { engine_close(eng(g)); }

int ds4_session_new(ds4_session **out, ds4_engine *g, ds4_error *e) {
    err why = {0};
    return report(session_new((session **)out, eng(g), &why), &why, e);
}

void ds4_session_free(ds4_session *s) { session_free(ses(s)); }

int ds4_session_feed(ds4_session *s, const int32_t *tokens, uint32_t n, ds4_error *e) {
    err why = {0};
    return report(session_feed(ses(s), tokens, n, NULL, &why), &why, e);
}

const float *ds4_session_logits(const ds4_session *s) { return session_logits(ses(s)); }

uint32_t ds4_session_pos(const ds4_session *s) { return session_pos(ses(s)); }

const int32_t *ds4_session_tokens(const ds4_session *s) { return session_tokens(ses(s)); }

int ds4_step(ds4_engine *g, ds4_session *const *sessions, const int32_t *tokens, uint32_t n, ds4_error *e) {
    err why = {0};
    row *rows = malloc(n * sizeof *rows + 1);
    if (!rows) return report(fail(&why, E_NOMEM, "step: out of memory"), &why, e);
    for (uint32_t i = 0; i < n; i++) rows[i] = (row){ses(sessions[i]), tokens[i], true};
    const status st = engine_step(eng(g), rows, n, &why);
    free(rows);
    return report(st, &why, e);
}

const float *ds4_step_logits(const ds4_engine *g, uint32_t i) { return engine_logits(eng(g), i); }

int ds4_session_keep(ds4_session *s, ds4_error *e) {
    err why = {0};
    return report(session_keep(ses(s), &why), &why, e);
}

uint32_t ds4_session_rewind(ds4_session *s, uint32_t pos) { return session_rewind(ses(s), pos); }

int ds4_session_fork(ds4_session **out, const ds4_session *s, ds4_error *e) {
    err why = {0};
    return report(session_fork((session **)out, ses(s), &why), &why, e);
}

int ds4_session_save(const ds4_session *s, const char *path, ds4_error *e) {
    err why = {0};
    return report(session_save_file(ses(s), path, &why), &why, e);
}

int ds4_session_load(ds4_session *s, const char *path, ds4_error *e) {
    err why = {0};
    return report(session_load_file(ses(s), path, &why), &why, e);
}
