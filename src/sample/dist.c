#include "sample/dist.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    LANES = 16,     /* independent sums a block, so that compilers make vectors of them        */
    BUCKETS = 256,  /* of a nucleus                                                            */
    WAYS = 8,
    FEW = 2048,     /* tokens that are cheaper looked at one by one                            */
    SMALL_SORT = 24 /* ranges up to this many keys are sorted by insertion                     */
};

/* Float weights know no more than this of their sum; a token that only rounding would add to a
 * nucleus stays out. */
#define SLACK 1e-6

/* ---- exponential ---- */

/* e^a for a <= 0, or -inf: 2^k e^r with |r| <= ln2/2, k subtracted in two parts so that r is
 * exact to the last bit, e^r by its series (the next term is below 6e-9). From a = -87.7 down k is
 * -127, whose 2^k comes out as 0. */
static inline float exp_negative(float a) {
    const int32_t k = (int32_t)(a * 1.44269504f - 0.5f);
    const float f = (float)k;
    const float r = (a - f * 0.693359375f) + f * 2.12194440e-4f;
    float p = 1.0f / 5040;
    p = p * r + 1.0f / 720;
    p = p * r + 1.0f / 120;
    p = p * r + 1.0f / 24;
    p = p * r + 1.0f / 6;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    const uint32_t bits = (uint32_t)(k + 127) << 23;
    float scale;
    memcpy(&scale, &bits, sizeof scale);
    return p * scale;
}

/* ---- whole blocks; loops of a fixed length, for the vectoriser ---- */

static void weigh_block(float *restrict w, const float *restrict x, float max, float inverse) {
    for (int i = 0; i < DIST_BLOCK; i++) {
        const float a = (x[i] - max) * inverse;
        w[i] = a > -88.0f ? a : -88.0f;
    }
    for (int i = 0; i < DIST_BLOCK; i++) w[i] = exp_negative(w[i]);
}

static double sum_block(const float *w) {
    float lane[LANES] = {0};
    for (int i = 0; i < DIST_BLOCK; i += LANES)
        for (int l = 0; l < LANES; l++) lane[l] += w[i + l];
    double sum = 0;
    for (int l = 0; l < LANES; l++) sum += (double)lane[l];
    return sum;
}

/* x - x is 0 for every finite number and NaN for the others, and NaN survives the sum. */
static bool scan_block(const float *x, float *max) {
    float best[LANES], zero[LANES] = {0};
    memcpy(best, x, sizeof best);
    for (int i = 0; i < DIST_BLOCK; i += LANES)
        for (int l = 0; l < LANES; l++) {
            const float v = x[i + l];
            best[l] = v > best[l] ? v : best[l];
            zero[l] += v - v;
        }
    float m = best[0], z = zero[0];
    for (int l = 1; l < LANES; l++) {
        m = best[l] > m ? best[l] : m;
        z += zero[l];
    }
    *max = m;
    return z == 0;
}

/* Tokens whose logit is below `least` lose their weight. */
static void cut_block(float *restrict w, const float *restrict x, float least) {
    for (int i = 0; i < DIST_BLOCK; i++) {
        const float v = w[i]; /* read in any case: else clang 14 branches, 16 times slower */
        w[i] = x[i] >= least ? v : 0.0f;
    }
}

/* Distances to the maximum in units of 1 / scale, as whole numbers up to BUCKETS. */
static void bucket_block(int32_t *restrict out, const float *restrict x, float max, float scale) {
    float at[DIST_BLOCK];
    for (int i = 0; i < DIST_BLOCK; i++) {
        const float v = (max - x[i]) * scale;
        at[i] = v < (float)BUCKETS ? v : (float)BUCKETS;
    }
    for (int i = 0; i < DIST_BLOCK; i++) out[i] = (int32_t)at[i];
}

/* A whole block to read: the row's own, or the last one filled up with `pad`. */
static const float *block_of(const dist *d, const float *x, uint32_t b, float pad, float *room) {
    const uint32_t at = b * DIST_BLOCK, left = d->n - at;
    if (left >= DIST_BLOCK) return x + at;
    memcpy(room, x + at, left * sizeof *x);
    for (uint32_t i = left; i < DIST_BLOCK; i++) room[i] = pad;
    return room;
}

