/* render: messages to prompt, as the official encoder does it.
 *
 *     messages -- arrange, merge, sort, drop --> turns -- one by one --> segments
 *
 * arrange  makes turns of messages and puts the request's tools where they belong; for servers it
 *          also joins the leading system messages and turns later ones into user text.
 * merge    tool results and user texts in a row become blocks of one user turn.
 * sort     results follow the order of the calls they answer.
 * drop     in thinking mode without tools, past reasoning and past developer messages go.
 *
 * A turn then is its effort prefix (the first only), its body, and a transition that opens the
 * assistant's turn if the assistant is next.
 */
#include <stdlib.h>
#include <string.h>

#include "chat/dsml.h"
#include "chat/parts.h"
#include "chat/replay.h"
#include "chat/templates.h"

typedef struct block {
    bool result; /* else text */
    chat_str text, id;
} block;

typedef struct turn {
    const chat_message *m; /* NULL: an empty system message of our own */
    chat_role role;
    chat_task task;
    block *blocks; /* of a user turn, and of a server's system message: joined by blank lines */
    size_t n_blocks;
    bool reasoning;     /* not dropped                                   */
    bool request_parts; /* holds the request's tools and response format */
} turn;

typedef struct turns {
    turn *v;
    size_t n;
} turns;

/* One rendering under way. Every message becomes at most one turn and one block, so both have room
 * from the start. */
typedef struct rendering {
    const chat *c;
    replay *replay;
    chat_prompt *out;
    turn *turns;
    block *blocks;
    size_t blocks_used;
    bool drop; /* drop_thinking, in effect */
    size_t last_user;
    err *e;
} rendering;

static const size_t none = SIZE_MAX;

static bool is_user(const turn *t) { return t->role == CHAT_USER || t->role == CHAT_DEVELOPER; }

static size_t last_user_of(turns t) {
    for (size_t i = t.n; i-- > 0;)
        if (is_user(&t.v[i])) return i;
    return none;
}

/* ---- arrange and merge ---- */

static void add_block(rendering *r, turn *t, const chat_message *m, bool result) {
    if (!t->blocks) t->blocks = &r->blocks[r->blocks_used];
    r->blocks[r->blocks_used++] = (block){result, m->content, m->tool_call_id};
    t->n_blocks++;
}

/* Turns of messages [from, to), written at v; `server` as CHAT_TURNS_OPEN says. */
static turns arrange(rendering *r, size_t from, size_t to, turn *v, bool server) {
    turns out = {v, 0};
    bool leading = true;
    for (size_t i = from; i < to; i++) {
        const chat_message *m = &r->c->messages[i];
        chat_role role = m->role;
        turn *last = out.n ? &out.v[out.n - 1] : NULL;
        if (server && (role == CHAT_SYSTEM || role == CHAT_DEVELOPER)) {
            role = leading ? CHAT_SYSTEM : CHAT_USER;
            if (leading && last) {
                add_block(r, last, m, false);
                continue;
            }
        } else {
            leading = false;
        }
        const bool result = role == CHAT_TOOL;
        const bool joins =
            last && last->role == CHAT_USER && (result || last->task == CHAT_NO_TASK);
        if (!((result || role == CHAT_USER) && joins)) {
            out.v[out.n++] = (turn){.m = m,
                                    .role = result ? CHAT_USER : role,
                                    .task = result ? CHAT_NO_TASK : m->task,
                                    .reasoning = true};
            last = &out.v[out.n - 1];
        }
        if (last->role == CHAT_USER || (server && last->role == CHAT_SYSTEM))
            add_block(r, last, m, result);
    }
    return out;
}

/* ---- sort ---- */

typedef struct call_place {
    chat_str id;
    size_t place; /* of the call, or of the result among the results */
    size_t slot;  /* of a result: its block                          */
} call_place;

static int compare_ids(chat_str a, chat_str b) {
    const size_t n = a.n < b.n ? a.n : b.n;
    const int c = n ? memcmp(a.p, b.p, n) : 0;
    return c ? c : a.n < b.n ? -1 : a.n > b.n;
}

static int by_id(const void *x, const void *y) {
    const call_place *a = x, *b = y;
    const int c = compare_ids(a->id, b->id);
    return c ? c : a->place < b->place ? -1 : a->place > b->place;
}

