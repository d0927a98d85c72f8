#include <stdatomic.h>
#include <string.h>
#include <strings.h>

#include "auth/id_token.h"
#include "auth/known.h"
#include "auth/secret_text.h"
#include "auth/token.h"
#include "auth/workload_login.h"
#include "base/clock.h"
#include "crypto/password.h"
#include "crypto/secret.h"

#define AUTHORIZATION_BYTES_MAX ((size_t)12288)

/* One answer for everything that is wrong with a name and a password. */
static enum rs_status wrong(struct rs_err *reterr)
{
    return rs_fail(reterr, RS_UNAUTHORIZED,
                   "the name or the password is wrong, or the account is disabled: log in again");
}

/* ---- tokens ---- */

static enum rs_status verify_token(struct rs_auth *auth, struct rs_str token, unsigned uses,
                                   struct rs_arena *arena, struct rs_verified *ret,
                                   struct rs_err *reterr)
{
    struct rs_token_claims claims;
    int64_t now_s = rs_clock_unix_s();
    enum rs_status s =
        rs_token_read(auth->keys, auth->service, token, uses, now_s, arena, &claims, reterr);
    if (s != RS_OK)
        return s;
    *ret = (struct rs_verified){
        .identity = {.principal_id = claims.principal_id,
                     .has_credentials = true,
                     .is_token = true,
                     .scope = claims.scope,
                     .proved_unix_s = claims.proved_unix_s},
        .expires_mono_ms = rs_clock_mono_ms() + (uint64_t)(claims.expires_unix_s - now_s) * 1000,
        .expires_unix_s = claims.expires_unix_s,
    };
    memcpy(ret->identity.credential, claims.credential, RS_CREDENTIAL_BYTES);
    return RS_OK;
}

enum rs_status rs_auth_token(struct rs_auth *auth, const char *token, unsigned uses,
                             struct rs_arena *arena, struct rs_identity *ret, struct rs_err *reterr)
{
    struct rs_verified_key key;
    struct rs_str text = rs_str_of(token);
    if (text.n > RS_TOKEN_BYTES_MAX)
        return rs_fail(reterr, RS_UNAUTHORIZED,
                       "the token is not one of this registry: get a new one");
    rs_verified_key(auth->verified, (char)('0' + uses), text, rs_str_n(NULL, 0), &key);
    enum rs_status s = rs_known_recall(auth, &key, arena, ret, reterr);
    if (s != RS_NOT_FOUND)
        return s;
    struct rs_verified v;
    bool may_cache = false;
    s = verify_token(auth, text, uses, arena, &v, reterr);
    if (s == RS_OK)
        s = rs_known_judge(auth, &v, &may_cache, reterr);
    if (s != RS_OK)
        return s;
    if (may_cache)
        rs_verified_put(auth->verified, &key, &v);
    *ret = v.identity;
    return RS_OK;
}

enum rs_status rs_auth_exchange(struct rs_auth *auth, const char *token, unsigned uses,
                                const char *source, struct rs_arena *arena, enum rs_auth_mode mode,
                                struct rs_auth_result *ret, struct rs_err *reterr)
{
    struct rs_err local = RS_ERR_INIT;
    *ret = (struct rs_auth_result){0};
    enum rs_status s = rs_auth_token(auth, token, uses, arena, &ret->identity, &local);
    if (s == RS_UNAUTHORIZED && rs_workload_token_is_one(token)) {
        bool is_signed = false;
        return rs_workload_login(auth, NULL, token, source, arena, mode, ret, &is_signed, reterr);
    }
    if (s != RS_OK && reterr != NULL)
        *reterr = local;
    return s;
}

/* ---- passwords and robots' secrets ---- */

struct attempt {
    struct rs_auth *auth;
    const char *name;
    const char *password;
    const char *source;
    struct rs_arena *arena;
    struct rs_verified_key key;
    struct rs_known k;
};

static enum rs_status accept(struct attempt *a, struct rs_auth_result *ret)
{
    rs_known_identify(&a->k, &ret->identity);
    ret->identity.proved_unix_s = rs_clock_unix_s();
    rs_known_remember(a->auth, &a->key, &a->k, &ret->identity, INT64_MAX);
    return RS_OK;
}

