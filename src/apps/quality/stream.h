/* stream: the text that both models read: token ids, cut into windows.
 *
 *     ids      BOS a b c d e f g | BOS h i j           a BOS in the text begins another document
 *     windows  BOS a b c -> a b c d                    of at most 4 tokens here
 *              BOS e f   -> e f g
 *              BOS h i   -> h i j
 *
 * A window of n tokens is a session of its own: BOS and the first n - 1 of them are fed, and after
 * each of these n positions the next token is foretold.
 *
 * I1  Every token but BOS is foretold exactly once, and only from what stands before it in its own
 *     window.
 * I2  Windows depend on the ids, the BOS and the size alone.
 */
#ifndef DS4_APPS_QUALITY_STREAM_H
#define DS4_APPS_QUALITY_STREAM_H

#include <signal.h>
#include <stdint.h>

#include "base/hash.h"
#include "text/tokenizer.h"

typedef struct window {
    uint64_t first; /* in ids */
    uint64_t before; /* tokens foretold in earlier windows */
    uint32_t n;
} window;

typedef struct stream {
    tokens ids;
    window *windows;
    size_t n_windows, cap;
    uint64_t n_tokens; /* foretold in all windows */
    uint32_t size;     /* of a window, at most    */
    int32_t bos;
} stream;

void stream_free(stream *s); /* and back to {0} */

/* Cuts the ids that are there, of which it keeps only so many as give `most` tokens (0: all). E_FORMAT
 * when there is nothing to foretell. */
status stream_cut(stream *s, int32_t bos, uint32_t size, uint64_t most, err *e);

/* What is fed for window w: windows[w].n ids, the first one BOS. */
void stream_fed(const stream *s, size_t w, int32_t *out);

hash128 stream_hash(const stream *s); /* of ids, BOS and size: equal ones are the same measurement */

/* Appends the ids of a text file (or `-`); *hash names its bytes. */
status stream_read_text(stream *s, const tokenizer *t, const char *path, bool special, hash128 *hash,
                        uint64_t *bytes, const volatile sig_atomic_t *interrupted, err *e);
/* Appends the questions of a suite (apps/examine/suite.h) as rendered prompts, each a document; behind
 * it, where the answer is a text or a number that follows at once, that answer. */
status stream_read_suite(stream *s, const tokenizer *t, const char *path, hash128 *hash,
                         uint64_t *bytes, err *e);

#endif
