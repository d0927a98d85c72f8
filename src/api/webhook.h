/*
 * api/webhook.h: managing webhooks and their deliveries.
 * Layer: api.  Spec: SPEC section 6; docs/api/webhooks.md.  All are RS_NEED_ADMIN and run on a
 * worker.
 */
#ifndef RS_API_WEBHOOK_H
#define RS_API_WEBHOOK_H

#include "http/reply.h"

#define RS_API_WEBHOOK_BODY_BYTES_MAX 65536U

/* GET, POST /v2/_roadstead/webhooks */
enum rs_status rs_api_webhooks_list(struct rs_request *r, struct rs_reply *re,
                                    struct rs_err *reterr);
enum rs_status rs_api_webhooks_create(struct rs_request *r, struct rs_reply *re,
                                      struct rs_err *reterr);
/* GET, PATCH, DELETE /v2/_roadstead/webhooks/{webhook} */
enum rs_status rs_api_webhooks_show(struct rs_request *r, struct rs_reply *re,
                                    struct rs_err *reterr);
enum rs_status rs_api_webhooks_change(struct rs_request *r, struct rs_reply *re,
                                      struct rs_err *reterr);
enum rs_status rs_api_webhooks_delete(struct rs_request *r, struct rs_reply *re,
                                      struct rs_err *reterr);
/* POST .../secret {"keepPrevious":true}: a new secret, shown once. */
enum rs_status rs_api_webhooks_rotate(struct rs_request *r, struct rs_reply *re,
                                      struct rs_err *reterr);
/* POST .../ping: send a ping now, and say what came of it. */
enum rs_status rs_api_webhooks_ping(struct rs_request *r, struct rs_reply *re,
                                    struct rs_err *reterr);
/* GET .../deliveries?state=&after=&n= */
enum rs_status rs_api_webhooks_deliveries(struct rs_request *r, struct rs_reply *re,
                                          struct rs_err *reterr);
/* POST .../redeliver {"sequence":12} (one dead letter) or no body (all of them). */
enum rs_status rs_api_webhooks_redeliver(struct rs_request *r, struct rs_reply *re,
                                         struct rs_err *reterr);

#endif
