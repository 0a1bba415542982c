/* replay_test: what the model wrote comes back as it wrote it, when and only when it means the
 * same. */
#include "chat/replay.h"

#include "base/test.h"
#include "chat/reply.h"
#include "chat/templates.h"

#define PARAMETER_T(t) "<｜DSML｜parameter name=\"t\" string=\"true\">" t "</｜DSML｜parameter>"

/* A call spelled as we would not: blanks, an order of attributes, 2.0. */
#define BLOCK                                                                                \
    "\n<｜DSML｜tool_calls>  <｜DSML｜invoke name=\"f\">"                                    \
    "<｜DSML｜parameter string=\"false\" name=\"x\">2.0</｜DSML｜parameter>" PARAMETER_T("<｜User｜>") \
    "</｜DSML｜invoke></｜DSML｜tool_calls>"
#define CANONICAL(t)                                                                         \
    "\n\n<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"f\">\n"                              \
    "<｜DSML｜parameter name=\"x\" string=\"false\">2</｜DSML｜parameter>\n"                \
    PARAMETER_T(t) "\n</｜DSML｜invoke>\n</｜DSML｜tool_calls>"

/* The answer to a turn as the engine would feed it: what is marked with DSML is a token, <｜User｜>
 * is spelled. */
static void answer(reply_message *m, replay *store, const int32_t *tokens, size_t n_tokens) {
    reply *r = NULL;
    static const char text[] = "why</think>Let me see." BLOCK;
    if (reply_new(&r, &(reply_options){.thinking = true, .tokens = true}, NULL) != OK) exit(1);
    for (const char *p = text; *p;) {
        const char *const known[] = {TOKEN_DSML, TOKEN_END_THINK};
        size_t n = 0;
        for (int i = 0; i < 2; i++)
            if (!strncmp(p, known[i], strlen(known[i]))) n = strlen(known[i]);
        if (n) reply_control(r, p, n);
        else reply_feed(r, p, 1);
        p += n ? n : 1;
    }
    reply_control(r, TOKEN_EOS, strlen(TOKEN_EOS));
    CHECK(reply_end(r, false, NULL) == OK);
    reply_collect(r, m);
    REQUIRE(m->n_calls == 1 && m->finish == REPLY_CALLS);
    const chat_call call = {{m->calls[0].id.data, m->calls[0].id.n},
                            {m->calls[0].name.data, m->calls[0].name.n},
                            {m->calls[0].arguments.data, m->calls[0].arguments.n}};
    replay_given g = {.calls = &call,
                      .n_calls = 1,
                      .tokens = tokens,
                      .n_tokens = n_tokens,
                      .thinking = true,
                      .reasoning = {m->reasoning.data, m->reasoning.n},
                      .content = {m->content.data, m->content.n}};
    CHECK(reply_tail(r, &g.tail, &g.marks, &g.n_marks));
    CHECK(replay_keep(store, &g, NULL) == OK);
    reply_free(r);
}

/* The prompt after the client has sent the call back. */
static chat_prompt after(replay *store, const char *id, const char *name, const char *arguments,
                         const char *content, const char *reasoning) {
    chat *c = NULL;
    chat_prompt p = {0};
    chat_options o = chat_defaults();
    o.drop_thinking = false;
    if (chat_new(&c, &o, NULL) != OK) exit(1);
    const chat_call call = {chat_cstr(id), chat_cstr(name), chat_cstr(arguments)};
    CHECK(chat_add(c, &(chat_message){.role = CHAT_USER, .content = chat_cstr("u")}, NULL) == OK);
    CHECK(chat_add(c,
                   &(chat_message){.role = CHAT_ASSISTANT,
                                   .content = chat_cstr(content),
                                   .reasoning = chat_cstr(reasoning),
                                   .calls = &call,
                                   .n_calls = 1},
                   NULL) == OK);
    CHECK(chat_add(c,
                   &(chat_message){
                       .role = CHAT_TOOL, .tool_call_id = chat_cstr(id), .content = chat_cstr("r")},
                   NULL) == OK);
    CHECK(chat_render(c, store, &p, NULL) == OK);
    chat_free(c);
    return p;
}

