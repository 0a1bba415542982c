/* The whole engine against logits of independent implementations, by way of the programs as they are delivered.
 *
 * tests/data/golden (and the folder that DS4_GOLDEN names, which may hold more of the same) has
 *     a_plain, b_fp4fp8   small random checkpoints in the official layout, with logits of transformers and of DeepSeek's code
 *     llamacpp            GGUF files with logits of llama.cpp
 * The largest difference may be 1e-4 of the largest logit, and the best token is the same everywhere. Types that round weights are
 * held to a copy of the same file with its weights dequantised.
 */
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/test.h"
#include "gguf/gguf.h"
#include "hf/safetensors.h"

extern char **environ;

static char build[256], scratch[] = "/tmp/ds4-golden-XXXXXX";

#define TOLERANCE 1e-4

/* ------------------------------------------------------------------ small tools */

/* snprintf that must fit. */
static void print_to(char *out, size_t cap, const char *fmt, ...) PRINTF_LIKE(3, 4);
static void print_to(char *out, size_t cap, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    if (vsnprintf(out, cap, fmt, ap) >= (int)cap) abort();
    va_end(ap);
}

static const char *path_of(char out[512], const char *folder, const char *name) {
    print_to(out, 512, "%s/%s", folder, name);
    return out;
}

/* Runs BUILD/bin/program with the words of `line`, which hold no spaces of their own. */
static int run_program(const char *program, const char *line) {
    char path[512], words[2048], *argv[64] = {path};
    int n = 1;
    print_to(path, sizeof path, "%s/bin/%s", build, program);
    print_to(words, sizeof words, "%s", line);
    for (char *w = strtok(words, " "); w && n < 63; w = strtok(NULL, " ")) argv[n++] = w;
    argv[n] = NULL;
    pid_t pid;
    int state = -1;
    if (posix_spawn(&pid, path, NULL, NULL, argv, environ) != 0) return -1;
    waitpid(pid, &state, 0);
    const int rc = WIFEXITED(state) ? WEXITSTATUS(state) : -1;
    if (rc != 0) fprintf(stderr, "%s %s: exit %d\n", program, line, rc);
    return rc;
}

typedef struct floats {
    float *v;
    size_t n;
} floats;

static floats read_floats(const char *path) {
    buf b = {0};
    err e;
    if (file_read(&b, path, 1u << 30, &e) != OK) {
        fprintf(stderr, "%s\n", e.text);
        return (floats){0};
    }
    return (floats){(float *)(void *)b.data, b.n / sizeof(float)};
}

static size_t best(const float *v, size_t n) {
    size_t at = 0;
    for (size_t i = 1; i < n; i++)
        if (v[i] > v[at]) at = i;
    return at;
}

typedef struct agreement {
    double worst;      /* largest difference over largest reference */
    size_t off, rows;  /* rows beyond the tolerance, of how many     */
    size_t first_off, other_best;
} agreement;

static agreement compare(const float *got, const float *want, size_t n, size_t vocab) {
    agreement a = {.rows = n / vocab, .first_off = SIZE_MAX};
    double most = 0;
    for (size_t i = 0; i < n; i++) most = fmax(most, fabs((double)want[i]));
    for (size_t r = 0; r < a.rows; r++) {
        double worst = 0;
        for (size_t i = r * vocab; i < (r + 1) * vocab; i++) worst = fmax(worst, fabs((double)got[i] - (double)want[i]) / most);
        a.worst = fmax(a.worst, worst);
        a.other_best += best(got + r * vocab, vocab) != best(want + r * vocab, vocab);
        if (!(worst <= TOLERANCE)) {
            if (a.off++ == 0) a.first_off = r;
        }
    }
    return a;
}

static void check_exact(const char *what, floats got, const float *want, size_t n, size_t vocab) {
    CHECK_SAY(got.n == n, "%s: %zu values, expected %zu", what, got.n, n);
    if (got.n != n) return;
    const agreement a = compare(got.v, want, n, vocab);
    CHECK_SAY(a.off == 0 && a.other_best == 0, "%s: off by %.2g, %zu of %zu rows, first %zu; %zu other best tokens", what,
              a.worst, a.off, a.rows, a.first_off, a.other_best);
}

/* With the official roundings a value near a border may fall to the other side after a change of 1e-7: single rows may
 * then be off by up to 1e-2, but never the first, and not many. */
