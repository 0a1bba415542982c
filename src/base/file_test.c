/* file_test: what may be opened, and that nobody ever sees half a file under its name (I1 - I3). */
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/test.h"

/* Each test has a folder of its own. */
static char dir[64];

static bool enter(void) {
    snprintf(dir, sizeof dir, "/tmp/ds4-file-XXXXXX");
    return mkdtemp(dir) != NULL;
}

static const char *at(const char *name) {
    static char path[4][400];
    static int turn;
    char *p = path[turn = (turn + 1) % 4];
    snprintf(p, sizeof path[0], "%s/%s", dir, name);
    return p;
}

static void leave(void) {
    char command[100];
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    CHECK(system(command) == 0);
}

/* Names in the folder, but for . and .. */
static int entries(void) {
    DIR *d = opendir(dir);
    int n = 0;
    if (!d) return -1;
    while (readdir(d)) n++;
    closedir(d);
    return n - 2;
}

static void put(const char *name, const void *p, size_t n) {
    FILE *f = fopen(at(name), "wb");
    CHECK(f && fwrite(p, 1, n, f) == n);
    if (f) fclose(f);
}

/* The file holds exactly these bytes. */
static bool holds(const char *name, const void *p, size_t n) {
    buf b = {0};
    const bool same = file_read(&b, at(name), 1 << 30, NULL) == OK && b.n == n &&
                      (n == 0 || memcmp(b.data, p, n) == 0);
    buf_free(&b);
    return same;
}

static mode_t mode_of(const char *name) {
    struct stat st;
    return lstat(at(name), &st) == 0 ? st.st_mode & 07777 : 0;
}

static uint8_t *pattern(size_t n) {
    uint8_t *p = malloc(n ? n : 1);
    for (size_t i = 0; i < n; i++) p[i] = (uint8_t)(i * 2654435761u >> 13);
    return p;
}

/* ------------------------------------------------------------------ reading */

typedef status (*opener)(const char *path, err *e);

static status by_map(const char *path, err *e) {
    file_map m = {(const uint8_t *)"kept", 4};
    const status st = map_open(&m, path, e);
    if (st != OK)
        CHECK(m.size == 4 && memcmp(m.data, "kept", 4) == 0); /* results only on success */
    else
        map_close(&m);
    return st;
}

static status by_read(const char *path, err *e) {
    buf b = {0};
    buf_str(&b, "kept");
    const status st = file_read(&b, path, 1000, e);
    if (st != OK) CHECK(b.n == 4 && strcmp(b.data, "kept") == 0);
    buf_free(&b);
    return st;
}

static void refuses(opener open_it, const char *path, const char *says) {
    err e = {0};
    const double start = clock_seconds();
    const status st = open_it(path, &e);
    CHECK_SAY(st == E_IO && e.code == E_IO, "%s: status %d", path, (int)st);
    CHECK_SAY(strstr(e.text, says) && strncmp(e.text, path, strlen(path)) == 0, "%s", e.text);
    CHECK(clock_seconds() - start < 2); /* nor does it wait */
}

TEST(only_regular_files_are_opened) {
    REQUIRE(enter());
    put("file", "x", 1);
    REQUIRE(mkfifo(at("pipe"), 0600) == 0);
    REQUIRE(symlink("pipe", at("to_pipe")) == 0 && symlink("nothing", at("to_nothing")) == 0);
    REQUIRE(symlink("circle", at("circle")) == 0 && symlink("file", at("to_file")) == 0);
    const opener each[] = {by_map, by_read};
    for (int i = 0; i < 2; i++) {
        refuses(each[i], at("pipe"), "not a regular file");
        refuses(each[i], at("to_pipe"), "not a regular file");
        refuses(each[i], dir, "not a regular file");
        refuses(each[i], "/dev/null", "not a regular file");
        refuses(each[i], "/dev/zero", "not a regular file");
        refuses(each[i], at("missing"), strerror(ENOENT));
        refuses(each[i], at("missing/below"), strerror(ENOENT));
        refuses(each[i], at("to_nothing"), strerror(ENOENT));
        refuses(each[i], at("file/below"), strerror(ENOTDIR));
        refuses(each[i], at("circle"), strerror(ELOOP));
        refuses(each[i], "", strerror(ENOENT));
        CHECK(each[i](at("to_file"), NULL) == OK);
    }
    leave();
}

