#include "backend/registry.h"

#include <string.h>

#include "backend/cpu/cpu.h"

static const backend_ops *const built_in[] = {&cpu_backend};

status backend_find(const backend_ops **out, const char *name, err *e) {
    for (size_t i = 0; i < sizeof built_in / sizeof *built_in; i++)
        if (!name || !*name || strcmp(name, built_in[i]->name) == 0) {
            *out = built_in[i];
            return OK;
        }
    return fail(e, E_USAGE, "backend '%s' is not built into this program: it has cpu", name);
}
