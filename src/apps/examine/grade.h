/* grade: whether an answer is what was expected, and whether it has the form an answer must have.
 *
 * The two are judged apart: what is expected stands in the suite, the form is the same for all:
 *
 *   - it ended by itself: not by a limit;
 *   - it thought where thinking was asked for, and only there;
 *   - the official parser takes it (chat/reply.h, reply_parse_strict): control tokens where they
 *     belong and nowhere else, calls as they must be written;
 *   - nothing in the text spells a tag, half a character or a control character;
 *   - calls are of tools that were offered, their arguments JSON; and there are none unless calls
 *     are what is expected.
 *
 * A case is passed if both hold.
 */
#ifndef DS4_APPS_EXAMINE_GRADE_H
#define DS4_APPS_EXAMINE_GRADE_H

#include "apps/examine/suite.h"
#include "chat/reply.h"
#include "talk/turn.h"

typedef struct answer {
    reply_message m;     /* what the reader sees            */
    buf raw;             /* all that was written, as text   */
    turn_end end;        /* TURN_GOES_ON: there was no room */
    uint32_t prompt, made;
    double seconds;
} answer;

void answer_free(answer *a); /* and back to {0} */

typedef struct verdict {
    bool expected, form;
    char why[400]; /* the first thing wrong; empty when passed */
} verdict;

/* Fails only without memory. */
status grade(verdict *out, const exam_case *c, const answer *a, err *e);

static inline bool verdict_passed(const verdict *v) { return v->expected && v->form; }

/* "stop", "calls", "length", ... */
const char *answer_end_name(turn_end end);

/* ---- what it is made of ---- */

/* The last number in a text, in its plain form: no sign but `-`, no leading zeros, no commas, no
 * zeros at the end of the decimals: "-1234.5". Thousands may be parted by commas. False: there is
 * none, or it does not fit. A digit behind a letter or `_` begins no number, a `-` behind a letter,
 * digit or `)` is no sign. */
bool last_number(const char *p, size_t n, char *out, size_t cap);

/* What a text spells that only control tokens or tags are made of, in words of ours; NULL: nothing
 * of that. */
const char *leaked(const char *p, size_t n);

#endif
