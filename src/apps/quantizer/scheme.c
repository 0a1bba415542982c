/* scheme.c: types first, then what the values need, then the importance of columns. */
#include "apps/quantizer/scheme.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/le.h"
#include "base/utf8.h"

#define LOOK_VALUES (1u << 20)
enum { MOST_LINES = 400 };

/* ------------------------------------------------------------------ classes */

/* Tensors of one name in all layers, of one type before and one after. */
typedef struct line {
    char name[80];
    quant_id from, to;
    uint32_t n, weighted;
    uint64_t bytes, cols;
} line;

/* blk.7.attn_kv.weight is one of blk.*.attn_kv.weight. */
static void class_name(char *out, size_t cap, const char *name) {
    size_t digits = 0;
    if (strncmp(name, "blk.", 4) == 0) digits = strspn(name + 4, "0123456789");
    char raw[80];
    if (digits)
        snprintf(raw, sizeof raw, "blk.*%s", name + 4 + digits);
    else
        snprintf(raw, sizeof raw, "%s", name);
    utf8_printable(out, cap, raw, strlen(raw));
}

/* The line that counts tensors like this one. */
static line *line_of(line *lines, uint32_t *n, const char *name, quant_id from, quant_id to) {
    line l = {.from = from, .to = to};
    class_name(l.name, sizeof l.name, name);
    for (uint32_t k = 0; k < *n; k++)
        if (strcmp(lines[k].name, l.name) == 0 && lines[k].from == from && lines[k].to == to)
            return &lines[k];
    if (*n == MOST_LINES) return &lines[MOST_LINES - 1]; /* a file of countless odd names */
    lines[*n] = l;
    return &lines[(*n)++];
}

/* ------------------------------------------------------------------ types */

static const recipe_rule *last_match(const scheme_wish *w, bool *used, const char *name) {
    const recipe_rule *found = NULL;
    for (size_t i = 0; i < w->n_rules; i++)
        if (recipe_rule_matches(&w->rules[i], name)) found = &w->rules[i], used[i] = true;
    return found;
}

static status choose(planned *t, input *in, const scheme_wish *w, bool *used, err *e) {
    const origin *o = t->from;
    const recipe_place p = recipe_place_of(o->name, o->vector, in->n_layers);
    const recipe_rule *rule = last_match(w, used, o->name);
    quant_id wanted = recipe_type(w->recipe, &p, in->n_layers, o->type);
    if (rule && p.part != PART_VECTOR && p.part != PART_IDS) wanted = rule->type;
    if (o->whole || o->expert_ids) wanted = o->type;
    t->type = recipe_fit(wanted, o->ne[0]);
    t->wanted = wanted;
    if (t->type != o->type && !recipe_can_write(t->type))
        return fail(e, E_UNSUPPORTED, "%s: tensor %s: %s cannot be written by this version: give "
                                      "another type with --tensor '%s=TYPE'",
                    in->path, o->name, quant_find(t->type)->name, o->name);
    return OK;
}

/* A remark for all layers alike. */
static status tell_unfit(const scheme *p, input *in, err *e) {
    line *lines = calloc(MOST_LINES, sizeof *lines);
    uint32_t n = 0;
    if (!lines) return fail(e, E_NOMEM, "out of memory");
    for (uint32_t i = 0; i < p->n; i++) {
        const planned *t = &p->at[i];
        if (recipe_fit(t->wanted, t->from->ne[0]) == t->wanted) continue;
        line *l = line_of(lines, &n, t->from->name, t->wanted, t->type);
        l->n++;
        l->cols = t->from->ne[0];
    }
    for (uint32_t k = 0; k < n; k++)
        input_note(in, "%s: rows of %" PRIu64 " values are no whole blocks of %s: %u tensors become "
                       "%s instead",
                   lines[k].name, lines[k].cols, quant_find(lines[k].from)->name, lines[k].n,
                   quant_find(lines[k].to)->name);
    free(lines);
    return OK;
}

