#include "chat/cases.h"

#include <string.h>

#include "chat/chat.h"
#include "chat/reply.h"

enum { CASE_DEPTH = 256 };

static status render(chat_prompt *p, const char *text, size_t n, err *e) {
    json_doc *doc = NULL;
    chat *c = NULL;
    status st = json_parse(&doc, text, n, CASE_DEPTH, "request", e);
    if (st != OK) return st;
    const json *args = json_get(json_root(doc), "args");
    const bool exact = args && json_type(args) != JSON_NULL;
    st = exact ? chat_from_case(&c, json_root(doc), e)
               : chat_from_request(&c, json_root(doc), NULL, e);
    json_free(doc);
    if (st == OK) st = chat_render(c, NULL, p, e);
    chat_free(c);
    return st;
}

static status added(const buf *out, err *e) {
    return out->failed ? fail(e, E_NOMEM, "chat: out of memory") : OK;
}

status case_render(buf *out, const char *text, size_t n, err *e) {
    chat_prompt p = {0};
    const status st = render(&p, text, n, e);
    if (st != OK) return st;
    buf_add(out, p.text.data, p.text.n);
    chat_prompt_free(&p);
    return added(out, e);
}

static status add_error(buf *out, status st, const err *why, err *e) {
    if (st == E_NOMEM) return fail(e, st, "%s", why->text);
    buf_str(out, "{\"error\": ");
    json_write_string(out, why->text, strlen(why->text));
    buf_char(out, '}');
    return added(out, e);
}

status case_render_line(buf *out, const char *line, size_t n, err *e) {
    chat_prompt p = {0};
    err why = {0};
    const status st = render(&p, line, n, &why);
    if (st != OK) return add_error(out, st, &why, e);
    json_write_string(out, p.text.data ? p.text.data : "", p.text.n);
    chat_prompt_free(&p);
    return added(out, e);
}

static status parse_tolerant(reply_message *m, const char *text, size_t n, bool thinking, err *e) {
    reply *r = NULL;
    status st = reply_new(&r, &(reply_options){.thinking = thinking}, e);
    if (st != OK) return st;
    reply_feed(r, text, n);
    st = reply_end(r, false, e);
    if (st == OK) reply_collect(r, m);
    if (st == OK && m->failed) st = fail(e, E_NOMEM, "chat: out of memory");
    reply_free(r);
    return st;
}

status case_parse(buf *out, const char *text, size_t n, bool thinking, bool strict, err *e) {
    reply_message m = {0};
    const status st = strict ? reply_parse_strict(&m, text, n, thinking, e)
                             : parse_tolerant(&m, text, n, thinking, e);
    if (st == OK) reply_message_write(out, &m);
    reply_message_free(&m);
    return st == OK ? added(out, e) : st;
}

static status parse_line(buf *out, const char *line, size_t n, bool strict, err *e) {
    json_doc *doc = NULL;
    status st = json_parse(&doc, line, n, CASE_DEPTH, "line", e);
    if (st != OK) return st;
    size_t text_n = 0, mode_n = 0;
    const char *text = json_text(json_get(json_root(doc), "text"), &text_n);
    const json *mode = json_get(json_root(doc), "thinking_mode");
    const char *name = json_text(mode, &mode_n);
    const bool chat_mode = name && strcmp(name, "chat") == 0,
               thinking = name && strcmp(name, "thinking") == 0;
    if (!text) st = fail(e, E_USAGE, "text: a string was expected");
    else if (!chat_mode && !thinking)
        st = fail(e, E_USAGE, "thinking_mode: expected chat or thinking");
    else st = case_parse(out, text, text_n, thinking, strict, e);
    json_free(doc);
    return st;
}

status case_parse_line(buf *out, const char *line, size_t n, bool strict, err *e) {
    err why = {0};
    const status st = parse_line(out, line, n, strict, &why);
    return st == OK ? OK : add_error(out, st, &why, e);
}