/* ---- the order of tokens, as keys that compare like it ---- */

/* Larger key: earlier in the order. The upper half is the logit as an ordered integer. */
static uint64_t key_of(float x, uint32_t id) {
    const float v = x + 0.0f; /* -0 is 0 */
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    bits = bits >> 31 ? ~bits : bits | 0x80000000u;
    return (uint64_t)bits << 32 | (UINT32_MAX - id);
}

static uint32_t key_id(uint64_t key) { return UINT32_MAX - (uint32_t)key; }

static double key_mass(uint64_t key, const float *weight) {
    return weight ? (double)weight[key_id(key)] : 1.0;
}

static void sort_keys(uint64_t *key, size_t n) {
    for (size_t i = 1; i < n; i++) {
        const uint64_t k = key[i];
        size_t j = i;
        for (; j > 0 && key[j - 1] < k; j--) key[j] = key[j - 1];
        key[j] = k;
    }
}

static int compare_keys(const void *a, const void *b) {
    const uint64_t ka = *(const uint64_t *)a, kb = *(const uint64_t *)b;
    return ka > kb ? -1 : ka < kb;
}

/* Moves the shortest beginning of the order that weighs `target` to the front and returns its
 * length, at least 1; all n if they do not weigh that much. weight NULL: every key weighs 1.
 * Quickselect that goes by mass; the pivots are pseudo-random, so no row is a bad one. */
static size_t select_front(uint64_t *key, size_t n, const float *weight, double target) {
    if (target < DBL_MIN) target = DBL_MIN;
    size_t lo = 0, hi = n;
    double before = 0;
    uint32_t random = 1;
    while (hi - lo > SMALL_SORT) {
        random = random * 1664525u + 1013904223u;
        const size_t at = lo + (size_t)(((uint64_t)random * (hi - lo)) >> 32);
        const uint64_t pivot = key[at];
        key[at] = key[hi - 1];
        size_t mid = lo;
        for (size_t i = lo; i < hi - 1; i++) {
            const uint64_t k = key[i];
            key[i] = key[mid];
            key[mid] = k;
            mid += k > pivot;
        }
        key[hi - 1] = key[mid];
        key[mid] = pivot;

        double mass = 0;
        if (weight)
            for (size_t i = lo; i < mid; i++) mass += (double)weight[key_id(key[i])];
        else
            mass = (double)(mid - lo);
        if (before + mass >= target) {
            hi = mid;
        } else {
            before += mass + key_mass(pivot, weight);
            lo = mid + 1;
            if (before >= target) return lo;
        }
    }
    sort_keys(key + lo, hi - lo);
    while (lo < hi && before < target) before += key_mass(key[lo++], weight);
    return lo;
}

static uint64_t least_key(const uint64_t *key, size_t n) {
    uint64_t least = key[0];
    for (size_t i = 1; i < n; i++) least = key[i] < least ? key[i] : least;
    return least;
}

/* ---- rows ---- */

status dist_init(dist *d, uint32_t n, err *e) {
    const uint32_t n_blocks = n / DIST_BLOCK + (n % DIST_BLOCK != 0);
    *d = (dist){.n = n, .n_blocks = n_blocks};
    d->block_max = malloc(n_blocks * sizeof *d->block_max);
    d->block_sum = malloc(n_blocks * sizeof *d->block_sum);
    d->weight = malloc((size_t)n_blocks * DIST_BLOCK * sizeof *d->weight);
    d->key = malloc(n * sizeof *d->key);
    if (d->block_max && d->block_sum && d->weight && d->key) return OK;
    dist_fini(d);
    return fail(e, E_NOMEM, "sampler: no memory for the weights of %u tokens", n);
}

void dist_fini(dist *d) {
    free(d->block_max);
    free(d->block_sum);
    free(d->weight);
    free(d->key);
    *d = (dist){0};
}

bool dist_scan(dist *d, const float *x) {
    float room[DIST_BLOCK], max = -INFINITY;
    bool finite = true;
    for (uint32_t b = 0; b < d->n_blocks; b++) {
        const float *p = block_of(d, x, b, x[b * DIST_BLOCK], room);
        finite &= scan_block(p, &d->block_max[b]);
        if (d->block_max[b] > max) max = d->block_max[b];
    }
    d->max = max;
    return finite;
}