static void check_rounded(const char *what, floats got, const float *want, size_t n, size_t vocab) {
    CHECK_SAY(got.n == n, "%s: %zu values, expected %zu", what, got.n, n);
    if (got.n != n) return;
    const agreement a = compare(got.v, want, n, vocab);
    CHECK_SAY(a.first_off != 0 && a.worst <= 1e-2 && a.off * 10 <= a.rows, "%s: off by %.2g, %zu of %zu rows, first %zu",
              what, a.worst, a.off, a.rows, a.first_off);
}

static bool write_ids(const char *path, const json *ids) {
    FILE *f = fopen(path, "w");
    if (!f) return false;
    for (size_t i = 0; i < json_count(ids); i++) {
        int64_t id = 0;
        json_i64(json_at(ids, i), &id);
        fprintf(f, "%lld\n", (long long)id);
    }
    return fclose(f) == 0;
}

static json_doc *read_json(const char *path) {
    buf b = {0};
    json_doc *d = NULL;
    err e;
    if (file_read(&b, path, 1u << 26, &e) != OK || json_parse(&d, b.data, b.n, 0, path, &e) != OK)
        fprintf(stderr, "%s\n", e.text);
    buf_free(&b);
    return d;
}

/* ------------------------------------------------------------------ ways to evaluate */

typedef struct way {
    const char *flags;
    bool saves; /* with --save-at in the middle */
    bool quick; /* also for the long prompts    */
} way;

static const way ways[] = {
    {"--batch 2048 --threads 2", false, true}, {"--batch 1 --threads 1", false, false},
    {"--batch 1 --threads 2", true, false},    {"--batch 7 --threads 2", false, false},
    {"--batch 7 --threads 1", true, true},     {"--batch 64 --threads 1", false, false},
    {"--batch 64 --threads 2", true, false},   {"--batch 2048 --threads 1", true, false},
};

/* Logits of `model` for the ids in a file; the draft block's too if `draft` is not NULL. */
static floats evaluate(const char *model, const char *ids, size_t n_ids, const way *w, const char *more, floats *draft) {
    char line[1800], out[600], side[600], save[40] = "";
    print_to(out, sizeof out, "%s/logits", scratch);
    print_to(side, sizeof side, "%s/draft", scratch);
    if (w->saves) snprintf(save, sizeof save, "--save-at %zu", n_ids / 2);
    print_to(line, sizeof line, "-m %s --eval-tokens %s --logits-out %s %s%s --exact %s %s %s", model, ids, out,
             draft ? "--mtp-out " : "", draft ? side : "", w->flags, save, more);
    unlink(out);
    unlink(side);
    if (run_program("ds4", line) != 0) return (floats){0};
    if (draft) *draft = read_floats(side);
    return read_floats(out);
}

/* ------------------------------------------------------------------ official checkpoints */

static const hf_tensor *numbered(const hf_file *f, const char *stem, size_t i) {
    char name[64];
    print_to(name, sizeof name, "%s.%zu", stem, i);
    return hf_file_find(f, name);
}

/* A copy, since tensors lie at any address. */
static float *values_of(const hf_tensor *t, size_t *n) {
    float *v = malloc(t->bytes + 1);
    memcpy(v, t->data, t->bytes);
    *n = t->bytes / sizeof *v;
    return v;
}

static void check_tensor(const char *what, const hf_tensor *want, floats got, bool rounded) {
    size_t n;
    float *v = values_of(want, &n);
    (rounded ? check_rounded : check_exact)(what, got, v, n, (size_t)want->shape[1]);
    free(v);
}

typedef struct references {
    hf_file *plain, *extra;
} references;

static void check_prompt(const char *model, const char *ids, size_t n_ids, size_t prompt, const references *r) {
    for (int rounded = 0; rounded < 2; rounded++) {
        const hf_tensor *logits = rounded ? numbered(r->extra, "logits_sim", prompt) : numbered(r->plain, "logits", prompt);
        const hf_tensor *draft = numbered(r->extra, rounded ? "mtp_logits_sim" : "mtp_logits", prompt);
        if (!logits && !draft) continue;
        for (size_t w = 0; w < sizeof ways / sizeof *ways; w++) {
            if ((n_ids > 64 || TEST_SLOWNESS > 1) && !ways[w].quick) continue;
            char what[1100];
            print_to(what, sizeof what, "%s prompt %zu %s%s%s", model, prompt, ways[w].flags, ways[w].saves ? " saved" : "",
                     rounded ? " rounded" : "");
            floats side = {0};
            const floats got = evaluate(model, ids, n_ids, &ways[w], rounded ? "" : "--no-sim", draft ? &side : NULL);
            if (logits) check_tensor(what, logits, got, rounded != 0);
            strcat(what, " draft");
            if (draft) check_tensor(what, draft, side, rounded != 0);
            free(got.v);
            free(side.v);
        }
    }
}

