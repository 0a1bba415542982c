/* stored.c: four ways to store a matrix, one way to read it. */
#include "apps/convert/stored.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/le.h"

/* ------------------------------------------------------------------ binding */

static void shape_text(char *out, size_t cap, uint32_t rank, const uint64_t *shape) {
    size_t used = (size_t)snprintf(out, cap, "[");
    for (uint32_t i = 0; i < rank && used < cap; i++)
        used += (size_t)snprintf(out + used, cap - used, "%s%" PRIu64, i ? ", " : "", shape[i]);
    if (used < cap) snprintf(out + used, cap - used, "]");
}

static status expect_shape(const hf_tensor *t, uint32_t rank, const uint64_t *want, err *e) {
    bool same = t->rank == rank;
    for (uint32_t i = 0; i < rank; i++) same &= t->shape[i] == want[i];
    if (same || (rank == 1 && want[0] == 1 && t->rank == 0)) return OK;
    char found[220], expected[220];
    shape_text(found, sizeof found, t->rank, t->shape);
    shape_text(expected, sizeof expected, rank, want);
    return fail(e, E_FORMAT, "%s: tensor %s: shape %s, config.json asks for %s",
                hf_file_name(t->file), t->name, found, expected);
}

static status bind_scales(stored *s, const hf_checkpoint *c, const char *name, uint64_t rows,
                          uint64_t cols, err *e) {
    char scale[160];
    const size_t n = strlen(name), cut = sizeof ".weight" - 1;
    const bool ends = n > cut && strcmp(name + n - cut, ".weight") == 0;
    if (!ends || n - cut + sizeof ".scale" > sizeof scale)
        return fail(e, E_UNSUPPORTED, "%s: tensor %s: dtype %s is for matrices named .weight only",
                    hf_file_name(s->values->file), name, hf_dtype_name(s->values->dtype));
    snprintf(scale, sizeof scale, "%.*s.scale", (int)(n - cut), name);
    s->scales = hf_find(c, scale);
    if (!s->scales)
        return fail(e, E_FORMAT, "%s: tensor %s is %s, but its scales %s are missing",
                    hf_file_name(s->values->file), name, hf_dtype_name(s->values->dtype), scale);
    if (s->scales->dtype != HF_F8_E8M0)
        return fail(e, E_UNSUPPORTED, "%s: tensor %s: dtype %s, expected F8_E8M0",
                    hf_file_name(s->scales->file), scale, hf_dtype_name(s->scales->dtype));
    return expect_shape(s->scales, 2, (uint64_t[]){rows, cols}, e);
}

status stored_bind(stored *s, const hf_checkpoint *c, const char *name, uint32_t rank,
                   uint64_t rows, uint64_t cols, const uint32_t tile[2], err *e) {
    const hf_tensor *t = hf_find(c, name);
    if (!t) return fail(e, E_FORMAT, "%s: tensor %s is missing", hf_folder(c), name);
    *s = (stored){
        .values = t, .rows = rows, .cols = cols, .tile_rows = tile[0], .tile_cols = tile[1]};
    uint64_t shape[2] = {rows, cols};
    const uint64_t *want = rank == 1 ? shape + 1 : shape;
    status st = OK;
    switch (t->dtype) {
    case HF_F32:
        s->kind = STORE_F32;
        break;
    case HF_F16:
        s->kind = STORE_F16;
        break;
    case HF_BF16:
        s->kind = STORE_BF16;
        break;
    case HF_F8_E4M3:
        s->kind = STORE_FP8;
        st = bind_scales(s, c, name, (rows + tile[0] - 1) / tile[0], (cols + tile[1] - 1) / tile[1],
                         e);
        break;
    case HF_I8:
        s->kind = STORE_FP4;
        if (cols % 32 != 0)
            return fail(e, E_UNSUPPORTED,
                        "%s: tensor %s: FP4 in rows of %" PRIu64
                        " values, which are no whole blocks of 32",
                        hf_file_name(t->file), name, cols);
        shape[1] = cols / 2;
        st = bind_scales(s, c, name, rows, cols / 32, e);
        break;
    default:
        return fail(e, E_UNSUPPORTED,
                    "%s: tensor %s: dtype %s, expected BF16, F16, F32, F8_E4M3 or I8 (FP4)",
                    hf_file_name(t->file), name, hf_dtype_name(t->dtype));
    }
    if (st == OK && rank == 1 && s->scales)
        return fail(e, E_UNSUPPORTED, "%s: tensor %s: dtype %s, expected BF16, F16 or F32",
                    hf_file_name(t->file), name, hf_dtype_name(t->dtype));
    return st == OK ? expect_shape(t, rank, want, e) : st;
}

