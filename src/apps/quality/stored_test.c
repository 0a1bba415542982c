#include "apps/quality/stored.h"

#include "apps/quality/divergence.h"
#include "base/hash.h"
#include "base/le.h"
#include "base/test.h"

enum { VOCAB = 37, TOKENS = 9 };

static float logit(int row, int i) {
    return (float)(sin(row * 31 + i * 1.3) * 9 + (i == row ? 6 : 0));
}

static buf file_of(void) {
    static const char about[] = "{\"model\": {\"name\": \"m\"}}";
    buf b = {0};
    stream s = {0};
    float x[VOCAB];
    for (int i = 0; i < TOKENS; i++) tokens_add(&s.ids, 1 + i * 3);
    if (stream_cut(&s, 0, 4, 0, NULL) != OK) abort();
    stored_put_head(&b, &(stored_head){VOCAB, STORED_EXACT, {1, 2}}, &s);
    if (b.n != stored_head_bytes(TOKENS)) abort();
    for (int r = 0; r < TOKENS; r++) {
        for (int i = 0; i < VOCAB; i++) x[i] = logit(r, i);
        stored_put_row(&b, x, VOCAB);
    }
    if (b.n != stored_head_bytes(TOKENS) + TOKENS * stored_row_bytes(VOCAB)) abort();
    stored_put_end(&b, about, sizeof about - 1);
    stream_free(&s);
    return b;
}

static status open_it(stored **out, const buf *b, err *e) {
    return stored_open_bytes(out, (const uint8_t *)b->data, b->n, "it", e);
}

TEST(what_is_stored_comes_back_within_half_a_step) {
    buf b = file_of();
    stored *s = NULL;
    float x[VOCAB], y[VOCAB];
    REQUIRE(open_it(&s, &b, NULL) == OK);
    CHECK(stored_header(s)->n_vocab == VOCAB && stored_header(s)->how == STORED_EXACT && stored_header(s)->model.hi == 2);
    CHECK(stored_stream(s)->n_tokens == TOKENS && stored_stream(s)->n_windows == 3);
    CHECK(json_get(stored_about(s), "model") != NULL);
    for (int r = 0; r < TOKENS; r++) {
        token_figures t;
        for (int i = 0; i < VOCAB; i++) x[i] = logit(r, i);
        REQUIRE(stored_row(s, (uint64_t)r, y, NULL) == OK);
        divergence(&t, y, x, VOCAB, 5);
        CHECK_SAY(t.kl < 1e-8, "%g", t.kl);
        CHECK(t.best == t.best_ref && fabs(t.nll - t.nll_ref) < 0.001);
    }
    stored_close(s);
    buf_free(&b);
}

TEST(the_best_token_stays_the_only_best_one) {
    const float x[4] = {-30, 1, 1.0001f, 0.9999f};
    stream s = {0};
    buf b = {0};
    stored *f = NULL;
    float y[4];
    tokens_add(&s.ids, 1);
    REQUIRE(stream_cut(&s, 0, 4, 0, NULL) == OK);
    stored_put_head(&b, &(stored_head){.n_vocab = 4}, &s);
    stored_put_row(&b, x, 4);
    stored_put_end(&b, "{}", 2);
    REQUIRE(open_it(&f, &b, NULL) == OK);
    REQUIRE(stored_row(f, 0, y, NULL) == OK);
    CHECK(y[2] > y[1] && y[2] > y[3] && y[0] < -30);
    stored_close(f);
    stream_free(&s);
    buf_free(&b);
}

TEST(equal_logits_and_wide_ones_are_stored_too) {
    const float flat[3] = {5, 5, 5}, wide[3] = {3e38f, -3e38f, 0};
    for (int k = 0; k < 2; k++) {
        stream s = {0};
        buf b = {0};
        stored *f = NULL;
        float y[3] = {1, 1, 1};
        tokens_add(&s.ids, 1);
        REQUIRE(stream_cut(&s, 0, 4, 0, NULL) == OK);
        stored_put_head(&b, &(stored_head){.n_vocab = 3}, &s);
        stored_put_row(&b, k ? wide : flat, 3);
        stored_put_end(&b, "{}", 2);
        REQUIRE(open_it(&f, &b, NULL) == OK);
        REQUIRE(stored_row(f, 0, y, NULL) == OK);
        if (k == 0) CHECK(y[0] == 0 && y[1] == 0 && y[2] == 0);
        if (k == 1) CHECK(y[0] == 0 && fabsf(y[1] + 64) < 0.01f && fabsf(y[2] + 64) < 0.01f);
        stored_close(f);
        stream_free(&s);
        buf_free(&b);
    }
}

/* Either refused at once, or by the row that is damaged; one line, always. */
static bool is_refused(const buf *b) {
    stored *s = NULL;
    err e = {0};
    float y[VOCAB];
    if (open_it(&s, b, &e) != OK) return e.text[0] && !strchr(e.text, '\n');
    bool refused = false;
    for (uint64_t r = 0; r < TOKENS && !refused; r++) refused = stored_row(s, r, y, &e) == E_FORMAT;
    stored_close(s);
    return refused;
}

TEST(a_file_cut_anywhere_is_refused) {
    buf b = file_of();
    const size_t n = b.n;
    for (b.n = 0; b.n < n; b.n++) CHECK_SAY(is_refused(&b), "%zu", b.n);
    b.n = n;
    CHECK(!is_refused(&b));
    buf_add(&b, "x", 1);
    CHECK(is_refused(&b));
    buf_free(&b);
}

TEST(a_changed_byte_anywhere_is_noticed) {
    buf b = file_of();
    for (size_t i = 0; i < b.n; i++) {
        b.data[i] ^= 0x20;
        CHECK_SAY(is_refused(&b), "byte %zu", i);
        b.data[i] ^= 0x20;
    }
    CHECK(!is_refused(&b));
    buf_free(&b);
}

/* With right checksums, as an attacker would write them. */
TEST(impossible_numbers_are_refused_whatever_their_checksum) {
    const struct {
        size_t at;
        uint32_t v;
    } wrong[] = {{8, 2}, {12, 0}, {12, UINT32_MAX}, {12, 10}, {16, UINT32_MAX}, {20, UINT32_MAX}, {20, 1u << 30},
                 {24, 1 << 20}, {28, UINT32_MAX}, {32, 0}, {32, UINT32_MAX}, {36, UINT32_MAX}, {36, VOCAB}, {40, 4}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        buf b = file_of();
        put_le32(b.data + wrong[i].at, wrong[i].v);
        put_le64(b.data + 80, hash64(b.data, 80));
        CHECK_SAY(is_refused(&b), "%zu", i);
        buf_free(&b);
    }
}

TESTS_MAIN
