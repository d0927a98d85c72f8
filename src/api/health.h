/*
 * api/health.h: is it alive, is it ready, what does it count, what can it do.
 * Layer: api.  Spec: SPEC section 10; distribution-spec end-1 and extensions/_oci.
 */
#ifndef RS_API_HEALTH_H
#define RS_API_HEALTH_H

#include "http/route.h"

/* GET /healthz: 200 as long as requests are answered at all.  Inline. */
enum rs_status rs_api_health_live(struct rs_request *r, struct rs_reply *re, struct rs_err *reterr);
/* GET /readyz: 200 when requests are served and the catalog can be read, else 503.  Inline. */
enum rs_status rs_api_health_ready(struct rs_request *r, struct rs_reply *re,
                                   struct rs_err *reterr);
/* GET /metrics: Prometheus text.  On a worker: some series are counted when asked for. */
enum rs_status rs_api_health_metrics(struct rs_request *r, struct rs_reply *re,
                                     struct rs_err *reterr);
/* GET /v2/: 200 with credentials, else 401: clients learn from it how to log in, also where
 * everybody may pull.  Inline. */
enum rs_status rs_api_health_base(struct rs_request *r, struct rs_reply *re, struct rs_err *reterr);
/* GET /v2/_oci/ext/discover and /v2/{name}/_oci/ext/discover: our extension.  Inline. */
enum rs_status rs_api_health_discover(struct rs_request *r, struct rs_reply *re,
                                      struct rs_err *reterr);

#endif
