/* What the getters give for every kind of value, and what they leave alone. */
#include <float.h>

#include "base/test.h"
#include "gguf/forge_test.h"
#include "gguf/value.h"

/* A key as the reader would hand it out. */
static gguf_key key_of(gguf_kind kind, const void *value) {
    return (gguf_key){{"k", 1}, kind, value};
}

static gguf_key number(gguf_kind kind, uint64_t bits) {
    static uint8_t bytes[8];
    put_le64(bytes, bits);
    return key_of(kind, bytes);
}

enum { U = 1 << 1, I = 1 << 2, B = 1 << 3, F = 1 << 4 };

TEST(integers_of_any_width_give_what_they_are_or_nothing) {
    static const struct {
        gguf_kind kind;
        uint64_t bits;
        int gives;
        int64_t value; /* as far as I holds */
        double real;
    } cases[] = {
        {GGUF_U8, 0, U | I | B | F, 0, 0},
        {GGUF_U8, 1, U | I | B | F, 1, 1},
        {GGUF_U8, 2, U | I | F, 2, 2},
        {GGUF_U8, 255, U | I | F, 255, 255},
        {GGUF_I8, 127, U | I | F, 127, 127},
        {GGUF_I8, 0x80, I | F, -128, -128},
        {GGUF_I8, 0xff, I | F, -1, -1},
        {GGUF_I8, 1, U | I | B | F, 1, 1},
        {GGUF_U16, 0xffff, U | I | F, 65535, 65535},
        {GGUF_I16, 0x8000, I | F, -32768, -32768},
        {GGUF_I16, 0x7fff, U | I | F, 32767, 32767},
        {GGUF_U32, 0xffffffff, U | I | F, 4294967295, 4294967295.0},
        {GGUF_I32, 0xffffffff, I | F, -1, -1},
        {GGUF_I32, 0x80000000, I | F, INT32_MIN, INT32_MIN},
        {GGUF_I32, 43, U | I | F, 43, 43},
        {GGUF_U64, 1, U | I | B | F, 1, 1},
        {GGUF_U64, INT64_MAX, U | I | F, INT64_MAX, 9223372036854775808.0},
        {GGUF_U64, (uint64_t)INT64_MAX + 1, U | F, 0, 9223372036854775808.0},
        {GGUF_U64, UINT64_MAX, U | F, 0, 18446744073709551616.0},
        {GGUF_I64, UINT64_MAX, I | F, -1, -1},
        {GGUF_I64, (uint64_t)INT64_MIN, I | F, INT64_MIN, -9223372036854775808.0},
        {GGUF_I64, 0, U | I | B | F, 0, 0},
        {GGUF_BOOL, 0, U | I | B, 0, 0},
        {GGUF_BOOL, 1, U | I | B, 1, 0},
        {GGUF_F32, 0x3f800000, F, 0, 1.0},
        {GGUF_F32, 0x80000000, F, 0, -0.0},
        {GGUF_F32, 0x358637bd, F, 0, (double)1e-6f},
        {GGUF_F32, 1, F, 0, 0x1p-149},
        {GGUF_F64, 0x3fb999999999999a, F, 0, 0.1},
        {GGUF_F64, 0x7fefffffffffffff, F, 0, DBL_MAX},
    };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        const gguf_key k = number(cases[c].kind, cases[c].bits);
        const int gives = cases[c].gives;
        uint64_t u = 0xabababababababab;
        int64_t i = -7777;
        double d = -7777;
        bool b = cases[c].value != 1; /* the other one than is to come */
        const bool was = b;
        CHECK_SAY(gguf_u64(&k, &u) == !!(gives & U), "case %zu", c);
        CHECK_SAY(u == (gives & U ? cases[c].bits : 0xabababababababab), "case %zu", c);
        CHECK_SAY(gguf_i64(&k, &i) == !!(gives & I), "case %zu", c);
        CHECK_SAY(i == (gives & I ? cases[c].value : -7777), "case %zu", c);
        CHECK_SAY(gguf_f64(&k, &d) == !!(gives & F), "case %zu", c);
        CHECK_SAY(d == (gives & F ? cases[c].real : -7777), "case %zu: %.17g", c, d);
        CHECK_SAY(gguf_bool(&k, &b) == !!(gives & B), "case %zu", c);
        CHECK_SAY(b == (gives & B ? cases[c].value == 1 : was), "case %zu", c);

        /* The same value as an array of one, without saying so. */
        i = -7777, d = -7777;
        CHECK(gguf_array_n(&k) == 1 && gguf_array_kind(&k) == cases[c].kind);
        CHECK_SAY(gguf_array_i64(&k, 0, &i) == !!(gives & I), "case %zu", c);
        CHECK_SAY(i == (gives & I ? cases[c].value : -7777), "case %zu", c);
        CHECK_SAY(gguf_array_f64(&k, 0, &d) == !!(gives & F), "case %zu", c);
        CHECK_SAY(d == (gives & F ? cases[c].real : -7777), "case %zu", c);
        CHECK(!gguf_array_i64(&k, 1, &i) && !gguf_array_f64(&k, 1, &d));
        gguf_str s = {0};
        gguf_walk w = {0};
        CHECK(!gguf_string(&k, &s) && !gguf_next_string(&k, &w, &s) && s.p == NULL);
    }
}

