/* Attacks on the reader: files cut at every byte, changed in every byte, lying in one field. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/test.h"
#include "gguf/forge_test.h"

static const uint64_t one_row[] = {8};

/* A small true file: a string, a number, two tensors. */
static void forge_small(forge *f) {
    forge_head(f, 3, 2, 2);
    forge_key(f, "name", GGUF_STRING), forge_str(f, "abc");
    forge_array(f, "list", GGUF_BOOL, 2), forge_u8(f, 1), forge_u8(f, 0);
    forge_tensor(f, "a", Q_F32, 1, one_row, 0);
    forge_tensor(f, "b", Q_F16, 2, (uint64_t[]){2, 3}, 32);
    forge_pad(f, 32);
    forge_fill(f, 32 + 12);
}

static bool clean_line(const char *text) {
    return strncmp(text, "forged.gguf: ", 13) == 0 && text[13] && !strchr(text, '\n') &&
           utf8_valid(text, strlen(text));
}

/* The forged file, which is used up, is refused in these words. */
static void refused(forge *f, status code, const char *words, const char *more) {
    err e = {0};
    gguf *g = NULL;
    const status st = forge_open(&g, f, &e);
    CHECK_SAY(st == code && e.code == code, "expected %s: %s", status_name(code), e.text);
    CHECK_SAY(st == OK || (clean_line(e.text) && strstr(e.text, words) && strstr(e.text, more)),
              "expected \"%s\" and \"%s\": %s", words, more, e.text);
    CHECK(g == NULL || st == OK);
    gguf_close(st == OK ? g : NULL);
    forge_free(f);
    *f = (forge){0};
}

/* The forged file, which is used up, opens and is what gguf.h promises. */
static void accepted(forge *f) {
    err e = {0};
    gguf *g = NULL;
    const status st = forge_open(&g, f, &e);
    CHECK_SAY(st == OK, "%s", e.text);
    if (st == OK) {
        const char *wrong = walk_all(g);
        CHECK_SAY(!wrong, "%s", wrong);
        gguf_close(g);
    }
    forge_free(f);
    *f = (forge){0};
}

TEST(a_file_with_everything_opens) {
    forge f = {0};
    forge_everything(&f);
    err e;
    gguf *g;
    REQUIRE(forge_open(&g, &f, &e) == OK);
    const char *wrong = walk_all(g);
    CHECK_SAY(!wrong, "%s", wrong);
    CHECK(gguf_version(g) == 3 && gguf_alignment(g) == 64 && gguf_size(g) == f.b.n);
    CHECK(gguf_n_keys(g) == 28 && gguf_n_tensors(g) == 4);
    CHECK((gguf_header_bytes(g) + 63) / 64 * 64 == f.b.n - 256 - 136);

    const gguf_tensor *t = gguf_find_tensor(g, "blk.0.ffn_up_exps.weight");
    REQUIRE(t != NULL);
    CHECK(t == gguf_tensor_at(g, 1) && t->type->id == Q_Q8_0 && t->n_dims == 3);
    CHECK(t->ne[0] == 32 && t->ne[1] == 2 && t->ne[2] == 2 && t->ne[3] == 1);
    CHECK(t->bytes == 4 * 34 && t->offset == f.b.n - 136 && t->data == f.exact + t->offset);
    CHECK(gguf_find_tensor(g, "blk.0.ffn_up_exps") == NULL && gguf_find_tensor(g, "") == NULL);
    CHECK(gguf_find_key(g, "u32") == gguf_key_at(g, 6) && gguf_find_key(g, "u3") == NULL);
    gguf_close(g);
    forge_free(&f);
}

TEST(a_file_without_keys_or_tensors_opens) {
    forge f = {0};
    forge_head(&f, 3, 0, 0);
    accepted(&f);
    forge_head(&f, 2, 0, 1);
    forge_key(&f, "k", GGUF_U8), forge_u8(&f, 1);
    accepted(&f);
}

TEST(version_2_and_trailing_bytes_are_accepted) {
    forge f = {0};
    forge_small(&f);
    f.b.data[4] = 2;
    accepted(&f);
    forge_small(&f);
    forge_fill(&f, 1000);
    accepted(&f);
}

TEST(tensors_may_lie_in_any_order_with_gaps) {
    forge f = {0};
    forge_head(&f, 3, 3, 0);
    forge_tensor(&f, "last", Q_F32, 1, one_row, 192);
    forge_tensor(&f, "first", Q_F32, 1, one_row, 0);
    forge_tensor(&f, "middle", Q_F32, 1, one_row, 96);
    forge_pad(&f, 32), forge_fill(&f, 224);
    accepted(&f);
}

TEST(a_file_cut_at_any_byte_is_refused) {
    forge f = {0};
    forge_everything(&f);
    for (size_t n = 0; n < f.b.n; n++) {
        err e = {0};
        gguf *g = NULL;
        const status st = forge_open_part(&g, &f, n, &e);
        CHECK_SAY(st == E_FORMAT && g == NULL && clean_line(e.text), "%zu bytes: %s", n, e.text);
        if (n >= 4) CHECK_SAY(strstr(e.text, "cut short") != NULL, "%zu bytes: %s", n, e.text);
        gguf_close(st == OK ? g : NULL);
    }
    forge_free(&f);
}

