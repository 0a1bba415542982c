#include "chat/dsml.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "chat/parts.h"
#include "chat/templates.h"

enum {
    VALUE_DEPTH = 200,  /* JSON in a value; deeper is a string */
    OBJECTS_MOST = 16,  /* parameters within parameters        */
    TAG_MOST = 4 << 10, /* bytes of one tag, names included    */
    PARTIAL_MOST = 64,  /* symbols of a tag without attributes */
    FRAGMENT = 4 << 10  /* of a string value, before it is told */
};

/* ---- writing ---- */

static void write_parameter(chat_prompt *out, chat_str name, bool string, chat_str value) {
    prompt_template(out, "<｜DSML｜parameter name=\"");
    prompt_text(out, name.p, name.n);
    prompt_template(out, string ? "\" string=\"true\">" : "\" string=\"false\">");
    prompt_text(out, value.p, value.n);
    prompt_template(out, "</｜DSML｜parameter>");
}

static status write_arguments(chat_prompt *out, chat_str arguments, err *e) {
    json_doc *doc = NULL;
    const status st = json_parse(&doc, arguments.p ? arguments.p : "", arguments.n, JSON_DEPTH_MOST,
                                 "arguments", e);
    if (st == E_NOMEM) return st;
    if (st != OK || json_type(json_root(doc)) != JSON_OBJECT) {
        write_parameter(out, chat_cstr("arguments"), true, arguments);
        json_free(doc);
        return OK;
    }
    chat_str name = {0};
    const json *v = NULL;
    buf text = {0};
    for (size_t i = 0; json_member(json_root(doc), i, &name.p, &name.n, &v); i++) {
        chat_str value = {0};
        value.p = json_text(v, &value.n);
        const bool string = value.p != NULL;
        if (!string) {
            buf_clear(&text);
            json_write(&text, v);
            value = (chat_str){text.data, text.n};
            if (text.failed) out->failed = true;
        }
        if (i) prompt_template(out, "\n");
        write_parameter(out, name, string, value);
    }
    buf_free(&text);
    json_free(doc);
    return OK;
}

status dsml_write(chat_prompt *out, const chat_call *calls, size_t n, err *e) {
    prompt_template(out, "\n\n<｜DSML｜tool_calls>\n");
    for (size_t i = 0; i < n; i++) {
        prompt_template(out, "<｜DSML｜invoke name=\"");
        prompt_text(out, calls[i].name.p, calls[i].name.n);
        prompt_template(out, "\">\n");
        const status st = write_arguments(out, calls[i].arguments, e);
        if (st != OK) return st;
        prompt_template(out, "\n</｜DSML｜invoke>\n");
    }
    prompt_template(out, "</｜DSML｜tool_calls>");
    return OK;
}

/* ---- symbols and tags ---- */

const char *symbol_text(unsigned symbol) {
    static const char *const texts[] = {TOKEN_DSML, TOKEN_THINK, TOKEN_END_THINK,
                                        TOKEN_EOS,  TOKEN_BOS,   TOKEN_USER};
    return symbol >= SYMBOL_DSML && symbol < SYMBOL_END ? texts[symbol - SYMBOL_DSML] : "";
}

static bool is_blank(unsigned s) { return s == ' ' || s == '\n' || s == '\r' || s == '\t'; }

static const char lost_bar[] = "DSML｜";

/* Matches `word` at symbols[*at]; PARTIAL if the symbols end inside it. */
static tag_match match_word(const uint16_t *symbols, size_t n, size_t *at, const char *word) {
    for (; *word; word++, ++*at) {
        if (*at == n) return TAG_PARTIAL;
        if (symbols[*at] != (unsigned char)*word) return TAG_NO;
    }
    return TAG_YES;
}

/* `<`, `/` if closing, marker, name. */
static tag_match match_head(const uint16_t *symbols, size_t n, size_t *at, bool closing,
                            const char *name, dsml_marker *marker) {
    tag_match m = match_word(symbols, n, at, closing ? "</" : "<");
    if (m != TAG_YES) return m;
    if (*at == n) return TAG_PARTIAL;
    *marker = MARKER_NONE;
    if (symbols[*at] == SYMBOL_DSML) {
        ++*at;
        *marker = MARKER_REAL;
    } else if (symbols[*at] == 'D') {
        m = match_word(symbols, n, at, lost_bar);
        if (m != TAG_YES) return m;
        *marker = MARKER_LOST_BAR;
    }
    return match_word(symbols, n, at, name);
}

