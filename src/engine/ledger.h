/* ledger: one account of a device's memory, asked before anything is allocated.
 *
 * It exists so that a machine is never frozen by an allocation it cannot serve: what would go over the limit is refused
 * in words, with the numbers and the fix.
 */
#ifndef DS4_ENGINE_LEDGER_H
#define DS4_ENGINE_LEDGER_H

#include <stdint.h>

#include "base/status.h"

typedef enum ledger_kind { LEDGER_SCRATCH, LEDGER_PAGES, LEDGER_STATES, LEDGER_FRONTIERS, LEDGER_KINDS } ledger_kind;

typedef struct ledger {
    uint64_t limit; /* bytes; 0: none */
    uint64_t used[LEDGER_KINDS];
    uint64_t peak;  /* of the sum */
} ledger;

uint64_t ledger_total(const ledger *l);
status ledger_take(ledger *l, ledger_kind k, uint64_t bytes, err *e);
void ledger_give(ledger *l, ledger_kind k, uint64_t bytes);

#endif
