#include "text/utf8_stream.h"

#include "base/test.h"
#include "base/utf8.h"

static uint64_t random_next(uint64_t *s) {
    *s ^= *s << 13;
    *s ^= *s >> 7;
    *s ^= *s << 17;
    return *s * 0x2545f4914f6cdd1du >> 16;
}

/* What must come out: each character as it is, each maximal subpart as one U+FFFD. */
static void expected(buf *out, const char *p, size_t n) {
    while (n) {
        const utf8_char c = utf8_next(p, n);
        char u[4];
        buf_add(out, u, utf8_put(u, c.code));
        p += c.bytes, n -= c.bytes;
    }
}

static bool equal(const buf *a, const buf *b) {
    return a->n == b->n && (a->n == 0 || memcmp(a->data, b->data, a->n) == 0);
}

/* Feeds p in two or three parts; checks I1 and I2 on the way. */
static bool fed_right(const char *p, size_t n, size_t cut, size_t cut2, const buf *want) {
    utf8_stream s = {0};
    buf out = {0};
    bool ok = true;
    const size_t at[] = {0, cut, cut2, n};
    for (int i = 0; i < 3; i++) {
        utf8_stream_feed(&s, p + at[i], at[i + 1] - at[i], &out);
        ok &= out.n == 0 || utf8_valid(out.data, out.n);
        ok &= out.n <= want->n && (out.n == 0 || memcmp(out.data, want->data, out.n) == 0);
        /* No more than an unfinished character is held back. */
        ok &= s.n <= 3;
    }
    utf8_stream_end(&s, &out);
    ok &= equal(&out, want) && s.n == 0;
    buf_free(&out);
    return ok;
}

static void check_all_cuts(const char *p, size_t n) {
    buf want = {0};
    expected(&want, p, n);
    for (size_t cut = 0; cut <= n; cut++)
        for (size_t cut2 = cut; cut2 <= n; cut2++)
            CHECK_SAY(fed_right(p, n, cut, cut2, &want), "cuts %zu and %zu", cut, cut2);
    utf8_stream s = {0};
    buf out = {0};
    for (size_t i = 0; i < n; i++) utf8_stream_feed(&s, p + i, 1, &out);
    utf8_stream_end(&s, &out);
    CHECK_SAY(equal(&out, &want), "byte by byte");
    buf_free(&out);
    buf_free(&want);
}

TEST(however_the_bytes_are_cut_the_same_comes_out) {
    static const char *const in[] = {"plain",
                                     "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x8d\x80 4.",
                                     "\xe4\xb8\xad\xe6\x96\x87\xe5\xad\x97",
                                     "\xff\xfe\xfd",
                                     "a\xe2\x82z",
                                     "\xf0\x9f\xf0\x9f\x8d\x80",
                                     "\xf0\x9f\x8d",
                                     "\xe2\x82",
                                     "\xc3",
                                     "\xed\xa0\x80\xed\xb0\x80",
                                     "\xc0\xaf\xe0\x80\xaf\xf0\x80\x80\xaf",
                                     "\xf4\x90\x80\x80",
                                     "\xf0\x90\x8d\xc3\xa9",
                                     "\xe1\x80\xe2\xf0\x91\x92\xf1\xbf",
                                     "\x80\xbf\xc2\x41\xe0\xa0\x41"};
    for (size_t i = 0; i < sizeof in / sizeof *in; i++) check_all_cuts(in[i], strlen(in[i]));
    check_all_cuts("a\0\xe2\0b", 5);
}

/* Every sequence of up to four bytes out of those that stand at some border of the rules. */
TEST(all_short_sequences_of_border_bytes_come_out_right) {
    static const unsigned char byte[] = {'a',  0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0,
                                         0xbf, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xed,
                                         0xef, 0xf0, 0xf1, 0xf4, 0xf5, 0xff};
    enum { N = sizeof byte };
    for (int i = 0; i < N * N * N * N; i++) {
        const char p[4] = {(char)byte[i % N], (char)byte[i / N % N], (char)byte[i / N / N % N],
                           (char)byte[i / N / N / N]};
        buf want = {0};
        expected(&want, p, 4);
        for (size_t cut = 1; cut < 4; cut++)
            CHECK_SAY(fed_right(p, 4, cut, cut, &want), "%02x %02x %02x %02x cut at %zu",
                      (unsigned char)p[0], (unsigned char)p[1], (unsigned char)p[2],
                      (unsigned char)p[3], cut);
        CHECK_SAY(fed_right(p, 4, 1, 2, &want), "sequence %d", i);
        buf_free(&want);
        if (test_bad > 5) return;
    }
}

TEST(random_bytes_in_random_portions_come_out_right) {
    uint64_t seed = 12;
    for (int i = 0; i < 20000; i++) {
        char p[64];
        size_t n = 0;
        while (n < 56) {
            if (random_next(&seed) % 3 == 0)
                p[n++] = (char)random_next(&seed);
            else
                n += utf8_put(p + n, (uint32_t)(random_next(&seed) % 0x110000));
        }
        buf want = {0};
        expected(&want, p, n);
        const size_t cut = random_next(&seed) % n;
        CHECK(fed_right(p, n, cut, cut + random_next(&seed) % (n - cut), &want));
        buf_free(&want);
    }
}

/* What is certain is not held back: a stream that ends here has been shown whole. */
TEST(a_whole_character_comes_out_at_once) {
    utf8_stream s = {0};
    buf out = {0};
    utf8_stream_feed(&s, "\xf0\x9f\x8d", 3, &out);
    CHECK(out.n == 0);
    utf8_stream_feed(&s, "\x80", 1, &out);
    CHECK(out.n == 4 && memcmp(out.data, "\xf0\x9f\x8d\x80", 4) == 0);
    utf8_stream_feed(&s, "\xe2\x82", 2, &out);
    utf8_stream_feed(&s, "a", 1, &out);
    CHECK(out.n == 8 && memcmp(out.data + 4,
                               "\xef\xbf\xbd"
                               "a",
                               4) == 0);
    utf8_stream_feed(&s, "\xff", 1, &out);
    CHECK(out.n == 11 && s.n == 0);
    buf_free(&out);
}

TEST(an_ended_stream_starts_again) {
    utf8_stream s = {0};
    buf out = {0};
    utf8_stream_feed(&s, "\xe2\x82", 2, &out);
    utf8_stream_end(&s, &out);
    utf8_stream_feed(&s, "\xac", 1, &out);
    utf8_stream_end(&s, &out);
    CHECK(out.n == 6 && memcmp(out.data, "\xef\xbf\xbd\xef\xbf\xbd", 6) == 0);
    buf_free(&out);
}

TESTS_MAIN
