/*
 * api/json_api.h: what every JSON API of our own does alike: read a strict body, answer with JSON.
 * Layer: api.  Threads: as the request.
 */
#ifndef RS_API_JSON_API_H
#define RS_API_JSON_API_H

#include "http/reply.h"
#include "http/request.h"
#include "json/json.h"

/* The body as one JSON value of at most bytes_max bytes; the caller owns it.  Errors: as
 * rs_json_parse(). */
RS_MUST_CHECK enum rs_status rs_json_api_body(const struct rs_request *r, size_t bytes_max,
                                              struct rs_json **ret, struct rs_err *reterr);

/* Answer with the buffer's JSON, never to be stored by a cache.  Takes the buffer's memory. Errors:
 * why the buffer failed. */
RS_MUST_CHECK enum rs_status rs_json_api_answer(struct rs_reply *re, unsigned http_status,
                                                struct rs_buf *json, struct rs_err *reterr);

#endif