uint32_t dist_argmax(const dist *d, const float *x) {
    uint32_t b = 0;
    while (b + 1 < d->n_blocks && d->block_max[b] < d->max) b++;
    uint32_t i = b * DIST_BLOCK;
    while (i + 1 < d->n && x[i] < d->max) i++;
    return i;
}

void dist_weigh(dist *d, const float *x, double temperature) {
    const float inverse = (float)(1.0 / temperature);
    float room[DIST_BLOCK];
    d->total = 0;
    for (uint32_t b = 0; b < d->n_blocks; b++) {
        float *w = d->weight + (size_t)b * DIST_BLOCK;
        weigh_block(w, block_of(d, x, b, -INFINITY, room), d->max, inverse);
        d->total += d->block_sum[b] = sum_block(w);
    }
}

/* Keys of the tokens not below `least` to the front of d->key; gives up at `most` of them. */
static size_t collect(dist *d, const float *x, float least, size_t most) {
    size_t n = 0;
    for (uint32_t b = 0; b < d->n_blocks; b++) {
        if (d->block_max[b] < least) continue;
        const uint32_t first = b * DIST_BLOCK;
        const uint32_t end = d->n - first < DIST_BLOCK ? d->n : first + DIST_BLOCK;
        for (uint32_t i = first; i < end; i++) {
            if (!(x[i] >= least)) continue;
            if (n == most) return n;
            d->key[n++] = key_of(x[i], i);
        }
    }
    return n;
}

static double mass_of(const dist *d, size_t n) {
    double mass = 0;
    for (size_t i = 0; i < n; i++) mass += (double)d->weight[key_id(d->key[i])];
    return mass;
}

/* Keys of the first k tokens of the order to the front of d->key, unsorted. There are k tokens not
 * below the k-th best of the block maxima, so only those from there on are looked at. A k beyond
 * the number of blocks looks at all of them, which takes some five times as long. */
static void select_top(dist *d, const float *x, uint32_t k) {
    float least = -INFINITY;
    if (k <= d->n_blocks) {
        for (uint32_t b = 0; b < d->n_blocks; b++) d->key[b] = key_of(d->block_max[b], b);
        least = d->block_max[key_id(least_key(d->key, select_front(d->key, d->n_blocks, NULL, k)))];
    }
    select_front(d->key, collect(d, x, least, d->n), NULL, k);
}

void dist_top(dist *d, const float *x, uint32_t k, uint32_t *out) {
    if (k == 0) return;
    select_top(d, x, k);
    qsort(d->key, k, sizeof *d->key, compare_keys);
    for (uint32_t i = 0; i < k; i++) out[i] = key_id(d->key[i]);
}

/* The last key of the nucleus of a row with many likely tokens.
 *
 * All tokens lighter than (1 - top_p) total / n weigh less than (1 - top_p) total together, so the
 * nucleus lies among the others. Those are weighed in buckets of equal width in the logit, the
 * rest falls into the last bucket; then only the bucket in which the nucleus ends is looked at
 * token by token. Branches on single logits would be mispredicted half of the time (three times
 * slower on rows without a clear winner), and neighbours that add to one bucket would wait for
 * each other: hence ways. */