TEST(an_empty_file_maps_to_nothing) {
    REQUIRE(enter());
    put("empty", "", 0);
    file_map m = {(const uint8_t *)"x", 1};
    CHECK(map_open(&m, at("empty"), NULL) == OK && m.data == NULL && m.size == 0);
    map_drop(&m, 0, 100);
    map_close(&m);
    CHECK(holds("empty", "", 0));
    leave();
}

TEST(a_map_shows_the_file_and_can_be_given_back_in_part) {
    enum { N = 300000 };
    REQUIRE(enter());
    uint8_t *want = pattern(N);
    put("file", want, N);
    file_map m;
    REQUIRE(map_open(&m, at("file"), NULL) == OK);
    CHECK(m.size == N && memcmp(m.data, want, N) == 0);
    static const uint64_t edges[] = {0, 1, 4095, 4096, 4097, N - 1, N, N + 1, UINT64_MAX};
    for (size_t i = 0; i < sizeof edges / sizeof *edges; i++)
        for (size_t k = 0; k < sizeof edges / sizeof *edges; k++) map_drop(&m, edges[i], edges[k]);
    CHECK(memcmp(m.data, want, N) == 0);
    unlink(at("file")); /* an open map needs no name */
    map_drop(&m, 0, N);
    CHECK(memcmp(m.data, want, N) == 0);
    map_close(&m);
    CHECK(!m.data && !m.size);
    map_close(&m);
    free(want);
    leave();
}

TEST(file_read_appends_and_keeps_to_its_limit) {
    REQUIRE(enter());
    put("five",
        "12\0"
        "45",
        5);
    buf b = {0};
    err e = {0};
    CHECK(file_read(&b, at("five"), 5, NULL) == OK && b.n == 5 &&
          memcmp(b.data,
                 "12\0"
                 "45",
                 6) == 0);
    CHECK(file_read(&b, at("five"), UINT64_MAX, NULL) == OK && b.n == 10 &&
          memcmp(b.data + 5,
                 "12\0"
                 "45",
                 6) == 0);
    CHECK(file_read(&b, at("five"), 4, &e) == E_LIMIT && b.n == 10 && b.data[10] == 0);
    CHECK_SAY(strstr(e.text, "5 bytes") && strstr(e.text, "4"), "%s", e.text);
    CHECK(file_read(&b, at("five"), 0, NULL) == E_LIMIT);
    put("empty", "", 0);
    CHECK(file_read(&b, at("empty"), 0, NULL) == OK && b.n == 10);
    buf_free(&b);
    CHECK(file_read(&b, at("empty"), 0, NULL) == OK && b.n == 0 && b.data && b.data[0] == 0);
    buf_free(&b);

    REQUIRE(truncate(at("five"), (off_t)1 << 40) ==
            0); /* a sparse giant: refused before memory is asked for */
    CHECK(file_read(&b, at("five"), 1 << 20, &e) == E_LIMIT && !b.data);
    leave();
}

/* ------------------------------------------------------------------ writing */

TEST(a_file_appears_whole_under_its_name_and_only_at_the_end) {
    REQUIRE(enter());
    put("out", "before", 6);
    out_file *f = NULL;
    REQUIRE(out_open(&f, at("out"), 0600, NULL) == OK);
    CHECK(out_write(f, "after", 5, NULL) == OK && out_size(f) == 5);
    CHECK(holds("out", "before", 6) && entries() == 2);
    CHECK(out_finish(f, NULL) == OK);
    CHECK(holds("out", "after", 5) && entries() == 1);
    leave();
}

