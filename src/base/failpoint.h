/*
 * base/failpoint.h: named points at which a test build can be made to die, to fail, or to leave a
 * step out.
 * Layer: base.  Threads: any.  Compiled in with -Dfailpoints=true only; otherwise rs_failpoint() is
 * the constant false.
 *
 * RS_FAILPOINT in the environment is a comma-separated list of name:n:action.  n is a hit counted
 * from 1, `n+` that one and all later ones, `*` every one.  Actions:
 *
 *   abort  the process kills itself there with SIGKILL, as a crash would
 *   on     rs_failpoint() is true there; what that means stands at the point
 *
 * With RS_FAILPOINT_AFTER nothing counts before that file exists: a test says when its fault may
 * begin.
 */
#ifndef RS_BASE_FAILPOINT_H
#define RS_BASE_FAILPOINT_H

#include <stdbool.h>

#include "base/attr.h"

#ifdef RS_FAILPOINTS
bool rs_failpoint(const char *name);
#else
static inline RS_UNUSED bool rs_failpoint(const char *name)
{
    (void)name;
    return false;
}
#endif

#endif
