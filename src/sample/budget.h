/* budget: how long the model may think, and that room is left for its answer.
 *
 *     next = budget_start(&b, &o);                       the turn opens in its thinking
 *     for each position:
 *         token = next == BUDGET_FREE ? sampled : next;
 *         next = budget_step(&b, token, budget_sentence_end(tail, n));
 *
 *      thinking                                              answer
 *      |-------------------|------------|                    |------------
 *      0                  soft         hard                close token
 *                           closes at     closes at once
 *                           the next end of a sentence or line
 *
 * The answer's room is a third limit: when `left` tokens may still be generated in all, thinking
 * closes while `reserve` of them are left behind the close token.
 *
 * I1  A forced token is asked for again until it comes; then the budget is silent for good.
 * I2  At most `hard` tokens are thought: the close token is not one of them.
 * I3  The model may close by itself at any time; tokens of the answer are never forced.
 *
 * Tokens and flags only, no memory of its own: copying the struct copies the state.
 */
#ifndef DS4_SAMPLE_BUDGET_H
#define DS4_SAMPLE_BUDGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BUDGET_FREE = -1 };

typedef struct budget_options {
    int32_t close_token; /* </think>                                                          */
    uint32_t soft;       /* thinking tokens after which a good place is waited for; 0: none   */
    uint32_t hard;       /* thinking tokens at most; 0: no limit                              */
    uint64_t left;       /* tokens that may be generated, both parts: the smaller one of      */
                         /* max_tokens and what the context holds; 0: not known               */
    uint64_t reserve;    /* of these for the answer, but never more than half; 0: none        */
} budget_options;

typedef struct budget {
    bool thinking;
    uint64_t n_thinking; /* tokens thought so far, without the close token */
    uint64_t limit;      /* the hard limit and the answer's room; UINT64_MAX: none */
    uint32_t soft;
    int32_t close_token;
} budget;

/* Both return the token that must come next, or BUDGET_FREE. */
int32_t budget_start(budget *b, const budget_options *o);
int32_t budget_step(budget *b, int32_t token, bool ends_sentence);

/* Whether text stops well at the end of these bytes, its last ones (16 are enough): a line end, or
 * . ! ? and their CJK forms, with closing quotes, brackets and emphasis behind them. A point behind
 * a digit does not count: it may be in the middle of a number. */
bool budget_sentence_end(const char *tail, size_t n);

#endif
