/*
 * Does the caller have what the route needs?
 * Spec: SPEC sections 3, 4 (first row after the table, and "a read without an Authorization
 * header") and 9.  Whatever is not clearly permitted is denied.  The use cases judge again, by the
 * content.
 */
#include "http/http_internal.h"

/* Nobody there: ask for credentials.  A token that was not asked for this: say so.  Else it is a
 * plain no. */
static enum rs_status refuse(struct rs_request *r, bool is_scope_missing)
{
    if (!r->identity.has_credentials)
        return rs_fail(&r->err, RS_UNAUTHORIZED, NULL);
    if (r->identity.is_token && is_scope_missing) {
        r->reply.challenge_error = "insufficient_scope";
        return rs_fail(
            &r->err, RS_UNAUTHORIZED,
            "the token does not cover this: ask the token service for the scope in WWW-Authenticate");
    }
    return rs_fail(&r->err, RS_DENIED, NULL);
}

static bool speaks_azure(const struct rs_request *r)
{
    return r->match.route->dialect == RS_DIALECT_AZURE;
}

/* A read that is not permitted: with a token of `anonymous`, the same as for something that does
 * not exist.  But Azure's clients send the token of their last request along with the next one,
 * and go on only when they are challenged: where anybody may read they are. */
static enum rs_status refuse_read(struct rs_request *r, bool may, bool is_scope_missing)
{
    bool is_wrong_token = speaks_azure(r) && may && is_scope_missing;
    if (r->identity.has_credentials && r->identity.principal_id == RS_ANONYMOUS_ID &&
        !is_wrong_token)
        return rs_fail(&r->err, RS_NAME_UNKNOWN, NULL);
    return refuse(r, is_scope_missing);
}

/* Azure's routes take Azure's word for reading, too: they give lists and attributes, never content.
 */
static void translate_scope(struct rs_request *r)
{
    if (speaks_azure(r) && (r->access.scope & RS_SCOPE_METADATA_READ) != 0)
        r->access.scope |= RS_PERM_PULL;
}

static enum rs_status need_read(struct rs_request *r)
{
    bool has_scope = (r->access.scope & RS_PERM_PULL) != 0;
    bool may = rs_access_has_any(&r->access, RS_PERM_PULL | RS_PERM_PUSH | RS_PERM_QUARANTINE_PULL);
    return may && has_scope ? RS_OK : refuse_read(r, may, !has_scope);
}

static enum rs_status need_change(struct rs_request *r, uint32_t any_of, uint32_t scope)
{
    bool has_scope = (r->access.scope & scope) != 0;
    bool may = rs_access_has_any(&r->access, any_of);
    return may && has_scope ? RS_OK : refuse(r, !has_scope);
}

static enum rs_status need_any(struct rs_request *r, uint32_t perms)
{
    bool has = false;
    enum rs_status s = rs_auth_has_any(r->server->o.auth, &r->identity, perms, &has, &r->err);
    if (s != RS_OK)
        return rs_fail(&r->err, s, NULL);
    return has ? RS_OK : refuse(r, false);
}

static enum rs_status need_login(struct rs_request *r)
{
    return r->identity.has_credentials ? RS_OK : need_any(r, ~0U);
}

static enum rs_status need_admin(struct rs_request *r)
{
    bool is_admin = false;
    enum rs_status s = rs_auth_is_admin(r->server->o.auth, &r->identity, &is_admin, &r->err);
    if (s != RS_OK)
        return rs_fail(&r->err, s, NULL);
    return is_admin ? RS_OK : refuse(r, false);
}

enum rs_status rs_admit_need(struct rs_request *r)
{
    /* Azure's clients send no credentials before they are challenged: what `anonymous` would get
     * must not stand for the answer to whoever has more. */
    if (speaks_azure(r) && !r->identity.has_credentials)
        return refuse(r, false);
    if (r->name != NULL) {
        enum rs_status s = rs_auth_access(r->server->o.auth, &r->identity, r->name, &r->arena,
                                          &r->access, &r->err);
        if (s != RS_OK)
            return rs_fail(&r->err, s, NULL);
        translate_scope(r);
    }
    switch (r->match.route->need) {
    case RS_NEED_NOTHING:
        return RS_OK;
    case RS_NEED_METRICS:
        return need_any(r, RS_PERM_AUDIT_READ | RS_PERM_ADMIN);
    case RS_NEED_LOGIN:
        return need_login(r);
    case RS_NEED_READ:
        return need_read(r);
    case RS_NEED_UPLOAD:
        return need_change(r, RS_PERM_PUSH | RS_PERM_QUARANTINE_PUSH, RS_PERM_PUSH);
    case RS_NEED_DELETE:
        return need_change(r, RS_PERM_DELETE, RS_PERM_DELETE);
    case RS_NEED_STATE:
        return r->identity.has_credentials ? RS_OK : refuse(r, false);
    case RS_NEED_AUDIT:
        return need_any(r, RS_PERM_AUDIT_READ);
    case RS_NEED_ADMIN:
        return need_admin(r);
    case RS_NEED_UNSET:
        break;
    }
    return rs_fail(&r->err, RS_INTERNAL, NULL);
}