/* Opens a changed file; counts how it went. */
static void try_changed(forge *f, size_t at, uint32_t opened[2]) {
    err e = {0};
    gguf *g = NULL;
    const status st = forge_open(&g, f, &e);
    opened[st == OK]++;
    if (st == OK) {
        const char *wrong = walk_all(g);
        CHECK_SAY(!wrong, "byte %zu is %u: %s", at, (unsigned char)f->b.data[at], wrong);
        gguf_close(g);
    } else {
        CHECK_SAY(clean_line(e.text) && e.code == st && st != E_NOMEM, "byte %zu: %s", at, e.text);
    }
}

TEST(any_byte_of_a_file_may_take_any_value) {
    forge f = {0};
    forge_small(&f);
    uint32_t opened[2] = {0};
    for (size_t at = 0; at < f.b.n - 44; at++) {
        const char was = f.b.data[at];
        for (int v = 0; v < 256; v++) {
            f.b.data[at] = (char)v;
            try_changed(&f, at, opened);
        }
        f.b.data[at] = was;
    }
    CHECK_SAY(opened[0] > 10000 && opened[1] > 1000, "%u refused, %u opened", opened[0], opened[1]);
    forge_free(&f);
}

TEST(a_flipped_bit_is_survived_anywhere) {
    forge f = {0};
    forge_everything(&f);
    uint32_t opened[2] = {0};
    for (size_t at = 0; at < f.b.n - 256 - 136; at++)
        for (int bit = 0; bit < 8; bit++) {
            f.b.data[at] = (char)(f.b.data[at] ^ 1 << bit);
            try_changed(&f, at, opened);
            f.b.data[at] = (char)(f.b.data[at] ^ 1 << bit);
        }
    CHECK_SAY(opened[0] > 1000 && opened[1] > 1000, "%u refused, %u opened", opened[0], opened[1]);
    forge_free(&f);
}

TEST(a_word_of_ones_or_zeros_is_survived_anywhere) {
    forge f = {0};
    forge_everything(&f);
    uint32_t opened[2] = {0};
    for (size_t at = 4; at + 8 < f.b.n - 256 - 136; at++)
        for (int v = 0; v < 4; v++) {
            char was[8];
            const size_t n = v & 1 ? 8 : 4;
            memcpy(was, f.b.data + at, n);
            memset(f.b.data + at, v & 2 ? 0xff : 0, n);
            try_changed(&f, at, opened);
            memcpy(f.b.data + at, was, n);
        }
    CHECK_SAY(opened[0] > 1000, "%u refused, %u opened", opened[0], opened[1]);
    forge_free(&f);
}

/* ------------------------------------------------------------ the header */

TEST(what_is_no_gguf_file_is_said_to_be_none) {
    forge f = {0};
    refused(&f, E_FORMAT, "empty", "GGUF");
    forge_bytes(&f, "GGU", 3);
    refused(&f, E_FORMAT, "not a GGUF file", "");
    forge_bytes(&f, "ggml and so on, and so on, and on", 30);
    refused(&f, E_FORMAT, "not a GGUF file", "");
    forge_bytes(&f, "GGUF\3\0\0\0\0\0\0\0\0\0\0\0", 16);
    refused(&f, E_FORMAT, "16 bytes", "cut short");
}

TEST(other_versions_and_byte_orders_have_words_of_their_own) {
    static const struct {
        uint32_t version;
        const char *words, *more;
    } cases[] = {{1, "version 1", "convert the model anew"},
                 {0x03000000, "big-endian", "convert"},
                 {0x02000000, "big-endian", "convert"},
                 {0, "version 0", "expected 2 or 3"},
                 {4, "version 4", "expected 2 or 3"},
                 {UINT32_MAX, "version 4294967295", "expected 2 or 3"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        forge f = {0};
        forge_head(&f, cases[i].version, 0, 0);
        refused(&f, E_UNSUPPORTED, cases[i].words, cases[i].more);
    }
}

TEST(counts_beyond_the_file_are_refused) {
    static const uint64_t counts[] = {1, 2, 1000, 1ull << 20, 1ull << 32, 1ull << 60, UINT64_MAX};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        forge f = {0};
        forge_head(&f, 3, 0, counts[i]);
        refused(&f, E_FORMAT, "keys", "cut short or damaged");
        forge_head(&f, 3, counts[i], 0);
        refused(&f, E_FORMAT, "tensors", "cut short or damaged");
    }
}

/* -------------------------------------------------------------- the keys */

