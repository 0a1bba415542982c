#include "apps/get/fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "apps/get/curl.h"
#include "apps/get/part.h"
#include "apps/lib/say.h"
#include "base/progress.h"

enum { PIECE = 1 << 16, SUM_FILE_MOST = 4096, MOST_OVERS = 3, LONGEST_WAIT = 30 };

typedef struct job {
    const fetch_options *o;
    part p;
    char want[SHA256_HEX + 1]; /* "" if nobody named a sum so far */
    const char *named_by;
    bool resumed;    /* bytes of more than one connection */
    bool reached;    /* a server has answered */
    char shown[400]; /* the address as it may be seen */
    progress bar;
    bool bar_on;
    char piece[PIECE];
} job;

/* What comes after a connection. */
typedef enum step { STEP_DONE, STEP_AGAIN, STEP_OVER, STEP_FAIL } step;

static void amount(char out[32], uint64_t n) {
    if (n >= 1u << 30)
        snprintf(out, 32, "%.1f GiB", (double)n / 0x1p30);
    else if (n >= 1u << 20)
        snprintf(out, 32, "%.1f MiB", (double)n / 0x1p20);
    else
        snprintf(out, 32, "%" PRIu64 " bytes", n);
}

/* Without what may be secret: a user's name and password, and what follows the path. */
static void show_url(char *out, size_t cap, const char *url) {
    const char *rest = strstr(url, "://") + 3;
    const size_t host = strcspn(rest, "/?#");
    const char *at = NULL;
    for (size_t i = 0; i < host; i++)
        if (rest[i] == '@') at = rest + i + 1;
    const char *begin = at ? at : rest;
    snprintf(out, cap, "%.*s%.*s", (int)(rest - url), url, (int)strcspn(begin, "?#"), begin);
}

/* ------------------------------------------------------------------ a connection */

/* Reads up to the end of the heads; what came behind them is the first *n bytes of j->piece. */
static step read_head(job *j, curl_run *c, head *h, size_t *n, err *e) {
    *n = 0;
    while (!h->whole) {
        size_t got = 0, used = 0;
        const status st = curl_read(c, j->piece, PIECE, &got, e);
        if (st == OK && got == 0) return STEP_AGAIN;
        if (st != OK) return STEP_FAIL;
        if (head_feed(h, j->piece, got, &used, e) != OK) {
            err_prefix(e, "%s: ", j->shown);
            return STEP_FAIL;
        }
        *n = got - used;
        memmove(j->piece, j->piece + used, *n);
    }
    j->reached = true;
    return STEP_DONE;
}

static void say_unreached(const job *j, const curl_result *how, err *e) {
    fail(e, E_IO, "%s: %s: check the address and the network", j->shown,
         how->why[0] ? how->why : "the server said nothing");
}

static step refuse(job *j, const head *h, err *e) {
    const bool later = h->code == 408 || h->code == 429 || h->code >= 500;
    const char *fix =
        h->code == 404 || h->code == 410
            ? "there is no such file: ds4-get --list has the names, --base says where they lie"
        : h->code == 401 || h->code == 403
            ? "the server wants to know who asks, which ds4-get cannot tell it: fetch it by hand"
        : later ? "try again later"
                : "this address does not give a file";
    fail(e, E_IO, "%s: the server answers %d: %s", j->shown, h->code, fix);
    return later ? STEP_AGAIN : STEP_FAIL;
}

static status check_room(const job *j, uint64_t bytes, err *e) {
    char folder[PATH_MAX], free_now[32], needed[32];
    struct statvfs fs;
    snprintf(folder, sizeof folder, "%s", j->p.path);
    char *slash = strrchr(folder, '/');
    if (slash) slash[slash == folder] = 0;
    if (statvfs(slash ? folder : ".", &fs) != 0 || fs.f_blocks == 0) return OK;
    const uint64_t unit = fs.f_frsize, room = (uint64_t)fs.f_bavail > UINT64_MAX / unit
                                                  ? UINT64_MAX
                                                  : (uint64_t)fs.f_bavail * unit;
    if (room >= bytes) return OK;
    amount(free_now, room);
    amount(needed, bytes);
    return fail(e, E_IO,
                "%s: needs %s more, %s are free there: make room, or name another place with -o",
                j->o->out, needed, free_now);
}

