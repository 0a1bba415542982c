/* weights_test: every tensor of a model, left out, misshapen, of the wrong type or with damaged
 * values, is refused by name; and every place that a draft block or a shard may lie in is found. */
#include "model/weights.h"

#include <inttypes.h>
#include <sys/stat.h>

#include "base/test.h"
#include "model/edit_test.h"

/* A model of every kind of layer in 150 KB. No two sizes that stand together in a shape are equal,
 * but for e_proj and h_proj. */
static shape tiny_shape(void) {
    shape s = random_small_shape();
    s.n_layers = 4, s.n_vocab = 12, s.d_model = 32, s.n_heads = 2, s.head_dim = 16, s.rope_dim = 4,
    s.q_rank = 8;
    s.o_groups = 2, s.o_rank = 5, s.window = 8, s.ix_heads = 3, s.ix_dim = 8, s.ix_top_k = 4;
    s.n_experts = 6, s.n_used = 2, s.ff_dim = 24, s.n_hash_layers = 1;
    static const uint32_t ratios[] = {0, 4, 128, 16, 0};
    memcpy(s.ratio, ratios, sizeof ratios);
    return s;
}

static const edit *base(void) {
    static edit x;
    if (x.n_keys) return &x;
    const random_spec spec = {
        .shape = tiny_shape(), .recipe = RANDOM_F32, .draft = true, .seed = 3};
    edit_random(&x, &spec);
    return &x;
}

/* Every tensor that the model must have, as the tables of the format have them. */
typedef struct listed {
    char name[EDIT_NAME];
    tensor_role role;
    uint64_t ne[3];
} listed;

static listed list[EDIT_TENSORS];
static uint32_t n_listed;

static status add_listed(void *ctx, const char *name, tensor_role role, const uint64_t ne[3]) {
    (void)ctx;
    listed *l = &list[n_listed++];
    *l = (listed){.role = role, .ne = {ne[0], ne[1], ne[2]}};
    snprintf(l->name, sizeof l->name, "%s", name);
    return n_listed < EDIT_TENSORS ? OK : E_LIMIT;
}

static void make_list(void) {
    const shape s = tiny_shape();
    n_listed = 0;
    edit_must(weights_each(&s, true, add_listed, NULL) == OK);
}

static const char *shape_text(const uint64_t *ne) {
    static char text[4][80];
    static int turn;
    char *p = text[turn = (turn + 1) % 4];
    int n = snprintf(p, sizeof text[0], "[%" PRIu64, ne[0]);
    if (ne[1] > 1 || ne[2] > 1)
        n += snprintf(p + n, sizeof text[0] - (size_t)n, ", %" PRIu64, ne[1]);
    if (ne[2] > 1) n += snprintf(p + n, sizeof text[0] - (size_t)n, ", %" PRIu64, ne[2]);
    snprintf(p + n, sizeof text[0] - (size_t)n, "]");
    return p;
}

/* x is refused, and the line says all these words (NULL: no more). */
static void check_refused(edit *x, const char *a, const char *b, const char *c) {
    model *m = (model *)x;
    err e = {0};
    const status st = edit_open(&m, x, &e);
    CHECK_SAY(st == E_FORMAT && e.code == E_FORMAT && m == (model *)x, "%s: status %d", a, (int)st);
    CHECK_SAY(strncmp(e.text, "edited.gguf: ", 13) == 0 && strlen(e.text) < sizeof e.text - 1, "%s",
              e.text);
    CHECK_SAY(strstr(e.text, a) && (!b || strstr(e.text, b)) && (!c || strstr(e.text, c)),
              "%s / %s / %s in: %s", a, b, c, e.text);
    edit_close(x, st == OK ? m : NULL);
}

static model *open_or_say(edit *x) {
    model *m = NULL;
    err e = {0};
    CHECK_SAY(edit_open(&m, x, &e) == OK, "%s", e.text);
    return m;
}

/* ------------------------------------------------------------------ all there */

TEST(the_list_of_tensors_is_the_formats) {
    make_list();
    CHECK(n_listed == base()->n_tensors);
    /* 6 of the trunk; a plain layer has 24, a compressed one 4 more, an indexed one 6 more; the
     * draft block 8 of its own. */
    CHECK_SAY(n_listed == 6 + 4 * 24 + 3 * 4 + 6 + 24 + 8, "%u", n_listed);
}

typedef struct sums {
    uint64_t tensors, trunk, draft, tables; /* values */
} sums;

static status add_sums(void *ctx, const char *name, tensor_role role, const uint64_t ne[3]) {
    sums *t = ctx;
    const uint64_t n = ne[0] * ne[1] * ne[2];
    const bool draft = strncmp(name, "mtp.", 4) == 0;
    t->tensors += !draft;
    *(role == TENSOR_IDS ? &t->tables : draft ? &t->draft : &t->trunk) += n;
    return OK;
}

