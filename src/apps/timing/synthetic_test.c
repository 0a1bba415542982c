#include "apps/timing/synthetic.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/test.h"
#include "engine/engine.h"
#include "engine/session.h"

static synthetic_spec spec_of(const char *text) {
    synthetic_spec s = {0};
    err e = {0};
    CHECK_SAY(synthetic_parse(&s, text, &e) == OK, "%s: %s", text, e.text);
    return s;
}

TEST(flash_has_the_sizes_of_the_published_q2_file) {
    uint32_t n = 0;
    const synthetic_spec s = spec_of("flash");
    CHECK(synthetic_bytes(&s, &n) == 86714775900u && n == 1328);
    CHECK(s.shape.n_layers == 43 && s.shape.n_vocab == 129280 && s.shape.context == 1048576);
    uint32_t four = 0, many = 0;
    for (uint32_t l = 0; l < 43; l++)
        four += s.shape.ratio[l] == 4, many += s.shape.ratio[l] == 128;
    CHECK(four == 21 && many == 20 && s.shape.ratio[0] == 0 && s.shape.ratio[1] == 0);
}

TEST(keys_change_what_they_name) {
    const synthetic_spec s = spec_of("flash:layers=4,experts=16,recipe=q4,vocab=1000,seed=7");
    CHECK(s.shape.n_layers == 4 && s.shape.n_experts == 16 && s.shape.n_vocab == 1000);
    CHECK(s.shape.d_model == 4096 && s.shape.n_used == 6 && s.shape.n_hash_layers == 3 &&
          s.seed == 7);
    CHECK(strcmp(s.name, "flash:layers=4,experts=16,vocab=1000,recipe=q4,seed=7") == 0);
    const synthetic_spec again = spec_of(s.name);
    CHECK(synthetic_bytes(&again, NULL) == synthetic_bytes(&s, NULL));
    CHECK(spec_of("flash:layers=1").shape.n_hash_layers == 1);
    CHECK(spec_of("flash:experts=3").shape.n_used == 3);
    CHECK(spec_of("flash:").shape.n_layers == 43 && spec_of("small").shape.n_layers == 5);
    CHECK(spec_of("small:layers=7").shape.ratio[6] == 4 &&
          spec_of("small:layers=7").shape.ratio[7] == 0);
}

TEST(recipes_differ_in_size) {
    static const char *const rising[] = {"q2", "q2-q4", "mxfp4", "q4", "q8", "f16", "f32"};
    uint64_t before = 0;
    for (size_t i = 0; i < sizeof rising / sizeof *rising; i++) {
        char text[64];
        snprintf(text, sizeof text, "flash:layers=14,recipe=%s", rising[i]);
        const synthetic_spec s = spec_of(text);
        CHECK_SAY(synthetic_bytes(&s, NULL) > before, "%s", text);
        before = synthetic_bytes(&s, NULL);
    }
    const synthetic_spec f16 = spec_of("flash:recipe=f16"), bf16 = spec_of("flash:recipe=bf16");
    CHECK(synthetic_bytes(&f16, NULL) == synthetic_bytes(&bf16, NULL));
}

TEST(what_says_nothing_is_refused_in_one_line) {
    static const char *const bad[] = {
        "",
        "flesh",
        "flashy",
        "flash:layers",
        "flash:layers=",
        "flash:,",
        "flash:layers=0",
        "flash:layers=65",
        "flash:layers=x",
        "flash:layers=-1",
        "flash:a=1",
        "flash:recipe=",
        "flash:recipe=q5",
        "flash:vocab=0",
        "flash:experts=0",
        "small:=",
        "flash,layers=2",
        "flash:layers=1e1",
        "flash:seed=99999999999999999999999",
        "flash:layers=00000000000000000000000000000000000000000000000000000000000000000000001",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        synthetic_spec s = {.seed = 77};
        err e = {0};
        CHECK_SAY(synthetic_parse(&s, bad[i], &e) == E_USAGE, "'%s'", bad[i]);
        CHECK(s.seed == 77 && strncmp(e.text, "--synthetic ", 12) == 0 && !strchr(e.text, '\n'));
    }
}

TEST(a_model_beyond_the_memory_is_refused_with_what_would_fit) {
    const synthetic_spec s = spec_of("flash"), one = spec_of("flash:layers=1");
    err e = {0};
    CHECK(synthetic_fits(&s, 0, 0, &e) == OK);
    CHECK(synthetic_fits(&s, 87u * (uint64_t)1000000000, 0, &e) == OK);
    CHECK(synthetic_fits(&s, (uint64_t)24 << 30, (uint64_t)1 << 30, &e) == E_NOMEM);
    CHECK_SAY(strstr(e.text, "80.8 GiB") && strstr(e.text, "layers=11 would fit"), "%s", e.text);
    CHECK(synthetic_fits(&one, (uint64_t)1 << 30, (uint64_t)2 << 30, &e) == E_NOMEM);
    CHECK_SAY(strstr(e.text, "experts=N"), "%s", e.text);
}

