/* fits: what to expect of a model whose file is larger than the memory.
 *
 * It runs all the same: the system keeps in memory what was used last, and the rest of a token's weights comes from the
 * disk. How fast that is follows from three numbers, which the note names:
 *
 *     tokens/s  <=  disk's rate / (bytes read for a token * share of the file that is not in memory)
 */
#ifndef DS4_APPS_LIB_FITS_H
#define DS4_APPS_LIB_FITS_H

#include "model/model.h"

/* Says it on stderr, if it is so. `path` is the model's first file: its disk is measured for a quarter of a second. */
void fits_note(const model *m, const char *path);

/* The sentence for these numbers (bytes, bytes a second; a rate of 0: not known); false: all fits. */
bool fits_words(char *out, size_t room, uint64_t file, uint64_t memory, uint64_t a_token, double disk);

#endif
