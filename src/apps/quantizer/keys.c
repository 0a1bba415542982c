#include "apps/quantizer/keys.h"

#include <string.h>

#include "apps/convert/vocabulary.h"
#include "base/utf8.h"

#define P(key) "deepseek4." key

static bool starts_with(gguf_str s, const char *prefix) {
    const size_t n = strlen(prefix);
    return s.n >= n && memcmp(s.p, prefix, n) == 0;
}

static bool one_of(gguf_str s, const char *const *names) {
    for (; *names; names++)
        if (s.n == strlen(*names) && memcmp(s.p, *names, s.n) == 0) return true;
    return false;
}

/* A number of the model in the width that every reader takes. */
static void put_plain(gguf_writer *to, const gguf_key *k) {
    char name[128];
    uint64_t v;
    double d;
    if (!starts_with(k->name, P("")) || k->name.n >= sizeof name) {
        gguf_put_copy(to, k);
        return;
    }
    memcpy(name, k->name.p, k->name.n);
    name[k->name.n] = 0;
    const bool whole = k->kind != GGUF_BOOL && k->kind != GGUF_F32 && k->kind != GGUF_F64 &&
                       k->kind != GGUF_ARRAY && gguf_u64(k, &v) && v <= UINT32_MAX;
    if (whole)
        gguf_put_u32(to, name, (uint32_t)v);
    else if (k->kind == GGUF_F64 && gguf_f64(k, &d))
        gguf_put_f32(to, name, (float)d);
    else
        gguf_put_copy(to, k);
}

/* What depends on where the draft block stands, and what some writers leave out. */
static const char *const rewritten[] = {P("block_count"),
                                        P("nextn_predict_layers"),
                                        P("vocab_size"),
                                        P("expert_gating_func"),
                                        P("attention.compress_ratios"),
                                        P("swiglu_clamp_exp"),
                                        P("swiglu_clamp_shexp"),
                                        NULL};

static void put_rewritten(const input *in, const gguf *g, gguf_writer *to) {
    const shape *s = model_shape(in->m);
    const uint32_t blocks = s->n_layers + in->behind, with_draft = s->n_layers + in->draft;
    int32_t ratios[SHAPE_MAX_LAYERS + 1];
    for (uint32_t l = 0; l < with_draft; l++) ratios[l] = (int32_t)s->ratio[l];
    gguf_put_u32(to, P("block_count"), blocks);
    if (in->draft) gguf_put_u32(to, P("nextn_predict_layers"), 1);
    gguf_put_u32(to, P("vocab_size"), s->n_vocab);
    gguf_put_u32(to, P("expert_gating_func"), 4);
    gguf_put_i32s(to, P("attention.compress_ratios"), ratios, with_draft);
    gguf_put_f32s(to, P("swiglu_clamp_exp"), s->clamp_routed, blocks);
    if (gguf_find_key(g, P("swiglu_clamp_shexp")))
        gguf_put_f32s(to, P("swiglu_clamp_shexp"), s->clamp_shared, blocks);
}

static void put_copied(const input *in, const gguf *g, gguf_writer *to) {
    static const char *const dropped[] = {"split.no",          "split.count",
                                          "split.tensors.count", "general.alignment",
                                          "general.file_type", "general.quantization_version",
                                          NULL};
    const bool anew = in->layout != LAYOUT_KEEP && in->m;
    if (anew && !gguf_find_key(g, "general.architecture"))
        gguf_put_string(to, "general.architecture", "deepseek4", 9);
    for (uint64_t i = 0; i < gguf_n_keys(g); i++) {
        const gguf_key *k = gguf_key_at(g, i);
        if (one_of(k->name, dropped) || starts_with(k->name, "quantize.imatrix.")) continue;
        if (!anew)
            gguf_put_copy(to, k);
        else if (!one_of(k->name, rewritten))
            put_plain(to, k);
    }
    if (anew) put_rewritten(in, g, to);
}

static void put_importance(const scheme_wish *w, gguf_writer *to) {
    const char *slash = strrchr(w->importance_path, '/');
    const char *last = slash ? slash + 1 : w->importance_path;
    char name[300];
    utf8_printable(name, sizeof name, last, strlen(last));
    const buf *sets = &w->importance->datasets;
    gguf_put_string(to, "quantize.imatrix.file", name, strlen(name));
    if (sets->n) gguf_put_string(to, "quantize.imatrix.dataset", sets->data, strlen(sets->data));
    gguf_put_u32(to, "quantize.imatrix.entries_count", (uint32_t)w->importance->n);
    gguf_put_u32(to, "quantize.imatrix.chunks_count", w->importance->chunks);
}

status keys_put(const input *in, const scheme *p, const scheme_wish *w, gguf_writer *to, err *e) {
    const uint32_t file_type = recipe_file_type(scheme_most(p));
    status st = OK;
    if (in->folder) {
        char name[256];
        convert_config_name(in->path, name, sizeof name);
        convert_config_put(&in->cfg, name, file_type, in->all.draft,
                           in->layout == LAYOUT_LLAMACPP, to);
        st = convert_vocabulary(&in->cfg, in->path, to, e);
    } else {
        put_copied(in, in->m ? model_file(in->m, 0) : in->side, to);
        gguf_put_u32(to, "general.file_type", file_type);
        gguf_put_u32(to, "general.quantization_version", 2);
    }
    if (w->importance) put_importance(w, to);
    return st;
}
