/* tokens: a growing list of token ids.
 *
 *     tokens t = {0};
 *     if (!tokens_add(&t, id)) ...           false: out of memory, nothing changed
 *     tokens_free(&t);
 */
#ifndef DS4_TEXT_TOKENS_H
#define DS4_TEXT_TOKENS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct tokens {
    int32_t *id;
    size_t n, cap;
} tokens;

bool tokens_reserve(tokens *t, size_t more); /* room for `more` ids behind n */
bool tokens_add(tokens *t, int32_t id);
void tokens_free(tokens *t); /* and back to {0} */

#endif
