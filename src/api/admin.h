/*
 * api/admin.h: users, robots, workloads, grants, token keys; and who one is.
 * Layer: api.  Spec: SPEC sections 3 and 10; docs/api/admin.md.
 * All but whoami are RS_NEED_ADMIN and run on a worker; bodies are JSON objects with no unknown
 * member.
 */
#ifndef RS_API_ADMIN_H
#define RS_API_ADMIN_H

#include "http/reply.h"
#include "registry/identities.h"

#define RS_API_ADMIN_BODY_BYTES_MAX 65536U

/* The route's subject is the kind, an enum rs_principal_kind. */
enum rs_status rs_api_admin_identities_list(struct rs_request *r, struct rs_reply *re,
                                            struct rs_err *reterr);
enum rs_status rs_api_admin_identities_add(struct rs_request *r, struct rs_reply *re,
                                           struct rs_err *reterr);
enum rs_status rs_api_admin_identities_show(struct rs_request *r, struct rs_reply *re,
                                            struct rs_err *reterr);
enum rs_status rs_api_admin_identities_change(struct rs_request *r, struct rs_reply *re,
                                              struct rs_err *reterr);
enum rs_status rs_api_admin_identities_delete(struct rs_request *r, struct rs_reply *re,
                                              struct rs_err *reterr);
enum rs_status rs_api_admin_robots_rotate(struct rs_request *r, struct rs_reply *re,
                                          struct rs_err *reterr);

enum rs_status rs_api_admin_grants_list(struct rs_request *r, struct rs_reply *re,
                                        struct rs_err *reterr);
enum rs_status rs_api_admin_grants_add(struct rs_request *r, struct rs_reply *re,
                                       struct rs_err *reterr);
enum rs_status rs_api_admin_grants_remove(struct rs_request *r, struct rs_reply *re,
                                          struct rs_err *reterr);

enum rs_status rs_api_admin_keys_rotate(struct rs_request *r, struct rs_reply *re,
                                        struct rs_err *reterr);

/* RS_NEED_LOGIN, inline. */
enum rs_status rs_api_admin_whoami(struct rs_request *r, struct rs_reply *re,
                                   struct rs_err *reterr);

#endif
