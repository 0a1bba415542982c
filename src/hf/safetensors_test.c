/* One safetensors file: what is read, and every way in which a header can lie. */
#include "hf/safetensors.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/test.h"
#include "hf/build_test.h"

static err why;

static status open_buf(hf_file **f, const buf *b) {
    *f = NULL;
    return hf_file_open_bytes(f, (const uint8_t *)b->data, b->n, "some.safetensors", &why);
}

/* Opens a file made of a header and `n` zero bytes; closes it again. */
static status judge(const char *header, size_t n) {
    buf b = st_join(header, NULL, n);
    hf_file *f;
    const status st = open_buf(&f, &b);
    hf_file_close(f);
    buf_free(&b);
    return st;
}

static buf sample(void) {
    static const uint8_t bytes[64] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    st_build b = {0};
    st_add(&b, "layers.0.w", "BF16", 2, (uint64_t[]){2, 3}, bytes, 12);
    st_add(&b, "layers.0.s", "F8_E8M0", 2, (uint64_t[]){3, 1}, bytes + 1, 3);
    st_add(&b, "scalar", "I64", 0, NULL, bytes, 8);
    st_add(&b, "empty", "F32", 2, (uint64_t[]){0, 7}, bytes, 0);
    st_add(&b, "caf\xc3\xa9", "I8", 1, (uint64_t[]){5}, bytes + 2, 5);
    return st_bytes(&b);
}

TEST(tensors_are_found_with_shape_and_data) {
    buf b = sample();
    hf_file *f;
    REQUIRE(open_buf(&f, &b) == OK);
    CHECK(hf_file_count(f) == 5 && strcmp(hf_file_name(f), "some.safetensors") == 0);
    const hf_tensor *t = hf_file_find(f, "layers.0.w");
    REQUIRE(t);
    CHECK(t->dtype == HF_BF16 && t->rank == 2 && t->shape[0] == 2 && t->shape[1] == 3);
    CHECK(t->shape[2] == 1 && t->bytes == 12 && t->data[0] == 1 && t->file == f);
    t = hf_file_find(f, "layers.0.s");
    REQUIRE(t);
    CHECK(t->dtype == HF_F8_E8M0 && t->bytes == 3 && t->data[0] == 2 && t->data[2] == 4);
    t = hf_file_find(f, "scalar");
    CHECK(t && t->rank == 0 && t->bytes == 8);
    t = hf_file_find(f, "empty");
    CHECK(t && t->bytes == 0 && t->rank == 2);
    t = hf_file_find(f, "caf\xc3\xa9");
    CHECK(t && t->data[4] == 7);
    CHECK(!hf_file_find(f, "layers.0") && !hf_file_find(f, ""));
    for (size_t i = 1; i < hf_file_count(f); i++)
        CHECK(strcmp(hf_file_at(f, i - 1)->name, hf_file_at(f, i)->name) < 0);
    hf_drop(t, 0, 5); /* bytes of the caller: nothing happens */
    CHECK(t->data[4] == 7);
    hf_file_close(f);
    buf_free(&b);
}

TEST(every_dtype_has_its_size) {
    static const struct {
        const char *name;
        uint32_t bytes;
    } all[] = {{"F64", 8},  {"F32", 4},     {"F16", 2},     {"BF16", 2},   {"I64", 8}, {"I32", 4},
               {"I16", 2},  {"I8", 1},      {"U64", 8},     {"U32", 4},    {"U16", 2}, {"U8", 1},
               {"BOOL", 1}, {"F8_E4M3", 1}, {"F8_E5M2", 1}, {"F8_E8M0", 1}};
    CHECK(sizeof all / sizeof *all == HF_DTYPES);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        char h[200];
        for (int delta = -1; delta <= 1; delta++) {
            const size_t n = 6u * all[i].bytes;
            const size_t end = n + (size_t)delta;
            snprintf(h, sizeof h,
                     "{\"t\":{\"dtype\":\"%s\",\"shape\":[2,3],\"data_offsets\":[0,%zu]}}",
                     all[i].name, end);
            CHECK_SAY(judge(h, end) == (delta ? E_FORMAT : OK), "%s %d", all[i].name, delta);
        }
    }
}

