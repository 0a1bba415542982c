/* Layer by layer against the references: the residual streams after every layer, inputs and outputs of both sublayers, the
 * input of the head. Drives the stages by hand, as a second backend's conformance test will.
 *
 * The values lie in FOLDER/NAME/hidden.safetensors, where FOLDER is what DS4_GOLDEN names (they are too large for the tree).
 */
#include <unistd.h>

#include "backend/registry.h"
#include "base/json.h"
#include "base/test.h"
#include "hf/safetensors.h"

static char build[256];

typedef struct stage_rig {
    model *m;
    plan p;
    const backend_ops *op;
    backend *b;
    hf_file *hidden;
    int32_t *tokens;
    uint32_t n;
} stage_rig;

/* Largest difference of an activation from its reference, over the largest reference; no such tensor: 0. */
static double off(stage_rig *g, activation a, const char *name, uint32_t width) {
    const hf_tensor *t = hf_file_find(g->hidden, name);
    if (!t) return 0;
    float *want = malloc(t->bytes), *got = malloc(width * sizeof *got);
    memcpy(want, t->data, t->bytes);
    double worst = 0, most = 0;
    for (uint32_t r = 0; r < g->n; r++) {
        g->op->peek(g->b, a, r, got);
        for (uint32_t i = 0; i < width; i++) {
            worst = fmax(worst, fabs((double)got[i] - (double)want[(size_t)r * width + i]));
            most = fmax(most, fabs((double)want[(size_t)r * width + i]));
        }
    }
    free(want);
    free(got);
    return worst / most;
}

static void check_layer(stage_rig *g, uint32_t i) {
    const layer *l = &g->p.layers[i];
    const uint32_t d = g->p.shape->d_model;
    char name[64];
    g->op->attn_in(g->b, l);
    snprintf(name, sizeof name, "layers.%u.attn_in", i);
    CHECK_SAY(off(g, ACT_INPUT, name, d) < 1e-4, "%s", name);
    if (l->ratio) g->op->compress(g->b, l);
    if (l->ratio == 4) g->op->select(g->b, l);
    g->op->attend(g->b, l);
    g->op->attn_out(g->b, l);
    snprintf(name, sizeof name, "layers.%u.attn_out", i);
    CHECK_SAY(off(g, ACT_OUTPUT, name, d) < 1e-4, "%s", name);
    g->op->ffn_in(g->b, l);
    g->op->experts(g->b, l);
    snprintf(name, sizeof name, "layers.%u.ffn_out", i);
    CHECK_SAY(off(g, ACT_OUTPUT, name, d) < 1e-4, "%s", name);
    snprintf(name, sizeof name, "layers.%u.streams", i);
    const double worst = off(g, ACT_STREAMS, name, d * g->p.shape->n_streams);
    CHECK_SAY(hf_file_find(g->hidden, name) != NULL && worst < 1e-4, "%s: %.2g", name, worst);
}

static void run_stages(stage_rig *g) {
    enum { PAGES = 4 };
    err e = {0};
    void *state = NULL, *pages[PAGES] = {0};
    uint32_t pos[PAGES * PAGE_TOKENS], seq[PAGES * PAGE_TOKENS] = {0}, out[PAGES * PAGE_TOKENS];
    REQUIRE(g->n <= PAGES * PAGE_TOKENS && g->op->mem_new(g->b, &state, g->p.state_bytes, &e) == OK);
    for (int i = 0; i < PAGES; i++) REQUIRE(g->op->mem_new(g->b, &pages[i], g->p.page_bytes, &e) == OK);
    for (uint32_t i = 0; i < g->n; i++) pos[i] = out[i] = i;
    const batch_seq q = {.n_rows = g->n, .state = state, .pages = pages};
    const batch x = {.n_rows = g->n, .n_seqs = 1, .n_out = g->n, .token = g->tokens, .pos = pos, .seq = seq,
                     .out = out, .seqs = &q};
    REQUIRE(g->op->begin(g->b, &x));
    g->op->embed(g->b);
    for (uint32_t i = 0; i < g->p.shape->n_layers; i++) check_layer(g, i);
    g->op->head(g->b, &g->p.weights->head);
    CHECK(off(g, ACT_FINAL, "final_norm", g->p.shape->d_model) < 1e-4);
    const float *logits;
    CHECK(g->op->end(g->b, &logits, &e) == OK);
    g->op->mem_free(g->b, state);
    for (int i = 0; i < PAGES; i++) g->op->mem_free(g->b, pages[i]);
}

static bool read_tokens(stage_rig *g, const char *path) {
    buf b = {0};
    json_doc *d;
    err e;
    if (file_read(&b, path, 1u << 24, &e) != OK || json_parse(&d, b.data, b.n, 0, path, &e) != OK) return false;
    const json *list = json_at(json_get(json_root(d), "prompts"), 1);
    g->n = (uint32_t)json_count(list);
    g->tokens = malloc((g->n + 1) * sizeof *g->tokens);
    for (uint32_t i = 0; i < g->n; i++) {
        int64_t id = 0;
        json_i64(json_at(list, i), &id);
        g->tokens[i] = (int32_t)id;
    }
    json_free(d);
    buf_free(&b);
    return g->n > 0;
}

static void check_folder(const char *name) {
    const char *golden = getenv("DS4_GOLDEN");
    if (!golden || !*golden) SKIP("DS4_GOLDEN names no folder with hidden states");
    char path[600], file[] = "/tmp/ds4-hidden-XXXXXX", line[1800];
    stage_rig g = {0};
    err e = {0};
    const int fd = mkstemp(file);
    REQUIRE(fd >= 0);
    close(fd);
    snprintf(line, sizeof line, "%s/bin/ds4-convert %s/%s -o %s", build, golden, name, file);
    REQUIRE(system(line) == 0);
    snprintf(path, sizeof path, "%s/%s/tokens.json", golden, name);
    REQUIRE(read_tokens(&g, path));
    snprintf(path, sizeof path, "%s/%s/hidden.safetensors", golden, name);
    const plan_options po = {.exact = true};
    const backend_options bo = {.threads = 2, .max_rows = g.n, .max_context = 4 * PAGE_TOKENS};
    REQUIRE(hf_file_open(&g.hidden, path, &e) == OK && model_open(&g.m, file, NULL, &e) == OK);
    REQUIRE(plan_make(&g.p, g.m, &po, &e) == OK && backend_find(&g.op, NULL, &e) == OK);
    REQUIRE(g.op->open(&g.b, &g.p, &bo, &e) == OK);
    run_stages(&g);
    g.op->close(g.b);
    plan_free(&g.p);
    model_close(g.m);
    hf_file_close(g.hidden);
    free(g.tokens);
    unlink(file);
}

TEST(every_layer_of_the_plain_model_equals_the_reference) { check_folder("a_plain"); }
TEST(every_layer_of_the_fp4_model_equals_the_reference) { check_folder("b_fp4fp8"); }

int main(int argc, char **argv) {
    const char *tail = strstr(argv[0], "/test/tests/");
    if (!tail) return 1;
    snprintf(build, sizeof build, "%.*s", (int)(tail - argv[0]), argv[0]);
    return tests_run(argc, argv);
}
