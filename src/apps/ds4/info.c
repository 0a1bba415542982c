#include "apps/ds4/info.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "apps/lib/contents.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/utf8.h"
#include "model/plan.h"

static const char *layout_name(const contents *t) {
    if (t->draft_behind) return "llama.cpp (draft block behind the trunk)";
    if (t->draft_beside) return "ds4 (draft block beside the trunk)";
    return t->half_hc ? "antirez (F16 hyper-connections)" : "llama.cpp (no draft block)";
}

static const uint32_t lengths[] = {4096, 32768, 131072, 262144, 1048576};
enum { N_LENGTHS = sizeof lengths / sizeof *lengths };

static double gib(uint64_t bytes) { return (double)bytes / (1024.0 * 1024 * 1024); }

static gguf_str text_key(const model *m, const char *key) {
    gguf_str s = {"", 0};
    gguf_string(gguf_find_key(model_file(m, 0), key), &s);
    return s;
}

static void count_ratios(const shape *s, uint32_t *plain, uint32_t *indexed, uint32_t *other) {
    for (uint32_t l = 0; l < s->n_layers; l++)
        ++*(s->ratio[l] == 0 ? plain : s->ratio[l] == 4 ? indexed : other);
}

static void as_text(buf *b, const ds4_cli *o, const model *m, const contents *t, const plan *p) {
    const shape *s = model_shape(m);
    const gguf_str name = text_key(m, "general.name");
    char shown[256];
    uint32_t plain = 0, indexed = 0, other = 0;
    count_ratios(s, &plain, &indexed, &other);
    utf8_printable(shown, sizeof shown, o->model, strlen(o->model));
    buf_printf(b, "file       %s\n           GGUF v%u, %u file%s, %.2f GiB, %" PRIu64 " tensors, %" PRIu64 " keys\n", shown,
               gguf_version(model_file(m, 0)), model_n_files(m), model_n_files(m) == 1 ? "" : "s", gib(t->file_bytes),
               t->tensors, t->keys);
    utf8_printable(shown, sizeof shown, name.p, name.n);
    buf_printf(b, "model      %s\nlayout     %s\n", name.n ? shown : "(no name)", layout_name(t));
    buf_printf(b, "layers     %u: %u window only, %u ratio 4 with indexer, %u of larger ratio; window %u\n", s->n_layers,
               plain, indexed, other, s->window);
    buf_printf(b, "sizes      hidden %u x %u streams, %u heads x %u (%u rotary), vocabulary %u\n", s->d_model, s->n_streams,
               s->n_heads, s->head_dim, s->rope_dim, s->n_vocab);
    buf_printf(b, "experts    %u, %u used, %u shared, inner %u; %u hash-routed layers\n", s->n_experts, s->n_used, s->n_shared,
               s->ff_dim, s->n_hash_layers);
    const uint64_t tokens = gguf_array_n(gguf_find_key(model_file(m, 0), "tokenizer.ggml.tokens"));
    if (tokens) buf_printf(b, "tokeniser  %" PRIu64 " tokens\n", tokens);
    else buf_str(b, "tokeniser  none in this file\n");
    buf_printf(b, "draft      %s\n\n", model_weights(m)->draft.present ? "yes" : "no");
    buf_printf(b, "%-30s %8s %12s  %s\n", "tensors", "count", "MiB", "types");
    for (size_t c = 0; c < CONTENTS_CLASSES; c++) {
        if (!t->c[c].tensors) continue;
        buf_printf(b, "%-30s %8" PRIu64 " %12.2f  ", t->c[c].name, t->c[c].tensors,
                   (double)t->c[c].bytes / (1024 * 1024));
        contents_types(b, &t->c[c]);
        buf_char(b, '\n');
    }
    buf_printf(b, "%-30s %8" PRIu64 " %12.2f\n", "all", t->tensors, (double)t->bytes / (1024 * 1024));
    buf_printf(b, "read for each token %30.2f\n\n", (double)contents_bytes_per_token(m, t) / (1024 * 1024));
    buf_printf(b, "context    tokens        MiB\n");
    for (size_t i = 0; i < N_LENGTHS; i++)
        if (lengths[i] <= s->context || i == 0)
            buf_printf(b, "       %10u %10.1f\n", lengths[i], (double)plan_context_bytes(p, lengths[i]) / (1024 * 1024));
}