TEST(a_name_has_1_to_1024_bytes) {
    forge f = {0};
    char name[1100];
    memset(name, 'x', sizeof name);
    name[1024] = 0;
    forge_head(&f, 3, 1, 1);
    forge_key(&f, name, GGUF_U8), forge_u8(&f, 0);
    forge_tensor(&f, name, Q_I8, 1, one_row, 0);
    forge_pad(&f, 32), forge_fill(&f, 8);
    accepted(&f);
    name[1024] = 'x', name[1025] = 0;
    forge_head(&f, 3, 0, 1);
    forge_key(&f, name, GGUF_U8), forge_u8(&f, 0);
    refused(&f, E_LIMIT, "key 0", "1025 bytes");
    forge_head(&f, 3, 1, 0);
    forge_tensor(&f, name, Q_I8, 1, one_row, 0);
    refused(&f, E_LIMIT, "tensor 0", "1025 bytes");
    forge_head(&f, 3, 0, 1);
    forge_key(&f, "", GGUF_U16), forge_u8(&f, 0), forge_u8(&f, 0);
    refused(&f, E_FORMAT, "key 0", "empty name");
    forge_head(&f, 3, 1, 0);
    forge_tensor(&f, "", Q_I8, 2, (uint64_t[]){1, 1}, 0);
    refused(&f, E_FORMAT, "tensor 0", "empty name");
}

TEST(lengths_beyond_the_file_are_refused) {
    static const uint64_t lengths[] = {20,         1ull << 31,     1ull << 32,
                                       1ull << 60, UINT64_MAX - 7, UINT64_MAX};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        forge f = {0};
        forge_head(&f, 3, 0, 1);
        forge_u64(&f, lengths[i]), forge_fill(&f, 16);
        refused(&f, E_FORMAT, "key 0", "cut short");
        forge_head(&f, 3, 1, 0);
        forge_u64(&f, lengths[i] + 40), forge_fill(&f, 44);
        refused(&f, E_FORMAT, "tensor 0", "");
        forge_head(&f, 3, 0, 1);
        forge_key(&f, "text", GGUF_STRING), forge_u64(&f, lengths[i]), forge_fill(&f, 16);
        refused(&f, E_FORMAT, "key text", "cut short");
        forge_head(&f, 3, 0, 1);
        forge_array(&f, "texts", GGUF_STRING, 2), forge_str(&f, "a"), forge_u64(&f, lengths[i]);
        refused(&f, E_FORMAT, "key texts", "cut short");
        for (uint32_t kind = GGUF_U8; kind <= GGUF_F64; kind++) {
            forge_head(&f, 3, 0, 1);
            forge_array(&f, "array", kind, lengths[i]), forge_fill(&f, 16);
            refused(&f, E_FORMAT, "key array", gguf_kind_name(kind));
        }
    }
}

TEST(a_value_cut_at_any_byte_is_refused) {
    static const uint8_t size[] = {1, 1, 2, 2, 4, 4, 4, 1, 8, 12, 8, 8, 8};
    for (uint32_t kind = GGUF_U8; kind <= GGUF_F64; kind++)
        for (uint32_t n = 0; n <= size[kind]; n++) {
            forge f = {0};
            forge_head(&f, 3, 0, 1);
            forge_key(&f, "a.name.longer.than.the.value", kind);
            for (uint32_t i = 0; i < n; i++) forge_u8(&f, 0);
            if (n == size[kind])
                accepted(&f);
            else
                refused(&f, E_FORMAT, "key a.name.longer.than.the.value", "cut short");
        }
}

TEST(an_unknown_value_type_is_refused) {
    forge f = {0};
    for (uint32_t kind = GGUF_F64 + 1; kind; kind = kind < 20 ? kind + 1 : kind << 1) {
        forge_head(&f, 3, 0, 1);
        forge_key(&f, "odd", kind), forge_u64(&f, 0);
        refused(&f, E_FORMAT, "key odd", "value type");
        forge_head(&f, 3, 0, 1);
        forge_array(&f, "odds", kind, 0), forge_u64(&f, 0);
        refused(&f, E_FORMAT, "key odds", "value type");
    }
}

