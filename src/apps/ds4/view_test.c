/* The answer on the screen: what is styled, what must never happen, and that cuts do not matter. */
#include "apps/ds4/view.h"

#include "apps/ds4/view_oracle.h"
#include "base/test.h"

#define B "\033[0;1m"
#define I "\033[0;3m"
#define D "\033[0;2m"
#define C "\033[0;36m"
#define O "\033[0m"

static bool gives(const char *text, view_style style, const char *want) {
    char *got = view_shown(text, strlen(text), style, SIZE_MAX, NULL);
    const bool same = strcmp(got, want) == 0;
    if (!same) {
        char a[2000], b[2000];
        utf8_printable(a, sizeof a, want, strlen(want));
        utf8_printable(b, sizeof b, got, strlen(got));
        fprintf(stderr, "wanted %s\n   got %s\n", a, b);
    }
    free(got);
    return same;
}
#define STYLED(text, want) CHECK(gives(text, VIEW_STYLED, want))

TEST(plain_is_the_answer_byte_for_byte) {
    static const char text[] = "\1deep thought\2# *a* **b** `c` \x1b[31m \xff\xfe\r\n```x\n\ty";
    CHECK(gives(text, VIEW_PLAIN, strchr(text, 2) + 1));
    CHECK(gives("", VIEW_PLAIN, ""));
    CHECK(gives("\1only thinking", VIEW_PLAIN, ""));
}

TEST(inline_marks_are_styled_with_what_they_mark) {
    STYLED("a **b** c", "a " B "**b**" O " c\n");
    STYLED("*b* c\n", I "*b*" O " c\n");
    STYLED("use `x *y*` now", "use " C "`x *y*`" O " now\n");
    STYLED("``a`b``c", C "``a`b``" O "c\n");
    STYLED("`a\\` *b*", C "`a\\`" O " " I "*b*" O "\n");
    STYLED("***x*** y", "\033[0;1;3m***x***" O " y\n");
    STYLED("**a *b* c**", B "**a \033[0;1;3m*b*" B " c**" O "\n");
    STYLED("**`a`**", B "**\033[0;1;36m`a`" B "**" O "\n");
    STYLED("这是**重点**内容", "这是" B "**重点**" O "内容\n");
    STYLED("end**.**", "end" B "**.**" O "\n");
}

TEST(stars_that_are_no_marks_are_text) {
    STYLED("2 * 3 * 4", "2 * 3 * 4\n");
    STYLED("2*3*4 and 2**3", "2*3*4 and 2**3\n");
    STYLED("a ** b, **** c", "a ** b, **** c\n");
    STYLED("\\*a\\* \\`b\\`", "\\*a\\* \\`b\\`\n");
    STYLED("\\\\*a*", "\\\\" I "*a*" O "\n");
    STYLED("last *", "last *\n");
    STYLED("last `", "last `\n");
    STYLED("snake_case_name __x__", "snake_case_name __x__\n");
}

TEST(what_begins_a_line_is_styled) {
    STYLED("# A *b*\nc", B "# A \033[0;1;3m*b*" O "\nc\n");
    STYLED("###### A\n", B "###### A" O "\n");
    STYLED("####### A", "####### A\n");
    STYLED("#a #", "#a #\n");
    STYLED("C # D", "C # D\n");
    STYLED("* a\n* **b**\n- c\n1. d", "* a\n* " B "**b**" O "\n- c\n1. d\n");
    STYLED("***\n---\n", "***\n---\n");
    STYLED("~~a~~ ~", "~~a~~ ~\n");
}

TEST(fenced_code_is_left_alone) {
    STYLED("```c\n*a* `b` # **\n# no\n\n```\n*x*",
           D "```c" O "\n" C "*a* `b` # **" O "\n" C "# no" O "\n\n" D "```" O "\n" I "*x*" O "\n");
    STYLED("~~~\n```\n~~~\n**a**", D "~~~" O "\n" C "```" O "\n" D "~~~" O "\n" B "**a**" O "\n");
    STYLED("````\n```\n```` \nb", D "````" O "\n" C "```" O "\n" D "```` " O "\nb\n");
    STYLED("```\n``` a\n```", D "```" O "\n" D "``` " C "a" O "\n" D "```" O "\n");
    STYLED("1. x\n   ```\n   y\n   ```\nz",
           "1. x\n   " D "```" O "\n" C "   y" O "\n" C "   " D "```" O "\nz\n");
    STYLED("```a``` b", D "```a" C "```" O " b\n");
    STYLED("```a``` b\n*c*", D "```a" C "```" O " b\n" I "*c*" O "\n");
}

TEST(styles_end_with_the_line) {
    STYLED("**a\nb** c", B "**a" O "\nb** c\n");
    STYLED("`a\nb", C "`a" O "\nb\n");
    STYLED("*a", I "*a" O "\n");
    STYLED("\\\n*a*", "\\\n" I "*a*" O "\n");
}

TEST(thinking_is_dim_and_stands_apart) {
    STYLED("\1a *b*\n\n`c\2d", D "a *b*" O "\n\n" D "`c" O "\n\nd\n");
    STYLED("\1a\n\2*d*\1e", D "a" O "\n\n" I "*d*" O "\n\n" D "e" O "\n");
    CHECK(gives("\1a\2**b**", VIEW_BARE, "a\n\n**b**\n"));
}

