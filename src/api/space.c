#include "api/space.h"

#include "api/json_api.h"
#include "json/write.h"
#include "registry/backup.h"
#include "registry/checker.h"
#include "registry/collect.h"
#include "registry/room.h"

#define STATUS_BYTES_MAX ((size_t)2 << 20)

/* A body of one optional flag; an empty body leaves it false. */
static enum rs_status read_flag(const struct rs_request *r, const char *key, bool *ret,
                                struct rs_err *reterr)
{
    RS_AUTO(rs_json) struct rs_json *body = NULL;
    *ret = false;
    if (rs_request_body(r).n == 0)
        return RS_OK;
    enum rs_status s = rs_json_api_body(r, RS_API_SPACE_BODY_BYTES_MAX, &body, reterr);
    if (s == RS_OK)
        s = rs_json_only(body, RS_JSON_KEYS(key), reterr);
    return s == RS_OK ? rs_json_member_bool(body, key, RS_JSON_OPTIONAL, ret, reterr) : s;
}

enum rs_status rs_api_space_collect(struct rs_request *r, struct rs_reply *re,
                                    struct rs_err *reterr)
{
    RS_AUTO(rs_buf) struct rs_buf json = RS_BUF_INIT(1024);
    struct rs_jw w = RS_JW_INIT(&json);
    struct rs_collected got;
    bool dry_run = false;
    enum rs_status s = read_flag(r, "dryRun", &dry_run, reterr);
    if (s == RS_OK)
        s = rs_collect(rs_request_services(r)->collector, rs_request_actor(r), dry_run, &got,
                       reterr);
    if (s != RS_OK)
        return s;
    rs_jw_object(&w);
    rs_jw_member_bool(&w, "dryRun", dry_run);
    rs_jw_member_int(&w, "blobs", (int64_t)got.blobs);
    rs_jw_member_int(&w, "blobBytes", (int64_t)got.blob_bytes);
    rs_jw_member_int(&w, "links", (int64_t)got.links);
    rs_jw_member_int(&w, "strays", (int64_t)got.strays);
    rs_jw_member_int(&w, "strayBytes", (int64_t)got.stray_bytes);
    rs_jw_member_int(&w, "uploads", (int64_t)got.uploads);
    rs_jw_member_int(&w, "kept", (int64_t)got.kept);
    rs_jw_object_end(&w);
    return rs_json_api_answer(re, 200, &json, reterr);
}

static enum rs_status answer_status(const struct rs_request *r, struct rs_reply *re,
                                    unsigned http_status, struct rs_err *reterr)
{
    RS_AUTO(rs_buf) struct rs_buf json = RS_BUF_INIT(STATUS_BYTES_MAX);
    enum rs_status s = rs_checker_status(rs_request_services(r)->checker, &json, reterr);
    return s == RS_OK ? rs_json_api_answer(re, http_status, &json, reterr) : s;
}

enum rs_status rs_api_space_fsck_start(struct rs_request *r, struct rs_reply *re,
                                       struct rs_err *reterr)
{
    bool is_repairing = false;
    enum rs_status s = read_flag(r, "repair", &is_repairing, reterr);
    if (s == RS_OK)
        s = rs_checker_ask(rs_request_services(r)->checker, rs_request_actor(r), is_repairing,
                           reterr);
    return s == RS_OK ? answer_status(r, re, 202, reterr) : s;
}

enum rs_status rs_api_space_fsck_status(struct rs_request *r, struct rs_reply *re,
                                        struct rs_err *reterr)
{
    return answer_status(r, re, 200, reterr);
}

static enum rs_status answer_backup(const struct rs_request *r, struct rs_reply *re,
                                    unsigned http_status, struct rs_err *reterr)
{
    RS_AUTO(rs_buf) struct rs_buf json = RS_BUF_INIT(STATUS_BYTES_MAX);
    enum rs_status s = rs_backups_status(rs_request_services(r)->backups, &json, reterr);
    return s == RS_OK ? rs_json_api_answer(re, http_status, &json, reterr) : s;
}

enum rs_status rs_api_space_backup_start(struct rs_request *r, struct rs_reply *re,
                                         struct rs_err *reterr)
{
    enum rs_status s = rs_backups_ask(rs_request_services(r)->backups, rs_request_actor(r), reterr);
    return s == RS_OK ? answer_backup(r, re, 202, reterr) : s;
}

enum rs_status rs_api_space_backup_status(struct rs_request *r, struct rs_reply *re,
                                          struct rs_err *reterr)
{
    return answer_backup(r, re, 200, reterr);
}

static enum rs_status answer_quota(const struct rs_request *r, struct rs_reply *re,
                                   const char *repository, struct rs_err *reterr)
{
    RS_AUTO(rs_buf) struct rs_buf json = RS_BUF_INIT(1024);
    struct rs_jw w = RS_JW_INIT(&json);
    struct rs_room room = {0};
    enum rs_status s = rs_room_show(rs_request_services(r), repository, &room, reterr);
    if (s != RS_OK)
        return s;
    rs_jw_object(&w);
    rs_jw_member_text(&w, "repository", repository);
    rs_jw_member_int(&w, "usedBytes", (int64_t)room.used_bytes);
    rs_jw_member_int(&w, "quotaBytes", (int64_t)room.quota_bytes);
    rs_jw_member_bool(&w, "own", room.is_own);
    rs_jw_object_end(&w);
    return rs_json_api_answer(re, 200, &json, reterr);
}

enum rs_status rs_api_space_quota_get(struct rs_request *r, struct rs_reply *re,
                                      struct rs_err *reterr)
{
    const char *repository = rs_request_query(r, "repository");
    if (repository == NULL)
        return rs_fail(reterr, RS_BAD_REQUEST, "which repository? ?repository=NAME");
    return answer_quota(r, re, repository, reterr);
}

enum rs_status rs_api_space_quota_put(struct rs_request *r, struct rs_reply *re,
                                      struct rs_err *reterr)
{
    RS_AUTO(rs_json) struct rs_json *body = NULL;
    const char *repository = NULL;
    int64_t bytes = 0;
    enum rs_status s = rs_json_api_body(r, RS_API_SPACE_BODY_BYTES_MAX, &body, reterr);
    if (s == RS_OK)
        s = rs_json_only(body, RS_JSON_KEYS("repository", "bytes"), reterr);
    if (s == RS_OK)
        s = rs_json_member_text(body, "repository", RS_JSON_REQUIRED, 255, &repository, reterr);
    if (s == RS_OK)
        s = rs_json_member_int(body, "bytes", RS_JSON_REQUIRED, 0, RS_JSON_INT_MAX, &bytes, reterr);
    if (s == RS_OK)
        s = rs_room_set_quota(rs_request_services(r), rs_request_actor(r), repository,
                              (uint64_t)bytes, reterr);
    return s == RS_OK ? answer_quota(r, re, repository, reterr) : s;
}