TEST(pieces_of_any_size_make_the_same_file) {
    enum { N = 300001 }; /* several of the buffers inside */
    static const size_t pieces[] = {1, 777, 65535, 65536, 65537, 150000, N};
    REQUIRE(enter());
    uint8_t *want = pattern(N);
    for (size_t k = 0; k < sizeof pieces / sizeof *pieces; k++) {
        out_file *f = NULL;
        REQUIRE(out_open(&f, at("out"), 0600, NULL) == OK);
        bool good = true;
        for (size_t i = 0; i < N; i += pieces[k]) {
            const size_t n = N - i < pieces[k] ? N - i : pieces[k];
            good &= out_write(f, want + i, n, NULL) == OK && out_write(f, want, 0, NULL) == OK &&
                    out_size(f) == i + n;
        }
        CHECK(good && out_finish(f, NULL) == OK);
        CHECK_SAY(holds("out", want, N), "pieces of %zu", pieces[k]);
    }
    free(want);
    leave();
}

TEST(bytes_can_be_changed_wherever_they_were_written) {
    enum { N = 200000 };
    REQUIRE(enter());
    uint8_t *want = pattern(N);
    out_file *f = NULL;
    err e = {0};
    REQUIRE(out_open(&f, at("out"), 0600, NULL) == OK);
    CHECK(out_patch(f, 0, "", 0, NULL) == OK);
    CHECK(out_write(f, want, 100000, NULL) == OK);
    static const struct {
        uint64_t at;
        size_t n;
    } good[] = {{0, 1}, {65534, 4}, {99990, 10}, {0, 100000}, {100000, 0}},
      bad[] = {{100000, 1},  {99999, 2}, {100001, 0}, {UINT64_MAX, 1}, {UINT64_MAX, SIZE_MAX},
               {1, SIZE_MAX}};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        for (size_t k = 0; k < good[i].n; k++) want[good[i].at + k] ^= 0x5a;
        CHECK(out_patch(f, good[i].at, want + good[i].at, good[i].n, NULL) == OK);
        CHECK(out_size(f) == 100000);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK(out_patch(f, bad[i].at, want, bad[i].n, &e) == E_USAGE && strstr(e.text, "beyond"));
    CHECK(out_write(f, want + 100000, 100000, NULL) ==
          OK); /* goes on where writing was, not where patching was */
    want[150000] ^= 1;
    CHECK(out_patch(f, 150000, want + 150000, 1, NULL) == OK && out_size(f) == N);
    CHECK(out_finish(f, NULL) == OK && holds("out", want, N));
    free(want);
    leave();
}

TEST(an_aborted_file_leaves_nothing) {
    REQUIRE(enter());
    uint8_t *bytes = pattern(200000);
    for (size_t n = 0; n <= 200000; n += 100000) {
        out_file *f = NULL;
        REQUIRE(out_open(&f, at("out"), 0600, NULL) == OK);
        CHECK(out_write(f, bytes, n, NULL) == OK);
        out_abort(f);
        CHECK(entries() == 0);
    }
    put("out", "before", 6);
    out_file *f = NULL;
    REQUIRE(out_open(&f, at("out"), 0600, NULL) == OK);
    out_abort(f);
    out_abort(NULL);
    CHECK(entries() == 1 && holds("out", "before", 6));
    free(bytes);
    leave();
}

TEST(an_empty_file_can_be_written) {
    REQUIRE(enter());
    out_file *f = NULL;
    REQUIRE(out_open(&f, at("out"), 0600, NULL) == OK);
    CHECK(out_size(f) == 0 && out_finish(f, NULL) == OK && holds("out", "", 0) && entries() == 1);
    leave();
}

TEST(the_mode_is_what_was_asked_for_whatever_the_umask) {
    static const mode_t masks[] = {0, 022, 077, 0277, 0777};
    REQUIRE(enter());
    for (size_t i = 0; i < sizeof masks / sizeof *masks; i++) {
        for (int k = 0; k < 2; k++) {
            const int mode = k ? 0644 : 0600;
            out_file *f = NULL;
            const mode_t before = umask(masks[i]);
            CHECK(out_open(&f, at("out"), mode, NULL) == OK && out_finish(f, NULL) == OK);
            umask(before);
            CHECK_SAY(mode_of("out") == (mode_t)mode, "umask %o: %o", (unsigned)masks[i],
                      (unsigned)mode_of("out"));
        }
    }
    leave();
}

