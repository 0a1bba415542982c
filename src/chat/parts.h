/* parts: what a chat is made of. Within this room only. */
#ifndef DS4_CHAT_PARTS_H
#define DS4_CHAT_PARTS_H

#include "chat/chat.h"

enum { JSON_DEPTH_MOST = 1000 }; /* what came in through a narrower limit fits always */

typedef struct arena_block arena_block;

typedef struct chat_tool {
    json_doc *doc;
    chat_str name;          /* in doc; empty if it has none */
    const json *parameters; /* in doc, or NULL              */
    chat_str definition;    /* as the prompt shows it       */
    bool allowed;
} chat_tool;

struct chat {
    chat_options options;
    arena_block *arena;
    chat_message *messages; /* the first n_context are context */
    size_t n_messages, n_context, messages_cap;
    chat_tool *tools;
    size_t n_tools, tools_cap;
    chat_str response_format;
    chat_choice choice;
    bool one_call, restricted;
};

#endif
