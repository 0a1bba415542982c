/* reply: what the model writes, taken apart as it comes.
 *
 *     reply_feed(r, bytes), reply_control(r, token), ...      any number
 *     reply_end(r, cut)
 *     reply_next(r, &event)      until it is false, after each of them; REPLY_END comes last
 *
 * An answer is thinking, text, and calls:
 *
 *     thinking ... </think> text ... <｜DSML｜tool_calls> calls </｜DSML｜tool_calls> end token
 *
 * The official form is read as the official parser reads it. Beyond that, so that no turn is lost:
 *
 *   - without </think> all of a thinking turn is thinking, and calls are never looked for in it;
 *   - a leading <think> is dropped (in chat mode it begins thinking), as are stray <think> and
 *     </think> later on;
 *   - a block of calls may stand anywhere in the text; the white space in front of it goes (of
 *     more than 4096 characters a part may stay); text may go on behind it, another block may
 *     follow; what a block may look like is dsml.h's business;
 *   - a block that ends too early, is none, or is larger than the limit is text, as it was written
 *     (see `stream_calls`);
 *   - the end-of-sentence token ends the answer, as do the begin and user tokens.
 *
 * Two kinds of source. With `tokens` the caller knows what was sampled: reply_control takes control
 * tokens, reply_feed everything else, and text that merely spells a token is text. Without, text is
 * all there is, and spelling counts. (Tags without ｜DSML｜ are always text that counts.) Then an end
 * token inside a parameter is taken for part of the value if the block is complete, as the official
 * parser does.
 *
 * I1  Events do not depend on how the input was cut; neighbours of one kind may only be joined.
 * I2  Text is told as soon as it cannot become part of a tag, in whole characters; ill-formed bytes
 *     become U+FFFD.
 * I3  Nothing is lost: what was fed is in the events, but for the tags themselves and the rules
 *     above.
 * I4  Memory is a few times block_limit at most, besides events not yet taken.
 *
 * One thread at a time.
 */
#ifndef DS4_CHAT_REPLY_H
#define DS4_CHAT_REPLY_H

#include "base/buf.h"
#include "chat/chat.h"
#include "chat/replay.h"

typedef struct reply reply;

typedef struct reply_options {
    bool thinking; /* the answer begins inside <think>          */
    bool tokens;   /* control tokens come through reply_control */
    bool no_calls; /* blocks of calls are text like any other   */
    /* Calls are told while they are being written. Then a block that breaks off leaves a call whose
     * end says so (`whole` false), and only what follows is text. Without it a block is told when
     * it is complete. */
    bool stream_calls;
    size_t block_limit;    /* symbols of one block; 0: 8 Mi                  */
    const char *id_prefix; /* of call ids; NULL: "call_"                     */
    const chat *chat;      /* has the tools; may be NULL; outlives the reply */
} reply_options;

typedef enum reply_kind {
    REPLY_THINKING, /* text                                              */
    REPLY_TEXT,     /* text                                              */
    REPLY_CALL,     /* text = its name, id                               */
    REPLY_ARGUMENT, /* text = the next piece of its arguments' JSON text */
    REPLY_CALL_END, /* whole                                             */
    REPLY_END       /* finish                                            */
} reply_kind;

typedef enum reply_finish { REPLY_STOP, REPLY_LENGTH, REPLY_CALLS } reply_finish;
const char *reply_finish_name(reply_finish f); /* "stop", "length", "tool_calls" */

/* text and id are valid until the next reply_feed, reply_control or reply_end. */
typedef struct reply_event {
    reply_kind kind;
    const char *text; /* n bytes, no NUL behind them */
    size_t n;
    const char *id; /* NUL-terminated              */
    size_t call;    /* number of the call, from 0  */
    bool whole;
    reply_finish finish;
} reply_event;

status reply_new(reply **out, const reply_options *o, err *e);
void reply_free(reply *r); /* NULL is fine */

void reply_feed(reply *r, const char *p, size_t n);
/* A control token by its text. Those without a meaning here are text. Only with `tokens`. */
void reply_control(reply *r, const char *token, size_t n);
bool reply_stopped(const reply *r); /* an end token came: what follows is ignored */
/* What comes next is prescribed: the markup of a block of calls, and not the value of a parameter.
 * A sampler does well to be greedy there. */
bool reply_in_markup(const reply *r);

/* No more input; `cut`: by a limit. Then the last events, REPLY_END among them. Fails only without
 * memory. */
status reply_end(reply *r, bool cut, err *e);
bool reply_next(reply *r, reply_event *ev);

/* What replay_keep wants: the bytes from the white space in front of the first block to the end of
 * the answer. False unless the answer ended with whole calls and nothing but white space behind
 * them. Valid as long as the reply. */
bool reply_tail(const reply *r, chat_str *tail, const replay_mark **marks, size_t *n_marks);

/* ---- a whole message ---- */

typedef struct reply_call {
    buf id, name, arguments;
    bool whole;
} reply_call;

typedef struct reply_message {
    buf reasoning, content;
    reply_call *calls;
    size_t n_calls, calls_cap;
    reply_finish finish;
    bool failed;
} reply_message;

/* Takes all events that are there; may be called again and again. */
void reply_collect(reply *r, reply_message *m);
void reply_message_free(reply_message *m);       /* and back to {0} */
reply_call *reply_message_add(reply_message *m); /* NULL and m->failed without memory */

/* {"role": "assistant", "content": TEXT, "reasoning_content": TEXT, "tool_calls": [{"type":
 * "function", "function": {"name": NAME, "arguments": TEXT}}]}; the arguments are JSON text in a
 * string, ids are left out. */
void reply_message_write(buf *out, const reply_message *m);

/* ---- the official parser (strict.c) ---- */

/* The whole text or an error where the official parser has one; values that are said to be JSON are
 * not looked at. Two of its habits are kept: behind a block the end token may be missing, and a
 * text may end within a block where a tag could begin. */
status reply_parse_strict(reply_message *out, const char *text, size_t n, bool thinking, err *e);

#endif
