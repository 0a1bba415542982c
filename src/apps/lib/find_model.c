#include "apps/lib/find_model.h"

#include <stdlib.h>
#include <unistd.h>

#include "apps/lib/bundled.h"

static const char usual_name[] = "ds4flash.gguf";

status find_model(found_model *out, const char *named, err *e) {
    const char *variable = getenv("DS4_MODEL");
    out->bundled = false;
    out->path = named                           ? named
                : variable && *variable         ? variable
                : access(usual_name, R_OK) == 0 ? usual_name
                                                : NULL;
    if (out->path) return OK;
    if (!find_bundled("ds4-mini.gguf", out->store, sizeof out->store))
        return fail(e, E_USAGE,
                    "no model: name one with -m FILE.gguf or in DS4_MODEL, or put it here as %s; "
                    "ds4-get q2 --link fetches the published one",
                    usual_name);
    out->path = out->store;
    out->bundled = true;
    return OK;
}
