/* replay: calls the model wrote, remembered as it wrote them.
 *
 * A client sends a call back as JSON, and rendering that anew may give other bytes than the model
 * sampled: blanks, 2.0 become 2, a parameter moved. Then the prompt no longer continues what is in
 * the KV cache, and everything behind the call is computed again. So each turn with calls is kept
 * under the ids of its calls, which no one else can guess:
 *
 *     call_id --> turn: its calls (id, name, arguments), what stood behind the content, its tokens
 *
 * When a message comes back with exactly these calls, each with the same name and the same
 * arguments as JSON values, the sampled bytes are rendered in place of our own; if reasoning and
 * content are the same as well, the sampled tokens.
 *
 * I1  Only what the model sampled as a control token is rendered as one: text that spells a token
 *     stays text.
 * I2  At most `limit` bytes are kept; the turns not used for the longest time go first.
 * I3  A store changes the spelling of a turn, never its meaning; without it a prompt is canonical.
 *
 * One thread at a time.
 */
#ifndef DS4_CHAT_REPLAY_H
#define DS4_CHAT_REPLAY_H

#include "chat/chat.h"

enum { CALL_ID_MOST = 64 };

/* `prefix` and 22 characters of 128 random bits, base 62: `call_0Bq...`. */
status call_id_make(char out[CALL_ID_MOST], const char *prefix, err *e);

/* A run of bytes sampled as one control token. */
typedef struct replay_mark {
    size_t at, n;
} replay_mark;

/* What is remembered of a turn. */
typedef struct replay_given {
    const chat_call *calls; /* with the ids given to the client */
    size_t n_calls;
    chat_str tail;            /* behind the content: white space, the block; without EOS */
    const replay_mark *marks; /* in tail, ascending                                      */
    size_t n_marks;
    /* Optional: the tokens of the turn, from behind the opening <think> or </think> up to EOS
     * (without it), and what they show: `thinking` says that they begin inside <think>. */
    const int32_t *tokens;
    size_t n_tokens;
    bool thinking;
    chat_str reasoning, content;
} replay_given;

status replay_new(replay **out, size_t limit, err *e); /* limit in bytes; 0 means 64 MiB */
void replay_free(replay *r);                           /* NULL is fine                   */

/* Copies. A turn larger than the whole store is not kept, which is no error. */
status replay_keep(replay *r, const replay_given *turn, err *e);
size_t replay_bytes(const replay *r);

/* ---- for the renderer ---- */

typedef struct replay_turn replay_turn;

/* The turn that has exactly these calls; NULL if r is NULL or there is none. Valid until the next
 * replay_keep. */
const replay_turn *replay_find(replay *r, const chat_call *calls, size_t n);
void replay_put_calls(const replay_turn *t, chat_prompt *out);
bool replay_has_tokens(const replay_turn *t, bool thinking, chat_str reasoning, chat_str content);
void replay_put_tokens(const replay_turn *t, chat_prompt *out);

#endif
