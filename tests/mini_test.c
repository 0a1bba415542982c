/* The bundled model, models/ds4-mini.gguf: is it what its card says, and does the engine compute
 * what another implementation computes from the same file?
 *
 * tests/mini holds logits of transformers in float32 on the weights of that very file, made by
 * tools/mini/compare_hf.py and cut down by tools/mini/sample_rows.py:
 *
 *     prompts.json   {"prompts": [{"tokens": [...], "rows": [...],
 *                                  "close": 4, "first_close": 1239 or null}, ...]}
 *     rows.f32       the logits after those rows of all prompts, one after another: [rows][vocab]
 *
 * A choice of experts or of compressed rows whose last place was won by less than 1e-5 may fall
 * either way in float32, and what follows it may then differ without anybody being wrong: rows from
 * first_close on are compared and told, not judged.
 */
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/json.h"
#include "base/test.h"
#include "engine/session.h"
#include "model/model.h"
#include "talk/vocab.h"

static const char model_path[] = "models/ds4-mini.gguf"; /* tests run at the top of the tree */
static char data_folder[256];

#define TOLERANCE 1e-4 /* of the largest logit of a prompt */
enum { MOST_BYTES = 20 * 1000 * 1000, POSITIONS = 65536, SHORT_PROMPT = 400 };

/* ------------------------------------------------------------------ the reference */

typedef struct prompt {
    int32_t *tokens;
    uint32_t n_tokens;
    uint32_t *rows; /* positions, rising */
    uint32_t n_rows;
    uint32_t close, first_close; /* decisions, and the position of the first; UINT32_MAX: none */
    const float *logits;         /* [n_rows][vocab] */
} prompt;

typedef struct reference {
    prompt at[8];
    size_t n;
    buf logits;
} reference;

static void reference_free(reference *r) {
    for (size_t i = 0; i < r->n; i++) free(r->at[i].tokens), free(r->at[i].rows);
    buf_free(&r->logits);
}

static uint32_t *numbers(const json *list, uint32_t *n) {
    uint32_t *out = malloc((json_count(list) + 1) * sizeof *out);
    *n = (uint32_t)json_count(list);
    for (uint32_t i = 0; out && i < *n; i++) {
        uint64_t v = 0;
        json_u64(json_at(list, i), &v);
        out[i] = (uint32_t)v;
    }
    return out;
}

static void prompt_from(prompt *p, const json *v) {
    uint64_t close = 0, first = UINT32_MAX;
    p->tokens = (int32_t *)numbers(json_get(v, "tokens"), &p->n_tokens);
    p->rows = numbers(json_get(v, "rows"), &p->n_rows);
    json_u64(json_get(v, "close"), &close);
    json_u64(json_get(v, "first_close"), &first);
    p->close = (uint32_t)close, p->first_close = (uint32_t)first;
}

static bool reference_read(reference *r, size_t vocab) {
    char path[300];
    buf text = {0};
    json_doc *d = NULL;
    err e = {0};
    snprintf(path, sizeof path, "%s/prompts.json", data_folder);
    status st = file_read(&text, path, 1u << 24, &e);
    if (st == OK) st = json_parse(&d, text.data, text.n, 0, path, &e);
    buf_free(&text);
    snprintf(path, sizeof path, "%s/rows.f32", data_folder);
    if (st == OK) st = file_read(&r->logits, path, 1u << 28, &e);
    if (st != OK) fprintf(stderr, "%s\n", e.text);
    const json *prompts = st == OK ? json_get(json_root(d), "prompts") : NULL;
    const size_t n = json_count(prompts);
    size_t rows = 0;
    for (size_t i = 0; i < n && i < 8; i++) {
        prompt *p = &r->at[r->n++];
        prompt_from(p, json_at(prompts, i));
        p->logits = (const float *)(const void *)r->logits.data + rows * vocab;
        rows += p->n_rows;
    }
    json_free(d);
    return st == OK && r->n == n && rows * vocab * sizeof(float) == r->logits.n;
}

/* ------------------------------------------------------------------ the engine */

typedef struct way {
    uint32_t batch, threads;
    bool exact, draft;
    bool rounds; /* exact, but with the official roundings of cached rows */
} way;

