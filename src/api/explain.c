#include "api/explain.h"

#include "api/viewer.h"
#include "registry/explain.h"

#define EXPLANATION_BYTES_MAX ((size_t)65536)

enum rs_status rs_api_explain(struct rs_request *r, struct rs_reply *re, struct rs_err *reterr)
{
    const struct rs_viewer asker = rs_api_viewer(r);
    RS_AUTO(rs_buf) struct rs_buf json = RS_BUF_INIT(EXPLANATION_BYTES_MAX);
    enum rs_status s =
        rs_registry_explain(rs_request_services(r), &asker, rs_request_query(r, "principal"),
                            rs_request_query(r, "reference"), &json, reterr);
    if (s != RS_OK)
        return s;
    rs_reply_header(re, "Cache-Control", "no-store");
    rs_reply_body(re, "application/json", &json);
    return RS_OK;
}
