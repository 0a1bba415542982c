/* editor.c: lines from libedit or from a pipe, and the messages that are made of them.
 *
 *     terminal -> next_key -> libedit -> line  \
 *                                               >  message
 *     pipe -> lines_next -> line               /
 *
 * libedit asks next_key for every character. There the window and the modes of the terminal are
 * looked at a few times a second, so that no signal handler is needed: after a change of size, or
 * when the program comes back from the background, the line is drawn anew.
 */
#include "apps/ds4/editor.h"

#include <errno.h>
#include <histedit.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>
#include <wchar.h>

#include "apps/lib/input.h"
#include "apps/ds4/options.h"
#include "apps/ds4/recall.h"
#include "base/utf8.h"

enum { LOOK_MS = 200 /* between two looks at the terminal */ };

static const char paste_on[] = "\033[?2004h", paste_off[] = "\033[?2004l";

/* Why there are no more characters. */
typedef enum cause { NO_CAUSE, CTRL_C, INPUT_ENDED, NO_MEMORY } cause;

typedef struct wide {
    wchar_t *p;
    size_t n, cap;
} wide;

struct editor {
    const char *const *commands;
    volatile sig_atomic_t *interrupted;
    const wchar_t *prompt;

    lines *pipe; /* without a terminal, and then nothing of the following */

    FILE *screen;
    bool addressed; /* it knows control sequences */
    EditLine *el;
    HistoryW *past;
    recall *kept;
    wide scratch;
    struct winsize size;
    char typed[4096]; /* and not looked at yet: from `at` to n */
    size_t at, n;
    cause cause;
    bool was_empty; /* the line, when Ctrl-C came */
};

/* ------------------------------------------------------------------ wide text */

static bool wide_add(wide *w, uint32_t c) {
    if (w->n == w->cap) {
        const size_t cap = w->cap ? 2 * w->cap : 256;
        wchar_t *p = realloc(w->p, cap * sizeof *p);
        if (!p) return false;
        w->p = p;
        w->cap = cap;
    }
    w->p[w->n++] = (wchar_t)c;
    return true;
}

/* Into w, with a zero behind it; characters that libedit takes for the end are left out. */
static bool to_wide(wide *w, const char *p, size_t n) {
    w->n = 0;
    for (size_t i = 0; i < n;) {
        const utf8_char c = utf8_next(p + i, n - i);
        if (c.code && !wide_add(w, c.code)) return false;
        i += c.bytes;
    }
    return wide_add(w, 0);
}

static void add_narrow(buf *out, const wchar_t *p, size_t n) {
    char c[4];
    for (size_t i = 0; i < n; i++) buf_add(out, c, utf8_put(c, (uint32_t)p[i]));
}

/* ------------------------------------------------------------------ keys */

static editor *owner(EditLine *el) {
    editor *ed = NULL;
    el_wget(el, EL_CLIENTDATA, &ed);
    return ed;
}

/* How many rows below the prompt the end of these characters is, on a screen of so many columns. */
static unsigned rows_down(const editor *ed, const wchar_t *from, const wchar_t *to,
                          unsigned columns) {
    unsigned down = 0, column = (unsigned)wcslen(ed->prompt);
    if (columns == 0) columns = 80; /* libedit's guess where nothing is known */
    for (const wchar_t *c = from; c < to; c++) {
        const int width = *c == '\t' ? 8 - (int)(column % 8) : wcwidth(*c);
        const unsigned cells = width > 0 ? (unsigned)width : 0;
        if (*c == '\n' || column + cells > columns) down++, column = 0;
        if (*c != '\n') column += cells;
    }
    return down + (column >= columns);
}

/* Another program may have had the terminal in between: then it is not in raw mode any longer. */
static bool lost_raw_mode(void) {
    struct termios t;
    return tcgetattr(STDIN_FILENO, &t) == 0 && (t.c_lflag & ICANON);
}

/* To the beginning of the prompt, everything from there on cleared. Some terminals wrap their lines
 * anew when they change size, some do not: the shorter way up leaves the text above alone. */
