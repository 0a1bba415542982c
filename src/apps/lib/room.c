#include "apps/lib/room.h"

#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

status room_check(const char *path, uint64_t bytes, err *e) {
    char *folder = strdup(path);
    if (!folder) return fail(e, E_NOMEM, "out of memory");
    char *slash = strrchr(folder, '/');
    if (slash) slash[slash == folder] = 0;
    struct statvfs fs;
    status st = OK;
    if (statvfs(slash ? folder : ".", &fs) == 0 && fs.f_blocks > 0) {
        const uint64_t room = (uint64_t)fs.f_bavail * fs.f_frsize;
        if (room < bytes)
            st = fail(e, E_IO, "%s: needs %.1f GiB, %.1f GiB are free there", path,
                      (double)bytes / 0x1p30, (double)room / 0x1p30);
    }
    free(folder);
    return st;
}