TEST(strings_are_utf8_without_nul) {
    static const struct {
        const char *p;
        size_t n;
        const char *why;
    } bad[] = {{"a\0b", 3, "NUL"},
               {"\0", 1, "NUL"},
               {"eight letters and \0", 19, "NUL"},
               {"\xff", 1, "UTF-8"},
               {"\xc0\xaf", 2, "UTF-8"},
               {"letters \xed\xa0\x80 letters", 19, "UTF-8"},
               {"eight and more, then \xe2\x82", 23, "UTF-8"},
               {"12345678\x80", 9, "UTF-8"},
               {"1234567\xc3", 8, "UTF-8"},
               {"\xf4\x90\x80\x80", 4, "UTF-8"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        forge f = {0};
        forge_head(&f, 3, 0, 1);
        forge_u64(&f, bad[i].n), forge_bytes(&f, bad[i].p, bad[i].n), forge_u32(&f, GGUF_U64),
            forge_u64(&f, 0);
        refused(&f, E_FORMAT, "key 0", bad[i].why);
        forge_head(&f, 3, 0, 1);
        forge_key(&f, "text", GGUF_STRING), forge_u64(&f, bad[i].n),
            forge_bytes(&f, bad[i].p, bad[i].n);
        refused(&f, E_FORMAT, "key text", bad[i].why);
        forge_head(&f, 3, 0, 1);
        forge_array(&f, "list", GGUF_STRING, 2), forge_str(&f, "fine");
        forge_u64(&f, bad[i].n), forge_bytes(&f, bad[i].p, bad[i].n);
        refused(&f, E_FORMAT, "key list", bad[i].why);
        forge_head(&f, 3, 1, 0);
        forge_u64(&f, bad[i].n), forge_bytes(&f, bad[i].p, bad[i].n);
        forge_u32(&f, 1), forge_u64(&f, 8), forge_u32(&f, Q_I8), forge_u64(&f, 0),
            forge_fill(&f, 64);
        refused(&f, E_FORMAT, "tensor 0", bad[i].why);
    }
    forge f = {0};
    forge_head(&f, 3, 0, 1);
    forge_key(&f, "\xc3\xa4\xf0\x9f\x8d\x80 name", GGUF_STRING),
        forge_str(&f, "1234567\xe2\x82\xac and \x01");
    accepted(&f);
}

TEST(a_bool_is_0_or_1) {
    forge f = {0};
    for (uint32_t v = 2; v < 256; v += 23) {
        forge_head(&f, 3, 0, 1);
        forge_key(&f, "flag", GGUF_BOOL), forge_u8(&f, v);
        refused(&f, E_FORMAT, "key flag", "expected 0 or 1");
        forge_head(&f, 3, 0, 1);
        forge_array(&f, "flags", GGUF_BOOL, 3), forge_u8(&f, 0), forge_u8(&f, 1), forge_u8(&f, v);
        refused(&f, E_FORMAT, "key flags", "expected 0 or 1");
    }
}

TEST(numbers_are_finite) {
    static const double bad[] = {NAN, INFINITY, -INFINITY};
    forge f = {0};
    for (int i = 0; i < 3; i++) {
        forge_head(&f, 3, 0, 1);
        forge_key(&f, "half", GGUF_F32), forge_u32(&f, f32_bits((float)bad[i]));
        refused(&f, E_FORMAT, "key half", "not finite");
        forge_head(&f, 3, 0, 1);
        forge_key(&f, "full", GGUF_F64), forge_f64(&f, bad[i]);
        refused(&f, E_FORMAT, "key full", "not finite");
        forge_head(&f, 3, 0, 1);
        forge_array(&f, "halves", GGUF_F32, 2), forge_u32(&f, 0),
            forge_u32(&f, f32_bits((float)bad[i]));
        refused(&f, E_FORMAT, "key halves", "not finite");
        forge_head(&f, 3, 0, 1);
        forge_array(&f, "fulls", GGUF_F64, 2), forge_f64(&f, 0), forge_f64(&f, bad[i]);
        refused(&f, E_FORMAT, "key fulls", "not finite");
    }
    forge_head(&f, 3, 0, 2);
    forge_key(&f, "large", GGUF_F64), forge_f64(&f, -1.7e308);
    forge_key(&f, "small", GGUF_F32), forge_u32(&f, 1);
    accepted(&f);
}

TEST(arrays_nest_4_deep) {
    forge f = {0};
    for (int depth = 1; depth <= 6; depth++) {
        forge_head(&f, 3, 0, 1);
        forge_key(&f, "deep", GGUF_ARRAY);
        for (int i = 1; i < depth; i++) forge_u32(&f, GGUF_ARRAY), forge_u64(&f, 1);
        forge_u32(&f, GGUF_U8), forge_u64(&f, 1), forge_u8(&f, 7);
        if (depth <= 4)
            accepted(&f);
        else
            refused(&f, E_LIMIT, "key deep", "nested more than 4 deep");
    }
    /* As deep as the file is long: the recursion must not follow. */
    forge_head(&f, 3, 0, 1);
    forge_key(&f, "abyss", GGUF_ARRAY);
    for (int i = 0; i < 200000; i++) forge_u32(&f, GGUF_ARRAY), forge_u64(&f, 1);
    refused(&f, E_LIMIT, "key abyss", "nested");
    forge_head(&f, 3, 0, 1); /* an outer array that counts more inner ones than follow */
    forge_array(&f, "short", GGUF_ARRAY, 2);
    forge_u32(&f, GGUF_U8), forge_u64(&f, 12), forge_fill(&f, 12);
    refused(&f, E_FORMAT, "key short", "cut short");
}

TEST(a_key_comes_once) {
    forge f = {0};
    forge_head(&f, 3, 0, 3);
    forge_key(&f, "twin", GGUF_U8), forge_u8(&f, 0);
    forge_key(&f, "other", GGUF_U8), forge_u8(&f, 0);
    forge_key(&f, "twin", GGUF_U16), forge_u8(&f, 0), forge_u8(&f, 0);
    refused(&f, E_FORMAT, "key twin", "twice");
}

TEST(the_alignment_is_a_power_of_two_up_to_a_mebibyte) {
    static const struct {
        uint32_t kind;
        uint64_t bits;
        status st;
    } cases[] = {{GGUF_U32, 0, E_FORMAT},
                 {GGUF_U32, 3, E_FORMAT},
                 {GGUF_U32, 24, E_FORMAT},
                 {GGUF_U32, 0xffffffff, E_FORMAT},
                 {GGUF_U32, 1 << 21, E_LIMIT},
                 {GGUF_U64, 1ull << 32, E_LIMIT},
                 {GGUF_U64, 1ull << 63, E_LIMIT},
                 {GGUF_I32, 0x80000000, E_FORMAT},
                 {GGUF_I8, 0xe0, E_FORMAT},
                 {GGUF_BOOL, 1, E_FORMAT},
                 {GGUF_F32, 0x42000000, E_FORMAT},
                 {GGUF_STRING, 0, E_FORMAT},
                 {GGUF_U8, 32, OK},
                 {GGUF_I16, 32, OK},
                 {GGUF_U64, 1 << 20, OK},
                 {GGUF_U32, 1, OK},
                 {GGUF_I64, 4096, OK},
                 {GGUF_I32, 8, OK}};
    static const uint8_t size[] = {1, 1, 2, 2, 4, 4, 4, 1, 8, 0, 8, 8, 8};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        forge f = {0};
        uint8_t bits[8];
        put_le64(bits, cases[i].bits);
        forge_head(&f, 3, 2, 1);
        forge_key(&f, "general.alignment", cases[i].kind),
            forge_bytes(&f, bits, size[cases[i].kind]);
        const size_t step = cases[i].st == OK ? (size_t)cases[i].bits : 32;
        const uint64_t second = step < 32 ? 32 : step;
        forge_tensor(&f, "a", Q_F32, 1, one_row, 0);
        forge_tensor(&f, "b", Q_F32, 1, one_row, second);
        forge_pad(&f, step), forge_fill(&f, 32), forge_pad(&f, second);
        forge_fill(&f, 64);
        if (cases[i].st == OK)
            accepted(&f);
        else
            refused(&f, cases[i].st, "key general.alignment", "");
    }
    forge f = {0};
    forge_head(&f, 3, 0, 1);
    forge_array(&f, "general.alignment", GGUF_U32, 1), forge_u32(&f, 32);
    refused(&f, E_FORMAT, "key general.alignment", "array");
}

