/*
 * api/claim.h: leases on work.  Layer: api.  Spec: SPEC section 5 (Claims).
 */
#ifndef RS_API_CLAIM_H
#define RS_API_CLAIM_H

#include "http/route.h"

#define RS_API_CLAIM_BODY_BYTES_MAX ((uint64_t)64 << 10)

/* POST /v2/_roadstead/quarantine/claims {"check", "repositories": [...], "leaseSeconds"}:
 * 200 {claim, repository, digest, check, expires}, or 204 when there is nothing to do. */
enum rs_status rs_api_claim_take(struct rs_request *r, struct rs_reply *re, struct rs_err *reterr);
/* PUT /v2/_roadstead/quarantine/claims/{claim} {"leaseSeconds"}: 200 as above. */
enum rs_status rs_api_claim_renew(struct rs_request *r, struct rs_reply *re, struct rs_err *reterr);
/* DELETE there: 204. */
enum rs_status rs_api_claim_return(struct rs_request *r, struct rs_reply *re,
                                   struct rs_err *reterr);

#endif
