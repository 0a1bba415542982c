/* json: JSON as strangers send it. The one place that knows json-c.
 *
 * A validating pass over the bytes stands before the library: RFC 8259 grammar to the letter, valid
 * UTF-8, nesting and size within limits, no NaN, no number beyond double range, no lone surrogate escape (it is
 * replaced by U+FFFD), so what reaches the tree is sound. `\u0000` is data.
 *
 * I1  Values are borrowed from their document and die with it; a document never changes.
 * I2  Objects keep the order of their keys; a repeated key keeps its first place and its last value.
 * I3  json_text returns n bytes that may hold NULs; keys too.
 * I4  json_write gives the one text form that prompts use: `, ` and `: ` as separators, no other white space, non-ASCII as it is,
 *     only `"`, `\` and controls below 0x20 escaped (\n \r \t \b \f, else \u00xx in lower case); integers as they were written (also
 *     beyond 64 bits), reals in the shortest form that reads back, with a dot or an exponent (1.0, 0.001, 1e-07, 1e+16).
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

typedef enum json_kind { JSON_NULL, JSON_BOOL, JSON_INT, JSON_REAL, JSON_STRING, JSON_ARRAY, JSON_OBJECT } json_kind;

/* `what` names the text in errors ("config.json", "request body"). Errors say the byte offset. max_depth 0 means 64. */
status json_parse(json_doc **out, const char *text, size_t n, uint32_t max_depth, const char *what, err *e);
const json *json_root(const json_doc *d);
void json_free(json_doc *d); /* NULL is fine */

json_kind json_type(const json *v);
const char *json_kind_name(json_kind k); /* "null", "boolean", "integer", "number", "string", "array", "object" */

size_t json_count(const json *v);                       /* members of an array or object, else 0 */
const json *json_at(const json *array, size_t i);       /* NULL beyond the end                   */
const json *json_get(const json *object, const char *key); /* NULL if absent or not an object    */
/* Member i of an object in order; false beyond the end. O(1) a member when asked in order. */
bool json_member(const json *object, size_t i, const char **key, size_t *key_n, const json **value);

/* Each is true when v (may be NULL) has the kind and its value fits; *out is left alone otherwise. */
bool json_bool(const json *v, bool *out);
bool json_i64(const json *v, int64_t *out);  /* integers, also written 3.0 or 1e3 when exact */
bool json_u64(const json *v, uint64_t *out);
bool json_f64(const json *v, double *out);   /* any number */
const char *json_text(const json *v, size_t *n); /* NULL unless a string; NUL-terminated besides */

void json_write(buf *out, const json *v);
void json_write_string(buf *out, const char *p, size_t n); /* with the quotes; invalid UTF-8 becomes U+FFFD */
void json_write_f64(buf *out, double v);                   /* the shortest form of I4                */

#endif
