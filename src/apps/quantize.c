/* ds4-quantize: a model in smaller types.
 *
 * What can be wrong is looked for before the first byte of a tensor is written: the input's names
 * and shapes, types that cannot be written, the importance matrix, room on the disk. Then tensors
 * stream through a few buffers into OUT.part, and a run that is stopped, killed or out of room is
 * gone on with by the next one. OUT gets its name when it is whole.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "apps/lib/args.h"
#include "apps/lib/guard.h"
#include "apps/lib/room.h"
#include "apps/lib/say.h"
#include "apps/lib/stop.h"
#include "apps/quantizer/keys.h"
#include "apps/quantizer/work.h"
#include "base/cores.h"

typedef struct options {
    const char *in, *out, *importance;
    int recipe, layout;
    uint64_t threads;
    args_words tensors;
    bool force, dry_run;
} options;

/* The rename at the end would take the input away under its own name. */
static status check_out(const options *o, err *e) {
    struct stat in, out;
    const size_t n = strlen(o->out);
    if (stat(o->in, &in) == 0 && stat(o->out, &out) == 0 && in.st_dev == out.st_dev &&
        in.st_ino == out.st_ino)
        return fail(e, E_USAGE, "%s: this is the input: give the output another name", o->out);
    if (n > 12 && strcmp(o->out + n - 12, ".safetensors") == 0)
        return fail(e, E_USAGE,
                    "%s: this would overwrite a part of a checkpoint; expected a name in .gguf",
                    o->out);
    return OK;
}

/* The recipe's word may be left out where rules say what becomes what. */
static status read_words(options *o, const args_words *words, err *e) {
    o->in = words->at[0];
    o->out = words->at[1];
    o->recipe = RECIPE_NONE;
    if (words->n < 3) {
        if (o->tensors.n) return OK;
        return fail(e, E_USAGE, "no RECIPE: expected q2, q2-q4, q4, q8 or mxfp4 (or rules: --tensor "
                                "'PATTERN=TYPE')");
    }
    for (int r = 0; recipe_names[r]; r++)
        if (strcmp(words->at[2], recipe_names[r]) == 0) o->recipe = r;
    if (o->recipe == RECIPE_NONE)
        return fail(e, E_USAGE, "RECIPE %s is unknown: expected q2, q2-q4, q4, q8 or mxfp4",
                    words->at[2]);
    return OK;
}

static status write_head(const options *o, const input *in, const scheme *p, const scheme_wish *w,
                         buf *head, err *e) {
    gguf_writer *to;
    status st = gguf_create_head(&to, o->out, e);
    if (st != OK) return st;
    st = keys_put(in, p, w, to, e);
    for (uint32_t i = 0; i < p->n; i++) {
        const origin *t = p->at[i].from;
        gguf_declare(to, t->name, p->at[i].type, t->n_dims, t->ne);
    }
    if (st == OK) st = gguf_head(to, head, e);
    gguf_abort(to);
    return st;
}

/* Everything the output's bytes depend on: what the input holds, what is made of it (the head has
 * names, types and keys), the importance of columns, and who does it. */
static hash128 key_of(const input *in, const buf *head, const imatrix *importance) {
    static const char version[] = "ds4-quantize " DS4_VERSION;
    hash128 k = hash128_chain(in->identity, version, sizeof version);
    k = hash128_chain(k, head->data, head->n);
    for (size_t i = 0; importance && i < importance->n; i++) {
        const imatrix_entry *x = &importance->entries[i];
        k = hash128_chain(k, x->name, strlen(x->name) + 1);
        k = hash128_chain(k, x->sums, (size_t)(x->n_cols * x->n_mats) * sizeof *x->sums);
        k = hash128_chain(k, x->counts, (size_t)x->n_mats * sizeof *x->counts);
    }
    return k;
}

static status write_file(const options *o, const input *in, const scheme *p, const buf *head,
                         const imatrix *importance, err *e) {
    const uint64_t bytes = work_file_bytes(p, head);
    const char *found = NULL;
    partial *to;
    pool *threads = NULL;
    status st =
        partial_open(&to, o->out, key_of(in, head, importance), o->force, stop_flag(), &found, e);
    if (st != OK) return st;
    const uint64_t have = partial_have(to);
    st = room_check(o->out, bytes > have ? bytes - have : 0, e);
    if (st == OK && found && have)
        say_note("%s.part: %s: %.1f of %.1f MiB are there", o->out, found, (double)have / 0x1p20,
                 (double)bytes / 0x1p20);
    else if (st == OK && found)
        say_note("%s.part: %s", o->out, found);
    if (st == OK) st = pool_new(&threads, (uint32_t)o->threads, e);
    if (st == OK) st = work_run(in, p, head, to, threads, stop_flag(), e);
    pool_free(threads);
    if (st == OK) return partial_publish(to, e);
    if (st == E_FORMAT) /* the input is at fault: nothing can go on from here */
        partial_remove(to);
    else
        partial_keep(to);
    return st;
}

