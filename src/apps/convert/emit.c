/* emit.c: rows in, blocks out. */
#include "apps/convert/emit.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/le.h"

/* Scratch for so many values and bytes; it only grows. */
static status reserve(emitter *em, uint64_t values, uint64_t bytes, err *e) {
    if (values > em->values_cap) {
        free(em->values);
        em->values = malloc((size_t)values * sizeof *em->values);
        em->values_cap = em->values ? (size_t)values : 0;
    }
    if (bytes > em->blocks_cap) {
        free(em->blocks);
        em->blocks = malloc((size_t)bytes);
        em->blocks_cap = em->blocks ? (size_t)bytes : 0;
    }
    if (em->values_cap < values || em->blocks_cap < bytes) return fail(e, E_NOMEM, "out of memory");
    return OK;
}

static status put(emitter *em, const void *p, uint64_t n, err *e) {
    if (*em->stop) return fail(e, E_CANCELLED, "stopped");
    const status st = gguf_data(em->to, p, (size_t)n, e);
    em->written += n;
    progress_to(em->bar, em->written);
    return st;
}

static bool same_form(storage kind, quant_id type) {
    return (kind == STORE_F32 && type == Q_F32) || (kind == STORE_F16 && type == Q_F16) ||
           (kind == STORE_BF16 && type == Q_BF16);
}

/* n rows as float32 into blocks of the type. */
static void encode(const float *v, quant_id type, uint64_t n, uint8_t *out) {
    switch (type) {
    case Q_F16:
        quantize_f16(v, out, (size_t)n);
        break;
    case Q_BF16:
        quantize_bf16(v, out, (size_t)n);
        break;
    case Q_Q8_0:
        quantize_q8_0(v, out, (size_t)n);
        break;
    default: /* Q_F32 */
        for (uint64_t i = 0; i < n; i++) put_le32(out + 4 * i, f32_bits(v[i]));
    }
}

static status emit_rows(emitter *em, const stored *s, uint64_t row, uint64_t n, quant_id type,
                        uint64_t bytes, err *e) {
    status st;
    const uint8_t *raw;
    if (same_form(s->kind, type)) {
        st = stored_raw(s, row, n, &raw, e);
        if (st == OK) st = put(em, raw, bytes, e);
        return st;
    }
    const bool repack = type == Q_MXFP4;
    st = reserve(em, repack ? 0 : n * s->cols, bytes, e);
    if (st == OK && repack) st = stored_mxfp4(s, row, n, em->blocks, e);
    if (st == OK && !repack) st = stored_rows(s, row, n, em->values, e);
    if (st == OK && !repack) encode(em->values, type, n * s->cols, em->blocks);
    if (st == OK) st = put(em, em->blocks, bytes, e);
    return st;
}

/* Bytes of a row of a part. */
static status part_row(const stored *s, quant_id type, uint64_t *bytes, err *e) {
    if (quant_bytes(quant_find(type), s->cols, bytes)) return OK;
    return fail(e, E_UNSUPPORTED, "%s: rows of %" PRIu64 " values are no whole blocks of %s",
                s->values->name, s->cols, quant_find(type)->name);
}

static status emit_part(emitter *em, const stored *s, quant_id type, err *e) {
    uint64_t row_bytes;
    status st = part_row(s, type, &row_bytes, e);
    const uint64_t step = EMIT_BYTES / (4 * s->cols) + 1;
    for (uint64_t row = 0; row < s->rows && st == OK; row += step) {
        const uint64_t n = s->rows - row < step ? s->rows - row : step;
        st = emit_rows(em, s, row, n, type, n * row_bytes, e);
        stored_drop(s, row, n);
    }
    return st;
}

/* A row of the first, a row of the second, and so on. */
static status emit_pair(emitter *em, const stored *s, quant_id type, err *e) {
    uint64_t bytes[2];
    status st = part_row(&s[0], type, &bytes[0], e);
    if (st == OK) st = part_row(&s[1], type, &bytes[1], e);
    for (uint64_t row = 0; row < s->rows && st == OK; row++)
        for (size_t k = 0; k < 2 && st == OK; k++)
            st = emit_rows(em, &s[k], row, 1, type, bytes[k], e);
    for (size_t k = 0; k < 2; k++) stored_drop(&s[k], 0, s[k].rows);
    return st;
}

/* Expert numbers: I64 in the checkpoint as a rule, I32 here. */
static status emit_ids(emitter *em, const roster *all, const roster_tensor *t, err *e) {
    const hf_tensor *h = t->ids;
    const uint64_t total = t->ne[0] * t->ne[1], step = EMIT_BYTES / 4;
    const uint32_t size = hf_dtype_bytes(h->dtype);
    status st = reserve(em, 0, 4 * (total < step ? total : step), e);
    for (uint64_t at = 0; at < total && st == OK; at += step) {
        const uint64_t n = total - at < step ? total - at : step;
        for (uint64_t i = 0; i < n; i++) {
            const uint8_t *v = h->data + size * (at + i);
            const uint64_t id = size == 8 ? le64(v) : le32(v);
            if (id >= all->n_experts)
                return fail(e, E_FORMAT,
                            "%s: tensor %s: token %" PRIu64 ": expert %" PRId64 " is not below %u",
                            hf_file_name(h->file), h->name, (at + i) / t->ne[0],
                            size == 8 ? (int64_t)id : (int64_t)(int32_t)id, all->n_experts);
            put_le32(em->blocks + 4 * i, (uint32_t)id);
        }
        st = put(em, em->blocks, 4 * n, e);
    }
    hf_drop(h, 0, h->bytes);
    return st;
}

status emit_tensor(emitter *em, const roster *all, const roster_tensor *t, err *e) {
    if (t->role == ROSTER_IDS) return emit_ids(em, all, t, e);
    if (t->role == ROSTER_PAIR) return emit_pair(em, t->parts, t->type, e);
    status st = OK;
    for (uint32_t x = 0; x < t->n_parts && st == OK; x++)
        st = emit_part(em, &t->parts[x], t->type, e);
    return st;
}

void emit_free(emitter *em) {
    free(em->values);
    free(em->blocks);
    em->values = NULL;
    em->blocks = NULL;
    em->values_cap = em->blocks_cap = 0;
}
