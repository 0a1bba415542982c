#include "apps/timing/profile.h"

#include "apps/timing/synthetic.h"
#include "base/json.h"
#include "base/test.h"
#include "engine/engine.h"
#include "engine/session.h"

/* A small model, an engine that is watched, and a session. */
typedef struct bed {
    synthetic *made;
    const model *m;
    engine *en;
    session *s;
    profile_port port;
    profile *f;
} bed;

static bool bed_open(bed *b, const char *text) {
    synthetic_spec spec;
    err e = {0};
    *b = (bed){0};
    status st = synthetic_parse(&spec, text, &e);
    if (st == OK) st = synthetic_new(&b->made, &spec, 2, NULL, &e);
    if (st == OK) b->m = synthetic_model(b->made);
    const engine_options o = {.context = 1024,
                              .batch = 64,
                              .threads = 2,
                              .watch = profile_observer(&b->port),
                              .stages = profile_stages(&b->port)};
    if (st == OK) st = engine_open(&b->en, b->m, &o, &e);
    if (st == OK) st = session_new(&b->s, b->en, &e);
    if (st == OK) b->f = profile_new(engine_plan(b->en));
    CHECK_SAY(st == OK && b->f, "%s: %s", text, e.text);
    return st == OK && b->f;
}

static void bed_close(bed *b) {
    session_free(b->s);
    engine_close(b->en);
    synthetic_free(b->made);
    profile_free(b->f);
}

static void feed(bed *b, uint32_t n) {
    int32_t ids[512];
    err e = {0};
    for (uint32_t i = 0; i < n; i++) ids[i] = (int32_t)((session_pos(b->s) + i) * 31 % 512);
    CHECK_SAY(session_feed(b->s, ids, n, NULL, &e) == OK, "%s", e.text);
}

static profile_line line_of(const bed *b, const char *stage_name, const char *name) {
    profile_line all[PROFILE_LINES];
    const uint32_t n = profile_lines(b->f, all);
    for (uint32_t i = 0; i < n; i++) {
        if (strcmp(all[i].stage, stage_name) != 0) continue;
        if (name ? all[i].name && strcmp(all[i].name, name) == 0 : !all[i].name) return all[i];
    }
    return (profile_line){0};
}

static double all_weight_bytes(const bed *b) {
    profile_line all[PROFILE_LINES];
    double sum = 0;
    const uint32_t n = profile_lines(b->f, all);
    for (uint32_t i = 0; i < n; i++)
        if (!all[i].name) sum += all[i].weight_bytes;
    return sum;
}

static bool ends_with(gguf_str s, const char *end) {
    const size_t n = strlen(end);
    return s.n >= n && memcmp(s.p + s.n - n, end, n) == 0;
}

/* What one token reads, from the file's list of tensors: a row of the embedding, of the experts as
 * many as are used, all other matrices whole; the indexer's queries only once there is a choice to
 * make. */
static double listed_bytes(const model *m, bool choosing) {
    const gguf *g = model_file(m, 0);
    const shape *s = model_shape(m);
    double sum = 0;
    for (uint64_t i = 0; i < gguf_n_tensors(g); i++) {
        const gguf_tensor *t = gguf_tensor_at(g, i);
        const double bytes = (double)t->bytes;
        if (t->n_dims < 2 || ends_with(t->name, "_ape.weight") || t->type->id == Q_I32) continue;
        if (ends_with(t->name, "token_embd.weight"))
            sum += bytes / s->n_vocab;
        else if (ends_with(t->name, "_exps.weight"))
            sum += bytes / s->n_experts * s->n_used;
        else if (ends_with(t->name, "indexer.attn_q_b.weight") ||
                 ends_with(t->name, "indexer.proj.weight"))
            sum += choosing ? bytes : 0;
        else
            sum += bytes;
    }
    return sum;
}

