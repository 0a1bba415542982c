#include "apps/get/head.h"

#include <string.h>

#include "base/test.h"

#define SUM "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define BASE64 "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="
#define OTHER "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static status read_all(head *r, const char *text, size_t step, size_t *used) {
    const size_t n = strlen(text);
    status st = OK;
    *r = (head){0};
    *used = 0;
    for (size_t at = 0; at < n && st == OK && !r->whole; at += step) {
        size_t took;
        st = head_feed(r, text + at, n - at < step ? n - at : step, &took, NULL);
        *used += took;
    }
    return st;
}

static head read_whole(const char *text) {
    head r;
    size_t used;
    CHECK(read_all(&r, text, strlen(text), &used) == OK);
    return r;
}

TEST(a_plain_reply_tells_size_and_names) {
    const head r = read_whole("HTTP/1.1 200 OK\r\nContent-Length: 1234\r\nETag: \"x "
                              "y\"\r\nlast-modified:  Mon \r\n\r\nGGUF");
    CHECK(r.whole && r.code == 200 && r.total_known && r.total == 1234 && !r.ranged);
    CHECK(strcmp(r.etag, "\"x y\"") == 0 && strcmp(r.modified, "Mon") == 0 && !r.sum[0]);
}

TEST(what_follows_the_head_is_left_to_the_caller) {
    static const char text[] = "HTTP/2 200\r\n\r\nGGUF\n\n";
    for (size_t step = 1; step < sizeof text; step++) {
        head r;
        size_t used;
        CHECK(read_all(&r, text, step, &used) == OK && r.whole && used == sizeof text - 1 - 6);
    }
}

TEST(hops_tell_of_the_file_and_only_the_last_one_is_it) {
    static const char text[] = "HTTP/1.1 302 Found\r\nLocation: /x\r\nETag: "
                               "\"hop\"\r\nContent-Length: 9\r\nX-Linked-Size: 500\r\n"
                               "X-Linked-ETag: \"" SUM "\"\r\n\r\nHTTP/1.1 103 Early\r\n\r\n"
                               "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes "
                               "100-499/500\r\nContent-Length: 400\r\n\r\nabc";
    for (size_t step = 1; step < sizeof text; step++) {
        head r;
        size_t used;
        CHECK(read_all(&r, text, step, &used) == OK && r.whole && used == sizeof text - 4);
        CHECK(r.code == 206 && r.ranged && r.from == 100 && r.total_known && r.total == 500);
        CHECK(r.linked_known && r.linked == 500 && strcmp(r.sum, SUM) == 0 && r.etag[0] == 0);
    }
}

TEST(a_redirection_without_a_place_is_an_answer) {
    CHECK(read_whole("HTTP/1.1 304 Not Modified\r\n\r\n").whole);
    CHECK(!read_whole("HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n").whole);
}

TEST(a_weak_name_is_none) {
    CHECK(!read_whole("HTTP/1.1 200 OK\r\nETag: W/\"x\"\r\n\r\n").etag[0]);
}

TEST(numbers_that_are_none_are_not_known) {
    static const char *const bad[] = {"",     "x",   "-1", "1x", "99999999999999999999",
                                      "0x10", "1,1", "1 1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[200];
        snprintf(text, sizeof text,
                 "HTTP/1.1 200 OK\r\nContent-Length: %s\r\nX-Linked-Size: %s\r\n\r\n", bad[i],
                 bad[i]);
        const head r = read_whole(text);
        CHECK_SAY(!r.total_known && !r.linked_known, "%s", bad[i]);
    }
}

