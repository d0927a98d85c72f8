#include "auth/active.h"

#include "auth/known.h"
#include "crypto/secret.h"

static bool is_same(const struct rs_principal *p, const struct rs_identity *identity)
{
    unsigned char now[RS_CREDENTIAL_BYTES];
    rs_auth_mark_credential(p->id, p->secret, now);
    return !p->is_disabled && rs_secret_equal(now, identity->credential, sizeof now);
}

enum rs_status rs_auth_check_active(struct rs_db *db, const struct rs_identity *identity,
                                    struct rs_err *reterr)
{
    RS_AUTO(rs_db_read) struct rs_db_read r = {0};
    struct rs_principal p = {0};
    struct rs_err err = RS_ERR_INIT;
    if (identity->principal_id == RS_ANONYMOUS_ID)
        return RS_OK;
    enum rs_status s = rs_db_read_begin(db, &r.conn, reterr);
    if (s != RS_OK)
        return s;
    s = rs_principal_by_id(r.conn, identity->principal_id, &p, &err);
    bool has_ended = s == RS_NOT_FOUND || (s == RS_OK && !is_same(&p, identity));
    rs_secret_wipe(p.secret, sizeof p.secret);
    if (has_ended)
        return rs_fail(reterr, RS_UNAUTHORIZED,
                       "the account was disabled or deleted, or its credentials were changed");
    return s == RS_OK ? RS_OK : rs_fail(reterr, s, "%s", err.message);
}
