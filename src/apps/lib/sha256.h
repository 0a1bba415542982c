/* sha256: the checksum that publishers of files name (FIPS 180-4), piece by piece. */
#ifndef DS4_APPS_LIB_SHA256_H
#define DS4_APPS_LIB_SHA256_H

#include <stddef.h>
#include <stdint.h>

enum { SHA256_HEX = 64 };

typedef struct sha256 {
    uint32_t state[8];
    uint64_t n; /* bytes taken */
    uint8_t block[64];
} sha256;

void sha256_start(sha256 *s);
void sha256_add(sha256 *s, const void *p, size_t n);
/* The sum of all that was added, in lower-case hex. `s` stays as it is: more may be added. */
void sha256_hex(char out[SHA256_HEX + 1], const sha256 *s);

#endif
