/* request: JSON to chat, for the OpenAI chat dialect and for cases of the official encoder.
 *
 * Every known field is checked before anything is built on it; the error begins with the field's
 * path. Unknown members are ignored at every level, and null stands for absent.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chat/parts.h"
#include "chat/templates.h"

enum { NAME_MOST = 128 };

/* Where something stands in the request, as errors say it: `messages[3].content[0]`. Made of
 * numbers and words of ours, so it always fits. */
typedef struct place {
    char text[160];
} place;

static const char *where(place *p, const char *fmt, ...) PRINTF_LIKE(2, 3);
static const char *where(place *p, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(p->text, sizeof p->text, fmt, ap);
    va_end(ap);
    return p->text;
}

/* A reading under way. `exact`: a case of the official encoder, otherwise a request of a server. */
typedef struct reading {
    chat *c;
    bool exact;
    err *e;
} reading;

static bool absent(const json *v) { return !v || json_type(v) == JSON_NULL; }

static status wrong_type(err *e, const char *path, const char *wanted, const json *v) {
    return fail(
        e, E_USAGE, "%s: expected %s, found %s %s", path, wanted,
        json_type(v) == JSON_INT || json_type(v) == JSON_ARRAY || json_type(v) == JSON_OBJECT ? "an"
                                                                                              : "a",
        json_kind_name(json_type(v)));
}

static bool text_is(const json *v, const char *word) {
    size_t n = 0;
    const char *p = json_text(v, &n);
    return p && n == strlen(word) && memcmp(p, word, n) == 0;
}

/* A string, or nothing where there is none. */
static status read_text(err *e, const char *path, const json *v, chat_str *out) {
    *out = (chat_str){NULL, 0};
    if (absent(v)) return OK;
    out->p = json_text(v, &out->n);
    return out->p ? OK : wrong_type(e, path, "a string", v);
}

static status read_flag(err *e, const char *path, const json *v, bool *out) {
    if (absent(v) || json_bool(v, out)) return OK;
    return wrong_type(e, path, "true or false", v);
}

/* ---- content ---- */

/* One part of an array of content. What is no text has a note in tool results, and no place
 * elsewhere. */
static status read_part(reading *r, const char *path, const json *part, bool result, buf *joined) {
    place field;
    size_t type_n = 0, n = 0;
    if (json_type(part) != JSON_OBJECT) return wrong_type(r->e, path, "an object", part);
    const char *type = json_text(json_get(part, "type"), &type_n);
    const bool refusal = text_is(json_get(part, "type"), "refusal") && !result;
    if (!type || !(text_is(json_get(part, "type"), "text") || refusal)) {
        if (result) {
            buf_str(joined, "[Unsupported ");
            if (type) buf_add(joined, type, type_n);
            else buf_str(joined, "None");
            buf_char(joined, ']');
            return OK;
        }
        where(&field, "%s.type", path);
        if (!type) return fail(r->e, E_USAGE, "%s: expected a string, `text` for one", field.text);
        return fail(r->e, E_UNSUPPORTED, "%s: parts of type `%.*s` are not supported, only text",
                    field.text, (int)(type_n < 40 ? type_n : 40), type);
    }
    const char *key = refusal ? "refusal" : "text";
    const json *v = json_get(part, key);
    const char *p = json_text(v, &n);
    where(&field, "%s.%s", path, key);
    if (!p && !(absent(v) && r->exact))
        return absent(v) ? fail(r->e, E_USAGE, "%s: is missing", field.text)
                         : wrong_type(r->e, field.text, "a string", v);
    if (p) buf_add(joined, p, n);
    return OK;
}

/* Content as flat text. Parts of a tool's result are joined by blank lines, others directly. */
static status read_content(reading *r, const char *message, const json *v, bool result, buf *out) {
    place path;
    size_t n = 0;
    const char *p = json_text(v, &n);
    if (absent(v)) return OK;
    if (p) {
        buf_add(out, p, n);
        return OK;
    }
    where(&path, "%s.content", message);
    if (json_type(v) != JSON_ARRAY)
        return wrong_type(r->e, path.text, "a string or an array of parts", v);
    for (size_t i = 0; i < json_count(v); i++) {
        where(&path, "%s.content[%zu]", message, i);
        if (i && result) buf_str(out, "\n\n");
        const status st = read_part(r, path.text, json_at(v, i), result, out);
        if (st != OK) return st;
    }
    return OK;
}

