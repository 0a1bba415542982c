/* What a collector says about a random model whose every activation also passes by a second observer. */
#include "apps/measure/collector.h"

#include <unistd.h>

#include "base/test.h"
#include "engine/session.h"
#include "model/random.h"

enum { TOKENS = 192, IN = 7 };

typedef struct rig {
    char path[64];
    model *m;
    collector *sums;
    engine *en;
    err e;
} rig;

static bool rig_open(rig *g, uint32_t at_once, uint32_t threads, bool draft) {
    const random_spec spec = {.shape = random_small_shape(), .recipe = RANDOM_F32, .draft = true, .seed = 5};
    *g = (rig){.path = "/tmp/ds4-collector-XXXXXX"};
    const int fd = mkstemp(g->path);
    if (fd < 0) return false;
    close(fd);
    bool ok = random_model_write(g->path, &spec, &g->e) == OK && model_open(&g->m, g->path, NULL, &g->e) == OK &&
              collector_new(&g->sums, g->m, &g->e) == OK;
    if (!ok) return false;
    const engine_options o = {.backend = "cpu", .threads = threads, .batch = at_once, .context = 1024, .draft = draft,
                              .watch = collector_observer(g->sums)};
    return engine_open(&g->en, g->m, &o, &g->e) == OK;
}

static void rig_close(rig *g) {
    engine_close(g->en);
    collector_free(g->sums);
    model_close(g->m);
    unlink(g->path);
}

static bool feed(rig *g, uint32_t first, uint32_t n) {
    int32_t ids[TOKENS];
    session *s = NULL;
    for (uint32_t i = 0; i < n; i++) ids[i] = (int32_t)((first + i) * 2654435761u >> 20) % 512;
    const bool ok = session_new(&s, g->en, &g->e) == OK && session_feed(s, ids, n, NULL, &g->e) == OK;
    session_free(s);
    return ok && collector_check(g->sums, &g->e) == OK;
}

static double total(const float *x, uint64_t n) {
    double sum = 0;
    for (uint64_t i = 0; i < n; i++) sum += (double)x[i];
    return sum;
}

static double furthest(const imatrix *a, const imatrix *b) {
    double worst = a->n == b->n ? 0 : INFINITY;
    for (size_t i = 0; i < a->n && worst < 1; i++) {
        const imatrix_entry *x = &a->entries[i], *y = &b->entries[i];
        if (strcmp(x->name, y->name) != 0) return INFINITY;
        /* Rows beside one with a choice to make are scored too, and the head collapses all rows of a step. */
        if (strstr(x->name, "indexer.") || strstr(x->name, "output_hc")) continue;
        for (uint64_t k = 0; k < x->n_mats; k++) worst = fmax(worst, fabs((double)x->counts[k] - (double)y->counts[k]));
        for (uint64_t k = 0; k < x->n_mats * x->n_cols; k++)
            worst = fmax(worst, fabs((double)x->sums[k] - (double)y->sums[k]) / (1e-9 + fabs((double)x->sums[k])));
    }
    return worst;
}

TEST(each_token_meets_each_matrix_once_and_as_many_experts_as_are_used) {
    rig g;
    imatrix im = {0};
    REQUIRE(rig_open(&g, 64, 2, true) && feed(&g, 0, TOKENS) && collector_drain(g.sums, &im, &g.e) == OK);
    const shape *s = model_shape(g.m);
    for (size_t i = 0; i < im.n; i++) {
        const imatrix_entry *x = &im.entries[i];
        const bool draft = strncmp(x->name, "mtp.", 4) == 0, experts = strstr(x->name, "_exps") != NULL;
        const bool groups = strstr(x->name, "attn_output_a") != NULL;
        const double rows = draft ? TOKENS - 1 : TOKENS, met = total(x->counts, x->n_mats);
        if (strcmp(x->name, "output.weight") == 0 || strstr(x->name, "hc_head") || strstr(x->name, "output_hc")) continue;
        if (strstr(x->name, "indexer.")) continue; /* only where there is a choice to make */
        if (strstr(x->name, "h_proj")) continue;   /* one row for each stream */
        const double want = experts ? rows * s->n_used : groups ? rows * s->o_groups : rows;
        CHECK_SAY(met == want, "%s: %.0f rows, expected %.0f", x->name, met, want);
        CHECK_SAY(total(x->sums, x->n_mats * x->n_cols) > 0, "%s", x->name);
    }
    const imatrix_entry *q = imatrix_find(&im, "blk.1.attn_q_a.weight"), *kv = imatrix_find(&im, "blk.1.attn_kv.weight");
    REQUIRE(q && kv && q->n_cols == kv->n_cols);
    CHECK(memcmp(q->sums, kv->sums, q->n_cols * sizeof *q->sums) == 0); /* the same input */
    CHECK(!imatrix_find(&im, "token_embd.weight") && !imatrix_find(&im, "blk.1.attn_norm.weight"));
    const imatrix_entry *head = imatrix_find(&im, "output.weight");
    CHECK(head && head->counts[0] >= 1);
    imatrix_free(&im);
    rig_close(&g);
}