TEST(a_file_aligned_to_a_page_puts_its_data_there) {
    forge f = {0};
    forge_head(&f, 3, 1, 1);
    forge_key(&f, "general.alignment", GGUF_U32), forge_u32(&f, 4096);
    forge_tensor(&f, "t", Q_I8, 1, (uint64_t[]){5}, 4096);
    forge_pad(&f, 4096), forge_pad(&f, 4096), forge_fill(&f, 4096 + 5);
    err e;
    gguf *g;
    REQUIRE(forge_open(&g, &f, &e) == OK);
    CHECK(gguf_alignment(g) == 4096 && gguf_find_tensor(g, "t")->offset == 8192);
    gguf_close(g);
    forge_free(&f);
}

/* ----------------------------------------------------------- the tensors */

/* One tensor as described, 256 bytes of data. */
static void forge_lone(forge *f, uint32_t type, uint32_t n_dims, const uint64_t *ne,
                       uint64_t offset) {
    forge_head(f, 3, 1, 0);
    forge_tensor(f, "lone.weight", type, n_dims, ne, offset);
    forge_pad(f, 32), forge_fill(f, 256);
}

TEST(a_tensor_has_1_to_4_dimensions_and_none_is_0) {
    static const uint64_t ones[8] = {1, 1, 1, 1, 1, 1, 1, 1};
    forge f = {0};
    for (uint32_t n = 0; n <= 8; n++) {
        forge_lone(&f, Q_F32, n, ones, 0);
        if (n >= 1 && n <= 4)
            accepted(&f);
        else
            refused(&f, E_FORMAT, "tensor lone.weight", "expected 1 to 4");
    }
    for (uint32_t i = 0; i < 4; i++) {
        uint64_t ne[4] = {4, 4, 1, 1};
        ne[i] = 0;
        forge_lone(&f, Q_F32, 4, ne, 0);
        refused(&f, E_FORMAT, "tensor lone.weight", "is 0");
    }
    forge_head(&f, 3, 1, 0);
    forge_str(&f, "many"), forge_u32(&f, UINT32_MAX), forge_fill(&f, 100);
    refused(&f, E_FORMAT, "tensor many", "4294967295 dimensions");
}

TEST(a_shape_that_overflows_is_refused) {
    static const uint64_t shapes[][4] = {
        {1ull << 32, 1ull << 32, 1, 1}, {1ull << 16, 1ull << 16, 1ull << 16, 1ull << 16},
        {UINT64_MAX, 2, 1, 1},          {2, UINT64_MAX, UINT64_MAX, UINT64_MAX},
        {UINT64_MAX, 1, 1, 1},          {1ull << 62, 1, 1, 1},
        {3, 0x5555555555555556, 1, 1}};
    forge f = {0};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        forge_lone(&f, Q_F32, 4, shapes[i], 0);
        refused(&f, E_FORMAT, "tensor lone.weight", "overflows 64 bits");
    }
    forge_lone(&f, Q_I8, 1, (uint64_t[]){UINT64_MAX}, 0); /* fits in 64 bits, not in the file */
    refused(&f, E_FORMAT, "tensor lone.weight", "18446744073709551615 bytes");
    forge_lone(&f, Q_Q8_0, 2, (uint64_t[]){32, 1ull << 57}, 0);
    refused(&f, E_FORMAT, "tensor lone.weight", "");
}

