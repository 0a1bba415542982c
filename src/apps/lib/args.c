/* args.c: two walks over the line, one that judges and one that stores (I1). */
#include "apps/lib/args.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "apps/lib/say.h"

static bool is_end(const arg *a) {
    return !a->name && !a->alias;
}
static const char *shown(const arg *a) {
    return a->name ? a->name : a->alias;
}
static bool takes_value(const arg *a) {
    return a->kind != ARG_FLAG && a->kind != ARG_SET;
}

/* Whether `word` is option `name`, perhaps with "=value" behind it (then *value points at it). */
static bool spells(const char *word, const char *name, const char **value) {
    const size_t n = name ? strlen(name) : 0;
    if (!name || strncmp(word, name, n) != 0 || (word[n] != 0 && word[n] != '=')) return false;
    *value = word[n] ? word + n + 1 : NULL;
    return true;
}

static const arg *find(const arg *table, const char *word, const char **value) {
    for (const arg *a = table; !is_end(a); a++)
        if (spells(word, a->name, value) || spells(word, a->alias, value)) return a;
    return NULL;
}

static bool asks(const char *word, args_wish *wish) {
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
        *wish = ARGS_HELP;
    else if (strcmp(word, "--version") == 0)
        *wish = ARGS_VERSION;
    else
        return false;
    return true;
}

/* "a, b or c" */
static void list_choices(char *out, size_t cap, const char *const *choices) {
    size_t used = 0;
    out[0] = 0;
    for (size_t i = 0; choices[i] && used < cap; i++) {
        const char *sep = i == 0 ? "" : choices[i + 1] ? ", " : " or ";
        const int n = snprintf(out + used, cap - used, "%s%s", sep, choices[i]);
        if (n < 0) return;
        used += (size_t)n;
    }
}

static status store_u64(const arg *a, const char *v, bool store, err *e) {
    const uint64_t max = a->max ? a->max : UINT64_MAX;
    bool good = *v != 0;
    for (const char *p = v; *p; p++) good &= *p >= '0' && *p <= '9';
    errno = 0;
    const unsigned long long n = strtoull(v, NULL, 10);
    if (!good || errno == ERANGE || n < a->min || n > max) {
        if (max == UINT64_MAX)
            return fail(e, E_USAGE, "%s %s: a whole number of at least %" PRIu64 " is expected",
                        shown(a), v, a->min);
        return fail(e, E_USAGE, "%s %s: a whole number from %" PRIu64 " to %" PRIu64 " is expected",
                    shown(a), v, a->min, max);
    }
    if (store) *(uint64_t *)a->to = n;
    return OK;
}

static status store_f64(const arg *a, const char *v, bool store, err *e) {
    const bool any = a->f_min == 0 && a->f_max == 0;
    bool good = *v != 0;
    for (const char *p = v; *p; p++)
        good &= strchr("0123456789+-.eE", *p) != NULL; /* no "nan", "inf", hex, spaces */
    char *end = NULL;
    const double x = strtod(v, &end);
    good = good && *end == 0 && isfinite(x);
    if (!good) return fail(e, E_USAGE, "%s %s: a number is expected", shown(a), v);
    if (!any && (x < a->f_min || x > a->f_max))
        return fail(e, E_USAGE, "%s %s: a number from %g to %g is expected", shown(a), v, a->f_min,
                    a->f_max);
    if (store) *(double *)a->to = x;
    return OK;
}

static status store_choice(const arg *a, const char *v, bool store, err *e) {
    for (int i = 0; a->choices[i]; i++) {
        if (strcmp(a->choices[i], v) != 0) continue;
        if (store) *(int *)a->to = i;
        return OK;
    }
    char all[200];
    list_choices(all, sizeof all, a->choices);
    return fail(e, E_USAGE, "%s %s: expected %s", shown(a), v, all);
}

