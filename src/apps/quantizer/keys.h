/* keys: the metadata of the output.
 *
 * From a GGUF the keys are copied, but for those that say how the input was cut or quantised; a
 * layout that was asked for also gets what its engine insists on: u32 and f32, one entry a block
 * where a list goes by blocks, keys that other writers leave out.
 */
#ifndef DS4_APPS_QUANTIZER_KEYS_H
#define DS4_APPS_QUANTIZER_KEYS_H

#include "apps/quantizer/scheme.h"

status keys_put(const input *in, const scheme *p, const scheme_wish *w, gguf_writer *to, err *e);

#endif
