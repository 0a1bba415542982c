/* Any text, cut anywhere: the invariants of the view. Bytes 1 and 2 begin thinking and answer. */
#include "apps/ds4/view_oracle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    if (n > 4096) return 0;
    if (!view_holds((const char *)data, n)) abort();
    return 0;
}
