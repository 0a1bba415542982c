#include "sample/penalties.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "base/checked.h"

/* Both counts are within the window. A token whose `seen` is 0 is in no list. */
typedef struct counted {
    int32_t token;
    uint32_t seen, generated;
} counted;

struct penalties {
    uint32_t n_vocab;
    double presence, frequency, repetition;
    uint32_t window; /* 0: all */
    bool counts;     /* one of the three is on */

    double multiplier, base;
    uint32_t allowed_length, dry_window;
    uint64_t *breaker; /* a bit a token */
    uint32_t *longest; /* a token: match it would continue; zeros between the calls */
    uint32_t *match;   /* cap of them, see dry_apply */

    bool keeps; /* the tokens themselves */
    int32_t *token;
    size_t n, cap, n_prompt;

    uint32_t *slot; /* a token: index in list + 1, or 0 */
    counted *list;
    uint32_t n_list, list_cap;
};

/* ---- options ---- */

/* Beyond 1e6 nothing changes any more, and sums of such numbers are still far from overflow. */
static bool in_range(double v, double low, double high) { return v >= low && v <= high; }

static status check_options(const sampler_options *o, uint32_t n_vocab, err *e) {
    if (!in_range(o->presence_penalty, -1e6, 1e6))
        return fail(e, E_USAGE, "sampler: presence penalty %g: give a number between -2 and 2",
                    o->presence_penalty);
    if (!in_range(o->frequency_penalty, -1e6, 1e6))
        return fail(e, E_USAGE, "sampler: frequency penalty %g: give a number between -2 and 2",
                    o->frequency_penalty);
    if (!in_range(o->repetition_penalty, 0.01, 100))
        return fail(e, E_USAGE, "sampler: repetition penalty %g: give 0.01 to 100 (1: off)",
                    o->repetition_penalty);
    if (!in_range(o->dry_multiplier, 0, 1e6))
        return fail(e, E_USAGE, "sampler: DRY multiplier %g: give 0 (off) or more",
                    o->dry_multiplier);
    if (o->dry_multiplier == 0) return OK;
    if (!in_range(o->dry_base, 1, 1e6))
        return fail(e, E_USAGE, "sampler: DRY base %g: give 1 or more", o->dry_base);
    if (o->dry_allowed_length == 0)
        return fail(e, E_USAGE, "sampler: DRY allowed length 0: give 1 or more");
    for (size_t i = 0; i < o->n_dry_breakers; i++)
        if (o->dry_breakers[i] < 0 || (uint32_t)o->dry_breakers[i] >= n_vocab)
            return fail(e, E_USAGE, "sampler: DRY breaker %d is no token: the vocabulary has %u",
                        o->dry_breakers[i], n_vocab);
    return OK;
}

static status out_of_memory(err *e) {
    return fail(e, E_NOMEM, "sampler: no memory for the penalties");
}

status penalties_new(penalties **out, const sampler_options *o, uint32_t n_vocab, err *e) {
    const status st = check_options(o, n_vocab, e);
    if (st != OK) return st;
    const bool counts = o->presence_penalty != 0 || o->frequency_penalty != 0 ||
                        o->repetition_penalty != 1;
    const bool dry = o->dry_multiplier > 0;
    if (!counts && !dry) {
        *out = NULL;
        return OK;
    }

    penalties *p = calloc(1, sizeof *p);
    if (!p) return out_of_memory(e);
    p->n_vocab = n_vocab;
    p->presence = o->presence_penalty;
    p->frequency = o->frequency_penalty;
    p->repetition = o->repetition_penalty;
    p->window = o->penalty_window;
    p->counts = counts;
    p->multiplier = o->dry_multiplier;
    p->base = o->dry_base;
    p->allowed_length = o->dry_allowed_length;
    p->dry_window = o->dry_window;
    p->keeps = dry || p->window > 0;
    if (counts) p->slot = calloc(n_vocab, sizeof *p->slot);
    if (dry) {
        p->breaker = calloc(n_vocab / 64 + 1, sizeof *p->breaker);
        p->longest = calloc(n_vocab, sizeof *p->longest);
    }
    if ((counts && !p->slot) || (dry && !(p->breaker && p->longest))) {
        penalties_free(p);
        return out_of_memory(e);
    }
    if (dry)
        for (size_t i = 0; i < o->n_dry_breakers; i++)
            p->breaker[o->dry_breakers[i] / 64] |= 1ull << (o->dry_breakers[i] % 64);
    *out = p;
    return OK;
}

void penalties_free(penalties *p) {
    if (!p) return;
    free(p->breaker);
    free(p->longest);
    free(p->match);
    free(p->token);
    free(p->slot);
    free(p->list);
    free(p);
}

/* ---- history ---- */