static status store_value(const arg *a, const char *v, bool store, err *e) {
    status st = OK;
    switch (a->kind) {
    case ARG_FLAG:
        if (store) *(bool *)a->to = true;
        break;
    case ARG_SET:
        if (store) *(int *)a->to = a->set;
        break;
    case ARG_STRING:
        if (store) *(const char **)a->to = v;
        break;
    case ARG_LIST: {
        args_words *l = a->to;
        if (store && l->n < ARGS_WORDS) l->at[l->n++] = v; /* walk has counted them */
        break;
    }
    case ARG_CHOICE:
        st = store_choice(a, v, store, e);
        break;
    case ARG_U64:
        st = store_u64(a, v, store, e);
        break;
    case ARG_F64:
        st = store_f64(a, v, store, e);
        break;
    }
    if (st == OK && store && a->given) *a->given = true;
    return st;
}

/* One option; *i stands on it and is moved over its value. */
static status read_option(const args_spec *s, const arg *a, const char *value, int argc,
                          char **argv, int *i, bool store, err *e) {
    if (!takes_value(a)) {
        if (value) return fail(e, E_USAGE, "%s takes no value (found '%s')", shown(a), value);
        return store_value(a, NULL, store, e);
    }
    if (!value) {
        const char *next = *i + 1 < argc ? argv[*i + 1] : NULL, *rest = NULL;
        args_wish w;
        if (!next) return fail(e, E_USAGE, "%s needs a value; see %s --help", shown(a), s->program);
        if (asks(next, &w) || (find(s->table, next, &rest) && !rest))
            return fail(e, E_USAGE,
                        "%s needs a value, but the option %s follows (if it is meant: %s=%s)",
                        shown(a), next, shown(a), next);
        value = next;
        ++*i;
    }
    return store_value(a, value, store, e);
}

static status add_word(const args_spec *s, args_words *words, const char *word, err *e) {
    if (words->n == s->max_words || words->n == ARGS_WORDS) {
        if (s->max_words == 0)
            return fail(e, E_USAGE, "'%s': no such argument; see %s --help", word, s->program);
        return fail(e, E_USAGE, "'%s' is one argument too many; usage: %s %s", word, s->program,
                    s->synopsis);
    }
    words->at[words->n++] = word;
    return OK;
}

/* One walk over the line: with `store` false it only judges. */
static status walk(const args_spec *s, int argc, char **argv, args_words *words, args_wish *wish,
                   bool store, err *e) {
    bool only_words = false;
    size_t listed = 0; /* values of all lists together: each of them has room for so many */
    words->n = 0;
    *wish = ARGS_RUN;
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i], *value = NULL;
        status st;
        if (only_words || word[0] != '-' || word[1] == 0) {
            st = add_word(s, words, word, e);
        } else if (strcmp(word, "--") == 0) {
            only_words = true;
            st = OK;
        } else if (asks(word, wish)) {
            return OK;
        } else {
            const arg *a = find(s->table, word, &value);
            if (!a)
                st = fail(e, E_USAGE, "unknown option %s; see %s --help", word, s->program);
            else if (a->kind == ARG_LIST && ++listed > ARGS_WORDS)
                st = fail(e, E_USAGE, "%s: more than %d values", shown(a), ARGS_WORDS);
            else
                st = read_option(s, a, value, argc, argv, &i, store, e);
        }
        if (st != OK) return st;
    }
    return OK;
}

/* Whether the line holds option a: what `required` asks. */
static bool was_given(const args_spec *s, const arg *a, int argc, char **argv) {
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        const char *value = NULL;
        const arg *found = argv[i][0] == '-' ? find(s->table, argv[i], &value) : NULL;
        if (found == a) return true;
        if (found && takes_value(found) && !value) i++;
    }
    return false;
}

