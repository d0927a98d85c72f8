/*
 * api/acr.h: Azure's form of manifest attributes and decisions.
 * Layer: api.  Spec: SPEC section 5 (first item).
 */
#ifndef RS_API_ACR_H
#define RS_API_ACR_H

#include "http/route.h"

#define RS_API_ACR_BODY_BYTES_MAX ((uint64_t)512 << 10)

/* GET /acr/v1/{name}/_manifests/{digest} */
enum rs_status rs_api_acr_manifest_show(struct rs_request *r, struct rs_reply *re,
                                        struct rs_err *reterr);
/* PATCH there: {"quarantineState": "Passed|Failed", "quarantineDetails": "<text, usually JSON>"}.
 * 200 with the attributes as they are now. */
enum rs_status rs_api_acr_manifest_decide(struct rs_request *r, struct rs_reply *re,
                                          struct rs_err *reterr);

/* GET /acr/v1/_catalog?last=&n= */
enum rs_status rs_api_acr_catalog(struct rs_request *r, struct rs_reply *re, struct rs_err *reterr);
/* GET and DELETE /acr/v1/{name} */
enum rs_status rs_api_acr_repository(struct rs_request *r, struct rs_reply *re,
                                     struct rs_err *reterr);
enum rs_status rs_api_acr_repository_delete(struct rs_request *r, struct rs_reply *re,
                                            struct rs_err *reterr);
/* GET /acr/v1/{name}/_tags?last=&n=&orderby=&digest= */
enum rs_status rs_api_acr_tags(struct rs_request *r, struct rs_reply *re, struct rs_err *reterr);
/* GET and DELETE /acr/v1/{name}/_tags/{tag} */
enum rs_status rs_api_acr_tag(struct rs_request *r, struct rs_reply *re, struct rs_err *reterr);
enum rs_status rs_api_acr_tag_delete(struct rs_request *r, struct rs_reply *re,
                                     struct rs_err *reterr);
/* GET /acr/v1/{name}/_manifests?last=&n=&orderby= */
enum rs_status rs_api_acr_manifests(struct rs_request *r, struct rs_reply *re,
                                    struct rs_err *reterr);
/* PATCH of a repository or a tag: 400, there is nothing that could be changed. */
enum rs_status rs_api_acr_unchangeable(struct rs_request *r, struct rs_reply *re,
                                       struct rs_err *reterr);

#endif
