#include "chat/chat.h"

#include <stdlib.h>
#include <string.h>

#include "chat/parts.h"

chat_str chat_cstr(const char *s) { return (chat_str){s, strlen(s)}; }

bool chat_str_equal(chat_str a, chat_str b) {
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

chat_options chat_defaults(void) {
    return (chat_options){.thinking = true, .drop_thinking = true, .bos = true};
}

/* ---- the arena ---- */

struct arena_block {
    struct arena_block *next;
    size_t used, cap;
    max_align_t data[];
};

enum { ARENA_BLOCK = 16 << 10 };

static void *arena_take(chat *c, size_t n) {
    const size_t align = sizeof(max_align_t);
    if (n > SIZE_MAX / 4) return NULL;
    n = (n + align - 1) / align * align;
    arena_block *b = c->arena;
    if (!b || n > b->cap - b->used) {
        const size_t cap = n > ARENA_BLOCK ? n : ARENA_BLOCK;
        arena_block *fresh = malloc(sizeof *fresh + cap);
        if (!fresh) return NULL;
        *fresh = (arena_block){.cap = cap};
        if (b && n > ARENA_BLOCK) { /* a large one goes behind: the current block still has room */
            fresh->next = b->next;
            b->next = fresh;
        } else {
            fresh->next = b;
            c->arena = fresh;
        }
        b = fresh;
    }
    void *p = (char *)b->data + b->used;
    b->used += n;
    return p;
}

static bool keep_str(chat *c, chat_str from, chat_str *to) {
    *to = (chat_str){NULL, 0};
    if (from.n == 0) return true;
    char *p = arena_take(c, from.n);
    if (!p) return false;
    memcpy(p, from.p, from.n);
    *to = (chat_str){p, from.n};
    return true;
}

/* ---- chats ---- */

static status no_memory(err *e) { return fail(e, E_NOMEM, "chat: out of memory"); }

status chat_new(chat **out, const chat_options *o, err *e) {
    chat *c = calloc(1, sizeof *c);
    if (!c) return no_memory(e);
    c->options = o ? *o : chat_defaults();
    *out = c;
    return OK;
}

void chat_free(chat *c) {
    if (!c) return;
    for (arena_block *b = c->arena; b;) {
        arena_block *next = b->next;
        free(b);
        b = next;
    }
    for (size_t i = 0; i < c->n_tools; i++) json_free(c->tools[i].doc);
    free(c->tools);
    free(c->messages);
    free(c);
}

chat_options *chat_opts(chat *c) { return &c->options; }

static bool keep_message(chat *c, const chat_message *from, chat_message *to) {
    *to = *from;
    bool ok = keep_str(c, from->content, &to->content) &&
              keep_str(c, from->reasoning, &to->reasoning) &&
              keep_str(c, from->tool_call_id, &to->tool_call_id) &&
              keep_str(c, from->response_format, &to->response_format);
    if (ok && from->n_calls) {
        chat_call *calls = arena_take(c, from->n_calls * sizeof *calls);
        ok = calls != NULL;
        for (size_t i = 0; ok && i < from->n_calls; i++)
            ok = keep_str(c, from->calls[i].id, &calls[i].id) &&
                 keep_str(c, from->calls[i].name, &calls[i].name) &&
                 keep_str(c, from->calls[i].arguments, &calls[i].arguments);
        to->calls = calls;
    }
    if (ok && from->n_tools) {
        chat_str *tools = arena_take(c, from->n_tools * sizeof *tools);
        ok = tools != NULL;
        for (size_t i = 0; ok && i < from->n_tools; i++)
            ok = keep_str(c, from->tools[i], &tools[i]);
        to->tools = tools;
    }
    return ok;
}

status chat_add(chat *c, const chat_message *m, err *e) {
    if (c->n_messages == CHAT_MESSAGES_MOST)
        return fail(e, E_LIMIT, "messages: more than %d", CHAT_MESSAGES_MOST);
    if (c->n_messages == c->messages_cap) {
        const size_t cap = c->messages_cap ? c->messages_cap * 2 : 16;
        chat_message *p = realloc(c->messages, cap * sizeof *p);
        if (!p) return no_memory(e);
        c->messages = p;
        c->messages_cap = cap;
    }
    if (!keep_message(c, m, &c->messages[c->n_messages])) return no_memory(e);
    c->n_messages++;
    return OK;
}

status chat_add_context(chat *c, const chat_message *m, err *e) {
    if (c->n_messages > c->n_context)
        return fail(e, E_USAGE, "context: its messages come before those to be rendered");
    const status st = chat_add(c, m, e);
    if (st == OK) c->n_context++;
    return st;
}

status chat_add_tool(chat *c, const json *function, err *e) {
    if (c->n_tools == CHAT_TOOLS_MOST)
        return fail(e, E_LIMIT, "tools: more than %d", CHAT_TOOLS_MOST);
    if (c->n_tools == c->tools_cap) {
        const size_t cap = c->tools_cap ? c->tools_cap * 2 : 16;
        chat_tool *p = realloc(c->tools, cap * sizeof *p);
        if (!p) return no_memory(e);
        c->tools = p;
        c->tools_cap = cap;
    }
    /* The schema outlives the request: it is read again from the text that the prompt shows. */
    buf text = {0};
    json_write(&text, function);
    chat_tool t = {0};
    status st = text.failed ? no_memory(e) : OK;
    if (st == OK) st = json_parse(&t.doc, text.data, text.n, JSON_DEPTH_MOST, "tool", e);
    if (st == OK) {
        t.name.p = json_text(json_get(json_root(t.doc), "name"), &t.name.n);
        t.parameters = json_get(json_root(t.doc), "parameters");
        if (!keep_str(c, (chat_str){text.data, text.n}, &t.definition)) st = no_memory(e);
    }
    buf_free(&text);
    if (st != OK) {
        json_free(t.doc);
        return st;
    }
    c->tools[c->n_tools++] = t;
    return OK;
}

size_t chat_tools(const chat *c) { return c->n_tools; }
chat_str chat_tool_name(const chat *c, size_t i) { return c->tools[i].name; }

const json *chat_tool_schema(const chat *c, const char *name, size_t n) {
    for (size_t i = c->n_tools; i-- > 0;)
        if (chat_str_equal(c->tools[i].name, (chat_str){name, n})) return c->tools[i].parameters;
    return NULL;
}

status chat_set_response_format(chat *c, const json *schema, err *e) {
    buf text = {0};
    json_write(&text, schema);
    const bool ok = !text.failed && keep_str(c, (chat_str){text.data, text.n}, &c->response_format);
    buf_free(&text);
    return ok ? OK : no_memory(e);
}

void chat_set_choice(chat *c, chat_choice how, bool one_call) {
    c->choice = how;
    c->one_call = one_call;
}

status chat_allow_tool(chat *c, const char *name, size_t n, err *e) {
    bool any = false;
    for (size_t i = 0; i < c->n_tools; i++) {
        if (!chat_str_equal(c->tools[i].name, (chat_str){name, n})) continue;
        c->tools[i].allowed = any = true;
    }
    if (!any)
        return fail(e, E_USAGE, "tool_choice: no tool is named `%.*s`", (int)(n < 128 ? n : 128),
                    name);
    c->restricted = true;
    return OK;
}

chat_choice chat_get_choice(const chat *c, bool *one_call) {
    if (one_call) *one_call = c->one_call;
    return c->choice;
}

bool chat_tool_allowed(const chat *c, size_t i) { return !c->restricted || c->tools[i].allowed; }