#define HEAD TOKEN_BOS TOKEN_USER "u" TOKEN_ASSISTANT TOKEN_THINK
#define TAIL TOKEN_EOS TOKEN_USER "<tool_result>r</tool_result>" TOKEN_ASSISTANT TOKEN_THINK

static void check_prompt(replay *store, const char *id, const char *name, const char *arguments,
                         const char *content, const char *reasoning, const char *want,
                         size_t want_ids) {
    chat_prompt p = after(store, id, name, arguments, content, reasoning);
    CHECK_SAY(!strcmp(p.text.data, want), "\n%s\nnot\n%s", p.text.data, want);
    CHECK(p.n_ids == want_ids);
    for (size_t i = 0; i < p.n_segments; i++) /* the spelled user token stays text */
        if (p.segments[i].control &&
            !strncmp(p.text.data + p.segments[i].at, TOKEN_USER, p.segments[i].n))
            CHECK(p.segments[i].at == strlen(TOKEN_BOS) ||
                  p.segments[i].at > strlen(want) - strlen(TAIL));
    chat_prompt_free(&p);
}

TEST(a_call_comes_back_as_it_was_written_while_it_means_the_same) {
    replay *store = NULL;
    reply_message m = {0};
    REQUIRE(replay_new(&store, 0, NULL) == OK);
    answer(&m, store, NULL, 0);
    const char *id = m.calls[0].id.data;
    CHECK(!strcmp(m.calls[0].arguments.data, "{\"x\": 2.0, \"t\": \"<｜User｜>\"}"));
    check_prompt(store, id, "f", m.calls[0].arguments.data, "Let me see.", "why",
                 HEAD "why</think>Let me see." BLOCK TAIL, 0);
    check_prompt(store, id, "f", "{\"t\":\"\\u003c｜User｜>\",\"x\":2}", "Let me see.", "",
                 HEAD "</think>Let me see." BLOCK TAIL, 0);
    /* Another value, another name, another id: what the client says counts. */
    check_prompt(store, id, "f", "{\"x\":2,\"t\":\"<｜User｜>!\"}", "", "",
                 HEAD "</think>" CANONICAL("<｜User｜>!") TAIL, 0);
    check_prompt(store, id, "g", "{}", "", "",
                 HEAD "</think>\n\n<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"g\">\n\n"
                      "</｜DSML｜invoke>\n</｜DSML｜tool_calls>" TAIL,
                 0);
    check_prompt(store, "call_other", "f", "{\"x\":2,\"t\":\"<｜User｜>\"}", "", "",
                 HEAD "</think>" CANONICAL("<｜User｜>") TAIL, 0);
    check_prompt(NULL, id, "f", "{\"x\":2,\"t\":\"<｜User｜>\"}", "", "",
                 HEAD "</think>" CANONICAL("<｜User｜>") TAIL, 0);
    reply_message_free(&m);
    replay_free(store);
}

TEST(the_sampled_tokens_come_back_when_all_of_the_turn_is_the_same) {
    static const int32_t tokens[] = {11, 128822, 12, 13, 14};
    replay *store = NULL;
    reply_message m = {0};
    REQUIRE(replay_new(&store, 0, NULL) == OK);
    answer(&m, store, tokens, 5);
    const char *id = m.calls[0].id.data;
    chat_prompt p = after(store, id, "f", "{\"x\":2,\"t\":\"<｜User｜>\"}", "Let me see.", "why");
    CHECK(!strcmp(p.text.data, HEAD "why</think>Let me see." BLOCK TAIL));
    CHECK(p.n_ids == 5 && !memcmp(p.ids, tokens, sizeof tokens));
    size_t with_ids = 0;
    for (size_t i = 0; i < p.n_segments; i++)
        with_ids +=
            p.segments[i].n_ids == 5 && p.segments[i].n == strlen("why</think>Let me see." BLOCK);
    CHECK(with_ids == 1);
    chat_prompt_free(&p);
    check_prompt(store, id, "f", "{\"x\":2,\"t\":\"<｜User｜>\"}", "Let me see!", "why",
                 HEAD "why</think>Let me see!" BLOCK TAIL, 0);
    check_prompt(store, id, "f", "{\"x\":2,\"t\":\"<｜User｜>\"}", "Let me see.", "",
                 HEAD "</think>Let me see." BLOCK TAIL, 0);
    reply_message_free(&m);
    replay_free(store);
}

