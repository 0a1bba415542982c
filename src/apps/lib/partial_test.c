#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "apps/lib/partial.h"
#include "base/file.h"
#include "base/test.h"

static char dir[64], out[100], part[120], state[130];
static volatile sig_atomic_t stop;
static const hash128 key = {1, 2};

static bool enter(void) {
    snprintf(dir, sizeof dir, "/tmp/ds4-partial-XXXXXX");
    if (!mkdtemp(dir)) return false;
    snprintf(out, sizeof out, "%s/out", dir);
    snprintf(part, sizeof part, "%s.part", out);
    snprintf(state, sizeof state, "%s.state", part);
    return true;
}

static void leave(void) {
    char command[100];
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    CHECK(system(command) == 0);
}

static bool there(const char *path) {
    struct stat st;
    return lstat(path, &st) == 0;
}

static bool holds(const char *path, const char *text) {
    buf b = {0};
    const bool same = file_read(&b, path, 1 << 20, NULL) == OK && b.n == strlen(text) &&
                      memcmp(b.data, text, b.n) == 0;
    buf_free(&b);
    return same;
}

static partial *open_out(hash128 k, bool anew, const char **found) {
    partial *p = NULL;
    err e = {0};
    if (partial_open(&p, out, k, anew, &stop, found, &e) != OK) fprintf(stderr, "%s\n", e.text);
    return p;
}

/* "abc" is marked, "de" is not: what a run leaves that was told to stop. */
static void leave_a_part(void) {
    const char *found = "?";
    partial *p = open_out(key, false, &found);
    REQUIRE(p);
    CHECK(!found && partial_have(p) == 0);
    CHECK(partial_write(p, "abc", 3, NULL) == OK && partial_mark(p, NULL) == OK);
    CHECK(partial_write(p, "de", 2, NULL) == OK);
    partial_keep(p);
    CHECK(holds(part, "abc") && there(state) && !there(out));
}

/* The next run begins with so many bytes, and is told so. */
static void next_has(hash128 k, bool anew, uint64_t have, const char *words) {
    const char *found = NULL;
    partial *p = open_out(k, anew, &found);
    REQUIRE(p);
    CHECK_SAY(partial_have(p) == have, "%llu bytes", (unsigned long long)partial_have(p));
    CHECK_SAY((!words && !found) || (words && found && strstr(found, words)), "%s",
              found ? found : "nothing");
    partial_remove(p);
    CHECK(!there(part) && !there(state));
}

TEST(a_whole_file_gets_its_name_and_leaves_nothing_else) {
    REQUIRE(enter());
    const char *found;
    partial *p = open_out(key, false, &found);
    REQUIRE(p);
    CHECK(partial_write(p, "abc", 3, NULL) == OK && partial_mark(p, NULL) == OK);
    CHECK(there(part) && !there(out));
    CHECK(partial_publish(p, NULL) == OK);
    CHECK(holds(out, "abc") && !there(part) && !there(state));
    leave();
}

TEST(the_next_run_goes_on_from_the_last_mark) {
    REQUIRE(enter());
    leave_a_part();
    const char *found = NULL;
    partial *p = open_out(key, false, &found);
    REQUIRE(p);
    CHECK(partial_have(p) == 3 && found && strstr(found, "goes on"));
    CHECK(partial_write(p, "xyz", 3, NULL) == OK && partial_publish(p, NULL) == OK);
    CHECK(holds(out, "abcxyz"));
    leave();
}

TEST(a_killed_run_is_gone_on_with_from_a_mark_that_is_true) {
    REQUIRE(enter());
    fflush(NULL);
    const pid_t pid = fork();
    if (pid == 0) {
        const char *found;
        partial *p = open_out(key, false, &found);
        if (!p) _exit(3);
        for (int i = 0; i < 1000; i++) {
            char c = (char)('a' + i % 26);
            if (partial_write(p, &c, 1, NULL) != OK || partial_mark(p, NULL) != OK) _exit(1);
            usleep(20000);
        }
        _exit(2);
    }
    usleep(1300000);
    kill(pid, SIGKILL);
    int how;
    REQUIRE(waitpid(pid, &how, 0) == pid && WIFSIGNALED(how));
    const char *found = NULL;
    partial *p = open_out(key, false, &found);
    REQUIRE(p);
    const uint64_t have = partial_have(p);
    CHECK_SAY(have > 5 && have < 80, "%llu", (unsigned long long)have);
    partial_keep(p);
    buf b = {0};
    REQUIRE(file_read(&b, part, 1 << 20, NULL) == OK);
    CHECK(b.n == have);
    for (size_t i = 0; i < b.n; i++) CHECK(b.data[i] == (char)('a' + i % 26));
    buf_free(&b);
    leave();
}

