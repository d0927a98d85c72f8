/*
 * api/policy.h: policies.  Layer: api.  Spec: SPEC section 5 (Policy); admin only.
 */
#ifndef RS_API_POLICY_H
#define RS_API_POLICY_H

#include "http/route.h"

#define RS_API_POLICY_BODY_BYTES_MAX ((uint64_t)64 << 10)

/* GET /v2/_roadstead/policies: {"policies": [{pattern, position, <rules>}]} in their order. */
enum rs_status rs_api_policy_list(struct rs_request *r, struct rs_reply *re, struct rs_err *reterr);
/* PUT there {pattern, position, <rules>}: 201 for a new pattern, 200 for a changed one. */
enum rs_status rs_api_policy_put(struct rs_request *r, struct rs_reply *re, struct rs_err *reterr);
/* DELETE there ?pattern=: 204. */
enum rs_status rs_api_policy_remove(struct rs_request *r, struct rs_reply *re,
                                    struct rs_err *reterr);

#endif
