/* test: what a unit test needs, and no more.
 *
 *     TEST(a_sentence_that_is_true) { CHECK(1 + 1 == 2); }
 *     TESTS_MAIN
 *
 * A program a file. A failed CHECK says where and goes on; the program prints one line a failed test and
 * ends with `N passed, M failed` as its last line, status 1 if any failed. Arguments choose tests by substring.
 * SKIP(reason) ends a test that this machine cannot run; it is counted and printed.
 */
#ifndef DS4_BASE_TEST_H
#define DS4_BASE_TEST_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct test_case {
    const char *name;
    void (*run)(void);
    struct test_case *next;
} test_case;

static test_case *test_list, **test_tail = &test_list;
static int test_bad, test_skipped;

#define TEST(name)                                                                                  \
    static void name(void);                                                                         \
    __attribute__((constructor)) static void name##_register(void) {                                \
        static test_case t = {#name, name, NULL};                                                   \
        *test_tail = &t;                                                                            \
        test_tail = &t.next;                                                                        \
    }                                                                                               \
    static void name(void)

#define CHECK(cond) CHECK_SAY(cond, "%s", "")
#define CHECK_SAY(cond, ...)                                                                        \
    do {                                                                                            \
        if (!(cond)) {                                                                              \
            fprintf(stderr, "%s:%d: CHECK(%s) failed ", __FILE__, __LINE__, #cond);                 \
            fprintf(stderr, __VA_ARGS__);                                                           \
            fputc('\n', stderr);                                                                    \
            test_bad++;                                                                             \
        }                                                                                           \
    } while (0)
/* For checks without which the rest of the test would crash. */
#define REQUIRE(cond)                                                                               \
    do {                                                                                            \
        const int bad_before = test_bad;                                                            \
        CHECK(cond); /* once: the condition may do something */                                     \
        if (test_bad != bad_before) return;                                                         \
    } while (0)
#define SKIP(reason)                                                                                \
    do {                                                                                            \
        printf("skipped: %s: %s\n", __func__, reason);                                              \
        test_skipped++;                                                                             \
        return;                                                                                     \
    } while (0)

/* Limits of time are for the program as it is delivered: CHECK(seconds < 1 * TEST_SLOWNESS). */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define TEST_SLOWNESS 20
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define TEST_SLOWNESS 20
#endif
#endif
#ifndef TEST_SLOWNESS
#define TEST_SLOWNESS 1
#endif

static int tests_run(int argc, char **argv) {
    int passed = 0, failed = 0;
    for (const test_case *t = test_list; t; t = t->next) {
        int wanted = argc < 2;
        for (int i = 1; i < argc; i++) wanted |= strstr(t->name, argv[i]) != NULL;
        if (!wanted) continue;
        const int skipped = test_skipped;
        test_bad = 0;
        t->run();
        if (test_bad) {
            failed++;
            printf("failed: %s\n", t->name);
        } else if (test_skipped == skipped) {
            passed++;
        }
        fflush(stdout);
    }
    printf("%d passed, %d failed", passed, failed);
    if (test_skipped) printf(", %d skipped", test_skipped);
    printf("\n");
    return failed != 0;
}

#define TESTS_MAIN                                                                                  \
    int main(int argc, char **argv) { return tests_run(argc, argv); }

#endif