TEST(rows_are_whole_blocks) {
    forge f = {0};
    for (uint32_t id = 0; id < QUANT_IDS; id++) {
        const quant_type *q = quant_find(id);
        if (!q || q->block_values == 1) continue;
        forge_lone(&f, id, 1, (uint64_t[]){q->block_values}, 0);
        accepted(&f);
        forge_lone(&f, id, 1, (uint64_t[]){q->block_values + 1}, 0);
        refused(&f, E_FORMAT, "tensor lone.weight", q->name);
        /* The product is whole blocks, the row is not. */
        forge_lone(&f, id, 2, (uint64_t[]){q->block_values / 2, 2}, 0);
        refused(&f, E_FORMAT, "tensor lone.weight", "whole blocks");
    }
}

TEST(an_unknown_tensor_type_is_refused) {
    static const uint32_t ids[] = {4, 5, 36, 40, 41, 42, 255, 256, 0x80000000, UINT32_MAX};
    forge f = {0};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        char type[32];
        snprintf(type, sizeof type, "type %" PRIu32, ids[i]);
        forge_lone(&f, ids[i], 1, (uint64_t[]){256}, 0);
        refused(&f, E_UNSUPPORTED, "tensor lone.weight", type);
    }
}

TEST(offsets_are_aligned_and_inside_the_file) {
    forge f = {0};
    for (uint64_t offset = 1; offset < 64; offset += 2) {
        forge_lone(&f, Q_F32, 1, one_row, offset);
        refused(&f, E_FORMAT, "tensor lone.weight", "alignment, 32");
    }
    forge_lone(&f, Q_F32, 1, one_row, 256 - 32);
    accepted(&f);
    static const uint64_t beyond[] = {256, 1ull << 31, 1ull << 32, 1ull << 63};
    for (int i = 0; i < 4; i++) {
        forge_lone(&f, Q_F32, 1, one_row, beyond[i]);
        refused(&f, E_FORMAT, "tensor lone.weight: 32 bytes at offset", "the file is cut short");
    }
    for (uint64_t back = 32; back <= 128; back += 32) {
        forge_lone(&f, Q_F32, 1, one_row, 0 - back);
        refused(&f, E_FORMAT, "tensor lone.weight", "");
    }
    forge_lone(&f, Q_F32, 2, (uint64_t[]){8, 8}, 32); /* one row too many */
    refused(&f, E_FORMAT,
            "tensor lone.weight: 256 bytes at offset 128 end after the file (352 bytes)",
            "cut short");
}

TEST(tensors_do_not_overlap) {
    forge f = {0};
    for (uint64_t second = 0; second <= 128; second += 32) {
        forge_head(&f, 3, 3, 0);
        forge_tensor(&f, "wide", Q_F32, 2, (uint64_t[]){8, 4}, 0);
        forge_tensor(&f, "far", Q_F32, 1, one_row, 512);
        forge_tensor(&f, "late", Q_F32, 1, one_row, second);
        forge_pad(&f, 32), forge_fill(&f, 1024);
        if (second == 128)
            accepted(&f);
        else
            refused(&f, E_FORMAT, "inside tensor", second ? "tensor late: begins" : "tensor");
    }
}

TEST(a_tensor_comes_once) {
    forge f = {0};
    forge_head(&f, 3, 3, 0);
    forge_tensor(&f, "blk.0.twin", Q_F32, 1, one_row, 0);
    forge_tensor(&f, "blk.1.twin", Q_F32, 1, one_row, 32);
    forge_tensor(&f, "blk.0.twin", Q_F32, 1, one_row, 64);
    forge_pad(&f, 32), forge_fill(&f, 96);
    refused(&f, E_FORMAT, "tensor blk.0.twin", "twice");
}

/* ----------------------------------------------------------- the message */

TEST(a_message_cannot_drive_a_terminal) {
    forge f = {0};
    forge_head(&f, 3, 0, 1);
    forge_key(&f, "\x1b[2J\x1b]0;title\x07\n\xe2\x80\xaename", GGUF_BOOL), forge_u8(&f, 9);
    err e;
    gguf *g;
    CHECK(forge_open(&g, &f, &e) == E_FORMAT);
    for (const char *p = e.text; *p; p++) CHECK((unsigned char)*p >= 0x20 && *p != 0x7f);
    CHECK_SAY(strstr(e.text, "\\x1b[2J") && strstr(e.text, "\\u{202e}name"), "%s", e.text);
    forge_free(&f);
}

TEST(long_names_and_paths_leave_room_for_the_reason) {
    static char path[4000], name[1025];
    memset(path, 'p', sizeof path - 12);
    memcpy(path + sizeof path - 12, "/model.gguf", 12);
    memset(name, '\x01', sizeof name - 1);
    forge f = {0};
    forge_head(&f, 3, 2, 0);
    forge_tensor(&f, name, Q_F32, 1, one_row, 0);
    name[0] = 'x';
    forge_tensor(&f, name, Q_F32, 1, one_row, 0);
    forge_pad(&f, 32), forge_fill(&f, 32);
    err e = {0};
    gguf *g;
    CHECK(gguf_open_bytes(&g, (const uint8_t *)f.b.data, f.b.n, path, &e) == E_FORMAT);
    CHECK_SAY(strstr(e.text, "/model.gguf: tensor ") && strstr(e.text, "inside tensor"), "%s",
              e.text);
    forge_free(&f);
}

