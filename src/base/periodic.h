/*
 * base/periodic.h: call a function every so often on a thread of its own.
 * Layer: base.  Threads: start and stop from one thread; the function runs on the object's own.
 */
#ifndef RS_BASE_PERIODIC_H
#define RS_BASE_PERIODIC_H

#include <stdint.h>

#include "base/err.h"

struct rs_periodic;

/**
 * rs_periodic_start(): fn(arg) is called for the first time after one interval, and then an
 * interval after it returned.  Elapsed time counts (the boot clock): a step of the wall clock
 * changes nothing. Errors: RS_NOMEM (also when there can be no thread).
 */
RS_MUST_CHECK enum rs_status rs_periodic_start(uint64_t interval_ms, void (*fn)(void *arg),
                                               void *arg, struct rs_periodic **ret,
                                               struct rs_err *reterr);
/* Waits for the call that goes on; no call comes afterwards.  NULL-safe. */
void rs_periodic_stop(struct rs_periodic *p);

#endif
