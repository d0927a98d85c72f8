#include "registry/keys.h"

#include "audit/append.h"
#include "auth/auth.h"
#include "db/db.h"

static enum rs_status record(struct rs_db_conn *conn, void *arg, struct rs_err *reterr)
{
    const struct rs_actor *const *actor = arg;
    struct rs_audit_entry entry = {.action = "token-key-rotated", .actor = *actor};
    int64_t seq = 0;
    return rs_audit_append(conn, &entry, &seq, reterr);
}

enum rs_status rs_keys_rotate_audited(const struct rs_services *services,
                                      const struct rs_actor *actor, struct rs_err *reterr)
{
    enum rs_status s = rs_db_write(services->db, record, &actor, reterr);
    return s == RS_OK ? rs_auth_rotate_keys(services->auth, reterr) : s;
}
