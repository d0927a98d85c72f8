/*
 * auth/throttle.h: slow down the guessing of passwords.
 * Layer: auth.  Threads: any.  Spec: SPEC section 9 ("throttled authentication failures").
 *
 * Only failures are counted; time alone pays them back, a success does not (or an account of one's
 * own would buy guesses).  An attempt that is refused costs nothing, so a correct credential is
 * looked at again at the latest after retry_after.  The table has a fixed size; when it is full the
 * least indebted entry makes room.
 */
#ifndef RS_AUTH_THROTTLE_H
#define RS_AUTH_THROTTLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct rs_throttle;

/* What is shown for a name.  A password can be guessed by many sources together, so its failures
 * are counted for the name as well.  A signed token cannot: it is counted for its source alone, so
 * that no source can lock out a workload at another one. */
enum rs_throttle_kind { RS_THROTTLE_PASSWORD, RS_THROTTLE_TOKEN };

/* `burst` failures at once for one name from one source, then one more every refill_ms; one source,
 * and one name, ten times that. */
RS_MUST_CHECK enum rs_status rs_throttle_new(unsigned burst, uint64_t refill_ms,
                                             struct rs_throttle **ret, struct rs_err *reterr);
void rs_throttle_free(struct rs_throttle *t); /* NULL-safe */

/* May this source try this name ("" = none is said) now?  When not, *ret_retry_after_s says when
 * (at least 1).  now_ms is monotonic. */
RS_MUST_CHECK bool rs_throttle_allows(struct rs_throttle *t, enum rs_throttle_kind kind,
                                      const char *source, const char *name, uint64_t now_ms,
                                      unsigned *ret_retry_after_s);
/* The attempt failed. */
void rs_throttle_failed(struct rs_throttle *t, enum rs_throttle_kind kind, const char *source,
                        const char *name, uint64_t now_ms);

#endif