/* ---- calls ---- */

static status read_call(reading *r, const char *path, const json *v, chat_call *out, buf *texts) {
    place field;
    if (json_type(v) != JSON_OBJECT) return wrong_type(r->e, path, "an object", v);
    const json *type = json_get(v, "type"), *f = json_get(v, "function");
    where(&field, "%s.type", path);
    if (!absent(type) && !text_is(type, "function"))
        return fail(r->e, E_UNSUPPORTED, "%s: only calls of functions are supported", field.text);
    where(&field, "%s.function", path);
    if (absent(f) || json_type(f) != JSON_OBJECT)
        return absent(f) ? fail(r->e, E_USAGE, "%s: is missing", field.text)
                         : wrong_type(r->e, field.text, "an object", f);
    where(&field, "%s.function.name", path);
    status st = read_text(r->e, field.text, json_get(f, "name"), &out->name);
    if (st == OK && !out->name.p) st = fail(r->e, E_USAGE, "%s: is missing", field.text);
    where(&field, "%s.id", path);
    if (st == OK) st = read_text(r->e, field.text, json_get(v, "id"), &out->id);
    if (st == OK && out->id.n == 0 && r->exact)
        st = read_text(r->e, field.text, json_get(f, "id"), &out->id);
    if (st != OK) return st;

    const json *arguments = json_get(f, "arguments");
    out->arguments.p = json_text(arguments, &out->arguments.n);
    if (out->arguments.p) return OK;
    /* Some clients send the object itself: its text does. */
    const size_t at = texts->n;
    if (absent(arguments)) buf_str(texts, "{}");
    else json_write(texts, arguments);
    out->arguments =
        (chat_str){NULL, texts->n - at}; /* its place is known when texts no longer moves */
    return OK;
}

static status read_calls(reading *r, const char *message, const json *v, chat_message *m,
                         chat_call **calls, buf *texts) {
    place path;
    where(&path, "%s.tool_calls", message);
    if (absent(v)) return OK;
    if (json_type(v) != JSON_ARRAY) return wrong_type(r->e, path.text, "an array", v);
    const size_t n = json_count(v);
    if (n == 0) return OK;
    *calls = calloc(n, sizeof **calls);
    if (!*calls) return fail(r->e, E_NOMEM, "request: out of memory");
    for (size_t i = 0; i < n; i++) {
        where(&path, "%s.tool_calls[%zu]", message, i);
        const status st = read_call(r, path.text, json_at(v, i), &(*calls)[i], texts);
        if (st != OK) return st;
    }
    if (texts->failed) return fail(r->e, E_NOMEM, "request: out of memory");
    for (size_t i = 0, at = 0; i < n; i++) {
        chat_str *a = &(*calls)[i].arguments;
        if (a->p) continue;
        a->p = texts->data + at;
        at += a->n;
    }
    m->calls = *calls;
    m->n_calls = n;
    return OK;
}

/* ---- messages ---- */

static status read_role(reading *r, const char *message, const json *v, chat_role *out) {
    static const struct {
        const char *name;
        chat_role role;
        bool exact; /* only there */
    } roles[] = {{"system", CHAT_SYSTEM, false},
                 {"user", CHAT_USER, false},
                 {"developer", CHAT_DEVELOPER, false},
                 {"assistant", CHAT_ASSISTANT, false},
                 {"tool", CHAT_TOOL, false},
                 {"latest_reminder", CHAT_REMINDER, true},
                 {"direct_search_results", CHAT_SEARCH, true}};
    place path;
    where(&path, "%s.role", message);
    if (absent(v)) return fail(r->e, E_USAGE, "%s: is missing", path.text);
    if (json_type(v) != JSON_STRING) return wrong_type(r->e, path.text, "a string", v);
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++) {
        if (!text_is(v, roles[i].name) || (roles[i].exact && !r->exact)) continue;
        *out = roles[i].role;
        return OK;
    }
    *out = CHAT_OTHER;
    if (r->exact) return OK;
    if (text_is(v, "function")) { /* what tools were called before */
        *out = CHAT_TOOL;
        return OK;
    }
    return fail(r->e, E_USAGE, "%s: expected system, developer, user, assistant or tool",
                path.text);
}