/* ------------------------------------------------------------------ rows */

static uint64_t row_bytes(const stored *s) {
    switch (s->kind) {
    case STORE_F32:
        return 4 * s->cols;
    case STORE_F16:
    case STORE_BF16:
        return 2 * s->cols;
    case STORE_FP8:
        return s->cols;
    case STORE_FP4:
        return s->cols / 2;
    }
    return 0;
}

static const uint8_t *row_at(const stored *s, uint64_t row) {
    return s->values->data + row * row_bytes(s);
}

/* The scales of a row: one for 32 columns (FP4), one for a tile (FP8). */
static const uint8_t *scales_at(const stored *s, uint64_t row) {
    if (s->kind == STORE_FP4) return s->scales->data + row * (s->cols / 32);
    return s->scales->data + row / s->tile_rows * ((s->cols + s->tile_cols - 1) / s->tile_cols);
}

void stored_drop(const stored *s, uint64_t row, uint64_t n) {
    const bool end = row + n == s->rows;
    if (end)
        row = 0, n = s->rows; /* pages that borders of pieces left behind go with the last one */
    hf_drop(s->values, row * row_bytes(s), n * row_bytes(s));
    if (s->kind == STORE_FP4) hf_drop(s->scales, row * (s->cols / 32), n * (s->cols / 32));
    if (s->kind == STORE_FP8 && end) hf_drop(s->scales, 0, s->scales->bytes);
}

static status not_finite(const stored *s, uint64_t row, uint64_t col, err *e) {
    return fail(e, E_FORMAT,
                "%s: tensor %s: row %" PRIu64 ", column %" PRIu64
                " is not a finite number: the file is damaged (download it again)",
                hf_file_name(s->values->file), s->values->name, row, col);
}

/* The largest magnitude, as bits: they order like the numbers do, NaN above all. */
static uint32_t worst_f32(const float *v, uint64_t n) {
    uint32_t worst = 0;
    for (uint64_t i = 0; i < n; i++) {
        const uint32_t a = f32_bits(v[i]) & 0x7fffffffu;
        worst = a > worst ? a : worst;
    }
    return worst;
}

static status check_rows(const stored *s, uint64_t row, uint64_t n, const float *v, err *e) {
    if (worst_f32(v, n * s->cols) < 0x7f800000u) return OK;
    uint64_t i = 0;
    while (isfinite(v[i])) i++;
    return not_finite(s, row + i / s->cols, i % s->cols, e);
}

static void fp8_row(const stored *s, uint64_t row, const float codes[256], float *out) {
    const uint8_t *p = row_at(s, row), *scale = scales_at(s, row);
    for (uint64_t c = 0; c < s->cols; scale++) {
        const float f = e8m0_to_f32(*scale);
        const uint64_t end = s->cols - c < s->tile_cols ? s->cols : c + s->tile_cols;
        for (; c < end; c++) out[c] = codes[p[c]] * f;
    }
}

static void fp4_block(const uint8_t *p, uint8_t scale, float *out) {
    const float f = e8m0_to_f32(scale);
    for (int j = 0; j < 16; j++) {
        out[2 * j] = e2m1_values[p[j] & 15] * f;
        out[2 * j + 1] = e2m1_values[p[j] >> 4] * f;
    }
}

status stored_rows(const stored *s, uint64_t row, uint64_t n, float *out, err *e) {
    static const quant_id ids[] = {[STORE_F32] = Q_F32, [STORE_F16] = Q_F16, [STORE_BF16] = Q_BF16};
    float codes[256];
    switch (s->kind) {
    case STORE_F32:
    case STORE_F16:
    case STORE_BF16:
        quant_find(ids[s->kind])->dequant(row_at(s, row), out, (size_t)(n * s->cols));
        break;
    case STORE_FP8:
        for (int i = 0; i < 256; i++) codes[i] = e4m3_to_f32((uint8_t)i);
        for (uint64_t r = 0; r < n; r++) fp8_row(s, row + r, codes, out + r * s->cols);
        break;
    case STORE_FP4:
        for (uint64_t r = 0; r < n; r++)
            for (uint64_t b = 0; b < s->cols / 32; b++)
                fp4_block(row_at(s, row + r) + 16 * b, scales_at(s, row + r)[b],
                          out + r * s->cols + 32 * b);
        break;
    }
    return check_rows(s, row, n, out, e);
}