/* ---------------------------------------------------------- large claims */

/* Leaves this process `spare` bytes of address space more than it has; false where that cannot be
 * done (a sanitizer needs its address space, and not every system tells how much is in use). */
static bool squeeze(uint64_t spare, struct rlimit *was) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
    return false;
#endif
#endif
    FILE *proc = fopen("/proc/self/statm", "r");
    if (!proc) return false;
    unsigned long pages = 0;
    const bool known = fscanf(proc, "%lu", &pages) == 1;
    fclose(proc);
    if (!known || getrlimit(RLIMIT_AS, was) != 0) return false;
    struct rlimit tight = *was;
    tight.rlim_cur = pages * (rlim_t)sysconf(_SC_PAGESIZE) + spare;
    return setrlimit(RLIMIT_AS, &tight) == 0;
}

TEST(claims_take_no_memory) {
    for (int shift = 16; shift <= 63; shift++) {
        const uint64_t n = 1ull << shift;
        forge f[5] = {0};
        forge_head(&f[0], 3, n, 0), forge_fill(&f[0], 500);
        forge_head(&f[1], 3, 0, n), forge_fill(&f[1], 500);
        forge_head(&f[2], 3, 0, 1), forge_array(&f[2], "claim", GGUF_STRING, n);
        forge_fill(&f[2], 500);
        forge_head(&f[3], 3, 0, 1), forge_key(&f[3], "claim", GGUF_STRING), forge_u64(&f[3], n);
        forge_lone(&f[4], Q_I8, 1, &n, 0);
        struct rlimit was;
        if (!squeeze(1 << 20, &was)) {
            for (int i = 0; i < 5; i++) forge_free(&f[i]);
            SKIP("the memory of this process cannot be limited");
        }
        status st[5];
        for (int i = 0; i < 5; i++) {
            gguf *g;
            st[i] = gguf_open_bytes(&g, (const uint8_t *)f[i].b.data, f[i].b.n, "claim", NULL);
        }
        REQUIRE(setrlimit(RLIMIT_AS, &was) == 0);
        for (int i = 0; i < 5; i++) {
            CHECK_SAY(st[i] == E_FORMAT, "claim %d of 2^%d: %s", i, shift, status_name(st[i]));
            forge_free(&f[i]);
        }
    }
}

/* A million tensors that the file could hold: their records do not fit into the memory left. */
TEST(memory_that_runs_out_is_said_so) {
    const uint64_t n = 40 << 20;
    uint8_t *data = calloc(n, 1);
    REQUIRE(data != NULL);
    forge f = {0};
    forge_head(&f, 3, 1000000, 0);
    forge_tensor(&f, "t", Q_I8, 1, one_row, 0);
    memcpy(data, f.b.data, f.b.n);
    forge_free(&f);
    struct rlimit was;
    if (!squeeze(16 << 20, &was)) {
        free(data);
        SKIP("the memory of this process cannot be limited");
    }
    err e = {0};
    gguf *g = NULL;
    const status st = gguf_open_bytes(&g, data, n, "large.gguf", &e);
    CHECK(setrlimit(RLIMIT_AS, &was) == 0);
    CHECK_SAY(st == E_NOMEM && g == NULL, "%s", e.text);
    CHECK_SAY(strcmp(e.text, "large.gguf: out of memory") == 0, "%s", e.text);
    free(data);
}

/* A quadratic search would take hours here, a walk through a directory a second. */
TEST(three_hundred_thousand_names_are_no_burden) {
    enum { N = 300000 };
    forge f = {0};
    char name[64];
    for (int twin = 0; twin < 2; twin++) {
        forge_head(&f, 3, N, 0);
        for (int i = 0; i < N; i++) {
            const int number = twin && i == N - 1 ? 77777 : i;
            snprintf(name, sizeof name, "a.name.that.begins.like.the.others.%d", number);
            forge_tensor(&f, name, Q_I8, 1, (uint64_t[]){1}, (uint64_t)(N - i) * 32);
        }
        forge_pad(&f, 32), buf_reserve(&f.b, (N + 1) * 32);
        for (int i = 0; i <= N; i++) forge_bytes(&f, "0123456789abcdef0123456789abcdef", 32);
        err e;
        gguf *g = NULL;
        const double start = clock_seconds();
        const status st = forge_open(&g, &f, &e);
        CHECK_SAY(clock_seconds() - start < 60, "%.1f s", clock_seconds() - start);
        CHECK(st == (twin ? E_FORMAT : OK));
        if (twin) CHECK_SAY(strstr(e.text, "others.77777: comes twice"), "%s", e.text);
        if (st == OK) {
            for (int i = 0; i < N; i += 7919) {
                snprintf(name, sizeof name, "a.name.that.begins.like.the.others.%d", i);
                CHECK(gguf_find_tensor(g, name) == gguf_tensor_at(g, (uint64_t)i));
            }
            gguf_close(g);
        }
        forge_free(&f);
        f = (forge){0};
    }
}

/* ----------------------------------------------------------------- files */