TEST(a_link_is_replaced_and_its_target_untouched) {
    REQUIRE(enter());
    put("target", "theirs", 6);
    REQUIRE(symlink("target", at("out")) == 0);
    out_file *f = NULL;
    REQUIRE(out_open(&f, at("out"), 0600, NULL) == OK);
    CHECK(out_write(f, "ours", 4, NULL) == OK && out_finish(f, NULL) == OK);
    struct stat st;
    CHECK(lstat(at("out"), &st) == 0 && S_ISREG(st.st_mode));
    CHECK(holds("out", "ours", 4) && holds("target", "theirs", 6) && entries() == 2);
    leave();
}

/* Names of temporary files can be guessed: what lies there already is neither followed nor
 * overwritten. */
TEST(planted_temporary_names_are_passed_by) {
    REQUIRE(enter());
    put("target", "theirs", 6);
    char name[60];
    for (unsigned i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "out.tmp-%ld-%u", (long)getpid(), i);
        if (i == 0) REQUIRE(symlink("target", at(name)) == 0);
        if (i == 1) REQUIRE(symlink("nowhere", at(name)) == 0);
        if (i == 2) REQUIRE(mkdir(at(name), 0700) == 0);
    }
    out_file *f = NULL;
    REQUIRE(out_open(&f, at("out"), 0600, NULL) == OK);
    CHECK(out_write(f, "ours", 4, NULL) == OK && out_finish(f, NULL) == OK);
    CHECK(holds("out", "ours", 4) && holds("target", "theirs", 6) && entries() == 5);
    CHECK(access(at("nowhere"), F_OK) != 0);
    for (unsigned i = 3; i < 100; i++) { /* all of them taken: refused, not endless */
        snprintf(name, sizeof name, "full.tmp-%ld-%u", (long)getpid(), i);
        put(name, "", 0);
    }
    for (unsigned i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "full.tmp-%ld-%u", (long)getpid(), i);
        put(name, "", 0);
    }
    err e = {0};
    CHECK(out_open(&f, at("full"), 0600, &e) == E_IO && strstr(e.text, strerror(EEXIST)) &&
          entries() == 105);
    leave();
}

TEST(two_files_may_be_written_to_one_name) {
    REQUIRE(enter());
    out_file *a = NULL, *b = NULL;
    REQUIRE(out_open(&a, at("out"), 0600, NULL) == OK && out_open(&b, at("out"), 0600, NULL) == OK);
    CHECK(out_write(a, "a", 1, NULL) == OK && out_write(b, "bb", 2, NULL) == OK);
    CHECK(out_finish(b, NULL) == OK && holds("out", "bb", 2));
    CHECK(out_finish(a, NULL) == OK && holds("out", "a", 1) && entries() == 1);
    leave();
}

static void cannot_create(const char *path, const char *says) {
    out_file *f = NULL;
    err e = {0};
    const status st = out_open(&f, path, 0600, &e);
    CHECK_SAY(st == E_IO && !f, "%s", path);
    CHECK_SAY(strstr(e.text, "cannot create") && strstr(e.text, says), "%s", e.text);
}

TEST(a_place_that_cannot_be_written_is_refused_at_once) {
    REQUIRE(enter());
    put("file", "x", 1);
    cannot_create(at("missing/out"), strerror(ENOENT));
    cannot_create(at("file/out"), strerror(ENOTDIR));
    char name[300];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = 0;
    cannot_create(at(name), strerror(ENAMETOOLONG));
    CHECK(entries() == 1);
    if (geteuid() != 0) { /* root may write anywhere */
        REQUIRE(mkdir(at("locked"), 0500) == 0);
        cannot_create(at("locked/out"), strerror(EACCES));
    }
    leave();
}

