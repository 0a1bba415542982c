/* input.c: what is stored, as rows; the two places of a draft block. */
#include "apps/quantizer/input.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "apps/lib/say.h"
#include "base/le.h"

/* ------------------------------------------------------------------ the list */

void input_note(input *in, const char *fmt, ...) {
    char text[900];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    buf_add(&in->notes, text, strlen(text) + 1);
}

void input_tell(const input *in) {
    roster_tell(&in->all);
    for (size_t at = 0; at < in->notes.n; at += strlen(in->notes.data + at) + 1)
        say_note("note: %s", in->notes.data + at);
}

static bool ends_with(const char *s, const char *end) {
    const size_t n = strlen(s), m = strlen(end);
    return n >= m && strcmp(s + n - m, end) == 0;
}

/* Takes the origin in under this name. */
static status add(input *in, const char *name, const origin *o, err *e) {
    if (in->n == in->cap) {
        const uint32_t cap = in->cap ? 2 * in->cap : 256;
        origin *more = realloc(in->at, cap * sizeof *more);
        if (!more) return fail(e, E_NOMEM, "out of memory");
        in->at = more;
        in->cap = cap;
    }
    origin *to = &in->at[in->n];
    *to = *o;
    to->name = strdup(name);
    if (!to->name) return fail(e, E_NOMEM, "out of memory");
    to->vector = o->ne[1] * o->ne[2] * o->ne[3] == 1;
    in->n++;
    return OK;
}

uint64_t origin_rows(const origin *o) {
    return o->ne[1] * o->ne[2] * o->ne[3];
}

/* ------------------------------------------------------------------ GGUF */

/* A tensor and the file it lies in. */
typedef struct found {
    const gguf *file;
    const gguf_tensor *t;
} found;

static found find(const input *in, const char *name) {
    if (in->side) return (found){in->side, gguf_find_tensor(in->side, name)};
    for (uint32_t i = 0; i < model_n_files(in->m); i++) {
        const gguf *g = model_file(in->m, i);
        const gguf_tensor *t = gguf_find_tensor(g, name);
        if (t) return (found){g, t};
    }
    return (found){0};
}

static status add_whole(input *in, const char *name, found f, err *e) {
    const gguf_tensor *t = f.t;
    origin o = {.n_dims = t->n_dims, .type = t->type->id, .bytes = t->bytes, .n_strips = 1};
    memcpy(o.ne, t->ne, sizeof o.ne);
    o.strips[0] = (strip){.file = f.file, .t = t, .cols = t->ne[0]};
    o.expert_ids =
        ends_with(name, ".ffn_gate_tid2eid.weight") && (o.type == Q_I32 || o.type == Q_I64);
    o.whole = !t->type->dequant && !o.expert_ids;
    if (o.expert_ids) o.type = Q_I32;
    return add(in, name, &o, e);
}

/* The left (0) or right (1) half of every row. */
static status add_half(input *in, const char *name, found f, uint32_t half, err *e) {
    const gguf_tensor *t = f.t;
    origin o = {.n_dims = t->n_dims, .type = t->type->id, .bytes = t->bytes / 2, .n_strips = 1};
    memcpy(o.ne, t->ne, sizeof o.ne);
    o.ne[0] /= 2;
    if (o.ne[0] % t->type->block_values != 0) o.type = Q_F32;
    o.strips[0] = (strip){.file = f.file, .t = t, .first = half * o.ne[0], .cols = o.ne[0]};
    return add(in, name, &o, e);
}

static status add_pair(input *in, const char *name, found a, found b, err *e) {
    const gguf_tensor *t = a.t;
    origin o = {.n_dims = t->n_dims, .bytes = t->bytes + b.t->bytes, .n_strips = 2};
    memcpy(o.ne, t->ne, sizeof o.ne);
    o.ne[0] += b.t->ne[0];
    o.type = t->type == b.t->type ? t->type->id : Q_F32;
    o.strips[0] = (strip){.file = a.file, .t = a.t, .cols = a.t->ne[0]};
    o.strips[1] = (strip){.file = b.file, .t = b.t, .cols = b.t->ne[0]};
    return add(in, name, &o, e);
}

