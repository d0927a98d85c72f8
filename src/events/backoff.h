/*
 * events/backoff.h: when a failed delivery is tried again, and when it is given up.
 * Layer: events.  Threads: any (pure functions).  Spec: SPEC section 6; TESTPLAN F14 (a clock that
 * steps makes retries neither stall nor storm).
 */
#ifndef RS_EVENTS_BACKOFF_H
#define RS_EVENTS_BACKOFF_H

#include <stdbool.h>
#include <stdint.h>

/* However long ago the first attempt was by the clock, so many attempts are made. */
#define RS_BACKOFF_ATTEMPTS_LEAST 5

struct rs_backoff {
    uint64_t first_ms;   /* after the first failure; doubles with each one */
    uint64_t most_ms;    /* ... up to this */
    uint64_t give_up_ms; /* since the first attempt */
};

/* Milliseconds until the next attempt after `attempts` (from 1) failed ones: between half and all
 * of the doubled delay, by `random`. */
uint64_t rs_backoff_delay(const struct rs_backoff *b, int64_t attempts, uint32_t random);
/* Is it over after so many failed attempts? */
bool rs_backoff_is_over(const struct rs_backoff *b, int64_t attempts, int64_t first_ms,
                        int64_t now_ms);
/* How long to wait until next_ms; 0 when due.  A time further away than any delay is left from a
 * clock that stepped back: due. */
uint64_t rs_backoff_wait(const struct rs_backoff *b, int64_t next_ms, int64_t now_ms);

#endif
