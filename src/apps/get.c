/* ds4-get: fetches a published model, by its short name or by its address.
 *
 *     ds4-get q2          BASE/FILE of the catalog's row    >  ./FILE
 *     ds4-get URL         that file                         >  ./its name
 *
 * A name that ends in -00001-of-00005.gguf stands for all five parts. The paths of what is there in
 * the end go to stdout, a line each; the rest is for a person and goes to stderr, where there is a
 * terminal.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "apps/get/catalog.h"
#include "apps/get/fetch.h"
#include "apps/lib/args.h"
#include "apps/lib/say.h"
#include "apps/lib/stop.h"

enum { MOST_SHARDS = 999, MOST_URL = 4096 };

static const char link_name[] = "ds4flash.gguf";

typedef struct options {
    const char *what, *out, *base, *sum;
    bool list, link;
    uint64_t tries, timeout;
} options;

/* What a name or an address stands for. */
typedef struct plan {
    char url[MOST_URL];
    const catalog_entry *row; /* NULL: an address */
    uint32_t shards;          /* 1: the file itself */
    size_t number;            /* where in url the number of a shard stands */
    char sum[SHA256_HEX + 1]; /* "" if none */
} plan;

/* ------------------------------------------------------------------ what is wanted */

static bool is_url(const char *s) {
    return strncmp(s, "http://", 7) == 0 || strncmp(s, "https://", 8) == 0;
}

static status check_url(const char *s, const char *what, err *e) {
    const char *host = is_url(s) ? strstr(s, "://") + 3 : NULL;
    if (!host || !*host || *host == '/')
        return fail(e, E_USAGE,
                    "%s: expected an address that begins with https:// or http://, found %.200s",
                    what, s);
    for (const char *p = s; *p; p++)
        if (*p <= ' ' || *p > '~')
            return fail(e, E_USAGE,
                        "%s: an address has no blanks and no letters beyond ASCII: write them as "
                        "%%20 and so on",
                        what);
    return OK;
}

/* The last part of the path of an address. */
static const char *file_of(const char *url, size_t *n) {
    const char *end = url + strcspn(url, "?#"), *begin = end, *host = strstr(url, "://") + 3;
    while (begin > host && begin[-1] != '/') begin--;
    if (begin == host) begin = end;
    *n = (size_t)(end - begin);
    return begin;
}

static uint32_t digits_of(const char *p) {
    uint32_t v = 0;
    for (int i = 0; i < 5; i++) {
        if (p[i] < '0' || p[i] > '9') return 0;
        v = v * 10 + (uint32_t)(p[i] - '0');
    }
    return v;
}

/* NAME-00002-of-00005.gguf */
static void find_shards(plan *p) {
    static const char tail[] = "-00001-of-00001.gguf";
    const size_t n_tail = sizeof tail - 1;
    size_t n;
    const char *file = file_of(p->url, &n), *at = file + n - n_tail;
    p->shards = 1;
    if (n <= n_tail || *at != '-' || memcmp(at + 6, "-of-", 4) != 0 ||
        memcmp(at + 15, ".gguf", 5) != 0)
        return;
    const uint32_t i = digits_of(at + 1), count = digits_of(at + 10);
    if (i == 0 || i > count || count > MOST_SHARDS) return;
    p->shards = count;
    p->number = (size_t)(at + 1 - p->url);
}

static status take_sum(plan *p, const char *given, err *e) {
    const char *sum = given ? given : p->row ? p->row->sum : NULL;
    if (!sum) return OK;
    if (strlen(sum) != SHA256_HEX || strspn(sum, "0123456789abcdefABCDEF") != SHA256_HEX)
        return fail(e, E_USAGE, "--sha256: expected 64 hexadecimal digits, found %.100s", sum);
    for (int i = 0; i < SHA256_HEX; i++)
        p->sum[i] = (char)(sum[i] >= 'A' && sum[i] <= 'F' ? sum[i] + 32 : sum[i]);
    return OK;
}

/* Where the files of the catalog lie. */
static const char *base_of(const options *o) {
    const char *variable = getenv("DS4_GET_BASE");
    return o->base ? o->base : variable && *variable ? variable : CATALOG_BASE;
}

