/* What the writer makes the reader takes, byte for byte; what it refuses leaves no file. */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/test.h"
#include "gguf/forge_test.h"

static char folder[256], target[300];

static void enter_folder(void) {
    const char *tmp = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/ds4-gguf-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(folder)) abort();
    snprintf(target, sizeof target, "%s/out.gguf", folder);
}

/* Files in the folder, finished or not. */
static int files_here(void) {
    DIR *d = opendir(folder);
    int n = 0;
    for (struct dirent *f; d && (f = readdir(d));) n += f->d_name[0] != '.';
    if (d) closedir(d);
    return n;
}

/* True if nothing but the target was left behind. */
static bool leave_folder(void) {
    unlink(target);
    return rmdir(folder) == 0;
}

static uint8_t *noise(size_t n) {
    uint8_t *p = malloc(n ? n : 1);
    if (!p) abort();
    uint32_t seed = (uint32_t)n * 2654435761u + 1;
    for (size_t i = 0; i < n; i++) {
        seed = seed * 1664525 + 1013904223;
        p[i] = (uint8_t)(seed >> 24);
    }
    return p;
}

static gguf *open_target(void) {
    err e;
    gguf *g;
    const status st = gguf_open(&g, target, &e);
    CHECK_SAY(st == OK, "%s", e.text);
    if (st != OK) return NULL;
    const char *wrong = walk_all(g);
    CHECK_SAY(!wrong, "%s", wrong);
    return g;
}

TEST(a_file_is_written_as_it_is_drawn) {
    forge f = {0};
    forge_head(&f, 3, 2, 3);
    forge_key(&f, "general.alignment", GGUF_U32), forge_u32(&f, 64);
    forge_key(&f, "name", GGUF_STRING), forge_str(&f, "x\xc3\xa4");
    forge_array(&f, "list", GGUF_F32, 2), forge_u32(&f, f32_bits(1.5f)), forge_u32(&f, 0x80000000);
    forge_tensor(&f, "a", Q_I8, 2, (uint64_t[]){3, 5}, 0);
    forge_tensor(&f, "b.weight", Q_Q8_0, 1, (uint64_t[]){64}, 64);
    forge_pad(&f, 64);
    uint8_t *data = noise(15 + 68);
    forge_bytes(&f, data, 15), forge_pad(&f, 64);
    forge_bytes(&f, data + 15, 68), forge_pad(&f, 64);

    enter_folder();
    err e;
    gguf_writer *w;
    REQUIRE(gguf_create(&w, target, &e) == OK);
    gguf_put_u32(w, "general.alignment", 64);
    gguf_put_string(w, "name", "x\xc3\xa4", 3);
    gguf_put_f32s(w, "list", (float[]){1.5f, -0.0f}, 2);
    gguf_declare(w, "a", Q_I8, 2, (uint64_t[]){3, 5});
    gguf_declare(w, "b.weight", Q_Q8_0, 1, (uint64_t[]){64});
    CHECK(gguf_data_total(w) == 83);
    CHECK(gguf_begin(w, &e) == OK && gguf_data(w, data, 83, &e) == OK);
    CHECK(access(target, F_OK) != 0); /* not before it is whole */
    CHECK(gguf_finish(w, &e) == OK && files_here() == 1);

    buf written = {0};
    CHECK(file_read(&written, target, 1 << 20, &e) == OK);
    CHECK(written.n == f.b.n && memcmp(written.data, f.b.data, f.b.n) == 0);
    struct stat st;
    CHECK(stat(target, &st) == 0 && (st.st_mode & 0777) == 0644);
    buf_free(&written);
    forge_free(&f);
    free(data);
    CHECK(leave_folder());
}