static void leave_old_line(editor *ed, const struct winsize *now) {
    const LineInfoW *l = el_wline(ed->el);
    const unsigned was = rows_down(ed, l->buffer, l->cursor, ed->size.ws_col);
    const unsigned is = rows_down(ed, l->buffer, l->cursor, now->ws_col);
    const unsigned up = was < is ? was : is;
    fputc('\r', ed->screen);
    if (up) fprintf(ed->screen, "\033[%uA", up);
    fputs("\033[J", ed->screen);
}

static void look_at_terminal(editor *ed) {
    struct winsize now = ed->size;
    ioctl(fileno(ed->screen), TIOCGWINSZ, &now);
    const bool resized = now.ws_row != ed->size.ws_row || now.ws_col != ed->size.ws_col;
    if (lost_raw_mode()) { /* and the cursor stands on a new line */
        el_wset(ed->el, EL_PREP_TERM, 0);
        el_wset(ed->el, EL_PREP_TERM, 1);
        if (ed->addressed) fputs(paste_on, ed->screen);
    } else if (!resized) {
        return;
    } else if (ed->addressed) {
        leave_old_line(ed, &now);
    }
    ed->size = now;
    el_resize(ed->el);
    el_wset(ed->el, EL_REFRESH); /* draws where the cursor is */
}

/* Ctrl-C leaves the line on the screen; what comes next begins below it. */
static bool obey_ctrl_c(editor *ed) {
    const LineInfoW *l = el_wline(ed->el);
    const unsigned columns = ed->size.ws_col;
    const unsigned at = rows_down(ed, l->buffer, l->cursor, columns);
    const unsigned end = rows_down(ed, l->buffer, l->lastchar, columns);
    for (unsigned i = at; i < end; i++) fputc('\n', ed->screen);
    fputs(l->cursor == l->lastchar ? "^C\n" : "\n", ed->screen);
    ed->was_empty = l->lastchar == l->buffer;
    ed->cause = CTRL_C;
    return false;
}

/* More bytes behind those that wait; false when there is a cause for not getting any. */
static bool fill(editor *ed) {
    memmove(ed->typed, ed->typed + ed->at, ed->n - ed->at);
    ed->n -= ed->at;
    ed->at = 0;
    for (;;) {
        struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
        if (*ed->interrupted == CLI_TERMINATE) break;
        if (*ed->interrupted) return obey_ctrl_c(ed);
        look_at_terminal(ed);
        if (poll(&in, 1, LOOK_MS) <= 0) continue; /* EINTR, or time for a look */
        const ssize_t got = read(STDIN_FILENO, ed->typed + ed->n, sizeof ed->typed - ed->n);
        if (got > 0) {
            ed->n += (size_t)got;
            return true;
        }
        if (got == 0 || (errno != EINTR && errno != EAGAIN)) break;
    }
    ed->cause = INPUT_ENDED;
    return false;
}

/* What libedit calls for a character: 1, or -1 to end the line without one. */
static int next_key(EditLine *el, wchar_t *out) {
    editor *ed = owner(el);
    for (;;) {
        const utf8_char c = utf8_next(ed->typed + ed->at, ed->n - ed->at);
        if (c.bytes && !c.partial) {
            ed->at += c.bytes;
            *out = (wchar_t)c.code;
            return 1;
        }
        if (!fill(ed)) return -1;
    }
}

/* ------------------------------------------------------------------ what keys do */

static bool ends_with(const wide *w, const char *tail) {
    const size_t n = strlen(tail);
    if (w->n < n) return false;
    for (size_t i = 0; i < n; i++)
        if (w->p[w->n - n + i] != (wchar_t)tail[i]) return false;
    return true;
}

/* Line ends as they are here, nothing that acts on a terminal, no line ends behind the text. */
static void clean_paste(wide *w) {
    size_t n = 0;
    for (size_t i = 0; i < w->n; i++) {
        const wchar_t c = w->p[i];
        if (c == '\r' || c == '\n') w->p[n++] = '\n';
        else if (c == '\t' || (c >= 0x20 && (c < 0x7f || c >= 0xa0))) w->p[n++] = c;
    }
    while (n && w->p[n - 1] == '\n') n--;
    w->n = n;
}

