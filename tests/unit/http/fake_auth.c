/*
 * Stands in for auth/ in the transport's tests: "Basic <word>" is a principal of that name, "Bearer
 * <word>" one with a token. reader: pull on everything   writer: pull and push   admin: admin
 * nobody: nothing   slow: as reader, but the check must block tokens: noscope (a reader whose token
 * covers nothing), metadata (a reader whose token covers metadata_read alone), anonymous, stray (of
 * anonymous, covering nothing).  Everybody may pull from the repository "open".
 */
#include "fake_auth.h"

#include <stdio.h>
#include <string.h>

struct rs_auth {
    int unused;
};

struct rs_auth *fake_auth(void)
{
    static struct rs_auth it;
    return &it;
}

const char *rs_auth_service(const struct rs_auth *auth)
{
    (void)auth;
    return "roadstead";
}

enum rs_status rs_auth_authenticate(struct rs_auth *auth, const char *authorization,
                                    const char *source, struct rs_arena *arena,
                                    enum rs_auth_mode mode, struct rs_auth_result *ret,
                                    struct rs_err *reterr)
{
    (void)auth;
    (void)source;
    (void)arena;
    memset(ret, 0, sizeof(*ret));
    (void)snprintf(ret->identity.name, sizeof(ret->identity.name), "anonymous");
    if (authorization == NULL)
        return RS_OK;
    const char *word = strchr(authorization, ' ');
    if (word == NULL || strcmp(word, " wrong") == 0)
        return rs_fail(reterr, RS_UNAUTHORIZED, NULL);
    if (strcmp(word, " throttled") == 0) {
        ret->retry_after_s = 7;
        return rs_fail(reterr, RS_TOO_MANY, NULL);
    }
    if (strcmp(word, " slow") == 0 && mode == RS_AUTH_INLINE) {
        ret->must_block = true;
        return RS_OK;
    }
    ret->identity.has_credentials = true;
    ret->identity.is_token = strncmp(authorization, "Bearer", 6) == 0;
    (void)snprintf(ret->identity.name, sizeof(ret->identity.name), "%.200s", word + 1);
    bool is_anonymous = strcmp(word, " anonymous") == 0 || strcmp(word, " stray") == 0;
    ret->identity.principal_id = is_anonymous ? RS_ANONYMOUS_ID : 7;
    return RS_OK;
}

static uint32_t perms_of(const struct rs_identity *identity)
{
    if (strcmp(identity->name, "reader") == 0 || strcmp(identity->name, "slow") == 0 ||
        strcmp(identity->name, "noscope") == 0 || strcmp(identity->name, "metadata") == 0)
        return RS_PERM_PULL;
    if (strcmp(identity->name, "writer") == 0)
        return RS_PERM_PULL | RS_PERM_PUSH;
    if (strcmp(identity->name, "admin") == 0)
        return RS_PERM_ADMIN;
    return 0;
}

static uint32_t scope_of(const struct rs_identity *identity)
{
    if (strcmp(identity->name, "noscope") == 0 || strcmp(identity->name, "stray") == 0)
        return 0;
    if (strcmp(identity->name, "metadata") == 0)
        return RS_SCOPE_METADATA_READ;
    return RS_PERM_PULL | RS_PERM_PUSH | RS_PERM_DELETE;
}

enum rs_status rs_auth_access(struct rs_auth *auth, const struct rs_identity *identity,
                              const char *repository, struct rs_arena *arena, struct rs_access *ret,
                              struct rs_err *reterr)
{
    (void)auth;
    (void)arena;
    *ret = (struct rs_access){.checks = ""};
    if (strcmp(repository, "broken") == 0)
        return rs_fail(reterr, RS_IO, NULL);
    ret->perms = perms_of(identity) | (strcmp(repository, "open") == 0 ? RS_PERM_PULL : 0U);
    ret->scope = scope_of(identity);
    return RS_OK;
}

enum rs_status rs_auth_has_any(struct rs_auth *auth, const struct rs_identity *identity,
                               uint32_t perms, bool *ret_has, struct rs_err *reterr)
{
    (void)auth;
    (void)reterr;
    *ret_has = (perms_of(identity) & perms) != 0;
    return RS_OK;
}

enum rs_status rs_auth_is_admin(struct rs_auth *auth, const struct rs_identity *identity,
                                bool *ret_is_admin, struct rs_err *reterr)
{
    (void)auth;
    (void)reterr;
    *ret_is_admin = (perms_of(identity) & RS_PERM_ADMIN) != 0;
    return RS_OK;
}
