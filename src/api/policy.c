#include "api/policy.h"

#include "api/json_api.h"
#include "db/db.h"
#include "json/write.h"
#include "quarantine/policy.h"
#include "registry/services.h"

#define LIST_BYTES_MAX ((size_t)32 << 20)

enum rs_status rs_api_policy_list(struct rs_request *r, struct rs_reply *re, struct rs_err *reterr)
{
    RS_AUTO(rs_buf) struct rs_buf json = RS_BUF_INIT(LIST_BYTES_MAX);
    (void)rs_buf_adds(&json, "{\"policies\":"); /* sticky: answered once, at the end */
    enum rs_status s = rs_policy_list(rs_request_services(r)->db, &json, reterr);
    (void)rs_buf_adds(&json, "}");
    return s == RS_OK ? rs_json_api_answer(re, 200, &json, reterr) : s;
}

/* The policy as it is stored now. */
static enum rs_status answer(struct rs_reply *re, unsigned http_status,
                             const struct rs_policy *policy, struct rs_err *reterr)
{
    RS_AUTO(rs_buf) struct rs_buf json = RS_BUF_INIT(LIST_BYTES_MAX);
    RS_AUTO(rs_buf) struct rs_buf rules = RS_BUF_INIT((size_t)RS_API_POLICY_BODY_BYTES_MAX);
    struct rs_jw w = RS_JW_INIT(&json);
    if (rs_policy_write(policy, &rules) != RS_OK)
        return rs_fail(reterr, rs_buf_status(&rules), NULL);
    rs_jw_object(&w);
    rs_jw_member_text(&w, "pattern", policy->pattern);
    rs_jw_member_raw(&w, "rules", rs_buf_text(&rules));
    rs_jw_object_end(&w);
    return rs_json_api_answer(re, http_status, &json, reterr);
}

enum rs_status rs_api_policy_put(struct rs_request *r, struct rs_reply *re, struct rs_err *reterr)
{
    RS_AUTO(rs_json) struct rs_json *body = NULL;
    struct rs_policy_change change = {.actor = rs_request_actor(r)};
    bool created = false;
    enum rs_status s = rs_json_api_body(r, (size_t)RS_API_POLICY_BODY_BYTES_MAX, &body, reterr);
    if (s == RS_OK)
        s = rs_policy_parse_body(body, &change.policy, &change.position, reterr);
    if (s == RS_OK)
        s = rs_policy_put(rs_request_services(r)->db, &change, &created, reterr);
    return s == RS_OK ? answer(re, created ? 201 : 200, &change.policy, reterr) : s;
}

enum rs_status rs_api_policy_remove(struct rs_request *r, struct rs_reply *re,
                                    struct rs_err *reterr)
{
    const char *pattern = rs_request_query(r, "pattern");
    if (pattern == NULL)
        return rs_fail(reterr, RS_BAD_REQUEST, "the parameter pattern says which policy goes");
    enum rs_status s =
        rs_policy_remove(rs_request_services(r)->db, rs_request_actor(r), pattern, reterr);
    if (s == RS_OK)
        rs_json_api_nothing(re);
    return s;
}