tag_match dsml_match_tag(const uint16_t *symbols, size_t n, bool closing, const char *name,
                         dsml_marker *marker) {
    size_t at = 0;
    const tag_match m = match_head(symbols, n, &at, closing, name, marker);
    if (m != TAG_YES) return m;
    while (at < n && is_blank(symbols[at])) at++;
    if (at == n) return n < PARTIAL_MOST ? TAG_PARTIAL : TAG_NO;
    return symbols[at] == '>' ? TAG_YES : TAG_NO;
}

/* `<` marker parameter, and the blank or `>` behind it. */
static tag_match match_parameter(const uint16_t *symbols, size_t n, dsml_marker *marker) {
    size_t at = 0;
    const tag_match m = match_head(symbols, n, &at, false, "parameter", marker);
    if (m != TAG_YES) return m;
    if (at == n) return TAG_PARTIAL;
    return is_blank(symbols[at]) || symbols[at] == '>' ? TAG_YES : TAG_NO;
}

/* Whether a tag with this marker belongs to a parameter opened with that one: text may speak of
 * `</parameter>`. */
static bool belongs(dsml_marker tag, dsml_marker opening) {
    return opening == MARKER_NONE || tag != MARKER_NONE;
}

/* ---- reading ---- */

typedef enum string_flag { FLAG_NONE, FLAG_TRUE, FLAG_FALSE } string_flag;

/* An object under construction: the arguments of a call, or a parameter made of parameters. */
typedef struct object {
    const json *schema; /* may be NULL */
    bool begun;         /* has a member */
} object;

struct dsml_reader {
    const chat *c;
    dsml_events on;
    enum { AT_GAP, IN_TAG, AT_VALUE, IN_VALUE } where;
    bool failed;

    buf tag;         /* between < and >                       */
    size_t tag_real; /* where a real marker stands in it      */
    size_t tag_symbols;
    bool tag_quoted;

    object objects[OBJECTS_MOST]; /* [0] the arguments */
    unsigned depth;               /* objects open; 0: between calls */

    /* the parameter being read */
    string_flag flag;
    dsml_marker marker;
    const json *schema;
    bool streaming; /* it is a string, told as it comes */
    buf value;      /* else all of it; blanks before it is known which */
    buf fragment;   /* of a string, not yet told */
    size_t escape_matched;
    uint16_t partial[PARTIAL_MOST + 1]; /* what may become a tag */
    size_t n_partial;
};

dsml_reader *dsml_reader_new(const chat *c, const dsml_events *events) {
    dsml_reader *d = calloc(1, sizeof *d);
    if (!d) return NULL;
    d->c = c;
    d->on = *events;
    return d;
}

void dsml_reader_free(dsml_reader *d) {
    if (!d) return;
    buf_free(&d->tag);
    buf_free(&d->value);
    buf_free(&d->fragment);
    free(d);
}

bool dsml_in_value(const dsml_reader *d) { return d->where == AT_VALUE || d->where == IN_VALUE; }

size_t dsml_in_tag(const dsml_reader *d) { return d->where == IN_TAG ? d->tag_symbols : 0; }

bool dsml_failed(const dsml_reader *d) {
    return d->failed || d->tag.failed || d->value.failed || d->fragment.failed;
}

static void tell(dsml_reader *d, const char *json_piece) {
    d->on.argument(d->on.self, json_piece, strlen(json_piece));
}

/* ---- string values ---- */

/* Tells the fragment, escaped; a character whose end is still to come stays, unless `all`. */
static void tell_fragment(dsml_reader *d, bool all) {
    size_t n = d->fragment.n, whole = n;
    for (size_t back = 1; !all && back <= 3 && back <= n; back++) {
        const utf8_char u = utf8_next(d->fragment.data + n - back, back);
        if (!u.partial) continue;
        whole = n - back; /* the earliest place from which a character is incomplete */
    }
    if (whole == 0) return;
    buf quoted = {0};
    json_write_string(&quoted, d->fragment.data, whole);
    if (quoted.failed) d->failed = true;
    else if (quoted.n > 2) d->on.argument(d->on.self, quoted.data + 1, quoted.n - 2);
    buf_free(&quoted);
    memmove(d->fragment.data, d->fragment.data + whole, n - whole);
    d->fragment.n = n - whole;
}

static const char escaped_close[] = "&lt;/｜DSML｜parameter>",
                  real_close[] = "</｜DSML｜parameter>";

