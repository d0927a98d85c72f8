#include "api/upload.h"

#include "api/uploader.h"

/* ---- what the answers have in common ---- */

/* Where the session is and how far.  "0-0" also when nothing has come yet: clients want a range
 * that starts at 0. */
static void progress_put(struct rs_request *r, struct rs_reply *re, unsigned http_status,
                         const struct rs_upload_progress *p)
{
    rs_reply_status(re, http_status);
    rs_reply_headerf(re, "Location", "/v2/%s/blobs/uploads/%s", rs_request_param(r, "name"), p->id);
    rs_reply_headerf(re, "Range", "0-%llu", (unsigned long long)(p->size == 0 ? 0 : p->size - 1));
    rs_reply_header(re, "Docker-Upload-UUID", p->id);
}

static void created_put(struct rs_request *r, struct rs_reply *re, const struct rs_uploaded *blob)
{
    rs_reply_status(re, 201);
    rs_reply_headerf(re, "Location", "/v2/%s/blobs/%s", rs_request_param(r, "name"), blob->digest);
    rs_reply_header(re, "Docker-Content-Digest", blob->digest);
}

static void drop(void *writer)
{
    rs_registry_upload_drop(writer);
}

/* The body goes to the writer, and the writer goes with the request. */
static enum rs_status attach(struct rs_request *r, RS_TAKES struct rs_upload_writer *w,
                             struct rs_sink *ret_sink, struct rs_err *reterr)
{
    enum rs_status s = rs_request_defer(r, drop, w);
    if (s != RS_OK)
        return rs_fail(reterr, s, NULL);
    *ret_sink = (struct rs_sink){.write = rs_registry_upload_write, .arg = w};
    return RS_OK;
}

static enum rs_status open_session(struct rs_request *r, struct rs_sink *ret_sink,
                                   struct rs_err *reterr)
{
    const struct rs_uploader by = rs_api_uploader(r);
    const struct rs_upload_chunk chunk = {
        .content_range = rs_request_header(r, "Content-Range"),
        .content_length = rs_request_content_length(r),
    };
    struct rs_upload_writer *w = NULL;
    enum rs_status s =
        rs_registry_upload_open(&by, rs_request_param(r, "session"), &chunk, &w, reterr);
    return s == RS_OK ? attach(r, w, ret_sink, reterr) : s;
}

/* ---- POST: a session, a mount, or the whole blob at once ---- */

static bool is_single(const struct rs_request *r)
{
    return rs_request_query(r, "digest") != NULL && rs_request_query(r, "mount") == NULL;
}

enum rs_status rs_api_upload_post_begin(struct rs_request *r, struct rs_sink *ret_sink,
                                        struct rs_err *reterr)
{
    if (!is_single(r))
        return RS_OK; /* no body is expected */
    const struct rs_uploader by = rs_api_uploader(r);
    struct rs_upload_writer *w = NULL;
    enum rs_status s = rs_registry_upload_open_single(&by, rs_request_query(r, "digest"),
                                                      rs_request_content_length(r), &w, reterr);
    return s == RS_OK ? attach(r, w, ret_sink, reterr) : s;
}

/* *ret_done: the mount has answered; else a session has to. */
static enum rs_status try_mount(struct rs_request *r, struct rs_reply *re,
                                const struct rs_uploader *by, bool *ret_done, struct rs_err *reterr)
{
    enum rs_mount mount = RS_MOUNT_NO;
    struct rs_uploaded blob;
    const char *source = NULL;
    enum rs_status s =
        rs_registry_blob_mount(by, rs_request_query(r, "mount"), rs_request_query(r, "from"),
                               &mount, &blob, &source, reterr);
    *ret_done = true;
    if (s != RS_OK)
        return s;
    switch (mount) {
    case RS_MOUNT_NO:
        *ret_done = false;
        return RS_OK;
    case RS_MOUNT_DONE:
        created_put(r, re, &blob);
        return RS_OK;
    case RS_MOUNT_SCOPE: {
        const char *scope = rs_arena_printf(rs_request_arena(r), "repository:%s:pull", source);
        if (scope == NULL)
            return rs_fail(reterr, RS_NOMEM, NULL);
        rs_reply_challenge_scope(re, scope);
        return rs_fail(reterr, RS_UNAUTHORIZED,
                       "to mount from %s the token must cover pull there: ask for both scopes",
                       source);
    }
    }
    return RS_INTERNAL;
}

