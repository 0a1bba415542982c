/* layouts: one random model as every layout of files has it, and what it computes; for tests.
 *
 *     REQUIRE(enter());                       `dir` is a fresh folder, at("x") a name in it
 *     const edit base = beside(RANDOM_F32);   and behind(&base), joined(&base, room, sizeof room)
 *     edit_write(&base, at("base.gguf"));     or write_shards(&base)
 *     run(&want, at("base.gguf"), NULL, true, true);
 *     check_run(&want, "what", path, side, true);
 *     leave();
 */
#ifndef DS4_TESTS_LAYOUTS_H
#define DS4_TESTS_LAYOUTS_H

#include <sys/stat.h>

#include "base/test.h"
#include "model/edit_test.h"

#include "engine/session.h"

enum { TOKENS = 45, BATCH = 16 }; /* more than a window, several windows of each compressor */

static char dir[64];

static inline const char *at(const char *name) {
    static char path[4][200];
    static int turn;
    char *p = path[turn = (turn + 1) % 4];
    snprintf(p, sizeof path[0], "%s/%s", dir, name);
    return p;
}

static inline bool enter(void) {
    snprintf(dir, sizeof dir, "/tmp/ds4-layouts-XXXXXX");
    return mkdtemp(dir) != NULL;
}

static inline void leave(void) {
    char command[100];
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    CHECK(system(command) == 0);
}

/* ------------------------------------------------------------------ what a model computes */

typedef struct result {
    float *logits, *draft; /* [TOKENS][vocab]; row 0 of draft is not there */
    uint32_t vocab;
} result;

static inline void result_free(result *r) {
    free(r->logits);
    free(r->draft);
    *r = (result){0};
}

static inline status step(result *r, engine *en, session *s, uint32_t first, uint32_t n, err *e) {
    row rows[BATCH];
    for (uint32_t i = 0; i < n; i++)
        rows[i] = (row){s, (int32_t)((first + i) * 37 % r->vocab), true};
    const status st = engine_step(en, rows, n, e);
    for (uint32_t i = 0; i < n && st == OK; i++) {
        const size_t to = (size_t)(first + i) * r->vocab, bytes = r->vocab * sizeof(float);
        const float *draft = engine_draft_logits(en, i);
        memcpy(r->logits + to, engine_logits(en, i), bytes);
        if (draft) memcpy(r->draft + to, draft, bytes);
        edit_must(!r->draft || (draft != NULL) == (first + i > 0));
    }
    return st;
}

/* With the draft block if `draft`. False, said on stderr, if anything fails. */
static inline bool run(result *r, const char *path, const char *side, bool exact, bool draft) {
    model *m = NULL;
    engine *en = NULL;
    session *s = NULL;
    err e = {0};
    const engine_options o = {
        .threads = 2, .batch = BATCH, .context = 256, .exact = exact, .draft = draft};
    status st = model_open(&m, path, side, &e);
    if (st == OK) st = engine_open(&en, m, &o, &e);
    if (st == OK) st = session_new(&s, en, &e);
    if (st == OK) {
        r->vocab = model_shape(m)->n_vocab;
        r->logits = calloc((size_t)TOKENS * r->vocab, sizeof(float));
        r->draft = draft ? calloc((size_t)TOKENS * r->vocab, sizeof(float)) : NULL;
    }
    for (uint32_t i = 0; i < TOKENS && st == OK; i += BATCH)
        st = step(r, en, s, i, TOKENS - i < BATCH ? TOKENS - i : BATCH, &e);
    if (st != OK) fprintf(stderr, "%s\n", e.text);
    session_free(s);
    engine_close(en);
    model_close(m);
    return st == OK;
}

static inline bool same(const float *a, const float *b, uint32_t vocab) {
    return a && b && memcmp(a, b, (size_t)TOKENS * vocab * sizeof *a) == 0;
}

/* The file gives the logits of `want`, and the draft's where want has them. */
static inline void check_run(const result *want, const char *what, const char *path, const char *side,
                      bool exact) {
    result r = {0};
    const bool ran = run(&r, path, side, exact, want->draft != NULL);
    CHECK_SAY(ran, "%s", what);
    if (ran) CHECK_SAY(same(r.logits, want->logits, r.vocab), "%s: other logits", what);
    if (ran && want->draft)
        CHECK_SAY(same(r.draft, want->draft, r.vocab), "%s: other draft logits", what);
    result_free(&r);
}

/* ------------------------------------------------------------------ the layouts */

