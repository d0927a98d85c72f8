/*
 * registry/room.h: is there room for what a client wants to push?
 * Layer: registry.  Threads: any.  Spec: SPEC section 8 (quota, low-disk watermark).
 *
 * The watermark keeps space for what must never fail: decisions, deletions, the audit log.  A quota
 * counts the blobs that are in a repository, each once, also those that other repositories share.
 */
#ifndef RS_REGISTRY_ROOM_H
#define RS_REGISTRY_ROOM_H

#include <stdint.h>

#include "auth/access.h"
#include "db/db.h"
#include "registry/services.h"

/**
 * rs_room_check_disk(): before anything is written for a push.
 * @bytes  how many will come, 0 when that is not known
 * Errors: RS_NO_SPACE (507): less than config storage.watermark would stay free.  A disk that
 * cannot be asked has room.
 */
RS_MUST_CHECK enum rs_status rs_room_check_disk(const struct rs_services *services, uint64_t bytes,
                                                struct rs_err *reterr);

/**
 * rs_room_link(): within a write job: link a stored blob into a repository, as far as its quota
 * allows.  One that is there already is always accepted.  Errors: RS_DENIED (over the quota), and
 * those of rs_catalog_blob_link_into(); then the job must fail.
 */
RS_MUST_CHECK enum rs_status rs_room_link(const struct rs_services *services,
                                          struct rs_db_conn *conn, const char *repository,
                                          const char *digest, int64_t uploader_id,
                                          struct rs_err *reterr);

struct rs_room {
    uint64_t used_bytes;
    uint64_t quota_bytes; /* that holds, its own or the one of all; 0 = none */
    bool is_own;
};
/* RS_NOT_FOUND when there is no such repository. */
RS_MUST_CHECK enum rs_status rs_room_show(const struct rs_services *services,
                                          const char *repository, struct rs_room *ret,
                                          struct rs_err *reterr);
/* Give a repository a quota of its own; 0 takes it away.  Writes an audit record `quota-set`.
 * RS_NOT_FOUND. */
RS_MUST_CHECK enum rs_status rs_room_set_quota(const struct rs_services *services,
                                               const struct rs_actor *actor, const char *repository,
                                               uint64_t quota_bytes, struct rs_err *reterr);

#endif
