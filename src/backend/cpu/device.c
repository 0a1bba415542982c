/* device: the CPU as a device: its buffers, its threads, the frame of a step. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/cpu/cpu.h"
#include "base/cores.h"

void cpu_fail(backend *b, status code, const char *what) {
    if (b->error.code == OK) fail(&b->error, code, "cpu: %s", what);
}

enum { MAX_BUFFERS = 1 << 14 };

/* Takes a times c values of `size` bytes, zeroed, 64-byte aligned; remembers them for close. A failure sticks in *ok. */
static void *take(backend *b, bool *ok, size_t size, uint64_t a, uint64_t c) {
    /* Shapes and batch sizes are limited so that no product here comes near 2^64. */
    const uint64_t bytes = (size * a * c + 127) & ~(uint64_t)63;
    void *p = NULL;
    b->bytes += bytes;
    if (b->counting) return NULL;
    if (!*ok || b->n_owned == MAX_BUFFERS || posix_memalign(&p, 64, bytes) != 0) {
        *ok = false;
        return NULL;
    }
    memset(p, 0, bytes);
    b->owned[b->n_owned++] = p;
    return p;
}

static void take_acts(backend *b, bool *ok, acts *a, uint64_t rows, uint64_t cols) { /* 8-bit forms */
    a->q = take(b, ok, 1, rows, cols);
    a->d = take(b, ok, sizeof *a->d, rows, cols / 32 + 1);
    a->sum16 = take(b, ok, sizeof *a->sum16, rows, cols / 16 + 1);
}

static uint64_t larger(uint64_t a, uint64_t c) { return a > c ? a : c; }

static void take_scratch(backend *b, bool *ok, uint32_t threads) {
    const shape *s = b->s;
    const uint64_t cols = larger(larger((uint64_t)s->n_streams * s->d_model, (uint64_t)s->n_heads * s->head_dim),
                                 larger(larger(s->q_rank, (uint64_t)s->o_groups * s->o_rank),
                                        (uint64_t)s->n_shared * s->ff_dim));
    const uint64_t slots = (uint64_t)b->max_rows * s->n_used;
    cpu_scratch counted;
    if (!b->counting) b->scratch = calloc(threads, sizeof *b->scratch);
    if (!b->counting && !b->scratch) *ok = false;
    for (uint32_t i = 0; i < threads && *ok; i++) {
        cpu_scratch *c = b->counting ? &counted : &b->scratch[i];
        c->weights = take(b, ok, sizeof(float), 1, cols);
        c->results = take(b, ok, sizeof(float), 2 * CPU_OUTPUTS, slots);
        c->rows = take(b, ok, sizeof(uint32_t), 1, slots);
        c->scores = take(b, ok, sizeof(float), 2, s->ix_heads ? b->max_context / 4 + 1 : 1);
        c->tile = take(b, ok, sizeof(float), CPU_TILE, larger(s->head_dim, s->ix_dim));
        c->sums = take(b, ok, sizeof(float), CPU_HEADS, s->head_dim);
    }
}

