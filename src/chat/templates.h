/* templates: the model's own words. Every constant text of the prompt format, and its control
 * tokens.
 *
 * The texts are data of the model: a byte changed here is another prompt. Within this room only.
 */
#ifndef DS4_CHAT_TEMPLATES_H
#define DS4_CHAT_TEMPLATES_H

#include <stddef.h>

#include "chat/chat.h"

#define TOKEN_BOS "<｜begin▁of▁sentence｜>"
#define TOKEN_EOS "<｜end▁of▁sentence｜>"
#define TOKEN_USER "<｜User｜>"
#define TOKEN_ASSISTANT "<｜Assistant｜>"
#define TOKEN_REMINDER "<｜latest_reminder｜>"
#define TOKEN_THINK "<think>"
#define TOKEN_END_THINK "</think>"
#define TOKEN_DSML "｜DSML｜"

/* Every control token that templates contain; ends with NULL. */
extern const char *const template_tokens[];

extern const char template_tools_head[];  /* up to the schemas  */
extern const char template_tools_tail[];  /* behind the schemas */
extern const char template_format_head[]; /* up to the schema   */

const char *template_task_token(chat_task t); /* of any but CHAT_NO_TASK */
const char *template_task_name(chat_task t);  /* "action", ...; NULL beyond the last */

/* The text in front of the first message; NULL if the contract does not know the level. */
const char *template_effort(chat_contract contract, chat_effort effort);

#endif
