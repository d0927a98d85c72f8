/*
 * api/json_api.h: what every JSON API of our own does alike: read a strict body and parameters,
 * answer with JSON, link pages.
 * Layer: api.  Threads: as the request.
 */
#ifndef RS_API_JSON_API_H
#define RS_API_JSON_API_H

#include "http/reply.h"
#include "http/request.h"
#include "json/json.h"
#include "oci/link.h"

/* The body as one JSON value of at most bytes_max bytes; the caller owns it.  Errors: as
 * rs_json_parse(). */
RS_MUST_CHECK enum rs_status rs_json_api_body(const struct rs_request *r, size_t bytes_max,
                                              struct rs_json **ret, struct rs_err *reterr);

/* Answer with the buffer's JSON, never to be stored by a cache.  Takes the buffer's memory. Errors:
 * why the buffer failed. */
RS_MUST_CHECK enum rs_status rs_json_api_answer(struct rs_reply *re, unsigned http_status,
                                                struct rs_buf *json, struct rs_err *reterr);
/* Answer that it is done and there is nothing more to say (204). */
void rs_json_api_nothing(struct rs_reply *re);

/* The query parameter `key`, a whole number; `preset` when there is none.  RS_BAD_REQUEST. */
RS_MUST_CHECK enum rs_status rs_json_api_number(const struct rs_request *r, const char *key,
                                                uint64_t preset, uint64_t *ret,
                                                struct rs_err *reterr);
/* The query parameter `n`, how many entries a page may have: 1 or more, of which n_max are given
 * at most; `preset` when there is none.  `what` names the entries.  RS_BAD_REQUEST. */
RS_MUST_CHECK enum rs_status rs_json_api_page_n(const struct rs_request *r, const char *what,
                                                unsigned preset, unsigned n_max, unsigned *ret,
                                                struct rs_err *reterr);
/* Link to the next page; `params` are its query. */
RS_MUST_CHECK enum rs_status rs_json_api_next(struct rs_reply *re, const char *path,
                                              const struct rs_link_param *params, size_t n,
                                              struct rs_err *reterr);

#endif