static bool take_all(backend *b, uint32_t threads) {
    const shape *s = b->s;
    const uint64_t r = b->max_rows, m = s->n_streams, dm = s->d_model;
    const uint64_t heads = (uint64_t)s->n_heads * s->head_dim, shared = (uint64_t)s->n_shared * s->ff_dim;
    const size_t f = sizeof(float), u = sizeof(uint32_t);
    bool ok = true;
    b->streams = take(b, &ok, f, r, m * dm);
    b->next_streams = take(b, &ok, f, r, m * dm);
    b->input = take(b, &ok, f, r, dm);
    b->output = take(b, &ok, f, r, dm);
    b->mixes = take(b, &ok, f, r, shape_hc_mix(s));
    b->post = take(b, &ok, f, r, m);
    b->mix = take(b, &ok, f, r, m * m);
    b->latent = take(b, &ok, f, r, s->q_rank);
    b->q = take(b, &ok, f, r, heads);
    b->kv = take(b, &ok, f, r, s->head_dim);
    for (int i = 0; i < 2; i++) b->angles[i] = take(b, &ok, f, r, s->rope_dim);
    b->comp_kv = take(b, &ok, f, r, 2 * (uint64_t)s->head_dim);
    b->comp_gate = take(b, &ok, f, r, 2 * (uint64_t)s->head_dim);
    b->ix_kv = take(b, &ok, f, r, 2 * (uint64_t)s->ix_dim);
    b->ix_comp_gate = take(b, &ok, f, r, 2 * (uint64_t)s->ix_dim);
    b->ix_q = take(b, &ok, f, r, (uint64_t)s->ix_heads * s->ix_dim);
    b->ix_gate = take(b, &ok, f, r, s->ix_heads);
    b->picked = take(b, &ok, u, r, b->pick_cap);
    b->n_picked = take(b, &ok, u, r, 1);
    b->ix_scores = take(b, &ok, f, 1, s->ix_heads ? b->max_context / 4 + 1 : 1);
    b->grouped = take(b, &ok, f, r, (uint64_t)s->o_groups * s->o_rank);
    b->route = take(b, &ok, f, r, s->n_experts);
    b->expert = take(b, &ok, u, r, s->n_used);
    b->expert_weight = take(b, &ok, f, r, s->n_used);
    b->group_at = take(b, &ok, u, 1, (uint64_t)s->n_experts + 1);
    b->group_slot = take(b, &ok, u, r, s->n_used);
    b->active = take(b, &ok, u, 1, s->n_experts);
    b->inner = take(b, &ok, f, r * s->n_used, s->ff_dim);
    b->shared_inner = take(b, &ok, f, r, shared);
    b->final = take(b, &ok, f, r, dm);
    if (!b->p->options.exact) {
        take_acts(b, &ok, &b->a_input, r, dm);
        take_acts(b, &ok, &b->a_latent, r, s->q_rank);
        take_acts(b, &ok, &b->a_attended, r, heads);
        take_acts(b, &ok, &b->a_grouped, r, (uint64_t)s->o_groups * s->o_rank);
        take_acts(b, &ok, &b->a_inner, r * s->n_used, s->ff_dim);
        take_acts(b, &ok, &b->a_shared, r, shared);
        take_acts(b, &ok, &b->a_streams, r * m, dm);
        take_acts(b, &ok, &b->a_final, r, dm);
    }
    take_scratch(b, &ok, threads);
    return ok;
}

static void cpu_close(backend *b) {
    if (!b) return;
    for (uint32_t i = 0; i < b->n_owned; i++) free(b->owned[i]);
    free(b->owned);
    free(b->scratch);
    free(b->logits);
    pool_free(b->threads);
    free(b);
}

static uint32_t threads_of(const backend_options *o) { return o->threads ? o->threads : cores_here(); }

static void set_sizes(backend *b, const plan *p, const backend_options *o) {
    const uint32_t index_rows = o->max_context / 4 + 1;
    b->p = p;
    b->s = p->shape;
    b->max_rows = o->max_rows;
    b->max_context = o->max_context;
    b->pick_cap = p->shape->ix_top_k < index_rows ? p->shape->ix_top_k : index_rows;
}

static uint64_t cpu_scratch_bytes(const plan *p, const backend_options *o) {
    backend b = {.counting = true};
    set_sizes(&b, p, o);
    take_all(&b, threads_of(o));
    return b.bytes;
}