static enum rs_status throttled(struct attempt *a, struct rs_auth_result *ret,
                                struct rs_err *reterr)
{
    if (rs_throttle_allows(a->auth->throttle, RS_THROTTLE_PASSWORD, a->source, a->name,
                           rs_clock_mono_ms(), &ret->retry_after_s))
        return RS_OK;
    (void)atomic_fetch_add(&a->auth->throttled, 1);
    return rs_fail(reterr, RS_TOO_MANY, "too many failed logins: try again in %u s",
                   ret->retry_after_s);
}

/* The slow hash, always computed: a name that nobody has costs as much as a wrong password. */
static enum rs_status compare(struct attempt *a, struct rs_auth_result *ret, struct rs_err *reterr)
{
    bool matches = false;
    enum rs_status s = RS_OK;
    if (a->k.is_there && a->k.row.kind == RS_PRINCIPAL_USER && !a->k.row.is_disabled)
        s = rs_password_verify(a->password, a->k.row.secret, &matches, reterr);
    else
        rs_password_verify_nobody(a->password);
    if (s != RS_OK)
        return s;
    if (matches)
        return accept(a, ret);
    (void)atomic_fetch_add(&a->auth->failed, 1);
    rs_throttle_failed(a->auth->throttle, RS_THROTTLE_PASSWORD, a->source, a->name,
                       rs_clock_mono_ms());
    return wrong(reterr);
}

static enum rs_status take_turn(struct attempt *a, struct rs_auth_result *ret,
                                struct rs_err *reterr)
{
    if (!rs_turns_enter(a->auth->turns, &a->key)) {
        ret->retry_after_s = 1;
        return rs_fail(reterr, RS_BUSY, "too many logins at once: try again in a second");
    }
    /* While it waited, another may have proved the same credential, failed too often, or changed
     * the password. */
    enum rs_status s = rs_known_recall(a->auth, &a->key, a->arena, &ret->identity, reterr);
    if (s == RS_NOT_FOUND) {
        s = rs_known_find(a->auth, a->name, 0, &a->k, reterr);
        if (s == RS_OK)
            s = throttled(a, ret, reterr);
        if (s == RS_OK)
            s = compare(a, ret, reterr);
    }
    rs_turns_leave(a->auth->turns, &a->key);
    return s;
}

/* False: it is nobody's token.  To the stranger who sent it, it was a wrong password like any
 * other, and takes as long: else he would learn which workloads there are. */
static bool try_token(struct attempt *a, enum rs_auth_mode mode, struct rs_auth_result *ret,
                      enum rs_status *ret_status, struct rs_err *reterr)
{
    struct rs_err local = RS_ERR_INIT;
    bool is_signed = false;
    *ret_status = rs_workload_login(a->auth, a->name, a->password, a->source, a->arena, mode, ret,
                                    &is_signed, &local);
    if (*ret_status == RS_UNAUTHORIZED && !is_signed)
        return false;
    if (*ret_status != RS_OK && reterr != NULL)
        *reterr = local;
    return true;
}

static enum rs_status try_password(struct attempt *a, enum rs_auth_mode mode,
                                   struct rs_auth_result *ret, struct rs_err *reterr)
{
    enum rs_status s = rs_known_find(a->auth, a->name, 0, &a->k, reterr);
    if (s != RS_OK)
        return s;
    if (a->k.is_there && a->k.row.kind == RS_PRINCIPAL_ROBOT && !a->k.row.is_disabled &&
        rs_secret_text_is_ours(a->password) && rs_secret_text_matches(a->password, a->k.row.secret))
        return accept(a, ret);
    if (a->k.is_there && a->k.row.kind == RS_PRINCIPAL_WORKLOAD &&
        rs_workload_token_is_one(a->password)) {
        bool is_done = try_token(a, mode, ret, &s, reterr);
        if (is_done)
            return s;
    }
    s = throttled(a, ret, reterr);
    if (s != RS_OK)
        return s;
    if (mode == RS_AUTH_INLINE) {
        ret->must_block = true;
        return RS_OK;
    }
    return take_turn(a, ret, reterr);
}

