/* A folder of safetensors files: which of them count, and what is refused. */
#include "hf/checkpoint.h"

#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/test.h"
#include "hf/build_test.h"

static err why;
static char dir[64];

static const char *in_dir(const char *file) {
    static char path[400];
    snprintf(path, sizeof path, "%s/%s", dir, file);
    return path;
}

static void put(const char *file, const void *p, size_t n) {
    FILE *f = fopen(in_dir(file), "wb");
    CHECK(f);
    if (!f) return;
    CHECK(fwrite(p, 1, n, f) == n);
    CHECK(fclose(f) == 0);
}

static void put_text(const char *file, const char *text) {
    put(file, text, strlen(text));
}

/* A file with tensors of one byte each: names end with NULL, the values count up from `first`. */
static void put_tensors(const char *file, int first, ...) {
    st_build b = {0};
    va_list ap;
    va_start(ap, first);
    for (const char *name; (name = va_arg(ap, const char *)); first++)
        st_add(&b, name, "U8", 1, (uint64_t[]){1}, (uint8_t[]){(uint8_t)first}, 1);
    va_end(ap);
    buf all = st_bytes(&b);
    put(file, all.data, all.n);
    buf_free(&all);
}

static bool new_dir(void) {
    snprintf(dir, sizeof dir, "/tmp/ds4-hf-XXXXXX");
    return mkdtemp(dir) != NULL;
}

static void drop_dir(void) {
    char command[100];
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    CHECK(system(command) == 0);
}

static status try_open(void) {
    hf_checkpoint *c;
    const status st = hf_open(&c, dir, &why);
    if (st == OK) hf_close(c);
    return st;
}

static int value(const hf_checkpoint *c, const char *name) {
    const hf_tensor *t = hf_find(c, name);
    return t && t->bytes == 1 ? t->data[0] : -1;
}

TEST(an_index_chooses_the_files) {
    REQUIRE(new_dir());
    put_tensors("a.safetensors", 1, "x", "model.layers.0.w", NULL);
    put_tensors("b.safetensors", 10, "y", NULL);
    put_tensors("other.safetensors", 20, "x", NULL); /* not in the index: not there */
    put_text("model.safetensors.index.json",
             "{\"metadata\":{\"total_size\":3},\"weight_map\":{\"x\":\"a.safetensors\",\"y\":"
             "\"b.safetensors\",\"model.layers.0.w\":\"a.safetensors\"}}");
    hf_checkpoint *c;
    REQUIRE(hf_open(&c, dir, &why) == OK);
    CHECK(hf_count(c) == 3 && value(c, "x") == 1 && value(c, "y") == 10);
    CHECK(value(c, "layers.0.w") == 2); /* with and without "model." */
    CHECK(value(c, "z") == -1 && value(c, "") == -1 && value(c, "layers.0") == -1);
    CHECK(strcmp(hf_plain_name(hf_at(c, 0)), "layers.0.w") == 0);
    CHECK(hf_place(c, "layers") == 0 && hf_place(c, "x") == 1 && hf_place(c, "zz") == 3);
    hf_close(c);
    drop_dir();
}

TEST(without_an_index_the_one_file_or_the_parts_count) {
    REQUIRE(new_dir());
    put_tensors("logits.safetensors", 9, "x", NULL);
    put_tensors("zebra.safetensors", 8, "z", NULL);
    hf_checkpoint *c;
    REQUIRE(hf_open(&c, dir, &why) == OK);
    CHECK(hf_count(c) == 2 && value(c, "x") == 9 && value(c, "z") == 8);
    hf_close(c);

    put_tensors("model-00001-of-00002.safetensors", 1, "x", NULL);
    CHECK(try_open() == E_IO && strstr(why.text, "part 2 of 2"));
    put_tensors("model-00002-of-00002.safetensors", 2, "y", NULL);
    REQUIRE(hf_open(&c, dir, &why) == OK);
    CHECK(hf_count(c) == 2 && value(c, "x") == 1 && value(c, "y") == 2);
    hf_close(c);
    put_tensors("model-00002-of-00003.safetensors", 2, "q", NULL);
    CHECK(try_open() == E_FORMAT && strstr(why.text, "two models"));
    unlink(in_dir("model-00002-of-00003.safetensors"));
    unlink(in_dir("model-00001-of-00002.safetensors"));
    CHECK(try_open() == E_IO && strstr(why.text, "part 1 of 2"));

    put_tensors("model.safetensors", 5, "x", NULL);
    REQUIRE(hf_open(&c, dir, &why) == OK);
    CHECK(hf_count(c) == 1 && value(c, "x") == 5);
    hf_close(c);
    drop_dir();
}

