#include "apps/ds4/console.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "apps/ds4/editor.h"
#include "apps/lib/input.h"
#include "apps/ds4/reading.h"
#include "apps/ds4/talker.h"
#include "apps/ds4/view.h"
#include "apps/lib/find_model.h"
#include "apps/lib/say.h"
#include "base/utf8.h"

typedef struct console {
    const ds4_cli *o;
    talker *t;
    editor *ed;
    reading how; /* what answers are shown with */
    bool terminal; /* stdin and stdout are one */
    bool figures;  /* a line of them after each answer */
    bool leave;
    run_stats *stats;
} console;

/* A remark to the person, not part of any answer. */
static void remark(const console *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void remark(const console *c, const char *fmt, ...) {
    char raw[1024], shown[1200];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(raw, sizeof raw, fmt, ap);
    va_end(ap);
    utf8_printable(shown, sizeof shown, raw, strlen(raw));
    fprintf(stderr, c->how.style == VIEW_STYLED ? "\x1b[2m%s\x1b[0m\n" : "%s\n", shown);
}

/* Something asked for did not work; the chat goes on. */
static void complain(const err *e) {
    if (e->code != E_CANCELLED) say_error(e);
}

/* ------------------------------------------------------------------ answers */

static void tell_figures(const console *c, const answer_report *r) {
    if (!c->figures) return;
    const double made = r->making_s > 0 ? r->made / r->making_s : 0;
    const uint32_t fresh = r->prompt - r->reused;
    const double read = r->reading_s > 0 ? fresh / r->reading_s : 0;
    remark(c, "[%u tokens, %.1f tok/s; read %u at %.0f tok/s, %u kept; context %u of %u%s]", r->made, made, fresh, read,
           r->reused, talker_used(c->t), talker_context(c->t),
           r->end == TURN_LENGTH      ? "; cut by the limit"
           : r->end == TURN_CANCELLED ? "; stopped"
           : r->end == TURN_LOOP      ? "; it repeated itself"
                                      : "");
}

/* Runs one answer, by saying something or by trying again. */
static void converse(console *c, const char *text, size_t n) {
    answer_report r = {0};
    err e = {0};
    const answer_view v = reading_start(&c->how);
    const status st = text ? talker_say(c->t, text, n, &v, &r, &e) : talker_retry(c->t, &v, &r, &e);
    reading_end(&c->how);
    if (c->how.style == VIEW_PLAIN && st == OK) {
        putchar('\n'); /* answers are told apart by lines */
        fflush(stdout);
    }
    reading_count(c->stats, &r);
    if (st != OK) complain(&e);
    else tell_figures(c, &r);
}

/* ------------------------------------------------------------------ commands */

static void do_help(console *c, const char *arg);

static void set_think(console *c, think_mode m, const char *what) {
    talker_settings(c->t)->think = m;
    remark(c, "%s", what);
}
static void do_think(console *c, const char *arg) { (void)arg; set_think(c, THINK_ON, "thinks before it answers"); }
static void do_nothink(console *c, const char *arg) { (void)arg; set_think(c, THINK_OFF, "answers at once"); }
static void do_think_max(console *c, const char *arg) {
    (void)arg;
    set_think(c, THINK_MAX, "thinks as long as it takes (long contexts are wanted for this)");
}

static void do_system(console *c, const char *arg) {
    err e = {0};
    if (!*arg) {
        const char *now = talker_system(c->t);
        remark(c, "%s", *now ? now : "there is no system prompt; /system TEXT sets one");
        return;
    }
    const bool none = strcmp(arg, "-") == 0;
    if (talker_set_system(c->t, arg, none ? 0 : strlen(arg), &e) != OK) complain(&e);
    else remark(c, none ? "no system prompt" : "system prompt set");
}

/* The file's text is the message, and what stands behind its name goes on top. */
static void do_read(console *c, const char *arg) {
    char path[4096];
    const size_t n = strcspn(arg, " ");
    err e = {0};
    buf message = {0};
    if (n == 0 || n >= sizeof path) {
        remark(c, "/read FILE [what to do with it]");
        return;
    }
    memcpy(path, arg, n);
    path[n] = 0;
    while (arg[n] == ' ') arg++;
    if (arg[n]) buf_printf(&message, "%s\n\n", arg + n);
    status st = input_read(&message, path, INPUT_MOST, c->o->interrupted, &e);
    if (st == OK && message.failed) st = fail(&e, E_NOMEM, "%s: out of memory", path);
    if (st != OK) complain(&e);
    else converse(c, message.data, message.n);
    buf_free(&message);
}

/* HOME/.ds4/chats/NAME.chat; folders are made as needed, for the owner only. */
static status chat_path(char *out, size_t cap, const char *name, err *e) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    const char *home = getenv("HOME");
    if (!*name || *name == '.' || strlen(name) > 64 || name[strspn(name, letters)])
        return fail(e, E_USAGE, "a name has 1 to 64 letters, digits, '-', '_' and '.', and does not begin with '.'");
    if (!home || !*home) return fail(e, E_USAGE, "HOME is not set: no place for saved chats");
    const char *const folders[] = {".ds4", ".ds4/chats"};
    for (size_t i = 0; i < 2; i++) {
        snprintf(out, cap, "%s/%s", home, folders[i]);
        if (mkdir(out, 0700) != 0 && errno != EEXIST) return fail(e, E_IO, "%s: %s", out, strerror(errno));
    }
    if ((size_t)snprintf(out, cap, "%s/.ds4/chats/%s.chat", home, name) >= cap)
        return fail(e, E_LIMIT, "the name of your home folder is too long");
    return OK;
}

