#include "auth/issue.h"

#include <string.h>

#include "auth/auth_internal.h"
#include "auth/token.h"
#include "base/clock.h"

/* Which actions a token may carry for somebody with these permissions (SPEC section 9). */
static uint32_t actions_held(uint32_t perms)
{
    uint32_t actions = 0;
    if ((perms & (RS_PERM_PULL | RS_PERM_QUARANTINE_PULL)) != 0)
        actions |= RS_PERM_PULL | RS_SCOPE_METADATA_READ;
    if ((perms & (RS_PERM_PUSH | RS_PERM_QUARANTINE_PUSH)) != 0)
        actions |= RS_PERM_PUSH | RS_SCOPE_METADATA_WRITE;
    if ((perms & RS_PERM_DELETE) != 0)
        actions |= RS_PERM_DELETE;
    return actions;
}

static enum rs_status narrow_to_held(struct rs_auth *auth, const struct rs_identity *identity,
                                     struct rs_scope *scope, struct rs_arena *arena,
                                     struct rs_err *reterr)
{
    for (size_t i = 0; i < scope->n; i++) {
        struct rs_access access;
        struct rs_scope_repository *r = &scope->repositories[i];
        enum rs_status s = rs_auth_access(auth, identity, r->name, arena, &access, reterr);
        if (s != RS_OK)
            return s;
        r->actions &= actions_held(access.perms);
    }
    return RS_OK;
}

/* When the secret behind the identity was shown; a moment ago for anonymous, who has none. */
static int64_t proved_at(const struct rs_identity *identity, int64_t now_s)
{
    return identity->proved_unix_s > 0 && identity->proved_unix_s < now_s ? identity->proved_unix_s
                                                                          : now_s;
}

static enum rs_status write_token(struct rs_auth *auth, const struct rs_token_claims *claims,
                                  struct rs_arena *arena, struct rs_issued *ret,
                                  struct rs_err *reterr)
{
    RS_AUTO(rs_buf) struct rs_buf text = RS_BUF_INIT(RS_TOKEN_BYTES_MAX);
    enum rs_status s = rs_token_write(auth->keys, auth->service, claims, &text, reterr);
    if (s != RS_OK)
        return s;
    ret->token = rs_arena_strndup(arena, text.data, text.len);
    ret->scope = claims->scope;
    ret->issued_unix_s = claims->issued_unix_s;
    ret->expires_in_s = claims->expires_unix_s - claims->issued_unix_s;
    return ret->token == NULL ? rs_fail(reterr, RS_NOMEM, NULL) : RS_OK;
}

static struct rs_token_claims claims_of(const struct rs_identity *identity, enum rs_token_use use)
{
    int64_t now_s = rs_clock_unix_s();
    struct rs_token_claims claims = {
        .use = use,
        .principal_id = identity->principal_id,
        .proved_unix_s = proved_at(identity, now_s),
        .issued_unix_s = now_s,
    };
    memcpy(claims.credential, identity->credential, RS_CREDENTIAL_BYTES);
    return claims;
}

enum rs_status rs_issue_access(struct rs_auth *auth, const struct rs_identity *identity,
                               struct rs_scope *asked, struct rs_arena *arena,
                               struct rs_issued *ret, struct rs_err *reterr)
{
    enum rs_status s = narrow_to_held(auth, identity, asked, arena, reterr);
    if (s != RS_OK)
        return s;
    if (identity->is_token)
        rs_scope_narrow(asked, identity->scope);
    struct rs_token_claims claims = claims_of(identity, RS_TOKEN_ACCESS);
    claims.scope = asked;
    claims.expires_unix_s = claims.issued_unix_s + auth->token_seconds;
    /* A token got with a token never outlives the chain. */
    int64_t chain_end = claims.proved_unix_s + RS_ISSUE_REFRESH_SECONDS;
    if (identity->is_token && claims.expires_unix_s > chain_end)
        claims.expires_unix_s = chain_end;
    if (claims.expires_unix_s <= claims.issued_unix_s)
        return rs_fail(reterr, RS_UNAUTHORIZED,
                       "the login behind this token is too long ago: log in again");
    return write_token(auth, &claims, arena, ret, reterr);
}

enum rs_status rs_issue_refresh(struct rs_auth *auth, const struct rs_identity *identity,
                                struct rs_arena *arena, struct rs_issued *ret,
                                struct rs_err *reterr)
{
    if (identity->principal_id == RS_ANONYMOUS_ID)
        return rs_fail(reterr, RS_UNAUTHORIZED,
                       "a refresh token is for somebody with a name: log in");
    struct rs_token_claims claims = claims_of(identity, RS_TOKEN_REFRESH);
    claims.scope = identity->is_token ? identity->scope : NULL;
    claims.expires_unix_s = claims.proved_unix_s + RS_ISSUE_REFRESH_SECONDS;
    if (claims.expires_unix_s <= claims.issued_unix_s)
        return rs_fail(reterr, RS_UNAUTHORIZED,
                       "the login behind this token is too long ago: log in again");
    return write_token(auth, &claims, arena, ret, reterr);
}
