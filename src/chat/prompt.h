/* prompt: text that knows which of its bytes are control tokens.
 *
 * A rendered prompt is one run of bytes, and over it a list of segments that cover it without a
 * gap:
 *
 *     <｜User｜> | Is <｜User｜> a token? | <｜Assistant｜> | <think>
 *     control     text                   control         control
 *
 * I1  A control segment is exactly the text of one control token, and came from our own templates.
 * I2  Two text segments never stand side by side (unless one carries ids), so the tokenizer sees
 *     every stretch between control tokens whole: its pieces cannot depend on who contributed which
 *     bytes.
 * I3  A segment with ids stands for text that the model sampled as those tokens: they are used
 *     instead of tokenizing.
 */
#ifndef DS4_CHAT_PROMPT_H
#define DS4_CHAT_PROMPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

typedef struct prompt_segment {
    size_t at, n; /* in text.data */
    bool control;
    size_t first_id, n_ids; /* in ids; n_ids 0: tokenize the bytes */
} prompt_segment;

typedef struct chat_prompt {
    buf text;
    prompt_segment *segments;
    size_t n_segments, segments_cap;
    int32_t *ids;
    size_t n_ids, ids_cap;
    bool thinking; /* the prompt ends inside <think>: how the answer begins */
    bool failed;   /* out of memory; text.failed is set too                 */
} chat_prompt;

void chat_prompt_free(chat_prompt *p); /* and back to {0} */

/* Writers. A failure sticks, as in buf. */
void prompt_text(chat_prompt *p, const char *s, size_t n); /* never control, whatever it spells */
void prompt_control(chat_prompt *p, const char *token);    /* one control token                 */
/* A literal of ours: the control tokens it spells are meant. */
void prompt_template(chat_prompt *p, const char *literal);
/* What the model sampled as these tokens. */
void prompt_sampled(chat_prompt *p, const char *s, size_t n, const int32_t *ids, size_t n_ids);

#endif
