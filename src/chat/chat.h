/* chat: a conversation as the model's template sees it.
 *
 * A request of any dialect becomes a chat, and chat_render turns it into the exact prompt. Whoever
 * reads a dialect fills chat_message structs with borrowed pointers; chat_add copies them:
 *
 *     chat *c;  chat_prompt p = {0};
 *     chat_new(&c, &options, e);
 *     chat_add(c, &(chat_message){.role = CHAT_USER, .content = chat_cstr("hi")}, e);
 *     chat_render(c, NULL, &p, e);
 *
 * I1  A chat owns all its bytes; nothing passed in must outlive the call.
 * I2  What messages, tools and schemas say never becomes a control token, whatever it spells: see
 *     prompt.h.
 * I3  Errors about a field begin with its path and a colon: `messages[3].content: ...`.
 *
 * A chat belongs to one thread at a time.
 */
#ifndef DS4_CHAT_CHAT_H
#define DS4_CHAT_CHAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "base/status.h"
#include "chat/prompt.h"

typedef struct chat chat;
typedef struct replay replay; /* replay.h */

typedef struct chat_str {
    const char *p; /* NULL only if n is 0 */
    size_t n;
} chat_str;

chat_str chat_cstr(const char *s);
bool chat_str_equal(chat_str a, chat_str b);

typedef enum chat_role {
    CHAT_SYSTEM,
    CHAT_USER,
    CHAT_DEVELOPER,
    CHAT_ASSISTANT,
    CHAT_TOOL,
    CHAT_REMINDER, /* latest_reminder */
    CHAT_SEARCH,   /* direct_search_results: has no rendering, but is not dropped either */
    CHAT_OTHER     /* has no rendering */
} chat_role;

/* Quick instructions: one token after a message asks for a short classification instead of an
 * answer. */
typedef enum chat_task {
    CHAT_NO_TASK,
    CHAT_ACTION,
    CHAT_QUERY,
    CHAT_AUTHORITY,
    CHAT_DOMAIN,
    CHAT_TITLE,
    CHAT_READ_URL
} chat_task;

typedef struct chat_call {
    chat_str id, name;
    chat_str arguments; /* JSON text as the client sent it, or whatever else it sent */
} chat_call;

typedef struct chat_message {
    chat_role role;
    chat_str content;       /* flat text; parts are joined by whoever reads the dialect */
    chat_str reasoning;     /* assistant                  */
    const chat_call *calls; /* assistant                  */
    size_t n_calls;
    chat_str tool_call_id; /* tool: whose result this is */
    chat_task task;
    bool no_eos;           /* assistant: left open       */
    const chat_str *tools; /* JSON texts of function objects, in the prompt's form */
    size_t n_tools;
    chat_str response_format; /* JSON text in the prompt's form; empty: none */
} chat_message;

/* The two meanings of the effort levels (the checkpoints differ, their files do not say which they
 * follow). */
typedef enum chat_contract { CHAT_PREVIEW, CHAT_0731 } chat_contract;
typedef enum chat_effort {
    CHAT_EFFORT_NONE,
    CHAT_EFFORT_LOW,
    CHAT_EFFORT_HIGH,
    CHAT_EFFORT_MAX
} chat_effort;

/* AS_GIVEN is the official encoder: messages rendered one by one, whatever they are. OPEN is for
 * servers: leading system and developer messages are one, joined by a blank line; a later one is a
 * text of the user turn it stands in; the prompt ends in an open assistant turn. CONTINUE is the
 * same, but a last assistant message is continued instead of being followed by a new turn. */
typedef enum chat_turns { CHAT_TURNS_AS_GIVEN, CHAT_TURNS_OPEN, CHAT_TURNS_CONTINUE } chat_turns;

typedef struct chat_options {
    bool thinking;      /* else chat mode                                                  */
    bool drop_thinking; /* forget the reasoning of past turns (never when there are tools) */
    bool bos;
    chat_effort effort;
    chat_contract contract;
    chat_turns turns;
} chat_options;

/* Thinking, dropping, with BOS, no effort given, preview contract, turns as given. */
chat_options chat_defaults(void);

status chat_new(chat **out, const chat_options *o, err *e);
void chat_free(chat *c);          /* NULL is fine */
chat_options *chat_opts(chat *c); /* to change before rendering */

/* At most CHAT_MESSAGES_MOST messages and CHAT_TOOLS_MOST tools. */
enum { CHAT_MESSAGES_MOST = 100000, CHAT_TOOLS_MOST = 4096 };
status chat_add(chat *c, const chat_message *m, err *e);
/* A message already rendered earlier: it counts, but only what follows is rendered, without BOS.
 * Before any chat_add. */
status chat_add_context(chat *c, const chat_message *m, err *e);

/* Tools of the request: `function` is the function object of an OpenAI tool. They stand in the
 * leading system (or developer) message, or in an empty system message put in front. Names need not
 * be unique; the last one counts. */
status chat_add_tool(chat *c, const json *function, err *e);
size_t chat_tools(const chat *c);
chat_str chat_tool_name(const chat *c, size_t i);
/* The `parameters` of the tool of that name, NULL if there is none. Borrowed from the chat. */
const json *chat_tool_schema(const chat *c, const char *name, size_t n);

/* The schema the answer must follow, as the request has it; stands behind the tools. */
status chat_set_response_format(chat *c, const json *schema, err *e);

/* What the request says about calling tools. */
typedef enum chat_choice { CHAT_CHOICE_AUTO, CHAT_CHOICE_NONE, CHAT_CHOICE_REQUIRED } chat_choice;
void chat_set_choice(chat *c, chat_choice how, bool one_call);
/* Restricts the choice to named tools: a forced function is CHAT_CHOICE_REQUIRED and its name. */
status chat_allow_tool(chat *c, const char *name, size_t n, err *e);
chat_choice chat_get_choice(const chat *c, bool *one_call);
bool chat_tool_allowed(const chat *c, size_t i);

/* The prompt. With a replay store, calls the model itself wrote are repeated byte for byte
 * (replay.h). On failure *out is left as chat_prompt_free would leave it. */
status chat_render(const chat *c, replay *r, chat_prompt *out, err *e);

/* ---- reading JSON (request.c) ---- */

/* An OpenAI chat completion request: messages, tools, tool_choice, parallel_tool_calls,
 * response_format and the switches of thinking (thinking, reasoning_effort, chat_template_kwargs,
 * think), with everything checked; other members are the caller's. `o` (NULL: defaults) says what
 * holds where the request is silent; turns are CHAT_TURNS_OPEN. */
status chat_from_request(chat **out, const json *request, const chat_options *o, err *e);

/* A case in the words of the official encoder: {messages, tools?, context?, args: {thinking_mode,
 * drop_thinking, reasoning_effort, add_default_bos_token, effort_contract}}, turns as given. */
status chat_from_case(chat **out, const json *given, err *e);

/* The level behind an API's word: minimal, low, medium, high, xhigh, max; none: thinking off. */
bool chat_effort_of(const char *word, size_t n, chat_contract contract, bool *thinking,
                    chat_effort *out);

#endif
