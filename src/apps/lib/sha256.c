/* sha256.c: eight words of state, stirred 64 times for each block of 64 bytes.
 *
 * The constants are the fractions of the square roots (state) and cube roots (rounds) of the first
 * primes; they are given here as numbers and held against the standard by the vectors of the test.
 */
#include "apps/lib/sha256.h"

#include <string.h>

enum { BLOCK = 64, LENGTH_AT = 56 };

static const uint32_t rounds[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t turn(uint32_t x, int n) {
    return x >> n | x << (32 - n);
}

static uint32_t load_be(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void stir(uint32_t state[8], const uint8_t *p) {
    uint32_t w[64], v[8];
    for (int i = 0; i < 16; i++) w[i] = load_be(p + 4 * i);
    for (int i = 16; i < 64; i++) {
        const uint32_t a = w[i - 15], b = w[i - 2];
        w[i] = w[i - 16] + (turn(a, 7) ^ turn(a, 18) ^ a >> 3) + w[i - 7] +
               (turn(b, 17) ^ turn(b, 19) ^ b >> 10);
    }
    memcpy(v, state, sizeof v);
    for (int i = 0; i < 64; i++) {
        const uint32_t choice = (v[4] & v[5]) ^ (~v[4] & v[6]),
                       most = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);
        const uint32_t one =
            v[7] + (turn(v[4], 6) ^ turn(v[4], 11) ^ turn(v[4], 25)) + choice + rounds[i] + w[i];
        const uint32_t two = (turn(v[0], 2) ^ turn(v[0], 13) ^ turn(v[0], 22)) + most;
        memmove(v + 1, v, 7 * sizeof *v);
        v[4] += one;
        v[0] = one + two;
    }
    for (int i = 0; i < 8; i++) state[i] += v[i];
}

void sha256_start(sha256 *s) {
    *s = (sha256){.state = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c,
                            0x1f83d9ab, 0x5be0cd19}};
}

void sha256_add(sha256 *s, const void *p, size_t n) {
    const uint8_t *in = p;
    while (n) {
        const size_t at = s->n % BLOCK, take = n < BLOCK - at ? n : BLOCK - at;
        if (take == BLOCK) {
            stir(s->state, in);
        } else {
            memcpy(s->block + at, in, take);
            if (at + take == BLOCK) stir(s->state, s->block);
        }
        s->n += take;
        in += take;
        n -= take;
    }
}

void sha256_hex(char out[SHA256_HEX + 1], const sha256 *s) {
    static const uint8_t end[BLOCK] = {0x80};
    static const char digits[] = "0123456789abcdef";
    sha256 t = *s;
    uint8_t bits[8];
    for (int i = 0; i < 8; i++) bits[i] = (uint8_t)(s->n * 8 >> (56 - 8 * i));
    const size_t at = s->n % BLOCK;
    sha256_add(&t, end, (at < LENGTH_AT ? LENGTH_AT : LENGTH_AT + BLOCK) - at);
    sha256_add(&t, bits, sizeof bits);
    for (int i = 0; i < SHA256_HEX; i++) out[i] = digits[t.state[i / 8] >> (28 - 4 * (i % 8)) & 15];
    out[SHA256_HEX] = 0;
}
