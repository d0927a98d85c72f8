/*
 * api/audit.h: reading, exporting and verifying the audit log.
 * Layer: api.  Spec: SPEC section 7; docs/api/audit.md.  All are RS_NEED_AUDIT and run on a worker.
 */
#ifndef RS_API_AUDIT_H
#define RS_API_AUDIT_H

#include "http/reply.h"

#define RS_API_AUDIT_BODY_BYTES_MAX 65536U

/* GET /v2/_roadstead/audit: pages, or a stream of lines with Accept: application/x-ndjson. */
enum rs_status rs_api_audit_get(struct rs_request *r, struct rs_reply *re, struct rs_err *reterr);
/* GET /v2/_roadstead/audit/checkpoint: a signed note over all records. */
enum rs_status rs_api_audit_checkpoint(struct rs_request *r, struct rs_reply *re,
                                       struct rs_err *reterr);
/* GET /v2/_roadstead/audit/key: the key that checkpoints are verified with. */
enum rs_status rs_api_audit_key(struct rs_request *r, struct rs_reply *re, struct rs_err *reterr);
/* POST /v2/_roadstead/audit/verify: check the whole log, against the checkpoint in the body if
 * there is one. */
enum rs_status rs_api_audit_verify(struct rs_request *r, struct rs_reply *re,
                                   struct rs_err *reterr);

#endif