static int by_place(const void *x, const void *y) {
    const call_place *a = x, *b = y;
    return a->place < b->place   ? -1
           : a->place > b->place ? 1
           : a->slot < b->slot   ? -1
                                 : a->slot > b->slot;
}

/* The place of a call by its id, 0 if unknown; of equal ids the last counts. */
static size_t place_of(const call_place *calls, size_t n, chat_str id) {
    size_t lo = 0, hi = n;
    while (lo < hi) {
        const size_t mid = lo + (hi - lo) / 2;
        if (compare_ids(calls[mid].id, id) <= 0) lo = mid + 1;
        else hi = mid;
    }
    return lo > 0 && compare_ids(calls[lo - 1].id, id) == 0 ? calls[lo - 1].place : 0;
}

static status sort_user(rendering *r, turn *t, const chat_message *caller) {
    size_t n_results = 0, n_calls = 0;
    for (size_t i = 0; i < t->n_blocks; i++) n_results += t->blocks[i].result;
    if (n_results < 2) return OK;
    call_place *calls = malloc((caller->n_calls + n_results) * sizeof *calls);
    block *sorted = malloc(n_results * sizeof *sorted);
    if (!calls || !sorted) {
        free(calls);
        free(sorted);
        return fail(r->e, E_NOMEM, "chat: out of memory");
    }
    for (size_t i = 0; i < caller->n_calls; i++)
        if (caller->calls[i].id.n) calls[n_calls++] = (call_place){caller->calls[i].id, i, 0};
    if (n_calls) {
        call_place *results = calls + n_calls;
        size_t k = 0;
        qsort(calls, n_calls, sizeof *calls, by_id);
        for (size_t i = 0; i < t->n_blocks; i++) {
            if (!t->blocks[i].result) continue;
            results[k++] =
                (call_place){t->blocks[i].id, place_of(calls, n_calls, t->blocks[i].id), i};
        }
        qsort(results, n_results, sizeof *results, by_place);
        for (k = 0; k < n_results; k++) sorted[k] = t->blocks[results[k].slot];
        for (size_t i = k = 0; i < t->n_blocks; i++)
            if (t->blocks[i].result) t->blocks[i] = sorted[k++];
    }
    free(calls);
    free(sorted);
    return OK;
}

/* `caller`: the latest assistant message with calls before these turns, or NULL. */
static status sort_results(rendering *r, turns t, const chat_message *caller) {
    status st = OK;
    for (size_t i = 0; st == OK && i < t.n; i++) {
        if (t.v[i].role == CHAT_ASSISTANT && t.v[i].m->n_calls) caller = t.v[i].m;
        if (t.v[i].role == CHAT_USER && caller) st = sort_user(r, &t.v[i], caller);
    }
    return st;
}

/* ---- drop ---- */

/* Whether turn i stays, when `last` is the last user turn. */
static bool stays(const turn *t, size_t i, size_t last) {
    if (last == none || i >= last) return true;
    return t->role != CHAT_DEVELOPER && t->role != CHAT_OTHER;
}

static void drop_past(turns *t) {
    const size_t last = last_user_of(*t);
    size_t kept = 0;
    for (size_t i = 0; i < t->n; i++) {
        if (!stays(&t->v[i], i, last)) continue;
        t->v[kept] = t->v[i];
        if (last != none && i < last) t->v[kept].reasoning = false;
        kept++;
    }
    t->n = kept;
}

static size_t count_kept(turns t) {
    const size_t last = last_user_of(t);
    size_t kept = 0;
    for (size_t i = 0; i < t.n; i++) kept += stays(&t.v[i], i, last);
    return kept;
}

/* ---- bodies ---- */

static void put(rendering *r, chat_str s) { prompt_text(r->out, s.p, s.n); }

static void put_tools(rendering *r, const turn *t) {
    const chat *c = r->c;
    const size_t own = t->m ? t->m->n_tools : 0, given = t->request_parts ? c->n_tools : 0;
    if (own + given == 0) return;
    prompt_template(r->out, "\n\n");
    prompt_template(r->out, template_tools_head);
    for (size_t i = 0; i < own + given; i++) {
        if (i) prompt_template(r->out, "\n");
        put(r, i < own ? t->m->tools[i] : c->tools[i - own].definition);
    }
    prompt_template(r->out, template_tools_tail);
}

