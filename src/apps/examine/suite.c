#include "apps/examine/suite.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

enum {
    SUITE_BYTES = 256 << 20,
    LINE_DEPTH = 100,
    TOKENS_USUAL = 256,
    TOKENS_MOST = 65536,
    REGEX_BYTES = 1000,
    REGEX_REPEATS = 10000
};

/* ------------------------------------------------------------------ one line */

static const char *const kinds[] = {"none", "number", "exact", "contains", "regex", "calls"};

static void case_free(exam_case *c) {
    if (c->expect.kind == EXPECT_REGEX) regfree(&c->expect.regex);
    chat_free(c->chat);
    json_free(c->doc);
    *c = (exam_case){0};
}

static bool absent(const json *v) {
    return !v || json_type(v) == JSON_NULL;
}

/* A text that is not empty and holds no NUL. */
static status read_word(const char **out, const json *line, const char *key, err *e) {
    size_t n = 0;
    const char *p = json_text(json_get(line, key), &n);
    if (!p || n == 0 || strlen(p) != n)
        return fail(e, E_FORMAT, "%s: a text that is not empty was expected", key);
    *out = p;
    return OK;
}

/* Compilers of expressions write repetitions out: `((a{99}){99}){99}` would be a million of them.
 * So the product of all numbers in braces is held small. */
static bool repeats_little(const char *p) {
    uint64_t product = 1, number = 0;
    bool inside = false;
    for (; *p; p++) {
        const bool digit = *p >= '0' && *p <= '9';
        if (inside && digit && number <= REGEX_REPEATS) number = number * 10 + (uint64_t)(*p - '0');
        if (inside && digit) continue;
        if (number > 1) product *= number;
        if (product > REGEX_REPEATS) return false;
        number = 0;
        inside = *p == '{' || (inside && *p == ',');
    }
    return true;
}

static status compile(regex_t *out, const json *value, err *e) {
    size_t n = 0;
    const char *p = json_text(value, &n);
    char why[200];
    if (strlen(p) != n) return fail(e, E_FORMAT, "expect.value: an expression cannot hold a NUL");
    if (n > REGEX_BYTES || !repeats_little(p))
        return fail(e, E_LIMIT,
                    "expect.value: an expression of more than %d bytes, or of more than "
                    "%d repetitions",
                    REGEX_BYTES, REGEX_REPEATS);
    const int code = regcomp(out, p, REG_EXTENDED | REG_NOSUB);
    if (code == 0) return OK;
    regerror(code, out, why, sizeof why);
    return fail(e, E_FORMAT, "expect.value: '%s' is no regular expression: %s", p, why);
}

static status check_calls(const json *value, err *e) {
    if (absent(value) || json_type(value) != JSON_ARRAY || json_count(value) == 0)
        return fail(e, E_FORMAT, "expect.value: an array of calls was expected");
    for (size_t i = 0; i < json_count(value); i++) {
        const json *call = json_at(value, i), *arguments = json_get(call, "arguments");
        if (!json_text(json_get(call, "name"), NULL) || absent(arguments) ||
            json_type(arguments) != JSON_OBJECT)
            return fail(e, E_FORMAT,
                        "expect.value[%zu]: a name and an object of arguments were expected", i);
    }
    return OK;
}

static status read_expectation(expectation *out, const json *given, err *e) {
    if (absent(given)) return OK;
    size_t n = 0, k = 0;
    const char *kind = json_text(json_get(given, "kind"), &n);
    const json *value = json_get(given, "value");
    while (k <= EXPECT_CALLS && (!kind || strcmp(kinds[k], kind) != 0)) k++;
    if (k > EXPECT_CALLS)
        return fail(e, E_FORMAT,
                    "expect.kind: none, number, exact, contains, regex or calls was expected");
    double number;
    if (k == EXPECT_NUMBER && !json_f64(value, &number))
        return fail(e, E_FORMAT, "expect.value: a number was expected");
    if ((k == EXPECT_EXACT || k == EXPECT_CONTAINS || k == EXPECT_REGEX) && !json_text(value, NULL))
        return fail(e, E_FORMAT, "expect.value: a text was expected");
    status st = OK;
    if (k == EXPECT_CALLS) st = check_calls(value, e);
    if (k == EXPECT_REGEX) st = compile(&out->regex, value, e);
    if (st != OK) return st;
    out->kind = (expect_kind)k;
    out->value = value;
    return OK;
}

