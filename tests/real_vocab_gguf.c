/* real_vocab_gguf OUT [MODEL.gguf | random]: a GGUF with the vocabulary of DeepSeek V4 Flash, for
 * tests that run the programs.
 *
 *     OUT                 the keys of a tokeniser, and not a single tensor
 *     OUT MODEL.gguf      all keys and tensors of that model besides, for a model that has 129280
 *                         tokens but no words for them
 *     OUT random          the same with a small model of random weights, about 10 MB
 *
 * Reads the test data of the build it belongs to: B/test/tests/real_vocab_gguf, B/data/tokenizer.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gguf/gguf.h"
#include "model/random.h"
#include "text/real_vocab.h"

#define PREFIX "tokenizer.ggml."

static void put_vocabulary(gguf_writer *w, const real_vocab *v) {
    const size_t n_most = v->v.n_tokens > v->v.n_merges ? v->v.n_tokens : v->v.n_merges;
    gguf_str *s = calloc(n_most, sizeof *s);
    if (!s) abort();
    for (size_t i = 0; i < v->v.n_tokens; i++) s[i] = (gguf_str){v->tokens[i].p, v->tokens[i].n};
    gguf_put_string(w, PREFIX "model", "gpt2", 4);
    gguf_put_string(w, PREFIX "pre", "joyai-llm", 9);
    gguf_put_strings(w, PREFIX "tokens", s, v->v.n_tokens);
    gguf_put_i32s(w, PREFIX "token_type", v->types, v->v.n_tokens);
    for (size_t i = 0; i < v->v.n_merges; i++) s[i] = (gguf_str){v->merges[i].p, v->merges[i].n};
    gguf_put_strings(w, PREFIX "merges", s, v->v.n_merges);
    gguf_put_u32(w, PREFIX "bos_token_id", (uint32_t)v->v.bos);
    gguf_put_u32(w, PREFIX "eos_token_id", (uint32_t)v->v.eos);
    gguf_put_u32(w, PREFIX "padding_token_id", (uint32_t)v->v.pad);
    free(s);
}

static void put_model_keys(gguf_writer *w, const gguf *g) {
    const size_t n = sizeof PREFIX - 1;
    for (uint64_t i = 0; i < gguf_n_keys(g); i++) {
        const gguf_key *k = gguf_key_at(g, i);
        if (k->name.n < n || memcmp(k->name.p, PREFIX, n) != 0) gguf_put_copy(w, k);
    }
}

static void declare_tensors(gguf_writer *w, const gguf *g) {
    for (uint64_t i = 0; i < gguf_n_tensors(g); i++) {
        const gguf_tensor *t = gguf_tensor_at(g, i);
        char name[1025];
        snprintf(name, sizeof name, "%.*s", (int)t->name.n, t->name.p);
        gguf_declare(w, name, t->type->id, t->n_dims, t->ne);
    }
}

static status write_data(gguf_writer *w, const gguf *g, err *e) {
    status st = OK;
    for (uint64_t i = 0; i < gguf_n_tensors(g) && st == OK; i++)
        st = gguf_data(w, gguf_tensor_at(g, i)->data, (size_t)gguf_tensor_at(g, i)->bytes, e);
    return st;
}

static status write_all(const char *out, const real_vocab *v, const gguf *model, err *e) {
    gguf_writer *w;
    status st = gguf_create(&w, out, e);
    if (st != OK) return st;
    if (model) {
        put_model_keys(w, model);
    } else {
        gguf_put_string(w, "general.architecture", "deepseek4", 9);
        gguf_put_string(w, "general.name", "words only", 10);
    }
    put_vocabulary(w, v);
    if (model) declare_tensors(w, model);
    st = gguf_begin(w, e);
    if (st == OK && model) st = write_data(w, model, e);
    if (st == OK) return gguf_finish(w, e);
    gguf_abort(w);
    return st;
}

/* As small as layers of every kind allow; most of it is the two tables of words. */
static status write_random(const char *path, err *e) {
    random_spec spec = {.shape = random_small_shape(), .recipe = RANDOM_Q8, .seed = 7};
    shape *s = &spec.shape;
    s->n_vocab = 129280;
    s->d_model = 32;
    s->n_heads = 2;
    s->head_dim = 32;
    s->q_rank = s->ff_dim = s->ix_dim = 32;
    s->o_rank = 16;
    s->ix_heads = 4;
    s->n_experts = 4;
    s->n_used = 2;
    return random_model_write(path, &spec, e);
}

int main(int argc, char **argv) {
    char folder[1024], scratch[1200] = "";
    real_vocab v = {0};
    gguf *model = NULL;
    err e = {0};
    if (argc < 2 || argc > 3) {
        fprintf(stderr, "usage: real_vocab_gguf OUT [MODEL.gguf | random]\n");
        return 2;
    }
    const char *from = argc > 2 ? argv[2] : NULL;
    status st = real_vocab_load(&v, real_vocab_folder(folder, argv[0], 2), &e);
    if (st == OK && from && strcmp(from, "random") == 0) {
        snprintf(scratch, sizeof scratch, "%s.weights", argv[1]);
        from = scratch;
        st = write_random(scratch, &e);
    }
    if (st == OK && from) st = gguf_open(&model, from, &e);
    if (st == OK) st = write_all(argv[1], &v, model, &e);
    gguf_close(model);
    if (*scratch) unlink(scratch);
    real_vocab_free(&v);
    if (st == OK) return 0;
    fprintf(stderr, "%s\n", e.text);
    return 1;
}
