/* loop_guard: notices that a model says the same thing over and over.
 *
 *      ... x x x [A B C] [A B C] [A B C] [A B C]      period 3, 4 repeats, 12 tokens
 *
 * A loop is an exact repetition, token for token, up to the last token: with a period of at most
 * max_period tokens, at least min_repeats times, and at least min_tokens tokens long in all. A
 * text that changes anything on the way round (a number, a name) is no loop.
 *
 * The defaults let pass what people really ask for: a thousand zeros, an empty matrix of 32 x 32,
 * two hundred equal objects, rulers, hex dumps, refrains. They end a sentence of 20 tokens after
 * 205 rounds and a paragraph of 500 after 12. They cannot tell a loop from a wish for ten thousand
 * zeros. Under greedy decoding the guard is off by default: such output is meant to be what it is.
 *
 * I1  The verdict depends on the tokens since loop_guard_init alone.
 * I2  Among several periods the shortest one is reported: [A A] is A.
 *
 * A fixed 6 KiB, no other memory; max_period comparisons a token.
 */
#ifndef DS4_SAMPLE_LOOP_GUARD_H
#define DS4_SAMPLE_LOOP_GUARD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

enum { LOOP_PERIOD_MAX = 512 };

typedef struct loop_guard_options {
    uint32_t max_period;  /* 512, greedy 0    0: off; at most LOOP_PERIOD_MAX */
    uint32_t min_repeats; /* 12               2 or more                       */
    uint32_t min_tokens;  /* 4096                                             */
} loop_guard_options;

typedef struct loop_verdict {
    bool looping;
    uint32_t period, repeats; /* 0 while all is well */
} loop_verdict;

typedef struct loop_guard {
    loop_guard_options o;
    uint32_t n; /* tokens in last */
    int32_t last[2 * LOOP_PERIOD_MAX];
    uint32_t same[LOOP_PERIOD_MAX + 1]; /* [p]: so many last tokens equal the one p before */
} loop_guard;

loop_guard_options loop_guard_defaults(bool greedy);

/* E_USAGE: a period or a number of repeats out of range. */
status loop_guard_init(loop_guard *g, const loop_guard_options *o, err *e);

/* The next token of the text. Stays with its verdict as long as the loop goes on. */
loop_verdict loop_guard_add(loop_guard *g, int32_t token);

#endif
