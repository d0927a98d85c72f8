/*
 * api/space.h: /v2/_roadstead/admin/gc: give space back now, or tell what a pass would give back.
 * Layer: api.  Spec: SPEC sections 8 and 10.
 */
#ifndef RS_API_SPACE_H
#define RS_API_SPACE_H

#include "http/route.h"

#define RS_API_SPACE_BODY_BYTES_MAX ((size_t)1024)

/* POST {"dryRun": bool, optional}: 200 with what was (or would be) removed.  On a worker: it takes
 * as long as the pass. */
enum rs_status rs_api_space_collect(struct rs_request *r, struct rs_reply *re,
                                    struct rs_err *reterr);

#endif
