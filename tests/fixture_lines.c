/* fixture_lines: the reference cases as files of lines, for scripts that run the programs.
 *
 *     fixture_lines tokens CASES.jsonl ASK WANT     {"text", "special"} a line; the ids
 *     fixture_lines encode CASES.json ASK WANT      the case; the prompt as a JSON string
 *     fixture_lines parse CASES.json ASK WANT       {"text", "thinking_mode"}; the message, or
 *                                                   {"error": true} where the reference refuses
 *     fixture_lines same WANT GOT                   0 if the lines are equal JSON values; any
 *                                                   {"error": TEXT} is what {"error": true} asks
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"

static void stop(const char *why) {
    fprintf(stderr, "%s\n", why);
    exit(1);
}

static void read_all(buf *out, const char *path) {
    err e = {0};
    if (file_read(out, path, 64 << 20, &e) != OK) stop(e.text);
}

static json_doc *parse(const char *p, size_t n, const char *name) {
    json_doc *d;
    err e = {0};
    if (json_parse(&d, p, n, 256, name, &e) != OK) stop(e.text);
    return d;
}

static void write_all(const char *path, const buf *b) {
    FILE *f = fopen(path, "w");
    if (b->failed || !f || fwrite(b->data, 1, b->n, f) != b->n || fclose(f) != 0)
        stop("cannot write");
}

static void add_text(buf *out, const json *v) {
    size_t n = 0;
    const char *p = json_text(v, &n);
    if (!p) stop("a text is missing");
    json_write_string(out, p, n);
}

static void add_ids(buf *ask, buf *want, const json *c, bool special) {
    const json *ids = json_get(c, special ? "ids" : "ids_plain");
    buf_str(ask, "{\"text\": ");
    add_text(ask, json_get(c, "text"));
    buf_str(ask, special ? ", \"special\": true}\n" : ", \"special\": false}\n");
    json_write(want, ids ? ids : json_get(c, "ids"));
    buf_char(want, '\n');
}

static void add_tokens(buf *ask, buf *want, const buf *cases) {
    for (const char *p = cases->data, *end; (end = strchr(p, '\n')); p = end + 1) {
        json_doc *d = parse(p, (size_t)(end - p), "case");
        add_ids(ask, want, json_root(d), true);
        add_ids(ask, want, json_root(d), false);
        json_free(d);
    }
}

static void add_encode(buf *ask, buf *want, const json *c) {
    json_write(ask, c);
    json_write(want, json_get(c, "expected"));
}

static void add_parse(buf *ask, buf *want, const json *c) {
    const json *message = json_get(c, "expected");
    buf_str(ask, "{\"text\": ");
    add_text(ask, json_get(c, "text"));
    buf_str(ask, ", \"thinking_mode\": ");
    add_text(ask, json_get(c, "thinking_mode"));
    buf_char(ask, '}');
    if (message) json_write(want, message);
    else buf_str(want, "{\"error\": true}");
}

static void add_array(buf *ask, buf *want, const buf *cases,
                      void (*add)(buf *, buf *, const json *)) {
    json_doc *d = parse(cases->data, cases->n, "cases");
    for (size_t i = 0; i < json_count(json_root(d)); i++) {
        add(ask, want, json_at(json_root(d), i));
        buf_char(ask, '\n');
        buf_char(want, '\n');
    }
    json_free(d);
}

static bool is_same(const json *want, const json *got) {
    size_t n;
    if (json_bool(json_get(want, "error"), &(bool){false}))
        return json_text(json_get(got, "error"), &n) != NULL;
    return json_equal(want, got);
}

/* 0 if all lines are the same, and there are any. */
static int compare(const char *want_path, const char *got_path) {
    buf want = {0}, got = {0};
    read_all(&want, want_path);
    read_all(&got, got_path);
    const char *w = want.data, *g = got.data, *w_end, *g_end;
    size_t n = 0, bad = 0;
    while ((w_end = strchr(w, '\n')) && (g_end = strchr(g, '\n'))) {
        json_doc *a = parse(w, (size_t)(w_end - w), "wanted");
        json_doc *b = parse(g, (size_t)(g_end - g), "given");
        n++;
        if (!is_same(json_root(a), json_root(b)) && bad++ < 5)
            printf("line %zu: wanted %.*s\ngot %.*s\n", n, (int)(w_end - w), w, (int)(g_end - g),
                   g);
        json_free(a);
        json_free(b);
        w = w_end + 1;
        g = g_end + 1;
    }
    if (*w || *g) printf("after %zu lines one file ends before the other\n", n);
    printf("%zu lines, %zu differ\n", n, bad);
    const bool same = n > 0 && bad == 0 && !*w && !*g;
    buf_free(&want);
    buf_free(&got);
    return same ? 0 : 1;
}

int main(int argc, char **argv) {
    buf cases = {0}, ask = {0}, want = {0};
    if (argc == 4 && strcmp(argv[1], "same") == 0) return compare(argv[2], argv[3]);
    if (argc != 5) stop("usage: fixture_lines tokens|encode|parse CASES ASK WANT | same WANT GOT");
    read_all(&cases, argv[2]);
    if (strcmp(argv[1], "tokens") == 0) add_tokens(&ask, &want, &cases);
    else if (strcmp(argv[1], "encode") == 0) add_array(&ask, &want, &cases, add_encode);
    else add_array(&ask, &want, &cases, add_parse);
    write_all(argv[3], &ask);
    write_all(argv[4], &want);
    buf_free(&cases);
    buf_free(&ask);
    buf_free(&want);
    return 0;
}
