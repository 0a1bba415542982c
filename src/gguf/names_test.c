/* Finding names, also when their hashes are of no help. */
#include "base/test.h"
#include "gguf/names.h"

typedef struct thing {
    gguf_str name;
    int number;
} thing;

enum { N = 5000 };

static thing *things(char (*text)[16]) {
    thing *t = malloc(N * sizeof *t);
    if (!t) abort();
    for (int i = 0; i < N; i++) {
        snprintf(text[i], sizeof text[i], "n%d", i * 7919 % N);
        t[i] = (thing){{text[i], strlen(text[i])}, i * 7919 % N};
    }
    return t;
}

TEST(every_name_is_found_and_no_other) {
    static char text[N][16];
    thing *t = things(text);
    name_index x;
    REQUIRE(names_build(&x, t, sizeof *t, N));
    CHECK(names_repeated(&x) == NULL);
    char name[20];
    for (int i = 0; i < N; i++) {
        const size_t n = (size_t)snprintf(name, sizeof name, "n%d", i);
        const thing *found = names_find(&x, name, n);
        REQUIRE(found && found->number == i);
        if (i < 10) CHECK(names_find(&x, name, n - 1) == NULL);
        name[n] = '.';
        CHECK(names_find(&x, name, n + 1) == NULL);
    }
    CHECK(names_find(&x, "", 0) == NULL);
    names_free(&x);
    free(t);
}

TEST(any_repeated_name_is_noticed) {
    static char text[N][16];
    thing *t = things(text);
    for (int i = 1; i < N; i += 61) {
        const gguf_str was = t[i].name;
        t[i].name = t[N - 1].name;
        name_index x;
        REQUIRE(names_build(&x, t, sizeof *t, N));
        const gguf_str *twice = names_repeated(&x);
        CHECK(twice && twice->p == t[N - 1].name.p);
        names_free(&x);
        t[i].name = was;
    }
    free(t);
}

/* What a file made to collide would give: the names alone must then tell. */
TEST(names_of_one_hash_are_told_apart) {
    const gguf_str a = {"a", 1}, b = {"b", 1}, ab = {"ab", 2}, again = {"b", 1};
    name_entry same[] = {{5, &a}, {5, &ab}, {5, &b}};
    name_index collided = {same, 3};
    CHECK(names_repeated(&collided) == NULL);
    same[1].name = &b, same[2].name = &again;
    CHECK(names_repeated(&collided) == &again);
}

TEST(an_empty_index_finds_nothing) {
    name_index x;
    REQUIRE(names_build(&x, NULL, sizeof(thing), 0));
    CHECK(names_find(&x, "a", 1) == NULL && names_repeated(&x) == NULL);
    names_free(&x);
}

TESTS_MAIN
