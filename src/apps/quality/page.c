#include "apps/quality/page.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "apps/quality/plot.h"

static const char style[] =
    ":root{color-scheme:light dark;--back:#fdfdfb;--card:#fff;--ink:#1c2024;--soft:#5a636c;--rule:#d9dde1;"
    "--bar:#3b73b9;--line:#b4531f}\n"
    "@media(prefers-color-scheme:dark){:root{--back:#14171a;--card:#1c2024;--ink:#e6e8ea;--soft:#a2abb4;"
    "--rule:#363c43;--bar:#6ea3e6;--line:#f0a06c}}\n"
    "*{box-sizing:border-box}body{margin:0 auto;max-width:68rem;padding:1rem;background:var(--back);"
    "color:var(--ink);font:1rem/1.5 system-ui,sans-serif;overflow-wrap:anywhere}\n"
    "h1{font-size:1.5rem;line-height:1.25;margin:.5rem 0}h2{font-size:1.15rem;margin:2rem 0 .5rem}"
    "p{margin:.4rem 0}.soft,caption,figcaption{color:var(--soft)}\n"
    ".row{display:grid;gap:1rem;grid-template-columns:repeat(auto-fit,minmax(min(100%,20rem),1fr))}\n"
    ".plots{grid-template-columns:repeat(auto-fit,minmax(min(100%,26rem),1fr))}\n"
    ".card{background:var(--card);border:1px solid var(--rule);border-radius:.5rem;padding:.8rem 1rem;margin:0;"
    "min-width:0}.big{font-size:1.7rem;font-weight:600;line-height:1.2}\n"
    "svg{display:block;width:100%;height:auto}svg text{font-size:13px;fill:var(--soft)}"
    ".bar{fill:var(--bar)}.line{fill:none;stroke:var(--line);stroke-width:2.5}"
    ".grid{stroke:var(--rule)}.axis{stroke:var(--ink)}\n"
    ".wide{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.9rem;overflow-wrap:break-word}"
    "table.five{min-width:38rem}"
    "th,td{text-align:left;padding:.25rem .6rem .25rem 0;border-bottom:1px solid var(--rule);vertical-align:top}"
    "td.n,th.n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}"
    "th{font-weight:600}thead th{white-space:nowrap}code{font-size:.85rem;overflow-wrap:anywhere}"
    "summary{cursor:pointer;color:var(--soft);font-size:.9rem}td.t{min-width:8rem;white-space:pre-wrap}\n";

/* ------------------------------------------------------------------ small pieces */

static double number(const json *object, const char *key) {
    double v = NAN;
    json_f64(json_get(object, key), &v);
    return v;
}

/* What was stored with logits may lack anything. */
static double amount(const json *object, const char *key) {
    const double v = number(object, key);
    return isnan(v) ? 0 : v;
}

static void put_json_text(buf *out, const json *v) {
    size_t n = 0;
    const char *p = json_text(v, &n);
    if (p) plot_text(out, p, n);
}

static void put_value(buf *out, double v, bool share) {
    if (isnan(v))
        buf_str(out, "?");
    else
        buf_printf(out, share ? "%.2f %%" : "%.4g", share ? 100 * v : v);
}

static void put_bytes(buf *out, double v) {
    if (v >= 1e9)
        buf_printf(out, "%.2f GB", v / 1e9);
    else
        buf_printf(out, "%.1f MB", v / 1e6);
}

static void put_interval(buf *out, const json *x, bool share) {
    if (isnan(number(x, "low"))) {
        buf_str(out, "no interval: a single batch");
        return;
    }
    put_value(out, number(x, "low"), share);
    buf_str(out, " to ");
    put_value(out, number(x, "high"), share);
}

static void put_card(buf *out, const char *label, const json *x, bool share, const char *says) {
    buf_printf(out, "<div class=\"card\"><p>%s</p><p class=\"big\">", label);
    put_value(out, number(x, "value"), share);
    buf_str(out, "</p><p class=\"soft\">95&nbsp;%: ");
    put_interval(out, x, share);
    buf_printf(out, "</p><p class=\"soft\">%s</p></div>\n", says);
}

/* ------------------------------------------------------------------ the figures */

