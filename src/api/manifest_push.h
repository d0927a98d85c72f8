/*
 * api/manifest_push.h: PUT and DELETE of manifests.
 * Layer: api.  Spec: distribution-spec end-7, end-9.
 */
#ifndef RS_API_MANIFEST_PUSH_H
#define RS_API_MANIFEST_PUSH_H

#include "http/route.h"

/* PUT /v2/{name}/manifests/{reference}: RS_BODY_MEMORY, on a worker, `tag` may repeat. */
enum rs_status rs_api_manifest_push(struct rs_request *r, struct rs_reply *re,
                                    struct rs_err *reterr);
/* DELETE /v2/{name}/manifests/{reference}: on a worker. */
enum rs_status rs_api_manifest_delete(struct rs_request *r, struct rs_reply *re,
                                      struct rs_err *reterr);

#endif
