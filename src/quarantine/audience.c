#include "quarantine/audience.h"

/* Column R of SPEC section 4: may pull, and is told why something cannot be pulled. */
static bool is_told(const struct rs_asker *asker, const struct rs_policy *policy)
{
    return policy->disclose && asker->identity->principal_id != RS_ANONYMOUS_ID &&
           rs_access_has(asker->access, RS_PERM_PULL) && !asker->access->is_public &&
           !rs_access_has(asker->access, RS_PERM_PUSH);
}

static bool has_content_grant(const struct rs_access *access)
{
    return rs_access_has_any(access, RS_PERM_PULL | RS_PERM_PUSH | RS_PERM_QUARANTINE_PUSH);
}

enum rs_status rs_audience_of(struct rs_db_conn *conn, const struct rs_asker *asker,
                              const struct rs_policy *policy, const struct rs_manifest_row *row,
                              enum rs_audience *ret, struct rs_err *reterr)
{
    bool is_pusher = false;
    *ret = RS_AUDIENCE_NONE;
    if (row == NULL)
        return RS_OK;
    if (rs_access_has_any(asker->access, RS_AUDIENCE_FULL_PERMS)) {
        *ret = RS_AUDIENCE_FULL;
        return RS_OK;
    }
    if (!has_content_grant(asker->access))
        return RS_OK;
    if (is_told(asker, policy) ||
        (!rs_manifest_is_held(row) && rs_access_has(asker->access, RS_PERM_PULL))) {
        *ret = RS_AUDIENCE_BRIEF;
        return RS_OK;
    }
    if (asker->identity->principal_id == RS_ANONYMOUS_ID)
        return RS_OK;
    enum rs_status s = rs_catalog_manifest_is_pusher(conn, row->id, asker->identity->principal_id,
                                                     &is_pusher, reterr);
    if (s == RS_OK && is_pusher)
        *ret = RS_AUDIENCE_BRIEF;
    return s;
}

enum rs_status rs_audience_refuse(struct rs_db_conn *conn, const struct rs_asker *asker,
                                  const struct rs_policy *policy, const struct rs_manifest_row *row,
                                  const char *needs, struct rs_err *reterr)
{
    enum rs_audience audience = RS_AUDIENCE_NONE;
    enum rs_status s = rs_audience_of(conn, asker, policy, row, &audience, reterr);
    if (s != RS_OK)
        return s;
    if (audience == RS_AUDIENCE_NONE)
        return rs_fail(reterr, RS_MANIFEST_UNKNOWN, NULL);
    return rs_fail(reterr, RS_DENIED, "this needs %s on the repository", needs);
}