static void put_heading(buf *out, const json *r) {
    const json *file = json_get(r, "file"), *ref = json_get(r, "reference"), *text = json_get(r, "text");
    buf_str(out, "<h1>What is different in ");
    put_json_text(out, json_get(file, "name"));
    buf_str(out, "</h1>\n<p>Held against <b>");
    put_json_text(out, json_get(ref, "name"));
    buf_str(out, "</b> (");
    put_bytes(out, amount(ref, "bytes"));
    buf_str(out, "), of which it keeps ");
    if (amount(ref, "bytes") > 0)
        buf_printf(out, "%.0f&nbsp;%%: ", 100 * amount(file, "bytes") / amount(ref, "bytes"));
    put_bytes(out, amount(file, "bytes"));
    buf_printf(out, ". Measured on %.0f tokens of ", amount(text, "tokens"));
    put_json_text(out, json_get(text, "name"));
    buf_printf(out, ", in %.0f windows of at most %.0f.</p>\n", amount(text, "windows"), amount(text, "window"));
}

static void put_cards(buf *out, const json *f) {
    buf_str(out, "<div class=\"row\">\n");
    put_card(out, "Mean KL divergence, nats", json_get(f, "kl"), false,
             "How far its probabilities are from the reference's, per token. 0 is the same.");
    put_card(out, "The same best token", json_get(f, "same_best"), true,
             "Where both would write the same next token when they write greedily.");
    put_card(out, "ln of the perplexities' ratio", json_get(f, "ln_perplexity_ratio"), false,
             "How much worse it foretells this text, in nats per token. Below 0 it foretells it better.");
    buf_str(out, "</div>\n<div class=\"wide\"><table><thead><tr><th scope=\"col\">Also</th><th scope=\"col\" class=\"n\">value</th>"
                 "<th scope=\"col\">95 % interval</th></tr></thead><tbody>\n");
    static const char *const rows[][2] = {{"common_ten", "Of the best ten tokens in common"},
                                          {"perplexity", "Perplexity of the file"},
                                          {"reference_perplexity", "Perplexity of the reference"}};
    for (size_t i = 0; i < 3; i++) {
        const json *x = json_get(f, rows[i][0]);
        buf_printf(out, "<tr><th scope=\"row\">%s</th><td class=\"n\">", rows[i][1]);
        put_value(out, number(x, "value"), i == 0);
        buf_str(out, "</td><td>");
        put_interval(out, x, i == 0);
        buf_str(out, "</td></tr>\n");
    }
    static const char *const at[][2] = {{"median", "KL: half of the tokens have less than"},
                                        {"p90", "90 % of the tokens have less than"},
                                        {"p99", "99 %"},
                                        {"p99.9", "99.9 %"},
                                        {"max", "The largest"}};
    for (size_t i = 0; i < 5; i++)
        buf_printf(out, "<tr><th scope=\"row\">%s</th><td class=\"n\">%.4g</td><td></td></tr>\n", at[i][1],
                   amount(json_get(f, "kl_at"), at[i][0]));
    buf_str(out, "</tbody></table></div>\n");
}

/* ------------------------------------------------------------------ plots */

static void put_numbers(buf *out, const json *parts, const char *from, bool share) {
    buf_printf(out, "<details><summary>The numbers</summary><div class=\"wide\"><table><thead><tr>"
                    "<th scope=\"col\" class=\"n\">%s</th><th scope=\"col\" class=\"n\">to</th>"
                    "<th scope=\"col\" class=\"n\">tokens</th><th scope=\"col\" class=\"n\">mean KL</th>"
                    "<th scope=\"col\" class=\"n\">same best</th></tr></thead><tbody>\n", from);
    for (size_t i = 0; i < json_count(parts); i++) {
        const json *x = json_at(parts, i);
        if (!(number(x, "tokens") > 0)) continue;
        buf_printf(out, "<tr><td class=\"n\">%.3g</td><td class=\"n\">%.3g</td><td class=\"n\">%.0f</td>"
                        "<td class=\"n\">%.3g</td><td class=\"n\">%.1f %%</td></tr>\n",
                   number(x, "from") * (share ? 100 : 1), number(x, "to") * (share ? 100 : 1), number(x, "tokens"),
                   number(x, "kl"), 100 * number(x, "same_best"));
    }
    buf_str(out, "</tbody></table></div></details>\n");
}