static inline void take_from(edit *x, const char *name, const char *from) {
    edit_tensor *t = edit_tensor_of(x, name);
    const edit_tensor *f = edit_tensor_of(x, from);
    edit_must(t && f && t->bytes == f->bytes && t->type == f->type);
    t->data = f->data;
}

static inline edit beside(random_recipe recipe) {
    random_spec spec = {.shape = random_small_shape(), .recipe = recipe, .draft = true, .seed = 11};
    shape *s = &spec.shape;
    s->n_vocab = 60, s->d_model = 64, s->ff_dim = 64, s->n_experts = 6, s->head_dim = 32,
    s->window = 16, s->ix_top_k = 4;
    static const uint32_t ratios[] = {0, 4, 8, 4, 16, 0};
    memcpy(s->ratio, ratios, sizeof ratios);
    edit x;
    edit_random(&x, &spec);
    take_from(&x, "mtp.0.hc_head_fn.weight", "output_hc_fn.weight");
    take_from(&x, "mtp.0.hc_head_base.weight", "output_hc_base.weight");
    take_from(&x, "mtp.0.hc_head_scale.weight", "output_hc_scale.weight");
    return x;
}

/* `block_count` as one of the two families of files has it: with a list for each layer, longer by
 * the draft block's. */
static inline edit behind(const edit *from) {
    static const char *const own[] = {"e_proj.weight", "h_proj.weight", "enorm.weight",
                                      "hnorm.weight"};
    edit x = *from;
    edit_u32(&x, "deepseek4.block_count", 6);
    edit_array(&x, "deepseek4.attention.compress_ratios", GGUF_I32,
               (const double[]){0, 4, 8, 4, 16, 0}, 6);
    edit_drop_tensor(&x, "mtp.0.hc_head_fn.weight");
    edit_drop_tensor(&x, "mtp.0.hc_head_base.weight");
    edit_drop_tensor(&x, "mtp.0.hc_head_scale.weight");
    edit_rename(&x, "mtp.0.norm.weight", "blk.5.nextn.shared_head_norm.weight");
    for (uint32_t i = 0; i < x.n_tensors; i++) {
        char *name = x.tensors[i].name, changed[EDIT_NAME * 2];
        bool is_own = false;
        if (strncmp(name, "mtp.0.", 6) != 0) continue;
        for (size_t k = 0; k < 4; k++) is_own |= strcmp(name + 6, own[k]) == 0;
        snprintf(changed, sizeof changed, "blk.5.%s%s", is_own ? "nextn." : "", name + 6);
        edit_must(strlen(changed) < EDIT_NAME);
        strcpy(name, changed);
    }
    return x;
}

/* Rows of e_proj, each followed by that of h_proj. `room` holds them. */
static inline edit joined(const edit *from, uint8_t *room, size_t cap) {
    edit x = behind(from);
    const edit_tensor e = *edit_tensor_of(&x, "blk.5.nextn.e_proj.weight"),
                      h = *edit_tensor_of(&x, "blk.5.nextn.h_proj.weight");
    const size_t n = (size_t)(e.bytes / e.ne[1]);
    edit_must(e.type == h.type && 2 * e.bytes <= cap);
    for (size_t r = 0; r < e.ne[1]; r++) {
        memcpy(room + 2 * r * n, (const uint8_t *)e.data + r * n, n);
        memcpy(room + (2 * r + 1) * n, (const uint8_t *)h.data + r * n, n);
    }
    edit_drop_tensor(&x, "blk.5.nextn.e_proj.weight");
    edit_drop_tensor(&x, "blk.5.nextn.h_proj.weight");
    edit_add_tensor(&x, "blk.5.nextn.eh_proj.weight", (quant_id)e.type, 2,
                    (const uint64_t[]){2 * e.ne[0], e.ne[1]}, room);
    return x;
}

static inline const char *shard_path(uint32_t i) {
    char name[40];
    snprintf(name, sizeof name, "part-%05u-of-00003.gguf", i + 1);
    return at(name);
}

static inline void write_shards(const edit *whole) {
    for (uint32_t i = 0; i < 3; i++) {
        edit x = *whole;
        const uint32_t from = whole->n_tensors * i / 3, to = whole->n_tensors * (i + 1) / 3;
        memmove(x.tensors, x.tensors + from, (to - from) * sizeof *x.tensors);
        x.n_tensors = to - from;
        if (i > 0) x.n_keys = 0;
        edit_whole(&x, "split.no", GGUF_U16, i);
        edit_whole(&x, "split.count", GGUF_U16, 3);
        edit_whole(&x, "split.tensors.count", GGUF_I32, whole->n_tensors);
        edit_write(&x, shard_path(i));
    }
}

#endif