TEST(every_put_comes_back) {
    enter_folder();
    err e;
    gguf_writer *w;
    REQUIRE(gguf_create(&w, target, &e) == OK);
    const gguf_str words[] = {{"", 0}, {"\xc4\xa0the", 5}, {NULL, 0}, {"a b", 3}};
    gguf_put_u32(w, "u32", UINT32_MAX);
    gguf_put_u64(w, "u64", UINT64_MAX);
    gguf_put_i32(w, "i32", INT32_MIN);
    gguf_put_f32(w, "f32", 1e-6f);
    gguf_put_bool(w, "yes", true);
    gguf_put_bool(w, "no", false);
    gguf_put_string(w, "empty", NULL, 0);
    gguf_put_i32s(w, "i32s", (int32_t[]){0, -1, INT32_MAX}, 3);
    gguf_put_i32s(w, "no i32s", NULL, 0);
    gguf_put_f32s(w, "f32s", (float[]){0.5f}, 1);
    gguf_put_strings(w, "strings", words, 4);
    gguf_put_strings(w, "no strings", NULL, 0);
    CHECK(gguf_begin(w, &e) == OK && gguf_data_total(w) == 0 && gguf_data(w, NULL, 0, &e) == OK);
    CHECK(gguf_finish(w, &e) == OK);

    gguf *g = open_target();
    REQUIRE(g != NULL);
    CHECK(gguf_n_keys(g) == 12 && gguf_n_tensors(g) == 0 && gguf_alignment(g) == 32);
    uint64_t u;
    int64_t i;
    double d;
    bool b;
    gguf_str s;
    CHECK(gguf_u64(gguf_find_key(g, "u32"), &u) && u == UINT32_MAX);
    CHECK(gguf_u64(gguf_find_key(g, "u64"), &u) && u == UINT64_MAX);
    CHECK(gguf_i64(gguf_find_key(g, "i32"), &i) && i == INT32_MIN);
    CHECK(gguf_find_key(g, "i32")->kind == GGUF_I32);
    CHECK(gguf_f64(gguf_find_key(g, "f32"), &d) && d == (double)1e-6f);
    CHECK(gguf_bool(gguf_find_key(g, "yes"), &b) && b &&
          gguf_find_key(g, "yes")->kind == GGUF_BOOL);
    CHECK(gguf_bool(gguf_find_key(g, "no"), &b) && !b);
    CHECK(gguf_string(gguf_find_key(g, "empty"), &s) && s.n == 0);
    const gguf_key *k = gguf_find_key(g, "i32s");
    CHECK(gguf_array_n(k) == 3 && gguf_array_kind(k) == GGUF_I32);
    CHECK(gguf_array_i64(k, 1, &i) && i == -1 && gguf_array_i64(k, 2, &i) && i == INT32_MAX);
    CHECK(gguf_array_n(gguf_find_key(g, "no i32s")) == 0);
    CHECK(gguf_array_f64(gguf_find_key(g, "f32s"), 0, &d) && d == 0.5);
    gguf_walk walk = {0};
    for (int n = 0; n < 4; n++)
        CHECK(gguf_next_string(gguf_find_key(g, "strings"), &walk, &s) && s.n == words[n].n &&
              (s.n == 0 || memcmp(s.p, words[n].p, s.n) == 0));
    CHECK(!gguf_next_string(gguf_find_key(g, "strings"), &walk, &s));
    k = gguf_find_key(g, "no strings");
    CHECK(gguf_array_n(k) == 0 && gguf_array_kind(k) == GGUF_STRING);
    gguf_close(g);
    CHECK(leave_folder());
}

/* Writes two tensors of every type; the data in pieces of `piece` bytes. */
static void write_all_types(uint32_t alignment, size_t piece) {
    err e = {0};
    gguf_writer *w;
    REQUIRE(gguf_create(&w, target, &e) == OK);
    if (alignment) gguf_put_u32(w, "general.alignment", alignment);
    for (uint32_t id = 0; id < QUANT_IDS; id++) {
        const quant_type *q = quant_find(id);
        if (!q) continue;
        char name[64];
        snprintf(name, sizeof name, "row.%s", q->name);
        gguf_declare(w, name, q->id, 1, (uint64_t[]){q->block_values});
        snprintf(name, sizeof name, "cube.%s", q->name);
        gguf_declare(w, name, q->id, 3, (uint64_t[]){q->block_values * 2, 3, 1});
    }
    const uint64_t total = gguf_data_total(w);
    uint8_t *data = noise(total);
    CHECK_SAY(gguf_begin(w, &e) == OK, "%s", e.text);
    for (uint64_t at = 0; at < total;) {
        const size_t n = total - at < piece ? (size_t)(total - at) : piece;
        CHECK_SAY(gguf_data(w, data + at, n, &e) == OK, "%s", e.text);
        at += n;
    }
    CHECK_SAY(gguf_finish(w, &e) == OK, "%s", e.text);
    free(data);
}

