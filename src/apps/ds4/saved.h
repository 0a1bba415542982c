/* saved: conversations: their messages in memory, and all of one in a file.
 *
 *     0    "DS4CHAT1"                                     8
 *     8    u64 bytes of JSON                              8
 *     16   {"system": ..., "messages": [{"role", "content", "reasoning"}]}
 *          hash of the bytes from 0 up to here            16
 *          the session, as engine/save.c writes it
 *
 * I1  The messages can be read by any model; the session by the one that wrote it.
 * I2  A damaged file is refused whole; a session that belongs to another model is left out.
 */
#ifndef DS4_APPS_DS4_SAVED_H
#define DS4_APPS_DS4_SAVED_H

#include "base/buf.h"
#include "chat/chat.h"
#include "engine/session.h"

typedef struct message {
    chat_role role; /* user or assistant */
    buf content, reasoning;
} message;

typedef struct history {
    message *at;
    size_t n, cap;
} history;

message *history_add(history *h, chat_role role, const char *p, size_t n); /* NULL: out of memory */
void history_cut(history *h, size_t n);                                    /* keeps the first n   */
void history_free(history *h);

status saved_write(const char *path, const char *system, const history *h, const session *s, err *e);
/* `system` and `h` are empty. The session is replaced if it can be (*computed), else left as it is. */
status saved_read(const char *path, buf *system, history *h, session *s, bool *computed, err *e);

#endif