TEST(an_absent_key_gives_nothing) {
    uint64_t u = 5;
    int64_t i = 5;
    double d = 5;
    bool b = true;
    gguf_str s = {"x", 1};
    gguf_walk w = {0};
    CHECK(!gguf_u64(NULL, &u) && !gguf_i64(NULL, &i) && !gguf_f64(NULL, &d));
    CHECK(!gguf_bool(NULL, &b) && !gguf_string(NULL, &s) && !gguf_next_string(NULL, &w, &s));
    CHECK(gguf_array_n(NULL) == 0 && !gguf_array_i64(NULL, 0, &i) && !gguf_array_f64(NULL, 0, &d));
    CHECK(u == 5 && i == 5 && d == 5 && b && s.n == 1);
}

/* Bytes of one array, as a key. */
static gguf_key array_of(forge *f) {
    return key_of(GGUF_ARRAY, f->b.data);
}

TEST(arrays_of_every_fixed_kind_are_read_by_index) {
    for (uint32_t kind = GGUF_U8; kind <= GGUF_F64; kind++) {
        if (kind == GGUF_STRING || kind == GGUF_ARRAY) continue;
        const bool real = kind == GGUF_F32 || kind == GGUF_F64;
        forge f = {0};
        forge_u32(&f, kind), forge_u64(&f, 50);
        for (uint32_t v = 0; v < 50; v++) {
            uint8_t bytes[8];
            const double d = v;
            if (kind == GGUF_F32)
                put_le64(bytes, f32_bits((float)v));
            else if (kind == GGUF_F64)
                memcpy(bytes, &d, 8);
            else
                put_le64(bytes, kind == GGUF_BOOL ? v & 1 : v);
            forge_bytes(&f, bytes, gguf_kind_bytes((gguf_kind)kind));
        }
        const gguf_key k = array_of(&f);
        CHECK(gguf_array_n(&k) == 50 && gguf_array_kind(&k) == (gguf_kind)kind);
        for (uint64_t at = 0; at < 50; at++) {
            int64_t i = -1;
            double d = -1;
            CHECK(gguf_array_i64(&k, at, &i) == !real &&
                  gguf_array_f64(&k, at, &d) == (kind != GGUF_BOOL));
            if (!real) CHECK(i == (int64_t)(kind == GGUF_BOOL ? at & 1 : at));
            if (kind != GGUF_BOOL) CHECK(d == (double)at);
        }
        int64_t i = -1;
        double d = -1;
        uint64_t u = 9;
        CHECK(!gguf_array_i64(&k, 50, &i) && !gguf_array_i64(&k, UINT64_MAX, &i));
        CHECK(!gguf_array_f64(&k, 50, &d) && !gguf_array_f64(&k, 1ull << 62, &d));
        CHECK(!gguf_u64(&k, &u) && !gguf_i64(&k, &i) && !gguf_f64(&k, &d) && u == 9 && i == -1);
        CHECK(gguf_value_bytes(&k) == f.b.n);
        forge_free(&f);
    }
}

TEST(negative_elements_keep_their_sign) {
    forge f = {0};
    forge_u32(&f, GGUF_I32), forge_u64(&f, 2), forge_u32(&f, 0xfffffffe), forge_u32(&f, 0x80000000);
    const gguf_key k = array_of(&f);
    int64_t i;
    double d;
    CHECK(gguf_array_i64(&k, 0, &i) && i == -2 && gguf_array_f64(&k, 0, &d) && d == -2);
    CHECK(gguf_array_i64(&k, 1, &i) && i == INT32_MIN);
    forge_free(&f);
}