static void string_byte(dsml_reader *d, char b) {
    /* `&` is nowhere but at the front of what is looked for. */
    if (d->escape_matched && b != escaped_close[d->escape_matched]) {
        buf_add(&d->fragment, escaped_close, d->escape_matched);
        d->escape_matched = 0;
    }
    if (b == escaped_close[d->escape_matched]) {
        if (++d->escape_matched < sizeof escaped_close - 1) return;
        buf_str(&d->fragment, real_close);
        d->escape_matched = 0;
    } else {
        buf_char(&d->fragment, b);
    }
    if (d->fragment.n >= FRAGMENT) tell_fragment(d, false);
}

static void string_end(dsml_reader *d) {
    buf_add(&d->fragment, escaped_close, d->escape_matched);
    d->escape_matched = 0;
    tell_fragment(d, true);
    tell(d, "\"");
}

/* ---- values ---- */

typedef enum declared { ANYTHING, ONLY_STRING, NO_STRING } declared;

static declared declared_type(const json *schema) {
    const json *type = json_get(schema, "type");
    size_t n = 0;
    const char *name = json_text(type, &n);
    if (name) return strcmp(name, "string") == 0 ? ONLY_STRING : NO_STRING;
    if (!json_count(type) || json_type(type) != JSON_ARRAY) return ANYTHING;
    for (size_t i = 0; i < json_count(type); i++) {
        name = json_text(json_at(type, i), &n);
        if (!name || strcmp(name, "string") == 0) return ANYTHING;
    }
    return NO_STRING;
}

/* Begins a value that is no object. Leading blanks wait in d->value. */
static void begin_value(dsml_reader *d) {
    d->where = IN_VALUE;
    d->streaming =
        d->flag == FLAG_TRUE || (d->flag == FLAG_NONE && declared_type(d->schema) != NO_STRING);
    if (!d->streaming) return;
    tell(d, "\"");
    for (size_t i = 0; i < d->value.n; i++) string_byte(d, d->value.data[i]);
}

static void end_value(dsml_reader *d) {
    d->where = AT_GAP;
    if (d->streaming) {
        string_end(d);
        return;
    }
    json_doc *doc = NULL;
    const char *text = d->value.data ? d->value.data : "";
    const status st = json_parse(&doc, text, d->value.n, VALUE_DEPTH, "value", NULL);
    if (st == E_NOMEM) d->failed = true;
    bool as_is = st == OK;
    if (as_is && d->flag == FLAG_FALSE && json_type(json_root(doc)) != JSON_STRING)
        as_is = declared_type(d->schema) != ONLY_STRING;
    json_free(doc);
    if (as_is) {
        d->on.argument(d->on.self, text, d->value.n);
    } else {
        tell(d, "\"");
        for (size_t i = 0; i < d->value.n; i++) string_byte(d, text[i]);
        string_end(d);
    }
}

static void value_symbol(dsml_reader *d, unsigned symbol) {
    const char byte = (char)symbol, *p = symbol < 256 ? &byte : symbol_text(symbol);
    const size_t n = symbol < 256 ? 1 : strlen(p);
    if (!d->streaming) buf_add(&d->value, p, n);
    for (size_t i = 0; d->streaming && i < n; i++) string_byte(d, p[i]);
}

/* Inside a value: text, or what may become its closing tag. */
static void read_value(dsml_reader *d, unsigned symbol) {
    if (d->n_partial == 0 && symbol != '<') {
        value_symbol(d, symbol);
        return;
    }
    d->partial[d->n_partial++] = (uint16_t)symbol;
    dsml_marker marker = MARKER_NONE;
    const tag_match m = dsml_match_tag(d->partial, d->n_partial, true, "parameter", &marker);
    if (m == TAG_PARTIAL) return;
    const size_t n = d->n_partial;
    d->n_partial = 0;
    if (m == TAG_YES && belongs(marker, d->marker)) {
        end_value(d);
        return;
    }
    const bool again = symbol == '<' && n > 1; /* it may begin the tag itself */
    for (size_t i = 0; i < n - again; i++) value_symbol(d, d->partial[i]);
    if (again) d->partial[d->n_partial++] = '<';
}

/* ---- tags ---- */

static void begin_tag(dsml_reader *d) {
    d->where = IN_TAG;
    d->tag_real = SIZE_MAX;
    d->tag_symbols = 1;
    d->tag_quoted = false;
    buf_clear(&d->tag);
}

static bool is_key(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
}

