/* find_model: which model a program means when its command line names none.
 *
 *     -m FILE  >  $DS4_MODEL  >  ds4flash.gguf here  >  the bundled ds4-mini
 *
 * What is named is taken as it is, whether it exists or not: opening it tells best what is wrong.
 * The bundled model is never taken silently: `bundled` says that FIND_MODEL_MINI has to be told to
 * the person.
 */
#ifndef DS4_APPS_LIB_FIND_MODEL_H
#define DS4_APPS_LIB_FIND_MODEL_H

#include <limits.h>
#include <stdbool.h>

#include "base/status.h"

/* What the bundled model is, what it can do, and the way to the real one: in parts for a greeting,
 * and as one line. */
#define FIND_MODEL_IS "ds4-mini, the tiny demo model that comes with ds4"
#define FIND_MODEL_CAN                                                                             \
    "it chats in simple English, calculates with small numbers, sorts, copies and calls tools, "   \
    "and knows little else"
#define FIND_MODEL_REAL                                                                            \
    "the real DeepSeek V4 Flash: build/bin/ds4-get q2 --link (80.8 GiB; ds4-get --list for "       \
    "others)"
#define FIND_MODEL_MINI                                                                            \
    "no model was named, so this is " FIND_MODEL_IS ": " FIND_MODEL_CAN "; " FIND_MODEL_REAL

typedef struct found_model {
    const char *path; /* borrowed from `named`, from the environment, or in `store` */
    bool bundled;     /* the demo model, because nothing else was there             */
    char store[PATH_MAX];
} found_model;

/* `named` is what -m says, or NULL. E_USAGE with what to do if there is no model at all. */
status find_model(found_model *out, const char *named, err *e);

#endif
