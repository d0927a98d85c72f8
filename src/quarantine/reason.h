/*
 * quarantine/reason.h: why something is not readable, in words for a person and as JSON for a
 * program.
 * Layer: quarantine.  Threads: as the connection.  Spec: SPEC section 4 ("with reason").
 */
#ifndef RS_QUARANTINE_REASON_H
#define RS_QUARANTINE_REASON_H

#include "catalog/view.h"
#include "quarantine/policy.h"

struct rs_reason {
    enum rs_status status; /* what to fail with */
    const char *what;      /* what was asked for: "team/app:v1" */
    /* the manifest in quarantine; NULL: none holds it, and no released one opens it */
    const struct rs_view_manifest *holder;
    const struct rs_policy *policy; /* of the repository */
    bool is_own;                    /* the caller pushed it: say "your push"; no detail */
};

/**
 * rs_reason_fail(): fail with the reason as message ("<what> is in quarantine since <time>, waiting
 * for checks: a, b") and {state, since, checks} as detail.
 * Returns reason->status, or a fault that came up on the way (it denies as well).
 */
RS_MUST_CHECK enum rs_status rs_reason_fail(struct rs_db_conn *conn, struct rs_arena *arena,
                                            const struct rs_reason *reason, struct rs_err *reterr);

/* A check that something held waits for or has reports of. */
struct rs_reason_check {
    const char *name;
    const char *state; /* "waiting" (no report yet), "running", "passed", "failed" */
    bool is_required;
};
#define RS_REASON_CHECKS_MAX 80U

/**
 * rs_reason_checks(): the checks of a manifest in quarantine, required ones first; reports are
 * those of the root that decides for it (the index of a part, the subject of an attachment).
 * @out  RS_REASON_CHECKS_MAX of them; names live in the arena or in the policy
 */
RS_MUST_CHECK enum rs_status rs_reason_checks(struct rs_db_conn *conn, struct rs_arena *arena,
                                              const struct rs_view_manifest *manifest,
                                              const struct rs_policy *policy,
                                              struct rs_reason_check *out, size_t *ret_n,
                                              struct rs_err *reterr);

#endif