static replay_given turn_of(const chat_call *call, const char *tail) {
    return (replay_given){.calls = call, .n_calls = 1, .tail = chat_cstr(tail)};
}

TEST(the_store_keeps_what_was_used_last_within_its_limit) {
    replay *store = NULL;
    char tail[1001];
    memset(tail, 't', 1000);
    tail[1000] = 0;
    REQUIRE(replay_new(&store, 10000, NULL) == OK);
    for (int i = 0; i < 1000; i++) {
        char id[20];
        snprintf(id, sizeof id, "id%d", i);
        const chat_call call = {chat_cstr(id), chat_cstr("f"), chat_cstr("{}")},
                        first = {chat_cstr("id0"), chat_cstr("f"), chat_cstr("{}")};
        const replay_given g = turn_of(&call, tail);
        CHECK(replay_keep(store, &g, NULL) == OK && replay_bytes(store) <= 10000);
        CHECK(replay_find(store, &call, 1));
        CHECK(replay_find(store, &first, 1)); /* used again and again, so it stays */
    }
    const chat_call second = {chat_cstr("id1"), chat_cstr("f"), chat_cstr("{}")};
    CHECK(!replay_find(store, &second, 1));
    const replay_given again = turn_of(&second, "x"),
                       huge = {.calls = &second,
                               .n_calls = 1,
                               .tail = {tail, 1000},
                               .tokens = (const int32_t *)(const void *)tail,
                               .n_tokens = SIZE_MAX / 2};
    CHECK(replay_keep(store, &again, NULL) == OK && replay_find(store, &second, 1));
    CHECK(replay_keep(store, &huge, NULL) == OK &&
          replay_find(store, &second, 1)); /* too large: nothing changes */
    replay_free(store);
}

TEST(a_turn_is_found_only_with_all_of_its_calls_in_order) {
    replay *store = NULL;
    REQUIRE(replay_new(&store, 0, NULL) == OK);
    const chat_call a = {chat_cstr("a"), chat_cstr("f"), chat_cstr("{}")},
                    b = {chat_cstr("b"), chat_cstr("f"), chat_cstr("[1]")};
    const chat_call both[] = {a, b}, turned[] = {b, a};
    const replay_given g = {.calls = both, .n_calls = 2, .tail = chat_cstr("t")};
    CHECK(replay_keep(store, &g, NULL) == OK);
    CHECK(replay_find(store, both, 2) && !replay_find(store, both, 1) &&
          !replay_find(store, turned, 2) && !replay_find(store, &b, 1));
    const replay_given anew = turn_of(&b, "t"),
                       nameless = turn_of(&(chat_call){.name = chat_cstr("f")}, "t");
    CHECK(replay_keep(store, &anew, NULL) == OK && replay_find(store, &b, 1) &&
          !replay_find(store, both, 2));
    CHECK(replay_keep(store, &nameless, NULL) == E_USAGE);
    replay_free(store);
}

TEST(call_ids_are_22_digits_of_chance) {
    char ids[500][CALL_ID_MOST], more[CALL_ID_MOST];
    for (int i = 0; i < 500; i++) {
        REQUIRE(call_id_make(ids[i], "call_", NULL) == OK);
        CHECK(strlen(ids[i]) == 27 && !strncmp(ids[i], "call_", 5) &&
              strspn(ids[i] + 5,
                     "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") == 22);
        for (int k = 0; k < i; k++) CHECK(strcmp(ids[i], ids[k]));
    }
    CHECK(call_id_make(more, "a prefix that is a good deal longer than any id is", NULL) ==
          E_USAGE);
}

TESTS_MAIN
