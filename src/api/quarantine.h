/*
 * api/quarantine.h: states, decisions, reports of checks, the work list.
 * Layer: api.  Spec: SPEC section 5.
 */
#ifndef RS_API_QUARANTINE_H
#define RS_API_QUARANTINE_H

#include "http/route.h"

/* Details are limited to 64 KiB; escaped they may take more. */
#define RS_API_QUARANTINE_BODY_BYTES_MAX ((uint64_t)512 << 10)

/* GET /v2/{name}/_roadstead/quarantine/{digest} */
enum rs_status rs_api_quarantine_show(struct rs_request *r, struct rs_reply *re,
                                      struct rs_err *reterr);
/* PATCH there: {"state": "released|failed", "details", "expect", "claim", "reason"}; If-Match.
 * 200 {repository, digest, state, changed, released: [{digest, kind, tags}], and where there are
 * any immutableTags: [{digest, tag}], held: [digest], failed: [digest]}; tagsLeftOut: true instead
 * of all tags when they are too many for one answer. */
enum rs_status rs_api_quarantine_decide(struct rs_request *r, struct rs_reply *re,
                                        struct rs_err *reterr);
/* PUT /v2/{name}/_roadstead/quarantine/{digest}/checks/{check}:
 * {"state": "running|passed|failed", "details", "claim"}.  200, as above, with `check`, and with
 * releaseBlockedBy where everything passed but something else refuses the release. */
enum rs_status rs_api_quarantine_report(struct rs_request *r, struct rs_reply *re,
                                        struct rs_err *reterr);
/* GET /v2/_roadstead/quarantine?state=&repository=&check=&n=&last= */
enum rs_status rs_api_quarantine_list(struct rs_request *r, struct rs_reply *re,
                                      struct rs_err *reterr);

#endif
