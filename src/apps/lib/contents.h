/* contents: what a model's files hold, told in classes: parts of the model that recipes treat alike. */
#ifndef DS4_APPS_LIB_CONTENTS_H
#define DS4_APPS_LIB_CONTENTS_H

#include <stdbool.h>

#include "base/buf.h"
#include "model/model.h"

enum { CONTENTS_CLASSES = 13 };

typedef struct class_total {
    const char *name;
    bool routed; /* experts of which each token uses a few    */
    bool looked_up; /* rows are looked up, not multiplied     */
    bool draft;
    uint64_t tensors, bytes;
    uint64_t by_type[QUANT_IDS]; /* tensors */
} class_total;

typedef struct contents {
    class_total c[CONTENTS_CLASSES];
    uint64_t tensors, bytes, file_bytes, keys;
    bool draft_beside, draft_behind; /* mtp.0.*, blk.N.nextn.* */
    bool half_hc;                    /* hyper-connection matrices as F16: one publisher's mark */
} contents;

contents contents_of(const model *m);
/* Weights read for one token: everything but the embedding, the draft block and the experts that are not chosen. */
uint64_t contents_bytes_per_token(const model *m, const contents *t);

/* "Q8_0" or "Q8_0 x12, F16 x3". */
void contents_types(buf *out, const class_total *c);
/* [{"name": TEXT, "tensors": N, "bytes": N, "types": {"Q8_0": N}}, ...], classes without tensors left out. */
void contents_json(buf *out, const contents *t);

#endif
