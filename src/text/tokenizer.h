/* tokenizer: text to token ids and back.
 *
 * Text is cut into pieces (text/split.h) and each piece is merged into tokens (text/bpe.h).
 * Beside the tokens that merging yields, a vocabulary has added tokens: <think>, the turns'
 * marks, BOS, EOS. They steer the model, so where they come from is decided here and nowhere
 * else:
 *
 * I1  Text encoded as TOK_PLAIN, and the untrusted segments of tok_encode_segments, never yield
 *     an added token, whatever bytes they hold.
 * I2  No added token is recognised across a border between trusted and untrusted text.
 * I3  Decoding the ids of any bytes, valid UTF-8 or not, gives those bytes back.
 * I4  Nothing is added by itself: no BOS, no EOS, no space, no normalisation.
 *
 * A tokenizer never changes once made: any thread may use it, many at a time.
 */
#ifndef DS4_TEXT_TOKENIZER_H
#define DS4_TEXT_TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/status.h"
#include "text/tokens.h"

typedef struct tokenizer tokenizer;

/* Bytes that belong to somebody else; not ended by a NUL. */
typedef struct tok_str {
    const char *p;
    size_t n;
} tok_str;

/* What a token is: the numbers that GGUF files use. */
typedef enum tok_kind {
    TOK_NORMAL = 1,  /* text, in the byte alphabet                                            */
    TOK_UNKNOWN = 2, /* never encoded                                                         */
    TOK_CONTROL = 3, /* added; an instruction to the model, not meant to be shown             */
    TOK_USER = 4,    /* added; recognised whole, may be shown (<think>)                       */
    TOK_UNUSED = 5,  /* never encoded                                                         */
    TOK_BYTE = 6     /* as TOK_NORMAL                                                         */
} tok_kind;

/* A vocabulary as model files hold it. Normal tokens and merges are written in the byte alphabet
 * of GPT-2: the bytes 33..126, 161..172, 174..255 as the code points of the same number, the 68
 * others, in order, as U+0100.. (a space is U+0120). Added, unknown and unused tokens are literal
 * text.
 *
 * A normal token that is not in the alphabet is taken as TOK_USER; without types, so is what is
 * neither a single byte nor named by a merge. Of bos, eos and pad all but those two become
 * TOK_CONTROL. */
typedef struct tok_vocab {
    const tok_str *tokens; /* n_tokens; the index is the id                       */
    size_t n_tokens;
    const int32_t *types;  /* n_tokens of tok_kind (0 = TOK_NORMAL); NULL: unknown */
    const tok_str *merges; /* "left right", in order of rank                       */
    size_t n_merges;
    int64_t bos, eos, pad; /* ids; negative: none                                  */
} tok_vocab;

/* Copies what it needs: `v` and all it points to may go afterwards. Refuses, with the index of
 * what is wrong: a vocabulary without a token for each byte, an empty or repeated token, merges
 * that are not two tokens with one space or whose result is not a normal token, repeated merges,
 * ids out of range (E_FORMAT); more than 2^20 tokens or 2^24 - 1 merges, an added token above
 * 1024 bytes, more than 1 GiB of text (E_LIMIT). */
status tok_new(tokenizer **out, const tok_vocab *v, err *e);
void tok_free(tokenizer *t);

/* Are added tokens recognised in the text? */
typedef enum specials {
    TOK_PLAIN,  /* no: for everything that users, files, tools and models wrote (I1)    */
    TOK_SPECIAL /* yes, from left to right, the longest at a place: for trusted text only */
} specials;

/* Appends the ids of n bytes to *out. On failure *out holds what it held before. E_LIMIT above 1
 * GiB. Needs about 9 bytes of scratch memory a byte of the longest piece; time is O(n log n). */
status tok_encode(const tokenizer *t, const char *p, size_t n, specials sp, tokens *out, err *e);

/* A stretch of a rendered prompt. */
typedef struct tok_segment {
    const char *p;
    size_t n;
    bool trusted; /* written by our templates: may name added tokens */
} tok_segment;

/* Appends the ids of the segments, as one text: neighbours that no added token parts are joined
 * before they are split, so that pieces do not depend on the segments' borders. Trusted segments
 * next to each other are one trusted text; empty segments are as if they were not there. */
status tok_encode_segments(const tokenizer *t, const tok_segment *s, size_t n, tokens *out, err *e);

size_t tok_count(const tokenizer *t); /* ids are 0 .. tok_count - 1 */

/* The bytes of a token, borrowed from t; an added token's are its text. {NULL, 0} for an id out
 * of range (a model may have more rows than its tokeniser has tokens). */
tok_str tok_bytes(const tokenizer *t, int32_t id);

tok_kind tok_kind_of(const tokenizer *t, int32_t id); /* TOK_UNUSED for an id out of range */
bool tok_is_added(const tokenizer *t, int32_t id);    /* TOK_CONTROL or TOK_USER            */

/* The id of the added token with exactly this text ("<think>"), or -1. */
int32_t tok_find_added(const tokenizer *t, const char *p, size_t n);

/* -1: the vocabulary names none. */
int32_t tok_bos(const tokenizer *t);
int32_t tok_eos(const tokenizer *t);
int32_t tok_pad(const tokenizer *t);

/* Appends the bytes of the ids to *out; they need not be whole characters (text/utf8_stream.h).
 * E_USAGE names the first id that is out of range; then *out is as it was. */
status tok_decode(const tokenizer *t, const int32_t *id, size_t n, buf *out, err *e);

/* A key for everything in the vocabulary: equal keys, equal ids for every text. */
hash128 tok_identity(const tokenizer *t);

#endif