/* Names beside the trunk, and behind it. */
static const char *const renamed[][2] = {
    {"enorm.weight", "nextn.enorm.weight"},
    {"hnorm.weight", "nextn.hnorm.weight"},
    {"e_proj.weight", "nextn.e_proj.weight"},
    {"h_proj.weight", "nextn.h_proj.weight"},
    {"norm.weight", "nextn.shared_head_norm.weight"},
};

static void rename_draft(char *out, size_t cap, const char *prefix, const char *rest, int from) {
    for (size_t i = 0; i < sizeof renamed / sizeof *renamed; i++)
        if (strcmp(rest, renamed[i][from]) == 0) rest = renamed[i][!from];
    snprintf(out, cap, "%s%s", prefix, rest);
}

static status add_behind(input *in, const char *rest, found f, err *e) {
    char name[1100], prefix[32];
    snprintf(prefix, sizeof prefix, "blk.%u.", in->n_layers);
    if (strncmp(rest, "hc_head_", 8) == 0) {
        if (strcmp(rest, "hc_head_fn.weight") == 0)
            input_note(in, "mtp.0.hc_head_* are left out: this layout has no place for them");
        return OK;
    }
    if (strcmp(rest, "h_proj.weight") == 0) return OK; /* comes with e_proj */
    if (strcmp(rest, "e_proj.weight") == 0) {
        snprintf(name, sizeof name, "%snextn.eh_proj.weight", prefix);
        return add_pair(in, name, f, find(in, "mtp.0.h_proj.weight"), e);
    }
    rename_draft(name, sizeof name, prefix, rest, 0);
    return add_whole(in, name, f, e);
}

static status add_beside(input *in, const char *rest, found f, err *e) {
    char name[1100];
    if (strcmp(rest, "nextn.embed_tokens.weight") == 0 ||
        strcmp(rest, "nextn.shared_head_head.weight") == 0) {
        input_note(in, "%.*s is left out: this layout has no place for it", (int)f.t->name.n,
                   f.t->name.p);
        return OK;
    }
    if (strcmp(rest, "nextn.eh_proj.weight") == 0) {
        const status st = add_half(in, "mtp.0.e_proj.weight", f, 0, e);
        return st == OK ? add_half(in, "mtp.0.h_proj.weight", f, 1, e) : st;
    }
    rename_draft(name, sizeof name, "mtp.0.", rest, 1);
    return add_whole(in, name, f, e);
}

/* What a block behind the trunk shares with it has to be there when it stands beside. */
static status add_shared(input *in, err *e) {
    static const char *const shared[][2] = {
        {"mtp.0.hc_head_fn.weight", "output_hc_fn.weight"},
        {"mtp.0.hc_head_base.weight", "output_hc_base.weight"},
        {"mtp.0.hc_head_scale.weight", "output_hc_scale.weight"},
        {"mtp.0.norm.weight", "output_norm.weight"},
    };
    char own[64];
    snprintf(own, sizeof own, "blk.%u.nextn.shared_head_norm.weight", in->n_layers);
    const size_t n = find(in, own).t ? 3 : 4;
    status st = OK;
    for (size_t i = 0; i < n && st == OK; i++)
        st = add_whole(in, shared[i][0], find(in, shared[i][1]), e);
    return st;
}

