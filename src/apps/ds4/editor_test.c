/* The line editor as a person meets it: a child reads messages on a pseudo-terminal, the test types
 * and looks at the screen. And the same without a terminal. */
#include "apps/ds4/editor.h"

#include <fcntl.h>
#include <locale.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "apps/ds4/options.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/test.h"

static const char *const commands[] = {"/help", "/think", "/think-max", "/quit", NULL};
static volatile sig_atomic_t interrupted;
static char folder[64]; /* HOME of the children */

static void on_signal(int sig) { interrupted = sig == SIGINT ? 1 : CLI_TERMINATE; }

/* Each message as a line of JSON to fd 3; then the status it ended with. */
static void child_reads(void) {
    struct sigaction sa = {.sa_handler = on_signal};
    editor *ed;
    err e = {0};
    bool more = true;
    sigemptyset(&sa.sa_mask);
    sigaction(SIGINT, &sa, NULL);
    sigaction(SIGTERM, &sa, NULL);
    setenv("HOME", folder, 1);
    if (!setlocale(LC_CTYPE, "C.UTF-8")) setlocale(LC_CTYPE, "en_US.UTF-8");
    status st = editor_open(&ed, commands, &interrupted, &e);
    while (st == OK && more) {
        buf text = {0}, out = {0};
        st = editor_read(ed, &text, &more, &e);
        if (st == OK && more) {
            json_write_string(&out, text.data ? text.data : "", text.n);
            buf_char(&out, '\n');
            if (write(3, out.data, out.n) != (ssize_t)out.n) _exit(9);
        }
        buf_free(&text);
        buf_free(&out);
    }
    if (st != OK && dprintf(3, "%s\n", status_name(st)) < 0) _exit(9);
    editor_close(ed);
    exit(0); /* so that leaks are looked for */
}

typedef struct typist {
    pid_t pid;
    int keys, results; /* the terminal's other end; the messages */
    buf screen, got;
    size_t seen, taken; /* of the screen, of got */
} typist;

static void begin_child(typist *t, int in, int out, int result) {
    t->pid = fork();
    if (t->pid != 0) return;
    if (out >= 0) {
        setsid();
        ioctl(in, TIOCSCTTY, 0);
        dup2(out, 1), dup2(out, 2);
    }
    dup2(in, 0);
    dup2(result, 3);
    for (int fd = 4; fd < 64; fd++) close(fd);
    child_reads();
}

static bool start(typist *t) {
    int r[2];
    *t = (typist){.keys = posix_openpt(O_RDWR | O_NOCTTY)};
    if (t->keys < 0 || grantpt(t->keys) != 0 || unlockpt(t->keys) != 0 || pipe(r) != 0)
        return false;
    const int tty = open(ptsname(t->keys), O_RDWR | O_NOCTTY);
    const struct winsize size = {.ws_row = 24, .ws_col = 80};
    if (tty < 0 || ioctl(tty, TIOCSWINSZ, &size) != 0) return false;
    setenv("TERM", "xterm", 1);
    begin_child(t, tty, tty, r[1]);
    close(tty);
    close(r[1]);
    t->results = r[0];
    return t->pid > 0;
}

/* Takes what comes from the child, for a tenth of a second at most. */
static void take(typist *t) {
    struct pollfd p[2] = {{.fd = t->keys, .events = POLLIN}, {.fd = t->results, .events = POLLIN}};
    char some[4096];
    if (poll(p, 2, 100) <= 0) return;
    for (int i = 0; i < 2; i++) {
        if (!p[i].revents) continue;
        const ssize_t n = read(p[i].fd, some, sizeof some);
        if (n > 0) buf_add(i ? &t->got : &t->screen, some, (size_t)n);
        else usleep(10000); /* the other end is closed */
    }
}

/* These words on the screen, behind those that were waited for before. */
static bool sees(typist *t, const char *words) {
    const double until = clock_seconds() + 10;
    while (clock_seconds() < until) {
        const char *rest = t->screen.data ? t->screen.data + t->seen : "";
        const char *at = strstr(rest, words);
        if (at) {
            t->seen += (size_t)(at - rest) + strlen(words);
            return true;
        }
        take(t);
    }
    fprintf(stderr, "never on the screen: %s\n", words);
    return false;
}

static void type(typist *t, const char *keys) {
    for (size_t n = strlen(keys); n > 0;) {
        const ssize_t w = write(t->keys, keys, n);
        if (w < 0) return;
        keys += w, n -= (size_t)w;
        take(t);
    }
}