/* ------------------------------------------------------------------ rows without a change */

/* Magnitude of value i, as the bits of a float32: NaN and infinity are above all others. */
static uint32_t plain_bits(const stored *s, const uint8_t *p, uint64_t i) {
    if (s->kind == STORE_F32) return le32(p + 4 * i) & 0x7fffffffu;
    const uint32_t a = le16(p + 2 * i) & 0x7fffu;
    return s->kind == STORE_BF16 ? a << 16 : f32_bits(f16_to_f32((uint16_t)a));
}

/* The largest of n values, without a branch in the loops. */
static uint32_t plain_worst(const stored *s, const uint8_t *p, uint64_t n) {
    uint32_t worst = 0;
    if (s->kind == STORE_F32) {
        for (uint64_t i = 0; i < n; i++) {
            const uint32_t a = le32(p + 4 * i) & 0x7fffffffu;
            worst = a > worst ? a : worst;
        }
        return worst;
    }
    for (uint64_t i = 0; i < n; i++) {
        const uint32_t a = le16(p + 2 * i) & 0x7fffu;
        worst = a > worst ? a : worst;
    }
    return s->kind == STORE_BF16 ? worst << 16 : f32_bits(f16_to_f32((uint16_t)worst));
}

static status check_plain(const stored *s, uint64_t row, uint64_t n, uint32_t *worst, err *e) {
    const uint8_t *p = row_at(s, row);
    *worst = plain_worst(s, p, n * s->cols);
    if (*worst < 0x7f800000u) return OK;
    uint64_t i = 0;
    while (plain_bits(s, p, i) < 0x7f800000u) i++;
    return not_finite(s, row + i / s->cols, i % s->cols, e);
}

status stored_raw(const stored *s, uint64_t row, uint64_t n, const uint8_t **out, err *e) {
    uint32_t worst;
    const status st = check_plain(s, row, n, &worst, e);
    if (st == OK) *out = row_at(s, row);
    return st;
}

/* From pairs of neighbours (2j, 2j+1) to pairs (j, j+16). */
static void regroup(const uint8_t in[16], uint8_t out[16]) {
    for (int k = 0; k < 8; k++) {
        out[2 * k] = (uint8_t)((in[k] & 15) | in[8 + k] << 4);
        out[2 * k + 1] = (uint8_t)(in[k] >> 4 | (in[8 + k] & 0xf0));
    }
}

/* Scales up to this one keep the largest code, 6, below 2^128. */
#define FP4_SAFE_SCALE 252

status stored_mxfp4(const stored *s, uint64_t row, uint64_t n, uint8_t *out, err *e) {
    for (uint64_t r = row; r < row + n; r++) {
        const uint8_t *p = row_at(s, r), *scale = scales_at(s, r);
        for (uint64_t b = 0; b < s->cols / 32; b++, p += 16, out += 17) {
            if (scale[b] > FP4_SAFE_SCALE) {
                float v[32];
                fp4_block(p, scale[b], v);
                for (uint64_t j = 0; j < 32; j++)
                    if (!isfinite(v[j])) return not_finite(s, r, 32 * b + j, e);
            }
            out[0] = scale[b];
            regroup(p, out + 1);
        }
    }
    return OK;
}

/* ------------------------------------------------------------------ surveys */

#define SURVEY_BYTES (16u << 20)

static status survey_plain(const stored *s, double limit, stored_facts *out, err *e) {
    const uint64_t step = SURVEY_BYTES / row_bytes(s) + 1;
    uint32_t worst, most = 0;
    for (uint64_t row = 0; row < s->rows; row += step) {
        const uint64_t n = s->rows - row < step ? s->rows - row : step;
        const status st = check_plain(s, row, n, &worst, e);
        if (st != OK) return st;
        most = worst > most ? worst : most;
        stored_drop(s, row, n);
    }
    *out = (stored_facts){.within = bits_f32(most) <= limit, .fits_bf16 = s->kind == STORE_BF16};
    return OK;
}

