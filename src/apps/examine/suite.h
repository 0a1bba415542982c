/* suite: the questions of an examination, one JSON object a line.
 *
 *     {"id": "arith.add2/3", "skill": "arith.add2", "thinking": true, "max_tokens": 200,
 *      "messages": [...], "tools": [...],      as in an OpenAI request, up to the turn in question
 *      "expect": {"kind": "number", "value": 42}}
 *
 *     kind      value          what is expected of the answer's text
 *     number    a number       the last number in it
 *     exact     a text         all of it, blanks at its ends aside
 *     contains  a text         somewhere in it, capitals or not
 *     regex     a text         a POSIX extended regular expression finds something in it (at most
 *                              1000 bytes, {counts} of at most 10000 multiplied with each other)
 *     calls     [{"name", "arguments": {...}}]      of its calls, in order; no text is expected
 *     none      -              nothing
 *
 * `tools`, `thinking` (true), `max_tokens` (256) and `expect` (none) may be left out. Other members
 * are ignored, lines of blanks too.
 *
 * I1  A suite that was read is sound: every case renders and every expression compiles.
 * I2  Ids are unique.
 */
#ifndef DS4_APPS_EXAMINE_SUITE_H
#define DS4_APPS_EXAMINE_SUITE_H

#include <regex.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "chat/chat.h"

typedef enum expect_kind {
    EXPECT_NONE,
    EXPECT_NUMBER,
    EXPECT_EXACT,
    EXPECT_CONTAINS,
    EXPECT_REGEX,
    EXPECT_CALLS
} expect_kind;

typedef struct expectation {
    expect_kind kind;
    const json *value; /* borrowed from the case's line */
    regex_t regex;     /* compiled, where kind says so  */
} expectation;

typedef struct exam_case {
    const char *id, *skill; /* borrowed from the line         */
    hash128 line;           /* of the line's bytes            */
    bool thinking;
    uint32_t max_tokens;
    chat *chat; /* messages and tools             */
    expectation expect;
    json_doc *doc; /* the line                       */
} exam_case;

typedef struct suite {
    exam_case *at;
    size_t n, cap;
} suite;

/* `name` stands for the text in errors, which say the line. E_FORMAT without a single case. */
status suite_parse(suite *out, const char *text, size_t n, const char *name, err *e);
status suite_read(suite *out, const char *path, err *e);
void suite_free(suite *s); /* and back to {0} */

/* Whether a skill is meant by a word: the word is a prefix of its name, or a pattern with `*` that
 * matches all of it. */
bool skill_matches(const char *skill, const char *word);

/* What to leave out. Cases that stay keep their order. */
void suite_only(suite *s, const char *const *words, size_t n);  /* skills that match one of them  */
void suite_sample(suite *s, uint64_t n, uint64_t seed);         /* n of them, chosen by the seed  */
void suite_limit(suite *s, uint64_t n);                         /* the first n                    */

#endif