/* The real model's sizes: what its publishers say it holds. */
TEST(the_real_shape_has_as_many_tensors_and_parameters_as_the_real_model) {
    shape s = {.n_layers = 43,
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
               .n_streams = 4};
    for (uint32_t l = 2; l < 43; l++) s.ratio[l] = l % 2 == 0 ? 4 : 128;
    sums t = {0};
    CHECK(weights_each(&s, true, add_sums, &t) == OK);
    CHECK_SAY(t.tensors == 1328, "%" PRIu64, t.tensors);
    CHECK_SAY(t.trunk == UINT64_C(284332240471) && t.draft == UINT64_C(6610048891),
              "%" PRIu64 " %" PRIu64, t.trunk, t.draft);
    CHECK(t.tables == UINT64_C(3) * 129280 * 6);
}

static status stop_at_seventh(void *ctx, const char *name, tensor_role role, const uint64_t ne[3]) {
    (void)name, (void)role, (void)ne;
    return ++*(int *)ctx == 7 ? E_CANCELLED : OK;
}

TEST(the_list_stops_where_its_reader_says) {
    const shape s = tiny_shape();
    int seen = 0;
    CHECK(weights_each(&s, true, stop_at_seventh, &seen) == E_CANCELLED && seen == 7);
}

static bool finite_vector(const float *v, uint32_t n) {
    for (uint32_t i = 0; v && i < n; i++)
        if (!isfinite(v[i])) return false;
    return v != NULL;
}

static bool is_matrix(const matrix *m, uint32_t cols, uint32_t rows, uint32_t planes) {
    return m->type && m->data && m->cols == cols && m->rows == rows && m->planes == planes &&
           m->plane_bytes == m->row_bytes * rows;
}

TEST(an_open_model_has_what_each_layer_needs_and_no_more) {
    edit x = *base();
    model *m = open_or_say(&x);
    if (!m) return;
    const weights *w = model_weights(m);
    CHECK(is_matrix(&w->embed, 32, 12, 1) && is_matrix(&w->head.out, 32, 12, 1) &&
          finite_vector(w->head.norm, 32));
    for (uint32_t i = 0; i <= 4; i++) {
        const layer_weights *l = i < 4 ? &w->layers[i] : &w->draft.block;
        const uint32_t ratio = model_shape(m)->ratio[i], wide = ratio == 4 ? 32 : 16;
        CHECK(is_matrix(&l->hc_attn.fn, 128, 24, 1) && finite_vector(l->hc_ffn.base, 24) &&
              finite_vector(l->hc_ffn.scale, 3));
        CHECK(is_matrix(&l->q_b, 8, 32, 1) && is_matrix(&l->out_a, 16, 10, 1) &&
              is_matrix(&l->out_b, 10, 32, 1));
        CHECK(is_matrix(&l->routed.gate, 32, 24, 6) && is_matrix(&l->routed.down, 24, 32, 6));
        CHECK(is_matrix(&l->shared.up, 32, 24, 1) && finite_vector(l->sinks, 2));
        CHECK((l->route_ids != NULL) == (i == 0) && (l->route_bias != NULL) == (i != 0));
        if (ratio)
            CHECK(is_matrix(&l->comp.kv, 32, wide, 1) && finite_vector(l->comp.ape, wide * ratio));
        else
            CHECK(!l->comp.kv.type && !l->comp.ape);
        if (ratio == 4)
            CHECK(is_matrix(&l->ix_q, 8, 24, 1) && finite_vector(l->ix_comp.ape, 16 * 4));
        else
            CHECK(!l->ix_q.type && !l->ix_comp.norm);
    }
    CHECK(w->draft.present && w->draft.embed.data == w->embed.data &&
          w->draft.head.out.data == w->head.out.data);
    /* Values are those of the file. */
    const edit_tensor *t = edit_tensor_of(&x, "blk.3.attn_q_a.weight");
    CHECK(memcmp(w->layers[3].q_a.data, t->data, (size_t)t->bytes) == 0);
    t = edit_tensor_of(&x, "mtp.0.exp_probs_b.bias");
    CHECK(memcmp(w->draft.block.route_bias, t->data, (size_t)t->bytes) == 0);
    CHECK(memcmp(matrix_row(&w->layers[0].routed.up, 5, 23),
                 (const uint8_t *)edit_tensor_of(&x, "blk.0.ffn_up_exps.weight")->data +
                     (5 * 24 + 23) * 32 * 4,
                 128) == 0);
    edit_close(&x, m);
}

TEST(a_file_may_hold_more_than_the_model_and_in_any_order) {
    edit x = *base();
    const hash128 want = {0, 0};
    for (uint32_t i = 0; i < x.n_tensors / 2; i++) {
        const edit_tensor t = x.tensors[i];
        x.tensors[i] = x.tensors[x.n_tensors - 1 - i];
        x.tensors[x.n_tensors - 1 - i] = t;
    }
    static const float extra[8] = {NAN};
    edit_add_tensor(&x, "blk.0.attn_compressor_kv.weight", Q_F32, 1, (const uint64_t[]){8},
                    extra); /* layer 0 has none */
    edit_add_tensor(&x, "mtp.1.e_proj.weight", Q_F32, 1, (const uint64_t[]){8}, extra);
    edit_add_tensor(&x, "somebody.elses", Q_I8, 2, (const uint64_t[]){4, 4}, extra);
    model *m = open_or_say(&x);
    CHECK(m && model_weights(m)->draft.present && !hash128_equal(model_identity(m), want));
    edit_close(&x, m);
}