status args_parse(const args_spec *s, int argc, char **argv, args_words *words, args_wish *wish,
                  err *e) {
    args_words w;
    args_wish asked;
    status st = walk(s, argc, argv, &w, &asked, false, e);
    if (st != OK) return st;
    if (asked == ARGS_RUN) {
        if (w.n < s->min_words)
            return fail(e, E_USAGE, "%s is missing; usage: %s %s",
                        s->words_are ? s->words_are : "an argument", s->program, s->synopsis);
        for (const arg *a = s->table; !is_end(a); a++)
            if (a->required && !was_given(s, a, argc, argv))
                return fail(e, E_USAGE, "%s is missing; usage: %s %s",
                            a->alias ? a->alias : a->name, s->program, s->synopsis);
        st = walk(s, argc, argv, &w, &asked, true, e);
        if (st != OK) return st;
    }
    *words = w;
    *wish = asked;
    return OK;
}

static const char *value_name(const arg *a) {
    if (a->value) return a->value;
    switch (a->kind) {
    case ARG_U64:
        return "N";
    case ARG_F64:
        return "X";
    default:
        return "TEXT";
    }
}

/* "  -o, --out FILE" */
static void left_column(char *out, size_t cap, const arg *a) {
    char value[160] = "";
    if (a->kind == ARG_CHOICE && !a->value) {
        size_t used = 0;
        for (size_t i = 0; a->choices[i] && used < sizeof value; i++) {
            const int n =
                snprintf(value + used, sizeof value - used, "%s%s", i ? "|" : " ", a->choices[i]);
            if (n < 0) break;
            used += (size_t)n;
        }
    } else if (takes_value(a)) {
        snprintf(value, sizeof value, " %s", value_name(a));
    }
    snprintf(out, cap, "  %s%s%s%s", a->alias ? a->alias : "", a->alias && a->name ? ", " : "",
             a->name ? a->name : "", value);
}

/* " (default: 8)", when the target says one. */
static void default_text(char *out, size_t cap, const arg *a) {
    out[0] = 0;
    switch (a->kind) {
    case ARG_STRING:
        if (*(const char **)a->to) snprintf(out, cap, " (default: %s)", *(const char **)a->to);
        break;
    case ARG_CHOICE:
        if (*(int *)a->to >= 0) snprintf(out, cap, " (default: %s)", a->choices[*(int *)a->to]);
        break;
    case ARG_U64:
        if (*(uint64_t *)a->to) snprintf(out, cap, " (default: %" PRIu64 ")", *(uint64_t *)a->to);
        break;
    case ARG_F64:
        if (!isnan(*(double *)a->to)) snprintf(out, cap, " (default: %g)", *(double *)a->to);
        break;
    case ARG_FLAG:
    case ARG_SET:
    case ARG_LIST:
        break;
    }
}

void args_help(FILE *to, const args_spec *s) {
    fprintf(to, "usage: %s %s\n", s->program, s->synopsis);
    if (s->about) fprintf(to, "\n%s\n", s->about);
    for (const arg *a = s->table; !is_end(a); a++) {
        char left[200], def[100];
        left_column(left, sizeof left, a);
        default_text(def, sizeof def, a);
        if (a->group) fprintf(to, "\n%s:\n", a->group);
        fprintf(to, "%-28s  %s%s\n", left, a->help ? a->help : "", def);
    }
    fprintf(to, "\n%-28s  %s\n%-28s  %s\n", "  -h, --help", "this text", "  --version",
            "the version");
}

bool args_start(const args_spec *s, int argc, char **argv, args_words *words, int *exit_status) {
    err e;
    args_wish wish;
    if (args_parse(s, argc, argv, words, &wish, &e) != OK) {
        *exit_status = say_error(&e);
        return true;
    }
    if (wish == ARGS_RUN) return false;
    if (wish == ARGS_HELP)
        args_help(stdout, s);
    else
        printf("%s %s\n", s->program, DS4_VERSION);
    *exit_status = 0;
    if (fflush(stdout) != 0) {
        fail(&e, E_IO, "cannot write to stdout");
        *exit_status = say_error(&e);
    }
    return true;
}
