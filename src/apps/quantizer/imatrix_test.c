#include <unistd.h>

#include "apps/quantizer/imatrix.h"
#include "base/le.h"
#include "base/test.h"
#include "gguf/gguf.h"

static char path[64];

static const char *scratch(void) {
    snprintf(path, sizeof path, "/tmp/ds4-imatrix-%ld", (long)getpid());
    return path;
}

static void put32(buf *b, uint32_t v) {
    uint8_t p[4];
    put_le32(p, v);
    buf_add(b, p, 4);
}

static void put_entry(buf *b, const char *name, uint32_t calls, const float *v, uint32_t n) {
    put32(b, (uint32_t)strlen(name));
    buf_str(b, name);
    put32(b, calls);
    put32(b, n);
    for (uint32_t i = 0; i < n; i++) put32(b, f32_bits(v[i]));
}

static void put_tail(buf *b, uint32_t chunk, const char *set) {
    put32(b, chunk);
    put32(b, (uint32_t)strlen(set));
    buf_str(b, set);
}

static status read_buf(imatrix *m, const buf *b, err *e) {
    return imatrix_read_bytes(m, (const uint8_t *)b->data, b->n, "x.dat", e);
}

/* Two experts of three columns, the second of which nothing met; and a plain matrix. */
static void fill(imatrix *m) {
    imatrix_entry *x;
    err e;
    CHECK(imatrix_add(m, "blk.1.ffn_up_exps.weight", 3, 2, &x, &e) == OK);
    for (int i = 0; i < 3; i++) x->sums[i] = (float)(i + 1);
    x->counts[0] = 4;
    CHECK(imatrix_add(m, "blk.0.attn_kv.weight", 2, 1, &x, &e) == OK);
    x->sums[0] = 5, x->sums[1] = 0, x->counts[0] = 10;
    CHECK(imatrix_dataset(m, "calibration.txt"));
    m->chunks = 7;
    m->chunk_size = 512;
}

static bool same(const imatrix *a, const imatrix *b) {
    if (a->n != b->n || a->chunks != b->chunks || a->chunk_size != b->chunk_size) return false;
    if (a->datasets.n != b->datasets.n || memcmp(a->datasets.data, b->datasets.data, a->datasets.n))
        return false;
    for (size_t i = 0; i < a->n; i++) {
        const imatrix_entry *x = &a->entries[i], *y = &b->entries[i];
        if (strcmp(x->name, y->name) || x->n_cols != y->n_cols || x->n_mats != y->n_mats ||
            memcmp(x->sums, y->sums, x->n_cols * x->n_mats * sizeof *x->sums) ||
            memcmp(x->counts, y->counts, x->n_mats * sizeof *x->counts))
            return false;
    }
    return true;
}

TEST(the_container_form_comes_back_as_it_was_written) {
    imatrix m = {0}, back = {0};
    err e;
    fill(&m);
    REQUIRE(imatrix_write(&m, scratch(), IMATRIX_GGUF, &e) == OK);
    CHECK(imatrix_read(&back, path, &e) == OK && same(&m, &back));
    unlink(path);
    imatrix_free(&m);
    imatrix_free(&back);
}

TEST(the_legacy_form_holds_the_means_and_ones_for_experts_never_met) {
    imatrix m = {0}, back = {0};
    err e;
    float w[3];
    fill(&m);
    REQUIRE(imatrix_write(&m, scratch(), IMATRIX_LEGACY, &e) == OK);
    REQUIRE(imatrix_read(&back, path, &e) == OK);
    const imatrix_entry *x = imatrix_find(&back, "blk.1.ffn_up_exps.weight");
    REQUIRE(x && back.n == 2 && back.chunks == 7);
    CHECK(x->n_cols == 6 && imatrix_fits(x, 3, 2) && !imatrix_fits(x, 3, 3));
    CHECK(imatrix_weights(x, 3, 0, w) && w[0] == 0.25f && w[1] == 0.5f && w[2] == 0.75f);
    CHECK(imatrix_weights(x, 3, 1, w) && w[0] == 1 && w[2] == 1);
    CHECK(strcmp(back.datasets.data, "calibration.txt") == 0);
    unlink(path);
    imatrix_free(&m);
    imatrix_free(&back);
}

