#include "apps/ds4/editor.h"

#include <errno.h>
#include <histedit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "apps/ds4/options.h"
#include "base/utf8.h"

enum {
    HISTORY = 1000,
    LINE_MOST = 64 << 20,
    NEWLINE_MARK = 0x2424, /* stands for a pasted line end while the line is edited */
};
static const char mark[] = "\xe2\x90\xa4"; /* NEWLINE_MARK */

struct editor {
    const char *const *commands;
    volatile sig_atomic_t *interrupted;
    bool terminal;
    const char *prompt;

    EditLine *el;
    History *past;
    char *past_path; /* NULL: not kept */

    unsigned char in[4096]; /* bytes typed and not looked at yet */
    size_t in_at, in_n;
    bool pasting;
    bool typed; /* something stood on the line when Ctrl-C came */
};

static volatile sig_atomic_t resized; /* by SIGWINCH */
static void on_resize(int sig) {
    (void)sig;
    resized = 1;
}

/* ------------------------------------------------------------------ keys */

/* More bytes from the terminal behind those that wait. 1, 0 at the end, -1 when Ctrl-C was pressed. */
static int fill(editor *ed) {
    memmove(ed->in, ed->in + ed->in_at, ed->in_n - ed->in_at);
    ed->in_n -= ed->in_at;
    ed->in_at = 0;
    for (;;) {
        const ssize_t n = read(STDIN_FILENO, ed->in + ed->in_n, sizeof ed->in - ed->in_n);
        if (n > 0) {
            ed->in_n += (size_t)n;
            return 1;
        }
        if (n == 0 || errno != EINTR) return 0;
        if (resized) el_resize(ed->el);
        resized = 0;
        if (*ed->interrupted) {
            const LineInfo *li = el_line(ed->el);
            ed->typed = li->lastchar > li->buffer;
            return -1;
        }
    }
}

/* Terminals put these around a paste, once asked to. */
static bool take_mark(editor *ed, const char *text) {
    const size_t n = strlen(text);
    if (ed->in_n - ed->in_at < n || memcmp(ed->in + ed->in_at, text, n) != 0) return false;
    ed->in_at += n;
    return true;
}

/* The next character for the line editor, as libedit wants it: 1, 0 at the end, -1 on an error. */
static int next_key(EditLine *el, wchar_t *out) {
    editor *ed = NULL;
    el_get(el, EL_CLIENTDATA, &ed);
    for (;;) {
        if (take_mark(ed, "\x1b[200~")) ed->pasting = true;
        else if (take_mark(ed, "\x1b[201~")) ed->pasting = false;
        else if (ed->in_at < ed->in_n) {
            const utf8_char c = utf8_next((const char *)ed->in + ed->in_at, ed->in_n - ed->in_at);
            if (!c.partial || ed->in_n == sizeof ed->in) {
                ed->in_at += c.bytes;
                *out = (wchar_t)c.code;
                if (ed->pasting && (c.code == '\n' || c.code == '\r')) *out = NEWLINE_MARK;
                return 1;
            }
            const int more = fill(ed);
            if (more <= 0) return more;
        } else {
            const int more = fill(ed);
            if (more <= 0) return more;
        }
    }
}

/* Tab: the rest of a command when only one begins like this, else what all that do have in common. */
static unsigned char complete(EditLine *el, int ch) {
    (void)ch;
    editor *ed = NULL;
    el_get(el, EL_CLIENTDATA, &ed);
    const LineInfo *li = el_line(el);
    const size_t n = (size_t)(li->cursor - li->buffer);
    const char *first = NULL;
    size_t common = 0, found = 0;
    for (size_t i = 0; n && ed->commands[i]; i++) {
        const char *c = ed->commands[i];
        if (strncmp(c, li->buffer, n) != 0) continue;
        size_t k = 0;
        while (found && k < common && c[k] == first[k]) k++;
        common = found++ ? k : strlen(c);
        if (!first) first = c;
    }
    if (!first || common < n || (common == n && found > 1)) return CC_REFRESH_BEEP;
    char rest[64];
    snprintf(rest, sizeof rest, "%.*s%s", (int)(common - n), first + n, found == 1 ? " " : "");
    return el_insertstr(el, rest) == 0 ? CC_REFRESH : CC_ERROR;
}

static char *prompt_text(EditLine *el) {
    static char text[16];
    editor *ed = NULL;
    el_get(el, EL_CLIENTDATA, &ed);
    snprintf(text, sizeof text, "%s", ed->prompt);
    return text;
}

/* ------------------------------------------------------------------ opening */

static void open_history(editor *ed) {
    HistEvent ev;
    const char *home = getenv("HOME");
    ed->past = history_init();
    if (!ed->past) return;
    history(ed->past, &ev, H_SETSIZE, HISTORY);
    history(ed->past, &ev, H_SETUNIQUE, 1);
    el_set(ed->el, EL_HIST, history, ed->past);
    if (!home || !*home) return;
    const size_t room = strlen(home) + 32;
    ed->past_path = malloc(room);
    if (!ed->past_path) return;
    snprintf(ed->past_path, room, "%s/.ds4_history", home);
    history(ed->past, &ev, H_LOAD, ed->past_path);
}