TEST(a_tensor_is_there_once) {
    REQUIRE(new_dir());
    put_tensors("model-00001-of-00002.safetensors", 1, "x", "y", NULL);
    put_tensors("model-00002-of-00002.safetensors", 2, "x", NULL);
    CHECK(try_open() == E_FORMAT);
    CHECK_SAY(strstr(why.text, "tensor x is there twice") && strstr(why.text, "00001-of") &&
                  strstr(why.text, "00002-of"),
              "%s", why.text);
    put_tensors("model-00002-of-00002.safetensors", 2, "model.y", NULL);
    CHECK(try_open() == E_FORMAT && strstr(why.text, "tensor y is there twice"));
    drop_dir();
}

TEST(an_index_that_lies_is_refused) {
    static const struct {
        const char *json, *says;
    } lies[] = {
        {"[]", "weight_map"},
        {"{", "index.json"},
        {"{\"weight_map\":{}}", "weight_map"},
        {"{\"weight_map\":[\"a.safetensors\"]}", "weight_map"},
        {"{\"weight_map\":{\"x\":1}}", "x names no file"},
        {"{\"weight_map\":{\"x\":\"b.safetensors\"}}", "b.safetensors is missing"},
        {"{\"weight_map\":{\"x\":\"a.safetensors\",\"gone\":\"a.safetensors\"}}",
         "tensor gone is missing"},
        {"{\"weight_map\":{\"x\":\"../a.safetensors\"}}", "'../a.safetensors' is not the name"},
        {"{\"weight_map\":{\"x\":\"/etc/a.safetensors\"}}", "'/etc/a.safetensors' is not the name"},
        {"{\"weight_map\":{\"x\":\"..\"}}", "'..' is not the name"},
        {"{\"weight_map\":{\"x\":\"\"}}", "'' is not the name"},
        {"{\"weight_map\":{\"x\":\"a.bin\"}}", "'a.bin' is not the name"},
        {"{\"weight_map\":{\"x\":\"a.safetensors\\u0000.safetensors\"}}", "is not the name"},
        {"{\"weight_map\":{\"x\":\".safetensors\"}}", "is not the name"},
    };
    REQUIRE(new_dir());
    put_tensors("a.safetensors", 1, "x", NULL);
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        put_text("model.safetensors.index.json", lies[i].json);
        CHECK_SAY(try_open() != OK, "%s", lies[i].json);
        CHECK_SAY(strstr(why.text, lies[i].says) && strstr(why.text, dir), "%s -> %s", lies[i].json,
                  why.text);
    }
    drop_dir();
}

TEST(a_folder_that_is_none_is_refused) {
    REQUIRE(new_dir());
    CHECK(try_open() == E_IO && strstr(why.text, "no safetensors file"));
    put_text("model.safetensors", "short");
    CHECK(try_open() == E_FORMAT && strstr(why.text, "model.safetensors"));
    unlink(in_dir("model.safetensors"));
    REQUIRE(mkfifo(in_dir("model.safetensors"), 0600) == 0);
    CHECK(try_open() == E_IO && strstr(why.text, "regular"));
    hf_checkpoint *c;
    CHECK(hf_open(&c, in_dir("nothing"), &why) == E_IO && strstr(why.text, "nothing"));
    put_text("file", "x");
    CHECK(hf_open(&c, in_dir("file"), &why) == E_IO && strstr(why.text, "not a folder"));
    drop_dir();
}

TEST(json_files_are_read_whole_or_refused) {
    REQUIRE(new_dir());
    json_doc *d;
    CHECK(hf_read_json(&d, dir, "config.json", false, &why) == E_IO);
    CHECK(strstr(why.text, "config.json"));
    CHECK(hf_read_json(&d, dir, "config.json", true, &why) == OK && d == NULL);
    put_text("config.json", "{\"a\":1");
    CHECK(hf_read_json(&d, dir, "config.json", true, &why) == E_FORMAT);
    CHECK(strstr(why.text, "config.json"));
    put_text("config.json", "");
    CHECK(hf_read_json(&d, dir, "config.json", false, &why) == E_FORMAT);
    put_text("config.json", "{\"a\":17}");
    REQUIRE(hf_read_json(&d, dir, "config.json", false, &why) == OK);
    uint64_t v = 0;
    CHECK(json_u64(json_get(json_root(d), "a"), &v) && v == 17);
    json_free(d);
    drop_dir();
}

TESTS_MAIN