static synthetic *made(const char *text, uint32_t threads) {
    const synthetic_spec s = spec_of(text);
    synthetic *m = NULL;
    err e = {0};
    CHECK_SAY(synthetic_new(&m, &s, threads, NULL, &e) == OK, "%s: %s", text, e.text);
    return m;
}

TEST(equal_specs_give_equal_models_whatever_the_threads) {
    synthetic *a = made("small:seed=3", 1), *b = made("small:seed=3", 3),
              *c = made("small:seed=4", 1);
    REQUIRE(a && b && c);
    const gguf *x = model_file(synthetic_model(a), 0), *y = model_file(synthetic_model(b), 0);
    const gguf *z = model_file(synthetic_model(c), 0);
    CHECK(gguf_size(x) == gguf_size(y) && memcmp(gguf_bytes(x), gguf_bytes(y), gguf_size(x)) == 0);
    CHECK(gguf_size(x) == gguf_size(z) && memcmp(gguf_bytes(x), gguf_bytes(z), gguf_size(x)) != 0);
    synthetic_free(a), synthetic_free(b), synthetic_free(c);
}

/* The loader has checked the blocks' structure; here every value is read. */
static void check_values(const model *m, const char *text) {
    const gguf *g = model_file(m, 0);
    static float v[1 << 14];
    for (uint64_t i = 0; i < gguf_n_tensors(g); i++) {
        const gguf_tensor *t = gguf_tensor_at(g, i);
        double sum = 0, squares = 0;
        uint64_t n = 0, row_bytes = 0;
        if (!t->type->dequant) continue;
        REQUIRE(t->ne[0] <= sizeof v / sizeof *v && quant_bytes(t->type, t->ne[0], &row_bytes));
        for (uint64_t r = 0; r < t->ne[1] * t->ne[2]; r++, n += t->ne[0]) {
            t->type->dequant(t->data + r * row_bytes, v, (size_t)t->ne[0]);
            for (uint64_t k = 0; k < t->ne[0]; k++) sum += v[k], squares += (double)v[k] * v[k];
        }
        CHECK_SAY(isfinite(squares) && squares > 0, "%s: %.*s", text, (int)t->name.n, t->name.p);
        if (t->n_dims < 2 || n < 50000) continue;
        CHECK_SAY(fabs(sum / (double)n) < 0.1 * sqrt(squares / (double)n),
                  "%s: %.*s is off its middle", text, (int)t->name.n, t->name.p);
    }
}

static void check_logits(const model *m, const char *text) {
    engine *en = NULL;
    session *s = NULL;
    err e = {0};
    const engine_options o = {.context = 256, .batch = 64, .threads = 2};
    CHECK_SAY(engine_open(&en, m, &o, &e) == OK && session_new(&s, en, &e) == OK, "%s", e.text);
    int32_t ids[100];
    for (int i = 0; i < 100; i++) ids[i] = i * 37 % 512;
    CHECK_SAY(s && session_feed(s, ids, 100, NULL, &e) == OK, "%s: %s", text, e.text);
    const float *logits = s ? session_logits(s) : NULL;
    double least = 1e30, most = -1e30;
    for (uint32_t i = 0; logits && i < 512; i++)
        least = fmin(least, logits[i]), most = fmax(most, logits[i]);
    CHECK_SAY(logits && most - least > 0.5 && most - least < 100, "%s: %g to %g", text, least,
              most);
    session_free(s);
    engine_close(en);
}

TEST(every_recipe_gives_a_model_that_runs) {
    for (int i = 0; synthetic_recipes[i]; i++) {
        char text[64];
        snprintf(text, sizeof text, "small:recipe=%s", synthetic_recipes[i]);
        synthetic *m = made(text, 2);
        REQUIRE(m != NULL);
        check_values(synthetic_model(m), text);
        check_logits(synthetic_model(m), text);
        synthetic_free(m);
    }
}

/* Asked by every thread that makes blocks. */
static bool stop_at_once(void *self) {
    atomic_fetch_add((atomic_int *)self, 1);
    return true;
}

TEST(making_a_model_can_be_stopped) {
    const synthetic_spec s = spec_of("small");
    synthetic *m = NULL;
    atomic_int asked = 0;
    const control c = {.stop = stop_at_once, .self = &asked};
    err e = {0};
    CHECK(synthetic_new(&m, &s, 2, &c, &e) == E_CANCELLED && m == NULL && asked > 0);
}

TESTS_MAIN
