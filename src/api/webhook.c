#include "api/webhook.h"

#include <stdlib.h>
#include <string.h>

#include "api/json_api.h"
#include "crypto/secret.h"
#include "events/sender.h"
#include "events/webhook.h"
#include "json/json.h"
#include "json/write.h"
#include "registry/services.h"

#define ANSWER_BYTES_MAX ((size_t)16 << 20)
#define PAGE_DEFAULT 100U
#define PAGE_MAX 1000U

/* ---- shared ---- */

/* The body as an object; no body at all is {} to routes that need nothing in it. */
static enum rs_status optional_body(const struct rs_request *r, struct rs_json **ret,
                                    struct rs_err *reterr)
{
    if (rs_request_body(r).n == 0)
        return rs_json_parse_text("{}", RS_OK, ret, reterr);
    return rs_json_api_body(r, RS_API_WEBHOOK_BODY_BYTES_MAX, ret, reterr);
}

/* {"name", "secret"}: the only time that the secret is told. */
static enum rs_status answer_secret(struct rs_reply *re, unsigned http_status, const char *name,
                                    char secret[RS_WEBHOOK_SECRET_BYTES], struct rs_err *reterr)
{
    RS_AUTO(rs_buf) struct rs_buf json = RS_BUF_INIT(4096);
    struct rs_jw w = RS_JW_INIT(&json);
    rs_jw_object(&w);
    rs_jw_member_text(&w, "name", name);
    rs_jw_member_text(&w, "secret", secret);
    rs_jw_object_end(&w);
    rs_secret_wipe(secret, RS_WEBHOOK_SECRET_BYTES);
    return rs_json_api_answer(re, http_status, &json, reterr);
}

static enum rs_status shown(struct rs_request *r, struct rs_reply *re, unsigned http_status,
                            const char *name, struct rs_err *reterr)
{
    RS_AUTO(rs_buf) struct rs_buf json = RS_BUF_INIT(ANSWER_BYTES_MAX);
    enum rs_status s = rs_webhook_show(rs_request_services(r)->db, name, &json, reterr);
    return s == RS_OK ? rs_json_api_answer(re, http_status, &json, reterr) : s;
}

/* ---- webhooks ---- */

enum rs_status rs_api_webhooks_list(struct rs_request *r, struct rs_reply *re,
                                    struct rs_err *reterr)
{
    return shown(r, re, 200, NULL, reterr);
}

enum rs_status rs_api_webhooks_show(struct rs_request *r, struct rs_reply *re,
                                    struct rs_err *reterr)
{
    return shown(r, re, 200, rs_request_param(r, "webhook"), reterr);
}

