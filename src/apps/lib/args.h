/* args: command lines, from a table.
 *
 * A program describes its options once, in groups; parsing, --help and the words of every refusal
 * come from that table:
 *
 *     static const char *const types[] = {"f32", "f16", NULL};
 *     struct { const char *out; int type; uint64_t threads; bool keep; } o = {.threads = 4};
 *     const arg table[] = {
 *         {.group = "Output", .name = "--out", .alias = "-o", .kind = ARG_STRING, .to = &o.out,
 *          .value = "FILE", .help = "where to write", .required = true},
 *         {.name = "--type", .kind = ARG_CHOICE, .to = &o.type, .choices = types},
 *         {.name = "--threads", .kind = ARG_U64, .to = &o.threads, .min = 1, .max = 256},
 *         {.name = "--keep", .kind = ARG_FLAG, .to = &o.keep, .help = "..."},
 *         {0}};
 *     const args_spec spec = {.program = "ds4-thing", .synopsis = "IN -o FILE", .about = "...",
 *                             .table = table, .max_words = 1};
 *     args_words in;
 *     int rc;
 *     if (args_start(&spec, argc, argv, &in, &rc)) return rc;
 *
 * On the command line: `--name VALUE` or `--name=VALUE` (`-n VALUE` or `-n=VALUE`), words in any
 * place, `--` before words that begin with a dash. An option given twice: the last one counts.
 * `-h`, `--help` and `--version` are always there. A value that spells another option of the table
 * is taken for a forgotten value (`-p --stats`); `-p=--stats` is the way to mean it.
 *
 * I1  Targets hold their defaults before, and are written only when the whole line is sound; so
 *     --help shows true defaults.
 * I2  Strings are borrowed from argv.
 */
#ifndef DS4_APPS_LIB_ARGS_H
#define DS4_APPS_LIB_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/status.h"

typedef enum arg_kind {
    ARG_FLAG,   /* bool         true when given                                         */
    ARG_SET,    /* int          becomes `set`; several options may share one target     */
    ARG_STRING, /* const char * the value                                               */
    ARG_LIST,   /* args_words   one value more each time it is given                    */
    ARG_CHOICE, /* int          the index of the value in `choices`                     */
    ARG_U64,    /* uint64_t     decimal, min..max (max 0: no upper limit)               */
    ARG_F64     /* double       finite, f_min..f_max (both 0: any); NaN: no default     */
} arg_kind;

typedef struct arg {
    const char *group; /* heading before this option in --help; NULL: as before     */
    const char *name;  /* "--ctx"; NULL: only a short one. A row with neither ends it */
    const char *alias; /* "-c" or NULL                                                 */
    arg_kind kind;
    void *to;          /* of the kind's type                                           */
    bool *given;       /* set to true when the option was given; may be NULL           */
    bool required;
    const char *value; /* what --help calls the value: "N", "FILE" (default: by kind)  */
    const char *help;  /* one line; the default is added from *to where it says much   */
    int set;
    const char *const *choices; /* ends with NULL */
    uint64_t min, max;
    double f_min, f_max;
} arg;

#define ARGS_WORDS 64

typedef struct args_words {
    const char *at[ARGS_WORDS];
    size_t n;
} args_words;

typedef struct args_spec {
    const char *program;  /* "ds4-convert"                                      */
    const char *synopsis; /* what follows the program's name on the usage line  */
    const char *about;    /* one or more lines under it; may be NULL            */
    const arg *table;
    size_t min_words, max_words; /* words that belong to no option          */
    const char *words_are;       /* how errors call them: "HF_DIR"          */
} args_spec;

/* What the line asked for. */
typedef enum args_wish { ARGS_RUN, ARGS_HELP, ARGS_VERSION } args_wish;

/* Reads the line (argv[0] is skipped). E_USAGE with one line that names the option, else *wish. */
status args_parse(const args_spec *s, int argc, char **argv, args_words *words, args_wish *wish,
                  err *e);

/* The --help text. Call it while the targets hold their defaults. */
void args_help(FILE *to, const args_spec *s);

/* All of the above for a main(): parses, answers --help and --version, tells errors on stderr.
 * True: the program ends here with *exit_status; false: go on. */
bool args_start(const args_spec *s, int argc, char **argv, args_words *words, int *exit_status);

#endif