/* Logits after `rows` of the tokens, [n_rows][vocab]; the draft block's too if `draft` is not NULL.
 * NULL after a failure, which is printed. */
static float *logits_of(const model *m, const prompt *p, const uint32_t *rows, uint32_t n_rows,
                        way w, float **draft) {
    const uint32_t vocab = model_shape(m)->n_vocab;
    const uint32_t chunk = w.batch < p->n_tokens ? w.batch : p->n_tokens;
    const engine_options o = {.backend = "cpu",
                              .threads = w.threads,
                              .batch = chunk,
                              .context = p->n_tokens,
                              .exact = w.exact,
                              .no_rounding = w.exact && !w.rounds,
                              .draft = w.draft};
    engine *en = NULL;
    session *s = NULL;
    err e = {0};
    status st = engine_open(&en, m, &o, &e);
    if (st == OK) st = session_new(&s, en, &e);
    row *step = calloc(chunk, sizeof *step);
    float *out = malloc((size_t)n_rows * vocab * sizeof *out),
          *side = malloc((size_t)n_rows * vocab * sizeof *side);
    if (!step || !out || !side) abort();
    uint32_t got = 0;
    for (uint32_t at = 0; at < p->n_tokens && st == OK; at += chunk) {
        const uint32_t n = p->n_tokens - at < chunk ? p->n_tokens - at : chunk;
        for (uint32_t i = 0, k = got; i < n; i++) {
            const bool wanted = k < n_rows && rows[k] == at + i;
            step[i] = (row){s, p->tokens[at + i], wanted};
            k += wanted;
        }
        st = engine_step(en, step, n, &e);
        for (uint32_t i = 0; i < n && st == OK; i++) {
            if (!step[i].wants_logits) continue;
            memcpy(out + (size_t)got * vocab, engine_logits(en, i), vocab * sizeof *out);
            if (w.draft)
                memcpy(side + (size_t)got * vocab, engine_draft_logits(en, i),
                       vocab * sizeof *side);
            got++;
        }
    }
    free(step);
    session_free(s);
    engine_close(en);
    const bool good = st == OK && got == n_rows;
    if (!good) fprintf(stderr, "%u of %u rows: %s\n", got, n_rows, e.text);
    if (!good) free(out), out = NULL;
    if (draft && good)
        *draft = side;
    else
        free(side);
    return out;
}

static size_t best(const float *v, size_t n) {
    size_t at = 0;
    for (size_t i = 1; i < n; i++)
        if (v[i] > v[at]) at = i;
    return at;
}

static model *open_mini(void) {
    model *m = NULL;
    err e = {0};
    if (model_open(&m, model_path, NULL, &e) != OK) fprintf(stderr, "%s\n", e.text);
    return m;
}

/* ------------------------------------------------------------------ what the file is */

TEST(it_takes_at_most_twenty_million_bytes) {
    file_map f;
    err e = {0};
    REQUIRE(map_open(&f, model_path, &e) == OK);
    CHECK_SAY(f.size <= MOST_BYTES, "%llu bytes", (unsigned long long)f.size);
    map_close(&f);
}

TEST(it_has_every_kind_of_layer_of_the_full_model) {
    model *m = open_mini();
    REQUIRE(m != NULL);
    const shape *s = model_shape(m);
    uint32_t plain = 0, fine = 0, coarse = 0, learned = 0;
    for (uint32_t l = 0; l < s->n_layers; l++) {
        const layer_weights *w = &model_weights(m)->layers[l];
        plain += s->ratio[l] == 0, fine += s->ratio[l] == 4, coarse += s->ratio[l] == 128;
        for (uint32_t h = 0; h < s->n_heads; h++) learned += w->sinks[h] != 0;
        CHECK((w->route_ids != NULL) == (l < s->n_hash_layers) &&
              (w->route_bias == NULL) == (l < s->n_hash_layers));
    }
    CHECK(plain > 0 && fine > 0 && coarse > 0 && plain + fine + coarse == s->n_layers);
    CHECK(s->n_hash_layers > 0 && s->n_hash_layers < s->n_layers);
    CHECK(s->n_streams == 4 && s->window == 128 && s->o_groups > 1 && s->n_shared == 1);
    CHECK(s->n_used > 1 && s->n_used < s->n_experts);
    CHECK(learned > 0); /* sinks begin at zero */
    /* At 4k tokens the indexer leaves three quarters of the rows out. */
    CHECK(s->ix_top_k * 4 <= 4096 / 4);
    model_close(m);
}

