/*
 * From a request's head to its handler: route, identity, need, body, handler.
 * Every step may fail, and a failure of any step denies.
 */
#include "http/http_internal.h"

#include <string.h>

static enum rs_status copy_params(struct rs_request *r)
{
    for (unsigned i = 0; i < r->match.params_n; i++) {
        struct rs_str value = r->match.params[i].value;
        r->params[i] = rs_arena_strndup(&r->arena, value.p, value.n);
        if (r->params[i] == NULL)
            return rs_fail(&r->err, RS_NOMEM, NULL);
        if (strcmp(r->match.params[i].name, "name") == 0)
            r->name = r->params[i];
    }
    return RS_OK;
}

static enum rs_status no_row(struct rs_request *r)
{
    if (r->match.bad_name)
        return rs_fail(
            &r->err, RS_NAME_INVALID,
            "invalid repository name: components of a-z and 0-9, joined by one of . _ __ - and separated by /, at most 255 bytes");
    if (r->match.allowed == 0)
        return rs_fail(&r->err, RS_NOT_FOUND, "there is nothing at this path");
    char allowed[RS_ALLOW_BYTES];
    rs_methods_format(r->match.allowed, allowed);
    rs_reply_header(&r->reply, "Allow", allowed);
    return rs_fail(&r->err, RS_METHOD_NOT_ALLOWED, "this path takes %s", allowed);
}

static enum rs_status find_route(struct rs_request *r)
{
    rs_routes_match(r->server->routes, r->method, r->uri.path, &r->match);
    if (r->match.route == NULL)
        return no_row(r);
    const char *twice = rs_uri_repeated(&r->uri, r->match.route->repeated);
    if (twice != NULL)
        return rs_fail(&r->err, RS_BAD_REQUEST, "the query parameter '%.64s' may be there once",
                       twice);
    return copy_params(r);
}

/* ---- who asks ---- */

static enum rs_status authenticate(struct rs_request *r, bool is_on_worker, bool *ret_blocks)
{
    struct rs_auth_result result = {0};
    struct rs_auth *auth = r->server->o.auth;
    *ret_blocks = false;
    if (auth == NULL)
        return rs_fail(&r->err, RS_BUSY, "the registry is starting; try again");
    enum rs_status s =
        rs_auth_authenticate(auth, r->head.authorization, r->source, &r->arena,
                             is_on_worker ? RS_AUTH_MAY_BLOCK : RS_AUTH_INLINE, &result, &r->err);
    if (s == RS_OK && result.must_block && is_on_worker)
        s = rs_fail(&r->err, RS_INTERNAL, NULL); /* nothing was decided: deny */
    if (s != RS_OK) {
        rs_reply_retry_after(&r->reply, result.retry_after_s);
        if (s == RS_UNAUTHORIZED && r->server->o.challenge == RS_CHALLENGE_BEARER &&
            r->head.authorization != NULL)
            r->reply.challenge_error = "invalid_token";
        return rs_fail(&r->err, s, NULL);
    }
    if (result.must_block) {
        *ret_blocks = true;
        return RS_OK;
    }
    r->identity = result.identity;
    return RS_OK;
}

static bool needs_identity(const struct rs_request *r)
{
    switch (r->match.route->need) {
    case RS_NEED_NOTHING:
        return false;
    case RS_NEED_METRICS:
        return !(r->server->o.metrics_on_loopback && r->conn->is_loopback &&
                 !r->conn->is_from_proxy);
    case RS_NEED_LOGIN:
    case RS_NEED_READ:
    case RS_NEED_UPLOAD:
    case RS_NEED_DELETE:
    case RS_NEED_STATE:
    case RS_NEED_AUDIT:
    case RS_NEED_ADMIN:
    case RS_NEED_UNSET:
        return true;
    }
    return true;
}

/* ---- what may be there of a body ---- */

static bool is_identity_coding(const char *coding)
{
    return coding == NULL || coding[0] == '\0' || strcmp(coding, "identity") == 0;
}

