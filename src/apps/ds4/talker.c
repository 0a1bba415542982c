#include "apps/ds4/talker.h"

#include <stdlib.h>
#include <string.h>

#include "apps/ds4/saved.h"
#include "base/clock.h"
#include "talk/vocab.h"

enum { RESERVE = 1024 /* tokens kept for the answer when thinking would fill the context */ };

struct talker {
    engine *en;
    session *s;
    tokenizer *vocab;
    uint32_t n_vocab;
    talk_settings set;
    buf system;
    history h;
    uint32_t kept[2]; /* where the last two answers began */
    uint64_t answers;
};

status talker_new(talker **out, const model *m, const char *name, engine *en, const talk_settings *s, err *e) {
    talker *t = calloc(1, sizeof *t);
    if (!t) return fail(e, E_NOMEM, "out of memory");
    t->en = en;
    t->set = *s;
    t->n_vocab = model_shape(m)->n_vocab;
    status st = vocab_open(&t->vocab, model_file(m, 0), name, e);
    if (st == OK && tok_count(t->vocab) > t->n_vocab)
        st = fail(e, E_FORMAT, "%s: the tokeniser has %zu tokens, the model's vocabulary %u", name, tok_count(t->vocab),
                  t->n_vocab);
    if (st == OK) st = session_new(&t->s, en, e);
    if (st != OK) {
        talker_free(t);
        return st;
    }
    *out = t;
    return OK;
}

void talker_free(talker *t) {
    if (!t) return;
    session_free(t->s);
    tok_free(t->vocab);
    history_free(&t->h);
    buf_free(&t->system);
    free(t);
}

talk_settings *talker_settings(talker *t) { return &t->set; }
const char *talker_system(const talker *t) { return t->system.data ? t->system.data : ""; }
size_t talker_messages(const talker *t) { return t->h.n; }
chat_role talker_role(const talker *t, size_t i) { return t->h.at[i].role; }
const char *talker_text(const talker *t, size_t i) { return t->h.at[i].content.data ? t->h.at[i].content.data : ""; }
uint32_t talker_used(const talker *t) { return session_pos(t->s); }
uint32_t talker_context(const talker *t) { return engine_context(t->en); }

status talker_set_system(talker *t, const char *p, size_t n, err *e) {
    buf_clear(&t->system);
    buf_add(&t->system, p, n);
    return t->system.failed ? fail(e, E_NOMEM, "out of memory") : OK;
}

/* ------------------------------------------------------------------ the prompt */

static chat_str str_of(const buf *b) { return (chat_str){b->data, b->n}; }

static status add_messages(const talker *t, chat *c, err *e) {
    status st = OK;
    if (t->system.n) {
        const chat_message m = {.role = CHAT_SYSTEM, .content = str_of(&t->system)};
        st = chat_add(c, &m, e);
    }
    for (size_t i = 0; i < t->h.n && st == OK; i++) {
        const chat_message m = {.role = t->h.at[i].role, .content = str_of(&t->h.at[i].content),
                                .reasoning = str_of(&t->h.at[i].reasoning)};
        st = chat_add(c, &m, e);
    }
    return st;
}

/* The ids of all that was said, up to where the answer begins. */
static status render(const talker *t, tokens *ids, bool *thinking, err *e) {
    if (t->set.raw) {
        *thinking = false;
        return tok_encode(t->vocab, t->h.at[t->h.n - 1].content.data, t->h.at[t->h.n - 1].content.n, TOK_PLAIN, ids, e);
    }
    chat_options o = chat_defaults();
    o.thinking = t->set.think != THINK_OFF;
    if (t->set.think == THINK_MAX) o.effort = CHAT_EFFORT_MAX;
    chat *c;
    chat_prompt p = {0};
    status st = chat_new(&c, &o, e);
    if (st != OK) return st;
    st = add_messages(t, c, e);
    if (st == OK) st = chat_render(c, NULL, &p, e);
    if (st == OK) st = vocab_encode_prompt(t->vocab, &p, ids, e);
    *thinking = p.thinking;
    chat_prompt_free(&p);
    chat_free(c);
    return st;
}

static bool begins_with(const session *s, const int32_t *ids, uint32_t n) {
    return session_pos(s) >= n && (n == 0 || memcmp(session_tokens(s), ids, n * sizeof *ids) == 0);
}

/* A frontier here; of older ones only the last is still likely to be wanted. */
static void keep_here(talker *t) {
    session_unkeep(t->s, t->kept[0]);
    t->kept[0] = t->kept[1];
    t->kept[1] = session_pos(t->s);
    session_keep(t->s, NULL);
}

/* The last token of a prompt opens or closes thinking, and the same turn reads the other way once it is
 * past: the frontier from which the next turn goes on stands before it. */