static status read_task(reading *r, const char *message, const json *v, chat_task *out) {
    place path;
    if (absent(v)) return OK;
    for (unsigned t = CHAT_ACTION; template_task_name((chat_task)t); t++) {
        if (!text_is(v, template_task_name((chat_task)t))) continue;
        *out = (chat_task)t;
        return OK;
    }
    where(&path, "%s.task", message);
    return fail(r->e, E_USAGE, "%s: expected action, query, authority, domain, title or read_url",
                path.text);
}

/* Tools that stand in a message itself; their texts go to `texts`, which must not move
 * afterwards. */
static status read_own_tools(reading *r, const char *message, const json *v, chat_message *m,
                             chat_str **tools, buf *texts) {
    place path;
    where(&path, "%s.tools", message);
    if (absent(v)) return OK;
    if (json_type(v) != JSON_ARRAY) return wrong_type(r->e, path.text, "an array", v);
    const size_t n = json_count(v);
    if (n > CHAT_TOOLS_MOST)
        return fail(r->e, E_LIMIT, "%s: more than %d", path.text, CHAT_TOOLS_MOST);
    if (n == 0) return OK;
    *tools = calloc(n, sizeof **tools);
    if (!*tools) return fail(r->e, E_NOMEM, "request: out of memory");
    for (size_t i = 0; i < n; i++) {
        const json *f = json_get(json_at(v, i), "function");
        const size_t at = texts->n;
        if (absent(f)) return fail(r->e, E_USAGE, "%s[%zu].function: is missing", path.text, i);
        json_write(texts, f);
        (*tools)[i].n = texts->n - at;
    }
    if (texts->failed) return fail(r->e, E_NOMEM, "request: out of memory");
    for (size_t i = 0, at = 0; i < n; at += (*tools)[i++].n) (*tools)[i].p = texts->data + at;
    m->tools = *tools;
    m->n_tools = n;
    return OK;
}

/* Whether Python takes a value for true. */
static bool truthy(const json *v) {
    double number = 0;
    bool flag = false;
    size_t n = 0;
    if (absent(v)) return false;
    if (json_bool(v, &flag)) return flag;
    if (json_f64(v, &number)) return number != 0;
    return json_text(v, &n) ? n > 0 : json_count(v) > 0;
}

/* What a message borrows while it is read. */
typedef struct scratch {
    buf content, call_texts, tool_texts, format;
    chat_call *calls;
    chat_str *tools;
} scratch;

static status read_exact_parts(reading *r, const char *path, const json *v, chat_message *m,
                               scratch *s) {
    place field;
    status st = read_task(r, path, json_get(v, "task"), &m->task);
    where(&field, "%s.wo_eos", path);
    if (st == OK) st = read_flag(r->e, field.text, json_get(v, "wo_eos"), &m->no_eos);
    if (st == OK) st = read_own_tools(r, path, json_get(v, "tools"), m, &s->tools, &s->tool_texts);
    if (st == OK && truthy(json_get(v, "response_format"))) {
        json_write(&s->format, json_get(v, "response_format"));
        m->response_format = (chat_str){s->format.data, s->format.n};
        if (s->format.failed) st = fail(r->e, E_NOMEM, "request: out of memory");
    }
    return st;
}