static void put_format(rendering *r, chat_str schema) {
    if (schema.n == 0) return;
    prompt_template(r->out, "\n\n");
    prompt_template(r->out, template_format_head);
    put(r, schema);
}

static void put_instructions(rendering *r, const turn *t) {
    put_tools(r, t);
    if (t->m) put_format(r, t->m->response_format);
    if (t->request_parts) put_format(r, r->c->response_format);
}

static void put_blocks(rendering *r, const turn *t) {
    for (size_t i = 0; i < t->n_blocks; i++) {
        if (i) prompt_template(r->out, "\n\n");
        if (t->blocks[i].result) prompt_template(r->out, "<tool_result>");
        put(r, t->blocks[i].text);
        if (t->blocks[i].result) prompt_template(r->out, "</tool_result>");
    }
}

static status put_assistant(rendering *r, const turn *t, size_t i, const turn *before) {
    const chat_message *m = t->m;
    const chat_options *o = &r->c->options;
    const bool after_task = before && before->task != CHAT_NO_TASK;
    const bool thinks =
        o->thinking && !after_task && (!r->drop || r->last_user == none || i > r->last_user);
    const chat_str reasoning = thinks && t->reasoning ? m->reasoning : (chat_str){NULL, 0};

    const replay_turn *sampled = m->n_calls ? replay_find(r->replay, m->calls, m->n_calls) : NULL;
    if (sampled && replay_has_tokens(sampled, thinks, reasoning, m->content)) {
        replay_put_tokens(sampled, r->out);
        return OK;
    }
    put(r, reasoning);
    if (thinks) prompt_control(r->out, TOKEN_END_THINK);
    put(r, m->content);
    if (sampled) replay_put_calls(sampled, r->out);
    else if (m->n_calls) return dsml_write(r->out, m->calls, m->n_calls, r->e);
    return OK;
}

static status bad_message(rendering *r, const turn *t, const char *field, const char *why) {
    const size_t at = (size_t)(t->m - r->c->messages), n_context = r->c->n_context;
    return fail(r->e, E_USAGE, "%s[%zu].%s: %s", at < n_context ? "context" : "messages",
                at < n_context ? at : at - n_context, field, why);
}

static status put_body(rendering *r, const turn *t, size_t i) {
    switch (t->role) {
    case CHAT_SYSTEM:
        if (t->n_blocks) put_blocks(r, t);
        else if (t->m) put(r, t->m->content);
        put_instructions(r, t);
        return OK;
    case CHAT_USER:
        prompt_control(r->out, TOKEN_USER);
        put_blocks(r, t);
        return OK;
    case CHAT_DEVELOPER:
        if (t->m->content.n == 0)
            return bad_message(r, t, "content", "a developer message cannot be empty");
        prompt_control(r->out, TOKEN_USER);
        put(r, t->m->content);
        put_instructions(r, t);
        return OK;
    case CHAT_REMINDER:
        prompt_control(r->out, TOKEN_REMINDER);
        put(r, t->m->content);
        return OK;
    case CHAT_ASSISTANT: return put_assistant(r, t, i, i ? t - 1 : NULL);
    case CHAT_TOOL:
    case CHAT_SEARCH:
    case CHAT_OTHER: break;
    }
    return bad_message(r, t, "role", "a message of this role has no place in the prompt");
}

/* ---- transitions ---- */

static void open_assistant(rendering *r, bool think) {
    prompt_control(r->out, TOKEN_ASSISTANT);
    prompt_control(r->out, think ? TOKEN_THINK : TOKEN_END_THINK);
}

static void put_transition(rendering *r, const turn *t, size_t i, const turn *next) {
    if (next && next->role != CHAT_ASSISTANT && next->role != CHAT_REMINDER) return;
    const bool thinking = r->c->options.thinking;
    if (t->task != CHAT_NO_TASK) {
        if (t->task == CHAT_ACTION) open_assistant(r, thinking);
        prompt_control(r->out, template_task_token(t->task));
    } else if (is_user(t)) {
        open_assistant(r, thinking && (!r->drop || i >= r->last_user));
    }
}

