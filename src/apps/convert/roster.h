/* roster: the tensors of the file to be written, each bound to what is stored and given a type.
 *
 * The table in roster.c says what a model of this architecture consists of, in the checkpoint's
 * names and in those of GGUF. Experts, a matrix each in the checkpoint, become one tensor
 * [in, out, expert].
 *
 * I1  A roster is complete: every tensor the configuration asks for is bound and has the shape it
 *     must have, before anything is written.
 * I2  ROSTER_NATIVE loses nothing: MXFP4 for FP4, BF16 for FP8 (F32 where BF16 cannot hold a
 *     value), else the type the checkpoint has. Vectors are F32 in every mode.
 */
#ifndef DS4_APPS_CONVERT_ROSTER_H
#define DS4_APPS_CONVERT_ROSTER_H

#include <signal.h>

#include "apps/convert/config.h"
#include "apps/convert/stored.h"
#include "base/buf.h"
#include "base/progress.h"

typedef enum roster_mode {
    ROSTER_F32,
    ROSTER_F16,
    ROSTER_BF16,
    ROSTER_Q8_0,
    ROSTER_MIXED, /* MXFP4 for FP4, F16 for ROSTER_FINE, Q8_0 for the rest */
    ROSTER_NATIVE
} roster_mode;

typedef enum roster_role {
    ROSTER_VECTOR, /* always F32                                             */
    ROSTER_MATRIX, /* of the mode's type                                     */
    ROSTER_FINE,   /* small and sensitive: as ROSTER_MATRIX, but F32 in Q8_0 mode */
    ROSTER_STACK,  /* a matrix of each expert, of the mode's type            */
    ROSTER_PAIR,   /* two matrices side by side: rows [first, second]        */
    ROSTER_IDS     /* expert numbers by token id: I32                        */
} roster_role;

typedef struct roster_tensor {
    char name[64]; /* in the GGUF file */
    roster_role role;
    quant_id type;
    uint32_t n_dims;
    uint64_t ne[3];       /* innermost first; unused ones are 1   */
    const hf_tensor *ids; /* ROSTER_IDS                             */
    stored *parts;        /* the others: one, two, or one an expert */
    uint32_t n_parts;
} roster_tensor;

typedef struct roster {
    roster_tensor *tensors;
    uint32_t n;
    uint32_t n_experts; /* what ROSTER_IDS may name */
    bool draft;         /* with the block mtp.0   */
    buf notes;          /* remarks, each ending in a NUL: see roster_tell */
} roster;

/* Where the draft block goes: names of its own (mtp.0.*), or the block behind the trunk, in which
 * llama.cpp looks for it; there the trunk's hyper-connection head serves the draft block too. */
typedef enum roster_layout { ROSTER_DS4, ROSTER_LLAMACPP } roster_layout;

/* Binds everything; types are not chosen yet. Remarks are kept on draft blocks beyond the first,
 * parts that the layout has no place for, tensors that belong to nothing. */
status roster_build(roster *all, const hf_checkpoint *c, const convert_config *cfg,
                    roster_layout layout, err *e);

/* Chooses the types, looking at values where it must. A remark is kept on every tensor that needs
 * another type than the mode's. Once *stop is not 0 it ends with E_CANCELLED. */
status roster_choose(roster *all, roster_mode mode, const volatile sig_atomic_t *stop, err *e);

/* Puts the remarks on stderr. For the end of a run that succeeded: one that fails says one line. */
void roster_tell(const roster *all);

void roster_free(roster *all);

#endif