/* ------------------------------------------------------------------ one thing wrong */

TEST(each_missing_tensor_is_named_with_the_shape_it_should_have) {
    make_list();
    for (uint32_t i = 0; i < n_listed; i++) {
        char says[200];
        edit x = *base();
        edit_drop_tensor(&x, list[i].name);
        snprintf(says, sizeof says, "tensor %s %s is missing", list[i].name,
                 shape_text(list[i].ne));
        check_refused(&x, says, NULL, NULL);
    }
}

/* With the last dimension one shorter (one longer where it is 1), or the two of a matrix
 * exchanged. */
static void check_shape(uint32_t i, bool turned) {
    static const float zeros[64];
    const listed *l = &list[i];
    edit x = *base();
    edit_tensor *t = edit_tensor_of(&x, l->name);
    const uint32_t last = t->n_dims - 1;
    if (turned && (t->n_dims < 2 || t->ne[0] == t->ne[1])) return;
    if (turned) {
        t->ne[0] = l->ne[1];
        t->ne[1] = l->ne[0];
    } else if (t->ne[last] == 1) {
        t->ne[last] = 2;
        t->bytes *= 2;
        t->data = zeros;
    } else {
        t->bytes = t->bytes / t->ne[last] * (t->ne[last] - 1);
        t->ne[last]--;
    }
    char says[100];
    snprintf(says, sizeof says, "tensor %s: shape %s", l->name, shape_text(t->ne));
    check_refused(&x, says, "expected", shape_text(l->ne));
}

TEST(each_misshapen_tensor_is_named_with_both_shapes) {
    make_list();
    for (uint32_t i = 0; i < n_listed; i++) {
        check_shape(i, false);
        check_shape(i, true);
    }
}

TEST(a_shape_of_equal_size_but_other_dimensions_is_refused) {
    edit x = *base();
    edit_tensor *t = edit_tensor_of(&x, "blk.1.ffn_gate_exps.weight"); /* [32, 24, 6] */
    t->ne[1] = 24 * 6, t->ne[2] = 1;
    check_refused(&x, "blk.1.ffn_gate_exps.weight", "shape [32, 144]", "expected [32, 24, 6]");
    x = *base();
    t = edit_tensor_of(&x, "blk.1.ffn_gate_exps.weight");
    t->n_dims = 4, t->ne[3] = 2, t->ne[2] = 3;
    check_refused(&x, "blk.1.ffn_gate_exps.weight", "four dimensions", "expected [32, 24, 6]");
    x = *base();
    t = edit_tensor_of(&x, "token_embd.weight"); /* [32, 12] */
    t->n_dims = 1, t->ne[0] = 384, t->ne[1] = 1;
    check_refused(&x, "token_embd.weight", "shape [384]", "expected [32, 12]");
    x = *base();
    t = edit_tensor_of(&x, "output_norm.weight"); /* [32] in three dimensions is the same */
    t->n_dims = 3;
    model *m = open_or_say(&x);
    edit_close(&x, m);
}

TEST(each_tensor_of_whole_numbers_is_refused_where_weights_belong_and_the_reverse) {
    static const quant_id whole[] = {Q_I32, Q_I16, Q_I8, Q_I64, Q_F64};
    static const uint8_t zeros[400000];
    make_list();
    for (uint32_t i = 0; i < n_listed; i++) {
        const quant_id wrong = list[i].role == TENSOR_IDS ? Q_F32 : whole[i % 5];
        edit x = *base();
        edit_tensor *t = edit_tensor_of(&x, list[i].name);
        const uint64_t values = list[i].ne[0] * list[i].ne[1] * list[i].ne[2];
        t->type = wrong;
        t->bytes = values * quant_find(wrong)->block_bytes;
        t->data = zeros;
        edit_must(t->bytes <= sizeof zeros);
        check_refused(&x, list[i].name, "type", quant_find(wrong)->name);
    }
}

TEST(each_small_vector_is_looked_through_for_numbers_that_are_none) {
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    make_list();
    for (uint32_t i = 0; i < n_listed; i++) {
        if (list[i].role != TENSOR_VECTOR) continue;
        const uint64_t n = list[i].ne[0] * list[i].ne[1], at = (i * 7919) % n;
        float values[4096];
        edit x = *base();
        edit_tensor *t = edit_tensor_of(&x, list[i].name);
        edit_must(n <= 4096);
        memcpy(values, t->data, (size_t)t->bytes);
        values[at] = bad[i % 3];
        t->data = values;
        char says[40];
        snprintf(says, sizeof says, "value %" PRIu64 " ", at);
        check_refused(&x, list[i].name, says, "not finite");
    }
}

