#include "chat/prompt.h"

#include <stdlib.h>
#include <string.h>

#include "chat/templates.h"

void chat_prompt_free(chat_prompt *p) {
    buf_free(&p->text);
    free(p->segments);
    free(p->ids);
    *p = (chat_prompt){0};
}

static prompt_segment *new_segment(chat_prompt *p) {
    if (p->n_segments == p->segments_cap) {
        const size_t cap = p->segments_cap ? p->segments_cap * 2 : 32;
        prompt_segment *s =
            cap < SIZE_MAX / sizeof *s ? realloc(p->segments, cap * sizeof *s) : NULL;
        if (!s) {
            p->failed = true;
            return NULL;
        }
        p->segments = s;
        p->segments_cap = cap;
    }
    prompt_segment *s = &p->segments[p->n_segments++];
    *s = (prompt_segment){.at = p->text.n};
    return s;
}

void prompt_text(chat_prompt *p, const char *text, size_t n) {
    if (p->failed || n == 0) return;
    prompt_segment *s = p->n_segments ? &p->segments[p->n_segments - 1] : NULL;
    if (!s || s->control || s->n_ids) s = new_segment(p);
    if (!s) return;
    s->n += n;
    buf_add(&p->text, text, n);
    p->failed |= p->text.failed;
}

void prompt_control(chat_prompt *p, const char *token) {
    if (p->failed) return;
    prompt_segment *s = new_segment(p);
    if (!s) return;
    s->control = true;
    s->n = strlen(token);
    buf_add(&p->text, token, s->n);
    p->failed |= p->text.failed;
}

/* The control token at the front of a literal, or NULL. No token is the beginning of another. */
static const char *token_at(const char *literal) {
    for (const char *const *t = template_tokens; *t; t++)
        if (strncmp(literal, *t, strlen(*t)) == 0) return *t;
    return NULL;
}

void prompt_template(chat_prompt *p, const char *literal) {
    const char *start = literal;
    while (*literal) {
        /* Every token begins with `<` or with the first byte of a fullwidth bar. */
        const char *token = *literal == '<' || *literal == '\xef' ? token_at(literal) : NULL;
        if (!token) {
            literal++;
            continue;
        }
        prompt_text(p, start, (size_t)(literal - start));
        prompt_control(p, token);
        literal += strlen(token);
        start = literal;
    }
    prompt_text(p, start, (size_t)(literal - start));
}

void prompt_sampled(chat_prompt *p, const char *text, size_t n, const int32_t *ids, size_t n_ids) {
    if (p->failed || n_ids == 0) return;
    if (n_ids > p->ids_cap - p->n_ids) {
        size_t cap = p->ids_cap ? p->ids_cap : 256;
        while (cap < p->n_ids + n_ids) cap *= 2;
        int32_t *grown = realloc(p->ids, cap * sizeof *grown);
        if (!grown) {
            p->failed = true;
            return;
        }
        p->ids = grown;
        p->ids_cap = cap;
    }
    prompt_segment *s = new_segment(p);
    if (!s) return;
    s->n = n;
    s->first_id = p->n_ids;
    s->n_ids = n_ids;
    memcpy(p->ids + p->n_ids, ids, n_ids * sizeof *ids);
    p->n_ids += n_ids;
    buf_add(&p->text, text, n);
    p->failed |= p->text.failed;
}