enum rs_status rs_auth_password(struct rs_auth *auth, const char *name, const char *password,
                                const char *source, struct rs_arena *arena, enum rs_auth_mode mode,
                                struct rs_auth_result *ret, struct rs_err *reterr)
{
    *ret = (struct rs_auth_result){0};
    if (strcmp(name, RS_AUTH_TOKEN_USER) == 0)
        return rs_auth_exchange(auth, password,
                                mode == RS_AUTH_FOR_TOKENS ? RS_TOKEN_ACCESS | RS_TOKEN_REFRESH
                                                           : RS_TOKEN_ACCESS,
                                source, arena, mode, ret, reterr);
    if (strlen(password) > RS_ID_TOKEN_BYTES_MAX || strlen(name) > RS_PRINCIPAL_NAME_MAX)
        return wrong(reterr);
    struct attempt a = {
        .auth = auth, .name = name, .password = password, .source = source, .arena = arena};
    rs_verified_key(auth->verified, 'B', rs_str_of(name), rs_str_of(password), &a.key);
    enum rs_status s = rs_known_recall(auth, &a.key, arena, &ret->identity, reterr);
    if (s == RS_OK)
        ret->identity.proved_unix_s = rs_clock_unix_s(); /* remembered or not, it was shown now */
    if (s == RS_NOT_FOUND)
        s = try_password(&a, mode, ret, reterr);
    rs_secret_wipe(a.k.row.secret, sizeof a.k.row.secret);
    return s;
}

/* ---- the header ---- */

/* The credentials after a scheme's name, or NULL. */
static const char *after_scheme(const char *header, const char *scheme)
{
    size_t n = strlen(scheme);
    if (strncasecmp(header, scheme, n) != 0 || header[n] != ' ')
        return NULL;
    header += n;
    return header + strspn(header, " ");
}

static enum rs_status authenticate_basic(struct rs_auth *auth, const char *text, const char *source,
                                         struct rs_arena *arena, enum rs_auth_mode mode,
                                         struct rs_auth_result *ret, struct rs_err *reterr)
{
    size_t length = strlen(text);
    size_t n = 0;
    unsigned char *plain = rs_arena_alloc(arena, 3 * (length / 4) + 4);
    if (plain == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    enum rs_status s;
    unsigned char *colon = NULL;
    if (rs_base64_decode(rs_str_n(text, length), plain, &n) && memchr(plain, '\0', n) == NULL)
        colon = memchr(plain, ':', n);
    if (colon == NULL) {
        s = wrong(reterr);
    } else {
        plain[n] = '\0';
        *colon = '\0';
        s = rs_auth_password(auth, (const char *)plain, (const char *)colon + 1, source, arena,
                             mode, ret, reterr);
    }
    rs_secret_wipe(plain, n);
    return s;
}

enum rs_status rs_auth_authenticate(struct rs_auth *auth, const char *authorization,
                                    const char *source, struct rs_arena *arena,
                                    enum rs_auth_mode mode, struct rs_auth_result *ret,
                                    struct rs_err *reterr)
{
    *ret = (struct rs_auth_result){0};
    if (authorization == NULL) {
        ret->identity.principal_id = RS_ANONYMOUS_ID;
        (void)rs_text_copy(ret->identity.name, sizeof ret->identity.name, "anonymous");
        memcpy(ret->identity.credential, auth->anonymous_credential, RS_CREDENTIAL_BYTES);
        return RS_OK;
    }
    if (strlen(authorization) > AUTHORIZATION_BYTES_MAX)
        return rs_fail(reterr, RS_UNAUTHORIZED,
                       "the Authorization header is too long to be one of this registry's");
    const char *text = after_scheme(authorization, "Bearer");
    if (text != NULL)
        return rs_auth_token(auth, text, RS_TOKEN_ACCESS, arena, &ret->identity, reterr);
    text = after_scheme(authorization, "Basic");
    if (text != NULL)
        return authenticate_basic(auth, text, source, arena, mode, ret, reterr);
    return rs_fail(reterr, RS_UNAUTHORIZED, "the Authorization header must be Basic or Bearer");
}