static status run(const options *o, const scheme_wish *w, input *in, err *e) {
    scheme p;
    buf head = {0};
    status st = scheme_make(&p, in, w, stop_flag(), e);
    if (st != OK) return st;
    st = write_head(o, in, &p, w, &head, e);
    if (st == OK && o->dry_run) {
        scheme_print(&p, stdout);
        if (fflush(stdout) != 0 || ferror(stdout))
            st = fail(e, E_IO, "stdout: cannot be written: %s", strerror(errno));
    } else if (st == OK) {
        st = write_file(o, in, &p, &head, w->importance, e);
    }
    if (st == OK) input_tell(in);
    buf_free(&head);
    scheme_free(&p);
    return st;
}

static status quantize(const options *o, err *e) {
    recipe_rule rules[ARGS_WORDS];
    imatrix importance = {0};
    input in = {0};
    status st = check_out(o, e);
    for (size_t i = 0; i < o->tensors.n && st == OK; i++)
        st = recipe_rule_read(&rules[i], o->tensors.at[i], e);
    if (st == OK && o->importance) st = imatrix_read(&importance, o->importance, e);
    if (st == OK) st = input_open(&in, o->in, (file_layout)o->layout, stop_flag(), e);
    const scheme_wish w = {.recipe = (recipe_id)o->recipe,
                         .rules = rules,
                         .n_rules = o->tensors.n,
                         .importance = o->importance ? &importance : NULL,
                         .importance_path = o->importance};
    if (st == OK) st = run(o, &w, &in, e);
    input_close(&in);
    imatrix_free(&importance);
    return st;
}

int main(int argc, char **argv) {
    static const char *const layouts[] = {"keep", "ds4", "antirez", "llamacpp", NULL};
    options o = {.layout = LAYOUT_KEEP, .threads = cores_here()};
    const arg table[] = {
        {
            .group = "What becomes what",
            .name = "--tensor",
            .kind = ARG_LIST,
            .to = &o.tensors,
            .value = "PATTERN=TYPE",
            .help = "a type for names that match (* ? [..]); over the recipe, the last match counts",
        },
        {
            .name = "--imatrix",
            .kind = ARG_STRING,
            .to = &o.importance,
            .value = "FILE",
            .help = "importance of columns, from ds4-imatrix or llama.cpp",
        },
        {
            .name = "--layout",
            .kind = ARG_CHOICE,
            .to = &o.layout,
            .choices = layouts,
            .value = "LAYOUT",
            .help = "whose names and keys: as in IN (a folder: ds4), ds4, antirez, llamacpp",
        },
        {
            .group = "How",
            .name = "--threads",
            .kind = ARG_U64,
            .to = &o.threads,
            .min = 1,
            .max = 1024,
            .help = "the output does not depend on it",
        },
        {
            .name = "--dry-run",
            .kind = ARG_FLAG,
            .to = &o.dry_run,
            .help = "print what would be written, and write nothing",
        },
        {
            .name = "--force",
            .kind = ARG_FLAG,
            .to = &o.force,
            .help = "begin anew, even if an earlier run can be gone on with",
        },
        {0},
    };
    const args_spec spec = {
        .program = "ds4-quantize",
        .synopsis = "IN OUT.gguf [RECIPE] [--imatrix FILE] [--tensor 'PATTERN=TYPE']...",
        .about =
            "Writes a model in smaller types. IN is a GGUF file, the first of its parts, or a\n"
            "checkpoint folder. RECIPE, as the published files have it:\n"
            "  q2      experts in IQ2_XXS and Q2_K, the rest in Q8_0, F16 and F32\n"
            "  q2-q4   the same, with Q4_K experts in the last seventh of the layers\n"
            "  q4      experts in Q4_K\n"
            "  q8      experts in Q8_0\n"
            "  mxfp4   experts in MXFP4: from a checkpoint in FP4 nothing is lost\n"
            "Without RECIPE everything that no --tensor names keeps its type. A run that was\n"
            "stopped or killed is gone on with by the same command.",
        .table = table,
        .min_words = 2,
        .max_words = 3,
        .words_are = "IN and OUT.gguf"};
    args_words words;
    int rc;
    if (args_start(&spec, argc, argv, &words, &rc)) return rc;
    err e;
    if (read_words(&o, &words, &e) != OK) return say_error(&e);
    stop_install(0);
    map_guard_install();
    return quantize(&o, &e) == OK ? 0 : say_error(&e);
}