TEST(metadata_is_text_and_no_tensor) {
    CHECK(judge("{\"__metadata__\":{\"format\":\"pt\"}}", 0) == OK);
    CHECK(judge("{}    ", 0) == OK);
    CHECK(judge("{\"__metadata__\":{\"format\":1}}", 0) == E_FORMAT && strstr(why.text, "format"));
    CHECK(judge("{\"__metadata__\":[]}", 0) == E_FORMAT && strstr(why.text, "__metadata__"));
}

/* A single entry that lies; the message names the file and the tensor. */
TEST(a_lying_entry_is_refused_by_name) {
    static const struct {
        const char *entry;
        size_t n;
        const char *says;
    } lies[] = {
        {"7", 0, "not an object"},
        {"{\"shape\":[1],\"data_offsets\":[0,4]}", 4, "no dtype"},
        {"{\"dtype\":32,\"shape\":[1],\"data_offsets\":[0,4]}", 4, "no dtype"},
        {"{\"dtype\":\"F31\",\"shape\":[1],\"data_offsets\":[0,4]}", 4, "F31 is not known"},
        {"{\"dtype\":\"f32\",\"shape\":[1],\"data_offsets\":[0,4]}", 4, "f32 is not known"},
        {"{\"dtype\":\"F32\",\"data_offsets\":[0,4]}", 4, "no shape"},
        {"{\"dtype\":\"F32\",\"shape\":{},\"data_offsets\":[0,4]}", 4, "no shape"},
        {"{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}", 4, "dimension 0"},
        {"{\"dtype\":\"F32\",\"shape\":[1,1.5],\"data_offsets\":[0,4]}", 4, "dimension 1"},
        {"{\"dtype\":\"F32\",\"shape\":[\"1\"],\"data_offsets\":[0,4]}", 4, "dimension 0"},
        {"{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,4]}", 4,
         "9 dimensions"},
        {"{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}", 0,
         "overflows"},
        {"{\"dtype\":\"F32\",\"shape\":[4611686018427387904],\"data_offsets\":[0,0]}", 0,
         "overflows"},
        {"{\"dtype\":\"I8\",\"shape\":[18446744073709551616],\"data_offsets\":[0,0]}", 0,
         "dimension 0"},
        {"{\"dtype\":\"F32\",\"shape\":[1]}", 4, "data_offsets"},
        {"{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}", 4, "data_offsets"},
        {"{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4,8]}", 4, "data_offsets"},
        {"{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[-4,0]}", 4, "data_offsets"},
        {"{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}", 4, "backwards"},
        {"{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}", 4, "4 bytes of data"},
        {"{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}", 4, "cut short"},
        {"{\"dtype\":\"I8\",\"shape\":[1152921504606846976],"
         "\"data_offsets\":[0,1152921504606846976]}",
         4, "cut short"},
        {"{\"dtype\":\"I8\",\"shape\":[3],"
         "\"data_offsets\":[18446744073709551612,18446744073709551615]}",
         4, "cut short"},
        {"{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}", 8, "belong to no tensor"},
    };
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        char h[300];
        snprintf(h, sizeof h, "{\"a.weight\":%s}", lies[i].entry);
        const status st = judge(h, lies[i].n);
        CHECK_SAY(st != OK && st != E_NOMEM, "%s", lies[i].entry);
        CHECK_SAY(strstr(why.text, "some.safetensors") && strstr(why.text, "a.weight") &&
                      strstr(why.text, lies[i].says),
                  "%s -> %s", lies[i].entry, why.text);
    }
}

#define T(name, from, to, n)                                                                       \
    "\"" name "\":{\"dtype\":\"I8\",\"shape\":[" #n "],\"data_offsets\":[" #from "," #to "]}"

