/* json: JSON as strangers send it.
 *
 * RFC 8259 grammar to the letter: valid UTF-8, nesting and size (256 MiB) within limits, no NaN, no
 * number beyond double range; a lone surrogate escape becomes U+FFFD. `\u0000` is data. A document
 * takes at most about six times its text (`[],[],`), a common one about twice; finding a key in an
 * object of n members takes log n steps.
 *
 * I1  Values are borrowed from their document and die with it; a document never changes.
 * I2  Objects keep the order of their keys; a repeated key keeps its first place and its last
 *     value.
 * I3  json_text returns n bytes that may hold NULs; keys too.
 * I4  json_write gives the one text form that prompts use: `, ` and `: ` as separators, no other
 *     white space, non-ASCII as it is, only `"`, `\` and controls below 0x20 escaped (\n \r \t \b
 *     \f, else \u00xx in lower case); integers as they were written (also beyond 64 bits; -0 is 0),
 *     reals in the shortest form that reads back, with a dot or an exponent (1.0, 0.001, 1e-07,
 *     1e+16).
 */
#ifndef DS4_BASE_JSON_H
#define DS4_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/status.h"

typedef struct json_doc json_doc; /* owns a tree           */
typedef struct json json;         /* a value in it, borrowed */

typedef enum json_kind {
    JSON_NULL,
    JSON_BOOL,
    JSON_INT,
    JSON_REAL,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT
} json_kind;

/* `what` names the text in errors ("config.json", "request body"). Errors say the byte offset.
 * max_depth 0 means 64; more than 1000 is cut to that. */
status json_parse(json_doc **out, const char *text, size_t n, uint32_t max_depth, const char *what,
                  err *e);
const json *json_root(const json_doc *d);
void json_free(json_doc *d); /* NULL is fine */

json_kind json_type(const json *v);
/* "null", "boolean", "integer", "number", "string", "array", "object" */
const char *json_kind_name(json_kind k);

size_t json_count(const json *v);                 /* members of an array or object, else 0 */
const json *json_at(const json *array, size_t i); /* NULL beyond the end                   */
/* NULL if absent or not an object. json_find takes keys that hold NULs. */
const json *json_get(const json *object, const char *key);
const json *json_find(const json *object, const char *key, size_t n);
/* Member i of an object in order; false beyond the end. O(1) a member when asked in order. */
bool json_member(const json *object, size_t i, const char **key, size_t *key_n, const json **value);

/* Each is true when v (may be NULL) has the kind and its value fits; *out is left alone
 * otherwise. */
bool json_bool(const json *v, bool *out);
bool json_i64(const json *v, int64_t *out); /* integers, also written 3.0 or 1e3 when exact */
bool json_u64(const json *v, uint64_t *out);
bool json_f64(const json *v, double *out);       /* any number */
const char *json_text(const json *v, size_t *n); /* NULL unless a string; NUL-terminated besides */

/* The same value: members in any order, numbers by value (1 = 1.0; two integers by digits). */
bool json_equal(const json *a, const json *b);

void json_write(buf *out, const json *v);
/* In quotes; invalid UTF-8 becomes U+FFFD. */
void json_write_string(buf *out, const char *p, size_t n);
void json_write_f64(buf *out, double v); /* the shortest form of I4 */

#endif