static void do_save(console *c, const char *arg) {
    char path[4096];
    err e = {0};
    status st = chat_path(path, sizeof path, arg, &e);
    if (st == OK) st = talker_save(c->t, path, &e);
    if (st != OK) complain(&e);
    else remark(c, "saved as %s; /load %s brings it back", path, arg);
}

static void do_load(console *c, const char *arg) {
    char path[4096];
    err e = {0};
    bool computed = false;
    status st = chat_path(path, sizeof path, arg, &e);
    if (st == OK) st = talker_load(c->t, path, &computed, &e);
    if (st != OK) complain(&e);
    else if (computed) remark(c, "%zu messages; %u tokens are ready", talker_messages(c->t), talker_used(c->t));
    else remark(c, "%zu messages; saved with another model or other options, so they will be read again", talker_messages(c->t));
}

static void do_undo(console *c, const char *arg) {
    (void)arg;
    if (!talker_undo(c->t)) remark(c, "there is nothing to take back");
    else remark(c, "took back the last message and its answer; %zu messages are left", talker_messages(c->t));
}

static void do_retry(console *c, const char *arg) {
    (void)arg;
    converse(c, NULL, 0);
}

static void do_stats(console *c, const char *arg) {
    (void)arg;
    c->figures = !c->figures;
    remark(c, c->figures ? "figures after each answer" : "no figures");
}

static void do_ctx(console *c, const char *arg) {
    (void)arg;
    remark(c, "%u of %u tokens in use, %zu messages", talker_used(c->t), talker_context(c->t), talker_messages(c->t));
}

static void do_quit(console *c, const char *arg) {
    (void)arg;
    c->leave = true;
}

static const struct command {
    const char *name, *arg, *help;
    void (*run)(console *c, const char *arg);
} commands[] = {
    {"/help", "", "this list", do_help},
    {"/think", "", "think before answering", do_think},
    {"/nothink", "", "answer at once", do_nothink},
    {"/think-max", "", "think as hard as it can", do_think_max},
    {"/system", "[TEXT | -]", "show, set or remove the system prompt", do_system},
    {"/read", "FILE [TEXT]", "send a file, with TEXT in front", do_read},
    {"/save", "NAME", "keep this chat", do_save},
    {"/load", "NAME", "go on with a kept one, without reading it again", do_load},
    {"/undo", "", "take back the last message and its answer", do_undo},
    {"/retry", "", "another answer to the last message", do_retry},
    {"/stats", "", "figures after each answer, on and off", do_stats},
    {"/ctx", "", "how much of the context is in use", do_ctx},
    {"/quit", "", "leave (so does Ctrl-D)", do_quit},
};
enum { N_COMMANDS = sizeof commands / sizeof *commands };

static void do_help(console *c, const char *arg) {
    (void)arg;
    for (size_t i = 0; i < N_COMMANDS; i++) remark(c, "  %-11s %-12s %s", commands[i].name, commands[i].arg, commands[i].help);
    remark(c, "A line that ends in \\ goes on; \"\"\" alone begins and ends a message of many lines. Ctrl-C stops an answer.");
}

static void run_command(console *c, const char *said) {
    const size_t n = strcspn(said, " ");
    const char *arg = said + n;
    while (*arg == ' ') arg++;
    for (size_t i = 0; i < N_COMMANDS; i++)
        if (strlen(commands[i].name) == n && memcmp(commands[i].name, said, n) == 0) {
            commands[i].run(c, arg);
            return;
        }
    remark(c, "there is no %.*s; /help lists what there is", (int)(n < 64 ? n : 64), said);
}

/* ------------------------------------------------------------------ the loop */

static void take_input(console *c, buf *text) {
    while (text->n && (text->data[text->n - 1] == '\n' || text->data[text->n - 1] == ' ')) text->data[--text->n] = 0;
    if (text->n == 0) return;
    if (text->data[0] == '/' && !memchr(text->data, '\n', text->n)) run_command(c, text->data);
    else converse(c, text->data, text->n);
}

static status loop(console *c, err *e) {
    status st = OK;
    while (!c->leave && st == OK) {
        buf text = {0};
        bool more = false;
        if (*c->o->interrupted == CLI_TERMINATE) break;
        *c->o->interrupted = 0;
        st = editor_read(c->ed, &text, &more, e);
        if (!more) c->leave = true;
        else if (st == OK) take_input(c, &text);
        buf_free(&text);
    }
    return st;
}

static void greet(const console *c) {
    if (!c->terminal) {
        if (c->o->bundled) say_note("%s", FIND_MODEL_MINI);
        return;
    }
    if (c->o->bundled) {
        remark(c, "This is " FIND_MODEL_IS ".");
        remark(c, "What it can do: " FIND_MODEL_CAN ".");
        remark(c, "How to get " FIND_MODEL_REAL);
    }
    remark(c, "%s; context %u tokens; /help lists the commands", c->o->model, talker_context(c->t));
}

status console_run(const ds4_cli *o, run_stats *stats, err *e) {
    const char *names[N_COMMANDS + 1] = {0};
    for (size_t i = 0; i < N_COMMANDS; i++) names[i] = commands[i].name;
    console c = {.o = o, .stats = stats, .terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO)};
    model *m = NULL;
    engine *en = NULL;
    status st = reading_open(&m, &en, &c.t, o, stats, e);
    if (st == OK) st = editor_open(&c.ed, names, o->interrupted, e);
    if (st == OK) {
        c.how = reading_style(o);
        c.figures = c.terminal;
        greet(&c);
        st = loop(&c, e);
    }
    editor_close(c.ed);
    talker_free(c.t);
    engine_close(en);
    model_close(m);
    return st;
}