TEST(every_tensor_type_comes_back_at_every_alignment) {
    static const uint32_t alignments[] = {0, 1, 8, 32, 64, 4096, 1 << 18};
    for (size_t a = 0; a < sizeof alignments / sizeof *alignments; a++) {
        const uint32_t alignment = alignments[a] ? alignments[a] : 32;
        enter_folder();
        write_all_types(alignments[a], SIZE_MAX);
        gguf *g = open_target();
        REQUIRE(g != NULL);
        CHECK(gguf_alignment(g) == alignment && gguf_size(g) % alignment == 0);
        uint64_t total = 0, types = 0;
        for (uint64_t i = 0; i < gguf_n_tensors(g); i++) total += gguf_tensor_at(g, i)->bytes;
        uint8_t *data = noise(total), *at = data;
        uint64_t end = gguf_header_bytes(g); /* the tensors stand in order, padded with zeros */
        for (uint64_t i = 0; i < gguf_n_tensors(g); i++) {
            const gguf_tensor *t = gguf_tensor_at(g, i);
            const bool cube = i & 1;
            CHECK(t->offset % alignment == 0 && t->offset - end < alignment);
            for (; end < t->offset; end++) CHECK(gguf_bytes(g)[end] == 0);
            CHECK(t->n_dims == (cube ? 3 : 1) &&
                  t->ne[0] == t->type->block_values * (cube ? 2 : 1));
            CHECK(t->bytes == t->type->block_bytes * (cube ? 6u : 1u));
            CHECK(memcmp(t->data, at, t->bytes) == 0);
            at += t->bytes;
            end = t->offset + t->bytes;
            types += !cube;
        }
        CHECK_SAY(types >= 20, "only %d types", (int)types);
        free(data);
        gguf_close(g);
        CHECK(leave_folder());
    }
}

TEST(a_file_does_not_depend_on_the_pieces) {
    static const size_t pieces[] = {1, 7, 34, 4095, 65536, SIZE_MAX};
    buf first = {0};
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        enter_folder();
        write_all_types(0, pieces[i]);
        buf b = {0};
        CHECK(file_read(&b, target, 1 << 24, NULL) == OK);
        if (i == 0)
            first = b;
        else
            CHECK(b.n == first.n && memcmp(b.data, first.data, b.n) == 0);
        if (i) buf_free(&b);
        CHECK(leave_folder());
    }
    buf_free(&first);
}

static void put_sample(gguf_writer *w) {
    gguf_put_u32(w, "general.alignment", 64);
    gguf_put_string(w, "a", "text", 4);
    gguf_declare(w, "first", Q_I8, 1, (uint64_t[]){5});
    gguf_declare(w, "second", Q_F32, 2, (uint64_t[]){2, 3});
}

TEST(a_head_is_what_the_file_begins_with) {
    enter_folder();
    err e = {0};
    gguf_writer *w;
    buf head = {0}, file = {0};
    static const uint8_t data[29] = {1, 2, 3};
    REQUIRE(gguf_create(&w, target, &e) == OK);
    put_sample(w);
    REQUIRE(gguf_begin(w, &e) == OK && gguf_data(w, data, sizeof data, &e) == OK);
    REQUIRE(gguf_finish(w, &e) == OK && file_read(&file, target, 1 << 20, &e) == OK);

    REQUIRE(gguf_create_head(&w, "x.gguf", &e) == OK);
    put_sample(w);
    CHECK(gguf_head(w, &head, &e) == OK && gguf_data_total(w) == sizeof data);
    CHECK(head.n % 64 == 0 && head.n + 128 == file.n && memcmp(head.data, file.data, head.n) == 0);
    CHECK(gguf_begin(w, &e) == E_USAGE && strstr(e.text, "x.gguf"));
    gguf_abort(w);

    REQUIRE(gguf_create_head(&w, "x.gguf", &e) == OK);
    put_sample(w);
    put_sample(w);
    CHECK(gguf_head(w, &head, &e) == E_USAGE && strstr(e.text, "twice"));
    gguf_abort(w);
    buf_free(&head);
    buf_free(&file);
    CHECK(leave_folder());
}

