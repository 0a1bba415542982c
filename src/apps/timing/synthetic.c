/* synthetic.c: the spec, the list of tensors, pools of weights, and threads that fill the image
 * with them. */
#include "apps/timing/synthetic.h"

#include <inttypes.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps/quantizer/recipe.h"
#include "base/cores.h"
#include "base/cores.h"
#include "base/pool.h"
#include "model/random.h"
#include "quant/quantize.h"

/* The quantiser's recipes by their recipe_id, then types for every matrix. */
enum { ONE_TYPE = RECIPE_NONE };
const char *const synthetic_recipes[] = {"q2",  "q2-q4", "q4",   "q8", "mxfp4",
                                         "f32", "f16",   "bf16", NULL};
static const quant_id one_type[] = {Q_F32, Q_F16, Q_BF16};

/* ------------------------------------------------------------------ the spec */

static shape flash_shape(uint32_t n_layers) {
    shape s = {
        .n_layers = n_layers,
        .n_vocab = 129280,
        .d_model = 4096,
        .n_heads = 64,
        .head_dim = 512,
        .rope_dim = 64,
        .q_rank = 1024,
        .o_groups = 8,
        .o_rank = 1024,
        .window = 128,
        .ix_heads = 64,
        .ix_dim = 128,
        .ix_top_k = 512,
        .n_experts = 256,
        .n_used = 6,
        .n_shared = 1,
        .ff_dim = 2048,
        .n_hash_layers = 3,
        .n_streams = 4,
        .sinkhorn_rounds = 20,
        .context = 1048576,
        .route_scale = 1.5f,
        .route_norm = true,
        .norm_eps = 1e-6f,
        .hc_eps = 1e-6f,
        .rope_base = 10000,
        .rope_base_compressed = 160000,
        .yarn_factor = 16,
        .yarn_beta_fast = 32,
        .yarn_beta_slow = 1,
        .yarn_context = 65536,
    };
    for (uint32_t l = 2; l < n_layers; l++)
        s.ratio[l] = l % 2 ? 128 : 4; /* the first two see their window only */
    for (uint32_t l = 0; l <= n_layers; l++) s.clamp_routed[l] = s.clamp_shared[l] = 10;
    return s;
}

enum { FLASH_LAYERS = 43, MOST_LAYERS = 64, MOST_EXPERTS = 4096, MOST_VOCAB = 1 << 20 };

static status number_of(uint64_t *out, const char *text, const char *key, const char *value,
                        uint64_t least, uint64_t most, err *e) {
    uint64_t v = 0;
    bool good = *value != 0;
    for (const char *p = value; *p && good; p++) {
        good = *p >= '0' && *p <= '9' && v <= (UINT64_MAX - 9) / 10;
        if (good) v = v * 10 + (uint64_t)(*p - '0');
    }
    if (!good || v < least || v > most)
        return fail(e, E_USAGE,
                    "--synthetic %s: %s=%s: a whole number from %" PRIu64 " to %" PRIu64
                    " is expected",
                    text, key, value, least, most);
    *out = v;
    return OK;
}

static status recipe_of(int *out, const char *text, const char *value, err *e) {
    for (int i = 0; synthetic_recipes[i]; i++)
        if (strcmp(value, synthetic_recipes[i]) == 0) {
            *out = i;
            return OK;
        }
    return fail(
        e, E_USAGE,
        "--synthetic %s: there is no recipe '%s': q2, q2-q4, q4, q8, mxfp4, f32, f16 or bf16", text,
        value);
}

/* What the keys say, before it becomes a shape. */
typedef struct wishes {
    uint64_t layers, experts, vocab, seed;
    int recipe;
} wishes;

static status take_wish(wishes *w, const char *text, const char *key, const char *value, err *e) {
    if (strcmp(key, "layers") == 0)
        return number_of(&w->layers, text, key, value, 1, MOST_LAYERS, e);
    if (strcmp(key, "experts") == 0)
        return number_of(&w->experts, text, key, value, 1, MOST_EXPERTS, e);
    if (strcmp(key, "vocab") == 0) return number_of(&w->vocab, text, key, value, 1, MOST_VOCAB, e);
    if (strcmp(key, "seed") == 0) return number_of(&w->seed, text, key, value, 0, UINT32_MAX, e);
    if (strcmp(key, "recipe") == 0) return recipe_of(&w->recipe, text, value, e);
    return fail(
        e, E_USAGE,
        "--synthetic %s: there is no '%s': layers, experts, vocab, recipe and seed can be given",
        text, key);
}