static status put_turn(rendering *r, turns all, size_t i) {
    const chat_options *o = &r->c->options;
    const turn *t = &all.v[i], *next = i + 1 < all.n ? t + 1 : NULL;
    if (i == 0 && o->thinking) prompt_template(r->out, template_effort(o->contract, o->effort));
    const status st = put_body(r, t, i);
    if (st != OK) return st;

    const bool ends = o->turns != CHAT_TURNS_AS_GIVEN && !next;
    const bool continued = ends && o->turns == CHAT_TURNS_CONTINUE && t->role == CHAT_ASSISTANT;
    if (t->role == CHAT_ASSISTANT && !t->m->no_eos && !continued) prompt_control(r->out, TOKEN_EOS);
    if (continued) return OK;
    put_transition(r, t, i, next);
    if (ends && !is_user(t) && t->task == CHAT_NO_TASK) open_assistant(r, o->thinking);
    return OK;
}

/* ---- the whole ---- */

static bool has_tools(turns t) {
    for (size_t i = 0; i < t.n; i++)
        if (t.v[i].m && t.v[i].m->n_tools) return true;
    return false;
}

static const chat_message *last_caller(const chat *c, size_t n) {
    while (n-- > 0)
        if (c->messages[n].role == CHAT_ASSISTANT && c->messages[n].n_calls) return &c->messages[n];
    return NULL;
}

/* The turn that holds the request's tools and response format: the first, if it is the system's or
 * developer's, else an empty system message in front. There is room before `first`. */
static turn *place_request_parts(const chat *c, turn *first, size_t n) {
    if (c->n_tools == 0 && c->response_format.n == 0) return first;
    if (n == 0 || (first->role != CHAT_SYSTEM && first->role != CHAT_DEVELOPER))
        *--first = (turn){.role = CHAT_SYSTEM, .reasoning = true};
    first->request_parts = true;
    return first;
}

static status render_turns(rendering *r) {
    const chat *c = r->c;
    const chat_options *o = &c->options;
    const bool server = o->turns != CHAT_TURNS_AS_GIVEN;
    turn *first = r->turns + 1; /* one place is kept for an empty system message */
    turns context = arrange(r, 0, c->n_context, first, server);
    turns fresh = arrange(r, c->n_context, c->n_messages, first + context.n, server);
    status st = sort_results(r, context, NULL);
    if (st == OK) st = sort_results(r, fresh, last_caller(c, c->n_context));
    if (st != OK) return st;

    turn *begin = place_request_parts(c, first, context.n + fresh.n);
    const bool in_context = context.n > 0;
    if (begin != first) (in_context ? &context : &fresh)->n++;
    if (in_context) context.v = begin;
    else fresh.v = begin;
    turns all = {begin, context.n + fresh.n};

    r->drop = o->drop_thinking && !has_tools(all) && c->n_tools == 0;
    size_t n_render = fresh.n;
    if (o->thinking && r->drop) {
        const size_t kept_context = count_kept(context);
        drop_past(&all);
        n_render = all.n > kept_context ? all.n - kept_context : 0;
    }
    r->last_user = last_user_of(all);
    if (o->bos && !in_context) prompt_control(r->out, TOKEN_BOS);
    for (size_t i = all.n - n_render; st == OK && i < all.n; i++) st = put_turn(r, all, i);
    return st;
}

static bool ends_thinking(const chat_prompt *p) {
    if (p->n_segments == 0) return false;
    const prompt_segment *s = &p->segments[p->n_segments - 1];
    return s->control && s->n == strlen(TOKEN_THINK) &&
           memcmp(p->text.data + s->at, TOKEN_THINK, s->n) == 0;
}

status chat_render(const chat *c, replay *store, chat_prompt *out, err *e) {
    if (!template_effort(c->options.contract, c->options.effort))
        return fail(
            e, E_USAGE,
            "reasoning_effort: the preview contract has no level `low`; use none, high or max");
    chat_prompt p = {0};
    rendering r = {.c = c, .replay = store, .out = &p, .e = e};
    r.turns = malloc((c->n_messages + 1) * sizeof *r.turns);
    r.blocks = malloc((c->n_messages + 1) * sizeof *r.blocks);
    status st = r.turns && r.blocks ? render_turns(&r) : fail(e, E_NOMEM, "chat: out of memory");
    if (st == OK && p.failed) st = fail(e, E_NOMEM, "chat: out of memory");
    free(r.turns);
    free(r.blocks);
    if (st != OK) {
        chat_prompt_free(&p);
        return st;
    }
    p.thinking = ends_thinking(&p);
    *out = p;
    return OK;
}
