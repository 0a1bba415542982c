/* context: what depth costs: memory and decoding time of one session as its context grows.
 *
 *     build/bench/context [TOKENS [THREADS]]          default 100000 and all cores
 *
 * Times are of the processor, so that other work on the machine does not count. On a random model with every kind of layer. At each depth a fork decodes 32 tokens, so that the measured session stays as it
 * is. `rows` is what a token must look at there: index rows of the ratio-4 layers, and attended rows of all.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "engine/session.h"
#include "model/random.h"

enum { DECODED = 32 };

static int32_t token_at(uint32_t i) { return (int32_t)(i * 7919u % 509u); }

static uint32_t least(uint32_t a, uint32_t b) { return a < b ? a : b; }

/* Index rows scored and cached rows attended to by one token at position t. */
static void rows_at(const shape *s, uint32_t t, uint32_t *scored, uint32_t *attended) {
    *scored = *attended = 0;
    for (uint32_t l = 0; l < s->n_layers; l++) {
        *attended += least(t + 1, s->window);
        if (s->ratio[l] == 0) continue;
        const uint32_t rows = (t + 1) / s->ratio[l];
        *attended += s->ratio[l] == 4 ? least(rows, s->ix_top_k) : rows;
        if (s->ratio[l] == 4 && rows > s->ix_top_k) *scored += rows;
    }
}

static double decode_ms(session *s, uint32_t from, err *e) {
    session *f;
    if (session_fork(&f, s, e) != OK) return -1;
    const clock_t start = clock();
    status st = OK;
    for (uint32_t i = 0; i < DECODED && st == OK; i++) {
        const int32_t t = token_at(from + i);
        st = session_feed(f, &t, 1, NULL, e);
    }
    session_free(f);
    return st == OK ? (double)(clock() - start) * 1000 / CLOCKS_PER_SEC / DECODED : -1;
}

static status measure(const char *path, uint32_t tokens, uint32_t threads, err *e) {
    random_spec spec = {.shape = random_small_shape(), .recipe = RANDOM_F32, .seed = 1};
    /* So small that 100,000 tokens are read in minutes, and what grows with depth shows. */
    spec.shape.d_model = 64, spec.shape.ff_dim = 64, spec.shape.n_heads = 2, spec.shape.ix_heads = 4;
    model *m = NULL;
    engine *en = NULL;
    session *s = NULL;
    const engine_options o = {.threads = threads, .context = tokens + DECODED};
    status st = random_model_write(path, &spec, e);
    if (st == OK) st = model_open(&m, path, NULL, e);
    if (st == OK) st = engine_open(&en, m, &o, e);
    if (st == OK) st = session_new(&s, en, e);
    if (st == OK) printf("%8s %12s %12s %12s %10s %10s %12s\n", "tokens", "pages KiB", "bytes/token", "frontiers", "scored",
                         "attended", "decode ms");
    uint32_t done = 0;
    for (uint32_t depth = 1000; st == OK && done < tokens; depth = depth < tokens / 2 ? depth * 2 : tokens) {
        int32_t *t = malloc((depth - done) * sizeof *t);
        for (uint32_t i = done; i < depth; i++) t[i - done] = token_at(i);
        st = session_feed(s, t, depth - done, NULL, e);
        free(t);
        done = depth;
        if (st != OK) break;
        uint32_t scored, attended;
        rows_at(&spec.shape, depth, &scored, &attended);
        const ledger *l = engine_ledger(en);
        const double ms = decode_ms(s, depth, e);
        printf("%8u %12.1f %12.1f %12llu %10u %10u %12.3f\n", depth, (double)l->used[LEDGER_PAGES] / 1024,
               (double)l->used[LEDGER_PAGES] / depth,
               (unsigned long long)(l->used[LEDGER_FRONTIERS] / engine_plan(en)->state_bytes), scored, attended, ms);
        fflush(stdout);
    }
    session_free(s);
    engine_close(en);
    model_close(m);
    return st;
}

int main(int argc, char **argv) {
    const uint32_t tokens = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 100000;
    const uint32_t threads = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 1;
    char path[] = "/tmp/ds4-context-XXXXXX";
    err e = {0};
    const int fd = mkstemp(path);
    if (fd < 0 || tokens < 1000) return fprintf(stderr, "usage: context [TOKENS >= 1000 [THREADS]]\n"), 2;
    close(fd);
    const status st = measure(path, tokens, threads, &e);
    unlink(path);
    if (st != OK) fprintf(stderr, "ds4: %s\n", e.text);
    return st != OK;
}
