/* json_value FILE [PATH...]: what a JSON file holds at a path, as one line: keys and indices, one
 * an argument. The number of members for an array or object with `#` last. Status 1 if the file is
 * no JSON or has nothing there. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"

int main(int argc, char **argv) {
    err e = {0};
    buf text = {0}, out = {0};
    json_doc *d = NULL;
    if (argc < 2) return 2;
    if (file_read(&text, argv[1], 1 << 28, &e) != OK ||
        json_parse(&d, text.data, text.n, 0, argv[1], &e) != OK) {
        fprintf(stderr, "json_value: %s\n", e.text);
        return 1;
    }
    const json *v = json_root(d);
    for (int i = 2; i < argc && v; i++) {
        if (strcmp(argv[i], "#") == 0) {
            printf("%zu\n", json_count(v));
            return 0;
        }
        v = json_type(v) == JSON_ARRAY ? json_at(v, (size_t)strtoul(argv[i], NULL, 10))
                                       : json_get(v, argv[i]);
    }
    if (!v) return 1;
    json_write(&out, v);
    printf("%.*s\n", (int)out.n, out.data);
    buf_free(&out);
    json_free(d);
    buf_free(&text);
    return 0;
}