static bool grow_history(penalties *p) {
    if (!p->keeps || p->n < p->cap) return true;
    uint64_t cap, bytes;
    if (!mul_u64(p->cap ? p->cap : 512, 2, &cap) || !mul_u64(cap, sizeof *p->token, &bytes))
        return false;
    int32_t *token = realloc(p->token, bytes);
    if (!token) return false;
    p->token = token;
    if (p->multiplier > 0) { /* a match is looked for in as many places as there are tokens */
        uint32_t *match = realloc(p->match, cap * sizeof *match);
        if (!match) return false;
        p->match = match;
    }
    p->cap = cap;
    return true;
}

static bool grow_list(penalties *p) {
    if (!p->counts || p->n_list < p->list_cap) return true;
    const uint32_t cap = p->list_cap ? p->list_cap * 2 : 256;
    counted *list = realloc(p->list, cap * sizeof *list);
    if (!list) return false;
    p->list = list;
    p->list_cap = cap;
    return true;
}

static void count_in(penalties *p, int32_t token, bool generated) {
    uint32_t *slot = &p->slot[token];
    if (*slot == 0) {
        p->list[p->n_list] = (counted){.token = token};
        *slot = ++p->n_list;
    }
    counted *c = &p->list[*slot - 1];
    c->seen++;
    c->generated += generated;
}

static void count_out(penalties *p, int32_t token, bool generated) {
    counted *c = &p->list[p->slot[token] - 1];
    c->generated -= generated;
    if (--c->seen > 0) return;
    *c = p->list[--p->n_list];
    p->slot[c->token] = p->slot[token];
    p->slot[token] = 0;
}

status penalties_add(penalties *p, int32_t token, bool generated, err *e) {
    if (!p) return OK;
    if (!grow_history(p) || !grow_list(p)) return out_of_memory(e);
    if (p->keeps) p->token[p->n] = token;
    p->n++;
    if (!generated) p->n_prompt = p->n;
    if (!p->counts) return OK;
    count_in(p, token, generated);
    if (p->window > 0 && p->n > p->window) {
        const size_t gone = p->n - p->window - 1;
        count_out(p, p->token[gone], gone >= p->n_prompt);
    }
    return OK;
}

/* ---- logits ---- */

/* A token that a bias has excluded (-inf) stays so. */
static void put(float *x, double v) {
    const double most = (double)FLT_MAX;
    if (*x > -INFINITY) *x = (float)(v > most ? most : v < -most ? -most : v);
}

static void count_apply(const penalties *p, float *x) {
    for (uint32_t i = 0; i < p->n_list; i++) {
        const counted *c = &p->list[i];
        double v = (double)x[c->token];
        v = v > 0 ? v / p->repetition : v * p->repetition;
        if (c->generated > 0) v -= p->frequency * c->generated + p->presence;
        put(&x[c->token], v);
    }
}

static bool is_breaker(const penalties *p, int32_t t) { return p->breaker[t / 64] >> (t % 64) & 1; }

static int32_t back(const int32_t *last, size_t i) { return last[-(ptrdiff_t)i]; }

/* Read backwards, back[0] being the last token, match[i] is how far the text from back[i] on reads
 * like the text from back[0] on (a Z-function): inside a stretch [from, to) known to read like the
 * beginning, the matches of the beginning hold again, so every token is compared with success only
 * once. The token that followed the match is back[i - 1]. */
static void dry_apply(penalties *p, float *x) {
    const size_t n = p->dry_window > 0 && p->n > p->dry_window ? p->dry_window : p->n;
    if (n == 0) return;
    const int32_t *const last = p->token + p->n - 1;
    size_t limit = 0;
    while (limit < n && !is_breaker(p, back(last, limit))) limit++;
    if (limit < p->allowed_length) return;

    uint32_t *const match = p->match;
    size_t from = 0, to = 0;
    for (size_t i = 1; i < n; i++) {
        size_t m = 0;
        if (i < to) m = match[i - from] < to - i ? match[i - from] : to - i;
        while (i + m < n && back(last, m) == back(last, i + m)) m++;
        match[i] = (uint32_t)m;
        if (i + m > to) {
            from = i;
            to = i + m;
        }
        if (m > limit) m = limit;
        uint32_t *longest = &p->longest[back(last, i - 1)];
        if (m >= p->allowed_length && m > *longest) *longest = (uint32_t)m;
    }
    for (size_t i = 1; i < n; i++) {
        const int32_t t = back(last, i - 1);
        if (p->longest[t] == 0) continue;
        const double by = p->multiplier * pow(p->base, p->longest[t] - p->allowed_length);
        if (!is_breaker(p, t)) put(&x[t], (double)x[t] - by);
        p->longest[t] = 0;
    }
}

void penalties_apply(penalties *p, float *x) {
    if (!p) return;
    if (p->counts) count_apply(p, x);
    if (p->multiplier > 0) dry_apply(p, x);
}