static void as_json(buf *b, const ds4_cli *o, const model *m, const contents *t, const plan *p) {
    const shape *s = model_shape(m);
    const gguf_str name = text_key(m, "general.name");
    buf_str(b, "{\"file\": ");
    json_write_string(b, o->model, strlen(o->model));
    buf_printf(b, ", \"gguf_version\": %u, \"files\": %u, \"file_bytes\": %" PRIu64 ", \"n_tensors\": %" PRIu64
               ", \"n_keys\": %" PRIu64 ", \"name\": ",
               gguf_version(model_file(m, 0)), model_n_files(m), t->file_bytes, t->tensors, t->keys);
    json_write_string(b, name.p, name.n);
    buf_str(b, ", \"layout\": ");
    json_write_string(b, layout_name(t), strlen(layout_name(t)));
    buf_printf(b, ", \"draft\": %s, \"tokens\": %" PRIu64, model_weights(m)->draft.present ? "true" : "false",
               gguf_array_n(gguf_find_key(model_file(m, 0), "tokenizer.ggml.tokens")));
    buf_printf(b,
               ", \"shape\": {\"layers\": %u, \"hidden\": %u, \"streams\": %u, \"heads\": %u, \"head_dim\": %u, "
               "\"rope_dim\": %u, \"vocab\": %u, \"window\": %u, \"experts\": %u, \"experts_used\": %u, "
               "\"experts_shared\": %u, \"expert_inner\": %u, \"hash_layers\": %u, \"indexer_heads\": %u, "
               "\"indexer_dim\": %u, \"indexer_top_k\": %u, \"context\": %u, \"ratios\": [",
               s->n_layers, s->d_model, s->n_streams, s->n_heads, s->head_dim, s->rope_dim, s->n_vocab, s->window,
               s->n_experts, s->n_used, s->n_shared, s->ff_dim, s->n_hash_layers, s->ix_heads, s->ix_dim, s->ix_top_k,
               s->context);
    for (uint32_t l = 0; l < s->n_layers; l++) buf_printf(b, "%s%u", l ? ", " : "", s->ratio[l]);
    buf_str(b, "]}, \"classes\": ");
    contents_json(b, t);
    buf_printf(b, ", \"tensor_bytes\": %" PRIu64 ", \"bytes_per_token\": %" PRIu64 ", \"context\": [", t->bytes,
               contents_bytes_per_token(m, t));
    for (size_t i = 0; i < N_LENGTHS; i++)
        buf_printf(b, "%s{\"tokens\": %u, \"bytes\": %" PRIu64 "}", i ? ", " : "", lengths[i],
                   plan_context_bytes(p, lengths[i]));
    buf_str(b, "]}\n");
}

status info_print(const ds4_cli *o, err *e) {
    model *m = NULL;
    plan p = {0};
    const plan_options po = {.exact = o->exact};
    status st = model_open(&m, o->model, o->mtp, e);
    if (st == OK) st = plan_make(&p, m, &po, e);
    if (st == OK) {
        const contents t = contents_of(m);
        buf b = {0};
        (o->json ? as_json : as_text)(&b, o, m, &t, &p);
        if (b.failed || fwrite(b.data, 1, b.n, stdout) != b.n || fflush(stdout) != 0)
            st = fail(e, E_IO, "cannot write to stdout");
        buf_free(&b);
    }
    plan_free(&p);
    model_close(m);
    return st;
}
