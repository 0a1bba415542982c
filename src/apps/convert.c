/* ds4-convert: a published checkpoint folder to one GGUF file.
 *
 * What can be wrong with the input is looked for before the first byte of a tensor is written:
 * configuration, file headers, names and shapes, the tokeniser, room on the disk. Then tensors
 * stream through one buffer. The file gets its name when it is whole.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "apps/convert/emit.h"
#include "apps/convert/vocabulary.h"
#include "apps/lib/args.h"
#include "apps/lib/guard.h"
#include "apps/lib/room.h"
#include "apps/lib/say.h"
#include "apps/lib/stop.h"
#include "base/file.h"

typedef struct options {
    const char *folder, *out;
    int mode, layout;
} options;

static bool ends_with(const char *s, const char *end) {
    const size_t n = strlen(s), m = strlen(end);
    return n >= m && strcmp(s + n - m, end) == 0;
}

/* What would otherwise come out after hours, at the final rename. */
static status check_out(const char *path, err *e) {
    struct stat st;
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return fail(e, E_IO, "%s: a folder: -o takes the name of the file to write", path);
    if (ends_with(path, ".safetensors") || ends_with(path, ".json"))
        return fail(e, E_USAGE,
                    "-o %s: this would overwrite a part of a checkpoint; expected a name in .gguf",
                    path);
    return OK;
}

/* llama.cpp's numbers for what most of a file is. */
static uint32_t file_type(roster_mode mode, const roster *all) {
    static const uint32_t numbers[] = {[ROSTER_F32] = 0,
                                       [ROSTER_F16] = 1,
                                       [ROSTER_BF16] = 32,
                                       [ROSTER_Q8_0] = 7,
                                       [ROSTER_MIXED] = 7};
    static const uint32_t native[] = {
        [STORE_F32] = 0, [STORE_F16] = 1, [STORE_BF16] = 32, [STORE_FP8] = 32, [STORE_FP4] = 38};
    if (mode != ROSTER_NATIVE) return numbers[mode];
    for (uint32_t i = 0; i < all->n; i++)
        if (all->tensors[i].role == ROSTER_STACK) return native[all->tensors[i].parts[0].kind];
    return 32;
}

static status write_data(gguf_writer *w, const roster *all, err *e) {
    progress bar;
    progress_start(&bar, stderr, "converting", gguf_data_total(w), PROGRESS_BYTES);
    emitter em = {.to = w, .bar = &bar, .stop = stop_flag()};
    status st = OK;
    for (uint32_t i = 0; i < all->n && st == OK; i++)
        st = emit_tensor(&em, all, &all->tensors[i], e);
    emit_free(&em);
    if (st == OK)
        progress_end(&bar);
    else
        progress_hide(&bar);
    return st;
}

static status write_file(const options *o, const convert_config *cfg, roster *all, err *e) {
    gguf_writer *w;
    char name[256];
    status st = gguf_create(&w, o->out, e);
    if (st != OK) return st;
    convert_config_name(o->folder, name, sizeof name);
    convert_config_put(cfg, name, file_type((roster_mode)o->mode, all), all->draft,
                       o->layout == ROSTER_LLAMACPP, w);
    st = convert_vocabulary(cfg, o->folder, w, e);
    if (st == OK) st = roster_choose(all, (roster_mode)o->mode, stop_flag(), e);
    for (uint32_t i = 0; i < all->n && st == OK; i++) {
        const roster_tensor *t = &all->tensors[i];
        gguf_declare(w, t->name, t->type, t->n_dims, t->ne);
    }
    if (st == OK) st = room_check(o->out, gguf_data_total(w), e);
    if (st == OK) st = gguf_begin(w, e);
    if (st == OK) st = write_data(w, all, e);
    if (st == OK) return gguf_finish(w, e);
    gguf_abort(w);
    return st;
}

static status convert(const options *o, err *e) {
    convert_config cfg;
    hf_checkpoint *c = NULL;
    roster all = {0};
    status st = check_out(o->out, e);
    if (st == OK) st = convert_config_read(&cfg, o->folder, e);
    if (st == OK) st = hf_open(&c, o->folder, e);
    if (st == OK) st = roster_build(&all, c, &cfg, (roster_layout)o->layout, e);
    if (st == OK) st = write_file(o, &cfg, &all, e);
    if (st == OK) roster_tell(&all);
    roster_free(&all);
    hf_close(c);
    return st;
}

int main(int argc, char **argv) {
    static const char *const modes[] = {"f32", "f16", "bf16", "q8_0", "mixed", "native", NULL};
    static const char *const layouts[] = {"ds4", "llamacpp", NULL};
    options o = {.mode = ROSTER_NATIVE, .layout = ROSTER_DS4};
    const arg table[] = {
        {
            .group = "Output",
            .name = "--out",
            .alias = "-o",
            .kind = ARG_STRING,
            .to = &o.out,
            .value = "FILE",
            .help = "the GGUF file to write; needed",
            .required = true,
        },
        {
            .name = "--type",
            .kind = ARG_CHOICE,
            .to = &o.mode,
            .choices = modes,
            .value = "TYPE",
            .help = "of matrices: f32, f16, bf16, q8_0, mixed, or native: no value changes",
        },
        {
            .name = "--layout",
            .kind = ARG_CHOICE,
            .to = &o.layout,
            .choices = layouts,
            .help = "where the draft block goes: mtp.0, or the last blk",
        },
        {0},
    };
    const args_spec spec = {
        .program = "ds4-convert",
        .synopsis = "HF_DIR -o OUT.gguf [--type f32|f16|bf16|q8_0|mixed|native]",
        .about =
            "Converts a checkpoint folder (config.json, tokenizer.json where present,\n"
            "*.safetensors) to a GGUF file. Vectors are always written as F32. q8_0 keeps the\n"
            "router, the indexer's weights and the hyper-connections in F32; mixed has those in\n"
            "F16, experts that are stored in FP4 as MXFP4 (no value changes), the rest in Q8_0.",
        .table = table,
        .min_words = 1,
        .max_words = 1,
        .words_are = "HF_DIR"};
    args_words words;
    int rc;
    if (args_start(&spec, argc, argv, &words, &rc)) return rc;
    o.folder = words.at[0];
    stop_install(0);
    map_guard_install();
    err e;
    return convert(&o, &e) == OK ? 0 : say_error(&e);
}