TEST(the_experts_of_a_token_are_experts_that_there_are) {
    static const char name[] = "blk.0.ffn_gate_tid2eid.weight"; /* [2, 12], 6 experts */
    static const int64_t bad[] = {6, -1, 7, INT32_MAX, INT32_MIN};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        int32_t ids[24] = {0};
        int64_t wide[24] = {0};
        char says[60];
        edit x = *base();
        edit_tensor *t = edit_tensor_of(&x, name);
        ids[5 + k] = (int32_t)bad[k];
        wide[5 + k] = bad[k];
        t->data = ids;
        snprintf(says, sizeof says, "entry %zu is expert %" PRId64 " of 6", 5 + k, bad[k]);
        check_refused(&x, name, says, NULL);
        t->type = Q_I64, t->bytes = sizeof wide, t->data = wide;
        check_refused(&x, name, says, NULL);
    }
    int64_t wide[24] = {0};
    edit x = *base();
    edit_tensor *t = edit_tensor_of(&x, name);
    t->type = Q_I64, t->bytes = sizeof wide, t->data = wide;
    wide[0] = INT64_C(1) << 32; /* no wrapping into range */
    check_refused(&x, name, "entry 0", NULL);
    wide[0] = INT64_MIN;
    check_refused(&x, name, "entry 0", NULL);
}

TEST(ids_of_64_bits_are_taken_as_well) {
    edit x = *base();
    edit_tensor *t = edit_tensor_of(&x, "blk.0.ffn_gate_tid2eid.weight");
    uint8_t wide[24 * 8];
    int32_t want[24];
    for (int i = 0; i < 24; i++) {
        want[i] = (int32_t)le32((const uint8_t *)t->data + 4 * i);
        put_le64(wide + 8 * i, (uint64_t)want[i]);
    }
    t->type = Q_I64, t->bytes = sizeof wide, t->data = wide;
    model *m = open_or_say(&x);
    CHECK(m && memcmp(model_weights(m)->layers[0].route_ids, want, sizeof want) == 0);
    edit_close(&x, m);
}

TEST(many_missing_tensors_are_counted_and_the_first_are_named) {
    edit x = *base();
    edit_keep_tensors(&x, "blk.2.", false);
    check_refused(&x, "28 tensors are missing: blk.2.hc_attn_fn.weight [128, 24], ",
                  "blk.2.hc_attn_base.weight [24], ", ", ...");
    x = *base();
    edit_keep_tensors(&x, "mtp.", true);
    check_refused(&x, "tensors are missing: token_embd.weight [32, 12], output_norm.weight [32], ",
                  ", ...", NULL);
    x = *base();
    edit_drop_tensor(&x, "blk.0.attn_norm.weight");
    edit_drop_tensor(&x, "blk.3.ffn_norm.weight");
    check_refused(&x,
                  "2 tensors are missing: blk.0.attn_norm.weight [32], blk.3.ffn_norm.weight [32]",
                  NULL, NULL);
    x = *base();
    x.n_tensors = 0;
    check_refused(&x, "tensors are missing: token_embd.weight", NULL, NULL);
}

/* As in files of an unknown dialect: everything is there under other names. */
TEST(other_names_end_in_a_list_of_those_that_are_missed) {
    edit x = *base();
    for (uint32_t i = 0; i < x.n_tensors; i++) {
        if (strncmp(x.tensors[i].name, "blk.", 4) != 0) continue;
        char name[EDIT_NAME];
        snprintf(name, sizeof name, "layers.%s", x.tensors[i].name + 4);
        strcpy(x.tensors[i].name, name);
    }
    check_refused(&x, "114 tensors are missing: blk.0.hc_attn_fn.weight [128, 24], ", NULL, NULL);
}

TEST(weights_of_any_float_type_are_taken) {
    static const uint8_t zeros[40000];
    static const quant_id types[] = {Q_F16,   Q_BF16, Q_Q8_0, Q_Q4_0, Q_IQ4_NL,
                                     Q_MXFP4, Q_Q4_1, Q_Q5_0, Q_Q5_1};
    for (size_t k = 0; k < sizeof types / sizeof *types; k++) {
        edit x = *base();
        static const char *const names[] = {"blk.1.ffn_gate_exps.weight",
                                            "token_embd.weight",
                                            "blk.2.attn_q_a.weight",
                                            "blk.1.attn_norm.weight",
                                            "blk.1.attn_compressor_ape.weight",
                                            "blk.0.hc_attn_fn.weight"};
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
            edit_tensor *t = edit_tensor_of(&x, names[i]);
            t->type = types[k];
            edit_must(quant_bytes(quant_find(types[k]), t->ne[0], &t->bytes));
            t->bytes *= t->ne[1] * t->ne[2];
            t->data = zeros;
            edit_must(t->bytes <= sizeof zeros);
        }
        model *m = open_or_say(&x);
        CHECK(m && model_weights(m)->layers[1].routed.gate.type->id == types[k]);
        edit_close(&x, m);
    }
}