static void check_checkpoint(const char *folder, const char *name, const char *type) {
    char at[512], p[512], model[600], ids[600], line[1800];
    references r = {0};
    err e;
    path_of(at, folder, name);
    print_to(model, sizeof model, "%s/%s-%s.gguf", scratch, name, type);
    print_to(ids, sizeof ids, "%s/ids", scratch);
    print_to(line, sizeof line, "%s -o %s --type %s", at, model, type);
    CHECK_SAY(run_program("ds4-convert", line) == 0, "%s", line);
    REQUIRE(hf_file_open(&r.plain, path_of(p, at, "logits.safetensors"), &e) == OK);
    REQUIRE(hf_file_open(&r.extra, path_of(p, at, "logits_extra.safetensors"), &e) == OK);
    json_doc *d = read_json(path_of(p, at, "tokens.json"));
    REQUIRE(d != NULL);
    const json *prompts = json_get(json_root(d), "prompts");
    CHECK(json_count(prompts) >= 4);
    for (size_t i = 0; i < json_count(prompts); i++) {
        const json *t = json_at(prompts, i);
        if (TEST_SLOWNESS > 1 && json_count(t) > 64) continue;
        REQUIRE(write_ids(ids, t));
        check_prompt(model, ids, json_count(t), i, &r);
    }
    json_free(d);
    hf_file_close(r.plain);
    hf_file_close(r.extra);
}

/* ------------------------------------------------------------------ rounded weights */

/* The same file with every weight as float32. */
static status dequantise(const char *from, const char *to, err *e) {
    gguf *g;
    gguf_writer *w;
    status st = gguf_open(&g, from, e);
    if (st != OK) return st;
    st = gguf_create(&w, to, e);
    for (uint64_t i = 0; i < gguf_n_keys(g); i++) gguf_put_copy(w, gguf_key_at(g, i));
    for (uint64_t i = 0; i < gguf_n_tensors(g); i++) {
        const gguf_tensor *t = gguf_tensor_at(g, i);
        char name[128];
        print_to(name, sizeof name, "%.*s", (int)t->name.n, t->name.p);
        gguf_declare(w, name, t->type->dequant ? Q_F32 : t->type->id, t->n_dims, t->ne);
    }
    st = gguf_begin(w, e);
    for (uint64_t i = 0; i < gguf_n_tensors(g) && st == OK; i++) {
        const gguf_tensor *t = gguf_tensor_at(g, i);
        const size_t n = (size_t)(t->ne[0] * t->ne[1] * t->ne[2] * t->ne[3]);
        if (!t->type->dequant) {
            st = gguf_data(w, t->data, (size_t)t->bytes, e);
            continue;
        }
        float *v = malloc(n * sizeof *v);
        t->type->dequant(t->data, v, n);
        st = gguf_data(w, v, n * sizeof *v, e);
        free(v);
    }
    gguf_close(g);
    return st == OK ? gguf_finish(w, e) : st;
}

static void check_rounded_weights(const char *checkpoint, const char *type) {
    char at[512], model[600], plain[600], ids[600], line[1800], p[512];
    err e;
    path_of(at, build, "data/golden");
    path_of(p, at, checkpoint);
    print_to(model, sizeof model, "%s/%s-%s.gguf", scratch, checkpoint, type);
    print_to(plain, sizeof plain, "%s/%s-%s-plain.gguf", scratch, checkpoint, type);
    print_to(ids, sizeof ids, "%s/ids", scratch);
    print_to(line, sizeof line, "%s -o %s --type %s", p, model, type);
    REQUIRE(run_program("ds4-convert", line) == 0);
    REQUIRE(dequantise(model, plain, &e) == OK);
    FILE *f = fopen(ids, "w");
    REQUIRE(f != NULL);
    for (int i = 0; i < 150; i++) fprintf(f, "%d ", i * 37 % 250);
    fclose(f);
    floats d1 = {0}, d2 = {0};
    const floats got = evaluate(model, ids, 150, &ways[4], "--no-sim", &d1);
    const floats want = evaluate(plain, ids, 150, &ways[0], "--no-sim", &d2);
    CHECK(want.n > 0 && d2.n > 0);
    check_exact(type, got, want.v, want.n, want.n / 150);
    check_exact(type, d1, d2.v, d2.n, want.n / 150);
    free(got.v), free(want.v), free(d1.v), free(d2.v);
}

