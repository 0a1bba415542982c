/* registry: the backends that were built in, best first. */
#ifndef DS4_BACKEND_REGISTRY_H
#define DS4_BACKEND_REGISTRY_H

#include "backend/backend.h"

/* By name; NULL or "" gives the best one. E_USAGE names those that exist. */
status backend_find(const backend_ops **out, const char *name, err *e);

#endif
