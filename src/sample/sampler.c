#include "sample/sampler.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "sample/dist.h"
#include "sample/penalties.h"

/* Below this a temperature is 0: the second best token would have to be within 1e-3 to show up. */
#define GREEDY_BELOW 1e-5

struct sampler {
    sampler_options o; /* bias is our copy, the breakers are gone */
    uint32_t n_vocab;
    uint64_t stream, position;
    bool greedy;
    sampler_bias *bias;
    penalties *pen;
    dist d;
    float *work; /* logits on their way to the draw */
    uint32_t *top_id;
    sampler_alternative *top;
};

/* ---- random numbers ---- */

/* The finaliser of splitmix64: every bit of the result hangs on every bit of z. */
static uint64_t mix(uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* Number `position` of the splitmix64 sequence that starts at `stream`, as a fraction below 1. */
static double fraction(uint64_t stream, uint64_t position) {
    const uint64_t z = mix(stream + (position + 1) * 0x9e3779b97f4a7c15u);
    return (double)(z >> 11) * 0x1p-53;
}

status sampler_fresh_seed(uint64_t *seed, err *e) {
    uint64_t v;
    if (getentropy(&v, sizeof v) != 0)
        return fail(e, E_IO, "sampler: the system gives no random numbers; give a seed");
    *seed = v;
    return OK;
}

/* ---- options ---- */

sampler_options sampler_defaults(void) {
    return (sampler_options){
        .temperature = 1,
        .top_p = 1,
        .repetition_penalty = 1,
        .dry_base = 1.75,
        .dry_allowed_length = 2,
        .dry_window = 4096,
        .n_logprobs = -1,
    };
}

static status check_options(const sampler_options *o, uint32_t n_vocab, err *e) {
    if (n_vocab == 0) return fail(e, E_USAGE, "sampler: a vocabulary of 0 tokens");
    if (!(o->temperature >= 0 && o->temperature <= 100))
        return fail(e, E_USAGE, "sampler: temperature %g: give 0 (greedy) to 100",
                    o->temperature);
    if (!(o->top_p >= 0 && o->top_p <= 1))
        return fail(e, E_USAGE, "sampler: top_p %g: give 0 to 1 (1: off)", o->top_p);
    if (!(o->min_p >= 0 && o->min_p <= 1))
        return fail(e, E_USAGE, "sampler: min_p %g: give 0 (off) to 1", o->min_p);
    if (o->n_logprobs < -1 || (o->n_logprobs > 0 && (uint32_t)o->n_logprobs > n_vocab))
        return fail(e, E_USAGE, "sampler: %d log probabilities wanted: give -1 (none) to %u",
                    o->n_logprobs, n_vocab);
    for (size_t i = 0; i < o->n_bias; i++) {
        if (o->bias[i].token < 0 || (uint32_t)o->bias[i].token >= n_vocab)
            return fail(e, E_USAGE, "sampler: bias for token %d: the vocabulary ends at %u",
                        o->bias[i].token, n_vocab - 1);
        if (isnan(o->bias[i].value) || o->bias[i].value > 1e6)
            return fail(e, E_USAGE, "sampler: bias %g for token %d: give -100 to 100",
                        o->bias[i].value, o->bias[i].token);
    }
    return OK;
}

status sampler_new(sampler **out, const sampler_options *o, uint32_t n_vocab, err *e) {
    status st = check_options(o, n_vocab, e);
    if (st != OK) return st;
    sampler *s = calloc(1, sizeof *s);
    if (!s) return fail(e, E_NOMEM, "sampler: out of memory");
    s->o = *o;
    s->n_vocab = n_vocab;
    s->stream = mix(o->seed);

    st = penalties_new(&s->pen, o, n_vocab, e);
    if (st == OK) st = dist_init(&s->d, n_vocab, e);
    if (st == OK) {
        const size_t n_top = o->n_logprobs > 0 ? (size_t)o->n_logprobs : 0;
        s->work = malloc(n_vocab * sizeof *s->work);
        s->bias = malloc((o->n_bias + 1) * sizeof *s->bias);
        s->top = malloc((n_top + 1) * sizeof *s->top);
        s->top_id = malloc((n_top + 1) * sizeof *s->top_id);
        if (!s->work || !s->bias || !s->top || !s->top_id)
            st = fail(e, E_NOMEM, "sampler: no memory for a vocabulary of %u tokens", n_vocab);
    }
    if (st != OK) {
        sampler_free(s);
        return st;
    }
    if (o->n_bias > 0) memcpy(s->bias, o->bias, o->n_bias * sizeof *s->bias);
    s->o.bias = s->bias;
    s->o.dry_breakers = NULL;
    *out = s;
    return OK;
}

void sampler_free(sampler *s) {
    if (!s) return;
    penalties_free(s->pen);
    dist_fini(&s->d);
    free(s->work);
    free(s->bias);
    free(s->top);
    free(s->top_id);
    free(s);
}

/* ---- history ---- */

static status check_token(const sampler *s, int32_t token, err *e) {
    if (token >= 0 && (uint32_t)token < s->n_vocab) return OK;
    return fail(e, E_USAGE, "sampler: token %d: the vocabulary ends at %u", token,
                s->n_vocab - 1);
}

status sampler_prompt(sampler *s, const int32_t *tokens, size_t n, err *e) {
    if (s->position > 0)
        return fail(e, E_USAGE, "sampler: the prompt must come before the generated tokens");
    if (!s->pen) return OK;
    status st = OK;
    for (size_t i = 0; i < n && st == OK; i++) st = check_token(s, tokens[i], e);
    for (size_t i = 0; i < n && st == OK; i++) st = penalties_add(s->pen, tokens[i], false, e);
    return st;
}

status sampler_accept(sampler *s, int32_t token, err *e) {
    status st = check_token(s, token, e);
    if (st == OK) st = penalties_add(s->pen, token, true, e);
    if (st == OK) s->position++;
    return st;
}

uint64_t sampler_position(const sampler *s) { return s->position; }

void sampler_set_greedy(sampler *s, bool on) { s->greedy = on; }

/* ---- picks ---- */

static status damaged(const sampler *s, const float *logits, err *e) {
    uint32_t i = 0;
    while (i + 1 < s->n_vocab && isfinite(logits[i])) i++;
    return fail(e, E_DEVICE, "sampler: the logit of token %u is %g, not a finite number: the model "
                "file or the backend is at fault; try --backend cpu --exact",
                i, (double)logits[i]);
}

static void mask_logits(float *x, uint32_t n, const uint64_t *allowed) {
    for (uint32_t at = 0; at < n; at += 64) {
        const uint64_t word = allowed[at / 64];
        if (word == UINT64_MAX) continue;
        const uint32_t end = n - at < 64 ? n : at + 64;
        for (uint32_t i = at; i < end; i++)
            if (!(word >> (i - at) & 1)) x[i] = -INFINITY;
    }
}

/* The logits after steps 1 to 3: those of the caller if there was nothing to do. */
static const float *shaped(sampler *s, const float *logits, const uint64_t *allowed) {
    penalties *const pen = s->greedy ? NULL : s->pen;
    if (s->o.n_bias == 0 && !pen && !allowed) return logits;
    memcpy(s->work, logits, s->n_vocab * sizeof *logits);
    for (size_t i = 0; i < s->o.n_bias; i++) {
        const sampler_bias b = s->bias[i];
        s->work[b.token] = (float)((double)s->work[b.token] + b.value);
    }
    penalties_apply(pen, s->work);
    if (allowed) mask_logits(s->work, s->n_vocab, allowed);
    return s->work;
}

/* After dist_scan and dist_weigh at temperature 1 of the same row. */
static void take_top(sampler *s, const float *logits, double log_total) {
    const uint32_t n = (uint32_t)s->o.n_logprobs;
    dist_top(&s->d, logits, n, s->top_id);
    for (uint32_t i = 0; i < n; i++) {
        const double x = (double)logits[s->top_id[i]];
        s->top[i].token = (int32_t)s->top_id[i];
        s->top[i].logprob = x - (double)s->d.max - log_total;
    }
}

static uint32_t draw(sampler *s, const float *x, bool weighed) {
    const sampler_options *o = &s->o;
    if (!weighed) dist_weigh(&s->d, x, o->temperature);
    const uint32_t top_k = o->top_k > 0 && o->top_k < s->n_vocab ? (uint32_t)o->top_k : 0;
    const dist_cut cut = dist_find_cut(&s->d, x, o->temperature, top_k, o->top_p, o->min_p);
    dist_apply_cut(&s->d, x, cut);
    return dist_draw(&s->d, fraction(s->stream, s->position));
}

status sampler_pick(sampler *s, const float *logits, const uint64_t *allowed,
                    sampler_result *out, err *e) {
    dist *const d = &s->d;
    if (!dist_scan(d, logits)) return damaged(s, logits, e);

    const bool wanted = s->o.n_logprobs >= 0;
    double max = 0, log_total = 0;
    if (wanted) {
        dist_weigh(d, logits, 1);
        max = (double)d->max;
        log_total = log(d->total);
        if (s->o.n_logprobs > 0) take_top(s, logits, log_total);
    }

    const float *x = shaped(s, logits, allowed);
    if (x != logits) {
        dist_scan(d, x);
        if (!(d->max > -INFINITY))
            return fail(e, E_USAGE, "sampler: no token is left: %s excludes all of them",
                        allowed ? "the grammar, with the bias," : "the bias");
    }
    uint32_t token;
    if (s->greedy || s->o.temperature < GREEDY_BELOW)
        token = dist_argmax(d, x);
    else
        token = draw(s, x, wanted && x == logits && s->o.temperature == 1);

    *out = (sampler_result){.token = (int32_t)token, .top = s->top};
    if (wanted) {
        out->logprob = (double)logits[token] - max - log_total;
        out->n_top = (uint32_t)s->o.n_logprobs;
    }
    return OK;
}
