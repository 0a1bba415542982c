/* minimal: the model as a library, in forty lines: prints the greedy continuation of some token ids.
 *
 *     minimal MODEL.gguf N ID [ID ...]        N tokens after the given ones
 */
#include <stdio.h>
#include <stdlib.h>

#include "ds4.h"

static int die(const ds4_error *e) {
    fprintf(stderr, "ds4: %s\n", e->text);
    return 1;
}

int main(int argc, char **argv) {
    if (argc < 4) return fprintf(stderr, "usage: minimal MODEL.gguf N ID [ID ...]\n"), 2;
    ds4_error e;
    ds4_model *m = NULL;
    ds4_engine *g = NULL;
    ds4_session *s = NULL;
    if (ds4_model_open(&m, argv[1], NULL, &e) || ds4_engine_open(&g, m, NULL, &e) || ds4_session_new(&s, g, &e))
        return die(&e);
    int32_t token = 0;
    for (int i = 3; i < argc; i++) {
        token = (int32_t)strtol(argv[i], NULL, 10);
        if (ds4_session_feed(s, &token, 1, &e)) return die(&e);
    }
    for (long left = strtol(argv[2], NULL, 10); left > 0; left--) {
        const float *logits = ds4_session_logits(s);
        token = 0;
        for (uint32_t i = 1; i < ds4_vocab(m); i++)
            if (logits[i] > logits[token]) token = (int32_t)i;
        printf("%d\n", (int)token);
        if (ds4_session_feed(s, &token, 1, &e)) return die(&e);
    }
    ds4_session_free(s);
    ds4_engine_close(g);
    ds4_model_close(m);
    return 0;
}