TEST(copied_keys_are_the_same_bytes) {
    forge f = {0};
    forge_everything(&f);
    err e = {0};
    gguf *g;
    REQUIRE(forge_open(&g, &f, &e) == OK);
    enter_folder();
    gguf_writer *w;
    REQUIRE(gguf_create(&w, target, &e) == OK);
    for (uint64_t i = 0; i < gguf_n_keys(g); i++) gguf_put_copy(w, gguf_key_at(g, i));
    gguf_declare(w, "t", Q_I8, 1, (uint64_t[]){1});
    CHECK_SAY(gguf_begin(w, &e) == OK, "%s", e.text);
    CHECK(gguf_data(w, "x", 1, &e) == OK && gguf_finish(w, &e) == OK);

    gguf *copy = open_target();
    REQUIRE(copy != NULL);
    CHECK(gguf_alignment(copy) == 64 && gguf_tensor_at(copy, 0)->offset % 64 == 0);
    CHECK(gguf_n_keys(copy) == gguf_n_keys(g));
    const gguf_key *last = gguf_find_key(g, "nested");
    const size_t n = (size_t)(last->value - gguf_bytes(g)) - 24 + 69; /* its value ends there */
    CHECK(memcmp(gguf_bytes(copy) + 24, gguf_bytes(g) + 24, n) == 0);
    gguf_close(copy);
    gguf_close(g);
    forge_free(&f);
    CHECK(leave_folder());
}

/* ----------------------------------------------------------------- misuse */

static const uint64_t eight[] = {8};

typedef struct misuse {
    const char *name;
    void (*before)(gguf_writer *w); /* begin */
    status code;
    const char *words;
} misuse;

static void twice_a_key(gguf_writer *w) {
    gguf_put_u32(w, "dup", 1), gguf_put_u32(w, "other", 1), gguf_put_string(w, "dup", "x", 1);
}
static void twice_a_tensor(gguf_writer *w) {
    gguf_declare(w, "blk.0.t", Q_F32, 1, eight), gguf_declare(w, "blk.0.t", Q_F16, 1, eight);
}
static void no_dims(gguf_writer *w) {
    gguf_declare(w, "t", Q_F32, 0, eight);
}
static void five_dims(gguf_writer *w) {
    gguf_declare(w, "t", Q_F32, 5, (uint64_t[]){1, 1, 1, 1, 1});
}
static void zero_dim(gguf_writer *w) {
    gguf_declare(w, "t", Q_F32, 2, (uint64_t[]){8, 0});
}
static void huge(gguf_writer *w) {
    gguf_declare(w, "t", Q_F32, 2, (uint64_t[]){1ull << 32, 1ull << 32});
}
static void huge_bytes(gguf_writer *w) {
    gguf_declare(w, "t", Q_F64, 1, (uint64_t[]){1ull << 61});
}
static void huge_sum(gguf_writer *w) {
    for (int i = 0; i < 3; i++) {
        const char name[] = {'t', (char)('0' + i), 0};
        gguf_declare(w, name, Q_I8, 1, (uint64_t[]){UINT64_MAX / 2});
    }
}
static void huge_padded(gguf_writer *w) {
    gguf_declare(w, "t", Q_I8, 1, (uint64_t[]){UINT64_MAX - 3});
}
static void broken_row(gguf_writer *w) {
    gguf_declare(w, "t", Q_Q8_0, 2, (uint64_t[]){16, 2});
}
static void unknown_type(gguf_writer *w) {
    gguf_declare(w, "t", (quant_id)4, 1, eight);
}
static void nameless_key(gguf_writer *w) {
    gguf_put_u32(w, "", 1);
}
static void nameless_tensor(gguf_writer *w) {
    gguf_declare(w, "", Q_F32, 1, eight);
}
static void odd_name(gguf_writer *w) {
    gguf_put_u32(w, "k\xff", 1);
}
static void odd_tensor(gguf_writer *w) {
    gguf_declare(w, "t\xc0\x80", Q_F32, 1, eight);
}
static void odd_text(gguf_writer *w) {
    gguf_put_string(w, "text", "\xed\xa0\x80", 3);
}
static void nul_text(gguf_writer *w) {
    gguf_put_string(w, "text", "a\0b", 3);
}
static void odd_words(gguf_writer *w) {
    gguf_put_strings(w, "words", (gguf_str[]){{"a", 1}, {"\x80", 1}}, 2);
}
static void not_a_number(gguf_writer *w) {
    gguf_put_f32(w, "f", NAN);
}
static void infinite_array(gguf_writer *w) {
    gguf_put_f32s(w, "f", (float[]){1, INFINITY}, 2);
}
static void long_name(gguf_writer *w) {
    char name[1026];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = 0;
    gguf_declare(w, name, Q_F32, 1, eight);
}
static void alignment_3(gguf_writer *w) {
    gguf_put_u32(w, "general.alignment", 3);
}
static void alignment_0(gguf_writer *w) {
    gguf_put_u64(w, "general.alignment", 0);
}
static void alignment_huge(gguf_writer *w) {
    gguf_put_u32(w, "general.alignment", 1 << 21);
}
static void alignment_negative(gguf_writer *w) {
    gguf_put_i32(w, "general.alignment", INT32_MIN);
}
static void alignment_true(gguf_writer *w) {
    gguf_put_bool(w, "general.alignment", true);
}
static void alignment_text(gguf_writer *w) {
    gguf_put_string(w, "general.alignment", "32", 2);
}
static void alignment_list(gguf_writer *w) {
    gguf_put_i32s(w, "general.alignment", (int32_t[]){32}, 1);
}
static void first_of_two(gguf_writer *w) {
    no_dims(w), odd_text(w), twice_a_key(w);
}

