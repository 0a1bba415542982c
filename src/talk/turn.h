/* turn: one answer being written: from logits to tokens to what the reader sees.
 *
 *     turn_new(&t, vocabulary, n_vocab, &options, prompt, n_prompt, &e);
 *     do {
 *         turn_next(t, logits, &token, &e);              picks, or forces, the next token
 *         while (turn_event(t, &ev)) ...                 show it
 *     } while (turn_running(t) && logits of token were computed);
 *     turn_free(t);
 *
 * It joins what the rooms below do: sampling, the thinking budget, the loop guard, decoding, taking thinking, text and calls
 * apart, stop strings. It knows no engine: whoever computes logits drives it.
 *
 * I1  Events depend on the tokens alone. Text in them is whole UTF-8.
 * I2  When it has finished, the last event was REPLY_END, and turn_why says why.
 * I3  Markup of tool calls is picked greedily, whatever the temperature; values inside are sampled.
 *
 * One thread at a time.
 */
#ifndef DS4_TALK_TURN_H
#define DS4_TALK_TURN_H

#include "chat/reply.h"
#include "sample/sampler.h"
#include "sample/stop.h"
#include "text/tokenizer.h"

typedef struct turn_options {
    sampler_options sampling;
    uint64_t max_tokens;  /* 0: as many as there is room for                                  */
    uint64_t room;        /* positions left in the context: tokens that can still be computed */
    bool thinking;        /* the prompt ends inside <think>                                   */
    uint32_t think_soft;  /* thinking tokens after which it ends with the sentence; 0: none   */
    uint32_t think_hard;  /* thinking tokens at most; 0: none                                 */
    uint64_t reserve;     /* tokens kept for the answer when room or max_tokens are short     */
    const stop_string *stops; /* of the visible text                                          */
    size_t n_stops;
    enum { TURN_GUARD_DEFAULT, TURN_GUARD_ON, TURN_GUARD_OFF } guard; /* default: off when greedy */
    bool raw;             /* plain completion: everything is text; only EOS ends it           */
    bool no_calls;        /* tool calls are text like any other                               */
    bool stream_calls;    /* see reply.h                                                      */
    const char *id_prefix; /* of call ids; NULL: "call_"                                      */
    const chat *chat;     /* has the tools; may be NULL; outlives the turn                    */
} turn_options;

turn_options turn_defaults(void);

typedef enum turn_end {
    TURN_GOES_ON,
    TURN_STOP,        /* the model ended it                          */
    TURN_CALLS,       /* the same, with calls                        */
    TURN_LENGTH,      /* max_tokens or room                          */
    TURN_STOP_STRING,
    TURN_LOOP,        /* it only repeated itself                     */
    TURN_CANCELLED
} turn_end;

typedef struct turn turn;

typedef struct turn_token {
    int32_t id;
    bool forced;           /* by the budget, not picked                   */
    sampler_result picked; /* logprobs if asked for; its token is `id` unless forced */
} turn_token;

/* n_vocab: of the logits. The prompt's ids only matter to penalties. */
status turn_new(turn **out, const tokenizer *t, uint32_t n_vocab, const turn_options *o, const int32_t *prompt,
                size_t n_prompt, err *e);
void turn_free(turn *t); /* NULL is fine */

/* Logits of the last position in, the next token out. The token is to be computed only if turn_running says so. */
status turn_next(turn *t, const float *logits, turn_token *out, err *e);

bool turn_running(const turn *t);
turn_end turn_why(const turn *t);
int32_t turn_stop_found(const turn *t); /* the index of the stop string that ended it, or STOP_NONE */

/* The next event; its text lives until the next turn_next or turn_cancel. */
bool turn_event(turn *t, reply_event *ev);

/* Ends it here; the last events can be taken afterwards. */
status turn_cancel(turn *t, err *e);

/* All tokens so far, the ending one included. */
const int32_t *turn_tokens(const turn *t, size_t *n);
uint64_t turn_thinking_tokens(const turn *t);
const reply *turn_reply(const turn *t); /* for reply_tail; NULL when raw */

#endif
