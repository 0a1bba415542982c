/* text_tools: the tokeniser, the prompt format and the reader of answers, each by itself, from a
 * file (`-`: standard input) to stdout:
 *
 *     --dump-tokens        text to ids             --tokenize-lines   the same for many
 *     --detokenize         ids to bytes
 *     --render             request to prompt       --render-lines
 *     --parse              answer to message       --parse-lines
 *
 * A file of lines has one JSON value a line and is streamed; each line gives one line. What is
 * wrong with a line is its answer, {"error": TEXT}, and the next one follows.
 *
 * The tokeniser is read from the model file alone: it may hold no tensors. The lower two rows need
 * no model.
 */
#ifndef DS4_APPS_DS4_TEXT_TOOLS_H
#define DS4_APPS_DS4_TEXT_TOOLS_H

#include "apps/ds4/options.h"
#include "text/tokenizer.h"

/* What the command line asks for, the first of the above. */
status text_tools_run(const ds4_cli *o, err *e);

/* The tokeniser of a model file, or of the first of its shards, whichever is named. */
status cli_tokenizer(tokenizer **out, const char *path, err *e);

/* The text of -p or -f; `asking` is the option that needs it, for errors. */
status cli_text(buf *out, const ds4_cli *o, const char *asking, err *e);

#endif
