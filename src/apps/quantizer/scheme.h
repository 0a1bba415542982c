/* scheme: every tensor of the output with the type it gets and the importance that goes with it.
 *
 * Made before the first byte is written, so that whatever can be refused is refused then, and so
 * that --dry-run tells what a run would do.
 */
#ifndef DS4_APPS_QUANTIZER_SCHEME_H
#define DS4_APPS_QUANTIZER_SCHEME_H

#include <stdio.h>

#include "apps/quantizer/imatrix.h"
#include "apps/quantizer/input.h"
#include "apps/quantizer/recipe.h"

typedef struct planned {
    const origin *from;
    quant_id wanted; /* by recipe and rules   */
    quant_id type;   /* what its rows allow   */
    uint64_t row_bytes, bytes;
    const imatrix_entry *importance;  /* of all matrices of the tensor, or NULL */
    const imatrix_entry **by_expert;  /* or one for each, some perhaps NULL     */
    uint64_t run_rows; /* rows that share an importance: those of a matrix, or of a group of heads */
} planned;

typedef struct scheme {
    planned *at;
    uint32_t n;
    uint64_t read_bytes; /* stored, of all tensors */
    uint64_t data_bytes; /* to be written, without padding */
    uint32_t n_weighted; /* tensors with importance */
} scheme;

typedef struct scheme_wish {
    recipe_id recipe;
    const recipe_rule *rules;
    size_t n_rules;
    const imatrix *importance; /* or NULL */
    const char *importance_path;
} scheme_wish;

/* Remarks go to the input's notes. Both outlive the scheme, as does the importance. */
status scheme_make(scheme *p, input *in, const scheme_wish *w, const volatile sig_atomic_t *stop, err *e);
void scheme_free(scheme *p);

/* The importance of the columns for rows from run * run_rows on, or NULL; `room` has ne[0] values. */
const float *planned_importance(const planned *t, uint64_t run, float *room);

/* The type that holds most weights. */
quant_id scheme_most(const scheme *p);

/* Classes of tensors, types, sizes, the sum: for a person. */
void scheme_print(const scheme *p, FILE *to);

#endif
