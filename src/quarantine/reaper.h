/*
 * quarantine/reaper.h: what the passing of time does: notices, and deletion where a policy says so.
 * Time never releases anything (DESIGN rule 7).
 * Layer: quarantine.  Threads: one caller at a time, on a background thread; blocks.
 * Spec: SPEC section 5 (overdue_after, expire_failed_after, expire_quarantined_after).
 */
#ifndef RS_QUARANTINE_REAPER_H
#define RS_QUARANTINE_REAPER_H

#include "base/err.h"
#include "db/db.h"

enum rs_reaper_due {
    RS_REAPER_OVERDUE,
    RS_REAPER_EXPIRE_QUARANTINED,
    RS_REAPER_EXPIRE_FAILED,
    RS_REAPER_DUES, /* how many there are */
};

/* Where the rounds stand: start with {0} and keep it from tick to tick. */
struct rs_reaper {
    struct {
        int64_t last_ms;
        int64_t last_id;
    } at[RS_REAPER_DUES];
    /* Of the last tick. */
    unsigned overdue; /* images told to be overdue */
    unsigned expired; /* manifests deleted */
};

/**
 * rs_reaper_tick(): one step; call it every few seconds.  Bounded: what is left comes next time.
 * Leases of an earlier boot of the machine begin anew on the first tick.
 * Errors: faults; what was done before stays done, and one damaged row does not stop the others.
 */
RS_MUST_CHECK enum rs_status rs_reaper_tick(struct rs_db *db, struct rs_reaper *reaper,
                                            struct rs_err *reterr);

#endif
