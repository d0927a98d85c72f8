#include "api/lists.h"

#include "api/json_api.h"
#include "api/viewer.h"
#include "oci/link.h"

#define CATALOG_N_DEFAULT 1000U

enum rs_status rs_api_lists_page(struct rs_request *r, unsigned n_default, unsigned n_max,
                                 struct rs_page *ret, struct rs_err *reterr)
{
    const char *n_text = rs_request_query(r, "n");
    const char *last = rs_request_query(r, "last");
    uint64_t n = n_default;
    if (n_text != NULL && !rs_parse_u64(rs_str_of(n_text), UINT64_MAX, &n))
        return rs_fail(reterr, RS_BAD_REQUEST,
                       "n is the greatest number of entries wanted: digits only, below 2^64");
    ret->n = n > n_max ? n_max : (unsigned)n;
    ret->last = last == NULL ? "" : last;
    return RS_OK;
}

enum rs_status rs_api_lists_reply(struct rs_reply *re, const char *content_type,
                                  struct rs_list *list, const char *path,
                                  const struct rs_link_param *params, size_t n,
                                  struct rs_err *reterr)
{
    if (list->next != NULL) {
        enum rs_status s = rs_json_api_next(re, path, params, n, reterr);
        if (s != RS_OK)
            return s;
    }
    /* A list may show what is held, and changes with every grant. */
    rs_reply_header(re, "Cache-Control",
                    list->sight == RS_SIGHT_ALL ? "no-store" : "private, no-cache");
    rs_reply_header(re, "Vary", "Authorization");
    rs_reply_body(re, content_type, &list->json);
    return RS_OK;
}

/* The parameters of a next page that has as many entries as this one. */
static enum rs_status next_reply(struct rs_request *r, struct rs_reply *re, struct rs_list *list,
                                 const char *path, unsigned n, struct rs_err *reterr)
{
    const char *n_text = rs_arena_printf(rs_request_arena(r), "%u", n);
    if (path == NULL || n_text == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    const struct rs_link_param params[] = {{"n", n_text}, {"last", list->next}};
    return rs_api_lists_reply(re, "application/json", list, path, params, RS_ARRAY_LEN(params),
                              reterr);
}

enum rs_status rs_api_lists_tags(struct rs_request *r, struct rs_reply *re, struct rs_err *reterr)
{
    const struct rs_viewer viewer = rs_api_viewer(r);
    RS_AUTO(rs_list) struct rs_list list = {0};
    struct rs_page page;
    enum rs_status s = rs_api_lists_page(r, RS_LIST_N_MAX, RS_LIST_N_MAX, &page, reterr);
    if (s == RS_OK)
        s = rs_registry_tags(rs_request_services(r), &viewer, &page, &list, reterr);
    if (s != RS_OK)
        return s;
    const char *path = rs_arena_printf(viewer.arena, "/v2/%s/tags/list", viewer.repository);
    return next_reply(r, re, &list, path, page.n, reterr);
}

enum rs_status rs_api_lists_catalog(struct rs_request *r, struct rs_reply *re,
                                    struct rs_err *reterr)
{
    RS_AUTO(rs_list) struct rs_list list = {0};
    struct rs_page page;
    enum rs_status s = rs_api_lists_page(r, CATALOG_N_DEFAULT, RS_LIST_N_MAX, &page, reterr);
    if (s == RS_OK)
        s = rs_registry_catalog(rs_request_services(r), rs_request_identity(r), rs_request_arena(r),
                                &page, &list, reterr);
    return s == RS_OK ? next_reply(r, re, &list, "/v2/_catalog", page.n, reterr) : s;
}