enum rs_status rs_api_upload_post(struct rs_request *r, struct rs_reply *re, struct rs_err *reterr)
{
    const struct rs_uploader by = rs_api_uploader(r);
    struct rs_upload_progress progress;
    enum rs_status s = RS_OK;
    if (is_single(r)) {
        struct rs_uploaded blob;
        s = rs_registry_upload_finish(rs_request_sink(r), rs_request_query(r, "digest"), &blob,
                                      reterr);
        if (s == RS_OK)
            created_put(r, re, &blob);
        return s;
    }
    if (rs_request_query(r, "mount") != NULL) {
        bool done = false;
        s = try_mount(r, re, &by, &done, reterr);
        if (s != RS_OK || done)
            return s;
    }
    s = rs_registry_upload_start(&by, rs_request_query(r, "digest-algorithm"), &progress, reterr);
    if (s == RS_OK)
        progress_put(r, re, 202, &progress);
    return s;
}

/* ---- PATCH: more bytes ---- */

enum rs_status rs_api_upload_patch_begin(struct rs_request *r, struct rs_sink *ret_sink,
                                         struct rs_err *reterr)
{
    return open_session(r, ret_sink, reterr);
}

enum rs_status rs_api_upload_patch(struct rs_request *r, struct rs_reply *re, struct rs_err *reterr)
{
    struct rs_upload_progress progress;
    enum rs_status s = rs_registry_upload_pause(rs_request_sink(r), &progress, reterr);
    if (s == RS_OK)
        progress_put(r, re, 202, &progress);
    return s;
}

/* ---- PUT: the last bytes, if any, and the digest ---- */

enum rs_status rs_api_upload_put_begin(struct rs_request *r, struct rs_sink *ret_sink,
                                       struct rs_err *reterr)
{
    /* Before any byte is taken: a malformed request leaves the session as it is. */
    enum rs_status s = rs_registry_upload_check_digest(rs_request_query(r, "digest"), reterr);
    return s == RS_OK ? open_session(r, ret_sink, reterr) : s;
}

enum rs_status rs_api_upload_put(struct rs_request *r, struct rs_reply *re, struct rs_err *reterr)
{
    struct rs_uploaded blob;
    enum rs_status s =
        rs_registry_upload_finish(rs_request_sink(r), rs_request_query(r, "digest"), &blob, reterr);
    if (s == RS_OK)
        created_put(r, re, &blob);
    return s;
}

/* ---- without a body ---- */

enum rs_status rs_api_upload_get(struct rs_request *r, struct rs_reply *re, struct rs_err *reterr)
{
    const struct rs_uploader by = rs_api_uploader(r);
    struct rs_upload_progress progress;
    enum rs_status s =
        rs_registry_upload_status(&by, rs_request_param(r, "session"), &progress, reterr);
    if (s != RS_OK)
        return s;
    progress_put(r, re, 204, &progress);
    rs_reply_header(re, "Cache-Control", "no-store");
    return RS_OK;
}

enum rs_status rs_api_upload_delete(struct rs_request *r, struct rs_reply *re,
                                    struct rs_err *reterr)
{
    const struct rs_uploader by = rs_api_uploader(r);
    enum rs_status s = rs_registry_upload_cancel(&by, rs_request_param(r, "session"), reterr);
    if (s == RS_OK)
        rs_reply_status(re, 204);
    return s;
}
