/* info: --info: what a model file holds, and what running it takes. Reads headers only. */
#ifndef DS4_APPS_DS4_INFO_H
#define DS4_APPS_DS4_INFO_H

#include "apps/ds4/options.h"

status info_print(const ds4_cli *o, err *e); /* on stdout */

#endif
