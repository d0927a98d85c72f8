#include "api/json_api.h"

#define LINK_BYTES_MAX ((size_t)8192)

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

void rs_json_api_nothing(struct rs_reply *re)
{
    rs_reply_status(re, 204);
    rs_reply_header(re, "Cache-Control", "no-store");
}

enum rs_status rs_json_api_number(const struct rs_request *r, const char *key, uint64_t preset,
                                  uint64_t *ret, struct rs_err *reterr)
{
    const char *text = rs_request_query(r, key);
    *ret = preset;
    if (text != NULL && !rs_parse_u64(rs_str_of(text), INT64_MAX, ret))
        return rs_fail(reterr, RS_BAD_REQUEST, "%s is a whole number", key);
    return RS_OK;
}

enum rs_status rs_json_api_page_n(const struct rs_request *r, const char *what, unsigned preset,
                                  unsigned n_max, unsigned *ret, struct rs_err *reterr)
{
    const char *text = rs_request_query(r, "n");
    uint64_t n = preset;
    if (text != NULL && (!rs_parse_u64(rs_str_of(text), UINT64_MAX, &n) || n == 0))
        return rs_fail(reterr, RS_BAD_REQUEST, "n is the greatest number of %s wanted, from 1 on",
                       what);
    *ret = n > n_max ? n_max : (unsigned)n;
    return RS_OK;
}

enum rs_status rs_json_api_next(struct rs_reply *re, const char *path,
                                const struct rs_link_param *params, size_t n, struct rs_err *reterr)
{
    RS_AUTO(rs_buf) struct rs_buf link = RS_BUF_INIT(LINK_BYTES_MAX);
    enum rs_status s = rs_link_next(&link, path, params, n);
    if (s != RS_OK)
        return rs_fail(reterr, s, NULL);
    rs_reply_header(re, "Link", rs_buf_text(&link));
    return RS_OK;
}
