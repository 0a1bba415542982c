/* random_model PATH RECIPE SEED [draft] [slice]: a model with random weights for test scripts: every
 * kind of layer, a vocabulary of 512, no tokeniser. RECIPE is f32, q8, q2 or q4, as the published
 * files have them. It is small, or a slice of the large one: its dimensions, and of its layers and
 * experts a few (f32: 7 GB). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/random.h"

static shape slice_shape(void) {
    shape s = random_small_shape();
    s.n_layers = 3, s.d_model = 4096, s.n_heads = 64, s.head_dim = 512, s.rope_dim = 64;
    s.q_rank = 1024, s.o_groups = 8, s.o_rank = 1024, s.window = 128;
    s.ix_heads = 64, s.ix_dim = 128, s.ix_top_k = 512;
    s.n_used = 6, s.ff_dim = 2048;
    return s; /* ratios 0, 4, 128; 16 experts */
}

int main(int argc, char **argv) {
    static const char *const recipes[] = {"f32", "q8", "q2", "q4"};
    static const random_recipe each[] = {RANDOM_F32, RANDOM_Q8, RANDOM_Q2, RANDOM_Q4};
    random_spec spec = {.shape = random_small_shape()};
    int recipe = -1;
    for (int i = 0; i < 4 && argc > 2; i++)
        if (strcmp(argv[2], recipes[i]) == 0) recipe = i;
    for (int i = 4; i < argc; i++) {
        if (strcmp(argv[i], "draft") == 0)
            spec.draft = true;
        else if (strcmp(argv[i], "slice") == 0)
            spec.shape = slice_shape();
        else
            recipe = -1;
    }
    if (argc < 4 || recipe < 0) {
        fprintf(stderr, "usage: random_model PATH f32|q8|q2|q4 SEED [draft] [slice]\n");
        return 2;
    }
    spec.recipe = each[recipe];
    spec.seed = strtoull(argv[3], NULL, 10);
    err e = {0};
    if (random_model_write(argv[1], &spec, &e) == OK) return 0;
    fprintf(stderr, "random_model: %s\n", e.text);
    return 1;
}
