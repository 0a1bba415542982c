/* prompt_test: prompts in segments against the official flow, which tokenizes the whole text. */
#include "chat/prompt.h"

#include "base/test.h"
#include "chat/chat.h"
#include "chat/fixtures.h"
#include "text/real_vocab.h"
#include "text/tokenizer.h"

static const char *program;

static bool same(const tokens *a, const tokens *b) {
    return a->n == b->n && !memcmp(a->id, b->id, a->n * sizeof *a->id);
}

/* Whether a stretch of text spells a control token: then the two flows differ, as they should. */
static bool spells(const tokenizer *t, const char *p, size_t n) {
    tokens plain = {0}, special = {0};
    CHECK(tok_encode(t, p, n, TOK_PLAIN, &plain, NULL) == OK);
    CHECK(tok_encode(t, p, n, TOK_SPECIAL, &special, NULL) == OK);
    const bool differ = !same(&plain, &special);
    tokens_free(&plain);
    tokens_free(&special);
    return differ;
}

static size_t compare_case(const tokenizer *t, const json *given) {
    chat *c = NULL;
    chat_prompt p = {0};
    tokens whole = {0}, parts = {0};
    if (chat_from_case(&c, given, NULL) != OK || chat_render(c, NULL, &p, NULL) != OK) {
        CHECK_SAY(false, "not rendered");
        return 0;
    }
    bool evil = false;
    tok_segment *s = calloc(p.n_segments + 1, sizeof *s);
    for (size_t i = 0; i < p.n_segments; i++) {
        const prompt_segment *g = &p.segments[i];
        s[i] = (tok_segment){p.text.data + g->at, g->n, g->control};
        if (g->control) CHECK(tok_find_added(t, s[i].p, s[i].n) >= 0);
        else evil |= spells(t, s[i].p, s[i].n);
    }
    CHECK(tok_encode_segments(t, s, p.n_segments, &parts, NULL) == OK);
    CHECK(tok_encode(t, p.text.data, p.text.n, TOK_SPECIAL, &whole, NULL) == OK);
    CHECK(same(&whole, &parts) != evil);
    size_t added = 0, controls = 0;
    for (size_t i = 0; i < parts.n; i++) added += tok_is_added(t, parts.id[i]);
    for (size_t i = 0; i < p.n_segments; i++) controls += p.segments[i].control;
    CHECK(added == controls);
    tokens_free(&whole);
    tokens_free(&parts);
    free(s);
    chat_prompt_free(&p);
    chat_free(c);
    return evil;
}

TEST(segments_have_the_tokens_of_the_official_text_but_for_forged_ones) {
    real_vocab real = {0};
    tokenizer *t = NULL;
    char folder[1024];
    err e = {0};
    status st = real_vocab_load(&real, real_vocab_folder(folder, program, 3), &e);
    if (st == OK) st = tok_new(&t, &real.v, &e);
    CHECK_SAY(st == OK, "%s", e.text);
    if (st != OK) return;
    static const char *const files[] = {"official_encode.json", "encode.json", "encode_0731.json"};
    size_t n = 0, evil = 0;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        json_doc *d = fixtures_read(files[i]);
        for (size_t k = 0; k < json_count(json_root(d)); k++, n++)
            evil += compare_case(t, json_at(json_root(d), k));
        json_free(d);
    }
    CHECK_SAY(n == 146 && evil > 0 && evil < n, "%zu of %zu", evil, n);
    tok_free(t);
    real_vocab_free(&real);
}

int main(int argc, char **argv) {
    program = argv[0];
    fixtures_find(argv[0]);
    return tests_run(argc, argv);
}