/* Between the terminal's marks everything is text. */
static unsigned char paste(EditLine *el, int key) {
    static const char end[] = "\033[201~";
    editor *ed = owner(el);
    wide *w = &ed->scratch;
    wchar_t c;
    bool too_much = false;
    (void)key;
    w->n = 0;
    while (!ends_with(w, end)) {
        if (w->n == INPUT_LINE_MOST) { /* too much: only its end is still looked for */
            memmove(w->p, w->p + w->n - sizeof end, sizeof end * sizeof *w->p);
            w->n = sizeof end;
            too_much = true;
        }
        if (next_key(el, &c) != 1) return CC_EOF; /* the cause is known */
        if (!wide_add(w, (uint32_t)c)) {
            ed->cause = NO_MEMORY;
            return CC_EOF;
        }
    }
    w->n -= sizeof end - 1;
    clean_paste(w);
    if (too_much || !wide_add(w, 0)) return CC_ERROR;
    if (w->n > 1 && el_winsertstr(el, w->p) != 0) return CC_ERROR;
    return CC_REFRESH;
}

static unsigned char insert_newline(EditLine *el, int key) {
    (void)key;
    return el_winsertstr(el, L"\n") == 0 ? CC_REFRESH : CC_ERROR;
}

static bool begins_with(const char *command, const wchar_t *p, size_t n) {
    size_t i = 0;
    while (i < n && command[i] && (wchar_t)command[i] == p[i]) i++;
    return i == n;
}

/* How many commands begin like this; the first of them, and how much of it all have in common. */
static size_t find_commands(const editor *ed, const wchar_t *p, size_t n, const char **first,
                            size_t *common) {
    size_t found = 0;
    for (const char *const *c = ed->commands; *c; c++) {
        size_t k = 0;
        if (!begins_with(*c, p, n)) continue;
        if (found++ == 0) *first = *c, *common = strlen(*c);
        while (k < *common && (*c)[k] == (*first)[k]) k++;
        *common = k;
    }
    return found;
}

static void list_commands(const editor *ed, const wchar_t *p, size_t n) {
    fputc('\n', ed->screen);
    for (const char *const *c = ed->commands; *c; c++)
        if (begins_with(*c, p, n)) fprintf(ed->screen, "%s  ", *c);
    fputc('\n', ed->screen);
}

/* Tab: the rest of a command; a list where that is not enough. */
static unsigned char complete(EditLine *el, int key) {
    editor *ed = owner(el);
    const LineInfoW *l = el_wline(el);
    const size_t n = (size_t)(l->cursor - l->buffer);
    const char *first = "";
    size_t common = 0;
    (void)key;
    if (n == 0 || *l->buffer != '/') return CC_ERROR;
    const size_t found = find_commands(ed, l->buffer, n, &first, &common);
    if (found == 0) return CC_ERROR;
    if (found > 1 && common == n) {
        list_commands(ed, l->buffer, n);
        return CC_REDISPLAY;
    }
    if (!to_wide(&ed->scratch, first + n, common - n)) return CC_ERROR;
    if (found == 1 && l->cursor == l->lastchar) {
        ed->scratch.p[ed->scratch.n - 1] = ' ';
        if (!wide_add(&ed->scratch, 0)) return CC_ERROR;
    }
    if (*ed->scratch.p && el_winsertstr(el, ed->scratch.p) != 0) return CC_ERROR;
    return CC_REFRESH;
}

static wchar_t *prompt_of(EditLine *el) { return (wchar_t *)(uintptr_t)owner(el)->prompt; }

/* ------------------------------------------------------------------ opening */

static void show_to_libedit(editor *ed, const char *p, size_t n) {
    HistEventW ev;
    if (to_wide(&ed->scratch, p, n)) history_w(ed->past, &ev, H_ENTER, ed->scratch.p);
}