static status make_plan(plan *p, const options *o, err *e) {
    const char *base = base_of(o);
    status st = OK;
    *p = (plan){.shards = 1};
    if (!o->what)
        return fail(e, E_USAGE,
                    "which model? ds4-get --list has the names, ds4-get --help the rest");
    p->row = is_url(o->what) ? NULL : catalog_find(o->what);
    if (is_url(o->what)) {
        st = check_url(o->what, "the address", e);
        if (st == OK && (size_t)snprintf(p->url, sizeof p->url, "%.*s", (int)strcspn(o->what, "#"),
                                         o->what) >= sizeof p->url)
            st = fail(e, E_USAGE, "the address is longer than %d bytes", MOST_URL - 1);
    } else if (!p->row) {
        st = fail(e, E_USAGE,
                  "there is no model %.100s: ds4-get --list has the names; an address begins with "
                  "https://",
                  o->what);
    } else {
        size_t n = strlen(base);
        st = check_url(base, o->base ? "--base" : "DS4_GET_BASE", e);
        while (n && base[n - 1] == '/') n--;
        if (st == OK && (size_t)snprintf(p->url, sizeof p->url, "%.*s/%s", (int)n, base,
                                         p->row->file) >= sizeof p->url)
            st = fail(e, E_USAGE, "the base address is too long");
    }
    if (st == OK) st = take_sum(p, o->sum, e);
    if (st != OK) return st;
    find_shards(p);
    if (p->shards > 1 && p->sum[0])
        return fail(e, E_USAGE, "--sha256 is for one file, this is one of %" PRIu32 " parts",
                    p->shards);
    if (p->shards > 1 && o->link)
        return fail(e, E_USAGE,
                    "--link: a model in %" PRIu32
                    " parts is found by the name of its first part: use -m",
                    p->shards);
    if (o->link && p->row && !p->row->model)
        return fail(e, E_USAGE, "--link: %s is not a model in itself: %s", p->row->name,
                    p->row->about);
    return OK;
}

/* ------------------------------------------------------------------ where it goes */

/* -o FILE, -o FOLDER for FOLDER/name, or the name that it has there. */
static status name_out(char out[PATH_MAX], const options *o, const plan *p, err *e) {
    struct stat st;
    size_t n;
    const char *file = file_of(p->url, &n);
    const bool folder = o->out && stat(o->out, &st) == 0 && S_ISDIR(st.st_mode);
    int len;
    if (o->out && !folder) {
        if (p->shards > 1)
            return fail(e, E_USAGE, "-o %s: expected a folder that exists, for %" PRIu32 " parts",
                        o->out, p->shards);
        len = snprintf(out, PATH_MAX, "%s", o->out);
        if (len == 0 || o->out[len - 1] == '/')
            return fail(e, E_USAGE, "-o %s: there is no such folder", o->out);
    } else {
        static const char fine[] =
            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.+";
        if (n == 0 || *file == '.' || *file == '-' || strspn(file, fine) < n)
            return fail(e, E_USAGE,
                        "the address does not end in the name of a file: name it with -o FILE");
        len = folder ? snprintf(out, PATH_MAX, "%s/%.*s", o->out, (int)n, file)
                     : snprintf(out, PATH_MAX, "%.*s", (int)n, file);
    }
    if (len < 0 || len >= PATH_MAX - 32) return fail(e, E_USAGE, "-o: the name is too long");
    return OK;
}

/* A link may be turned to another model; a model that lies there under this name is not ours to
 * remove. */
static status check_link(err *e) {
    struct stat st;
    if (lstat(link_name, &st) != 0 || S_ISLNK(st.st_mode)) return OK;
    return fail(e, E_IO, "%s here is not a link: move it away before --link makes one", link_name);
}

/* What was fetched may itself have the name, or have it by now. */
static status make_link(const char *to, err *e) {
    char fresh[64];
    struct stat there, named;
    if (lstat(link_name, &named) == 0 && stat(to, &there) == 0 && named.st_ino == there.st_ino &&
        named.st_dev == there.st_dev)
        return OK;
    if (check_link(e) != OK) return e->code;
    snprintf(fresh, sizeof fresh, "%s.tmp-%ld", link_name, (long)getpid());
    unlink(fresh);
    if (symlink(to, fresh) != 0) return fail(e, E_IO, "%s: %s", fresh, strerror(errno));
    if (rename(fresh, link_name) == 0) return OK;
    const int why = errno;
    unlink(fresh);
    return fail(e, E_IO, "%s: %s", link_name, strerror(why));
}

/* On a terminal it is offered; whoever just presses Enter gets it. */
static bool wants_link(const options *o, const plan *p, const char *out) {
    char answer[16];
    struct stat st;
    if (o->link) return true;
    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO) || p->shards > 1 ||
        (p->row && !p->row->model) || strcmp(out, link_name) == 0)
        return false;
    if (lstat(link_name, &st) == 0) return false; /* there is one: nobody asked to change it */
    fprintf(stderr, "ds4: make it the model of this folder (a link %s)? [Y/n] ", link_name);
    if (!fgets(answer, sizeof answer, stdin)) return false;
    return answer[0] == '\n' || answer[0] == 'y' || answer[0] == 'Y';
}

/* ------------------------------------------------------------------ the work */

