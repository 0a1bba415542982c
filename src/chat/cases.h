/* cases: whole texts in, whole texts out. What `ds4 --render` and `--parse` are made of.
 *
 * Errors begin with the place in the input; results are added to `out` only on success.
 */
#ifndef DS4_CHAT_CASES_H
#define DS4_CHAT_CASES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/status.h"

/* The prompt of a JSON text: with a member `args` a case of the official encoder, otherwise an
 * OpenAI request. */
status case_render(buf *out, const char *text, size_t n, err *e);
/* One line of --render-lines: the prompt as a JSON string, or {"error": TEXT}. Fails only without
 * memory. */
status case_render_line(buf *out, const char *line, size_t n, err *e);

/* The message of a model's output, as reply_message_write writes it. `thinking`: it began inside
 * <think>. Only the strict reading refuses. */
status case_parse(buf *out, const char *text, size_t n, bool thinking, bool strict, err *e);
/* One line of --parse-lines: {"text": TEXT, "thinking_mode": "chat" | "thinking"}; the message or
 * {"error": TEXT}. */
status case_parse_line(buf *out, const char *line, size_t n, bool strict, err *e);

#endif
