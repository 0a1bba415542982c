#include "apps/ds4/text_tools.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apps/ds4/ids.h"
#include "apps/lib/input.h"
#include "base/json.h"
#include "base/progress.h"
#include "chat/cases.h"
#include "talk/vocab.h"

static status put(const buf *b, err *e) {
    if (b->failed) return fail(e, E_NOMEM, "out of memory");
    if (b->n && fwrite(b->data, 1, b->n, stdout) != b->n)
        return fail(e, E_IO, "cannot write to stdout: %s", strerror(errno));
    return OK;
}

static status put_all(const buf *b, err *e) {
    const status st = put(b, e);
    if (st != OK || fflush(stdout) == 0) return st;
    return fail(e, E_IO, "cannot write to stdout: %s", strerror(errno));
}

/* ------------------------------------------------------------------ tokeniser */

/* NAME-00003-of-00007.gguf holds no keys: the first part's name, or NULL if `path` is no such. */
static char *first_part(const char *path) {
    static const char tail[] = "-00003-of-00007.gguf";
    const size_t n = strlen(path), t = sizeof tail - 1;
    if (n < t) return NULL;
    for (size_t i = 0; i < t; i++) {
        const char want = tail[i], c = path[n - t + i];
        if (want >= '0' && want <= '9' ? c < '0' || c > '9' : c != want) return NULL;
    }
    char *first = strdup(path);
    if (first) memcpy(first + n - t + 1, "00001", 5);
    return first;
}

static status open_named(tokenizer **out, const char *path, bool *is_part, err *e) {
    gguf *g;
    uint64_t part = 0;
    status st = gguf_open(&g, path, e);
    if (st != OK) return st;
    *is_part = gguf_u64(gguf_find_key(g, "split.no"), &part) && part > 0;
    st = vocab_open(out, g, path, e);
    gguf_close(g);
    return st;
}

status cli_tokenizer(tokenizer **out, const char *path, err *e) {
    bool is_part = false;
    const status st = open_named(out, path, &is_part, e);
    if (st != E_UNSUPPORTED || !is_part) return st;
    char *first = first_part(path);
    const status again = first ? open_named(out, first, &is_part, e) : st;
    free(first);
    return again;
}

status cli_text(buf *out, const ds4_cli *o, const char *asking, err *e) {
    if (o->prompt_file) return input_read(out, o->prompt_file, INPUT_MOST, o->interrupted, e);
    if (!o->prompt) return fail(e, E_USAGE, "%s needs a text: -p TEXT or -f FILE", asking);
    buf_str(out, o->prompt);
    return out->failed ? fail(e, E_NOMEM, "out of memory") : OK;
}

static status dump_tokens(const ds4_cli *o, err *e) {
    tokenizer *t = NULL;
    tokens ids = {0};
    buf text = {0}, out = {0};
    status st = cli_text(&text, o, "--dump-tokens", e);
    if (st == OK) st = cli_tokenizer(&t, o->model, e);
    if (st == OK)
        st = tok_encode(t, text.data ? text.data : "", text.n, o->special ? TOK_SPECIAL : TOK_PLAIN,
                        &ids, e);
    if (st == OK) {
        ids_write(&out, &ids);
        buf_char(&out, '\n');
        st = put_all(&out, e);
    }
    tok_free(t);
    tokens_free(&ids);
    buf_free(&text);
    buf_free(&out);
    return st;
}

static status detokenize(const ds4_cli *o, err *e) {
    tokenizer *t = NULL;
    tokens ids = {0};
    buf out = {0};
    status st = ids_read(&ids, o->detokenize, o, e);
    if (st == OK) st = cli_tokenizer(&t, o->model, e);
    for (size_t i = 0; i < ids.n && st == OK; i++)
        if ((size_t)ids.id[i] >= tok_count(t))
            st = fail(e, E_FORMAT, "%s: id %d (number %zu): the tokeniser of %s has %zu tokens",
                      o->detokenize, (int)ids.id[i], i, o->model, tok_count(t));
    if (st == OK) st = tok_decode(t, ids.id, ids.n, &out, e);
    if (st == OK) st = put_all(&out, e);
    tok_free(t);
    tokens_free(&ids);
    buf_free(&out);
    return st;
}

/* ------------------------------------------------------------------ whole texts */

/* A request that makes no sense is a fault of the file, not of the command line. */
static status blame_file(status st, const char *path, err *e) {
    if (st == OK || st == E_NOMEM) return st;
    err_prefix(e, "%s: ", strcmp(path, "-") == 0 ? "standard input" : path);
    if (st != E_USAGE) return st;
    e->code = E_FORMAT;
    return E_FORMAT;
}

static status render(const ds4_cli *o, err *e) {
    buf text = {0}, out = {0};
    status st = input_read(&text, o->render, INPUT_MOST, o->interrupted, e);
    if (st == OK) st = blame_file(case_render(&out, text.data, text.n, e), o->render, e);
    if (st == OK) st = put_all(&out, e);
    buf_free(&text);
    buf_free(&out);
    return st;
}

