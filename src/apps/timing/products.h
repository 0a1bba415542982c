/* products: the matrices that a step multiplies with, by stage and kind.
 *
 * A kind is what a line of a profile is about: one matrix of every layer (q_a), or several that a
 * backend may work on at once (all gates and ups of the experts).
 */
#ifndef DS4_APPS_TIMING_PRODUCTS_H
#define DS4_APPS_TIMING_PRODUCTS_H

#include <stddef.h>
#include <stdint.h>

#include "backend/backend.h"
#include "model/plan.h"

typedef enum product {
    PRODUCT_HC_ATTN,
    PRODUCT_Q_A,
    PRODUCT_Q_B,
    PRODUCT_KV,
    PRODUCT_COMP,
    PRODUCT_IX_COMP,
    PRODUCT_IX_Q,
    PRODUCT_IX_WEIGHTS,
    PRODUCT_OUT_A,
    PRODUCT_OUT_B,
    PRODUCT_HC_FFN,
    PRODUCT_ROUTER,
    PRODUCT_GATE_UP,
    PRODUCT_DOWN,
    PRODUCT_HC_HEAD,
    PRODUCT_VOCABULARY,
    PRODUCT_DRAFT_IN,
    N_PRODUCTS
} product;

typedef struct product_kind {
    const char *name; /* "q_a" */
    stage stage;
} product_kind;

extern const product_kind product_kinds[N_PRODUCTS];
extern const char *const stage_names[N_STAGES];

/* A matrix of layer_weights. */
typedef struct layer_matrix {
    size_t at; /* offset of the field */
    product kind;
    int routed; /* planes are experts, of which a step reads some */
} layer_matrix;

enum { N_LAYER_MATRICES = 20 };
extern const layer_matrix layer_matrices[N_LAYER_MATRICES];

/* What w is: of layer l (NULL: none), or of the ends of the model. -1: none of them. */
int product_find(const plan *p, const layer *l, const matrix *w);

/* Bytes of weights and of cached rows that one step must read which decodes a token in each of so
 * many sessions, all at position `pos`; with several sessions the number of distinct experts is the
 * one to be expected of even routing. Vectors (norms, sinks, biases) are not counted: 0.02 %. */
double step_weight_bytes(const plan *p, uint32_t sessions, uint32_t pos);
double step_cache_bytes(const plan *p, uint32_t sessions, uint32_t pos);

/* Cached rows that n tokens from position `pos` on read in this layer, counted once however many of
 * them look at a row. Where the indexer chooses for several tokens, it is the most they can
 * read. */
typedef struct cache_reads {
    uint64_t window, compressed, index; /* rows */
} cache_reads;
cache_reads cache_rows(const plan *p, const layer *l, uint32_t pos, uint32_t n);

#endif