TEST(what_the_reader_would_refuse_is_not_written) {
    static const misuse cases[] = {
        {"twice_a_key", twice_a_key, E_USAGE, "key dup comes twice"},
        {"twice_a_tensor", twice_a_tensor, E_USAGE, "tensor blk.0.t comes twice"},
        {"no_dims", no_dims, E_USAGE, "tensor t: expected 1 to 4"},
        {"five_dims", five_dims, E_USAGE, "tensor t: expected 1 to 4"},
        {"zero_dim", zero_dim, E_USAGE, "tensor t: a dimension is 0"},
        {"huge", huge, E_USAGE, "tensor t: the shape overflows"},
        {"huge_bytes", huge_bytes, E_USAGE, "tensor t: the size overflows"},
        {"huge_sum", huge_sum, E_USAGE, "tensor t2: "},
        {"huge_padded", huge_padded, E_USAGE, "tensor t ends beyond"},
        {"broken_row", broken_row, E_USAGE, "tensor t: a row"},
        {"unknown_type", unknown_type, E_USAGE, "tensor t: the type"},
        {"nameless_key", nameless_key, E_USAGE, "key without a name"},
        {"nameless_tensor", nameless_tensor, E_USAGE, "tensor without a name"},
        {"odd_name", odd_name, E_USAGE, "key k\\xff: the name"},
        {"odd_tensor", odd_tensor, E_USAGE, "tensor t\\xc0\\x80: the name"},
        {"odd_text", odd_text, E_USAGE, "key text: "},
        {"nul_text", nul_text, E_USAGE, "key text: "},
        {"odd_words", odd_words, E_USAGE, "key words: "},
        {"not_a_number", not_a_number, E_USAGE, "key f: "},
        {"infinite_array", infinite_array, E_USAGE, "key f: number 1"},
        {"long_name", long_name, E_LIMIT, "1025 bytes"},
        {"alignment_3", alignment_3, E_USAGE, "key general.alignment"},
        {"alignment_0", alignment_0, E_USAGE, "key general.alignment"},
        {"alignment_huge", alignment_huge, E_USAGE, "key general.alignment"},
        {"alignment_negative", alignment_negative, E_USAGE, "key general.alignment"},
        {"alignment_true", alignment_true, E_USAGE, "key general.alignment"},
        {"alignment_text", alignment_text, E_USAGE, "key general.alignment"},
        {"alignment_list", alignment_list, E_USAGE, "key general.alignment"},
        {"first_of_two", first_of_two, E_USAGE, "tensor t: expected 1 to 4"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const misuse *m = &cases[i];
        enter_folder();
        err e = {0};
        gguf_writer *w;
        REQUIRE(gguf_create(&w, target, &e) == OK);
        gguf_put_u32(w, "fine", 1);
        m->before(w);
        CHECK_SAY(gguf_begin(w, &e) == m->code, "%s: %s", m->name, e.text);
        CHECK_SAY(strstr(e.text, m->words) && strstr(e.text, "out.gguf: "), "%s: %s", m->name,
                  e.text);
        CHECK(e.code == m->code);
        /* It stays that way, and nothing is left. */
        err again = {0};
        CHECK(gguf_data(w, "abcd", 4, &again) == m->code && strcmp(again.text, e.text) == 0);
        CHECK(gguf_finish(w, &again) == m->code && strcmp(again.text, e.text) == 0);
        CHECK_SAY(files_here() == 0, "%s", m->name);
        CHECK(leave_folder());
    }
}

/* One more than the reader takes. */
TEST(the_limits_of_the_reader_are_the_limits_of_the_writer) {
    for (int way = 0; way < 3; way++) {
        enter_folder();
        err e = {0};
        gguf_writer *w;
        REQUIRE(gguf_create(&w, target, &e) == OK);
        char name[16];
        static const float one = 1;
        for (int i = 0; way == 0 && i < 100001; i++) {
            snprintf(name, sizeof name, "k%d", i);
            gguf_put_bool(w, name, true);
        }
        for (int i = 0; way == 1 && i < 1000001; i++) {
            snprintf(name, sizeof name, "t%d", i);
            gguf_declare(w, name, Q_I8, 1, eight);
        }
        if (way == 2) gguf_put_f32s(w, "large", &one, 1ull << 40);
        static const char *const words[] = {"100000 keys", "1000000 tensors", "key large"};
        CHECK(gguf_begin(w, &e) == E_LIMIT);
        CHECK_SAY(strstr(e.text, words[way]), "%s", e.text);
        gguf_abort(w);
        CHECK(leave_folder());
    }
}

TEST(calls_in_the_wrong_order_are_refused) {
    for (int order = 0; order < 9; order++) {
        enter_folder();
        err e = {0};
        gguf_writer *w;
        REQUIRE(gguf_create(&w, target, &e) == OK);
        gguf_declare(w, "first", Q_F32, 1, eight);
        gguf_declare(w, "second", Q_I8, 1, eight);
        static const uint8_t data[64];
        if (order != 0 && order != 1) CHECK(gguf_begin(w, &e) == OK);
        const char *words = "";
        switch (order) {
        case 0:
            CHECK(gguf_data(w, data, 1, &e) == E_USAGE);
            words = "before gguf_begin";
            break;
        case 1:
            words = "before gguf_begin";
            break;
        case 2:
            CHECK(gguf_begin(w, &e) == E_USAGE);
            words = "gguf_begin comes twice";
            break;
        case 3:
            gguf_declare(w, "late", Q_F32, 1, eight), words = "tensor late comes after gguf_begin";
            break;
        case 4:
            gguf_put_u32(w, "late", 1), words = "key late comes after gguf_begin";
            break;
        case 5:
            words = "tensor first: 0 bytes of data of 32";
            break;
        case 6:
            CHECK(gguf_data(w, data, 33, &e) == OK);
            words = "tensor second: 1 bytes of data of 8";
            break;
        case 7:
            CHECK(gguf_data(w, data, 41, &e) == E_USAGE);
            words = "second";
            break;
        case 8:
            CHECK(gguf_data(w, data, 40, &e) == OK && gguf_data(w, data, 1, &e) == E_USAGE);
            words = "1 bytes of data more than the tensors take (the last is second)";
            break;
        }
        CHECK_SAY(gguf_finish(w, &e) == E_USAGE && strstr(e.text, words), "order %d: %s", order,
                  e.text);
        CHECK_SAY(files_here() == 0, "order %d", order);
        CHECK(leave_folder());
    }
}

TEST(data_without_tensors_are_refused) {
    enter_folder();
    err e = {0};
    gguf_writer *w;
    REQUIRE(gguf_create(&w, target, &e) == OK);
    CHECK(gguf_begin(w, &e) == OK && gguf_data(w, "x", 1, &e) == E_USAGE);
    CHECK_SAY(strstr(e.text, "none was declared"), "%s", e.text);
    gguf_abort(w);
    CHECK(files_here() == 0 && leave_folder());
}

TEST(a_file_in_the_way_stays_until_the_new_one_is_whole) {
    enter_folder();
    const int fd = open(target, O_CREAT | O_WRONLY, 0600);
    REQUIRE(fd >= 0 && write(fd, "old", 3) == 3);
    close(fd);
    err e = {0};
    for (int way = 0; way < 3; way++) {
        gguf_writer *w;
        REQUIRE(gguf_create(&w, target, &e) == OK);
        gguf_declare(w, "t", Q_I8, 1, eight);
        CHECK(gguf_begin(w, &e) == OK && gguf_data(w, "12345678", way < 2 ? 7 : 8, &e) == OK);
        buf b = {0};
        CHECK(file_read(&b, target, 100, &e) == OK && b.n == 3);
        buf_free(&b);
        if (way == 0)
            gguf_abort(w);
        else
            CHECK(gguf_finish(w, &e) == (way == 1 ? E_USAGE : OK));
        CHECK(files_here() == 1);
    }
    gguf *g = open_target();
    CHECK(g && gguf_n_tensors(g) == 1 && memcmp(gguf_tensor_at(g, 0)->data, "12345678", 8) == 0);
    gguf_close(g);
    CHECK(leave_folder());
    gguf_abort(NULL);
}

TEST(a_folder_that_is_not_there_is_said_so) {
    err e = {0};
    gguf_writer *w = NULL;
    CHECK(gguf_create(&w, "/nonexistent/folder/x.gguf", &e) == E_IO && w == NULL);
    CHECK_SAY(strstr(e.text, "/nonexistent/folder/x.gguf"), "%s", e.text);
}

/* A disk that is full at any point of the file: an error, no file, no crash. */
TEST(a_write_that_fails_leaves_no_file) {
    struct rlimit was;
    REQUIRE(getrlimit(RLIMIT_FSIZE, &was) == 0);
    void (*old)(int) = signal(SIGXFSZ, SIG_IGN);
    static const rlim_t limits[] = {0, 1, 100, 70000, 200000};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        enter_folder();
        err e = {0};
        gguf_writer *w;
        REQUIRE(gguf_create(&w, target, &e) == OK);
        gguf_declare(w, "t", Q_I8, 1, (uint64_t[]){300000});
        uint8_t *data = noise(300000);
        REQUIRE(setrlimit(RLIMIT_FSIZE, &(struct rlimit){limits[i], was.rlim_max}) == 0);
        status st = gguf_begin(w, &e);
        for (int piece = 0; piece < 30 && st == OK; piece++)
            st = gguf_data(w, data + piece * 10000, 10000, &e);
        CHECK_SAY(gguf_finish(w, &e) == E_IO && strstr(e.text, "out.gguf"), "%s", e.text);
        REQUIRE(setrlimit(RLIMIT_FSIZE, &was) == 0);
        CHECK(files_here() == 0 && leave_folder());
        free(data);
    }
    signal(SIGXFSZ, old);
}