static status parse(const ds4_cli *o, err *e) {
    buf text = {0}, out = {0};
    status st = input_read(&text, o->parse, INPUT_MOST, o->interrupted, e);
    const bool thinking = o->thinking_mode == CLI_MODE_THINKING;
    if (st == OK)
        st = blame_file(case_parse(&out, text.data, text.n, thinking, o->strict, e), o->parse, e);
    buf_char(&out, '\n');
    if (st == OK) st = put_all(&out, e);
    buf_free(&text);
    buf_free(&out);
    return st;
}

/* ------------------------------------------------------------------ lines */

/* Appends what a line becomes, an error object included. Fails only when the run cannot go on. */
typedef status answer_line(buf *out, const ds4_cli *o, const tokenizer *t, const input_line *in, err *e);

static status encode_line(tokens *ids, const tokenizer *t, const input_line *in, err *e) {
    json_doc *doc;
    status st = json_parse(&doc, in->p, in->n, 0, "line", e);
    if (st != OK) return st;
    size_t n = 0;
    bool special = false;
    const char *text = json_text(json_get(json_root(doc), "text"), &n);
    const json *flag = json_get(json_root(doc), "special");
    if (!text)
        st = fail(e, E_FORMAT, "text: a string was expected");
    else if (flag && json_type(flag) != JSON_NULL && !json_bool(flag, &special))
        st = fail(e, E_FORMAT, "special: true or false was expected");
    else
        st = tok_encode(t, text, n, special ? TOK_SPECIAL : TOK_PLAIN, ids, e);
    json_free(doc);
    return st;
}

static void put_error(buf *out, const err *why) {
    buf_str(out, "{\"error\": ");
    json_write_string(out, why->text, strlen(why->text));
    buf_char(out, '}');
}

static status tokenize_line(buf *out, const ds4_cli *o, const tokenizer *t, const input_line *in,
                            err *e) {
    tokens ids = {0};
    err why = {0};
    (void)o;
    const status st = encode_line(&ids, t, in, &why);
    if (st == OK) ids_write(out, &ids);
    else if (st != E_NOMEM) put_error(out, &why);
    tokens_free(&ids);
    return st == E_NOMEM ? fail(e, st, "%s", why.text) : OK;
}

static status render_line(buf *out, const ds4_cli *o, const tokenizer *t, const input_line *in, err *e) {
    (void)o, (void)t;
    return case_render_line(out, in->p, in->n, e);
}

static status parse_line(buf *out, const ds4_cli *o, const tokenizer *t, const input_line *in, err *e) {
    (void)t;
    return case_parse_line(out, in->p, in->n, o->strict, e);
}

static status one_line(buf *out, const ds4_cli *o, const tokenizer *t, const input_line *in,
                       answer_line *answer, err *e) {
    status st = OK;
    buf_clear(out);
    if (in->too_long) {
        err why = {0};
        fail(&why, E_LIMIT, "line: more than %d bytes, the limit here", INPUT_LINE_MOST);
        put_error(out, &why);
    } else {
        st = answer(out, o, t, in, e);
    }
    buf_char(out, '\n');
    return st == OK ? put(out, e) : st;
}

static status each_line(const ds4_cli *o, const char *path, const char *doing, const tokenizer *t,
                        answer_line *answer, err *e) {
    lines *in;
    status st = lines_open(&in, path, o->interrupted, e);
    if (st != OK) return st;
    progress bar; /* not between the answers on one screen */
    progress_start(&bar, isatty(STDOUT_FILENO) ? NULL : stderr, doing, lines_size(in),
                   PROGRESS_BYTES);
    buf out = {0};
    input_line l;
    bool more = false;
    for (st = lines_next(in, &l, &more, e); st == OK && more; st = lines_next(in, &l, &more, e)) {
        st = cli_interrupted(o) ? fail(e, E_CANCELLED, "interrupted")
                                : one_line(&out, o, t, &l, answer, e);
        if (st != OK) break;
        progress_to(&bar, lines_done(in));
    }
    progress_end(&bar);
    buf_clear(&out);
    if (st == OK) st = put_all(&out, e);
    buf_free(&out);
    lines_close(in);
    return st;
}

static status tokenize_lines(const ds4_cli *o, err *e) {
    tokenizer *t;
    status st = cli_tokenizer(&t, o->model, e);
    if (st != OK) return st;
    st = each_line(o, o->tokenize_lines, "tokenising", t, tokenize_line, e);
    tok_free(t);
    return st;
}

status text_tools_run(const ds4_cli *o, err *e) {
    if (o->dump_tokens) return dump_tokens(o, e);
    if (o->detokenize) return detokenize(o, e);
    if (o->tokenize_lines) return tokenize_lines(o, e);
    if (o->render) return render(o, e);
    if (o->render_lines) return each_line(o, o->render_lines, "rendering", NULL, render_line, e);
    if (o->parse) return parse(o, e);
    return each_line(o, o->parse_lines, "parsing", NULL, parse_line, e);
}
