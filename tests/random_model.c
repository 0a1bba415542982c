/* random_model PATH RECIPE SEED [draft]: a small model with random weights for test scripts: every
 * kind of layer, a vocabulary of 512, no tokeniser. RECIPE is f32, q8, q2 or q4, as the published
 * files have them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/random.h"

int main(int argc, char **argv) {
    static const char *const recipes[] = {"f32", "q8", "q2", "q4"};
    static const random_recipe each[] = {RANDOM_F32, RANDOM_Q8, RANDOM_Q2, RANDOM_Q4};
    random_spec spec = {.shape = random_small_shape()};
    int recipe = -1;
    for (int i = 0; i < 4 && argc > 2; i++)
        if (strcmp(argv[2], recipes[i]) == 0) recipe = i;
    if (argc < 4 || argc > 5 || recipe < 0 || (argc == 5 && strcmp(argv[4], "draft") != 0)) {
        fprintf(stderr, "usage: random_model PATH f32|q8|q2|q4 SEED [draft]\n");
        return 2;
    }
    spec.recipe = each[recipe];
    spec.seed = strtoull(argv[3], NULL, 10);
    spec.draft = argc == 5;
    err e = {0};
    if (random_model_write(argv[1], &spec, &e) == OK) return 0;
    fprintf(stderr, "random_model: %s\n", e.text);
    return 1;
}
