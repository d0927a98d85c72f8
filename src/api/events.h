/*
 * api/events.h: the feed of events, as pages and as a stream.
 * Layer: api.  Spec: SPEC section 6; docs/api/events.md.
 */
#ifndef RS_API_EVENTS_H
#define RS_API_EVENTS_H

#include "http/reply.h"

/* GET /v2/_roadstead/events: RS_NEED_LOGIN, inline; each event is judged by the caller's grants. */
enum rs_status rs_api_events_get(struct rs_request *r, struct rs_reply *re, struct rs_err *reterr);

#endif
