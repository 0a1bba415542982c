#include "apps/quality/about.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "apps/lib/contents.h"
#include "apps/lib/sha256.h"
#include "base/json.h"
#include "base/cores.h"
#include "base/pool.h"
#include "base/progress.h"

enum { PIECE = 4 << 20 };

const char *about_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

void about_string(buf *out, const char *key, const char *text) {
    buf_printf(out, "\"%s\": ", key);
    json_write_string(out, text, strlen(text));
}

void about_hash(buf *out, const char *key, hash128 h) {
    buf_printf(out, "\"%s\": \"%016" PRIx64 "%016" PRIx64 "\"", key, h.hi, h.lo);
}

/* ------------------------------------------------------------------ a model */

static status put_file(buf *out, const gguf *g, const char *name, uint64_t before, progress *bar,
                       const volatile sig_atomic_t *interrupted, err *e) {
    const file_map map = {gguf_bytes(g), gguf_size(g)};
    char hex[SHA256_HEX + 1];
    sha256 sum;
    sha256_start(&sum);
    for (uint64_t at = 0; at < map.size; at += PIECE) {
        const uint64_t n = map.size - at < PIECE ? map.size - at : PIECE;
        if (interrupted && *interrupted) return fail(e, E_CANCELLED, "stopped");
        sha256_add(&sum, map.data + at, (size_t)n);
        map_drop(&map, at, n);
        progress_to(bar, before + at + n);
    }
    sha256_hex(hex, &sum);
    buf_char(out, '{');
    about_string(out, "name", name);
    buf_printf(out, ", \"bytes\": %" PRIu64 ", \"sha256\": \"%s\"}", map.size, hex);
    return OK;
}

/* Shards are named by their number: the path may be that of any of them. */
static status put_files(buf *out, const model *m, const char *path,
                        const volatile sig_atomic_t *interrupted, err *e) {
    const uint32_t n = model_n_files(m);
    uint64_t total = 0, before = 0;
    status st = OK;
    progress bar;
    for (uint32_t i = 0; i < n; i++) total += gguf_size(model_file(m, i));
    progress_start(&bar, stderr, "checksum", total, PROGRESS_BYTES);
    buf_printf(out, ", \"bytes\": %" PRIu64 ", \"files\": [", total);
    for (uint32_t i = 0; i < n && st == OK; i++) {
        char name[1200];
        if (n == 1)
            snprintf(name, sizeof name, "%.1100s", about_name(path));
        else
            snprintf(name, sizeof name, "%.1100s, %u of %u", about_name(path), i + 1, n);
        if (i) buf_str(out, ", ");
        st = put_file(out, model_file(m, i), name, before, &bar, interrupted, e);
        before += gguf_size(model_file(m, i));
    }
    buf_char(out, ']');
    progress_hide(&bar);
    return st;
}

static void put_key_text(buf *out, const char *name, const gguf *g, const char *key) {
    gguf_str s = {"", 0};
    gguf_string(gguf_find_key(g, key), &s);
    buf_printf(out, "\"%s\": ", name);
    json_write_string(out, s.p, s.n);
}

static void put_importance(buf *out, const gguf *g) {
    uint64_t entries = 0, chunks = 0;
    if (!gguf_find_key(g, "quantize.imatrix.file")) {
        buf_str(out, ", \"importance\": null");
        return;
    }
    gguf_u64(gguf_find_key(g, "quantize.imatrix.entries_count"), &entries);
    gguf_u64(gguf_find_key(g, "quantize.imatrix.chunks_count"), &chunks);
    buf_str(out, ", \"importance\": {");
    put_key_text(out, "file", g, "quantize.imatrix.file");
    buf_str(out, ", ");
    put_key_text(out, "dataset", g, "quantize.imatrix.dataset");
    buf_printf(out, ", \"entries\": %" PRIu64 ", \"chunks\": %" PRIu64 "}", entries, chunks);
}

status about_model(buf *out, const side *s, const volatile sig_atomic_t *interrupted, err *e) {
    const model *m = side_model(s);
    const gguf *g = model_file(m, 0);
    const contents c = contents_of(m);
    buf_char(out, '{');
    about_string(out, "name", about_name(side_path(s)));
    buf_str(out, ", ");
    put_key_text(out, "title", g, "general.name");
    buf_str(out, ", ");
    about_hash(out, "identity", model_identity(m));
    const status st = put_files(out, m, side_path(s), interrupted, e);
    buf_str(out, ", \"classes\": ");
    contents_json(out, &c);
    put_importance(out, g);
    buf_printf(out, ", \"arithmetic\": \"%s\", \"roundings\": %s, ",
               side_how(s) & STORED_EXACT ? "reference" : "default",
               side_how(s) & STORED_NO_ROUNDING ? "false" : "true");
    about_string(out, "backend", side_backend(s));
    buf_char(out, '}');
    if (st == OK && out->failed) return fail(e, E_NOMEM, "out of memory");
    return st;
}

/* ------------------------------------------------------------------ the machine */

/* As the system calls it, where it keeps a list; else empty. */
static void cpu_name(char *out, size_t cap) {
    FILE *f = fopen("/proc/cpuinfo", "re");
    char line[512];
    out[0] = 0;
    while (f && !out[0] && fgets(line, sizeof line, f)) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || !colon) continue;
        snprintf(out, cap, "%s", colon + 1 + strspn(colon + 1, " \t"));
        out[strcspn(out, "\n")] = 0;
    }
    if (f) fclose(f);
}

void about_machine(buf *out) {
    struct utsname u;
    char cpu[300], system[300] = "unknown";
    const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    const bool named = uname(&u) == 0;
    cpu_name(cpu, sizeof cpu);
    if (!cpu[0]) snprintf(cpu, sizeof cpu, "%s", named ? u.machine : "unknown");
    if (named) snprintf(system, sizeof system, "%s %.100s, %.60s", u.sysname, u.release, u.machine);
    buf_char(out, '{');
    about_string(out, "cpu", cpu);
    buf_printf(out, ", \"cores\": %u, \"memory\": %" PRIu64 ", ", cores_here(),
               pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page : 0);
    about_string(out, "system", system);
    buf_char(out, '}');
}