static status read_message(reading *r, const char *path, const json *v, bool context, scratch *s) {
    place field;
    chat_message m = {0};
    if (json_type(v) != JSON_OBJECT) return wrong_type(r->e, path, "an object", v);
    status st = read_role(r, path, json_get(v, "role"), &m.role);
    if (st == OK)
        st = read_content(r, path, json_get(v, "content"), m.role == CHAT_TOOL, &s->content);
    if (st == OK && s->content.failed) st = fail(r->e, E_NOMEM, "request: out of memory");
    m.content = (chat_str){s->content.data, s->content.n};
    if (st == OK && m.role == CHAT_ASSISTANT) {
        const json *reasoning = json_get(v, "reasoning_content");
        where(&field, "%s.reasoning_content", path);
        if (absent(reasoning) && !r->exact && json_text(json_get(v, "reasoning"), NULL))
            reasoning = json_get(v, "reasoning");
        st = read_text(r->e, field.text, reasoning, &m.reasoning);
        if (st == OK)
            st = read_calls(r, path, json_get(v, "tool_calls"), &m, &s->calls, &s->call_texts);
    }
    where(&field, "%s.tool_call_id", path);
    if (st == OK && m.role == CHAT_TOOL)
        st = read_text(r->e, field.text, json_get(v, "tool_call_id"), &m.tool_call_id);
    if (st == OK && r->exact) st = read_exact_parts(r, path, v, &m, s);
    if (st == OK) st = context ? chat_add_context(r->c, &m, r->e) : chat_add(r->c, &m, r->e);
    return st;
}

static status read_messages(reading *r, const char *name, const json *v, bool context) {
    if (json_type(v) != JSON_ARRAY) return wrong_type(r->e, name, "an array of messages", v);
    status st = OK;
    for (size_t i = 0; st == OK && i < json_count(v); i++) {
        place path;
        scratch s = {0};
        where(&path, "%s[%zu]", name, i);
        st = read_message(r, path.text, json_at(v, i), context, &s);
        buf_free(&s.content);
        buf_free(&s.call_texts);
        buf_free(&s.tool_texts);
        buf_free(&s.format);
        free(s.calls);
        free(s.tools);
    }
    return st;
}

/* ---- results belong to calls ---- */

typedef struct known_call {
    chat_str id;
    size_t message;
} known_call;

static int by_id(const void *x, const void *y) {
    const known_call *a = x, *b = y;
    const size_t n = a->id.n < b->id.n ? a->id.n : b->id.n;
    const int c = n ? memcmp(a->id.p, b->id.p, n) : 0;
    if (c) return c;
    if (a->id.n != b->id.n) return a->id.n < b->id.n ? -1 : 1;
    return a->message < b->message ? -1 : a->message > b->message;
}

/* Whether a call with this id stands in front of message i. */
static bool called_before(const known_call *calls, size_t n, chat_str id, size_t i) {
    size_t lo = 0, hi = n;
    const known_call wanted = {id, 0};
    while (lo < hi) { /* the first that is not less: the earliest call of this id */
        const size_t mid = lo + (hi - lo) / 2;
        if (by_id(&calls[mid], &wanted) < 0) lo = mid + 1;
        else hi = mid;
    }
    return lo < n && chat_str_equal(calls[lo].id, id) && calls[lo].message < i;
}

static status check_results(reading *r, const json *messages) {
    const chat *c = r->c;
    size_t n = 0;
    for (size_t i = 0; i < c->n_messages; i++) n += c->messages[i].n_calls;
    known_call *calls = malloc((n + 1) * sizeof *calls);
    if (!calls) return fail(r->e, E_NOMEM, "request: out of memory");
    n = 0;
    for (size_t i = 0; i < c->n_messages; i++)
        for (size_t k = 0; k < c->messages[i].n_calls; k++)
            calls[n++] = (known_call){c->messages[i].calls[k].id, i};
    qsort(calls, n, sizeof *calls, by_id);
    status st = OK;
    for (size_t i = 0; st == OK && i < c->n_messages; i++) {
        const chat_str id = c->messages[i].tool_call_id;
        if (c->messages[i].role != CHAT_TOOL ||
            text_is(json_get(json_at(messages, i), "role"), "function"))
            continue;
        if (id.n == 0)
            st = fail(r->e, E_USAGE,
                      "messages[%zu].tool_call_id: is missing; it says which call was answered", i);
        else if (!called_before(calls, n, id, i))
            st = fail(r->e, E_USAGE,
                      "messages[%zu].tool_call_id: no earlier tool call has the id `%.*s`", i,
                      (int)(id.n < 128 ? id.n : 128), id.p);
    }
    free(calls);
    return st;
}

/* ---- tools ---- */

static bool good_name(const char *p, size_t n) {
    if (n == 0 || n > NAME_MOST) return false;
    for (size_t i = 0; i < n; i++) {
        const bool letter = (p[i] | 32) >= 'a' && (p[i] | 32) <= 'z',
                   digit = p[i] >= '0' && p[i] <= '9';
        if (!letter && !digit && p[i] != '_' && p[i] != '.' && p[i] != '-') return false;
    }
    return true;
}