/* key="value" pairs in any order, `'` as good as `"`. False if the text is anything else. */
static bool read_pairs(const char *p, size_t n, chat_str *name, chat_str *string) {
    size_t i = 0;
    while (true) {
        const size_t blanks = i;
        while (i < n && is_blank((unsigned char)p[i])) i++;
        if (i == n) return name->p != NULL;
        if (i == blanks) return false;
        const size_t key = i;
        while (i < n && is_key(p[i])) i++;
        const chat_str k = {p + key, i - key};
        if (k.n == 0 || i + 1 >= n || p[i] != '=' || (p[i + 1] != '"' && p[i + 1] != '\''))
            return false;
        const char quote = p[i + 1];
        const char *start = p + i + 2, *end = memchr(start, quote, n - i - 2);
        if (!end) return false;
        const chat_str value = {start, (size_t)(end - start)};
        if (chat_str_equal(k, chat_cstr("name"))) *name = value;
        if (chat_str_equal(k, chat_cstr("string"))) *string = value;
        i = (size_t)(end + 1 - p);
    }
}

static bool ends_with(const char *p, size_t n, const char *tail) {
    const size_t t = strlen(tail);
    return n >= t && memcmp(p + n - t, tail, t) == 0;
}

/* The attributes of a tag. Names with quotes in them are found only in the order the template
 * uses. */
static bool read_attributes(const char *p, size_t n, chat_str *name, string_flag *flag) {
    static const char head[] = " name=\"", yes[] = "\" string=\"true\"",
                      no[] = "\" string=\"false\"";
    const size_t h = sizeof head - 1;
    chat_str string = {0};
    *name = (chat_str){0};
    *flag = FLAG_NONE;
    if (read_pairs(p, n, name, &string)) {
        if (chat_str_equal(string, chat_cstr("true"))) *flag = FLAG_TRUE;
        if (chat_str_equal(string, chat_cstr("false"))) *flag = FLAG_FALSE;
        return true;
    }
    if (n < h || memcmp(p, head, h) != 0) return false;
    size_t tail = 1;
    if (ends_with(p + h, n - h, yes)) *flag = FLAG_TRUE, tail = sizeof yes - 1;
    else if (ends_with(p + h, n - h, no)) *flag = FLAG_FALSE, tail = sizeof no - 1;
    else if (!ends_with(p + h, n - h, "\"")) return false;
    *name = (chat_str){p + h, n - h - tail};
    return true;
}

static dsml_state open_call(dsml_reader *d, chat_str name) {
    d->objects[0] = (object){d->c ? chat_tool_schema(d->c, name.p, name.n) : NULL, false};
    d->depth = 1;
    d->on.call(d->on.self, name.p, name.n);
    tell(d, "{");
    d->where = AT_GAP;
    return DSML_MORE;
}

static dsml_state open_parameter(dsml_reader *d, chat_str name, string_flag flag,
                                 dsml_marker marker) {
    object *o = &d->objects[d->depth - 1];
    buf key = {0};
    if (o->begun) buf_str(&key, ", ");
    json_write_string(&key, name.p, name.n);
    buf_str(&key, ": ");
    if (key.failed) d->failed = true;
    else d->on.argument(d->on.self, key.data, key.n);
    buf_free(&key);
    o->begun = true;
    d->schema = json_find(json_get(o->schema, "properties"), name.p, name.n);
    d->flag = flag;
    d->marker = marker;
    d->where = AT_VALUE;
    buf_clear(&d->value);
    if (flag == FLAG_TRUE) begin_value(d);
    return DSML_MORE;
}

static dsml_state close_object(dsml_reader *d) {
    tell(d, "}");
    d->where = AT_GAP;
    if (--d->depth == 0) d->on.end(d->on.self);
    return DSML_MORE;
}

static dsml_state end_tag(dsml_reader *d) {
    const char *p = d->tag.data ? d->tag.data : "";
    size_t n = d->tag.n, at = 0;
    const bool closing = n > 0 && p[0] == '/';
    dsml_marker marker = MARKER_NONE;
    at += closing;
    if (d->tag_real == at) {
        marker = MARKER_REAL;
        at += strlen(TOKEN_DSML);
    } else if (n - at >= sizeof lost_bar - 1 &&
               memcmp(p + at, lost_bar, sizeof lost_bar - 1) == 0) {
        marker = MARKER_LOST_BAR;
        at += sizeof lost_bar - 1;
    }
    const size_t start = at;
    while (at < n && is_key(p[at])) at++;
    const chat_str word = {p + start, at - start};
    const bool invoke = chat_str_equal(word, chat_cstr("invoke"));
    const bool parameter = chat_str_equal(word, chat_cstr("parameter"));
    if (closing) {
        while (at < n && is_blank((unsigned char)p[at])) at++;
        if (at < n) return DSML_BROKEN;
        if (d->depth == 0)
            return chat_str_equal(word, chat_cstr("tool_calls")) ? DSML_DONE : DSML_BROKEN;
        return (d->depth == 1 ? invoke : parameter) ? close_object(d) : DSML_BROKEN;
    }
    chat_str name = {0};
    string_flag flag = FLAG_NONE;
    if ((d->depth == 0 ? !invoke : !parameter) || !read_attributes(p + at, n - at, &name, &flag))
        return DSML_BROKEN;
    return d->depth == 0 ? open_call(d, name) : open_parameter(d, name, flag, marker);
}

