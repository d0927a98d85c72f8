/*
 * auth/turns.h: at most so many threads compute password hashes, and at most so many wait to.
 * Layer: auth.  Threads: any.
 */
#ifndef RS_AUTH_TURNS_H
#define RS_AUTH_TURNS_H

#include <stdbool.h>

#include "base/err.h"

struct rs_turns;

RS_MUST_CHECK enum rs_status rs_turns_new(unsigned at_once, unsigned waiting_max,
                                          struct rs_turns **ret, struct rs_err *reterr);
void rs_turns_free(struct rs_turns *t); /* NULL-safe; nobody waits any more */

/* Wait for a turn; false at once when too many wait already.  Blocks.  Give it back with leave. */
RS_MUST_CHECK bool rs_turns_enter(struct rs_turns *t);
void rs_turns_leave(struct rs_turns *t);

#endif
