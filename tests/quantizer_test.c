/* What ds4-quantize writes, block by block, against the quantisers called on the rows of the input;
 * and what the files compute, in every layout and from every kind of input. */
#include "layouts.h"

#include <fcntl.h>
#include <sys/wait.h>

#include "apps/quantizer/imatrix.h"
#include "apps/quantizer/recipe.h"
#include "quant/quantize.h"

static char program[600], data_folder[600];
static char said[2000]; /* stderr of the last run */

/* Exit status of ds4-quantize IN OUT args..., or -signal. */
static int quantize(const char *in, const char *out, const char *const *args) {
    char *argv[16] = {program, (char *)(uintptr_t)in, (char *)(uintptr_t)out};
    for (int i = 0; args[i] && i < 12; i++) argv[i + 3] = (char *)(uintptr_t)args[i];
    const char *err_path = at("stderr");
    fflush(NULL);
    const pid_t pid = fork();
    if (pid == 0) {
        const int fd = open(err_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        if (fd < 0 || dup2(fd, 2) < 0) _exit(99);
        execv(program, argv);
        _exit(98);
    }
    int how = 0;
    if (pid < 0 || waitpid(pid, &how, 0) != pid) return 97;
    buf b = {0};
    if (file_read(&b, at("stderr"), sizeof said - 1, NULL) != OK) return 96;
    memcpy(said, b.data ? b.data : "", b.n + 1);
    buf_free(&b);
    return WIFEXITED(how) ? WEXITSTATUS(how) : -WTERMSIG(how);
}
#define ARGS(...) ((const char *const[]){__VA_ARGS__, NULL})

static gguf *open_gguf(const char *name) {
    gguf *g = NULL;
    err e = {0};
    if (gguf_open(&g, at(name), &e) != OK) fprintf(stderr, "%s\n", e.text);
    return g;
}

static void name_of(char *out, size_t cap, const gguf_tensor *t) {
    snprintf(out, cap, "%.*s", (int)t->name.n, t->name.p);
}

/* ------------------------------------------------------------------ block by block */

static random_spec wide_spec(bool draft) { /* rows that every type's blocks fill */
    random_spec spec = {.shape = random_small_shape(), .recipe = RANDOM_F32, .draft = draft,
                        .seed = 3};
    spec.shape.n_experts = 4;
    spec.shape.n_used = 2;
    return spec;
}

/* A row of the output is what the quantiser makes of the row of the input, and of its importance. */
static void check_tensor(const gguf_tensor *in, const gguf_tensor *out, const imatrix *importance) {
    char name[128];
    uint64_t in_row = 0, out_row = 0;
    name_of(name, sizeof name, in);
    CHECK_SAY(memcmp(in->ne, out->ne, sizeof in->ne) == 0, "%s", name);
    if (in->type == out->type) {
        CHECK_SAY(memcmp(in->data, out->data, in->bytes) == 0, "%s", name);
        return;
    }
    const imatrix_entry *x = importance ? imatrix_find(importance, name) : NULL;
    const uint64_t runs = x ? x->n_cols * x->n_mats / in->ne[0] : 1;
    const uint64_t run_rows = in->ne[1] * in->ne[2] / runs; /* of an expert, of a group of heads */
    const quantize_fn fn = quantize_for(out->type->id);
    REQUIRE(fn && quant_bytes(in->type, in->ne[0], &in_row));
    REQUIRE(quant_bytes(out->type, out->ne[0], &out_row));
    float *v = malloc(in->ne[0] * sizeof *v), *w = malloc(in->ne[0] * sizeof *w);
    uint8_t *expected = malloc(out_row);
    bool same = true;
    for (uint64_t r = 0; r < in->ne[1] * in->ne[2]; r++) {
        in->type->dequant(in->data + r * in_row, v, in->ne[0]);
        const bool met = x && imatrix_weights(x, in->ne[0], r / run_rows, w);
        fn(v, met ? w : NULL, expected, in->ne[0]);
        same &= memcmp(out->data + r * out_row, expected, out_row) == 0;
    }
    CHECK_SAY(same, "%s as %s", name, out->type->name);
    free(v);
    free(w);
    free(expected);
}

static void check_file(const char *in_name, const char *out_name, recipe_id recipe,
                       uint32_t n_layers, const imatrix *importance) {
    gguf *in = open_gguf(in_name), *out = open_gguf(out_name);
    REQUIRE(in && out);
    CHECK(gguf_n_tensors(in) == gguf_n_tensors(out));
    for (uint64_t i = 0; i < gguf_n_tensors(out); i++) {
        const gguf_tensor *t = gguf_tensor_at(out, i);
        char name[128];
        name_of(name, sizeof name, t);
        const gguf_tensor *from = gguf_find_tensor(in, name);
        REQUIRE(from);
        const recipe_place p = recipe_place_of(name, t->ne[1] == 1, n_layers);
        const quant_id q = recipe_fit(recipe_type(recipe, &p, n_layers, from->type->id), t->ne[0]);
        CHECK_SAY(t->type->id == q, "%s is %s", name, t->type->name);
        check_tensor(from, t, importance);
    }
    gguf_close(in);
    gguf_close(out);
}

TEST(every_row_is_what_the_quantiser_makes_of_it) {
    static const recipe_id recipes[] = {RECIPE_Q2, RECIPE_Q2_Q4, RECIPE_Q4, RECIPE_Q8,
                                        RECIPE_MXFP4};
    REQUIRE(enter());
    const random_spec spec = wide_spec(true);
    REQUIRE(random_model_write(at("in.gguf"), &spec, NULL) == OK);
    for (size_t i = 0; i < 5; i++) {
        const int rc = quantize(at("in.gguf"), at("out.gguf"), ARGS(recipe_names[recipes[i]]));
        CHECK_SAY(rc == 0, "%s", said);
        check_file("in.gguf", "out.gguf", recipes[i], spec.shape.n_layers, NULL);
    }
    leave();
}

/* Importance that differs by column and by expert, and an expert that nothing met. */
static void make_importance(imatrix *m, const char *model_name) {
    gguf *g = open_gguf(model_name);
    REQUIRE(g);
    for (uint64_t i = 0; i < gguf_n_tensors(g); i++) {
        const gguf_tensor *t = gguf_tensor_at(g, i);
        char name[128];
        imatrix_entry *x;
        name_of(name, sizeof name, t);
        if (!strstr(name, "_exps")) continue;
        REQUIRE(imatrix_add(m, name, t->ne[0], t->ne[2], &x, NULL) == OK);
        for (uint64_t k = 0; k < t->ne[2]; k++) {
            x->counts[k] = k == 1 ? 0 : (float)(k + 2);
            for (uint64_t c = 0; c < t->ne[0] && k != 1; c++)
                x->sums[k * t->ne[0] + c] = (float)((c * 37 + k * 11) % 101 * ((c + k) % 7));
        }
    }
    CHECK(imatrix_dataset(m, "words.txt"));
    m->chunks = 9;
    gguf_close(g);
}

TEST(each_expert_is_quantised_with_its_own_importance) {
    static const imatrix_form forms[] = {IMATRIX_GGUF, IMATRIX_LEGACY};
    REQUIRE(enter());
    const random_spec spec = wide_spec(false);
    imatrix m = {0};
    REQUIRE(random_model_write(at("in.gguf"), &spec, NULL) == OK);
    make_importance(&m, "in.gguf");
    for (int f = 0; f < 2; f++) {
        imatrix back = {0};
        REQUIRE(imatrix_write(&m, at("words"), forms[f], NULL) == OK);
        REQUIRE(imatrix_read(&back, at("words"), NULL) == OK);
        CHECK(quantize(at("in.gguf"), at("out.gguf"), ARGS("q2", "--imatrix", at("words"))) == 0);
        CHECK(f == 1 || strstr(said, "15 matrices were met by no text"));
        check_file("in.gguf", "out.gguf", RECIPE_Q2, spec.shape.n_layers, &back);
        imatrix_free(&back);
    }
    gguf *g = open_gguf("out.gguf");
    REQUIRE(g);
    uint64_t n = 0;
    gguf_str s = {0};
    CHECK(gguf_u64(gguf_find_key(g, "quantize.imatrix.entries_count"), &n) && n == 15);
    CHECK(gguf_u64(gguf_find_key(g, "quantize.imatrix.chunks_count"), &n) && n == 9);
    CHECK(gguf_string(gguf_find_key(g, "quantize.imatrix.file"), &s) && s.n == 5);
    CHECK(gguf_string(gguf_find_key(g, "quantize.imatrix.dataset"), &s) && s.n == 9);
    gguf_close(g);
    imatrix_free(&m);
    leave();
}

/* As llama.cpp writes it: one row, the columns of one group behind those of the other. */
TEST(each_group_of_heads_is_quantised_with_its_own_importance) {
    static const char name[] = "blk.1.attn_output_a.weight";
    REQUIRE(enter());
    const random_spec spec = wide_spec(false);
    const uint32_t cols = spec.shape.n_heads * spec.shape.head_dim; /* of both groups */
    imatrix m = {0};
    imatrix_entry *x;
    REQUIRE(random_model_write(at("in.gguf"), &spec, NULL) == OK);
    REQUIRE(spec.shape.o_groups == 2 && imatrix_add(&m, name, cols, 1, &x, NULL) == OK);
    x->counts[0] = 3;
    for (uint32_t c = 0; c < cols; c++) x->sums[c] = (float)(c * 53 % 97 * (c % 5));
    REQUIRE(imatrix_write(&m, at("words"), IMATRIX_GGUF, NULL) == OK);
    CHECK_SAY(quantize(at("in.gguf"), at("out.gguf"),
                       ARGS("--tensor", "blk.*.attn_output_a.*=IQ4_NL", "--imatrix",
                            at("words"))) == 0, "%s", said);
    gguf *in = open_gguf("in.gguf"), *out = open_gguf("out.gguf");
    REQUIRE(in && out);
    const gguf_tensor *t = gguf_find_tensor(out, name);
    CHECK(t->type->id == Q_IQ4_NL && t->ne[0] == cols / 2);
    check_tensor(gguf_find_tensor(in, name), t, &m);
    gguf_close(in);
    gguf_close(out);
    imatrix_free(&m);
    leave();
}

TEST(importance_of_another_model_is_refused) {
    REQUIRE(enter());
    const random_spec spec = wide_spec(false);
    imatrix m = {0};
    imatrix_entry *x;
    REQUIRE(random_model_write(at("in.gguf"), &spec, NULL) == OK);
    REQUIRE(imatrix_add(&m, "blk.0.ffn_up_exps.weight", 64, 4, &x, NULL) == OK);
    REQUIRE(imatrix_write(&m, at("words"), IMATRIX_GGUF, NULL) == OK);
    CHECK(quantize(at("in.gguf"), at("out.gguf"), ARGS("q2", "--imatrix", at("words"))) == 1);
    CHECK(strstr(said, "blk.0.ffn_up_exps.weight") && strstr(said, "another model"));
    imatrix_free(&m);
    REQUIRE(imatrix_add(&m, "blk.0.nothing", 64, 4, &x, NULL) == OK);
    REQUIRE(imatrix_write(&m, at("words"), IMATRIX_GGUF, NULL) == OK);
    CHECK(quantize(at("in.gguf"), at("out.gguf"), ARGS("q2", "--imatrix", at("words"))) == 1);
    CHECK(strstr(said, "no entry has the name") && access(at("out.gguf"), F_OK) != 0);
    imatrix_free(&m);
    leave();
}

/* ------------------------------------------------------------------ what the files compute */

/* Types kept, layout changed: the logits and the draft's are the same to the bit. */
static void check_relaid(const result *want, const char *in, const char *layout, bool joined_pair) {
    char what[100];
    snprintf(what, sizeof what, "%s as %s", in, layout);
    const int rc =
        quantize(at(in), at("out.gguf"), ARGS("--tensor", "nothing=F16", "--layout", layout));
    CHECK_SAY(rc == 0, "%s: %s", what, said);
    if (rc != 0) return;
    gguf *g = open_gguf("out.gguf");
    REQUIRE(g);
    CHECK_SAY(!gguf_find_key(g, "split.count"), "%s", what);
    CHECK_SAY((gguf_find_tensor(g, "blk.5.nextn.eh_proj.weight") != NULL) == joined_pair, "%s",
              what);
    if (strcmp(layout, "keep") != 0)
        CHECK_SAY((gguf_find_tensor(g, "mtp.0.e_proj.weight") != NULL) == !joined_pair, "%s", what);
    gguf_close(g);
    check_run(want, what, at("out.gguf"), NULL, true);
    unlink(at("out.gguf"));
}

static void check_layouts(random_recipe recipe) {
    static uint8_t room[64 * 64 * 2 * 4];
    REQUIRE(enter());
    edit base = beside(recipe);
    const edit b = behind(&base), j = joined(&base, room, sizeof room);
    result want = {0};
    edit_write(&base, at("beside.gguf"));
    edit_write(&b, at("behind.gguf"));
    edit_write(&j, at("joined.gguf"));
    write_shards(&j);
    REQUIRE(run(&want, at("beside.gguf"), NULL, true, true));
    static const char *const inputs[] = {"beside.gguf", "behind.gguf", "joined.gguf",
                                         "part-00002-of-00003.gguf"};
    for (size_t i = 0; i < 4; i++) {
        check_relaid(&want, inputs[i], "ds4", false);
        check_relaid(&want, inputs[i], "antirez", false);
        check_relaid(&want, inputs[i], "llamacpp", true);
        check_relaid(&want, inputs[i], "keep", i >= 2);
    }
    result_free(&want);
    edit_free(&base);
    leave();
}

TEST(a_change_of_layout_changes_no_logit) {
    check_layouts(RANDOM_F32);
}

TEST(a_change_of_layout_changes_no_logit_of_8_bit_weights) {
    check_layouts(RANDOM_Q8);
}

TEST(a_side_file_is_quantised_as_one) {
    REQUIRE(enter());
    edit base = beside(RANDOM_F32), trunk = base, side = base;
    result want = {0};
    edit_keep_tensors(&trunk, "mtp.", false);
    edit_keep_tensors(&side, "mtp.", true);
    side.n_keys = 0;
    edit_write(&trunk, at("trunk.gguf"));
    edit_write(&side, at("side.gguf"));
    REQUIRE(run(&want, at("trunk.gguf"), at("side.gguf"), true, true));
    CHECK(quantize(at("side.gguf"), at("out.gguf"), ARGS("--tensor", "x=F16")) == 0);
    check_run(&want, "side file", at("trunk.gguf"), at("out.gguf"), true);
    CHECK(quantize(at("side.gguf"), at("small.gguf"), ARGS("q2")) == 0);
    gguf *g = open_gguf("small.gguf");
    REQUIRE(g);
    CHECK(gguf_find_tensor(g, "mtp.0.e_proj.weight")->type->id == Q_Q8_0);
    CHECK(gguf_find_tensor(g, "mtp.0.hc_attn_fn.weight")->type->id == Q_F32);
    gguf_close(g);
    CHECK(quantize(at("side.gguf"), at("no.gguf"), ARGS("q2", "--layout", "llamacpp")) == 2);
    result_free(&want);
    edit_free(&base);
    leave();
}

/* Root mean square of the difference of logits, in units of their deviation. */
static double distance(const result *a, const result *b) {
    double gap = 0, sum = 0, squares = 0;
    const size_t n = (size_t)TOKENS * a->vocab;
    for (size_t i = 0; i < n; i++) {
        const double x = (double)a->logits[i], d = x - (double)b->logits[i];
        gap += d * d;
        sum += x;
        squares += x * x;
    }
    return sqrt(gap / (squares - sum * sum / (double)n));
}

TEST(larger_types_stay_closer_to_the_source) {
    static const char *const recipes[] = {"q8", "q4", "q2"};
    static const double most[] = {0.25, 0.6, 1.5};
    REQUIRE(enter());
    const random_spec spec = wide_spec(false);
    result want = {0};
    double last = 0;
    REQUIRE(random_model_write(at("in.gguf"), &spec, NULL) == OK);
    REQUIRE(run(&want, at("in.gguf"), NULL, true, false));
    for (size_t i = 0; i < 3; i++) {
        result r = {0};
        CHECK(quantize(at("in.gguf"), at("out.gguf"), ARGS(recipes[i])) == 0);
        REQUIRE(run(&r, at("out.gguf"), NULL, true, false));
        const double d = distance(&want, &r);
        CHECK_SAY(d > last && d < most[i], "%s: %.3f", recipes[i], d);
        last = d;
        result_free(&r);
    }
    result_free(&want);
    leave();
}

/* ------------------------------------------------------------------ checkpoints */

/* A folder and the GGUF file that keeps all its values are one input. */
TEST(a_folder_gives_what_its_conversion_gives) {
    static const char *const folders[] = {"a_plain", "b_fp4fp8"};
    static const char *const layouts[] = {"ds4", "llamacpp"};
    for (int f = 0; f < 2; f++)
        for (int l = 0; l < 2; l++) {
            char folder[700], command[1600];
            REQUIRE(enter());
            snprintf(folder, sizeof folder, "%s/%s", data_folder, folders[f]);
            snprintf(command, sizeof command, "'%.*s-convert' '%s' -o '%s' --type native",
                     (int)(strlen(program) - sizeof "quantize"), program, folder, at("in.gguf"));
            REQUIRE(system(command) == 0);
            CHECK(quantize(at("in.gguf"), at("a"), ARGS("mxfp4", "--layout", layouts[l])) == 0);
            CHECK_SAY(quantize(folder, at("b"), ARGS("mxfp4", "--layout", layouts[l])) == 0, "%s",
                      said);
            gguf *a = open_gguf("a"), *b = open_gguf("b");
            REQUIRE(a && b);
            CHECK(gguf_n_tensors(a) == gguf_n_tensors(b));
            for (uint64_t i = 0; i < gguf_n_tensors(a); i++) {
                char name[128];
                const gguf_tensor *x = gguf_tensor_at(a, i), *y;
                name_of(name, sizeof name, x);
                y = gguf_find_tensor(b, name);
                CHECK_SAY(y && x->type == y->type && memcmp(x->data, y->data, x->bytes) == 0,
                          "%s %s", folders[f], name);
            }
            gguf_close(a);
            gguf_close(b);
            leave();
        }
}

/* ------------------------------------------------------------------ what is refused */

/* Nothing of the output is there, under its name or another. */
static bool no_output(void) {
    char command[200];
    snprintf(command, sizeof command, "! ls -A '%s' | grep -q '^out'", dir);
    return system(command) == 0;
}

static void spoil(const char *tensor, uint64_t value, const char *words) {
    REQUIRE(enter());
    const random_spec spec = wide_spec(false);
    edit x;
    edit_random(&x, &spec);
    edit_tensor *t = edit_tensor_of(&x, tensor);
    REQUIRE(t);
    uint8_t *copy = malloc(t->bytes);
    memcpy(copy, t->data, t->bytes);
    put_le32(copy + 4 * value, 0x7fc00000u);
    t->data = copy;
    edit_write(&x, at("in.gguf"));
    static const char *const recipes[] = {"q2", "q8"};
    for (int i = 0; i < 2; i++) {
        CHECK(quantize(at("in.gguf"), at("out.gguf"), ARGS(recipes[i])) == 1);
        CHECK_SAY(strstr(said, words) && strstr(said, tensor), "%s", said);
        CHECK(strncmp(said, "ds4: ", 5) == 0 && strchr(said, '\n')[1] == 0 && no_output());
    }
    free(copy);
    edit_free(&x);
    leave();
}

TEST(a_value_that_is_not_finite_is_refused_with_its_place) {
    const shape s = wide_spec(false).shape;
    const uint64_t d = s.d_model, f = s.ff_dim;
    spoil("blk.1.ffn_up_exps.weight", (3 * f + 2) * d + 5, "expert 3, row 2, column 5");
    spoil("blk.2.attn_q_a.weight", 7 * d + 1, "row 7, column 1");
    spoil("token_embd.weight", 9 * d + 200, "row 9, column 200");
    spoil("blk.0.hc_attn_fn.weight", 3, "row 0, column 3");
}

TEST(values_beyond_the_range_of_f16_get_a_wider_type) {
    REQUIRE(enter());
    const random_spec spec = wide_spec(false);
    edit x;
    edit_random(&x, &spec);
    edit_tensor *t = edit_tensor_of(&x, "token_embd.weight");
    uint8_t *copy = malloc(t->bytes);
    memcpy(copy, t->data, t->bytes);
    put_le32(copy + 40, f32_bits(1e6f));
    t->data = copy;
    edit_write(&x, at("in.gguf"));
    CHECK(quantize(at("in.gguf"), at("out.gguf"), ARGS("q8")) == 0);
    CHECK(strstr(said, "token_embd.weight has values beyond the range of F16"));
    gguf *g = open_gguf("out.gguf");
    REQUIRE(g);
    CHECK(gguf_find_tensor(g, "token_embd.weight")->type->id == Q_F32);
    gguf_close(g);
    free(copy);
    edit_free(&x);
    leave();
}

TEST(rules_go_over_the_recipe_and_leave_vectors_and_ids) {
    REQUIRE(enter());
    const random_spec spec = wide_spec(false);
    REQUIRE(random_model_write(at("in.gguf"), &spec, NULL) == OK);
    CHECK_SAY(quantize(at("in.gguf"), at("out.gguf"),
                       ARGS("q2", "--tensor", "*=q6_k", "--tensor", "blk.[12].attn_kv.*=BF16",
                            "--tensor", "blk.2.attn_kv.weight=q4_0")) == 0,
              "%s", said);
    gguf *g = open_gguf("out.gguf");
    REQUIRE(g);
    CHECK(gguf_find_tensor(g, "blk.0.attn_kv.weight")->type->id == Q_Q6_K);
    CHECK(gguf_find_tensor(g, "blk.1.attn_kv.weight")->type->id == Q_BF16);
    CHECK(gguf_find_tensor(g, "blk.2.attn_kv.weight")->type->id == Q_Q4_0);
    CHECK(gguf_find_tensor(g, "blk.0.ffn_gate_tid2eid.weight")->type->id == Q_I32);
    for (uint64_t i = 0; i < gguf_n_tensors(g); i++) {
        const gguf_tensor *t = gguf_tensor_at(g, i);
        if (t->ne[1] == 1) CHECK(t->type->id == Q_F32);
    }
    gguf_close(g);
    model *m = NULL;
    CHECK(model_open(&m, at("out.gguf"), NULL, NULL) == OK);
    model_close(m);
    leave();
}

int main(int argc, char **argv) {
    const char *slash = strrchr(argv[0], '/');
    const int n = slash ? (int)(slash - argv[0]) : 1;
    const char *here = slash ? argv[0] : ".";
    snprintf(program, sizeof program, "%.*s/../../bin/ds4-quantize", n, here);
    snprintf(data_folder, sizeof data_folder, "%.*s/../../data/golden", n, here);
    if (access(program, X_OK) == 0) return tests_run(argc, argv);
    fprintf(stderr, "%s: build the programs first (make)\n", program);
    return 1;
}