TEST(its_positions_reach_65536_and_no_further) {
    model *m = open_mini();
    REQUIRE(m != NULL);
    CHECK(model_shape(m)->context == POSITIONS);
    engine_options o = {.backend = "cpu", .threads = 1, .batch = 16, .context = POSITIONS};
    engine *en = NULL;
    err e = {0};
    CHECK_SAY(engine_open(&en, m, &o, &e) == OK, "%s", e.text);
    CHECK(en && engine_context(en) == POSITIONS);
    engine_close(en);
    en = NULL;
    o.context = POSITIONS + 1;
    CHECK(engine_open(&en, m, &o, &e) != OK && en == NULL);
    model_close(m);
}

TEST(it_carries_its_tokeniser) {
    model *m = open_mini();
    REQUIRE(m != NULL);
    tokenizer *t = NULL;
    err e = {0};
    tokens ids = {0};
    buf back = {0};
    static const char text[] = "What is 17+25? \xc3\xa9\xe2\x82\xac </think> <\xef\xbd\x9c"
                               "User\xef\xbd\x9c>\n";
    REQUIRE(vocab_open(&t, model_file(m, 0), model_path, &e) == OK);
    CHECK(tok_count(t) == model_shape(m)->n_vocab);
    CHECK(tok_encode(t, text, sizeof text - 1, TOK_PLAIN, &ids, &e) == OK && ids.n > 0 &&
          ids.n < sizeof text - 1);
    CHECK(tok_decode(t, ids.id, ids.n, &back, &e) == OK && back.n == sizeof text - 1 &&
          memcmp(back.data, text, back.n) == 0);
    buf_free(&back);
    tokens_free(&ids);
    tok_free(t);
    model_close(m);
}

/* ------------------------------------------------------------------ what it computes */

typedef struct agreement {
    double worst;
    uint32_t off, other_best, rows;
} agreement;

static void judge(agreement *a, const float *got, const float *want, size_t vocab, double most) {
    double worst = 0;
    bool finite = true;
    for (size_t i = 0; i < vocab; i++) {
        const double d = fabs((double)got[i] - (double)want[i]) / most;
        finite &= isfinite(got[i]) != 0;
        worst = fmax(worst, d);
    }
    a->rows++;
    a->worst = fmax(a->worst, worst);
    a->off += !finite || !(worst <= TOLERANCE);
    a->other_best += best(got, vocab) != best(want, vocab);
}

static void check_prompt(const model *m, const prompt *p) {
    const size_t vocab = model_shape(m)->n_vocab;
    float *got =
        logits_of(m, p, p->rows, p->n_rows, (way){.batch = 512, .threads = 2, .exact = true}, NULL);
    REQUIRE(got != NULL);
    double most = 0;
    for (size_t i = 0; i < p->n_rows * vocab; i++) most = fmax(most, fabs((double)p->logits[i]));
    agreement before = {0}, after = {0};
    for (uint32_t r = 0; r < p->n_rows; r++)
        judge(p->rows[r] < p->first_close ? &before : &after, got + r * vocab,
              p->logits + r * vocab, vocab, most);
    CHECK(before.rows >= 1 && p->n_rows >= 9); /* the long ones come near a decision early */
    CHECK_SAY(before.off == 0 && before.other_best == 0,
              "%u tokens: off by %.2g, %u of %u rows; %u other best tokens", p->n_tokens,
              before.worst, before.off, before.rows, before.other_best);
    printf("%u tokens: off by %.2g of the largest logit", p->n_tokens, before.worst);
    if (after.rows)
        printf("; behind the first of %u close decisions %.2g, %u of %u rows beyond the tolerance",
               p->close, after.worst, after.off, after.rows);
    printf("\n");
    free(got);
}

