/*
 * auth/turns.h: at most so many threads compute password hashes, and at most so many wait to.
 * Layer: auth.  Threads: any.
 *
 * Many clients of one user start at once, with one and the same password: one of them computes the
 * hash, the others wait for that and then find it remembered.
 */
#ifndef RS_AUTH_TURNS_H
#define RS_AUTH_TURNS_H

#include <stdbool.h>

#include "auth/verified.h"
#include "base/err.h"

struct rs_turns;

RS_MUST_CHECK enum rs_status rs_turns_new(unsigned at_once, unsigned waiting_max,
                                          struct rs_turns **ret, struct rs_err *reterr);
void rs_turns_free(struct rs_turns *t); /* NULL-safe; nobody waits any more */

/**
 * rs_turns_enter(): wait for a turn with this credential: until nobody else is at the same one, and
 * fewer than at_once are at others.  The caller then looks again whether it still has to compute.
 * False at once when too many wait for a turn of their own already.  Blocks.
 */
RS_MUST_CHECK bool rs_turns_enter(struct rs_turns *t, const struct rs_verified_key *key);
/* Give it back. */
void rs_turns_leave(struct rs_turns *t, const struct rs_verified_key *key);

#endif
