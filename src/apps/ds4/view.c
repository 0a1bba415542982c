/* view.c: a line is read from left to right, with one run of marks held back at most.
 *
 *     where a line begins        # run: heading      ` or ~ run: fence       * run: bullet or mark
 *     in text                    ` run: code on, off      * run: bold, italic on, off
 *     in fenced code             nothing, until a fence closes it
 *
 * All inline styles end with their line, so a star that was no mark costs a line at most.
 */
#include "apps/ds4/view.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/utf8.h"
#include "text/utf8_stream.h"

/* Styles add up; this is also how they are told to the terminal. */
enum { BOLD = 1, DIM = 2, ITALIC = 4, CODE = 8 };

typedef enum place {
    LINE_START, /* nothing but blanks so far                           */
    TEXT,
    FENCE_OPEN,  /* behind the marks of a line that opens fenced code  */
    CODE_START,  /* LINE_START inside of it                            */
    CODE_TEXT,
    FENCE_CLOSE /* behind the marks of a line that may close it        */
} place;

typedef enum neighbour { BLANK, WORD, OTHER } neighbour; /* WORD: an ASCII letter or digit */

typedef enum part { NOTHING, THINKING, ANSWER } part;

struct view {
    FILE *to;
    view_style style;
    utf8_stream whole;
    buf chars, out;
    bool failed;
    part part;
    bool mid_line;     /* the cursor is not at the beginning of a line */
    unsigned now;      /* the style that the terminal is in            */

    place at;
    char held;         /* a run of this character is held back ...     */
    size_t n_held;     /* ... if there is any                          */
    char fence;        /* its character, and how many of them          */
    size_t n_fence;
    bool heading, bold, italic, escaped;
    size_t code_run;   /* backticks that opened the code; 0: none open */
    neighbour before;
};

view *view_new(FILE *to, view_style style) {
    view *v = calloc(1, sizeof *v);
    if (!v) return NULL;
    v->to = to;
    v->style = style;
    return v;
}

/* ------------------------------------------------------------------ what the terminal gets */

static void set_style(view *v, unsigned style) {
    static const struct {
        unsigned bit;
        const char *code;
    } codes[] = {{BOLD, ";1"}, {DIM, ";2"}, {ITALIC, ";3"}, {CODE, ";36"}};
    if (style == v->now || v->style != VIEW_STYLED) return;
    v->now = style;
    buf_str(&v->out, "\033[0");
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (style & codes[i].bit) buf_str(&v->out, codes[i].code);
    buf_char(&v->out, 'm');
}

static void end_line(view *v) {
    set_style(v, 0);
    buf_char(&v->out, '\n');
    v->mid_line = false;
}

