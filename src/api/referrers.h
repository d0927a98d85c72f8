/*
 * api/referrers.h: handler of referrers.
 * Layer: api.  Spec: distribution-spec "Listing Referrers"; SPEC section 4.
 */
#ifndef RS_API_REFERRERS_H
#define RS_API_REFERRERS_H

#include "http/route.h"

/* GET /v2/{name}/referrers/{digest}?artifactType=&n=&last=: on a worker.  Never 404 for a viewer
 * that may read lists of the repository. */
enum rs_status rs_api_referrers(struct rs_request *r, struct rs_reply *re, struct rs_err *reterr);

#endif