TEST(the_draft_block_is_met_only_when_it_runs) {
    rig g;
    imatrix im = {0};
    uint32_t met, all;
    REQUIRE(rig_open(&g, 64, 2, false) && feed(&g, 0, 64) && collector_drain(g.sums, &im, &g.e) == OK);
    for (size_t i = 0; i < im.n; i++) CHECK(strncmp(im.entries[i].name, "mtp.", 4) != 0);
    collector_count(g.sums, &met, &all);
    CHECK(met == im.n && all > met);
    imatrix_free(&im);
    rig_close(&g);
}

TEST(neither_batches_nor_threads_change_what_is_measured) {
    rig a, b;
    imatrix x = {0}, y = {0};
    REQUIRE(rig_open(&a, 1, 1, false) && feed(&a, 0, TOKENS) && collector_drain(a.sums, &x, &a.e) == OK);
    REQUIRE(rig_open(&b, 128, 3, false) && feed(&b, 0, TOKENS) && collector_drain(b.sums, &y, &b.e) == OK);
    CHECK_SAY(furthest(&x, &y) < 1e-6, "%g", furthest(&x, &y));
    imatrix_free(&x), imatrix_free(&y);
    rig_close(&a), rig_close(&b);
}

TEST(two_halves_merged_are_the_whole_and_a_file_keeps_it) {
    rig a, b, whole;
    imatrix x = {0}, y = {0}, z = {0}, back = {0};
    char path[] = "/tmp/ds4-collected-XXXXXX";
    const int fd = mkstemp(path);
    REQUIRE(fd >= 0);
    close(fd);
    REQUIRE(rig_open(&a, 64, 2, false) && feed(&a, 0, 90) && collector_drain(a.sums, &x, &a.e) == OK);
    REQUIRE(rig_open(&b, 64, 2, false) && feed(&b, 500, 80) && collector_drain(b.sums, &y, &b.e) == OK);
    REQUIRE(rig_open(&whole, 64, 2, false) && feed(&whole, 0, 90) && feed(&whole, 500, 80));
    REQUIRE(collector_drain(whole.sums, &z, &whole.e) == OK && imatrix_merge(&x, &y, &a.e) == OK);
    CHECK_SAY(furthest(&x, &z) < 1e-6, "%g", furthest(&x, &z));
    CHECK(imatrix_write(&z, path, IMATRIX_GGUF, &a.e) == OK && imatrix_read(&back, path, &a.e) == OK);
    CHECK(furthest(&z, &back) == 0);
    unlink(path);
    imatrix_free(&x), imatrix_free(&y), imatrix_free(&z), imatrix_free(&back);
    rig_close(&a), rig_close(&b), rig_close(&whole);
}

/* The sum of squares by the plainest means: what passes by, row for row. */
typedef struct plain {
    const matrix *w;
    double sum[IN];
    uint32_t rows;
} plain;

static void see_one(void *self, const matrix *w, uint32_t plane, const float *x, size_t stride, const uint32_t *rows,
                    uint32_t n) {
    plain *p = self;
    if (w != p->w || plane != 0) return;
    for (uint32_t r = 0; r < n; r++)
        for (uint32_t i = 0; i < IN; i++) {
            const float v = x[(rows ? rows[r] : r) * stride + i];
            p->sum[i] += (double)v * (double)v;
        }
    p->rows += n;
}

TEST(the_sums_are_those_of_the_rows_that_pass_by) {
    rig g;
    imatrix im = {0};
    REQUIRE(rig_open(&g, 64, 2, false) && feed(&g, 0, TOKENS) && collector_drain(g.sums, &im, &g.e) == OK);
    engine *second;
    plain p = {.w = &model_weights(g.m)->layers[2].routed.down};
    const engine_options o = {.backend = "cpu", .threads = 1, .batch = 32, .context = 1024, .watch = {see_one, &p}};
    engine *first = g.en;
    REQUIRE(engine_open(&second, g.m, &o, &g.e) == OK);
    g.en = second;
    REQUIRE(feed(&g, 0, TOKENS));
    const imatrix_entry *x = imatrix_find(&im, "blk.2.ffn_down_exps.weight");
    REQUIRE(x && x->n_mats == model_shape(g.m)->n_experts);
    CHECK(p.rows > 0 && (double)x->counts[0] == p.rows);
    for (int i = 0; i < IN; i++)
        CHECK_SAY(fabs((double)x->sums[i] - p.sum[i]) <= 1e-6 * p.sum[i], "column %d: %g and %g", i,
                  (double)x->sums[i], p.sum[i]);
    engine_close(second);
    g.en = first;
    imatrix_free(&im);
    rig_close(&g);
}

TESTS_MAIN