static status add_tensor(input *in, found f, err *e) {
    char name[1100], behind[32];
    const int n_prefix = snprintf(behind, sizeof behind, "blk.%u.", in->n_layers);
    snprintf(name, sizeof name, "%.*s", (int)f.t->name.n, f.t->name.p);
    if (in->moved && in->behind && strncmp(name, "mtp.0.", 6) == 0)
        return add_behind(in, name + 6, f, e);
    if (in->moved && !in->behind && strncmp(name, behind, (size_t)n_prefix) == 0)
        return add_beside(in, name + n_prefix, f, e);
    if (in->layout == LAYOUT_LLAMACPP && strncmp(name, behind, (size_t)n_prefix) == 0) {
        static const char h_name[] = "nextn.h_proj.weight", both[] = "nextn.eh_proj.weight";
        char other[64], joined[64]; /* a pair in two tensors, as older files have it */
        if (strcmp(name + n_prefix, h_name) == 0) return OK;
        snprintf(other, sizeof other, "%s%s", behind, h_name);
        snprintf(joined, sizeof joined, "%s%s", behind, both);
        if (strcmp(name + n_prefix, "nextn.e_proj.weight") == 0)
            return add_pair(in, joined, f, find(in, other), e);
    }
    if (in->layout == LAYOUT_LLAMACPP && strncmp(name, "mtp.", 4) == 0) {
        if (!in->left_out)
            input_note(in, "%s and its like are left out: this layout has no place for them", name);
        in->left_out = true;
        return OK;
    }
    return add_whole(in, name, f, e);
}

static status add_file(input *in, const gguf *g, err *e) {
    status st = OK;
    for (uint64_t i = 0; i < gguf_n_tensors(g) && st == OK; i++)
        st = add_tensor(in, (found){g, gguf_tensor_at(g, i)}, e);
    return st;
}

static status bind_model(input *in, err *e) {
    uint64_t blocks = 0;
    in->n_layers = model_shape(in->m)->n_layers;
    in->n_experts = model_shape(in->m)->n_experts;
    gguf_u64(gguf_find_key(model_file(in->m, 0), "deepseek4.block_count"), &blocks);
    const bool beside = find(in, "mtp.0.e_proj.weight").t != NULL;
    const bool behind = !beside && blocks > in->n_layers;
    in->draft = beside || behind;
    in->behind = in->layout == LAYOUT_KEEP ? behind : in->draft && in->layout == LAYOUT_LLAMACPP;
    in->moved = in->behind != behind;
    status st = OK;
    for (uint32_t i = 0; i < model_n_files(in->m) && st == OK; i++)
        st = add_file(in, model_file(in->m, i), e);
    if (st == OK && in->moved && !in->behind) st = add_shared(in, e);
    return st;
}

/* A file with a draft block and nothing else: it has no keys that a model needs. */
static bool is_side_file(const gguf *g) {
    return !gguf_find_key(g, "deepseek4.block_count") &&
           !gguf_find_tensor(g, "token_embd.weight") && gguf_find_tensor(g, "mtp.0.e_proj.weight");
}

static status open_gguf(input *in, err *e) {
    gguf *g;
    status st = gguf_open(&g, in->path, e);
    if (st != OK) return st;
    if (!is_side_file(g)) {
        gguf_close(g);
        st = model_open(&in->m, in->path, NULL, e);
        if (st != OK) return st;
        in->identity = model_identity(in->m);
        return bind_model(in, e);
    }
    in->side = g;
    in->draft = true;
    in->n_experts = UINT32_MAX;
    if (in->layout == LAYOUT_LLAMACPP)
        return fail(e, E_USAGE,
                    "%s: a side file with a draft block: the layout llamacpp has no such file",
                    in->path);
    return add_file(in, g, e);
}

/* ------------------------------------------------------------------ a checkpoint */

static status bind_folder(input *in, err *e) {
    status st = OK;
    for (uint32_t i = 0; i < in->all.n && st == OK; i++) {
        const roster_tensor *t = &in->all.tensors[i];
        origin o = {.n_dims = t->n_dims, .type = t->type, .ids = t->ids};
        o.ne[0] = t->ne[0], o.ne[1] = t->ne[1], o.ne[2] = t->ne[2], o.ne[3] = 1;
        o.expert_ids = t->role == ROSTER_IDS;
        o.n_strips = o.expert_ids ? 0 : t->role == ROSTER_PAIR ? 2 : 1;
        for (uint32_t k = 0; k < o.n_strips; k++)
            o.strips[k] = (strip){.parts = &t->parts[k], .cols = t->parts[k].cols};
        o.bytes = t->ids ? t->ids->bytes : 0;
        for (uint32_t x = 0; x < t->n_parts; x++) o.bytes += t->parts[x].values->bytes;
        st = add(in, t->name, &o, e);
    }
    return st;
}

