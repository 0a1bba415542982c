/* profile.c: two watches that add up. Each moment belongs to the stage and the product that were
 * shown last. */
#include "apps/timing/profile.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"

typedef struct counter {
    uint64_t calls;
    double seconds, weight_bytes, cache_bytes, flops;
} counter;

struct profile {
    const plan *p;
    counter stages[N_STAGES], products[N_PRODUCTS];
    profile_sums sums;
    uint64_t hit; /* experts met in this layer so far */

    stage stage; /* STAGE_END: outside */
    int product; /* -1: none yet       */
    const layer *layer;
    double stage_began, product_began;
};

profile *profile_new(const plan *p) {
    profile *f = calloc(1, sizeof *f);
    if (f) *f = (profile){.p = p, .stage = STAGE_END, .product = -1};
    return f;
}

void profile_free(profile *f) {
    free(f);
}

/* ------------------------------------------------------------------ what is seen */

static void end_product(profile *f, double now) {
    if (f->product >= 0) f->products[f->product].seconds += now - f->product_began;
    f->product = -1;
}

static void end_stage(profile *f, double now) {
    end_product(f, now);
    if (f->stage == STAGE_END) return;
    f->stages[f->stage].seconds += now - f->stage_began;
    f->sums.seconds += now - f->stage_began;
    if (f->stage != STAGE_EXPERTS) return;
    profile_sums *s = &f->sums;
    if (s->layers == 0 || f->hit < s->experts_least) s->experts_least = f->hit;
    if (f->hit > s->experts_most) s->experts_most = f->hit;
    s->experts_mean += ((double)f->hit - s->experts_mean) / (double)++s->layers;
    f->hit = 0;
}

/* Cached rows of a stage, and its arithmetic with them. */
static void count_rows(profile *f, const batch_seq *q, const layer *l, bool select) {
    const shape *s = f->p->shape;
    const cache_reads r = cache_rows(f->p, l, q->pos, q->n_rows);
    counter *c = &f->stages[f->stage];
    const double value = f->p->row_value_bytes;
    if (select)
        c->cache_bytes += (double)r.index * s->ix_dim * value;
    else
        c->cache_bytes += (double)(r.window + r.compressed) * s->head_dim * value;
    for (uint32_t t = q->pos; t < q->pos + q->n_rows; t++) {
        const cache_reads one = cache_rows(f->p, l, t, 1);
        if (select)
            c->flops += 2.0 * (double)one.index * s->ix_dim * s->ix_heads;
        else
            c->flops += 4.0 * (double)(one.window + 1 + one.compressed) * s->head_dim * s->n_heads;
    }
}

static void count_embedding(profile *f, const batch *x, const matrix *w) {
    f->stages[f->stage].weight_bytes += (double)x->n_rows * (double)w->row_bytes;
}

static void see_stage(void *self, const batch *x, stage s, const layer *l) {
    profile *f = ((const profile_port *)self)->to;
    if (!f) return;
    const double now = clock_seconds();
    end_stage(f, now);
    f->stage = s;
    f->layer = l;
    f->stage_began = now;
    if (s == STAGE_END) return;
    f->stages[s].calls++;
    if (s == STAGE_EMBED) {
        f->sums.steps++;
        f->sums.rows += x->n_rows;
        count_embedding(f, x, &f->p->weights->embed);
    }
    if (s == STAGE_DRAFT_IN) count_embedding(f, x, &f->p->weights->draft.embed);
    if (s == STAGE_SELECT || s == STAGE_ATTEND)
        for (uint32_t i = 0; i < x->n_seqs; i++) count_rows(f, &x->seqs[i], l, s == STAGE_SELECT);
}

static void see_product(void *self, const matrix *w, uint32_t plane, const float *x, size_t stride,
                        const uint32_t *rows, uint32_t n) {
    (void)plane, (void)x, (void)stride, (void)rows;
    profile *f = ((const profile_port *)self)->to;
    if (!f || f->stage == STAGE_END || n == 0) return;
    const int kind = product_find(f->p, f->layer, w);
    if (kind < 0) return;
    counter *c = &f->products[kind];
    if (kind != f->product) {
        const double now = clock_seconds();
        end_product(f, now);
        f->product = kind;
        f->product_began = now;
        c->calls++;
    }
    /* The grouped projection is shown once for each group, of which each has its own outputs. */
    const bool grouped = kind == PRODUCT_OUT_A;
    const double outputs = (double)w->rows / (grouped ? f->p->shape->o_groups : 1);
    const double bytes = outputs * (double)w->row_bytes, flops = 2 * outputs * w->cols * n;
    c->weight_bytes += bytes;
    c->flops += flops;
    f->stages[f->stage].weight_bytes += bytes;
    f->stages[f->stage].flops += flops;
    if (f->layer && w == &f->layer->w->routed.gate) f->hit++;
}

observer profile_observer(profile_port *port) {
    return (observer){see_product, port};
}
stage_watch profile_stages(profile_port *port) {
    return (stage_watch){see_stage, port};
}

/* ------------------------------------------------------------------ what is told */

profile_sums profile_total(const profile *f) {
    return f->sums;
}