static status read_prompt(talker *t, const tokens *ids, const answer_view *v, answer_report *r, err *e) {
    const control c = {.stop = v->stop, .progress = v->reading, .self = v->self};
    const double start = clock_seconds();
    if (ids->n >= engine_context(t->en))
        return fail(e, E_LIMIT, "the conversation has %zu tokens and no room for an answer in a context of %u: start with a "
                    "larger --ctx, or take something back",
                    ids->n, engine_context(t->en));
    const uint32_t n = (uint32_t)ids->n, before = n - 1;
    const bool held = begins_with(t->s, ids->id, before);
    status st = OK;
    if (!held) st = session_become(t->s, ids->id, before, &c, &r->reused, e);
    if (!held && st == OK) keep_here(t);
    if (st == OK) st = session_become(t->s, ids->id, n, &c, held ? &r->reused : NULL, e);
    r->prompt = n;
    r->reading_s = clock_seconds() - start;
    return st;
}

/* ------------------------------------------------------------------ the answer */

static void show(turn *tn, message *answer, const answer_view *v) {
    reply_event ev;
    while (turn_event(tn, &ev)) {
        if (ev.kind != REPLY_THINKING && ev.kind != REPLY_TEXT) continue;
        const bool thinking = ev.kind == REPLY_THINKING;
        buf_add(thinking ? &answer->reasoning : &answer->content, ev.text, ev.n);
        if (v->text) v->text(v->self, thinking, ev.text, ev.n);
    }
}

static status write_answer(talker *t, turn *tn, message *answer, const answer_view *v, answer_report *r, err *e) {
    status st = OK;
    const double start = clock_seconds();
    while (st == OK && turn_running(tn)) {
        turn_token k;
        st = turn_next(tn, session_logits(t->s), &k, e);
        if (st == OK) show(tn, answer, v);
        if (st == OK && turn_running(tn) && v->stop && v->stop(v->self)) st = turn_cancel(tn, e);
        if (st == OK && turn_running(tn)) st = session_feed(t->s, &k.id, 1, NULL, e);
    }
    if (st == OK) show(tn, answer, v);
    size_t n;
    turn_tokens(tn, &n);
    r->made = (uint32_t)n;
    r->making_s = clock_seconds() - start;
    r->end = turn_why(tn);
    return st;
}

/* A seed of its own for every answer, so that a conversation does not repeat its draws. */
static status choose_seed(const talker *t, uint64_t *seed, err *e) {
    if (!t->set.seeded) return sampler_fresh_seed(seed, e);
    *seed = t->set.sampling.seed + t->answers * 0x9e3779b97f4a7c15u;
    return OK;
}

static status answer(talker *t, const answer_view *v, answer_report *r, err *e) {
    tokens ids = {0};
    turn *tn = NULL;
    turn_options o = turn_defaults();
    *r = (answer_report){0};
    status st = render(t, &ids, &o.thinking, e);
    if (st == OK && ids.n == 0) st = fail(e, E_USAGE, "the prompt is empty");
    if (st == OK) st = read_prompt(t, &ids, v, r, e);
    o.sampling = t->set.sampling;
    o.max_tokens = t->set.max_tokens;
    o.room = engine_context(t->en) - session_pos(t->s);
    o.reserve = RESERVE;
    o.raw = t->set.raw;
    o.no_calls = true; /* no tools are offered here: what looks like a call is shown as it is */
    if (st == OK) st = choose_seed(t, &o.sampling.seed, e);
    if (st == OK) st = turn_new(&tn, t->vocab, t->n_vocab, &o, ids.id, ids.n, e);
    tokens_free(&ids);
    if (st != OK) return st;
    t->answers++;
    message *m = history_add(&t->h, CHAT_ASSISTANT, "", 0);
    st = m ? write_answer(t, tn, m, v, r, e) : fail(e, E_NOMEM, "out of memory");
    turn_free(tn);
    return st;
}

status talker_say(talker *t, const char *text, size_t n, const answer_view *v, answer_report *r, err *e) {
    const size_t before = t->h.n;
    if (!history_add(&t->h, CHAT_USER, text, n)) return fail(e, E_NOMEM, "out of memory");
    const status st = answer(t, v, r, e);
    if (st != OK) history_cut(&t->h, before);
    return st;
}

status talker_retry(talker *t, const answer_view *v, answer_report *r, err *e) {
    while (t->h.n && t->h.at[t->h.n - 1].role == CHAT_ASSISTANT) history_cut(&t->h, t->h.n - 1);
    if (t->h.n == 0) return fail(e, E_USAGE, "there is nothing to answer yet");
    return answer(t, v, r, e);
}

bool talker_undo(talker *t) {
    size_t n = t->h.n;
    while (n && t->h.at[n - 1].role == CHAT_ASSISTANT) n--;
    if (n == 0) return false;
    history_cut(&t->h, n - 1);
    return true;
}

status talker_save(const talker *t, const char *path, err *e) {
    return saved_write(path, talker_system(t), &t->h, t->s, e);
}

status talker_load(talker *t, const char *path, bool *computed, err *e) {
    history h = {0};
    buf system = {0};
    const status st = saved_read(path, &system, &h, t->s, computed, e);
    if (st != OK) {
        history_free(&h);
        buf_free(&system);
        return st;
    }
    history_free(&t->h);
    buf_free(&t->system);
    t->h = h;
    t->system = system;
    t->kept[0] = t->kept[1] = 0;
    return OK;
}
