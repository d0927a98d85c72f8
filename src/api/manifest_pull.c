#include "api/manifest_pull.h"

#include "api/etag.h"
#include "api/reply_cache.h"
#include "api/viewer.h"
#include "registry/pull.h"

/* Who may read something changes, so every answer depends on who asks; what a digest names does not
 * change, what a tag names does; what is held is kept nowhere. */
static const char *cache_control_of(const struct rs_manifest_view *view)
{
    if (view->held != NULL)
        return "no-store";
    return view->is_tag ? "private, no-cache" : "private, max-age=31536000, immutable";
}

static void headers_put(struct rs_reply *re, const struct rs_manifest_view *view)
{
    rs_reply_header(re, "Docker-Content-Digest", view->named);
    rs_reply_headerf(re, "ETag", "\"%s\"", view->named);
    rs_reply_header(re, "Cache-Control", cache_control_of(view));
    rs_reply_header(re, "Vary", "Authorization");
    if (view->held != NULL)
        rs_reply_header(re, "Roadstead-Quarantine", view->held);
    if (view->live != NULL)
        rs_reply_header(re, "Roadstead-Live", view->live);
}

/* Keep the answer for others; not being able to is no failure. */
static void keep(struct rs_reply_cache *cache, const struct rs_reply_key *key, struct rs_reply *re)
{
    struct rs_cached_reply *shared = NULL;
    if (cache == NULL || rs_reply_share(re, &shared) != RS_OK)
        return;
    rs_reply_cache_put(cache, key, shared);
    rs_cached_reply_unref(shared);
}

static enum rs_status answer(struct rs_request *r, struct rs_reply *re,
                             const struct rs_viewer *viewer, const struct rs_reply_key *key,
                             struct rs_err *reterr)
{
    const struct rs_services *services = rs_request_services(r);
    const char *known = rs_request_header_list(r, "If-None-Match");
    const bool is_head = rs_request_method(r) == RS_HEAD;
    RS_AUTO(rs_manifest_view) struct rs_manifest_view view = {0};
    enum rs_status s = rs_registry_pull(services, viewer, key->reference,
                                        is_head ? RS_WANT_HEAD : RS_WANT_GET, &view, reterr);
    if (s != RS_OK)
        return s;
    headers_put(re, &view);
    if (rs_api_etag_is_listed(known, view.named)) {
        rs_reply_status(re, 304);
        return RS_OK;
    }
    if (is_head) {
        rs_reply_length_only(re, view.media_type, view.size);
        return RS_OK;
    }
    rs_reply_body(re, view.media_type, &view.bytes);
    if (rs_registry_pull_may_keep(&view))
        keep(services->reply_cache, key, re);
    return RS_OK;
}

enum rs_status rs_api_manifest_pull(struct rs_request *r, struct rs_reply *re,
                                    struct rs_err *reterr)
{
    const struct rs_viewer viewer = rs_api_viewer(r);
    struct rs_pull_key open = {0};
    enum rs_status s = rs_registry_pull_open(&viewer, &open, reterr);
    if (s != RS_OK)
        return s;
    const struct rs_reply_key key = {
        .sight = (unsigned)open.sight,
        .repository = viewer.repository,
        .reference = rs_request_param(r, "reference"),
        .generation = open.generation,
    };
    struct rs_cached_reply *kept = NULL;
    if (rs_request_header(r, "If-None-Match") == NULL)
        kept = rs_reply_cache_get(rs_request_services(r)->reply_cache, &key);
    if (kept == NULL)
        return answer(r, re, &viewer, &key, reterr);
    rs_reply_cached(re, kept);
    rs_cached_reply_unref(kept);
    return RS_OK;
}