static status list(const options *o, err *e) {
    if (o->what) return fail(e, E_USAGE, "--list takes no name");
    printf("%-14s %-13s %s\n", "NAME", "SIZE", "WHAT IT IS");
    for (const catalog_entry *c = catalog; c->name; c++)
        printf("%-14s %-13s %s\n%28s %s\n", c->name, c->size, c->about, "", c->file);
    printf("\nfrom %s (--base or DS4_GET_BASE: another place)\n"
           "Sizes are as published. Exact sizes and checksums are not known here: the server names "
           "them when a file is fetched.\n",
           base_of(o));
    return fflush(stdout) == 0 ? OK : fail(e, E_IO, "cannot write to stdout: %s", strerror(errno));
}

static void tell(const char *out, const fetch_result *r) {
    if (!r->named_by) {
        say_note("%s: %s, but nobody names a checksum for it: its size is right; its SHA-256 is %s",
                 out, r->was_there ? "was there already" : "is there", r->sum);
    } else if (isatty(STDERR_FILENO)) {
        say_note("%s: %s, %.2f GiB, SHA-256 as named by %s", out,
                 r->was_there ? "was there already" : "is there", (double)r->bytes / 0x1p30,
                 r->named_by);
    }
}

static status fetch_one(const options *o, const plan *p, const char *out, err *e) {
    fetch_result r;
    const fetch_options f = {.url = p->url,
                             .out = out,
                             .sum = p->sum[0] ? p->sum : NULL,
                             .tries = (uint32_t)o->tries,
                             .timeout = (uint32_t)o->timeout,
                             .stop = stop_flag()};
    const status st = fetch_file(&r, &f, e);
    if (st != OK) return st;
    tell(out, &r);
    if (printf("%s\n", out) < 0 || fflush(stdout) != 0)
        return fail(e, E_IO, "cannot write to stdout: %s", strerror(errno));
    return OK;
}

static status get(const options *o, err *e) {
    plan p;
    char out[PATH_MAX];
    status st = make_plan(&p, o, e);
    if (st == OK) st = name_out(out, o, &p, e);
    if (st == OK && o->link) st = check_link(e);
    for (uint32_t i = 1; i <= p.shards && st == OK; i++) {
        if (p.shards > 1) {
            char number[8];
            snprintf(number, sizeof number, "%05u", (unsigned)(i % 100000));
            memcpy(p.url + p.number, number, 5);
            st = name_out(out, o, &p, e);
        }
        if (st == OK) st = fetch_one(o, &p, out, e);
    }
    if (st != OK) return st;
    const bool linked = wants_link(o, &p, out), person = isatty(STDERR_FILENO);
    if (linked) st = make_link(out, e);
    if (st == OK && person && linked)
        say_note("%s leads to it: ds4 takes it in this folder without -m", link_name);
    else if (st == OK && person && p.shards == 1 && (!p.row || p.row->model))
        say_note("to talk to it: ds4 -m %s", out);
    return st;
}

int main(int argc, char **argv) {
    options o = {.tries = 5, .timeout = 60};
    const arg table[] = {
        {.group = "What",
         .name = "--list",
         .kind = ARG_FLAG,
         .to = &o.list,
         .help = "the names there are"},
        {.name = "--base",
         .kind = ARG_STRING,
         .to = &o.base,
         .value = "URL",
         .help = "where the files of the list lie; else $DS4_GET_BASE, else " CATALOG_BASE},
        {.name = "--sha256",
         .kind = ARG_STRING,
         .to = &o.sum,
         .value = "HEX",
         .help = "the checksum that it must have; else as the server names it"},
        {.group = "Where to",
         .name = "--out",
         .alias = "-o",
         .kind = ARG_STRING,
         .to = &o.out,
         .value = "FILE",
         .help = "a file, or a folder that exists (default: here, under its own name)"},
        {.name = "--link",
         .kind = ARG_FLAG,
         .to = &o.link,
         .help = "make ds4flash.gguf here a link to it, which ds4 takes without -m"},
        {.group = "Bad lines",
         .name = "--tries",
         .kind = ARG_U64,
         .to = &o.tries,
         .max = 1000,
         .help = "how often in a row a connection may bring nothing new"},
        {.name = "--timeout",
         .kind = ARG_U64,
         .to = &o.timeout,
         .min = 1,
         .max = 86400,
         .help = "seconds to connect, and without a byte"},
        {0}};
    const args_spec spec = {
        .program = "ds4-get",
        .synopsis =
            "NAME|URL [-o FILE] [--link] [--base URL] [--sha256 HEX]\n       ds4-get --list",
        .about =
            "Fetches a published model. What was fetched in part is gone on with; a file gets its\n"
            "name when it is whole and its size and checksum are right.",
        .table = table,
        .max_words = 1,
        .words_are = "NAME|URL"};
    args_words words;
    int rc;
    if (args_start(&spec, argc, argv, &words, &rc)) return rc;
    stop_install(0);
    err e = {0};
    o.what = words.n ? words.at[0] : NULL;
    if ((o.list ? list(&o, &e) : get(&o, &e)) == OK) return 0;
    if (e.code == E_CANCELLED) say_note("%s", e.text);
    return say_error(&e);
}
