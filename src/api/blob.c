#include "api/blob.h"

#include "api/etag.h"
#include "api/uploader.h"
#include "api/viewer.h"
#include "oci/range.h"
#include "registry/blob.h"

#define BLOB_TYPE "application/octet-stream"

static const char range_error[] =
    "{\"errors\":[{\"code\":\"SIZE_INVALID\",\"message\":\"the range lies outside the blob: its size is in Content-Range\"}]}";

/* What a digest names never changes; who may read it does, and what is in quarantine is kept
 * nowhere. */
static void headers_put(struct rs_reply *re, const struct rs_blob_reading *blob)
{
    rs_reply_header(re, "Docker-Content-Digest", blob->named);
    rs_reply_headerf(re, "ETag", "\"%s\"", blob->named);
    rs_reply_header(re, "Accept-Ranges", "bytes");
    rs_reply_header(re, "Vary", "Authorization");
}

/* Of what is no error: those are kept nowhere. */
static void cache_put(struct rs_reply *re, const struct rs_blob_reading *blob)
{
    rs_reply_header(re, "Cache-Control",
                    blob->is_open ? "private, max-age=31536000, immutable" : "no-store");
}

/* The range that counts: none under an If-Range that is about other bytes.  An If-Range that is a
 * date never matches: we send none. */
static const char *range_header(struct rs_request *r, const struct rs_blob_reading *blob)
{
    const char *if_range = rs_request_header(r, "If-Range");
    const char *etag = rs_arena_printf(rs_request_arena(r), "\"%s\"", blob->named);
    bool is_about_this = if_range == NULL || (etag != NULL && rs_str_eq(rs_str_of(if_range), etag));
    return is_about_this ? rs_request_header(r, "Range") : NULL;
}

static void file_put(struct rs_reply *re, RS_TAKES int fd, uint64_t offset, uint64_t length)
{
    if (length > 0) {
        rs_reply_file(re, BLOB_TYPE, fd, offset, length);
        return;
    }
    (void)close(fd); /* only read from */
    rs_reply_bytes(re, BLOB_TYPE, "", 0);
}

static enum rs_status send_body(struct rs_request *r, struct rs_reply *re,
                                const struct rs_blob_reading *blob)
{
    struct rs_range range;
    switch (rs_range_parse(range_header(r, blob), blob->size, &range)) {
    case RS_RANGE_WHOLE:
        cache_put(re, blob);
        file_put(re, blob->fd, 0, blob->size);
        return RS_OK;
    case RS_RANGE_PART:
        cache_put(re, blob);
        rs_reply_status(re, 206);
        rs_reply_headerf(re, "Content-Range", "bytes %llu-%llu/%llu",
                         (unsigned long long)range.first, (unsigned long long)range.last,
                         (unsigned long long)blob->size);
        file_put(re, blob->fd, range.first, range.last - range.first + 1);
        return RS_OK;
    case RS_RANGE_UNSATISFIABLE:
        (void)close(blob->fd); /* only read from */
        rs_reply_status(re, 416);
        rs_reply_headerf(re, "Content-Range", "bytes */%llu", (unsigned long long)blob->size);
        rs_reply_bytes(re, "application/json", range_error, sizeof(range_error) - 1);
        return RS_OK;
    }
    return RS_INTERNAL;
}

enum rs_status rs_api_blob_get(struct rs_request *r, struct rs_reply *re, struct rs_err *reterr)
{
    const struct rs_viewer viewer = rs_api_viewer(r);
    const bool is_head = rs_request_method(r) == RS_HEAD;
    struct rs_blob_reading blob = {.fd = -1};
    enum rs_status s =
        rs_registry_blob_read(rs_request_services(r), &viewer, rs_request_param(r, "digest"),
                              is_head ? RS_WANT_HEAD : RS_WANT_GET, &blob, reterr);
    if (s != RS_OK)
        return s;
    headers_put(re, &blob);
    if (rs_api_etag_is_listed(rs_request_header_list(r, "If-None-Match"), blob.named)) {
        if (blob.fd >= 0)
            (void)close(blob.fd); /* only opened */
        cache_put(re, &blob);
        rs_reply_status(re, 304);
        return RS_OK;
    }
    if (is_head) {
        cache_put(re, &blob);
        rs_reply_length_only(re, BLOB_TYPE, blob.size);
        return RS_OK;
    }
    return send_body(r, re, &blob);
}

enum rs_status rs_api_blob_remove(struct rs_request *r, struct rs_reply *re, struct rs_err *reterr)
{
    const struct rs_uploader by = rs_api_uploader(r);
    enum rs_status s = rs_registry_blob_delete(&by, rs_request_param(r, "digest"), reterr);
    if (s == RS_OK)
        rs_reply_status(re, 202);
    return s;
}
