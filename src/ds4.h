/* ds4: DeepSeek V4 Flash as a library. Tokens in, logits out.
 *
 *     ds4_error e;
 *     ds4_model *m;  ds4_model_open(&m, "ds4flash.gguf", NULL, &e);
 *     ds4_engine *g; ds4_engine_open(&g, m, NULL, &e);
 *     ds4_session *s; ds4_session_new(&s, g, &e);
 *     ds4_session_feed(s, tokens, n, &e);
 *     const float *logits = ds4_session_logits(s);         ds4_vocab(m) of them, for the next token
 *
 * Functions that can fail return 0 on success and else one of DS4_E_*, with one line of words in the ds4_error (which may be
 * NULL). The library never prints, never exits and keeps no state but in its handles. One thread at a time uses an
 * engine and its sessions; a model may be read by any.
 *
 * Free in reverse order: sessions, engine, model. Freeing NULL does nothing.
 */
#ifndef DS4_H
#define DS4_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    DS4_OK = 0,
    DS4_E_NOMEM,
    DS4_E_IO,
    DS4_E_FORMAT,
    DS4_E_LIMIT,
    DS4_E_UNSUPPORTED,
    DS4_E_USAGE,
    DS4_E_CANCELLED,
    DS4_E_DEVICE
};

typedef struct ds4_error {
    int code;
    char text[600];
} ds4_error;

typedef struct ds4_model ds4_model;
typedef struct ds4_engine ds4_engine;
typedef struct ds4_session ds4_session;

const char *ds4_version(void);

/* A GGUF file, or any one of its shards. side_path: a file with the draft block, or NULL. Only headers are read now. */
int ds4_model_open(ds4_model **out, const char *path, const char *side_path, ds4_error *e);
void ds4_model_close(ds4_model *m);
uint32_t ds4_vocab(const ds4_model *m);      /* tokens are 0 .. ds4_vocab - 1    */
uint32_t ds4_max_context(const ds4_model *m);

/* Zeros mean the default. */
typedef struct ds4_options {
    const char *backend; /* "cpu"; NULL: the best one built in                                  */
    uint32_t threads;    /* one for each core                                                   */
    uint32_t batch;      /* rows computed together at most: 512                                 */
    uint32_t context;    /* tokens a session may hold: 32768, or the model's limit if less      */
    uint64_t memory;     /* bytes for everything but the weights: what the machine has          */
    int exact;           /* reference arithmetic, slow                                          */
    int no_rounding;     /* leave out the official FP8/FP4 roundings of cached rows             */
} ds4_options;

int ds4_engine_open(ds4_engine **out, const ds4_model *m, const ds4_options *options, ds4_error *e);
void ds4_engine_close(ds4_engine *g);

int ds4_session_new(ds4_session **out, ds4_engine *g, ds4_error *e);
void ds4_session_free(ds4_session *s);

/* Appends tokens to a session; when it fails, ds4_session_pos tells how many were taken. */
int ds4_session_feed(ds4_session *s, const int32_t *tokens, uint32_t n, ds4_error *e);
/* After the last token fed; valid until the engine works on anything else, then NULL. */
const float *ds4_session_logits(const ds4_session *s);
uint32_t ds4_session_pos(const ds4_session *s);
const int32_t *ds4_session_tokens(const ds4_session *s); /* ds4_session_pos of them */

/* One step over several sessions at once: row i appends tokens[i] to sessions[i] (a session may come more than once).
 * ds4_step_logits(g, i) is then what follows row i, until the next step. */
int ds4_step(ds4_engine *g, ds4_session *const *sessions, const int32_t *tokens, uint32_t n, ds4_error *e);
const float *ds4_step_logits(const ds4_engine *g, uint32_t i);

/* Keeps this position to come back to. Page boundaries (every 256 tokens) are kept by themselves, thinned out with distance. */
int ds4_session_keep(ds4_session *s, ds4_error *e);
/* Back to the nearest kept position at or before pos; returns it. Feed the rest again from there. */
uint32_t ds4_session_rewind(ds4_session *s, uint32_t pos);
/* A second session with the same past, at the cost of one state and one page. */
int ds4_session_fork(ds4_session **out, const ds4_session *s, ds4_error *e);

/* To a file (published whole, mode 0600) and back; loading needs the same model and options, and replaces what s held. */
int ds4_session_save(const ds4_session *s, const char *path, ds4_error *e);
int ds4_session_load(ds4_session *s, const char *path, ds4_error *e);

#ifdef __cplusplus
}
#endif

#endif