/* ------------------------------------------------------------------ the draft block's places */

static void rename_block(edit *x, const char *from, const char *to) {
    const size_t n = strlen(from);
    for (uint32_t i = 0; i < x->n_tensors; i++) {
        char *name = x->tensors[i].name, changed[EDIT_NAME * 2];
        if (strncmp(name, from, n) != 0) continue;
        snprintf(changed, sizeof changed, "%s%s", to, name + n);
        edit_must(strlen(changed) < EDIT_NAME);
        strcpy(name, changed);
    }
}

/* The block moved behind the trunk, its projections apart. */
static edit behind_the_trunk(void) {
    edit x = *base();
    edit_u32(&x, "deepseek4.block_count", 5);
    edit_drop_tensor(&x, "mtp.0.hc_head_fn.weight");
    edit_drop_tensor(&x, "mtp.0.hc_head_base.weight");
    edit_drop_tensor(&x, "mtp.0.hc_head_scale.weight");
    edit_rename(&x, "mtp.0.norm.weight", "blk.4.nextn.shared_head_norm.weight");
    static const char *const own[] = {"e_proj", "h_proj", "enorm", "hnorm"};
    for (size_t i = 0; i < 4; i++) {
        char from[40], to[40];
        snprintf(from, sizeof from, "mtp.0.%s.weight", own[i]);
        snprintf(to, sizeof to, "blk.4.nextn.%s.weight", own[i]);
        edit_rename(&x, from, to);
    }
    rename_block(&x, "mtp.0.", "blk.4.");
    return x;
}

/* e_proj and h_proj side by side in one tensor; `joined` holds it. */
static edit joined_behind_the_trunk(float joined[32 * 64]) {
    edit x = behind_the_trunk();
    const float *e = edit_tensor_of(&x, "blk.4.nextn.e_proj.weight")->data;
    const float *h = edit_tensor_of(&x, "blk.4.nextn.h_proj.weight")->data;
    for (int r = 0; r < 32; r++) {
        memcpy(joined + r * 64, (const uint8_t *)e + r * 128, 128);
        memcpy(joined + r * 64 + 32, (const uint8_t *)h + r * 128, 128);
    }
    edit_drop_tensor(&x, "blk.4.nextn.e_proj.weight");
    edit_drop_tensor(&x, "blk.4.nextn.h_proj.weight");
    edit_add_tensor(&x, "blk.4.nextn.eh_proj.weight", Q_F32, 2, (const uint64_t[]){64, 32}, joined);
    return x;
}

static bool same_rows(const matrix *a, const matrix *b) {
    if (!a->type || a->cols != b->cols || a->rows != b->rows) return false;
    for (uint32_t r = 0; r < a->rows; r++)
        if (memcmp(matrix_row(a, 0, r), matrix_row(b, 0, r), a->cols * 4) != 0) return false;
    return true;
}

TEST(a_draft_block_behind_the_trunk_is_the_same_block) {
    static float joined[32 * 64];
    edit beside = *base();
    model *want = open_or_say(&beside);
    if (!want) return;
    const draft_weights *w = &model_weights(want)->draft;
    for (int form = 0; form < 2; form++) {
        edit x = form ? joined_behind_the_trunk(joined) : behind_the_trunk();
        model *m = open_or_say(&x);
        if (m) {
            const draft_weights *d = &model_weights(m)->draft;
            CHECK(model_shape(m)->n_layers == 4 && d->present);
            CHECK(same_rows(&d->e_proj, &w->e_proj) && same_rows(&d->h_proj, &w->h_proj));
            CHECK(same_rows(&d->block.q_b, &w->block.q_b) &&
                  same_rows(&d->block.shared.down, &w->block.shared.down));
            CHECK(memcmp(d->head.norm, w->head.norm, 128) == 0 &&
                  memcmp(d->e_norm, w->e_norm, 128) == 0);
            CHECK(d->head.hc.base ==
                  model_weights(m)->head.hc.base); /* the trunk's collapse is its own */
        }
        edit_close(&x, m);
    }
    edit_close(&beside, want);
}

TEST(each_missing_tensor_of_a_block_behind_the_trunk_is_named) {
    static float joined[32 * 64];
    for (int form = 0; form < 2; form++) {
        const edit whole = form ? joined_behind_the_trunk(joined) : behind_the_trunk();
        uint32_t tried = 0;
        for (uint32_t i = 0; i < whole.n_tensors; i++) {
            const char *name = whole.tensors[i].name;
            if (strncmp(name, "blk.4.", 6) != 0 || strstr(name, "shared_head_norm"))
                continue; /* that one may be shared */
            edit x = whole;
            edit_drop_tensor(&x, name);
            check_refused(&x, name, "is missing", NULL);
            tried++;
        }
        CHECK_SAY(tried == (form ? 27 : 28), "%u", tried);
    }
}

