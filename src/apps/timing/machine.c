#include "apps/timing/machine.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#ifdef __APPLE__
#include <sys/sysctl.h>
#endif

#include "base/utf8.h"

/* The text behind `key` and its colon in a file of such lines; false if there is none. */
static bool line_of(const char *path, const char *key, char *out, size_t cap) {
    FILE *f = fopen(path, "r");
    char line[512];
    bool found = false;
    while (f && !found && fgets(line, sizeof line, f)) {
        if (strncmp(line, key, strlen(key)) != 0) continue;
        const char *colon = strchr(line, ':');
        if (!colon) continue;
        colon += 1 + strspn(colon + 1, " \t");
        snprintf(out, cap, "%.*s", (int)strcspn(colon, "\n"), colon);
        found = true;
    }
    if (f) fclose(f);
    return found;
}

/* A file that holds one number; 0 if it holds something else ("max") or is not there. */
static uint64_t number_in(const char *path) {
    FILE *f = fopen(path, "r");
    char line[64] = "";
    if (f && !fgets(line, sizeof line, f)) line[0] = 0;
    if (f) fclose(f);
    return strtoull(line, NULL, 10);
}

uint64_t machine_memory_bytes(void) {
    const long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
    return pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size : 0;
}

uint64_t machine_free_bytes(void) {
    char text[64];
    uint64_t bytes = machine_memory_bytes();
    if (line_of("/proc/meminfo", "MemAvailable", text, sizeof text))
        bytes = strtoull(text, NULL, 10) * 1024;
    const uint64_t limit = number_in("/sys/fs/cgroup/memory.max");
    if (limit && limit < bytes) bytes = limit;
    return bytes;
}

uint64_t machine_peak_bytes(void) {
    struct rusage u;
    if (getrusage(RUSAGE_SELF, &u) != 0) return 0;
#ifdef __APPLE__
    return (uint64_t)u.ru_maxrss;
#else
    return (uint64_t)u.ru_maxrss * 1024;
#endif
}

/* schedstat: nanoseconds run, nanoseconds waited, slices. */
double machine_waited_seconds(void) {
    FILE *f = fopen("/proc/thread-self/schedstat", "r");
    unsigned long long ran = 0, waited = 0;
    const bool told = f && fscanf(f, "%llu %llu", &ran, &waited) == 2;
    if (f) fclose(f);
    return told ? 1e-9 * (double)waited : 0;
}

void machine_processor(char *out, size_t cap) {
    char raw[256] = "";
#ifdef __APPLE__
    size_t n = sizeof raw - 1;
    if (sysctlbyname("machdep.cpu.brand_string", raw, &n, NULL, 0) != 0) raw[0] = 0;
#else
    if (!line_of("/proc/cpuinfo", "model name", raw, sizeof raw)) raw[0] = 0;
#endif
    if (!raw[0]) snprintf(raw, sizeof raw, "unknown");
    utf8_printable(out, cap, raw, strlen(raw));
}
