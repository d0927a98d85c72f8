/* The part of api/acr.h about lists, repositories and tags. */
#include <string.h>

#include "api/acr.h"
#include "api/json_api.h"
#include "api/lists.h"
#include "api/viewer.h"
#include "oci/link.h"
#include "oci/tag.h"
#include "registry/azure.h"
#include "registry/delete.h"
#include "registry/delete_repository.h"
#include "registry/lists.h"

#define ANSWER_BYTES_MAX ((size_t)32 << 20)

static const char *host_of(struct rs_request *r)
{
    const char *url = rs_request_base_url(r);
    const char *host = strstr(url, "://");
    return host == NULL ? url : host + 3;
}

static enum rs_status order_read(const struct rs_request *r, enum rs_azure_order *ret,
                                 struct rs_err *reterr)
{
    static const struct {
        const char *word;
        enum rs_azure_order order;
    } words[] = {{"none", RS_AZURE_BY_NAME},
                 {"timeasc", RS_AZURE_OLDEST_FIRST},
                 {"timedesc", RS_AZURE_NEWEST_FIRST}};
    const char *word = rs_request_query(r, "orderby");
    if (word == NULL || word[0] == '\0')
        return RS_OK;
    for (size_t i = 0; i < RS_ARRAY_LEN(words); i++) {
        if (strcmp(words[i].word, word) == 0) {
            *ret = words[i].order;
            return RS_OK;
        }
    }
    return rs_fail(reterr, RS_BAD_REQUEST, "orderby must be none, timeasc or timedesc");
}

/* `viewer` is borrowed by the result. */
static enum rs_status ask_read(struct rs_request *r, const struct rs_viewer *viewer,
                               struct rs_azure_ask *ret, struct rs_err *reterr)
{
    struct rs_page page;
    enum rs_status s =
        rs_api_lists_page(r, (unsigned)RS_AZURE_N_DEFAULT, (unsigned)RS_AZURE_N_MAX, &page, reterr);
    *ret = (struct rs_azure_ask){
        .services = rs_request_services(r),
        .viewer = viewer,
        .registry = host_of(r),
        .last = "",
        .digest = rs_request_query(r, "digest"),
    };
    if (s != RS_OK)
        return s;
    ret->n = page.n;
    ret->last = page.last;
    return order_read(r, &ret->order, reterr);
}

