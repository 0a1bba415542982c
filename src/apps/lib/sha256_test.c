#include "apps/lib/sha256.h"

#include <stdlib.h>
#include <string.h>

#include "base/test.h"

static void sum(char out[SHA256_HEX + 1], const void *p, size_t n) {
    sha256 s;
    sha256_start(&s);
    sha256_add(&s, p, n);
    sha256_hex(out, &s);
}

TEST(sums_are_those_of_the_standard) {
    char hex[SHA256_HEX + 1];
    sum(hex, "", 0);
    CHECK(strcmp(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855") == 0);
    sum(hex, "abc", 3);
    CHECK(strcmp(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad") == 0);
    static const char two_blocks[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    sum(hex, two_blocks, sizeof two_blocks - 1);
    CHECK(strcmp(hex, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1") == 0);
}

TEST(a_million_letters_sum_right) {
    char hex[SHA256_HEX + 1], *a = malloc(1000000);
    REQUIRE(a);
    memset(a, 'a', 1000000);
    sum(hex, a, 1000000);
    CHECK(strcmp(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0") == 0);
    free(a);
}

TEST(a_sum_does_not_depend_on_the_pieces_nor_on_being_asked_for_in_between) {
    uint8_t in[300];
    for (size_t i = 0; i < sizeof in; i++) in[i] = (uint8_t)(i * 7 + 3);
    for (size_t n = 0; n <= sizeof in; n += 1 + n / 40) {
        char whole[SHA256_HEX + 1], pieces[SHA256_HEX + 1];
        sum(whole, in, n);
        for (size_t step = 1; step < 150; step += 11) {
            sha256 s;
            sha256_start(&s);
            for (size_t at = 0; at < n; at += step) {
                sha256_add(&s, in + at, n - at < step ? n - at : step);
                sha256_hex(pieces, &s);
            }
            sha256_hex(pieces, &s);
            CHECK(strcmp(whole, pieces) == 0);
        }
    }
}

TESTS_MAIN
