/* recall: what was typed before, kept in a file of the user's.
 *
 * The file has one JSON string a line, the oldest first, so that an entry may have several lines.
 * Entries are appended as they come: nothing is lost with a crash, and chats that run at the same
 * time share the file.
 *
 * I1  The file is 0600, also if it was not before.
 * I2  At most RECALL_MOST entries are loaded; a file that has outgrown them is cut to the latest.
 * I3  Trouble with the file never shows: what was typed is then kept in memory only.
 */
#ifndef DS4_APPS_DS4_RECALL_H
#define DS4_APPS_DS4_RECALL_H

#include <stdbool.h>
#include <stddef.h>

enum { RECALL_MOST = 1000, RECALL_ENTRY_MOST = 1 << 16 /* bytes; longer ones are not kept */ };

typedef struct recall recall;

/* HOME/.ds4_history; false without a HOME, or one that is too long. */
bool recall_path(char *out, size_t cap);

/* path NULL: no file. NULL: out of memory. */
recall *recall_open(const char *path);
void recall_close(recall *r); /* NULL is fine */

size_t recall_count(const recall *r);
const char *recall_at(const recall *r, size_t i, size_t *n); /* 0 is the oldest */

/* Keeps n bytes of UTF-8, unless they are empty or what was kept last. */
void recall_add(recall *r, const char *p, size_t n);

#endif
