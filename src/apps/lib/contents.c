#include "apps/lib/contents.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

typedef struct tensor_class {
    const char *name;
    const char *const marks[8]; /* a tensor whose name contains one of these */
} tensor_class;

enum { DRAFT_CLASS = 0, ROUTED_FIRST = 1, ROUTED_LAST = 2, EMBEDDING_CLASS = 10 };

static const tensor_class classes[CONTENTS_CLASSES] = {
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

static bool contains(gguf_str s, const char *mark) {
    const size_t m = strlen(mark);
    for (size_t i = 0; i + m <= s.n; i++)
        if (memcmp(s.p + i, mark, m) == 0) return true;
    return false;
}

static size_t class_of(const gguf_tensor *t, const char *draft_prefix) {
    if (contains(t->name, draft_prefix)) return DRAFT_CLASS;
    for (size_t c = 0; c < CONTENTS_CLASSES; c++)
        for (size_t i = 0; classes[c].marks[i]; i++)
            if (contains(t->name, classes[c].marks[i])) return c;
    return CONTENTS_CLASSES - 1;
}

static void add_file(contents *t, const gguf *g, const char *draft_prefix) {
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

contents contents_of(const model *m) {
    contents t = {0};
    char draft_prefix[32]; /* a block behind the trunk is the draft block */
    for (size_t c = 0; c < CONTENTS_CLASSES; c++) t.c[c].name = classes[c].name;
    t.c[DRAFT_CLASS].draft = true;
    t.c[EMBEDDING_CLASS].looked_up = true;
    for (size_t c = ROUTED_FIRST; c <= ROUTED_LAST; c++) t.c[c].routed = true;
    snprintf(draft_prefix, sizeof draft_prefix, "blk.%u.", model_shape(m)->n_layers);
    for (uint32_t i = 0; i < model_n_files(m); i++) add_file(&t, model_file(m, i), draft_prefix);
    return t;
}

void contents_types(buf *b, const class_total *c) {
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

void contents_json(buf *b, const contents *t) {
    const char *comma = "";
    buf_char(b, '[');
    for (size_t c = 0; c < CONTENTS_CLASSES; c++) {
        if (!t->c[c].tensors) continue;
        buf_printf(b, "%s{\"name\": \"%s\", \"tensors\": %" PRIu64 ", \"bytes\": %" PRIu64 ", \"types\": {", comma,
                   t->c[c].name, t->c[c].tensors, t->c[c].bytes);
        const char *inner = "";
        for (uint32_t q = 0; q < QUANT_IDS; q++)
            if (t->c[c].by_type[q]) {
                buf_printf(b, "%s\"%s\": %" PRIu64, inner, quant_find(q)->name, t->c[c].by_type[q]);
                inner = ", ";
            }
        buf_str(b, "}}");
        comma = ", ";
    }
    buf_char(b, ']');
}

uint64_t contents_bytes_per_token(const model *m, const contents *t) {
    const shape *s = model_shape(m);
    uint64_t sum = 0;
    for (size_t c = 0; c < CONTENTS_CLASSES; c++) {
        if (t->c[c].draft || t->c[c].looked_up) continue;
        sum += t->c[c].routed ? t->c[c].bytes / s->n_experts * s->n_used : t->c[c].bytes;
    }
    return sum;
}
