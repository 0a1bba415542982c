/* statistics: what several measurements of one thing say together. */
#ifndef DS4_APPS_TIMING_STATISTICS_H
#define DS4_APPS_TIMING_STATISTICS_H

#include <stddef.h>

typedef struct summary {
    size_t n;
    double least, median, most;
    double spread; /* (most - least) / median; 0 where the median is */
} summary;

/* Of n values in any order, which stay as they are; n is at most STATISTICS_MOST. All zeros for n =
 * 0. With an even number the median lies between the middle two. */
enum { STATISTICS_MOST = 1000 };
summary summarize(const double *values, size_t n);

#endif
