#include "apps/ds4/info.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/utf8.h"
#include "model/plan.h"

/* Tensors are told in classes: parts of the model that recipes treat alike. */
typedef struct tensor_class {
    const char *name;
    const char *const marks[8]; /* a tensor whose name contains one of these */
} tensor_class;

static const tensor_class classes[] = {
    {"draft block", {"mtp.", "nextn."}},
    {"routed experts, gate and up", {"ffn_gate_exps", "ffn_up_exps"}},
    {"routed experts, down", {"ffn_down_exps"}},
    {"shared expert", {"_shexp"}},
    {"router", {"ffn_gate_inp", "exp_probs_b", "ffn_gate_tid2eid"}},
    {"indexer", {"indexer"}},
    {"compressors", {"attn_compressor"}},
    {"hyper-connections", {"hc_"}},
    {"norms and sinks", {"norm", "sinks"}},
    {"attention projections", {"attn_q_", "attn_kv", "attn_output"}},
    {"embedding", {"token_embd"}},
    {"output head", {"output.weight"}},
    {"other", {""}},
};
enum { N_CLASSES = sizeof classes / sizeof *classes };

typedef struct class_total {
    uint64_t tensors, bytes;
    uint64_t by_type[QUANT_IDS]; /* tensors */
} class_total;

typedef struct totals {
    class_total c[N_CLASSES];
    uint64_t tensors, bytes, file_bytes, keys;
    bool draft_beside, draft_behind; /* mtp.0.*, blk.N.nextn.* */
    bool half_hc;                    /* hyper-connection matrices as F16: one publisher's mark */
} totals;

static bool contains(gguf_str s, const char *mark) {
    const size_t m = strlen(mark);
    for (size_t i = 0; i + m <= s.n; i++)
        if (memcmp(s.p + i, mark, m) == 0) return true;
    return false;
}

static size_t class_of(const gguf_tensor *t, const char *draft_prefix) {
    if (contains(t->name, draft_prefix)) return 0;
    for (size_t c = 0; c < N_CLASSES; c++)
        for (size_t i = 0; classes[c].marks[i]; i++)
            if (contains(t->name, classes[c].marks[i])) return c;
    return N_CLASSES - 1;
}

static void add_file(totals *t, const gguf *g, const char *draft_prefix) {
    t->file_bytes += gguf_size(g);
    t->keys += gguf_n_keys(g);
    for (uint64_t i = 0; i < gguf_n_tensors(g); i++) {
        const gguf_tensor *x = gguf_tensor_at(g, i);
        class_total *c = &t->c[class_of(x, draft_prefix)];
        c->tensors++;
        c->bytes += x->bytes;
        c->by_type[x->type->id]++;
        t->tensors++;
        t->bytes += x->bytes;
        t->draft_beside |= contains(x->name, "mtp.0.");
        t->draft_behind |= contains(x->name, "nextn.");
        t->half_hc |= contains(x->name, "hc_attn_fn") && x->type->id == Q_F16;
    }
}

static totals count(const model *m) {
    totals t = {0};
    char draft_prefix[32]; /* a block behind the trunk is the draft block */
    snprintf(draft_prefix, sizeof draft_prefix, "blk.%u.", model_shape(m)->n_layers);
    for (uint32_t i = 0; i < model_n_files(m); i++) add_file(&t, model_file(m, i), draft_prefix);
    return t;
}

static const char *layout_name(const totals *t) {
    if (t->draft_behind) return "llama.cpp (draft block behind the trunk)";
    if (t->draft_beside) return "ds4 (draft block beside the trunk)";
    return t->half_hc ? "antirez (F16 hyper-connections)" : "llama.cpp (no draft block)";
}

/* "Q8_0" or "Q8_0 x12, F16 x3". */
static void types_text(buf *b, const class_total *c) {
    uint32_t kinds = 0;
    for (uint32_t q = 0; q < QUANT_IDS; q++) kinds += c->by_type[q] > 0;
    const char *comma = "";
    for (uint32_t q = 0; q < QUANT_IDS; q++) {
        if (!c->by_type[q]) continue;
        buf_printf(b, "%s%s", comma, quant_find(q)->name);
        if (kinds > 1) buf_printf(b, " x%" PRIu64, c->by_type[q]);
        comma = ", ";
    }
}

/* Weights read for one token: everything but the embedding and the experts that are not chosen. */
static uint64_t active_bytes(const model *m, const totals *t) {
    const shape *s = model_shape(m);
    uint64_t sum = 0;
    for (size_t c = 0; c < N_CLASSES; c++) {
        const bool draft = c == 0, embed = strcmp(classes[c].name, "embedding") == 0;
        const bool routed = strncmp(classes[c].name, "routed", 6) == 0;
        if (draft || embed) continue;
        sum += routed ? t->c[c].bytes / s->n_experts * s->n_used : t->c[c].bytes;
    }
    return sum;
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

static void as_text(buf *b, const ds4_cli *o, const model *m, const totals *t, const plan *p) {
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
    for (size_t c = 0; c < N_CLASSES; c++) {
        if (!t->c[c].tensors) continue;
        buf_printf(b, "%-30s %8" PRIu64 " %12.2f  ", classes[c].name, t->c[c].tensors,
                   (double)t->c[c].bytes / (1024 * 1024));
        types_text(b, &t->c[c]);
        buf_char(b, '\n');
    }
    buf_printf(b, "%-30s %8" PRIu64 " %12.2f\n", "all", t->tensors, (double)t->bytes / (1024 * 1024));
    buf_printf(b, "read for each token %30.2f\n\n", (double)active_bytes(m, t) / (1024 * 1024));
    buf_printf(b, "context    tokens        MiB\n");
    for (size_t i = 0; i < N_LENGTHS; i++)
        if (lengths[i] <= s->context || i == 0)
            buf_printf(b, "       %10u %10.1f\n", lengths[i], (double)plan_context_bytes(p, lengths[i]) / (1024 * 1024));
}

static void as_json(buf *b, const ds4_cli *o, const model *m, const totals *t, const plan *p) {
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
    buf_str(b, "]}, \"classes\": [");
    const char *comma = "";
    for (size_t c = 0; c < N_CLASSES; c++) {
        if (!t->c[c].tensors) continue;
        buf_printf(b, "%s{\"name\": \"%s\", \"tensors\": %" PRIu64 ", \"bytes\": %" PRIu64 ", \"types\": {", comma,
                   classes[c].name, t->c[c].tensors, t->c[c].bytes);
        const char *inner = "";
        for (uint32_t q = 0; q < QUANT_IDS; q++)
            if (t->c[c].by_type[q]) {
                buf_printf(b, "%s\"%s\": %" PRIu64, inner, quant_find(q)->name, t->c[c].by_type[q]);
                inner = ", ";
            }
        buf_str(b, "}}");
        comma = ", ";
    }
    buf_printf(b, "], \"tensor_bytes\": %" PRIu64 ", \"bytes_per_token\": %" PRIu64 ", \"context\": [", t->bytes,
               active_bytes(m, t));
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
        const totals t = count(m);
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
