#include "apps/lib/bundled.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef __APPLE__
#include <mach-o/dyld.h>
#endif

#ifndef PATH_MAX
#define PATH_MAX 4096
#endif

/* The file this program was started from, links resolved; NULL where the system does not tell. */
static char *own_path(void) {
#ifdef __APPLE__
    char raw[PATH_MAX];
    uint32_t n = sizeof raw;
    return _NSGetExecutablePath(raw, &n) == 0 ? realpath(raw, NULL) : NULL;
#else
    return realpath("/proc/self/exe", NULL);
#endif
}

static bool try_path(const char *folder, const char *name, char *out, size_t cap) {
    char path[PATH_MAX];
    struct stat st;
    const int n = snprintf(path, sizeof path, "%s/%s", folder, name);
    if (n < 0 || (size_t)n >= sizeof path || (size_t)n >= cap) return false;
    if (stat(path, &st) != 0 || !S_ISREG(st.st_mode) || access(path, R_OK) != 0) return false;
    memcpy(out, path, (size_t)n + 1);
    return true;
}

/* build/bin/X: the folder is two up from the program's own. */
static bool beside_program(const char *name, char *out, size_t cap) {
    char folder[PATH_MAX];
    char *own = own_path();
    if (!own) return false;
    for (int up = 0; up < 3; up++) {
        char *slash = strrchr(own, '/');
        if (slash) *slash = 0;
    }
    const int n = snprintf(folder, sizeof folder, "%s/models", own);
    free(own);
    return n > 0 && (size_t)n < sizeof folder && try_path(folder, name, out, cap);
}

bool find_bundled(const char *name, char *out, size_t cap) {
    char folder[PATH_MAX];
    const char *home = getenv("DS4_HOME");
    if (home && *home) {
        const int n = snprintf(folder, sizeof folder, "%s/models", home);
        if (n > 0 && (size_t)n < sizeof folder && try_path(folder, name, out, cap)) return true;
    }
    return try_path("models", name, out, cap) || beside_program(name, out, cap);
}
