/*
 * api/blob.h: handlers of blobs.
 * Layer: api.  Spec: distribution-spec "Pulling blobs", "Deleting Blobs"; RFC 9110 sections 13 and
 * 14; SPEC section 4.
 */
#ifndef RS_API_BLOB_H
#define RS_API_BLOB_H

#include "http/route.h"

/* GET and HEAD /v2/{name}/blobs/{digest} : inline. */
enum rs_status rs_api_blob_get(struct rs_request *r, struct rs_reply *re, struct rs_err *reterr);
/* DELETE /v2/{name}/blobs/{digest} : on a worker. */
enum rs_status rs_api_blob_remove(struct rs_request *r, struct rs_reply *re, struct rs_err *reterr);

#endif
