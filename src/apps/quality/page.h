/* page: a receipt as one HTML page that needs nothing else: no scripts, no fonts, no pictures from
 * elsewhere, and a policy in its head that forbids them.
 *
 * Everything in it comes from the receipt's JSON, so the two cannot disagree. Text in a receipt came
 * out of model files: it is escaped, always.
 */
#ifndef DS4_APPS_QUALITY_PAGE_H
#define DS4_APPS_QUALITY_PAGE_H

#include "base/buf.h"
#include "base/json.h"

void page_write(buf *out, const json *receipt);

#endif