TEST(strings_are_walked_once_and_in_order) {
    static const char *const words[] = {
        "", "one", "", "\xe4\xb8\xad", "a longer one, of several words", ""};
    forge f = {0};
    forge_u32(&f, GGUF_STRING), forge_u64(&f, 6);
    for (int i = 0; i < 6; i++) forge_str(&f, words[i]);
    const gguf_key k = array_of(&f);
    CHECK(gguf_array_n(&k) == 6 && gguf_array_kind(&k) == GGUF_STRING);
    gguf_walk w = {0};
    gguf_str s;
    for (int i = 0; i < 6; i++) {
        REQUIRE(gguf_next_string(&k, &w, &s));
        CHECK(s.n == strlen(words[i]) && memcmp(s.p, words[i], s.n) == 0);
    }
    s = (gguf_str){"kept", 4};
    CHECK(!gguf_next_string(&k, &w, &s) && !gguf_next_string(&k, &w, &s) && s.n == 4);
    int64_t i = 3;
    CHECK(!gguf_array_i64(&k, 0, &i) && !gguf_string(&k, &s) && i == 3);
    CHECK(gguf_value_bytes(&k) == f.b.n);
    forge_free(&f);
}

TEST(a_string_counts_as_an_array_of_one) {
    forge f = {0};
    forge_str(&f, "alone");
    const gguf_key k = key_of(GGUF_STRING, f.b.data);
    gguf_str s;
    gguf_walk w = {0};
    CHECK(gguf_string(&k, &s) && s.n == 5 && memcmp(s.p, "alone", 5) == 0);
    CHECK(gguf_array_n(&k) == 1 && gguf_array_kind(&k) == GGUF_STRING);
    CHECK(gguf_next_string(&k, &w, &s) && s.n == 5 && !gguf_next_string(&k, &w, &s));
    CHECK(gguf_value_bytes(&k) == f.b.n);
    forge_free(&f);
}

TEST(empty_and_nested_arrays_are_carried) {
    forge f = {0};
    forge_u32(&f, GGUF_STRING), forge_u64(&f, 0);
    gguf_key k = array_of(&f);
    gguf_str s;
    gguf_walk w = {0};
    int64_t i;
    CHECK(gguf_array_n(&k) == 0 && !gguf_next_string(&k, &w, &s) && gguf_value_bytes(&k) == 12);
    forge_free(&f);

    f = (forge){0};
    forge_u32(&f, GGUF_ARRAY), forge_u64(&f, 2);
    forge_u32(&f, GGUF_STRING), forge_u64(&f, 2), forge_str(&f, "ab"), forge_str(&f, "");
    forge_u32(&f, GGUF_U16), forge_u64(&f, 1), forge_bytes(&f, "xy", 2);
    k = array_of(&f);
    w = (gguf_walk){0};
    CHECK(gguf_array_n(&k) == 2 && gguf_array_kind(&k) == GGUF_ARRAY);
    CHECK(!gguf_array_i64(&k, 0, &i) && !gguf_next_string(&k, &w, &s));
    CHECK(gguf_value_bytes(&k) == f.b.n);
    forge_free(&f);
}

TEST(values_are_read_at_any_address) {
    uint8_t bytes[32];
    for (size_t shift = 0; shift < 8; shift++) {
        put_le64(bytes + shift, 0x3fb999999999999a);
        gguf_key k = key_of(GGUF_F64, bytes + shift);
        double d = 0;
        CHECK(gguf_f64(&k, &d) && d == 0.1);
        k.kind = GGUF_U64;
        uint64_t u = 0;
        CHECK(gguf_u64(&k, &u) && u == 0x3fb999999999999a);
    }
}

TEST(kinds_have_names) {
    static const char *const names[] = {"u8",   "i8",     "u16",   "i16", "u32", "i32", "f32",
                                        "bool", "string", "array", "u64", "i64", "f64"};
    for (int k = GGUF_U8; k <= GGUF_F64; k++)
        CHECK(strcmp(gguf_kind_name((gguf_kind)k), names[k]) == 0);
    CHECK(strcmp(gguf_kind_name((gguf_kind)13), "unknown") == 0);
    CHECK(strcmp(gguf_kind_name((gguf_kind)-1), "unknown") == 0);
}

/* The reader's quick pass over ASCII must see what the decoder of base sees. */
TEST(text_is_judged_like_a_character_at_a_time) {
    uint32_t seed = 1, good = 0;
    for (int round = 0; round < 200000; round++) {
        char text[24];
        seed = seed * 1664525 + 1013904223;
        const size_t n = seed >> 8 & 15;
        for (size_t i = 0; i < n; i++) {
            seed = seed * 1664525 + 1013904223;
            static const char pieces[] = "abc \xc3\xa4\xe2\x82\xac\xf0\x9f\x8d\x80\xed\xa0\xff\0";
            text[i] = seed >> 30 ? 'x' : pieces[(seed >> 16) % (sizeof pieces - 1)];
        }
        const bool expected = utf8_valid(text, n) && !(n && memchr(text, 0, n));
        CHECK_SAY(gguf_text_ok(text, n) == expected, "round %d", round);
        good += expected;
    }
    CHECK_SAY(good > 20000 && good < 180000, "%u of 200000 are text", good);
}

TESTS_MAIN