static status read_tool(reading *r, const json *tool, size_t i) {
    place path;
    size_t n = 0;
    where(&path, "tools[%zu]", i);
    if (json_type(tool) != JSON_OBJECT) return wrong_type(r->e, path.text, "an object", tool);
    const json *type = json_get(tool, "type"), *f = json_get(tool, "function");
    where(&path, "tools[%zu].type", i);
    if (!absent(type) && json_type(type) != JSON_STRING)
        return wrong_type(r->e, path.text, "a string", type);
    if (!absent(type) && !text_is(type, "function"))
        return OK; /* other kinds of tools are not for this model */
    where(&path, "tools[%zu].function", i);
    if (absent(f)) return fail(r->e, E_USAGE, "%s: is missing", path.text);
    if (json_type(f) != JSON_OBJECT) return wrong_type(r->e, path.text, "an object", f);
    if (!r->exact) {
        const char *name = json_text(json_get(f, "name"), &n);
        const json *parameters = json_get(f, "parameters");
        where(&path, "tools[%zu].function.name", i);
        if (!name || !good_name(name, n))
            return fail(r->e, E_USAGE, "%s: expected 1 to %d letters, digits, `_`, `.` or `-`",
                        path.text, NAME_MOST);
        where(&path, "tools[%zu].function.parameters", i);
        if (!absent(parameters) && json_type(parameters) != JSON_OBJECT)
            return wrong_type(r->e, path.text, "an object", parameters);
    }
    return chat_add_tool(r->c, f, r->e);
}

static status read_tools(reading *r, const json *v) {
    if (absent(v)) return OK;
    if (json_type(v) != JSON_ARRAY) return wrong_type(r->e, "tools", "an array", v);
    for (size_t i = 0; i < json_count(v); i++) {
        const status st = read_tool(r, json_at(v, i), i);
        if (st != OK) return st;
    }
    return OK;
}

static status allow_function(reading *r, const char *path, const json *choice) {
    size_t n = 0;
    const json *f = json_get(choice, "function");
    const char *name = json_text(json_get(f ? f : choice, "name"), &n);
    if (!name) return fail(r->e, E_USAGE, "%s: the name of the function is missing", path);
    return chat_allow_tool(r->c, name, n, r->e);
}

static status read_allowed(reading *r, const json *choice) {
    const json *inner = json_get(choice, "allowed_tools"), *from = inner ? inner : choice;
    const json *list = json_get(from, "tools"), *mode = json_get(from, "mode");
    if (!list || json_type(list) != JSON_ARRAY || json_count(list) == 0)
        return fail(r->e, E_USAGE, "tool_choice: allowed_tools needs a list of tools");
    if (!absent(mode) && !text_is(mode, "auto") && !text_is(mode, "required"))
        return fail(r->e, E_USAGE, "tool_choice: the mode of allowed_tools is auto or required");
    for (size_t i = 0; i < json_count(list); i++) {
        const status st = allow_function(r, "tool_choice", json_at(list, i));
        if (st != OK) return st;
    }
    r->c->choice = text_is(mode, "required") ? CHAT_CHOICE_REQUIRED : CHAT_CHOICE_AUTO;
    return OK;
}

static status read_choice(reading *r, const json *v, const json *parallel) {
    bool many = true;
    status st = read_flag(r->e, "parallel_tool_calls", parallel, &many);
    r->c->one_call = !many;
    if (st != OK || absent(v) || text_is(v, "auto")) return st;
    const json *type = json_get(v, "type");
    if (text_is(v, "none")) {
        r->c->choice = CHAT_CHOICE_NONE;
    } else if (text_is(v, "required")) {
        r->c->choice = CHAT_CHOICE_REQUIRED;
    } else if (text_is(type, "function")) {
        r->c->choice = CHAT_CHOICE_REQUIRED;
        st = allow_function(r, "tool_choice", v);
    } else if (text_is(type, "allowed_tools")) {
        st = read_allowed(r, v);
    } else {
        st = fail(r->e, E_USAGE,
                  "tool_choice: expected auto, none, required, a function or allowed_tools");
    }
    if (st == OK && r->c->choice == CHAT_CHOICE_REQUIRED && r->c->n_tools == 0)
        st = fail(r->e, E_USAGE, "tool_choice: a call is required, but there are no tools");
    return st;
}