TEST(a_block_behind_the_trunk_may_bring_its_own_embedding_and_head) {
    edit x = behind_the_trunk();
    static float embed[12 * 32], out[12 * 32];
    for (int i = 0; i < 12 * 32; i++) embed[i] = (float)i, out[i] = (float)-i;
    edit_add_tensor(&x, "blk.4.nextn.embed_tokens.weight", Q_F32, 2, (const uint64_t[]){32, 12},
                    embed);
    edit_add_tensor(&x, "blk.4.nextn.shared_head_head.weight", Q_F32, 2, (const uint64_t[]){32, 12},
                    out);
    edit_drop_tensor(&x, "blk.4.nextn.shared_head_norm.weight");
    model *m = open_or_say(&x);
    if (m) {
        const weights *w = model_weights(m);
        CHECK(memcmp(w->draft.embed.data, embed, sizeof embed) == 0 &&
              w->embed.data != w->draft.embed.data);
        CHECK(memcmp(w->draft.head.out.data, out, sizeof out) == 0 &&
              w->draft.head.norm == w->head.norm);
    }
    edit_close(&x, m);
    edit_tensor *t = edit_tensor_of(&x, "blk.4.nextn.embed_tokens.weight");
    t->ne[1]--, t->bytes -= 128;
    check_refused(&x, "blk.4.nextn.embed_tokens.weight: shape [32, 11]", "expected [32, 12]", NULL);
}

/* Halves of a row that are no whole blocks cannot be pointed at: they are unpacked. */
TEST(joined_projections_may_be_in_blocks_that_straddle_the_middle) {
    shape s = tiny_shape();
    s.d_model = 128;
    const random_spec spec = {.shape = s, .recipe = RANDOM_F32, .draft = true, .seed = 5};
    edit x;
    edit_random(&x, &spec);
    edit_u32(&x, "deepseek4.block_count", 5);
    rename_block(&x, "mtp.0.", "blk.4.");
    edit_rename(&x, "blk.4.enorm.weight", "blk.4.nextn.enorm.weight");
    edit_rename(&x, "blk.4.hnorm.weight", "blk.4.nextn.hnorm.weight");
    static uint8_t blocks[128 * 144]; /* Q4_K: rows of 256 values, one block each */
    for (size_t i = 0; i < sizeof blocks; i++)
        blocks[i] = (uint8_t)(i % 144 < 4 ? 0x2c : i * 2654435761u >> 11);
    edit_add_tensor(&x, "blk.4.nextn.eh_proj.weight", Q_Q4_K, 2, (const uint64_t[]){256, 128},
                    blocks);
    model *m = open_or_say(&x);
    if (m) {
        const draft_weights *d = &model_weights(m)->draft;
        CHECK(d->e_proj.type->id == Q_F32 && is_matrix(&d->e_proj, 128, 128, 1) &&
              is_matrix(&d->h_proj, 128, 128, 1));
        for (uint32_t r = 0; r < 128; r += 17) {
            float row[256];
            quant_find(Q_Q4_K)->dequant(blocks + r * 144, row, 256);
            CHECK(memcmp(matrix_row(&d->e_proj, 0, r), row, 512) == 0);
            CHECK(memcmp(matrix_row(&d->h_proj, 0, r), row + 128, 512) == 0);
        }
    }
    edit_close(&x, m);
    edit_free(&x);
}

TEST(a_promised_draft_block_that_is_not_there_is_no_error) {
    edit x = *base();
    edit_keep_tensors(&x, "mtp.", false);
    CHECK(le32(edit_key_of(&x, "deepseek4.nextn_predict_layers")->value) == 1);
    model *m = open_or_say(&x);
    CHECK(m && !model_weights(m)->draft.present && model_shape(m)->n_layers == 4);
    edit_close(&x, m);
}

/* ------------------------------------------------------------------ files beside the first */

static char dir[64];

static const char *at(const char *name) {
    static char path[4][200];
    static int turn;
    char *p = path[turn = (turn + 1) % 4];
    snprintf(p, sizeof path[0], "%s/%s", dir, name);
    return p;
}

static bool enter(void) {
    snprintf(dir, sizeof dir, "/tmp/ds4-weights-XXXXXX");
    return mkdtemp(dir) != NULL;
}

static void leave(void) {
    char command[100];
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    CHECK(system(command) == 0);
}

static void check_open_fails(const char *path, const char *side, status code, const char *a,
                             const char *b) {
    model *m = NULL;
    err e = {0};
    const status st = model_open(&m, path, side, &e);
    CHECK_SAY(st == code && !m, "status %d", (int)st);
    CHECK_SAY(strstr(e.text, a) && strstr(e.text, b), "%s / %s in: %s", a, b, e.text);
    model_close(m);
}

