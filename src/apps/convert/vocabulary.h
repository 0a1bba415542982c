/* vocabulary: tokenizer.json of a checkpoint as tokenizer.ggml.* keys.
 *
 *     model.vocab   {text: id}                -> tokens, type 1: text in the byte alphabet
 *     model.merges  ["a b"] or [["a", "b"]]   -> merges, "a b"
 *     added_tokens  [{id, content, special}]  -> tokens, type 3 if special, else 4: literal text
 *     ids without a token                     -> "[UNUSED_n]", type 5
 *
 * BOS, EOS and padding come from config.json, or else from tokenizer_config.json.
 */
#ifndef DS4_APPS_CONVERT_VOCABULARY_H
#define DS4_APPS_CONVERT_VOCABULARY_H

#include "apps/convert/config.h"

/* OK without any key if the folder has no tokenizer.json. */
status convert_vocabulary(const convert_config *c, const char *folder, gguf_writer *w, err *e);

#endif
