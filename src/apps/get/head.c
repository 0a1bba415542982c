#include "apps/get/head.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/checked.h"

enum { MOST_BYTES = 1 << 17 /* of all heads together */ };

/* Decimal digits up to 64 bits; *p is moved behind them. */
static bool take_number(const char **p, uint64_t *out) {
    uint64_t v = 0;
    const char *s = *p;
    if (!isdigit((unsigned char)*s)) return false;
    for (; isdigit((unsigned char)*s); s++)
        if (!mul_u64(v, 10, &v) || !add_u64(v, (uint64_t)(*s - '0'), &v)) return false;
    *p = s;
    *out = v;
    return true;
}

static bool whole_number(const char *p, uint64_t *out) {
    uint64_t v;
    if (!take_number(&p, &v) || *p) return false;
    *out = v;
    return true;
}

/* ------------------------------------------------------------------ checksums */

/* 64 hex digits at p and no 65th. */
static bool is_sum(const char *p, size_t n) {
    size_t i = 0;
    while (i < n && isxdigit((unsigned char)p[i])) i++;
    return i == SHA256_HEX;
}

static void copy_sum(char out[SHA256_HEX + 1], const char *p) {
    for (int i = 0; i < SHA256_HEX; i++) out[i] = (char)tolower((unsigned char)p[i]);
    out[SHA256_HEX] = 0;
}

/* 32 bytes in base64, as digest headers have them. */
static bool sum_of_base64(char out[SHA256_HEX + 1], const char *p) {
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    static const char digits[] = "0123456789abcdef";
    uint32_t bits = 0;
    int n_bits = 0, n = 0;
    char hex[SHA256_HEX + 4];
    for (; n < SHA256_HEX; p++) {
        const char *at = *p ? strchr(letters, *p) : NULL;
        if (!at) return false;
        bits = bits << 6 | (uint32_t)(at - letters);
        for (n_bits += 6; n_bits >= 4 && n < SHA256_HEX; n_bits -= 4)
            hex[n++] = digits[bits >> (n_bits - 4) & 15];
        bits &= 15;
    }
    if (*p != '=') return false;
    memcpy(out, hex, SHA256_HEX);
    out[SHA256_HEX] = 0;
    return true;
}

/* `sha-256=...` among the parts of a Digest or Repr-Digest. */
static void take_digest(head *r, const char *value) {
    for (const char *p = value; *p; p++) {
        if (strncasecmp(p, "sha-256=", 8) != 0 || (p != value && p[-1] != ',' && p[-1] != ' '))
            continue;
        p += 8;
        sum_of_base64(r->sum, *p == ':' ? p + 1 : p);
        return;
    }
}

/* One line of a checksum file, without its end. */
static bool sum_of_line(char out[SHA256_HEX + 1], const char *p, size_t n, const char *name) {
    const size_t n_name = strlen(name);
    bool named = false, other = false;
    const char *sum = NULL;
    for (size_t i = 0; i < n;) {
        const bool edge = i == 0 || strchr(" \t(*=/", p[i - 1]) != NULL;
        if (edge && !sum && is_sum(p + i, n - i)) {
            sum = p + i;
            i += SHA256_HEX;
            continue;
        }
        if (edge && n - i >= n_name && memcmp(p + i, name, n_name) == 0 &&
            (i + n_name == n || p[i + n_name] == ')' || p[i + n_name] == ' ')) {
            named = true;
            i += n_name;
            continue;
        }
        if (!strchr(" \t*", p[i])) other = true;
        i++;
    }
    if (!sum || (other && !named)) return false;
    copy_sum(out, sum);
    return true;
}

bool head_sum_of(char out[SHA256_HEX + 1], const char *text, size_t n, const char *name) {
    while (n) {
        const char *end = memchr(text, '\n', n);
        const size_t len = end ? (size_t)(end - text) : n;
        const size_t bare = len && text[len - 1] == '\r' ? len - 1 : len;
        if (!memchr(text, 0, len) && sum_of_line(out, text, bare, name)) return true;
        text += end ? len + 1 : len;
        n -= end ? len + 1 : len;
    }
    return false;
}

/* ------------------------------------------------------------------ heads */

