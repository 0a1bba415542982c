/* Any bytes as a GGUF file: refused in one clean line, or exactly what gguf.h promises. */
#include <stdio.h>

#include "gguf/forge_test.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    err e = {0};
    gguf *g = NULL;
    const status st = gguf_open_bytes(&g, data, n, "fuzz.gguf", &e);
    if (st != OK) {
        if (e.code != st || g || st == E_NOMEM) abort();
        if (strncmp(e.text, "fuzz.gguf: ", 11) != 0 || !utf8_valid(e.text, strlen(e.text))) abort();
        for (const char *p = e.text; *p; p++)
            if ((unsigned char)*p < 0x20 || *p == 0x7f) abort();
        return 0;
    }
    const char *wrong = walk_all(g);
    if (wrong) {
        fprintf(stderr, "not so: %s\n", wrong);
        abort();
    }
    gguf_close(g);
    return 0;
}