static bool open_past(editor *ed) {
    char path[4096];
    HistEventW ev;
    ed->kept = recall_open(recall_path(path, sizeof path) ? path : NULL);
    ed->past = history_winit();
    if (!ed->kept || !ed->past) return false;
    history_w(ed->past, &ev, H_SETSIZE, RECALL_MOST);
    history_w(ed->past, &ev, H_SETUNIQUE, 1);
    for (size_t i = 0; i < recall_count(ed->kept); i++) {
        size_t n;
        const char *p = recall_at(ed->kept, i, &n);
        show_to_libedit(ed, p, n);
    }
    return el_wset(ed->el, EL_HIST, history_w, ed->past) == 0;
}

static bool bind_keys(EditLine *el) {
    static const struct {
        const wchar_t *name, *help, *keys[2];
        unsigned char (*run)(EditLine *, int);
    } keys[] = {{L"ds4-complete", L"complete a command", {L"^I"}, complete},
                {L"ds4-paste", L"take what is pasted", {L"\033[200~"}, paste},
                {L"ds4-newline", L"a line end", {L"\033\r", L"\033\n"}, insert_newline}};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (el_wset(el, EL_ADDFN, keys[i].name, keys[i].help, keys[i].run) != 0) return false;
        for (size_t k = 0; k < 2 && keys[i].keys[k]; k++)
            if (el_wset(el, EL_BIND, keys[i].keys[k], keys[i].name, NULL) != 0) return false;
    }
    return el_wset(el, EL_BIND, L"^R", L"em-inc-search-prev", NULL) == 0;
}

static status open_terminal(editor *ed, err *e) {
    const char *term = getenv("TERM");
    ed->addressed = term && *term && strcmp(term, "dumb") != 0;
    ed->el = el_init("ds4", stdin, ed->screen, stderr);
    if (!ed->el)
        return fail(e, E_IO, "the terminal '%s' cannot be edited on: set TERM, or give -p TEXT",
                    term ? term : "");
    el_wset(ed->el, EL_CLIENTDATA, ed);
    el_wset(ed->el, EL_SIGNAL, 0);
    el_wset(ed->el, EL_EDITOR, L"emacs");
    el_wset(ed->el, EL_PROMPT, prompt_of);
    el_wset(ed->el, EL_GETCFN, next_key);
    el_source(ed->el, NULL); /* the user's keys; having none is no error */
    if (!bind_keys(ed->el) || !open_past(ed)) return fail(e, E_NOMEM, "out of memory");
    return OK;
}

status editor_open(editor **out, const char *const *commands, volatile sig_atomic_t *interrupted,
                   err *e) {
    editor *ed = calloc(1, sizeof *ed);
    if (!ed) return fail(e, E_NOMEM, "out of memory");
    ed->commands = commands;
    ed->interrupted = interrupted;
    ed->screen = isatty(STDOUT_FILENO) ? stdout : stderr;
    const bool terminal = isatty(STDIN_FILENO) && isatty(fileno(ed->screen));
    const status st = terminal ? open_terminal(ed, e) : lines_open(&ed->pipe, "-", interrupted, e);
    if (st != OK) {
        editor_close(ed);
        return st;
    }
    *out = ed;
    return OK;
}

void editor_close(editor *ed) {
    if (!ed) return;
    lines_close(ed->pipe);
    if (ed->el) el_end(ed->el);
    if (ed->past) history_wend(ed->past);
    recall_close(ed->kept);
    free(ed->scratch.p);
    free(ed);
}

/* ------------------------------------------------------------------ lines */

/* What came instead of a line. */
typedef enum got { A_LINE, THE_END, TO_FORGET } got;

static status pipe_line(editor *ed, buf *line, got *what, err *e) {
    input_line in;
    bool more;
    const status st = lines_next(ed->pipe, &in, &more, e);
    if (st != OK) return st;
    if (in.too_long)
        return fail(e, E_LIMIT, "standard input: a line of more than %d bytes, the limit here",
                    INPUT_LINE_MOST);
    if (in.n && in.p[in.n - 1] == '\r') in.n--;
    buf_add(line, in.p, in.n);
    *what = more ? A_LINE : THE_END;
    return OK;
}