/* What the head says is held against what is known. */
static step learn(job *j, const head *h, err *e) {
    const uint64_t size = h->total_known ? h->total : h->linked;
    if (h->total_known && h->linked_known && h->total != h->linked) {
        fail(e, E_FORMAT,
             "%s: the server tells two sizes, %" PRIu64 " and %" PRIu64 " bytes: try again later",
             j->shown, h->linked, h->total);
        return STEP_FAIL;
    }
    if ((h->total_known || h->linked_known) && size == 0) {
        fail(e, E_FORMAT, "%s: the file there is empty", j->shown);
        return STEP_FAIL;
    }
    if (h->sum[0] && j->o->sum && strcmp(h->sum, j->o->sum) != 0) {
        fail(e, E_FORMAT,
             "%s: the server names the SHA-256 %s, expected %s: not the file that is wanted",
             j->shown, h->sum, j->o->sum);
        return STEP_FAIL;
    }
    if (h->sum[0] && !j->o->sum) {
        if (j->p.have && j->want[0] && strcmp(j->want, h->sum) != 0)
            return STEP_OVER; /* it has changed under us */
        memcpy(j->want, h->sum, sizeof j->want);
        j->named_by = "the server";
    }
    return STEP_DONE;
}

/* Decides what the body is: the rest of what is here, or all of it. */
static step judge(job *j, const head *h, err *e) {
    part *p = &j->p;
    if (h->code == 416 && p->have)
        return h->total_known && h->total == p->have && (!p->size_known || p->size == p->have)
                   ? learn(j, h, e)
                   : STEP_OVER;
    if (h->code != 200 && h->code != 206) return refuse(j, h, e);
    if (h->code == 206) {
        if (!p->have) {
            fail(e, E_FORMAT,
                 "%s: the server sends a piece of the file, all was asked for: try again later",
                 j->shown);
            return STEP_FAIL;
        }
        const bool sized = h->total_known && (!p->size_known || h->total == p->size);
        const bool named = !p->etag[0] || !h->etag[0] || strcmp(p->etag, h->etag) == 0;
        if (!h->ranged || h->from != p->have || !sized || !named) return STEP_OVER;
        j->resumed = true;
    }
    const bool anew = h->code == 200;
    if (anew && p->have && isatty(STDERR_FILENO))
        say_note("%s: the file there has changed, or the server cannot go on in the middle: from "
                 "the beginning",
                 j->shown);
    const step s = learn(j, h, e);
    if (s != STEP_DONE) return s;
    if (anew) {
        j->resumed = false;
        if (part_begin(p, h, e) != OK) return STEP_FAIL;
    }
    if (p->size_known && check_room(j, p->size - p->have, e) != OK) return STEP_FAIL;
    return STEP_DONE;
}

static void show_bar(job *j) {
    if (!j->bar_on) {
        progress_start(&j->bar, stderr, "fetching", j->p.size_known ? j->p.size : 0,
                       PROGRESS_BYTES);
        progress_base(&j->bar, j->p.have);
    }
    j->bar_on = true;
    progress_to(&j->bar, j->p.have);
}

static void hide_bar(job *j) {
    if (j->bar_on) progress_hide(&j->bar);
    j->bar_on = false;
}

static step read_body(job *j, curl_run *c, size_t n, err *e) {
    if (n && part_add(&j->p, j->piece, n, e) != OK) return STEP_FAIL;
    for (;;) {
        show_bar(j);
        if (curl_read(c, j->piece, PIECE, &n, e) != OK) return STEP_FAIL;
        if (n == 0) return STEP_DONE;
        if (part_add(&j->p, j->piece, n, e) != OK) return STEP_FAIL;
    }
}

static const char *validator(const part *p) {
    return p->etag[0] ? p->etag : p->modified[0] ? p->modified : NULL;
}

/* One connection, from where the part ends. STEP_AGAIN: e says what was wrong. */
static step attempt(job *j, err *e) {
    part *p = &j->p;
    curl_run *c;
    curl_result how;
    head h = {0};
    size_t n;
    /* Without a name of the version only a sum can tell whether the halves belong together. */
    if (p->have && !validator(p) && !j->want[0]) return STEP_OVER;
    const curl_request q = {j->o->url, p->have, validator(p), j->o->timeout, j->o->stop};
    if (curl_start(&c, &q, e) != OK) return STEP_FAIL;
    step s = read_head(j, c, &h, &n, e);
    const bool headless = s == STEP_AGAIN;
    if (s == STEP_DONE) s = judge(j, &h, e);
    const bool body = s == STEP_DONE && h.code != 416;
    if (body) s = read_body(j, c, n, e);
    hide_bar(j);
    curl_end(c, &how);
    if (headless) say_unreached(j, &how, e);
    if (!body || s != STEP_DONE) return s;
    if (p->size_known ? p->have == p->size : how.whole) return STEP_DONE;
    fail(e, E_IO, "%s: the connection broke off: %s", j->shown,
         how.why[0] ? how.why : "without a reason");
    return STEP_AGAIN;
}