TEST(ranges_that_are_none_are_not_believed) {
    static const char *const bad[] = {"bytes 5-4/10", "bytes 0-10/10", "bytes 0-9", "bytes -9/10",
                                      "lines 0-9/10", "bytes 0-9/x",   ""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[200];
        snprintf(text, sizeof text, "HTTP/1.1 206 P\r\nContent-Range: %s\r\n\r\n", bad[i]);
        const head r = read_whole(text);
        CHECK_SAY(!r.ranged && !r.total_known, "%s", bad[i]);
    }
    const head open = read_whole("HTTP/1.1 206 P\r\nContent-Range: bytes 7-9/*\r\n\r\n");
    CHECK(open.ranged && open.from == 7 && !open.total_known);
    const head past = read_whole("HTTP/1.1 416 P\r\nContent-Range: bytes */77\r\n\r\n");
    CHECK(!past.ranged && past.total_known && past.total == 77);
}

TEST(digests_are_read_from_base64) {
    CHECK(strcmp(read_whole("HTTP/1.1 200 OK\r\nDigest: md5=xx,sha-256=" BASE64 "\r\n\r\n").sum,
                 SUM) == 0);
    CHECK(strcmp(read_whole("HTTP/1.1 200 OK\r\nRepr-Digest: sha-256=:" BASE64 ":\r\n\r\n").sum,
                 SUM) == 0);
    CHECK(!read_whole("HTTP/1.1 200 OK\r\nDigest: sha-256=short=\r\n\r\n").sum[0]);
    CHECK(!read_whole("HTTP/1.1 200 OK\r\nDigest: xsha-256=" BASE64 "\r\n\r\n").sum[0]);
    CHECK(strcmp(read_whole("HTTP/1.1 200 OK\r\nX-Checksum-Sha256: " SUM "\r\n\r\n").sum, SUM) ==
          0);
    CHECK(!read_whole("HTTP/1.1 200 OK\r\nX-Checksum-Sha256: " SUM "00\r\n\r\n").sum[0]);
}

TEST(what_is_not_http_is_refused) {
    static const char *const bad[] = {"ICY 200 OK\r\n", "HTTP/1.1\r\n", "HTTP/1.1 abc\r\n", "\r\n",
                                      "HTTP/1.1 99 x\n"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        head r;
        size_t used;
        CHECK_SAY(read_all(&r, bad[i], 3, &used) == E_FORMAT, "%s", bad[i]);
    }
}

TEST(headers_without_an_end_are_refused) {
    head r = {0};
    size_t used;
    status st = head_feed(&r, "HTTP/1.1 200 OK\r\n", 17, &used, NULL);
    for (int i = 0; i < 100000 && st == OK; i++) st = head_feed(&r, "X: y\r\n", 6, &used, NULL);
    CHECK(st == E_LIMIT);
}

static bool sum_of(const char *text, const char *name, const char *want) {
    char out[SHA256_HEX + 1] = "";
    const bool found = head_sum_of(out, text, strlen(text), name);
    return want ? found && strcmp(out, want) == 0 : !found;
}

TEST(checksum_files_name_the_sum_of_one_file) {
    CHECK(sum_of(SUM, "a.gguf", SUM));
    CHECK(sum_of(SUM "\n", "a.gguf", SUM));
    CHECK(sum_of(SUM "  a.gguf\r\n", "a.gguf", SUM));
    CHECK(sum_of(SUM " *./a.gguf\n", "a.gguf", SUM));
    CHECK(sum_of("SHA256 (a.gguf) = " SUM "\n", "a.gguf", SUM));
    CHECK(sum_of(OTHER "  b.gguf\n" SUM "  a.gguf\n", "a.gguf", SUM));
    CHECK(
        sum_of("BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD", "a.gguf", SUM));
}

TEST(sums_of_other_files_are_not_taken) {
    CHECK(sum_of(OTHER "  b.gguf\n", "a.gguf", NULL));
    CHECK(sum_of(OTHER "  xa.gguf\n", "a.gguf", NULL));
    CHECK(sum_of(OTHER "  a.gguf.old\n", "a.gguf", NULL));
    CHECK(sum_of(OTHER "0", "a.gguf", NULL));
    CHECK(sum_of("<html>" OTHER "</html>", "a.gguf", NULL));
    CHECK(sum_of("", "a.gguf", NULL));
}

TESTS_MAIN
