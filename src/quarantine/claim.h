/*
 * quarantine/claim.h: handing out work under a lease.
 * Layer: quarantine.  Threads: any but the writer's; blocks until the claim is durable.
 * Spec: SPEC section 5 (Claims).
 */
#ifndef RS_QUARANTINE_CLAIM_H
#define RS_QUARANTINE_CLAIM_H

#include "auth/auth.h"
#include "quarantine/lease.h"

#define RS_CLAIM_PATTERNS_MAX ((size_t)64)

struct rs_claim_wish {
    struct rs_auth *auth;
    const struct rs_identity *identity;
    const struct rs_actor *actor;
    const char *check;           /* a valid name, or NULL: for the decision */
    const char *const *patterns; /* n_patterns of repositories; none means all */
    size_t n_patterns;
    int64_t lease_ms;
    int64_t settle_ms; /* untagged manifests are not handed out before that age */
};

/**
 * rs_claim_take(): the oldest root that needs the check (the policy requires it and nobody passed
 * or failed it) or the decision (nothing required is missing), that the caller may report or
 * decide, and that nobody holds a live claim on; under a new lease.  Audited. *ret is NULL when
 * there is none.  Errors: those of rs_db_write() and of the policies.
 */
struct rs_claimed {
    const char *id;
    const char *repository;
    const char *digest;
    const char *check; /* "" for the decision */
    int64_t expires_ms;
};
RS_MUST_CHECK enum rs_status rs_claim_take(struct rs_db *db, const struct rs_claim_wish *wish,
                                           struct rs_arena *arena, struct rs_claimed **ret,
                                           struct rs_err *reterr);

/* Of one's own claim.  Errors: RS_NOT_FOUND (no such claim of this principal, or no permission for
 * such work there any more), RS_CONFLICT (renewing a lease that has ended). */
struct rs_claim_holder {
    struct rs_auth *auth;
    const struct rs_identity *identity;
    const struct rs_actor *actor;
    const char *claim;
};
RS_MUST_CHECK enum rs_status rs_claim_renew(struct rs_db *db, const struct rs_claim_holder *holder,
                                            int64_t lease_ms, struct rs_arena *arena,
                                            struct rs_claimed **ret, struct rs_err *reterr);
RS_MUST_CHECK enum rs_status rs_claim_return(struct rs_db *db, const struct rs_claim_holder *holder,
                                             struct rs_arena *arena, struct rs_err *reterr);

#endif
