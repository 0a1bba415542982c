/* fixtures: what the official encoder and parser say about conversations and answers, for tests.
 *
 * Reads tests/data/prompt as the build unpacks it to B/data/prompt.
 */
#ifndef DS4_CHAT_FIXTURES_H
#define DS4_CHAT_FIXTURES_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"

static char fixtures_folder[1024];

/* For main: `program` is B/test/src/chat/X_test. */
static inline void fixtures_find(const char *program) {
    const char *slash = strrchr(program, '/');
    snprintf(fixtures_folder, sizeof fixtures_folder, "%.*s/../../../data/prompt",
             slash ? (int)(slash - program) : 1, slash ? program : ".");
}

/* The array in a file; ends the program if it is not there. Freed by the caller. */
static inline json_doc *fixtures_read(const char *name) {
    char path[1200];
    buf text = {0};
    json_doc *d = NULL;
    err e = {0};
    snprintf(path, sizeof path, "%s/%s", fixtures_folder, name);
    status st = file_read(&text, path, 16 << 20, &e);
    if (st == OK) st = json_parse(&d, text.data, text.n, 0, name, &e);
    buf_free(&text);
    if (st != OK || json_count(json_root(d)) == 0) {
        printf("%s\n", e.text);
        exit(1);
    }
    return d;
}

#endif
