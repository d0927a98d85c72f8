#include "registry/blob.h"

#include "blob/lease.h"
#include "blob/store.h"

/* May whoever was told that the blob exists rely on that for a push? */
static bool is_pusher(const struct rs_viewer *viewer)
{
    return rs_access_has_any(viewer->access, RS_PERM_PUSH | RS_PERM_QUARANTINE_PUSH);
}

/*
 * A push client that is told 200 skips the upload and names the blob in its manifest, so from here
 * on the collector has to leave it. The lease comes between two looks: the collector may have been
 * at work since the first one.
 */
static enum rs_status confirm(const struct rs_services *services, const struct rs_viewer *viewer,
                              const char *digest, struct rs_blob_view *view, struct rs_err *reterr)
{
    if (!rs_leases_renew(rs_blobs_leases(services->blobs), view->digest))
        return rs_fail(reterr, RS_BLOB_UNKNOWN, NULL);
    return rs_resolve_blob(services->db, viewer, digest, RS_WANT_HEAD, view, reterr);
}

enum rs_status rs_registry_blob_read(const struct rs_services *services,
                                     const struct rs_viewer *viewer, const char *digest,
                                     enum rs_want want, struct rs_blob_reading *ret,
                                     struct rs_err *reterr)
{
    struct rs_blob_view view = {0};
    int fd = -1;
    enum rs_status s = rs_resolve_blob(services->db, viewer, digest, want, &view, reterr);
    if (s == RS_OK && want == RS_WANT_HEAD && is_pusher(viewer))
        s = confirm(services, viewer, digest, &view, reterr);
    if (s == RS_OK && want == RS_WANT_GET)
        s = rs_blob_open(services->blobs, view.grant, &fd, &view.size, reterr);
    if (s != RS_OK)
        return s;
    *ret = (struct rs_blob_reading){
        .named = view.named, .size = view.size, .is_open = view.is_open, .fd = fd};
    return RS_OK;
}
