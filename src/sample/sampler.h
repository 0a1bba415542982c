/* sampler: from the logits of a position to its token.
 *
 *     sampler_options o = sampler_defaults();
 *     o.temperature = 0.7;
 *     o.seed = 42;
 *     sampler_new(&s, &o, n_vocab, e);
 *     sampler_prompt(s, prompt, n_prompt, e);             only penalties care
 *     for (;;) {
 *         sampler_pick(s, logits, NULL, &r, e);
 *         sampler_accept(s, r.token, e);                  or another one that was forced
 *     }
 *     sampler_free(s);
 *
 * What happens to the logits, in this order:
 *
 *   1  bias           added
 *   2  penalties      repetition, frequency, presence, DRY: see sample/penalties.h
 *   3  allowed        every other token is out
 *   4  temperature    0 ends here: the largest logit wins, the lowest id among equal ones
 *   5  top_k          the k best stay
 *   6  top_p          of these the fewest best that have top_p of their probability together
 *   7  min_p          of these the ones at least min_p times as probable as the best
 *   8  draw           in proportion to the probability that is left
 *
 * I1  The draw at position n depends on the seed, on n, and on the logits, on nothing else: not on
 *     other streams, not on how often sampler_pick was called, not on logprobs being wanted. A
 *     draft check may pick each position again and get the same token.
 * I2  Log probabilities are the model's own: of the softmax of the logits as they were given,
 *     at temperature 1, before bias, penalties and `allowed`. Never above 0.
 * I3  A logit that is not finite is an error, never a token.
 *
 * One sampler a stream, used by one thread at a time; samplers share nothing. Memory: 16 bytes a
 * token of the vocabulary; with penalties up to 8 more, and their history, which grows.
 * Time a pick, vocabulary of 129280, one core: see bench/text-notes.md.
 */
#ifndef DS4_SAMPLE_SAMPLER_H
#define DS4_SAMPLE_SAMPLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

typedef struct sampler sampler;

typedef struct sampler_bias {
    int32_t token;
    double value; /* added to the logit; -INFINITY: never */
} sampler_bias;

typedef struct sampler_options {
    double temperature; /* 1.0    0 to 100; below 1e-5 as 0: greedy                         */
    int64_t top_k;      /* 0      0 or less: off                                            */
    double top_p;       /* 1.0    0 to 1; 1: off, 0: only the best                          */
    double min_p;       /* 0      0 to 1; 0: off, 1: only the best and its equals           */
    uint64_t seed;      /* 0      any; sampler_fresh_seed makes one                         */

    double presence_penalty;   /* 0      off; negative ones are rewards                     */
    double frequency_penalty;  /* 0      the same                                           */
    double repetition_penalty; /* 1.0    1: off; 0.01 to 100                                */
    uint32_t penalty_window;   /* 0      last tokens these three look at; 0: all            */

    double dry_multiplier;       /* 0      0: off                                           */
    double dry_base;             /* 1.75   1 or more                                        */
    uint32_t dry_allowed_length; /* 2      1 or more                                        */
    uint32_t dry_window;         /* 4096   last tokens it looks at; 0: all                  */
    const int32_t *dry_breakers; /* NULL   n_dry_breakers ids; read by sampler_new only     */
    size_t n_dry_breakers;

    const sampler_bias *bias; /* NULL   n_bias of them; those of one token add up; read by  */
    size_t n_bias;            /*        sampler_new only                                    */

    int32_t n_logprobs; /* -1     -1: no log probabilities at all; 0: of the chosen token;  */
                        /*        n: and the n best tokens, at most n_vocab                 */
} sampler_options;

typedef struct sampler_alternative {
    int32_t token;
    double logprob;
} sampler_alternative;

typedef struct sampler_result {
    int32_t token;
    double logprob;                 /* 0 if n_logprobs is -1                                */
    const sampler_alternative *top; /* n_top of them, best first (lowest id first among     */
    uint32_t n_top;                 /* equals); the sampler's own until its next pick       */
} sampler_result;

/* The values in the middle column above. */
sampler_options sampler_defaults(void);

/* Entropy of the system, for requests without a seed. */
status sampler_fresh_seed(uint64_t *seed, err *e);

/* E_USAGE names the option that is out of range. */
status sampler_new(sampler **out, const sampler_options *o, uint32_t n_vocab, err *e);
void sampler_free(sampler *s); /* accepts NULL */

/* Tokens in front of the generated ones, in one call or several, before the first accept. They
 * count for the repetition penalty and for DRY; without these the call costs nothing. */
status sampler_prompt(sampler *s, const int32_t *tokens, size_t n, err *e);

/* The token of the current position. `allowed`: NULL, or a bit a token, token t at bit t % 64 of
 * word t / 64, 1 where it may come; bits beyond the vocabulary mean nothing. The logits are
 * n_vocab floats and stay as they are. Changes nothing that a later call could notice.
 * E_DEVICE: a logit is not finite. E_USAGE: bias and `allowed` leave no token. */
status sampler_pick(sampler *s, const float *logits, const uint64_t *allowed,
                    sampler_result *out, err *e);

/* Ends the position with the token that came, picked or forced; also to be told of every token
 * while no sampling is needed, so that positions stay what they are. */
status sampler_accept(sampler *s, int32_t token, err *e);

/* Tokens accepted so far: the current position. */
uint64_t sampler_position(const sampler *s);

/* On: picks are greedy, whatever the temperature, and penalties rest. For steps whose text is
 * prescribed markup (tags of a tool call), which a penalty on repetition would spoil; bias and
 * `allowed` still hold. Positions pass as always: the draws after it are those without it. */
void sampler_set_greedy(sampler *s, bool on);

#endif