TEST(the_text_cannot_drive_the_terminal) {
    STYLED("\x1b[2J\x07\x7f\r", "\\x1b[2J\\x07\\x7f\\x0d\n");
    STYLED("\xc2\x9b 31m", "\\u{9b} 31m\n");
    STYLED("a\xe2\x80\xae" "b\xe2\x81\xa6", "a\\u{202e}b\\u{2066}\n");
    STYLED("a\xe2\x80\xa8" "b", "a\\u{2028}b\n");
    STYLED("a\xff\xe2\x82", "a\xef\xbf\xbd\xef\xbf\xbd\n");
    STYLED("\1\x1b]0;x\x07", D "\\x1b]0;x\\x07" O "\n");
    CHECK(gives("\x1b[1m\xc2\x85", VIEW_BARE, "\\x1b[1m\\u{85}\n"));
    STYLED("```\n\x1b[0m", D "```" O "\n" C "\\x1b[0m" O "\n");
}

TEST(other_characters_pass) {
    STYLED("e\xcc\x81 \xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x91\xa7 \xe4\xb8\xad\t\xd7\x90",
           "e\xcc\x81 \xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x91\xa7 \xe4\xb8\xad\t\xd7\x90\n");
}

TEST(text_appears_as_soon_as_it_can) {
    char *out = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&out, &size);
    view *v = view_new(f, VIEW_BARE);
    const struct {
        const char *piece, *so_far;
    } steps[] = {{"a", "a"},       {"*", "a"},          {"*", "a"},
                 {"b", "a**b"},    {"\xe4\xb8", "a**b"}, {"\xad", "a**b\xe4\xb8\xad"},
                 {"`", "a**b\xe4\xb8\xad"}};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        view_text(v, false, steps[i].piece, strlen(steps[i].piece));
        CHECK_SAY(strcmp(out, steps[i].so_far) == 0, "%zu: %s", i, out);
    }
    CHECK(view_end(v));
    fclose(f);
    CHECK(strcmp(out, "a**b\xe4\xb8\xad`\n") == 0);
    free(out);
}

/* ---- any text: what must hold whatever it is ---- */

TEST(cuts_and_styles_never_change_the_text) {
    static const char *const words[] = {
        "*",  "**", "***", "`",  "``",   "```",  "````", "~~~", "#",   "##",  " ",        "  ",
        "\n", "\n", "\t",  "a",  "b1",   ".",    "\\",   "- ",  "\1",  "\2",  "\x1b[31m", "\r",
        "\xe4\xb8\xad",    "\xc2\x9b",   "\xff", "\xe2", "e\xcc\x81",  "\xe2\x80\xae",    "(x)"};
    uint64_t seed = 88172645463325252u;
    const int rounds = 20000 / TEST_SLOWNESS;
    for (int r = 0; r < rounds; r++) {
        char text[256];
        size_t n = 0;
        for (;;) {
            seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
            const char *w = words[(seed >> 20) % (sizeof words / sizeof *words)];
            if (n + strlen(w) > sizeof text || (seed >> 50) % 40 == 0) break;
            memcpy(text + n, w, strlen(w));
            n += strlen(w);
        }
        const bool good = view_holds(text, n);
        if (!good) {
            char a[2000];
            utf8_printable(a, sizeof a, text, n);
            CHECK_SAY(good, "%s", a);
            return;
        }
    }
}

TEST(every_cut_in_two_gives_the_same) {
    static const char text[] = "\1hm **x\n\2# T\n**a *b* `c*d`** \xf0\x9f\x8d\x80\n```py\nx = `1`\n"
                               "```\n* z\x1b[1m \xe4\xb8\xad**\xe5\xad\x97**\n~~~~\n~~~\n~~~~ e";
    char *whole = view_shown(text, sizeof text - 1, VIEW_STYLED, SIZE_MAX, NULL);
    for (size_t cut = 1; cut < sizeof text - 1; cut++) {
        char *out = NULL;
        size_t size = 0;
        FILE *f = open_memstream(&out, &size);
        view *v = view_new(f, VIEW_STYLED);
        const char *answer = strchr(text, 2) + 1;
        const size_t n_think = (size_t)(answer - text) - 2, n = sizeof text - 1;
        const size_t first = cut < n_think ? cut : n_think;
        view_text(v, true, text + 1, first);
        view_text(v, true, text + 1 + first, n_think - first);
        const size_t rest = n - n_think - 2, at = cut < rest ? cut : rest;
        view_text(v, false, answer, at);
        view_text(v, false, answer + at, rest - at);
        CHECK(view_end(v));
        fclose(f);
        CHECK_SAY(strcmp(out, whole) == 0, "cut at %zu", cut);
        free(out);
    }
    free(whole);
}

TEST(a_stream_that_cannot_be_written_is_told) {
    FILE *f = fopen("/dev/full", "w");
    if (!f) SKIP("there is no /dev/full here");
    view *v = view_new(f, VIEW_PLAIN);
    view_text(v, false, "a", 1);
    CHECK(view_failed(v));
    CHECK(!view_end(v));
    fclose(f);
    view_text(NULL, false, "a", 1);
    CHECK(view_failed(NULL) && !view_end(NULL));
}

TESTS_MAIN