TEST(a_side_file_holds_the_draft_block_and_needs_no_keys) {
    REQUIRE(enter());
    edit trunk = *base(), side = *base(), other = *base();
    edit_keep_tensors(&trunk, "mtp.", false);
    edit_keep_tensors(&side, "mtp.", true);
    side.n_keys = 0;
    static float norm[32] = {1};
    other = side;
    edit_tensor_of(&other, "mtp.0.norm.weight")->data = norm;
    edit_write(&trunk, at("trunk.gguf"));
    edit_write(&side, at("side.gguf"));
    edit_write(&other, at("other.gguf"));
    edit_write(base(), at("both.gguf"));

    model *m[4] = {0};
    CHECK(model_open(&m[0], at("trunk.gguf"), at("side.gguf"), NULL) == OK &&
          model_weights(m[0])->draft.present);
    CHECK(model_open(&m[1], at("trunk.gguf"), at("other.gguf"), NULL) == OK &&
          model_weights(m[1])->draft.head.norm[1] == 0);
    CHECK(model_open(&m[2], at("trunk.gguf"), NULL, NULL) == OK &&
          !model_weights(m[2])->draft.present);
    CHECK(model_open(&m[3], at("both.gguf"), at("other.gguf"), NULL) == OK); /* named: it wins */
    CHECK(m[3] && model_weights(m[3])->draft.head.norm[1] == 0);
    CHECK(model_n_files(m[0]) == 1 &&
          model_weights(m[0])->draft.head.out.data == model_weights(m[0])->head.out.data);
    CHECK(hash128_equal(model_identity(m[0]), model_identity(m[2])));
    CHECK(!hash128_equal(model_side_identity(m[0]), model_side_identity(m[1])));
    CHECK(hash128_equal(model_side_identity(m[1]), model_side_identity(m[3])));
    CHECK(hash128_equal(model_side_identity(m[2]), (hash128){0, 0}));
    for (int i = 0; i < 4; i++) model_close(m[i]);

    check_open_fails(at("trunk.gguf"), at("missing.gguf"), E_IO, "missing.gguf", "");
    check_open_fails(at("trunk.gguf"), at("trunk.gguf"), E_FORMAT,
                     "trunk.gguf: 32 tensors are missing", "mtp.0.");
    edit_drop_tensor(&side, "mtp.0.exp_probs_b.bias");
    edit_write(&side, at("side.gguf"));
    check_open_fails(at("trunk.gguf"), at("side.gguf"), E_FORMAT,
                     "side.gguf: tensor mtp.0.exp_probs_b.bias [6] is missing", "");
    edit_tensor *t = edit_tensor_of(&other, "mtp.0.h_proj.weight");
    t->ne[1]--, t->bytes -= 128;
    edit_write(&other, at("other.gguf"));
    check_open_fails(at("trunk.gguf"), at("other.gguf"), E_FORMAT,
                     "other.gguf: tensor mtp.0.h_proj.weight: shape [32, 31]", "expected [32, 32]");
    leave();
}

/* Shard i of n: its share of the tensors, and all keys in the first. */
static edit shard_of(const edit *whole, uint32_t i, uint32_t n) {
    edit x = *whole;
    const uint32_t from = whole->n_tensors * i / n, to = whole->n_tensors * (i + 1) / n;
    memmove(x.tensors, x.tensors + from, (to - from) * sizeof *x.tensors);
    x.n_tensors = to - from;
    if (i > 0) x.n_keys = 0;
    edit_whole(&x, "split.no", GGUF_U16, i);
    edit_whole(&x, "split.count", GGUF_U16, n);
    edit_whole(&x, "split.tensors.count", GGUF_I32, whole->n_tensors);
    return x;
}

static const char *shard_name(uint32_t i, uint32_t n) {
    char name[60];
    snprintf(name, sizeof name, "model-%05u-of-%05u.gguf", i + 1, n);
    return at(name);
}

static void write_shards(const edit *whole, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        const edit x = shard_of(whole, i, n);
        edit_write(&x, shard_name(i, n));
    }
}

TEST(shards_open_by_any_of_their_names) {
    REQUIRE(enter());
    static float joined[32 * 64];
    const edit forms[] = {
        *base(),
        joined_behind_the_trunk(joined)}; /* the block behind the trunk lies in the last shard */
    for (int f = 0; f < 2; f++) {
        edit whole = forms[f];
        model *want = open_or_say(&whole);
        write_shards(&forms[f], 3);
        hash128 first = {0, 0};
        for (uint32_t i = 0; i < 3; i++) {
            model *m = NULL;
            err e = {0};
            CHECK_SAY(model_open(&m, shard_name(i, 3), NULL, &e) == OK, "%s", e.text);
            if (!m) continue;
            CHECK(model_n_files(m) == 3 && model_shape(m)->n_layers == 4 &&
                  model_weights(m)->draft.present);
            CHECK(memcmp(model_shape(m), model_shape(want), sizeof(shape)) == 0);
            CHECK(same_rows(&model_weights(m)->head.out, &model_weights(want)->head.out));
            CHECK(same_rows(&model_weights(m)->layers[3].q_a, &model_weights(want)->layers[3].q_a));
            if (i == 0) first = model_identity(m);
            CHECK(hash128_equal(first, model_identity(m)));
            model_close(m);
        }
        edit_close(&whole, want);
    }
    leave();
}

