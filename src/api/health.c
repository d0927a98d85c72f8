#include "api/health.h"

#include <string.h>

#include "http/metrics.h"
#include "http/server.h"
#include "json/write.h"
#include "quarantine/policy.h"
#include "registry/services.h"

#define METRICS_BYTES_MAX ((size_t)1 << 20)

static void say(struct rs_reply *re, unsigned status, const char *text)
{
    rs_reply_status(re, status);
    rs_reply_header(re, "Cache-Control", "no-store");
    rs_reply_bytes(re, "text/plain; charset=utf-8", text, strlen(text));
}

enum rs_status rs_api_health_live(struct rs_request *r, struct rs_reply *re, struct rs_err *reterr)
{
    (void)r;
    (void)reterr;
    say(re, 200, "ok\n");
    return RS_OK;
}

enum rs_status rs_api_health_ready(struct rs_request *r, struct rs_reply *re, struct rs_err *reterr)
{
    struct rs_policy policy;
    struct rs_err err = RS_ERR_INIT;
    if (!rs_server_is_ready(rs_request_server(r))) {
        say(re, 503, "starting or stopping\n");
        return RS_OK;
    }
    /* What every pull has to be able to read. */
    if (rs_policy_for_db(rs_request_services(r)->db, "readyz", &policy, &err) != RS_OK) {
        (void)rs_fail(reterr, RS_BUSY, "the catalog cannot be read; the log says why");
        return rs_err_log(reterr, "%s: %s", err.message, err.log);
    }
    say(re, 200, "ready\n");
    return RS_OK;
}

enum rs_status rs_api_health_metrics(struct rs_request *r, struct rs_reply *re,
                                     struct rs_err *reterr)
{
    RS_AUTO(rs_buf) struct rs_buf out = RS_BUF_INIT(METRICS_BYTES_MAX);
    struct rs_metrics *metrics = rs_server_metrics(rs_request_server(r));
    enum rs_status s = metrics == NULL ? RS_OK : rs_metrics_render(metrics, &out);
    if (s != RS_OK)
        return rs_fail(reterr, s, NULL);
    rs_reply_header(re, "Cache-Control", "no-store");
    rs_reply_body(re, RS_METRICS_CONTENT_TYPE, &out);
    return RS_OK;
}

enum rs_status rs_api_health_base(struct rs_request *r, struct rs_reply *re, struct rs_err *reterr)
{
    if (!rs_request_identity(r)->has_credentials)
        return rs_fail(reterr, RS_UNAUTHORIZED, NULL);
    rs_reply_bytes(re, "application/json", "{}", 2);
    return RS_OK;
}

enum rs_status rs_api_health_discover(struct rs_request *r, struct rs_reply *re,
                                      struct rs_err *reterr)
{
    static const char *const endpoints[] = {
        "_roadstead/quarantine", "_roadstead/quarantine/claims", "_roadstead/events",
        "_roadstead/audit",      "_roadstead/explain",
    };
    RS_AUTO(rs_buf) struct rs_buf out = RS_BUF_INIT(4096);
    struct rs_jw w = RS_JW_INIT(&out);
    (void)r;
    (void)reterr;
    rs_jw_object(&w);
    rs_jw_key(&w, "extensions");
    rs_jw_array(&w);
    rs_jw_object(&w);
    rs_jw_member_text(&w, "name", "_roadstead");
    rs_jw_member_text(&w, "description",
                      "Quarantine: states, decisions, checks, claims, events and the audit log");
    rs_jw_key(&w, "endpoints");
    rs_jw_array(&w);
    for (size_t i = 0; i < RS_ARRAY_LEN(endpoints); i++)
        rs_jw_text(&w, endpoints[i]);
    rs_jw_array_end(&w);
    rs_jw_object_end(&w);
    rs_jw_array_end(&w);
    rs_jw_object_end(&w);
    rs_reply_body(re, "application/json", &out);
    return RS_OK;
}
