/* plot: small diagrams as inline SVG, drawn from nothing but numbers.
 *
 *     +--------------------------+   480 x 260 units, as wide as its column; colours are the page's
 *     | top                      |   (classes bar, line, grid), so that it is right in light and dark
 *     |  |  __                   |
 *     |  |_|  |__      o-o-o     |   bars, and a line over them with a scale of its own (0..1) or the
 *     |--+--+--+--+--+--+--+-----|   bars' one
 *     |     labels               |
 *     +--------------------------+
 *
 * Who cannot see it is told `says`; every bar has a title of its own.
 */
#ifndef DS4_APPS_QUALITY_PLOT_H
#define DS4_APPS_QUALITY_PLOT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

enum { PLOT_BARS = 64, PLOT_LABEL = 48 };

typedef struct plot_bar {
    double v;               /* NaN: no bar                  */
    double line;            /* NaN: the line has a gap here */
    char label[PLOT_LABEL]; /* under the bar; may be empty  */
    char title[PLOT_LABEL * 2]; /* all of it in words       */
} plot_bar;

typedef struct plot {
    const char *says; /* plain text, no markup in it           */
    const char *below; /* what the horizontal axis is          */
    const plot_bar *bars;
    size_t n;         /* at most PLOT_BARS                     */
    double top;       /* of the vertical axis; 0: as it needs  */
    bool shares;      /* values are shares: shown in percent   */
    bool line_shares; /* the line goes from 0 to 1, with its scale at the right */
} plot;

void plot_write(buf *out, const plot *p);

/* Text as HTML and SVG take it: markup escaped, control characters shown as \xNN. */
void plot_text(buf *out, const char *p, size_t n);

#endif
