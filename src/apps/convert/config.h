/* config: config.json of a checkpoint, checked, and the metadata keys it becomes.
 *
 * I1  What convert_config_read lets through, the engine's own reader of metadata (model/shape) lets
 *     through: the ranges are the same.
 */
#ifndef DS4_APPS_CONVERT_CONFIG_H
#define DS4_APPS_CONVERT_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "base/status.h"
#include "gguf/gguf.h"
#include "model/shape.h"

/* Names as in model/shape.h; see there for what each means. */
typedef struct convert_config {
    char path[1024]; /* of config.json, for messages */
    uint32_t n_layers, n_vocab, context;
    uint32_t d_model, n_heads, n_kv_heads, head_dim, rope_dim;
    uint32_t q_rank, o_groups, o_rank, window;
    uint32_t ix_heads, ix_dim, ix_top_k;
    uint32_t n_experts, n_used, n_shared, ff_dim, n_hash_layers;
    uint32_t n_streams, sinkhorn_rounds;
    double route_scale, clamp, norm_eps, hc_eps;
    bool route_norm;
    double rope_base, rope_base_compressed;
    bool yarn; /* false: positions are not scaled */
    double yarn_factor, yarn_beta_fast, yarn_beta_slow;
    uint32_t yarn_context;
    uint32_t n_ratios; /* at least n_layers; the rest belongs to draft blocks */
    int32_t ratio[2 * SHAPE_MAX_LAYERS];
    uint32_t tile_rows, tile_cols; /* FP8: values that share a scale */
    int64_t bos, eos, pad;         /* -1: config.json has none       */
} convert_config;

status convert_config_read(convert_config *c, const char *folder, err *e);

/* The model's name is the folder's. */
void convert_config_name(const char *folder, char *out, size_t cap);

/* Everything but the tokeniser: general.* and deepseek4.*. `n_draft` blocks are promised; with
 * `draft_inside` they count as the last blocks of the model. */
void convert_config_put(const convert_config *c, const char *name, uint32_t file_type,
                        uint32_t n_draft, bool draft_inside, gguf_writer *w);

#endif
