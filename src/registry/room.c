#include "registry/room.h"

#include <sys/statvfs.h>

#include "audit/append.h"
#include "catalog/blob.h"
#include "catalog/repository.h"
#include "config/config.h"
#include "json/write.h"

enum rs_status rs_room_check_disk(const struct rs_services *services, uint64_t bytes,
                                  struct rs_err *reterr)
{
    struct statvfs fs;
    uint64_t keep = (uint64_t)services->config->storage_watermark_bytes;
    uint64_t need = 0;
    if (keep == 0 || statvfs(services->config->data, &fs) != 0)
        return RS_OK;
    uint64_t available = (uint64_t)fs.f_bavail * (uint64_t)fs.f_frsize;
    if (!__builtin_add_overflow(keep, bytes, &need) && need <= available)
        return RS_OK;
    return rs_fail(
        reterr, RS_NO_SPACE,
        "the registry's disk is nearly full: new pushes are refused until its operator gives it room; pulls and"
        " decisions go on");
}

/* The quota that holds: its own, or the one of all. */
static enum rs_status quota_of(const struct rs_services *services, struct rs_db_conn *conn,
                               const char *repository, struct rs_room *ret, struct rs_err *reterr)
{
    enum rs_status s = rs_catalog_repository_quota(conn, repository, &ret->quota_bytes, reterr);
    ret->is_own = ret->quota_bytes > 0;
    if (!ret->is_own)
        ret->quota_bytes = (uint64_t)services->config->storage_quota_bytes;
    return s;
}

/* Judged after the blob was linked: the job is undone when it is too much. */
static enum rs_status quota_check(const struct rs_services *services, struct rs_db_conn *conn,
                                  const char *repository, struct rs_err *reterr)
{
    struct rs_room room = {0};
    enum rs_status s = quota_of(services, conn, repository, &room, reterr);
    if (s == RS_OK && room.quota_bytes > 0)
        s = rs_catalog_repository_used(conn, repository, &room.used_bytes, reterr);
    if (s != RS_OK || room.used_bytes <= room.quota_bytes)
        return s;
    return rs_fail(
        reterr, RS_DENIED,
        "the quota of %s is %llu bytes, with this blob it would take %llu: delete what is not needed, or ask an"
        " administrator for more",
        repository, (unsigned long long)room.quota_bytes, (unsigned long long)room.used_bytes);
}

/* What is in the repository already takes no more room. */
static enum rs_status was_present(struct rs_db_conn *conn, const char *repository,
                                  const char *digest, bool *ret, struct rs_err *reterr)
{
    int64_t id = 0;
    struct rs_catalog_blob_link link = {0};
    struct rs_err unknown = RS_ERR_INIT;
    *ret = false;
    enum rs_status s = rs_catalog_repository_find(conn, repository, &id, &unknown);
    if (s == RS_OK)
        s = rs_catalog_blob_link_get(conn, id, digest, &link, &unknown);
    if (s == RS_NOT_FOUND)
        return RS_OK;
    if (s != RS_OK && reterr != NULL)
        *reterr = unknown;
    *ret = s == RS_OK && link.is_present;
    return s;
}

enum rs_status rs_room_link(const struct rs_services *services, struct rs_db_conn *conn,
                            const char *repository, const char *digest, int64_t uploader_id,
                            struct rs_err *reterr)
{
    bool there = false;
    enum rs_status s = was_present(conn, repository, digest, &there, reterr);
    if (s == RS_OK)
        s = rs_catalog_blob_link_into(conn, repository, digest, uploader_id, reterr);
    return s == RS_OK && !there ? quota_check(services, conn, repository, reterr) : s;
}

enum rs_status rs_room_show(const struct rs_services *services, const char *repository,
                            struct rs_room *ret, struct rs_err *reterr)
{
    RS_AUTO(rs_db_read) struct rs_db_read read = {0};
    enum rs_status s = rs_db_read_begin(services->db, &read.conn, reterr);
    if (s == RS_OK)
        s = quota_of(services, read.conn, repository, ret, reterr);
    return s == RS_OK ? rs_catalog_repository_used(read.conn, repository, &ret->used_bytes, reterr)
                      : s;
}

struct setting {
    const struct rs_actor *actor;
    const char *repository;
    uint64_t quota_bytes;
};

static enum rs_status set_record(struct rs_db_conn *conn, const struct setting *set,
                                 struct rs_err *reterr)
{
    RS_AUTO(rs_buf) struct rs_buf details = RS_BUF_INIT(256);
    struct rs_jw w = RS_JW_INIT(&details);
    int64_t seq = 0;
    rs_jw_object(&w);
    rs_jw_member_int(&w, "quotaBytes", (int64_t)set->quota_bytes);
    rs_jw_object_end(&w);
    const struct rs_audit_entry entry = {.action = "quota-set",
                                         .actor = set->actor,
                                         .repository = set->repository,
                                         .details = rs_buf_text(&details)};
    return rs_audit_append(conn, &entry, &seq, reterr);
}

/* A quota that it has already is no change. */
static enum rs_status set_job(struct rs_db_conn *conn, void *arg, struct rs_err *reterr)
{
    const struct setting *set = arg;
    uint64_t before = 0;
    enum rs_status s = rs_catalog_repository_quota(conn, set->repository, &before, reterr);
    if (s != RS_OK || before == set->quota_bytes)
        return s;
    s = rs_catalog_repository_set_quota(conn, set->repository, set->quota_bytes, reterr);
    return s == RS_OK ? set_record(conn, set, reterr) : s;
}

enum rs_status rs_room_set_quota(const struct rs_services *services, const struct rs_actor *actor,
                                 const char *repository, uint64_t quota_bytes,
                                 struct rs_err *reterr)
{
    struct setting set = {.actor = actor, .repository = repository, .quota_bytes = quota_bytes};
    return rs_db_write(services->db, set_job, &set, reterr);
}
