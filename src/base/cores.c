#include "base/cores.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef __linux__
#include <sched.h>
#endif
#ifdef __APPLE__
#include <sys/sysctl.h>
#endif

enum { MOST = 1024, WORDS = MOST / 64 };

/* The first line of a small file; false when there is none. */
static bool first_line(char *out, size_t room, const char *root, const char *path) {
    char name[512];
    if (snprintf(name, sizeof name, "%s%s", root, path) >= (int)sizeof name) return false;
    FILE *f = fopen(name, "r");
    if (!f) return false;
    const bool read = fgets(out, (int)room, f) != NULL;
    fclose(f);
    if (read) out[strcspn(out, "\n")] = 0;
    return read;
}

/* "0-3,8" begins with the core's lowest processor. */
static bool lowest_sibling(const char *root, unsigned cpu, unsigned *lowest) {
    char path[128], list[256];
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%u/topology/thread_siblings_list", cpu);
    return first_line(list, sizeof list, root, path) && sscanf(list, "%u", lowest) == 1 && *lowest < MOST;
}

/* Cores with at least one processor of the set; one that tells nothing counts as a core of its own. */
static uint32_t cores_of(const char *root, const uint64_t allowed[WORDS]) {
    uint64_t seen[WORDS] = {0};
    uint32_t n = 0;
    for (unsigned cpu = 0; cpu < MOST; cpu++) {
        if (!(allowed[cpu / 64] >> cpu % 64 & 1)) continue;
        unsigned core = cpu;
        if (!lowest_sibling(root, cpu, &core)) core = cpu;
        n += !(seen[core / 64] >> core % 64 & 1);
        seen[core / 64] |= UINT64_C(1) << core % 64;
    }
    return n;
}

static uint32_t rounded_up(double quota, double period) {
    if (!(quota > 0) || !(period > 0) || quota / period >= MOST) return MOST;
    const uint32_t n = (uint32_t)(quota / period);
    return n < quota / period ? n + 1 : n;
}

/* "max 100000" or "150000 100000" in the group's own file and in those above it; version 1 has two files. Within a
 * container the group's own files are the root's. */
static uint32_t quota(const char *root) {
    char line[512], path[640];
    double q = 0, period = 0;
    uint32_t least = MOST;
    if (first_line(line, sizeof line, root, "/proc/self/cgroup") && !strncmp(line, "0::/", 4) && !strstr(line, "/..")) {
        for (char *group = line + 3; *group; *strrchr(group, '/') = 0) {
            char limit[64];
            snprintf(path, sizeof path, "/sys/fs/cgroup%s/cpu.max", group);
            if (first_line(limit, sizeof limit, root, path) && sscanf(limit, "%lf %lf", &q, &period) == 2) {
                const uint32_t n = rounded_up(q, period);
                least = n < least ? n : least;
            }
        }
    }
    if (first_line(line, sizeof line, root, "/sys/fs/cgroup/cpu.max") && sscanf(line, "%lf %lf", &q, &period) == 2) {
        const uint32_t n = rounded_up(q, period);
        least = n < least ? n : least;
    }
    if (first_line(line, sizeof line, root, "/sys/fs/cgroup/cpu/cpu.cfs_quota_us") && sscanf(line, "%lf", &q) == 1 &&
        first_line(line, sizeof line, root, "/sys/fs/cgroup/cpu/cpu.cfs_period_us") && sscanf(line, "%lf", &period) == 1) {
        const uint32_t n = rounded_up(q, period);
        least = n < least ? n : least;
    }
    return least;
}

uint32_t cores_described(const char *root, const uint64_t allowed[WORDS]) {
    const uint32_t cores = cores_of(root, allowed), most = quota(root), n = cores < most ? cores : most;
    return n < 1 ? 1 : n;
}

uint32_t cores_here(void) {
#if defined(__linux__)
    cpu_set_t set;
    uint64_t allowed[WORDS] = {0};
    if (sched_getaffinity(0, sizeof set, &set) == 0) {
        for (unsigned cpu = 0; cpu < MOST && cpu < CPU_SETSIZE; cpu++)
            if (CPU_ISSET(cpu, &set)) allowed[cpu / 64] |= UINT64_C(1) << cpu % 64;
        return cores_described("", allowed);
    }
#elif defined(__APPLE__)
    /* The fast ones: a slow core would make all others wait for its piece. */
    static const char *const names[] = {"hw.perflevel0.physicalcpu", "hw.physicalcpu"};
    for (int i = 0; i < 2; i++) {
        int n = 0;
        size_t size = sizeof n;
        if (sysctlbyname(names[i], &n, &size, NULL, 0) == 0 && n > 0) return n > MOST ? MOST : (uint32_t)n;
    }
#endif
    const long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : n > MOST ? MOST : (uint32_t)n;
}
