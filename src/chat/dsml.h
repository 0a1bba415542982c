/* dsml: tool calls as the model writes them.
 *
 *     <｜DSML｜tool_calls>
 *     <｜DSML｜invoke name="NAME">
 *     <｜DSML｜parameter name="P" string="true">raw text</｜DSML｜parameter>
 *     <｜DSML｜parameter name="Q" string="false">JSON value</｜DSML｜parameter>
 *     </｜DSML｜invoke>
 *     </｜DSML｜tool_calls>
 *
 * Writing follows the official encoder to the byte. Reading is tolerant: any white space between
 * tags; attributes in any order; `DSML｜` (the first bar lost) or nothing in place of ｜DSML｜; a
 * parameter whose value is parameters is an object.
 *
 * What a value becomes:
 *
 *     string="true"    a JSON string of the text
 *     string="false"   the text itself if it is JSON, else a JSON string of it. If the tool's
 *                      schema has exactly the type "string" and the JSON is none, a JSON string
 *     neither          a JSON string of the text; but if the schema names types and "string" is
 *                      not among them, and the text is JSON: the text itself
 *
 * In strings `&lt;/｜DSML｜parameter>` stands for the closing tag that could not be written
 * otherwise; nothing else is unescaped. A parameter that occurs twice stays twice (readers of JSON
 * take the last).
 *
 * I1  The argument fragments of a call, joined, are a JSON object, however the text was cut.
 * I2  Memory stays within a few dozen bytes a symbol of the block: whoever feeds it sets the limit.
 */
#ifndef DS4_CHAT_DSML_H
#define DS4_CHAT_DSML_H

#include "chat/chat.h"

/* ---- writing ---- */

/* The block with the two newlines in front of it. */
status dsml_write(chat_prompt *out, const chat_call *calls, size_t n, err *e);

/* ---- reading ---- */

/* A symbol is a byte, or a control token that was meant as one. */
typedef enum dsml_symbol {
    SYMBOL_DSML = 256,
    SYMBOL_THINK,
    SYMBOL_END_THINK,
    SYMBOL_EOS,
    SYMBOL_BOS,
    SYMBOL_USER,
    SYMBOL_END
} dsml_symbol;

const char *symbol_text(unsigned symbol); /* the literal of a control symbol */

/* How a tag is marked; a closing tag closes what was opened with its own marker or a weaker one. */
typedef enum dsml_marker { MARKER_NONE, MARKER_LOST_BAR, MARKER_REAL } dsml_marker;

/* Matches `<` marker name, blanks, `>` symbol by symbol. Only the first symbol can be `<`, so after
 * a mismatch nothing but the symbol itself can begin a tag. */
typedef enum tag_match { TAG_NO, TAG_PARTIAL, TAG_YES } tag_match;
tag_match dsml_match_tag(const uint16_t *symbols, size_t n, bool closing, const char *name,
                         dsml_marker *marker);

/* Where the reader tells what it found. */
typedef struct dsml_events {
    void *self;
    void (*call)(void *self, const char *name, size_t n);
    void (*argument)(void *self, const char *json, size_t n); /* whole characters */
    void (*end)(void *self);
} dsml_events;

typedef enum dsml_state {
    DSML_MORE,
    DSML_DONE,  /* the block is complete */
    DSML_BROKEN /* it is no block        */
} dsml_state;

typedef struct dsml_reader dsml_reader;

/* A reader for one block, from behind its opening tag. `c` (may be NULL) has the schemas and must
 * outlive the reader. */
dsml_reader *dsml_reader_new(const chat *c, const dsml_events *events);
void dsml_reader_free(dsml_reader *d);
dsml_state dsml_read(dsml_reader *d, unsigned symbol);
void dsml_flush(dsml_reader *d);          /* tells what is known so far */
void dsml_abandon(dsml_reader *d);        /* tells all there is of a value that will not end */
bool dsml_in_value(const dsml_reader *d); /* between a parameter's tags */
bool dsml_failed(const dsml_reader *d);   /* out of memory              */
/* How many symbols of a tag have been read, also when it was that tag which broke the block; 0
 * outside of tags. */
size_t dsml_in_tag(const dsml_reader *d);

#endif
