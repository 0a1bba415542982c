/* file: the few ways this project touches the disk.
 *
 * Reading maps a regular file whole. Writing goes to a fresh file beside the final name, which is
 * published by one rename when everything is on disk: nobody ever sees half a file under its name.
 *
 * I1  Only regular files are opened: a FIFO or a device can neither block nor feed us.
 * I2  An out_file that is not finished leaves nothing behind after out_abort.
 * I3  New files are 0600 whatever the umask, unless the caller says otherwise.
 * I4  After a failed write nothing more is taken, and out_finish fails as well: a file with a hole is never published.
 */
#ifndef DS4_BASE_FILE_H
#define DS4_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/status.h"

typedef struct file_map {
    const uint8_t *data; /* NULL for an empty file */
    uint64_t size;
} file_map;

status map_open(file_map *m, const char *path, err *e);
void map_close(file_map *m);

/* Gives back the memory that n bytes at offset `at` take in this process; they are read again from
 * the file when touched. So a process that walks once through a huge file stays small. */
void map_drop(const file_map *m, uint64_t at, uint64_t n);

/* Asks the system to begin reading n mapped bytes at `p`: it does so while the caller goes on. */
void map_soon(const void *p, uint64_t n);

/* What a change of a file leaves different: its size and the time of its last change (seconds, and nanoseconds where the system
 * keeps them). False, and zeros, without such a file. */
typedef struct file_stamp {
    uint64_t size, seconds, nanoseconds;
} file_stamp;
bool file_stamp_of(file_stamp *out, const char *path);

/* The whole of a regular file, at most `limit` bytes (E_LIMIT beyond). */
status file_read(buf *out, const char *path, uint64_t limit, err *e);

/* A file being written. Its name may be taken by a file or a link, which it replaces, and by nothing else. */
typedef struct out_file out_file;

status out_open(out_file **out, const char *path, int mode, err *e);
status out_write(out_file *f, const void *p, size_t n, err *e); /* in order, buffered */
status out_patch(out_file *f, uint64_t at, const void *p, size_t n, err *e); /* over bytes already written */
uint64_t out_size(const out_file *f);                            /* bytes written so far */
status out_finish(out_file *f, err *e); /* flush, sync, rename, free; on failure nothing is left */
void out_abort(out_file *f);            /* NULL is fine */

/* Syncs the folder in which `path` stands, for who renames by himself: without it a power loss may forget the new name. */
void file_sync_folder(const char *path);

/* Byte streams: what sessions are saved to and loaded from. Return OK or fail with words. */
typedef struct sink {
    status (*write)(void *self, const void *p, size_t n, err *e);
    void *self;
} sink;
typedef struct source {
    status (*read)(void *self, void *p, size_t n, err *e); /* exactly n bytes, else E_FORMAT */
    void *self;
} source;

sink sink_file(out_file *f);
sink sink_buf(buf *b);
typedef struct mem_reader {
    const uint8_t *data;
    size_t n, at;
} mem_reader;
source source_mem(mem_reader *r);

#endif
