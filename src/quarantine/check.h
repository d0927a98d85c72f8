/*
 * quarantine/check.h: reports of checks, and what follows from them.
 * Layer: quarantine.  Threads: any but the writer's; blocks until the report is durable.
 * Spec: SPEC section 2 (the rows with `check`), section 5 (Required checks, Claims).
 */
#ifndef RS_QUARANTINE_CHECK_H
#define RS_QUARANTINE_CHECK_H

#include "quarantine/audience.h"
#include "quarantine/standing.h"

struct rs_report {
    struct rs_asker asker; /* needs check:<name> there */
    const struct rs_actor *actor;
    const char *repository;
    const char *digest; /* any digest text */
    const char *check;  /* a valid name */
    enum rs_check_state state;
    const char *details; /* JSON or NULL */
    const char *claim;   /* or NULL */
};

struct rs_reported {
    bool changed;    /* the report was news */
    bool transition; /* ... and changed the manifest's state */
    const struct rs_manifest_row *row;
    struct rs_release_plan plan;   /* what was released with it; n_members is 0 when nothing was */
    const struct rs_block *blocks; /* everything passed, and still no release: why; n_blocks */
    size_t n_blocks;
};

/**
 * rs_check_report(): record a report.  Where the policy requires the check: a fail fails the
 * manifest; the last pass releases it in the same transaction, if it is a root and nothing else
 * refuses; a pass lifts a failure that came from the same check. Errors: RS_DENIED and
 * RS_MANIFEST_UNKNOWN as for decisions; RS_CONFLICT (a fail after the release; a lost lease;
 * somebody else's live claim), RS_TOO_LARGE (details), and those of rs_db_write().
 */
RS_MUST_CHECK enum rs_status rs_check_report(struct rs_db *db, const struct rs_report *report,
                                             struct rs_arena *arena, struct rs_reported *ret,
                                             struct rs_err *reterr);

#endif