/* It asks for the next line. */
static bool asks(typist *t, const char *prompt) {
    return sees(t, "\x1b[?2004h") && sees(t, prompt);
}
static bool waits(typist *t) { return asks(t, "> "); }

/* The next message. */
static bool gets(typist *t, const char *want) {
    const double until = clock_seconds() + 10;
    buf line = {0};
    json_write_string(&line, want, strlen(want));
    buf_char(&line, '\n');
    char *end = NULL;
    while (!end && clock_seconds() < until) {
        if (t->got.n > t->taken) end = strchr(t->got.data + t->taken, '\n');
        if (!end) take(t);
    }
    const size_t n = end ? (size_t)(end - t->got.data) + 1 - t->taken : 0;
    const bool same = n == line.n && memcmp(t->got.data + t->taken, line.data, n) == 0;
    if (!same)
        fprintf(stderr, "wanted %s   got %.*s\n", line.data, (int)n,
                end ? t->got.data + t->taken : "");
    t->taken += n;
    buf_free(&line);
    return same;
}

/* True if the child ends by itself, well, and nothing more has come. */
static bool ends(typist *t) {
    int how = -1;
    const double until = clock_seconds() + 10 * TEST_SLOWNESS;
    while (waitpid(t->pid, &how, WNOHANG) == 0) {
        if (clock_seconds() > until) {
            kill(t->pid, SIGKILL);
            waitpid(t->pid, NULL, 0);
            how = -1;
            break;
        }
        take(t);
    }
    take(t);
    const bool good = how == 0 && t->got.n == t->taken;
    if (!good) fprintf(stderr, "ended with %d\n", how);
    close(t->keys);
    close(t->results);
    buf_free(&t->screen);
    buf_free(&t->got);
    return good;
}

static void new_home(void) {
    snprintf(folder, sizeof folder, "/tmp/ds4-editor.XXXXXX");
    if (!mkdtemp(folder)) abort();
}

static void old_home(void) {
    char path[128];
    snprintf(path, sizeof path, "%s/.ds4_history", folder);
    unlink(path);
    rmdir(folder);
}

/* ------------------------------------------------------------------ on a terminal */

TEST(lines_are_edited_with_the_usual_keys) {
    typist t;
    new_home();
    REQUIRE(start(&t));
    CHECK(waits(&t));
    type(&t, "hello\r");
    CHECK(gets(&t, "hello") && waits(&t));
    type(&t, "world\x01hello \x05!\r"); /* to the beginning, to the end */
    CHECK(gets(&t, "hello world!") && waits(&t));
    type(&t, "abc\x1b[D\x1b[D\x7fX\r"); /* left, left, backspace */
    CHECK(gets(&t, "Xbc") && waits(&t));
    type(&t, "wrong\x15right\r");
    CHECK(gets(&t, "right") && waits(&t));
    type(&t, "\r");
    CHECK(gets(&t, "") && waits(&t));
    type(&t, "\x04");
    CHECK(ends(&t));
    old_home();
}

TEST(characters_are_edited_whole) {
    typist t;
    new_home();
    REQUIRE(start(&t));
    CHECK(waits(&t));
    type(&t, "\xe4\xb8\xad\xe6\x96\x87\xc3\xa9\x7f\x7f\xf0\x9f\x8d\x80\r"); /* two are deleted */
    CHECK(gets(&t, "\xe4\xb8\xad\xf0\x9f\x8d\x80") && waits(&t));
    type(&t, "b\x1b[D\xc3"); /* a character that comes in two pieces */
    usleep(300000);
    type(&t, "\xa4\r");
    CHECK(gets(&t, "\xc3\xa4" "b") && waits(&t));
    type(&t, "\x04");
    CHECK(ends(&t));
    old_home();
}