static dsml_state read_tag(dsml_reader *d, unsigned symbol) {
    d->tag_symbols++;
    const char last = d->tag.n ? d->tag.data[d->tag.n - 1] : 0;
    if (symbol == '>' && (!d->tag_quoted || last == '"')) return end_tag(d);
    if (symbol == '<' && !d->tag_quoted) return DSML_BROKEN;
    if (symbol >= 256) {
        if (symbol == SYMBOL_DSML && d->tag_real == SIZE_MAX) d->tag_real = d->tag.n;
        buf_str(&d->tag, symbol_text(symbol));
    } else {
        if (symbol == '"') d->tag_quoted = !d->tag_quoted;
        buf_char(&d->tag, (char)symbol);
    }
    return d->tag.n > TAG_MOST ? DSML_BROKEN : DSML_MORE;
}

/* Behind the tag of a parameter that is not said to be a string: parameters, or a value after
 * all. */
static dsml_state read_value_start(dsml_reader *d, unsigned symbol) {
    if (d->n_partial == 0 && is_blank(symbol)) {
        buf_char(&d->value, (char)symbol);
        return DSML_MORE;
    }
    if (d->n_partial == 0 && symbol != '<') {
        begin_value(d);
        read_value(d, symbol);
        return DSML_MORE;
    }
    d->partial[d->n_partial++] = (uint16_t)symbol;
    dsml_marker marker = MARKER_NONE;
    const tag_match m = match_parameter(d->partial, d->n_partial, &marker);
    if (m == TAG_PARTIAL) return DSML_MORE;
    const size_t n = d->n_partial;
    uint16_t seen[PARTIAL_MOST + 1];
    memcpy(seen, d->partial, n * sizeof *seen);
    d->n_partial = 0;
    if (m == TAG_YES && belongs(marker, d->marker)) {
        dsml_state st = DSML_MORE;
        if (d->depth == OBJECTS_MOST) return DSML_BROKEN;
        d->objects[d->depth++] = (object){d->schema, false};
        tell(d, "{");
        begin_tag(d);
        for (size_t i = 1; st == DSML_MORE && i < n; i++) st = read_tag(d, seen[i]);
        return st;
    }
    begin_value(d);
    for (size_t i = 0; i < n; i++) read_value(d, seen[i]);
    return DSML_MORE;
}

dsml_state dsml_read(dsml_reader *d, unsigned symbol) {
    switch (d->where) {
    case AT_GAP:
        if (is_blank(symbol)) return DSML_MORE;
        if (symbol != '<') return DSML_BROKEN;
        begin_tag(d);
        return DSML_MORE;
    case IN_TAG: return read_tag(d, symbol);
    case AT_VALUE: return read_value_start(d, symbol);
    case IN_VALUE: read_value(d, symbol); return DSML_MORE;
    }
    return DSML_BROKEN;
}

void dsml_flush(dsml_reader *d) {
    if (d->where == IN_VALUE && d->streaming) tell_fragment(d, false);
}

/* As it is, but in whole characters. */
static void tell_raw(dsml_reader *d, const char *p, size_t n) {
    buf text = {0};
    while (n) {
        const utf8_char c = utf8_next(p, n);
        buf_add(&text, c.valid ? p : "\xef\xbf\xbd", c.valid ? c.bytes : 3);
        p += c.bytes, n -= c.bytes;
    }
    if (text.failed) d->failed = true;
    else d->on.argument(d->on.self, text.data, text.n);
    buf_free(&text);
}

void dsml_abandon(dsml_reader *d) {
    if (d->where != IN_VALUE) return;
    for (size_t i = 0; i < d->n_partial; i++) value_symbol(d, d->partial[i]);
    d->n_partial = 0;
    if (!d->streaming) tell_raw(d, d->value.data, d->value.n);
    buf_add(&d->fragment, escaped_close, d->escape_matched);
    d->escape_matched = 0;
    if (d->streaming) tell_fragment(d, true);
}
