/*
 * quarantine/decide.h: decisions: release, fail.
 * Layer: quarantine.  Threads: any but the writer's; blocks until the decision is durable.
 * Spec: SPEC section 2 (the table, Index, Attachments), section 5 (Decisions).
 */
#ifndef RS_QUARANTINE_DECIDE_H
#define RS_QUARANTINE_DECIDE_H

#include "quarantine/audience.h"
#include "quarantine/standing.h"

#define RS_DECISION_REASON_BYTES_MAX ((size_t)4096)

enum rs_verdict {
    RS_VERDICT_RELEASE,
    RS_VERDICT_FAIL,
    RS_VERDICT_QUARANTINE, /* asked for, never given: quarantine is only for the first release */
};

struct rs_decision {
    struct rs_asker asker;
    const struct rs_actor *actor;
    const char *repository;
    const char *digest; /* any digest text */
    enum rs_verdict verdict;
    const char *details;  /* JSON or NULL */
    const char *reason;   /* of an override, or NULL */
    const char *claim;    /* the claim it is made under, or NULL */
    const char *expect;   /* the state it is made upon, or NULL */
    const char *if_match; /* header, or NULL */
};

struct rs_decided {
    bool changed;
    const struct rs_manifest_row *row; /* as it is now */
    /* what was released with it; n_members is 0 when nothing was */
    struct rs_release_plan plan;
};

/**
 * rs_decide(): carry a decision out, in one transaction.
 * @arena  where the result lives; RS_CHANGE_ARENA_BYTES serve every decision
 * Errors: RS_DENIED and RS_MANIFEST_UNKNOWN (as SPEC section 4 tells the caller; also duties that
 * are separate), RS_CONFLICT (released already, a failed part, checks that are missing, a lost
 * lease, held with its subject), RS_PRECONDITION (expect, If-Match), RS_TOO_LARGE (details), and
 * those of rs_db_write().  After an error nothing has changed.
 */
RS_MUST_CHECK enum rs_status rs_decide(struct rs_db *db, const struct rs_decision *decision,
                                       struct rs_arena *arena, struct rs_decided *ret,
                                       struct rs_err *reterr);

/* Where duties are separate: is there something among these that this principal pushed itself?
 * *ret is the first of them, NULL when there is none or when duties are not separate. */
RS_MUST_CHECK enum rs_status rs_decide_own(const struct rs_change *c, int64_t principal_id,
                                           const struct rs_standing *st, bool with_parts,
                                           const struct rs_manifest_row **ret,
                                           struct rs_err *reterr);
/* The same as a refusal.  Errors: RS_DENIED, faults. */
RS_MUST_CHECK enum rs_status rs_decide_duties(const struct rs_change *c, int64_t principal_id,
                                              const struct rs_standing *st, bool with_parts,
                                              struct rs_err *reterr);
/* The manifest failed: state, event, record.  @check its name when a check says so, else NULL.
 * One that failed already keeps its time and makes no second event. */
struct rs_failure {
    enum rs_failed_by by;
    const char *details; /* JSON or NULL */
};
RS_MUST_CHECK enum rs_status rs_decide_fail(const struct rs_change *c, struct rs_manifest_row *row,
                                            const struct rs_failure *failure,
                                            struct rs_err *reterr);

#endif