/* ------------------------------------------------------------------ until it is there */

static status wait_seconds(const job *j, uint32_t seconds, err *e) {
    for (uint32_t i = 0; i < seconds * 10; i++) {
        if (*j->o->stop) return fail(e, E_CANCELLED, "stopped");
        poll(NULL, 0, 100);
    }
    return OK;
}

static status fetch_all(job *j, err *e) {
    uint64_t best = j->p.have;
    uint32_t tries = 0, overs = 0;
    j->resumed = j->p.have > 0;
    for (;;) {
        const bool known = j->reached;
        const step s = attempt(j, e);
        if (s == STEP_DONE) return OK;
        if (s == STEP_FAIL) return e->code;
        if (s == STEP_OVER) {
            if (++overs > MOST_OVERS)
                return fail(e, E_IO, "%s: the file there keeps changing: try again later",
                            j->shown);
            if (part_begin(&j->p, &(head){0}, e) != OK) return e->code;
            continue;
        }
        if (j->p.have > best) {
            best = j->p.have;
            tries = 0;
        }
        /* A server that never answered is more likely a wrong address than a bad line. */
        if (!known && !j->reached) return e->code;
        if (++tries > j->o->tries) return e->code;
        if (isatty(STDERR_FILENO)) say_note("%s; trying again", e->text);
        const uint32_t pause = tries > 5 ? LONGEST_WAIT : 1u << (tries - 1);
        if (wait_seconds(j, pause, e) != OK) return e->code;
    }
}

/* ------------------------------------------------------------------ is it right? */

/* The sum in URL.sha256, if there is such a file: its absence is no error. */
static status ask_beside(job *j, err *e) {
    const size_t path = strcspn(j->o->url, "?#"), n_url = strlen(j->o->url);
    char *url = malloc(n_url + sizeof ".sha256");
    if (!url) return fail(e, E_NOMEM, "out of memory");
    snprintf(url, n_url + sizeof ".sha256", "%.*s.sha256%s", (int)path, j->o->url,
             j->o->url + path);
    const curl_request q = {url, 0, NULL, j->o->timeout, j->o->stop};
    curl_run *c;
    head h = {0};
    size_t n = 0, got = 1;
    status st = curl_start(&c, &q, e);
    if (st == OK) {
        const step s = read_head(j, c, &h, &n, e);
        st = s == STEP_FAIL ? e->code : OK;
        while (s == STEP_DONE && h.code == 200 && st == OK && got && n < SUM_FILE_MOST) {
            st = curl_read(c, j->piece + n, SUM_FILE_MOST - n, &got, e);
            if (st == OK) n += got;
        }
        curl_end(c, NULL);
        if (s == STEP_DONE && h.code == 200 && st == OK && got == 0) {
            char name[NAME_MAX + 1];
            const char *end = j->o->url + path, *begin = end;
            while (begin[-1] != '/') begin--;
            snprintf(name, sizeof name, "%.*s", (int)(end - begin), begin);
            if (head_sum_of(j->want, j->piece, n, name)) j->named_by = "the file .sha256 beside it";
        }
    }
    free(url);
    return st == E_CANCELLED ? st : OK;
}

/* A page that says `log in` is no model, whatever its address ends in. */
static status check_kind(const job *j, err *e) {
    char begin[4];
    const size_t n = strlen(j->o->out);
    if (n < 5 || strcmp(j->o->out + n - 5, ".gguf") != 0) return OK;
    if (pread(j->p.fd, begin, 4, 0) == 4 && memcmp(begin, "GGUF", 4) == 0) return OK;
    return fail(e, E_FORMAT, "%s: what is there is not a GGUF file: is the address right?",
                j->shown);
}

static status check_fetched(job *j, fetch_result *r, err *e) {
    sha256_hex(r->sum, &j->p.sum);
    r->bytes = j->p.have;
    if (j->want[0] && strcmp(j->want, r->sum) != 0)
        return fail(e, E_FORMAT,
                    "%s: the SHA-256 of what came is %s, expected %s, named by %s: fetch it again; "
                    "if that does not help, the file there is damaged",
                    j->shown, r->sum, j->want, j->named_by);
    if (!j->want[0] && !j->p.size_known)
        return fail(e, E_FORMAT,
                    "%s: the server tells neither a size nor a checksum, so nobody knows whether "
                    "this is all of it: name the checksum with --sha256",
                    j->shown);
    return j->o->sum ? OK : check_kind(j, e);
}