/* With a sanitizer the short prompt alone: the plain build runs them all. */
TEST(its_logits_equal_those_of_transformers) {
    model *m = open_mini();
    REQUIRE(m != NULL);
    reference r = {0};
    uint32_t undisturbed = 0, longest = 0;
    CHECK(reference_read(&r, model_shape(m)->n_vocab) && r.n >= 4);
    for (size_t i = 0; i < r.n; i++) {
        const prompt *p = &r.at[i];
        undisturbed += p->n_tokens >= 300 && p->close == 0 && p->first_close == UINT32_MAX;
        longest = p->n_tokens > longest ? p->n_tokens : longest;
        if (TEST_SLOWNESS == 1 || p->n_tokens < SHORT_PROMPT) check_prompt(m, p);
    }
    CHECK(undisturbed > 0 && longest >= 4000);
    reference_free(&r);
    model_close(m);
}

static uint32_t *every_row(uint32_t from, uint32_t n) {
    uint32_t *rows = malloc(n * sizeof *rows);
    if (!rows) abort();
    for (uint32_t i = 0; i < n; i++) rows[i] = from + i;
    return rows;
}

/* With a sanitizer the beginning of the prompt, in default arithmetic. */
TEST(its_logits_do_not_depend_on_how_a_prompt_is_cut) {
    static const way ways[] = {{.batch = 1, .threads = 1, .draft = true},
                               {.batch = 64, .threads = 1, .draft = true},
                               {.batch = 64, .threads = 2, .exact = true, .draft = true}};
    model *m = open_mini();
    REQUIRE(m != NULL);
    const size_t vocab = model_shape(m)->n_vocab;
    reference r = {0};
    REQUIRE(reference_read(&r, vocab) && r.n > 0 && r.at[0].n_tokens < SHORT_PROMPT);
    prompt begun = r.at[0], *p = &begun;
    if (TEST_SLOWNESS > 1) p->n_tokens = 160; /* beyond the window and the coarse ratio */
    const uint32_t n = p->n_tokens - 1;
    const int kinds = TEST_SLOWNESS > 1 ? 1 : 2;
    uint32_t *rows = every_row(1, n);
    float *want[2] = {0}, *want_draft[2] = {0};
    for (int exact = 0; exact < kinds; exact++) {
        const way all_at_once = {.batch = p->n_tokens, .threads = 2, .exact = exact, .draft = true};
        want[exact] = logits_of(m, p, rows, n, all_at_once, &want_draft[exact]);
    }
    for (size_t w = 0; w < sizeof ways / sizeof *ways && want[0]; w++) {
        if (!want[ways[w].exact]) continue;
        float *draft = NULL, *got = logits_of(m, p, rows, n, ways[w], &draft);
        const int exact = ways[w].exact;
        CHECK_SAY(got && memcmp(got, want[exact], n * vocab * sizeof *got) == 0, "batch %u",
                  ways[w].batch);
        CHECK_SAY(draft && memcmp(draft, want_draft[exact], n * vocab * sizeof *draft) == 0,
                  "draft, batch %u", ways[w].batch);
        free(got), free(draft);
    }
    CHECK(want[0] && (kinds == 1 || want[1]));
    for (int exact = 0; exact < 2; exact++) free(want[exact]), free(want_draft[exact]);
    free(rows);
    reference_free(&r);
    model_close(m);
}

/* A row of logits as the logarithms of probabilities, in float64. */
static void log_probabilities(const float *logits, size_t n, double *out) {
    const double most = logits[best(logits, n)];
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += exp(logits[i] - most);
    for (size_t i = 0; i < n; i++) out[i] = logits[i] - most - log(sum);
}

typedef struct likeness {
    double divergence; /* sum over the rows */
    uint32_t n, same;
    uint32_t n_sure, same_sure; /* rows whose best token is expected with 0.2 and more */
} likeness;