TEST(another_key_begins_anew) {
    REQUIRE(enter());
    leave_a_part();
    next_has((hash128){1, 3}, false, 0, "another input");
    leave_a_part();
    next_has(key, true, 0, "asked");
    leave();
}

static void flip(const char *path, uint64_t at) {
    const int fd = open(path, O_RDWR);
    uint8_t b = 0;
    CHECK(fd >= 0 && pread(fd, &b, 1, (off_t)at) == 1);
    b ^= 0x10;
    CHECK(pwrite(fd, &b, 1, (off_t)at) == 1);
    close(fd);
}

/* Whatever byte of the state is damaged: the older slot, which says 0 bytes, or the newer one is
 * true, or there is none; never anything else. */
TEST(a_damaged_state_is_not_believed) {
    REQUIRE(enter());
    for (uint64_t at = 0; at < 1024; at += at % 512 < 64 ? 1 : 64) {
        leave_a_part();
        flip(state, at);
        const char *found = NULL;
        partial *p = open_out(key, false, &found);
        REQUIRE(p);
        const uint64_t have = partial_have(p);
        CHECK_SAY(have == 3 || have == 0, "byte %llu", (unsigned long long)at);
        partial_remove(p);
    }
    leave_a_part();
    flip(state, 3);
    flip(state, 512 + 3);
    next_has(key, false, 0, "no sound state");
    leave_a_part();
    CHECK(truncate(state, 700) == 0);
    next_has(key, false, 0, "no sound state");
    leave_a_part();
    CHECK(unlink(state) == 0);
    next_has(key, false, 0, "no sound state");
    leave();
}

TEST(a_damaged_or_shortened_part_begins_anew) {
    REQUIRE(enter());
    leave_a_part();
    flip(part, 1);
    next_has(key, false, 0, "damaged");
    leave_a_part();
    CHECK(truncate(part, 2) == 0);
    next_has(key, false, 0, "damaged");
    leave_a_part();
    CHECK(unlink(part) == 0);
    next_has(key, false, 0, "damaged");
    leave();
}

TEST(what_was_not_marked_is_cut_off) {
    REQUIRE(enter());
    leave_a_part();
    FILE *f = fopen(part, "ab");
    REQUIRE(f);
    fputs("torn", f);
    fclose(f);
    next_has(key, false, 3, "goes on");
    leave();
}

TEST(a_run_that_marked_nothing_leaves_nothing) {
    REQUIRE(enter());
    const char *found;
    partial *p = open_out(key, false, &found);
    REQUIRE(p);
    CHECK(partial_write(p, "abc", 3, NULL) == OK);
    partial_keep(p);
    CHECK(!there(part) && !there(state));
    leave();
}

TEST(two_runs_do_not_write_one_file) {
    REQUIRE(enter());
    const char *found;
    err e = {0};
    partial *p = open_out(key, false, &found), *q = NULL;
    REQUIRE(p);
    CHECK(partial_open(&q, out, key, false, &stop, &found, &e) == E_IO && !q);
    CHECK(strstr(e.text, "another process"));
    CHECK(there(part) && there(state));
    partial_keep(p);
    leave();
}

TEST(links_and_folders_are_refused_and_left_alone) {
    REQUIRE(enter());
    const char *found;
    char other[100];
    err e = {0};
    partial *p = NULL;
    snprintf(other, sizeof other, "%s/other", dir);
    FILE *f = fopen(other, "wb");
    REQUIRE(f);
    fputs("precious", f);
    fclose(f);
    REQUIRE(symlink(other, part) == 0);
    CHECK(partial_open(&p, out, key, false, &stop, &found, &e) == E_IO && strstr(e.text, "link"));
    CHECK(holds(other, "precious") && !there(state));
    CHECK(unlink(part) == 0 && symlink(other, state) == 0);
    CHECK(partial_open(&p, out, key, false, &stop, &found, &e) == E_IO);
    CHECK(holds(other, "precious") && unlink(state) == 0);
    CHECK(mkdir(out, 0700) == 0);
    CHECK(partial_open(&p, out, key, false, &stop, &found, &e) == E_IO && strstr(e.text, "folder"));
    CHECK(!there(part) && !there(state));
    CHECK(rmdir(out) == 0 && mkfifo(part, 0600) == 0);
    CHECK(partial_open(&p, out, key, false, &stop, &found, &e) == E_IO);
    leave();
}

TESTS_MAIN