/* Bytes of two connections that do not fit are fetched once more, in one. */
static status fetch_and_check(job *j, fetch_result *r, err *e) {
    status st = fetch_all(j, e);
    if (st == OK && !j->want[0]) st = ask_beside(j, e);
    if (st != OK) return st;
    st = check_fetched(j, r, e);
    if (st == OK || !j->resumed) {
        if (st != OK) part_remove(&j->p);
        return st;
    }
    if (isatty(STDERR_FILENO)) say_note("%s; from the beginning", e->text);
    st = part_begin(&j->p, &(head){0}, e);
    if (st == OK) st = fetch_all(j, e);
    if (st != OK) return st;
    st = check_fetched(j, r, e);
    if (st != OK) part_remove(&j->p);
    return st;
}

/* What is left is told, or is nothing. */
static void tell_rest(job *j, err *e) {
    char here[32], all[32];
    if (j->p.fd < 0) return;
    if (j->p.have == 0) {
        part_remove(&j->p);
        return;
    }
    amount(here, j->p.have);
    amount(all, j->p.size);
    const err was = *e;
    fail(e, was.code, "%s; %s keeps %s%s%s: the same command goes on from there", was.text,
         j->p.path, here, j->p.size_known ? " of " : "", j->p.size_known ? all : "");
    part_close(&j->p);
}

static status fetch_new(job *j, fetch_result *r, err *e) {
    status st = part_open(&j->p, j->o->out, j->o->stop, e);
    if (st != OK) return st;
    st = fetch_and_check(j, r, e);
    if (st == OK) st = part_publish(&j->p, j->o->out, e);
    if (st != OK) tell_rest(j, e);
    return st;
}

/* ------------------------------------------------------------------ a file that is there */

static status ask_about(job *j, head *h, err *e) {
    const curl_request q = {j->o->url, 0, NULL, j->o->timeout, j->o->stop};
    curl_run *c;
    curl_result how;
    size_t n;
    status st = curl_start(&c, &q, e);
    if (st != OK) return st;
    step s = read_head(j, c, h, &n, e);
    curl_end(c, &how);
    if (s == STEP_AGAIN) say_unreached(j, &how, e);
    if (s == STEP_DONE && h->code != 200) s = refuse(j, h, e);
    if (s == STEP_DONE) s = learn(j, h, e);
    return s == STEP_DONE ? OK : e->code;
}

static status check_there(job *j, uint64_t size, fetch_result *r, err *e) {
    head h = {0};
    sha256 sum;
    const char *out = j->o->out;
    status st = ask_about(j, &h, e);
    if (st != OK && (!j->want[0] || st == E_CANCELLED)) {
        const err was = *e;
        return st == E_CANCELLED
                   ? st
                   : fail(e, st, "%s is there already, and cannot be compared: %s", out, was.text);
    }
    const uint64_t told = h.total_known ? h.total : h.linked;
    if (st == OK && (h.total_known || h.linked_known) && told != size)
        return fail(e, E_IO,
                    "%s: is there already and has %" PRIu64 " bytes, the file to fetch has %" PRIu64
                    ": move it away, or choose another name with -o",
                    out, size, told);
    if (!j->want[0] && ask_beside(j, e) != OK) return e->code;
    const int fd = open(out, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return fail(e, E_IO, "%s: %s", out, strerror(errno));
    st = part_sum_file(&sum, fd, size, out, j->o->stop, e);
    close(fd);
    if (st != OK) return st;
    sha256_hex(r->sum, &sum);
    r->bytes = size;
    r->was_there = true;
    if (j->want[0] && strcmp(j->want, r->sum) != 0)
        return fail(e, E_FORMAT,
                    "%s: is there already with the SHA-256 %s, expected %s, named by %s: move it "
                    "away, or choose another name with -o",
                    out, r->sum, j->want, j->named_by);
    return OK;
}

status fetch_file(fetch_result *r, const fetch_options *o, err *e) {
    struct stat there;
    fetch_result result = {0};
    job *j = calloc(1, sizeof *j);
    status st;
    if (!j) return fail(e, E_NOMEM, "out of memory");
    j->o = o;
    j->p.fd = -1;
    show_url(j->shown, sizeof j->shown, o->url);
    if (o->sum) {
        snprintf(j->want, sizeof j->want, "%s", o->sum);
        j->named_by = "--sha256";
    }
    if (stat(o->out, &there) != 0) {
        st = errno == ENOENT ? fetch_new(j, &result, e)
                             : fail(e, E_IO, "%s: %s", o->out, strerror(errno));
    } else if (!S_ISREG(there.st_mode)) {
        st = fail(e, E_IO, "%s: is there already and is no file: choose another name with -o",
                  o->out);
    } else {
        st = check_there(j, (uint64_t)there.st_size, &result, e);
    }
    result.named_by = j->want[0] ? j->named_by : NULL;
    if (st == OK) *r = result;
    free(j);
    return st;
}
