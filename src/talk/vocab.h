/* vocab: the tokeniser that a model file carries, and prompts as its ids. Here text and files meet. */
#ifndef DS4_TALK_VOCAB_H
#define DS4_TALK_VOCAB_H

#include "chat/prompt.h"
#include "gguf/gguf.h"
#include "text/tokenizer.h"

/* From the keys tokenizer.ggml.*; `name` stands for the file in errors. E_UNSUPPORTED when the file has no tokeniser, or
 * one of another kind. What it returns does not need the file any longer. */
status vocab_open(tokenizer **out, const gguf *g, const char *name, err *e);

/* A rendered prompt as ids: control segments become their token, text never does. E_UNSUPPORTED names a control token that the
 * vocabulary lacks. */
status vocab_encode_prompt(const tokenizer *t, const chat_prompt *p, tokens *out, err *e);

#endif
