/* tables: the codebooks of the IQ formats.
 *
 * A grid row is the magnitudes (iq1s: signed values) of 8 or 4 neighbours, one a byte, the
 * first in the lowest byte.
 *
 *      iq2*     8, 25, 43        iq3xxs   4 12 20 28 36 44 52 62
 *      iq1s     -1, 0, 1         iq3s     1 3 .. 15
 */
#ifndef DS4_QUANT_TABLES_H
#define DS4_QUANT_TABLES_H

#include <stdint.h>

extern const int8_t iq4nl_values[16];
extern const int8_t mxfp4_values[16];
extern const uint64_t iq2xxs_grid[256];
extern const uint64_t iq2xs_grid[512];
extern const uint64_t iq2s_grid[1024];
extern const uint32_t iq3xxs_grid[256];
extern const uint32_t iq3s_grid[512];
extern const uint64_t iq1s_grid[2048];

#endif
