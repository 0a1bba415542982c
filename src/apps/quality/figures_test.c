#include "apps/quality/figures.h"

#include "base/test.h"

enum { BOS = 0 };

static stream text_of(size_t n, uint32_t size) {
    stream s = {0};
    for (size_t i = 0; i < n; i++) tokens_add(&s.ids, 1 + (int32_t)(i % 50));
    if (stream_cut(&s, BOS, size, 0, NULL) != OK) abort();
    return s;
}

TEST(a_thousand_tokens_are_ranked_by_their_divergence) {
    stream s = text_of(1000, 100);
    token_figures *t = calloc(1000, sizeof *t);
    figures f;
    for (int i = 0; i < 1000; i++) t[i] = (token_figures){.kl = (i * 7 % 1000 + 1) / 1000.0, .best = i % 4 == 0, .common = 10};
    REQUIRE(figures_make(&f, &s, t, NULL) == OK);
    CHECK(f.kl_at[0] == 0.5 && f.kl_at[1] == 0.9 && f.kl_at[2] == 0.99 && f.kl_at[3] == 0.999 && f.kl_at[4] == 1);
    CHECK(fabs(f.kl.value - 0.5005) < 1e-12);
    CHECK(f.same.value == 0.75 && f.common.value == 1);
    CHECK(f.n_batches == 10 && f.batch_n[9] == 100 && f.n_worst == FIGURES_WORST);
    CHECK(t[f.worst[0]].kl == 1 && t[f.worst[1]].kl == 0.999 && t[f.worst[23]].kl == 0.977);
    figures_free(&f);
    stream_free(&s);
    free(t);
}

TEST(every_token_is_in_one_part_of_each_kind) {
    stream s = text_of(777, 300);
    token_figures *t = calloc(777, sizeof *t);
    figures f;
    for (int i = 0; i < 777; i++) t[i] = (token_figures){.kl = pow(10, i % 16 - 12), .p_best = (float)(i % 101) / 100};
    t[5].kl = 0;
    t[6].kl = 1e9;
    REQUIRE(figures_make(&f, &s, t, NULL) == OK);
    double n[3] = {0}, kl[3] = {0};
    for (int i = 0; i < FIGURES_BINS; i++) n[0] += f.histogram[i].n, kl[0] += f.histogram[i].kl;
    for (size_t i = 0; i < f.n_places; i++) n[1] += f.places[i].n, kl[1] += f.places[i].kl;
    for (int i = 0; i < FIGURES_SURE; i++) n[2] += f.sure[i].n, kl[2] += f.sure[i].kl;
    for (int i = 0; i < 3; i++) CHECK(n[i] == 777 && fabs(kl[i] / 777 / f.kl.value - 1) < 1e-12);
    CHECK(f.places[0].from == 0 && f.places[0].to == 1 && f.places[0].n == 3);
    CHECK(f.places[f.n_places - 1].to == 300);
    for (size_t i = 1; i < f.n_places; i++) CHECK(f.places[i].from == f.places[i - 1].to);
    CHECK(f.histogram[0].n >= 1 && f.histogram[FIGURES_BINS - 1].n >= 1);
    figures_free(&f);
    stream_free(&s);
    free(t);
}

TEST(the_perplexities_ratio_is_paired) {
    stream s = text_of(400, 20);
    token_figures *t = calloc(400, sizeof *t);
    figures f;
    for (int i = 0; i < 400; i++) t[i].nll_ref = i / 20, t[i].nll = t[i].nll_ref + 0.25;
    REQUIRE(figures_make(&f, &s, t, NULL) == OK);
    CHECK(fabs(f.ratio.value - 0.25) < 1e-12 && fabs(f.ratio.high - f.ratio.low) < 1e-9);
    CHECK(f.nll.high - f.nll.low > 4);
    figures_free(&f);
    stream_free(&s);
    free(t);
}

TEST(many_windows_become_at_most_a_thousand_batches) {
    stream s = text_of(5001, 2);
    token_figures *t = calloc(5001, sizeof *t);
    figures f;
    REQUIRE(figures_make(&f, &s, t, NULL) == OK);
    double n = 0;
    for (size_t i = 0; i < f.n_batches; i++) n += f.batch_n[i];
    CHECK(s.n_windows == 2501 && f.n_batches == 834 && n == 5001 && f.batch_n[0] == 6);
    CHECK(f.n_worst == 0 && f.kl.value == 0 && f.kl.high == 0);
    figures_free(&f);
    stream_free(&s);
    free(t);
}

TEST(windows_foretell_every_token_once_and_cross_no_document) {
    stream s = {0};
    const int32_t ids[] = {BOS, BOS, 1, 2, 3, 4, 5, BOS, 6, 7, BOS, 8, BOS};
    int32_t fed[3];
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) tokens_add(&s.ids, ids[i]);
    REQUIRE(stream_cut(&s, BOS, 3, 0, NULL) == OK);
    REQUIRE(s.n_windows == 4);
    CHECK(s.n_tokens == 8);
    const uint32_t sizes[4] = {3, 2, 2, 1};
    for (size_t w = 0, next = 0; w < 4; w++) {
        CHECK(s.windows[w].n == sizes[w] && s.windows[w].before == next);
        for (uint32_t i = 0; i < s.windows[w].n; i++) CHECK(s.ids.id[s.windows[w].first + i] == (int32_t)++next);
        stream_fed(&s, w, fed);
        CHECK(fed[0] == BOS && (s.windows[w].n < 2 || fed[1] == s.ids.id[s.windows[w].first]));
    }
    stream_free(&s);
}

TEST(a_limit_of_tokens_cuts_within_a_window) {
    stream s = text_of(20, 8), whole = text_of(20, 8), none = {0};
    REQUIRE(stream_cut(&s, BOS, 8, 11, NULL) == OK);
    CHECK(s.n_tokens == 11 && s.n_windows == 2 && s.windows[1].n == 3 && s.ids.n == 11);
    CHECK(!hash128_equal(stream_hash(&s), stream_hash(&whole)));
    tokens_add(&none.ids, BOS);
    err e = {0};
    CHECK(stream_cut(&none, BOS, 8, 0, &e) == E_FORMAT && e.text[0]);
    stream_free(&s);
    stream_free(&whole);
    stream_free(&none);
}

TESTS_MAIN