static status open_terminal(editor *ed, err *e) {
    struct sigaction sa = {0};
    sa.sa_handler = on_resize; /* without SA_RESTART: waiting for a key must end to redraw */
    sigemptyset(&sa.sa_mask);
    sigaction(SIGWINCH, &sa, NULL);
    ed->el = el_init("ds4", stdin, stdout, stderr);
    if (!ed->el) return fail(e, E_IO, "the terminal cannot be edited on: is TERM set right?");
    el_set(ed->el, EL_CLIENTDATA, ed);
    el_set(ed->el, EL_EDITOR, "emacs");
    el_set(ed->el, EL_SIGNAL, 0);
    el_set(ed->el, EL_PROMPT, prompt_text);
    el_set(ed->el, EL_GETCFN, next_key);
    el_set(ed->el, EL_ADDFN, "ds4-complete", "complete a command", complete);
    el_set(ed->el, EL_BIND, "^I", "ds4-complete", NULL);
    el_set(ed->el, EL_BIND, "^R", "em-inc-search-prev", NULL);
    open_history(ed);
    return OK;
}

status editor_open(editor **out, const char *const *commands, volatile sig_atomic_t *interrupted, err *e) {
    editor *ed = calloc(1, sizeof *ed);
    if (!ed) return fail(e, E_NOMEM, "out of memory");
    ed->commands = commands;
    ed->interrupted = interrupted;
    ed->terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
    const status st = ed->terminal ? open_terminal(ed, e) : OK;
    if (st != OK) {
        editor_close(ed);
        return st;
    }
    *out = ed;
    return OK;
}

void editor_close(editor *ed) {
    if (!ed) return;
    if (ed->past) {
        HistEvent ev;
        const mode_t before = umask(077);
        if (ed->past_path) history(ed->past, &ev, H_SAVE, ed->past_path);
        umask(before);
        history_end(ed->past);
    }
    if (ed->el) el_end(ed->el);
    free(ed->past_path);
    free(ed);
}

/* ------------------------------------------------------------------ messages */

typedef enum line_end { LINE, LINE_LAST, LINE_STOPPED } line_end;

/* Appends a line without its end; pasted line ends become real again. */
static void add_line(buf *to, const char *p, size_t n, bool unmark) {
    while (n && (p[n - 1] == '\n' || p[n - 1] == '\r')) n--;
    for (size_t i = 0; i < n;) {
        if (unmark && n - i >= sizeof mark - 1 && memcmp(p + i, mark, sizeof mark - 1) == 0) {
            buf_char(to, '\n');
            i += sizeof mark - 1;
        } else {
            buf_char(to, p[i++]);
        }
    }
}

static line_end edit_line(editor *ed, buf *to) {
    int n = 0;
    static const char ask[] = "\x1b[?2004h", no_more[] = "\x1b[?2004l";
    fputs(ask, stdout);
    fflush(stdout);
    const char *p = el_gets(ed->el, &n);
    fputs(no_more, stdout);
    fflush(stdout);
    if (*ed->interrupted == CLI_TERMINATE) return LINE_LAST;
    if (*ed->interrupted) {
        *ed->interrupted = 0;
        fputs(ed->typed ? "\n" : "\nCtrl-D or /quit leaves\n", stdout);
        el_reset(ed->el);
        ed->in_at = ed->in_n = 0;
        ed->pasting = false;
        return LINE_STOPPED;
    }
    if (!p || n <= 0) {
        fputs("\n", stdout);
        return LINE_LAST;
    }
    add_line(to, p, (size_t)n, true);
    return LINE;
}

static line_end plain_line(buf *to) {
    const size_t before = to->n;
    int c = 0;
    while (to->n - before <= LINE_MOST && (c = getc(stdin)) != EOF && c != '\n') buf_char(to, (char)c);
    return c == EOF && to->n == before ? LINE_LAST : LINE;
}

static line_end read_line(editor *ed, buf *line, const char *prompt) {
    buf_clear(line);
    ed->prompt = prompt;
    return ed->terminal ? edit_line(ed, line) : plain_line(line);
}

static void remember(editor *ed, const buf *text) {
    if (!ed->past || text->n == 0) return;
    HistEvent ev;
    buf one = {0}; /* an entry is one line: its line ends are marked again */
    for (size_t i = 0; i < text->n; i++) {
        if (text->data[i] == '\n') buf_str(&one, mark);
        else buf_char(&one, text->data[i]);
    }
    if (!one.failed) history(ed->past, &ev, H_ENTER, one.data);
    buf_free(&one);
}

/* The lines between two """. */
static line_end read_block(editor *ed, buf *line, buf *text) {
    for (bool first = true;; first = false) {
        const line_end end = read_line(ed, line, ". ");
        if (end != LINE || strcmp(line->data ? line->data : "", "\"\"\"") == 0) return end;
        if (!first) buf_char(text, '\n');
        buf_add(text, line->data, line->n);
    }
}

status editor_read(editor *ed, buf *text, bool *more, err *e) {
    buf line = {0};
    line_end end;
    *more = true;
    do {
        buf_clear(text);
        end = read_line(ed, &line, "> ");
        if (end == LINE && line.n == 3 && memcmp(line.data, "\"\"\"", 3) == 0) {
            end = read_block(ed, &line, text);
        } else {
            while (end == LINE && line.n && line.data[line.n - 1] == '\\') {
                line.data[line.n - 1] = '\n';
                buf_add(text, line.data, line.n);
                end = read_line(ed, &line, ". ");
            }
            if (end == LINE) buf_add(text, line.data, line.n);
        }
    } while (end == LINE_STOPPED);
    if (end == LINE_LAST && text->n == 0) *more = false;
    status st = OK;
    if (line.n > LINE_MOST) st = fail(e, E_LIMIT, "a line of input is longer than %d MiB", LINE_MOST >> 20);
    else if (line.failed || text->failed) st = fail(e, E_NOMEM, "out of memory");
    if (st == OK && *more) remember(ed, text);
    buf_free(&line);
    return st;
}