static status take_wishes(wishes *w, const char *text, const char *rest, err *e) {
    char part[64];
    status st = OK;
    while (*rest && st == OK) {
        const size_t n = strcspn(rest, ",");
        if (n >= sizeof part)
            return fail(e, E_USAGE, "--synthetic %s: '%.40s...' is too long", text, rest);
        memcpy(part, rest, n);
        part[n] = 0;
        rest += n + (rest[n] == ',');
        char *eq = strchr(part, '=');
        if (!eq) return fail(e, E_USAGE, "--synthetic %s: '%s' is not KEY=VALUE", text, part);
        *eq = 0;
        st = take_wish(w, text, part, eq + 1, e);
    }
    return st;
}

status synthetic_parse(synthetic_spec *out, const char *text, err *e) {
    const size_t n = strcspn(text, ":");
    const bool flash = n == 5 && memcmp(text, "flash", 5) == 0,
               small = n == 5 && memcmp(text, "small", 5) == 0;
    if (!flash && !small)
        return fail(e, E_USAGE,
                    "--synthetic %s: expected flash or small, perhaps with more, as in "
                    "flash:layers=5,recipe=q4",
                    text);
    shape s = flash ? flash_shape(FLASH_LAYERS) : random_small_shape();
    wishes w = {.layers = s.n_layers, .experts = s.n_experts, .vocab = s.n_vocab};
    const status st = take_wishes(&w, text, text + n + (text[n] == ':'), e);
    if (st != OK) return st;
    if (flash) {
        s = flash_shape((uint32_t)w.layers);
    } else {
        const shape five = s;
        for (uint32_t l = 0; l <= w.layers; l++) {
            s.ratio[l] = l < w.layers ? five.ratio[l % five.n_layers] : 0;
            s.clamp_routed[l] = s.clamp_shared[l] = 10;
        }
        s.n_layers = (uint32_t)w.layers;
    }
    s.n_experts = (uint32_t)w.experts;
    s.n_vocab = (uint32_t)w.vocab;
    if (s.n_used > s.n_experts) s.n_used = s.n_experts;
    if (s.n_hash_layers > s.n_layers) s.n_hash_layers = s.n_layers;
    *out = (synthetic_spec){.shape = s, .recipe = w.recipe, .seed = w.seed};
    snprintf(out->name, sizeof out->name,
             "%s:layers=%u,experts=%u,vocab=%u,recipe=%s,seed=%" PRIu64, flash ? "flash" : "small",
             s.n_layers, s.n_experts, s.n_vocab, synthetic_recipes[w.recipe], w.seed);
    return OK;
}

/* ------------------------------------------------------------------ the list of tensors */

typedef struct tensor {
    const quant_type *type;
    tensor_role role;
    float mean, deviation;
    uint64_t cols, rows, row_bytes, at; /* in the image's data */
    uint32_t pool;                      /* of matrices         */
} tensor;

typedef struct listing {
    const synthetic_spec *s;
    gguf_writer *w; /* NULL: only counted */
    tensor *all;    /* NULL: only counted */
    uint32_t n;
    uint64_t bytes, data_bytes; /* of the tensors; with what aligns them */
} listing;

static quant_id type_of(const synthetic_spec *s, const char *name, tensor_role role,
                        const uint64_t ne[3]) {
    const bool vector = role == TENSOR_VECTOR && ne[1] == 1;
    if (role == TENSOR_IDS) return Q_I32;
    if (vector) return Q_F32;
    if (s->recipe >= ONE_TYPE) return one_type[s->recipe - ONE_TYPE];
    const recipe_place place = recipe_place_of(name, vector, s->shape.n_layers);
    return recipe_fit(recipe_type((recipe_id)s->recipe, &place, s->shape.n_layers, Q_F16), ne[0]);
}

static bool has(const char *name, const char *part) {
    return strstr(name, part) != NULL;
}

