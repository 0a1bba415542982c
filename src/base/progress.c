/* progress.c: text of the bar first, then when to draw it. */
#include "base/progress.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

#define BAR_CELLS 20
#define REDRAW_SECONDS 0.1

/* Bytes are told in the largest binary unit that leaves at least one of it. */
static double scale_of(uint64_t bytes, const char **name) {
    static const char *const names[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double s = 1;
    size_t i = 0;
    while (i + 1 < sizeof names / sizeof *names && (double)bytes >= 1024 * s) s *= 1024, i++;
    *name = names[i];
    return s;
}

static void amount_text(char *out, size_t cap, const progress *p) {
    const char *name = p->unit == PROGRESS_TOKENS ? " tokens" : "";
    if (p->unit == PROGRESS_BYTES) {
        const double s = scale_of(p->total ? p->total : p->done, &name);
        const int digits = s > 1 ? 1 : 0;
        if (p->total)
            snprintf(out, cap, "%.*f of %.*f %s", digits, (double)p->done / s, digits,
                     (double)p->total / s, name);
        else
            snprintf(out, cap, "%.*f %s", digits, (double)p->done / s, name);
    } else if (p->total) {
        snprintf(out, cap, "%" PRIu64 " of %" PRIu64 "%s", p->done, p->total, name);
    } else {
        snprintf(out, cap, "%" PRIu64 "%s", p->done, name);
    }
}

static void rate_text(char *out, size_t cap, const progress *p, double rate) {
    const char *name;
    if (p->unit == PROGRESS_BYTES) {
        const double s = scale_of((uint64_t)rate, &name);
        snprintf(out, cap, "  %.1f %s/s", rate / s, name);
    } else {
        snprintf(out, cap, "  %.1f%s/s", rate, p->unit == PROGRESS_TOKENS ? " tok" : "");
    }
}

static void left_text(char *out, size_t cap, double seconds) {
    if (seconds >= 100 * 3600.0)
        snprintf(out, cap, "  days left");
    else if (seconds >= 3600)
        snprintf(out, cap, "  %d:%02d:%02d left", (int)seconds / 3600, (int)seconds / 60 % 60,
                 (int)seconds % 60);
    else
        snprintf(out, cap, "  %d:%02d left", (int)seconds / 60, (int)seconds % 60);
}

size_t progress_text(char *out, size_t cap, const progress *p, double now) {
    char bar[BAR_CELLS + 1] = "", amount[80], rate[48] = "", left[48] = "", share[64] = "";
    const uint64_t done = p->total && p->done > p->total ? p->total : p->done;
    if (p->total) {
        const double part = (double)done / (double)p->total;
        const int full = (int)(part * BAR_CELLS);
        for (int i = 0; i < BAR_CELLS; i++) bar[i] = i < full ? '=' : i == full ? '>' : ' ';
        snprintf(share, sizeof share, " [%s] %3d%% ", bar, (int)(part * 100));
    }
    amount_text(amount, sizeof amount, p);
    const double seconds = now - p->started;
    const double speed = done > p->base && seconds > 0.2 ? (double)(done - p->base) / seconds : 0;
    if (speed > 0) rate_text(rate, sizeof rate, p, speed);
    if (speed > 0 && done < p->total)
        left_text(left, sizeof left, (double)(p->total - done) / speed);
    const int n = snprintf(out, cap, "%s%s %s%s%s", p->label, share, amount, rate, left);
    if (n < 0 || cap == 0) return 0;
    return (size_t)n < cap ? (size_t)n : cap - 1;
}

static void draw(progress *p, double now) {
    char line[300];
    progress_text(line, sizeof line, p, now);
    fprintf(p->to, "\r%s\033[K", line);
    fflush(p->to);
    p->drawn = now;
}

void progress_start(progress *p, FILE *to, const char *label, uint64_t total, progress_unit unit) {
    *p = (progress){.label = label, .total = total, .unit = unit, .started = clock_seconds()};
    if (to && isatty(fileno(to))) p->to = to;
    if (p->to) draw(p, p->started);
}

void progress_base(progress *p, uint64_t base) {
    p->base = base;
    if (p->done < base) p->done = base;
}

void progress_to(progress *p, uint64_t done) {
    p->done = done;
    if (!p->to) return;
    const double now = clock_seconds();
    if (now - p->drawn >= REDRAW_SECONDS) draw(p, now);
}

void progress_hide(progress *p) {
    if (!p->to) return;
    fputs("\r\033[K", p->to);
    fflush(p->to);
    p->drawn = 0;
}

void progress_end(progress *p) {
    if (!p->to) return;
    draw(p, clock_seconds());
    fputc('\n', p->to);
    fflush(p->to);
    p->to = NULL;
}