static status read_format(reading *r, const json *v) {
    if (absent(v)) return OK;
    if (json_type(v) != JSON_OBJECT) return wrong_type(r->e, "response_format", "an object", v);
    const json *type = json_get(v, "type"),
               *schema = json_get(json_get(v, "json_schema"), "schema");
    if (text_is(type, "text")) return OK;
    if (text_is(type, "json_object")) {
        json_doc *any = NULL;
        static const char object[] = "{\"type\": \"object\"}";
        status st = json_parse(&any, object, sizeof object - 1, 0, "response_format", r->e);
        if (st == OK) st = chat_set_response_format(r->c, json_root(any), r->e);
        json_free(any);
        return st;
    }
    if (!text_is(type, "json_schema"))
        return fail(r->e, E_USAGE,
                    "response_format: expected the type text, json_object or json_schema");
    if (!schema || json_type(schema) != JSON_OBJECT)
        return fail(r->e, E_USAGE, "response_format: json_schema needs an object `schema`");
    return chat_set_response_format(r->c, schema, r->e);
}

/* ---- thinking ---- */

bool chat_effort_of(const char *word, size_t n, chat_contract contract, bool *thinking,
                    chat_effort *out) {
    static const struct {
        const char *word;
        chat_effort preview, v0731;
    } levels[] = {{"none", CHAT_EFFORT_NONE, CHAT_EFFORT_NONE},
                  {"minimal", CHAT_EFFORT_NONE, CHAT_EFFORT_LOW},
                  {"low", CHAT_EFFORT_NONE, CHAT_EFFORT_LOW},
                  {"medium", CHAT_EFFORT_NONE, CHAT_EFFORT_LOW},
                  {"high", CHAT_EFFORT_HIGH, CHAT_EFFORT_HIGH},
                  {"xhigh", CHAT_EFFORT_HIGH, CHAT_EFFORT_HIGH},
                  {"max", CHAT_EFFORT_MAX, CHAT_EFFORT_MAX}};
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        if (strlen(levels[i].word) != n || memcmp(levels[i].word, word, n) != 0) continue;
        *thinking = i > 0;
        *out = contract == CHAT_0731 ? levels[i].v0731 : levels[i].preview;
        return true;
    }
    return false;
}

/* First found wins: thinking, the effort, chat_template_kwargs, think. The level counts in any
 * case. */
static status read_thinking(reading *r, const json *request) {
    chat_options *o = &r->c->options;
    const json *thinking = json_get(request, "thinking"),
               *effort = json_get(request, "reasoning_effort");
    const json *kwargs = json_get(request, "chat_template_kwargs"),
               *think = json_get(request, "think");
    bool on = o->thinking, by_effort = o->thinking, found = false;
    size_t n = 0;
    if (absent(effort)) effort = json_get(json_get(request, "reasoning"), "effort");
    if (!absent(effort)) {
        const char *word = json_text(effort, &n);
        if (!word || !chat_effort_of(word, n, o->contract, &by_effort, &o->effort))
            return fail(
                r->e, E_USAGE,
                "reasoning_effort: expected none, minimal, low, medium, high, xhigh or max");
    }
    if (!absent(thinking)) {
        const json *type = json_get(thinking, "type");
        if (text_is(type, "enabled") || text_is(type, "adaptive") || text_is(type, "between_tools"))
            on = true;
        else if (text_is(type, "disabled")) on = false;
        else
            return fail(r->e, E_USAGE,
                        "thinking: expected the type enabled, disabled, adaptive or between_tools");
        found = true;
    }
    if (!found && !absent(effort)) on = by_effort, found = true;
    const char *const names[] = {"enable_thinking", "thinking"};
    for (size_t i = 0; i < 2; i++) {
        bool flag = on;
        const json *v = json_get(kwargs, names[i]);
        if (absent(v)) continue;
        if (!json_bool(v, &flag))
            return wrong_type(r->e, "chat_template_kwargs", "true or false for thinking", v);
        if (!found) on = flag, found = true;
    }
    bool flag = on;
    const status st = read_flag(r->e, "think", think, &flag);
    if (st == OK) o->thinking = found ? on : flag;
    return st;
}