/* Inputs have about size 1, so a deviation of 1/sqrt(columns) keeps it. What joins the streams
 * again is a quarter of that; choices (router, indexer, mixing) are spread enough to be clear and
 * not so much that a few take all. */
static void size_of(const char *name, tensor_role role, const uint64_t ne[3], float *mean,
                    float *deviation) {
    *mean = 0;
    *deviation = (float)(1 / sqrt((double)ne[0]));
    if (has(name, "attn_output_b") || has(name, "ffn_down")) *deviation *= 0.25f;
    if (has(name, "hc_")) *deviation *= 0.75f;
    if (has(name, "token_embd")) *deviation = 0.6f;
    if (role != TENSOR_VECTOR) return;
    *deviation = 0.05f;
    if (has(name, "norm") || has(name, "scale")) *mean = 1;
    if (has(name, "base") || has(name, "sinks")) *deviation = 0.3f;
    if (has(name, "exp_probs_b")) *deviation = 0.005f;
}

static status list_tensor(void *ctx, const char *name, tensor_role role, const uint64_t ne[3]) {
    listing *l = ctx;
    const quant_id id = type_of(l->s, name, role, ne);
    tensor t = {.type = quant_find(id), .role = role, .cols = ne[0], .rows = ne[1] * ne[2]};
    quant_bytes(t.type, ne[0], &t.row_bytes);
    size_of(name, role, ne, &t.mean, &t.deviation);
    t.at = (l->data_bytes + 31) & ~(uint64_t)31;
    l->bytes += t.row_bytes * t.rows;
    l->data_bytes = t.at + t.row_bytes * t.rows;
    if (l->w)
        gguf_declare(l->w, name, id,
                     ne[2] > 1 || has(name, "_exps")       ? 3
                     : role == TENSOR_VECTOR && ne[1] == 1 ? 1
                                                           : 2,
                     ne);
    if (l->all) l->all[l->n] = t;
    l->n++;
    return OK;
}

uint64_t synthetic_bytes(const synthetic_spec *s, uint32_t *n_tensors) {
    listing l = {.s = s};
    weights_each(&s->shape, false, list_tensor, &l);
    if (n_tensors) *n_tensors = l.n;
    return l.bytes;
}

status synthetic_fits(const synthetic_spec *s, uint64_t memory, uint64_t reserve, err *e) {
    const uint64_t bytes = synthetic_bytes(s, NULL), room = memory > reserve ? memory - reserve : 0;
    if (!memory || bytes <= room) return OK;
    synthetic_spec less = *s;
    while (less.shape.n_layers > 1 && synthetic_bytes(&less, NULL) > room) less.shape.n_layers--;
    char advice[80] = "use fewer experts (experts=N)";
    if (synthetic_bytes(&less, NULL) <= room)
        snprintf(advice, sizeof advice, "layers=%u would fit", less.shape.n_layers);
    return fail(e, E_NOMEM,
                "--synthetic %s: %.1f GiB of weights and %.1f GiB for the rest, %.1f GiB of memory "
                "are free: %s",
                s->name, (double)bytes / 0x1p30, (double)reserve / 0x1p30, (double)memory / 0x1p30,
                advice);
}

/* ------------------------------------------------------------------ filling it */