/* Characters that act instead of being seen: controls, and those that reorder what follows. */
static bool acts(uint32_t c) {
    return (c < 0x20 && c != '\t') || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029 ||
           (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

static void show(view *v, unsigned style, const char *p, size_t n) {
    const uint32_t c = utf8_next(p, n).code;
    set_style(v, style);
    if (!acts(c)) buf_add(&v->out, p, n);
    else buf_printf(&v->out, c < 0x80 ? "\\x%02x" : "\\u{%x}", (unsigned)c);
    v->mid_line = true;
}

static void show_run(view *v, unsigned style, char c, size_t n) {
    set_style(v, style);
    for (size_t i = 0; i < n; i++) buf_char(&v->out, c);
    v->mid_line |= n > 0;
}

/* ------------------------------------------------------------------ runs of marks */

static unsigned text_style(const view *v) {
    return (v->heading || v->bold ? BOLD : 0u) | (v->italic ? ITALIC : 0u) |
           (v->code_run ? CODE : 0u);
}

static void begin_text(view *v) {
    v->at = TEXT;
    v->heading = v->bold = v->italic = v->escaped = false;
    v->code_run = 0;
    v->before = BLANK;
}

static void decide_backticks(view *v, size_t n, bool line_ends) {
    const bool closes = v->code_run == n, opens = !v->code_run && !line_ends;
    if (opens) v->code_run = n;
    show_run(v, text_style(v), '`', n);
    if (closes) v->code_run = 0;
}

/* A star opens in front of something and closes behind something. Between two words of ASCII it
 * multiplies. */
static void decide_stars(view *v, size_t n, neighbour after) {
    const bool product = v->before == WORD && after == WORD;
    const bool can_open = after != BLANK && !product, can_close = v->before != BLANK;
    const bool bold = n == 2 || n == 3, italic = n == 1 || n == 3;
    const bool closes = can_close && ((bold && v->bold) || (italic && v->italic));
    if (!closes && can_open) {
        v->bold |= bold;
        v->italic |= italic;
    }
    show_run(v, text_style(v), '*', n);
    if (closes) {
        v->bold &= !bold;
        v->italic &= !italic;
    }
}

static bool opens_fence(const view *v, char c, size_t n) {
    return v->at == LINE_START && (c == '`' || c == '~') && n >= 3;
}

static void decide_in_text(view *v, char c, size_t n, neighbour after, bool line_ends) {
    if (v->at == LINE_START) begin_text(v);
    if (c == '`') {
        decide_backticks(v, n, line_ends);
    } else if (c == '*') {
        decide_stars(v, n, after);
    } else {
        v->heading = c == '#' && n <= 6 && after == BLANK;
        show_run(v, text_style(v), c, n);
    }
    v->before = OTHER;
}

/* What the held run means, now that what follows it is known. */
static void decide(view *v, neighbour after, bool line_ends) {
    const size_t n = v->n_held;
    const char c = v->held;
    if (n == 0) return;
    v->n_held = 0;
    if (v->at == CODE_START) {
        const bool closes = n >= v->n_fence;
        v->at = closes ? FENCE_CLOSE : CODE_TEXT;
        show_run(v, closes ? DIM : CODE, c, n);
    } else if (opens_fence(v, c, n)) {
        v->at = FENCE_OPEN;
        v->fence = c;
        v->n_fence = n;
        show_run(v, DIM, c, n);
    } else {
        decide_in_text(v, c, n, after, line_ends);
    }
}

static bool begins_run(const view *v, char c) {
    switch (v->at) {
    case LINE_START:
        return c == '#' || c == '~' || c == '`' || c == '*';
    case TEXT:
        return !v->escaped && (c == '`' || (c == '*' && !v->code_run));
    case CODE_START:
        return c == v->fence;
    default:
        return false;
    }
}

/* ------------------------------------------------------------------ characters */

static neighbour kind_of(char c) {
    if (c == ' ' || c == '\t' || c == '\n') return BLANK;
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return letter || (c >= '0' && c <= '9') ? WORD : OTHER;
}

static void take_newline(view *v) {
    if (v->at == FENCE_OPEN || v->at == CODE_TEXT) v->at = CODE_START;
    else if (v->at != CODE_START) v->at = LINE_START;
    end_line(v);
}

static void take_text(view *v, const char *p, size_t n) {
    const bool blank = kind_of(*p) == BLANK;
    if (v->at == LINE_START && blank) {
        show(v, 0, p, n);
        return;
    }
    if (v->at == LINE_START) begin_text(v);
    v->escaped = !v->escaped && !v->code_run && *p == '\\';
    show(v, text_style(v), p, n);
    v->before = kind_of(*p);
}

static void take(view *v, const char *p, size_t n) {
    const char c = *p;
    if (v->n_held && c == v->held) {
        v->n_held++;
        return;
    }
    decide(v, kind_of(c), c == '\n');
    if (c == '\n') {
        take_newline(v);
        return;
    }
    /* A line that opens a fence has no second run of backticks: this one is code within a line. */
    if (v->at == FENCE_OPEN && c == '`' && v->fence == '`') {
        begin_text(v);
        v->code_run = v->n_fence;
    }
    if (begins_run(v, c)) {
        v->held = c;
        v->n_held = 1;
        return;
    }
    switch (v->at) {
    case LINE_START:
    case TEXT:
        take_text(v, p, n);
        break;
    case FENCE_OPEN:
        show(v, DIM, p, n);
        break;
    case CODE_START:
    case CODE_TEXT:
    case FENCE_CLOSE:
        if (kind_of(c) != BLANK) v->at = CODE_TEXT;
        show(v, v->at == FENCE_CLOSE ? DIM : CODE, p, n);
        break;
    }
}

static void take_all(view *v) {
    for (size_t i = 0; i < v->chars.n;) {
        const char *p = v->chars.data + i;
        const size_t n = utf8_next(p, v->chars.n - i).bytes;
        if (v->part == ANSWER) take(v, p, n);
        else if (*p == '\n') end_line(v);
        else show(v, DIM, p, n);
        i += n;
    }
    buf_clear(&v->chars);
}

/* The text so far is complete: an answer ends, or thinking does. */
static void finish_part(view *v) {
    utf8_stream_end(&v->whole, &v->chars);
    take_all(v);
    if (v->part == ANSWER) decide(v, BLANK, true);
    set_style(v, 0);
    if (v->mid_line) end_line(v);
    v->at = LINE_START;
}

static void write_out(view *v) {
    v->failed |= v->out.failed || v->chars.failed;
    if (v->out.n && fwrite(v->out.data, 1, v->out.n, v->to) != v->out.n) v->failed = true;
    if (fflush(v->to) != 0) v->failed = true;
    buf_clear(&v->out);
}

void view_text(view *v, bool thinking, const char *p, size_t n) {
    if (!v || n == 0 || v->failed) return;
    if (v->style == VIEW_PLAIN) {
        if (!thinking) buf_add(&v->out, p, n);
    } else {
        const part now = thinking ? THINKING : ANSWER;
        if (v->part != NOTHING && v->part != now) {
            finish_part(v);
            buf_char(&v->out, '\n');
        }
        v->part = now;
        utf8_stream_feed(&v->whole, p, n, &v->chars);
        take_all(v);
    }
    write_out(v);
}

bool view_failed(const view *v) { return !v || v->failed; }

bool view_end(view *v) {
    if (!v) return false;
    if (v->style != VIEW_PLAIN) finish_part(v);
    write_out(v);
    const bool good = !v->failed;
    buf_free(&v->chars);
    buf_free(&v->out);
    free(v);
    return good;
}