TEST(the_bytes_of_a_decoded_token_are_those_of_the_list_of_tensors) {
    static const char *const specs[] = {
        "small", "small:recipe=q8", "small:recipe=f32,layers=3,experts=5", "small:recipe=mxfp4"};
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
        bed b;
        REQUIRE(bed_open(&b, specs[i]));
        feed(&b, 20);
        for (int deep = 0; deep < 2; deep++) {
            const uint32_t pos = session_pos(b.s);
            profile_free(b.f);
            b.f = b.port.to = profile_new(engine_plan(b.en));
            feed(&b, 1);
            b.port.to = NULL;
            const double want = listed_bytes(b.m, deep);
            CHECK_SAY(all_weight_bytes(&b) == want, "%s: %.0f, listed %.0f", specs[i],
                      all_weight_bytes(&b), want);
            CHECK(fabs(step_weight_bytes(engine_plan(b.en), 1, pos) / want - 1) < 1e-12);
            feed(&b, 80);
        }
        bed_close(&b);
    }
}

TEST(a_prefill_counts_each_matrix_once_and_the_experts_that_were_met) {
    bed b;
    REQUIRE(bed_open(&b, "small"));
    b.port.to = b.f;
    feed(&b, 60);
    b.port.to = NULL;
    const profile_sums t = profile_total(b.f);
    const plan *p = engine_plan(b.en);
    const layer_weights *w = p->layers[0].w;
    CHECK(t.steps == 1 && t.rows == 60 && t.layers == 5);
    CHECK(t.experts_least >= 8 && t.experts_most <= 16 &&
          t.experts_mean >= (double)t.experts_least);
    const profile_line q_a = line_of(&b, "attn_in", "q_a");
    CHECK(q_a.calls == 5 && q_a.weight_bytes == 5.0 * (double)w->q_a.plane_bytes);
    CHECK(q_a.flops == 5.0 * 2 * w->q_a.rows * w->q_a.cols * 60);
    const profile_line down = line_of(&b, "experts", "down");
    const double experts = t.experts_mean * 5;
    CHECK(fabs(down.weight_bytes - experts * (double)w->routed.down.plane_bytes -
               5.0 * (double)w->shared.down.plane_bytes) < 1);
    CHECK(down.calls == 5);
    const profile_line out_a = line_of(&b, "attn_out", "out_a");
    CHECK(out_a.weight_bytes == 5.0 * (double)w->out_a.plane_bytes);
    CHECK(out_a.flops == 5.0 * 2 * w->out_a.rows * w->out_a.cols * 60);
    CHECK(line_of(&b, "embed", NULL).weight_bytes == 60.0 * (double)p->weights->embed.row_bytes);
    CHECK(line_of(&b, "head", "output").flops == 2.0 * 512 * 256);
    bed_close(&b);
}

TEST(times_of_stages_add_up_and_hold_their_products) {
    bed b;
    REQUIRE(bed_open(&b, "small"));
    b.port.to = b.f;
    feed(&b, 50);
    b.port.to = NULL;
    profile_line all[PROFILE_LINES];
    const uint32_t n = profile_lines(b.f, all);
    double stages = 0, within = 0, whole = 0;
    for (uint32_t i = 0; i < n; i++) {
        CHECK(all[i].seconds >= 0);
        if (all[i].name) {
            within += all[i].seconds;
        } else {
            CHECK(within <= whole + 1e-9);
            stages += whole = all[i].seconds;
            within = 0;
        }
    }
    CHECK(n == 9 + 14 && stages > 0 && fabs(stages - profile_total(b.f).seconds) < 1e-9);
    bed_close(&b);
}

TEST(nothing_is_counted_while_nobody_listens) {
    bed b;
    REQUIRE(bed_open(&b, "small"));
    feed(&b, 10);
    CHECK(profile_total(b.f).steps == 0);
    b.port.to = b.f;
    feed(&b, 3);
    b.port.to = NULL;
    feed(&b, 10);
    CHECK(profile_total(b.f).steps == 1 && profile_total(b.f).rows == 3);
    bed_close(&b);
}

