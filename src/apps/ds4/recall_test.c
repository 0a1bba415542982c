/* What was typed before: kept, bounded, private, and never in the way. */
#include "apps/ds4/recall.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/test.h"

static char folder[64], path[128];

static void begin(void) {
    snprintf(folder, sizeof folder, "/tmp/ds4-recall.XXXXXX");
    if (!mkdtemp(folder)) abort();
    snprintf(path, sizeof path, "%s/history", folder);
}

static void end(void) {
    unlink(path);
    CHECK(rmdir(folder) == 0); /* nothing else was left there */
}

static void write_file(const char *text) {
    FILE *f = fopen(path, "w");
    if (!f || fputs(text, f) == EOF || fclose(f) != 0) abort();
}

static bool holds(const char *want) {
    buf b = {0};
    const bool same = file_read(&b, path, 1 << 26, NULL) == OK && b.n == strlen(want) &&
                      memcmp(b.data, want, b.n) == 0;
    if (!same) fprintf(stderr, "the file holds: %.*s\n", (int)b.n, b.data ? b.data : "");
    buf_free(&b);
    return same;
}

static bool is(const recall *r, size_t i, const char *want) {
    size_t n;
    if (i >= recall_count(r)) return false;
    const char *p = recall_at(r, i, &n);
    return n == strlen(want) && memcmp(p, want, n) == 0 && p[n] == 0;
}

static void add(recall *r, const char *text) { recall_add(r, text, strlen(text)); }

static mode_t mode_of(const char *name) {
    struct stat st;
    return stat(name, &st) == 0 ? st.st_mode & 0777 : 0;
}

TEST(entries_come_back_in_order) {
    begin();
    recall *r = recall_open(path);
    CHECK(recall_count(r) == 0);
    add(r, "one");
    add(r, "two\nlines\t\"\\\x1b");
    add(r, "two\nlines\t\"\\\x1b"); /* the same again, and nothing at all, are not kept */
    add(r, "");
    add(r, "\xe4\xb8\xad");
    CHECK(recall_count(r) == 3 && is(r, 1, "two\nlines\t\"\\\x1b") && is(r, 2, "\xe4\xb8\xad"));
    CHECK(holds("\"one\"\n\"two\\nlines\\t\\\"\\\\\\u001b\"\n\"\xe4\xb8\xad\"\n"));
    CHECK(mode_of(path) == 0600);
    recall_close(r);
    r = recall_open(path);
    CHECK(recall_count(r) == 3 && is(r, 0, "one") && is(r, 1, "two\nlines\t\"\\\x1b"));
    recall_close(r);
    end();
}

TEST(two_programs_share_the_file) {
    begin();
    recall *a = recall_open(path), *b = recall_open(path);
    add(a, "a1");
    add(b, "b1");
    add(a, "a2");
    CHECK(recall_count(a) == 2 && recall_count(b) == 1);
    recall_close(a);
    recall_close(b);
    CHECK(holds("\"a1\"\n\"b1\"\n\"a2\"\n"));
    end();
}

TEST(lines_that_are_none_are_passed_over) {
    begin();
    write_file("_HiStOrY_V2_\n\"good\"\n\n7\n[\"x\"]\n\"\"\n\"bad\nnull\n\"last\"\n\"broken off");
    recall *r = recall_open(path);
    CHECK(recall_count(r) == 2 && is(r, 0, "good") && is(r, 1, "last"));
    recall_close(r);
    end();
}

TEST(at_most_a_thousand_are_kept) {
    begin();
    buf b = {0};
    for (int i = 0; i < 1500; i++) buf_printf(&b, "\"%d\"\n", i);
    write_file(b.data);
    recall *r = recall_open(path);
    CHECK(recall_count(r) == RECALL_MOST && is(r, 0, "500") && is(r, 999, "1499"));
    char text[32];
    for (int i = 1500; i < 3000; i++) {
        snprintf(text, sizeof text, "%d", i);
        add(r, text);
    }
    CHECK(recall_count(r) == RECALL_MOST && is(r, 0, "2000") && is(r, 999, "2999"));
    recall_close(r);
    buf_clear(&b);
    for (int i = 2000; i < 3000; i++) buf_printf(&b, "\"%d\"\n", i);
    CHECK(holds(b.data));
    CHECK(mode_of(path) == 0600);
    buf_free(&b);
    end();
}

TEST(very_long_entries_are_not_kept) {
    begin();
    recall *r = recall_open(path);
    char *text = malloc(RECALL_ENTRY_MOST + 2);
    memset(text, 'a', RECALL_ENTRY_MOST + 1);
    text[RECALL_ENTRY_MOST + 1] = 0;
    add(r, text);
    CHECK(recall_count(r) == 0);
    text[RECALL_ENTRY_MOST] = 0;
    add(r, text);
    CHECK(recall_count(r) == 1);
    recall_close(r);
    r = recall_open(path);
    CHECK(recall_count(r) == 1 && is(r, 0, text));
    recall_close(r);
    free(text);
    end();
}

TEST(a_file_that_others_could_read_becomes_private) {
    begin();
    write_file("\"old\"\n");
    CHECK(chmod(path, 0644) == 0);
    recall *r = recall_open(path);
    add(r, "new");
    CHECK(mode_of(path) == 0600 && is(r, 0, "old") && is(r, 1, "new"));
    recall_close(r);
    end();
}

TEST(a_link_stays_one) {
    char link[128];
    struct stat st;
    begin();
    snprintf(link, sizeof link, "%s/link", folder);
    buf b = {0};
    for (int i = 0; i < 1100; i++) buf_printf(&b, "\"%d\"\n", i);
    write_file(b.data);
    CHECK(symlink(path, link) == 0);
    recall *r = recall_open(link); /* cut at once */
    CHECK(recall_count(r) == RECALL_MOST && is(r, 0, "100"));
    recall_close(r);
    CHECK(lstat(link, &st) == 0 && S_ISLNK(st.st_mode));
    buf_free(&b);
    CHECK(file_read(&b, path, 1 << 20, NULL) == OK && b.n && strncmp(b.data, "\"100\"\n", 6) == 0);
    buf_free(&b);
    unlink(link);
    end();
}

TEST(without_a_usable_file_memory_is_enough) {
    begin();
    char missing[160];
    snprintf(missing, sizeof missing, "%s/no/history", folder);
    const char *const bad[] = {NULL, folder, missing, "/dev/null"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        recall *r = recall_open(bad[i]);
        add(r, "x");
        add(r, "y");
        CHECK(recall_count(r) == 2 && is(r, 1, "y"));
        recall_close(r);
    }
    CHECK(mkfifo(path, 0600) == 0); /* nobody reads it: it must not block */
    recall *r = recall_open(path);
    add(r, "x");
    CHECK(recall_count(r) == 1);
    recall_close(r);
    recall_close(NULL);
    end();
}

TEST(the_path_is_in_the_home_folder) {
    char out[64], tiny[8];
    setenv("HOME", "/some/where", 1);
    CHECK(recall_path(out, sizeof out) && strcmp(out, "/some/where/.ds4_history") == 0);
    CHECK(!recall_path(tiny, sizeof tiny));
    setenv("HOME", "", 1);
    CHECK(!recall_path(out, sizeof out));
    unsetenv("HOME");
    CHECK(!recall_path(out, sizeof out));
}

TESTS_MAIN