/* A float32 with an empty lower half is a BF16. */
static bool is_bf16(float v) {
    return (f32_bits(v) & 0xffffu) == 0;
}

/* The largest scale that keeps codes up to `top` within the limit, -1 if none does. */
static int largest_scale(double top, double limit) {
    int e = 254;
    while (e >= 0 && ldexp(top, e - 127) > limit) e--;
    return e;
}

/* The codes of one tile whose scale alone does not tell. What is wrong with each is looked up. */
static status survey_tile(const stored *s, uint64_t row, uint64_t col, uint8_t scale, double limit,
                          stored_facts *out, err *e) {
    enum { BEYOND = 1, NOT_BF16 = 2, NOT_FINITE = 4 };
    const uint64_t row_end = s->rows - row < s->tile_rows ? s->rows : row + s->tile_rows;
    const uint64_t col_end = s->cols - col < s->tile_cols ? s->cols : col + s->tile_cols;
    uint8_t wrong[256] = {0}, seen = 0;
    for (int i = 0; i < 256; i++) {
        const float v = e4m3_to_f32((uint8_t)i) * e8m0_to_f32(scale);
        if (!(fabs((double)v) <= limit)) wrong[i] |= BEYOND;
        if (!is_bf16(v)) wrong[i] |= NOT_BF16;
        if (!isfinite(v)) wrong[i] |= NOT_FINITE;
    }
    for (uint64_t r = row; r < row_end; r++) {
        const uint8_t *p = row_at(s, r);
        for (uint64_t c = col; c < col_end; c++) seen |= wrong[p[c]];
        for (uint64_t c = col; c < col_end && (seen & NOT_FINITE); c++)
            if (wrong[p[c]] & NOT_FINITE) return not_finite(s, r, c, e);
    }
    out->within &= !(seen & BEYOND);
    out->fits_bf16 &= !(seen & NOT_BF16);
    return OK;
}

/* E4M3 codes reach from 2^-9 to 448 < 2^9 in four bits: with scales from 3 to 246 all of them are
 * BF16 numbers (from 2^-133 up to 2^128). Only tiles with other scales are read. */
static status survey_fp8(const stored *s, double limit, stored_facts *out, err *e) {
    const int most = largest_scale(448, limit < FLT_MAX ? limit : FLT_MAX);
    *out = (stored_facts){true, true};
    for (uint64_t row = 0; row < s->rows; row += s->tile_rows) {
        const uint8_t *scale = scales_at(s, row);
        bool looked = false;
        for (uint64_t col = 0; col < s->cols; col += s->tile_cols, scale++) {
            if (*scale == 255) return not_finite(s, row, col, e);
            if (*scale >= 3 && *scale <= 246 && *scale <= most) continue;
            const status st = survey_tile(s, row, col, *scale, limit, out, e);
            if (st != OK) return st;
            looked = true;
        }
        const uint64_t rows = s->rows - row < s->tile_rows ? s->rows - row : s->tile_rows;
        if (looked || row + rows == s->rows) stored_drop(s, row, rows);
    }
    return OK;
}

/* E2M1 codes have two bits: any scale makes BF16 numbers of them. */
static status survey_fp4(const stored *s, double limit, stored_facts *out, err *e) {
    const int most = largest_scale(6, limit < FLT_MAX ? limit : FLT_MAX);
    *out = (stored_facts){true, true};
    for (uint64_t row = 0; row < s->rows; row++) {
        const uint8_t *p = row_at(s, row), *scale = scales_at(s, row);
        for (uint64_t b = 0; b < s->cols / 32; b++) {
            if (scale[b] <= most) continue;
            float v[32];
            fp4_block(p + 16 * b, scale[b], v);
            for (uint64_t j = 0; j < 32; j++) {
                if (!isfinite(v[j])) return not_finite(s, row, 32 * b + j, e);
                out->within &= fabs((double)v[j]) <= limit;
            }
        }
    }
    stored_drop(s, 0, s->rows);
    return OK;
}

status stored_survey(const stored *s, double limit, stored_facts *out, err *e) {
    switch (s->kind) {
    case STORE_FP8:
        return survey_fp8(s, limit, out, e);
    case STORE_FP4:
        return survey_fp4(s, limit, out, e);
    default:
        return survey_plain(s, limit, out, e);
    }
}
