/* utf8_test: the decoder against an oracle that knows only how a code point is written. */
#include "base/utf8.h"

#include "base/test.h"

enum { CODES = 0x110000 };

static bool surrogate(uint32_t c) {
    return c / 0x800 == 0x1b;
}

/* A code point as the standard's table draws it: the bits of c poured into 0xxxxxxx, 110xxxxx
 * 10xxxxxx, ... */
static size_t write_code(unsigned char out[4], uint32_t c) {
    const size_t n = c < 1u << 7 ? 1 : c < 1u << 11 ? 2 : c < 1u << 16 ? 3 : 4;
    static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = n; i-- > 1; c /= 64) out[i] = (unsigned char)(0x80 + c % 64);
    out[0] = (unsigned char)(lead[n] + c);
    return n;
}

/* Which strings of one, two and three bytes begin some character: every code point leaves its
 * marks. */
typedef struct oracle {
    uint8_t one[256], two[1 << 16], three[1 << 24];
    uint32_t codes[4]; /* of each length, for a check of the oracle itself */
} oracle;

static const oracle *begins(void) {
    static oracle *o; /* 17 MB, made once */
    if (o) return o;
    o = calloc(1, sizeof *o);
    if (!o) abort();
    for (uint32_t c = 0; c < CODES; c++) {
        if (surrogate(c)) continue;
        unsigned char p[4];
        const size_t n = write_code(p, c);
        o->codes[n - 1]++;
        o->one[p[0]] = 1;
        if (n > 1) o->two[p[0] << 8 | p[1]] = 1;
        if (n > 2) o->three[p[0] << 16 | p[1] << 8 | p[2]] = 1;
    }
    return o;
}

/* Whether these n bytes are a character: their bits are read as one number, which is written
 * again. */
static bool whole(const unsigned char *p, size_t n, uint32_t *code) {
    uint32_t c = n == 1 ? p[0] : p[0] & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) c = c * 64 + (p[i] & 0x3fu);
    unsigned char again[4];
    if (c >= CODES || surrogate(c) || write_code(again, c) != n || memcmp(again, p, n) != 0)
        return false;
    *code = c;
    return true;
}

static bool prefix(const oracle *o, const unsigned char *p, size_t n) {
    uint32_t c;
    switch (n) {
    case 1:
        return o->one[p[0]];
    case 2:
        return o->two[p[0] << 8 | p[1]];
    case 3:
        return o->three[p[0] << 16 | p[1] << 8 | p[2]];
    default:
        return whole(p, 4, &c);
    }
}

/* What the header promises of these bytes. */
static utf8_char expected(const oracle *o, const unsigned char *p, size_t n) {
    uint32_t code;
    for (size_t k = 1; k <= n && k <= 4; k++)
        if (whole(p, k, &code)) return (utf8_char){code, (uint8_t)k, true, false};
    size_t k = 0;
    while (k < n && k < 4 && prefix(o, p, k + 1)) k++;
    return (utf8_char){0xfffd, (uint8_t)(k ? k : 1), false, k == n};
}

static uint64_t wrong;

static void compare(const oracle *o, const unsigned char *p, size_t n) {
    const utf8_char want = expected(o, p, n), got = utf8_next((const char *)p, n);
    if (got.code == want.code && got.bytes == want.bytes && got.valid == want.valid &&
        got.partial == want.partial)
        return;
    if (wrong++ == 0)
        fprintf(stderr,
                "first of %zu bytes %02x %02x ..: code %x, %u bytes, valid %d, partial %d\n", n,
                p[0], n > 1 ? p[1] : 0, got.code, got.bytes, got.valid, got.partial);
}

TEST(the_oracle_knows_as_many_characters_as_unicode_has) {
    const oracle *o = begins();
    CHECK(o->codes[0] == 128 && o->codes[1] == 1920 && o->codes[2] == 61440 &&
          o->codes[3] == 1048576);
}

TEST(every_run_of_up_to_three_bytes_is_read_as_the_standard_says) {
    const oracle *o = begins();
    wrong = 0;
    for (unsigned a = 0; a < 256; a++) {
        unsigned char p[3] = {(unsigned char)a};
        compare(o, p, 1);
        for (unsigned b = 0; b < 256; b++) {
            p[1] = (unsigned char)b;
            compare(o, p, 2);
            for (unsigned c = 0; c<256; c += TEST_SLOWNESS> 1 ? 5 : 1) {
                p[2] = (unsigned char)c;
                compare(o, p, 3);
            }
        }
    }
    CHECK_SAY(wrong == 0, "%llu runs", (unsigned long long)wrong);
}