static enum rs_status link_put(struct rs_request *r, struct rs_reply *re,
                               const struct rs_azure_ask *ask, const char *list, const char *next,
                               struct rs_err *reterr)
{
    struct rs_arena *arena = rs_request_arena(r);
    const char *path = rs_arena_printf(arena, "/acr/v1/%s/%s", ask->viewer->repository, list);
    const char *n = rs_arena_printf(arena, "%lld", (long long)ask->n);
    if (next == NULL)
        return RS_OK;
    if (path == NULL || n == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    const struct rs_link_param params[] = {
        {"last", next},
        {"n", n},
        {"orderby", rs_request_query(r, "orderby")},
        {"digest", ask->digest},
    };
    return rs_json_api_next(re, path, params, RS_ARRAY_LEN(params), reterr);
}

enum rs_status rs_api_acr_catalog(struct rs_request *r, struct rs_reply *re, struct rs_err *reterr)
{
    RS_AUTO(rs_list) struct rs_list list = {0};
    struct rs_page page;
    enum rs_status s =
        rs_api_lists_page(r, (unsigned)RS_AZURE_N_DEFAULT, RS_LIST_N_MAX, &page, reterr);
    if (s == RS_OK)
        s = rs_registry_catalog(rs_request_services(r), rs_request_identity(r), rs_request_arena(r),
                                &page, &list, reterr);
    if (s != RS_OK)
        return s;
    const char *n = rs_arena_printf(rs_request_arena(r), "%u", page.n);
    if (n == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    const struct rs_link_param params[] = {{"last", list.next}, {"n", n}};
    return rs_api_lists_reply(re, "application/json", &list, "/acr/v1/_catalog", params,
                              RS_ARRAY_LEN(params), reterr);
}

enum rs_status rs_api_acr_repository(struct rs_request *r, struct rs_reply *re,
                                     struct rs_err *reterr)
{
    RS_AUTO(rs_buf) struct rs_buf json = RS_BUF_INIT(ANSWER_BYTES_MAX);
    const struct rs_viewer viewer = rs_api_viewer(r);
    struct rs_azure_ask ask;
    enum rs_status s = ask_read(r, &viewer, &ask, reterr);
    if (s == RS_OK)
        s = rs_registry_azure_repository(&ask, &json, reterr);
    return s == RS_OK ? rs_json_api_answer(re, 200, &json, reterr) : s;
}

enum rs_status rs_api_acr_repository_delete(struct rs_request *r, struct rs_reply *re,
                                            struct rs_err *reterr)
{
    RS_AUTO(rs_buf) struct rs_buf json = RS_BUF_INIT(ANSWER_BYTES_MAX);
    const struct rs_viewer viewer = rs_api_viewer(r);
    enum rs_status s =
        rs_registry_delete_repository(rs_request_services(r), &viewer, &json, reterr);
    return s == RS_OK ? rs_json_api_answer(re, 202, &json, reterr) : s;
}

enum rs_status rs_api_acr_tags(struct rs_request *r, struct rs_reply *re, struct rs_err *reterr)
{
    RS_AUTO(rs_buf) struct rs_buf json = RS_BUF_INIT(ANSWER_BYTES_MAX);
    const struct rs_viewer viewer = rs_api_viewer(r);
    const char *next = NULL;
    struct rs_azure_ask ask;
    enum rs_status s = ask_read(r, &viewer, &ask, reterr);
    if (s == RS_OK)
        s = rs_registry_azure_tags(&ask, &json, &next, reterr);
    if (s == RS_OK)
        s = link_put(r, re, &ask, "_tags", next, reterr);
    return s == RS_OK ? rs_json_api_answer(re, 200, &json, reterr) : s;
}

enum rs_status rs_api_acr_tag(struct rs_request *r, struct rs_reply *re, struct rs_err *reterr)
{
    RS_AUTO(rs_buf) struct rs_buf json = RS_BUF_INIT(ANSWER_BYTES_MAX);
    const struct rs_viewer viewer = rs_api_viewer(r);
    struct rs_azure_ask ask;
    enum rs_status s = ask_read(r, &viewer, &ask, reterr);
    if (s == RS_OK)
        s = rs_registry_azure_tag(&ask, rs_request_param(r, "tag"), &json, reterr);
    return s == RS_OK ? rs_json_api_answer(re, 200, &json, reterr) : s;
}

enum rs_status rs_api_acr_tag_delete(struct rs_request *r, struct rs_reply *re,
                                     struct rs_err *reterr)
{
    const char *tag = rs_request_param(r, "tag");
    if (!rs_tag_is_valid(rs_str_of(tag)))
        return rs_fail(reterr, RS_MANIFEST_UNKNOWN, NULL);
    enum rs_status s = rs_registry_delete(rs_request_services(r), rs_request_actor(r),
                                          rs_request_param(r, "name"), tag, reterr);
    if (s == RS_OK)
        rs_reply_status(re, 202);
    return s;
}

enum rs_status rs_api_acr_manifests(struct rs_request *r, struct rs_reply *re,
                                    struct rs_err *reterr)
{
    RS_AUTO(rs_buf) struct rs_buf json = RS_BUF_INIT(ANSWER_BYTES_MAX);
    const struct rs_viewer viewer = rs_api_viewer(r);
    const char *next = NULL;
    struct rs_azure_ask ask;
    enum rs_status s = ask_read(r, &viewer, &ask, reterr);
    if (s == RS_OK)
        s = rs_registry_azure_manifests(&ask, &json, &next, reterr);
    if (s == RS_OK)
        s = link_put(r, re, &ask, "_manifests", next, reterr);
    return s == RS_OK ? rs_json_api_answer(re, 200, &json, reterr) : s;
}

enum rs_status rs_api_acr_unchangeable(struct rs_request *r, struct rs_reply *re,
                                       struct rs_err *reterr)
{
    (void)r;
    (void)re;
    return rs_fail(
        reterr, RS_UNSUPPORTED,
        "attributes of repositories and tags cannot be changed here; the state of a manifest"
        " can, at /acr/v1/<name>/_manifests/<digest>");
}