/* ---- the two readings ---- */

static status read_request(reading *r, const json *request) {
    const json *messages = json_get(request, "messages");
    if (absent(messages)) return fail(r->e, E_USAGE, "messages: is missing");
    if (json_type(messages) == JSON_ARRAY && json_count(messages) == 0)
        return fail(r->e, E_USAGE, "messages: there must be at least one");
    status st = read_thinking(r, request);
    if (st == OK) st = read_messages(r, "messages", messages, false);
    if (st == OK) st = check_results(r, messages);
    if (st == OK) st = read_tools(r, json_get(request, "tools"));
    if (st == OK)
        st = read_choice(r, json_get(request, "tool_choice"),
                         json_get(request, "parallel_tool_calls"));
    if (st == OK) st = read_format(r, json_get(request, "response_format"));
    return st;
}

static status read_args(reading *r, const json *args) {
    chat_options *o = &r->c->options;
    if (absent(args)) return OK;
    if (json_type(args) != JSON_OBJECT) return wrong_type(r->e, "args", "an object", args);
    const json *mode = json_get(args, "thinking_mode"),
               *contract = json_get(args, "effort_contract");
    const json *effort = json_get(args, "reasoning_effort");
    if (!absent(mode) && !text_is(mode, "chat") && !text_is(mode, "thinking"))
        return fail(r->e, E_USAGE, "args.thinking_mode: expected chat or thinking");
    if (!absent(mode)) o->thinking = text_is(mode, "thinking");
    if (!absent(contract) && !text_is(contract, "preview") && !text_is(contract, "0731"))
        return fail(r->e, E_USAGE, "args.effort_contract: expected preview or 0731");
    o->contract = text_is(contract, "0731") ? CHAT_0731 : CHAT_PREVIEW;
    status st =
        read_flag(r->e, "args.drop_thinking", json_get(args, "drop_thinking"), &o->drop_thinking);
    if (st == OK)
        st = read_flag(r->e, "args.add_default_bos_token", json_get(args, "add_default_bos_token"),
                       &o->bos);
    if (st != OK || absent(effort)) return st;
    static const char *const levels[] = {"none", "low", "high", "max"};
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        if (!text_is(effort, levels[i])) continue;
        o->effort = (chat_effort)i;
        return OK;
    }
    return fail(r->e, E_USAGE, "args.reasoning_effort: expected none, low, high or max");
}

static status read_case(reading *r, const json *given) {
    const json *args = json_get(given, "args"), *messages = json_get(given, "messages");
    const json *context = json_get(given, "context"), *format = json_get(given, "response_format");
    if (absent(context)) context = json_get(args, "context");
    if (absent(messages)) return fail(r->e, E_USAGE, "messages: is missing");
    status st = read_args(r, args);
    if (st == OK && !absent(context)) st = read_messages(r, "context", context, true);
    if (st == OK) st = read_messages(r, "messages", messages, false);
    if (st == OK) st = read_tools(r, json_get(given, "tools"));
    if (st == OK && truthy(format)) st = chat_set_response_format(r->c, format, r->e);
    return st;
}

static status read_json(chat **out, const json *given, const chat_options *o, bool exact, err *e) {
    chat *c = NULL;
    status st = chat_new(&c, o, e);
    if (st != OK) return st;
    reading r = {c, exact, e};
    if (json_type(given) != JSON_OBJECT)
        st = wrong_type(e, exact ? "case" : "request", "an object", given);
    else st = exact ? read_case(&r, given) : read_request(&r, given);
    if (st != OK) {
        chat_free(c);
        return st;
    }
    *out = c;
    return OK;
}

status chat_from_request(chat **out, const json *request, const chat_options *o, err *e) {
    chat_options options = o ? *o : chat_defaults();
    options.turns = CHAT_TURNS_OPEN;
    return read_json(out, request, &options, false, e);
}

status chat_from_case(chat **out, const json *given, err *e) {
    const chat_options options = chat_defaults();
    return read_json(out, given, &options, true, e);
}