TEST(shards_that_are_missing_or_mixed_up_are_named) {
    REQUIRE(enter());
    write_shards(base(), 3);
    CHECK(unlink(shard_name(1, 3)) == 0);
    for (uint32_t i = 0; i < 3; i++)
        check_open_fails(shard_name(i, 3), NULL, E_IO, "model-00002-of-00003.gguf", "No such file");

    edit x = shard_of(base(), 0, 3); /* the first one twice */
    edit_write(&x, shard_name(1, 3));
    check_open_fails(shard_name(0, 3), NULL, E_FORMAT,
                     "model-00002-of-00003.gguf: says it is part 1 of 3", "expected part 2 of 3");
    x = shard_of(base(), 1, 3);
    edit_whole(&x, "split.count", GGUF_U16, 4);
    edit_write(&x, shard_name(1, 3));
    check_open_fails(shard_name(0, 3), NULL, E_FORMAT, "part 2 of 4", "expected part 2 of 3");
    x = shard_of(base(), 1, 3);
    edit_drop_key(&x, "split.no");
    edit_write(&x, shard_name(1, 3));
    check_open_fails(shard_name(2, 3), NULL, E_FORMAT, "model-00002-of-00003.gguf",
                     "expected part 2 of 3");
    x = shard_of(base(), 1, 3);
    x.n_tensors--;
    edit_write(&x, shard_name(1, 3));
    check_open_fails(shard_name(0, 3), NULL, E_FORMAT, "split.tensors.count says 152", "hold 151");
    edit_u32(&x, "split.tensors.count", 151); /* only the first's counts */
    edit_write(&x, shard_name(1, 3));
    check_open_fails(shard_name(0, 3), NULL, E_FORMAT, "split.tensors.count says 152", "hold 151");
    x = shard_of(base(), 0, 3);
    edit_drop_key(&x, "split.tensors.count");
    edit_write(&x, shard_name(0, 3));
    check_open_fails(shard_name(0, 3), NULL, E_FORMAT, "is missing", "blk.");

    edit_write(&x, at("renamed.gguf"));
    check_open_fails(at("renamed.gguf"), NULL, E_FORMAT, "one of 3 parts", "original names");
    edit_write(base(), at("x-00004-of-00003.gguf"));
    check_open_fails(at("x-00004-of-00003.gguf"), NULL, E_FORMAT, "part 4 of 3", "makes no sense");
    edit_write(base(), at("x-00000-of-00003.gguf"));
    check_open_fails(at("x-00000-of-00003.gguf"), NULL, E_FORMAT, "part 0 of 3", "makes no sense");
    check_open_fails(at("x-00001-of-99999.gguf"), NULL, E_FORMAT, "part 1 of 99999",
                     "makes no sense");
    leave();
}

TEST(a_name_that_only_looks_like_a_shard_is_a_file) {
    REQUIRE(enter());
    static const char *const names[] = {"x-00001-of-00001.gguf",     "x-0001-of-0003.gguf",
                                        "x-00001-of-00003.gguf.bak", "x-0000a-of-00003.gguf",
                                        "x_00001-of-00003.gguf",     "-of-00003.gguf"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        model *m = NULL;
        err e = {0};
        edit_write(base(), at(names[i]));
        CHECK_SAY(model_open(&m, at(names[i]), NULL, &e) == OK && model_n_files(m) == 1, "%s: %s",
                  names[i], e.text);
        model_close(m);
    }
    leave();
}

/* ------------------------------------------------------------------ identity */

TEST(equal_files_have_equal_identities_and_edited_ones_have_not) {
    edit a = *base(), b = *base(), c = *base(), d = *base();
    static float values[384];
    const edit_tensor *t = edit_tensor_of(&a, "token_embd.weight");
    memcpy(values, t->data, sizeof values);
    values[383] += 1; /* the last value */
    edit_tensor_of(&b, "token_embd.weight")->data = values;
    edit_f32(&c, "deepseek4.expert_weights_scale", 1.25f);
    edit_string(&d, "general.name", "another");
    model *m[5] = {open_or_say(&a), open_or_say(&b), open_or_say(&c), open_or_say(&d)};
    edit again = *base();
    m[4] = open_or_say(&again);
    for (int i = 0; i < 5; i++)
        for (int k = 0; k < i; k++)
            CHECK_SAY(m[i] && m[k] &&
                          hash128_equal(model_identity(m[i]), model_identity(m[k])) ==
                              (i == 4 && k == 0),
                      "%d %d", i, k);
    edit *x[] = {&a, &b, &c, &d, &again};
    for (int i = 0; i < 5; i++) edit_close(x[i], m[i]);
}

TESTS_MAIN
