#include "apps/quality/plot.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

enum { WIDE = 480, HIGH = 260, LEFT = 58, RIGHT = 436, TOP = 14, BOTTOM = 200, TEXT_MOST = 2000 };

void plot_text(buf *out, const char *p, size_t n) {
    char shown[TEXT_MOST];
    const size_t len = utf8_printable(shown, sizeof shown, p, n);
    for (size_t i = 0; i < len; i++) switch (shown[i]) {
        case '&': buf_str(out, "&amp;"); break;
        case '<': buf_str(out, "&lt;"); break;
        case '>': buf_str(out, "&gt;"); break;
        case '"': buf_str(out, "&quot;"); break;
        case '\'': buf_str(out, "&#39;"); break;
        default: buf_char(out, shown[i]);
        }
}

static void put_text(buf *out, double x, double y, const char *anchor, const char *text) {
    buf_printf(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", x, y, anchor);
    plot_text(out, text, strlen(text));
    buf_str(out, "</text>");
}

/* A half, one or two times a power of ten, so that `most` is 2 to 5 of them. */
static double tick_of(double most) {
    const double p = pow(10, floor(log10(most)));
    return most / p >= 5 ? 2 * p : most / p >= 2 ? p : p / 2;
}

static double y_of(double v, double top) {
    return BOTTOM - (BOTTOM - TOP) * (v < top ? v : top) / top;
}

static void put_scale(buf *out, const plot *p, double top) {
    const double tick = p->shares ? top / 4 : tick_of(top);
    char text[40];
    for (double v = 0; v <= top * 1.0001; v += tick) {
        const double y = y_of(v, top);
        buf_printf(out, "<path class=\"grid\" d=\"M%d %.1fH%d\"/>", LEFT, y, RIGHT);
        if (p->shares)
            snprintf(text, sizeof text, "%.3g %%", 100 * v);
        else
            snprintf(text, sizeof text, "%.3g", v < tick / 2 ? 0 : v);
        put_text(out, LEFT - 6, y + 4, "end", text);
    }
    for (int i = 0; i <= 4 && p->line_shares; i++) {
        snprintf(text, sizeof text, "%d %%", 25 * i);
        put_text(out, RIGHT + 4, y_of(i, 4) + 4, "start", text);
    }
}

/* Shares end at a number of percent that four steps lead to. */
static double top_of(const plot *p) {
    static const double nice[] = {0.01, 0.02, 0.04, 0.08, 0.12, 0.16, 0.2, 0.4, 0.6, 0.8};
    double most = p->top;
    for (size_t i = 0; i < p->n && p->top <= 0; i++)
        if (p->bars[i].v > most) most = p->bars[i].v;
    if (!(most > 0) || !isfinite(most)) return 1;
    if (!p->shares) return most;
    for (size_t i = 0; i < sizeof nice / sizeof *nice; i++)
        if (most <= nice[i]) return nice[i];
    return 1;
}

static void put_line(buf *out, const plot *p, double top, double step) {
    bool open = false;
    for (size_t i = 0; i < p->n; i++) {
        if (isnan(p->bars[i].line)) {
            open = false;
            continue;
        }
        if (!open && i) buf_char(out, ' ');
        buf_printf(out, "%s%.1f %.1f", open ? "L" : "<path class=\"line\" d=\"M", LEFT + step * ((double)i + 0.5),
                   y_of(p->bars[i].line, p->line_shares ? 1 : top));
        open = true;
        if (i + 1 == p->n || isnan(p->bars[i + 1].line)) buf_str(out, "\"/>");
    }
}

void plot_write(buf *out, const plot *p) {
    const double top = top_of(p), step = (double)(RIGHT - LEFT) / (double)(p->n ? p->n : 1);
    buf_printf(out, "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"", WIDE, HIGH);
    plot_text(out, p->says, strlen(p->says));
    buf_str(out, "\">");
    put_scale(out, p, top);
    for (size_t i = 0; i < p->n; i++) {
        const plot_bar *b = &p->bars[i];
        const double x = LEFT + step * (double)i, y = isnan(b->v) ? BOTTOM : y_of(b->v, top);
        if (b->v > 0) {
            buf_printf(out, "<rect class=\"bar\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"><title>", x + step * 0.06, y,
                       step * 0.88, BOTTOM - y);
            plot_text(out, b->title, strlen(b->title));
            buf_str(out, "</title></rect>");
        }
        if (b->label[0]) put_text(out, x + step / 2, BOTTOM + 18, "middle", b->label);
    }
    put_line(out, p, top, step);
    buf_printf(out, "<path class=\"axis\" d=\"M%d %dH%d\"/>", LEFT, BOTTOM, RIGHT);
    put_text(out, (LEFT + RIGHT) / 2.0, HIGH - 14, "middle", p->below);
    buf_str(out, "</svg>\n");
}
