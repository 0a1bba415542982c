/* guard_test: a mapped file that becomes shorter ends a program in words, not by a signal. */
#include "apps/lib/guard.h"

#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/test.h"

/* What a program does that maps `path` and reads behind the end it has by then; its stderr is `to`. */
static int read_behind_the_end(const char *path, int to) {
    file_map m;
    if (dup2(to, STDERR_FILENO) < 0) return 9;
    map_guard_install();
    if (map_open(&m, path, NULL) != OK || truncate(path, 10) != 0) return 9;
    return ((const volatile uint8_t *)m.data)[50000] ? 7 : 8;
}

TEST(a_map_whose_file_shrinks_ends_the_program_in_words) {
    char path[] = "/tmp/ds4-guard-XXXXXX";
    const int fd = mkstemp(path);
    int ends[2];
    REQUIRE(fd >= 0 && pipe(ends) == 0);
    CHECK(ftruncate(fd, 1 << 16) == 0);
    fflush(NULL);
    const pid_t pid = fork();
    if (pid == 0) _exit(read_behind_the_end(path, ends[1]));
    close(ends[1]);
    char said[300] = "";
    const ssize_t n = read(ends[0], said, sizeof said - 1);
    close(ends[0]);
    close(fd);
    unlink(path);
    int how = 0;
    CHECK(pid > 0 && waitpid(pid, &how, 0) == pid);
    CHECK_SAY(WIFEXITED(how) && WEXITSTATUS(how) == 1, "%x", (unsigned)how);
    CHECK_SAY(n > 0 && strncmp(said, "ds4: ", 5) == 0 && strchr(said, '\n') == said + n - 1, "%s", said);
}

TESTS_MAIN