/* Files have F16 where nothing is lost by it; a value beyond its range would be. */
static status widen(planned *t, input *in, float *room, const volatile sig_atomic_t *stop, err *e) {
    const origin *o = t->from;
    if (t->type != Q_F16 || o->type == Q_F16) return OK;
    const uint64_t rows = origin_rows(o), step = LOOK_VALUES / o->ne[0] + 1;
    uint32_t worst = 0;
    for (uint64_t row = 0; row < rows; row += step) {
        const uint64_t n = rows - row < step ? rows - row : step;
        if (*stop) return fail(e, E_CANCELLED, "stopped");
        const status st = input_rows(in, o, row, n, room, e);
        if (st != OK) return st;
        for (uint64_t i = 0; i < n * o->ne[0]; i++) {
            const uint32_t a = f32_bits(room[i]) & 0x7fffffffu;
            worst = a > worst ? a : worst;
        }
        input_drop(o, row, n);
    }
    if (bits_f32(worst) < 65520) return OK; /* from there on it rounds to infinity */
    t->type = o->type == Q_BF16 ? Q_BF16 : Q_F32;
    input_note(in, "%s has values beyond the range of F16: it becomes %s", o->name,
               quant_find(t->type)->name);
    return OK;
}

static status widen_all(scheme *p, input *in, const volatile sig_atomic_t *stop, err *e) {
    uint64_t most = 1;
    for (uint32_t i = 0; i < p->n; i++)
        if (p->at[i].type == Q_F16 && p->at[i].from->ne[0] > most) most = p->at[i].from->ne[0];
    float *room = malloc(((size_t)most + LOOK_VALUES) * sizeof *room);
    if (!room) return fail(e, E_NOMEM, "out of memory");
    progress bar;
    progress_start(&bar, stderr, "looking", p->n, PROGRESS_STEPS);
    status st = OK;
    for (uint32_t i = 0; i < p->n && st == OK; i++) {
        st = widen(&p->at[i], in, room, stop, e);
        progress_to(&bar, i + 1);
    }
    progress_hide(&bar);
    free(room);
    return st;
}

static status measure(scheme *p, const input *in, err *e) {
    for (uint32_t i = 0; i < p->n; i++) {
        planned *t = &p->at[i];
        const origin *o = t->from;
        if (!quant_bytes(quant_find(t->type), o->ne[0], &t->row_bytes))
            return fail(e, E_UNSUPPORTED, "%s: tensor %s: rows of %" PRIu64 " values as %s",
                        in->path, o->name, o->ne[0], quant_find(t->type)->name);
        t->bytes = t->row_bytes * origin_rows(o); /* at most four times what a file holds */
        p->data_bytes += t->bytes;
        p->read_bytes += o->bytes;
    }
    return OK;
}

/* Types whose choice of codes asks for importance. */
static bool weighs(quant_id type) {
    return type != Q_F32 && type != Q_F16 && type != Q_BF16 && quant_find(type)->dequant;
}

static void tell_rounded(const scheme *p, input *in, recipe_id r) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < p->n && r == RECIPE_MXFP4; i++)
        n += p->at[i].type == Q_MXFP4 && p->at[i].from->type != Q_MXFP4;
    if (n)
        input_note(in, "%u tensors are not stored in FP4: mxfp4 rounds them here, it loses nothing "
                       "from a checkpoint in FP4 only",
                   n);
    n = 0;
    for (uint32_t i = 0; i < p->n; i++) {
        const planned *t = &p->at[i];
        n += t->type != t->from->type && weighs(t->type) && weighs(t->from->type) &&
             t->from->type != Q_MXFP4;
    }
    if (n)
        input_note(in, "%u tensors were quantised before and lose a second time: the checkpoint "
                       "itself gives a better file",
                   n);
}

/* ------------------------------------------------------------------ importance */

static status check_fit(const imatrix_entry *x, const planned *t, uint64_t planes,
                        const scheme_wish *w, err *e) {
    if (imatrix_fits(x, t->from->ne[0], planes)) return OK;
    return fail(e, E_FORMAT,
                "%s: entry %s has %" PRIu64 " x %" PRIu64 " columns, the tensor %" PRIu64
                " x %" PRIu64 ": was it made with another model?",
                w->importance_path, x->name, x->n_mats, x->n_cols, planes, t->from->ne[0]);
}

