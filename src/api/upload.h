/*
 * api/upload.h: handlers of blob uploads.
 * Layer: api.  Spec: distribution-spec "Pushing Blobs"; end-4 to end-6, end-11, end-13, end-14.
 */
#ifndef RS_API_UPLOAD_H
#define RS_API_UPLOAD_H

#include "http/route.h"

/* POST /v2/{name}/blobs/uploads/ : RS_BODY_STREAM, on a worker. */
enum rs_status rs_api_upload_post_begin(struct rs_request *r, struct rs_sink *ret_sink,
                                        struct rs_err *reterr);
enum rs_status rs_api_upload_post(struct rs_request *r, struct rs_reply *re, struct rs_err *reterr);
/* PATCH /v2/{name}/blobs/uploads/{session} : RS_BODY_STREAM, on a worker. */
enum rs_status rs_api_upload_patch_begin(struct rs_request *r, struct rs_sink *ret_sink,
                                         struct rs_err *reterr);
enum rs_status rs_api_upload_patch(struct rs_request *r, struct rs_reply *re,
                                   struct rs_err *reterr);
/* PUT /v2/{name}/blobs/uploads/{session}?digest= : RS_BODY_STREAM, on a worker. */
enum rs_status rs_api_upload_put_begin(struct rs_request *r, struct rs_sink *ret_sink,
                                       struct rs_err *reterr);
enum rs_status rs_api_upload_put(struct rs_request *r, struct rs_reply *re, struct rs_err *reterr);
/* GET /v2/{name}/blobs/uploads/{session} : inline. */
enum rs_status rs_api_upload_get(struct rs_request *r, struct rs_reply *re, struct rs_err *reterr);
/* DELETE /v2/{name}/blobs/uploads/{session} : on a worker. */
enum rs_status rs_api_upload_delete(struct rs_request *r, struct rs_reply *re,
                                    struct rs_err *reterr);

#endif
