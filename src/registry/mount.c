/*
 * Mounting a blob from another repository, and taking one out of a repository: changes of links,
 * not of bytes.
 */
#include "auth/auth.h"
#include "base/text.h"
#include "blob/lease.h"
#include "blob/store.h"
#include "catalog/blob.h"
#include "catalog/generation.h"
#include "catalog/repository.h"
#include "oci/digest.h"
#include "oci/name.h"
#include "quarantine/resolver.h"
#include "registry/room.h"
#include "registry/upload.h"

/* ---- mount ---- */

struct mounting {
    const struct rs_uploader *by;
    const char *source;
    const char *digest; /* canonical */
    struct rs_uploaded *blob;
};

/* Is it still there?  Between the resolver's yes and this transaction it may have been deleted. */
static enum rs_status mounting_job(struct rs_db_conn *conn, void *arg, struct rs_err *reterr)
{
    const struct mounting *m = arg;
    int64_t source_id = 0;
    struct rs_catalog_blob_link link = {0};
    enum rs_status s = rs_catalog_repository_find(conn, m->source, &source_id, reterr);
    if (s == RS_OK)
        s = rs_catalog_blob_link_get(conn, source_id, m->digest, &link, reterr);
    if (s == RS_OK && !link.is_present)
        s = rs_fail(reterr, RS_NOT_FOUND, NULL);
    if (s == RS_OK)
        s = rs_catalog_blob_size(conn, m->digest, &m->blob->size, reterr);
    if (s == RS_OK)
        s = rs_room_link(m->by->services, conn, m->by->repository, m->digest,
                         RS_CATALOG_NO_UPLOADER, reterr);
    return s;
}

/* From where may this caller take it? */
static enum rs_status source_find(const struct rs_uploader *by, const struct rs_digest *digest,
                                  const char *from, enum rs_readable *ret, const char **ret_source,
                                  struct rs_err *reterr)
{
    struct rs_db *db = by->services->db;
    if (from == NULL)
        return rs_resolve_blob_readable_anywhere(db, by->services->auth, by->identity, digest->text,
                                                 by->arena, ret, ret_source, reterr);
    struct rs_access access;
    *ret = RS_READABLE_NO;
    *ret_source = from;
    if (!rs_name_is_valid(rs_str_of(from)))
        return RS_OK; /* no repository has that name */
    enum rs_status s =
        rs_auth_access(by->services->auth, by->identity, from, by->arena, &access, reterr);
    if (s != RS_OK)
        return s;
    const struct rs_viewer viewer = {
        .identity = by->identity, .access = &access, .repository = from, .arena = by->arena};
    return rs_resolve_blob_readable(db, &viewer, digest->text, ret, reterr);
}

static enum rs_status canonical_of(const struct rs_uploader *by, const struct rs_digest *digest,
                                   char ret[RS_CANONICAL_DIGEST_BYTES], struct rs_err *reterr)
{
    RS_AUTO(rs_db_read) struct rs_db_read read = {0};
    enum rs_status s = rs_db_read_begin(by->services->db, &read.conn, reterr);
    return s == RS_OK ? rs_catalog_alias_resolve(read.conn, digest->text, ret, reterr) : s;
}

static enum rs_status mount(const struct rs_uploader *by, const struct rs_digest *digest,
                            const char *source, struct rs_uploaded *ret, struct rs_err *reterr)
{
    char canonical[RS_CANONICAL_DIGEST_BYTES];
    enum rs_status s = canonical_of(by, digest, canonical, reterr);
    if (s != RS_OK)
        return s;
    rs_leases_take(rs_blobs_leases(by->services->blobs),
                   canonical); /* before the transaction, see blob/lease.h */
    struct mounting m = {.by = by, .source = source, .digest = canonical, .blob = ret};
    s = rs_db_write(by->services->db, mounting_job, &m, reterr);
    if (s == RS_OK)
        (void)rs_text_copy(ret->digest, sizeof(ret->digest), digest->text);
    return s;
}

enum rs_status rs_registry_blob_mount(const struct rs_uploader *by, const char *digest,
                                      const char *from, enum rs_mount *ret,
                                      struct rs_uploaded *ret_blob, const char **ret_source,
                                      struct rs_err *reterr)
{
    struct rs_digest parsed;
    enum rs_readable readable = RS_READABLE_NO;
    const char *source = NULL;
    *ret = RS_MOUNT_NO;
    if (!rs_digest_parse(rs_str_of(digest), &parsed))
        return rs_fail(
            reterr, RS_DIGEST_INVALID,
            "`mount` is no digest that the registry knows: sha256:<hex> or sha512:<hex>");
    enum rs_status s = source_find(by, &parsed, from, &readable, &source, reterr);
    if (s != RS_OK || readable == RS_READABLE_NO)
        return s;
    if (readable == RS_READABLE_OUT_OF_SCOPE) {
        *ret = RS_MOUNT_SCOPE;
        *ret_source = source;
        return RS_OK;
    }
    struct rs_err err = RS_ERR_INIT;
    s = mount(by, &parsed, source, ret_blob, &err);
    if (s == RS_NOT_FOUND)
        return RS_OK; /* deleted just now: an upload like any other */
    if (s == RS_OK)
        *ret = RS_MOUNT_DONE;
    else if (reterr != NULL)
        *reterr = err;
    return s;
}

/* ---- delete ---- */

struct deleting {
    const char *repository;
    const char *digest;
};

static enum rs_status deleting_job(struct rs_db_conn *conn, void *arg, struct rs_err *reterr)
{
    const struct deleting *d = arg;
    char canonical[RS_CANONICAL_DIGEST_BYTES];
    int64_t repository_id = 0;
    bool was_there = false;
    enum rs_status s = rs_catalog_alias_resolve(conn, d->digest, canonical, reterr);
    if (s == RS_OK)
        s = rs_catalog_repository_find(conn, d->repository, &repository_id, reterr);
    if (s == RS_OK)
        s = rs_catalog_blob_unlink(conn, repository_id, canonical, &was_there, reterr);
    if (s == RS_OK && !was_there)
        s = rs_fail(reterr, RS_NOT_FOUND, NULL);
    if (s == RS_OK)
        rs_generation_touch_repository(conn, d->repository);
    return s;
}

enum rs_status rs_registry_blob_delete(const struct rs_uploader *by, const char *digest,
                                       struct rs_err *reterr)
{
    struct rs_digest parsed;
    if (!rs_digest_parse(rs_str_of(digest), &parsed))
        return rs_fail(reterr, RS_DIGEST_INVALID,
                       "this is no digest that the registry knows: sha256:<hex> or sha512:<hex>");
    struct rs_err err = RS_ERR_INIT;
    struct deleting d = {.repository = by->repository, .digest = parsed.text};
    enum rs_status s = rs_db_write(by->services->db, deleting_job, &d, &err);
    if (s == RS_NOT_FOUND)
        return rs_fail(reterr, RS_BLOB_UNKNOWN, "blob %s is not in %s", parsed.text,
                       by->repository);
    if (s != RS_OK && reterr != NULL)
        *reterr = err;
    return s;
}