/* A line without its end, from the terminal. It may hold line ends that were pasted. */
static status edit_line(editor *ed, buf *line, got *what, err *e) {
    int n = 0;
    ed->cause = NO_CAUSE;
    /* Before the prompt, though el_wgets does it too: whoever answers a prompt at once would else
     * meet a terminal that edits lines by itself, and keeps a Ctrl-D. */
    el_wset(ed->el, EL_PREP_TERM, 1);
    ioctl(fileno(ed->screen), TIOCGWINSZ, &ed->size); /* el_wgets looks, too */
    if (ed->addressed) fputs(paste_on, ed->screen);
    fflush(ed->screen);
    const wchar_t *p = el_wgets(ed->el, &n);
    if (p && n > 0 && ed->cause == NO_CAUSE) {
        const size_t len = (size_t)n - (p[n - 1] == '\n');
        add_narrow(line, p, len);
        *what = A_LINE;
    } else {
        el_reset(ed->el);
        if (ed->cause != CTRL_C) fputc('\n', ed->screen);
        *what = ed->cause == CTRL_C ? TO_FORGET : THE_END;
    }
    if (ed->addressed) fputs(paste_off, ed->screen);
    fflush(ed->screen);
    return ed->cause == NO_MEMORY ? fail(e, E_NOMEM, "out of memory") : OK;
}

static status next_line(editor *ed, buf *line, const wchar_t *prompt, got *what, err *e) {
    buf_clear(line);
    ed->prompt = prompt;
    const status st = ed->pipe ? pipe_line(ed, line, what, e) : edit_line(ed, line, what, e);
    if (st != OK || *what != TO_FORGET) return st;
    ed->at = ed->n = 0;
    *ed->interrupted = 0;
    return OK;
}

/* ------------------------------------------------------------------ messages */

/* A message under way. */
typedef struct message_lines {
    buf *text;
    bool any, block; /* there are lines; the last """ has not come */
} message_lines;

/* One of its lines; true when it was the last. */
static bool take_line(message_lines *m, const char *p, size_t n, bool last) {
    const bool quotes = n == 3 && memcmp(p, "\"\"\"", 3) == 0;
    if (quotes && (m->block || !m->any)) {
        m->block = !m->block;
        return !m->block && last;
    }
    const bool goes_on = !m->block && last && n && p[n - 1] == '\\';
    if (m->any) buf_char(m->text, '\n');
    buf_add(m->text, p, goes_on ? n - 1 : n);
    m->any = true;
    return last && !goes_on && !m->block;
}

/* All lines of what was typed or pasted at once. */
static bool take_lines(message_lines *m, const buf *line) {
    const char *p = line->data ? line->data : "";
    size_t n = line->n;
    for (;;) {
        const char *end = n ? memchr(p, '\n', n) : NULL;
        if (!end) return take_line(m, p, n, true);
        take_line(m, p, (size_t)(end - p), false);
        n -= (size_t)(end - p) + 1;
        p = end + 1;
    }
}

static void remember(editor *ed, const buf *text) {
    if (ed->pipe || text->n == 0) return;
    recall_add(ed->kept, text->data, text->n);
    show_to_libedit(ed, text->data, text->n);
}

status editor_read(editor *ed, buf *text, bool *more, err *e) {
    message_lines m = {.text = text};
    buf line = {0};
    bool done = false;
    got what = A_LINE;
    status st = OK;
    buf_clear(text);
    while (st == OK && !done) {
        const bool first = !m.any && !m.block;
        st = next_line(ed, &line, first ? L"> " : L". ", &what, e);
        if (st != OK || what == THE_END) break;
        if (what == A_LINE) {
            done = take_lines(&m, &line);
        } else {
            if (first && ed->was_empty) fputs("Ctrl-D or /quit leaves\n", ed->screen);
            m = (message_lines){.text = text};
            buf_clear(text);
        }
        if (line.failed || text->failed) st = fail(e, E_NOMEM, "out of memory");
        else if (text->n > INPUT_MOST)
            st = fail(e, E_LIMIT, "a message of more than %d bytes, the limit here", INPUT_MOST);
    }
    buf_free(&line);
    if (st != OK) return st;
    *more = (what == A_LINE || m.any) && *ed->interrupted != CLI_TERMINATE;
    if (*more) remember(ed, text);
    return OK;
}