static void put_plot(buf *out, const plot *p, const char *caption, const json *parts, const char *from, bool share) {
    buf_str(out, "<figure class=\"card\">");
    plot_write(out, p);
    buf_printf(out, "<figcaption>%s</figcaption>\n", caption);
    put_numbers(out, parts, from, share);
    buf_str(out, "</figure>\n");
}

/* Only the stretch of the axis on which there is something, from the first full bin to the last. */
static void put_histogram(buf *out, const json *parts) {
    plot_bar bars[PLOT_BARS] = {0};
    char says[200];
    double all = 0, so_far = 0;
    size_t first = json_count(parts), last = 0, n = 0;
    for (size_t i = 0; i < json_count(parts); i++) {
        const double tokens = number(json_at(parts, i), "tokens");
        if (!(tokens > 0)) continue;
        all += tokens;
        first = i < first ? i : first;
        last = i;
    }
    for (size_t i = first; i <= last && i < json_count(parts) && n < PLOT_BARS; i++, n++) {
        const json *x = json_at(parts, i);
        const double tokens = number(x, "tokens"), from = number(x, "from");
        const double decade = log10(number(x, "to")) - 0.25;
        so_far += tokens;
        bars[n].v = tokens / all;
        bars[n].line = so_far / all;
        const long power = lround(decade), each = last - first > 16 ? 2 : 1;
        if (i > 0 && fabs(decade - (double)power) < 0.02 && power % each == 0)
            snprintf(bars[n].label, sizeof bars[n].label, "1e%ld", power);
        snprintf(bars[n].title, sizeof bars[n].title, "KL %.2g to %.2g: %.2f %% of the tokens", from, number(x, "to"),
                 100 * bars[n].v);
    }
    snprintf(says, sizeof says, "Bars: the share of tokens by their KL, from 1e-9 nats up, four bars a decade. Line: "
                                "the share that has no more. The numbers are in the table below.");
    const plot p = {.says = says, .below = "KL of a token, nats", .bars = bars, .n = n, .shares = true,
                    .line_shares = true};
    put_plot(out, &p, "KL token by token: the share of tokens in each quarter of a decade (bars), and the share that "
                      "has no more than that (line, scale at the right).", parts, "KL from", false);
}

static void put_places(buf *out, const json *parts) {
    plot_bar bars[PLOT_BARS] = {0};
    size_t n = 0;
    for (; n < json_count(parts) && n < PLOT_BARS; n++) {
        const json *x = json_at(parts, n);
        bars[n].v = number(x, "kl");
        bars[n].line = NAN;
        if (n % 2 == 0) snprintf(bars[n].label, sizeof bars[n].label, "%.0f", number(x, "from"));
        snprintf(bars[n].title, sizeof bars[n].title, "positions %.0f to %.0f: %.3g nats", number(x, "from"),
                 number(x, "to") - 1, bars[n].v);
    }
    const plot p = {.says = "Mean KL by the position in the window; each bar is twice as many positions as the one "
                            "before. The numbers are in the table below.",
                    .below = "position in the window, from", .bars = bars, .n = n};
    put_plot(out, &p, "Mean KL by how much text stands before a token.", parts, "position", false);
}

static void put_certainty(buf *out, const json *parts) {
    plot_bar bars[PLOT_BARS] = {0};
    size_t n = 0;
    for (; n < json_count(parts) && n < PLOT_BARS; n++) {
        const json *x = json_at(parts, n);
        bars[n].v = number(x, "same_best");
        bars[n].line = number(x, "certainty");
        if (n % 2 == 0) snprintf(bars[n].label, sizeof bars[n].label, "%.0f %%", 100 * number(x, "from"));
        snprintf(bars[n].title, sizeof bars[n].title, "certainty %.0f to %.0f %%: %.1f %% of %.0f tokens", 100 * number(x, "from"),
                 100 * number(x, "to"), 100 * bars[n].v, number(x, "tokens"));
    }
    const plot p = {.says = "Bars: how often both have the same best token, by the probability that the reference "
                            "gives its best token. Line: that probability. The numbers are in the table below.",
                    .below = "reference's probability of its best token, from", .bars = bars, .n = n, .top = 1,
                    .shares = true};
    put_plot(out, &p, "How often both have the same best token (bars), by how certain the reference is (line). What "
                      "changes where the reference is certain weighs more.", parts, "certainty %", true);
}