TEST(overlaps_gaps_and_rests_are_refused) {
    CHECK(judge("{" T("a", 0, 4, 4) "," T("b", 4, 6, 2) "}", 6) == OK);
    CHECK(judge("{" T("a", 4, 8, 4) "," T("b", 0, 4, 4) "}", 8) == OK);
    CHECK(judge("{" T("a", 0, 4, 4) "," T("b", 3, 6, 3) "}", 6) == E_FORMAT);
    CHECK_SAY(strstr(why.text, "tensor b: its data overlap those of a"), "%s", why.text);
    CHECK(judge("{" T("a", 0, 4, 4) "," T("b", 0, 4, 4) "}", 4) == E_FORMAT);
    CHECK(strstr(why.text, "overlap"));
    CHECK(judge("{" T("a", 0, 8, 8) "," T("b", 2, 4, 2) "," T("c", 4, 8, 4) "}", 8) == E_FORMAT);
    CHECK(judge("{" T("a", 0, 4, 4) "," T("b", 5, 6, 1) "}", 6) == E_FORMAT);
    CHECK_SAY(strstr(why.text, "tensor b: 1 bytes before"), "%s", why.text);
    CHECK(judge("{" T("a", 0, 4, 4) "}", 5) == E_FORMAT);
    CHECK(strstr(why.text, "1 bytes at its end"));
    CHECK(judge("{" T("a", 0, 4, 4) "," T("e", 2, 2, 0) "}", 4) == E_FORMAT);
}

TEST(nothing_is_given_twice) {
    CHECK(judge("{" T("a", 0, 4, 4) "," T("a", 0, 4, 4) "}", 4) == E_FORMAT);
    CHECK(strstr(why.text, "twice"));
    CHECK(judge("{" T("a", 0, 4, 4) "," T("\\u0061", 0, 4, 4) "}", 4) == E_FORMAT);
    CHECK(judge("{\"a\":{\"dtype\":\"I8\",\"dtype\":\"I8\",\"shape\":[1],\"data_offsets\":[0,1]}}",
                1) == E_FORMAT);
    CHECK(judge("{\"__metadata__\":{\"a\":\"b\",\"a\":\"b\"}}", 0) == E_FORMAT);
    CHECK(judge("{" T("a:b\\\":", 0, 1, 1) "," T("b", 1, 2, 1) "}", 2) == OK); /* colons in names */
}

TEST(names_are_bounded_text) {
    char h[3000], name[1026];
    for (size_t n = 1023; n <= 1025; n++) {
        memset(name, 'x', n);
        name[n] = 0;
        snprintf(h, sizeof h, "{\"%s\":{\"dtype\":\"I8\",\"shape\":[1],\"data_offsets\":[0,1]}}",
                 name);
        CHECK(judge(h, 1) == (n <= 1024 ? OK : E_LIMIT));
    }
    CHECK(judge("{" T("", 0, 1, 1) "}", 1) == E_FORMAT);
    CHECK(judge("{" T("a\\u0000b", 0, 1, 1) "}", 1) == E_FORMAT);
    CHECK(judge("{" T("\xff", 0, 1, 1) "}", 1) == E_FORMAT);
    CHECK(judge("{" T("\\u001b[31m", 0, 9, 1) "}", 1) == E_FORMAT && !strchr(why.text, 27));
}

TEST(what_is_no_safetensors_file_is_said_to_be_none) {
    buf b = {0};
    hf_file *f;
    CHECK(open_buf(&f, &b) == E_FORMAT && strstr(why.text, "too few"));
    buf_add(&b, "1234567", 7);
    CHECK(open_buf(&f, &b) == E_FORMAT);
    buf_add(&b, "89 some longer text", 18);
    CHECK(open_buf(&f, &b) == E_LIMIT && strstr(why.text, "not a safetensors file"));
    buf_free(&b);
    CHECK(judge("", 10) == E_FORMAT);
    CHECK(judge("[]", 0) == E_FORMAT && strstr(why.text, "'{'"));
    CHECK(judge(" {}", 0) == E_FORMAT);
    CHECK(judge("{\"a\":", 0) == E_FORMAT && strstr(why.text, "some.safetensors"));
    CHECK(judge("{} x", 0) == E_FORMAT);

    static const uint64_t lengths[] = {100000001, 1ull << 60, UINT64_MAX, UINT64_MAX - 7, 3};
    for (size_t i = 0; i < 5; i++) {
        uint8_t p[10] = {0, 0, 0, 0, 0, 0, 0, 0, '{', '}'};
        put_le64(p, lengths[i]);
        CHECK(hf_file_open_bytes(&f, p, sizeof p, "x", &why) != OK);
    }
}