/* Before any work: the rename at the end would fail, or put a file where a device was. */
TEST(a_name_that_is_no_file_is_refused_at_once) {
    REQUIRE(enter());
    REQUIRE(mkdir(at("folder"), 0700) == 0 && mkfifo(at("pipe"), 0600) == 0);
    REQUIRE(symlink("folder", at("to_folder")) == 0 && symlink("pipe", at("to_pipe")) == 0);
    REQUIRE(symlink("/dev/null", at("to_device")) == 0 &&
            symlink("nowhere", at("to_nothing")) == 0);
    cannot_create(at("folder"), "folder");
    cannot_create(at("to_folder"), "folder");
    cannot_create(at("pipe"), "no regular file");
    cannot_create(at("to_pipe"), "no regular file");
    cannot_create(at("to_device"), "no regular file");
    CHECK(entries() == 6);
    out_file *f = NULL;
    REQUIRE(out_open(&f, at("to_nothing"), 0600, NULL) == OK && out_finish(f, NULL) == OK);
    CHECK(entries() == 6 && holds("to_nothing", "", 0) && access(at("nowhere"), F_OK) != 0);
    leave();
}

TEST(a_name_that_becomes_a_folder_fails_at_the_end_and_leaves_nothing) {
    REQUIRE(enter());
    out_file *f = NULL;
    err e = {0};
    REQUIRE(out_open(&f, at("out"), 0600, NULL) == OK);
    REQUIRE(mkdir(at("out"), 0700) == 0);
    put("out/inside", "theirs", 6);
    CHECK(out_write(f, "ours", 4, NULL) == OK);
    CHECK(out_finish(f, &e) == E_IO && strstr(e.text, "rename failed"));
    CHECK(entries() == 1 && holds("out/inside", "theirs", 6));
    leave();
}

TEST(a_folder_that_vanishes_is_an_error_at_the_end) {
    REQUIRE(enter());
    REQUIRE(mkdir(at("sub"), 0700) == 0);
    out_file *f = NULL;
    err e = {0};
    REQUIRE(out_open(&f, at("sub/out"), 0600, NULL) == OK);
    char command[120];
    snprintf(command, sizeof command, "rm -r '%s/sub'", dir);
    CHECK(system(command) == 0);
    CHECK(out_write(f, "ours", 4, NULL) == OK && out_finish(f, &e) == E_IO && entries() == 0);
    leave();
}

/* In a process that may write files of 100,000 bytes only, as on a full disk. 0: all was as it
 * must be. */
static int write_on_a_full_disk(int how) {
    const struct rlimit little = {100000, 100000};
    uint8_t *bytes = pattern(250000);
    out_file *f = NULL;
    err e = {0};
    status st = OK;
    signal(SIGXFSZ, SIG_IGN);
    if (setrlimit(RLIMIT_FSIZE, &little) != 0 || out_open(&f, at("out"), 0600, NULL) != OK)
        return 2;
    const size_t piece = how == 0 ? 250000 : 1000;
    for (size_t i = 0; i < 250000 && st == OK; i += piece) st = out_write(f, bytes + i, piece, &e);
    if (st != E_IO || !strstr(e.text, "write failed") || !strstr(e.text, strerror(EFBIG))) return 3;
    if (how == 1) {
        out_abort(f);
    } else { /* whoever overlooks the failure does not get a file with a hole in it */
        e = (err){0};
        if (how == 2 && out_write(f, "x", 1, NULL) == OK) return 4;
        if (how == 2 && out_patch(f, 0, "x", 1, NULL) == OK) return 5;
        if (out_finish(f, &e) == OK || !strstr(e.text, at("out"))) return 6;
    }
    free(bytes);
    return entries() == 0 ? 0 : 7;
}