/* window 32, top-k 16: what a token may see is small enough to be counted by hand. */
TEST(cached_rows_are_counted_once) {
    bed b;
    REQUIRE(bed_open(&b, "small"));
    const plan *p = engine_plan(b.en);
    const layer *plain = &p->layers[0], *four = &p->layers[1], *many = &p->layers[2];
    CHECK(plain->ratio == 0 && four->ratio == 4 && many->ratio == 128);
    cache_reads r = cache_rows(p, plain, 0, 1);
    CHECK(r.window == 0 && r.compressed == 0 && r.index == 0);
    r = cache_rows(p, plain, 500, 64);
    CHECK(r.window == 31 && r.compressed == 0);
    r = cache_rows(p, four, 63, 1); /* 16 rows, and as many may be looked at: no choice */
    CHECK(r.window == 31 && r.compressed == 16 && r.index == 0);
    r = cache_rows(p, four, 67, 1);
    CHECK(r.compressed == 16 && r.index == 17);
    r = cache_rows(p, four, 400, 2);
    CHECK(r.compressed == 32 && r.index == 100);
    r = cache_rows(p, four, 400, 60);
    CHECK(r.compressed == 115 && r.index == 115);
    r = cache_rows(p, many, 255, 1);
    CHECK(r.compressed == 2 && r.index == 0);
    /* At position 67: windows of 31 everywhere; 16, 0, 16, 4 compressed; 17 index rows twice. */
    double rows = 0;
    rows += 5 * 31 * 64 + (16 + 0 + 16 + 4) * 64 + 2 * 17 * 32;
    CHECK(step_cache_bytes(p, 3, 67) == rows * 2 * 3);
    feed(&b, 67);
    b.port.to = b.f;
    feed(&b, 1);
    b.port.to = NULL;
    CHECK(line_of(&b, "attend", NULL).cache_bytes + line_of(&b, "select", NULL).cache_bytes ==
          rows * 2);
    bed_close(&b);
}

TEST(several_sessions_meet_more_experts_but_not_all) {
    bed b;
    REQUIRE(bed_open(&b, "small"));
    const plan *p = engine_plan(b.en);
    const double one = step_weight_bytes(p, 1, 0), two = step_weight_bytes(p, 2, 0);
    const double many = step_weight_bytes(p, 1000, 0) - 999.0 * (double)p->weights->embed.row_bytes;
    double experts = 0; /* all of them */
    for (int l = 0; l < 5; l++) {
        const expert_weights *x = &p->layers[l].w->routed;
        experts += 16.0 * (double)(x->gate.plane_bytes + x->up.plane_bytes + x->down.plane_bytes);
    }
    CHECK(fabs(many - one - experts * 13 / 16) < 1);
    /* 16 (1 - (13/16)^2) = 5.4375 */
    CHECK(fabs(two - one - (double)p->weights->embed.row_bytes - experts * (5.4375 - 3) / 16) < 1);
    bed_close(&b);
}

TEST(the_table_is_json_too) {
    bed b;
    REQUIRE(bed_open(&b, "small"));
    b.port.to = b.f;
    feed(&b, 30);
    b.port.to = NULL;
    buf out = {0};
    json_doc *d = NULL;
    err e = {0};
    double of = 0, seconds = 0, bytes = 0;
    profile_json(&out, b.f, 1e9);
    CHECK_SAY(json_parse(&d, out.data, out.n, 0, "profile", &e) == OK, "%s", e.text);
    const json *lines = d ? json_get(json_root(d), "lines") : NULL, *first = json_at(lines, 1);
    CHECK(json_count(lines) == 9 + 14);
    CHECK(first && json_f64(json_get(first, "of_read_bandwidth"), &of) &&
          json_f64(json_get(first, "seconds"), &seconds) &&
          json_f64(json_get(first, "weight_bytes"), &bytes));
    CHECK(fabs(of - bytes / seconds / 1e9) < 0.02 * of + 0.001);
    json_free(d);
    buf_free(&out);
    bed_close(&b);
}

TESTS_MAIN