static status cpu_open(backend **out, const plan *p, const backend_options *o, err *e) {
    backend *b = calloc(1, sizeof *b);
    if (b) b->owned = calloc(MAX_BUFFERS, sizeof *b->owned);
    if (!b || !b->owned) {
        free(b);
        return fail(e, E_NOMEM, "cpu: out of memory");
    }
    set_sizes(b, p, o);
    b->dots = o->scalar ? dot_scalar() : dot_best();
    b->loops = o->scalar ? &loops_portable : loops_best();
    b->watch = o->watch;
    b->read_ahead = o->read_ahead;
    status st = pool_new(&b->threads, threads_of(o), e);
    if (st == OK && !take_all(b, threads_of(o)))
        st = fail(e, E_NOMEM, "cpu: no memory for batches of %u rows: use a smaller --batch", o->max_rows);
    if (st != OK) {
        cpu_close(b);
        return st;
    }
    *out = b;
    return OK;
}

static uint64_t cpu_memory_limit(void) {
    const long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
    return pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size : 0;
}

static status cpu_mem_new(backend *b, void **out, uint64_t bytes, err *e) {
    (void)b;
    void *p = NULL;
    if (posix_memalign(&p, 64, bytes ? bytes : 64) != 0)
        return fail(e, E_NOMEM, "cpu: no memory for %llu bytes", (unsigned long long)bytes);
    memset(p, 0, bytes ? bytes : 64);
    *out = p;
    return OK;
}

static void cpu_mem_free(backend *b, void *mem) {
    (void)b;
    free(mem);
}

static void cpu_mem_copy(backend *b, void *to, const void *from, uint64_t bytes) {
    (void)b;
    memcpy(to, from, bytes);
}

static void cpu_mem_read(backend *b, void *host, const void *mem, uint64_t at, uint64_t bytes) {
    (void)b;
    memcpy(host, (const uint8_t *)mem + at, bytes);
}

static void cpu_mem_write(backend *b, void *mem, uint64_t at, const void *host, uint64_t bytes) {
    (void)b;
    memcpy((uint8_t *)mem + at, host, bytes);
}

static bool cpu_begin(backend *b, const batch *x) {
    b->x = x;
    b->error = (err){0};
    for (uint32_t r = 0; r < x->n_rows; r++) {
        rope_angles(b->angles[0] + (size_t)r * b->s->rope_dim, b->p->rope_plain, b->s->rope_dim / 2, x->pos[r]);
        rope_angles(b->angles[1] + (size_t)r * b->s->rope_dim, b->p->rope_yarn, b->s->rope_dim / 2, x->pos[r]);
    }
    return true;
}

static status cpu_end(backend *b, const float **logits, err *e) {
    if (b->error.code != OK) {
        if (e) *e = b->error;
        return b->error.code;
    }
    *logits = b->logits;
    return OK;
}

static void cpu_peek(backend *b, activation a, uint32_t row, float *out) {
    const size_t dm = b->s->d_model, all = dm * b->s->n_streams;
    switch (a) {
    case ACT_STREAMS: memcpy(out, b->streams + row * all, all * sizeof *out); break;
    case ACT_INPUT: memcpy(out, b->input + row * dm, dm * sizeof *out); break;
    case ACT_OUTPUT: memcpy(out, b->output + row * dm, dm * sizeof *out); break;
    case ACT_FINAL: memcpy(out, b->final + row * dm, dm * sizeof *out); break;
    }
}

const backend_ops cpu_backend = {
    .name = "cpu",
    .memory_limit = cpu_memory_limit,
    .scratch_bytes = cpu_scratch_bytes,
    .open = cpu_open,
    .close = cpu_close,
    .mem_new = cpu_mem_new,
    .mem_free = cpu_mem_free,
    .mem_copy = cpu_mem_copy,
    .mem_read = cpu_mem_read,
    .mem_write = cpu_mem_write,
    .begin = cpu_begin,
    .embed = cpu_embed,
    .draft_in = cpu_draft_in,
    .attn_in = cpu_attn_in,
    .compress = cpu_compress,
    .select = cpu_select,
    .attend = cpu_attend,
    .attn_out = cpu_attn_out,
    .ffn_in = cpu_ffn_in,
    .experts = cpu_experts,
    .head = cpu_head,
    .end = cpu_end,
    .peek = cpu_peek,
};