TEST(a_file_cut_anywhere_is_refused) {
    buf b = sample();
    for (size_t n = 0; n < b.n; n++) {
        uint8_t *cut = malloc(n + 1); /* its own block, so that a byte too many is noticed */
        REQUIRE(cut);
        memcpy(cut, b.data, n);
        hf_file *f = NULL;
        CHECK_SAY(hf_file_open_bytes(&f, cut, n, "x", &why) == E_FORMAT, "%zu: %s", n, why.text);
        free(cut);
    }
    buf_free(&b);
}

TEST(any_wrong_byte_gives_a_file_or_a_reason) {
    buf b = sample();
    const size_t header = 8 + (size_t)le64(b.data);
    size_t refused = 0;
    for (size_t i = 0; i < header; i++) {
        const char was = b.data[i];
        for (int v = 0; v < 256; v++) {
            hf_file *f;
            b.data[i] = (char)v;
            const status st = open_buf(&f, &b);
            CHECK((st == OK) == (f != NULL));
            refused += st != OK;
            for (size_t k = 0; f && k < hf_file_count(f); k++) {
                const hf_tensor *t = hf_file_at(f, k);
                const uint8_t *end = (const uint8_t *)b.data + b.n;
                CHECK(t->bytes <= (uint64_t)(end - t->data));
                CHECK(hf_file_find(f, t->name) == t);
            }
            hf_file_close(f);
        }
        b.data[i] = was;
    }
    CHECK(refused > header * 128); /* most bytes matter */
    buf_free(&b);
}

TEST(a_real_file_is_mapped_and_other_things_are_not) {
    char dir[] = "/tmp/ds4-hf-XXXXXX", path[64];
    REQUIRE(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/x.safetensors", dir);
    hf_file *f;
    CHECK(hf_file_open(&f, path, &why) == E_IO && strstr(why.text, path));
    CHECK(hf_file_open(&f, dir, &why) == E_IO);
    REQUIRE(mkfifo(path, 0600) == 0);
    CHECK(hf_file_open(&f, path, &why) == E_IO && strstr(why.text, "regular"));
    unlink(path);

    buf b = sample();
    FILE *o = fopen(path, "wb");
    REQUIRE(o && fwrite(b.data, 1, b.n, o) == b.n && fclose(o) == 0);
    REQUIRE(hf_file_open(&f, path, &why) == OK);
    const hf_tensor *t = hf_file_find(f, "layers.0.w");
    CHECK(t && t->data[0] == 1 && t->data[8] == 9);
    if (t) hf_drop(t, 0, t->bytes);
    CHECK(t && t->data[8] == 9); /* dropped pages come back */
    hf_file_close(f);

    o = fopen(path, "wb");
    REQUIRE(o && fclose(o) == 0);
    CHECK(hf_file_open(&f, path, &why) == E_FORMAT);
    buf_free(&b);
    unlink(path);
    rmdir(dir);
}

TEST(seventy_thousand_tensors_open_and_are_found) {
    buf h = {0};
    char name[80];
    for (unsigned i = 0; i < 70000; i++)
        buf_printf(
            &h,
            "%c\"layers.%u.ffn.experts.%u.w%u.weight\":{\"dtype\":\"F8_E4M3\",\"shape\":[1,2],"
            "\"data_offsets\":[%u,%u]}",
            i ? ',' : '{', i % 43, i / 43 / 3, i / 43 % 3, 2 * i, 2 * i + 2);
    buf_char(&h, '}');
    REQUIRE(!h.failed);
    buf b = st_join(h.data, NULL, 140000);
    hf_file *f;
    REQUIRE(open_buf(&f, &b) == OK);
    for (unsigned i = 0; i < 70000; i++) {
        snprintf(name, sizeof name, "layers.%u.ffn.experts.%u.w%u.weight", i % 43, i / 43 / 3,
                 i / 43 % 3);
        const hf_tensor *t = hf_file_find(f, name);
        CHECK(t && t->data == (const uint8_t *)b.data + 8 + h.n + 2 * i);
    }
    hf_file_close(f);
    buf_free(&b);
    buf_free(&h);
}

TESTS_MAIN
