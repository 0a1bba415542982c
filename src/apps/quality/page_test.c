#include "apps/quality/page.h"

#include "apps/quality/plot.h"
#include "base/test.h"

static buf page_of(const char *receipt) {
    buf b = {0};
    json_doc *doc = NULL;
    if (json_parse(&doc, receipt, strlen(receipt), 0, "it", NULL) != OK) abort();
    page_write(&b, json_root(doc));
    json_free(doc);
    return b;
}

static size_t count(const buf *b, const char *what) {
    size_t n = 0;
    for (const char *p = b->data; (p = strstr(p, what)); p++) n++;
    return n;
}

#define EVIL "<script>alert('\\\"&\\u001b[2J\\u202e')</script>"

static const char evil[] =
    "{\"file\": {\"name\": \"" EVIL "\", \"bytes\": 5, \"arithmetic\": \"" EVIL "\", \"identity\": \"" EVIL "\", \"backend\": \"" EVIL "\","
    " \"files\": [{\"name\": \"" EVIL "\", \"bytes\": 1, \"sha256\": \"" EVIL "\"}],"
    " \"classes\": [{\"name\": \"" EVIL "\", \"bytes\": 1, \"types\": {\"" EVIL "\": 2, \"b\": 3}}],"
    " \"importance\": {\"file\": \"" EVIL "\", \"dataset\": \"" EVIL "\", \"entries\": 1, \"chunks\": 1}},"
    " \"reference\": {\"name\": \"" EVIL "\"}, \"stored\": \"" EVIL "\", \"command\": [\"" EVIL "\"],"
    " \"machine\": {\"cpu\": \"" EVIL "\", \"system\": \"" EVIL "\"}, \"program\": \"" EVIL "\", \"date\": \"" EVIL "\","
    " \"text\": {\"name\": \"" EVIL "\", \"xxh3\": \"" EVIL "\"}, \"interval\": \"" EVIL "\","
    " \"worst\": [{\"before\": \"" EVIL "\", \"next\": \"" EVIL "\", \"reference_best\": \"" EVIL "\", \"best\": \"" EVIL "\"}]}";

TEST(no_text_of_a_receipt_becomes_markup) {
    buf b = page_of(evil);
    CHECK(!b.failed && count(&b, "<script") == 0 && count(&b, "\x1b") == 0 && count(&b, "\xe2\x80\xae") == 0);
    CHECK(count(&b, "&lt;script&gt;alert(&#39;&quot;&amp;\\x1b[2J") >= 20);
    buf_free(&b);
}

TEST(an_empty_receipt_still_makes_a_page) {
    buf b = page_of("{}");
    CHECK(strncmp(b.data, "<!DOCTYPE html>", 15) == 0 && count(&b, "</html>\n") == 1);
    CHECK(count(&b, "<svg") == 3 && count(&b, "</svg>") == 3 && count(&b, "nan") == 0);
    buf_free(&b);
}

TEST(wrong_kinds_of_values_do_no_harm) {
    buf b = page_of("{\"file\": [], \"reference\": 7, \"figures\": {\"kl\": []}, \"histogram\": {\"from\": 1}, \"positions\": [1, null],"
                    " \"certainty\": [{\"tokens\": -1e308}, {}], \"worst\": [[]], \"command\": {}, \"text\": null}");
    CHECK(count(&b, "</html>\n") == 1);
    buf_free(&b);
}

TEST(a_plot_tells_what_it_shows) {
    plot_bar bars[3] = {{.v = 0.5, .line = 0.2, .label = "a", .title = "first <"}, {.v = NAN, .line = NAN}, {.v = 1, .line = 1}};
    const plot p = {.says = "what \"it\" shows", .below = "x & y", .bars = bars, .n = 3, .top = 1, .line_shares = true};
    buf b = {0};
    plot_write(&b, &p);
    CHECK(count(&b, "aria-label=\"what &quot;it&quot; shows\"") == 1 && count(&b, "x &amp; y") == 1);
    CHECK(count(&b, "<rect") == 2 && count(&b, "<title>first &lt;</title>") == 1);
    CHECK(count(&b, "class=\"line\"") == 2 && count(&b, "nan") == 0); /* a gap in the line */
    CHECK(count(&b, "height=\"93.0\"") == 1 && count(&b, "height=\"186.0\"") == 1);
    buf_free(&b);
}

TEST(values_that_are_no_numbers_leave_a_plot_sound) {
    plot_bar bars[2] = {{.v = INFINITY, .line = INFINITY}, {.v = 1e300, .line = -1}};
    const plot p = {.says = "", .below = "", .bars = bars, .n = 2};
    buf b = {0};
    plot_write(&b, &p);
    plot_write(&b, &(plot){.says = "", .below = "", .bars = bars, .n = 0, .shares = true});
    CHECK(!b.failed && count(&b, "<svg") == 2);
    buf_free(&b);
}

TESTS_MAIN