/* As model_identity has it for a GGUF, with one sample a tensor: experts are 70,000 here. What the
 * configuration says shows in the keys of the output. */
static status folder_identity(input *in, const volatile sig_atomic_t *stop, err *e) {
    hasher *h = hasher_new();
    if (!h) return fail(e, E_NOMEM, "out of memory");
    for (size_t i = 0; i < hf_count(in->folder) && !*stop; i++) {
        const hf_tensor *t = hf_at(in->folder, i);
        const size_t n = t->bytes < 64 ? (size_t)t->bytes : 64;
        const uint64_t at = (t->bytes - n) / 2;
        hasher_add(h, t->name, strlen(t->name) + 1);
        hasher_add(h, &t->dtype, sizeof t->dtype);
        hasher_add(h, t->shape, sizeof t->shape);
        if (n) hasher_add(h, t->data + at, n);
        hf_drop(t, at, n);
    }
    in->identity = hasher_value(h);
    hasher_free(h);
    return *stop ? fail(e, E_CANCELLED, "stopped") : OK;
}

static status open_folder(input *in, const volatile sig_atomic_t *stop, err *e) {
    const bool behind = in->layout == LAYOUT_LLAMACPP;
    status st = convert_config_read(&in->cfg, in->path, e);
    if (st == OK) st = hf_open(&in->folder, in->path, e);
    if (st == OK)
        st = roster_build(&in->all, in->folder, &in->cfg, behind ? ROSTER_LLAMACPP : ROSTER_DS4, e);
    if (st == OK) st = roster_choose(&in->all, ROSTER_NATIVE, stop, e);
    if (st == OK) st = folder_identity(in, stop, e);
    if (st != OK) return st;
    in->n_layers = in->cfg.n_layers;
    in->n_experts = in->cfg.n_experts;
    in->draft = in->all.draft;
    in->behind = in->draft && behind;
    return bind_folder(in, e);
}

/* ------------------------------------------------------------------ both */

static hash128 with_time(hash128 id, const char *path) {
    file_stamp when;
    file_stamp_of(&when, path);
    return hash128_chain(id, &when, sizeof when);
}

static void add_times(input *in) {
    in->identity = with_time(in->identity, in->path);
    const hf_file *last = NULL;
    for (size_t i = 0; in->folder && i < hf_count(in->folder); i++) {
        const hf_file *f = hf_at(in->folder, i)->file;
        if (f != last) in->identity = with_time(in->identity, hf_file_name(f));
        last = f;
    }
}

/* For a side file, which model.h knows nothing of: all of it is small. */
static void side_identity(input *in) {
    in->identity = hash128_chain((hash128){0}, gguf_bytes(in->side), (size_t)gguf_size(in->side));
}

status input_open(input *in, const char *path, file_layout layout,
                  const volatile sig_atomic_t *stop, err *e) {
    struct stat st;
    const bool folder = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
    *in = (input){.path = path, .layout = layout};
    if (folder && layout == LAYOUT_KEEP) in->layout = LAYOUT_DS4;
    const status ok = folder ? open_folder(in, stop, e) : open_gguf(in, e);
    if (ok != OK) {
        input_close(in);
        return ok;
    }
    if (in->side) side_identity(in);
    add_times(in);
    return OK;
}

void input_close(input *in) {
    for (uint32_t i = 0; i < in->n; i++) free(in->at[i].name);
    free(in->at);
    buf_free(&in->notes);
    roster_free(&in->all);
    hf_close(in->folder);
    gguf_close(in->side);
    model_close(in->m);
    *in = (input){0};
}

/* ------------------------------------------------------------------ rows */

/* One row a time where only some columns of what is stored are wanted, or where two matrices
 * stand side by side. */
