#include "api/referrers.h"

#include "api/lists.h"
#include "api/viewer.h"
#include "oci/link.h"
#include "oci/media_type.h"
#include "registry/referrers.h"

enum rs_status rs_api_referrers(struct rs_request *r, struct rs_reply *re, struct rs_err *reterr)
{
    const struct rs_viewer viewer = rs_api_viewer(r);
    struct rs_referrers_of of = {
        .subject = rs_request_param(r, "digest"),
        .artifact_type = rs_request_query(r, "artifactType"),
    };
    RS_AUTO(rs_list) struct rs_list list = {0};
    enum rs_status s =
        rs_api_lists_page(r, RS_REFERRERS_N_MAX, RS_REFERRERS_N_MAX, &of.page, reterr);
    if (s == RS_OK)
        s = rs_registry_referrers(rs_request_services(r), &viewer, &of, &list, reterr);
    if (s != RS_OK)
        return s;
    const bool is_filtered = of.artifact_type != NULL && of.artifact_type[0] != '\0';
    if (is_filtered)
        rs_reply_header(re, "OCI-Filters-Applied", "artifactType");
    const char *path =
        rs_arena_printf(viewer.arena, "/v2/%s/referrers/%s", viewer.repository, of.subject);
    const char *n = rs_arena_printf(viewer.arena, "%u", of.page.n);
    if (path == NULL || n == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    const struct rs_link_param params[] = {
        {"artifactType", is_filtered ? of.artifact_type : NULL},
        {"n", n},
        {"last", list.next},
    };
    return rs_api_lists_reply(re, RS_MT_OCI_INDEX, &list, path, params, RS_ARRAY_LEN(params),
                              reterr);
}