static void compare_rows(likeness *l, const float *want, const float *got, size_t vocab) {
    double *p = malloc(2 * vocab * sizeof *p), *q = p + vocab;
    if (!p) abort();
    log_probabilities(want, vocab, p);
    log_probabilities(got, vocab, q);
    for (size_t i = 0; i < vocab; i++) l->divergence += exp(p[i]) * (p[i] - q[i]);
    const size_t first = best(want, vocab);
    const bool same = best(got, vocab) == first, sure = p[first] >= log(0.2);
    l->n++, l->same += same;
    l->n_sure += sure, l->same_sure += sure && same;
    free(p);
}

/* Much of these prompts is text in which any of a hundred words may follow: there the best token leads by less than the
 * activations' rounding, and it may change. Where something is expected it does not. */
TEST(its_fast_arithmetic_says_what_the_exact_one_says) {
    if (TEST_SLOWNESS > 1) SKIP("too many tokens for a sanitizer");
    model *m = open_mini();
    REQUIRE(m != NULL);
    const size_t vocab = model_shape(m)->n_vocab;
    reference r = {0};
    CHECK(reference_read(&r, vocab));
    likeness l = {0};
    for (size_t i = 0; i < r.n; i++) {
        const prompt *p = &r.at[i];
        if (p->n_tokens >= 2000) continue;
        const way exact = {.batch = 512, .threads = 2, .exact = true, .rounds = true};
        uint32_t *rows = every_row(0, p->n_tokens);
        float *want = logits_of(m, p, rows, p->n_tokens, exact, NULL);
        float *got = logits_of(m, p, rows, p->n_tokens, (way){.batch = 512, .threads = 2}, NULL);
        for (uint32_t k = 0; want && got && k < p->n_tokens; k++)
            compare_rows(&l, want + k * vocab, got + k * vocab, vocab);
        free(want), free(got), free(rows);
    }
    reference_free(&r);
    model_close(m);
    REQUIRE(l.n >= 1000 && l.n_sure >= 500);
    printf("%u tokens: divergence %.2g, the same best token in %.2f%%; in %.2f%% of the %u where "
           "one is expected\n",
           l.n, l.divergence / l.n, 100.0 * l.same / l.n, 100.0 * l.same_sure / l.n_sure, l.n_sure);
    CHECK_SAY(l.divergence / l.n <= 1e-3, "%g", l.divergence / l.n);
    CHECK_SAY(l.same_sure >= 0.99 * l.n_sure, "%u of %u", l.same_sure, l.n_sure);
}

/* Row i of both stands for the token behind token i; the draft block has seen the trunk one
 * position earlier only. On these prompts of chat they agree in 0.98 and 0.96 of the rows. */
TEST(its_draft_block_foretells_the_trunk) {
    model *m = open_mini();
    REQUIRE(m != NULL);
    REQUIRE(model_weights(m)->draft.present);
    const size_t vocab = model_shape(m)->n_vocab;
    reference r = {0};
    CHECK(reference_read(&r, vocab));
    uint32_t asked = 0;
    for (size_t i = 0; i < r.n; i++) {
        const prompt *p = &r.at[i];
        if (p->n_tokens >= (TEST_SLOWNESS > 1 ? SHORT_PROMPT : 1000)) continue;
        const uint32_t n = p->n_tokens - 1;
        uint32_t *rows = every_row(1, n), same = 0;
        float *draft = NULL,
              *trunk = logits_of(m, p, rows, n, (way){.batch = 512, .threads = 2, .draft = true},
                                 &draft);
        for (uint32_t k = 0; trunk && k < n; k++)
            same += best(trunk + k * vocab, vocab) == best(draft + k * vocab, vocab);
        CHECK_SAY(same >= 0.9 * n, "%u of %u rows", same, n);
        printf("%u tokens: the draft block's best token is the trunk's in %u of %u rows\n",
               p->n_tokens, same, n);
        free(trunk), free(draft), free(rows);
        asked++;
    }
    CHECK(asked > 0);
    reference_free(&r);
    model_close(m);
}

int main(int argc, char **argv) {
    const char *tail = strstr(argv[0], "/test/tests/");
    if (!tail) return 1;
    snprintf(data_folder, sizeof data_folder, "%.*s/data/mini", (int)(tail - argv[0]), argv[0]);
    return tests_run(argc, argv);
}