static status gguf_strip(const strip *s, uint64_t row, uint64_t n, uint64_t stride, float *out,
                         err *e) {
    const gguf_tensor *t = s->t;
    uint64_t bytes;
    if (!quant_bytes(t->type, t->ne[0], &bytes)) return fail(e, E_FORMAT, "a row of no blocks");
    if (s->cols == t->ne[0] && stride == s->cols) {
        t->type->dequant(t->data + row * bytes, out, (size_t)(n * s->cols));
        return OK;
    }
    float *all = malloc((size_t)t->ne[0] * sizeof *all);
    if (!all) return fail(e, E_NOMEM, "out of memory");
    for (uint64_t r = 0; r < n; r++) {
        t->type->dequant(t->data + (row + r) * bytes, all, (size_t)t->ne[0]);
        memcpy(out + r * stride, all + s->first, (size_t)s->cols * sizeof *all);
    }
    free(all);
    return OK;
}

static status stored_strip(const strip *s, uint64_t row, uint64_t n, uint64_t stride, float *out,
                           err *e) {
    status st = OK;
    while (n && st == OK) {
        const stored *part = &s->parts[row / s->parts[0].rows];
        const uint64_t at = row % part->rows;
        uint64_t step = part->rows - at < n ? part->rows - at : n;
        if (stride != s->cols) step = 1;
        st = stored_rows(part, at, step, out, e);
        row += step, n -= step, out += step * stride;
    }
    return st;
}

static status not_finite(const input *in, const origin *o, uint64_t row, uint64_t col, err *e) {
    char expert[40] = "";
    if (o->ne[2] > 1) snprintf(expert, sizeof expert, "expert %" PRIu64 ", ", row / o->ne[1]);
    return fail(e, E_FORMAT,
                "%s: tensor %s: %srow %" PRIu64 ", column %" PRIu64
                " is not a finite number: the file is damaged (fetch or convert it again)",
                in->path, o->name, expert, row % o->ne[1], col);
}

static status check_finite(const input *in, const origin *o, uint64_t row, uint64_t n,
                           const float *v, err *e) {
    uint32_t worst = 0;
    for (uint64_t i = 0; i < n * o->ne[0]; i++) {
        const uint32_t a = f32_bits(v[i]) & 0x7fffffffu;
        worst = a > worst ? a : worst;
    }
    if (worst < 0x7f800000u) return OK;
    uint64_t i = 0;
    while (isfinite(v[i])) i++;
    return not_finite(in, o, row + i / o->ne[0], i % o->ne[0], e);
}

status input_rows(const input *in, const origin *o, uint64_t row, uint64_t n, float *out, err *e) {
    status st = OK;
    uint64_t at = 0;
    for (uint32_t k = 0; k < o->n_strips && st == OK; k++) {
        const strip *s = &o->strips[k];
        st = s->t ? gguf_strip(s, row, n, o->ne[0], out + at, e)
                  : stored_strip(s, row, n, o->ne[0], out + at, e);
        at += s->cols;
    }
    return st == OK ? check_finite(in, o, row, n, out, e) : st;
}

/* ------------------------------------------------------------------ rows without a change */

static status copy_ids(const input *in, const origin *o, uint64_t row, uint64_t n, uint8_t *out,
                       err *e) {
    const uint8_t *from = o->ids ? o->ids->data : o->strips[0].t->data;
    const bool wide = o->ids ? o->ids->dtype == HF_I64 : o->strips[0].t->type->id == Q_I64;
    for (uint64_t i = row * o->ne[0]; i < (row + n) * o->ne[0]; i++, out += 4) {
        const uint64_t id = wide ? le64(from + 8 * i) : le32(from + 4 * i);
        if (id >= in->n_experts)
            return fail(e, E_FORMAT,
                        "%s: tensor %s: row %" PRIu64 ", column %" PRIu64
                        ": expert %" PRId64 " is not below %u",
                        in->path, o->name, i / o->ne[0], i % o->ne[0],
                        wide ? (int64_t)id : (int64_t)(int32_t)id, in->n_experts);
        put_le32(out, (uint32_t)id);
    }
    return OK;
}

