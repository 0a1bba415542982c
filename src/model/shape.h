/* shape: the dimensions of a model, read from its file and checked once.
 *
 * The real model, the small bundled one, random test models and slices are other shapes, not other code. Every
 * number that sizes an allocation or a loop passes shape_read, which refuses the absurd with the key's name, so
 * that nothing behind it has to check again.
 *
 * Symbols in comments all over the engine:
 *     D  d_model      H  n_heads     dh head_dim     dr rope_dim     W  window
 *     M  n_streams    E  n_experts   K  n_used       I  ff_dim       V  n_vocab
 *     G  o_groups     Ro o_rank      Rq q_rank       Hi ix_heads     di ix_dim
 */
#ifndef DS4_MODEL_SHAPE_H
#define DS4_MODEL_SHAPE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "gguf/gguf.h"

enum {
    SHAPE_MAX_LAYERS = 512,
    SHAPE_MAX_STREAMS = 8,
    PAGE_TOKENS = 256, /* every legal ratio divides it, so a page never ends inside a window of a compressor */
};

typedef struct shape {
    uint32_t n_layers;  /* of the trunk */
    uint32_t n_vocab;
    uint32_t d_model, n_heads, head_dim, rope_dim;
    uint32_t q_rank, o_groups, o_rank;
    uint32_t window;
    uint32_t ix_heads, ix_dim, ix_top_k;
    uint32_t n_experts, n_used, n_shared, ff_dim, n_hash_layers;
    uint32_t n_streams, sinkhorn_rounds;
    uint32_t context;   /* positions the model was made for */
    float route_scale;
    bool route_norm;    /* divide the chosen experts' scores by their sum */
    float norm_eps, hc_eps;
    double rope_base;             /* layers with ratio 0          */
    double rope_base_compressed;  /* layers with ratio > 0, with YaRN: */
    double yarn_factor, yarn_beta_fast, yarn_beta_slow, yarn_context;

    /* By layer; entry n_layers is the draft block's. */
    uint32_t ratio[SHAPE_MAX_LAYERS + 1]; /* 0, 4, or a power of two from 8 to 256 */
    float clamp_routed[SHAPE_MAX_LAYERS + 1], clamp_shared[SHAPE_MAX_LAYERS + 1];
} shape;

/* files: the model's shards. The first holds the keys; a draft block behind the trunk, which block_count may count, may lie in
 * any. `name` stands for the model in errors. */
status shape_read(shape *out, gguf *const *files, uint32_t n_files, const char *name, err *e);

/* Hyper-connections: pre, post and the mixing matrix of one site. */
static inline uint32_t shape_hc_mix(const shape *s) { return (2 + s->n_streams) * s->n_streams; }

/* Rows a compressor of this ratio keeps for one page. */
static inline uint32_t ratio_rows_per_page(uint32_t ratio) { return ratio ? PAGE_TOKENS / ratio : 0; }

/* Width of a compressor's projections: ratio 4 overlaps windows, with one half for each role. */
static inline uint32_t ratio_halves(uint32_t ratio) { return ratio == 4 ? 2 : 1; }

#endif
