/* status_test: a message is one line of clean text, whatever files put into it (I1). */
#include "base/status.h"

#include "base/test.h"
#include "base/utf8.h"

static bool one_clean_line(const err *e) {
    const size_t n = strlen(e->text);
    if (n >= sizeof e->text || !utf8_valid(e->text, n)) return false;
    for (size_t at = 0; at < n;) {
        const utf8_char c = utf8_next(e->text + at, n - at);
        if (c.code < 0x20 || (c.code >= 0x7f && c.code < 0xa0)) return false;
        at += c.bytes;
    }
    return true;
}

TEST(fail_gives_back_its_code_and_keeps_code_and_words) {
    static const status codes[] = {E_NOMEM,       E_IO,    E_FORMAT,    E_LIMIT,
                                   E_UNSUPPORTED, E_USAGE, E_CANCELLED, E_DEVICE};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        err e = {0};
        CHECK(fail(&e, codes[i], "%s: %d of %u", "file", -3, 7u) == codes[i]);
        CHECK(e.code == codes[i] && strcmp(e.text, "file: -3 of 7") == 0);
        CHECK(fail(NULL, codes[i], "%s", "nobody listens") == codes[i]);
        CHECK(strcmp(status_name(codes[i]), "unknown") != 0 && *status_name(codes[i]));
        for (size_t j = 0; j < i; j++)
            CHECK(strcmp(status_name(codes[i]), status_name(codes[j])) != 0);
    }
    CHECK(strcmp(status_name(OK), "ok") == 0);
    CHECK(strcmp(status_name((status)99), "unknown") == 0 &&
          strcmp(status_name((status)-1), "unknown") == 0);
    err_prefix(NULL, "%s", "nobody");
}

TEST(no_byte_of_a_file_reaches_a_terminal_raw) {
    for (unsigned b = 1; b < 256; b++) {
        const char from_file[] = {'x', (char)b, 'y', 0};
        err e = {0};
        fail(&e, E_FORMAT, "key %s", from_file);
        CHECK_SAY(one_clean_line(&e), "byte %02x", b);
        CHECK((b >= 0x20 && b < 0x7f) == (strlen(e.text) == 7));
    }
    err e = {0};
    fail(&e, E_FORMAT, "%s: %s", "a\nb.gguf",
         "\x1b]0;title\x07\xc2\x9b"
         "2J\xe2\x80\xae"
         "txt\xff");
    CHECK_SAY(strcmp(e.text, "a\\x0ab.gguf: \\x1b]0;title\\x07\\xc2\\x9b2J\\u{202e}txt\\xff") == 0,
              "%s", e.text);
    err_prefix(&e, "%s: ", "\x1b[31m");
    CHECK(one_clean_line(&e) && strncmp(e.text, "\\x1b[31m: a\\x0ab.gguf", 20) == 0);
}

TEST(a_long_message_is_cut_between_characters) {
    static const char *const piece[] = {
        "a", "\x1b", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x8d\x80", "\xff", "\xe2\x80\xae"};
    for (size_t k = 0; k < sizeof piece / sizeof *piece; k++) {
        for (size_t shift = 0; shift < 12; shift++) {
            char text[3000] = "";
            for (size_t i = 0; i < shift; i++) strcat(text, ".");
            while (strlen(text) < 1200) strcat(text, piece[k]);
            err e = {0};
            CHECK(fail(&e, E_LIMIT, "%s", text) == E_LIMIT);
            CHECK_SAY(one_clean_line(&e), "piece %zu, shift %zu", k, shift);
            const size_t n = strlen(e.text);
            CHECK_SAY(n > sizeof e.text - 12 && n < sizeof e.text, "%zu bytes", n);
            char whole[12000]; /* what is there is the front of what would be */
            utf8_printable(whole, sizeof whole, text, strlen(text));
            CHECK_SAY(strncmp(whole, e.text, n) == 0, "piece %zu, shift %zu: ends in %s", k, shift,
                      e.text + n - 12);
        }
    }
}

TEST(a_prefix_stands_in_front_and_the_rest_is_cut_if_it_must) {
    err e = {0};
    fail(&e, E_IO, "no such file");
    err_prefix(&e, "%s: part %d: ", "model.gguf", 2);
    CHECK(e.code == E_IO && strcmp(e.text, "model.gguf: part 2: no such file") == 0);

    char text[700];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    fail(&e, E_IO, "%s", text);
    err_prefix(&e, "front: ");
    CHECK(strlen(e.text) == sizeof e.text - 1 && strncmp(e.text, "front: xxx", 10) == 0);
    err_prefix(&e, "%s", text); /* no room for anything else */
    CHECK(strlen(e.text) == sizeof e.text - 1 && e.text[0] == 'x' && one_clean_line(&e));
}

TESTS_MAIN