/* ------------------------------------------------------------------ recipe, tokens, origin */

static void put_types(buf *out, const json *class) {
    const json *types = json_get(class, "types"), *v;
    const char *key;
    size_t n;
    uint64_t count;
    if (!types) buf_str(out, "none");
    for (size_t i = 0; json_member(types, i, &key, &n, &v); i++) {
        if (i) buf_str(out, ", ");
        plot_text(out, key, n);
        if (json_u64(v, &count) && json_count(types) > 1) buf_printf(out, " x%" PRIu64, count);
    }
}

static const json *class_named(const json *classes, const json *name) {
    for (size_t i = 0; i < json_count(classes); i++)
        if (json_equal(json_get(json_at(classes, i), "name"), name)) return json_at(classes, i);
    return NULL;
}

static void put_recipe(buf *out, const json *r) {
    const json *mine = json_get(json_get(r, "file"), "classes"), *theirs = json_get(json_get(r, "reference"), "classes");
    buf_str(out, "<h2>What is in the files</h2>\n<div class=\"wide\"><table class=\"five\"><thead><tr><th scope=\"col\">tensors</th>"
                 "<th scope=\"col\">types</th><th scope=\"col\" class=\"n\">MB</th><th scope=\"col\">reference</th>"
                 "<th scope=\"col\" class=\"n\">MB</th></tr></thead><tbody>\n");
    for (size_t i = 0; i < json_count(mine); i++) {
        const json *a = json_at(mine, i), *b = class_named(theirs, json_get(a, "name"));
        buf_str(out, "<tr><th scope=\"row\">");
        put_json_text(out, json_get(a, "name"));
        buf_str(out, "</th><td>");
        put_types(out, a);
        buf_printf(out, "</td><td class=\"n\">%.2f</td><td>", amount(a, "bytes") / 1e6);
        put_types(out, b);
        if (b)
            buf_printf(out, "</td><td class=\"n\">%.2f</td></tr>\n", amount(b, "bytes") / 1e6);
        else
            buf_str(out, "</td><td></td></tr>\n");
    }
    buf_str(out, "</tbody></table></div>\n");
    const json *im = json_get(json_get(r, "file"), "importance");
    if (!im || json_type(im) != JSON_OBJECT) {
        buf_str(out, "<p>Quantised without an importance matrix, or not quantised.</p>\n");
        return;
    }
    buf_str(out, "<p>Quantised with the importance matrix <b>");
    put_json_text(out, json_get(im, "file"));
    buf_printf(out, "</b>: %.0f entries, %.0f chunks of text (", amount(im, "entries"), amount(im, "chunks"));
    put_json_text(out, json_get(im, "dataset"));
    buf_str(out, ").</p>\n");
}

static void put_cell(buf *out, const json *x, const char *key) {
    buf_str(out, "<td class=\"t\">");
    put_json_text(out, json_get(x, key));
    buf_str(out, "</td>");
}

static void put_worst(buf *out, const json *worst) {
    if (json_count(worst) == 0) return;
    buf_str(out, "<h2>Where they differ most</h2>\n<div class=\"wide\"><table class=\"five\"><thead><tr><th scope=\"col\" class=\"n\">KL</th>"
                 "<th scope=\"col\">after</th><th scope=\"col\">follows</th><th scope=\"col\">reference would write</th>"
                 "<th scope=\"col\">the file would write</th><th scope=\"col\" class=\"n\">window, position</th></tr></thead><tbody>\n");
    for (size_t i = 0; i < json_count(worst); i++) {
        const json *x = json_at(worst, i);
        buf_printf(out, "<tr><td class=\"n\">%.3g</td>", amount(x, "kl"));
        put_cell(out, x, "before");
        put_cell(out, x, "next");
        buf_str(out, "<td class=\"t\">");
        put_json_text(out, json_get(x, "reference_best"));
        buf_printf(out, " (%.0f %%)</td><td class=\"t\">", 100 * amount(x, "reference_p"));
        put_json_text(out, json_get(x, "best"));
        buf_printf(out, " (%.0f %%)</td><td class=\"n\">%.0f, %.0f</td></tr>\n", 100 * amount(x, "p"), amount(x, "window"),
                   amount(x, "position"));
    }
    buf_str(out, "</tbody></table></div>\n");
}

