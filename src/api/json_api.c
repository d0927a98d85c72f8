#include "api/json_api.h"

enum rs_status rs_json_api_body(const struct rs_request *r, size_t bytes_max, struct rs_json **ret,
                                struct rs_err *reterr)
{
    struct rs_str body = rs_request_body(r);
    struct rs_json_limits limits = RS_JSON_LIMITS(bytes_max);
    return rs_json_parse(body.p, body.n, &limits, ret, reterr);
}

enum rs_status rs_json_api_answer(struct rs_reply *re, unsigned http_status, struct rs_buf *json,
                                  struct rs_err *reterr)
{
    enum rs_status s = rs_buf_status(json);
    if (s != RS_OK)
        return rs_fail(reterr, s, NULL);
    rs_reply_status(re, http_status);
    rs_reply_header(re, "Cache-Control", "no-store");
    rs_reply_body(re, "application/json", json);
    return RS_OK;
}
