#include "apps/get/curl.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { LOOK_MS = 200 /* how late a signal between two looks is seen */ };

struct curl_run {
    pid_t pid;
    int out, say; /* its stdout and stderr */
    bool ended;   /* its stdout is at the end */
    const volatile sig_atomic_t *stop;
};

/* ------------------------------------------------------------------ starting */

typedef struct words {
    const char *at[40];
    size_t n;
    char range[32], wait[16], name[320];
} words;

static void word(words *w, const char *text) {
    w->at[w->n++] = text;
}

static void words_of(words *w, const curl_request *q) {
    static const char agent[] = "ds4-get/" DS4_VERSION;
    static const char *const always[] = {"curl",
                                         "-q",
                                         "-sS",
                                         "-i",
                                         "-g",
                                         "-L",
                                         "--max-redirs",
                                         "10",
                                         "--proto",
                                         "=http,https",
                                         "--suppress-connect-headers",
                                         "--speed-limit",
                                         "1",
                                         "-A",
                                         agent};
    for (size_t i = 0; i < sizeof always / sizeof *always; i++) word(w, always[i]);
    word(w, "--proto-redir");
    word(w, strncmp(q->url, "https:", 6) == 0 ? "=https" : "=http,https");
    snprintf(w->wait, sizeof w->wait, "%" PRIu32, q->timeout);
    word(w, "--connect-timeout");
    word(w, w->wait);
    word(w, "--speed-time");
    word(w, w->wait);
    if (q->from) {
        snprintf(w->range, sizeof w->range, "%" PRIu64 "-", q->from);
        word(w, "-r");
        word(w, w->range);
        if (q->if_range) {
            snprintf(w->name, sizeof w->name, "If-Range: %s", q->if_range);
            word(w, "-H");
            word(w, w->name);
        }
    }
    word(w, "--url");
    word(w, q->url);
    w->at[w->n] = NULL;
}

/* Signals that this program takes or ignores are curl's own affair. A group of its own: Ctrl-C is
 * for us, who then stop it; that it ended must not look like a broken line. */
static int spawn(pid_t *pid, const words *w, int out, int say) {
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    sigset_t usual;
    int rc = posix_spawn_file_actions_init(&files);
    if (rc != 0) return rc;
    rc = posix_spawnattr_init(&attr);
    if (rc == 0) {
        sigemptyset(&usual);
        const int each[] = {SIGPIPE, SIGXFSZ, SIGINT, SIGTERM, SIGHUP};
        for (size_t i = 0; i < sizeof each / sizeof *each; i++) sigaddset(&usual, each[i]);
        rc = posix_spawnattr_setsigdefault(&attr, &usual);
        if (rc == 0) rc = posix_spawnattr_setpgroup(&attr, 0);
        if (rc == 0)
            rc = posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
        if (rc == 0)
            rc = posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        if (rc == 0) rc = posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
        if (rc == 0) rc = posix_spawn_file_actions_adddup2(&files, say, STDERR_FILENO);
        /* The array is not const for reasons of history only. */
        if (rc == 0)
            rc = posix_spawnp(pid, "curl", &files, &attr, (char *const *)(uintptr_t)w->at, environ);
        posix_spawnattr_destroy(&attr);
    }
    posix_spawn_file_actions_destroy(&files);
    return rc;
}

/* Ends that only this process has, and above the three that spawn() sets. */
static bool make_pipe(int at[2]) {
    if (pipe(at) != 0) return false;
    for (int i = 0; i < 2; i++) {
        const int high = fcntl(at[i], F_DUPFD_CLOEXEC, 3);
        close(at[i]);
        at[i] = high;
    }
    if (at[0] >= 0 && at[1] >= 0) return true;
    for (int i = 0; i < 2; i++)
        if (at[i] >= 0) close(at[i]);
    return false;
}

status curl_start(curl_run **result, const curl_request *q, err *e) {
    words w = {.n = 0};
    int out[2], say[2];
    curl_run *c = calloc(1, sizeof *c);
    if (!c) return fail(e, E_NOMEM, "out of memory");
    if (!make_pipe(out)) {
        free(c);
        return fail(e, E_IO, "no pipe to curl: %s", strerror(errno));
    }
    if (!make_pipe(say)) {
        close(out[0]), close(out[1]);
        free(c);
        return fail(e, E_IO, "no pipe to curl: %s", strerror(errno));
    }
    words_of(&w, q);
    const int rc = spawn(&c->pid, &w, out[1], say[1]);
    close(out[1]), close(say[1]);
    *c = (curl_run){.pid = c->pid, .out = out[0], .say = say[0], .stop = q->stop};
    if (rc != 0) {
        close(out[0]), close(say[0]);
        free(c);
        return rc == ENOENT ? fail(e, E_UNSUPPORTED,
                                   "fetching needs the program curl: install it (apt-get install "
                                   "curl, or what your "
                                   "system has for it)")
                            : fail(e, E_IO, "curl cannot be started: %s", strerror(rc));
    }
    *result = c;
    return OK;
}

/* ------------------------------------------------------------------ reading */

status curl_read(curl_run *c, void *p, size_t cap, size_t *n, err *e) {
    for (;;) {
        struct pollfd in = {.fd = c->out, .events = POLLIN};
        if (c->stop && *c->stop) return fail(e, E_CANCELLED, "stopped");
        if (poll(&in, 1, LOOK_MS) <= 0) continue;
        const ssize_t got = read(c->out, p, cap);
        if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (got < 0) return fail(e, E_IO, "reading from curl: %s", strerror(errno));
        c->ended = got == 0;
        *n = (size_t)got;
        return OK;
    }
}

/* Its last line without the number in front: `curl: (6) Could not resolve host: x`. */
static void read_why(int fd, char *out, size_t cap) {
    char text[2048];
    size_t n = 0;
    ssize_t got;
    fcntl(fd, F_SETFL, O_NONBLOCK);
    while (n < sizeof text - 1 && (got = read(fd, text + n, sizeof text - 1 - n)) > 0)
        n += (size_t)got;
    while (n && text[n - 1] == '\n') n--;
    text[n] = 0;
    const char *line = strrchr(text, '\n');
    line = line ? line + 1 : text;
    const char *told = strncmp(line, "curl: (", 7) == 0 ? strchr(line, ')') : NULL;
    if (told) line = told + 1 + strspn(told + 1, " ");
    snprintf(out, cap, "%.*s", (int)cap - 1, line);
}

void curl_end(curl_run *c, curl_result *how) {
    if (!c) return;
    int state = 0;
    close(c->out); /* what it still has to say goes nowhere */
    if (!c->ended) kill(c->pid, SIGTERM);
    while (waitpid(c->pid, &state, 0) < 0 && errno == EINTR) continue;
    if (how) {
        *how = (curl_result){.code = WIFEXITED(state) ? WEXITSTATUS(state) : 128};
        how->whole = c->ended && how->code == 0;
        read_why(c->say, how->why, sizeof how->why);
    }
    close(c->say);
    free(c);
}