enum rs_status rs_api_webhooks_create(struct rs_request *r, struct rs_reply *re,
                                      struct rs_err *reterr)
{
    const struct rs_services *services = rs_request_services(r);
    char secret[RS_WEBHOOK_SECRET_BYTES];
    RS_AUTO(rs_json) struct rs_json *body = NULL;
    RS_AUTO_FREE struct rs_webhook *webhook = calloc(1, sizeof(*webhook));
    if (webhook == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    rs_webhook_init(webhook);
    enum rs_status s = rs_json_api_body(r, RS_API_WEBHOOK_BODY_BYTES_MAX, &body, reterr);
    if (s == RS_OK)
        s = rs_webhook_read(body, rs_webhooks_rules(services->webhooks), webhook, reterr);
    if (s == RS_OK)
        s = rs_webhook_create(services->db, webhook, rs_request_actor(r), secret, reterr);
    return s == RS_OK ? answer_secret(re, 201, webhook->name, secret, reterr) : s;
}

enum rs_status rs_api_webhooks_change(struct rs_request *r, struct rs_reply *re,
                                      struct rs_err *reterr)
{
    const struct rs_services *services = rs_request_services(r);
    const char *name = rs_request_param(r, "webhook");
    bool is_changed = false;
    RS_AUTO(rs_json) struct rs_json *body = NULL;
    enum rs_status s = rs_json_api_body(r, RS_API_WEBHOOK_BODY_BYTES_MAX, &body, reterr);
    if (s == RS_OK)
        s = rs_webhook_change(services->db, name, body, rs_webhooks_rules(services->webhooks),
                              rs_request_actor(r), &is_changed, reterr);
    return s == RS_OK ? shown(r, re, 200, name, reterr) : s;
}

enum rs_status rs_api_webhooks_delete(struct rs_request *r, struct rs_reply *re,
                                      struct rs_err *reterr)
{
    enum rs_status s = rs_webhook_delete(rs_request_services(r)->db, rs_request_param(r, "webhook"),
                                         rs_request_actor(r), reterr);
    if (s == RS_OK)
        rs_json_api_nothing(re);
    return s;
}

enum rs_status rs_api_webhooks_rotate(struct rs_request *r, struct rs_reply *re,
                                      struct rs_err *reterr)
{
    const char *name = rs_request_param(r, "webhook");
    char secret[RS_WEBHOOK_SECRET_BYTES];
    bool keep_previous = true;
    RS_AUTO(rs_json) struct rs_json *body = NULL;
    enum rs_status s = optional_body(r, &body, reterr);
    if (s == RS_OK)
        s = rs_json_only(body, RS_JSON_KEYS("keepPrevious"), reterr);
    if (s == RS_OK)
        s = rs_json_member_bool(body, "keepPrevious", RS_JSON_OPTIONAL, &keep_previous, reterr);
    if (s == RS_OK)
        s = rs_webhook_rotate(rs_request_services(r)->db, name, keep_previous, rs_request_actor(r),
                              secret, reterr);
    return s == RS_OK ? answer_secret(re, 200, name, secret, reterr) : s;
}

enum rs_status rs_api_webhooks_ping(struct rs_request *r, struct rs_reply *re,
                                    struct rs_err *reterr)
{
    struct rs_webhook_ping ping;
    RS_AUTO(rs_buf) struct rs_buf json = RS_BUF_INIT(4096);
    struct rs_jw w = RS_JW_INIT(&json);
    enum rs_status s = rs_webhooks_ping(rs_request_services(r)->webhooks,
                                        rs_request_param(r, "webhook"), &ping, reterr);
    if (s != RS_OK)
        return s;
    rs_jw_object(&w);
    rs_jw_member_bool(&w, "delivered", ping.is_delivered);
    rs_jw_member_int(&w, "status", ping.http_status);
    rs_jw_member_int(&w, "milliseconds", ping.duration_ms);
    rs_jw_member_text(&w, "error", ping.error[0] != '\0' ? ping.error : NULL);
    rs_jw_object_end(&w);
    return rs_json_api_answer(re, 200, &json, reterr);
}

/* ---- deliveries ---- */

enum rs_status rs_api_webhooks_deliveries(struct rs_request *r, struct rs_reply *re,
                                          struct rs_err *reterr)
{
    const char *state = rs_request_query(r, "state");
    uint64_t after = 0;
    unsigned n = 0;
    RS_AUTO(rs_buf) struct rs_buf json = RS_BUF_INIT(ANSWER_BYTES_MAX);
    if (state != NULL && strcmp(state, "waiting") != 0 && strcmp(state, "dead") != 0)
        return rs_fail(reterr, RS_BAD_REQUEST, "state is waiting or dead");
    enum rs_status s = rs_json_api_number(r, "after", 0, &after, reterr);
    if (s == RS_OK)
        s = rs_json_api_page_n(r, "deliveries", PAGE_DEFAULT, PAGE_MAX, &n, reterr);
    if (s == RS_OK)
        s = rs_webhook_deliveries(rs_request_services(r)->db, rs_request_param(r, "webhook"), state,
                                  (int64_t)after, n, &json, reterr);
    return s == RS_OK ? rs_json_api_answer(re, 200, &json, reterr) : s;
}

enum rs_status rs_api_webhooks_redeliver(struct rs_request *r, struct rs_reply *re,
                                         struct rs_err *reterr)
{
    int64_t sequence = 0;
    int64_t n = 0;
    RS_AUTO(rs_json) struct rs_json *body = NULL;
    RS_AUTO(rs_buf) struct rs_buf json = RS_BUF_INIT(256);
    struct rs_jw w = RS_JW_INIT(&json);
    enum rs_status s = optional_body(r, &body, reterr);
    if (s == RS_OK)
        s = rs_json_only(body, RS_JSON_KEYS("sequence"), reterr);
    if (s == RS_OK)
        s = rs_json_member_int(body, "sequence", RS_JSON_OPTIONAL, 1, RS_JSON_INT_MAX, &sequence,
                               reterr);
    if (s == RS_OK)
        s = rs_webhook_redeliver(rs_request_services(r)->db, rs_request_param(r, "webhook"),
                                 sequence, rs_request_actor(r), &n, reterr);
    if (s == RS_OK && sequence != 0 && n == 0)
        s = rs_fail(reterr, RS_NOT_FOUND,
                    "this webhook has no dead letter of that sequence number");
    if (s != RS_OK)
        return s;
    rs_jw_object(&w);
    rs_jw_member_int(&w, "redelivered", n);
    rs_jw_object_end(&w);
    return rs_json_api_answer(re, 200, &json, reterr);
}
