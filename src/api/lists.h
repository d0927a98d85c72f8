/*
 * api/lists.h: handlers of tag and repository lists.
 * Layer: api.  Spec: distribution-spec "Listing Tags"; SPEC section 4.
 */
#ifndef RS_API_LISTS_H
#define RS_API_LISTS_H

#include "http/route.h"
#include "registry/lists.h"

/* GET /v2/{name}/tags/list?n=&last=: on a worker (a page may hold thousands). */
enum rs_status rs_api_lists_tags(struct rs_request *r, struct rs_reply *re, struct rs_err *reterr);
/* GET /v2/_catalog?n=&last=: on a worker. */
enum rs_status rs_api_lists_catalog(struct rs_request *r, struct rs_reply *re,
                                    struct rs_err *reterr);

/* `n` and `last` of the query; n is n_default when absent, and n_max at most.  RS_BAD_REQUEST for
 * anything that is no number. */
RS_MUST_CHECK enum rs_status rs_api_lists_page(struct rs_request *r, unsigned n_default,
                                               unsigned n_max, struct rs_page *ret,
                                               struct rs_err *reterr);

struct rs_link_param;
/* Answer with the list; when it has a next page, with a Link to `path` with these parameters. */
enum rs_status rs_api_lists_reply(struct rs_reply *re, const char *content_type,
                                  struct rs_list *list, const char *path,
                                  const struct rs_link_param *params, size_t n,
                                  struct rs_err *reterr);

#endif
