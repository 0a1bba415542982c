/* checkpoint.c: which files, then one sorted list over all of them. */
#include "hf/checkpoint.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/file.h"

#define FILES_LIMIT 4096u
#define JSON_LIMIT (256u << 20)
#define INDEX "model.safetensors.index.json"
#define SINGLE "model.safetensors"
#define SUFFIX ".safetensors"

struct hf_checkpoint {
    char *folder;
    hf_file **files;
    size_t n_files;
    const hf_tensor **tensors; /* of all files, sorted by plain name */
    size_t n;
};

/* ------------------------------------------------------------------ the folder */

static bool path_of(char *out, size_t cap, const char *folder, const char *file) {
    const size_t n = strlen(folder);
    const int wrote =
        snprintf(out, cap, "%s%s%s", folder, n && folder[n - 1] == '/' ? "" : "/", file);
    return wrote > 0 && (size_t)wrote < cap;
}

static bool exists(const char *folder, const char *file) {
    char path[4096];
    struct stat st;
    return path_of(path, sizeof path, folder, file) && stat(path, &st) == 0;
}

static status check_folder(const char *folder, err *e) {
    struct stat st;
    if (stat(folder, &st) != 0) return fail(e, E_IO, "%s: %s", folder, strerror(errno));
    if (!S_ISDIR(st.st_mode))
        return fail(e, E_IO,
                    "%s: not a folder: the folder with config.json and the safetensors files is "
                    "expected",
                    folder);
    return OK;
}

status hf_read_json(json_doc **out, const char *folder, const char *file, bool optional, err *e) {
    char path[4096];
    if (!path_of(path, sizeof path, folder, file))
        return fail(e, E_LIMIT, "%s: the path is too long", folder);
    if (optional && !exists(folder, file)) {
        *out = NULL;
        return OK;
    }
    buf text = {0};
    status st = file_read(&text, path, JSON_LIMIT, e);
    if (st == OK) st = json_parse(out, text.data ? text.data : "", text.n, 0, path, e);
    buf_free(&text);
    return st;
}

/* ------------------------------------------------------------------ a set of file names */

typedef struct names {
    char **at; /* sorted, each once */
    size_t n, cap;
} names;

static void names_free(names *l) {
    for (size_t i = 0; i < l->n; i++) free(l->at[i]);
    free(l->at);
}