/* NAME.expert.X or NAME.expert_X, as some write them. */
static status find_experts(planned *t, const char *name, const scheme_wish *w, bool *any, err *e) {
    const uint64_t planes = t->from->ne[2];
    char one[1200];
    *any = false;
    for (uint64_t x = 0; x < planes; x++) {
        const imatrix_entry *found = NULL;
        for (int k = 0; k < 2 && !found; k++) {
            snprintf(one, sizeof one, "%s.expert%c%" PRIu64, name, "._"[k], x);
            found = imatrix_find(w->importance, one);
        }
        if (!found && x == 0) return OK; /* none, as a rule */
        if (!found) continue;
        if (!t->by_expert) t->by_expert = calloc((size_t)planes, sizeof *t->by_expert);
        if (!t->by_expert) return fail(e, E_NOMEM, "out of memory");
        const status st = check_fit(found, t, 1, w, e);
        if (st != OK) return st;
        t->by_expert[x] = found;
        *any = true;
    }
    return OK;
}

/* The draft block has two names, and a file of activations may know the other. */
static void other_name(char *out, size_t cap, const char *name, uint32_t n_layers) {
    char behind[32];
    const int n = snprintf(behind, sizeof behind, "blk.%u.", n_layers);
    out[0] = 0;
    if (strncmp(name, "mtp.0.", 6) == 0)
        snprintf(out, cap, "%s%s", behind, name + 6);
    else if (strncmp(name, behind, (size_t)n) == 0)
        snprintf(out, cap, "mtp.0.%s", name + n);
}

/* The rows of attn_output_a belong to groups of heads, each with activations of its own. llama.cpp
 * keeps these apart and writes their columns one group behind the other. */
static uint64_t groups_of(const imatrix_entry *x, const origin *o) {
    static const char tail[] = "attn_output_a.weight";
    const size_t n = strlen(o->name), n_tail = sizeof tail - 1;
    const uint64_t all = x->n_cols * x->n_mats, groups = all / o->ne[0];
    const bool whole = groups > 0 && all % o->ne[0] == 0 && o->ne[1] % groups == 0;
    return whole && o->ne[2] == 1 && n >= n_tail && strcmp(o->name + n - n_tail, tail) == 0
               ? groups
               : 1;
}

static status find_importance(planned *t, const input *in, const scheme_wish *w, err *e) {
    char other[1200];
    other_name(other, sizeof other, t->from->name, in->n_layers);
    const char *const names[] = {t->from->name, other};
    for (int k = 0; k < 2 && names[k][0]; k++) {
        bool any;
        t->importance = imatrix_find(w->importance, names[k]);
        if (t->importance) {
            const uint64_t groups = groups_of(t->importance, t->from);
            t->run_rows = t->from->ne[1] / groups;
            return check_fit(t->importance, t, t->from->ne[2] * groups, w, e);
        }
        const status st = find_experts(t, names[k], w, &any, e);
        if (st != OK || any) return st;
    }
    return OK;
}

/* Experts that no row met count all columns alike; who reads the log should know how many. */
static void tell_unmet(const scheme *p, input *in) {
    uint64_t unmet = 0;
    const char *first = NULL;
    for (uint32_t i = 0; i < p->n; i++) {
        const planned *t = &p->at[i];
        for (uint64_t x = 0; t->importance && x < t->importance->n_mats; x++)
            if (!(t->importance->counts[x] > 0)) {
                if (!first) first = t->from->name;
                unmet++;
            }
        for (uint64_t x = 0; t->by_expert && x < t->from->ne[2]; x++)
            if (!t->by_expert[x]) {
                if (!first) first = t->from->name;
                unmet++;
            }
    }
    if (unmet)
        input_note(in, "%" PRIu64 " matrices were met by no text of the importance matrix (the first "
                       "in %s): all their columns count alike",
                   unmet, first);
}

static status weigh(scheme *p, input *in, const scheme_wish *w, err *e) {
    uint32_t known = 0, unknown = 0;
    status st = OK;
    for (uint32_t i = 0; i < p->n && st == OK; i++) {
        planned *t = &p->at[i];
        if (t->from->vector || t->from->whole || t->from->expert_ids) continue;
        st = find_importance(t, in, w, e);
        const bool found = t->importance || t->by_expert;
        known += found;
        if (!weighs(t->type)) continue;
        p->n_weighted += found;
        unknown += !found;
    }
    if (st != OK) return st;
    if (known == 0)
        return fail(e, E_FORMAT,
                    "%s: no entry has the name of a tensor of %s: was it made with another model?",
                    w->importance_path, in->path);
    if (unknown)
        input_note(in, "%s knows nothing of %u quantised tensors: all their columns count alike",
                   w->importance_path, unknown);
    tell_unmet(p, in);
    return OK;
}