TEST(a_vocabulary_is_written_and_read_in_no_time) {
    enum { N = 129280 };
    static char text[N][16];
    static gguf_str words[N];
    static float scores[N];
    for (int i = 0; i < N; i++) {
        words[i] = (gguf_str){text[i], (size_t)snprintf(text[i], sizeof text[i], "\xc4\xa0w%x",
                                                        (uint32_t)i * 2654435761u)};
        scores[i] = (float)i;
    }
    enter_folder();
    err e = {0};
    gguf_writer *w;
    REQUIRE(gguf_create(&w, target, &e) == OK);
    gguf_put_strings(w, "tokenizer.ggml.tokens", words, N);
    gguf_put_f32s(w, "tokenizer.ggml.scores", scores, N);
    CHECK(gguf_begin(w, &e) == OK && gguf_finish(w, &e) == OK);
    const double start = clock_seconds();
    gguf *g;
    REQUIRE(gguf_open(&g, target, &e) == OK);
    const double took = clock_seconds() - start;
    CHECK_SAY(took < 2, "%.3f s, a hundredth of that is usual", took);
    const gguf_key *k = gguf_find_key(g, "tokenizer.ggml.tokens");
    gguf_walk walk = {0};
    gguf_str s;
    int n = 0;
    for (; gguf_next_string(k, &walk, &s); n++)
        if (s.n != words[n].n || memcmp(s.p, words[n].p, s.n) != 0) break;
    CHECK(n == N && gguf_array_n(k) == N);
    double d;
    CHECK(gguf_array_f64(gguf_find_key(g, "tokenizer.ggml.scores"), N - 1, &d) && d == N - 1);
    gguf_close(g);
    CHECK(leave_folder());
}

TESTS_MAIN
