#include "apps/lib/find_model.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/test.h"

/* An empty folder to stand in, with nothing named and nothing bundled in the places that can be
 * chosen. */
typedef struct place {
    char dir[64], back[4096], home[80];
    bool ok;
} place;

static place enter(void) {
    place p = {.dir = "/tmp/ds4-find.XXXXXX"};
    p.ok = getcwd(p.back, sizeof p.back) && mkdtemp(p.dir) && chdir(p.dir) == 0;
    snprintf(p.home, sizeof p.home, "%s/home", p.dir);
    unsetenv("DS4_MODEL");
    setenv("DS4_HOME", p.home, 1);
    return p;
}

static bool touch(const char *path) {
    FILE *f = fopen(path, "w");
    return f && fclose(f) == 0;
}

static void leave(const place *p) {
    unlink("ds4flash.gguf");
    unlink("home/models/ds4-mini.gguf");
    rmdir("home/models");
    rmdir("home");
    unsetenv("DS4_HOME");
    unsetenv("DS4_MODEL");
    CHECK(chdir(p->back) == 0 && rmdir(p->dir) == 0);
}

static bool finds(const char *named, const char *want, bool bundled) {
    found_model f;
    return find_model(&f, named, NULL) == OK && strcmp(f.path, want) == 0 && f.bundled == bundled;
}

TEST(what_is_named_wins_and_the_bundled_model_comes_last) {
    const place p = enter();
    char mini[128];
    REQUIRE(p.ok && mkdir("home", 0700) == 0 && mkdir("home/models", 0700) == 0 &&
            touch("home/models/ds4-mini.gguf"));
    snprintf(mini, sizeof mini, "%s/models/ds4-mini.gguf", p.home);
    CHECK(finds(NULL, mini, true));
    CHECK(touch("ds4flash.gguf") && finds(NULL, "ds4flash.gguf", false));
    setenv("DS4_MODEL", "/some/where.gguf", 1);
    CHECK(finds(NULL, "/some/where.gguf", false));
    CHECK(finds("given.gguf", "given.gguf", false));
    setenv("DS4_MODEL", "", 1);
    CHECK(finds(NULL, "ds4flash.gguf", false));
    leave(&p);
}

TEST(a_link_that_leads_nowhere_is_no_model_here) {
    const place p = enter();
    REQUIRE(p.ok && mkdir("home", 0700) == 0 && mkdir("home/models", 0700) == 0 &&
            touch("home/models/ds4-mini.gguf"));
    CHECK(symlink("nowhere", "ds4flash.gguf") == 0);
    found_model f;
    CHECK(find_model(&f, NULL, NULL) == OK && f.bundled);
    leave(&p);
}

TEST(the_remark_says_what_it_is_and_how_to_get_the_real_one) {
    CHECK(strstr(FIND_MODEL_MINI, "ds4-mini") && strstr(FIND_MODEL_MINI, "tiny demo model") &&
          strstr(FIND_MODEL_MINI, "ds4-get q2"));
    CHECK(!strchr(FIND_MODEL_MINI, '\n'));
}

TESTS_MAIN