TEST(importance_is_the_sum_divided_by_the_count) {
    imatrix m = {0};
    float w[3];
    fill(&m);
    const imatrix_entry *x = imatrix_find(&m, "blk.1.ffn_up_exps.weight");
    CHECK(imatrix_weights(x, 3, 0, w) && w[0] == 0.25f && w[2] == 0.75f);
    CHECK(!imatrix_weights(x, 3, 1, w) && w[0] == 1 && w[1] == 1 && w[2] == 1);
    CHECK(!imatrix_find(&m, "blk.1.ffn_up_exps") && !imatrix_find(&m, ""));
    imatrix_free(&m);
}

TEST(one_row_of_importance_serves_all_experts) {
    imatrix m = {0};
    imatrix_entry *x;
    err e;
    float w[2];
    REQUIRE(imatrix_add(&m, "a", 2, 1, &x, &e) == OK);
    x->sums[0] = 3, x->sums[1] = 6, x->counts[0] = 3;
    CHECK(imatrix_fits(x, 2, 8) && imatrix_weights(x, 2, 7, w) && w[0] == 1 && w[1] == 2);
    imatrix_free(&m);
}

TEST(legacy_values_are_divided_by_the_calls_unless_there_are_none) {
    imatrix m = {0};
    buf b = {0};
    err e;
    float w[2];
    put32(&b, 2);
    put_entry(&b, "z", 4, (const float[]){4, 8}, 2);
    put_entry(&b, "a", 0, (const float[]){4, 8}, 2);
    REQUIRE(read_buf(&m, &b, &e) == OK);
    CHECK(imatrix_weights(imatrix_find(&m, "z"), 2, 0, w) && w[0] == 1 && w[1] == 2);
    CHECK(imatrix_weights(imatrix_find(&m, "a"), 2, 0, w) && w[0] == 4 && w[1] == 8);
    imatrix_free(&m);
    put_tail(&b, 12, "wiki");
    CHECK(read_buf(&m, &b, &e) == OK && m.chunks == 12 && strcmp(m.datasets.data, "wiki") == 0);
    buf_free(&b);
    imatrix_free(&m);
}

TEST(merging_adds_sums_counts_and_chunks) {
    imatrix a = {0}, b = {0};
    imatrix_entry *x;
    err e;
    fill(&a);
    fill(&b);
    REQUIRE(imatrix_add(&b, "only.here", 1, 1, &x, &e) == OK);
    x->sums[0] = 9, x->counts[0] = 1;
    CHECK(imatrix_dataset(&b, "more.txt"));
    REQUIRE(imatrix_merge(&a, &b, &e) == OK);
    x = imatrix_find(&a, "blk.0.attn_kv.weight");
    CHECK(x && x->sums[0] == 10 && x->counts[0] == 20 && a.n == 3 && a.chunks == 14);
    x = imatrix_find(&a, "only.here");
    CHECK(x && x->sums[0] == 9);
    CHECK(a.datasets.n == sizeof "calibration.txt" + sizeof "more.txt");
    imatrix_free(&a);
    imatrix_free(&b);
}

TEST(merging_different_shapes_is_refused_and_changes_nothing) {
    imatrix a = {0}, b = {0}, was = {0};
    imatrix_entry *x;
    err e;
    fill(&a);
    fill(&was);
    REQUIRE(imatrix_add(&b, "blk.0.attn_kv.weight", 3, 1, &x, &e) == OK);
    REQUIRE(imatrix_add(&b, "aaa", 3, 1, &x, &e) == OK);
    CHECK(imatrix_merge(&a, &b, &e) == E_FORMAT && strstr(e.text, "blk.0.attn_kv.weight"));
    CHECK(same(&a, &was));
    imatrix_free(&a);
    imatrix_free(&b);
    imatrix_free(&was);
}

TEST(legacy_files_cut_at_any_byte_are_refused_or_lack_only_the_tail) {
    buf b = {0};
    err e;
    put32(&b, 2);
    put_entry(&b, "one", 1, (const float[]){1, 2, 3}, 3);
    put_entry(&b, "two", 1, (const float[]){4}, 1);
    const size_t body = b.n;
    put_tail(&b, 3, "set");
    for (size_t n = 0; n < b.n; n++) {
        imatrix m = {0};
        uint8_t *copy = malloc(n ? n : 1);
        memcpy(copy, b.data, n);
        e.text[0] = 0;
        const status st = imatrix_read_bytes(&m, copy, n, "x.dat", &e);
        CHECK_SAY((st == OK) == (n == body), "cut at %zu", n);
        CHECK(st == OK || (strncmp(e.text, "x.dat: ", 7) == 0 && m.n == 0));
        imatrix_free(&m);
        free(copy);
    }
    buf_char(&b, 'x');
    imatrix m = {0};
    CHECK(read_buf(&m, &b, &e) == E_FORMAT);
    buf_free(&b);
}

