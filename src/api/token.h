/*
 * api/token.h: the token service.
 * Layer: api.  Spec: SPEC section 9; Docker's token and OAuth2 specifications; Azure's /oauth2
 * routes. The routes are RS_NEED_NOTHING (they authenticate by themselves) and run on a worker (a
 * password hash may be computed).
 */
#ifndef RS_API_TOKEN_H
#define RS_API_TOKEN_H

#include "http/reply.h"

#define RS_API_TOKEN_BODY_BYTES_MAX 65536U

/* GET /token, GET /oauth2/token: Basic, a token, or nobody; ?scope= may repeat. */
enum rs_status rs_api_token_get(struct rs_request *r, struct rs_reply *re, struct rs_err *reterr);
/* POST /token, POST /oauth2/token: a form with grant_type password or refresh_token. */
enum rs_status rs_api_token_post(struct rs_request *r, struct rs_reply *re, struct rs_err *reterr);
/* POST /oauth2/exchange: one of our tokens for a refresh token. */
enum rs_status rs_api_token_exchange(struct rs_request *r, struct rs_reply *re,
                                     struct rs_err *reterr);

#endif