static void put_files(buf *out, const char *label, const json *m) {
    const json *files = json_get(m, "files");
    for (size_t i = 0; i < json_count(files); i++) {
        const json *x = json_at(files, i);
        buf_printf(out, "<tr><th scope=\"row\">%s</th><td>", label);
        put_json_text(out, json_get(x, "name"));
        buf_printf(out, ", %.0f bytes<br><code>sha256 ", amount(x, "bytes"));
        put_json_text(out, json_get(x, "sha256"));
        buf_str(out, "</code><br><span class=\"soft\">");
        put_json_text(out, json_get(m, "arithmetic"));
        buf_str(out, " arithmetic, ");
        put_json_text(out, json_get(m, "backend"));
        buf_str(out, ", identity ");
        put_json_text(out, json_get(m, "identity"));
        buf_str(out, "</span></td></tr>\n");
    }
}

static void put_origin(buf *out, const json *r) {
    const json *machine = json_get(r, "machine"), *text = json_get(r, "text"), *words = json_get(r, "command");
    buf_str(out, "<h2>How it was measured</h2>\n<div class=\"wide\"><table><tbody>\n");
    put_files(out, "file", json_get(r, "file"));
    put_files(out, "reference", json_get(r, "reference"));
    if (json_text(json_get(r, "stored"), NULL)) {
        buf_str(out, "<tr><th scope=\"row\">stored</th><td>the reference's logits were read from ");
        put_json_text(out, json_get(r, "stored"));
        buf_str(out, "</td></tr>\n");
    }
    buf_str(out, "<tr><th scope=\"row\">text</th><td>");
    put_json_text(out, json_get(text, "name"));
    buf_printf(out, ", %.0f bytes<br><code>xxh3 ", amount(text, "bytes"));
    put_json_text(out, json_get(text, "xxh3"));
    buf_str(out, "</code></td></tr>\n<tr><th scope=\"row\">machine</th><td>");
    put_json_text(out, json_get(machine, "cpu"));
    buf_printf(out, ", %.0f cores, %.0f GiB<br>", amount(machine, "cores"), amount(machine, "memory") / 1073741824);
    put_json_text(out, json_get(machine, "system"));
    buf_str(out, "</td></tr>\n<tr><th scope=\"row\">command</th><td><code>");
    for (size_t i = 0; i < json_count(words); i++) {
        if (i) buf_char(out, ' ');
        put_json_text(out, json_at(words, i));
    }
    buf_str(out, "</code></td></tr>\n<tr><th scope=\"row\">program, date</th><td>");
    put_json_text(out, json_get(r, "program"));
    buf_str(out, ", ");
    put_json_text(out, json_get(r, "date"));
    buf_str(out, "</td></tr>\n<tr><th scope=\"row\">intervals</th><td>");
    put_json_text(out, json_get(r, "interval"));
    buf_str(out, "</td></tr>\n</tbody></table></div>\n");
}

void page_write(buf *out, const json *r) {
    buf_str(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                 "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                 "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n<title>");
    put_json_text(out, json_get(json_get(r, "file"), "name"));
    buf_printf(out, ": quality receipt</title>\n<style>\n%s</style>\n</head>\n<body>\n<main>\n", style);
    put_heading(out, r);
    put_cards(out, json_get(r, "figures"));
    buf_str(out, "<h2>How it is spread</h2>\n<div class=\"row plots\">\n");
    put_histogram(out, json_get(r, "histogram"));
    put_places(out, json_get(r, "positions"));
    put_certainty(out, json_get(r, "certainty"));
    buf_str(out, "</div>\n");
    put_recipe(out, r);
    put_worst(out, json_get(r, "worst"));
    put_origin(out, r);
    buf_str(out, "</main>\n</body>\n</html>\n");
}