/* Words that go back to the server one day: printable ASCII only. */
static void copy_name(char out[HEAD_NAME], const char *value) {
    const size_t n = strlen(value);
    out[0] = 0;
    if (n >= HEAD_NAME) return;
    for (size_t i = 0; i < n; i++)
        if (value[i] < ' ' || value[i] > '~') return;
    memcpy(out, value, n + 1);
}

static void take_range(head *r, const char *value) {
    uint64_t from = 0, to = 0, total = 0;
    if (strncasecmp(value, "bytes ", 6) != 0) return;
    const char *p = value + 6;
    const bool none = *p == '*'; /* of a 416: bytes * /TOTAL */
    if (none)
        p++;
    else if (!take_number(&p, &from) || *p++ != '-' || !take_number(&p, &to) || to < from)
        return;
    if (*p++ != '/') return;
    const bool known = strcmp(p, "*") != 0;
    if (known && (!whole_number(p, &total) || (!none && total <= to))) return;
    r->ranged = !none;
    r->from = from;
    r->total_known = known;
    r->total = total;
}

static void take_header(head *r, const char *name, const char *value) {
    if (strcasecmp(name, "location") == 0) {
        r->moved = true;
    } else if (strcasecmp(name, "content-length") == 0) {
        if (r->code == 200) r->total_known = whole_number(value, &r->total);
    } else if (strcasecmp(name, "content-range") == 0) {
        if (r->code == 206 || r->code == 416) take_range(r, value);
    } else if (strcasecmp(name, "etag") == 0) {
        copy_name(r->etag, *value == '"' ? value : "");
    } else if (strcasecmp(name, "last-modified") == 0) {
        copy_name(r->modified, value);
    } else if (strcasecmp(name, "x-linked-size") == 0) {
        if (!r->linked_known) r->linked_known = whole_number(value, &r->linked);
    } else if (strcasecmp(name, "x-linked-etag") == 0) {
        const char *p = *value == '"' ? value + 1 : value;
        if (is_sum(p, strlen(p))) copy_sum(r->sum, p);
    } else if (strcasecmp(name, "x-checksum-sha256") == 0) {
        if (is_sum(value, strlen(value))) copy_sum(r->sum, value);
    } else if (strcasecmp(name, "digest") == 0 || strcasecmp(name, "repr-digest") == 0) {
        if (!r->sum[0] && !r->moved && r->code < 300) take_digest(r, value);
    }
}

static status start_head(head *r, err *e) {
    const char *p = r->line;
    uint64_t code;
    if (strncmp(p, "HTTP/", 5) == 0)
        p += strcspn(p, " ");
    else
        return fail(e, E_FORMAT, "the server's reply does not begin as HTTP does");
    while (*p == ' ') p++;
    if (!take_number(&p, &code) || code < 100 || code > 999)
        return fail(e, E_FORMAT, "the server's reply begins with a line that has no status");
    r->code = (int)code;
    r->in_head = true;
    r->moved = r->ranged = r->total_known = false;
    r->etag[0] = r->modified[0] = 0;
    return OK;
}

static status take_line(head *r, err *e) {
    r->line[r->n_line] = 0;
    if (r->n_line && r->line[r->n_line - 1] == '\r') r->line[--r->n_line] = 0;
    if (!r->in_head) return start_head(r, e);
    if (r->n_line == 0) {
        r->in_head = false;
        r->whole = r->code >= 200 && !(r->code >= 300 && r->code < 400 && r->moved);
        return OK;
    }
    char *colon = strchr(r->line, ':');
    if (!colon) return OK;
    *colon = 0;
    char *value = colon + 1;
    while (*value == ' ' || *value == '\t') value++;
    size_t n = strlen(value);
    while (n && (value[n - 1] == ' ' || value[n - 1] == '\t')) value[--n] = 0;
    take_header(r, r->line, value);
    return OK;
}

status head_feed(head *r, const char *p, size_t n, size_t *used, err *e) {
    size_t at = 0;
    status st = OK;
    while (at < n && !r->whole && st == OK) {
        const char c = p[at++];
        if (++r->n_bytes > MOST_BYTES)
            return fail(e, E_LIMIT, "the server's reply has no end to its headers");
        if (c != '\n') {
            if (r->n_line < HEAD_LINE - 1) r->line[r->n_line++] = c;
            continue;
        }
        st = take_line(r, e);
        r->n_line = 0;
    }
    *used = at;
    return st;
}
