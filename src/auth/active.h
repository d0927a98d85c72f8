/*
 * auth/active.h: is somebody who logged in a while ago still somebody?  For answers that last
 * (streams, exports). Layer: auth.  Threads: any.  Spec: SPEC section 9 (permissions are read at
 * use).
 */
#ifndef RS_AUTH_ACTIVE_H
#define RS_AUTH_ACTIVE_H

#include "auth/access.h"
#include "db/db.h"

/**
 * rs_auth_check_active(): the principal of a request that was authenticated before still exists, is
 * not disabled, and has the password, secret or rule that the request was proved with. Its
 * permissions are another question (rs_auth_patterns(), rs_auth_access()), asked anew each time as
 * well. Errors: RS_UNAUTHORIZED (gone, disabled or changed), RS_IO, RS_CORRUPT, RS_NOMEM: whatever
 * is not RS_OK denies.
 */
RS_MUST_CHECK enum rs_status
rs_auth_check_active(struct rs_db *db, const struct rs_identity *identity, struct rs_err *reterr);

#endif