static char folder[256];
static const char *in_folder(const char *name) {
    static char path[300];
    if (!*folder) {
        const char *tmp = getenv("TMPDIR");
        snprintf(folder, sizeof folder, "%s/ds4-gguf-XXXXXX", tmp ? tmp : "/tmp");
        if (!mkdtemp(folder)) abort();
    }
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void drop(const char *path) {
    unlink(path);
    rmdir(folder);
    *folder = 0;
}

/* A file that begins as forged and is `size` long; false if this disk cannot hold one. */
static bool write_sparse(const char *path, forge *f, uint64_t size) {
    const int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0600);
    const bool ok = fd >= 0 && write(fd, f->b.data, f->b.n) == (ssize_t)f->b.n &&
                    ftruncate(fd, (off_t)size) == 0;
    if (fd >= 0) close(fd);
    forge_free(f);
    *f = (forge){0};
    return ok;
}

TEST(a_file_on_disk_opens) {
    forge f = {0};
    forge_small(&f);
    const uint64_t size = f.b.n;
    const char *path = in_folder("small.gguf");
    REQUIRE(write_sparse(path, &f, size));
    err e;
    gguf *g;
    REQUIRE(gguf_open(&g, path, &e) == OK);
    CHECK(walk_all(g) == NULL && gguf_size(g) == size);
    gguf_close(g);
    drop(path);
}

TEST(only_regular_files_are_opened) {
    err e;
    gguf *g = NULL;
    const char *path = in_folder("pipe");
    REQUIRE(mkfifo(path, 0600) == 0);
    CHECK(gguf_open(&g, path, &e) == E_IO && strstr(e.text, "pipe: not a regular file"));
    unlink(path);
    CHECK(gguf_open(&g, folder, &e) == E_IO && strstr(e.text, "not a regular file"));
    CHECK(gguf_open(&g, path, &e) == E_IO && strstr(e.text, strerror(ENOENT)));
    CHECK(gguf_open(&g, "", &e) == E_IO);
    forge f = {0};
    REQUIRE(write_sparse(path, &f, 0));
    CHECK(gguf_open(&g, path, &e) == E_FORMAT && strstr(e.text, "pipe: the file is empty"));
    CHECK(g == NULL);
    drop(path);
}

#define TERABYTE (1ull << 40)

TEST(a_sparse_file_of_a_terabyte_opens_at_once) {
    forge f = {0};
    forge_head(&f, 3, 2, 0);
    forge_tensor(&f, "huge", Q_I8, 1, (uint64_t[]){TERABYTE - 4096}, 0);
    forge_tensor(&f, "end", Q_F32, 1, one_row, TERABYTE - 4096);
    const char *path = in_folder("sparse.gguf");
    err e;
    gguf *g;
    if (!write_sparse(path, &f, TERABYTE)) {
        drop(path);
        SKIP("this disk has no sparse files of a terabyte");
    }
    const status st = gguf_open(&g, path, &e);
    CHECK_SAY(st == OK, "%s", e.text);
    if (st == OK) {
        CHECK(walk_all(g) == NULL);
        gguf_close(g);
    }
    drop(path);
}

TEST(a_sparse_file_cannot_keep_the_reader_busy) {
    for (int lie = 0; lie < 9; lie++) {
        forge f = {0};
        switch (lie) {
        case 0:
            forge_head(&f, 3, 1000001, 0);
            break;
        case 1:
            forge_head(&f, 3, 0, 100001);
            break;
        case 2:
            forge_head(&f, 3, 0, 1), forge_array(&f, "zeros", GGUF_BOOL, 1ull << 39);
            break;
        case 3:
            forge_head(&f, 3, 0, 1), forge_array(&f, "zeros", GGUF_STRING, 1ull << 36);
            break;
        case 4:
            forge_head(&f, 3, 0, 1), forge_array(&f, "zeros", GGUF_F32, 1ull << 37);
            break;
        case 5:
            forge_head(&f, 3, 0, 1), forge_array(&f, "zeros", GGUF_ARRAY, 1ull << 36);
            break;
        case 6:
            forge_head(&f, 3, 0, 1), forge_key(&f, "zeros", GGUF_STRING), forge_u64(&f, 1ull << 39);
            break;
        case 7:
            forge_head(&f, 3, 0, 1), forge_u64(&f, 1ull << 39);
            break;
        case 8:
            forge_head(&f, 3, 1000000, 100000);
            break;
        }
        const char *path = in_folder("busy.gguf");
        if (!write_sparse(path, &f, TERABYTE)) {
            drop(path);
            SKIP("this disk has no sparse files of a terabyte");
        }
        err e = {0};
        gguf *g;
        const double start = clock_seconds();
        const status st = gguf_open(&g, path, &e);
        CHECK_SAY(st == (lie == 8 ? E_FORMAT : E_LIMIT), "lie %d: %s", lie, e.text);
        CHECK_SAY(strstr(e.text, lie == 8 ? "empty name" : "limit"), "lie %d: %s", lie, e.text);
        CHECK_SAY(clock_seconds() - start < 20, "lie %d: %.1f s", lie, clock_seconds() - start);
        gguf_close(st == OK ? g : NULL);
        drop(path);
    }
}

TESTS_MAIN
