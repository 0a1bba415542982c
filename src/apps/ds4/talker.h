/* talker: a conversation with the model: messages in, answers out, nothing computed twice.
 *
 * It keeps the messages, renders them anew for every answer, and makes the session hold that prompt: what the session
 * already has in common stays (the turns before, by a frontier kept where each answer began). So undoing, trying again and going on
 * all cost the new text only.
 *
 * One thread at a time.
 */
#ifndef DS4_APPS_DS4_TALKER_H
#define DS4_APPS_DS4_TALKER_H

#include "chat/chat.h"
#include "engine/session.h"
#include "talk/turn.h"

typedef enum think_mode { THINK_OFF, THINK_ON, THINK_MAX } think_mode;

typedef struct talk_settings {
    think_mode think;
    bool raw;            /* prompts are fed as they are, without the template; one-shot only */
    sampler_options sampling;
    bool seeded;         /* sampling.seed was asked for; else every answer gets a fresh one  */
    uint64_t max_tokens; /* of an answer; 0: as many as fit                                  */
} talk_settings;

/* Where an answer goes while it is being made. Members may be NULL, `self` is theirs. */
typedef struct answer_view {
    void (*text)(void *self, bool thinking, const char *p, size_t n); /* whole UTF-8 */
    void (*reading)(void *self, uint32_t done, uint32_t total);       /* tokens of the prompt that were new */
    bool (*stop)(void *self);                                         /* looked at after every step */
    void *self;
} answer_view;

typedef struct answer_report {
    uint32_t prompt, reused, made; /* tokens: of the prompt, of these not computed again, of the answer */
    double reading_s, making_s;
    turn_end end;
} answer_report;

typedef struct talker talker;

/* `name` is the model's file, for errors. The engine's context decides how much fits. */
status talker_new(talker **out, const model *m, const char *name, engine *en, const talk_settings *s, err *e);
void talker_free(talker *t); /* NULL is fine */

talk_settings *talker_settings(talker *t);             /* to change between answers */
status talker_set_system(talker *t, const char *p, size_t n, err *e); /* n = 0: none */
const char *talker_system(const talker *t);            /* "" if none */

/* Adds a user's message and answers it. A prompt that was cancelled or does not fit leaves the conversation as it was; a cancelled
 * answer stays as far as it came (report.end tells). */
status talker_say(talker *t, const char *text, size_t n, const answer_view *v, answer_report *r, err *e);
/* Another answer to the last message. E_USAGE if there is none. */
status talker_retry(talker *t, const answer_view *v, answer_report *r, err *e);
/* Takes back the last message and its answer; false if there is none. */
bool talker_undo(talker *t);

size_t talker_messages(const talker *t);
chat_role talker_role(const talker *t, size_t i);
const char *talker_text(const talker *t, size_t i);
uint32_t talker_used(const talker *t);    /* tokens of context in use */
uint32_t talker_context(const talker *t); /* of so many               */

/* To a file and back: messages, system prompt and the session, so that nothing has to be computed again. When the model or its
 * options are others, loading still restores the messages (*computed is false then). */
status talker_save(const talker *t, const char *path, err *e);
status talker_load(talker *t, const char *path, bool *computed, err *e);

#endif