/* Where the name stands, or would stand. */
static size_t names_place(const names *l, const char *name) {
    size_t lo = 0, hi = l->n;
    while (lo < hi) {
        const size_t mid = lo + (hi - lo) / 2;
        if (strcmp(l->at[mid], name) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static status names_put(names *l, const char *name, const char *folder, err *e) {
    const size_t place = names_place(l, name);
    if (place < l->n && strcmp(l->at[place], name) == 0) return OK;
    if (l->n == FILES_LIMIT)
        return fail(e, E_LIMIT, "%s: more than %u safetensors files", folder, FILES_LIMIT);
    if (l->n == l->cap) {
        const size_t cap = l->cap ? 2 * l->cap : 64;
        char **at = realloc(l->at, cap * sizeof *at);
        if (!at) return fail(e, E_NOMEM, "%s: out of memory", folder);
        l->at = at;
        l->cap = cap;
    }
    char *copy = strdup(name);
    if (!copy) return fail(e, E_NOMEM, "%s: out of memory", folder);
    memmove(l->at + place + 1, l->at + place, (l->n - place) * sizeof *l->at);
    l->at[place] = copy;
    l->n++;
    return OK;
}

static bool ends_with(const char *s, const char *end) {
    const size_t n = strlen(s), m = strlen(end);
    return n >= m && strcmp(s + n - m, end) == 0;
}

/* ------------------------------------------------------------------ files without an index */

/* "model-00002-of-00046.safetensors" */
static bool is_part(const char *name, unsigned *no, unsigned *of) {
    int used = 0;
    if (sscanf(name, "model-%5u-of-%5u" SUFFIX "%n", no, of, &used) != 2) return false;
    return used == (int)strlen("model-00001-of-00001" SUFFIX) && name[used] == 0;
}

/* Of the parts among `found`, all must be there. */
static status take_parts(names *l, const names *found, const char *folder, err *e) {
    unsigned no, of, total = 0;
    status st = OK;
    for (size_t i = 0; i < found->n && st == OK; i++) {
        if (!is_part(found->at[i], &no, &of)) continue;
        if (total && of != total)
            st = fail(e, E_FORMAT, "%s: parts of two models: some of %u, some of %u", folder, total,
                      of);
        else if (no != l->n + 1)
            st = fail(e, E_IO, "%s: part %zu of %u is missing: download it", folder, l->n + 1, of);
        else
            st = names_put(l, found->at[i], folder, e);
        total = of;
    }
    if (st == OK && l->n != total)
        st = fail(e, E_IO, "%s: part %zu of %u is missing: download it", folder, l->n + 1, total);
    return st;
}

static status list_folder(names *l, const char *folder, err *e) {
    DIR *d = opendir(folder);
    if (!d) return fail(e, E_IO, "%s: %s", folder, strerror(errno));
    names found = {0};
    status st = OK;
    for (const struct dirent *entry; st == OK && (entry = readdir(d));)
        if (entry->d_name[0] != '.' && ends_with(entry->d_name, SUFFIX))
            st = names_put(&found, entry->d_name, folder, e);
    closedir(d);
    unsigned no, of, parts = 0;
    for (size_t i = 0; i < found.n; i++) parts += is_part(found.at[i], &no, &of);
    if (st == OK && parts > 0) st = take_parts(l, &found, folder, e);
    for (size_t i = 0; i < found.n && parts == 0 && st == OK; i++)
        st = names_put(l, found.at[i], folder, e);
    names_free(&found);
    if (st == OK && l->n == 0)
        st = fail(e, E_IO, "%s: there is no safetensors file in this folder", folder);
    return st;
}

/* ------------------------------------------------------------------ files by index */

static status check_entry(const char *key, const json *value, const char *folder, err *e) {
    size_t n;
    const char *file = json_text(value, &n);
    if (!file)
        return fail(e, E_FORMAT, "%s/" INDEX ": weight_map: %.200s names no file", folder, key);
    if (n > 255 || strlen(file) != n || strchr(file, '/') || file[0] == '.' ||
        !ends_with(file, SUFFIX))
        return fail(e, E_FORMAT,
                    "%s/" INDEX ": weight_map: %.200s: '%.100s' is not the name of a safetensors "
                    "file in this folder",
                    folder, key, file);
    return OK;
}

static status list_index(names *l, const json *map, const char *folder, err *e) {
    if (!map || json_type(map) != JSON_OBJECT || json_count(map) == 0)
        return fail(e, E_FORMAT, "%s/" INDEX ": it has no weight_map", folder);
    const char *key, *last = NULL;
    size_t n;
    const json *value;
    status st = OK;
    for (size_t i = 0; st == OK && json_member(map, i, &key, &n, &value); i++) {
        st = check_entry(key, value, folder, e);
        if (st != OK) return st;
        const char *file = json_text(value, &n);
        if (last && strcmp(file, last) == 0) continue; /* neighbours share a file as a rule */
        last = file;
        st = names_put(l, file, folder, e);
    }
    for (size_t i = 0; i < l->n && st == OK; i++)
        if (!exists(folder, l->at[i]))
            st = fail(e, E_IO, "%s: %s is missing (" INDEX " names it): download it", folder,
                      l->at[i]);
    return st;
}

/* Every tensor of the index is where the index says. */
static status check_index(const hf_checkpoint *c, const names *l, const json *map, err *e) {
    const char *key;
    size_t n;
    const json *value;
    for (size_t i = 0; json_member(map, i, &key, &n, &value); i++) {
        const hf_file *f = c->files[names_place(l, json_text(value, &n))];
        if (!hf_file_find(f, key))
            return fail(e, E_FORMAT, "%s: tensor %.200s is missing (" INDEX " says it is there)",
                        hf_file_name(f), key);
    }
    return OK;
}

/* ------------------------------------------------------------------ tensors of all files */

const char *hf_plain_name(const hf_tensor *t) {
    static const char prefix[] = "model.";
    const size_t n = sizeof prefix - 1;
    return strncmp(t->name, prefix, n) == 0 ? t->name + n : t->name;
}

static int by_plain_name(const void *a, const void *b) {
    return strcmp(hf_plain_name(*(const hf_tensor *const *)a),
                  hf_plain_name(*(const hf_tensor *const *)b));
}

static status open_files(hf_checkpoint *c, const names *l, err *e) {
    c->files = calloc(l->n + 1, sizeof(hf_file *));
    if (!c->files) return fail(e, E_NOMEM, "%s: out of memory", c->folder);
    for (size_t i = 0; i < l->n; i++) {
        char path[4096];
        if (!path_of(path, sizeof path, c->folder, l->at[i]))
            return fail(e, E_LIMIT, "%s: the path is too long", c->folder);
        const status st = hf_file_open(&c->files[i], path, e);
        if (st != OK) return st;
        c->n_files++;
        c->n += hf_file_count(c->files[i]);
    }
    return OK;
}

static status sort_tensors(hf_checkpoint *c, err *e) {
    c->tensors = malloc((c->n + 1) * sizeof *c->tensors);
    if (!c->tensors) return fail(e, E_NOMEM, "%s: out of memory", c->folder);
    size_t n = 0;
    for (size_t i = 0; i < c->n_files; i++)
        for (size_t k = 0; k < hf_file_count(c->files[i]); k++)
            c->tensors[n++] = hf_file_at(c->files[i], k);
    qsort(c->tensors, n, sizeof *c->tensors, by_plain_name);
    for (size_t i = 1; i < n; i++)
        if (by_plain_name(&c->tensors[i - 1], &c->tensors[i]) == 0)
            return fail(e, E_FORMAT, "tensor %.200s is there twice: as %.80s in %s, as %.80s in %s",
                        hf_plain_name(c->tensors[i]), c->tensors[i - 1]->name,
                        hf_file_name(c->tensors[i - 1]->file), c->tensors[i]->name,
                        hf_file_name(c->tensors[i]->file));
    return OK;
}

static status open_folder(hf_checkpoint *c, err *e) {
    json_doc *index = NULL;
    const json *map = NULL;
    names l = {0};
    status st = check_folder(c->folder, e);
    if (st == OK) st = hf_read_json(&index, c->folder, INDEX, true, e);
    if (st == OK && index) {
        map = json_get(json_root(index), "weight_map");
        st = list_index(&l, map, c->folder, e);
    } else if (st == OK && exists(c->folder, SINGLE)) {
        st = names_put(&l, SINGLE, c->folder, e);
    } else if (st == OK) {
        st = list_folder(&l, c->folder, e);
    }
    if (st == OK) st = open_files(c, &l, e);
    if (st == OK && index) st = check_index(c, &l, map, e);
    if (st == OK) st = sort_tensors(c, e);
    names_free(&l);
    json_free(index);
    return st;
}

status hf_open(hf_checkpoint **out, const char *folder, err *e) {
    hf_checkpoint *c = calloc(1, sizeof *c);
    if (c) c->folder = strdup(folder);
    const status st =
        c && c->folder ? open_folder(c, e) : fail(e, E_NOMEM, "%s: out of memory", folder);
    if (st != OK) {
        hf_close(c);
        return st;
    }
    *out = c;
    return OK;
}

void hf_close(hf_checkpoint *c) {
    if (!c) return;
    for (size_t i = 0; i < c->n_files; i++) hf_file_close(c->files[i]);
    free(c->files);
    free(c->tensors);
    free(c->folder);
    free(c);
}

const char *hf_folder(const hf_checkpoint *c) { return c->folder; }
size_t hf_count(const hf_checkpoint *c) {
    return c->n;
}
const hf_tensor *hf_at(const hf_checkpoint *c, size_t i) {
    return c->tensors[i];
}

size_t hf_place(const hf_checkpoint *c, const char *name) {
    size_t lo = 0, hi = c->n;
    while (lo < hi) {
        const size_t mid = lo + (hi - lo) / 2;
        if (strcmp(hf_plain_name(c->tensors[mid]), name) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

const hf_tensor *hf_find(const hf_checkpoint *c, const char *name) {
    const size_t i = hf_place(c, name);
    return i < c->n && strcmp(hf_plain_name(c->tensors[i]), name) == 0 ? c->tensors[i] : NULL;
}
