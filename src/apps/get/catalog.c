#include "apps/get/catalog.h"

#include <stddef.h>
#include <string.h>

const catalog_entry catalog[] = {
    {"q2", "DeepSeek-V4-Flash-IQ2XXS-w2Q2K-AProjQ8-SExpQ8-OutQ8-chat-v2.gguf", "80.8 GiB", NULL,
     "experts in 2 bits; for 96 to 128 GB of memory", true},
    {"q2-imatrix", "DeepSeek-V4-Flash-IQ2XXS-w2Q2K-AProjQ8-SExpQ8-OutQ8-chat-v2-imatrix.gguf",
     "about 81 GB", NULL, "the same, rounded with measured importances", true},
    {"q2-q4-imatrix",
     "DeepSeek-V4-Flash-Layers37-42Q4KExperts-OtherExpertLayersIQ2XXSGateUp-Q2KDown-AProjQ8-SExpQ8-"
     "OutQ8-chat-v2-imatrix-fixed.gguf",
     "about 98 GB", NULL, "the last six layers in 4 bits; for 128 GB of memory", true},
    {"q4",
     "DeepSeek-V4-Flash-Q4KExperts-F16HC-F16Compressor-F16Indexer-Q8Attn-Q8Shared-Q8Out-chat-v2."
     "gguf",
     "153.3 GiB", NULL, "experts in 4 bits; for 256 GB of memory", true},
    {"q4-imatrix",
     "DeepSeek-V4-Flash-Q4KExperts-F16HC-F16Compressor-F16Indexer-Q8Attn-Q8Shared-Q8Out-chat-v2-"
     "imatrix.gguf",
     "about 153 GB", NULL, "the same, rounded with measured importances", true},
    {"mtp", "DeepSeek-V4-Flash-MTP-Q4K-Q8_0-F32.gguf", "3.6 GiB", NULL,
     "the draft block, a side file for --mtp", false},
    {0}};

const catalog_entry *catalog_find(const char *name) {
    for (const catalog_entry *c = catalog; c->name; c++)
        if (strcmp(c->name, name) == 0) return c;
    return NULL;
}