/* Messages and tools as a request that says nothing else, so that nothing else is read. */
static status read_chat(chat **out, const json *line, bool thinking, err *e) {
    chat_options o = chat_defaults();
    buf request = {0};
    json_doc *doc = NULL;
    chat_prompt p = {0};
    const json *messages = json_get(line, "messages"), *tools = json_get(line, "tools");
    if (absent(messages)) return fail(e, E_FORMAT, "messages: is missing");
    buf_str(&request, "{\"messages\": ");
    json_write(&request, messages);
    if (!absent(tools)) {
        buf_str(&request, ", \"tools\": ");
        json_write(&request, tools);
    }
    buf_char(&request, '}');
    o.thinking = thinking;
    chat *c = NULL;
    status st = request.failed ? fail(e, E_NOMEM, "out of memory") : OK;
    if (st == OK)
        st = json_parse(&doc, request.data, request.n, LINE_DEPTH + 2, "messages and tools", e);
    if (st == OK) st = chat_from_request(&c, json_root(doc), &o, e);
    if (st == OK) st = chat_render(c, NULL, &p, e);
    if (st == OK && p.thinking != thinking)
        st = fail(e, E_FORMAT, "messages: the last one leaves no turn for an answer");
    chat_prompt_free(&p);
    json_free(doc);
    buf_free(&request);
    if (st == OK)
        *out = c;
    else
        chat_free(c);
    return st;
}

static status read_line(exam_case *c, const char *p, size_t n, err *e) {
    status st = json_parse(&c->doc, p, n, LINE_DEPTH, "the line", e);
    if (st != OK) return st;
    const json *line = json_root(c->doc);
    const json *thinking = json_get(line, "thinking"), *most = json_get(line, "max_tokens");
    uint64_t tokens = TOKENS_USUAL;
    if (json_type(line) != JSON_OBJECT) return fail(e, E_FORMAT, "an object was expected");
    c->line = hash128_chain((hash128){0}, p, n);
    c->thinking = true;
    if (!absent(thinking) && !json_bool(thinking, &c->thinking))
        return fail(e, E_FORMAT, "thinking: true or false was expected");
    if (!absent(most) && (!json_u64(most, &tokens) || tokens == 0 || tokens > TOKENS_MOST))
        return fail(e, E_FORMAT, "max_tokens: a number from 1 to %d was expected", TOKENS_MOST);
    c->max_tokens = (uint32_t)tokens;
    st = read_word(&c->id, line, "id", e);
    if (st == OK) st = read_word(&c->skill, line, "skill", e);
    if (st == OK) st = read_expectation(&c->expect, json_get(line, "expect"), e);
    if (st == OK) st = read_chat(&c->chat, line, c->thinking, e);
    return st;
}

/* ------------------------------------------------------------------ all of them */

static exam_case *suite_add(suite *s) {
    if (s->n == s->cap) {
        const size_t cap = s->cap ? s->cap * 2 : 256;
        exam_case *at = realloc(s->at, cap * sizeof *at);
        if (!at) return NULL;
        s->at = at;
        s->cap = cap;
    }
    s->at[s->n] = (exam_case){0};
    return &s->at[s->n++];
}

static int by_text(const void *x, const void *y) {
    const char *const *a = x, *const *b = y;
    return strcmp(*a, *b);
}

static status check_ids(const suite *s, const char *name, err *e) {
    const char **ids = malloc((s->n + 1) * sizeof *ids);
    if (!ids) return fail(e, E_NOMEM, "out of memory");
    for (size_t i = 0; i < s->n; i++) ids[i] = s->at[i].id;
    qsort(ids, s->n, sizeof *ids, by_text);
    status st = OK;
    for (size_t i = 1; i < s->n && st == OK; i++)
        if (strcmp(ids[i - 1], ids[i]) == 0)
            st =
                fail(e, E_FORMAT, "%s: two cases have the id %s: ids must be unique", name, ids[i]);
    free(ids);
    return st;
}