TEST(a_stamp_tells_size_and_time_of_the_last_change) {
    REQUIRE(enter());
    file_stamp a, b;
    CHECK(!file_stamp_of(&a, at("none")) && a.size == 0 && a.seconds == 0);
    put("x", "abc", 3);
    const struct timespec old[2] = {{1000, 0}, {1000, 5000}};
    CHECK(utimensat(AT_FDCWD, at("x"), old, 0) == 0);
    CHECK(file_stamp_of(&a, at("x")) && a.size == 3 && a.seconds == 1000);
    CHECK(file_stamp_of(&b, at("x")) && memcmp(&a, &b, sizeof a) == 0);
    put("x", "abd", 3);
    CHECK(file_stamp_of(&b, at("x")) && b.size == 3 && b.seconds > 1000);
    file_sync_folder(at("x"));
    leave();
}

TEST(a_failed_write_is_never_published) {
    for (int how = 0; how < 3; how++) {
        REQUIRE(enter());
        fflush(NULL);
        const pid_t pid = fork();
        if (pid == 0) _exit(write_on_a_full_disk(how));
        int rc = 0;
        REQUIRE(pid > 0 && waitpid(pid, &rc, 0) == pid);
        CHECK_SAY(WIFEXITED(rc) && WEXITSTATUS(rc) == 0, "way %d: %x", how, (unsigned)rc);
        leave();
    }
}

/* ------------------------------------------------------------------ streams */

TEST(sinks_take_what_sources_give) {
    REQUIRE(enter());
    uint8_t *bytes = pattern(100000);
    buf b = {0};
    out_file *f = NULL;
    REQUIRE(out_open(&f, at("out"), 0600, NULL) == OK);
    const sink sinks[] = {sink_buf(&b), sink_file(f)};
    bool good = true;
    for (size_t s = 0; s < 2; s++)
        for (size_t i = 0; i < 100000; i += 999) {
            const size_t n = 100000 - i < 999 ? 100000 - i : 999;
            good &= sinks[s].write(sinks[s].self, bytes + i, n, NULL) == OK;
        }
    CHECK(good && out_finish(f, NULL) == OK && holds("out", bytes, 100000));
    CHECK(b.n == 100000 && memcmp(b.data, bytes, b.n) == 0);

    mem_reader r = {(const uint8_t *)b.data, b.n, 0};
    const source from = source_mem(&r);
    uint8_t got[777];
    size_t done = 0;
    for (; done + sizeof got <= 100000; done += sizeof got)
        good &= from.read(from.self, got, sizeof got, NULL) == OK &&
                memcmp(got, bytes + done, sizeof got) == 0;
    CHECK(good);
    err e = {0};
    got[0] = 1, got[1] = 2;
    CHECK(from.read(from.self, got, 0, NULL) == OK && r.at == done);
    CHECK(from.read(from.self, got, 100000 - done + 1, &e) == E_FORMAT &&
          strstr(e.text, "ends early"));
    CHECK(r.at == done && got[0] == 1 && got[1] == 2); /* nothing is taken when not all is there */
    CHECK(from.read(from.self, got, SIZE_MAX, NULL) == E_FORMAT && r.at == done);
    CHECK(from.read(from.self, got, 100000 - done, NULL) == OK &&
          memcmp(got, bytes + done, 100000 - done) == 0);
    CHECK(from.read(from.self, got, 0, NULL) == OK &&
          from.read(from.self, got, 1, NULL) == E_FORMAT);
    buf_free(&b);
    free(bytes);
    leave();
}

TEST(a_sink_whose_memory_ended_says_so) {
    buf b = {0};
    CHECK(!buf_reserve(&b, SIZE_MAX));
    const sink s = sink_buf(&b);
    err e = {0};
    CHECK(s.write(s.self, "x", 1, &e) == E_NOMEM && strstr(e.text, "memory"));
    mem_reader r = {NULL, 0, 0};
    const source none = source_mem(&r);
    CHECK(none.read(none.self, NULL, 0, NULL) == OK &&
          none.read(none.self, &e, 1, NULL) == E_FORMAT);
    buf_free(&b);
}

TESTS_MAIN
