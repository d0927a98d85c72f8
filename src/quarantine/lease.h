/*
 * quarantine/lease.h: when a lease on work ends.
 * Layer: quarantine.  Threads: any.  Spec: SPEC section 5 ("Leases survive a restart and end by
 * elapsed time, never early because of a clock step").
 * Time is CLOCK_BOOTTIME of one boot of the machine; the wall clock plays no part.
 */
#ifndef RS_QUARANTINE_LEASE_H
#define RS_QUARANTINE_LEASE_H

#include "catalog/claim.h"
#include "quarantine/change.h"

#define RS_LEASE_S_MIN 1
#define RS_LEASE_S_MAX 86400
#define RS_LEASE_S_DEFAULT 300

/* The running boot: of the kernel, or (where that tells none) of this process.  Never NULL. */
const char *rs_lease_boot_id(void);
int64_t rs_lease_now_ms(void);
/* A lease of another boot counts as live: nobody knows how much of it has passed. */
bool rs_lease_is_live(const struct rs_claim_row *claim);
/* Let it begin (again) now. */
void rs_lease_start(struct rs_claim_row *claim, int64_t lease_ms, int64_t now_ms);

/**
 * rs_lease_require(): within a write job: the claim with this id is live, belongs to this principal
 * and is on (manifest, check).  check "" is the decision. Errors: RS_CONFLICT (the lease is lost).
 */
RS_MUST_CHECK enum rs_status rs_lease_require(const struct rs_change *c, const char *claim,
                                              int64_t principal_id, int64_t manifest_id,
                                              const char *check, struct rs_err *reterr);

#endif
