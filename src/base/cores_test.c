/* Machines as the system describes them, in folders. */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cores.h"
#include "base/test.h"

static char root[] = "/tmp/ds4-cores-XXXXXX";

/* A file with all folders above it. */
static void put(const char *path, const char *text) {
    char name[512];
    snprintf(name, sizeof name, "%s%s", root, path);
    for (char *p = name + strlen(root) + 1; (p = strchr(p, '/')); p++) {
        *p = 0;
        mkdir(name, 0700);
        *p = '/';
    }
    FILE *f = fopen(name, "w");
    REQUIRE(f && fputs(text, f) >= 0 && fclose(f) == 0);
}

static void siblings(unsigned cpu, const char *list) {
    char path[128];
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%u/topology/thread_siblings_list", cpu);
    put(path, list);
}

static uint32_t cores(uint64_t low) {
    const uint64_t allowed[16] = {low};
    return cores_described(root, allowed);
}

TEST(cores_are_counted_as_the_machine_describes_them) {
    REQUIRE(mkdtemp(root));
    CHECK(cores(0xff) == 8); /* nothing is told: each processor is a core */
    CHECK(cores(0) == 1);
    for (unsigned i = 0; i < 8; i++) siblings(i, i % 4 == 0 ? "0,4\n" : i % 4 == 1 ? "1,5\n" : i % 4 == 2 ? "2,6\n" : "3,7\n");
    CHECK(cores(0xff) == 4);
    CHECK(cores(0x11) == 1); /* both threads of one core */
    CHECK(cores(0x21) == 2);
    CHECK(cores(0xf0) == 4);
    siblings(0, "nonsense\n");
    siblings(1, "4000000000\n");
    CHECK(cores(0x03) == 2);

    put("/sys/fs/cgroup/cpu.max", "max 100000\n");
    CHECK(cores(0xf0) == 4);
    put("/sys/fs/cgroup/cpu.max", "150000 100000\n");
    CHECK(cores(0xf0) == 2);
    put("/sys/fs/cgroup/cpu.max", "300000 100000\n");
    CHECK(cores(0xf0) == 3);
    put("/proc/self/cgroup", "0::/system.slice/ds4.service\n");
    put("/sys/fs/cgroup/system.slice/ds4.service/cpu.max", "max 100000\n");
    put("/sys/fs/cgroup/system.slice/cpu.max", "200000 100000\n"); /* the group above counts too */
    CHECK(cores(0xf0) == 2);
    put("/sys/fs/cgroup/cpu.max", "-1 0\n");
    put("/sys/fs/cgroup/system.slice/cpu.max", "\n");
    CHECK(cores(0xf0) == 4);
    put("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "50000\n");
    put("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
    CHECK(cores(0xf0) == 1);
    put("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
    CHECK(cores(0xf0) == 4);
    char command[256];
    snprintf(command, sizeof command, "rm -rf %s", root);
    CHECK(system(command) == 0);
}

TEST(this_machine_has_at_least_one_core) { CHECK(cores_here() >= 1 && cores_here() <= 1024); }

TESTS_MAIN