static uint64_t wide_nucleus_end(dist *d, const float *x, double temperature, double top_p) {
    double mass[BUCKETS + 1][WAYS] = {0};
    float room[DIST_BLOCK];
    int32_t at[DIST_BLOCK];
    const double least = (1 - top_p) * d->total / (double)d->n * 0.99;
    const double span = fmin(-log(least), 88) * temperature;
    const float scale = (float)(BUCKETS / span);
    for (uint32_t b = 0; b < d->n_blocks; b++) {
        const float *w = d->weight + (size_t)b * DIST_BLOCK;
        bucket_block(at, block_of(d, x, b, -INFINITY, room), d->max, scale);
        for (uint32_t i = 0; i < DIST_BLOCK; i++) mass[at[i]][i % WAYS] += (double)w[i];
    }

    const double target = (top_p - SLACK) * d->total;
    double before = 0, last = 0;
    int32_t end = -1;
    for (int32_t k = 0; k <= BUCKETS && (end < 0 || before + last < target); k++) {
        double sum = 0;
        for (uint32_t i = 0; i < WAYS; i++) sum += mass[k][i];
        if (sum <= 0) continue;
        before += last;
        last = sum;
        end = k;
    }
    size_t n = 0;
    for (uint32_t b = 0; b < d->n_blocks; b++) {
        const uint32_t first = b * DIST_BLOCK;
        if ((d->max - d->block_max[b]) * scale >= (float)(end + 1)) continue;
        bucket_block(at, block_of(d, x, b, -INFINITY, room), d->max, scale);
        for (uint32_t i = 0; i < DIST_BLOCK; i++)
            if (at[i] == end && d->weight[first + i] > 0)
                d->key[n++] = key_of(x[first + i], first + i);
    }
    n = select_front(d->key, n, d->weight, target - before);
    return least_key(d->key, n);
}

/* The last key of the nucleus of top_p. Mostly a few tokens within e^-8 of the best are enough. */
static uint64_t nucleus_end(dist *d, const float *x, double temperature, double top_p) {
    const double target = (top_p - SLACK) * d->total;
    const float least = (float)((double)d->max - 8 * temperature);
    size_t n = collect(d, x, least, FEW);
    if (n == FEW || mass_of(d, n) < target) return wide_nucleus_end(d, x, temperature, top_p);
    n = select_front(d->key, n, d->weight, target);
    return least_key(d->key, n);
}

dist_cut dist_find_cut(dist *d, const float *x, double temperature, uint32_t top_k, double top_p,
                       double min_p) {
    dist_cut cut = {-INFINITY, UINT32_MAX};
    if (top_k > 0 && top_k < d->n) {
        select_top(d, x, top_k);
        size_t n = top_k;
        if (top_p < 1) {
            n = select_front(d->key, n, d->weight, (top_p - SLACK) * mass_of(d, n));
        }
        cut.id = key_id(least_key(d->key, n));
        cut.x = x[cut.id];
    } else if (top_p < 1) {
        cut.id = key_id(nucleus_end(d, x, temperature, top_p));
        cut.x = x[cut.id];
    }
    if (min_p > 0) {
        const float least = (float)((double)d->max + temperature * (log(min_p) - SLACK));
        if (least > cut.x) cut = (dist_cut){least, UINT32_MAX};
    }
    return cut;
}

void dist_apply_cut(dist *d, const float *x, dist_cut cut) {
    if (!(cut.x > -INFINITY)) return;
    const float above = nextafterf(cut.x, INFINITY);
    float room[DIST_BLOCK];
    d->total = 0;
    for (uint32_t b = 0; b < d->n_blocks; b++) {
        d->block_sum[b] = 0;
        if (d->block_max[b] < cut.x) continue;
        const uint32_t first = b * DIST_BLOCK;
        const float *p = block_of(d, x, b, -INFINITY, room);
        float *w = d->weight + first;
        if (cut.id < first || cut.id - first >= DIST_BLOCK) {
            cut_block(w, p, cut.id < first ? above : cut.x);
        } else {
            for (uint32_t i = 0; i < DIST_BLOCK; i++)
                if (!(p[i] >= (first + i <= cut.id ? cut.x : above))) w[i] = 0;
        }
        d->total += d->block_sum[b] = sum_block(w);
    }
}

/* Rounding may leave the fraction just behind the last block, or behind the last token of its
 * block: then that last one with a weight is meant. */
uint32_t dist_draw(const dist *d, double u) {
    double left = u * d->total;
    uint32_t b = 0, block = 0;
    for (; b < d->n_blocks; b++) {
        if (d->block_sum[b] <= 0) continue;
        block = b;
        if (left < d->block_sum[b]) break;
        left -= d->block_sum[b];
    }
    const float *w = d->weight + (size_t)block * DIST_BLOCK;
    uint32_t token = 0;
    for (uint32_t i = 0; i < DIST_BLOCK; i++) {
        if (w[i] <= 0) continue;
        token = i;
        left -= (double)w[i];
        if (left < 0 && b < d->n_blocks) break;
    }
    return block * DIST_BLOCK + token;
}
