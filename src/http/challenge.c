/*
 * WWW-Authenticate.  Spec: RFC 9110 section 11.6.1, RFC 6750, Docker's token specification.
 * Clients read the first header only, want every parameter quoted, and take the last "basic" or
 * "bearer" they find for the scheme: no other word here may hold these.
 */
#include "http/http_internal.h"

#include <string.h>

#include "oci/name.h"

/* The source of a mount that nobody asked for yet: a client that asks for a token once needs both
 * scopes at once. Told from the request alone, so it says nothing about what is there. */
static const char *mount_source(const struct rs_request *r)
{
    const char *from = rs_request_query(r, "from");
    if (r->identity.has_credentials || rs_request_query(r, "mount") == NULL || from == NULL)
        return NULL;
    return rs_name_is_valid(rs_str_of(from)) && strcmp(from, r->name) != 0 ? from : NULL;
}

static const char *upload_scope(struct rs_request *r)
{
    const char *source = mount_source(r);
    if (source != NULL)
        return rs_arena_printf(&r->arena, "repository:%s:pull,push repository:%s:pull", r->name,
                               source);
    return rs_arena_printf(&r->arena, "repository:%s:pull,push", r->name);
}

/* What a client has to ask the token service for. */
static const char *scope_of(struct rs_request *r)
{
    const struct rs_route *route = r->match.route;
    if (route == NULL)
        return NULL;
    if (r->name == NULL)
        return route->scope;
    switch (route->need) {
    case RS_NEED_UPLOAD:
        return upload_scope(r);
    case RS_NEED_DELETE:
        return rs_arena_printf(&r->arena, "repository:%s:delete", r->name);
    case RS_NEED_READ:
    case RS_NEED_STATE:
    case RS_NEED_LOGIN:
        return rs_arena_printf(&r->arena, "repository:%s:pull", r->name);
    case RS_NEED_UNSET:
    case RS_NEED_NOTHING:
    case RS_NEED_METRICS:
    case RS_NEED_AUDIT:
    case RS_NEED_ADMIN:
        return NULL;
    }
    return NULL;
}

/* With those that the handler missed. */
static const char *every_scope(struct rs_request *r)
{
    const char *scope = scope_of(r);
    const char *more = r->reply.challenge_scope;
    if (scope == NULL || more == NULL)
        return scope != NULL ? scope : more;
    return rs_arena_printf(&r->arena, "%s %s", scope, more);
}

/* `,name="value"`, or nothing without a value (or memory: the client is challenged all the same).
 */
static const char *parameter(struct rs_request *r, const char *name, const char *value)
{
    const char *text = value == NULL ? NULL : rs_arena_printf(&r->arena, ",%s=\"%s\"", name, value);
    return text != NULL ? text : "";
}

static bool is_token_service(const struct rs_request *r)
{
    return r->match.route != NULL && r->match.route->need == RS_NEED_NOTHING;
}

void rs_challenge_add(struct rs_request *r)
{
    struct rs_reply *re = &r->reply;
    if (rs_reply_has_header(re, "WWW-Authenticate"))
        return;
    /* The token service itself is asked with a password. */
    if (r->server->o.challenge == RS_CHALLENGE_BASIC || is_token_service(r) ||
        r->server->o.auth == NULL) {
        rs_reply_headerf(re, "WWW-Authenticate", "Basic realm=\"%s\"", r->server->o.realm);
        return;
    }
    /* The handler missed a scope that the route does not ask for. */
    if (re->challenge_scope != NULL && r->identity.is_token && re->challenge_error == NULL)
        re->challenge_error = "insufficient_scope";
    rs_reply_headerf(re, "WWW-Authenticate", "Bearer realm=\"%s/token\",service=\"%s\"%s%s",
                     rs_request_base_url(r), rs_auth_service(r->server->o.auth),
                     parameter(r, "scope", every_scope(r)),
                     parameter(r, "error", re->challenge_error));
}