TEST(every_lead_and_second_byte_is_read_right_before_two_more) {
    static const unsigned char edge[] = {0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f,
                                         0xa0, 0xbf, 0xc0, 0xc2, 0xe0, 0xf4, 0xff};
    enum { N = sizeof edge };
    const oracle *o = begins();
    wrong = 0;
    for (unsigned ab = 0; ab < 1 << 16; ab++)
        for (size_t c = 0; c < N; c++)
            for (size_t d = 0; d < N; d++) {
                const unsigned char p[5] = {(unsigned char)(ab >> 8), (unsigned char)ab, edge[c],
                                            edge[d], 0x80};
                compare(o, p, 4);
                if ((ab & 0x1f) == 0) compare(o, p, 5); /* a fifth byte belongs to the next */
            }
    CHECK_SAY(wrong == 0, "%llu runs", (unsigned long long)wrong);
}

TEST(nothing_stands_at_the_front_of_nothing) {
    const utf8_char c = utf8_next("x", 0);
    CHECK(c.bytes == 0 && !c.valid && c.partial);
}

TEST(every_code_point_is_written_so_that_it_reads_back) {
    uint32_t bad = 0;
    for (uint32_t c = 0; c < CODES + 300; c++) {
        char out[4];
        unsigned char want[4];
        const bool good = c < CODES && !surrogate(c);
        const size_t n = utf8_put(out, c), m = write_code(want, good ? c : 0xfffd);
        bad += n != m || memcmp(out, want, n) != 0;
        const utf8_char r = utf8_next(out, n);
        bad += !r.valid || r.code != (good ? c : 0xfffd) || r.bytes != n;
    }
    static const uint32_t far[] = {0x110000, 0x7fffffff, 0x80000000, UINT32_MAX};
    for (size_t i = 0; i < 4; i++) {
        char out[4];
        bad += utf8_put(out, far[i]) != 3 || memcmp(out, "\xef\xbf\xbd", 3) != 0;
    }
    CHECK_SAY(bad == 0, "%u", bad);
}

TEST(valid_text_is_valid_and_cut_or_spoilt_text_is_not) {
    static const char text[] = "plain \xc3\xa9 \xe2\x82\xac \xf0\x9f\x8d\x80 \xf4\x8f\xbf\xbf.";
    const size_t n = sizeof text - 1;
    CHECK(utf8_valid(text, n));
    CHECK(utf8_valid("", 0) && utf8_valid(NULL, 0) && utf8_valid("a\0b", 3));
    for (size_t cut = 0; cut <= n; cut++) {
        const bool inside = cut < n && ((unsigned char)text[cut] & 0xc0) == 0x80;
        char *exact = malloc(cut ? cut : 1); /* a sanitizer sees every byte read too far */
        memcpy(exact, text, cut);
        CHECK_SAY(utf8_valid(exact, cut) == !inside, "cut at %zu", cut);
        free(exact);
    }
    for (size_t i = 0; i < n; i++) {
        char spoilt[sizeof text];
        memcpy(spoilt, text, sizeof text);
        spoilt[i] = (char)0xff;
        CHECK(!utf8_valid(spoilt, n));
    }
}

/* The number of replacement characters that decoders of the "maximal subparts" rule give (Unicode
 * 15, table 3-8 and its like). */
TEST(rubbish_gives_the_agreed_number_of_replacements) {
    static const struct {
        const char *bytes;
        size_t n, pieces;
    } cases[] = {
        {"\xc0\xaf\xe0\x80\xbf\xf0\x81\x82\x41", 9, 9},
        {"\xed\xa0\x80\xed\xbf\xbf\xed\xaf\x41", 9, 9},
        {"\xf4\x91\x92\x93\xff\x41\x80\xbf\x42", 9, 9},
        {"\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41", 9, 5},
        {"\xf0\x9f\x8d", 3, 1},
        {"\x80\x80\x80", 3, 3},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t at = 0, pieces = 0;
        while (at < cases[i].n) {
            at += utf8_next(cases[i].bytes + at, cases[i].n - at).bytes;
            pieces++;
        }
        CHECK_SAY(pieces == cases[i].pieces && at == cases[i].n, "case %zu: %zu", i, pieces);
    }
}

static const char *printable(const char *p, size_t n) {
    static char out[256];
    utf8_printable(out, sizeof out, p, n);
    return out;
}

