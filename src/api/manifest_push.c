#include "api/manifest_push.h"

#include "quarantine/admit.h"
#include "registry/delete.h"
#include "registry/push.h"

/* The values of the parameters `tag`, one more than are taken, so that too many are refused. */
static const char **tags_of(struct rs_request *r, size_t *ret_n)
{
    const char **tags =
        rs_arena_alloc(rs_request_arena(r), (RS_ADMIT_TAGS_MAX + 1) * sizeof(*tags));
    size_t n = 0;
    while (tags != NULL && n <= RS_ADMIT_TAGS_MAX) {
        const char *tag = rs_request_query_at(r, "tag", (unsigned)n);
        if (tag == NULL)
            break;
        tags[n++] = tag;
    }
    *ret_n = n;
    return tags;
}

static void answer(struct rs_request *r, struct rs_reply *re, const struct rs_pushed *pushed)
{
    rs_reply_status(re, 201);
    rs_reply_headerf(re, "Location", "/v2/%s/manifests/%s", rs_request_param(r, "name"),
                     pushed->digest);
    rs_reply_header(re, "Docker-Content-Digest", pushed->digest);
    if (pushed->subject != NULL)
        rs_reply_header(re, "OCI-Subject", pushed->subject);
    for (size_t i = 0; rs_request_query(r, "tag") != NULL && i < pushed->n_tags; i++)
        rs_reply_header(re, "OCI-Tag", pushed->tags[i]);
    if (pushed->is_failed)
        rs_reply_header(re, "Warning",
                        "299 - \"this image failed its quarantine: it stays closed until somebody"
                        " decides otherwise\"");
}

enum rs_status rs_api_manifest_push(struct rs_request *r, struct rs_reply *re,
                                    struct rs_err *reterr)
{
    size_t n_tags = 0;
    const char **tags = tags_of(r, &n_tags);
    struct rs_pushed pushed;
    if (tags == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    const struct rs_push push = {
        .services = rs_request_services(r),
        .identity = rs_request_identity(r),
        .access = rs_request_access(r),
        .actor = rs_request_actor(r),
        .repository = rs_request_param(r, "name"),
        .reference = rs_request_param(r, "reference"),
        .tags = tags,
        .n_tags = n_tags,
        .content_type = rs_request_header(r, "Content-Type"),
        .body = rs_request_body(r),
        .if_match = rs_request_header_list(r, "If-Match"),
        .if_none_match = rs_request_header_list(r, "If-None-Match"),
        .arena = rs_request_arena(r),
    };
    enum rs_status s = rs_registry_push(&push, &pushed, reterr);
    if (s == RS_OK)
        answer(r, re, &pushed);
    return s;
}

enum rs_status rs_api_manifest_delete(struct rs_request *r, struct rs_reply *re,
                                      struct rs_err *reterr)
{
    enum rs_status s =
        rs_registry_delete(rs_request_services(r), rs_request_actor(r), rs_request_param(r, "name"),
                           rs_request_param(r, "reference"), reterr);
    if (s == RS_OK)
        rs_reply_status(re, 202);
    return s;
}
