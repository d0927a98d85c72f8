/*
 * api/manifest_pull.h: handler of manifest reads.
 * Layer: api.  Spec: distribution-spec "Pulling manifests"; SPEC section 4; RFC 9110 section 13.
 */
#ifndef RS_API_MANIFEST_PULL_H
#define RS_API_MANIFEST_PULL_H

#include "http/route.h"

/* GET and HEAD /v2/{name}/manifests/{reference}: inline. */
enum rs_status rs_api_manifest_pull(struct rs_request *r, struct rs_reply *re,
                                    struct rs_err *reterr);

#endif
