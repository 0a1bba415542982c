/* The command-line table: what is accepted, what is refused, and that a refusal stores nothing. */
#include "apps/lib/args.h"
#include "base/test.h"

typedef struct options {
    const char *out;
    int type, think;
    uint64_t n;
    double temp;
    bool keep, temp_given;
    args_words list;
} options;

static options got;
static args_words words;
static args_wish wish;
static err why;

/* Parses a line of words separated by blanks. */
static status parse(const char *line) {
    static const char *const types[] = {"f32", "f16", "native", NULL};
    static options o;
    static char text[1200];
    char *argv[100] = {(char[]){"ds4-thing"}};
    int argc = 1;
    snprintf(text, sizeof text, "%s", line);
    for (char *p = strtok(text, " "); p; p = strtok(NULL, " ")) argv[argc++] = p;
    o = (options){.type = 2, .n = 7, .temp = 1};
    const arg table[] = {
        {.group = "Output", .name = "--out", .alias = "-o", .kind = ARG_STRING, .to = &o.out},
        {.name = "--type", .kind = ARG_CHOICE, .to = &o.type, .choices = types},
        {.alias = "-n", .kind = ARG_U64, .to = &o.n, .min = 1, .max = 100, .value = "COUNT"},
        {.name = "--temp", .kind = ARG_F64, .to = &o.temp, .f_max = 2, .given = &o.temp_given},
        {.name = "--keep", .kind = ARG_FLAG, .to = &o.keep, .help = "keeps it"},
        {.name = "--think", .kind = ARG_SET, .to = &o.think, .set = 1},
        {.name = "--nothink", .kind = ARG_SET, .to = &o.think, .set = 2},
        {.name = "--tensor", .kind = ARG_LIST, .to = &o.list},
        {.name = "--need", .kind = ARG_STRING, .to = &o.out, .required = strstr(line, "REQ")},
        {0}};
    const args_spec spec = {.program = "ds4-thing",
                            .synopsis = "[IN]",
                            .table = table,
                            .max_words = 2,
                            .min_words = strstr(line, "TWO") ? 2 : 0,
                            .words_are = "IN"};
    words.n = 0;
    wish = ARGS_RUN;
    const status st = args_parse(&spec, argc, argv, &words, &wish, &why);
    got = o;
    return st;
}

TEST(values_arrive_in_both_spellings) {
    CHECK(parse("a -o x --type f16 -n=9 --temp .5 --keep b --nothink") == OK);
    CHECK(strcmp(got.out, "x") == 0 && got.type == 1 && got.n == 9 && got.temp == 0.5);
    CHECK(got.keep && got.think == 2 && got.temp_given);
    CHECK(words.n == 2 && strcmp(words.at[0], "a") == 0 && strcmp(words.at[1], "b") == 0);
    CHECK(parse("--out=-x=y --tensor a=b --tensor=c=d -- --keep -") == OK);
    CHECK(strcmp(got.out, "-x=y") == 0 && !got.keep && !got.temp_given);
    CHECK(got.list.n == 2 && strcmp(got.list.at[1], "c=d") == 0);
    CHECK(words.n == 2 && strcmp(words.at[0], "--keep") == 0 && strcmp(words.at[1], "-") == 0);
}

TEST(the_last_of_two_counts) {
    CHECK(parse("-n 3 --think -n 4 --nothink --think") == OK);
    CHECK(got.n == 4 && got.think == 1);
}

TEST(a_refusal_names_the_option_and_stores_nothing) {
    static const char *const lines[][2] = {
        {"--keep --wrong", "--wrong"},
        {"--keep -n", "-n needs a value"},
        {"--keep -n 0", "-n 0"},
        {"--keep -n 101", "1 to 100"},
        {"--keep -n -1", "-n -1"},
        {"--keep -n 1x", "-n 1x"},
        {"--keep -n=", "-n"},
        {"--keep -n 99999999999999999999999", "-n 9999"},
        {"--keep --temp nan", "--temp nan"},
        {"--keep --temp 0x1p1", "--temp 0x1p1"},
        {"--keep --temp 2.5", "0 to 2"},
        {"--keep --temp 1e999", "--temp 1e999"},
        {"--keep --type q9", "f32, f16 or native"},
        {"--keep=yes", "--keep takes no value"},
        {"--keep --out --think", "--out needs a value"},
        {"--keep --out --help", "--out needs a value"},
        {"--keep a b c", "'c'"},
        {"--keep --ty f16", "--ty"},
        {"--keep TWO", "IN is missing"},
        {"--keep REQ", "--need is missing"},
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        CHECK_SAY(parse(lines[i][0]) == E_USAGE, "%s", lines[i][0]);
        CHECK_SAY(strstr(why.text, lines[i][1]), "%s -> %s", lines[i][0], why.text);
        CHECK_SAY(!got.keep && words.n == 0, "%s", lines[i][0]);
    }
}

TEST(a_list_has_an_end) {
    char line[1200] = "--keep";
    for (int i = 0; i < ARGS_WORDS; i++) strcat(line, " --tensor=x");
    CHECK(parse(line) == OK && got.list.n == ARGS_WORDS && got.keep);
    strcat(line, " --tensor=x");
    CHECK(parse(line) == E_USAGE && got.list.n == 0 && !got.keep);
    CHECK_SAY(strstr(why.text, "--tensor: more than 64"), "%s", why.text);
}

TEST(help_is_an_answer_wherever_nothing_wrong_stands_before_it) {
    CHECK(parse("-n 5 --help --wrong") == OK && wish == ARGS_HELP && got.n == 7);
    CHECK(parse("-h") == OK && wish == ARGS_HELP);
    CHECK(parse("REQ --version") == OK && wish == ARGS_VERSION);
    CHECK(parse("--wrong --help") == E_USAGE);
}

TESTS_MAIN