TEST(messages_of_many_lines_are_one) {
    typist t;
    new_home();
    REQUIRE(start(&t));
    CHECK(waits(&t));
    type(&t, "one\\\r");
    CHECK(asks(&t, ". "));
    type(&t, "two\\\r");
    CHECK(asks(&t, ". "));
    type(&t, "three\r");
    CHECK(gets(&t, "one\ntwo\nthree") && waits(&t));
    type(&t, "\"\"\"\r");
    CHECK(asks(&t, ". "));
    type(&t, "a\\\r");
    CHECK(asks(&t, ". "));
    type(&t, "\r");
    CHECK(asks(&t, ". "));
    type(&t, "b\r");
    CHECK(asks(&t, ". "));
    type(&t, "\"\"\"\r");
    CHECK(gets(&t, "a\\\n\nb") && waits(&t));
    type(&t, "x\x1b\ry\r"); /* Alt-Enter */
    CHECK(gets(&t, "x\ny") && waits(&t));
    type(&t, "\"\"\"\r");
    CHECK(asks(&t, ". "));
    type(&t, "rest\r");
    CHECK(asks(&t, ". "));
    type(&t, "\x04"); /* ends the message, not the chat */
    CHECK(gets(&t, "rest") && waits(&t));
    type(&t, "\x04");
    CHECK(ends(&t));
    old_home();
}

TEST(a_paste_is_one_message_whatever_it_holds) {
    typist t;
    new_home();
    REQUIRE(start(&t));
    CHECK(waits(&t));
    type(&t, "\x1b[200~int x;\r\tint \xc3\xa4;\n\x04\x1b[A\x01}\r\r\x1b[201~");
    type(&t, " // end\r");
    CHECK(gets(&t, "int x;\n\tint \xc3\xa4;\n[A} // end") && waits(&t));
    type(&t, "say: \x1b[200~\x1b[201~\x1b[200~a\rb\x1b[201~\r");
    CHECK(gets(&t, "say: a\nb") && waits(&t));
    type(&t, "\x1b[200~\"\"\"\rin\\\rside\r\"\"\"\x1b[201~\r");
    CHECK(gets(&t, "in\\\nside") && waits(&t));
    type(&t, "\x1b[200~ends with a \\\x1b[201~\r");
    CHECK(asks(&t, ". "));
    type(&t, "more\r");
    CHECK(gets(&t, "ends with a \nmore") && waits(&t));
    type(&t, "\x04");
    CHECK(sees(&t, "\x1b[?2004l"));
    CHECK(ends(&t));
    old_home();
}

TEST(a_long_paste_arrives_whole) {
    typist t;
    buf paste = {0}, want = {0};
    new_home();
    for (int i = 0; i < 400; i++) {
        buf_printf(&want, "%sline %d of what was pasted: \xe4\xb8\xad", i ? "\n" : "", i);
        buf_printf(&paste, "%sline %d of what was pasted: \xe4\xb8\xad", i ? "\r" : "", i);
    }
    REQUIRE(start(&t));
    CHECK(waits(&t));
    type(&t, "\x1b[200~");
    type(&t, paste.data);
    type(&t, "\x1b[201~");
    type(&t, "\r");
    CHECK(gets(&t, want.data) && waits(&t));
    type(&t, "\x1b[A\r"); /* and comes back from the history */
    CHECK(gets(&t, want.data) && waits(&t));
    type(&t, "\x04");
    CHECK(ends(&t));
    buf_free(&paste);
    buf_free(&want);
    old_home();
}

TEST(tab_completes_commands) {
    typist t;
    new_home();
    REQUIRE(start(&t));
    CHECK(waits(&t));
    type(&t, "/q\t\r");
    CHECK(gets(&t, "/quit ") && waits(&t));
    type(&t, "/t\t");
    CHECK(sees(&t, "/think"));
    type(&t, "\t"); /* nothing to add: a list */
    CHECK(sees(&t, "/think  /think-max"));
    type(&t, "-\t\r");
    CHECK(gets(&t, "/think-max ") && waits(&t));
    type(&t, "/x\t\r");
    CHECK(gets(&t, "/x") && waits(&t));
    type(&t, "q\t\r");
    CHECK(gets(&t, "q") && waits(&t));
    type(&t, "\x04");
    CHECK(ends(&t));
    old_home();
}

TEST(ctrl_c_throws_away_what_was_typed) {
    typist t;
    new_home();
    REQUIRE(start(&t));
    CHECK(waits(&t));
    type(&t, "\x03");
    CHECK(sees(&t, "Ctrl-D or /quit leaves") && waits(&t));
    type(&t, "half a li");
    CHECK(sees(&t, "li"));
    type(&t, "\x03");
    CHECK(sees(&t, "^C") && waits(&t));
    type(&t, "one\\\r");
    CHECK(asks(&t, ". "));
    type(&t, "two");
    CHECK(sees(&t, "two"));
    type(&t, "\x03");
    CHECK(sees(&t, "^C") && waits(&t));
    type(&t, "\"\"\"\r");
    CHECK(asks(&t, ". "));
    type(&t, "\x03");
    CHECK(sees(&t, "^C") && waits(&t));
    type(&t, "three\r");
    CHECK(gets(&t, "three") && waits(&t));
    CHECK(strstr(strstr(t.screen.data, "leaves") + 1, "leaves") == NULL); /* once */
    type(&t, "\x04");
    CHECK(ends(&t));
    old_home();
}