TEST(control_characters_and_invalid_bytes_are_shown_in_hex) {
    for (unsigned b = 0; b < 256; b++) {
        const char c = (char)b;
        char want[8];
        if (b >= 0x20 && b < 0x7f)
            snprintf(want, sizeof want, "%c", (int)b);
        else
            snprintf(want, sizeof want, "\\x%02x", b);
        CHECK_SAY(strcmp(printable(&c, 1), want) == 0, "%02x: %s", b, printable(&c, 1));
    }
    for (uint32_t c = 0x80; c < 0xa0;
         c++) { /* C1: a terminal obeys some of them as it does ESC [ */
        char p[4], want[16];
        const size_t n = utf8_put(p, c);
        snprintf(want, sizeof want, "\\xc2\\x%02x", c);
        CHECK_SAY(strcmp(printable(p, n), want) == 0, "U+%04X: %s", c, printable(p, n));
    }
    CHECK(strcmp(printable("\x1b[31mred\x07\r\n", 11), "\\x1b[31mred\\x07\\x0d\\x0a") == 0);
    CHECK(strcmp(printable("a\xe2\x82z\xff", 5), "a\\xe2\\x82z\\xff") == 0);
    CHECK(strcmp(printable("caf\xc3\xa9 \xf0\x9f\x8d\x80 \\", 12),
                 "caf\xc3\xa9 \xf0\x9f\x8d\x80 \\") == 0);
}

/* Unicode's Bidi_Control property, the separators of lines, and what is invisible. */
TEST(characters_that_reorder_or_hide_text_are_named) {
    static const uint32_t deceivers[] = {0x061c, 0x200b, 0x200d, 0x200e, 0x200f,  0x2028,  0x2029,
                                         0x202a, 0x202b, 0x202c, 0x202d, 0x202e,  0x2060,  0x2066,
                                         0x2067, 0x2068, 0x2069, 0xfeff, 0xe0001, 0xe0020, 0xe007f};
    for (size_t i = 0; i < sizeof deceivers / sizeof *deceivers; i++) {
        char p[4], want[16];
        const size_t n = utf8_put(p, deceivers[i]);
        snprintf(want, sizeof want, "\\u{%x}", deceivers[i]);
        CHECK_SAY(strcmp(printable(p, n), want) == 0, "U+%04X: %s", deceivers[i], printable(p, n));
    }
    static const uint32_t honest[] = {0xa0,    0xe9,    0x061b,  0x061d,  0x200a, 0x2010,
                                      0x2027,  0x202f,  0x205f,  0x2070,  0xfefe, 0xff00,
                                      0x1f340, 0xdffff, 0xe0080, 0x10ffff};
    for (size_t i = 0; i < sizeof honest / sizeof *honest; i++) {
        char p[5] = {0};
        const size_t n = utf8_put(p, honest[i]);
        CHECK_SAY(strcmp(printable(p, n), p) == 0, "U+%04X: %s", honest[i], printable(p, n));
    }
}

static bool safe(const char *p) {
    const size_t n = strlen(p);
    if (!utf8_valid(p, n)) return false;
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)p[i] < 0x20 || p[i] == 0x7f) return false;
    return true;
}

/* A character that does not fit whole is left out, whatever the room, and nothing is written
 * beyond it. */
TEST(whatever_the_room_the_text_ends_between_characters) {
    static const char text[] = "a\x1b\xe2\x82\xac\xff\xf0\x9f\x8d\x80\xe2\x80\xaez";
    static const size_t ends[] = {0,  1,  5,  8,
                                  12, 16, 24, 25}; /* of each piece in the text as it is shown */
    const size_t n = sizeof text - 1;
    char all[64];
    CHECK(utf8_printable(all, sizeof all, text, n) == 25 && strlen(all) == 25);
    for (size_t cap = 0; cap <= 30; cap++) {
        char *out = malloc(cap ? cap : 1);
        const size_t used = utf8_printable(out, cap, text, n);
        size_t want = 0;
        for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
            if (ends[i] < cap) want = ends[i];
        CHECK_SAY(used == want, "room %zu: %zu, expected %zu", cap, used, want);
        if (cap) CHECK(strlen(out) == used && memcmp(out, all, used) == 0 && safe(out));
        free(out);
    }
}

TEST(random_bytes_are_always_safe_to_print) {
    uint64_t x = 88172645463325252u;
    int unsafe = 0;
    for (int round = 0; round < 20000 / TEST_SLOWNESS; round++) {
        char in[24], out[100];
        for (size_t i = 0; i < sizeof in; i++) {
            x ^= x << 13, x ^= x >> 7, x ^= x << 17;
            in[i] = (char)(x >> 32 & 1 ? x >> 40 | 0x80 : x >> 40 & 0x9f);
        }
        const size_t used = utf8_printable(out, sizeof out, in, sizeof in);
        unsafe += !safe(out) || strlen(out) != used;
    }
    CHECK_SAY(unsafe == 0, "%d", unsafe);
}

TESTS_MAIN