TEST(numbers_that_make_no_sense_are_refused_with_the_entry) {
    static const float bad[] = {-1, NAN, INFINITY};
    err e;
    for (int i = 0; i < 3; i++) {
        buf b = {0};
        imatrix m = {0};
        put32(&b, 1);
        put_entry(&b, "blk.0.x", 1, (const float[]){1, bad[i]}, 2);
        CHECK(read_buf(&m, &b, &e) == E_FORMAT && strstr(e.text, "blk.0.x: value 1 is"));
        buf_free(&b);
    }
    for (int i = 0; i < 3; i++) {
        imatrix m = {0}, back = {0};
        fill(&m);
        m.entries[1].counts[1] = bad[i];
        if (imatrix_write(&m, scratch(), IMATRIX_GGUF, &e) == OK)
            CHECK(imatrix_read(&back, path, &e) == E_FORMAT && strstr(e.text, "count 1"));
        unlink(path);
        imatrix_free(&m);
    }
}

TEST(counts_larger_than_the_file_cost_no_memory) {
    static const uint32_t at[] = {0, 4, 4 + 4 + 1 + 4};
    err e;
    for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
        for (uint32_t big = 0x100; big; big <<= 4) {
            buf b = {0};
            imatrix m = {0};
            put32(&b, 1);
            put_entry(&b, "x", 1, (const float[]){1, 2}, 2);
            put_le32(b.data + at[i], big);
            CHECK(read_buf(&m, &b, &e) == E_FORMAT && m.n == 0);
            buf_free(&b);
        }
    }
}

TEST(a_name_that_comes_twice_is_refused) {
    buf b = {0};
    imatrix m = {0};
    err e;
    put32(&b, 3);
    put_entry(&b, "x", 1, (const float[]){1}, 1);
    put_entry(&b, "a", 1, (const float[]){1}, 1);
    put_entry(&b, "x", 1, (const float[]){1}, 1);
    CHECK(read_buf(&m, &b, &e) == E_FORMAT && strstr(e.text, "entry x comes twice"));
    buf_free(&b);
}

TEST(a_model_is_no_importance_matrix) {
    gguf_writer *w;
    imatrix m = {0};
    err e;
    REQUIRE(gguf_create(&w, scratch(), &e) == OK);
    gguf_put_string(w, "general.architecture", "deepseek4", 9);
    gguf_declare(w, "x.in_sum2", Q_F32, 1, (uint64_t[]){1});
    REQUIRE(gguf_begin(w, &e) == OK && gguf_data(w, "\0\0\0", 4, &e) == OK);
    REQUIRE(gguf_finish(w, &e) == OK);
    CHECK(imatrix_read(&m, path, &e) == E_FORMAT && strstr(e.text, "no importance matrix"));
    unlink(path);
}

TEST(sums_without_counts_of_their_shape_are_refused) {
    for (int wrong = 0; wrong < 3; wrong++) {
        gguf_writer *w;
        imatrix m = {0};
        err e;
        static const uint8_t zeros[64];
        REQUIRE(gguf_create(&w, scratch(), &e) == OK);
        gguf_put_string(w, "general.type", "imatrix", 7);
        gguf_declare(w, "x.in_sum2", Q_F32, 2, (uint64_t[]){4, 2});
        gguf_declare(w, wrong == 0 ? "y.counts" : "x.counts", wrong == 1 ? Q_F16 : Q_F32, 2,
                     (uint64_t[]){1, wrong == 2 ? 3 : 2});
        REQUIRE(gguf_begin(w, &e) == OK && gguf_data(w, zeros, 32, &e) == OK);
        CHECK(gguf_data(w, zeros, wrong == 1 ? 4 : wrong == 2 ? 12 : 8, &e) == OK);
        REQUIRE(gguf_finish(w, &e) == OK);
        CHECK(imatrix_read(&m, path, &e) == E_FORMAT && strstr(e.text, "x.counts") && m.n == 0);
        unlink(path);
    }
}

TESTS_MAIN
