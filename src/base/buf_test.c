/* buf_test: a growing run of bytes keeps its two promises (I1, I2), also at the limits of size. */
#include "base/buf.h"

#include <stdint.h>

#include "base/test.h"

/* I2, and what follows from it. */
static bool sound(const buf *b) {
    if (!b->data) return b->n == 0 && b->cap == 0;
    return b->n < b->cap && b->data[b->n] == 0;
}

TEST(an_empty_buf_is_zeros_and_may_be_freed) {
    buf b = {0};
    CHECK(sound(&b));
    buf_clear(&b);
    CHECK(sound(&b) && !b.data);
    buf_free(&b);
    CHECK(!b.data && !b.n && !b.cap && !b.failed);
}

TEST(bytes_come_back_in_order_whatever_the_pieces) {
    char want[5000];
    for (size_t i = 0; i < sizeof want; i++) want[i] = (char)(i * 131 >> 3);
    for (size_t piece = 1; piece < 700; piece = piece * 3 / 2 + 1) {
        buf b = {0};
        bool always = true;
        for (size_t at = 0; at < sizeof want; at += piece) {
            const size_t n = sizeof want - at < piece ? sizeof want - at : piece;
            buf_add(&b, want + at, n);
            always &= sound(&b);
        }
        CHECK(always && !b.failed && b.n == sizeof want && memcmp(b.data, want, b.n) == 0);
        buf_free(&b);
    }
}

TEST(every_way_of_adding_ends_in_a_nul_that_is_not_counted) {
    buf b = {0};
    buf_add(&b, NULL, 0);
    CHECK(sound(&b) && b.data && b.n == 0);
    buf_str(&b, "");
    CHECK(sound(&b) && b.n == 0);
    buf_char(&b, 'a');
    CHECK(sound(&b) && strcmp(b.data, "a") == 0);
    buf_str(&b, "bc");
    CHECK(sound(&b) && strcmp(b.data, "abc") == 0);
    buf_printf(&b, "%s%d", "d", -7);
    CHECK(sound(&b) && strcmp(b.data, "abcd-7") == 0);
    buf_char(&b, 0);
    buf_char(&b, 'z');
    CHECK(sound(&b) && b.n == 8 && memcmp(b.data, "abcd-7\0z", 9) == 0);
    buf_free(&b);
}

/* Around every size at which memory is taken anew: 64, 128, ... */
TEST(growth_is_right_at_every_length) {
    for (size_t n = 0; n < 300; n++) {
        buf b = {0}, p = {0};
        for (size_t i = 0; i < n; i++) buf_char(&b, (char)('a' + i % 26));
        buf_printf(&p, "%.*s", (int)n, b.data ? b.data : "");
        CHECK(b.n == n && p.n == n && sound(&b) && sound(&p));
        CHECK(n == 0 || memcmp(b.data, p.data, n) == 0);
        buf_printf(&p, "%s", "tail");
        CHECK(p.n == n + 4 && strcmp(p.data + n, "tail") == 0);
        buf_free(&b);
        buf_free(&p);
    }
}

TEST(long_printed_text_is_whole) {
    buf b = {0};
    buf_printf(&b, "%070000d|%s", 7, "end");
    CHECK(!b.failed && b.n == 70004 && sound(&b) && strcmp(b.data + 69999, "7|end") == 0);
    buf_free(&b);
}

TEST(reserved_room_is_there_without_moving) {
    buf b = {0};
    buf_str(&b, "head");
    REQUIRE(buf_reserve(&b, 10000));
    CHECK(sound(&b) && b.n == 4);
    const char *at = b.data;
    for (size_t i = 0; i < 10000; i++) buf_char(&b, 'x');
    CHECK(b.data == at && b.n == 10004 && sound(&b));
    buf_free(&b);
}

TEST(clearing_keeps_the_memory) {
    buf b = {0};
    buf_str(&b, "something");
    const char *at = b.data;
    buf_clear(&b);
    CHECK(b.n == 0 && b.data == at && b.data[0] == 0 && sound(&b));
    buf_str(&b, "else");
    CHECK(b.data == at && strcmp(b.data, "else") == 0);
    buf_free(&b);
}

static void check_refusal(size_t more) {
    buf b = {0};
    buf_str(&b, "kept");
    CHECK_SAY(!buf_reserve(&b, more), "%zu", more);
    CHECK(b.failed && b.n == 4 && strcmp(b.data, "kept") == 0);
    buf_add(&b, "more", 4); /* I1: later adds do nothing */
    buf_str(&b, "more");
    buf_char(&b, 'm');
    buf_printf(&b, "%d", 1);
    CHECK(!buf_reserve(&b, 1) && b.failed && b.n == 4 && strcmp(b.data, "kept") == 0);
    buf_free(&b);
    CHECK(!b.failed);
    buf_str(&b, "fresh");
    CHECK(!b.failed && strcmp(b.data, "fresh") == 0);
    buf_free(&b);
}

TEST(a_size_that_would_wrap_fails_and_keeps_what_was_there) {
    check_refusal(SIZE_MAX);
    check_refusal(SIZE_MAX - 3);
    check_refusal(SIZE_MAX - 4);
    check_refusal(SIZE_MAX / 2 + 1);
    check_refusal(SIZE_MAX / 2);
    check_refusal(SIZE_MAX / 2 - 4);
    buf b = {0};
    CHECK(!buf_reserve(&b, SIZE_MAX) && b.failed && !b.data && b.n == 0);
    buf_free(&b);
}

TEST(memory_that_is_not_there_fails_and_keeps_what_was_there) {
    if (TEST_SLOWNESS > 1) SKIP("a sanitizer ends the program at such a size");
    check_refusal(SIZE_MAX / 2 - 5); /* no machine has it */
}

TESTS_MAIN