TEST(the_end_signal_and_a_closed_terminal_end_it) {
    typist t;
    new_home();
    REQUIRE(start(&t));
    CHECK(waits(&t));
    type(&t, "half");
    CHECK(sees(&t, "half"));
    kill(t.pid, SIGTERM);
    CHECK(ends(&t));
    old_home();
}

TEST(the_screen_follows_its_size_and_comes_back_from_the_background) {
    typist t;
    new_home();
    REQUIRE(start(&t));
    CHECK(waits(&t));
    type(&t, "abcdefghij");
    CHECK(sees(&t, "hij"));
    const struct winsize narrow = {.ws_row = 24, .ws_col = 8};
    CHECK(ioctl(t.keys, TIOCSWINSZ, &narrow) == 0);
    CHECK(sees(&t, "> abcdef")); /* drawn anew: six of them fit beside the prompt */
    struct termios cooked;
    CHECK(tcgetattr(t.keys, &cooked) == 0);
    cooked.c_lflag |= (tcflag_t)(ICANON | ECHO);
    CHECK(tcsetattr(t.keys, TCSANOW, &cooked) == 0);
    CHECK(sees(&t, "> abcdef"));
    CHECK(tcgetattr(t.keys, &cooked) == 0 && !(cooked.c_lflag & (tcflag_t)ICANON));
    type(&t, "\x01z\r");
    CHECK(gets(&t, "zabcdefghij") && waits(&t));
    type(&t, "\x04");
    CHECK(ends(&t));
    old_home();
}

TEST(history_lives_on_in_a_file_of_the_owner) {
    typist t;
    char path[128];
    struct stat st;
    new_home();
    snprintf(path, sizeof path, "%s/.ds4_history", folder);
    REQUIRE(start(&t));
    CHECK(waits(&t));
    type(&t, "first\r");
    CHECK(gets(&t, "first") && waits(&t));
    type(&t, "\x1b[200~a\rb\x1b[201~\r");
    CHECK(gets(&t, "a\nb") && waits(&t));
    CHECK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600); /* at once */
    type(&t, "\x04");
    CHECK(ends(&t));
    REQUIRE(start(&t));
    CHECK(waits(&t));
    type(&t, "\x1b[A\r");
    CHECK(gets(&t, "a\nb") && waits(&t));
    type(&t, "\x1b[A\x1b[A\r");
    CHECK(gets(&t, "first") && waits(&t));
    type(&t, "\x04");
    CHECK(ends(&t));
    old_home();
}

/* ------------------------------------------------------------------ without one */

static bool piped(const char *text, const char *const *want) {
    typist t = {0};
    int in[2], r[2];
    bool good = pipe(in) == 0 && pipe(r) == 0;
    if (!good) return false;
    fflush(stdout);
    begin_child(&t, in[0], -1, r[1]);
    close(in[0]);
    close(r[1]);
    t.results = r[0];
    t.keys = dup(r[0]);
    good = write(in[1], text, strlen(text)) == (ssize_t)strlen(text);
    close(in[1]);
    t.keys = open("/dev/null", O_RDONLY);
    for (; *want; want++) good = gets(&t, *want) && good;
    return ends(&t) && good;
}
#define PIPED(text, ...) CHECK(piped(text, (const char *const[]){__VA_ARGS__, NULL}))

TEST(without_a_terminal_lines_are_messages_by_the_same_rules) {
    new_home();
    PIPED("a\nb\r\n\nlast", "a", "b", "", "last");
    PIPED("one\\\ntwo\n\"\"\"\nx\\\n\n y\n\"\"\"\nz\n", "one\ntwo", "x\\\n\n y", "z");
    PIPED("\"\"\"\nno end\n", "no end");
    PIPED("goes on\\\n", "goes on");
    PIPED("\"\"\"\n\"\"\"\nq \"\"\"\n", "", "q \"\"\"");
    CHECK(piped("", (const char *const[]){NULL}));
    CHECK(piped("\"\"\"\n", (const char *const[]){NULL}));
    CHECK(rmdir(folder) == 0); /* and nothing was kept */
}

TESTS_MAIN