/* splitmix64: the next number. */
static uint64_t next_u64(uint64_t *state) {
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* Nearly normal, deviation 1: the sum of four 16-bit uniforms. */
static float next_normal(uint64_t *state) {
    const uint64_t v = next_u64(state);
    const double sum = (double)(v & 0xffff) + (double)(v >> 16 & 0xffff) +
                       (double)(v >> 32 & 0xffff) + (double)(v >> 48);
    return (float)((sum / 65535 - 2) * 1.7320508);
}

/* A run is 256 values, whole blocks of any type. Rows are strung together from runs of their pool;
 * the last may be cut. A thousand of them: with 16 runs a row no two rows are alike, and the pool
 * stays in the second cache. */
enum { RUN = 256, RUNS = 1024, POOLS = 64, PIECE_BYTES = 4 << 20 };

typedef struct pool_of {
    quant_id id;
    float mean, deviation;
    uint64_t run_bytes;
    uint8_t *runs;
} pool_of;

typedef struct piece {
    uint32_t tensor;
    uint64_t first, n; /* rows */
} piece;

struct synthetic {
    uint8_t *image;
    model *m;
};

typedef struct maker {
    const synthetic_spec *s;
    const control *c;
    uint8_t *data; /* of the image, behind its head */
    tensor *tensors;
    piece *pieces;
    size_t n_pieces;
    pool_of pools[POOLS];
    uint32_t n_pools;
    uint32_t filling; /* this one, with quantised numbers */
    _Atomic uint64_t done;
    atomic_bool stopped;
} maker;

static bool is_stopped(maker *k) {
    if (!atomic_load(&k->stopped) && k->c && k->c->stop && k->c->stop(k->c->self))
        atomic_store(&k->stopped, true);
    return atomic_load(&k->stopped);
}

static void fill_runs(void *ctx, size_t begin, size_t end, uint32_t thread) {
    (void)thread;
    maker *k = ctx;
    const pool_of *p = &k->pools[k->filling];
    const quantize_fn quantize = quantize_for(p->id);
    float v[RUN];
    for (size_t i = begin; i < end && !is_stopped(k); i++) {
        uint64_t rng = (k->s->seed << 32) + ((uint64_t)k->filling << 16) + i;
        next_u64(&rng);
        for (int j = 0; j < RUN; j++) v[j] = p->mean + p->deviation * next_normal(&rng);
        if (p->id == Q_F32)
            memcpy(p->runs + i * p->run_bytes, v, sizeof v);
        else
            quantize(v, NULL, p->runs + i * p->run_bytes, RUN);
    }
}

static void fill_ids(const shape *s, uint8_t *to, uint64_t *rng) {
    int32_t id[256];
    for (uint32_t i = 0; i < s->n_used; i++) {
        bool taken = true;
        while (taken) {
            taken = false;
            id[i] = (int32_t)(next_u64(rng) % s->n_experts);
            for (uint32_t j = 0; j < i; j++) taken |= id[j] == id[i];
        }
    }
    memcpy(to, id, s->n_used * sizeof *id);
}

static void fill_piece(maker *k, const piece *p) {
    const tensor *t = &k->tensors[p->tensor];
    uint64_t rng = (k->s->seed << 32) ^ ((uint64_t)p->tensor << 40) ^ p->first;
    next_u64(&rng);
    for (uint64_t r = p->first; r < p->first + p->n; r++) {
        uint8_t *to = k->data + t->at + r * t->row_bytes;
        if (t->role == TENSOR_IDS) {
            fill_ids(&k->s->shape, to, &rng);
            continue;
        }
        const pool_of *from = &k->pools[t->pool];
        for (uint64_t at = 0; at < t->row_bytes; at += from->run_bytes) {
            const uint64_t left = t->row_bytes - at;
            memcpy(to + at, from->runs + (next_u64(&rng) % RUNS) * from->run_bytes,
                   left < from->run_bytes ? left : from->run_bytes);
        }
    }
}

static void fill_pieces(void *ctx, size_t begin, size_t end, uint32_t thread) {
    maker *k = ctx;
    for (size_t i = begin; i < end && !is_stopped(k); i++) {
        const piece *p = &k->pieces[i];
        fill_piece(k, p);
        const uint64_t done = atomic_fetch_add(&k->done, p->n * k->tensors[p->tensor].row_bytes);
        if (thread == 0 && k->c && k->c->progress)
            k->c->progress(k->c->self, (uint32_t)(done >> 20),
                           (uint32_t)(synthetic_bytes(k->s, NULL) >> 20));
    }
}

/* ------------------------------------------------------------------ the whole */

/* The pool that a tensor's runs come from, made when it is the first of its kind. */
static status choose_pool(maker *k, pool *threads, tensor *t, err *e) {
    for (t->pool = 0; t->pool < k->n_pools; t->pool++) {
        const pool_of *p = &k->pools[t->pool];
        if (p->id == t->type->id && p->mean == t->mean && p->deviation == t->deviation) return OK;
    }
    if (k->n_pools == POOLS)
        return fail(e, E_LIMIT, "--synthetic %s: more than %d kinds of weights", k->s->name, POOLS);
    pool_of *p = &k->pools[k->n_pools];
    *p = (pool_of){.id = t->type->id, .mean = t->mean, .deviation = t->deviation};
    quant_bytes(t->type, RUN, &p->run_bytes);
    p->runs = malloc(RUNS * p->run_bytes);
    if (!p->runs) return fail(e, E_NOMEM, "out of memory");
    k->filling = k->n_pools++;
    pool_for(threads, RUNS, 16, fill_runs, k);
    return is_stopped(k) ? fail(e, E_CANCELLED, "stopped") : OK;
}

static status cut(maker *k, uint32_t n, err *e) {
    size_t n_pieces = 0;
    for (int pass = 0; pass < 2; pass++) {
        n_pieces = 0;
        for (uint32_t i = 0; i < n; i++) {
            const tensor *t = &k->tensors[i];
            const uint64_t rows = t->row_bytes < PIECE_BYTES ? PIECE_BYTES / t->row_bytes : 1;
            for (uint64_t r = 0; r < t->rows; r += rows, n_pieces++)
                if (pass)
                    k->pieces[n_pieces] = (piece){i, r, t->rows - r < rows ? t->rows - r : rows};
        }
        if (!pass && !(k->pieces = malloc(n_pieces * sizeof *k->pieces)))
            return fail(e, E_NOMEM, "out of memory");
    }
    k->n_pieces = n_pieces;
    return OK;
}

/* The head of the image, and all tensors listed. */
static status describe(const synthetic_spec *s, listing *l, buf *head, err *e) {
    gguf_writer *w = NULL;
    uint32_t n = 0;
    synthetic_bytes(s, &n);
    *l = (listing){.s = s, .all = calloc(n, sizeof *l->all)};
    if (!l->all) return fail(e, E_NOMEM, "out of memory");
    status st = gguf_create_head(&w, s->name, e);
    if (st != OK) return st;
    l->w = w;
    random_keys(w, &s->shape, false);
    weights_each(&s->shape, false, list_tensor, l);
    st = gguf_head(w, head, e);
    gguf_abort(w);
    return st;
}

static status fill(maker *k, uint32_t n_tensors, uint32_t threads, err *e) {
    pool *p = NULL;
    status st = pool_new(&p, threads ? threads : cores_here(), e);
    for (uint32_t i = 0; i < n_tensors && st == OK; i++)
        if (k->tensors[i].role != TENSOR_IDS) st = choose_pool(k, p, &k->tensors[i], e);
    if (st == OK) st = cut(k, n_tensors, e);
    if (st == OK) pool_for(p, k->n_pieces, 1, fill_pieces, k);
    if (st == OK && is_stopped(k)) st = fail(e, E_CANCELLED, "stopped");
    pool_free(p);
    for (uint32_t i = 0; i < k->n_pools; i++) free(k->pools[i].runs);
    free(k->pieces);
    return st;
}

status synthetic_new(synthetic **out, const synthetic_spec *s, uint32_t threads, const control *c,
                     err *e) {
    buf head = {0};
    listing l = {0};
    void *image = NULL;
    synthetic *made = calloc(1, sizeof *made);
    if (!made) return fail(e, E_NOMEM, "out of memory");
    status st = describe(s, &l, &head, e);
    const uint64_t total = head.n + ((l.data_bytes + 31) & ~(uint64_t)31);
    if (st == OK && posix_memalign(&image, 64, (size_t)total) != 0)
        st = fail(e, E_NOMEM, "--synthetic %s: no memory for %.1f GiB of weights", s->name,
                  (double)total / 0x1p30);
    made->image = image;
    if (st == OK) {
        maker k = {.s = s, .c = c, .data = made->image + head.n, .tensors = l.all};
        memcpy(made->image, head.data, head.n);
        st = fill(&k, l.n, threads, e);
    }
    if (st == OK) st = model_open_bytes(&made->m, made->image, total, s->name, e);
    free(l.all);
    buf_free(&head);
    if (st != OK) {
        synthetic_free(made);
        return st;
    }
    *out = made;
    return OK;
}

void synthetic_free(synthetic *s) {
    if (!s) return;
    model_close(s->m);
    free(s->image);
    free(s);
}

const model *synthetic_model(const synthetic *s) {
    return s->m;
}
