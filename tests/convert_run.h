/* convert_run: ds4-convert as a user runs it, in a folder of its own.
 *
 *     REQUIRE(enter());          `dir` is a fresh folder, `out` a name in it
 *     ...                        a checkpoint is put there
 *     CHECK(convert("f16") == 0);         exit status; `said` is stderr, `printed` stdout
 *     leave();
 */
#ifndef DS4_TESTS_CONVERT_RUN_H
#define DS4_TESTS_CONVERT_RUN_H

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"
#include "checkpoint.h"

static char program[600], dir[64], out[100];
static char said[4000], printed[4000]; /* stderr and stdout of the last run */
static uint64_t file_limit;            /* bytes a run may write to a file; 0: any */

static inline void read_text(const char *name, char *to, size_t cap) {
    char path[200];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "rb");
    const size_t n = f ? fread(to, 1, cap - 1, f) : 0;
    to[n] = 0;
    if (f) fclose(f);
}

static inline void redirect(const char *name, int to) {
    char path[200];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || dup2(fd, to) < 0) _exit(99);
}

/* Exit status of the program with these arguments (NULL at the end), or -signal. */
static inline int run(const char *const *args) {
    char *argv[20] = {program};
    for (int i = 0; args[i] && i < 18; i++) argv[i + 1] = (char *)(uintptr_t)args[i];
    fflush(NULL);
    const pid_t pid = fork();
    if (pid == 0) {
        if (file_limit) setrlimit(RLIMIT_FSIZE, &(struct rlimit){file_limit, file_limit});
        redirect("stdout", 1);
        redirect("stderr", 2);
        execv(program, argv);
        _exit(98);
    }
    int how = 0;
    if (pid < 0 || waitpid(pid, &how, 0) != pid) return 97;
    read_text("stderr", said, sizeof said);
    read_text("stdout", printed, sizeof printed);
    return WIFEXITED(how) ? WEXITSTATUS(how) : -WTERMSIG(how);
}

static inline int convert(const char *type) {
    return run((const char *const[]){dir, "-o", out, type ? "--type" : NULL, type, NULL});
}

static inline bool enter(void) {
    snprintf(dir, sizeof dir, "/tmp/ds4-convert-XXXXXX");
    if (!mkdtemp(dir)) return false;
    snprintf(out, sizeof out, "%s/out.gguf", dir);
    return true;
}

static inline void leave(void) {
    char command[100];
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    CHECK(system(command) == 0);
}

/* Nothing of the output is there, under its name or another. */
static inline bool no_output(void) {
    char command[200];
    snprintf(command, sizeof command, "! ls -A '%s' | grep -q '^out.gguf'", dir);
    return system(command) == 0;
}

/* The program refused in the form all our programs have: one line, no file, status 1. */
static inline bool refused(int got, int expected, const char *says) {
    const char *end = strchr(said, '\n');
    const bool one_line = end && end[1] == 0, form = strncmp(said, "ds4: ", 5) == 0;
    const bool ok =
        got == expected && one_line && form && strstr(said, says) && !printed[0] && no_output();
    if (!ok) fprintf(stderr, "status %d, wanted '%s', said: %s", got, says, said);
    return ok;
}

/* The program lies beside the test: <B>/test/tests/X -> <B>/bin/ds4-convert. */
static inline bool find_program(const char *self) {
    const char *slash = strrchr(self, '/');
    snprintf(program, sizeof program, "%.*s/../../bin/ds4-convert", slash ? (int)(slash - self) : 1,
             slash ? self : ".");
    if (access(program, X_OK) == 0) return true;
    fprintf(stderr, "%s: build the programs first (make)\n", program);
    return false;
}

#endif