static bool blank(const char *p, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!strchr(" \t\r", p[i]) || !p[i]) return false;
    return true;
}

status suite_parse(suite *out, const char *text, size_t n, const char *name, err *e) {
    suite s = {0};
    status st = OK;
    size_t number = 0;
    for (size_t at = 0; at < n && st == OK;) {
        const char *p = text + at, *end = memchr(p, '\n', n - at);
        const size_t len = end ? (size_t)(end - p) : n - at;
        at += len + 1;
        number++;
        if (blank(p, len)) continue;
        exam_case *c = suite_add(&s);
        if (!c) {
            st = fail(e, E_NOMEM, "out of memory");
            break;
        }
        st = read_line(c, p, len, e);
        if (st == E_USAGE) { /* what a request may not say is a fault of the file here */
            st = E_FORMAT;
            if (e) e->code = st;
        }
        if (st != OK) err_prefix(e, "%s:%zu: ", name, number);
    }
    if (st == OK && s.n == 0) st = fail(e, E_FORMAT, "%s: there is no case in it", name);
    if (st == OK) st = check_ids(&s, name, e);
    if (st == OK)
        *out = s;
    else
        suite_free(&s);
    return st;
}

status suite_read(suite *out, const char *path, err *e) {
    buf text = {0};
    status st = file_read(&text, path, SUITE_BYTES, e);
    if (st == OK) st = suite_parse(out, text.data ? text.data : "", text.n, path, e);
    buf_free(&text);
    return st;
}

void suite_free(suite *s) {
    for (size_t i = 0; i < s->n; i++) case_free(&s->at[i]);
    free(s->at);
    *s = (suite){0};
}

/* ------------------------------------------------------------------ a part of them */

bool skill_matches(const char *skill, const char *word) {
    if (strchr(word, '*')) return fnmatch(word, skill, 0) == 0;
    return strncmp(skill, word, strlen(word)) == 0;
}

/* Keeps those that `wanted` says. */
static void keep(suite *s, bool (*wanted)(const exam_case *c, const void *how), const void *how) {
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++) {
        if (wanted(&s->at[i], how))
            s->at[n++] = s->at[i];
        else
            case_free(&s->at[i]);
    }
    s->n = n;
}

typedef struct word_list {
    const char *const *at;
    size_t n;
} word_list;

static bool is_named(const exam_case *c, const void *how) {
    const word_list *words = how;
    for (size_t i = 0; i < words->n; i++)
        if (skill_matches(c->skill, words->at[i])) return true;
    return false;
}

void suite_only(suite *s, const char *const *words, size_t n) {
    keep(s, is_named, &(word_list){words, n});
}

typedef struct drawing {
    uint64_t seed, bound; /* keys below the bound stay */
} drawing;

/* A number of a case and a seed that has nothing to do with the case's place. */
static uint64_t drawn_key(const exam_case *c, uint64_t seed) {
    const uint64_t parts[3] = {seed, c->line.lo, c->line.hi};
    return hash64(parts, sizeof parts);
}

static int by_size(const void *x, const void *y) {
    const uint64_t a = *(const uint64_t *)x, b = *(const uint64_t *)y;
    return a < b ? -1 : a > b;
}

static bool is_drawn(const exam_case *c, const void *how) {
    const drawing *d = how;
    return drawn_key(c, d->seed) < d->bound;
}

void suite_sample(suite *s, uint64_t n, uint64_t seed) {
    if (n >= s->n) return;
    uint64_t *keys = malloc(s->n * sizeof *keys);
    if (!keys) return suite_limit(s, n); /* still n of them */
    for (size_t i = 0; i < s->n; i++) keys[i] = drawn_key(&s->at[i], seed);
    qsort(keys, s->n, sizeof *keys, by_size);
    const drawing d = {seed, keys[n]};
    free(keys);
    keep(s, is_drawn, &d);
}

void suite_limit(suite *s, uint64_t n) {
    for (; s->n > n; s->n--) case_free(&s->at[s->n - 1]);
}