/* Whole blocks of the same type: their bytes. */
static void copy_blocks(const origin *o, uint64_t row, uint64_t n, uint8_t *out) {
    for (uint64_t r = row; r < row + n; r++)
        for (uint32_t k = 0; k < o->n_strips; k++) {
            const strip *s = &o->strips[k];
            const quant_type *q = s->t->type;
            uint64_t all = 0, skip = 0, bytes = 0;
            quant_bytes(q, s->t->ne[0], &all);
            quant_bytes(q, s->first, &skip);
            quant_bytes(q, s->cols, &bytes);
            memcpy(out, s->t->data + r * all + skip, (size_t)bytes);
            out += bytes;
        }
}

static status stored_as_it_is(const origin *o, uint64_t row, uint64_t n, uint8_t *out, bool *done,
                              err *e) {
    static const quant_id same[] = {
        [STORE_F32] = Q_F32, [STORE_F16] = Q_F16, [STORE_BF16] = Q_BF16, [STORE_FP4] = Q_MXFP4};
    const stored *parts = o->strips[0].parts;
    uint64_t bytes = 0;
    *done = o->n_strips == 1 && parts[0].kind != STORE_FP8 && same[parts[0].kind] == o->type &&
            quant_bytes(quant_find(o->type), o->ne[0], &bytes);
    for (uint64_t p = 0; p < o->ne[2]; p++) *done &= parts[p].kind == parts[0].kind;
    status st = OK;
    while (*done && n && st == OK) {
        const stored *part = &parts[row / parts[0].rows];
        const uint64_t at = row % part->rows, left = part->rows - at, step = left < n ? left : n;
        const uint8_t *raw;
        if (part->kind == STORE_FP4) {
            st = stored_mxfp4(part, at, step, out, e);
        } else {
            st = stored_raw(part, at, step, &raw, e);
            if (st == OK) memcpy(out, raw, (size_t)(step * bytes));
        }
        row += step, n -= step, out += step * bytes;
    }
    return st;
}

status input_blocks(const input *in, const origin *o, uint64_t row, uint64_t n, float *scratch,
                    uint8_t *out, err *e) {
    bool done = false;
    if (o->expert_ids) return copy_ids(in, o, row, n, out, e);
    status st = o->strips[0].t ? OK : stored_as_it_is(o, row, n, out, &done, e);
    if (st != OK || done) return st;
    if (!o->whole) st = input_rows(in, o, row, n, scratch, e);
    if (st != OK) return st;
    if (o->strips[0].t && o->strips[0].t->type->id == o->type) {
        copy_blocks(o, row, n, out);
        return OK;
    }
    const size_t values = (size_t)(n * o->ne[0]);
    if (o->type == Q_BF16)
        quantize_bf16(scratch, out, values);
    else if (o->type == Q_F16)
        quantize_f16(scratch, out, values);
    else
        for (size_t i = 0; i < values; i++) put_le32(out + 4 * i, f32_bits(scratch[i]));
    return OK;
}

void input_drop(const origin *o, uint64_t row, uint64_t n) {
    if (o->ids) hf_drop(o->ids, 0, o->ids->bytes);
    for (uint32_t k = 0; k < o->n_strips; k++) {
        const strip *s = &o->strips[k];
        uint64_t bytes;
        if (s->t && quant_bytes(s->t->type, s->t->ne[0], &bytes)) {
            const file_map map = {gguf_bytes(s->file), gguf_size(s->file)};
            map_drop(&map, s->t->offset + row * bytes, n * bytes);
        }
        for (uint64_t r = row, left = n; s->parts && left;) {
            const stored *part = &s->parts[r / s->parts[0].rows];
            const uint64_t at = r % part->rows;
            const uint64_t step = part->rows - at < left ? part->rows - at : left;
            stored_drop(part, at, step);
            r += step, left -= step;
        }
    }
}