/* ------------------------------------------------------------------ llama.cpp */

/* All NAME.json of a folder whose model is there too. */
static void check_llamacpp(const char *folder, const char *name) {
    char at[512], p[512], file[300], ids[600], model[600];
    path_of(at, folder, "llamacpp");
    print_to(file, sizeof file, "%s.gguf", name);
    print_to(model, sizeof model, "%s", path_of(p, at, file));
    print_to(ids, sizeof ids, "%s/ids", scratch);
    if (access(model, R_OK) != 0) SKIP("a golden model is not in this folder (DS4_GOLDEN can name one that has it)");
    print_to(file, sizeof file, "%s.json", name);
    json_doc *d = read_json(path_of(p, at, file));
    REQUIRE(d != NULL);
    int64_t vocab = 0;
    json_i64(json_get(json_root(d), "vocab"), &vocab);
    const json *runs = json_get(json_root(d), "runs");
    uint32_t compared = 0;
    for (size_t i = 0; i < json_count(runs); i++) {
        const json *one = json_at(runs, i), *tokens = json_get(one, "tokens");
        size_t n;
        const char *bin = json_text(json_get(one, "logits_f32"), &n);
        if (access(path_of(p, at, bin), R_OK) != 0) continue;
        const floats want = read_floats(p);
        REQUIRE(write_ids(ids, tokens) && want.n > 0);
        for (size_t w = 0; w < sizeof ways / sizeof *ways; w++) {
            if ((json_count(tokens) > 64 || TEST_SLOWNESS > 1) && !ways[w].quick) continue;
            char what[1000];
            print_to(what, sizeof what, "%s %s %s", name, bin, ways[w].flags);
            const floats got = evaluate(model, ids, json_count(tokens), &ways[w], "--no-sim", NULL);
            check_exact(what, got, want.v, want.n, (size_t)vocab);
            free(got.v);
            compared++;
        }
        free(want.v);
    }
    CHECK(compared > 0);
    json_free(d);
}

/* ------------------------------------------------------------------ the tests */

static const char *own(void) {
    static char p[512];
    return path_of(p, build, "data/golden");
}

TEST(logits_equal_the_references_for_plain_storage) { check_checkpoint(own(), "a_plain", "native"); }
TEST(logits_equal_the_references_for_fp4_and_fp8_storage) { check_checkpoint(own(), "b_fp4fp8", "native"); }
TEST(logits_equal_the_references_for_float32_storage) {
    if (TEST_SLOWNESS > 1) SKIP("too slow with a sanitizer; the plain build runs it");
    check_checkpoint(own(), "a_plain", "f32");
    check_checkpoint(own(), "b_fp4fp8", "f32");
}
TEST(rounded_weights_give_the_logits_of_what_they_were_rounded_to) {
    static const char *const types[] = {"q8_0", "f16", "bf16"};
    if (TEST_SLOWNESS > 1) SKIP("too slow with a sanitizer; the plain build runs it");
    for (size_t i = 0; i < 3; i++) {
        check_rounded_weights("a_plain", types[i]);
        check_rounded_weights("b_fp4fp8", types[i]);
    }
}
TEST(logits_equal_llama_cpps_for_the_two_bit_recipe) { check_llamacpp(own(), "tiny_q2_a"); }

TEST(logits_equal_llama_cpps_for_float32) {
    const char *more = getenv("DS4_GOLDEN");
    check_llamacpp(more && *more ? more : own(), "tiny_f32_a");
}
TEST(the_full_set_of_references_agrees_too) {
    const char *more = getenv("DS4_GOLDEN");
    if (!more || !*more) SKIP("DS4_GOLDEN names no folder");
    if (TEST_SLOWNESS > 1) SKIP("too slow with a sanitizer; the plain build runs it");
    check_checkpoint(more, "b_fp4fp8", "native");
    check_llamacpp(more, "tiny_q2_a");
}

int main(int argc, char **argv) {
    const char *tail = strstr(argv[0], "/test/tests/");
    if (!tail || !mkdtemp(scratch)) return 1;
    print_to(build, sizeof build, "%.*s", (int)(tail - argv[0]), argv[0]);
    const int rc = tests_run(argc, argv);
    char line[600];
    print_to(line, sizeof line, "rm -r %s", scratch);
    return system(line) == 0 ? rc : 1;
}
