/* catalog: the published files that have a short name. */
#ifndef DS4_APPS_GET_CATALOG_H
#define DS4_APPS_GET_CATALOG_H

#include <stdbool.h>

/* Where they lie. */
#define CATALOG_BASE "https://huggingface.co/antirez/deepseek-v4-gguf/resolve/main"

typedef struct catalog_entry {
    const char *name, *file;
    const char *size; /* as published, in words: the server tells the bytes */
    const char *sum;  /* SHA-256 in hex; NULL: not known here, the server names it */
    const char *about;
    bool model; /* whole in itself; else a side file, not to be linked as the model */
} catalog_entry;

extern const catalog_entry catalog[]; /* ends with a NULL name */

const catalog_entry *catalog_find(const char *name); /* NULL: none */

#endif
