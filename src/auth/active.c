#include "auth/active.h"

#include "catalog/principal.h"

enum rs_status rs_auth_check_active(struct rs_db *db, const struct rs_identity *identity,
                                    struct rs_err *reterr)
{
    RS_AUTO(rs_db_read) struct rs_db_read r = {0};
    struct rs_principal p;
    struct rs_err err = RS_ERR_INIT;
    if (identity->principal_id == RS_ANONYMOUS_ID)
        return RS_OK;
    enum rs_status s = rs_db_read_begin(db, &r.conn, reterr);
    if (s != RS_OK)
        return s;
    s = rs_principal_by_id(r.conn, identity->principal_id, &p, &err);
    if (s == RS_NOT_FOUND || (s == RS_OK && p.is_disabled))
        return rs_fail(reterr, RS_UNAUTHORIZED, "the account was disabled or deleted");
    return s == RS_OK ? RS_OK : rs_fail(reterr, s, "%s", err.message);
}