static enum rs_status check_body(struct rs_request *r)
{
    const struct rs_route *route = r->match.route;
    if (!r->head.has_body)
        return RS_OK;
    if (!is_identity_coding(r->head.content_encoding))
        return rs_fail(
            &r->err, RS_MEDIA_TYPE,
            "encoded bodies are not taken: send the bytes as they are, without Content-Encoding");
    if (route->body == RS_BODY_NONE && r->head.content_length > 0)
        return rs_fail(&r->err, RS_BAD_REQUEST, "this request takes no body");
    if (route->body_max > 0 && r->head.content_length > 0 &&
        (uint64_t)r->head.content_length > route->body_max)
        return rs_fail(&r->err, RS_TOO_LARGE,
                       "the body is larger than the %llu bytes that are taken here",
                       (unsigned long long)route->body_max);
    return RS_OK;
}

/* ---- the steps ---- */

static enum rs_status admit(struct rs_request *r, bool is_on_worker, bool *ret_blocks)
{
    *ret_blocks = false;
    if (r->err.status != RS_OK)
        return r->err.status; /* found in the head */
    enum rs_status s = r->match.route == NULL ? find_route(r) : RS_OK;
    if (s == RS_OK && needs_identity(r)) {
        s = authenticate(r, is_on_worker, ret_blocks);
        if (s != RS_OK || *ret_blocks)
            return s;
        s = rs_admit_need(r);
    }
    if (s != RS_OK)
        return s;
    r->actor = (struct rs_actor){
        .principal_id = r->identity.principal_id,
        .name = r->identity.name,
        .request_id = r->id,
        .source = r->source,
    };
    return check_body(r);
}

static enum rs_status run_handler(struct rs_request *r)
{
    enum rs_status s = r->match.route->handler(r, &r->reply, &r->err);
    if (s == RS_OK && r->err.status != RS_OK)
        rs_err_clear(&r->err); /* an error that the handler got over */
    if (s == RS_OK && r->reply.failed != RS_OK)
        s = rs_fail(&r->err, r->reply.failed, NULL);
    return s == RS_OK ? RS_OK : rs_fail(&r->err, s, NULL);
}

static enum rs_progress done(struct rs_request *r)
{
    r->stage = RS_STAGE_DONE;
    return RS_PROGRESS_DONE;
}

enum rs_progress rs_dispatch_progress(struct rs_request *r, bool is_on_worker)
{
    if (r->stage == RS_STAGE_ADMIT) {
        bool blocks;
        if (admit(r, is_on_worker, &blocks) != RS_OK)
            return done(r);
        if (blocks)
            return RS_PROGRESS_NEEDS_WORKER;
        r->stage = r->match.route->body == RS_BODY_STREAM ? RS_STAGE_BEGIN : RS_STAGE_HANDLER;
    }
    const struct rs_route *route = r->match.route;
    bool is_for_worker =
        route != NULL && (route->runs == RS_RUNS_ON_WORKER || route->body == RS_BODY_STREAM);
    if (r->stage == RS_STAGE_BEGIN) {
        if (!is_on_worker)
            return RS_PROGRESS_NEEDS_WORKER;
        enum rs_status s = route->begin(r, &r->body.sink, &r->err);
        if (s != RS_OK) {
            (void)rs_fail(&r->err, s, NULL);
            return done(r);
        }
        r->stage = RS_STAGE_HANDLER;
    }
    if (r->stage == RS_STAGE_HANDLER) {
        if (r->head.has_body && !r->body_is_complete)
            return RS_PROGRESS_NEEDS_BODY;
        if (is_for_worker && !is_on_worker)
            return RS_PROGRESS_NEEDS_WORKER;
        (void)run_handler(r); /* the outcome is in r->err and r->reply */
    }
    return done(r);
}

void rs_dispatch_finish(struct rs_request *r)
{
    if (rs_reply_finish(r))
        return;
    if (r->reply.response != NULL && r->reply.kind != RS_REPLY_CACHED)
        MHD_destroy_response(r->reply.response);
    r->reply.response = NULL;
}