static void put_line(profile_line *out, int s, const char *name, const counter *c) {
    *out = (profile_line){.stage = stage_names[s],
                          .name = name,
                          .calls = c->calls,
                          .seconds = c->seconds,
                          .weight_bytes = c->weight_bytes,
                          .cache_bytes = c->cache_bytes,
                          .flops = c->flops};
}

uint32_t profile_lines(const profile *f, profile_line out[PROFILE_LINES]) {
    uint32_t n = 0;
    for (int s = 0; s < N_STAGES; s++) {
        if (!f->stages[s].calls) continue;
        put_line(&out[n++], s, NULL, &f->stages[s]);
        for (int k = 0; k < N_PRODUCTS; k++)
            if ((int)product_kinds[k].stage == s && f->products[k].calls)
                put_line(&out[n++], s, product_kinds[k].name, &f->products[k]);
    }
    return n;
}

static double over(double a, double b) {
    return b > 0 ? a / b : 0;
}

static void print_line(FILE *to, const profile_line *l, const profile_sums *t, double bandwidth) {
    const double bytes = l->weight_bytes + l->cache_bytes, rate = over(bytes, l->seconds);
    char of_read[16] = "-";
    if (bandwidth > 0) snprintf(of_read, sizeof of_read, "%.0f %%", 100 * rate / bandwidth);
    fprintf(to, "%s%-*s %8" PRIu64 " %9.3f %5.1f %% %9.2f %7.2f %8s %8.1f\n", l->name ? "  " : "",
            l->name ? 14 : 16, l->name ? l->name : l->stage, l->calls,
            1e3 * over(l->seconds, (double)t->steps), 100 * over(l->seconds, t->seconds),
            1e-6 * over(bytes, (double)t->steps), 1e-9 * rate, of_read,
            1e-9 * over(l->flops, l->seconds));
}

static profile_line sum_of(const profile_line *lines, uint32_t n) {
    profile_line all = {.stage = "all"};
    for (uint32_t i = 0; i < n; i++) {
        if (lines[i].name) continue;
        all.calls += lines[i].calls;
        all.seconds += lines[i].seconds;
        all.weight_bytes += lines[i].weight_bytes;
        all.cache_bytes += lines[i].cache_bytes;
        all.flops += lines[i].flops;
    }
    return all;
}

void profile_print(FILE *to, const profile *f, const char *title, double bandwidth) {
    profile_line lines[PROFILE_LINES];
    const uint32_t n = profile_lines(f, lines);
    const profile_sums *t = &f->sums;
    fprintf(to, "%s: %" PRIu64 " steps, %" PRIu64 " rows, %.2f s in stages", title, t->steps,
            t->rows, t->seconds);
    if (t->layers)
        fprintf(to, "; experts met in a layer: %" PRIu64 " to %" PRIu64 ", %.1f on average",
                t->experts_least, t->experts_most, t->experts_mean);
    fprintf(to, "\n%-16s %8s %9s %7s %9s %7s %8s %8s\n", "stage", "calls", "ms/step", "share",
            "MB/step", "GB/s", "of read", "GFLOP/s");
    for (uint32_t i = 0; i < n; i++) print_line(to, &lines[i], t, bandwidth);
    const profile_line all = sum_of(lines, n);
    print_line(to, &all, t, bandwidth);
}

static void json_line(buf *out, const profile_line *l, const profile_sums *t, double bandwidth) {
    const double rate = over(l->weight_bytes + l->cache_bytes, l->seconds);
    buf_printf(out, "{\"stage\": \"%s\", ", l->stage);
    if (l->name) buf_printf(out, "\"product\": \"%s\", ", l->name);
    buf_printf(out,
               "\"calls\": %" PRIu64
               ", \"seconds\": %.6f, \"share\": %.4f, \"weight_bytes\": %.0f, "
               "\"cache_bytes\": %.0f, \"flop\": %.0f, \"gb_per_second\": %.3f, "
               "\"gflop_per_second\": %.3f",
               l->calls, l->seconds, over(l->seconds, t->seconds), l->weight_bytes, l->cache_bytes,
               l->flops, 1e-9 * rate, 1e-9 * over(l->flops, l->seconds));
    if (bandwidth > 0) buf_printf(out, ", \"of_read_bandwidth\": %.4f", rate / bandwidth);
    buf_str(out, "}");
}

void profile_json(buf *out, const profile *f, double bandwidth) {
    profile_line lines[PROFILE_LINES];
    const uint32_t n = profile_lines(f, lines);
    const profile_sums *t = &f->sums;
    buf_printf(out, "{\"steps\": %" PRIu64 ", \"rows\": %" PRIu64 ", \"seconds\": %.6f, ", t->steps,
               t->rows, t->seconds);
    buf_printf(out,
               "\"experts_met\": {\"least\": %" PRIu64 ", \"most\": %" PRIu64
               ", \"mean\": %.2f}, \"lines\": [",
               t->experts_least, t->experts_most, t->experts_mean);
    for (uint32_t i = 0; i < n; i++) {
        if (i) buf_str(out, ",\n  ");
        json_line(out, &lines[i], t, bandwidth);
    }
    buf_str(out, "]}");
}
