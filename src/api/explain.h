/*
 * api/explain.h: handler of questions about access.
 * Layer: api.  Spec: SPEC section 10.
 */
#ifndef RS_API_EXPLAIN_H
#define RS_API_EXPLAIN_H

#include "http/route.h"

/* GET /v2/{name}/_roadstead/explain?reference=&principal=: RS_NEED_STATE, inline. */
enum rs_status rs_api_explain(struct rs_request *r, struct rs_reply *re, struct rs_err *reterr);

#endif
