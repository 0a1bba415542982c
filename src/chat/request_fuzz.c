/* request_fuzz: JSON to prompt, as a request and as a case. What is rendered keeps the promises of
 * prompt.h. */
#include <stdlib.h>
#include <string.h>

#include "chat/chat.h"
#include "chat/templates.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(bool ok) {
    if (!ok) abort();
}

static bool is_control(const char *p, size_t n) {
    for (const char *const *t = template_tokens; *t; t++)
        if (strlen(*t) == n && memcmp(p, *t, n) == 0) return true;
    return false;
}

static void check_prompt(const chat_prompt *p) {
    size_t at = 0;
    for (size_t i = 0; i < p->n_segments; i++) {
        const prompt_segment *s = &p->segments[i];
        must(s->at == at && s->n > 0 && s->n_ids == 0);
        must(s->control ? is_control(p->text.data + at, s->n)
                        : i == 0 || p->segments[i - 1].control);
        at += s->n;
    }
    must(at == p->text.n && !p->failed);
}

static void render(const chat *c, bool server) {
    chat_prompt p = {0}, again = {0};
    err e = {0};
    if (chat_render(c, NULL, &p, &e) != OK) {
        must(e.text[0] != 0 && p.text.n == 0);
        return;
    }
    check_prompt(&p);
    if (server) must(p.n_segments >= 2 && p.segments[p.n_segments - 1].control);
    must(chat_render(c, NULL, &again, NULL) == OK && again.text.n == p.text.n);
    must(p.text.n == 0 || memcmp(again.text.data, p.text.data, p.text.n) == 0);
    chat_prompt_free(&p);
    chat_prompt_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    json_doc *d = NULL;
    chat *c = NULL;
    err e = {0};
    if (json_parse(&d, (const char *)data, n, 256, "input", &e) != OK) return 0;
    if (chat_from_request(&c, json_root(d), NULL, &e) == OK) {
        render(c, true);
        chat_opts(c)->turns = CHAT_TURNS_CONTINUE;
        render(c, false);
        for (size_t i = 0; i < chat_tools(c); i++) {
            const chat_str name = chat_tool_name(c, i);
            chat_tool_schema(c, name.p, name.n);
            must(chat_tool_allowed(c, i) || chat_get_choice(c, NULL) != CHAT_CHOICE_NONE);
        }
        chat_free(c);
    } else {
        must(strchr(e.text, ':') != NULL);
    }
    if (chat_from_case(&c, json_root(d), &e) == OK) {
        render(c, false);
        chat_free(c);
    }
    json_free(d);
    return 0;
}
