/*
 * registry/checker.h: fsck as a job inside the daemon, and the scrub that reads every blob now and
 * then. Layer: registry.  Threads: any; the object has one thread of its own, and one run at a
 * time.  Spec: SPEC section 8.
 */
#ifndef RS_REGISTRY_CHECKER_H
#define RS_REGISTRY_CHECKER_H

#include <stdbool.h>

#include "auth/access.h"
#include "base/buf.h"
#include "registry/fsck.h"
#include "registry/services.h"

/* Findings kept for the answer of a job; more are counted only. */
#define RS_CHECKER_FINDINGS_MAX 1000U

struct rs_checker;

/**
 * rs_checker_start(): the thread; it scrubs every config scrub.interval (0: never), no faster than
 * scrub.rate.
 * @services  borrowed; outlives the object.  Errors: RS_NOMEM.
 */
RS_MUST_CHECK enum rs_status rs_checker_start(const struct rs_services *services,
                                              struct rs_checker **ret, struct rs_err *reterr);
/* Stops the run that goes on, then the thread.  Before the database and the store close. NULL-safe.
 */
void rs_checker_stop(struct rs_checker *checker);

/**
 * rs_checker_ask(): start a whole fsck now; the answer of the job that was there before is
 * forgotten.
 * @actor  who asked: for the audit record `repaired` of a job that repaired something
 * Errors: RS_CONFLICT while one goes on.  (A scrub gives way.)
 */
RS_MUST_CHECK enum rs_status rs_checker_ask(struct rs_checker *checker,
                                            const struct rs_actor *actor, bool is_repairing,
                                            struct rs_err *reterr);

/**
 * rs_checker_status(): the last job as JSON: {"state":"none|running|done|failed", "phase", "done",
 * "total", "secondsLeft",
 * "findings":[{"phase","what","repository","subject","repaired","garbage"}], "counts":{...},
 * "error"}.  Appended to `out`.
 */
RS_MUST_CHECK enum rs_status rs_checker_status(struct rs_checker *checker, struct rs_buf *out,
                                               struct rs_err *reterr);

struct rs_checker_stats {
    uint64_t runs;        /* jobs and scrubs that came to their end */
    uint64_t damaged;     /* found by the newest run that came to its end */
    int64_t last_unix_ms; /* when that was; 0 = never */
};
void rs_checker_stats(struct rs_checker *checker, struct rs_checker_stats *ret);

#endif
