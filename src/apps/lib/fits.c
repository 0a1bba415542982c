#include "apps/lib/fits.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "apps/lib/contents.h"
#include "apps/lib/say.h"
#include "base/clock.h"

/* What the system and the session need beside the weights. */
static uint64_t left_for_weights(uint64_t memory) { return memory - memory / 10; }

bool fits_words(char *out, size_t room, uint64_t file, uint64_t memory, uint64_t a_token, double disk) {
    const double gib = 1024.0 * 1024 * 1024;
    if (!memory || file <= left_for_weights(memory)) return false;
    const double missing = 1 - (double)left_for_weights(memory) / (double)file;
    const int n = snprintf(out, room, "this file has %.1f GiB and this machine %.1f GiB of memory: weights are read from the "
                           "disk again and again", (double)file / gib, (double)memory / gib);
    if (disk > 0 && n > 0 && (size_t)n < room)
        snprintf(out + n, room - (size_t)n, ", at most about %.2g tokens/s (%.2f GiB a token, %.0f%% of it from a disk of %.2g "
                 "GiB/s). A smaller file (ds4-quantize, ds4-get) or more memory is faster", disk / ((double)a_token * missing),
                 (double)a_token / gib, missing * 100, disk / gib);
    return true;
}

static double seconds_since(double start) { return clock_seconds() - start; }

/* Bytes a second of large reads from all over the file; 0 when it cannot be told. Past the cache where the system lets us:
 * otherwise what happens to be in memory would count as the disk. */
static double disk_rate(const char *path, uint64_t size) {
    enum { PIECE = 4 << 20 };
    int flags = O_RDONLY;
#ifdef O_DIRECT
    flags |= O_DIRECT;
#endif
    int fd = open(path, flags);
    if (fd < 0) fd = open(path, O_RDONLY);
    void *p = NULL;
    if (fd < 0 || posix_memalign(&p, 4096, PIECE) != 0) {
        if (fd >= 0) close(fd);
        return 0;
    }
    const double start = clock_seconds();
    uint64_t got = 0, at = 12345;
    while (seconds_since(start) < 0.25 && size > PIECE) {
        at = at * 6364136223846793005u + 1442695040888963407u;
        const ssize_t n = pread(fd, p, PIECE, (off_t)((at >> 16) % ((size - PIECE) / 4096) * 4096));
        if (n <= 0) break;
        got += (uint64_t)n;
    }
    const double spent = seconds_since(start);
    free(p);
    close(fd);
    return spent > 0 ? (double)got / spent : 0;
}

void fits_note(const model *m, const char *path) {
    const long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
    const uint64_t memory = pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size : 0;
    const contents t = contents_of(m);
    char words[512];
    if (!fits_words(words, sizeof words, t.file_bytes, memory, 1, 0)) return;
    const double rate = disk_rate(path, gguf_size(model_file(m, 0)));
    if (fits_words(words, sizeof words, t.file_bytes, memory, contents_bytes_per_token(m, &t), rate)) say_note("%s", words);
}
