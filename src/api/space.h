/*
 * api/space.h: /v2/_roadstead/admin/{gc,fsck,backup}: give space back, check and copy what is
 * stored. Layer: api.  Spec: SPEC sections 8 and 10.
 */
#ifndef RS_API_SPACE_H
#define RS_API_SPACE_H

#include "http/route.h"

#define RS_API_SPACE_BODY_BYTES_MAX ((size_t)1024)

/* POST .../gc {"dryRun"}: 200 with what was (or would be) removed.  On a worker: it takes as long
 * as the pass. */
enum rs_status rs_api_space_collect(struct rs_request *r, struct rs_reply *re,
                                    struct rs_err *reterr);
/* POST .../fsck {"repair"}: 202, the check goes on in the background; 409 while one does. */
enum rs_status rs_api_space_fsck_start(struct rs_request *r, struct rs_reply *re,
                                       struct rs_err *reterr);
/* GET .../fsck: the last check: how far it is, what it found. */
enum rs_status rs_api_space_fsck_status(struct rs_request *r, struct rs_reply *re,
                                        struct rs_err *reterr);
/* POST .../backup: 202, the backup goes on in the background; 409 while one does, or without a
 * directory for it. */
enum rs_status rs_api_space_backup_start(struct rs_request *r, struct rs_reply *re,
                                         struct rs_err *reterr);
enum rs_status rs_api_space_backup_status(struct rs_request *r, struct rs_reply *re,
                                          struct rs_err *reterr);
/* GET .../quota?repository=NAME: what it takes and may take.  PUT {"repository","bytes"}: a quota
 * of its own, 0 for none. */
enum rs_status rs_api_space_quota_get(struct rs_request *r, struct rs_reply *re,
                                      struct rs_err *reterr);
enum rs_status rs_api_space_quota_put(struct rs_request *r, struct rs_reply *re,
                                      struct rs_err *reterr);

#endif
