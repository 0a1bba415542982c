/* Where bundled files are looked for, and what is not taken for one. */
#include <sys/stat.h>
#include <unistd.h>

#include "apps/lib/bundled.h"
#include "base/test.h"

static char root[64];

static void put(const char *folder, const char *name, const char *text) {
    char path[300];
    snprintf(path, sizeof path, "%s%s/models", root, folder);
    for (char *p = path + strlen(root) + 1; *p; p++) {
        if (*p != '/') continue;
        *p = 0;
        mkdir(path, 0700);
        *p = '/';
    }
    mkdir(path, 0700);
    strcat(path, "/");
    strcat(path, name);
    FILE *f = fopen(path, "w");
    if (!f) abort();
    fputs(text, f);
    fclose(f);
}

static void drop(const char *path) {
    char all[300];
    snprintf(all, sizeof all, "%s%s", root, path);
    if (remove(all) != 0) perror(all);
}

static bool same_file(const char *a, const char *folder) {
    char b[300];
    struct stat x, y;
    snprintf(b, sizeof b, "%s%s/models/thing", root, folder);
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_ino == y.st_ino;
}

TEST(the_named_home_wins_then_the_folder_here) {
    char out[300] = "untouched", cwd[300];
    strcpy(root, "/tmp/ds4-bundled.XXXXXX");
    REQUIRE(getcwd(cwd, sizeof cwd) && mkdtemp(root));
    put("/home", "thing", "1");
    put("/here", "thing", "2");
    char home[100], here[100];
    snprintf(home, sizeof home, "%s/home", root);
    snprintf(here, sizeof here, "%s/here", root);
    REQUIRE(chdir(here) == 0);

    setenv("DS4_HOME", home, 1);
    CHECK(!find_bundled("nothing of that name", out, sizeof out));
    CHECK(!find_bundled("thing", out, strlen("models/thing")));
    CHECK(strcmp(out, "untouched") == 0);
    CHECK(find_bundled("thing", out, sizeof out) && same_file(out, "/home"));
    setenv("DS4_HOME", "", 1);
    CHECK(find_bundled("thing", out, sizeof out) && same_file(out, "/here"));
    setenv("DS4_HOME", "/nowhere", 1);
    CHECK(find_bundled("thing", out, sizeof out) && same_file(out, "/here"));
    drop("/here/models/thing");
    CHECK(!find_bundled("thing", out, sizeof out));
    mkdir("models/thing", 0700); /* a folder is no file */
    CHECK(!find_bundled("thing", out, sizeof out));

    unsetenv("DS4_HOME");
    drop("/here/models/thing");
    drop("/here/models");
    CHECK(chdir(cwd) == 0);
    drop("/here");
    drop("/home/models/thing");
    drop("/home/models");
    drop("/home");
    drop("");
}

TESTS_MAIN
