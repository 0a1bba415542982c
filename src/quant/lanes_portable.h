/* lanes_portable: choices by lane in plain bits. */
#ifndef DS4_QUANT_LANES_PORTABLE_H
#define DS4_QUANT_LANES_PORTABLE_H

#include "quant/lanes.h"

/* mask: all bits of a lane, or none. Where nothing can be compared, min and max give b. */
LANES i8 i8_pick(i8 mask, i8 a, i8 b) { return (mask & a) | (~mask & b); }
LANES f8 f8_pick(i8 mask, f8 a, f8 b) { return (f8)i8_pick(mask, (i8)a, (i8)b); }
LANES f8 f8_min(f8 a, f8 b) { return f8_pick(a < b, a, b); }
LANES f8 f8_max(f8 a, f8 b) { return f8_pick(a > b, a, b); }

#endif
