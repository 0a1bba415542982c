/* recipe: which type each tensor gets.
 *
 * A recipe is told by the parts of the model, not by sizes: the published ones agree on everything
 * but the routed experts, whose types give them their names.
 *
 *     vectors; numbers of experts                   F32; I32
 *     embedding, compressors, indexer, router,
 *     hyper-connections                             F16     (draft block: the last two F32)
 *     attention, shared expert, output head,
 *     projections of the draft block                Q8_0
 *     routed experts, gate and up | down            q2      IQ2_XXS | Q2_K   (draft block: Q4_K)
 *                                                   q2-q4   Q4_K in the last layers, else q2
 *                                                   q4      Q4_K
 *                                                   q8      Q8_0
 *                                                   mxfp4   MXFP4
 *
 * Rules of the user, PATTERN=TYPE, go over the recipe; the last one that matches a name counts.
 *
 * I1  Vectors stay F32 and numbers of experts I32, whatever a rule says.
 * I2  What no recipe knows (and, without a recipe, everything) keeps its type.
 */
#ifndef DS4_APPS_QUANTIZER_RECIPE_H
#define DS4_APPS_QUANTIZER_RECIPE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "quant/quant.h"

typedef enum recipe_id {
    RECIPE_Q2,
    RECIPE_Q2_Q4,
    RECIPE_Q4,
    RECIPE_Q8,
    RECIPE_MXFP4,
    RECIPE_NONE /* rules only */
} recipe_id;

extern const char *const recipe_names[]; /* by recipe_id, without RECIPE_NONE; ends with NULL */

typedef enum recipe_part {
    PART_VECTOR,
    PART_IDS,
    PART_FINE,       /* F16 in every recipe                                 */
    PART_FINE_DRAFT, /* the same, but F32 in the published draft block      */
    PART_MATRIX,     /* Q8_0 in every recipe                                */
    PART_GATE_UP,
    PART_DOWN,
    PART_OTHER       /* no tensor of this architecture                      */
} recipe_part;

typedef struct recipe_place {
    recipe_part part;
    bool draft;     /* in the draft block */
    uint32_t layer; /* of the trunk; 0 for what is in none */
} recipe_place;

/* What a tensor is, from its name in either layout. Blocks from n_layers on are draft blocks. */
recipe_place recipe_place_of(const char *name, bool vector, uint32_t n_layers);

/* The type a recipe wants; `kept` where it has no say. */
quant_id recipe_type(recipe_id r, const recipe_place *p, uint32_t n_layers, quant_id kept);

typedef struct recipe_rule {
    const char *text; /* as given; borrowed */
    char pattern[256];
    quant_id type;
} recipe_rule;

/* PATTERN=TYPE: `*`, `?` and `[...]` in the pattern, a type that can be written. E_USAGE. */
status recipe_rule_read(recipe_rule *out, const char *text, err *e);
bool recipe_rule_matches(const recipe_rule *r, const char *name);

/* Whether rows of this type can be made of float32. */
bool recipe_can_write(quant_id type);

/* `wanted`, or the type next to it whose blocks fill rows of n_cols values. */
quant_id recipe_fit(quant_id wanted, uint64_t n_cols);

/* llama.cpp's number of a file in which this type holds most weights (general.file_type). */
uint32_t recipe_file_type(quant_id most);

#endif
