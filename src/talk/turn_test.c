/* A turn driven by scripted logits: a model that wants one token above all others at each step. */
#include "talk/turn.h"

#include "base/test.h"
#include "base/utf8.h"

enum { BYTE0 = 0, EOS = 256, THINK, END_THINK, DSML, USER, N_VOCAB };

static const char *const added[] = {"<\xef\xbd\x9c" "end\xe2\x96\x81of\xe2\x96\x81sentence\xef\xbd\x9c>", "<think>",
                                    "</think>", "\xef\xbd\x9c" "DSML\xef\xbd\x9c",
                                    "<\xef\xbd\x9cUser\xef\xbd\x9c>"};

/* The letter that stands for a byte in vocabularies. */
static uint32_t letter(unsigned byte) {
    if ((byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174) return byte;
    uint32_t k = 0;
    for (unsigned b = 0; b < byte; b++) k += !((b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174);
    return 256 + k;
}

/* Every byte is a token, id = byte; then the added ones. */
static tokenizer *byte_vocab(void) {
    static char text[256][4];
    static tok_str list[N_VOCAB];
    static int32_t types[N_VOCAB];
    for (unsigned b = 0; b < 256; b++) {
        list[b] = (tok_str){text[b], utf8_put(text[b], letter(b))};
        types[b] = TOK_NORMAL;
    }
    for (int i = EOS; i < N_VOCAB; i++) {
        list[i] = (tok_str){added[i - EOS], strlen(added[i - EOS])};
        types[i] = i == EOS ? TOK_CONTROL : TOK_USER;
    }
    const tok_vocab v = {.tokens = list, .n_tokens = N_VOCAB, .types = types, .bos = -1, .eos = EOS, .pad = -1};
    tokenizer *t = NULL;
    err e = {0};
    if (tok_new(&t, &v, &e) != OK) fprintf(stderr, "%s\n", e.text);
    return t;
}

/* What came out of a turn, one string a kind. */
typedef struct seen {
    buf thinking, text, calls;
    int ends;
    reply_finish finish;
    turn_end why;
    size_t made;
} seen;

static void drain(turn *t, seen *s) {
    reply_event ev;
    while (turn_event(t, &ev)) {
        CHECK(ev.kind == REPLY_END || utf8_valid(ev.text, ev.n));
        CHECK(s->ends == 0); /* nothing comes behind the end */
        if (ev.kind == REPLY_THINKING) buf_add(&s->thinking, ev.text, ev.n);
        if (ev.kind == REPLY_TEXT) buf_add(&s->text, ev.text, ev.n);
        if (ev.kind == REPLY_CALL || ev.kind == REPLY_ARGUMENT) buf_add(&s->calls, ev.text, ev.n);
        if (ev.kind == REPLY_CALL_END) buf_str(&s->calls, ";");
        if (ev.kind == REPLY_END) s->ends++, s->finish = ev.finish;
    }
}

/* The script: bytes are themselves, @E @T @C @D @U the added tokens. */
static size_t script_ids(const char *script, int32_t *ids) {
    size_t n = 0;
    for (const char *p = script; *p; p++) {
        static const char names[] = "ETCDU";
        const char *at = *p == '@' && p[1] ? strchr(names, p[1]) : NULL;
        ids[n++] = at ? EOS + (int32_t)(at - names) : (int32_t)(unsigned char)*p;
        if (at) p++;
    }
    return n;
}

static seen play(const turn_options *o, const char *script) {
    static int32_t ids[20000];
    static float logits[N_VOCAB];
    const size_t n = script_ids(script, ids);
    tokenizer *v = byte_vocab();
    seen s = {0};
    turn *t = NULL;
    err e = {0};
    const int32_t prompt[] = {'h', 'i'};
    if (turn_new(&t, v, N_VOCAB, o, prompt, 2, &e) != OK) {
        CHECK_SAY(0, "%s", e.text);
        return s;
    }
    for (size_t i = 0; i < n && turn_running(t); i++) {
        for (int k = 0; k < N_VOCAB; k++) logits[k] = k == ids[i] ? 100.0f : 0;
        turn_token k;
        CHECK(turn_next(t, logits, &k, &e) == OK);
        if (k.forced) i--; /* the model did not get its way: it wants the same again */
        drain(t, &s);
    }
    if (turn_running(t)) {
        CHECK(turn_cancel(t, &e) == OK);
        drain(t, &s);
    }
    CHECK(s.ends == 1);
    s.why = turn_why(t);
    turn_tokens(t, &s.made);
    turn_free(t);
    tok_free(v);
    return s;
}

static bool is(const buf *b, const char *want) { return b->n == strlen(want) && memcmp(b->data ? b->data : "", want, b->n) == 0; }

static void seen_free(seen *s) {
    buf_free(&s->thinking);
    buf_free(&s->text);
    buf_free(&s->calls);
}

static turn_options options(void) {
    turn_options o = turn_defaults();
    o.sampling.temperature = 0;
    o.room = 10000;
    return o;
}

TEST(thinking_and_answer_come_apart_and_eos_ends_them) {
    turn_options o = options();
    o.thinking = true;
    seen s = play(&o, "two and two@CFour.@Emore");
    CHECK(is(&s.thinking, "two and two") && is(&s.text, "Four.") && s.why == TURN_STOP && s.made == 18);
    seen_free(&s);
}

TEST(characters_of_several_tokens_come_whole_and_rubbish_is_replaced) {
    const turn_options o = options();
    seen s = play(&o, "a\xf0\x9f\x8d\x80 \xc3z@E");
    CHECK(is(&s.text, "a\xf0\x9f\x8d\x80 \xef\xbf\xbdz"));
    seen_free(&s);
}

TEST(limits_of_tokens_and_of_room_end_with_length) {
    turn_options o = options();
    o.max_tokens = 3;
    seen s = play(&o, "abcdef");
    CHECK(is(&s.text, "abc") && s.why == TURN_LENGTH && s.finish == REPLY_LENGTH);
    seen_free(&s);
    o.max_tokens = 0;
    o.room = 2;
    s = play(&o, "abcdef");
    CHECK(is(&s.text, "ab") && s.why == TURN_LENGTH);
    seen_free(&s);
}

TEST(stop_strings_end_the_text_across_tokens_and_hide_themselves) {
    turn_options o = options();
    const stop_string stops[] = {{"END", 3}, {"\n\n", 2}};
    o.stops = stops;
    o.n_stops = 2;
    seen s = play(&o, "one EN two END three");
    CHECK(is(&s.text, "one EN two ") && s.why == TURN_STOP_STRING && s.made == 14);
    seen_free(&s);
    s = play(&o, "ends with EN@E"); /* what was held back is told when it is none after all */
    CHECK(is(&s.text, "ends with EN") && s.why == TURN_STOP);
    seen_free(&s);
    o.thinking = true; /* not in the thinking */
    s = play(&o, "an END here@Cfine\n\nmore");
    CHECK(is(&s.thinking, "an END here") && is(&s.text, "fine") && s.why == TURN_STOP_STRING);
    seen_free(&s);
}

TEST(a_thinking_budget_closes_softly_then_hard_and_leaves_room_for_the_answer) {
    turn_options o = options();
    o.thinking = true;
    o.think_soft = 5;
    o.think_hard = 50;
    seen s = play(&o, "It is so. But then again and again@CYes@E");
    CHECK_SAY(is(&s.thinking, "It is so."), "%s", s.thinking.data);
    seen_free(&s);
    o.think_soft = 0;
    o.think_hard = 7;
    s = play(&o, "no sentence ends here at all@E");
    CHECK(is(&s.thinking, "no sent"));
    seen_free(&s);
    o.think_hard = 0;
    o.max_tokens = 20;
    o.reserve = 8;
    s = play(&o, "thinking without any end whatsoever in sight and on");
    CHECK_SAY(s.thinking.n == 11 && s.text.n == 8 && s.why == TURN_LENGTH, "%zu %zu", s.thinking.n, s.text.n);
    seen_free(&s);
}

TEST(calls_are_taken_apart_and_finish_says_so) {
    const turn_options o = options();
    seen s = play(&o, "Look:\n\n<@Dtool_calls>\n<@Dinvoke name=\"ls\">\n<@Dparameter name=\"p\" "
                      "string=\"true\">/tmp</@Dparameter>\n</@Dinvoke>\n</@Dtool_calls>@E");
    CHECK(is(&s.text, "Look:") && is(&s.calls, "ls{\"p\": \"/tmp\"};") && s.why == TURN_CALLS &&
          s.finish == REPLY_CALLS);
    seen_free(&s);
    turn_options plain = options();
    plain.no_calls = true;
    s = play(&plain, "x\n\n<@Dtool_calls>\n@E");
    CHECK(s.calls.n == 0 && strstr(s.text.data, "tool_calls>") != NULL);
    seen_free(&s);
}

/* At temperature 50 a scripted logit of 100 leaves about one chance in 40 to each other token. */
TEST(markup_is_greedy_while_values_are_sampled) {
    tokenizer *v = byte_vocab();
    static int32_t ids[400];
    static float logits[N_VOCAB];
    turn_options o = options();
    o.sampling.temperature = 50;
    o.sampling.seed = 3;
    turn *t;
    err e;
    turn_token k;
    const size_t n = script_ids("<@Dtool_calls>\n<@Dinvoke name=\"write_the_whole_file\">\n<@Dparameter name=\"content\" "
                                "string=\"true\">",
                                ids);
    REQUIRE(turn_new(&t, v, N_VOCAB, &o, NULL, 0, &e) == OK);
    o.sampling.temperature = 0;
    size_t off = 0;
    for (size_t i = 0; i < n; i++) {
        for (int c = 0; c < N_VOCAB; c++) logits[c] = c == ids[i] ? (i < 2 ? 5000.0f : 100.0f) : 0;
        REQUIRE(turn_next(t, logits, &k, &e) == OK);
        off += k.id != ids[i];
    }
    CHECK_SAY(off == 0, "%zu tokens of the markup were drawn otherwise", off);
    for (size_t i = 0; i < 100; i++) {
        for (int c = 0; c < N_VOCAB; c++) logits[c] = c == 'x' ? 100.0f : c >= EOS || c == '<' ? -5000.0f : 0;
        REQUIRE(turn_next(t, logits, &k, &e) == OK);
        off += k.id != 'x';
    }
    CHECK_SAY(off > 50, "%zu of 100 were sampled", off);
    turn_free(t);
    tok_free(v);
}

TEST(a_loop_is_noticed_unless_decoding_is_greedy) {
    static char script[12001];
    for (size_t i = 0; i < 12000; i++) script[i] = "again and "[i % 10];
    turn_options o = options();
    o.room = 20000;
    o.guard = TURN_GUARD_ON;
    seen s = play(&o, script);
    CHECK(s.why == TURN_LOOP && s.made < 6000);
    seen_free(&s);
    o.guard = TURN_GUARD_DEFAULT;
    s = play(&o, script);
    CHECK(s.why == TURN_CANCELLED && s.made == 12000);
    seen_free(&s);
}

TEST(a_raw_turn_is_text_and_nothing_else) {
    turn_options o = options();
    o.raw = true;
    const stop_string stops[] = {{"!", 1}};
    o.stops = stops;
    o.n_stops = 1;
    seen s = play(&o, "a@Cb<think>\xc3@E");
    CHECK_SAY(is(&s.text, "a</think>b<think>\xef\xbf\xbd") && s.why == TURN_STOP, "%s", s.text.data);
    seen_free(&s);
    s = play(&o, "stop! here");
    CHECK(is(&s.text, "stop") && s.why == TURN_STOP_STRING);
    seen_free(&s);
}

TEST(logits_that_are_no_numbers_are_an_error) {
    tokenizer *v = byte_vocab();
    static float logits[N_VOCAB];
    const turn_options o = options();
    turn *t;
    err e;
    turn_token k;
    REQUIRE(turn_new(&t, v, N_VOCAB, &o, NULL, 0, &e) == OK);
    logits[5] = NAN;
    CHECK(turn_next(t, logits, &k, &e) == E_DEVICE);
    turn_free(t);
    tok_free(v);
}

TESTS_MAIN