const float *planned_importance(const planned *t, uint64_t run, float *room) {
    const uint64_t cols = t->from->ne[0];
    bool met = false;
    if (t->by_expert)
        met = t->by_expert[run] && imatrix_weights(t->by_expert[run], cols, 0, room);
    else if (t->importance)
        met = imatrix_weights(t->importance, cols, run, room);
    return met ? room : NULL;
}

/* ------------------------------------------------------------------ the scheme */

status scheme_make(scheme *p, input *in, const scheme_wish *w, const volatile sig_atomic_t *stop,
                 err *e) {
    *p = (scheme){.at = calloc(in->n + 1u, sizeof *p->at), .n = in->n};
    bool *used = calloc(w->n_rules + 1, sizeof *used);
    status st = p->at && used ? OK : fail(e, E_NOMEM, "out of memory");
    for (uint32_t i = 0; i < in->n && st == OK; i++) {
        p->at[i].from = &in->at[i];
        p->at[i].run_rows = in->at[i].ne[1];
        st = choose(&p->at[i], in, w, used, e);
    }
    for (size_t i = 0; i < w->n_rules && st == OK; i++)
        if (!used[i]) input_note(in, "--tensor %s: no tensor has such a name", w->rules[i].text);
    if (st == OK) st = tell_unfit(p, in, e);
    if (st == OK) st = widen_all(p, in, stop, e);
    if (st == OK) st = measure(p, in, e);
    if (st == OK) tell_rounded(p, in, w->recipe);
    if (st == OK && w->importance) st = weigh(p, in, w, e);
    if (st == OK && in->notes.failed) st = fail(e, E_NOMEM, "out of memory");
    free(used);
    if (st != OK) scheme_free(p);
    return st;
}

void scheme_free(scheme *p) {
    for (uint32_t i = 0; p->at && i < p->n; i++) free(p->at[i].by_expert);
    free(p->at);
    *p = (scheme){0};
}

quant_id scheme_most(const scheme *p) {
    double values[QUANT_IDS] = {0};
    quant_id most = Q_F32;
    for (uint32_t i = 0; i < p->n; i++) {
        const origin *o = p->at[i].from;
        values[p->at[i].type] += (double)o->ne[0] * (double)origin_rows(o);
    }
    for (uint32_t q = 0; q < QUANT_IDS; q++)
        if (values[q] > values[most]) most = (quant_id)q;
    return most;
}

/* ------------------------------------------------------------------ for a person */

static void print_size(FILE *to, uint64_t bytes) {
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double v = (double)bytes;
    size_t i = 0;
    while (v >= 1024 && i < 4) v /= 1024, i++;
    fprintf(to, i ? "%9.2f %s" : "%9.0f %s", v, units[i]);
}

void scheme_print(const scheme *p, FILE *to) {
    line *lines = calloc(MOST_LINES, sizeof *lines);
    uint32_t n = 0;
    if (!lines) return;
    for (uint32_t i = 0; i < p->n; i++) {
        const planned *t = &p->at[i];
        line *l = line_of(lines, &n, t->from->name, t->from->type, t->type);
        l->n++;
        l->bytes += t->bytes;
        l->weighted += (t->importance || t->by_expert) && weighs(t->type);
    }
    fprintf(to, "%-40s %6s  %-8s %-8s %13s\n", "tensors", "", "from", "to", "size");
    for (uint32_t k = 0; k < n; k++) {
        fprintf(to, "%-40s %6u  %-8s %-8s ", lines[k].name, lines[k].n,
                quant_find(lines[k].from)->name, quant_find(lines[k].to)->name);
        print_size(to, lines[k].bytes);
        fprintf(to, "%s\n", lines[k].weighted ? "  by importance" : "");
    }
    fprintf(to, "%-40s %6u  %-8s %-8s ", "all", p->n, "", "");
    print_size(to, p->data_bytes);
    fprintf(to, "  (%" PRIu64 " bytes)\n", p->data_bytes);
    free(lines);
}
